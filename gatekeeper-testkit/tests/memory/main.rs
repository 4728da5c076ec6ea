//! The suites of this crate, on the store in memory.

mod blacklists;
mod conformance;
mod faults;
mod rate_limit;
