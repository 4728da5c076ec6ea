use std::time::Duration;

use super::{MagicLinks, binding::CodeVerdict};
use crate::{
    Error, RequestContext,
    crypto::one_time,
    flows::{
        Counted, Counter, Guard, LockedNews, Unit,
        sessions::{Refused, SignIn},
    },
    gatekeeper::Inner,
    lockout::{FailureCounted, LockoutKey, LockoutPolicy, SuccessCounted},
    model::{Account, OneTimeToken, SecretString, TokenPurpose},
};

/// A code of a sign-in is good for 10 minutes at the most (ASVS 6.5.5).
const LONGEST_CODE: Duration = Duration::from_mins(10);
/// The wrong code that ends the right one.
const WRONG_CODES: u32 = 5;

impl Inner {
    /// How long the code is good for that a link becomes.
    pub(super) fn magic_code_lifetime(&self) -> Duration {
        self.config.magic_links.lifetime.min(LONGEST_CODE)
    }
}

impl MagicLinks<'_> {
    /// Redeems the code that a link became in another browser, in the one that asked.
    ///
    /// A wrong code counts as a wrong guess at the account; the fifth ends the code.
    ///
    /// # Errors
    ///
    /// As [`redeem`](Self::redeem); [`Error::Token`] also where the code is wrong, or the account locked.
    pub async fn redeem_code(
        &self,
        cx: &RequestContext,
        code: &SecretString,
        binding: &SecretString,
    ) -> Result<SignIn, Error> {
        self.require_enabled(cx).await?;
        let Some(hash) = one_time::hash_of(binding.expose()) else {
            return Err(Error::Token);
        };
        let inner = self.0.inner();
        let purpose = TokenPurpose::MagicLinkCode;
        let mut tx = inner.repository.begin().await?;
        let found = tx
            .tokens()
            .find(cx.tenant_id, purpose, &hash, inner.clock.now())
            .await?;
        drop(tx);
        let account = match &found {
            Some(row) => {
                inner
                    .repository
                    .find_account(cx.tenant_id, row.user_id)
                    .await?
            }
            None => None,
        };
        let (Some(row), Some(account)) = (found, account) else {
            return self
                .unknown(cx, Refused::new("unknown_token", None, Error::Token))
                .await;
        };
        let user_id = row.user_id;
        let guard = self.0.sessions().account_guard(cx, user_id).await?;
        if guard.was_locked(inner.clock.now()) {
            let refused = Refused::new("locked", Some(user_id), Error::Token);
            return self.unknown(cx, refused).await;
        }
        let counter = inner.counter(cx.tenant_id, Counter::MagicLinkCode(row.id));
        match inner.check_code(&row, code) {
            CodeVerdict::Wrong => {
                let refused = self.wrong_code(cx, row, account, &guard, &counter).await?;
                self.unknown(cx, refused).await
            }
            CodeVerdict::Right => {
                // The right one after five wrong ones is a guess like any other, however many come at once (CVE-2019-5421).
                match inner.lockout.succeed(&counter, inner.clock.now()).await? {
                    SuccessCounted::Cleared => {}
                    SuccessCounted::Locked => {
                        let refused = Refused::new("too_many_codes", Some(user_id), Error::Token);
                        return self.unknown(cx, refused).await;
                    }
                }
                let outcome = self.finish(cx, row, Some(guard.key)).await?;
                self.0.sessions().settle(cx, outcome).await
            }
        }
    }

    /// Counts a wrong code twice: as a guess at this code, which holds though lockouts are off, and as one at the account.
    async fn wrong_code(
        &self,
        cx: &RequestContext,
        row: OneTimeToken,
        account: Account,
        guard: &Guard,
        counter: &LockoutKey,
    ) -> Result<Refused, Error> {
        let inner = self.0.inner();
        let five = LockoutPolicy {
            threshold: WRONG_CODES,
            // Longer than the code lives, and over some time so that the counter can be purged.
            first_delay: LONGEST_CODE * 2,
            longest_delay: LONGEST_CODE * 2,
            hard_limit: u32::MAX,
        };
        let mut refused = Refused::new("wrong_code", Some(row.user_id), Error::Token);
        match inner
            .lockout
            .fail(counter, &five, inner.clock.now())
            .await?
        {
            FailureCounted::Counted => {}
            FailureCounted::Locked(_) | FailureCounted::AlreadyLocked => {
                refused.reason = "too_many_codes";
                self.end_code(cx, &row).await?;
            }
        }
        match inner.guessed_wrong(guard).await? {
            Counted::Open | Counted::Locked => {}
            Counted::NowLocked(telling) => {
                refused.locked = Some(LockedNews::Account(Box::new(account.user), telling));
            }
        }
        Ok(refused)
    }

    async fn end_code(&self, cx: &RequestContext, row: &OneTimeToken) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let now = unit.now();
        unit.tx()
            .tokens()
            .consume(row.tenant_id, row.purpose, &row.hash, now)
            .await?;
        unit.commit().await
    }
}
