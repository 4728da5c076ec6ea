//! One file a group of routes. A handler reads the body, calls a flow, and shows what came of it.

pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod email;
pub(crate) mod groups;
pub(crate) mod history;
pub(crate) mod impersonation;
pub(crate) mod invitations;
pub(crate) mod magic_link;
pub(crate) mod me;
pub(crate) mod mfa;
pub(crate) mod organizations;
pub(crate) mod password;
pub(crate) mod privacy;
pub(crate) mod refresh;
pub(crate) mod register;
pub(crate) mod roles;
pub(crate) mod service;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod tenants;
pub(crate) mod users;

use serde::Serialize;

/// `{"status": "..."}`.
#[derive(Serialize)]
struct Status {
    status: &'static str,
}

/// What a route answers that must not say whether an account exists.
const ACCEPTED: Status = Status { status: "accepted" };
