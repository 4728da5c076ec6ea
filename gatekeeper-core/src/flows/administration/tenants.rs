use super::Administration;
use crate::{
    Error, RequestContext, Violations,
    flows::{Record, Unit},
    model::{Branding, Event, TenantSettings},
};

/// The longest URL of a logo, in bytes.
const MAX_LOGO_URL: usize = 512;

impl Administration<'_> {
    /// What differs in the tenant from the application's settings.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub async fn tenant_settings(&self, cx: &RequestContext) -> Result<TenantSettings, Error> {
        let inner = self.0.inner();
        let found = inner.repository.find_tenant_by_id(cx.tenant_id).await?;
        Ok(found.map(|tenant| tenant.settings).unwrap_or_default())
    }

    /// Sets what differs in the tenant, as a whole. This process holds to it at once, others within ten seconds.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/session_limit/max`, `/branding/name`, `/branding/logo_url`, `/branding/color`;
    /// [`Error::Internal`] where there is no such tenant; a failure of the store.
    pub async fn set_tenant_settings(
        &self,
        cx: &RequestContext,
        settings: TenantSettings,
    ) -> Result<(), Error> {
        let mut violations = Violations::none();
        if settings.session_limit.is_some_and(|limit| limit.max == 0) {
            violations.push("/session_limit/max", "field.value", "must be at least 1");
        }
        check_branding(&mut violations, &settings.branding);
        violations.check()?;

        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let Some(mut tenant) = unit.tx().tenants().find(cx.tenant_id).await? else {
            return Err(Error::internal("the tenant of the call does not exist"));
        };
        tenant.settings = settings;
        unit.tx().tenants().update(&tenant).await?;
        unit.record(Record::success(Event::TenantUpdated)).await?;
        unit.commit().await?;
        inner.forget_tenant_settings(cx.tenant_id);
        Ok(())
    }
}

/// What stands in every mail to everybody in a tenant is held to what cannot carry more than it says.
fn check_branding(violations: &mut Violations, branding: &Branding) {
    if let Some(name) = &branding.name {
        let length = name.chars().count();
        if !(1..=64).contains(&length) || name.chars().any(char::is_control) || name.trim() != name
        {
            let detail = "must be 1 to 64 printable characters, without space around them";
            violations.push("/branding/name", "field.value", detail);
        }
    }
    if let Some(url) = &branding.logo_url {
        // As it will stand in an attribute of the mail: nothing that could end that.
        let plain = url
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\^`{|}".contains(&byte));
        let rest = url.strip_prefix("https://");
        let host = rest.is_some_and(|rest| {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            !host.is_empty() && !host.contains('@')
        });
        if !plain || !host || url.len() > MAX_LOGO_URL {
            let detail = "must be an https URL of at most 512 characters";
            violations.push("/branding/logo_url", "field.value", detail);
        }
    }
    if let Some(color) = &branding.color {
        let sound = color.strip_prefix('#').is_some_and(|digits| {
            digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        });
        if !sound {
            let detail = "must be # and six hexadecimal digits";
            violations.push("/branding/color", "field.value", detail);
        }
    }
}
