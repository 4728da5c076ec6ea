//! Rate limits on routes: who is counted, and what the answer says of it.
//!
//! `RateLimit-Policy` and `RateLimit` are Structured Fields (RFC 9651) after draft-ietf-httpapi-ratelimit-headers, as they
//! are since its version 7: lists of strings with parameters.

use std::{fmt::Write, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use gatekeeper_core::{
    RateLimited,
    model::UserId,
    rate_limit::{Quota, RateClass, RateStatus, RateSubject},
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    api::Api,
    head::{HeaderView, RequestHead},
    problem::Problem,
    routes::Route,
};

/// By whom requests of a route are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateRule {
    /// By nobody: the route is about the service.
    Unlimited,
    /// By the caller's address.
    Address(RateClass),
    /// By the signed-in user. Who is not signed in is counted by address, as [`RateClass::Read`] whatever the route: nobody
    /// tries tokens without end, and whoever does shuts out neither those who share the address and are signed in nor those
    /// who want to sign in.
    User(RateClass),
}

/// Who calls a route for users, as far as that can be said without waiting.
enum Caller {
    User(UserId),
    Stranger,
    /// Whoever holds a token that is sound but may have been revoked: only the store can tell.
    Unsure,
}

/// What was counted for one request. Empty where the route is not limited.
#[derive(Debug, Default)]
pub(crate) struct Counts(Vec<RateStatus>);

/// A count that has to wait until it is known who is asking.
#[must_use]
pub(crate) enum Pending {
    Nothing,
    Until(RateClass),
}

impl Counts {
    /// What an answer says of them, and of the limit that was reached.
    pub(crate) fn write(&self, headers: &mut HeaderMap, reached: Option<&RateLimited>) {
        let (mut policies, mut states) = (String::new(), String::new());
        for status in &self.0 {
            let left = status.decision.remaining;
            // On a refusal the time of the refusal alone is said: `Retry-After` must not be earlier than any `t`.
            let full_in = match reached {
                Some(_) => None,
                None => Some(status.decision.reset_after),
            };
            policy(
                &mut policies,
                status.policy,
                &status.quota,
                status.partition,
            );
            state(&mut states, status.policy, left, full_in, status.partition);
        }
        if let Some(limit) = reached {
            let again = Some(limit.retry_after);
            policy(&mut policies, limit.policy, &limit.quota, limit.partition);
            state(&mut states, limit.policy, 0, again, limit.partition);
        }
        for (name, value) in [("ratelimit-policy", policies), ("ratelimit", states)] {
            if !value.is_empty()
                && let Ok(value) = HeaderValue::try_from(value)
            {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

/// Whole seconds, rounded up: coming earlier than told would be refused again.
pub(crate) fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

fn policy(list: &mut String, name: &str, quota: &Quota, partition: [u8; 8]) {
    let parameters = format_args!(";q={};w={}", quota.burst, seconds(quota.period)).to_string();
    member(list, name, &parameters, partition);
}

fn state(list: &mut String, name: &str, left: u32, time: Option<Duration>, partition: [u8; 8]) {
    let mut parameters = format!(";r={left}");
    if let Some(time) = time {
        // A string takes whatever is written to it.
        let _ = write!(parameters, ";t={}", seconds(time));
    }
    member(list, name, &parameters, partition);
}

/// RFC 9651 section 4.1.1: a member of a list. Policies have names of letters and underscores, which stand in a string as
/// they are.
fn member(list: &mut String, name: &str, parameters: &str, partition: [u8; 8]) {
    let separator = if list.is_empty() { "" } else { ", " };
    let partition = STANDARD.encode(partition);
    let _ = write!(list, "{separator}\"{name}\"{parameters};pk=:{partition}:");
}

impl Api {
    /// Counts a request before anything is done for it.
    ///
    /// # Errors
    ///
    /// 429 where it is one too many.
    pub(crate) async fn count<H: HeaderView + Sync>(
        &self,
        route: &Route,
        head: &RequestHead<'_, H>,
        counts: &mut Counts,
    ) -> Result<Pending, Problem> {
        match route.rate {
            RateRule::Unlimited => {}
            RateRule::Address(class) => self.count_address(class, head, counts).await?,
            RateRule::User(class) => match self.recognise(head) {
                Caller::User(user) => {
                    self.count_as(class, &RateSubject::User(user), counts)
                        .await?;
                }
                Caller::Stranger => self.count_address(RateClass::Read, head, counts).await?,
                Caller::Unsure => return Ok(Pending::Until(class)),
            },
        }
        Ok(Pending::Nothing)
    }

    /// Counts a request that had to wait until it was known who is asking.
    ///
    /// # Errors
    ///
    /// 429 where it is one too many.
    pub(crate) async fn count_pending<H: HeaderView + Sync>(
        &self,
        pending: Pending,
        user: Option<UserId>,
        head: &RequestHead<'_, H>,
        counts: &mut Counts,
    ) -> Result<(), Problem> {
        match (pending, user) {
            (Pending::Nothing, _) => Ok(()),
            (Pending::Until(class), Some(user)) => {
                self.count_as(class, &RateSubject::User(user), counts).await
            }
            (Pending::Until(_), None) => self.count_address(RateClass::Read, head, counts).await,
        }
    }

    async fn count_address<H: HeaderView + Sync>(
        &self,
        class: RateClass,
        head: &RequestHead<'_, H>,
        counts: &mut Counts,
    ) -> Result<(), Problem> {
        let address = crate::client::client_address(head, self.settings());
        self.count_as(class, &RateSubject::Address(address), counts)
            .await
    }

    async fn count_as(
        &self,
        class: RateClass,
        subject: &RateSubject,
        counts: &mut Counts,
    ) -> Result<(), Problem> {
        let limits = self.gatekeeper().rate_limits();
        let Some(status) = limits.check(class, subject).await else {
            return Ok(());
        };
        status.require()?;
        counts.0.push(status);
        Ok(())
    }

    /// The user of a token that is sound; whether it is one of this tenant, and whether its user may do what is asked, is
    /// judged later.
    fn recognise<H: HeaderView>(&self, head: &RequestHead<'_, H>) -> Caller {
        let judged = match self.credential(head) {
            Ok(Some(credential)) => self.judge_cached(head, credential.token()),
            Ok(None) | Err(_) => return Caller::Stranger,
        };
        match judged {
            Some(Ok(identity)) => Caller::User(identity.user_id),
            Some(Err(_)) => Caller::Stranger,
            None => Caller::Unsure,
        }
    }
}
