use super::{
    ActingMember, OrganizationMember, Organizations,
    put::{Newcomers, put_member_in, remove_member_in},
};
use crate::{
    AccessError, Error, Identity, OrganizationError, RequestContext, Violations,
    flows::{
        Unit,
        invitations::{Giver, role_names},
    },
    model::{Membership, OrganizationId, Page, PageRequest, TenantId, UserId},
    store::Transaction,
};

const READ: &str = "members:read";
const WRITE: &str = "members:write";

impl Organizations<'_> {
    /// The members of the active organisation, newest first. Permission in it: `members:read`.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::NotFound`] where none is active; [`AccessError::Forbidden`]; a failure of the store.
    pub async fn members(
        &self,
        cx: &RequestContext,
        who: &Identity,
        page: PageRequest,
    ) -> Result<Page<OrganizationMember>, Error> {
        let organization = Self::active(who, READ)?;
        let mut tx = self.0.inner().repository.begin().await?;
        shown(tx.as_mut(), cx.tenant_id, organization, page).await
    }

    /// Gives a member of the active organisation these roles in place of those before. Permission in it: `members:write`; and whoever
    /// does it must reach what the member may do there, and what the roles permit. Nobody becomes a member by it: see
    /// [`invite`](Self::invite).
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/roles`; [`OrganizationError::NotFound`] where none is active, [`OrganizationError::MemberNotFound`];
    /// [`AccountError::RoleNotFound`](crate::AccountError::RoleNotFound); [`AccessError::Forbidden`],
    /// [`AccessError::InsufficientRank`]; [`AccessError::Invalid`] where the session is over; a failure of the store.
    pub async fn put_member(
        &self,
        cx: &RequestContext,
        who: &Identity,
        user: UserId,
        roles: &[String],
    ) -> Result<Membership, Error> {
        let mut violations = Violations::none();
        let roles = role_names(&mut violations, roles);
        violations.check()?;
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let acting = ActingMember::hold(&mut unit, who, WRITE, Some(user)).await?;
        let organization = acting.organization;
        let giver = Giver::Member(&acting);
        let newcomers = Newcomers::Invited;
        let membership =
            put_member_in(&mut unit, giver, organization, user, roles?, newcomers).await?;
        unit.commit().await?;
        Ok(membership)
    }

    /// Takes a member out of the active organisation. Permission in it: `members:write`, and reach over what the member may do there.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::NotFound`] where none is active, [`OrganizationError::MemberNotFound`]; [`AccessError::Forbidden`],
    /// [`AccessError::InsufficientRank`]; [`AccessError::Invalid`] where the session is over; a failure of the store.
    pub async fn remove_member(
        &self,
        cx: &RequestContext,
        who: &Identity,
        user: UserId,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let acting = ActingMember::hold(&mut unit, who, WRITE, Some(user)).await?;
        let organization = acting.organization;
        remove_member_in(&mut unit, Giver::Member(&acting), organization, user).await?;
        unit.commit().await
    }

    /// The active organisation, for a read: by the token, like every read.
    pub(super) fn active(who: &Identity, permission: &str) -> Result<OrganizationId, Error> {
        let organization = who.organization.as_ref();
        let organization = organization.ok_or(OrganizationError::NotFound)?;
        if who.has_organization_permission(permission) {
            Ok(organization.id)
        } else {
            Err(AccessError::Forbidden.into())
        }
    }
}

/// Members with their addresses and names.
pub(super) async fn shown(
    tx: &mut dyn Transaction,
    tenant: TenantId,
    organization: OrganizationId,
    page: PageRequest,
) -> Result<Page<OrganizationMember>, Error> {
    let found = tx.organizations().members(tenant, organization, page);
    let found = found.await?;
    let mut items = Vec::with_capacity(found.items.len());
    for membership in found.items {
        if let Some(user) = tx.users().find(tenant, membership.user_id).await? {
            items.push(OrganizationMember {
                membership,
                email: user.email,
                name: user.name,
            });
        }
    }
    Ok(Page {
        items,
        next: found.next,
    })
}
