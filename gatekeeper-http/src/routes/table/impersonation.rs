//! Acting as another user.

use gatekeeper_core::rate_limit::RateClass;
use http::Method;

use super::super::{
    Caller::{Permission, User},
    Input::Fields,
    Route, SIGNED_IN,
};
use crate::endpoints::impersonation;

pub(super) static ROUTES: &[Route] = &[
    Route::change(
        Method::POST,
        "/v1/admin/users/{id}/impersonate",
        "impersonateUser",
        Permission("users:impersonate"),
        "Act as a user, for a short while",
        handler!(impersonation::begin),
    )
    .signed_in()
    .as_oneself()
    .counted(RateClass::SignIn)
    .reads(Fields("ImpersonationRequest"))
    .answers(SIGNED_IN)
    .errors(&[
        "access.insufficient_rank",
        "account.not_found",
        "hook.refused",
        "impersonation.not_possible",
    ]),
    Route::change(
        Method::POST,
        "/v1/auth/impersonation/end",
        "endImpersonation",
        User,
        "Cease to act as a user",
        handler!(impersonation::end),
    )
    .while_impersonating()
    .errors(&["impersonation.not_acting"]),
];
