//! What the suites have in common: a case, and how it is run.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use crate::store::StoreFixture;

pub(crate) type CaseFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One case of a suite.
#[derive(Clone, Copy)]
pub struct Case {
    /// What it belongs to: `tokens`, `isolation`, ...
    pub group: &'static str,
    /// What it shows, the name of its test.
    pub name: &'static str,
    pub(crate) run: fn(StoreFixture) -> CaseFuture,
}

impl Case {
    /// Runs it.
    ///
    /// # Panics
    ///
    /// Where something promised does not hold.
    pub async fn run(&self, fixture: StoreFixture) {
        (self.run)(fixture).await;
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.group, self.name)
    }
}

/// How long a case may hang before it is called stuck: a store that waits for itself would wait for ever.
const STUCK: Duration = Duration::from_mins(2);

/// Runs the case of this name on a runtime of its own.
///
/// # Panics
///
/// Where something promised does not hold, the case hangs, or no case has the name.
#[expect(
    clippy::unwrap_used,
    reason = "a suite speaks by panicking, in the test that called it"
)]
pub(crate) fn run(cases: &[Case], name: &str, fixture: impl Future<Output = StoreFixture>) {
    let case = cases.iter().find(|case| case.name == name).unwrap();
    block_on(async { case.run(fixture.await).await });
}

/// Runs a case on a runtime of its own.
///
/// # Panics
///
/// Where something promised does not hold, or the case hangs.
#[expect(
    clippy::unwrap_used,
    reason = "a suite speaks by panicking, in the test that called it"
)]
pub(crate) fn block_on(case: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap()
        .block_on(async {
            let done = tokio::time::timeout(STUCK, case).await;
            assert!(done.is_ok(), "the case hangs");
        });
}
