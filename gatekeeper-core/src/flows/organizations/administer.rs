use super::{
    NewOrganization, OrganizationChanges, OrganizationMember,
    members::shown,
    put::{Newcomers, put_member_in, remove_member_in},
};
use crate::{
    Administration, Error, OrganizationError, RequestContext, Violations,
    flows::{
        Record, Unit,
        invitations::{Giver, role_names},
        validate,
    },
    model::{
        Event, Membership, Organization, OrganizationId, Page, PageRequest, TenantSlug, UserId,
    },
    store::{Constraint, StoreError},
};

const READ: &str = "organizations:read";
const WRITE: &str = "organizations:write";

impl Administration<'_> {
    /// Makes an organisation. Permission: `organizations:write`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/slug`, `/name`, `/metadata`; [`OrganizationError::SlugTaken`];
    /// [`AccessError::Forbidden`](crate::AccessError::Forbidden); a failure of the store.
    pub async fn create_organization(
        &self,
        cx: &RequestContext,
        input: NewOrganization,
    ) -> Result<Organization, Error> {
        let mut violations = Violations::none();
        let slug = slug(&mut violations, &input.slug);
        name(&mut violations, &input.name);
        validate::metadata(&mut violations, "/metadata", &input.metadata);
        violations.check()?;
        let Some(slug) = slug else {
            return Err(Error::internal("a checked slug is there"));
        };
        let inner = self.0.inner();
        let now = inner.clock.now();
        let mut unit = Unit::begin(inner, cx, now).await?;
        let acting = self.act(&mut unit, WRITE).await?;
        let organization = Organization {
            id: OrganizationId::new(now, inner.random.as_ref()),
            tenant_id: cx.tenant_id,
            slug,
            name: input.name,
            metadata: input.metadata,
            created_at: now,
            updated_at: now,
        };
        let inserted = unit.tx().organizations().insert(&organization).await;
        inserted.map_err(slug_taken)?;
        let record = Record::success(Event::OrganizationCreated).caused_by(acting.user_id());
        unit.record(naming(record, organization.id)).await?;
        unit.commit().await?;
        Ok(organization)
    }

    /// Organisations, newest first. Permission: `organizations:read`.
    ///
    /// # Errors
    ///
    /// [`AccessError::Forbidden`](crate::AccessError::Forbidden); a failure of the store.
    pub async fn organizations(
        &self,
        cx: &RequestContext,
        page: PageRequest,
    ) -> Result<Page<Organization>, Error> {
        self.require_claimed(READ)?;
        let mut tx = self.0.inner().repository.begin().await?;
        Ok(tx.organizations().list(cx.tenant_id, page).await?)
    }

    /// The organisation with this id. Permission: `organizations:read`.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::NotFound`]; [`AccessError::Forbidden`](crate::AccessError::Forbidden); a failure of the store.
    pub async fn organization(
        &self,
        cx: &RequestContext,
        organization: OrganizationId,
    ) -> Result<Organization, Error> {
        self.require_claimed(READ)?;
        let mut tx = self.0.inner().repository.begin().await?;
        let found = tx.organizations().find(cx.tenant_id, organization).await?;
        found.ok_or(OrganizationError::NotFound.into())
    }

    /// Changes an organisation. Permission: `organizations:write`.
    ///
    /// # Errors
    ///
    /// As [`create_organization`](Self::create_organization); [`OrganizationError::NotFound`].
    pub async fn update_organization(
        &self,
        cx: &RequestContext,
        organization: OrganizationId,
        changes: OrganizationChanges,
    ) -> Result<Organization, Error> {
        let mut violations = Violations::none();
        let new_slug = changes
            .slug
            .as_deref()
            .and_then(|text| slug(&mut violations, text));
        if let Some(text) = &changes.name {
            name(&mut violations, text);
        }
        if let Some(metadata) = &changes.metadata {
            validate::metadata(&mut violations, "/metadata", metadata);
        }
        violations.check()?;
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let acting = self.act(&mut unit, WRITE).await?;
        let mut found = hold(&mut unit, organization).await?;
        found.slug = new_slug.unwrap_or(found.slug);
        found.name = changes.name.unwrap_or(found.name);
        found.metadata = changes.metadata.unwrap_or(found.metadata);
        found.updated_at = unit.now();
        let updated = unit.tx().organizations().update(&found).await;
        updated.map_err(slug_taken)?;
        let record = Record::success(Event::OrganizationUpdated).caused_by(acting.user_id());
        unit.record(naming(record, organization)).await?;
        unit.commit().await?;
        Ok(found)
    }

    /// Deletes an organisation with its memberships and invitations. Sessions in which it was active go on without one; what their
    /// access tokens say of it is out of date at once. Permission: `organizations:write`.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::NotFound`]; [`AccessError::Forbidden`](crate::AccessError::Forbidden); a failure of the store.
    pub async fn delete_organization(
        &self,
        cx: &RequestContext,
        organization: OrganizationId,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let acting = self.act(&mut unit, WRITE).await?;
        // Before its invitations, like by whoever accepts one.
        hold(&mut unit, organization).await?;
        let organizations = unit.tx().organizations();
        organizations.delete(cx.tenant_id, organization).await?;
        let record = Record::success(Event::OrganizationDeleted).caused_by(acting.user_id());
        unit.record(naming(record, organization)).await?;
        // Once for all of its members, of whom there is no telling how many.
        unit.tenant_authority_changed().await?;
        unit.commit().await
    }

    /// An organisation's members, newest first. Permission: `organizations:read`.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::NotFound`]; [`AccessError::Forbidden`](crate::AccessError::Forbidden); a failure of the store.
    pub async fn organization_members(
        &self,
        cx: &RequestContext,
        organization: OrganizationId,
        page: PageRequest,
    ) -> Result<Page<OrganizationMember>, Error> {
        self.require_claimed(READ)?;
        let mut tx = self.0.inner().repository.begin().await?;
        let found = tx.organizations().find(cx.tenant_id, organization).await?;
        found.ok_or(OrganizationError::NotFound)?;
        shown(tx.as_mut(), cx.tenant_id, organization, page).await
    }

    /// Makes a user a member with these roles, or gives a member these roles in place of those before. Permission:
    /// `organizations:write`; and whoever does it must reach what the user may do in the tenant, what the member may do in the
    /// organisation, and what the roles permit.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/roles`; [`OrganizationError::NotFound`]; [`AccountError::NotFound`](crate::AccountError::NotFound),
    /// [`AccountError::RoleNotFound`](crate::AccountError::RoleNotFound); [`AccessError::Forbidden`](crate::AccessError::Forbidden),
    /// [`AccessError::InsufficientRank`](crate::AccessError::InsufficientRank); a failure of the store.
    pub async fn put_organization_member(
        &self,
        cx: &RequestContext,
        organization: OrganizationId,
        user: UserId,
        roles: &[String],
    ) -> Result<Membership, Error> {
        let mut violations = Violations::none();
        let roles = role_names(&mut violations, roles);
        violations.check()?;
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let (acting, _) = self.act_on(&mut unit, WRITE, user).await?;
        hold(&mut unit, organization).await?;
        let giver = Giver::Administrator(&acting);
        let newcomers = Newcomers::Welcome;
        let membership =
            put_member_in(&mut unit, giver, organization, user, roles?, newcomers).await?;
        unit.commit().await?;
        Ok(membership)
    }

    /// Takes a member out of an organisation. Permission: `organizations:write`, and the same reach.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::NotFound`], [`OrganizationError::MemberNotFound`];
    /// [`AccountError::NotFound`](crate::AccountError::NotFound); [`AccessError::Forbidden`](crate::AccessError::Forbidden),
    /// [`AccessError::InsufficientRank`](crate::AccessError::InsufficientRank); a failure of the store.
    pub async fn remove_organization_member(
        &self,
        cx: &RequestContext,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let (acting, _) = self.act_on(&mut unit, WRITE, user).await?;
        hold(&mut unit, organization).await?;
        let giver = Giver::Administrator(&acting);
        remove_member_in(&mut unit, giver, organization, user).await?;
        unit.commit().await
    }
}

