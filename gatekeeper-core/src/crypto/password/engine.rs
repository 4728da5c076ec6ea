use std::{
    hint::black_box,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{
    HashError, HashingSettings, HashingSettingsError, PasswordVerdict,
    format::{Argon2Hash, Stored},
    imported,
};
use crate::model::SecretString;

pub(super) const SALT_BYTES: usize = 16;
const TAG_BYTES: usize = 32;
/// The least that Argon2 works on: two blocks in each of four slices (RFC 9106 section 3.1).
const LEAST_BLOCKS: u64 = 8;
/// For hashes that are thrown away.
const NO_SALT: [u8; SALT_BYTES] = [0x5a; SALT_BYTES];

const FAILED: HashError = HashError::Internal {
    reason: "Argon2 refused its parameters",
};

/// One worker's Argon2: its parameters, and its memory, reserved once.
pub(super) struct Engine {
    memory_kib: u32,
    iterations: u32,
    parallelism: u32,
    params: Params,
    /// Reserved from the start, so that the lack of it is seen then; filled with the first hash, so that a process that
    /// hashes nothing, such as a command, holds none of it.
    memory: Vec<Block>,
    /// How long a full hash takes here of late; `None` before the first.
    full_time: Option<Duration>,
    /// Held while a stored hash is computed that needs more than `memory`: there is one such allocation at a time in the
    /// whole pool.
    imports: Arc<Mutex<()>>,
}

impl Engine {
    pub(super) fn new(
        settings: &HashingSettings,
        imports: Arc<Mutex<()>>,
    ) -> Result<Self, HashingSettingsError> {
        let &HashingSettings {
            memory_kib,
            iterations,
            parallelism,
            ..
        } = settings;
        let params =
            Params::new(memory_kib, iterations, parallelism, Some(TAG_BYTES)).map_err(|_| {
                HashingSettingsError::OutOfBounds {
                    setting: "memory_kib",
                    least: LEAST_BLOCKS,
                    most: u64::from(u32::MAX),
                }
            })?;
        let memory = reserve(&params).ok_or(HashingSettingsError::OutOfMemory)?;
        Ok(Self {
            memory_kib,
            iterations,
            parallelism,
            params,
            memory,
            full_time: None,
            imports,
        })
    }

    /// A PHC string of today's kind.
    pub(super) fn hash(
        &mut self,
        password: &[u8],
        salt: &[u8; SALT_BYTES],
    ) -> Result<SecretString, HashError> {
        let tag = self.full(password, salt)?;
        Ok(SecretString::new(format!(
            "$argon2id$v=19$m={},t={},p={}${}${}",
            self.memory_kib,
            self.iterations,
            self.parallelism,
            STANDARD_NO_PAD.encode(salt),
            STANDARD_NO_PAD.encode(tag.as_slice()),
        )))
    }

    /// What this password would be stored as with the salt and the parameters of another hash of ours.
    pub(super) fn hash_like(
        &mut self,
        password: &[u8],
        other: &str,
    ) -> Result<SecretString, HashError> {
        const NOT_OURS: HashError = HashError::Internal {
            reason: "a stored hash is not one of Argon2",
        };
        let Ok(Stored::Argon2(stored)) = Stored::parse(other) else {
            return Err(NOT_OURS);
        };
        let params = Params::new(
            stored.memory_kib,
            stored.iterations,
            stored.parallelism,
            Some(stored.tag.len()),
        )
        .map_err(|_| FAILED)?;
        let argon2 = Argon2::new(stored.algorithm, stored.version, params);
        let mut tag = Zeroizing::new(vec![0; stored.tag.len()]);
        self.fill(&argon2, password, &stored.salt, &mut tag)?;
        // All but the tag is as it stands there.
        let (head, _) = other.rsplit_once('$').ok_or(NOT_OURS)?;
        Ok(SecretString::new(format!(
            "{head}${}",
            STANDARD_NO_PAD.encode(tag.as_slice())
        )))
    }

    pub(super) fn verify(
        &mut self,
        password: &[u8],
        hash: Option<&str>,
    ) -> Result<PasswordVerdict, HashError> {
        let Some(hash) = hash else {
            return self.refuse(password);
        };
        match Stored::parse(hash) {
            Ok(Stored::Argon2(stored)) => self.verify_argon2(password, &stored),
            Ok(Stored::Imported(stored)) => {
                // Monotonic. It only sets how much work is added below; the verdict does not depend on it.
                let began = Instant::now();
                let equal = {
                    let _one_at_a_time = (stored.memory_kib() > u64::from(self.memory_kib))
                        .then(|| self.imports.lock().unwrap_or_else(PoisonError::into_inner));
                    imported::matches(&stored, password)
                };
                if equal {
                    return Ok(PasswordVerdict::MatchOutdated);
                }
                self.add_work(self.missing_after(began.elapsed()))?;
                Ok(PasswordVerdict::Mismatch)
            }
            Err(error) => {
                // An error to the caller would tell the world that this account exists, so the operator is told instead.
                tracing::error!(%error, "a stored password hash cannot be verified; its owner cannot sign in");
                self.refuse(password)
            }
        }
    }

    /// The work of a full hash, and a refusal.
    fn refuse(&mut self, password: &[u8]) -> Result<PasswordVerdict, HashError> {
        black_box(self.full(password, &NO_SALT)?);
        Ok(PasswordVerdict::Mismatch)
    }

    fn verify_argon2(
        &mut self,
        password: &[u8],
        stored: &Argon2Hash,
    ) -> Result<PasswordVerdict, HashError> {
        let current = self.is_current(stored);
        let mut tag = Zeroizing::new(vec![0; stored.tag.len()]);
        if current {
            tag.copy_from_slice(self.full(password, &stored.salt)?.as_slice());
        } else {
            let params = Params::new(
                stored.memory_kib,
                stored.iterations,
                stored.parallelism,
                Some(stored.tag.len()),
            )
            .map_err(|_| FAILED)?;
            let argon2 = Argon2::new(stored.algorithm, stored.version, params);
            self.fill(&argon2, password, &stored.salt, &mut tag)?;
        }
        let equal = bool::from(tag.as_slice().ct_eq(&stored.tag));
        match (equal, current) {
            (true, true) => Ok(PasswordVerdict::Match),
            (true, false) => Ok(PasswordVerdict::MatchOutdated),
            (false, true) => Ok(PasswordVerdict::Mismatch),
            (false, false) => {
                let done = u64::from(stored.memory_kib) * u64::from(stored.iterations);
                self.add_work(self.full_work().saturating_sub(done))?;
                Ok(PasswordVerdict::Mismatch)
            }
        }
    }

    fn is_current(&self, stored: &Argon2Hash) -> bool {
        stored.algorithm == Algorithm::Argon2id
            && stored.version == Version::V0x13
            && stored.memory_kib == self.memory_kib
            && stored.iterations == self.iterations
            && stored.parallelism == self.parallelism
            && stored.salt.len() >= SALT_BYTES
            && stored.tag.len() == TAG_BYTES
    }

    /// One hash at today's cost.
    fn full(
        &mut self,
        password: &[u8],
        salt: &[u8],
    ) -> Result<Zeroizing<[u8; TAG_BYTES]>, HashError> {
        let began = Instant::now();
        let mut tag = Zeroizing::new([0; TAG_BYTES]);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        self.fill(&argon2, password, salt, tag.as_mut_slice())?;
        let took = began.elapsed();
        self.full_time = Some(match self.full_time {
            None => took,
            Some(mean) => (mean * 3 + took) / 4,
        });
        Ok(tag)
    }

    fn fill(
        &mut self,
        argon2: &Argon2<'_>,
        password: &[u8],
        salt: &[u8],
        tag: &mut [u8],
    ) -> Result<(), HashError> {
        if self.memory.is_empty() {
            self.memory.resize(self.params.block_count(), Block::new());
        }
        if argon2.params().block_count() <= self.memory.len() {
            return argon2
                .hash_password_into_with_memory(password, salt, tag, &mut self.memory)
                .map_err(|_| FAILED);
        }
        let _one_at_a_time = self.imports.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memory = allocate(argon2.params()).ok_or(HashError::Internal {
            reason: "there is not enough memory for an imported hash",
        })?;
        let filled = argon2.hash_password_into_with_memory(password, salt, tag, &mut memory);
        wipe(&mut memory);
        filled.map_err(|_| FAILED)
    }

    /// The work of a full hash, in blocks: what the time of Argon2 goes with.
    fn full_work(&self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.iterations)
    }

    /// What is left of a full hash's work after something else that took `spent`, in blocks.
    fn missing_after(&self, spent: Duration) -> u64 {
        match self.full_time {
            // Not measured yet: rather too slow than too fast.
            None => self.full_work(),
            Some(full) => missing(self.full_work(), full, spent),
        }
    }

    /// Computes so many blocks and throws them away, so that a refusal takes as long as any other.
    fn add_work(&mut self, blocks: u64) -> Result<(), HashError> {
        for (memory_kib, iterations) in split(blocks, self.memory_kib) {
            let params =
                Params::new(memory_kib, iterations, 1, Some(TAG_BYTES)).map_err(|_| FAILED)?;
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let mut tag = [0; TAG_BYTES];
            self.fill(&argon2, &[], &NO_SALT, &mut tag)?;
            black_box(tag);
        }
        Ok(())
    }

    /// Wipes what the last hash left in memory.
    pub(super) fn wipe(&mut self) {
        wipe(&mut self.memory);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.wipe();
    }
}

