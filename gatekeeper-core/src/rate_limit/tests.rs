use std::{
    collections::HashMap,
    sync::{
        Barrier,
        atomic::{AtomicU32, Ordering},
    },
};

use proptest::prelude::*;

use super::*;

const MINUTE: Duration = Duration::from_mins(1);
const MICRO: Duration = Duration::from_micros(1);

fn key(n: u64) -> RateKey {
    // As uniform as a keyed hash is.
    let word = |seed: u64| {
        let z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB) ^ z).to_be_bytes()
    };
    let (one, two) = (word(n), word(!n));
    let mut key = [0; 16];
    key[..8].copy_from_slice(&one);
    key[8..].copy_from_slice(&two);
    RateKey(key)
}

fn start() -> Timestamp {
    Timestamp::from_unix_seconds(1_767_225_600)
}

fn is_admitted(decision: &RateDecision) -> bool {
    matches!(decision.verdict, RateVerdict::Admitted)
}

fn retry_after(decision: &RateDecision) -> Duration {
    match decision.verdict {
        RateVerdict::Refused { retry_after } => retry_after,
        RateVerdict::Admitted => panic!("{decision:?}"),
    }
}

#[test]
fn a_quota_is_used_up_and_comes_back_at_exact_instants() {
    let limiter = MemoryRateLimiter::new();
    let quota = Quota::new(3, MINUTE);
    let check = |at: Timestamp| limiter.check_now(&key(1), &quota, at);
    for left in [2, 1, 0] {
        let decision = check(start());
        assert!(is_admitted(&decision));
        assert_eq!(decision.remaining, left);
        assert_eq!(decision.reset_after, Duration::from_secs(20) * (3 - left));
    }
    let interval = Duration::from_secs(20);
    let refused = check(start());
    assert_eq!(retry_after(&refused), interval);
    assert_eq!((refused.remaining, refused.reset_after), (0, MINUTE));
    assert_eq!(
        retry_after(&check(start().after(interval.checked_sub(MICRO).unwrap()))),
        MICRO
    );
    assert!(is_admitted(&check(start().after(interval))));
    assert_eq!(retry_after(&check(start().after(interval))), interval);
    // Another key has a quota of its own.
    assert!(is_admitted(&limiter.check_now(&key(2), &quota, start())));
}

#[test]
fn a_refused_request_is_not_counted() {
    let limiter = MemoryRateLimiter::new();
    let quota = Quota::new(1, MINUTE);
    assert!(is_admitted(&limiter.check_now(&key(1), &quota, start())));
    for second in 0..60 {
        let at = start().after(Duration::from_secs(second));
        let left = Duration::from_secs(60 - second);
        assert_eq!(retry_after(&limiter.check_now(&key(1), &quota, at)), left);
    }
    let at = start().after(MINUTE);
    assert!(is_admitted(&limiter.check_now(&key(1), &quota, at)));
}

#[test]
fn a_clock_that_was_wrong_shuts_nobody_out_for_longer_than_the_period() {
    let quota = Quota::new(2, MINUTE);
    let tomorrow = start().after(Duration::from_hours(24));
    for before in [tomorrow, Timestamp::from_unix_micros(i64::MAX)] {
        let (decision, kept) = quota.step(Some(before), start());
        assert_eq!(retry_after(&decision), quota.interval());
        assert_eq!(decision.reset_after, MINUTE);
        assert_eq!(kept, start().after(MINUTE));
    }
    // A clock that was put back gives nothing away either.
    let limiter = MemoryRateLimiter::new();
    for _ in 0..2 {
        assert!(is_admitted(&limiter.check_now(&key(1), &quota, start())));
    }
    let earlier = start().before(MINUTE);
    assert!(!is_admitted(&limiter.check_now(&key(1), &quota, earlier)));
}

/// A bucket of time, filled as time goes by: another description of the same rule.
struct Bucket {
    filled: Duration,
    at: Timestamp,
}

impl Bucket {
    fn take(&mut self, quota: &Quota, now: Timestamp) -> bool {
        let whole = quota.interval() * quota.burst;
        self.filled = (self.filled + now.since(self.at)).min(whole);
        self.at = now;
        let enough = self.filled >= quota.interval();
        if enough {
            self.filled -= quota.interval();
        }
        enough
    }
}

fn quotas() -> impl Strategy<Value = Quota> {
    (1..40_u32, 1..4_000_000_u64)
        .prop_map(|(burst, micros)| Quota::new(burst, Duration::from_micros(micros)))
}

fn steps() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let pause = prop_oneof![Just(0), 0..50_u64, 0..100_000_u64, 0..5_000_000_u64];
    prop::collection::vec((0..4_u64, pause), 1..250)
}

