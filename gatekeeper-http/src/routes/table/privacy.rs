//! What is kept about a user: export and erasure.

use gatekeeper_core::rate_limit::RateClass;
use http::Method;

use super::super::{
    Caller::{Permission, User},
    Route, answer,
};
use crate::endpoints::privacy;

pub(super) static ROUTES: &[Route] = &[
    Route::get(
        "/v1/auth/me/export",
        "exportMe",
        User,
        "All that is kept about the signed-in user; asks for a recent sign-in",
        handler!(privacy::export_own),
    )
    .as_oneself()
    .counted(RateClass::SignIn)
    .answers(&[answer(200, "UserExport", "All of it but secrets.")])
    .errors(&["access.step_up_required"]),
    Route::get(
        "/v1/admin/users/{id}/export",
        "exportUser",
        Permission("users:export"),
        "All that is kept about a user",
        handler!(privacy::export),
    )
    .as_oneself()
    .counted(RateClass::Write)
    .answers(&[answer(200, "UserExport", "All of it but secrets.")])
    .errors(&["access.insufficient_rank", "account.not_found"]),
    Route::change(
        Method::POST,
        "/v1/admin/users/{id}/erase",
        "eraseUser",
        Permission("users:erase"),
        "Delete an account, and erase what the audit trail holds of its user",
        handler!(privacy::erase),
    )
    .as_oneself()
    .errors(&[
        "access.insufficient_rank",
        "account.not_found",
        "role.last_administrator",
    ]),
];
