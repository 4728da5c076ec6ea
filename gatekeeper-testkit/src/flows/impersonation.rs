use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    BeginImpersonation, Error, Identity, MfaError, ProfileChanges, SignedIn,
    crypto::password::danger::danger_weak_hashing,
    env::Clock,
    model::{
        Event, Outcome, PageRequest, Role, RoleName, SecretString, SessionLimit, Timestamp, UserId,
        UserKind, WhenFull,
    },
};

use super::world::{PASSWORD, World, change_user, code, put_factor};
use crate::store::StoreFixture;

const ROOT: &str = "root@example.org";
const HELP: &str = "help@example.org";
const ADA: &str = "ada@example.org";
const REASON: &str = "Ticket 4711";

/// Somebody with these permissions and no others.
pub(super) async fn staff(world: &World, email: &str, permissions: &[&str]) -> UserId {
    let user = world.verified(email).await;
    let name = email.split('@').next().unwrap();
    give(world, user, name, permissions).await;
    user
}

/// Gives a user a role of this name, that has these permissions.
pub(super) async fn give(world: &World, user: UserId, name: &str, permissions: &[&str]) {
    let now = world.clock.now();
    let mut permissions: Vec<String> = permissions.iter().map(|&text| text.to_owned()).collect();
    permissions.sort();
    let role = Role {
        tenant_id: world.cx.tenant_id,
        name: RoleName::parse(name).unwrap(),
        description: String::new(),
        system: false,
        permissions,
        inherits: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    let mut tx = world.repository.begin().await.unwrap();
    tx.roles().insert(&role).await.unwrap();
    let own = [role.name.clone()];
    let tenant = role.tenant_id;
    tx.roles()
        .set_closure(tenant, &role.name, &own)
        .await
        .unwrap();
    let granted = tx.roles().grant(tenant, user, &role.name, now).await;
    assert!(granted.unwrap());
    tx.commit().await.unwrap();
}

/// Takes a role away behind everybody's back: nothing is told to anybody.
async fn take(world: &World, user: UserId, name: &str) {
    let name = RoleName::parse(name).unwrap();
    let mut tx = world.repository.begin().await.unwrap();
    let revoked = tx.roles().revoke(world.cx.tenant_id, user, &name).await;
    assert!(revoked.unwrap());
    tx.commit().await.unwrap();
}

async fn begin(world: &World, who: &Identity, user: UserId) -> Result<SignedIn, Error> {
    // Events of one instant have no order.
    world.advance(Duration::from_millis(1));
    let input = BeginImpersonation {
        user_id: user,
        reason: REASON.to_owned(),
    };
    world.gk.impersonation().begin(&world.cx, who, input).await
}

/// An administrator who is signed in, and Ada.
pub(super) struct Stage {
    pub(super) world: World,
    root: SignedIn,
    who: Arc<Identity>,
    pub(super) ada: UserId,
}

impl Stage {
    pub(super) async fn new(world: World) -> Self {
        staff(
            &world,
            ROOT,
            &["users:impersonate", "users:read", "users:write"],
        )
        .await;
        let ada = world.verified(ADA).await;
        let root = world.sign_in(ROOT).await;
        let who = world.identity(&root).await;
        world.mails().await;
        Self {
            world,
            root,
            who,
            ada,
        }
    }

    pub(super) async fn acting(&self) -> SignedIn {
        begin(&self.world, &self.who, self.ada).await.unwrap()
    }

    /// Nothing that came of acting opens anything, and the end is recorded.
    async fn assert_over(&self, acting: &SignedIn) {
        let world = &self.world;
        assert!(!world.believes(acting).await);
        let refreshed = world.refresh(acting).await;
        assert_eq!(code(refreshed), "session.invalid_refresh_token");
        let row = world.newest(Event::ImpersonationEnded).await;
        assert_eq!(row.target, Some(self.ada));
        let session = acting.session.id.to_string();
        assert_eq!(row.details["session_id"], session);
        let by = self.who.user_id.to_string();
        assert_eq!(row.details["impersonator"], by);
    }
}

pub(super) async fn an_administrator_acts_as_a_user_and_ceases(fixture: StoreFixture) {
    let stage = Stage::new(World::new(fixture).await).await;
    let world = &stage.world;
    let administration = world.gk.administration();
    let before = administration.find_user(&world.cx, stage.ada).await;
    let before = before.unwrap();
    let acting = stage.acting().await;
    let as_ada = world.identity(&acting).await;
    assert_eq!(as_ada.user_id, stage.ada);
    assert_eq!(as_ada.actor, Some(stage.who.user_id));
    // The sign-in that it rests on is the administrator's.
    assert_eq!(as_ada.authenticated_at, stage.who.authenticated_at);
    assert_eq!(as_ada.methods, stage.who.methods);
    let begun = world.newest(Event::ImpersonationBegun).await;
    assert_eq!(begun.actor, Some(stage.who.user_id));
    assert_eq!(begun.target, Some(stage.ada));
    assert_eq!(begun.details["reason"], REASON);

    let impersonation = world.gk.impersonation();
    let status = impersonation.status(&world.cx, &as_ada).await.unwrap();
    let status = status.unwrap();
    assert_eq!(status.by.id, stage.who.user_id);
    assert_eq!(status.by.email, ROOT);
    assert_eq!(status.reason, REASON);
    assert_eq!(status.expires_at, acting.session.absolute_expires_at);
    let own = impersonation.status(&world.cx, &stage.who).await;
    assert_eq!(own.unwrap(), None);
    assert_eq!(
        code(impersonation.end(&world.cx, &stage.who).await),
        "impersonation.not_acting"
    );

    // It is no sign-in of hers: nothing is mailed, nothing noted.
    assert!(world.mails().await.is_empty());
    let now = administration.find_user(&world.cx, stage.ada).await;
    let now = now.unwrap();
    assert_eq!(now.user, before.user);
    assert_eq!(world.count(Event::SessionCreated).await, 1);

    let acting = world.refresh(&acting).await.unwrap();
    let as_ada = world.identity(&acting).await;
    assert_eq!(as_ada.actor, Some(stage.who.user_id));
    // With who asks in the context, as a transport has it, both stand in every row.
    let cx = world.cx.clone().with_identity(Arc::clone(&as_ada));
    impersonation.end(&cx, &as_ada).await.unwrap();
    let ended = world.newest(Event::ImpersonationEnded).await;
    assert_eq!(ended.actor, Some(stage.ada));
    assert_eq!(ended.impersonator, Some(stage.who.user_id));
    assert_eq!(ended.reason.as_deref(), Some("impersonation_ended"));
    stage.assert_over(&acting).await;
    let again = impersonation.end(&world.cx, &as_ada).await;
    assert_eq!(code(again), "access.invalid_token");
    assert!(world.believes(&stage.root).await);
}

/// One microsecond before it all is well, at it nothing is.
pub(super) async fn acting_ends_at_the_exact_instant(fixture: StoreFixture) {
    let stage = Stage::new(World::new(fixture).await).await;
    let world = &stage.world;
    let began = world.clock.now();
    let acting = stage.acting().await;
    let end = acting.session.absolute_expires_at;
    let expected = began.after(Duration::from_mins(30)).as_unix_seconds();
    assert_eq!(end, Timestamp::from_unix_seconds(expected));
    world.clock.set(end.before(Duration::from_mins(10)));
    let later = world.refresh(&acting).await.unwrap();
    assert_eq!(later.session.expires_at(), end, "nothing prolongs it");
    assert_eq!(later.expires_in, 600);
    let as_ada = world.identity(&later).await;
    world.clock.set(end.before(Duration::from_micros(1)));
    assert!(world.believes(&later).await);
    let last = world.refresh(&later).await.unwrap();
    world.clock.set(end);
    assert!(!world.believes(&later).await);
    assert!(!world.believes(&last).await);
    let refreshed = world.refresh(&last).await;
    assert_eq!(code(refreshed), "session.invalid_refresh_token");
    let ended = world.gk.impersonation().end(&world.cx, &as_ada).await;
    assert_eq!(code(ended), "access.invalid_token");
}

pub(super) async fn acting_ends_with_the_session_it_began_from(fixture: StoreFixture) {
    let change = |config: &mut gatekeeper_core::Config| {
        config.impersonation.lifetime = Duration::from_hours(12);
        config.sessions.absolute_lifetime = Duration::from_hours(10);
        config.sessions.idle_lifetime = Duration::from_hours(10);
    };
    let stage = Stage::new(World::configured(fixture, change).await).await;
    let world = &stage.world;
    world.advance(Duration::from_hours(9));
    let root = world.refresh(&stage.root).await.unwrap();
    let who = world.identity(&root).await;
    let acting = begin(world, &who, stage.ada).await.unwrap();
    let end = acting.session.absolute_expires_at;
    assert!(end <= root.session.absolute_expires_at);
    assert!(end > world.clock.now().after(Duration::from_mins(59)));

    // Signed out, they act as nobody.
    world.gk.sessions().sign_out(&world.cx, &who).await.unwrap();
    stage.assert_over(&acting).await;
    let again = begin(world, &who, stage.ada).await;
    assert_eq!(code(again), "access.invalid_token");
}

/// CVE-2026-55077, CVE-2026-94000: nobody acts as somebody of their own rank, or above it.
pub(super) async fn row_53_nobody_acts_as_somebody_of_their_rank(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let all = ["users:impersonate", "users:read"];
    staff(&world, HELP, &all).await;
    let help = world.sign_in(HELP).await;
    let help = world.identity(&help).await;
    let cases: [(&str, &[&str], Option<&str>); 7] = [
        ("nobody", &[], None),
        ("reader", &["users:read"], None),
        ("equal", &all, Some("access.insufficient_rank")),
        (
            "trusted",
            &["users:impersonate"],
            Some("access.insufficient_rank"),
        ),
        ("wide", &["users:*"], Some("access.insufficient_rank")),
        ("other", &["reports:read"], Some("access.insufficient_rank")),
        ("boss", &["*"], Some("access.insufficient_rank")),
    ];
    for (name, permissions, refused) in cases {
        let user = staff(&world, &format!("{name}@example.org"), permissions).await;
        let answer = begin(&world, &help, user).await;
        match refused {
            None => assert!(answer.is_ok(), "{name}: {answer:?}"),
            Some(refused) => {
                assert_eq!(code(answer), refused, "{name}");
                let row = world.newest(Event::ImpersonationBegun).await;
                assert_eq!(row.outcome, Outcome::Failure, "{name}");
                assert_eq!(row.reason.as_deref(), Some("insufficient_rank"));
                assert_eq!((row.actor, row.target), (Some(help.user_id), Some(user)));
            }
        }
    }
    // Two with everything stand beside each other.
    let root = staff(&world, ROOT, &["*"]).await;
    let root_is = world.identity(&world.sign_in(ROOT).await).await;
    let second = world.verified("second@example.org").await;
    let tx = world.gk.administration();
    tx.grant_role(&world.cx, second, "admin").await.unwrap();
    let answer = begin(&world, &root_is, second).await;
    assert_eq!(code(answer), "access.insufficient_rank");
    let answer = begin(&world, &root_is, root).await;
    assert_eq!(code(answer), "impersonation.not_possible");
}

pub(super) async fn some_accounts_cannot_be_acted_as(fixture: StoreFixture) {
    let stage = Stage::new(World::new(fixture).await).await;
    let world = &stage.world;
    let robot = world.verified("robot@example.org").await;
    change_user(world, robot, |user| user.kind = UserKind::ServiceAccount).await;
    let closed = world.verified("closed@example.org").await;
    let administration = world.gk.administration();
    administration.disable(&world.cx, closed).await.unwrap();
    for user in [robot, closed, stage.who.user_id] {
        let answer = begin(world, &stage.who, user).await;
        assert_eq!(code(answer), "impersonation.not_possible");
        let row = world.newest(Event::ImpersonationBegun).await;
        assert_eq!(row.reason.as_deref(), Some("not_possible"));
    }
    let random = gatekeeper_core::testing::SeededRandom::new(98);
    let nobody = UserId::new(world.clock.now(), &random);
    let answer = begin(world, &stage.who, nobody).await;
    assert_eq!(code(answer), "account.not_found");
    // Whoever lacks the permission learns nothing of whom there is.
    let ada = world.identity(&world.sign_in(ADA).await).await;
    for user in [nobody, closed, stage.who.user_id] {
        let answer = begin(world, &ada, user).await;
        assert_eq!(code(answer), "access.forbidden");
    }
    let long = "x".repeat(501);
    for reason in ["", " ", "a\nb", "a\u{0}b", long.as_str()] {
        let input = BeginImpersonation {
            user_id: stage.ada,
            reason: reason.to_owned(),
        };
        let begun = world.gk.impersonation();
        let answer = begun.begin(&world.cx, &stage.who, input).await;
        assert_eq!(code(answer), "request.invalid", "{reason:?}");
    }
}

pub(super) async fn acting_can_be_switched_off(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.repository);
    let stage = Stage::new(World::new(fixture).await).await;
    let acting = stage.acting().await;
    let off = |config: &mut gatekeeper_core::Config| {
        config.hashing = danger_weak_hashing();
        config.impersonation.enabled = false;
    };
    let other = World::on(node, off, |builder| builder).await.unwrap();
    other.clock.set(stage.world.clock.now());
    let answer = begin(&other, &stage.who, stage.ada).await;
    assert_eq!(code(answer), "impersonation.not_possible");
    let refreshed = other.refresh(&acting).await;
    assert_eq!(code(refreshed), "session.invalid_refresh_token");
}

