//! Signing keys: made on the first start, sealed in the store, shared by every node, rotated with overlap.
//!
//! | state | published in the JWKS | believed | signs |
//! |---|---|---|---|
//! | made, `now < active_from` | yes | yes | no |
//! | active, the newest | yes | yes | yes |
//! | active, not the newest | yes | yes | no |
//! | retired | no | no | no |

use std::{
    iter,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    BuildError, Error,
    crypto::{
        Sealer,
        jwt::{Keyring, SigningKey},
    },
    env::{Clock, Random},
    gatekeeper::Inner,
    model::{Algorithm, KeyId, StoredSigningKey, Timestamp},
    store::Repository,
};

/// How long a new key is published before it signs: longer than the JWKS may be cached (5 minutes) and than a node takes to
/// look for new keys.
pub(crate) const PUBLICATION_DELAY: Duration = Duration::from_mins(10);

/// How often a node looks for keys that another made.
pub(crate) const RELOAD_INTERVAL: Duration = Duration::from_secs(30);

/// Keys that live in the store.
#[derive(Debug)]
pub(crate) struct StoredKeys {
    algorithm: Algorithm,
    sealer: Sealer,
    /// The ids of the ring in use, the signing one first.
    in_use: Mutex<Vec<KeyId>>,
}

impl StoredKeys {
    pub(crate) fn new(algorithm: Algorithm, sealer: Sealer) -> Self {
        Self {
            algorithm,
            sealer,
            in_use: Mutex::new(Vec::new()),
        }
    }

    /// A new key, not yet stored.
    pub(crate) fn generate(
        &self,
        random: &dyn Random,
        now: Timestamp,
        active_from: Timestamp,
    ) -> Result<StoredSigningKey, Error> {
        let id = KeyId::new(now, random);
        let key = SigningKey::generate(self.algorithm, id, random).map_err(Error::internal)?;
        let sealed_private =
            self.sealer
                .seal(&context(id), key.to_private_bytes().expose(), random);
        Ok(StoredSigningKey {
            id,
            algorithm: self.algorithm,
            sealed_private,
            created_at: now,
            active_from,
            retired_at: None,
        })
    }

    /// The ring of what is stored, making the first key where there is none to sign with.
    pub(crate) async fn load_or_create(
        &self,
        repository: &dyn Repository,
        random: &dyn Random,
        clock: &dyn Clock,
    ) -> Result<Keyring, BuildError> {
        let mut tx = repository.begin().await?;
        let mut stored = tx.signing_keys().list_for_update().await?;
        // After the wait for whoever else was making the first key.
        let now = clock.now();
        if !stored.iter().any(|key| self.may_sign(key, now)) {
            let key = self
                .generate(random, now, now)
                .map_err(|error| BuildError::Keys(Box::new(error)))?;
            tx.signing_keys().insert(&key).await?;
            tx.commit().await?;
            stored.push(key);
        }
        match self.ring_if_changed(&stored, now) {
            Ok(Some(ring)) => Ok(ring),
            Ok(None) => Err(BuildError::Missing("a signing key")),
            Err(error) => Err(BuildError::Keys(Box::new(error))),
        }
    }

    /// The ring of what is stored; `None` where it is the one in use, whose memory of verified tokens is worth keeping.
    fn ring_if_changed(
        &self,
        stored: &[StoredSigningKey],
        now: Timestamp,
    ) -> Result<Option<Keyring>, Error> {
        let may_sign = || stored.iter().filter(|key| self.may_sign(key, now));
        // Where none is active yet, the key was made by a node whose clock is ahead: it signs rather than a second one of this
        // node's own, which the other has not heard of.
        let signing = may_sign()
            .filter(|key| key.active_from <= now)
            .max_by_key(|key| (key.active_from, key.id))
            .or_else(|| may_sign().min_by_key(|key| (key.active_from, key.id)))
            .ok_or_else(|| Error::internal("there is no signing key"))?;
        let verifying = || {
            stored
                .iter()
                .filter(|key| key.id != signing.id && is_believed(key, now))
        };
        let ids: Vec<KeyId> = iter::once(signing)
            .chain(verifying())
            .map(|key| key.id)
            .collect();
        if *self.in_use.lock().unwrap_or_else(PoisonError::into_inner) == ids {
            return Ok(None);
        }
        let mut ring = Keyring::new(self.open(signing)?);
        for key in verifying() {
            ring = ring.with_verifying(self.open(key)?.verifying_key());
        }
        *self.in_use.lock().unwrap_or_else(PoisonError::into_inner) = ids;
        Ok(Some(ring))
    }

    fn may_sign(&self, key: &StoredSigningKey, now: Timestamp) -> bool {
        key.algorithm == self.algorithm && is_believed(key, now)
    }

    fn open(&self, key: &StoredSigningKey) -> Result<SigningKey, Error> {
        let private = self
            .sealer
            .open(&context(key.id), &key.sealed_private)
            .map_err(Error::internal)?;
        SigningKey::from_private_bytes(key.algorithm, key.id, &private).map_err(Error::internal)
    }
}

fn is_believed(key: &StoredSigningKey, now: Timestamp) -> bool {
    key.retired_at.is_none_or(|at| now < at)
}

/// A sealed key opens under its own name alone.
fn context(id: KeyId) -> Vec<u8> {
    format!("signing-key:{id}").into_bytes()
}

impl Inner {
    /// Takes up keys that another node made or retired, and that time has made active.
    pub(crate) async fn reload_keys(&self) -> Result<(), Error> {
        let Some(stored_keys) = &self.stored_keys else {
            return Ok(());
        };
        let mut tx = self.repository.begin().await?;
        let stored = tx.signing_keys().list().await?;
        drop(tx);
        if let Some(ring) = stored_keys.ring_if_changed(&stored, self.clock.now())? {
            self.authenticator.tokens().replace_keyring(ring);
        }
        Ok(())
    }
}
