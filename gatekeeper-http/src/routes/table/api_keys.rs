//! API keys and service accounts.

use http::Method;

use super::super::{
    Answer,
    Caller::{Permission, User},
    Input::{Fields, List, OptionalFields},
    Route, answer,
};
use crate::endpoints::api_keys;

const READ: &str = "api_keys:read";
const WRITE: &str = "api_keys:write";

const SHOWN: &[Answer] = &[answer(200, "ApiKey", "The key, without its secret.")];
const LISTED: &[Answer] = &[answer(200, "ApiKeyList", "The keys.")];
const MADE: &[Answer] = &[answer(
    201,
    "CreatedApiKey",
    "The key. Its text is told here and never again.",
)];

pub(super) static ROUTES: &[Route] = &[
    Route::get(
        "/v1/api-keys",
        "listApiKeys",
        User,
        "The user's API keys, newest first",
        handler!(api_keys::list),
    )
    .reads(List)
    .answers(LISTED),
    Route::change(
        Method::POST,
        "/v1/api-keys",
        "createApiKey",
        User,
        "Make an API key that may do no more than oneself",
        handler!(api_keys::create),
    )
    .reads(Fields("ApiKeyRequest"))
    .answers(MADE)
    .errors(&[
        "access.insufficient_rank",
        "api_key.limit_reached",
        "api_key.not_offered",
    ]),
    Route::get(
        "/v1/api-keys/{id}",
        "getApiKey",
        User,
        "One of the user's API keys",
        handler!(api_keys::show),
    )
    .answers(SHOWN)
    .errors(&["api_key.not_found"]),
    Route::change(
        Method::DELETE,
        "/v1/api-keys/{id}",
        "revokeApiKey",
        User,
        "Revoke an API key: it opens nothing any more",
        handler!(api_keys::revoke),
    )
    .errors(&["api_key.not_found"]),
    Route::change(
        Method::POST,
        "/v1/api-keys/{id}/rotate",
        "rotateApiKey",
        User,
        "Put a new API key in the place of one, which lives on for a grace",
        handler!(api_keys::rotate),
    )
    .reads(OptionalFields("ApiKeyRotation"))
    .answers(MADE)
    .errors(&[
        "api_key.limit_reached",
        "api_key.not_found",
        "api_key.not_offered",
        "api_key.settled",
    ]),
    Route::get(
        "/v1/admin/users/{id}/api-keys",
        "listUserApiKeys",
        Permission(READ),
        "A user's API keys, newest first",
        handler!(api_keys::list_of_user),
    )
    .reads(List)
    .answers(LISTED)
    .errors(&["account.not_found"]),
    Route::change(
        Method::POST,
        "/v1/admin/users/{id}/api-keys",
        "createUserApiKey",
        Permission(WRITE),
        "Make an API key for a service account",
        handler!(api_keys::create_for_user),
    )
    .signed_in()
    .as_oneself()
    .reads(Fields("ApiKeyRequest"))
    .answers(MADE)
    .errors(&[
        "access.insufficient_rank",
        "account.not_found",
        "api_key.limit_reached",
        "api_key.not_offered",
        "impersonation.not_possible",
    ]),
    Route::get(
        "/v1/admin/users/{id}/api-keys/{key}",
        "getUserApiKey",
        Permission(READ),
        "One of a user's API keys",
        handler!(api_keys::show_of_user),
    )
    .answers(SHOWN)
    .errors(&["account.not_found", "api_key.not_found"]),
    Route::change(
        Method::DELETE,
        "/v1/admin/users/{id}/api-keys/{key}",
        "revokeUserApiKey",
        Permission(WRITE),
        "Revoke a user's API key: it opens nothing any more",
        handler!(api_keys::revoke_of_user),
    )
    .errors(&[
        "access.insufficient_rank",
        "account.not_found",
        "api_key.not_found",
    ]),
    Route::change(
        Method::POST,
        "/v1/admin/users/{id}/api-keys/{key}/rotate",
        "rotateUserApiKey",
        Permission(WRITE),
        "Put a new API key of a service account in the place of one",
        handler!(api_keys::rotate_of_user),
    )
    .signed_in()
    .as_oneself()
    .reads(OptionalFields("ApiKeyRotation"))
    .answers(MADE)
    .errors(&[
        "access.insufficient_rank",
        "account.not_found",
        "api_key.limit_reached",
        "api_key.not_found",
        "api_key.not_offered",
        "api_key.settled",
        "impersonation.not_possible",
    ]),
    Route::get(
        "/v1/admin/service-accounts",
        "listServiceAccounts",
        Permission("service_accounts:read"),
        "Service accounts, oldest first",
        handler!(api_keys::list_service_accounts),
    )
    .reads(List)
    .answers(&[answer(200, "ServiceAccountList", "The service accounts.")]),
    Route::change(
        Method::POST,
        "/v1/admin/service-accounts",
        "createServiceAccount",
        Permission("service_accounts:write"),
        "Make a service account, which acts by API keys alone",
        handler!(api_keys::create_service_account),
    )
    .reads(Fields("ServiceAccountRequest"))
    .answers(&[answer(
        201,
        "ServiceAccount",
        "The service account. It has no rights until it is granted roles.",
    )]),
];
