//! Invitations: somebody is asked to join the tenant, or an organisation in it, with roles.
//!
//! | state | how it comes about |
//! |---|---|
//! | pending | `invite`; `resend` mails it again, and lets it live anew |
//! | accepted | `accept` by whoever reads the invited mailbox; `join` by the signed-in owner of the invited address |
//! | revoked | `revoke`; a newer one to the same address and organisation |
//! | expired | nobody accepted it in time |
//!
//! The row has no token until the worker mails it: the text exists only in the sealed mail. Each mail makes a new token, and the one
//! before is dead.
//!
//! Threats, and what answers them:
//!
//! - *Used twice, or by two at once*: accepting is one guarded statement, in the unit with all that it gives.
//! - *Used late, or after it was revoked*: the same statement says so. Nothing else makes a member: neither a reset, nor a verification
//!   mail, nor a sign-up with the invited address (CVE-2023-48220).
//! - *Used by somebody else*: the account is the one of the invited address, or is made for it. Who has an account proves its password,
//!   and the second factor where there is one: the invitation waits in the pending sign-in, and is accepted in the unit that begins the
//!   session. Somebody who knows the password and reads the mailbox, but has not the second factor, accepts nothing.
//! - *An account that somebody else made with the invited address*: as long as nobody proved its mailbox, the invited person takes it
//!   over with a new password, and all that the other left is void.
//! - *Whoever invited may not do so any more*, or a role became more than they reach: that is looked at again in the unit that accepts
//!   (CVE-2024-64708, CVE-2025-13324). So are the organisation, the roles, and the domains that the tenant takes.
//! - *Mailing strangers*: so many mails to one address in an hour, and a rest between two of one invitation.
//!
//! Events: `invitation.created`, `.resent`, `.revoked`, `.accepted`; `token.refused` with the true reason. Whatever is wrong about an
//! invitation is `token.invalid` to whoever holds its link.

mod accept;
mod acceptance;
mod administer;
mod create;
mod enter;
mod inspect;
mod join;
mod standing;

use std::time::Duration;

pub(crate) use acceptance::{Acceptance, accept_in};
pub(crate) use administer::hold as hold_invitation;
pub(crate) use create::{
    Giver, ValidInvitation, hold_tenant, invite_in, resend_in, revoke_in, role_names,
};
pub(crate) use standing::{granted, held_in};

use crate::{
    Gatekeeper,
    model::{EmailAddress, OrganizationId, RoleName, SecretString, TenantSlug, Timestamp},
};

/// Invitations, for whoever was invited. From [`Gatekeeper::invitations`]. Whoever invites does so through
/// [`Administration`](crate::Administration), or in an organisation through [`Organizations`](crate::Organizations).
#[derive(Clone, Copy, Debug)]
pub struct Invitations<'a>(pub(crate) &'a Gatekeeper);

/// Somebody to be invited.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    /// The address; the one that can accept.
    pub email: String,
    /// The roles that are given on acceptance: in the organisation where there is one, else in the tenant.
    pub roles: Vec<String>,
    /// Of which organisation one becomes a member.
    pub organization: Option<OrganizationId>,
    /// How long it is good for; without it [`InvitationConfig::lifetime`](crate::config::InvitationConfig::lifetime).
    pub expires_in: Option<Duration>,
}

/// What the holder of an invitation's link shows to accept it.
#[derive(Clone, Debug)]
pub struct AcceptInvitation {
    /// The token of the link.
    pub token: SecretString,
    /// The password: of the account that the address has, or that the new account is to have.
    pub password: SecretString,
    /// What a new user wants to be called. Of no effect for who has an account.
    pub name: Option<String>,
    /// The preferred language of a new user.
    pub locale: Option<String>,
}

/// What an invitation says to whoever holds its link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationDetails {
    /// The invited address.
    pub email: EmailAddress,
    /// The tenant's slug.
    pub tenant: TenantSlug,
    /// The tenant's name.
    pub tenant_name: String,
    /// What is given.
    pub roles: Vec<RoleName>,
    /// The organisation's id and name.
    pub organization: Option<(OrganizationId, String)>,
    /// What whoever invited is called, else their address; `None` for an operator.
    pub invited_by: Option<String>,
    /// From when on it is refused.
    pub expires_at: Timestamp,
    /// Whether the address has an account, whose password accepts. To whoever reads the mailbox that is no secret.
    pub has_account: bool,
}
