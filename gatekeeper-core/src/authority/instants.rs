use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::model::Timestamp;

/// Tells changes of authority apart that happen in the same microsecond.
///
/// Nodes know a change by its instant: a second one of the same instant would be no news to a node that has heard of the first.
#[derive(Debug, Default)]
pub(crate) struct Instants(Mutex<(Timestamp, u64)>);

impl Instants {
    /// The instant given, or one just after it where that was given already.
    pub(crate) fn distinct(&self, now: Timestamp) -> Timestamp {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = if last.0 == now {
            last.1.saturating_add(1)
        } else {
            0
        };
        *last = (now, times);
        now.after(Duration::from_micros(times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_changes_have_one_instant() {
        let instants = Instants::default();
        let now = Timestamp::from_unix_seconds(1_795_000_000);
        let later = |micros| now.after(Duration::from_micros(micros));
        assert_eq!(instants.distinct(now), now);
        assert_eq!(instants.distinct(now), later(1));
        assert_eq!(instants.distinct(now), later(2));
        assert_eq!(instants.distinct(later(9)), later(9));
    }
}
