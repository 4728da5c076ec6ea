use std::{num::NonZeroUsize, thread};

/// The least memory for one, two, and three or more passes, in KiB (OWASP ASVS 5.0 appendix C).
const LEAST_MEMORY_KIB: [u32; 3] = [47_104, 19_456, 12_288];
/// The most memory one worker may hold: 1 GiB.
const MOST_MEMORY_KIB: u32 = 1_048_576;
const MOST_ITERATIONS: u32 = 64;
const MOST_PARALLELISM: u32 = 8;
const MOST_WORKERS: usize = 256;
/// What all workers together may hold: 16 GiB. More is a slip of the pen.
const MOST_TOTAL_KIB: u64 = 16 * 1_048_576;
/// Argon2 needs two blocks in each of the four slices of each lane (RFC 9106 section 3.1).
const BLOCKS_PER_LANE: u32 = 8;
/// At 14 ms a hash this is a wait of some 0.9 s, at 30 ms of some 2 s: the longest that a person waits without asking again.
const QUEUE_PER_WORKER: usize = 64;

/// How passwords are hashed, and how much of the machine that may take.
///
/// Begin with [`HashingSettings::default`] and change fields; [`calibrate`](super::calibrate) suggests values for a machine.
/// What is too weak, or would exhaust the machine, is refused when the hasher is made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HashingSettings {
    /// Argon2id memory `m`, in KiB; 19,456 by default. Each worker holds this much for as long as it lives.
    pub memory_kib: u32,
    /// Argon2id passes `t`; 2 by default.
    pub iterations: u32,
    /// Argon2id lanes `p`, 1 to 8; 1 by default. The lanes of one hash are computed one after the other: the
    /// parallelism of a server comes from its workers.
    pub parallelism: u32,
    /// Threads that hash; as many as there are cores by default.
    pub workers: usize,
    /// How many passwords may wait for a worker before others are refused; 64 for each core by default, which is a wait
    /// of 1 to 2 s at the default cost.
    pub queue: usize,
    /// Whether the workers give way to every other thread; true by default. Has an effect on Linux only.
    ///
    /// A server that is busy with other requests then hashes more slowly, and refuses sign-ins before it delays the rest.
    pub low_priority: bool,
    pub(super) weak: bool,
}

/// Why hashing settings were refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HashingSettingsError {
    /// Less memory than the number of passes asks for.
    #[error(
        "{iterations} passes of Argon2id need at least {least_kib} KiB of memory, not {memory_kib}"
    )]
    Weak {
        /// The passes asked for.
        iterations: u32,
        /// The memory asked for, in KiB.
        memory_kib: u32,
        /// The least memory for so many passes, in KiB.
        least_kib: u32,
    },
    /// A value outside its bounds.
    #[error("{setting} must be between {least} and {most}")]
    OutOfBounds {
        /// The field.
        setting: &'static str,
        /// The least it may be.
        least: u64,
        /// The most it may be.
        most: u64,
    },
    /// The workers' memory could not be had.
    #[error("there is not enough memory for the password hashing threads")]
    OutOfMemory,
    /// A worker could not be started.
    #[error("a password hashing thread could not be started")]
    Thread(#[source] std::io::Error),
}

impl Default for HashingSettings {
    fn default() -> Self {
        let workers = thread::available_parallelism()
            .map_or(1, NonZeroUsize::get)
            .min(MOST_WORKERS);
        Self {
            memory_kib: 19_456,
            iterations: 2,
            parallelism: 1,
            workers,
            queue: workers * QUEUE_PER_WORKER,
            low_priority: true,
            weak: false,
        }
    }
}

impl HashingSettings {
    /// The least memory that so many passes may have, in KiB (OWASP ASVS 5.0 appendix C).
    pub(super) fn least_memory_kib(iterations: u32) -> u32 {
        let [one, two, more] = LEAST_MEMORY_KIB;
        match iterations {
            0 | 1 => one,
            2 => two,
            _ => more,
        }
    }

    pub(super) fn validate(&self) -> Result<(), HashingSettingsError> {
        bounded(
            "parallelism",
            self.parallelism,
            1,
            u64::from(MOST_PARALLELISM),
        )?;
        bounded("iterations", self.iterations, 1, u64::from(MOST_ITERATIONS))?;
        let least = self.parallelism.saturating_mul(BLOCKS_PER_LANE);
        bounded(
            "memory_kib",
            self.memory_kib,
            u64::from(least),
            u64::from(MOST_MEMORY_KIB),
        )?;
        bounded("workers", count(self.workers), 1, count(MOST_WORKERS))?;
        bounded("queue", count(self.queue), 1, 65_536)?;
        let total = u64::from(self.memory_kib).saturating_mul(count(self.workers));
        bounded("workers x memory_kib", total, 1, MOST_TOTAL_KIB)?;

        let least_kib = Self::least_memory_kib(self.iterations);
        if !self.weak && self.memory_kib < least_kib {
            return Err(HashingSettingsError::Weak {
                iterations: self.iterations,
                memory_kib: self.memory_kib,
                least_kib,
            });
        }
        Ok(())
    }
}

fn count(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

fn bounded(
    setting: &'static str,
    value: impl Into<u64>,
    least: u64,
    most: u64,
) -> Result<(), HashingSettingsError> {
    if (least..=most).contains(&value.into()) {
        Ok(())
    } else {
        Err(HashingSettingsError::OutOfBounds {
            setting,
            least,
            most,
        })
    }
}

/// Options that weaken what they touch.
pub mod danger {
    use super::HashingSettings;

    /// Settings under which a hash costs next to nothing, for test suites that sign in a thousand times.
    ///
    /// # Security
    ///
    /// A stolen table of such hashes is guessed as fast as one of plain SHA-256. Never outside tests.
    pub fn danger_weak_hashing() -> HashingSettings {
        HashingSettings {
            memory_kib: 8,
            iterations: 1,
            queue: 4_096,
            weak: true,
            ..HashingSettings::default()
        }
    }
}