/// CVE-2021-28680: whoever acts as somebody acts as nobody else, and administers nothing.
pub(super) async fn row_53_cve_2021_28680_there_is_no_nesting(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    staff(&world, ROOT, &["*"]).await;
    let help = staff(&world, HELP, &["users:read", "users:write"]).await;
    let ada = world.verified(ADA).await;
    let root = world.identity(&world.sign_in(ROOT).await).await;
    let acting = begin(&world, &root, help).await.unwrap();
    let as_help = world.identity(&acting).await;
    assert!(as_help.has_permission("users:write"));
    let answer = begin(&world, &as_help, ada).await;
    assert_eq!(code(answer), "access.impersonating");
    let administration = world.gk.administration().on_behalf_of(&as_help);
    let answer = administration.disable(&world.cx, ada).await;
    assert_eq!(code(answer), "access.impersonating");
    // Nor where the token says nothing of it, but the session does.
    let mut forged = (*as_help).clone();
    forged.actor = None;
    forged.permissions.push("*".to_owned());
    give(&world, help, "later", &["users:impersonate"]).await;
    let answer = begin(&world, &forged, ada).await;
    assert_eq!(code(answer), "access.impersonating");
    assert_eq!(world.count(Event::ImpersonationBegun).await, 1);
}

/// Every flow of what is the user's own refuses, and counts nothing: nobody guesses at the password of whom they act as.
#[expect(clippy::too_many_lines, reason = "every flow, one after the other")]
pub(super) async fn row_53_whoever_acts_changes_nothing_of_the_users(fixture: StoreFixture) {
    let stage = Stage::new(World::new(fixture).await).await;
    let world = &stage.world;
    let hers = world.sign_in(ADA).await;
    put_factor(world, stage.ada, "email").await;
    let acting = stage.acting().await;
    let as_ada = &*world.identity(&acting).await;
    world.mails().await;
    let events = world.trail().await.len();
    let hashes = world.gk.password_hashes();
    let (gk, cx) = (&world.gk, &world.cx);
    let (right, wrong): (SecretString, SecretString) = (PASSWORD.into(), "wrong".into());
    let device = hers.session.device_id.unwrap();
    let own = hers.session.id;
    let phone = "+4915112345678";
    let name = ProfileChanges {
        name: Some(Some("Eve".to_owned())),
        ..ProfileChanges::default()
    };
    for _ in 0..12 {
        let (accounts, mfa, sessions) = (gk.accounts(), gk.mfa(), gk.sessions());
        let refusals = [
            (
                "profile",
                accounts
                    .update_profile(cx, as_ada, name.clone())
                    .await
                    .err(),
            ),
            ("delete", accounts.delete(cx, as_ada, &right).await.err()),
            (
                "delete wrong",
                accounts.delete(cx, as_ada, &wrong).await.err(),
            ),
            (
                "password",
                gk.passwords()
                    .change(cx, as_ada, &right, &"birch-falcon-37".into())
                    .await
                    .err(),
            ),
            (
                "password wrong",
                gk.passwords()
                    .change(cx, as_ada, &wrong, &right)
                    .await
                    .err(),
            ),
            (
                "address",
                accounts
                    .request_email_change(cx, as_ada, "e@example.org", &right)
                    .await
                    .err(),
            ),
            ("begin totp", mfa.begin_totp(cx, as_ada).await.err()),
            (
                "confirm totp",
                mfa.confirm(cx, as_ada, "totp", &wrong).await.err(),
            ),
            ("begin email", mfa.begin_email(cx, as_ada).await.err()),
            (
                "confirm email",
                mfa.confirm(cx, as_ada, "email", &wrong).await.err(),
            ),
            ("begin sms", mfa.begin_sms(cx, as_ada, phone).await.err()),
            (
                "disable",
                mfa.disable(cx, as_ada, "email", &wrong).await.err(),
            ),
            (
                "backup codes",
                mfa.new_backup_codes(cx, as_ada, &wrong).await.err(),
            ),
            ("send code", mfa.send_code(cx, as_ada, "email").await.err()),
            (
                "step up",
                sessions.step_up(cx, as_ada, "email", &wrong).await.err(),
            ),
            ("end", sessions.end(cx, as_ada, own).await.err()),
            ("end others", sessions.end_others(cx, as_ada).await.err()),
            (
                "device",
                sessions.revoke_device(cx, as_ada, device).await.err(),
            ),
        ];
        for (flow, refusal) in refusals {
            let refusal = refusal.unwrap_or_else(|| panic!("{flow} was let through"));
            // Not offered here, to anybody.
            if matches!(refusal, Error::Mfa(MfaError::NotOffered)) {
                continue;
            }
            assert_eq!(refusal.code(), "access.impersonating", "{flow}");
        }
    }
    assert_eq!(world.gk.password_hashes(), hashes);
    assert_eq!(world.trail().await.len(), events);
    assert!(world.mails().await.is_empty());
    assert!(world.believes(&hers).await);
    let found = gk.administration().find_user(cx, stage.ada).await.unwrap();
    assert_eq!(found.user.name.as_deref(), Some("Ada"));
    // What only shows is open.
    gk.accounts().profile(cx, as_ada).await.unwrap();
    let page = PageRequest::first(10);
    let list = gk.sessions().list(cx, as_ada, page).await;
    assert_eq!(list.unwrap().items.len(), 2);
    // And whoever acts may leave.
    gk.sessions().sign_out(cx, as_ada).await.unwrap();
    stage.assert_over(&acting).await;
}

