use std::{fmt, sync::Arc};

use gatekeeper_core::store::Repository;

use super::{Fault, FaultyRepository};

/// What became of one run of a flow.
pub struct Trial<W, T> {
    /// What went wrong at which call; `None` in the first run, where nothing did.
    pub fault: Option<(u64, Fault)>,
    /// What the flow answered.
    pub outcome: T,
    /// What was prepared, on a store in which everything works again: to repeat the flow, or to go on from there.
    pub world: W,
    /// The store itself, to look at what was written.
    pub store: Arc<dyn Repository>,
}

impl<W, T: fmt::Debug> fmt::Debug for Trial<W, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial")
            .field("fault", &self.fault)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

/// Runs a flow once without a fault, and then once for each call that it made of its store and each of `faults`, always on
/// a fresh store. Each run is handed to `check`, which asserts what must hold. Answers how many calls the flow makes.
///
/// - `fresh` gives an empty store;
/// - `prepare` gets it wrapped, and makes of it what the flow needs (users, a service on the store): nothing goes wrong
///   yet, and nothing is counted;
/// - `flow` is what is tried.
///
/// A panic in `check` is told by [`Trial::fault`] which run it was: assert with it.
///
/// # Panics
///
/// Where the flow makes no call, or does not get as far in a run as it did in the first one: it then depends on something
/// other than what was prepared, and the trial would show nothing.
pub async fn every_call<W, T>(
    faults: &[Fault],
    fresh: impl AsyncFn() -> Arc<dyn Repository>,
    prepare: impl AsyncFn(Arc<dyn Repository>) -> W,
    flow: impl AsyncFn(&W) -> T,
    check: impl AsyncFn(Trial<W, T>),
) -> u64 {
    let run = async |fault: Option<(u64, Fault)>| {
        let store = fresh().await;
        let wrapped = FaultyRepository::wrap(Arc::clone(&store));
        let world = prepare(Arc::new(wrapped.clone())).await;
        match fault {
            Some((call, fault)) => wrapped.arm(call, fault),
            None => wrapped.reset(),
        }
        let outcome = flow(&world).await;
        let calls = wrapped.calls();
        assert!(
            fault.is_none() || wrapped.fired(),
            "the flow made {calls} calls and never got to {fault:?}"
        );
        wrapped.disarm();
        let trial = Trial {
            fault,
            outcome,
            world,
            store,
        };
        check(trial).await;
        calls
    };
    let calls = run(None).await;
    assert!(calls > 0, "the flow does not ask its store for anything");
    for call in 1..=calls {
        for &fault in faults {
            run(Some((call, fault))).await;
        }
    }
    calls
}
