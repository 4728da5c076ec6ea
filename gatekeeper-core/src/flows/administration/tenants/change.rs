use super::{
    Administration, TenantSettingsChanges, WRITE, about, on_both_sides, on_their_side, rules,
};
use crate::{
    Error, RequestContext, TenantError, Violations,
    flows::{Record, Unit, outbox::SUSPENDED},
    model::{
        Event, OutboxState, PageRequest, RevocationTarget, SessionEnd, Tenant, TenantId, Timestamp,
    },
};

/// For how long a mail that rests in a suspended tenant is worth sending: no link in it lives longer.
const WORTH_SENDING: std::time::Duration = std::time::Duration::from_hours(24);
/// How many mails are looked at at once.
const BATCH: u32 = 50;

/// What is to change of a tenant. `None` leaves it alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantChanges {
    /// The name people read.
    pub name: Option<String>,
    /// What differs in it from the application's settings.
    pub settings: Option<TenantSettingsChanges>,
    /// Whether nobody can sign in.
    pub suspended: Option<bool>,
}

/// What a change does to whether the tenant is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Suspend,
    Resume,
    Stay,
}

impl Administration<'_> {
    /// Changes a tenant, and answers it. Suspended, its sessions and access tokens end at once, and everything in it is
    /// `tenant.not_found`: on this node at once, on others within ten seconds. Permission `tenants:write`, in the default tenant.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/name` and what is below `/settings`; [`TenantError::NotFound`]; [`TenantError::Default`] where the
    /// default tenant would be suspended; [`AccessError::Forbidden`](crate::AccessError::Forbidden); a failure of the store.
    pub async fn update_tenant(
        &self,
        cx: &RequestContext,
        slug: &str,
        changes: TenantChanges,
    ) -> Result<Tenant, Error> {
        self.require_platform(cx, WRITE)?;
        let inner = self.0.inner();
        let id = inner.named_tenant(slug).await?.id;
        if id == TenantId::DEFAULT && changes.suspended == Some(true) {
            return Err(TenantError::Default.into());
        }
        let now = inner.clock.now();
        let theirs = on_their_side(cx, id);
        let mut unit = Unit::begin(inner, cx, now).await?;
        let held = unit.tx().tenants().find_for_update(id).await?;
        let acting = self.act(&mut unit, WRITE).await?;
        let before = held.ok_or(TenantError::NotFound)?;
        let mut tenant = before.clone();
        let mut violations = Violations::none();
        if let Some(name) = changes.name {
            rules::check_name(&mut violations, "/name", &name);
            tenant.name = name;
        }
        if let Some(settings) = changes.settings {
            tenant.settings = settings.apply(tenant.settings);
            rules::check_settings(inner, &mut violations, "/settings", &tenant.settings);
        }
        violations.check()?;
        let turn = match (changes.suspended, before.suspended_at) {
            (Some(true), None) => Turn::Suspend,
            (Some(false), Some(_)) => Turn::Resume,
            (Some(true), Some(_)) | (Some(false), None) | (None, _) => Turn::Stay,
        };
        let mut events = Vec::new();
        if (&tenant.name, &tenant.settings) != (&before.name, &before.settings) {
            events.push(Event::TenantUpdated);
        }
        match turn {
            Turn::Stay => {}
            Turn::Suspend => {
                tenant.suspended_at = Some(now);
                events.push(Event::TenantSuspended);
                let ours = unit.go_on_as(&theirs);
                end_everything(&mut unit, now).await?;
                unit.go_on_as(ours);
            }
            Turn::Resume => {
                tenant.suspended_at = None;
                events.push(Event::TenantResumed);
                send_what_rested(&mut unit, id, now).await?;
            }
        }
        if events.is_empty() {
            return Ok(before);
        }
        tenant.updated_at = now;
        unit.tx().tenants().update(&tenant).await?;
        for event in events {
            let ours = Record::success(event).by_administrator(&acting);
            let their_own = Record::success(event);
            on_both_sides(&mut unit, &theirs, about(ours, &tenant), their_own).await?;
        }
        unit.tenant_changed(&tenant);
        unit.commit().await?;
        inner.outbox_wake.notify_one();
        Ok(tenant)
    }

    /// Suspends a tenant: [`update_tenant`](Self::update_tenant) with nothing else. Doing it again changes nothing.
    ///
    /// # Errors
    ///
    /// As [`update_tenant`](Self::update_tenant).
    pub async fn suspend_tenant(&self, cx: &RequestContext, slug: &str) -> Result<Tenant, Error> {
        self.turn(cx, slug, true).await
    }

    /// Opens a suspended tenant again. What ended stays ended: its users sign in anew. Doing it again changes nothing.
    ///
    /// # Errors
    ///
    /// As [`update_tenant`](Self::update_tenant).
    pub async fn resume_tenant(&self, cx: &RequestContext, slug: &str) -> Result<Tenant, Error> {
        self.turn(cx, slug, false).await
    }

    async fn turn(
        &self,
        cx: &RequestContext,
        slug: &str,
        suspended: bool,
    ) -> Result<Tenant, Error> {
        let changes = TenantChanges {
            suspended: Some(suspended),
            ..TenantChanges::default()
        };
        self.update_tenant(cx, slug, changes).await
    }
}

/// Ends what is live in the tenant of the unit.
async fn end_everything(unit: &mut Unit<'_>, now: Timestamp) -> Result<(), Error> {
    let tenant = unit.tenant();
    unit.tx()
        .sessions()
        .end_all_for_tenant(tenant, SessionEnd::TenantSuspended, now)
        .await?;
    unit.revoke(RevocationTarget::Tenant(now)).await
}

/// Has the mails go out that came due while the tenant was suspended, but for those that are too old to be of use.
async fn send_what_rested(
    unit: &mut Unit<'_>,
    tenant: TenantId,
    now: Timestamp,
) -> Result<(), Error> {
    let mut page = PageRequest::first(BATCH);
    loop {
        let outbox = unit.tx().outbox();
        let dead = outbox.list(tenant, OutboxState::Dead, page).await?;
        for entry in &dead.items {
            // Newest first: all that follow are older.
            if entry.created_at.after(WORTH_SENDING) <= now {
                return Ok(());
            }
            if entry.last_error.as_deref() == Some(SUSPENDED) {
                outbox.revive(tenant, entry.id, now).await?;
            }
        }
        page.after = dead.next;
        if page.after.is_none() {
            return Ok(());
        }
    }
}