pub(super) async fn the_user_ends_it(fixture: StoreFixture) {
    let stage = Stage::new(World::new(fixture).await).await;
    let world = &stage.world;
    let acting = stage.acting().await;
    let ada = world.identity(&world.sign_in(ADA).await).await;
    let sessions = world.gk.sessions();
    let page = PageRequest::first(10);
    let list = sessions.list(&world.cx, &ada, page).await.unwrap();
    assert_eq!(list.items.len(), 2);
    let impersonation = world.gk.impersonation();
    let by = impersonation.impersonators(&world.cx, &list.items);
    let by = by.await.unwrap();
    assert_eq!(by.len(), 1);
    assert_eq!(by[&stage.who.user_id].email, ROOT);
    let shown = list.items.iter().find(|one| one.impersonation.is_some());
    assert_eq!(shown.unwrap().id, acting.session.id);
    sessions
        .end(&world.cx, &ada, acting.session.id)
        .await
        .unwrap();
    stage.assert_over(&acting).await;

    let acting = stage.acting().await;
    sessions.end_others(&world.cx, &ada).await.unwrap();
    assert!(!world.believes(&acting).await);
    let refreshed = world.refresh(&acting).await;
    assert_eq!(code(refreshed), "session.invalid_refresh_token");
}

/// Whoever is no administrator any more acts as nobody, from the moment on.
pub(super) async fn row_53_acting_ends_with_the_right_to(fixture: StoreFixture) {
    let stage = Stage::new(World::new(fixture).await).await;
    let world = &stage.world;
    let root = stage.who.user_id;
    let administration = world.gk.administration();

    // Demoted behind everybody's back: the next refresh finds it out.
    let acting = stage.acting().await;
    take(world, root, "root").await;
    let refreshed = world.refresh(&acting).await;
    assert_eq!(code(refreshed), "session.invalid_refresh_token");
    stage.assert_over(&acting).await;
    let begun = begin(world, &stage.who, stage.ada).await;
    assert_eq!(code(begun), "access.forbidden", "whatever the token says");

    // The permission is there, and the user has risen.
    give(world, root, "again", &["users:impersonate"]).await;
    let acting = stage.acting().await;
    give(world, stage.ada, "risen", &["reports:read"]).await;
    let refreshed = world.refresh(&acting).await;
    assert_eq!(code(refreshed), "session.invalid_refresh_token");
    stage.assert_over(&acting).await;
    take(world, stage.ada, "risen").await;

    // The same refresh token again, within its grace.
    let acting = stage.acting().await;
    world.refresh(&acting).await.unwrap();
    take(world, root, "again").await;
    let refreshed = world.refresh(&acting).await;
    assert_eq!(code(refreshed), "session.invalid_refresh_token");
    stage.assert_over(&acting).await;

    // Disabled: at once.
    give(world, root, "third", &["users:impersonate"]).await;
    let acting = stage.acting().await;
    administration.disable(&world.cx, root).await.unwrap();
    stage.assert_over(&acting).await;
    administration.enable(&world.cx, root).await.unwrap();
    world.advance(Duration::from_secs(1));
    stage.assert_over(&acting).await;

    // Signed out by another administrator, or gone: at once.
    let who = world.identity(&world.sign_in(ROOT).await).await;
    let acting = begin(world, &who, stage.ada).await.unwrap();
    administration.sign_out_user(&world.cx, root).await.unwrap();
    stage.assert_over(&acting).await;
    world.advance(Duration::from_secs(1));
    let who = world.identity(&world.sign_in(ROOT).await).await;
    let acting = begin(world, &who, stage.ada).await.unwrap();
    administration.delete_user(&world.cx, root).await.unwrap();
    stage.assert_over(&acting).await;
}

