use super::{GroupId, RoleName, TenantId, Timestamp};

/// Users who have the same roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The id.
    pub id: GroupId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The name, unique in its tenant: 1 to 100 characters.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What its members have, sorted.
    pub roles: Vec<RoleName>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When this row last changed.
    pub updated_at: Timestamp,
}
