//! Hears of revocations that other nodes write: `LISTEN` on a connection of its own.

use std::{sync::OnceLock, time::Duration};

use gatekeeper_core::store::RevocationSignal;
use sqlx::{
    Executor as _, PgPool,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::{
    runtime::Handle,
    sync::watch,
    task::AbortHandle,
    time::{sleep, timeout},
};

/// After how much silence the connection is tried; a server that vanished says nothing.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long it may take to connect, or to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between attempts to connect: doubled from the first to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// The listener, started when the first one asks for it and ended with the repository.
#[derive(Debug)]
pub(super) struct Signal {
    channel: String,
    started: OnceLock<Started>,
}

#[derive(Debug)]
struct Started {
    receiver: RevocationSignal,
    task: AbortHandle,
}

impl Signal {
    pub(super) const fn new(channel: String) -> Self {
        Self {
            channel,
            started: OnceLock::new(),
        }
    }

    /// A receiver; `None` outside of a runtime, where no task can be started.
    pub(super) fn subscribe(&self, pool: &PgPool) -> Option<RevocationSignal> {
        if let Some(started) = self.started.get() {
            return Some(started.receiver.clone());
        }
        let runtime = Handle::try_current().ok()?;
        let started = self.started.get_or_init(|| {
            let (sender, receiver) = watch::channel((0, false));
            let own = PgPoolOptions::new()
                .max_connections(1)
                .acquire_timeout(PATIENCE)
                .idle_timeout(None)
                .max_lifetime(None)
                .connect_lazy_with(pool.connect_options().as_ref().clone());
            let task = runtime.spawn(run(own, self.channel.clone(), sender));
            Started {
                receiver,
                task: task.abort_handle(),
            }
        });
        Some(started.receiver.clone())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(pool: PgPool, channel: String, sender: watch::Sender<(u64, bool)>) {
    let mut pause = BACKOFF.0;
    loop {
        let lost = listen(&pool, &channel, &sender, &mut pause).await;
        // Whoever follows must know before anything else happens that it may miss news.
        sender.send_if_modified(|(count, sound)| {
            let changed = *sound;
            if changed {
                *count += 1;
                *sound = false;
            }
            changed
        });
        tracing::warn!(error = %lost, "no news of revocations until the database is back");
        sleep(pause).await;
        pause = (pause * 2).min(BACKOFF.1);
    }
}

/// Listens until something goes wrong, and answers what.
async fn listen(
    pool: &PgPool,
    channel: &str,
    sender: &watch::Sender<(u64, bool)>,
    pause: &mut Duration,
) -> sqlx::Error {
    let tell = || sender.send_modify(|(count, sound)| (*count, *sound) = (*count + 1, true));
    let listener = async {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.eager_reconnect(false);
        listener.listen(channel).await?;
        Ok(listener)
    };
    let mut listener = match timeout(PATIENCE, listener).await {
        Ok(Ok(listener)) => listener,
        Ok(Err(error)) => return error,
        Err(_) => return sqlx::Error::PoolTimedOut,
    };
    *pause = BACKOFF.0;
    // What was written before now may have been missed: ask.
    tell();
    loop {
        match timeout(HEARTBEAT, listener.try_recv()).await {
            Ok(Ok(Some(_))) => tell(),
            Ok(Ok(None)) => {
                return sqlx::Error::Io(std::io::ErrorKind::ConnectionAborted.into());
            }
            Ok(Err(error)) => return error,
            Err(_) => match timeout(PATIENCE, (&mut listener).execute("SELECT 1")).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return error,
                Err(_) => return sqlx::Error::PoolTimedOut,
            },
        }
    }
}
