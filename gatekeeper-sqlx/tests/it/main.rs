//! What the SQL stores promise: the conformance suite on each, and what is particular to them.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test needs and does not get fails it"
)]

#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/mod.rs"]
mod support;

mod audit_chain;
mod conformance;
mod migrated;
mod migrations;
mod outage;
mod row_level_security;
mod signal;
mod values;