proptest! {
    #[test]
    fn a_limiter_answers_as_a_bucket_does(quota in quotas(), steps in steps()) {
        let limiter = MemoryRateLimiter::new();
        let mut buckets: HashMap<u64, Bucket> = HashMap::new();
        let whole = quota.interval() * quota.burst;
        let mut now = start();
        for (who, pause) in steps {
            now = now.after(Duration::from_micros(pause));
            let bucket = buckets.entry(who).or_insert(Bucket { filled: whole, at: now });
            let expected = bucket.take(&quota, now);
            let decision = limiter.check_now(&key(who), &quota, now);
            prop_assert_eq!(is_admitted(&decision), expected);
            prop_assert_eq!(decision.reset_after, whole.checked_sub(bucket.filled).unwrap());
            let left = bucket.filled.as_micros() / quota.interval().as_micros();
            prop_assert_eq!(u128::from(decision.remaining), left);
        }
    }

    #[test]
    fn no_window_admits_more_than_the_quota(quota in quotas(), steps in steps()) {
        let limiter = MemoryRateLimiter::new();
        let mut now = start();
        let mut admitted = Vec::new();
        for (_, pause) in steps {
            now = now.after(Duration::from_micros(pause));
            if is_admitted(&limiter.check_now(&key(1), &quota, now)) {
                admitted.push(now);
            }
        }
        for (at, from) in admitted.iter().enumerate() {
            for (count, to) in admitted[at..].iter().enumerate() {
                let refilled = to.since(*from).as_micros() / quota.interval().as_micros();
                prop_assert!((count as u128) < u128::from(quota.burst) + refilled);
            }
        }
    }

    /// What a decision says of the next requests is what they find.
    #[test]
    fn a_decision_is_truthful(quota in quotas(), before in prop::option::of(0..8_000_000_u64)) {
        let arrival = before.map(|micros| start().after(Duration::from_micros(micros)));
        let (decision, mut kept) = quota.step(arrival, start());
        match decision.verdict {
            RateVerdict::Admitted => {
                for left in (0..decision.remaining).rev() {
                    let (next, arrival) = quota.step(Some(kept), start());
                    prop_assert!(is_admitted(&next));
                    prop_assert_eq!(next.remaining, left);
                    kept = arrival;
                }
                let (next, _) = quota.step(Some(kept), start());
                prop_assert!(!is_admitted(&next));
            }
            RateVerdict::Refused { retry_after } => {
                let at = start().after(retry_after);
                prop_assert!(!is_admitted(&quota.step(Some(kept), at.before(MICRO)).0));
                prop_assert!(is_admitted(&quota.step(Some(kept), at).0));
            }
        }
        let (_, kept) = quota.step(arrival, start());
        let full = start().after(decision.reset_after);
        prop_assert_eq!(quota.step(Some(kept), full).0.remaining, quota.burst - 1);
        if quota.burst > 1 {
            let nearly = quota.step(Some(kept), full.before(MICRO)).0;
            prop_assert_eq!(nearly.remaining, quota.burst - 2);
        }
    }
}

#[test]
fn a_burst_of_64_at_once_admits_exactly_the_quota() {
    for quota in [Quota::new(10, MINUTE), Quota::new(64, MINUTE)] {
        let limiter = MemoryRateLimiter::new();
        let (barrier, admitted) = (Barrier::new(64), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    barrier.wait();
                    if is_admitted(&limiter.check_now(&key(1), &quota, start())) {
                        admitted.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(admitted.into_inner(), quota.burst);
    }
}

/// Whoever rotates keys fills the memory, and neither makes it grow without end nor makes it forget.
#[test]
fn row_11_a_flood_of_keys_is_bounded_and_lifts_no_limit() {
    let limiter = MemoryRateLimiter::with_capacity(6_400);
    let quota = Quota::new(3, MINUTE);
    for _ in 0..3 {
        assert!(is_admitted(&limiter.check_now(&key(0), &quota, start())));
    }
    let mut admitted = 0;
    for n in 1..=100_000 {
        // Much slower than any sweep, and far too fast for a quota to be full again.
        let now = start().after(Duration::from_micros(n * 100));
        admitted += u32::from(is_admitted(&limiter.check_now(&key(n), &quota, now)));
    }
    let crowds = 64 * 16;
    assert!(limiter.len() <= 6_400 + crowds, "{}", limiter.len());
    // One for each key with room; the others have as much as their crowds.
    assert!(
        admitted <= 6_400 + 4 * u32::try_from(crowds).unwrap(),
        "{admitted}"
    );
    let after_flood = start().after(Duration::from_secs(10));
    assert!(!is_admitted(&limiter.check_now(
        &key(0),
        &quota,
        after_flood
    )));
    // It still counts what it knows, and has room again when the flood is over.
    let later = start().after(Duration::from_secs(20));
    assert!(is_admitted(&limiter.check_now(&key(0), &quota, later)));
    assert!(!is_admitted(&limiter.check_now(&key(0), &quota, later)));
    let quiet = start().after(2 * MINUTE);
    for n in 200_000..200_640 {
        let decision = limiter.check_now(&key(n), &quota, quiet);
        assert_eq!((is_admitted(&decision), decision.remaining), (true, 2));
    }
}

#[test]
fn keys_without_room_share_the_quota_of_their_crowd() {
    let limiter = MemoryRateLimiter::with_capacity(1);
    let (quota, other) = (Quota::new(5, MINUTE), Quota::new(7, MINUTE));
    for n in 0..60_000 {
        let _ = limiter.check_now(&key(n), &quota, start());
    }
    let knows = limiter.len();
    let admitted = (100_000..110_000)
        .filter(|n| is_admitted(&limiter.check_now(&key(*n), &quota, start())))
        .count();
    assert_eq!(admitted, 0, "every crowd is full");
    assert_eq!(limiter.len(), knows);
    // One limit's flood is not another's.
    assert!(is_admitted(&limiter.check_now(&key(1), &other, start())));
}

#[test]
fn what_is_full_again_is_forgotten() {
    let limiter = MemoryRateLimiter::new();
    let quota = Quota::new(10, Duration::from_secs(10));
    for n in 0..300_000 {
        let now = start().after(Duration::from_millis(n));
        assert!(is_admitted(&limiter.check_now(&key(n), &quota, now)));
    }
    // A thousand keys are live at any time; those of 64 shards are looked for at 128 a shard.
    assert!(limiter.len() <= 64 * 128, "{}", limiter.len());
}
