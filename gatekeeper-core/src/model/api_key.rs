use ipnet::IpNet;

use super::{ApiKeyId, TenantId, Timestamp, UserId};

/// A key with which a program acts as a user or a service account. What is stored is enough to recognise it, not to make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// The id, which stands in the key's text.
    pub id: ApiKeyId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// As whom it acts.
    pub user_id: UserId,
    /// What its owner calls it: 1 to 100 characters.
    pub name: String,
    /// The beginning of the key's text, by which people recognise it; it holds nothing of the secret.
    pub prefix: String,
    /// SHA-256 of the key's secret, which has 256 random bits.
    pub hash: [u8; 32],
    /// Scopes: `resource:action`, `resource:*` or `*`, sorted. It may do what these *and* its owner's permissions allow.
    pub permissions: Vec<String>,
    /// From where alone it may be used; anywhere, where there are none.
    pub networks: Vec<IpNet>,
    /// Who made it, where that was somebody else: an administrator, for a service account.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused: `now >= expires_at`.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The key that a rotation put in its place.
    pub replaced_by: Option<ApiKeyId>,
}

impl ApiKey {
    /// Whether it opens anything at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}
