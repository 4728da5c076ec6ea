use super::{
    Administration, TenantSettingsChanges, WRITE, about, on_both_sides, on_their_side, rules,
};
use crate::{
    Error, RequestContext, TenantError, Violations,
    flows::{
        Record, Unit,
        administration::Acting,
        invitations::{Giver, NewInvitation, ValidInvitation, invite_in},
        validate,
    },
    model::{Event, RoleName, Tenant, TenantId, TenantSettings, TenantSlug},
    store::Constraint,
};

/// A tenant to be made.
#[derive(Clone, Debug, Default)]
pub struct NewTenant {
    /// Its name in headers, host names and paths.
    pub slug: String,
    /// The name people read: 1 to 100 characters.
    pub name: String,
    /// What differs in it from the application's settings.
    pub settings: TenantSettingsChanges,
    /// Who is invited to be its first administrator.
    pub admin_email: Option<String>,
}

impl Administration<'_> {
    /// Makes a tenant with its system roles and, where an address is given, invites its first administrator. Permission
    /// `tenants:write`, in the default tenant.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/slug`, `/name`, `/admin_email` and what is below `/settings`; [`TenantError::SlugTaken`];
    /// [`AccessError::Forbidden`](crate::AccessError::Forbidden); a failure of the store.
    pub async fn create_tenant(
        &self,
        cx: &RequestContext,
        input: NewTenant,
    ) -> Result<Tenant, Error> {
        self.require_platform(cx, WRITE)?;
        let inner = self.0.inner();
        let mut violations = Violations::none();
        let slug = TenantSlug::parse(&input.slug);
        if slug.is_none() {
            let detail =
                "must be 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit";
            violations.push("/slug", "field.value", detail);
        }
        rules::check_name(&mut violations, "/name", &input.name);
        let settings = input.settings.apply(TenantSettings::default());
        rules::check_settings(inner, &mut violations, "/settings", &settings);
        let admin = input
            .admin_email
            .as_deref()
            .and_then(|text| validate::email(&mut violations, "/admin_email", text));
        violations.check()?;
        let Some(slug) = slug else {
            return Err(Error::internal("a checked slug is there"));
        };
        let invitation = match &admin {
            None => None,
            Some(email) => Some(ValidInvitation::check(
                inner,
                &NewInvitation {
                    email: email.as_str().to_owned(),
                    roles: vec![RoleName::ADMIN.to_owned()],
                    organization: None,
                    expires_in: None,
                },
            )?),
        };

        let now = inner.clock.now();
        let tenant = Tenant {
            id: TenantId::new(now, inner.random.as_ref()),
            slug,
            name: input.name,
            suspended_at: None,
            created_at: now,
            updated_at: now,
            settings,
        };
        let theirs = on_their_side(cx, tenant.id);
        let mut unit = Unit::begin(inner, cx, now).await?;
        let acting = self.act(&mut unit, WRITE).await?;
        match unit.tx().tenants().insert(&tenant).await {
            Err(error) if error.is_conflict(Constraint::TenantSlug) => {
                return Err(TenantError::SlugTaken.into());
            }
            inserted => inserted?,
        }
        let event = || Record::success(Event::TenantCreated);
        let ours = about(event().by_administrator(&acting), &tenant);
        on_both_sides(&mut unit, &theirs, ours, event()).await?;
        if let Some(invitation) = invitation {
            // In nobody's name: who made the tenant is of another.
            let operator = Acting::operator(tenant.id);
            let before = unit.go_on_as(&theirs);
            invite_in(
                &mut unit,
                Giver::Administrator(&operator),
                &tenant,
                invitation,
            )
            .await?;
            unit.go_on_as(before);
        }
        // Somebody may have asked for the name before there was one.
        unit.tenant_changed(&tenant);
        unit.commit().await?;
        Ok(tenant)
    }
}
