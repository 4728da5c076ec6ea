use std::time::Duration;

use gatekeeper_core::{
    FinishMfa, RequestContext, SignIn, SignedIn,
    env::Clock,
    model::{AuthMethod, Event},
};

use super::{
    factor::{Factor, with_code},
    world::{PASSWORD, World, code},
};
use crate::store::StoreFixture;

const ADA: &str = "ada@example.org";
const NEW_PASSWORD: &str = "birch-falcon-37-harbour";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

impl World {
    /// Signs in with the app from somewhere, and has the device trusted.
    async fn trust(&self, cx: &RequestContext, app: &Factor) -> (SignedIn, RequestContext) {
        let pending = self.first_step(cx, ADA).await;
        let input = FinishMfa {
            trust_device: true,
            ..with_code(&pending, &app.next_code(self))
        };
        let signed_in = self.gk.sessions().finish_mfa(cx, input).await.unwrap();
        let token = signed_in.device_token.clone().or(cx.device_token.clone());
        let there = cx.clone().with_device_token(token.unwrap());
        (signed_in, there)
    }

    /// Whether the first factor is enough there.
    async fn is_spared(&self, cx: &RequestContext, password: &str) -> bool {
        match self.attempt(cx, ADA, password).await.unwrap() {
            SignIn::SignedIn(_) => true,
            SignIn::MfaRequired(_) => false,
            other => panic!("{other:?}"),
        }
    }
}

pub(super) async fn a_device_is_known_from_its_first_sign_in_on(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified(ADA).await;
    let browser = world.cx.clone().with_user_agent(FIREFOX);
    let SignIn::SignedIn(first) = world.attempt(&browser, ADA, PASSWORD).await.unwrap() else {
        panic!("no session");
    };
    let token = first.device_token.clone().unwrap();
    // The account's first sign-in is nobody's news.
    assert!(world.mails().await.is_empty());
    let home = browser.clone().with_device_token(token.clone());
    let SignIn::SignedIn(second) = world.attempt(&home, ADA, PASSWORD).await.unwrap() else {
        panic!("no session");
    };
    assert!(second.device_token.is_none());
    assert_eq!(second.session.device_id, first.session.device_id);
    assert!(world.mails().await.is_empty());

    // A stranger, and a token of somebody else's.
    let SignIn::SignedIn(strange) = world.attempt(&browser, ADA, PASSWORD).await.unwrap() else {
        panic!("no session");
    };
    assert_ne!(strange.session.device_id, first.session.device_id);
    let mail = world.mail().await;
    assert_eq!(mail.to.as_str(), ADA);
    assert!(mail.text.contains("Firefox on Linux"), "{}", mail.text);
    world.verified("eve@example.org").await;
    let eve = world.attempt(&home, "eve@example.org", PASSWORD).await;
    let SignIn::SignedIn(eve) = eve.unwrap() else {
        panic!("no session");
    };
    assert!(eve.device_token.is_some());

    let who = world.identity(&second).await;
    let sessions = world.gk.sessions();
    let devices = sessions.devices(&world.cx, &who).await.unwrap();
    let current: Vec<bool> = devices.iter().map(|entry| entry.is_current).collect();
    assert_eq!(current, [false, true]);
    assert!(devices.iter().all(|entry| !entry.is_trusted));
    // A year after its last sign-in, to the microsecond, it is a stranger again.
    let seen = world.clock.now();
    world.advance(Duration::from_hours(365 * 24).saturating_sub(Duration::from_millis(10)));
    let answer = world.attempt(&home, ADA, PASSWORD).await.unwrap();
    let SignIn::SignedIn(again) = answer else {
        panic!("no session");
    };
    assert!(again.device_token.is_none(), "since {seen:?}");
    world.advance(Duration::from_hours(365 * 24));
    let answer = world.attempt(&home, ADA, PASSWORD).await.unwrap();
    assert!(matches!(answer, SignIn::SignedIn(new) if new.device_token.is_some()));
}

pub(super) async fn new_device_notices_can_be_switched_off(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| config.devices.new_device_notice = false).await;
    world.verified(ADA).await;
    for _ in 0..2 {
        let answer = world
            .attempt(&world.cx.clone(), ADA, PASSWORD)
            .await
            .unwrap();
        assert!(matches!(answer, SignIn::SignedIn(_)));
    }
    assert!(world.mails().await.is_empty());
}

