//! Tenants: made, looked at, changed, suspended and removed by whoever runs the platform; and a tenant's own settings.
//!
//! | state | what ends it |
//! |---|---|
//! | open | it is suspended, or deleted |
//! | suspended | it is resumed, or deleted |
//!
//! A suspended tenant is to its users as if there were none: no name leads to it, its sessions and access tokens are over, its mails
//! rest. What is stored stays. Once it is resumed its users sign in anew, and what was to be mailed within the last day goes out; what
//! is older is kept among the mails that were given up. The default tenant, in which the platform's administrators are, is neither
//! suspended nor deleted.
//!
//! Threats: an administrator of a tenant who would reach beyond it (permissions over tenants count in the default tenant alone,
//! whatever a role of another tenant says; every operation asks for them again in its own transaction); a tenant that makes itself
//! weaker than the application (lengths of passwords and second factors can only be made stricter) or shuts itself out (a way to sign
//! in must be left that the application offers); a tenant deleted by mistake (its slug is asked for again); tokens that outlive it
//! (they are revoked in the transaction that ends it, and the revocation stays).
//!
//! Events: `tenant.created`, `tenant.updated`, `tenant.suspended`, `tenant.resumed`, `tenant.deleted`. What the platform does stands in
//! the trail of the default tenant, and in the tenant's own without who did it: the people of one tenant are nobody's to see in
//! another. Codes: `tenant.not_found`, `tenant.slug_taken`, `tenant.default`.

mod change;
mod changes;
mod create;
mod delete;
mod rules;
mod settings;
mod show;

pub use change::TenantChanges;
pub use changes::{BrandingChanges, TenantSettingsChanges};
pub use create::NewTenant;

use super::Administration;
use crate::{
    AccessError, Error, RequestContext, TenantError,
    flows::{Record, Unit},
    gatekeeper::Inner,
    model::{Tenant, TenantId, TenantSlug},
};

/// The permission to see tenants.
const READ: &str = "tenants:read";
/// The permission to make, change and remove them.
const WRITE: &str = "tenants:write";

impl Administration<'_> {
    /// Refuses whoever does not administer the platform. It spares the store what would be refused anyway; a change asks again in its
    /// transaction.
    fn require_platform(&self, cx: &RequestContext, permission: &str) -> Result<(), Error> {
        let holds = self
            .1
            .is_none_or(|who| who.tenant_id == TenantId::DEFAULT && who.has_permission(permission));
        if cx.tenant_id == TenantId::DEFAULT && holds {
            Ok(())
        } else {
            Err(AccessError::Forbidden.into())
        }
    }
}

impl Inner {
    /// The tenant of this name, suspended or not.
    async fn named_tenant(&self, slug: &str) -> Result<Tenant, Error> {
        // What is no slug names no tenant.
        let slug = TenantSlug::parse(slug).ok_or(TenantError::NotFound)?;
        let found = self.repository.find_tenant(&slug).await?;
        found.ok_or_else(|| TenantError::NotFound.into())
    }
}

/// The call as it stands in the tenant's own trail: without the address, the device and the name of somebody of another tenant.
fn on_their_side(cx: &RequestContext, tenant: TenantId) -> RequestContext {
    RequestContext::internal(tenant, cx.correlation_id.clone())
}

/// Records what the platform did in the tenant's own trail, and what else belongs to the tenant's side of it.
async fn on_both_sides<'a>(
    unit: &mut Unit<'a>,
    theirs: &'a RequestContext,
    ours: Record,
    their_own: Record,
) -> Result<(), Error> {
    unit.record(ours).await?;
    if theirs.tenant_id == unit.tenant() {
        return Ok(());
    }
    let before = unit.go_on_as(theirs);
    let recorded = unit.record(their_own).await;
    unit.go_on_as(before);
    recorded
}

/// Which tenant it was about.
fn about(record: Record, tenant: &Tenant) -> Record {
    record
        .detail("tenant", tenant.slug.as_str())
        .detail("tenant_id", tenant.id.to_string())
}
