//! Roles and permissions.

use http::Method;

use super::super::{
    Caller::Permission,
    Input::{Fields, List},
    Route, answer,
};
use crate::endpoints::roles;

/// What whoever gives or takes roles may be told.
const RANK: &str = "access.insufficient_rank";

pub(super) static ROUTES: &[Route] = &[
    Route::get(
        "/v1/admin/roles",
        "listRoles",
        Permission("roles:read"),
        "The roles of the tenant, newest first",
        handler!(roles::list),
    )
    .reads(List)
    .answers(&[answer(200, "RoleList", "The roles.")]),
    Route::change(
        Method::POST,
        "/v1/admin/roles",
        "createRole",
        Permission("roles:write"),
        "Make a role",
        handler!(roles::create),
    )
    .reads(Fields("NewRole"))
    .answers(&[answer(201, "Role", "The role.")])
    .errors(&[RANK, "role.cycle", "role.name_taken"]),
    Route::get(
        "/v1/admin/roles/{name}",
        "getRole",
        Permission("roles:read"),
        "A role",
        handler!(roles::show),
    )
    .answers(&[answer(200, "Role", "The role.")])
    .errors(&["role.not_found"]),
    Route::change(
        Method::PUT,
        "/v1/admin/roles/{name}",
        "replaceRole",
        Permission("roles:write"),
        "Change what a role permits and inherits, as a whole",
        handler!(roles::replace),
    )
    .reads(Fields("RoleDefinition"))
    .answers(&[answer(200, "Role", "The role as it now is.")])
    .errors(&[RANK, "role.cycle", "role.not_found", "role.system"]),
    Route::change(
        Method::DELETE,
        "/v1/admin/roles/{name}",
        "deleteRole",
        Permission("roles:write"),
        "Delete a role: whoever had it has it no more",
        handler!(roles::delete),
    )
    .errors(&[RANK, "role.not_found", "role.system"]),
    Route::get(
        "/v1/admin/permissions",
        "listPermissions",
        Permission("roles:read"),
        "The permissions that this API asks for, and those that roles of the tenant hold",
        handler!(roles::permissions),
    )
    .answers(&[answer(200, "PermissionList", "The permissions, by name.")]),
    Route::change(
        Method::PUT,
        "/v1/admin/users/{id}/roles/{role}",
        "grantRole",
        Permission("roles:assign"),
        "Grant a user a role",
        handler!(roles::grant),
    )
    .errors(&[RANK, "account.not_found", "role.not_found"]),
    Route::change(
        Method::DELETE,
        "/v1/admin/users/{id}/roles/{role}",
        "revokeRole",
        Permission("roles:assign"),
        "Take a role from a user",
        handler!(roles::revoke),
    )
    .errors(&[
        RANK,
        "account.not_found",
        "role.last_administrator",
        "role.not_found",
    ]),
];
