//! Accounts that come from elsewhere, many at a time.
//!
//! A row is read by the rules of where it comes from ([`ImportSource`]), checked as if somebody had typed it, and stored with the
//! hash it brought: the password is verified by that at the first sign-in, and hashed anew. So nobody has to reset anything.
//!
//! | threat | answer |
//! |---|---|
//! | a row takes over an account that is there | an address that has an account is refused; nothing is ever merged |
//! | a hash whose parameters would stall every sign-in | refused before anything is stored, see [`recognise`] |
//! | roles beyond those of whoever imports | asked for like every grant |
//! | a crash in the middle | each batch is one transaction; what was stored is refused as taken the second time |
//!
//! Events: `account.created` for each, `accounts.imported` for each batch. Refused rows change nothing and stand in no table: whoever
//! imports keeps the report.

mod batch;
mod record;
mod source;

pub use batch::MAX_IMPORT_BATCH;
pub use record::{ExportedUser, ImportedUser};
pub use source::{FirebaseProject, ImportSource};
