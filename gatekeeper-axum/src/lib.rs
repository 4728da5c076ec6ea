#![doc = include_str!("../README.md")]
//!
//! # An application with state of its own
//!
//! ```
//! use axum::{Router, extract::FromRef, routing::get};
//! use gatekeeper_axum::{Api, CurrentUser, Require, Requirement, requirement, router_with};
//!
//! requirement!(CanExport = Requirement::role("admin") | Requirement::permission("reports:export"));
//!
//! #[derive(Clone)]
//! struct App { api: Api, title: &'static str }
//!
//! impl FromRef<App> for Api {
//!     fn from_ref(app: &App) -> Self { app.api.clone() }
//! }
//!
//! async fn export(user: Require<CanExport>) -> String { format!("reports for {}", user.email) }
//!
//! fn application(api: Api) -> Router {
//!     Router::new()
//!         .route("/me", get(async |user: CurrentUser| user.email.clone()))
//!         .route("/export", get(export))
//!         .merge(router_with(api.clone()))
//!         .with_state(App { api, title: "Reports" })
//! }
//! ```
//!
//! # Rules
//!
//! 1. An `Authorization: Bearer` header goes before the access cookie. Where its token is wrong, the cookie is not asked.
//! 2. No token at all is nobody: [`MaybeUser`] is empty, everything else answers 401.
//! 3. A token that is wrong, expired or revoked is answered 401 everywhere, [`MaybeUser`] and [`authenticate`] included.
//! 4. Somebody who does not meet a [`Requirement`] is answered 403, and the attempt is an audit event, `access.denied`. Roles and
//!    permissions are those of this moment: a change counts from the next request on, on other nodes as soon as they hear of it.
//! 5. A cookie signs in a request that changes something only if it comes from this site; else 403.
//! 6. Where it cannot be known whether a token was revoked, the answer is 503, and nobody is let through.
//! 7. A refusal is a problem document (RFC 9457) with a correlation id and security headers, as the API itself answers.
//! 8. What [`authenticate`] or [`require`] wraps is answered with `Vary`, and with `Cache-Control: no-store` unless the handler
//!    says otherwise. Extractors alone cannot do that: wrap what a cache in front of the application could keep.
//! 9. Who is asking is found out once where a layer wraps the route, else once for each extractor; without I/O either way,
//!    unless the news of revocations are late.
//! 10. Two APIs in one application know nothing of each other's users.
//!
//! # Deployment
//!
//! - Mount the API at the root: its cookies and its links name `/v1/auth`. [`Router::nest`](axum::Router::nest) would hide that.
//! - Without [`serve`], or `into_make_service_with_connect_info`, nobody knows the client's address: audit events have none.
//! - Behind a proxy every client has the proxy's address, unless the proxy is named in [`HttpSettings::trust_proxies`]. Name
//!   your own proxies and nothing else: whoever is behind a trusted address chooses the address that is seen.
//! - A body is read up to 64 KiB and no further, but for as long as the client takes: let the proxy, or a timeout layer, end
//!   requests that drag on.
//! - TLS is the proxy's. Cookies and `Strict-Transport-Security` go by the scheme of the public URL, not by the connection.
//!
//! # Names
//!
//! Everything an application needs of Gatekeeper's core is here, and all of it under [`core`].

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
pub use gatekeeper_http::{
    Admin, Api, HttpSettings, IpNet, Problem, Requirement, RequirementDef, SettingError, Verdict,
    requirement,
};

pub use context::Context;
pub use current_user::{CurrentUser, MaybeUser, Require};
pub use layer::{
    Access, AccessFuture, AccessLayer, authenticate, require, require_permission, require_role,
};
pub use rejection::Rejection;
pub use router::{fallback, router, router_with, serve};
