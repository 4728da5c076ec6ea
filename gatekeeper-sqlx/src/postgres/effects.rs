//! What takes other statements here than on SQLite.

use gatekeeper_core::{
    model::{OutboxEntry, Timestamp},
    store::{Constraint, RotatedSession, SessionRotation, StoreError},
};

use sqlx::SqlStr;

use super::{
    PgRepository, confinement,
    dialect::Time,
    repository::{
        Call, Scope, SqlTransaction, across, bounded, hour, query,
        rows::{Row, in_organization, read},
        statements, store_error, within,
    },
};
use crate::{Settings, SetupError};

statements! {
    rotate = &format!(
        "UPDATE {{p}}sessions AS s SET generation = s.generation + 1, rotated_at = $4, \
             last_seen_at = $4, idle_expires_at = $5, idle_expiry_hour = $6, \
             ip = COALESCE($7, s.ip) \
         FROM {{p}}users AS u \
         WHERE s.id = $2 AND s.tenant_id = $1 AND s.generation = $3 \
         AND s.generation < 9223372036854775807 AND s.ended_at IS NULL \
         AND s.idle_expires_at > $4 AND s.absolute_expires_at > $4 \
         AND u.tenant_id = s.tenant_id AND u.id = s.user_id AND u.disabled_at IS NULL \
         RETURNING {{session}}, {{user}}, {{authority}}, {}",
        in_organization("s.organization_id")
    );
    claim = "WITH due AS MATERIALIZED ( \
                 SELECT id AS due_id, due_at AS was FROM {p}outbox \
                 WHERE state = 'pending' AND due_at <= $1 \
                 ORDER BY due_at, id LIMIT $3 FOR UPDATE SKIP LOCKED), \
             taken AS (UPDATE {p}outbox SET attempts = attempts + 1, due_at = $2 \
                 FROM due WHERE id = due_id RETURNING was, {outbox_entry}) \
             SELECT {outbox_entry} FROM taken ORDER BY was, id";
    unlike = confinement::UNLIKE;
    confine = "SELECT set_config('{n}.tenant', $1, TRUE)";
    lock_signing_keys = "LOCK TABLE {p}signing_keys IN SHARE ROW EXCLUSIVE MODE";
}

/// In one statement. It is not repeated where the connection is lost: nobody knows whether it was done.
pub(super) async fn rotate_session(
    store: &PgRepository,
    rotation: &SessionRotation,
) -> Result<Option<RotatedSession>, StoreError> {
    let idle_expires_at = rotation.now.after(rotation.idle_lifetime);
    let rotate = within(rotation.tenant_id, &store.statements().effects.rotate)
        .bind(rotation.tenant_id.as_uuid())
        .bind(rotation.session_id.as_uuid())
        .bind(rotation.generation)
        .bind(Time(rotation.now))
        .bind(Time(idle_expires_at))
        .bind(hour(idle_expires_at))
        .bind(rotation.ip.map(|ip| ip.to_string()));
    if store.confined() {
        let mut transaction = store.start_in(rotate.scope).await?;
        let rotated = transaction.fetch_one(rotate).await?;
        transaction.end().await?;
        return Ok(rotated);
    }
    let rows: Vec<Row> = bounded(rotate.query.fetch_all(store.pool()))
        .await
        .map_err(|error| store_error(error, Constraint::Id))?;
    Ok(read(&rows)?.pop())
}

/// In one statement; entries that another worker is taking are passed over.
pub(super) async fn claim(
    transaction: &mut SqlTransaction,
    now: Timestamp,
    lease_until: Timestamp,
    limit: u32,
) -> Result<Vec<OutboxEntry>, StoreError> {
    let sql = transaction.sql.clone();
    let claim = across(&sql.effects.claim)
        .bind(Time(now))
        .bind(Time(lease_until))
        .bind(i64::from(limit));
    transaction.fetch(claim).await
}

/// Holds the table against everybody who wants the same or writes to it; readers go on.
pub(super) async fn lock_signing_keys(transaction: &mut SqlTransaction) -> Result<(), StoreError> {
    let sql = transaction.sql.clone();
    transaction
        .execute(query(&sql.effects.lock_signing_keys))
        .await
        .map(|_| ())
}

/// The statement that begins a transaction about these rows.
pub(super) fn begin(store: &PgRepository, scope: Scope) -> SqlStr {
    confinement::begin(store, scope)
}

/// The statement that says whose rows those after it are about.
pub(super) fn confine<'q>(sql: &Sql, scope: Scope) -> Option<Call<'q>> {
    confinement::confine(sql, scope)
}

/// Has the database keep tenants apart by itself, or not.
pub(super) async fn set_confinement(store: &PgRepository) -> Result<(), SetupError> {
    confinement::set(store).await
}

/// Has one node migrate at a time, and the schema made where it is wanted. `CREATE SCHEMA IF NOT EXISTS` would ask for the
/// right to make one even where it is there.
#[expect(clippy::unnecessary_wraps, reason = "SQLite has none")]
pub(super) fn before_migration(settings: &Settings) -> Option<String> {
    let lock = format!(
        "SELECT pg_advisory_xact_lock(hashtextextended('{}migrations', 0));",
        settings.channel()
    );
    let schema = settings.schema_name().map(|schema| {
        format!(
            "DO $$ BEGIN IF to_regnamespace('\"{schema}\"') IS NULL THEN \
             CREATE SCHEMA \"{schema}\"; END IF; END $$;"
        )
    });
    Some(lock + &schema.unwrap_or_default())
}

/// Nothing to check.
#[expect(clippy::unused_async, reason = "SQLite asks")]
pub(super) async fn check(_: &PgRepository) -> Result<(), SetupError> {
    Ok(())
}
