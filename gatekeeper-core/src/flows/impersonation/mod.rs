//! Acting as another user, to see what they see.
//!
//! | state | how it comes about |
//! |---|---|
//! | acting | `begin`: a session of the user in which [`Session::impersonation`](crate::model::Session::impersonation) says who acts |
//! | over | `end`; the user ends that session; its time is over; the session it was begun from ends; the administrator loses the right |
//!
//! Threats: an administrator who becomes somebody of their own rank or above (CVE-2026-55077, CVE-2026-94000: whoever acts may do all that the
//! user may, the user not all that they may, and is not trusted with acting as others); one who keeps the account (credentials, factors,
//! address, keys, devices, other sessions are refused: [`Identity::require_oneself`](crate::Identity::require_oneself)); one who acts as
//! somebody who acts (CVE-2021-28680: no nesting, and administration is for administrators as themselves); one who goes on after they were
//! demoted, disabled or signed out (each of these ends it at once, and every refresh asks again); acts that nobody can lay at
//! anybody's door (`act` in every token, both parties in every audit event, the reason recorded, the session in the user's list).
//!
//! Such a session counts towards no limit, changes no last sign-in, is known to no device, and nothing prolongs it.
//!
//! Events: `impersonation.begun`, `impersonation.ended`. Codes: `impersonation.not_possible`, `impersonation.not_acting`,
//! `access.insufficient_rank`, `access.impersonating`.

mod begin;
mod end;
mod refresh;
mod status;

pub use begin::BeginImpersonation;
pub(crate) use refresh::{GoesOn, stands_above};
pub use status::{ImpersonationStatus, Impersonator};

use crate::Gatekeeper;

/// What it takes to act as others.
pub(crate) const PERMISSION: &str = "users:impersonate";

/// Acting as another user. From [`Gatekeeper::impersonation`].
#[derive(Clone, Copy, Debug)]
pub struct Impersonations<'a>(pub(crate) &'a Gatekeeper);
