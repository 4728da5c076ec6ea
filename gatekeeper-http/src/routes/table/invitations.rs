//! Invitations.

use gatekeeper_core::rate_limit::RateClass;
use http::Method;

use super::super::{
    Answer,
    Caller::{OrganizationPermission, Permission, Public, User},
    FIRST_FACTOR,
    Input::{Fields, List},
    Route, answer,
};
use crate::endpoints::invitations;

const LISTED: &[Answer] = &[answer(200, "InvitationList", "The invitations.")];
const MADE: &[Answer] = &[answer(
    201,
    "Invitation",
    "The invitation; its link is mailed.",
)];
const RENEWED: &[Answer] = &[answer(200, "Invitation", "The invitation as it now is.")];

/// What inviting may be refused for.
const OF_INVITING: &[&str] = &[
    "access.insufficient_rank",
    "account.domain_not_allowed",
    "invitation.already_member",
    "organization.not_found",
    "role.not_found",
];
const OF_RESENDING: &[&str] = &[
    "access.insufficient_rank",
    "invitation.not_found",
    "invitation.settled",
    "organization.not_found",
    "role.not_found",
];
const OF_REVOKING: &[&str] = &[
    "invitation.not_found",
    "invitation.settled",
    "organization.not_found",
];

pub(super) static ROUTES: &[Route] = &[
    Route::get(
        "/v1/admin/invitations",
        "listInvitations",
        Permission("invitations:read"),
        "Invitations to the tenant and its organisations, newest first",
        handler!(invitations::list),
    )
    .reads(List)
    .answers(LISTED),
    Route::change(
        Method::POST,
        "/v1/admin/invitations",
        "createInvitation",
        Permission("invitations:write"),
        "Invite somebody, with roles in the tenant or in an organisation",
        handler!(invitations::create),
    )
    .reads(Fields("NewInvitation"))
    .answers(MADE)
    .errors(OF_INVITING),
    Route::change(
        Method::DELETE,
        "/v1/admin/invitations/{id}",
        "revokeInvitation",
        Permission("invitations:write"),
        "Revoke an invitation; its link is dead at once",
        handler!(invitations::revoke),
    )
    .errors(OF_REVOKING),
    Route::change(
        Method::POST,
        "/v1/admin/invitations/{id}/resend",
        "resendInvitation",
        Permission("invitations:write"),
        "Mail an invitation again, with a new link; it lives anew",
        handler!(invitations::resend),
    )
    .answers(RENEWED)
    .errors(OF_RESENDING),
    Route::get(
        "/v1/organization/invitations",
        "listOrganizationInvitations",
        OrganizationPermission("invitations:read"),
        "Invitations to the active organisation, newest first",
        handler!(invitations::list_of_organization),
    )
    .reads(List)
    .answers(LISTED)
    .errors(&["organization.not_found"]),
    Route::change(
        Method::POST,
        "/v1/organization/invitations",
        "createOrganizationInvitation",
        OrganizationPermission("invitations:write"),
        "Invite somebody to the active organisation",
        handler!(invitations::create_in_organization),
    )
    .reads(Fields("NewOrganizationInvitation"))
    .answers(MADE)
    .errors(OF_INVITING),
    Route::change(
        Method::DELETE,
        "/v1/organization/invitations/{id}",
        "revokeOrganizationInvitation",
        OrganizationPermission("invitations:write"),
        "Revoke an invitation to the active organisation",
        handler!(invitations::revoke_in_organization),
    )
    .errors(OF_REVOKING),
    Route::change(
        Method::POST,
        "/v1/organization/invitations/{id}/resend",
        "resendOrganizationInvitation",
        OrganizationPermission("invitations:write"),
        "Mail an invitation to the active organisation again",
        handler!(invitations::resend_in_organization),
    )
    .answers(RENEWED)
    .errors(OF_RESENDING),
    Route::change(
        Method::POST,
        "/v1/auth/invitations/inspect",
        "inspectInvitation",
        Public,
        "What an invitation is about, for the page that its link leads to; changes nothing",
        handler!(invitations::inspect),
    )
    .counted(RateClass::Redeem)
    .reads(Fields("TokenRequest"))
    .answers(&[answer(200, "InvitationDetails", "What it is about.")])
    .errors(&["request.missing_token", "token.invalid"]),
    Route::change(
        Method::POST,
        "/v1/auth/invitations/accept",
        "acceptInvitation",
        Public,
        "Accept an invitation: with the password of the account that the address has, or with one for a new account",
        handler!(invitations::accept),
    )
    .counted(RateClass::SignIn)
    .reads(Fields("InvitationAcceptance"))
    .answers(FIRST_FACTOR)
    .errors(&[
        "hook.refused",
        "password.change_required",
        "password.invalid_credentials",
        "request.missing_token",
        "service.overloaded",
        "session.limit_reached",
        "token.invalid",
    ]),
    Route::change(
        Method::POST,
        "/v1/auth/invitations/join",
        "joinByInvitation",
        User,
        "Accept an invitation as whoever is signed in, with the invited address",
        handler!(invitations::join),
    )
    .counted(RateClass::Redeem)
    .reads(Fields("TokenRequest"))
    .answers(&[answer(
        200,
        "InvitationAccepted",
        "Accepted; what it gives stands in access tokens from the next refresh on.",
    )])
    .errors(&[
        "access.step_up_required",
        "request.missing_token",
        "token.invalid",
    ]),
];
