//! The adapter answers as the bare API does, and guards an application's own routes.

mod access;
mod hang_up;
mod mounting;
mod target;
