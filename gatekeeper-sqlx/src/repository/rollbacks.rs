use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::timeout};

/// How long to wait for what others undo; after that it is only the locks that are waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// The dropped transactions that the database has yet to be told of.
///
/// Dropping cannot wait, so it is done by a task, and a transaction that begins afterwards waits for that instead: what was
/// dropped before has let go of everything. Otherwise an outbox entry could still be locked, and passed over.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Rollbacks(Arc<watch::Sender<usize>>);

/// One of them, until it is dropped.
pub(super) struct Rollback(Rollbacks);

impl Rollbacks {
    pub(super) fn enter(&self) -> Rollback {
        self.0.send_modify(|count| *count += 1);
        Rollback(self.clone())
    }

    pub(super) async fn done(&self) {
        if *self.0.borrow() > 0 {
            let mut count = self.0.subscribe();
            // Too late is no error: the database keeps them apart in any case.
            let _ = timeout(PATIENCE, count.wait_for(|count| *count == 0)).await;
        }
    }
}

impl Drop for Rollback {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}
