use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::Inner;
use crate::flows::keys::RELOAD_INTERVAL;

/// How long [`Workers::stop`] waits for what is at hand.
const DRAIN: Duration = Duration::from_secs(5);
/// How long a worker waits after the store failed it.
const BACK_OFF: Duration = Duration::from_secs(1);

/// The background tasks. They end when told to, or when this is dropped.
#[derive(Debug)]
pub(crate) struct Workers {
    stop: watch::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Workers {
    pub(super) fn new() -> Self {
        Self {
            stop: watch::Sender::new(false),
            tasks: Mutex::new(Vec::new()),
        }
    }

    /// Becomes `true`, or closes, when it is time to end.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(tokio::spawn(task));
    }

    pub(super) fn are_running(&self) -> bool {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        !tasks.is_empty() && tasks.iter().all(|task| !task.is_finished())
    }

    /// Whether they were told to end: nothing new is to be begun.
    pub(crate) fn are_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    pub(super) async fn stop(&self) {
        self.stop.send_replace(true);
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for mut task in tasks {
            if timeout(DRAIN, &mut task).await.is_err() {
                task.abort();
            }
        }
    }
}

/// Whether a task is to go on.
enum Wake {
    Work,
    Stop,
}

async fn wake(stopping: &mut watch::Receiver<bool>, signal: &Notify, pause: Duration) -> Wake {
    tokio::select! {
        biased;
        changed = stopping.changed() => match changed {
            Ok(()) if !*stopping.borrow() => Wake::Work,
            Ok(()) | Err(_) => Wake::Stop,
        },
        () = signal.notified() => Wake::Work,
        () = sleep(pause) => Wake::Work,
    }
}

/// Delivers mails until told to stop. Holds no strong reference between its rounds, so that it keeps nothing alive.
pub(super) async fn deliver_mails(
    inner: Weak<Inner>,
    signal: Arc<Notify>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut pause = Duration::ZERO;
    loop {
        if let Wake::Stop = wake(&mut stopping, &signal, pause).await {
            return;
        }
        let Some(inner) = inner.upgrade() else { return };
        pause = match inner.deliver_due().await {
            Ok(_) => inner.config.outbox.poll,
            Err(error) => {
                tracing::warn!(error = %crate::error::chain(&error), "mails cannot be delivered for now");
                BACK_OFF
            }
        };
    }
}

/// How soon after the start what is over is removed for the first time: a process that lives for less is not to do it.
const FIRST_CLEANUP: Duration = Duration::from_mins(1);

/// Removes what is kept no longer, time and again, until told to stop.
pub(super) async fn clean_up(
    inner: Weak<Inner>,
    every: Duration,
    mut stopping: watch::Receiver<bool>,
) {
    let never = Notify::new();
    let mut pause = every.min(FIRST_CLEANUP);
    loop {
        if let Wake::Stop = wake(&mut stopping, &never, pause).await {
            return;
        }
        pause = every;
        let Some(inner) = inner.upgrade() else { return };
        if let Err(error) = inner.clean_up().await {
            tracing::warn!(error = %crate::error::chain(&error), "what is over cannot be removed for now");
        }
    }
}

/// Gives rows of the audit trail their place in the chain, time and again, until told to stop.
pub(super) async fn seal_audit(inner: Weak<Inner>, mut stopping: watch::Receiver<bool>) {
    let never = Notify::new();
    let mut pause = Duration::ZERO;
    loop {
        if let Wake::Stop = wake(&mut stopping, &never, pause).await {
            return;
        }
        let Some(inner) = inner.upgrade() else { return };
        pause = inner.config.audit.seal_every;
        if let Err(error) = inner.seal_audit().await {
            tracing::warn!(error = %crate::error::chain(&error), "the audit trail cannot be sealed for now");
            pause = pause.max(BACK_OFF);
        }
    }
}

/// Takes up signing keys that other nodes made, until told to stop.
pub(super) async fn reload_keys(inner: Weak<Inner>, mut stopping: watch::Receiver<bool>) {
    let never = Notify::new();
    loop {
        if let Wake::Stop = wake(&mut stopping, &never, RELOAD_INTERVAL).await {
            return;
        }
        let Some(inner) = inner.upgrade() else { return };
        if let Err(error) = inner.reload_keys().await {
            tracing::warn!(error = %crate::error::chain(&error), "signing keys cannot be reloaded for now");
        }
    }
}

/// How often the uses of API keys are written.
const USES_EVERY: Duration = Duration::from_secs(5);

/// Writes when API keys were last used, until told to stop; what is at hand then, too.
pub(super) async fn note_key_uses(inner: Weak<Inner>, mut stopping: watch::Receiver<bool>) {
    let never = Notify::new();
    loop {
        let next = wake(&mut stopping, &never, USES_EVERY).await;
        let Some(inner) = inner.upgrade() else { return };
        if let Err(error) = inner.note_key_uses().await {
            tracing::warn!(error = %crate::error::chain(&error), "the use of API keys cannot be noted for now");
        }
        if let Wake::Stop = next {
            return;
        }
    }
}
