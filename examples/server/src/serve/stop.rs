use std::io;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Says when it is time to stop: at SIGTERM or SIGINT.
#[derive(Clone)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Takes the signals over, from now on.
    pub(super) fn on_signals() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("stopping: requests at hand are answered, new ones are not taken");
            sender.send_replace(true);
            // Kept, or the channel would say that nobody is left to stop.
            sender.closed().await;
        });
        Ok(Self(receiver))
    }

    /// Resolves when it is time.
    pub(super) async fn requested(&mut self) {
        // A sender that is gone cannot say it any more; it goes after it has.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
