//! Gatekeeper for actix-web.

mod body;
mod configure;
mod context;
mod convert;
mod current_user;
mod identify;
mod middleware;
mod rejection;
mod requirement;

pub use gatekeeper_core as core;
pub use gatekeeper_core::{
    AuthProvider, BuildError, Config, Error, Evidence, Gatekeeper, GatekeeperBuilder, Hooks,
    Identity, Provisioning, Refusal, Registration, RequestContext, Subject, Verification,
    VerifiedIdentity, config::EmailVerification, crypto::SecretKey, env::SystemRandom,
};
pub use gatekeeper_http::{Api, HttpSettings, IpNet, Problem, Requirement, SettingError, Verdict};

pub use configure::{configure, configure_with, fallback};
pub use context::Context;
pub use current_user::{CurrentUser, MaybeUser, Require};
pub use identify::Extraction;
pub use middleware::{Access, AccessFuture, AccessMiddleware, authenticate, require};
pub use rejection::Rejection;
pub use requirement::RequirementDef;