/// An organisation, held.
async fn hold(unit: &mut Unit<'_>, organization: OrganizationId) -> Result<Organization, Error> {
    let tenant = unit.tenant();
    let organizations = unit.tx().organizations();
    let found = organizations.find_for_update(tenant, organization).await?;
    found.ok_or(OrganizationError::NotFound.into())
}

fn naming(record: Record, organization: OrganizationId) -> Record {
    record.detail("organization_id", organization.to_string())
}

fn slug_taken(error: StoreError) -> Error {
    if error.is_conflict(Constraint::OrganizationSlug) {
        OrganizationError::SlugTaken.into()
    } else {
        error.into()
    }
}

fn slug(violations: &mut Violations, text: &str) -> Option<TenantSlug> {
    let slug = TenantSlug::parse(text);
    if slug.is_none() {
        let detail =
            "must be 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit";
        violations.push("/slug", "slug.malformed", detail);
    }
    slug
}

/// It stands in mails, and on pages of people who did not choose it.
fn name(violations: &mut Violations, name: &str) {
    let length = name.chars().count();
    if !(1..=100).contains(&length) || name.chars().any(char::is_control) || name.trim() != name {
        let detail = "must be 1 to 100 printable characters, without space around them";
        violations.push("/name", "name.length", detail);
    }
}
