use super::{
    EmailAddress, InvitationId, OrganizationId, RoleName, TenantId, Timestamp, TokenHash, UserId,
};

/// Somebody is asked to join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The id.
    pub id: InvitationId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// Who is asked: the one address that can accept.
    pub email: EmailAddress,
    /// What is granted on acceptance: in the organisation where there is one, else in the tenant; sorted.
    pub roles: Vec<RoleName>,
    /// Of which organisation one becomes a member.
    pub organization_id: Option<OrganizationId>,
    /// Who asked; `None` for an operator at the command line, and for a platform administrator who made the tenant.
    pub invited_by: Option<UserId>,
    /// SHA-256 of the token in the last mail; `None` before the first was made.
    pub hash: Option<TokenHash>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused: `now >= expires_at`.
    pub expires_at: Timestamp,
    /// When a mail was last asked for.
    pub sent_at: Timestamp,
    /// When it was accepted.
    pub accepted_at: Option<Timestamp>,
    /// By which account.
    pub accepted_by: Option<UserId>,
    /// When it was revoked, or replaced by a newer one.
    pub revoked_at: Option<Timestamp>,
}

/// Where an invitation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvitationState {
    /// It can be accepted.
    Pending,
    /// It was accepted.
    Accepted,
    /// It was revoked, or replaced by a newer one.
    Revoked,
    /// Nobody accepted it in time.
    Expired,
}

impl InvitationState {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

impl Invitation {
    /// Where it stands at `now`.
    pub fn state(&self, now: Timestamp) -> InvitationState {
        if self.accepted_at.is_some() {
            InvitationState::Accepted
        } else if self.revoked_at.is_some() {
            InvitationState::Revoked
        } else if now >= self.expires_at {
            InvitationState::Expired
        } else {
            InvitationState::Pending
        }
    }
}