/// What one node ends another refuses, as soon as it has heard.
pub(super) async fn another_node_ends_acting_too(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let stage = Stage::new(World::new(fixture).await).await;
    let other = stage.world.another_node(node).await;
    let acting = stage.acting().await;
    assert!(other.believes(&acting).await);
    let sessions = stage.world.gk.sessions();
    let cx = &stage.world.cx;
    sessions.sign_out(cx, &stage.who).await.unwrap();
    other.advance(Duration::from_secs(6));
    assert!(!other.believes(&acting).await);
    let refreshed = other.refresh(&acting).await;
    assert_eq!(code(refreshed), "session.invalid_refresh_token");
}

/// The user's own sessions are as many as they may be, whoever acts.
pub(super) async fn acting_counts_towards_no_limit(fixture: StoreFixture) {
    let limit = |config: &mut gatekeeper_core::Config| {
        config.sessions.limit = Some(SessionLimit {
            max: 1,
            when_full: WhenFull::EndOldest,
        });
    };
    let stage = Stage::new(World::configured(fixture, limit).await).await;
    let world = &stage.world;
    let hers = world.sign_in(ADA).await;
    let acting = stage.acting().await;
    assert!(world.believes(&hers).await);
    world.advance(Duration::from_secs(1));
    let next = world.sign_in(ADA).await;
    assert!(world.believes(&acting).await);
    assert!(world.believes(&next).await);
    assert!(!world.believes(&hers).await);
}

