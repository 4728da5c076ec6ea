//! Authentication and authorisation for Rust applications, as a library.

mod context;
pub mod crypto;
pub mod env;
mod error;
pub mod model;
pub mod password_policy;
pub mod store;
pub mod testing;

pub use context::{MAX_USER_AGENT, RequestContext};
pub use error::{
    AccessError, AccountError, Error, ErrorClass, PasswordError, Refusal, SessionError, Violation,
    Violations,
};
