use std::fmt::Write as _;

use gatekeeper_core::{
    lockout::LockoutState,
    model::{
        AuditEvent, BackupCode, Device, ExternalIdentity, FormerPassword, MfaCredential,
        OneTimeToken, OutboxEntry, OutboxState, PageRequest, PasswordCredential, Revocation,
        RevocationTarget, Role, Session, Tenant, TenantId, Timestamp, TokenPurpose, User,
    },
    store::{AuditFilter, Transaction, UserFilter},
};

use super::StoreFixture;
use crate::sample::{self, NOW, at};

/// Long after everything in a world.
pub(super) const LATE: Timestamp = at(10_000_000);

/// How the counter of a world's first key stands.
const COUNTED: LockoutState = LockoutState {
    failures: 3,
    lock: None,
};

/// Two tenants with something of everything each.
pub(super) struct World {
    pub(super) ours: Side,
    pub(super) theirs: Side,
    /// A tenant that is not there yet.
    pub(super) spare: Tenant,
}

/// What one tenant has.
pub(super) struct Side {
    pub(super) tenant: TenantId,
    pub(super) user: User,
    pub(super) password: PasswordCredential,
    pub(super) identity: ExternalIdentity,
    pub(super) former: FormerPassword,
    pub(super) factor: MfaCredential,
    pub(super) code: BackupCode,
    /// Trusted.
    pub(super) device: Device,
    pub(super) session: Session,
    pub(super) token: OneTimeToken,
    pub(super) role: Role,
    pub(super) event: AuditEvent,
    pub(super) revocations: [Revocation; 3],
    pub(super) pending: OutboxEntry,
    /// Claimed, its first attempt under way.
    pub(super) held: OutboxEntry,
    pub(super) dead: OutboxEntry,
    pub(super) delivered: OutboxEntry,
}

impl Side {
    fn new(tenant: TenantId, n: u64) -> Self {
        let user = sample::user(tenant, n);
        let session = sample::session(&user, n);
        let role = sample::role(tenant, &format!("role-{n}"), &["article:edit"]);
        let event = AuditEvent {
            actor: Some(user.id),
            target: Some(user.id),
            ..sample::event(tenant, n)
        };
        let revocations = [
            RevocationTarget::Token(sample::token_id(n)),
            RevocationTarget::Session(session.id),
            RevocationTarget::User(user.id, at(100)),
        ]
        .map(|target| sample::revocation(tenant, target));
        let mail = |m, due| OutboxEntry {
            due_at: at(due),
            ..sample::mail(tenant, 10 * n + m)
        };
        Self {
            tenant,
            password: sample::password(&user),
            identity: sample::identity(&user, n),
            former: sample::former_password(&user, n),
            factor: sample::factor(&user, "totp"),
            code: sample::backup_code(&user, n),
            device: Device {
                trusted_until: Some(at(50)),
                ..sample::device(&user, n)
            },
            token: sample::token(&user, TokenPurpose::PasswordReset, n),
            pending: mail(1, 50),
            held: mail(2, 0),
            dead: mail(3, 0),
            delivered: mail(4, 0),
            user,
            session,
            role,
            event,
            revocations,
        }
    }

    async fn insert(&self, t: &mut dyn Transaction) {
        t.users().insert(&self.user).await.unwrap();
        t.credentials().set_password(&self.password).await.unwrap();
        t.credentials()
            .insert_identity(&self.identity)
            .await
            .unwrap();
        t.credentials()
            .add_former_password(&self.former, 5)
            .await
            .unwrap();
        t.mfa().put(&self.factor).await.unwrap();
        let codes = std::slice::from_ref(&self.code);
        t.mfa()
            .replace_backup_codes(self.tenant, self.user.id, codes)
            .await
            .unwrap();
        t.devices().put(&self.device).await.unwrap();
        t.sessions().insert(&self.session).await.unwrap();
        t.tokens().insert(&self.token).await.unwrap();
        t.roles().insert(&self.role).await.unwrap();
        let (user, role) = (self.user.id, &self.role.name);
        assert!(t.roles().grant(self.tenant, user, role, NOW).await.unwrap());
        t.audit().append(&self.event).await.unwrap();
        for revocation in &self.revocations {
            t.revocations().insert(revocation).await.unwrap();
        }
        for entry in [&self.pending, &self.held, &self.dead, &self.delivered] {
            t.outbox().enqueue(entry).await.unwrap();
        }
        let claimed = t.outbox().claim(at(1), at(60), 3).await.unwrap();
        assert_eq!(claimed.len(), 3);
        assert!(
            t.outbox()
                .complete(self.delivered.id, 1, at(2))
                .await
                .unwrap()
        );
        assert!(
            t.outbox()
                .fail(self.dead.id, 1, "550", None, at(2))
                .await
                .unwrap()
        );
    }
}

impl World {
    pub(super) async fn build(fx: &StoreFixture) -> Self {
        let tenant = sample::tenant(2);
        let world = Self {
            ours: Side::new(TenantId::DEFAULT, 1),
            theirs: Side::new(tenant.id, 2),
            spare: sample::tenant(3),
        };
        let mut t = fx.begin().await;
        t.tenants().insert(&tenant).await.unwrap();
        world.ours.insert(&mut *t).await;
        world.theirs.insert(&mut *t).await;
        let (key, counted) = (sample::lockout_key(1), COUNTED);
        t.lockouts().hold(&key, NOW).await.unwrap();
        t.lockouts().set(&key, &counted, NOW).await.unwrap();
        assert!(t.leases().acquire("job", "a", NOW, at(100)).await.unwrap());
        t.signing_keys()
            .insert(&sample::signing_key(1))
            .await
            .unwrap();
        t.commit().await.unwrap();
        world
    }

