use std::{
    fmt,
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use quick_cache::{UnitWeighter, sync::Cache};
use siphasher::sip128::SipHasher13;

use super::verify::Times;
use crate::{Identity, env::Random};

/// Remembers tokens that were found right.
///
/// # Security
///
/// Holds no token, so that a dump of the memory gives no bearer token away: the key is SipHash-1-3 of the whole token, 128
/// bits, under a random key that lives as long as the process. To be taken for a token that was verified, another one must
/// have the same hash. Whoever tries sees neither key nor hashes, only whether a try succeeded; for that, a keyed hash
/// whose collisions are rare is enough, and SipHash-1-3 is far more. What changes with the time is checked at each hit.
pub(super) struct VerifiedTokens {
    hasher: SipHasher13,
    entries: Cache<u128, Verified, UnitWeighter, BuildHasherDefault<AlreadyHashed>>,
}

/// A token that was found right.
#[derive(Clone)]
pub(super) struct Verified {
    pub(super) identity: Arc<Identity>,
    pub(super) times: Times,
    /// Under which of the keyrings that followed one another. An entry of an earlier one is as good as none.
    pub(super) keyring: u64,
}

/// Names a token in the cache.
#[derive(Clone, Copy)]
pub(super) struct CacheKey(u128);

impl VerifiedTokens {
    pub(super) fn new(capacity: usize, random: &dyn Random) -> Self {
        Self {
            hasher: SipHasher13::new_with_key(&random.bytes()),
            entries: Cache::with(
                capacity,
                u64::try_from(capacity).unwrap_or(u64::MAX),
                UnitWeighter,
                BuildHasherDefault::default(),
                quick_cache::sync::DefaultLifecycle::default(),
            ),
        }
    }

    pub(super) fn key(&self, token: &str) -> CacheKey {
        CacheKey(self.hasher.hash(token.as_bytes()).as_u128())
    }

    pub(super) fn find(&self, key: CacheKey) -> Option<Verified> {
        self.entries.get(&key.0)
    }

    pub(super) fn insert(&self, key: CacheKey, verified: Verified) {
        self.entries.insert(key.0, verified);
    }

    pub(super) fn remove(&self, key: CacheKey) {
        self.entries.remove(&key.0);
    }

    pub(super) fn clear(&self) {
        self.entries.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl fmt::Debug for VerifiedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedTokens").finish_non_exhaustive()
    }
}

/// The keys of the cache are the output of a keyed hash; hashing them again would gain nothing.
#[derive(Default)]
pub(crate) struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Not reached for `u128`, which comes through `write_u128`; correct all the same.
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "half of a uniform hash is a uniform hash"
    )]
    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}
