//! Every flow, one folder each.
//!
//! A flow validates its input, does what is slow (hashing, hooks) outside of any transaction, and then changes everything
//! it changes in one [`Unit`]: the change, its audit event and the mail it causes.

pub(crate) mod accounts;
pub(crate) mod administration;
pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod cleanup;
mod guesses;
pub(crate) mod impersonation;
pub(crate) mod imports;
pub(crate) mod invitations;
pub(crate) mod keys;
pub(crate) mod magic_links;
pub(crate) mod mfa;
pub(crate) mod organizations;
pub(crate) mod outbox;
pub(crate) mod passwords;
pub(crate) mod privacy;
pub(crate) mod sessions;
mod tries;
mod unit;
mod validate;

pub(crate) use guesses::{Counted, Counter, Guard, LockedNews, Telling};
pub(crate) use tries::{CodeGuards, Try};
pub(crate) use unit::{Record, Unit, audit_event};
