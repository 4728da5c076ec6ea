//! Row-level security: the database itself keeps tenants apart.

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::{
    PgRepository,
    dialect::BEGIN,
    repository::{Call, Scope, fetch, query},
};
use crate::{Settings, SetupError};

/// Every table with rows of tenants. One that is missing here is found by a test.
pub(super) const TABLES: &[&str] = &[
    "api_keys",
    "audit_events",
    "audit_heads",
    "backup_codes",
    "devices",
    "external_identities",
    "former_passwords",
    "group_members",
    "group_roles",
    "groups",
    "invitations",
    "mfa_credentials",
    "one_time_tokens",
    "organization_member_roles",
    "organization_members",
    "organizations",
    "outbox",
    "passwords",
    "revocations",
    "role_closure",
    "role_inherits",
    "role_permissions",
    "roles",
    "sessions",
    "user_roles",
    "user_terms",
    "users",
];

/// The tables that are not as the settings want them.
pub(super) const UNLIKE: &str = "SELECT COUNT(*) FROM unnest($1::text[]) AS wanted(name) \
    JOIN pg_class c ON c.oid = to_regclass(wanted.name) \
    WHERE c.relrowsecurity <> $2 OR c.relforcerowsecurity <> $2 \
    OR EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant') <> $2";

/// What a value of the setting names that stands for all tenants.
const ALL: &str = "*";

fn value(scope: Scope) -> Option<String> {
    match scope {
        Scope::Shared => None,
        Scope::Tenant(tenant) => Some(tenant.to_string()),
        Scope::All => Some(ALL.to_owned()),
    }
}

/// The statement that begins a transaction and says, in the same round trip, whose rows it is about.
///
/// # Security
///
/// Safe to assert: the prefix went through the settings, and an id has digits, `a` to `f` and hyphens alone.
pub(super) fn begin(store: &PgRepository, scope: Scope) -> SqlStr {
    match value(scope) {
        Some(value) if store.confined() => {
            let prefix = store.settings().prefix();
            let text = format!("{BEGIN}; SET LOCAL {prefix}.tenant = '{value}'");
            AssertSqlSafe(text).into_sql_str()
        }
        _ => BEGIN.into_sql_str(),
    }
}

/// The statement that says whose rows those after it are about.
pub(super) fn confine<'q>(sql: &super::effects::Sql, scope: Scope) -> Option<Call<'q>> {
    value(scope).map(|value| query(&sql.confine).bind(value))
}

/// Makes the policies, or drops them, where the tables are not as the settings want them.
pub(super) async fn set(store: &PgRepository) -> Result<(), SetupError> {
    let (wanted, templates) = (store.confined(), store.templates());
    let names: Vec<String> = TABLES
        .iter()
        .map(|table| templates.text(&format!("{{p}}{table}")))
        .collect();
    let sql = &store.statements().effects.unlike;
    let unlike: Vec<i64> = fetch(store, || {
        query(sql)
            .bind(super::dialect::List(names.clone()))
            .bind(wanted)
    })
    .await?;
    if unlike.first() == Some(&0) {
        return Ok(());
    }
    let mut transaction = store.start().await?;
    if let Some(lock) = super::effects::before_migration(store.settings()) {
        transaction.run(lock).await?;
    }
    transaction
        .run(script(store.settings(), &names, wanted))
        .await?;
    transaction.end().await?;
    tracing::info!(row_level_security = wanted, "set up the tables");
    Ok(())
}

/// The setting is read once for a statement, not for each row. It is absent, and nothing is seen, until somebody has said
/// whose rows are meant; the empty string stands there after a transaction that had said so.
fn script(settings: &Settings, tables: &[String], wanted: bool) -> String {
    let setting = format!(
        "(SELECT current_setting('{}.tenant', TRUE))",
        settings.prefix()
    );
    let sees = format!("tenant_id::text = {setting} OR {setting} = '{ALL}'");
    tables
        .iter()
        .map(|table| {
            let drop = format!("DROP POLICY IF EXISTS tenant ON {table};");
            if wanted {
                format!(
                    "{drop} CREATE POLICY tenant ON {table} USING ({sees}) WITH CHECK ({sees}); \
                     ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
                )
            } else {
                format!(
                    "{drop} ALTER TABLE {table} DISABLE ROW LEVEL SECURITY, \
                     NO FORCE ROW LEVEL SECURITY;"
                )
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}
