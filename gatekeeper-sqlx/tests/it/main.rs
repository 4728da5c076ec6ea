//! What the SQL stores promise: the conformance suite on each, and what is particular to them.

#[path = "../support/mod.rs"]
mod support;

mod conformance;
mod migrations;
mod outage;
mod signal;
mod values;
