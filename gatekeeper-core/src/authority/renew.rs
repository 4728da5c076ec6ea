use std::{sync::Arc, time::Duration};

use super::{AuthorityKey, Origin, ReadMark};
use crate::{
    AccessError, Error, Identity,
    blacklist::{BlacklistVerdict, Rejected},
    config::OutdatedTokens,
    flows::impersonation::stands_above,
    gatekeeper::Inner,
    model::{Authority, TenantId, Timestamp, UserId},
};

/// A token younger than this, beyond what clocks may differ by, is never refused for being outdated: whoever has just
/// refreshed must not be told to refresh again.
const YOUNG: Duration = Duration::from_secs(10);

/// What can be said at once of a token that was shown.
#[must_use]
pub(crate) enum Judged {
    Known(Arc<Identity>),
    /// The store has to be asked.
    Unknown(Waits),
    Refused,
}

/// What the store has to be asked.
pub(crate) enum Waits {
    /// Whether it is revoked.
    Revocation(Arc<Identity>),
    /// What its bearer may do.
    Authority(Arc<Identity>),
}

impl Inner {
    /// What is known of an access token without waiting: the token, revocations, and what its bearer may do at this moment.
    pub(crate) fn judge(&self, token: &str, now: Timestamp) -> Judged {
        match self.authenticator.authenticate(token, now) {
            Ok(identity) => Judged::Known(identity),
            Err(Rejected::NeedsSource(identity)) => Judged::Unknown(Waits::Revocation(identity)),
            Err(Rejected::Revoked) => Judged::Refused,
            Err(Rejected::Token(rejection)) => {
                tracing::debug!(%rejection, "an access token was refused");
                Judged::Refused
            }
            Err(Rejected::Outdated(identity)) if self.refuses_outdated(&identity, now) => {
                Judged::Refused
            }
            Err(Rejected::Outdated(identity) | Rejected::Incomplete(identity)) => {
                match self.renewed_from_memory(&identity, now) {
                    Some(renewed) => {
                        self.authenticator.tokens().renew(token, &renewed);
                        Judged::Known(renewed)
                    }
                    None => Judged::Unknown(Waits::Authority(identity)),
                }
            }
        }
    }

    /// The same, of what could not be said without waiting.
    pub(crate) async fn judge_by_store(
        &self,
        token: &str,
        waits: Waits,
        now: Timestamp,
    ) -> Result<Arc<Identity>, Error> {
        let identity = match waits {
            Waits::Authority(identity) => identity,
            Waits::Revocation(identity) => {
                match self.authenticator.judge_by_source(identity, now).await? {
                    Ok(identity) => return Ok(identity),
                    Err(Rejected::Outdated(identity)) if self.refuses_outdated(&identity, now) => {
                        return Err(AccessError::Invalid.into());
                    }
                    Err(Rejected::Outdated(identity) | Rejected::Incomplete(identity)) => identity,
                    Err(Rejected::Revoked | Rejected::Token(_) | Rejected::NeedsSource(_)) => {
                        return Err(AccessError::Invalid.into());
                    }
                }
            }
        };
        let renewed = self.renewed(&identity, now).await?;
        if matches!(renewed.origin, Origin::Store(_)) {
            self.authenticator.tokens().renew(token, &renewed);
        }
        Ok(renewed)
    }

    /// An identity with the roles and permissions that the process remembers and that no news speak against.
    fn renewed_from_memory(&self, identity: &Identity, now: Timestamp) -> Option<Arc<Identity>> {
        // Of two, who have to be looked at together.
        if identity.actor.is_some() {
            return None;
        }
        let (authority, mark) = self.remembered_authority(&AuthorityKey::of(identity), now)?;
        Some(renew(identity, &authority, Origin::Store(mark)))
    }

