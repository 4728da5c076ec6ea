#![doc = include_str!("../README.md")]

pub mod access;
pub mod blacklist;
pub mod faults;
pub mod flows;
pub mod lockout;
pub mod rate_limit;
pub mod rest;
pub mod sample;
pub mod store;
mod suite;
mod totp;

pub use suite::Case;

#[doc(hidden)]
pub mod __private {
    pub use crate::{
        blacklist::run as run_blacklist,
        flows::{run as run_flow, run_faults, run_machines},
        lockout::run as run_lockout,
        rate_limit::run as run_rate_limit,
        store::run,
    };
}
