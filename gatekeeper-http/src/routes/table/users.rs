//! Administration of users.

use http::Method;

use super::super::{
    Caller::Permission,
    Input::{Fields, List, ListBy},
    Route, answer,
};
use crate::endpoints::users;

const READ: super::super::Caller = Permission("users:read");
const WRITE: super::super::Caller = Permission("users:write");

pub(super) static ROUTES: &[Route] = &[
    Route::get(
        "/v1/admin/users",
        "listUsers",
        READ,
        "The users, newest first; or those that a search finds",
        handler!(users::list),
    )
    .reads(ListBy(&["UserQuery", "UserRole", "UserStatus"]))
    .answers(&[answer(200, "UserList", "The users.")]),
    Route::change(
        Method::POST,
        "/v1/admin/users",
        "createUser",
        WRITE,
        "Make an account; its owner is mailed a link to set the password",
        handler!(users::create),
    )
    .reads(Fields("NewUser"))
    .answers(&[answer(201, "ManagedUser", "The user.")])
    .errors(&[
        "access.insufficient_rank",
        "account.email_taken",
        "role.not_found",
    ]),
    Route::get(
        "/v1/admin/users/{id}",
        "getUser",
        READ,
        "A user",
        handler!(users::show),
    )
    .answers(&[answer(200, "ManagedUser", "The user.")])
    .errors(&["account.not_found"]),
    Route::change(
        Method::PATCH,
        "/v1/admin/users/{id}",
        "updateUser",
        WRITE,
        "Change name, locale, metadata or address of a user",
        handler!(users::update),
    )
    .reads(Fields("UserChanges"))
    .answers(&[answer(200, "ManagedUser", "The user as it now is.")])
    .errors(&[
        "access.insufficient_rank",
        "account.email_taken",
        "account.not_found",
    ]),
    Route::change(
        Method::DELETE,
        "/v1/admin/users/{id}",
        "deleteUser",
        Permission("users:delete"),
        "Delete an account",
        handler!(users::delete),
    )
    .errors(CLOSE),
    Route::change(
        Method::POST,
        "/v1/admin/users/{id}/disable",
        "disableUser",
        WRITE,
        "Disable an account; ends every session and link",
        handler!(users::disable),
    )
    .errors(CLOSE),
    Route::change(
        Method::POST,
        "/v1/admin/users/{id}/enable",
        "enableUser",
        WRITE,
        "Enable an account again",
        handler!(users::enable),
    )
    .errors(ON_USER),
    Route::change(
        Method::POST,
        "/v1/admin/users/{id}/unlock",
        "unlockUser",
        WRITE,
        "Lift the locks that wrong guesses put on an account",
        handler!(users::unlock),
    )
    .errors(ON_USER),
    Route::change(
        Method::POST,
        "/v1/admin/users/{id}/logout",
        "signOutUser",
        WRITE,
        "End every session of a user",
        handler!(users::sign_out),
    )
    .errors(ON_USER),
    Route::change(
        Method::POST,
        "/v1/admin/users/{id}/password-reset",
        "resetUserPassword",
        WRITE,
        "Make a password void, end every session and link, and mail a link to set a new one",
        handler!(users::reset_password),
    )
    .errors(ON_USER),
    Route::get(
        "/v1/admin/users/{id}/sessions",
        "listUserSessions",
        READ,
        "A user's sessions, newest first",
        handler!(users::sessions),
    )
    .reads(List)
    .answers(&[answer(200, "SessionList", "The sessions.")])
    .errors(&["account.not_found"]),
    Route::change(
        Method::DELETE,
        "/v1/admin/users/{id}/sessions/{session}",
        "endUserSession",
        WRITE,
        "End one session of a user",
        handler!(users::end_session),
    )
    .errors(&[
        "access.insufficient_rank",
        "account.not_found",
        "session.not_found",
    ]),
    Route::get(
        "/v1/admin/statistics",
        "getStatistics",
        Permission("statistics:read"),
        "The tenant in figures",
        handler!(users::statistics),
    )
    .answers(&[answer(200, "Statistics", "The figures.")]),
];

const ON_USER: &[&str] = &["access.insufficient_rank", "account.not_found"];
const CLOSE: &[&str] = &[
    "access.insufficient_rank",
    "account.not_found",
    "role.last_administrator",
];
