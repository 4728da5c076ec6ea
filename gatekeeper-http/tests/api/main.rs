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
mod api_keys;
mod audit;
mod conventions;
mod cookies;
mod csrf;
mod denials;
mod failures;
mod groups;
mod hostile;
mod impersonation;
mod invitations;
mod limits;
mod lists;
mod magic_links;
mod matrix;
mod one_time_tokens;
mod openapi;
mod organizations;
mod privacy;
mod refresh;
mod roles;
mod schema;
mod second_factors;
mod second_step;
mod tenants;
mod two_tenants;
mod users;
mod walk;
mod world;