pub(super) async fn a_trusted_device_is_spared_the_second_factor(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, app) = world.with_app(ADA).await;
    let stranger = world.cx.clone();
    let (full, home) = world.trust(&stranger, &app).await;
    assert!(world.identity(&full).await.mfa_verified);
    assert_eq!(
        world.newest(Event::DeviceTrusted).await.target,
        Some(full.session.user_id)
    );
    let answer = world.attempt(&home, ADA, PASSWORD).await.unwrap();
    let SignIn::SignedIn(spared) = answer else {
        panic!("asked for a second factor");
    };
    // It was spared the factor, and does not say that it was shown.
    let who = world.identity(&spared).await;
    assert!(!who.mfa_verified);
    assert_eq!(who.methods, ["pwd"]);
    assert_eq!(spared.session.methods, [AuthMethod::Password]);
    let devices = world.gk.sessions().devices(&world.cx, &who).await.unwrap();
    assert_eq!(devices.iter().filter(|entry| entry.is_trusted).count(), 1);
    assert!(!world.is_spared(&stranger, PASSWORD).await);
    // The second factor shown without the wish to trust: known, and not trusted.
    let pending = world.first_step(&stranger, ADA).await;
    let answer = world
        .second_step(&stranger, &pending, &app.next_code(&world))
        .await;
    let token = answer.unwrap().device_token.unwrap();
    let known = stranger.clone().with_device_token(token);
    assert!(!world.is_spared(&known, PASSWORD).await);
    // Thirty days from the code on, whatever was done since.
    let until = full.session.created_at.after(Duration::from_hours(30 * 24));
    world.clock.set(until.before(Duration::from_micros(1_001)));
    assert!(world.is_spared(&home, PASSWORD).await);
    world.clock.set(until.before(Duration::from_millis(1)));
    assert!(!world.is_spared(&home, PASSWORD).await);
}

/// CVE-2026-43911's kind: trust that outlives what it rested on.
pub(super) async fn row_30_trust_ends_with_every_change_of_password_or_factor(
    fixture: StoreFixture,
) {
    // Which passwords may be chosen is for other cases.
    let world = World::configured(fixture, |config| config.password_history.remembered = 0).await;
    let (_, app) = world.with_app(ADA).await;
    let stranger = world.cx.clone();
    let (signed_in, home) = world.trust(&stranger, &app).await;
    assert!(world.is_spared(&home, PASSWORD).await);
    let who = world.identity(&signed_in).await;
    let next = app.next_code(&world);
    let mfa = world.gk.mfa();
    mfa.disable(&world.cx, &who, "totp", &next).await.unwrap();
    let app = world.enroll(&signed_in).await;
    assert!(!world.is_spared(&home, PASSWORD).await);

    let (signed_in, home) = world.trust(&home, &app).await;
    let who = world.identity(&signed_in).await;
    let passwords = world.gk.passwords();
    assert!(world.is_spared(&home, PASSWORD).await);
    passwords
        .change(&world.cx, &who, &PASSWORD.into(), &NEW_PASSWORD.into())
        .await
        .unwrap();
    assert!(!world.is_spared(&home, NEW_PASSWORD).await);

    passwords
        .change(
            &world.cx,
            &who,
            &NEW_PASSWORD.into(),
            &"walnut-heron-58-gravel".into(),
        )
        .await
        .unwrap();
    world.mails().await;
    passwords.request_reset(&world.cx, ADA).await.unwrap();
    let token = world.mailed_token().await;
    passwords
        .reset(&world.cx, &token, &PASSWORD.into())
        .await
        .unwrap();
    let (signed_in, home) = world.trust(&home, &app).await;
    assert!(world.is_spared(&home, PASSWORD).await);
    world.mails().await;
    passwords.request_reset(&world.cx, ADA).await.unwrap();
    let token = world.mailed_token().await;
    passwords
        .reset(&world.cx, &token, &NEW_PASSWORD.into())
        .await
        .unwrap();
    assert!(!world.is_spared(&home, NEW_PASSWORD).await);
    assert!(!world.believes(&signed_in).await);
}

/// The device goes, and what goes on there with it.
pub(super) async fn a_revoked_device_is_a_stranger(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (own, app) = world.with_app(ADA).await;
    let (lost, home) = world.trust(&world.cx.clone(), &app).await;
    let who = world.identity(&own).await;
    let sessions = world.gk.sessions();
    let device = lost.session.device_id.unwrap();
    sessions
        .revoke_device(&world.cx, &who, device)
        .await
        .unwrap();
    assert!(!world.is_spared(&home, PASSWORD).await);
    assert!(!world.believes(&lost).await);
    assert!(world.believes(&own).await);
    assert_eq!(world.count(Event::DeviceRevoked).await, 1);
    for gone in [
        device,
        gatekeeper_core::model::DeviceId::new(world.clock.now(), world.gk.random()),
    ] {
        let answer = sessions.revoke_device(&world.cx, &who, gone).await;
        assert_eq!(code(answer), "device.not_found");
    }
    // Nobody revokes another's.
    let eve = world.signed_in("eve@example.org").await;
    let eve = world.identity(&eve).await;
    let own = own.session.device_id.unwrap();
    assert_eq!(
        code(sessions.revoke_device(&world.cx, &eve, own).await),
        "device.not_found"
    );
}
