//! Gatekeeper for axum.

mod body;
mod context;
mod current_user;
mod head;
mod identify;
mod layer;
mod rejection;
mod requirement;
mod router;

pub use gatekeeper_core as core;
pub use gatekeeper_core::{
    AuthProvider, BuildError, Config, Error, Evidence, Gatekeeper, GatekeeperBuilder, Hooks,
    Identity, Provisioning, Refusal, Registration, RequestContext, Subject, Verification,
    VerifiedIdentity, config::EmailVerification, crypto::SecretKey, env::SystemRandom,
};
pub use gatekeeper_http::{Api, HttpSettings, IpNet, Problem, Requirement, SettingError, Verdict};

pub use context::Context;
pub use current_user::{CurrentUser, MaybeUser, Require};
pub use layer::{Access, AccessFuture, AccessLayer, authenticate, require};
pub use rejection::Rejection;
pub use requirement::RequirementDef;
pub use router::{fallback, router, router_with, serve};
