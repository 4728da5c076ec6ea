use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gatekeeper_core::{
    CheckState,
    env::{Random, SystemRandom},
    store::{StoreError, StoreErrorKind},
};
use redis::{FromRedisValue, RedisError, RedisResult, ScriptInvocation};
use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
    time::{sleep, timeout},
};

use crate::{
    connection::{Connection, Connector, News, described, ping},
    settings::{RedisSettings, RedisSetupError},
};

/// Between attempts to connect: doubled from the first to the second, each drawn from the upper half.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));

/// A connection to Redis that is kept: one for commands, shared by all that is made of it, and one more for news. Cheap to
/// clone.
///
/// Nobody waits for a Redis that is gone: from the first failure on every call fails at once, until a task in the background
/// has reached it again. That task ends with the last clone.
#[derive(Clone)]
pub struct RedisClient {
    link: Arc<Link>,
    _keeper: Arc<Keeper>,
}

struct Link {
    settings: RedisSettings,
    connector: Connector,
    /// What commands go over at present.
    current: watch::Sender<Option<Live>>,
    /// Whether the last command was refused, over a connection that works.
    refusing: AtomicBool,
    lost: Notify,
}

#[derive(Clone)]
struct Live {
    connection: Connection,
    /// Tells this one from those before.
    number: u64,
}

/// Ends the task with the last clone of the client.
struct Keeper(AbortHandle);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Redis did not do what it was asked for. Said in the log already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Redis is away")]
pub(crate) struct Away;

impl From<Away> for StoreError {
    fn from(away: Away) -> Self {
        Self::new(StoreErrorKind::Unavailable, away)
    }
}

impl RedisClient {
    /// Connects, or begins to try: a Redis that is away is no error, and is connected to when it comes. Waits for the first
    /// attempt, for [`timeout`](RedisSettings::timeout) and a little more at most.
    ///
    /// # Errors
    ///
    /// [`RedisSetupError::Connection`] where settings cannot be used at all.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn connect(settings: RedisSettings) -> Result<Self, RedisSetupError> {
        let link = Arc::new(Link {
            connector: Connector::new(&settings)?,
            settings,
            current: watch::Sender::new(None),
            refusing: AtomicBool::new(false),
            lost: Notify::new(),
        });
        let tried = Arc::new(Notify::new());
        let task = tokio::spawn(keep(Arc::clone(&link), Arc::clone(&tried)));
        let client = Self {
            link,
            _keeper: Arc::new(Keeper(task.abort_handle())),
        };
        tried.notified().await;
        Ok(client)
    }

    /// How Redis is, as far as is known without asking.
    pub fn state(&self) -> CheckState {
        let connected = self.link.current.borrow().is_some();
        if connected && !self.link.refusing.load(Ordering::Relaxed) {
            CheckState::Up
        } else {
            CheckState::Degraded
        }
    }

    pub(crate) fn settings(&self) -> &RedisSettings {
        &self.link.settings
    }

    /// The name of a key.
    pub(crate) fn key(&self, rest: &str) -> String {
        format!("{}:{rest}", self.link.settings.prefix)
    }

    /// Runs a script, which is sent where Redis does not have it.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        invocation: &ScriptInvocation<'_>,
    ) -> Result<T, Away> {
        let Some(mut live) = self.live() else {
            return Err(Away);
        };
        let run = invocation.invoke_async(&mut live.connection);
        self.outcome(live.number, timeout(self.patience(), run).await.ok())
    }

    /// Runs a command.
    pub(crate) async fn command<T: FromRedisValue>(&self, cmd: &redis::Cmd) -> Result<T, Away> {
        let Some(mut live) = self.live() else {
            return Err(Away);
        };
        let run = cmd.query_async(&mut live.connection);
        self.outcome(live.number, timeout(self.patience(), run).await.ok())
    }

    /// Listens to channels.
    pub(crate) async fn news(&self, channels: &[&str]) -> Result<News, Away> {
        let opening = self.link.connector.news(channels);
        match timeout(self.patience() * 2, opening).await {
            Ok(Ok(news)) => Ok(news),
            Ok(Err(error)) => {
                tracing::debug!(error = described(&error), "Redis lets nobody listen");
                Err(Away)
            }
            Err(_) => Err(Away),
        }
    }

    /// Waits until there is a connection.
    pub(crate) async fn connected(&self) {
        let mut current = self.link.current.subscribe();
        // The sender lives as long as this.
        let _ = current.wait_for(Option::is_some).await;
    }

    fn live(&self) -> Option<Live> {
        self.link.current.borrow().clone()
    }

    fn patience(&self) -> Duration {
        self.link.settings.timeout
    }

    fn outcome<T>(&self, number: u64, outcome: Option<RedisResult<T>>) -> Result<T, Away> {
        match outcome {
            Some(Ok(value)) => {
                self.link.refusing.store(false, Ordering::Relaxed);
                Ok(value)
            }
            Some(Err(error)) => {
                self.link.failed(number, &error);
                Err(Away)
            }
            None => {
                self.link.lose(number, "no answer in time");
                Err(Away)
            }
        }
    }
}

