use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicU64, Ordering},
};

use serde_json::Value;

use super::{
    AccessClaims, AccessTokenSettings, AccessTokenSettingsError, IssueError, Keyring, MAX_TOKEN,
    TokenRejection,
    cache::{Verified, VerifiedTokens},
    issue, verify,
};
use crate::{
    Identity,
    env::Random,
    model::{SecretString, Timestamp},
};

/// Issues and verifies access tokens. Cheap to clone; clones share keys and memory.
#[derive(Clone, Debug)]
pub struct AccessTokens(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: AccessTokenSettings,
    keyring: RwLock<Arc<Keyring>>,
    /// How many keyrings there have been. Changed with the write lock on `keyring` held.
    generation: AtomicU64,
    verified: Option<VerifiedTokens>,
    authenticators: AtomicU64,
}

impl AccessTokens {
    /// Tokens with these settings and keys. `random` gives the key of the memory of verified tokens.
    ///
    /// # Errors
    ///
    /// [`AccessTokenSettingsError`] where a setting is weak or contradictory.
    pub fn new(
        settings: AccessTokenSettings,
        keyring: Keyring,
        random: &dyn Random,
    ) -> Result<Self, AccessTokenSettingsError> {
        settings.check()?;
        let verified = (settings.cache_capacity > 0)
            .then(|| VerifiedTokens::new(settings.cache_capacity, random));
        Ok(Self(Arc::new(Inner {
            settings,
            keyring: RwLock::new(Arc::new(keyring)),
            generation: AtomicU64::new(0),
            verified,
            authenticators: AtomicU64::new(1),
        })))
    }

    /// The settings.
    pub fn settings(&self) -> &AccessTokenSettings {
        &self.0.settings
    }

    /// Until when a revocation that is made at `now` must be kept: by then, every token that was issued before has
    /// expired, even one from a node whose clock is ahead by the whole leeway.
    pub fn revoked_until(&self, now: Timestamp) -> Timestamp {
        now.after(self.0.settings.lifetime)
            .after(self.0.settings.leeway)
    }

    /// Issues a token.
    ///
    /// # Errors
    ///
    /// [`IssueError`].
    pub fn issue(&self, claims: &AccessClaims) -> Result<SecretString, IssueError> {
        issue::issue(&self.0.settings, &self.keyring().0, claims)
    }

    /// Verifies a token at `now`. Whether it was revoked is for a [`Blacklist`](crate::blacklist::Blacklist) to say;
    /// [`TokenAuthenticator`](crate::blacklist::TokenAuthenticator) asks both.
    ///
    /// # Errors
    ///
    /// [`TokenRejection`]: the true reason, for logs. The caller is told
    /// [`AccessError::Invalid`](crate::AccessError::Invalid) in every case.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<Identity>, TokenRejection> {
        // Before the hash: a long token must not cost anything.
        if token.len() > MAX_TOKEN {
            return Err(TokenRejection::TooLong);
        }
        let Some(verified) = &self.0.verified else {
            let (keyring, _) = self.keyring();
            return verify::verify(&self.0.settings, &keyring, token, now)
                .map(|(identity, _)| Arc::new(identity));
        };
        let key = verified.key(token);
        if let Some(found) = verified.find(key)
            && found.keyring == self.0.generation.load(Ordering::Acquire)
        {
            if let Err(rejection) = found.times.check(&self.0.settings, now) {
                verified.remove(key);
                return Err(rejection);
            }
            return Ok(found.identity);
        }
        let (keyring, generation) = self.keyring();
        let (identity, times) = verify::verify(&self.0.settings, &keyring, token, now)?;
        let identity = Arc::new(identity);
        // Where the keyring was replaced meanwhile, the entry bears the number of the old one and is never used.
        verified.insert(
            key,
            Verified {
                identity: Arc::clone(&identity),
                times,
                keyring: generation,
            },
        );
        Ok(identity)
    }

    /// Puts what was read anew for the bearer of a token in the place of what the token itself said, if it is remembered.
    pub(crate) fn renew(&self, token: &str, identity: &Arc<Identity>) {
        let Some(verified) = &self.0.verified else {
            return;
        };
        let key = verified.key(token);
        // Its times and its keyring stay: it is forgotten when the token would have been.
        if let Some(found) = verified.find(key)
            && found.identity.token_id == identity.token_id
        {
            let identity = Arc::clone(identity);
            verified.insert(key, Verified { identity, ..found });
        }
    }

    /// Puts another keyring in place of this one: at once for every clone. Tokens verified before are forgotten.
    pub fn replace_keyring(&self, keyring: Keyring) {
        let mut place = self
            .0
            .keyring
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *place = Arc::new(keyring);
        self.0.generation.fetch_add(1, Ordering::Release);
        drop(place);
        if let Some(verified) = &self.0.verified {
            verified.clear();
        }
    }

    /// The public keys as a JWK Set (RFC 7517 section 5).
    pub fn jwks(&self) -> Value {
        self.keyring().0.jwks()
    }

    /// A number that no other caller gets from these tokens or their clones.
    pub(crate) fn next_authenticator(&self) -> u64 {
        self.0.authenticators.fetch_add(1, Ordering::Relaxed)
    }

    fn keyring(&self) -> (Arc<Keyring>, u64) {
        let keyring = self
            .0
            .keyring
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        (
            Arc::clone(&keyring),
            self.0.generation.load(Ordering::Acquire),
        )
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.0.verified.as_ref().map_or(0, VerifiedTokens::len)
    }
}
