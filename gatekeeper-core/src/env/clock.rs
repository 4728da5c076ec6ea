use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::model::Timestamp;

/// Where the current time comes from.
///
/// Flows read it once for each operation and hand the value on, so that everything one operation writes carries the
/// same instant. A store never reads a clock.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The current time, in whole microseconds.
    fn now(&self) -> Timestamp;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the system's clock is read"
    )]
    fn now(&self) -> Timestamp {
        let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            // A clock before 1970 is a broken clock: every token is then not yet valid, which is the safe answer.
            Err(_) => 0,
        };
        Timestamp::from_unix_micros(micros)
    }
}
