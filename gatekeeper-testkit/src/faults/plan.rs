use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gatekeeper_core::store::{StoreError, StoreErrorKind};

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call is refused before it does anything; what comes after it works.
    Fail,
    /// The connection dies on the answer: the call is done, and its caller is told that it failed. In a transaction all
    /// later calls fail too and nothing of it stays; a commit is committed.
    FailAfter,
    /// The connection dies before the call: it and all later calls of the same transaction fail, and nothing of it stays.
    Cut,
    /// The call takes this much longer, and works.
    Delay(Duration),
}

impl Fault {
    /// Every fault that makes a call fail.
    pub const FAILURES: &'static [Self] = &[Self::Fail, Self::FailAfter, Self::Cut];
}

/// What is to go wrong, and how far the count is. Shared by a store and all its transactions.
#[derive(Debug, Default)]
pub(super) struct Plan(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    calls: u64,
    armed: Option<(u64, Fault)>,
    fired: bool,
}

impl Plan {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn calls(&self) -> u64 {
        self.state().calls
    }

    pub(super) fn fired(&self) -> bool {
        self.state().fired
    }

    pub(super) fn arm(&self, call: u64, fault: Fault) {
        *self.state() = State {
            calls: 0,
            armed: Some((call, fault)),
            fired: false,
        };
    }

    pub(super) fn disarm(&self) {
        self.state().armed = None;
    }

    pub(super) fn reset(&self) {
        *self.state() = State::default();
    }

    /// Counts a call and says what is to become of it.
    pub(super) fn next(&self) -> Option<Fault> {
        let mut state = self.state();
        state.calls += 1;
        let (call, fault) = state.armed?;
        if call != state.calls {
            return None;
        }
        state.fired = true;
        Some(fault)
    }
}

pub(super) fn failure(what: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, what)
}
