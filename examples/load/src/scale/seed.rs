//! Fills a database by statements of its own: a million users by way of the store would take an hour.
//!
//! Each user has a name of two words, one session, so many rows of the audit trail, and what a search finds it by; every tenth has a
//! role granted, every twentieth is in one of a hundred groups that have one.

use gatekeeper_core::model::{SessionId, TenantId, UserId};
use uuid::Uuid;

/// Where ids of users and of sessions begin; the number of the user is their end.
const USERS: u128 = 0x0190_a000_0000_7000_8000_0000_0000_0000;
const SESSIONS: u128 = 0x0190_b000_0000_7000_8000_0000_0000_0000;

pub(super) fn user_of(index: u64) -> UserId {
    UserId::from_uuid(Uuid::from_u128(USERS | u128::from(index)))
}

pub(super) fn session_of(index: u64) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(SESSIONS | u128::from(index)))
}

pub(super) fn email_of(index: u64) -> String {
    format!("user{index}@example{}.org", index % 1000)
}

/// What is written differently in each.
pub(super) trait Dialect {
    fn table(&self, name: &str) -> String;
    /// `n`, from 0 to below `count`.
    fn numbers(&self, count: u64) -> String;
    /// An id: eight digits at the beginning, a number at the end.
    fn id(&self, begin: &str, number: &str) -> String;
    /// A time, so many seconds after the beginning of 2026.
    fn time(&self, seconds: &str) -> String;
    fn digits(&self, number: &str, width: u32) -> String;
    fn text(&self, number: &str) -> String;
    fn before(&self) -> &'static str;
}

pub(super) struct Postgres(pub(super) String);
pub(super) struct Sqlite;

impl Dialect for Postgres {
    fn table(&self, name: &str) -> String {
        format!("{}.gatekeeper_{name}", self.0)
    }

    fn numbers(&self, count: u64) -> String {
        format!("generate_series(0, {count}::bigint - 1) AS g(n)")
    }

    fn id(&self, begin: &str, number: &str) -> String {
        format!("('{begin}-0000-7000-8000-' || lpad(to_hex({number}), 12, '0'))::uuid")
    }

    fn time(&self, seconds: &str) -> String {
        format!("'2026-01-01T00:00:00Z'::timestamptz + ({seconds}) * interval '1 second'")
    }

    fn digits(&self, number: &str, width: u32) -> String {
        format!("lpad(({number})::text, {width}, '0')")
    }

    fn text(&self, number: &str) -> String {
        format!("({number})::text")
    }

    fn before(&self) -> &'static str {
        "SET synchronous_commit = off"
    }
}

impl Dialect for Sqlite {
    fn table(&self, name: &str) -> String {
        format!("gatekeeper_{name}")
    }

    fn numbers(&self, count: u64) -> String {
        format!(
            "(WITH RECURSIVE g(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM g WHERE n + 1 < {count}) SELECT n FROM g) AS g"
        )
    }

    fn id(&self, begin: &str, number: &str) -> String {
        format!("unhex('{begin}000070008000' || printf('%012x', {number}))")
    }

    fn time(&self, seconds: &str) -> String {
        format!("1767225600000000 + ({seconds}) * 1000000")
    }

    fn digits(&self, number: &str, width: u32) -> String {
        format!("printf('%0{width}d', {number})")
    }

    fn text(&self, number: &str) -> String {
        format!("CAST({number} AS TEXT)")
    }

    fn before(&self) -> &'static str {
        "PRAGMA synchronous = OFF"
    }
}

