use std::{fmt, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Notify;

use super::{api_keys::KeyDoor, tenants::TenantMemory, workers::Workers};
use crate::{
    AccessError, Error, Hooks, Identity, PasswordError, RequestContext,
    authority::{AuthorityCache, Denials, Instants},
    blacklist::TokenAuthenticator,
    config::{Config, PublicUrl, TokenPlacement},
    crypto::{
        AuditKeys, Cursors, DeviceTokens, Digester, RefreshTokens, Sealer,
        password::{PasswordHasher, PasswordVerdict},
    },
    env::{Clock, Mailer, Random, SmsSender},
    flows::{
        Counted, Counter, Record, Unit, keys::StoredKeys, mfa::MfaMethods, outbox::AttemptError,
        passwords::BreachPause,
    },
    lockout::{LockoutCounters, SuccessCounted},
    mail::MailTemplates,
    model::{
        Account, EmailAddress, Event, MailId, OutboxEntry, OutboxKind, SecretString, TenantId,
        Timestamp, User,
    },
    password_policy::{BreachChecker, PasswordPolicy},
    provider::AuthProvider,
    rate_limit::Limits,
    store::Repository,
};

/// What every flow works with.
pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) public_url: PublicUrl,
    pub(crate) repository: Arc<dyn Repository>,
    pub(crate) hooks: Arc<dyn Hooks>,
    pub(crate) providers: Vec<Arc<dyn AuthProvider>>,
    pub(crate) mfa_methods: MfaMethods,
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) templates: MailTemplates,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) sealer: Sealer,
    pub(crate) digester: Digester,
    pub(crate) audit_keys: Arc<AuditKeys>,
    pub(crate) cursors: Cursors,
    pub(crate) devices: DeviceTokens,
    pub(crate) refresh_tokens: RefreshTokens,
    pub(crate) authenticator: TokenAuthenticator,
    pub(crate) api_keys: KeyDoor,
    pub(crate) authorities: AuthorityCache,
    pub(crate) authority_changes: Instants,
    pub(crate) denials: Denials,
    /// `None` where the application gave the key ring.
    pub(crate) stored_keys: Option<StoredKeys>,
    pub(crate) limits: Limits,
    pub(crate) lockout: Arc<dyn LockoutCounters>,
    pub(crate) sms: Option<Arc<dyn SmsSender>>,
    pub(crate) hasher: PasswordHasher,
    pub(crate) policy: PasswordPolicy,
    pub(crate) breach_checker: Option<Arc<dyn BreachChecker>>,
    pub(crate) breach_pause: BreachPause,
    pub(crate) outbox_wake: Arc<Notify>,
    pub(crate) workers: Workers,
    pub(crate) tenants: TenantMemory,
}

/// A user who showed their password again.
pub(crate) struct Confirmed {
    pub(crate) user: User,
    pub(crate) password_changed_at: Timestamp,
}

impl Inner {
    /// The account behind an access token, as stored now.
    pub(crate) async fn account_of(
        &self,
        cx: &RequestContext,
        who: &Identity,
    ) -> Result<Account, Error> {
        let account = self
            .repository
            .find_account(cx.tenant_id, who.user_id)
            .await?;
        account
            .filter(|account| account.user.is_active())
            .ok_or(AccessError::Invalid.into())
    }

    /// Has a signed-in user show their password (ASVS 7.5.1). A wrong one is recorded as a failed `event`.
    pub(crate) async fn confirm_password(
        &self,
        cx: &RequestContext,
        who: &Identity,
        password: &SecretString,
        event: Event,
    ) -> Result<Confirmed, Error> {
        // Before anything is counted: nobody guesses at the password of whom they act as.
        who.require_oneself()?;
        let account = self.account_of(cx, who).await?;
        // Each session for itself: a stolen one cannot guess for ever, nor keep its owner's others from it.
        let key = self.counter(cx.tenant_id, Counter::Session(who.session_id));
        let guard = self.guard(key).await?;
        let stored = account.password.as_ref();
        let verdict = self
            .hasher
            .verify(password, stored.map(|stored| &stored.hash))
            .await?;
        let reason = match (verdict, stored) {
            (PasswordVerdict::Match | PasswordVerdict::MatchOutdated, Some(stored)) => {
                match self.guessed_right(&guard.key).await? {
                    SuccessCounted::Cleared => {
                        return Ok(Confirmed {
                            password_changed_at: stored.changed_at,
                            user: account.user,
                        });
                    }
                    SuccessCounted::Locked => "locked",
                }
            }
            (_, stored) => match (self.guessed_wrong(&guard).await?, stored) {
                (Counted::Locked, _) => "locked",
                (Counted::Open | Counted::NowLocked(_), Some(_)) => "wrong_password",
                (Counted::Open | Counted::NowLocked(_), None) => "no_password",
            },
        };
        let record = Record::failure(event, reason).by(who.user_id);
        Unit::record_alone(self, cx, self.clock.now(), record).await?;
        Err(PasswordError::CurrentIncorrect.into())
    }

    /// A link with a one-time token, built from the public URL alone.
    pub(crate) fn link(&self, path: &str, token: &SecretString) -> String {
        let mark = match self.config.email.token_placement {
            TokenPlacement::Fragment => '#',
            TokenPlacement::Query => '?',
        };
        format!(
            "{}{path}{mark}token={}",
            self.public_url.as_str(),
            token.expose()
        )
    }

    /// An address for the audit trail: two events about one address can be told to be so, and no address is kept that has
    /// no account.
    pub(crate) fn email_digest(&self, email: &EmailAddress) -> String {
        self.digester.digest(email.normalized().as_str())
    }

    /// Seals what waits in the outbox under the entry's own name.
    pub(crate) fn seal_mail(
        &self,
        tenant: TenantId,
        id: MailId,
        kind: OutboxKind,
        mail: &impl Serialize,
    ) -> Result<Vec<u8>, Error> {
        let json = serde_json::to_vec(mail).map_err(Error::internal)?;
        Ok(self.sealer.seal(
            &outbox_context(tenant, id, kind),
            &json,
            self.random.as_ref(),
        ))
    }

    /// Opens what waited in the outbox.
    pub(crate) fn open_mail<T: DeserializeOwned>(
        &self,
        entry: &OutboxEntry,
        kind: OutboxKind,
    ) -> Result<T, AttemptError> {
        let context = outbox_context(entry.tenant_id, entry.id, kind);
        let json = self.sealer.open(&context, &entry.payload).map_err(|_| {
            AttemptError::Permanent("it was sealed under another secret".to_owned())
        })?;
        serde_json::from_slice(json.expose())
            .map_err(|_| AttemptError::Permanent("it was written by another version".to_owned()))
    }
}

fn outbox_context(tenant: TenantId, id: MailId, kind: OutboxKind) -> Vec<u8> {
    format!("outbox:{}:{tenant}:{id}", kind.as_str()).into_bytes()
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}
