//! The real program, as a process of its own, over real sockets.

mod client;
mod commands;
mod first_start;
mod journey;
mod lifecycle;
mod nodes;
mod postgres;
mod server;
mod settings;
