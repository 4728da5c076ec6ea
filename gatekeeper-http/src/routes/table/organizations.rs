//! Organisations and their members.

use http::Method;

use super::super::{
    Answer,
    Caller::{OrganizationPermission, Permission, User},
    Input::{Fields, List},
    Route, SIGNED_IN, answer,
};
use crate::endpoints::organizations;

const SHOWN: &[Answer] = &[answer(200, "Organization", "The organisation.")];
const MEMBERS: &[Answer] = &[answer(200, "OrganizationMemberList", "The members.")];
const MEMBER: &[Answer] = &[answer(200, "Membership", "The membership as it now is.")];

pub(super) static ROUTES: &[Route] = &[
    Route::get(
        "/v1/admin/organizations",
        "listOrganizations",
        Permission("organizations:read"),
        "Organisations, newest first",
        handler!(organizations::list),
    )
    .reads(List)
    .answers(&[answer(200, "OrganizationList", "The organisations.")]),
    Route::change(
        Method::POST,
        "/v1/admin/organizations",
        "createOrganization",
        Permission("organizations:write"),
        "Make an organisation",
        handler!(organizations::create),
    )
    .reads(Fields("NewOrganization"))
    .answers(&[answer(201, "Organization", "The organisation.")])
    .errors(&["organization.slug_taken"]),
    Route::get(
        "/v1/admin/organizations/{id}",
        "getOrganization",
        Permission("organizations:read"),
        "An organisation",
        handler!(organizations::show),
    )
    .answers(SHOWN)
    .errors(&["organization.not_found"]),
    Route::change(
        Method::PATCH,
        "/v1/admin/organizations/{id}",
        "updateOrganization",
        Permission("organizations:write"),
        "Change slug, name or metadata of an organisation",
        handler!(organizations::update),
    )
    .reads(Fields("OrganizationChanges"))
    .answers(SHOWN)
    .errors(&["organization.not_found", "organization.slug_taken"]),
    Route::change(
        Method::DELETE,
        "/v1/admin/organizations/{id}",
        "deleteOrganization",
        Permission("organizations:write"),
        "Delete an organisation with its memberships and invitations",
        handler!(organizations::delete),
    )
    .errors(&["organization.not_found"]),
    Route::get(
        "/v1/admin/organizations/{id}/members",
        "listOrganizationMembers",
        Permission("organizations:read"),
        "The members of an organisation, newest first",
        handler!(organizations::members),
    )
    .reads(List)
    .answers(MEMBERS)
    .errors(&["organization.not_found"]),
    Route::change(
        Method::PUT,
        "/v1/admin/organizations/{id}/members/{user}",
        "putOrganizationMember",
        Permission("organizations:write"),
        "Make a user a member with these roles, or give a member these roles",
        handler!(organizations::put_member),
    )
    .reads(Fields("MembershipRoles"))
    .answers(MEMBER)
    .errors(&[
        "access.insufficient_rank",
        "account.not_found",
        "organization.not_found",
        "role.not_found",
    ]),
    Route::change(
        Method::DELETE,
        "/v1/admin/organizations/{id}/members/{user}",
        "removeOrganizationMember",
        Permission("organizations:write"),
        "Take a member out of an organisation",
        handler!(organizations::remove_member),
    )
    .errors(&[
        "access.insufficient_rank",
        "account.not_found",
        "organization.member_not_found",
        "organization.not_found",
    ]),
    Route::get(
        "/v1/auth/organizations",
        "listOwnOrganizations",
        User,
        "The organisations that the user belongs to, newest first",
        handler!(organizations::list_own),
    )
    .reads(List)
    .answers(&[answer(200, "OwnOrganizationList", "The organisations.")]),
    Route::change(
        Method::DELETE,
        "/v1/auth/organizations/{id}",
        "leaveOrganization",
        User,
        "Leave an organisation",
        handler!(organizations::leave),
    )
    .errors(&["organization.not_found"]),
    Route::change(
        Method::POST,
        "/v1/auth/organization",
        "switchOrganization",
        User,
        "Make another organisation the active one, or none; goes on in a new session",
        handler!(organizations::switch),
    )
    .reads(Fields("OrganizationSwitch"))
    .answers(SIGNED_IN)
    .errors(&[
        "access.step_up_required",
        "hook.refused",
        "organization.not_found",
    ]),
    Route::get(
        "/v1/organization/members",
        "listMembers",
        OrganizationPermission("members:read"),
        "The members of the active organisation, newest first",
        handler!(organizations::members_of_active),
    )
    .reads(List)
    .answers(MEMBERS)
    .errors(&["organization.not_found"]),
    Route::change(
        Method::PUT,
        "/v1/organization/members/{id}",
        "putMember",
        OrganizationPermission("members:write"),
        "Give a member of the active organisation these roles",
        handler!(organizations::put_member_of_active),
    )
    .reads(Fields("MembershipRoles"))
    .answers(MEMBER)
    .errors(&[
        "access.insufficient_rank",
        "organization.member_not_found",
        "organization.not_found",
        "role.not_found",
    ]),
    Route::change(
        Method::DELETE,
        "/v1/organization/members/{id}",
        "removeMember",
        OrganizationPermission("members:write"),
        "Take a member out of the active organisation",
        handler!(organizations::remove_member_of_active),
    )
    .errors(&[
        "access.insufficient_rank",
        "organization.member_not_found",
        "organization.not_found",
    ]),
];