pub(super) async fn the_user_is_told_where_so_set(fixture: StoreFixture) {
    let notify = |config: &mut gatekeeper_core::Config| config.impersonation.notify = true;
    let stage = Stage::new(World::configured(fixture, notify).await).await;
    stage.acting().await;
    let mail = stage.world.mail().await;
    assert_eq!(mail.to.as_str(), ADA);
    assert!(mail.subject.contains("administrator"), "{}", mail.subject);
    assert!(!mail.text.contains(REASON));
}

/// Sixteen at once each have a session of their own; and none outlives the one that it began from.
pub(super) async fn row_33_sixteen_at_once_end_together(fixture: StoreFixture) {
    let stage = Stage::new(World::new(fixture).await).await;
    let mut tasks = tokio::task::JoinSet::new();
    for at in 0..17 {
        let (world, who, ada) = (stage.world.clone(), Arc::clone(&stage.who), stage.ada);
        tasks.spawn(async move {
            if at == 9 {
                world.gk.sessions().sign_out(&world.cx, &who).await.unwrap();
                return None;
            }
            begin(&world, &who, ada).await.ok()
        });
    }
    let begun: Vec<SignedIn> = tasks.join_all().await.into_iter().flatten().collect();
    for acting in &begun {
        assert!(!stage.world.believes(acting).await);
        let refreshed = stage.world.refresh(acting).await;
        assert_eq!(code(refreshed), "session.invalid_refresh_token");
    }
    let world = &stage.world;
    let mut tx = world.repository.begin().await.unwrap();
    let (tenant, now) = (world.cx.tenant_id, world.clock.now());
    let page = PageRequest::first(100);
    let live = tx.sessions().list_for_user(tenant, stage.ada, now, page);
    assert_eq!(live.await.unwrap().items, []);
}

/// An end that meets refreshes leaves nothing that opens anything.
pub(super) async fn row_33_an_end_wins_over_refreshes(fixture: StoreFixture) {
    let stage = Stage::new(World::new(fixture).await).await;
    for _ in 0..4 {
        let acting = stage.acting().await;
        let as_ada = stage.world.identity(&acting).await;
        let mut tasks = tokio::task::JoinSet::new();
        for at in 0..9 {
            let world = stage.world.clone();
            let (acting, as_ada) = (acting.clone(), Arc::clone(&as_ada));
            tasks.spawn(async move {
                if at == 4 {
                    let ended = world.gk.impersonation().end(&world.cx, &as_ada).await;
                    ended.unwrap();
                    return None;
                }
                world.refresh(&acting).await.ok()
            });
        }
        let refreshed = tasks.join_all().await.into_iter().flatten();
        for one in refreshed.chain([acting]) {
            assert!(!stage.world.believes(&one).await);
            let again = stage.world.refresh(&one).await;
            assert_eq!(code(again), "session.invalid_refresh_token");
        }
    }
}