    /// Everything that can be seen, as text. Some of it can be seen only by changing it: the transaction must be dropped.
    pub(super) async fn describe(&self, t: &mut dyn Transaction) -> String {
        let mut text = String::new();
        let page = PageRequest::first(100);
        for side in [&self.ours, &self.theirs] {
            let tenant = side.tenant;
            for user in t
                .users()
                .list(tenant, &UserFilter::default(), page)
                .await
                .unwrap()
                .items
            {
                writeln!(text, "{user:#?}").unwrap();
                describe_user(t, &user, &mut text).await;
            }
            let found = t.sessions().find_for_update(tenant, side.session.id).await;
            writeln!(text, "{:#?}", found.unwrap()).unwrap();
            writeln!(text, "{:#?}", t.roles().list(tenant).await.unwrap()).unwrap();
            let trail = t.audit().list(tenant, &AuditFilter::default(), page).await;
            writeln!(text, "{:#?}", trail.unwrap()).unwrap();
            writeln!(
                text,
                "{:#?}",
                t.outbox()
                    .list(tenant, OutboxState::Dead, page)
                    .await
                    .unwrap()
            )
            .unwrap();
            for n in 0..4 {
                let token = sample::token(&side.user, TokenPurpose::PasswordReset, n);
                let used = t
                    .tokens()
                    .consume(tenant, token.purpose, &token.hash, NOW)
                    .await;
                writeln!(text, "{:#?}", used.unwrap()).unwrap();
            }
        }
        for tenant in [self.ours.tenant, self.spare.id] {
            writeln!(text, "{:#?}", t.tenants().find(tenant).await.unwrap()).unwrap();
        }
        for n in [1, 2] {
            let held = t.lockouts().hold(&sample::lockout_key(n), NOW).await;
            writeln!(text, "{:?}", held.unwrap()).unwrap();
        }
        let old = t.lockouts().purge_expired(LATE, 100).await.unwrap();
        writeln!(text, "{old} counters").unwrap();
        for (name, seconds) in [("new", 0), ("job", 50), ("job", 100), ("job", 200)] {
            let holder = format!("{name} {seconds}");
            let (now, until) = (at(seconds), at(seconds + 10));
            let got = t.leases().acquire(name, &holder, now, until).await.unwrap();
            writeln!(text, "{holder}: {got}").unwrap();
        }
        writeln!(text, "{:#?}", t.signing_keys().list().await.unwrap()).unwrap();
        for (seconds, limit) in [(0, 0), (5, 100), (30, 100), (49, 100), (10_000_000, 100)] {
            let claimed = t
                .outbox()
                .claim(at(seconds), at(20_000_000), limit)
                .await
                .unwrap();
            writeln!(text, "{claimed:#?}").unwrap();
        }
        let delivered = t.outbox().purge_expired(LATE, 100).await.unwrap();
        writeln!(text, "{delivered} delivered").unwrap();
        for seconds in [10, 3_600, 7_200] {
            let purged = t
                .revocations()
                .purge_expired(at(seconds), 100)
                .await
                .unwrap();
            writeln!(text, "{purged} revocations until {seconds}").unwrap();
        }
        let purged = t.tokens().purge_expired(LATE, 100).await.unwrap();
        writeln!(text, "{purged} tokens").unwrap();
        text
    }

    /// As [`describe`](Self::describe), in a transaction of its own.
    pub(super) async fn snapshot(&self, fx: &StoreFixture) -> String {
        let mut t = fx.begin().await;
        self.describe(&mut *t).await
    }
}

async fn describe_user(t: &mut dyn Transaction, user: &User, text: &mut String) {
    let (tenant, id) = (user.tenant_id, user.id);
    if let Some(password) = t.credentials().find_password(tenant, id).await.unwrap() {
        let change = password.must_change_since;
        let hash = password.hash.expose();
        writeln!(text, "{hash} {} {change:?}", password.changed_at).unwrap();
    }
    let identities = t.credentials().list_identities(tenant, id).await.unwrap();
    writeln!(text, "{identities:#?}").unwrap();
    writeln!(
        text,
        "{:#?}",
        t.roles().authority(tenant, id, None).await.unwrap()
    )
    .unwrap();
    let former = t.credentials().former_passwords(tenant, id, 100).await;
    for former in former.unwrap() {
        writeln!(text, "{former:?} {}", former.hash.expose()).unwrap();
    }
    writeln!(text, "{:#?}", t.mfa().list(tenant, id).await.unwrap()).unwrap();
    for code in t.mfa().list_backup_codes(tenant, id).await.unwrap() {
        writeln!(text, "{code:?} {}", code.hash.expose()).unwrap();
    }
    let devices = t.devices().list(tenant, id, NOW).await.unwrap();
    writeln!(text, "{devices:#?}").unwrap();
    let page = PageRequest::first(100);
    let sessions = t
        .sessions()
        .list_for_user(tenant, id, NOW, page)
        .await
        .unwrap();
    writeln!(text, "{sessions:#?}").unwrap();
}
