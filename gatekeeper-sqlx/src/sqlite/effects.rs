//! What takes other statements here than on PostgreSQL.

use gatekeeper_core::{
    model::{Account, OutboxEntry, Session, Timestamp},
    store::{RotatedSession, SessionRotation, StoreError},
};

use super::{
    SqliteRepository,
    dialect::Time,
    repository::{SqlTransaction, fetch, hour, query, statements},
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
    let rotate = query(&sql.effects.rotate)
        .bind(rotation.tenant_id.as_uuid())
        .bind(rotation.session_id.as_uuid())
        .bind(rotation.generation)
        .bind(Time(rotation.now))
        .bind(Time(idle_expires_at))
        .bind(hour(idle_expires_at))
        .bind(rotation.ip.map(|ip| ip.to_string()));
    let session: Option<Session> = transaction.fetch_one(rotate).await?;
    let Some(session) = session else {
        return Ok(None);
    };
    let account = query(&sql.single.account_by_id)
        .bind(session.tenant_id.as_uuid())
        .bind(session.user_id.as_uuid());
    let account: Option<Account> = transaction.fetch_one(account).await?;
    let Some(mut account) = account else {
        return Ok(None);
    };
    account.password = None;
    transaction.end().await?;
    Ok(Some(RotatedSession { session, account }))
}

/// By two statements: nobody else writes between them, so both see the same entries.
pub(super) async fn claim(
    transaction: &mut SqlTransaction,
    now: Timestamp,
    lease_until: Timestamp,
    limit: u32,
) -> Result<Vec<OutboxEntry>, StoreError> {
    let sql = transaction.sql.clone();
    let due = query(&sql.effects.due)
        .bind(Time(now))
        .bind(i64::from(limit));
    let mut entries: Vec<OutboxEntry> = transaction.fetch(due).await?;
    let Some(last) = entries.last() else {
        return Ok(entries);
    };
    let take = query(&sql.effects.take)
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

/// Nothing to do: a transaction holds the whole database.
pub(super) const fn before_migration(_: &Settings) -> Option<String> {
    None
}

/// Refuses a pool on which the rules between tables would not hold.
pub(super) async fn check(store: &SqliteRepository) -> Result<(), SetupError> {
    let sql = &store.statements().effects.foreign_keys;
    let on: Vec<i64> = fetch(store.pool(), || query(sql)).await?;
    match on.first() {
        Some(1) => Ok(()),
        _ => Err(SetupError::ForeignKeys),
    }
}
