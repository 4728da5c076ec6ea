//! Stores that fail when told to.
//!
//! [`FaultyRepository`] wraps any store, counts the calls that reach it and makes one of them go wrong.
//! [`every_call`] does that for each call that a flow makes.

mod delegate;
mod every_call;
mod plan;

pub use delegate::FaultyRepository;
pub use every_call::{Trial, every_call};
pub use plan::Fault;
