use serde_json::{Map, Value};

use super::{OrganizationId, RoleName, TenantId, TenantSlug, Timestamp, UserId};

/// An organisation inside a tenant. A user may be a member of several, and acts in one at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Organization {
    /// The id.
    pub id: OrganizationId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The name in addresses, unique in its tenant; of the same form as a tenant's.
    pub slug: TenantSlug,
    /// The name people read: 1 to 100 characters.
    pub name: String,
    /// What the application keeps with it; a JSON object.
    pub metadata: Map<String, Value>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When this row last changed.
    pub updated_at: Timestamp,
}

/// That a user belongs to an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The organisation.
    pub organization_id: OrganizationId,
    /// The member.
    pub user_id: UserId,
    /// What the member has while the organisation is the active one; sorted.
    pub roles: Vec<RoleName>,
    /// Since when.
    pub created_at: Timestamp,
}