fn reserve(params: &Params) -> Option<Vec<Block>> {
    let mut memory = Vec::new();
    memory.try_reserve_exact(params.block_count()).ok()?;
    Some(memory)
}

fn allocate(params: &Params) -> Option<Vec<Block>> {
    let mut memory = reserve(params)?;
    memory.resize(params.block_count(), Block::new());
    Some(memory)
}

fn wipe(memory: &mut [Block]) {
    // Whole blocks, not `zeroize`'s words: an unoptimised build would take as long for it as for the hash.
    for block in &mut *memory {
        *block = Block::new();
    }
    // As if somebody read it, so that wiping what is about to be freed is not optimised away.
    black_box(memory);
}

fn missing(work: u64, full: Duration, spent: Duration) -> u64 {
    let left = full.saturating_sub(spent).as_nanos();
    let blocks = u128::from(work) * left / full.as_nanos().max(1);
    u64::try_from(blocks).unwrap_or(work)
}

/// So many blocks as passes over the whole memory and one over a part of it: (memory in KiB, passes).
fn split(blocks: u64, memory_kib: u32) -> impl Iterator<Item = (u32, u32)> {
    let whole = u32::try_from(blocks / u64::from(memory_kib)).unwrap_or(u32::MAX);
    let rest = blocks % u64::from(memory_kib);
    let rest = if rest < LEAST_BLOCKS { 0 } else { rest };
    [
        (memory_kib, whole),
        (u32::try_from(rest).unwrap_or(0), u32::from(rest > 0)),
    ]
    .into_iter()
    .filter(|&(_, passes)| passes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::password::danger::danger_weak_hashing;

    fn engine() -> Engine {
        let settings = HashingSettings {
            memory_kib: 64,
            iterations: 2,
            ..danger_weak_hashing()
        };
        Engine::new(&settings, Arc::default()).unwrap()
    }

    #[test]
    fn the_memory_is_allocated_once_and_wiped_when_told() {
        let mut engine = engine();
        let (place, room) = (engine.memory.as_ptr(), engine.memory.capacity());
        assert_eq!(room, 64);
        for _ in 0..10 {
            let hash = engine.hash(b"correct horse", &NO_SALT).unwrap();
            let verdict = engine.verify(b"correct horse", Some(hash.expose()));
            assert_eq!(verdict, Ok(PasswordVerdict::Match));
            assert_eq!(engine.verify(b"no", None), Ok(PasswordVerdict::Mismatch));
        }
        assert_eq!(
            (engine.memory.as_ptr(), engine.memory.capacity()),
            (place, room)
        );

        let zero = |engine: &Engine| {
            let words = engine.memory.iter().flat_map(AsRef::as_ref);
            words.fold(0, |all, word| all | word) == 0
        };
        assert!(!zero(&engine));
        engine.wipe();
        assert!(zero(&engine));
    }

    #[test]
    fn a_hash_like_another_is_equal_where_the_secrets_are() {
        let mut engine = engine();
        let stored = engine.hash(b"A1B2C3D4E5F6", &[3; SALT_BYTES]).unwrap();
        let like = |engine: &mut Engine, secret: &[u8]| {
            let hash = engine.hash_like(secret, stored.expose()).unwrap();
            hash.expose().to_owned()
        };
        assert_eq!(like(&mut engine, b"A1B2C3D4E5F6"), stored.expose());
        assert_ne!(like(&mut engine, b"A1B2C3D4E5F7"), stored.expose());
        // Whatever today's parameters are.
        let dearer = HashingSettings {
            memory_kib: 128,
            iterations: 3,
            ..danger_weak_hashing()
        };
        let mut later = Engine::new(&dearer, Arc::default()).unwrap();
        assert_eq!(like(&mut later, b"A1B2C3D4E5F6"), stored.expose());
        for wrong in [
            "",
            "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
        ] {
            assert!(engine.hash_like(b"x", wrong).is_err());
        }
    }

    #[test]
    fn a_refusal_by_a_cheaper_hash_is_brought_up_to_the_full_price() {
        // Work, full time, time spent: what is missing.
        let ms = Duration::from_millis;
        assert_eq!(missing(1000, ms(10), ms(0)), 1000);
        assert_eq!(missing(1000, ms(10), ms(4)), 600);
        assert_eq!(missing(1000, ms(10), ms(10)), 0);
        assert_eq!(missing(1000, ms(10), ms(400)), 0);
        assert_eq!(missing(1000, ms(0), ms(0)), 0);

        let parts = |blocks| split(blocks, 64).collect::<Vec<_>>();
        assert_eq!(parts(0), []);
        assert_eq!(parts(7), []);
        assert_eq!(parts(40), [(40, 1)]);
        assert_eq!(parts(64), [(64, 1)]);
        assert_eq!(parts(200), [(64, 3), (8, 1)]);

        // Half the passes of today's: the other half is added, on the mismatch alone.
        let mut engine = engine();
        let cheap = HashingSettings {
            memory_kib: 64,
            iterations: 1,
            ..danger_weak_hashing()
        };
        let cheap = Engine::new(&cheap, Arc::default())
            .unwrap()
            .hash(b"right", &NO_SALT)
            .unwrap();
        assert_eq!(
            engine.verify(b"right", Some(cheap.expose())),
            Ok(PasswordVerdict::MatchOutdated)
        );
        let after_match = last_word(&engine);
        assert_eq!(
            engine.verify(b"wrong", Some(cheap.expose())),
            Ok(PasswordVerdict::Mismatch)
        );
        let after_mismatch = last_word(&engine);
        engine.add_work(64).unwrap();
        assert_eq!(
            after_mismatch,
            last_word(&engine),
            "the added work came last"
        );
        assert_ne!(after_match, after_mismatch);
    }

    fn last_word(engine: &Engine) -> u64 {
        engine.memory[63].as_ref()[127]
    }

    #[test]
    fn a_hash_that_needs_more_memory_leaves_the_workers_memory_as_it_was() {
        let dear = HashingSettings {
            memory_kib: 256,
            ..danger_weak_hashing()
        };
        let hash = Engine::new(&dear, Arc::default())
            .unwrap()
            .hash(b"right", &NO_SALT)
            .unwrap();
        let mut engine = engine();
        for (password, verdict) in [
            (b"right", PasswordVerdict::MatchOutdated),
            (b"wrong", PasswordVerdict::Mismatch),
        ] {
            assert_eq!(engine.verify(password, Some(hash.expose())), Ok(verdict));
            assert_eq!(engine.memory.capacity(), 64);
        }
    }
}
