use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use gatekeeper_core::{
    CheckState, Config, Error, Evidence, RequestContext, SignIn,
    config::RateLimitConfig,
    model::{Event, Outcome},
    rate_limit::{MemoryRateLimiter, Quota, RateDecision, RateKey, RateLimiter},
    store::StoreError,
};

use super::world::{PASSWORD, World, code, optional_verification, sign_up, token_of};
use crate::store::StoreFixture;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const MICRO: Duration = Duration::from_micros(1);
const ADA: &str = "ada@example.org";
const SPELLINGS: [&str; 4] = [
    ADA,
    "ADA@example.org",
    "Ada@EXAMPLE.org",
    "\u{ff41}da@example.org",
];

/// Limits alone: a lock would answer before them.
fn limited(config: &mut Config, change: impl FnOnce(&mut RateLimitConfig)) {
    config.rate_limits = RateLimitConfig::default();
    config.lockout.enabled = false;
    change(&mut config.rate_limits);
}

async fn world(fixture: StoreFixture, change: impl FnOnce(&mut RateLimitConfig)) -> World {
    World::configured(fixture, |config| limited(config, change)).await
}

/// A call from one of many addresses.
fn from(world: &World, n: u8) -> RequestContext {
    world.cx.clone().with_ip([198, 51, 100, n].into())
}

async fn guess(world: &World, n: u8, email: &str) -> Result<SignIn, Error> {
    let evidence = Evidence::Password {
        identifier: email.to_owned(),
        password: "not the password".into(),
    };
    world.gk.sessions().sign_in(&from(world, n), evidence).await
}