impl Link {
    fn failed(&self, number: u64, error: &RedisError) {
        if error.is_timeout() || error.is_io_error() || error.is_connection_dropped() {
            self.lose(number, &described(error));
        } else if !self.refusing.swap(true, Ordering::Relaxed) {
            // It answers, and refuses: out of memory, read-only, no permission. Said once.
            tracing::warn!(error = described(error), "Redis refuses commands");
        }
    }

    /// Gives a connection up, unless it is another one by now.
    fn lose(&self, number: u64, why: &str) {
        let given_up = self.current.send_if_modified(|current| {
            let same = current.as_ref().is_some_and(|live| live.number == number);
            if same {
                *current = None;
            }
            same
        });
        if given_up {
            tracing::warn!(server = %self.settings, why, "Redis is lost; going on without it");
            self.lost.notify_one();
        }
    }
}

/// Connects, watches over the connection, connects again.
async fn keep(link: Arc<Link>, tried: Arc<Notify>) {
    let mut number = 0;
    let mut failures = 0_u32;
    loop {
        let opening = link.connector.commands();
        // Resolving, connecting and asking; in a cluster, one node after the other.
        let opened = timeout(link.settings.timeout * 2, opening).await;
        match opened {
            Ok(Ok(connection)) => {
                failures = 0;
                number += 1;
                link.refusing.store(false, Ordering::Relaxed);
                link.current.send_replace(Some(Live { connection, number }));
                tracing::info!(server = %link.settings, "connected to Redis");
                tried.notify_one();
                watch_over(&link).await;
            }
            Ok(Err(error)) if failures == 0 => {
                tracing::warn!(server = %link.settings, error = described(&error), "Redis cannot be reached; going on without it");
            }
            Err(_) if failures == 0 => {
                tracing::warn!(server = %link.settings, "Redis does not answer; going on without it");
            }
            Ok(Err(_)) | Err(_) => {}
        }
        tried.notify_one();
        sleep(pause(failures)).await;
        failures = failures.saturating_add(1);
    }
}

/// Returns when the connection is lost.
async fn watch_over(link: &Link) {
    loop {
        let Some(mut live) = link.current.borrow().clone() else {
            return;
        };
        tokio::select! {
            () = link.lost.notified() => {}
            () = sleep(link.settings.heartbeat) => {
                // A server that vanished, or was stopped, says nothing.
                match timeout(link.settings.timeout, ping(&mut live.connection)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => link.lose(live.number, &described(&error)),
                    Err(_) => link.lose(live.number, "no answer in time"),
                }
            }
        }
    }
}

/// How long to wait after so many failures in a row; not the same on any two nodes, so that a Redis that comes back is not
/// overrun.
pub(crate) fn pause(failures: u32) -> Duration {
    let (first, most) = BACKOFF;
    let whole = first
        .saturating_mul(2_u32.saturating_pow(failures.min(16)))
        .min(most);
    let random: &dyn Random = &SystemRandom;
    let [share] = random.bytes::<1>();
    whole / 2 + (whole / 512) * u32::from(share)
}

impl fmt::Debug for RedisClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisClient")
            .field("settings", &self.link.settings)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
