use std::sync::Arc;

use gatekeeper_core::{
    ErrorClass, SignIn,
    model::{Event, SessionEnd, SessionLimit, TenantSettings, UserId, WhenFull},
};

use super::world::{PASSWORD, World, code};
use crate::store::StoreFixture;

const ADA: &str = "ada@example.org";

#[expect(
    clippy::unnecessary_wraps,
    reason = "settings say with `None` that there is no limit"
)]
const fn limit(max: u32, when_full: WhenFull) -> Option<SessionLimit> {
    Some(SessionLimit { max, when_full })
}

impl World {
    async fn live(&self, user: UserId) -> usize {
        use gatekeeper_core::env::Clock;
        let mut tx = self.repository.begin().await.unwrap();
        tx.sessions()
            .live_for_user(self.cx.tenant_id, user, self.clock.now())
            .await
            .unwrap()
            .len()
    }
}

/// CVE-2024-4183: a hundred sign-ins at once, on two nodes; answers how many got in.
async fn a_hundred_at_once(fixture: StoreFixture, when_full: WhenFull) -> (World, UserId, usize) {
    let node = Arc::clone(&fixture.other);
    let world = World::configured(fixture, |config| {
        config.sessions.limit = limit(3, when_full);
    })
    .await;
    let other = world.another_node(node).await;
    let user = world.verified(ADA).await;
    world.sign_in(ADA).await;
    world.sign_in(ADA).await;
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let node = if n % 2 == 0 { &world } else { &other }.clone();
            tokio::spawn(async move {
                loop {
                    match node.attempt(&node.cx, ADA, PASSWORD).await {
                        Ok(SignIn::SignedIn(_)) => return true,
                        Err(error) if error.code() == "session.limit_reached" => return false,
                        // More than can be served at once: come again.
                        Err(error) if error.class() == ErrorClass::Unavailable => {
                            tokio::task::yield_now().await;
                        }
                        other => panic!("{other:?}"),
                    }
                }
            })
        })
        .collect();
    let mut inside = 0;
    for task in tasks {
        inside += usize::from(task.await.unwrap());
    }
    (world, user, inside)
}

pub(super) async fn row_36_a_hundred_sign_ins_at_the_cap_let_one_in(fixture: StoreFixture) {
    let (world, user, inside) = a_hundred_at_once(fixture, WhenFull::Reject).await;
    assert_eq!((inside, world.live(user).await), (1, 3));
}

pub(super) async fn row_36_a_hundred_sign_ins_at_the_cap_leave_three_sessions(
    fixture: StoreFixture,
) {
    let (world, user, inside) = a_hundred_at_once(fixture, WhenFull::EndOldest).await;
    assert_eq!((inside, world.live(user).await), (100, 3));
}

pub(super) async fn the_oldest_session_ends(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| {
        config.sessions.limit = limit(2, WhenFull::EndOldest);
    })
    .await;
    world.verified(ADA).await;
    let first = world.sign_in(ADA).await;
    let second = world.sign_in(ADA).await;
    // Used since, and the oldest still.
    let first = world.refresh(&first).await.unwrap();
    let third = world.sign_in(ADA).await;
    assert!(!world.believes(&first).await);
    assert_eq!(
        code(world.refresh(&first).await),
        "session.invalid_refresh_token"
    );
    assert!(world.believes(&second).await && world.believes(&third).await);
    let row = world.newest(Event::SessionEnded).await;
    assert_eq!(
        row.reason.as_deref(),
        Some(SessionEnd::LimitReached.as_str())
    );
    assert_eq!(row.details["session_id"], first.session.id.to_string());
}