pub(super) async fn row_14_rotated_addresses_and_spellings_share_the_limit_of_the_account(
    fixture: StoreFixture,
) {
    let world = world(fixture, |limits| limits.account = Quota::new(8, MINUTE)).await;
    world.verified(ADA).await;
    for email in [ADA, "nobody@example.org"] {
        let spelled = |n: usize| email.replace(ADA, SPELLINGS[n % 4]);
        for n in 0..8_u8 {
            let answer = guess(&world, n, &spelled(n.into())).await;
            assert_eq!(code(answer), "password.invalid_credentials");
        }
        for n in 8..16_u8 {
            match guess(&world, n, &spelled(n.into())).await {
                Err(Error::RateLimited(limit)) => {
                    assert_eq!((limit.policy, limit.quota.burst), ("account", 8));
                    assert_eq!(limit.retry_after, MINUTE / 8);
                    assert_eq!(limit.reset_after, MINUTE);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    // One guess more, at the exact instant.
    world.advance((MINUTE / 8).saturating_sub(MICRO));
    assert_eq!(code(guess(&world, 0, ADA).await), "request.rate_limited");
    world.advance(MICRO);
    assert_eq!(
        code(guess(&world, 0, ADA).await),
        "password.invalid_credentials"
    );
    assert_eq!(code(guess(&world, 0, ADA).await), "request.rate_limited");
}

pub(super) async fn row_11_a_refused_guess_costs_and_leaves_nothing(fixture: StoreFixture) {
    let world = world(fixture, |limits| limits.account = Quota::new(2, MINUTE)).await;
    world.verified(ADA).await;
    for n in 0..2 {
        let answer = guess(&world, n, ADA).await;
        assert_eq!(code(answer), "password.invalid_credentials");
    }
    let (hashes, rows) = (world.gk.password_hashes(), world.trail().await.len());
    for n in 0..10 {
        // Not even the right password is looked at.
        let refused = world
            .gk
            .sessions()
            .sign_in(
                &from(&world, n),
                Evidence::Password {
                    identifier: ADA.to_owned(),
                    password: PASSWORD.into(),
                },
            )
            .await;
        assert_eq!(code(refused), "request.rate_limited");
    }
    assert_eq!(world.gk.password_hashes(), hashes);
    assert_eq!(world.trail().await.len(), rows);
    assert!(world.mails().await.is_empty());
}

pub(super) async fn row_13_a_burst_of_64_guesses_hashes_exactly_the_quota(fixture: StoreFixture) {
    let world = world(fixture, |limits| limits.account = Quota::new(10, MINUTE)).await;
    world.verified(ADA).await;
    let hashes = world.gk.password_hashes();
    let tasks: Vec<_> = (0..64)
        .map(|n| {
            let world = world.clone();
            tokio::spawn(async move { guess(&world, n, SPELLINGS[usize::from(n) % 4]).await })
        })
        .collect();
    let mut answered = 0;
    for task in tasks {
        match code(task.await.unwrap()).as_str() {
            "request.rate_limited" => {}
            "password.invalid_credentials" => answered += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!(answered, 10);
    assert_eq!(world.gk.password_hashes() - hashes, 10);
}

pub(super) async fn row_16_a_known_device_has_a_limit_of_its_own(fixture: StoreFixture) {
    let world = world(fixture, |limits| limits.account = Quota::new(3, MINUTE)).await;
    let signed_in = world.signed_in(ADA).await;
    for n in 0..2 {
        let _ = guess(&world, n, ADA).await;
    }
    assert_eq!(code(guess(&world, 3, ADA).await), "request.rate_limited");
    let stranger = world.attempt(&world.cx, ADA, PASSWORD).await;
    assert_eq!(code(stranger), "request.rate_limited");
    let mut at_home = world.clone();
    at_home.cx = at_home
        .cx
        .with_device_token(signed_in.device_token.unwrap());
    for _ in 0..3 {
        at_home.sign_in(ADA).await;
    }
    let too_many = at_home.sign_in_with(ADA, PASSWORD).await;
    assert_eq!(code(too_many), "request.rate_limited");
    // Another account's device is none of this one's.
    world.advance(HOUR);
    let bobs = world.signed_in("bob@example.org").await;
    world.advance(HOUR);
    for n in 0..3 {
        let _ = guess(&world, n, ADA).await;
    }
    let mut elsewhere = world.clone();
    elsewhere.cx = elsewhere.cx.with_device_token(bobs.device_token.unwrap());
    let refused = elsewhere.sign_in_with(ADA, PASSWORD).await;
    assert_eq!(code(refused), "request.rate_limited");
}

/// What the trail says of the newest events of a kind, newest first.
async fn reasons(world: &World, event: Event, count: usize) -> Vec<(Outcome, Option<String>)> {
    let trail = world.trail().await;
    let rows = trail.into_iter().filter(|row| row.event == event);
    rows.take(count)
        .map(|row| (row.outcome, row.reason))
        .collect()
}

fn too_many() -> (Outcome, Option<String>) {
    (Outcome::Failure, Some("too_many".to_owned()))
}

pub(super) async fn row_2_reset_mails_are_limited_alike_for_nobody(fixture: StoreFixture) {
    let world = world(fixture, |_| {}).await;
    world.verified(ADA).await;
    let mut trails = Vec::new();
    for (email, expected) in [(ADA, 5), ("nobody@example.org", 0)] {
        for n in 0..8_u8 {
            let spelled = email.replace(ADA, SPELLINGS[usize::from(n) % 4]);
            let answer = world
                .gk
                .passwords()
                .request_reset(&from(&world, n), &spelled)
                .await;
            assert!(answer.is_ok(), "the same answer, over the limit too");
            world.advance(Duration::from_millis(1));
        }
        let mails = world.mails().await;
        assert_eq!(mails.len(), expected);
        assert!(mails.iter().all(|mail| mail.to.as_str() == ADA));
        trails.push(reasons(&world, Event::PasswordResetRequested, 8).await);
    }
    assert_eq!(trails[0], trails[1]);
    assert_eq!(trails[0][..3], [too_many(), too_many(), too_many()]);
    assert!(trails[0][3..].iter().all(|row| row.0 == Outcome::Success));
    // One more each twelve minutes.
    world.advance(HOUR / 5);
    for _ in 0..2 {
        let asked = world.gk.passwords().request_reset(&world.cx, ADA).await;
        assert!(asked.is_ok());
    }
    assert_eq!(world.mails().await.len(), 1);
}

pub(super) async fn verification_mails_are_limited(fixture: StoreFixture) {
    let world = world(fixture, |_| {}).await;
    // Sign-up is the first of three.
    world.register(ADA).await;
    let mut mails = world.mails().await;
    for _ in 0..4 {
        world.advance(Duration::from_millis(1));
        let asked = world.gk.accounts();
        let asked = asked.request_verification(&world.cx, ADA).await;
        assert!(asked.is_ok());
        mails.extend(world.mails().await);
    }
    assert_eq!(mails.len(), 3);
    let reasons = reasons(&world, Event::EmailVerificationRequested, 4).await;
    assert_eq!(reasons[..2], [too_many(), too_many()]);
    assert!(reasons[2..].iter().all(|row| row.0 == Outcome::Success));
    // The newest link that went out is good still.
    let token = token_of(mails.last().unwrap());
    let verified = world.gk.accounts().verify_email(&world.cx, &token).await;
    assert!(verified.is_ok());
}

pub(super) async fn a_sign_up_over_the_limit_of_mails_changes_nothing(fixture: StoreFixture) {
    let world = world(fixture, |_| {}).await;
    let mut token = None;
    for _ in 0..3 {
        world.register(ADA).await;
        token = Some(world.mailed_token().await);
    }
    // Events of one instant have no order.
    world.advance(Duration::from_millis(1));
    let hashes = world.gk.password_hashes();
    for email in [ADA, "Ada@Example.org"] {
        let mut again = sign_up(email);
        again.password = "another-otter-17-candle".into();
        let answer = world.gk.accounts().register(&world.cx, again).await;
        assert!(answer.is_ok());
    }
    assert_eq!(world.gk.password_hashes() - hashes, 2, "the same work");
    assert!(world.mails().await.is_empty());
    let newest = world.newest(Event::AccountRegistrationRepeated).await;
    assert_eq!((newest.outcome, newest.reason), too_many());
    assert_eq!(newest.target, None, "whether there is an account or not");
    // The last link that went out still opens the account to the password it was made with.
    let verified = world
        .gk
        .accounts()
        .verify_email(&world.cx, &token.unwrap())
        .await;
    assert!(verified.is_ok());
    world.sign_in(ADA).await;
    // The welcome.
    world.mails().await;
    // And where there is none, none is made.
    for n in 0..4 {
        let asked = world
            .gk
            .accounts()
            .request_verification(&from(&world, n), "bob@example.org")
            .await;
        assert!(asked.is_ok());
    }
    assert!(world.mails().await.is_empty());
    world.register("bob@example.org").await;
    assert!(world.mails().await.is_empty());
    let found = world.gk.administration();
    let found = found.find_user_by_email(&world.cx, "bob@example.org").await;
    assert_eq!(code(found), "account.not_found");
}

pub(super) async fn where_verification_is_optional_sign_up_goes_on_without_the_mail(
    fixture: StoreFixture,
) {
    let world = World::configured(fixture, |config| {
        limited(config, |_| {});
        optional_verification(config);
    })
    .await;
    for _ in 0..4 {
        let asked = world
            .gk
            .accounts()
            .request_verification(&world.cx, ADA)
            .await;
        assert!(asked.is_ok());
    }
    assert!(world.mails().await.is_empty(), "there is no account yet");
    let answer = world.gk.accounts().register(&world.cx, sign_up(ADA)).await;
    assert!(matches!(
        answer,
        Ok(gatekeeper_core::Registered::SignedIn(_))
    ));
    assert!(world.mails().await.is_empty());
}

pub(super) async fn nobody_is_flooded_by_changes_of_address(fixture: StoreFixture) {
    let world = world(fixture, |_| {}).await;
    let signed_in = world.signed_in(ADA).await;
    let who = world.identity(&signed_in).await;
    let victim = "victim@example.org";
    for _ in 0..6 {
        let asked = world
            .gk
            .accounts()
            .request_email_change(&world.cx, &who, victim, &PASSWORD.into())
            .await;
        assert!(asked.is_ok());
        world.advance(Duration::from_millis(1));
    }
    let mails = world.mails().await;
    let to_victim = mails.iter().filter(|mail| mail.to.as_str() == victim);
    assert_eq!(to_victim.count(), 3);
    assert_eq!(mails.len(), 6, "a notice to the old address with each");
    let reasons = reasons(&world, Event::EmailChangeRequested, 3).await;
    assert_eq!(reasons, [too_many(), too_many(), too_many()]);
}

/// A limiter that two nodes share, and that can be taken away.
#[derive(Clone, Debug)]
struct Shared(Arc<(MemoryRateLimiter, std::sync::atomic::AtomicBool)>);

impl Shared {
    fn new() -> Self {
        Self(Arc::new((MemoryRateLimiter::new(), false.into())))
    }

    fn take_away(&self) {
        self.0.1.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

#[async_trait]
impl RateLimiter for Shared {
    async fn check(
        &self,
        key: &RateKey,
        quota: &Quota,
        now: gatekeeper_core::model::Timestamp,
    ) -> Result<RateDecision, StoreError> {
        if self.0.1.load(std::sync::atomic::Ordering::SeqCst) {
            let kind = gatekeeper_core::store::StoreErrorKind::Unavailable;
            return Err(StoreError::new(kind, "taken away"));
        }
        Ok(self.0.0.check_now(key, quota, now))
    }

    fn name(&self) -> &'static str {
        "shared"
    }
}

pub(super) async fn row_35_nodes_count_together_and_alone_where_they_must(fixture: StoreFixture) {
    let shared = Shared::new();
    let quota = |limits: &mut RateLimitConfig| limits.account = Quota::new(6, MINUTE);
    let one = World::built(
        fixture,
        |config| limited(config, quota),
        |builder| builder.rate_limiter(shared.clone()),
    )
    .await;
    let two = World::on(
        Arc::clone(&one.repository),
        |config| limited(config, quota),
        |builder| {
            builder
                .rate_limiter(shared.clone())
                .clock(one.clock.clone())
        },
    )
    .await
    .unwrap();
    one.verified(ADA).await;
    for n in 0..3 {
        for node in [&one, &two] {
            let answer = guess(node, n, ADA).await;
            assert_eq!(code(answer), "password.invalid_credentials");
        }
    }
    for node in [&one, &two] {
        assert_eq!(code(guess(node, 9, ADA).await), "request.rate_limited");
    }
    // Alone, each goes on from what it counted itself: nobody is shut out, and no limit begins anew.
    shared.take_away();
    for node in [&one, &two] {
        for expected in [
            "password.invalid_credentials",
            "password.invalid_credentials",
            "password.invalid_credentials",
            "request.rate_limited",
        ] {
            assert_eq!(code(guess(node, 9, ADA).await), expected);
        }
        let ready = node.gk.readiness().await;
        let check = ready.checks.iter().find(|check| check.name == "shared");
        assert_eq!(check.unwrap().state, CheckState::Degraded);
    }
}

pub(super) async fn limits_can_be_turned_off(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| {
        limited(config, |limits| limits.enabled = false);
    })
    .await;
    for n in 0..40 {
        let answer = guess(&world, n, ADA).await;
        assert_eq!(code(answer), "password.invalid_credentials");
    }
}
