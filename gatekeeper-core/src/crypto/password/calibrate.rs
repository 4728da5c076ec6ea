use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};

use super::HashingSettings;

/// More passes than this gain less than more memory does.
const ENOUGH_ITERATIONS: u32 = 4;
const TAG_BYTES: usize = 32;

/// Suggests settings under which one hash takes up to `target` on this machine, for [`PasswordHasher::new`](super::PasswordHasher::new).
///
/// Passes are added first, up to 4, then memory, up to `most_memory_kib` for each worker. The answer is never weaker than the default,
/// also where the machine needs longer than `target` for that. Takes some 50 times `target`; an application runs it once, on
/// the machine it will run on, idle, in a release build, and writes the answer into its configuration.
///
/// Half a second is the most that people accept; a server for many is better off with 50 ms or less, for
/// cores / time of one hash is the number of sign-ins it carries in a second.
pub fn calibrate(target: Duration, most_memory_kib: u32) -> HashingSettings {
    suggest(target, most_memory_kib, median_time)
}

fn suggest(
    target: Duration,
    most_memory_kib: u32,
    time: impl Fn(u32, u32) -> Duration,
) -> HashingSettings {
    let mut settings = HashingSettings::default();
    while settings.iterations < ENOUGH_ITERATIONS
        && time(settings.memory_kib, settings.iterations + 1) <= target
    {
        settings.iterations += 1;
    }
    // A quarter more at a time, in whole MiB.
    loop {
        let more = (settings.memory_kib / 1024 + settings.memory_kib / 4096).saturating_mul(1024);
        if more > most_memory_kib || time(more, settings.iterations) > target {
            return settings;
        }
        settings.memory_kib = more;
    }
}

/// The median of three. The clock is the monotonic one of the machine: what is measured is the machine, not the time
/// that flows see, which the injected clock tells.
fn median_time(memory_kib: u32, iterations: u32) -> Duration {
    let Ok(params) = Params::new(memory_kib, iterations, 1, Some(TAG_BYTES)) else {
        return Duration::MAX;
    };
    let mut memory = Vec::new();
    if memory.try_reserve_exact(params.block_count()).is_err() {
        return Duration::MAX;
    }
    memory.resize(params.block_count(), Block::new());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut times = [Duration::MAX; 3];
    for time in &mut times {
        let began = Instant::now();
        let mut tag = [0; TAG_BYTES];
        let done =
            argon2.hash_password_into_with_memory(b"calibration", &[0; 16], &mut tag, &mut memory);
        std::hint::black_box(tag);
        if done.is_ok() {
            *time = began.elapsed();
        }
    }
    times.sort_unstable();
    let [_, median, _] = times;
    median
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that needs so many nanoseconds a block.
    fn machine(nanos: u64) -> impl Fn(u32, u32) -> Duration {
        move |memory, iterations| {
            Duration::from_nanos(nanos * u64::from(memory) * u64::from(iterations))
        }
    }

    #[test]
    fn more_passes_first_then_more_memory_never_over_the_target() {
        let ms = Duration::from_millis;
        let fast = machine(300);
        let chosen = |target, memory| {
            let settings = suggest(ms(target), memory, &fast);
            (settings.iterations, settings.memory_kib)
        };
        assert_eq!(chosen(13, 262_144), (2, 19_456));
        assert_eq!(chosen(18, 262_144), (3, 19_456));
        assert_eq!(chosen(24, 19_456), (4, 19_456));
        let (iterations, memory) = chosen(100, 262_144);
        assert_eq!(iterations, 4);
        assert!(memory > 60_000 && fast(memory, 4) <= ms(100));
        assert_eq!(chosen(100_000, 65_536).0, 4);
        assert!(chosen(100_000, 65_536).1 <= 65_536);
    }

    #[test]
    fn asvs_appendix_c_a_slow_machine_does_not_weaken_the_hash() {
        let settings = suggest(Duration::from_millis(1), 262_144, machine(1_000_000));
        assert_eq!(settings, HashingSettings::default());
        assert!(settings.validate().is_ok());
    }
}
