//! Redis servers that tests start, stop, kill and flush.

pub(crate) mod cluster;
pub(crate) mod node;
pub(crate) mod server;

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// How long something that must come about may take; far more than it should.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let reached = timeout(PATIENCE, async {
        while !holds().await {
            sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(reached.await.is_ok(), "waited in vain: {what}");
}
