use std::time::Instant;

use tracing::Level;

/// One line a request. Of the URL it has the path alone: a query may carry what is nobody's business.
pub(super) fn log(
    method: &str,
    path: &str,
    status: u16,
    correlation_id: Option<&str>,
    began: Instant,
) {
    let duration_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    let correlation_id = correlation_id.unwrap_or("");
    // Probes come every few seconds and say nothing as long as all is well.
    if path.starts_with("/health/") && status < 400 {
        tracing::debug!(target: "gatekeeper_server::access", method, path, status, correlation_id, duration_us);
    } else {
        tracing::info!(target: "gatekeeper_server::access", method, path, status, correlation_id, duration_us);
    }
}

/// Whether anybody reads it.
pub(super) fn is_on() -> bool {
    tracing::enabled!(target: "gatekeeper_server::access", Level::INFO)
}
