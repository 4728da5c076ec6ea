use std::{fmt, sync::Arc};

use async_trait::async_trait;

use crate::{
    Error, RequestContext,
    crypto::{
        AuditKeys,
        password::{HashError, PasswordHasher, PasswordVerdict},
    },
    env::{Clock, Random},
    flows::{Record, audit_event},
    model::{AuthMethod, EmailAddress, Event, SignInMethod},
    provider::{AuthProvider, Evidence, Subject, Verification, VerifiedIdentity},
    store::Repository,
};

/// E-mail address and password, against the hashes in the store.
pub(crate) struct PasswordProvider {
    pub(crate) repository: Arc<dyn Repository>,
    pub(crate) hasher: PasswordHasher,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) audit_keys: Arc<AuditKeys>,
}

impl fmt::Debug for PasswordProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordProvider").finish_non_exhaustive()
    }
}

#[async_trait]
impl AuthProvider for PasswordProvider {
    fn id(&self) -> &'static str {
        "password"
    }

    fn accepts(&self, evidence: &Evidence) -> bool {
        match evidence {
            Evidence::Password { .. } => true,
        }
    }

    fn method(&self) -> SignInMethod {
        SignInMethod::Password
    }

    async fn finish(
        &self,
        cx: &RequestContext,
        evidence: &Evidence,
    ) -> Result<Verification, Error> {
        let Evidence::Password {
            identifier,
            password,
        } = evidence;
        let account = match EmailAddress::parse(identifier) {
            Ok(email) => {
                self.repository
                    .find_account_by_email(cx.tenant_id, email.normalized())
                    .await?
            }
            Err(_) => None,
        };
        let (user, stored) = match account {
            Some(account) => (Some(account.user), account.password),
            None => (None, None),
        };
        // One hash in every case, so that the time tells nothing (CVE-2024-39329).
        let verdict = self
            .hasher
            .verify(password, stored.as_ref().map(|stored| &stored.hash))
            .await?;
        let (Some(user), Some(stored)) = (&user, &stored) else {
            let reason = if user.is_some() {
                "no_password"
            } else {
                "unknown_account"
            };
            return Ok(Verification::Refused {
                reason,
                account: user.map(|user| user.id),
            });
        };
        let subject = Subject::Local {
            user_id: user.id,
            password_changed_at: stored.changed_at,
        };
        let identity = VerifiedIdentity {
            subject,
            methods: vec![AuthMethod::Password],
        };
        Ok(match verdict {
            PasswordVerdict::MatchOutdated if user.may_sign_in() => {
                Verification::Outdated(identity)
            }
            // A hash more would tell whoever has the password of a closed account that it is closed.
            PasswordVerdict::Match | PasswordVerdict::MatchOutdated => {
                Verification::Verified(identity)
            }
            PasswordVerdict::Mismatch => Verification::Refused {
                reason: "wrong_password",
                account: Some(user.id),
            },
        })
    }

    /// Makes the hash anew with the parameters of today. A busy hasher is no reason to refuse a sign-in: it will be done at the
    /// next.
    async fn renew(
        &self,
        cx: &RequestContext,
        evidence: &Evidence,
        identity: &VerifiedIdentity,
    ) -> Result<(), Error> {
        let Evidence::Password { password, .. } = evidence;
        let Subject::Local {
            user_id,
            password_changed_at,
        } = &identity.subject
        else {
            return Ok(());
        };
        let hash = match self.hasher.hash(password).await {
            Ok(hash) => hash,
            Err(HashError::Overloaded { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let now = self.clock.now();
        let mut tx = self.repository.begin().await?;
        let stored = tx
            .credentials()
            .find_password(cx.tenant_id, *user_id)
            .await?;
        // Changed meanwhile: there is nothing to make anew.
        let Some(stored) = stored.filter(|stored| stored.changed_at == *password_changed_at) else {
            return Ok(());
        };
        let replaced = tx
            .credentials()
            .replace_hash(cx.tenant_id, *user_id, &stored.hash, &hash)
            .await?;
        if replaced {
            let record = Record::success(Event::PasswordRehashed).target(*user_id);
            let event = audit_event(self.random.as_ref(), &self.audit_keys, cx, now, record);
            tx.audit().append(&event).await?;
        }
        Ok(tx.commit().await?)
    }
}
