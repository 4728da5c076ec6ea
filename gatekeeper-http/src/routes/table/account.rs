//! What belongs to the signed-in user.

use gatekeeper_core::rate_limit::RateClass;
use http::Method;

use super::super::{
    Caller::User,
    Input::{Fields, List},
    Route, answer,
};
use crate::{
    device,
    endpoints::{history, me, sessions},
};

pub(super) static ROUTES: &[Route] = &[
    Route::get(
        "/v1/auth/me",
        "getMe",
        User,
        "The signed-in user",
        handler!(me::show),
    )
    .answers(&[answer(200, "User", "The user.")]),
    Route::change(
        Method::PATCH,
        "/v1/auth/me",
        "updateMe",
        User,
        "Change name, locale or metadata",
        handler!(me::update),
    )
    .reads(Fields("ProfileChanges"))
    .answers(&[answer(200, "User", "The user as it now is.")]),
    Route::change(
        Method::DELETE,
        "/v1/auth/me",
        "deleteMe",
        User,
        "Delete the account",
        handler!(me::delete),
    )
    .counted(RateClass::SignIn)
    .reads(Fields("PasswordConfirmation"))
    .errors(&[
        "password.current_incorrect",
        "role.last_administrator",
        "service.overloaded",
    ]),
    Route::get(
        "/v1/auth/sessions",
        "listSessions",
        User,
        "The user's sessions, newest first",
        handler!(sessions::list),
    )
    .reads(List)
    .answers(&[answer(200, "SessionList", "The sessions.")]),
    Route::change(
        Method::DELETE,
        "/v1/auth/sessions",
        "endOtherSessions",
        User,
        "End every session but this one",
        handler!(sessions::end_others),
    ),
    Route::change(
        Method::DELETE,
        "/v1/auth/sessions/{id}",
        "endSession",
        User,
        "End one session",
        handler!(sessions::end),
    )
    .errors(&["session.not_found"]),
    Route::get(
        "/v1/auth/devices",
        "listDevices",
        User,
        "The devices that the user has signed in with, newest first, at most 100",
        handler!(device::list),
    )
    .answers(&[answer(200, "DeviceList", "The devices.")]),
    Route::change(
        Method::DELETE,
        "/v1/auth/devices/{id}",
        "revokeDevice",
        User,
        "Forget a device; ends its other sessions",
        handler!(device::revoke),
    )
    .errors(&["device.not_found"]),
    Route::get(
        "/v1/auth/history",
        "listHistory",
        User,
        "The user's own security events, newest first",
        handler!(history::list),
    )
    .reads(List)
    .answers(&[answer(200, "HistoryList", "The events.")]),
];
