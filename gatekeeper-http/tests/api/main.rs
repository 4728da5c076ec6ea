//! The REST API against its contract, on the memory store with a clock that stands still.

mod access_tokens;
mod accounts;
mod adapters;
mod conventions;
mod cookies;
mod csrf;
mod failures;
mod hostile;
mod lists;
mod one_time_tokens;
mod openapi;
mod refresh;
mod schema;
mod tenants;
mod walk;
mod world;