    /// An identity with the roles and permissions of this moment, from the store.
    ///
    /// # Errors
    ///
    /// [`AccessError::Invalid`] where the user is gone or disabled, or does not stand below whoever acts as them any more; a failure of the
    /// store.
    async fn renewed(&self, identity: &Identity, now: Timestamp) -> Result<Arc<Identity>, Error> {
        let read = self.read_authority(AuthorityKey::of(identity), now).await?;
        let (authority, mark) = read.ok_or(AccessError::Invalid)?;
        if let Some(actor) = identity.actor {
            self.require_above(identity.tenant_id, actor, &authority, now)
                .await?;
        }
        // Without a mark nobody could tell for how long it is right: it is good for this one request.
        let origin = mark.map_or(Origin::Omitted, Origin::Store);
        Ok(renew(identity, &authority, origin))
    }

    /// What is asked when acting begins and at each refresh, asked again where the user's rights changed meanwhile.
    async fn require_above(
        &self,
        tenant: TenantId,
        actor: UserId,
        user: &Authority,
        now: Timestamp,
    ) -> Result<(), Error> {
        let key = AuthorityKey {
            tenant,
            user: actor,
            organization: None,
        };
        let by = self.authority_now(key, now).await?;
        if by.is_some_and(|by| stands_above(tenant, &by, user)) {
            Ok(())
        } else {
            Err(AccessError::Invalid.into())
        }
    }

    /// What a user may do at this moment, from memory where that is sure to be right; `None` where there is no such user, or it is
    /// disabled.
    pub(crate) async fn authority_now(
        &self,
        key: AuthorityKey,
        now: Timestamp,
    ) -> Result<Option<Arc<Authority>>, Error> {
        if let Some((authority, _)) = self.remembered_authority(&key, now) {
            return Ok(Some(authority));
        }
        let read = self.read_authority(key, now).await?;
        Ok(read.map(|(authority, _)| authority))
    }

    fn remembered_authority(
        &self,
        key: &AuthorityKey,
        now: Timestamp,
    ) -> Option<(Arc<Authority>, ReadMark)> {
        let (authority, mark) = self.authorities.find(key)?;
        let blacklist = self.authenticator.blacklist();
        let news = || blacklist.authority_since(key.tenant, key.user, mark.epoch(), now);
        if !self.authenticator.holds(&mark, now) {
            self.authorities.remove(key);
            return None;
        }
        match news() {
            BlacklistVerdict::Clean => Some((authority, mark)),
            BlacklistVerdict::Outdated | BlacklistVerdict::Revoked => {
                self.authorities.remove(key);
                None
            }
            BlacklistVerdict::Stale => None,
        }
    }

    async fn read_authority(
        &self,
        key: AuthorityKey,
        now: Timestamp,
    ) -> Result<Option<(Arc<Authority>, Option<ReadMark>)>, Error> {
        // Before the reading: news that arrive during it make what was read outdated.
        let mark = self.authenticator.read_mark(now);
        let read = self
            .repository
            .find_authority(key.tenant, key.user, key.organization)
            .await?;
        let Some(authority) = read else {
            return Ok(None);
        };
        let authority = Arc::new(authority.complete());
        if let Some(mark) = mark {
            self.authorities.insert(key, &authority, mark);
        }
        Ok(Some((authority, mark)))
    }

    fn refuses_outdated(&self, identity: &Identity, now: Timestamp) -> bool {
        let young = YOUNG + self.config.access_tokens.leeway;
        match self.config.authority.outdated_tokens {
            OutdatedTokens::Reread => false,
            OutdatedTokens::Refuse => now.since(identity.issued_at) >= young,
        }
    }
}

fn renew(identity: &Identity, authority: &Authority, origin: Origin) -> Arc<Identity> {
    let mut renewed = identity.clone();
    renewed.roles.clone_from(&authority.roles);
    renewed.permissions.clone_from(&authority.permissions);
    renewed.organization.clone_from(&authority.organization);
    renewed.origin = origin;
    Arc::new(renewed)
}
