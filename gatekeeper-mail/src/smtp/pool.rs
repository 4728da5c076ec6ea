use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use gatekeeper_core::env::MailError;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::sleep,
};

use super::connection::{Connection, Target};

/// Connections to one server: so many at once and no more, each kept for a while after its use.
pub(super) struct Pool {
    target: Target,
    slots: Semaphore,
    keep: Duration,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    connections: Vec<Connection>,
    /// Whether a task waits to close what lay idle for too long.
    swept: bool,
}

/// A connection with its place among the connections there may be.
pub(super) struct Taken<'a> {
    pub(super) connection: Connection,
    _slot: SemaphorePermit<'a>,
}

impl Pool {
    pub(super) fn new(target: Target, size: usize, keep: Duration) -> Arc<Self> {
        Arc::new(Self {
            target,
            slots: Semaphore::new(size),
            keep,
            idle: Mutex::default(),
        })
    }

    pub(super) const fn target(&self) -> &Target {
        &self.target
    }

    /// A connection that works: one that lay idle, or a new one. Waits while there are as many as there may be.
    pub(super) async fn take(&self) -> Result<Taken<'_>, MailError> {
        let slot = self
            .slots
            .acquire()
            .await
            .map_err(|error| MailError::Transient(error.to_string()))?;
        loop {
            let Some(mut connection) = self.lock().connections.pop() else {
                break;
            };
            // Servers close what lies idle; it is no error of the mail's.
            if connection.last_used.elapsed() < self.keep && connection.is_alive().await {
                return Ok(Taken {
                    connection,
                    _slot: slot,
                });
            }
        }
        Ok(Taken {
            connection: Connection::open(&self.target).await?,
            _slot: slot,
        })
    }

    /// Keeps a connection that did its work.
    pub(super) fn give_back(self: &Arc<Self>, taken: Taken<'_>) {
        let mut idle = self.lock();
        idle.connections.push(taken.connection);
        if !idle.swept {
            idle.swept = true;
            tokio::spawn(sweep(Arc::downgrade(self), self.keep));
        }
    }

    /// Takes out what lay idle for too long. Answers whether that was all.
    fn take_stale(&self) -> (Vec<Connection>, bool) {
        let mut idle = self.lock();
        let (stale, fresh) = std::mem::take(&mut idle.connections)
            .into_iter()
            .partition(|connection| connection.last_used.elapsed() >= self.keep);
        idle.connections = fresh;
        idle.swept = !idle.connections.is_empty();
        (stale, !idle.swept)
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sweep(pool: Weak<Pool>, keep: Duration) {
    loop {
        sleep(keep).await;
        let Some(pool) = pool.upgrade() else { return };
        let (stale, done) = pool.take_stale();
        for connection in stale {
            connection.close().await;
        }
        if done {
            return;
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}