pub(super) async fn a_full_account_is_told_after_the_right_password(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| {
        config.sessions.limit = limit(1, WhenFull::Reject);
    })
    .await;
    world.verified(ADA).await;
    let first = world.sign_in(ADA).await;
    assert_eq!(
        code(world.sign_in_with(ADA, "wrong").await),
        "password.invalid_credentials"
    );
    assert_eq!(
        code(world.sign_in_with(ADA, PASSWORD).await),
        "session.limit_reached"
    );
    // What has ended makes room.
    let who = world.identity(&first).await;
    world.gk.sessions().sign_out(&world.cx, &who).await.unwrap();
    world.sign_in(ADA).await;
}

pub(super) async fn a_role_goes_before_the_tenant_and_that_before_the_application(
    fixture: StoreFixture,
) {
    let world = World::configured(fixture, |config| {
        config.sessions.limit = limit(1, WhenFull::EndOldest);
        for (role, max) in [("admin", 4), ("platform_admin", 3)] {
            let limit = limit(max, WhenFull::EndOldest).unwrap();
            config
                .sessions
                .limits_by_role
                .insert(role.to_owned(), limit);
        }
    })
    .await;
    let user = world.verified(ADA).await;
    let after_five = async || {
        for _ in 0..5 {
            world.sign_in(ADA).await;
        }
        world.live(user).await
    };
    let administration = world.gk.administration();
    assert_eq!(after_five().await, 1);
    let settings = TenantSettings {
        session_limit: limit(2, WhenFull::EndOldest),
        ..TenantSettings::default()
    };
    administration
        .set_tenant_settings(&world.cx, settings)
        .await
        .unwrap();
    assert_eq!(after_five().await, 2);
    administration
        .grant_role(&world.cx, user, "admin")
        .await
        .unwrap();
    assert_eq!(after_five().await, 4);
    // Of several roles the least.
    administration
        .grant_role(&world.cx, user, "platform_admin")
        .await
        .unwrap();
    assert_eq!(after_five().await, 3);
}

pub(super) async fn settings_of_a_tenant_are_checked(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let administration = world.gk.administration();
    let with = |change: fn(&mut TenantSettings)| {
        let mut settings = TenantSettings::default();
        change(&mut settings);
        settings
    };
    let wrong: [fn(&mut TenantSettings); 12] = [
        |it| it.session_limit = limit(0, WhenFull::Reject),
        |it| it.branding.name = Some(String::new()),
        |it| it.branding.name = Some("x".repeat(65)),
        |it| it.branding.name = Some("a\r\nBcc: eve@example.org".to_owned()),
        |it| it.branding.logo_url = Some("http://example.org/a.png".to_owned()),
        |it| it.branding.logo_url = Some("https://".to_owned()),
        |it| it.branding.logo_url = Some("https://a@b/a.png".to_owned()),
        |it| it.branding.logo_url = Some("https://example.org/\" onload=\"x".to_owned()),
        |it| it.branding.logo_url = Some(format!("https://example.org/{}", "a".repeat(512))),
        |it| it.branding.color = Some("red".to_owned()),
        |it| it.branding.color = Some("#12345".to_owned()),
        |it| it.branding.color = Some("#12345g".to_owned()),
    ];
    for change in wrong {
        let settings = with(change);
        let answer = administration
            .set_tenant_settings(&world.cx, settings.clone())
            .await;
        assert_eq!(code(answer), "request.invalid", "{settings:?}");
    }
    assert_eq!(world.count(Event::TenantUpdated).await, 0);
    let sound = with(|it| {
        it.session_limit = limit(1, WhenFull::Reject);
        it.branding.name = Some("Acme \u{fc}ber alles".to_owned());
        it.branding.logo_url = Some("https://example.org/a.png?x=1".to_owned());
        it.branding.color = Some("#0a1B2c".to_owned());
    });
    administration
        .set_tenant_settings(&world.cx, sound.clone())
        .await
        .unwrap();
    let stored = administration.tenant_settings(&world.cx).await.unwrap();
    assert_eq!(stored, sound);
    assert_eq!(world.count(Event::TenantUpdated).await, 1);
}
