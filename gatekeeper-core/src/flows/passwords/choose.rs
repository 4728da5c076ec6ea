//! What a password that is to be chosen is held against, and how it takes the place of the one before.

use subtle::ConstantTimeEq;

use crate::{
    Error, Violations,
    config::BreachFailure,
    crypto::password::PasswordVerdict,
    flows::{Record, Unit},
    gatekeeper::Inner,
    model::{
        FormerPassword, PasswordCredential, PasswordHistoryId, SecretString, TenantId, User, UserId,
    },
    password_policy::{Breach, BreachChecker, BreachError},
};

/// What came of looking for a password among breached ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the audit event says where a password was not looked up"]
pub(crate) enum LookedUp {
    /// It is not among them, or is refused, or nothing is looked up.
    Done,
    /// There was no answer, and the settings let it pass.
    Unanswered,
}

/// The present password: as its owner just showed it, or as it is stored.
pub(crate) enum Present<'a> {
    Shown(&'a SecretString),
    Stored,
}

impl Record {
    /// Says so, where a password that was chosen could not be looked up.
    pub(crate) fn looked_up(self, looked_up: LookedUp) -> Self {
        match looked_up {
            LookedUp::Done => self,
            LookedUp::Unanswered => self.detail("breach_check", "unanswered"),
        }
    }
}

impl Inner {
    /// Holds a password that is to be chosen against the policy, which the tenant may have made stricter, and then against what is
    /// known from breaches. The product's name counts as context. Nothing outside is asked about a form that is refused anyhow.
    pub(crate) async fn check_password(
        &self,
        tenant: TenantId,
        violations: &mut Violations,
        pointer: &str,
        password: &SecretString,
        context: &[&str],
    ) -> Result<LookedUp, Error> {
        let product = self.config.product_name.as_str();
        let context: Vec<&str> = context.iter().copied().chain([product]).collect();
        let settings = self.tenant_settings(tenant).await?;
        let least = settings.password_min_length.unwrap_or_default();
        let policy = self
            .policy
            .with_min_length(usize::try_from(least).unwrap_or(usize::MAX));
        violations.extend(policy.check(pointer, password, &context));
        if violations.as_slice().is_empty() && self.policy.asks_for_score() {
            let weak = self.score(pointer, password, &context).await?;
            violations.extend(weak);
        }
        let Some(checker) = &self.breach_checker else {
            return Ok(LookedUp::Done);
        };
        if !violations.as_slice().is_empty() {
            return Ok(LookedUp::Done);
        }
        match self.look_up(checker.as_ref(), password).await {
            Ok(Breach::Unknown) => Ok(LookedUp::Done),
            Ok(Breach::Known) => {
                violations.push(
                    pointer,
                    "password.breached",
                    "is known from a breach of another service",
                );
                Ok(LookedUp::Done)
            }
            Err(error) => match self.config.breach.on_failure {
                BreachFailure::Accept => {
                    tracing::warn!(%error, "a new password is accepted without a look among breached ones");
                    Ok(LookedUp::Unanswered)
                }
                BreachFailure::Refuse => Err(Error::Unavailable(Box::new(error))),
            },
        }
    }

    /// The estimate costs more than the async runtime can spare: it queues with the hashes, under their bound.
    async fn score(
        &self,
        pointer: &str,
        password: &SecretString,
        context: &[&str],
    ) -> Result<Violations, Error> {
        let policy = self.policy.clone();
        let pointer = pointer.to_owned();
        let password = password.clone();
        let context: Vec<String> = context.iter().map(|&word| word.to_owned()).collect();
        let scored = self.hasher.run(move || {
            let context: Vec<&str> = context.iter().map(String::as_str).collect();
            policy.check_score(&pointer, &password, &context)
        });
        Ok(scored.await?)
    }

    /// Asks, for no longer than the settings allow, whatever the checker makes of its own timeout.
    pub(crate) async fn look_up(
        &self,
        checker: &dyn BreachChecker,
        password: &SecretString,
    ) -> Result<Breach, BreachError> {
        let timeout = self.config.breach.timeout;
        tokio::time::timeout(timeout, checker.check(password))
            .await
            .unwrap_or(Err(BreachError::Unreachable))
    }

    /// Refuses a new password that the user has or had lately.
    ///
    /// Each remembered password costs a hash, one after the other, in the bounded queue of all hashes: where that is full, the
    /// caller is told to come again.
    pub(crate) async fn check_history(
        &self,
        tenant: TenantId,
        user: UserId,
        pointer: &str,
        password: &SecretString,
        present: Present<'_>,
    ) -> Result<(), Error> {
        let history = self.config.password_history;
        if history.remembered == 0 {
            return Ok(());
        }
        let reused = || {
            Err(Violations::one(pointer, "password.reused", "is one that you have or had").into())
        };
        let mut tx = self.repository.begin().await?;
        let mut hashes = Vec::new();
        match present {
            // It was verified against the hash just now: to compare the texts is to compare with the hash.
            Present::Shown(shown) => {
                let same = shown
                    .expose()
                    .as_bytes()
                    .ct_eq(password.expose().as_bytes());
                if bool::from(same) {
                    return reused();
                }
            }
            Present::Stored => {
                let stored = tx.credentials().find_password(tenant, user).await?;
                hashes.extend(stored.map(|stored| stored.hash));
            }
        }
        let former = tx
            .credentials()
            .former_passwords(tenant, user, history.former())
            .await?;
        // Before the hashes: a transaction is not held over anything slow.
        drop(tx);
        hashes.extend(former.into_iter().map(|former| former.hash));
        for hash in &hashes {
            match self.hasher.verify(password, Some(hash)).await? {
                PasswordVerdict::Match | PasswordVerdict::MatchOutdated => return reused(),
                PasswordVerdict::Mismatch => {}
            }
        }
        Ok(())
    }
}

/// Gives a user, who is held, another password, and remembers the one it replaces as long as the settings say.
pub(crate) async fn replace_password(
    inner: &Inner,
    unit: &mut Unit<'_>,
    user: &User,
    hash: SecretString,
) -> Result<(), Error> {
    remember(inner, unit, user, inner.config.password_history.former()).await?;
    // Who knew the old password may be who had a device trusted.
    unit.tx()
        .devices()
        .distrust_all(user.tenant_id, user.id)
        .await?;
    let now = unit.now();
    let password = PasswordCredential {
        user_id: user.id,
        tenant_id: user.tenant_id,
        hash,
        changed_at: now,
        must_change_since: None,
    };
    Ok(unit.tx().credentials().set_password(&password).await?)
}

/// Forgets every earlier password of a user: they were somebody else's.
pub(crate) async fn forget_passwords(
    inner: &Inner,
    unit: &mut Unit<'_>,
    user: &User,
) -> Result<(), Error> {
    remember(inner, unit, user, 0).await
}

async fn remember(inner: &Inner, unit: &mut Unit<'_>, user: &User, keep: u32) -> Result<(), Error> {
    let now = unit.now();
    let credentials = unit.tx().credentials();
    let Some(present) = credentials.find_password(user.tenant_id, user.id).await? else {
        return Ok(());
    };
    let former = FormerPassword {
        id: PasswordHistoryId::new(now, inner.random.as_ref()),
        tenant_id: user.tenant_id,
        user_id: user.id,
        hash: present.hash,
        replaced_at: now,
    };
    Ok(credentials.add_former_password(&former, keep).await?)
}
