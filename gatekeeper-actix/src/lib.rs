#![doc = include_str!("../README.md")]
//!
//! # An application with state of its own
//!
//! ```
//! use actix_web::{App, web};
//! use gatekeeper_actix::{Api, CurrentUser, Require, Requirement, configure_with, require, requirement};
//!
//! requirement!(CanExport = Requirement::role("admin") | Requirement::permission("reports:export"));
//!
//! async fn export(user: Require<CanExport>) -> String { format!("reports for {}", user.email) }
//!
//! fn routes(config: &mut web::ServiceConfig) {
//!     let office = web::scope("/office").wrap(require(Requirement::role("admin")));
//!     config
//!         .route("/me", web::get().to(async |user: CurrentUser| user.email.clone()))
//!         .route("/export", web::get().to(export))
//!         .service(office.route("/figures", web::get().to(async || "figures")));
//! }
//!
//! fn application(api: Api) {
//!     let app = App::new().configure(configure_with(api)).configure(routes);
//!     # let _ = app;
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
//! - Mount the API at the root: its cookies and its links name `/v1/auth`. A scope around it would hide that.
//! - `Option<CurrentUser>` is `None` for a wrong token too, since actix-web drops the refusal: take [`MaybeUser`].
//! - Behind a proxy every client has the proxy's address, unless the proxy is named in [`HttpSettings::trust_proxies`]. Name
//!   your own proxies and nothing else: whoever is behind a trusted address chooses the address that is seen.
//! - A body is read up to 64 KiB and no further, but for as long as the client takes: let the proxy end requests that drag on.
//! - TLS is the proxy's. Cookies and `Strict-Transport-Security` go by the scheme of the public URL, not by the connection.
//! - Make the [`Gatekeeper`] once, outside of the closure that makes the application: that one runs in every worker.
//!
//! # Names
//!
//! Everything an application needs of Gatekeeper's core is here, and all of it under [`core`].

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
pub use gatekeeper_http::{
    Admin, Api, HttpSettings, IpNet, Problem, Requirement, RequirementDef, SettingError, Verdict,
    requirement,
};

pub use configure::{configure, configure_with, fallback};
pub use context::Context;
pub use current_user::{CurrentUser, MaybeUser, Require};
pub use identify::Extraction;
pub use middleware::{
    Access, AccessFuture, AccessMiddleware, authenticate, require, require_permission, require_role,
};
pub use rejection::Rejection;
