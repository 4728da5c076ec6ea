use std::collections::BTreeSet;

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    conflict,
    order::{LAST, newest_first, oldest_before, rows_for},
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::{
        Account, Cursor, Page, PageRequest, Session, SessionEnd, SessionId, TenantId, Timestamp,
        User, UserId,
    },
    store::{Constraint, RotatedSession, SessionRepository, SessionRotation, StoreError},
};

#[derive(Default)]
pub(super) struct SessionIndex {
    user: BTreeSet<(UserId, Timestamp, SessionId)>,
    over: BTreeSet<(Timestamp, SessionId)>,
    impersonator: BTreeSet<(UserId, SessionId)>,
}

/// When the session was or will be over, whichever way comes first.
fn over_at(session: &Session) -> Timestamp {
    session.ended_at.unwrap_or(LAST).min(session.expires_at())
}

impl Row for Session {
    type Key = SessionId;
    type Index = SessionIndex;

    fn key(&self) -> SessionId {
        self.id
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.sessions
    }

    fn index(&self, index: &mut SessionIndex) {
        index.user.insert((self.user_id, self.created_at, self.id));
        index.over.insert((over_at(self), self.id));
        if let Some(impersonation) = &self.impersonation {
            index.impersonator.insert((impersonation.by, self.id));
        }
    }

    fn unindex(&self, index: &mut SessionIndex) {
        index.user.remove(&(self.user_id, self.created_at, self.id));
        index.over.remove(&(over_at(self), self.id));
        if let Some(impersonation) = &self.impersonation {
            index.impersonator.remove(&(impersonation.by, self.id));
        }
    }
}

impl State {
    pub(super) fn session(&self, tenant: TenantId, session: SessionId) -> Option<&Session> {
        self.sessions
            .get(&session)
            .filter(|row| row.tenant_id == tenant)
    }

    /// The ids of a user's sessions, ended ones too, newest first.
    pub(super) fn sessions_of(&self, user: UserId) -> Vec<SessionId> {
        newest_first(&self.sessions.by().user, user, None, SessionId::from_uuid).collect()
    }
}

impl MemoryTransaction {
    pub(super) fn rotate(&mut self, rotation: &SessionRotation) -> Option<RotatedSession> {
        let tenant = rotation.tenant_id;
        let session = self.state.session(tenant, rotation.session_id)?;
        let user = self
            .state
            .user(tenant, session.user_id)
            .filter(|user| User::is_active(user))?
            .clone();
        let session = self.change::<Session>(&rotation.session_id, |row| {
            // A counter at its end stays there: the session can no more be refreshed.
            let Some(next) = row.generation.checked_add(1) else {
                return false;
            };
            if row.generation != rotation.generation || !row.is_live(rotation.now) {
                return false;
            }
            row.generation = next;
            row.rotated_at = rotation.now;
            row.last_seen_at = rotation.now;
            row.idle_expires_at = rotation.now.after(rotation.idle_lifetime);
            row.ip = rotation.ip.or(row.ip);
            true
        })?;
        let authority = self
            .state
            .authority(tenant, user.id, session.organization_id);
        Some(RotatedSession {
            session,
            account: Account {
                user,
                password: None,
                authority,
            },
        })
    }
}

fn end(session: &mut Session, reason: SessionEnd, now: Timestamp) -> bool {
    if session.ended_at.is_some() {
        return false;
    }
    session.ended_at = Some(now);
    session.end_reason = Some(reason);
    true
}

#[async_trait]
impl SessionRepository for MemoryTransaction {
    async fn find_for_update(
        &mut self,
        tenant: TenantId,
        session: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        Ok(self.state.session(tenant, session).cloned())
    }

    async fn insert(&mut self, session: &Session) -> Result<(), StoreError> {
        self.state
            .require_user(session.tenant_id, session.user_id)?;
        if self.state.sessions.contains(&session.id) {
            return Err(conflict(Constraint::Id));
        }
        self.put(session.clone());
        Ok(())
    }

    async fn end(
        &mut self,
        tenant: TenantId,
        session: SessionId,
        reason: SessionEnd,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let ended = self.change::<Session>(&session, |row| {
            row.tenant_id == tenant && end(row, reason, now)
        });
        Ok(ended.is_some())
    }

    async fn end_all_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        except: Option<SessionId>,
        reason: SessionEnd,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let mut ended = Vec::new();
        for id in self.state.sessions_of(user) {
            if Some(id) == except {
                continue;
            }
            let changed =
                self.change::<Session>(&id, |row| row.tenant_id == tenant && end(row, reason, now));
            ended.extend(changed.map(|row| row.id));
        }
        Ok(ended)
    }

    async fn end_all_for_tenant(
        &mut self,
        tenant: TenantId,
        reason: SessionEnd,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut ended = 0;
        for id in self
            .state
            .sessions
            .keys(|row: &Session| row.tenant_id == tenant)
        {
            let changed = self.change::<Session>(&id, |row| end(row, reason, now));
            ended += u64::from(changed.is_some());
        }
        Ok(ended)
    }

    async fn end_all_by_impersonator(
        &mut self,
        tenant: TenantId,
        impersonator: UserId,
        reason: SessionEnd,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let id = SessionId::from_uuid;
        let range = (impersonator, id(Uuid::nil()))..=(impersonator, id(Uuid::max()));
        let by = &self.state.sessions.by().impersonator;
        let all: Vec<SessionId> = by.range(range).map(|(_, id)| *id).collect();
        let mut ended = Vec::new();
        for id in all {
            let changed =
                self.change::<Session>(&id, |row| row.tenant_id == tenant && end(row, reason, now));
            ended.extend(changed.map(|row| row.id));
        }
        Ok(ended)
    }

    async fn list_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
        page: PageRequest,
    ) -> Result<Page<Session>, StoreError> {
        let sessions = &self.state.sessions;
        let rows = newest_first(&sessions.by().user, user, page.after, SessionId::from_uuid)
            .filter_map(|id| sessions.get(&id))
            .filter(|row| row.tenant_id == tenant && row.is_live(now))
            .take(rows_for(page))
            .cloned()
            .collect();
        Ok(Page::from_rows(rows, page.limit, |row| Cursor {
            at: row.created_at,
            id: row.id.as_uuid(),
        }))
    }

    async fn live_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let newest_first = self.state.sessions_of(user).into_iter();
        Ok(newest_first
            .rev()
            .filter(|&id| {
                let session = self.state.session(tenant, id);
                session.is_some_and(|row| row.is_live(now) && row.impersonation.is_none())
            })
            .collect())
    }

    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let due = oldest_before(&self.state.sessions.by().over, before, limit);
        for &id in &due {
            self.remove::<Session>(id);
        }
        Ok(due.len() as u64)
    }
}
