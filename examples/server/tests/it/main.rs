//! The real program, as a process of its own, over real sockets.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of it is test code"
)]

mod account_security;
mod client;
mod commands;
mod first_start;
mod journey;
mod lifecycle;
mod mail;
mod nodes;
mod postgres;
mod readme;
mod redis;
mod redis_outage;
mod server;
mod settings;
mod tenants;
mod transfer;
