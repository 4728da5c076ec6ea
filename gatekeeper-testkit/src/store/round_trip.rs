use gatekeeper_core::model::{
    Algorithm, AuditEvent, AuthMethod, Event, ExternalIdentity, OneTimeToken, OutboxEntry,
    OutboxKind, OutboxState, Outcome, PageRequest, PasswordCredential, Revocation,
    RevocationTarget, Role, SecretString, Session, SessionEnd, StoredSigningKey, Tenant, TenantId,
    Timestamp, TokenPurpose, User,
};
use serde_json::{Map, Value, json};

use super::StoreFixture;
use crate::sample::{self, NOW};

const TENANT: TenantId = TenantId::DEFAULT;

/// Text that a careless store would change: several scripts, combining marks in both forms, an emoji of several code
/// points, quotes, a backslash, white space at both ends, line ends.
const TEXT: &str = " \u{e9} e\u{301} \u{df} \u{4f60}\u{597d} \u{5e9}\u{5dc}\u{5d5}\u{5dd} \
                    \u{1f469}\u{200d}\u{1f680} 'single' \"double\" \\ %_* ;-- \r\n\t ";

/// Instants that a careless store would round, clip or shift: around 1970, long before, far ahead.
const INSTANTS: [i64; 8] = [
    0,
    -1,
    1,
    1_767_225_600_123_456,
    999_999,
    // 1599-12-31T23:59:59.999999Z
    -11_676_096_000_000_001,
    // 1900-02-28T23:59:59.000001Z
    -2_203_891_201_999_999,
    // 9999-12-31T23:59:59.999999Z
    253_402_300_799_999_999,
];

fn instants() -> impl Iterator<Item = (u64, Timestamp)> {
    (0..).zip(INSTANTS.map(Timestamp::from_unix_micros))
}

/// Different instants for the fields of one row, so that two that are swapped show.
fn nth(n: u64, field: u64) -> Timestamp {
    let index = usize::try_from(n + field).unwrap() % INSTANTS.len();
    Timestamp::from_unix_micros(INSTANTS[index])
}

