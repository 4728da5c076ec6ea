mod api_keys;
mod authenticate;
mod builder;
mod inner;
mod readiness;
mod tenants;
mod workers;

use std::{fmt, sync::Arc};

use serde_json::Value;

pub use builder::{BuildError, GatekeeperBuilder};
pub(crate) use inner::Inner;
pub use readiness::{Check, CheckState, Readiness};

use crate::{
    Error,
    config::{Config, PublicUrl},
    crypto::Cursors,
    env::{Clock, Random},
    flows::{
        accounts::Accounts, administration::Administration, api_keys::ApiKeys, audit::Audit,
        cleanup::Cleanup, impersonation::Impersonations, invitations::Invitations,
        magic_links::MagicLinks, mfa::Mfa, organizations::Organizations, outbox::Outbox,
        passwords::Passwords, privacy::Privacy, sessions::Sessions,
    },
    model::{TenantId, TenantSlug},
    rate_limit::RateLimits,
};

/// Everything, behind one handle: cheap to clone, shared by every handler of an application.
///
/// The flows hang off it: [`accounts`](Self::accounts), [`passwords`](Self::passwords), [`sessions`](Self::sessions). It has
/// no type parameters, so that it never shows in the signature of a handler.
///
/// Its workers (delivery of mails, news of revocations and keys, sealing of the audit trail, removal of what is over) run on the tokio runtime that built it and end with its
/// last clone, or with [`shutdown`](Self::shutdown).
#[derive(Clone)]
pub struct Gatekeeper(Arc<Inner>);

impl Gatekeeper {
    /// Begins with nothing: a repository, a secret and a public URL have to be given.
    pub fn builder() -> GatekeeperBuilder {
        GatekeeperBuilder::default()
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// One's own account: sign-up, address, profile, history, end.
    pub fn accounts(&self) -> Accounts<'_> {
        Accounts(self)
    }

    /// Reset and change of passwords.
    pub fn passwords(&self) -> Passwords<'_> {
        Passwords(self)
    }

    /// Sign-in, refresh, sign-out, one's own sessions.
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions(self)
    }

    /// One's own second factors.
    pub fn mfa(&self) -> Mfa<'_> {
        Mfa(self)
    }

    /// What an operator does. It asks nobody for a permission; for an administrator who is signed in, go on with
    /// [`on_behalf_of`](Administration::on_behalf_of).
    pub fn administration(&self) -> Administration<'_> {
        Administration(self, None)
    }

    /// The audit trail. For somebody who is signed in, go on with [`on_behalf_of`](Audit::on_behalf_of).
    pub fn audit(&self) -> Audit<'_> {
        Audit(self, None)
    }

    /// What is kept about a user: export and erasure. For an administrator who is signed in, go on with
    /// [`on_behalf_of`](Privacy::on_behalf_of).
    pub fn privacy(&self) -> Privacy<'_> {
        Privacy(self, None)
    }

    /// Acting as another user.
    pub fn impersonation(&self) -> Impersonations<'_> {
        Impersonations(self)
    }

    /// One's own API keys.
    pub fn api_keys(&self) -> ApiKeys<'_> {
        ApiKeys(self)
    }

    /// Links to sign in with.
    pub fn magic_links(&self) -> MagicLinks<'_> {
        MagicLinks(self)
    }

    /// Accepting invitations.
    pub fn invitations(&self) -> Invitations<'_> {
        Invitations(self)
    }

    /// One's own organisations, and their members.
    pub fn organizations(&self) -> Organizations<'_> {
        Organizations(self)
    }

    /// Mails that wait, and those that were given up.
    pub fn outbox(&self) -> Outbox<'_> {
        Outbox(self)
    }

    /// How many requests in how much time, for a transport.
    pub fn rate_limits(&self) -> RateLimits<'_> {
        RateLimits(self)
    }

    /// Removal of what is kept no longer.
    pub fn cleanup(&self) -> Cleanup<'_> {
        Cleanup(self)
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Where people reach the service.
    pub fn public_url(&self) -> &PublicUrl {
        &self.0.public_url
    }

    /// Makes list cursors that cannot be forged, and reads them.
    pub fn cursors(&self) -> &Cursors {
        &self.0.cursors
    }

    /// The time.
    pub fn clock(&self) -> &dyn Clock {
        self.0.clock.as_ref()
    }

    /// Randomness.
    pub fn random(&self) -> &dyn Random {
        self.0.random.as_ref()
    }

    /// The public keys by which others verify access tokens (RFC 7517). Never a private or symmetric key.
    pub fn jwks(&self) -> Value {
        self.0.authenticator.tokens().jwks()
    }

    /// A name for a request that brought none of its own: 26 characters.
    pub fn new_correlation_id(&self) -> String {
        let bytes: [u8; 13] = self.random().bytes();
        bytes
            .iter()
            .fold(String::with_capacity(26), |mut id, byte| {
                id.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
                id.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
                id
            })
    }

    /// The tenant with this slug; `None` where there is none or it is suspended. Remembered for ten seconds.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub async fn resolve_tenant(&self, slug: &TenantSlug) -> Result<Option<TenantId>, Error> {
        self.0.resolve_tenant(slug).await
    }

    /// How many passwords were hashed or verified since the start: a measure of load, and what tests count to show that
    /// answers which look alike cost alike.
    pub fn password_hashes(&self) -> u64 {
        self.0.hasher.verifications()
    }

    /// Ends the workers, letting the mail at hand be finished and the audit events about denied attempts be written. Requests can still be answered.
    pub async fn shutdown(&self) {
        self.0.workers.stop().await;
        self.0.denials.settle().await;
    }
}

impl fmt::Debug for Gatekeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gatekeeper")
            .field("public_url", &self.0.public_url)
            .finish_non_exhaustive()
    }
}
