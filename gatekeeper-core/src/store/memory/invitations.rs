use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{
    conflict,
    order::{LAST, newest_first, oldest_before, rows_for},
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::{
        Cursor, Invitation, InvitationId, InvitationState, NormalizedEmail, OrganizationId, Page,
        PageRequest, TenantId, Timestamp, TokenHash, UserId,
    },
    store::{Constraint, InvitationFilter, InvitationRepository, StoreError},
};

#[derive(Default)]
pub(super) struct InvitationIndex {
    hash: BTreeMap<[u8; 32], InvitationId>,
    created: BTreeSet<(TenantId, Timestamp, InvitationId)>,
    over: BTreeSet<(Timestamp, InvitationId)>,
}

/// When the invitation was or will be of no more use, whichever way comes first.
fn over_at(row: &Invitation) -> Timestamp {
    let settled = [row.accepted_at, row.revoked_at].into_iter().flatten();
    settled.min().unwrap_or(LAST).min(row.expires_at)
}

impl Row for Invitation {
    type Key = InvitationId;
    type Index = InvitationIndex;

    fn key(&self) -> InvitationId {
        self.id
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.invitations
    }

    fn index(&self, index: &mut InvitationIndex) {
        if let Some(hash) = self.hash {
            index.hash.insert(hash.0, self.id);
        }
        index
            .created
            .insert((self.tenant_id, self.created_at, self.id));
        index.over.insert((over_at(self), self.id));
    }

    fn unindex(&self, index: &mut InvitationIndex) {
        if let Some(hash) = self.hash {
            index.hash.remove(&hash.0);
        }
        index
            .created
            .remove(&(self.tenant_id, self.created_at, self.id));
        index.over.remove(&(over_at(self), self.id));
    }
}

impl State {
    fn invitation(&self, tenant: TenantId, invitation: InvitationId) -> Option<&Invitation> {
        self.invitations
            .get(&invitation)
            .filter(|row| row.tenant_id == tenant)
    }

    // Looked up by SHA-256 of 256 random bits: how long the search takes tells nothing of the token.
    fn invitation_by_hash(&self, tenant: TenantId, hash: &TokenHash) -> Option<&Invitation> {
        let id = self.invitations.by().hash.get(&hash.0)?;
        self.invitation(tenant, *id)
    }
}

/// Whether it can be accepted in this tenant at `now`.
fn is_pending(row: &Invitation, tenant: TenantId, now: Timestamp) -> bool {
    row.tenant_id == tenant && row.state(now) == InvitationState::Pending
}

/// Whether it is neither accepted nor revoked; it may have expired.
fn is_open(row: &Invitation, tenant: TenantId) -> bool {
    row.tenant_id == tenant && row.accepted_at.is_none() && row.revoked_at.is_none()
}

#[async_trait]
impl InvitationRepository for MemoryTransaction {
    async fn find(
        &mut self,
        tenant: TenantId,
        invitation: InvitationId,
    ) -> Result<Option<Invitation>, StoreError> {
        Ok(self.state.invitation(tenant, invitation).cloned())
    }

    async fn find_for_update(
        &mut self,
        tenant: TenantId,
        invitation: InvitationId,
    ) -> Result<Option<Invitation>, StoreError> {
        Ok(self.state.invitation(tenant, invitation).cloned())
    }

