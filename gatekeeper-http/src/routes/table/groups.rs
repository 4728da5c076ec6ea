//! Groups of users.

use http::Method;

use super::super::{
    Caller::Permission,
    Input::{Fields, List},
    Route, answer,
};
use crate::endpoints::groups;

/// What whoever gives or takes roles may be told.
const RANK: &str = "access.insufficient_rank";

pub(super) static ROUTES: &[Route] = &[
    Route::get(
        "/v1/admin/groups",
        "listGroups",
        Permission("groups:read"),
        "The groups of the tenant, newest first",
        handler!(groups::list),
    )
    .reads(List)
    .answers(&[answer(200, "GroupList", "The groups.")]),
    Route::change(
        Method::POST,
        "/v1/admin/groups",
        "createGroup",
        Permission("groups:write"),
        "Make a group; with roles, that needs roles:assign too",
        handler!(groups::create),
    )
    .reads(Fields("NewGroup"))
    .answers(&[answer(201, "Group", "The group.")])
    .errors(&[RANK, "role.name_taken"]),
    Route::get(
        "/v1/admin/groups/{id}",
        "getGroup",
        Permission("groups:read"),
        "A group",
        handler!(groups::show),
    )
    .answers(&[answer(200, "Group", "The group.")])
    .errors(&["group.not_found"]),
    Route::change(
        Method::PATCH,
        "/v1/admin/groups/{id}",
        "updateGroup",
        Permission("groups:write"),
        "Change a group; other roles need roles:assign too",
        handler!(groups::update),
    )
    .reads(Fields("GroupChanges"))
    .answers(&[answer(200, "Group", "The group as it now is.")])
    .errors(&[RANK, "group.not_found", "role.name_taken"]),
    Route::change(
        Method::DELETE,
        "/v1/admin/groups/{id}",
        "deleteGroup",
        Permission("groups:write"),
        "Delete a group; one with roles needs roles:assign too",
        handler!(groups::delete),
    )
    .errors(&[RANK, "group.not_found"]),
    Route::get(
        "/v1/admin/groups/{id}/members",
        "listGroupMembers",
        Permission("groups:read"),
        "Who belongs to a group, newest first",
        handler!(groups::members),
    )
    .reads(List)
    .answers(&[answer(200, "GroupMemberList", "The members.")])
    .errors(&["group.not_found"]),
    Route::change(
        Method::PUT,
        "/v1/admin/groups/{id}/members/{user}",
        "addGroupMember",
        Permission("groups:write"),
        "Put a user into a group; needs roles:assign too",
        handler!(groups::add_member),
    )
    .errors(&[RANK, "account.not_found", "group.not_found"]),
    Route::change(
        Method::DELETE,
        "/v1/admin/groups/{id}/members/{user}",
        "removeGroupMember",
        Permission("groups:write"),
        "Take a user out of a group; needs roles:assign too",
        handler!(groups::remove_member),
    )
    .errors(&[RANK, "account.not_found", "group.not_found"]),
];
