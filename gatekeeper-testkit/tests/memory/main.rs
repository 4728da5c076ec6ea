//! The suites of this crate, on the store in memory.

mod conformance;
mod faults;
