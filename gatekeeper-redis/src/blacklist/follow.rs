//! Following Redis: hearing news, catching up on what was missed, noticing that it is gone or was flushed.

use std::sync::atomic::Ordering;

use gatekeeper_core::{
    env::Clock,
    model::{Revocation, Timestamp},
};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{RedisBlacklist, copy::Completeness};
use crate::{
    client::{Away, pause},
    connection::Message,
};

/// Why following ended.
enum Ended {
    /// It was told to stop.
    Stopped,
    /// News do not come through any more.
    Lost,
}

impl RedisBlacklist {
    pub(super) async fn follow(&self, clock: &dyn Clock, mut shutdown: watch::Receiver<bool>) {
        let mut failures = 0;
        while !*shutdown.borrow() {
            tokio::select! {
                () = self.client.connected() => {}
                _ = shutdown.changed() => return,
            }
            let ended = self.listen(clock, &mut shutdown).await;
            if self.hearing.swap(false, Ordering::Relaxed) {
                failures = 0;
            }
            match ended {
                Ended::Stopped => return,
                Ended::Lost => {}
            }
            tokio::select! {
                () = sleep(pause(failures)) => {}
                _ = shutdown.changed() => return,
            }
            failures = failures.saturating_add(1);
        }
    }

    async fn listen(&self, clock: &dyn Clock, shutdown: &mut watch::Receiver<bool>) -> Ended {
        // Listening comes first: what is said from now on is heard, what was said before is in the copy.
        let Ok(mut news) = self.copy.listen().await else {
            return Ended::Lost;
        };
        let mut heartbeat = interval(self.client.settings().heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut sent, mut awaited) = (0_u64, None);
        let mut busy = true;
        let mut catching_up = Box::pin(self.catch_up(clock));
        loop {
            tokio::select! {
                // News before all else, so that they never wait for a long catching up.
                biased;
                message = news.next() => match message {
                    Some(message) if message.channel == self.copy.echo.as_bytes() => {
                        awaited = awaited.filter(|sent| number(&message.payload) != Some(*sent));
                    }
                    Some(message) => self.hear(&message, clock.now()),
                    None => return Ended::Lost,
                },
                // Stopped, or nobody is left to stop it.
                _ = shutdown.changed() => return Ended::Stopped,
                caught_up = &mut catching_up, if busy => {
                    if caught_up.is_err() {
                        return Ended::Lost;
                    }
                    busy = false;
                    if !self.hearing.swap(true, Ordering::Relaxed) {
                        tracing::info!("revocations are heard of through Redis");
                    }
                }
                () = self.incomplete.notified(), if !busy => {
                    catching_up = Box::pin(self.catch_up(clock));
                    busy = true;
                }
                _ = heartbeat.tick() => {
                    // The last one has had the whole time between two to come back.
                    if awaited.is_some() {
                        return Ended::Lost;
                    }
                    sent += 1;
                    awaited = Some(sent);
                    let Ok(copy) = self.copy.beat(sent).await else {
                        return Ended::Lost;
                    };
                    if !busy && (copy == Completeness::Incomplete || self.waiting().is_some()) {
                        catching_up = Box::pin(self.catch_up(clock));
                        busy = true;
                    }
                }
            }
        }
    }

    fn hear(&self, message: &Message, now: Timestamp) {
        if let Ok(news) = self.copy.entries.read_message(&message.payload) {
            self.learn(&news, now);
        } else {
            tracing::warn!(
                "a message on the channel of revocations is from no node with this secret; it is not believed"
            );
        }
    }

    pub(super) fn learn(&self, news: &[Revocation], now: Timestamp) {
        let live: Vec<_> = news
            .iter()
            .filter(|one| now < one.expires_at)
            .copied()
            .collect();
        self.store.learn(&live, now);
    }

    /// Tells what waited, sees to it that the copy is complete, and reads it.
    async fn catch_up(&self, clock: &dyn Clock) -> Result<(), Away> {
        self.tell_waiting().await?;
        if self.copy.beat(0).await? == Completeness::Incomplete {
            self.fill(clock).await?;
        }
        let mut cursor = 0;
        loop {
            let (next, page) = self.copy.page(cursor).await?;
            self.learn(&page, clock.now());
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }

    async fn tell_waiting(&self) -> Result<(), Away> {
        loop {
            let (some, overflowed) = {
                let mut waiting = self.waiting();
                let overflowed = std::mem::take(&mut waiting.overflowed);
                (std::mem::take(&mut waiting.revocations), overflowed)
            };
            if overflowed && self.copy.mark_incomplete().await.is_err() {
                self.waiting().overflowed = true;
                self.tell_later(&some);
                return Err(Away);
            }
            if some.is_empty() {
                return Ok(());
            }
            if let Err(taken) = self.copy.publish(&some).await {
                self.tell_later(some.get(taken..).unwrap_or_default());
                return Err(Away);
            }
        }
    }

    fn tell_later(&self, revocations: &[Revocation]) {
        // Those that came meanwhile wait behind.
        self.waiting()
            .revocations
            .splice(0..0, revocations.iter().copied());
    }

    /// Fills the copy from the store.
    async fn fill(&self, clock: &dyn Clock) -> Result<(), Away> {
        if !self.copy.begin_filling().await? {
            // Another node is at it; the next heartbeat asks again.
            return Ok(());
        }
        let Ok(all) = self.store.all(clock.now()).await else {
            // Without the store there is nothing to fill it with. Strict checks find nothing complete, and ask the store.
            return Ok(());
        };
        self.copy.fill_with(&all).await?;
        if self.copy.end_filling().await? {
            tracing::info!(entries = all.len(), "filled Redis with the revocations");
        }
        Ok(())
    }
}

fn number(payload: &[u8]) -> Option<u64> {
    std::str::from_utf8(payload).ok()?.parse().ok()
}