fn nested() -> Map<String, Value> {
    let value = json!({
        "": "",
        "text": TEXT,
        "numbers": [i64::MIN, i64::MAX, -1, 0, 1, 0.5, -1.25],
        "nested": {"a": [{"b": [[], {}, null, true, false]}], "A": "a"},
        "\u{4f60}": "\u{597d}",
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

async fn assert_user(fx: &StoreFixture, user: &User) {
    let email = user.email.normalized();
    let (tenant, id) = (user.tenant_id, user.id);
    let repository = &fx.repository;
    for found in [
        peek!(fx, t => t.users().find(tenant, id).await),
        peek!(fx, t => t.users().find_for_update(tenant, id).await),
        peek!(fx, t => t.users().find_by_email(tenant, email).await),
        repository
            .find_account(tenant, id)
            .await
            .unwrap()
            .map(|found| found.user),
        repository
            .find_account_by_email(tenant, email)
            .await
            .unwrap()
            .map(|found| found.user),
    ] {
        assert_eq!(found.as_ref(), Some(user));
    }
}

fn odd_user(n: u64) -> User {
    User {
        email: sample::email(&format!(
            "\u{41f}\u{435}\u{442}\u{440}{n}@B\u{fc}cher.example"
        )),
        email_verified_at: Some(nth(n, 1)),
        name: Some(TEXT.to_owned()),
        locale: Some("zh-Hant-TW".to_owned()),
        avatar_url: Some(format!("https://example.org/?q={TEXT}")),
        metadata: nested(),
        disabled_at: Some(nth(n, 2)),
        mfa_enabled_at: Some(nth(n, 6)),
        created_at: nth(n, 3),
        updated_at: nth(n, 4),
        last_sign_in_at: Some(nth(n, 5)),
        ..sample::user(TENANT, n)
    }
}

/// Every field of a user, inserted and updated.
pub(super) async fn a_user_comes_back_whole(fx: &StoreFixture) {
    for (n, _) in instants() {
        let user = odd_user(n);
        commit!(fx, t => t.users().insert(&user).await);
        assert_user(fx, &user).await;
        let moved = User {
            email: user.email.clone(),
            created_at: nth(n, 6),
            ..odd_user(n + 1)
        };
        let moved = User {
            id: user.id,
            ..moved
        };
        commit!(fx, t => t.users().update(&moved).await);
        assert_user(fx, &moved).await;
    }
}

/// Nothing is not the empty string.
pub(super) async fn empty_and_absent_stay_apart(fx: &StoreFixture) {
    for (n, text) in [(1, None), (2, Some(String::new()))] {
        let user = User {
            name: text.clone(),
            locale: text.clone(),
            avatar_url: text.clone(),
            email_verified_at: None,
            metadata: Map::new(),
            ..sample::user(TENANT, n)
        };
        commit!(fx, t => t.users().insert(&user).await);
        assert_user(fx, &user).await;
        let session = Session {
            user_agent: text.clone(),
            methods: vec![],
            ..sample::session(&user, n)
        };
        commit!(fx, t => t.sessions().insert(&session).await);
        assert_session(fx, &session).await;
        let event = AuditEvent {
            reason: text.clone(),
            user_agent: text,
            correlation_id: String::new(),
            ..sample::event(TENANT, n)
        };
        commit!(fx, t => t.audit().append(&event).await);
        assert_eq!(trail(fx).await[0], event);
        commit!(fx, t => t.users().delete(TENANT, user.id).await);
    }
    let role = Role {
        description: String::new(),
        ..sample::role(TENANT, "empty", &[])
    };
    commit!(fx, t => t.roles().insert(&role).await);
    assert_eq!(
        peek!(fx, t => t.roles().find(TENANT, &role.name).await),
        Some(role)
    );
}

async fn assert_session(fx: &StoreFixture, session: &Session) {
    let (tenant, id) = (session.tenant_id, session.id);
    for found in [
        fx.repository.find_session(tenant, id).await.unwrap(),
        peek!(fx, t => t.sessions().find_for_update(tenant, id).await),
    ] {
        assert_eq!(found.as_ref(), Some(session));
    }
}

/// Every field of a session, with addresses of both families and the extremes of its counter.
pub(super) async fn a_session_comes_back_whole(fx: &StoreFixture) {
    let user = sample::user(TENANT, 1);
    commit!(fx, t => t.users().insert(&user).await);
    let addresses = [
        "192.0.2.1",
        "0.0.0.0",
        "255.255.255.255",
        "::",
        "2001:db8::1",
        "::ffff:192.0.2.1",
        "fe80::1",
        "::1",
    ];
    let generations = [
        0,
        1,
        i64::MAX,
        i64::MIN,
        -1,
        1 << 53,
        (1 << 53) + 1,
        i64::MAX - 1,
    ];
    for (n, _) in instants() {
        let index = usize::try_from(n).unwrap();
        let session = Session {
            generation: generations[index],
            rotated_at: nth(n, 0),
            created_at: nth(n, 1),
            authenticated_at: nth(n, 2),
            methods: AuthMethod::ALL.iter().rev().copied().collect(),
            mfa_verified_at: Some(nth(n, 3)),
            last_seen_at: nth(n, 4),
            idle_expires_at: nth(n, 5),
            absolute_expires_at: nth(n, 6),
            ended_at: Some(nth(n, 7)),
            end_reason: Some(SessionEnd::Reuse),
            ip: Some(addresses[index].parse().unwrap()),
            user_agent: Some(TEXT.to_owned()),
            device_id: Some(sample::device(&user, n).id),
            ..sample::session(&user, n)
        };
        commit!(fx, t => t.sessions().insert(&session).await);
        assert_session(fx, &session).await;
    }
}

/// Every field of a password and of an outside identity.
pub(super) async fn credentials_come_back_whole(fx: &StoreFixture) {
    let user = sample::user(TENANT, 1);
    commit!(fx, t => t.users().insert(&user).await);
    for (n, at) in instants() {
        let password = PasswordCredential {
            hash: SecretString::from(TEXT),
            changed_at: at,
            must_change_since: Some(nth(n, 1)),
            ..sample::password(&user)
        };
        commit!(fx, t => t.credentials().set_password(&password).await);
        let in_transaction = peek!(fx, t => t.credentials().find_password(TENANT, user.id).await);
        let account = fx.repository.find_account(TENANT, user.id).await.unwrap();
        let email = user.email.normalized();
        let by_email = fx
            .repository
            .find_account_by_email(TENANT, email)
            .await
            .unwrap();
        for found in [
            in_transaction,
            account.and_then(|account| account.password),
            by_email.and_then(|account| account.password),
        ] {
            let found = found.unwrap();
            assert_eq!((found.tenant_id, found.user_id), (TENANT, user.id));
            assert_eq!((found.hash.expose(), found.changed_at), (TEXT, at));
            assert_eq!(found.must_change_since, password.must_change_since);
        }
        let identity = ExternalIdentity {
            provider: "\u{4f60}".to_owned(),
            subject: format!("{TEXT}{n}"),
            created_at: at,
            ..sample::identity(&user, n)
        };
        commit!(fx, t => t.credentials().insert_identity(&identity).await);
        let found = peek!(fx, t => t
            .credentials()
            .find_identity(TENANT, &identity.provider, &identity.subject)
            .await);
        assert_eq!(found.as_ref(), Some(&identity));
        let listed = peek!(fx, t => t.credentials().list_identities(TENANT, user.id).await);
        assert!(listed.contains(&identity));
    }
}

/// Every field of a one-time token, for every purpose, with payloads of every shape.
pub(super) async fn a_token_comes_back_whole(fx: &StoreFixture) {
    let user = sample::user(TENANT, 1);
    commit!(fx, t => t.users().insert(&user).await);
    let payloads = [
        Value::Null,
        json!([]),
        json!(TEXT),
        json!(i64::MIN),
        nested().into(),
    ];
    for (n, _) in instants() {
        for (m, &purpose) in TokenPurpose::ALL.iter().enumerate() {
            let number = n * 100 + m as u64;
            let token = OneTimeToken {
                payload: payloads[usize::try_from(number).unwrap() % payloads.len()].clone(),
                created_at: nth(n, 1),
                expires_at: nth(n, 2),
                ..sample::token(&user, purpose, number)
            };
            commit!(fx, t => t.tokens().insert(&token).await);
            let now = token.expires_at.before(std::time::Duration::from_micros(1));
            let unused = peek!(fx, t => t.tokens().find(TENANT, purpose, &token.hash, now).await);
            assert_eq!(unused.as_ref(), Some(&token));
            let found = peek!(fx, t => t.tokens().consume(TENANT, purpose, &token.hash, now).await);
            let expected = OneTimeToken {
                consumed_at: Some(now),
                ..token
            };
            assert_eq!(found, Some(expected));
        }
    }
}

/// Every field of a tenant and of a role.
pub(super) async fn tenants_and_roles_come_back_whole(fx: &StoreFixture) {
    for (n, at) in instants() {
        let tenant = Tenant {
            name: TEXT.to_owned(),
            suspended_at: (n % 2 == 0).then_some(nth(n, 3)),
            created_at: at,
            ..sample::tenant(n)
        };
        commit!(fx, t => t.tenants().insert(&tenant).await);
        let found = fx.repository.find_tenant(&tenant.slug).await.unwrap();
        assert_eq!(found.as_ref(), Some(&tenant));
        assert_eq!(
            peek!(fx, t => t.tenants().find(tenant.id).await).as_ref(),
            Some(&tenant)
        );
        let role = Role {
            description: TEXT.to_owned(),
            system: n % 2 == 1,
            permissions: vec![TEXT.to_owned(), "*".to_owned(), "a:b".to_owned()],
            created_at: at,
            ..sample::role(tenant.id, "some_role-1", &[])
        };
        commit!(fx, t => t.roles().insert(&role).await);
        assert_eq!(
            peek!(fx, t => t.roles().find(tenant.id, &role.name).await).as_ref(),
            Some(&role)
        );
        assert!(peek!(fx, t => t.roles().list(tenant.id).await).contains(&role));
    }
}

async fn trail(fx: &StoreFixture) -> Vec<AuditEvent> {
    let filter = gatekeeper_core::store::AuditFilter::default();
    peek!(fx, t => t.audit().list(TENANT, &filter, PageRequest::first(100)).await).items
}

/// Every field of a row of the trail.
pub(super) async fn a_row_of_the_trail_comes_back_whole(fx: &StoreFixture) {
    for (n, at) in instants() {
        let event = AuditEvent {
            at,
            event: Event::TokenRefused,
            outcome: if n % 2 == 0 {
                Outcome::Failure
            } else {
                Outcome::Success
            },
            reason: Some(TEXT.to_owned()),
            actor: Some(sample::user(TENANT, 77).id),
            target: Some(sample::user(TENANT, 78).id),
            correlation_id: TEXT.to_owned(),
            ip: Some(
                if n % 2 == 0 {
                    "192.0.2.1"
                } else {
                    "2001:db8::1"
                }
                .parse()
                .unwrap(),
            ),
            user_agent: Some(TEXT.to_owned()),
            details: nested(),
            ..sample::event(TENANT, n)
        };
        commit!(fx, t => t.audit().append(&event).await);
        assert!(trail(fx).await.contains(&event));
    }
    assert_eq!(trail(fx).await.len(), INSTANTS.len());
}

/// Every field of an outbox entry, with bytes that are no text.
pub(super) async fn an_outbox_entry_comes_back_whole(fx: &StoreFixture) {
    let kinds = [OutboxKind::AccountMail, OutboxKind::Mail, OutboxKind::Sms];
    for (n, at) in instants() {
        let entry = OutboxEntry {
            kind: kinds[usize::try_from(n).unwrap() % kinds.len()],
            payload: (0..=255).collect(),
            state: OutboxState::Dead,
            attempts: if n % 2 == 0 { i32::MAX } else { 1 },
            due_at: nth(n, 1),
            created_at: at,
            finished_at: Some(nth(n, 2)),
            last_error: Some(TEXT.to_owned()),
            ..sample::mail(TENANT, n)
        };
        commit!(fx, t => t.outbox().enqueue(&entry).await);
        let page = PageRequest::first(100);
        let dead = peek!(fx, t => t.outbox().list(TENANT, OutboxState::Dead, page).await).items;
        assert!(dead.contains(&entry));
        let pending = OutboxEntry {
            payload: vec![],
            due_at: at,
            created_at: nth(n, 3),
            ..sample::mail(TENANT, 1_000 + n)
        };
        commit!(fx, t => t.outbox().enqueue(&pending).await);
        let lease = nth(n, 4);
        let claimed = peek!(fx, t => t.outbox().claim(NOW.max(at), lease, 100).await);
        let expected = OutboxEntry {
            attempts: 1,
            due_at: lease,
            ..pending
        };
        assert!(claimed.contains(&expected));
    }
}

/// Every field of a revocation, and the time within its target.
pub(super) async fn a_revocation_comes_back_whole(fx: &StoreFixture) {
    let earliest = Timestamp::from_unix_micros(-60_000_000_000_000_000);
    for (n, at) in instants() {
        let user = sample::user(TENANT, n);
        for target in [
            RevocationTarget::User(user.id, at),
            RevocationTarget::Session(sample::session(&user, n).id),
            RevocationTarget::Token(sample::token_id(n)),
        ] {
            let revocation = Revocation {
                tenant_id: TENANT,
                target,
                revoked_at: nth(n, 1),
                expires_at: nth(n, 2),
            };
            commit!(fx, t => t.revocations().insert(&revocation).await);
            let found = fx
                .repository
                .revocations_since(earliest, earliest)
                .await
                .unwrap();
            assert!(found.contains(&revocation), "{revocation:?}");
        }
    }
}

/// Every field of a signing key, of every algorithm.
pub(super) async fn a_signing_key_comes_back_whole(fx: &StoreFixture) {
    for (n, at) in instants() {
        for (m, &algorithm) in Algorithm::ALL.iter().enumerate() {
            let key = StoredSigningKey {
                algorithm,
                sealed_private: (0..=255).rev().collect(),
                created_at: at,
                active_from: nth(n, 1),
                retired_at: (n % 2 == 0).then_some(nth(n, 2)),
                ..sample::signing_key(n * 100 + m as u64)
            };
            commit!(fx, t => t.signing_keys().insert(&key).await);
            assert!(peek!(fx, t => t.signing_keys().list().await).contains(&key));
            commit!(fx, t => t.signing_keys().retire(key.id, nth(n, 3)).await);
            let retired = StoredSigningKey {
                retired_at: Some(nth(n, 3)),
                ..key
            };
            assert!(peek!(fx, t => t.signing_keys().list_for_update().await).contains(&retired));
        }
    }
}

/// What a rotation computes is kept to the microsecond as well.
pub(super) async fn a_rotation_keeps_microseconds(fx: &StoreFixture) {
    let user = sample::user(TENANT, 1);
    commit!(fx, t => t.users().insert(&user).await);
    for (n, now) in instants() {
        let session = Session {
            idle_expires_at: now.after(std::time::Duration::from_micros(1)),
            absolute_expires_at: now.after(std::time::Duration::from_micros(1)),
            ..sample::session(&user, n)
        };
        commit!(fx, t => t.sessions().insert(&session).await);
        let rotation = gatekeeper_core::store::SessionRotation {
            tenant_id: TENANT,
            session_id: session.id,
            generation: 0,
            now,
            idle_lifetime: std::time::Duration::new(0, 7_000),
            ip: Some("2001:db8::7".parse().unwrap()),
        };
        let rotated = fx
            .repository
            .rotate_session(&rotation)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            rotated.session.idle_expires_at,
            now.after(rotation.idle_lifetime)
        );
        assert_eq!(
            (rotated.session.rotated_at, rotated.session.last_seen_at),
            (now, now)
        );
        assert_session(fx, &rotated.session).await;
    }
}
