//! Authentication and authorisation for Rust applications, as a library.

pub mod blacklist;
mod context;
pub mod crypto;
pub mod env;
mod error;
mod identity;
pub mod model;
pub mod password_policy;
mod provider;
pub mod store;
pub mod testing;

pub use config::Config;
pub use context::{MAX_USER_AGENT, RequestContext};
pub use error::{
    AccessError, AccountError, Error, ErrorClass, PasswordError, Refusal, SessionError, Violation,
    Violations,
};
pub use identity::Identity;