/// The statements that fill a fresh database, in their order.
pub(super) fn statements(sql: &dyn Dialect, users: u64, events: u64) -> Vec<String> {
    let tenant = sql.id("00000000", "1");
    debug_assert_eq!(TenantId::DEFAULT.as_uuid().as_u128() & 0xff, 1);
    let user = sql.id("0190a000", "g.n");
    let (text, numbers) = (sql.text("g.n"), sql.numbers(users));
    let email = format!(
        "'user' || {text} || '@example' || {} || '.org'",
        sql.text("g.n % 1000")
    );
    let word = sql.digits("g.n % 1000", 3);
    // A user a second; the session and the first event an hour later.
    let (made, later) = (sql.time("g.n"), sql.time("g.n + 3600"));
    // Far enough away that every session is live, near enough to fit.
    let end = sql.time("g.n + 315360000");
    let t = |name| sql.table(name);
    let mut all = vec![
        sql.before().to_owned(),
        format!(
            "INSERT INTO {roles} (tenant_id, name, description, system, created_at, updated_at) \
             VALUES ({tenant}, 'editor', '', FALSE, {start}, {start})",
            roles = t("roles"),
            start = sql.time("0"),
        ),
        format!(
            "INSERT INTO {} (tenant_id, role, stands_for) VALUES ({tenant}, 'editor', 'editor')",
            t("role_closure")
        ),
        format!(
            "INSERT INTO {} (tenant_id, role, permission) VALUES ({tenant}, 'editor', 'reports:*')",
            t("role_permissions")
        ),
        format!(
            "INSERT INTO {groups} (id, tenant_id, name, description, created_at, updated_at) \
             SELECT {id}, {tenant}, 'group ' || {text}, '', {made}, {made} FROM {hundred}",
            groups = t("groups"),
            id = sql.id("0190c000", "g.n"),
            hundred = sql.numbers(100),
        ),
        format!(
            "INSERT INTO {} (tenant_id, group_id, role) SELECT {tenant}, {}, 'editor' FROM {}",
            t("group_roles"),
            sql.id("0190c000", "g.n"),
            sql.numbers(100),
        ),
        format!(
            "INSERT INTO {users} (id, tenant_id, kind, email, email_normalized, email_verified_at, name, metadata, created_at, updated_at) \
             SELECT {user}, {tenant}, 'person', {email}, {email}, {made}, 'Name' || {text} || ' Surname' || {word}, '{{}}', {made}, {made} \
             FROM {numbers}",
            users = t("users"),
        ),
        format!(
            "INSERT INTO {terms} (tenant_id, term, user_id) SELECT {tenant}, {email}, {user} FROM {numbers}",
            terms = t("user_terms"),
        ),
        format!(
            "INSERT INTO {terms} (tenant_id, term, user_id) SELECT {tenant}, 'surname' || {word}, {user} FROM {numbers}",
            terms = t("user_terms"),
        ),
        format!(
            "INSERT INTO {terms} (tenant_id, term, user_id) SELECT {tenant}, 'name' || {text}, {user} FROM {numbers}",
            terms = t("user_terms"),
        ),
        format!(
            "INSERT INTO {grants} (tenant_id, user_id, role, user_created_at, granted_at) \
             SELECT {tenant}, {user}, 'editor', {made}, {made} FROM {numbers} WHERE g.n % 10 = 0",
            grants = t("user_roles"),
        ),
        format!(
            "INSERT INTO {members} (tenant_id, user_id, group_id, created_at) \
             SELECT {tenant}, {user}, {group}, {made} FROM {numbers} WHERE g.n % 20 = 1",
            members = t("group_members"),
            group = sql.id("0190c000", "g.n % 100"),
        ),
        format!(
            "INSERT INTO {sessions} (id, tenant_id, user_id, generation, rotated_at, created_at, authenticated_at, methods, last_seen_at, \
             idle_expires_at, idle_expiry_hour, absolute_expires_at) \
             SELECT {id}, {tenant}, {user}, 0, {later}, {later}, {later}, 'pwd', {later}, {end}, 578000, {end} FROM {numbers}",
            sessions = t("sessions"),
            id = sql.id("0190b000", "g.n"),
        ),
    ];
    for event in 0..events {
        let code = if event == 0 {
            "session.created"
        } else {
            "account.updated"
        };
        // One in fifty is a failure.
        let code = format!("CASE WHEN g.n % 50 = 7 THEN 'sign_in.failed' ELSE '{code}' END");
        all.push(format!(
            "INSERT INTO {trail} (id, tenant_id, at, event, outcome, actor, target, correlation_id, ip, user_agent, details) \
             SELECT {id}, {tenant}, {at}, {code}, 'success', {user}, {user}, 'seed', '192.0.2.1', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0)', '{{}}' \
             FROM {numbers}",
            trail = t("audit_events"),
            id = sql.id(&format!("0190d{event:03x}"), "g.n"),
            at = sql.time(&format!("g.n + {}", 3600 * (event + 1))),
        ));
    }
    all
}
