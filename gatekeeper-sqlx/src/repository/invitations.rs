use async_trait::async_trait;
use gatekeeper_core::{
    model::{
        Cursor, Invitation, InvitationId, NormalizedEmail, OrganizationId, Page, PageRequest,
        TenantId, Timestamp, TokenHash, UserId,
    },
    store::{Constraint, InvitationFilter, InvitationRepository, StoreError},
};

use super::{
    Call, SqlTransaction, across, conflict,
    dialect::Time,
    lists::{Lists, conditions},
    roles::names,
    rows::maybe,
    statements::statements,
    users::{bound, limit},
    within,
};
use crate::settings::Templates;

statements! {
    find = "SELECT {invitation} FROM {p}invitations WHERE tenant_id = $1 AND id = $2";
    find_for_update =
        "SELECT {invitation} FROM {p}invitations WHERE tenant_id = $1 AND id = $2{for_update}";
    find_by_hash = "SELECT {invitation} FROM {p}invitations \
                    WHERE hash = $2 AND tenant_id = $1 \
                    AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $3";
    insert = "INSERT INTO {p}invitations (id, tenant_id, email, email_normalized, roles, \
                  organization_id, invited_by, hash, created_at, expires_at, sent_at, accepted_at, \
                  accepted_by, revoked_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
              ON CONFLICT DO NOTHING";
    set_hash = "UPDATE {p}invitations SET hash = $3 \
                WHERE tenant_id = $1 AND id = $2 \
                AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $4";
    renew = "UPDATE {p}invitations SET hash = NULL, sent_at = $3, expires_at = $4 \
             WHERE tenant_id = $1 AND id = $2 AND accepted_at IS NULL AND revoked_at IS NULL";
    accept = "UPDATE {p}invitations SET accepted_at = $4, accepted_by = $3 \
              WHERE hash = $2 AND tenant_id = $1 \
              AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $4 \
              RETURNING {invitation}";
    revoke = "UPDATE {p}invitations SET revoked_at = $3 \
              WHERE tenant_id = $1 AND id = $2 AND accepted_at IS NULL AND revoked_at IS NULL";
    revoke_to_tenant = "UPDATE {p}invitations SET revoked_at = $3 \
                        WHERE tenant_id = $1 AND email_normalized = $2 AND organization_id IS NULL \
                        AND accepted_at IS NULL AND revoked_at IS NULL";
    revoke_to_organization = "UPDATE {p}invitations SET revoked_at = $3 \
                              WHERE tenant_id = $1 AND email_normalized = $2 \
                              AND organization_id = $4 \
                              AND accepted_at IS NULL AND revoked_at IS NULL";
    erase_for_email = "DELETE FROM {p}invitations WHERE id IN ( \
                           SELECT id FROM {p}invitations \
                           WHERE tenant_id = $1 AND email_normalized = $2 LIMIT $3)";
    purge_expired = "DELETE FROM {p}invitations WHERE id IN (SELECT id FROM ( \
                         SELECT id FROM (SELECT id FROM {p}invitations \
                             WHERE expires_at < $1 ORDER BY expires_at LIMIT $2{skip_locked}) AS a \
                         UNION SELECT id FROM (SELECT id FROM {p}invitations \
                             WHERE accepted_at < $1 ORDER BY accepted_at LIMIT $2{skip_locked}) AS b \
                         UNION SELECT id FROM (SELECT id FROM {p}invitations \
                             WHERE revoked_at < $1 ORDER BY revoked_at LIMIT $2{skip_locked}) AS c \
                     ) AS old LIMIT $2)";
}

/// By address, organisation, and whether they can be accepted.
pub(super) fn lists(templates: &Templates) -> Lists<3> {
    let texts = [
        "email_normalized =",
        "organization_id =",
        "accepted_at IS NULL AND revoked_at IS NULL AND expires_at >",
    ];
    Lists::new(templates, |wanted| {
        format!(
            "SELECT {{invitation}} FROM {{p}}invitations \
             WHERE tenant_id = $1 AND (created_at, id) < ($2, $3) {}\
             ORDER BY created_at DESC, id DESC LIMIT $4",
            conditions(wanted, texts, 5)
        )
    })
}

fn one<'q>(sql: &sqlx::SqlStr, tenant: TenantId, invitation: InvitationId) -> Call<'q> {
    within(tenant, sql)
        .bind(tenant.as_uuid())
        .bind(invitation.as_uuid())
}

#[async_trait]
impl InvitationRepository for SqlTransaction {
    async fn find(
        &mut self,
        tenant: TenantId,
        invitation: InvitationId,
    ) -> Result<Option<Invitation>, StoreError> {
        let call = one(&self.sql.invitations.find, tenant, invitation);
        self.fetch_one(call).await
    }

