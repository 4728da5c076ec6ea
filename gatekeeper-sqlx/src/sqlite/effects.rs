//! What takes other statements here than on PostgreSQL.

use gatekeeper_core::{
    model::{OutboxEntry, Session, Timestamp},
    store::{RotatedSession, SessionRotation, StoreError},
};

use sqlx::{SqlSafeStr as _, SqlStr};

use super::{
    SqliteRepository,
    dialect::{BEGIN, Time},
    repository::{
        Call, Scope, SqlTransaction, across, fetch, hour, query, rows::in_organization, statements,
        within,
    },
};
use crate::{Settings, SetupError};

statements! {
    rotate = "UPDATE {p}sessions SET generation = generation + 1, rotated_at = $4, \
                  last_seen_at = $4, idle_expires_at = $5, idle_expiry_hour = $6, \
                  ip = COALESCE($7, ip) \
              WHERE id = $2 AND tenant_id = $1 AND generation = $3 AND generation < 9223372036854775807 \
              AND ended_at IS NULL \
              AND idle_expires_at > $4 AND absolute_expires_at > $4 \
              AND EXISTS (SELECT 1 FROM {p}users u WHERE u.tenant_id = {p}sessions.tenant_id \
                  AND u.id = {p}sessions.user_id AND u.disabled_at IS NULL) \
              RETURNING {session_returned}";
    rotated = &format!(
        "SELECT {{session}}, {{user}}, {{authority}}, {} FROM {{p}}sessions s \
         JOIN {{p}}users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id \
         WHERE s.tenant_id = $1 AND s.id = $2",
        in_organization("s.organization_id")
    );
    due = "SELECT {outbox_entry} FROM {p}outbox WHERE state = 'pending' AND due_at <= $1 \
           ORDER BY due_at, id LIMIT $2";
    take = "UPDATE {p}outbox SET attempts = attempts + 1, due_at = $1 \
            WHERE state = 'pending' AND (due_at, id) <= ($2, $3)";
    foreign_keys = "PRAGMA foreign_keys";
}

/// In one short transaction: `RETURNING` can answer with columns of one table alone.
pub(super) async fn rotate_session(
    store: &SqliteRepository,
    rotation: &SessionRotation,
) -> Result<Option<RotatedSession>, StoreError> {
    let idle_expires_at = rotation.now.after(rotation.idle_lifetime);
    let mut transaction = store.start().await?;
    let sql = transaction.sql.clone();
    let rotate = within(rotation.tenant_id, &sql.effects.rotate)
        .bind(rotation.tenant_id.as_uuid())
        .bind(rotation.session_id.as_uuid())
        .bind(rotation.generation)
        .bind(Time(rotation.now))
        .bind(Time(idle_expires_at))
        .bind(hour(idle_expires_at))
        .bind(rotation.ip.map(|ip| ip.to_string()));
    let session: Option<Session> = transaction.fetch_one(rotate).await?;
    if session.is_none() {
        return Ok(None);
    }
    let rotated = within(rotation.tenant_id, &sql.effects.rotated)
        .bind(rotation.tenant_id.as_uuid())
        .bind(rotation.session_id.as_uuid());
    let rotated = transaction.fetch_one(rotated).await?;
    transaction.end().await?;
    Ok(rotated)
}

/// By two statements: nobody else writes between them, so both see the same entries.
pub(super) async fn claim(
    transaction: &mut SqlTransaction,
    now: Timestamp,
    lease_until: Timestamp,
    limit: u32,
) -> Result<Vec<OutboxEntry>, StoreError> {
    let sql = transaction.sql.clone();
    let due = across(&sql.effects.due)
        .bind(Time(now))
        .bind(i64::from(limit));
    let mut entries: Vec<OutboxEntry> = transaction.fetch(due).await?;
    let Some(last) = entries.last() else {
        return Ok(entries);
    };
    let take = across(&sql.effects.take)
        .bind(Time(lease_until))
        .bind(Time(last.due_at))
        .bind(last.id.as_uuid());
    transaction.execute(take).await?;
    for entry in &mut entries {
        entry.attempts += 1;
        entry.due_at = lease_until;
    }
    Ok(entries)
}

/// Nothing to do: a transaction holds the whole database.
#[expect(clippy::unused_async, reason = "PostgreSQL asks")]
pub(super) async fn lock_signing_keys(_: &mut SqlTransaction) -> Result<(), StoreError> {
    Ok(())
}

/// The statement that begins a transaction.
pub(super) fn begin(_: &SqliteRepository, _: Scope) -> SqlStr {
    BEGIN.into_sql_str()
}

/// Nothing to tell: this database does not keep tenants apart by itself.
pub(super) const fn confine<'q>(_: &Sql, _: Scope) -> Option<Call<'q>> {
    None
}

/// Nothing to do: this database does not keep tenants apart by itself.
#[expect(clippy::unused_async, reason = "PostgreSQL does")]
pub(super) async fn set_confinement(_: &SqliteRepository) -> Result<(), SetupError> {
    Ok(())
}

/// Nothing to do: a transaction holds the whole database.
pub(super) const fn before_migration(_: &Settings) -> Option<String> {
    None
}

/// Refuses a pool on which the rules between tables would not hold.
pub(super) async fn check(store: &SqliteRepository) -> Result<(), SetupError> {
    let sql = &store.statements().effects.foreign_keys;
    let on: Vec<i64> = fetch(store, || query(sql)).await?;
    match on.first() {
        Some(1) => Ok(()),
        _ => Err(SetupError::ForeignKeys),
    }
}
