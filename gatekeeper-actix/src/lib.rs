//! Gatekeeper for actix-web.

mod body;
mod context;
mod current_user;
mod convert;
mod identify;
mod middleware;
mod rejection;
mod requirement;
mod configure;

pub use gatekeeper_core as core;
pub use gatekeeper_core::{
    AuthProvider, BuildError, Config, Error, Evidence, Gatekeeper, GatekeeperBuilder, Hooks,
    Identity, Provisioning, Refusal, Registration, RequestContext, Subject, Verification,
    VerifiedIdentity, config::EmailVerification, crypto::SecretKey, env::SystemRandom,
};
pub use gatekeeper_http::{Api, HttpSettings, IpNet, Problem, Requirement, SettingError, Verdict};

pub use context::Context;
pub use current_user::{CurrentUser, MaybeUser, Require};
pub use identify::Extraction;
pub use middleware::{Access, AccessFuture, AccessMiddleware, authenticate, require};
pub use rejection::Rejection;
pub use requirement::RequirementDef;
pub use configure::{configure, configure_with, fallback};