    async fn find_by_hash(
        &mut self,
        tenant: TenantId,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Invitation>, StoreError> {
        let found = self.state.invitation_by_hash(tenant, hash);
        Ok(found.filter(|row| is_pending(row, tenant, now)).cloned())
    }

    async fn insert(&mut self, invitation: &Invitation) -> Result<(), StoreError> {
        self.state.require_tenant(invitation.tenant_id)?;
        if let Some(organization) = invitation.organization_id {
            let tenant = invitation.tenant_id;
            if self.state.organization(tenant, organization).is_none() {
                return Err(conflict(Constraint::Reference));
            }
        }
        let invitations = &self.state.invitations;
        let hash = invitation.hash.as_ref();
        if invitations.contains(&invitation.id)
            || hash.is_some_and(|hash| invitations.by().hash.contains_key(&hash.0))
        {
            return Err(conflict(Constraint::Id));
        }
        self.put(invitation.clone());
        Ok(())
    }

    async fn set_hash(
        &mut self,
        tenant: TenantId,
        invitation: InvitationId,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let set = self.change::<Invitation>(&invitation, |row| {
            let pending = is_pending(row, tenant, now);
            if pending {
                row.hash = Some(*hash);
            }
            pending
        });
        Ok(set.is_some())
    }

    async fn renew(
        &mut self,
        tenant: TenantId,
        invitation: InvitationId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let renewed = self.change::<Invitation>(&invitation, |row| {
            let open = is_open(row, tenant);
            if open {
                row.hash = None;
                row.sent_at = now;
                row.expires_at = expires_at;
            }
            open
        });
        Ok(renewed.is_some())
    }

    async fn accept(
        &mut self,
        tenant: TenantId,
        hash: &TokenHash,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<Invitation>, StoreError> {
        let Some(id) = self.state.invitation_by_hash(tenant, hash).map(Row::key) else {
            return Ok(None);
        };
        Ok(self.change::<Invitation>(&id, |row| {
            let pending = is_pending(row, tenant, now);
            if pending {
                row.accepted_at = Some(now);
                row.accepted_by = Some(user);
            }
            pending
        }))
    }

    async fn revoke(
        &mut self,
        tenant: TenantId,
        invitation: InvitationId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let revoked = self.change::<Invitation>(&invitation, |row| {
            let open = is_open(row, tenant);
            if open {
                row.revoked_at = Some(now);
            }
            open
        });
        Ok(revoked.is_some())
    }

    async fn revoke_all_for_email(
        &mut self,
        tenant: TenantId,
        email: &NormalizedEmail,
        organization: Option<OrganizationId>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let open = self.state.invitations.keys(|row: &Invitation| {
            is_open(row, tenant)
                && row.email.normalized() == email
                && row.organization_id == organization
        });
        for id in &open {
            self.change::<Invitation>(id, |row| {
                row.revoked_at = Some(now);
                true
            });
        }
        Ok(open.len() as u64)
    }

    async fn erase_for_email(
        &mut self,
        tenant: TenantId,
        email: &NormalizedEmail,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let mut due = self
            .state
            .invitations
            .keys(|row: &Invitation| row.tenant_id == tenant && row.email.normalized() == email);
        due.truncate(limit as usize);
        for &id in &due {
            self.remove::<Invitation>(id);
        }
        Ok(due.len() as u64)
    }

    async fn list(
        &mut self,
        tenant: TenantId,
        filter: &InvitationFilter,
        page: PageRequest,
    ) -> Result<Page<Invitation>, StoreError> {
        let invitations = &self.state.invitations;
        let created = &invitations.by().created;
        let wanted = |row: &Invitation| {
            let email = filter.email.as_ref();
            email.is_none_or(|email| row.email.normalized() == email)
                && (filter.organization.is_none() || row.organization_id == filter.organization)
                && filter
                    .pending_at
                    .is_none_or(|now| is_pending(row, tenant, now))
        };
        let rows = newest_first(created, tenant, page.after, InvitationId::from_uuid)
            .filter_map(|id| invitations.get(&id))
            .filter(|row| wanted(row))
            .take(rows_for(page))
            .cloned()
            .collect();
        Ok(Page::from_rows(rows, page.limit, |row| Cursor {
            at: row.created_at,
            id: row.id.as_uuid(),
        }))
    }

    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let due = oldest_before(&self.state.invitations.by().over, before, limit);
        for &id in &due {
            self.remove::<Invitation>(id);
        }
        Ok(due.len() as u64)
    }
}