    async fn find_for_update(
        &mut self,
        tenant: TenantId,
        invitation: InvitationId,
    ) -> Result<Option<Invitation>, StoreError> {
        let call = one(&self.sql.invitations.find_for_update, tenant, invitation);
        self.fetch_one(call).await
    }

    async fn find_by_hash(
        &mut self,
        tenant: TenantId,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Invitation>, StoreError> {
        let call = within(tenant, &self.sql.invitations.find_by_hash)
            .bind(tenant.as_uuid())
            .bind(hash.0.as_slice())
            .bind(Time(now));
        self.fetch_one(call).await
    }

    async fn insert(&mut self, invitation: &Invitation) -> Result<(), StoreError> {
        let call = within(invitation.tenant_id, &self.sql.invitations.insert)
            .bind(invitation.id.as_uuid())
            .bind(invitation.tenant_id.as_uuid())
            .bind(invitation.email.as_str())
            .bind(invitation.email.normalized().as_str())
            .bind(names(&invitation.roles).join(" "))
            .bind(invitation.organization_id.map(|id| id.as_uuid()))
            .bind(invitation.invited_by.map(|user| user.as_uuid()))
            .bind(invitation.hash.as_ref().map(|hash| hash.0.as_slice()))
            .bind(Time(invitation.created_at))
            .bind(Time(invitation.expires_at))
            .bind(Time(invitation.sent_at))
            .bind(maybe(invitation.accepted_at))
            .bind(invitation.accepted_by.map(|user| user.as_uuid()))
            .bind(maybe(invitation.revoked_at));
        match self.execute(call).await? {
            0 => Err(conflict(Constraint::Id)),
            _ => Ok(()),
        }
    }

    async fn set_hash(
        &mut self,
        tenant: TenantId,
        invitation: InvitationId,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let call = one(&self.sql.invitations.set_hash, tenant, invitation)
            .bind(hash.0.as_slice())
            .bind(Time(now));
        Ok(self.execute(call).await? > 0)
    }

    async fn renew(
        &mut self,
        tenant: TenantId,
        invitation: InvitationId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let call = one(&self.sql.invitations.renew, tenant, invitation)
            .bind(Time(now))
            .bind(Time(expires_at));
        Ok(self.execute(call).await? > 0)
    }

    async fn accept(
        &mut self,
        tenant: TenantId,
        hash: &TokenHash,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<Invitation>, StoreError> {
        let call = within(tenant, &self.sql.invitations.accept)
            .bind(tenant.as_uuid())
            .bind(hash.0.as_slice())
            .bind(user.as_uuid())
            .bind(Time(now));
        self.fetch_one(call).await
    }

    async fn revoke(
        &mut self,
        tenant: TenantId,
        invitation: InvitationId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let call = one(&self.sql.invitations.revoke, tenant, invitation).bind(Time(now));
        Ok(self.execute(call).await? > 0)
    }

    async fn revoke_all_for_email(
        &mut self,
        tenant: TenantId,
        email: &NormalizedEmail,
        organization: Option<OrganizationId>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let sql = &self.sql.invitations;
        let call = |sql| {
            within(tenant, sql)
                .bind(tenant.as_uuid())
                .bind(email.as_str())
                .bind(Time(now))
        };
        let call = match organization {
            None => call(&sql.revoke_to_tenant),
            Some(id) => call(&sql.revoke_to_organization).bind(id.as_uuid()),
        };
        self.execute(call).await
    }

    async fn erase_for_email(
        &mut self,
        tenant: TenantId,
        email: &NormalizedEmail,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let call = within(tenant, &self.sql.invitations.erase_for_email)
            .bind(tenant.as_uuid())
            .bind(email.as_str())
            .bind(i64::from(limit));
        self.execute(call).await
    }

    async fn list(
        &mut self,
        tenant: TenantId,
        filter: &InvitationFilter,
        page: PageRequest,
    ) -> Result<Page<Invitation>, StoreError> {
        let sql = self.sql.invitation_lists.choose([
            filter.email.is_some(),
            filter.organization.is_some(),
            filter.pending_at.is_some(),
        ])?;
        let (at, id) = bound(page);
        let mut call = within(tenant, sql)
            .bind(tenant.as_uuid())
            .bind(at)
            .bind(id)
            .bind(limit(page));
        // In the order in which the conditions are numbered.
        if let Some(email) = &filter.email {
            call = call.bind(email.as_str());
        }
        if let Some(organization) = filter.organization {
            call = call.bind(organization.as_uuid());
        }
        if let Some(now) = filter.pending_at {
            call = call.bind(Time(now));
        }
        let invitations: Vec<Invitation> = self.fetch(call).await?;
        Ok(Page::from_rows(invitations, page.limit, |row| Cursor {
            at: row.created_at,
            id: row.id.as_uuid(),
        }))
    }

    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let call = across(&self.sql.invitations.purge_expired)
            .bind(Time(before))
            .bind(i64::from(limit));
        self.execute(call).await
    }
}
