//! What this crate promises, against real servers that are killed, stopped, flushed and started again.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test needs and does not get fails it"
)]

#[path = "../support/mod.rs"]
mod support;

mod cluster;
mod conformance;
mod lockout;
mod news;
mod outage;
mod rate_limit;
mod service;
mod strict;
