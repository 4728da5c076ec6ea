//! Accounts in and out, many at a time.

mod export;
mod firebase;
mod import;
mod rows;

pub(super) use export::export;
pub(super) use import::import;
