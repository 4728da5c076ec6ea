//! What Redis and the store say of one counter, taken together.

use gatekeeper_core::{
    lockout::{Lock, LockoutKey, LockoutState},
    model::Timestamp,
};

/// What Redis says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shared {
    pub(super) failures: u32,
    pub(super) lock: Option<Lock>,
    /// The last failure; `None` where there is nothing.
    pub(super) at: Option<Timestamp>,
}

impl Shared {
    /// Without what was counted up to this instant and forgotten then.
    pub(super) fn since(self, void_until: Option<Timestamp>) -> Self {
        if self.at <= void_until {
            Self::default()
        } else {
            self
        }
    }
}

/// Where the store keeps the instant at which a counter was forgotten while Redis was away: a row of its own, so that
/// failures counted after that do not overwrite it.
pub(super) fn void_key(key: &LockoutKey) -> LockoutKey {
    LockoutKey(key.0.map(|byte| byte ^ 0x5A))
}

/// That row: no failures, and a lock that was over as it began.
pub(super) fn void_row(at: Timestamp) -> LockoutState {
    LockoutState {
        failures: 0,
        lock: Some(Lock::Until(at)),
    }
}

/// The instant in such a row.
pub(super) fn void_until(row: &LockoutState) -> Option<Timestamp> {
    match row.lock {
        Some(Lock::Until(at)) => Some(at),
        Some(Lock::ForGood) | None => None,
    }
}

/// The higher count, and the lock that holds longer.
pub(super) fn merged(stored: &LockoutState, shared: &Shared) -> LockoutState {
    LockoutState {
        failures: stored.failures.max(shared.failures),
        lock: later(stored.lock, shared.lock),
    }
}

pub(super) fn later(one: Option<Lock>, other: Option<Lock>) -> Option<Lock> {
    match (one, other) {
        (Some(Lock::ForGood), _) | (_, Some(Lock::ForGood)) => Some(Lock::ForGood),
        (Some(Lock::Until(one)), Some(Lock::Until(other))) => Some(Lock::Until(one.max(other))),
        (lock, None) | (None, lock) => lock,
    }
}

/// A lock as Redis keeps it: `g` for good, or its end in microseconds.
pub(super) fn read_lock(text: &str) -> Option<Lock> {
    if text == "g" {
        return Some(Lock::ForGood);
    }
    let at = text.parse().ok()?;
    Some(Lock::Until(Timestamp::from_unix_micros(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stricter_of_the_two_counts_unless_it_was_forgotten_since() {
        let at = Timestamp::from_unix_seconds;
        let until = |seconds| Some(Lock::Until(at(seconds)));
        let shared = Shared {
            failures: 3,
            lock: until(20),
            at: Some(at(10)),
        };
        let stored = LockoutState {
            failures: 5,
            lock: until(15),
        };
        let both = merged(&stored, &shared);
        assert_eq!((both.failures, both.lock), (5, until(20)));
        assert_eq!(
            shared.since(void_until(&void_row(at(10)))),
            Shared::default()
        );
        assert_eq!(shared.since(void_until(&void_row(at(9)))), shared);
        assert_eq!(shared.since(void_until(&LockoutState::default())), shared);
        assert_eq!(later(Some(Lock::ForGood), until(1)), Some(Lock::ForGood));
        assert_eq!(later(None, until(1)), until(1));
        let key = LockoutKey([7; 32]);
        assert_ne!(void_key(&key), key);
        assert_eq!(void_key(&void_key(&key)), key);
    }

    #[test]
    fn a_lock_is_read_or_is_none() {
        assert_eq!(read_lock("g"), Some(Lock::ForGood));
        let at = Timestamp::from_unix_micros(7);
        assert_eq!(read_lock("7"), Some(Lock::Until(at)));
        assert_eq!(read_lock(""), None);
        assert_eq!(read_lock("1e3"), None);
    }
}
