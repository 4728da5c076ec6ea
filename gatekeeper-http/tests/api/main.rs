//! The REST API against its contract, on the memory store with a clock that stands still.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of it is test code"
)]

mod access_tokens;
mod accounts;
mod adapters;
mod conventions;
mod cookies;
mod csrf;
mod failures;
mod groups;
mod hostile;
mod limits;
mod lists;
mod magic_links;
mod one_time_tokens;
mod openapi;
mod refresh;
mod roles;
mod schema;
mod second_factors;
mod second_step;
mod tenants;
mod walk;
mod world;
