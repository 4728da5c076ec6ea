use super::{SessionId, TenantId, Timestamp, TokenId, UserId};

/// What is no longer to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RevocationTarget {
    /// One access token.
    Token(TokenId),
    /// Every access token of a session.
    Session(SessionId),
    /// Every access token of a user issued in or before this second (`iat` counts whole seconds, so the whole second is
    /// refused).
    User(UserId, Timestamp),
    /// Every access token of the tenant issued in or before this second.
    Tenant(Timestamp),
    /// What every access token of a user that was issued in or before this second says of roles and permissions is out of date. The
    /// token itself is good still.
    Authority(UserId, Timestamp),
    /// The same, of every access token of the tenant: a role's definition changed.
    TenantAuthority(Timestamp),
}

/// Access tokens that are refused although their signature and times are sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Revocation {
    /// The tenant.
    pub tenant_id: TenantId,
    /// What is refused.
    pub target: RevocationTarget,
    /// When it was revoked.
    pub revoked_at: Timestamp,
    /// When the last token it concerns has expired; the entry can then go.
    pub expires_at: Timestamp,
}
