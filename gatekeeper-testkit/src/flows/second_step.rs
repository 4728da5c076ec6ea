//! Sign-ins with a second factor: every way to a session asks for it, and nothing stands in for it.

use std::time::Duration;

use gatekeeper_core::{
    AuthProvider, Error, ErrorClass, Evidence, FinishMfa, MfaPending, Registered, RequestContext,
    SignIn, SignedIn, Subject, Verification, VerifiedIdentity, async_trait,
    config::EmailVerification,
    env::Clock,
    model::{
        AuthMethod, Event, ExternalIdentity, MfaRequirement, SecretString, Tenant, TenantSettings,
        UserId,
    },
};

use super::{
    factor::with_code,
    world::{PASSWORD, World, change_user, code, sign_up, token_of},
};
use crate::store::StoreFixture;

const ADA: &str = "ada@example.org";
const NEW_PASSWORD: &str = "birch-falcon-37-harbour";

/// A provider that vouches for whoever it is told of.
#[derive(Debug)]
struct Vouching;

#[async_trait]
impl AuthProvider for Vouching {
    fn id(&self) -> &'static str {
        "vouching"
    }

    fn accepts(&self, evidence: &Evidence) -> bool {
        matches!(evidence, Evidence::Password { identifier, .. } if identifier.starts_with("subject-"))
    }

    async fn finish(&self, _: &RequestContext, evidence: &Evidence) -> Result<Verification, Error> {
        let Evidence::Password { identifier, .. } = evidence else {
            panic!("{evidence:?}")
        };
        Ok(Verification::Verified(VerifiedIdentity {
            subject: Subject::External {
                subject: identifier.clone(),
                verified_email: None,
                name: None,
            },
            methods: vec![AuthMethod::Federated],
        }))
    }
}

async fn link(world: &World, user: UserId, subject: &str) {
    let mut tx = world.repository.begin().await.unwrap();
    let identity = ExternalIdentity {
        tenant_id: world.cx.tenant_id,
        provider: "vouching".to_owned(),
        subject: subject.to_owned(),
        user_id: user,
        created_at: world.clock.now(),
    };
    tx.credentials().insert_identity(&identity).await.unwrap();
    tx.commit().await.unwrap();
}

async fn mailed_reset(world: &World) -> SecretString {
    world.mails().await;
    let passwords = world.gk.passwords();
    passwords.request_reset(&world.cx, ADA).await.unwrap();
    token_of(&world.mail().await)
}

#[track_caller]
fn pending(answer: Result<SignIn, Error>) -> MfaPending {
    match answer.unwrap() {
        SignIn::MfaRequired(pending) => pending,
        other => panic!("{other:?}"),
    }
}

/// CVE-2024-45042, CVE-2025-64103, CVE-2026-32246: the matrix of paths to a session, for a user who has a second factor.
pub(super) async fn row_21_every_path_to_a_session_asks_for_the_second_factor(
    fixture: StoreFixture,
) {
    let world = World::built(fixture, |_| {}, |builder| builder.provider(Vouching)).await;
    let (own, app) = world.with_app(ADA).await;
    let user = own.session.user_id;
    let cx = world.cx.clone();
    let sessions = world.count(Event::SessionCreated).await;

    // A password.
    let by_password = pending(world.attempt(&cx, ADA, PASSWORD).await);
    assert_eq!(by_password.methods, ["totp", "backup_code"]);
    assert_eq!(by_password.expires_in, 300);
    // An outside provider.
    link(&world, user, "subject-1").await;
    let by_provider = pending(world.attempt(&cx, "subject-1", "").await);
    let finished = world
        .second_step(&cx, &by_provider, &app.next_code(&world))
        .await
        .unwrap();
    assert_eq!(
        world.identity(&finished).await.methods,
        ["fed", "mfa", "otp"]
    );
    // A confirmed address.
    let who = world.identity(&own).await;
    let accounts = world.gk.accounts();
    accounts
        .request_email_change(&world.cx, &who, "neu@example.org", &PASSWORD.into())
        .await
        .unwrap();
    let mails = world.mails().await;
    let token = super::world::token_to(&mails, "neu@example.org");
    accounts.verify_email(&world.cx, &token).await.unwrap();
    pending(world.attempt(&cx, "neu@example.org", PASSWORD).await);
    change_user(&world, user, |user| {
        user.email = gatekeeper_core::model::EmailAddress::parse(ADA).unwrap();
    })
    .await;
    // A reset, and a password of it.
    let token = mailed_reset(&world).await;
    let passwords = world.gk.passwords();
    passwords
        .reset(&world.cx, &token, &NEW_PASSWORD.into())
        .await
        .unwrap();
    pending(world.attempt(&cx, ADA, NEW_PASSWORD).await);
    // What was pending ended with the password.
    let answer = world
        .second_step(&cx, &by_password, &app.next_code(&world))
        .await;
    assert_eq!(code(answer), "mfa.invalid_token");
    // One session came of all that: the one whose code was shown.
    assert_eq!(world.count(Event::SessionCreated).await, sessions + 1);
}

/// A pending sign-in is not signed in: its token finishes it, and does nothing else anywhere.
pub(super) async fn row_21_a_pending_token_does_one_thing(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, app) = world.with_app(ADA).await;
    let cx = world.cx.clone();
    let pending = world.first_step(&cx, ADA).await;
    let token = &pending.token;
    let gk = &world.gk;
    assert_eq!(
        code(gk.authenticate(token.expose()).await),
        "access.invalid_token"
    );
    assert_eq!(
        code(gk.sessions().refresh(&cx, token).await),
        "session.invalid_refresh_token"
    );
    assert_eq!(
        code(gk.sessions().sign_out_by_refresh_token(&cx, token).await),
        "session.invalid_refresh_token"
    );
    assert_eq!(
        code(gk.accounts().verify_email(&cx, token).await),
        "token.invalid"
    );
    assert_eq!(
        code(gk.passwords().reset(&cx, token, &NEW_PASSWORD.into()).await),
        "token.invalid"
    );
    // It makes no device known.
    let there = cx.clone().with_device_token(token.clone());
    world.first_step(&there, ADA).await;
    // No other token finishes a sign-in, the empty one neither.
    let reset = mailed_reset(&world).await;
    for other in [reset, "".into(), "null".into(), own_refresh(&world).await] {
        let input = FinishMfa {
            token: other,
            ..with_code(&pending, &app.next_code(&world))
        };
        let answer = gk.sessions().finish_mfa(&cx, input).await;
        assert_eq!(code(answer), "mfa.invalid_token");
    }
    // And it does its one thing once.
    let right = app.next_code(&world);
    world.second_step(&cx, &pending, &right).await.unwrap();
    let again = world
        .second_step(&cx, &pending, &app.next_code(&world))
        .await;
    assert_eq!(code(again), "mfa.invalid_token");
}

async fn own_refresh(world: &World) -> SecretString {
    world.signed_in("eve@example.org").await.refresh_token
}

pub(super) async fn a_pending_sign_in_ends_at_the_exact_instant(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, app) = world.with_app(ADA).await;
    let cx = world.cx.clone();
    let pending = world.first_step(&cx, ADA).await;
    let until = world.clock.now().after(Duration::from_mins(5));
    world.clock.set(until);
    let late = world.second_step(&cx, &pending, &app.code(&world)).await;
    assert_eq!(code(late), "mfa.invalid_token");
    world.clock.set(until.before(Duration::from_micros(1)));
    let in_time = world.second_step(&cx, &pending, &app.code(&world)).await;
    assert!(in_time.is_ok());
}

/// Two steps are one sign-in: what changes between them ends it.
pub(super) async fn what_changes_between_the_steps_ends_the_sign_in(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (own, app) = world.with_app(ADA).await;
    let cx = world.cx.clone();
    let first = world.first_step(&cx, ADA).await;
    let who = world.identity(&own).await;
    let passwords = world.gk.passwords();
    passwords
        .change(&world.cx, &who, &PASSWORD.into(), &NEW_PASSWORD.into())
        .await
        .unwrap();
    let answer = world.second_step(&cx, &first, &app.next_code(&world)).await;
    assert_eq!(code(answer), "mfa.invalid_token");
    let second = pending(world.attempt(&cx, ADA, NEW_PASSWORD).await);
    let administration = world.gk.administration();
    administration
        .disable(&world.cx, own.session.user_id)
        .await
        .unwrap();
    let answer = world
        .second_step(&cx, &second, &app.next_code(&world))
        .await;
    assert_eq!(code(answer), "mfa.invalid_token");
}

/// A factor comes into force after the first step found that none is needed, before the session begins.
pub(super) async fn a_sign_in_overtaken_by_a_new_factor_is_refused(fixture: StoreFixture) {
    let hook = super::providers::Overtaking::default();
    let enrolling = hook.clone();
    let world = World::built(fixture, |_| {}, |builder| builder.hooks(hook)).await;
    let own = world.signed_in(ADA).await;
    let there = world.clone();
    enrolling.arm(async move { drop(there.enroll(&own).await) });
    let before = world.count(Event::SessionCreated).await;
    let answer = world.attempt(&world.cx.clone(), ADA, PASSWORD).await;
    assert_eq!(code(answer), "password.invalid_credentials");
    assert_eq!(
        world.newest(Event::SignInFailed).await.reason.as_deref(),
        Some("mfa_changed_meanwhile")
    );
    assert_eq!(world.count(Event::SessionCreated).await, before);
}

/// Of fifty that finish one sign-in with one right code, one gets a session.
pub(super) async fn row_33_fifty_second_steps_give_one_session(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| config.lockout.enabled = false).await;
    let (_, app) = world.with_app(ADA).await;
    let before = world.count(Event::SessionCreated).await;
    let pending = world.first_step(&world.cx.clone(), ADA).await;
    let right = app.next_code(&world);
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (world, pending, right) = (world.clone(), pending.clone(), right.clone());
            tokio::spawn(async move {
                loop {
                    match world.second_step(&world.cx, &pending, &right).await {
                        // More than can be served at once: come again.
                        Err(error) if error.class() == ErrorClass::Unavailable => {
                            tokio::task::yield_now().await;
                        }
                        answer => return answer,
                    }
                }
            })
        })
        .collect();
    let mut inside = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => inside += 1,
            Err(error) => assert_eq!(error.code(), "mfa.invalid_token"),
        }
    }
    assert_eq!(inside, 1);
    assert_eq!(world.count(Event::SessionCreated).await, before + 1);
}

/// CVE-2024-27928: a mailbox is one factor, whatever is asked of it and in whatever order.
pub(super) async fn row_22_a_mailbox_alone_yields_no_session(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| config.mfa.email_codes = true).await;
    world.with_app(ADA).await;
    let cx = world.cx.clone();
    let before = world.count(Event::SessionCreated).await;
    let token = mailed_reset(&world).await;
    let passwords = world.gk.passwords();
    passwords
        .reset(&world.cx, &token, &NEW_PASSWORD.into())
        .await
        .unwrap();
    let pending = pending(world.attempt(&cx, ADA, NEW_PASSWORD).await);
    // Codes by mail are not for who has another factor.
    assert_eq!(pending.methods, ["totp", "backup_code"]);
    let input = FinishMfa {
        method: "email".to_owned(),
        ..with_code(&pending, &"000000".into())
    };
    let answer = world.gk.sessions().finish_mfa(&cx, input).await;
    assert_eq!(code(answer), "mfa.invalid_code");
    assert_eq!(world.count(Event::SessionCreated).await, before);
}

/// GHSA-hp74-gm6m-2qm5: what asks for a recent second factor is not met by a sign-in without one.
pub(super) async fn row_23_a_step_up_is_met_by_a_second_factor_alone(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, app) = world.with_app(ADA).await;
    let cx = world.cx.clone();
    let first = world.first_step(&cx, ADA).await;
    let input = FinishMfa {
        trust_device: true,
        ..with_code(&first, &app.next_code(&world))
    };
    let full = world.gk.sessions().finish_mfa(&cx, input).await.unwrap();
    let shown = world.identity(&full).await;
    assert!(shown.mfa_verified);
    assert_eq!(shown.methods, ["mfa", "otp", "pwd"]);
    // A trusted device signs in anew: newer, and weaker.
    let home = cx.clone().with_device_token(full.device_token.unwrap());
    let SignIn::SignedIn(weak) = world.attempt(&home, ADA, PASSWORD).await.unwrap() else {
        panic!("no session");
    };
    let who = world.identity(&weak).await;
    assert!(!who.mfa_verified && who.methods == ["pwd"]);
    let refreshed = world.refresh(&weak).await.unwrap();
    assert!(!world.identity(&refreshed).await.mfa_verified);
    let sessions = world.gk.sessions();
    let wrong = sessions.step_up(&cx, &who, "totp", &"000000".into()).await;
    assert_eq!(code(wrong), "mfa.code_incorrect");
    assert!(world.believes(&weak).await);
    let right = app.next_code(&world);
    let strong = sessions.step_up(&cx, &who, "totp", &right).await.unwrap();
    let now = world.clock.now().as_unix_seconds();
    let stepped = world.identity(&strong).await;
    assert!(stepped.mfa_verified);
    assert_eq!(stepped.methods, ["mfa", "otp", "pwd"]);
    assert_eq!(stepped.authenticated_at.as_unix_seconds(), now);
    // It lives no longer than what it took the place of.
    assert_eq!(
        strong.session.absolute_expires_at,
        weak.session.absolute_expires_at
    );
    // A code is good once, here too.
    let again = sessions.step_up(&cx, &stepped, "totp", &right).await;
    assert_eq!(code(again), "mfa.code_incorrect");
    assert!(world.believes(&strong).await);
    // Nobody steps up who has nothing to show.
    let eve = world.signed_in("eve@example.org").await;
    let eve = world.identity(&eve).await;
    let answer = sessions.step_up(&cx, &eve, "totp", &right).await;
    assert_eq!(code(answer), "mfa.not_enabled");
}

/// CVE-2022-25896, CVE-2024-28197: a new name for each thing that was proved.
pub(super) async fn row_29_identifiers_change_with_every_proof(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (own, app) = world.with_app(ADA).await;
    let cx = world.cx.clone();
    let pending = world.first_step(&cx, ADA).await;
    let signed_in = world
        .second_step(&cx, &pending, &app.next_code(&world))
        .await
        .unwrap();
    assert_ne!(own.session.id, signed_in.session.id);
    let who = world.identity(&signed_in).await;
    let next = app.next_code(&world);
    let sessions = world.gk.sessions();
    let stepped = sessions.step_up(&cx, &who, "totp", &next).await.unwrap();
    assert_ne!(stepped.session.id, signed_in.session.id);
    assert_ne!(world.identity(&stepped).await.token_id, who.token_id);
    assert_ne!(
        stepped.refresh_token.expose(),
        signed_in.refresh_token.expose()
    );
    // What there was before is dead.
    assert!(!world.believes(&signed_in).await);
    assert_eq!(
        code(world.refresh(&signed_in).await),
        "session.invalid_refresh_token"
    );
    world.refresh(&stepped).await.unwrap();
    assert_eq!(world.count(Event::MfaSteppedUp).await, 1);
}

/// GHSA-7hgr-xvrr-xpw3, CVE-2026-43911: five live sessions; of each kind of change, the others are dead.
pub(super) async fn row_30_every_change_of_factors_ends_the_other_sessions(fixture: StoreFixture) {
    // Which passwords may be chosen is for other cases.
    let world = World::configured(fixture, |config| config.password_history.remembered = 0).await;
    let own = world.signed_in(ADA).await;
    let cx = world.cx.clone();
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(world.sign_in(ADA).await);
    }
    let app = world.enroll(&own).await;
    let all_dead = async |others: &mut Vec<SignedIn>| {
        for other in others.drain(..) {
            assert!(!world.believes(&other).await);
            assert_eq!(
                code(world.refresh(&other).await),
                "session.invalid_refresh_token"
            );
        }
        assert!(world.believes(&own).await || world.refresh(&own).await.is_ok());
    };
    let five = async |others: &mut Vec<SignedIn>, password: &str| {
        for _ in 0..5 {
            let pending = pending(world.attempt(&cx, ADA, password).await);
            let next = app.next_code(&world);
            others.push(world.second_step(&cx, &pending, &next).await.unwrap());
        }
    };
    all_dead(&mut others).await;
    let who = world.identity(&own).await;
    let gk = &world.gk;
    // A change of password.
    five(&mut others, PASSWORD).await;
    gk.passwords()
        .change(&cx, &who, &PASSWORD.into(), &NEW_PASSWORD.into())
        .await
        .unwrap();
    all_dead(&mut others).await;
    // A factor taken away.
    five(&mut others, NEW_PASSWORD).await;
    let next = app.next_code(&world);
    gk.mfa().disable(&cx, &who, "totp", &next).await.unwrap();
    all_dead(&mut others).await;
    assert!(matches!(
        world.attempt(&cx, ADA, NEW_PASSWORD).await.unwrap(),
        SignIn::SignedIn(_)
    ));
    // A reset: everybody.
    let token = mailed_reset(&world).await;
    gk.passwords()
        .reset(&cx, &token, &PASSWORD.into())
        .await
        .unwrap();
    assert!(!world.believes(&own).await);
}

/// The strictest of application, tenant and role; who has no factor sets one up before anything else.
pub(super) async fn the_strictest_rule_asks_for_a_second_factor(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| {
        let by_role = &mut config.mfa.by_role;
        by_role.insert("admin".to_owned(), MfaRequirement::Required);
    })
    .await;
    let user = world.verified(ADA).await;
    let cx = world.cx.clone();
    let asked = async || match world.attempt(&cx, ADA, PASSWORD).await.unwrap() {
        SignIn::SignedIn(_) => false,
        SignIn::MfaEnrollmentRequired(pending) => {
            assert_eq!(pending.methods, ["totp"]);
            // It finishes nothing.
            let answer = world.second_step(&cx, &pending, &"000000".into()).await;
            assert_eq!(code(answer), "mfa.invalid_token");
            true
        }
        other => panic!("{other:?}"),
    };
    assert!(!asked().await);
    let administration = world.gk.administration();
    administration
        .grant_role(&world.cx, user, "admin")
        .await
        .unwrap();
    assert!(asked().await);
    administration
        .revoke_role(&world.cx, user, "admin")
        .await
        .unwrap();
    assert!(!asked().await);
    let settings = TenantSettings {
        mfa: Some(MfaRequirement::Required),
        ..TenantSettings::default()
    };
    administration
        .set_tenant_settings(&world.cx, settings)
        .await
        .unwrap();
    assert!(asked().await);
}

/// A tenant cannot ask for less than the application; sign-up is a path to a session too.
pub(super) async fn row_21_sign_up_asks_for_a_required_factor(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| {
        config.mfa.requirement = MfaRequirement::Required;
        config.email.verification = EmailVerification::Optional;
    })
    .await;
    let settings = TenantSettings {
        mfa: Some(MfaRequirement::Optional),
        ..TenantSettings::default()
    };
    let administration = world.gk.administration();
    let refused = administration
        .set_tenant_settings(&world.cx, settings.clone())
        .await;
    assert_eq!(code(refused), "request.invalid");
    // Nor by what was set while the application asked for less.
    let mut tx = world.repository.begin().await.unwrap();
    let tenant = tx.tenants().find(world.cx.tenant_id).await.unwrap();
    let tenant = Tenant {
        settings,
        ..tenant.unwrap()
    };
    tx.tenants().update(&tenant).await.unwrap();
    tx.commit().await.unwrap();
    let accounts = world.gk.accounts();
    let answer = accounts.register(&world.cx, sign_up(ADA)).await.unwrap();
    assert!(
        matches!(
            &answer,
            Registered::MfaNeeded(SignIn::MfaEnrollmentRequired(_))
        ),
        "{answer:?}"
    );
    let answer = world.attempt(&world.cx.clone(), ADA, PASSWORD).await;
    assert!(matches!(answer, Ok(SignIn::MfaEnrollmentRequired(_))));
    assert_eq!(world.count(Event::SessionCreated).await, 0);
}

/// NIST SP 800-63B-4 section 3.1.1.2: a password that others know opens nothing, and is told of after it was right alone.
pub(super) async fn a_password_that_must_change_opens_nothing(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let user = world.verified(ADA).await;
    let mut tx = world.repository.begin().await.unwrap();
    let now = world.clock.now();
    let said = tx
        .credentials()
        .require_password_change(world.cx.tenant_id, user, now)
        .await;
    assert!(said.unwrap());
    tx.commit().await.unwrap();
    let cx = world.cx.clone();
    assert_eq!(
        code(world.attempt(&cx, ADA, PASSWORD).await),
        "password.change_required"
    );
    assert_eq!(
        code(world.attempt(&cx, ADA, "wrong").await),
        "password.invalid_credentials"
    );
    assert_eq!(world.count(Event::SessionCreated).await, 0);
    let token = mailed_reset(&world).await;
    let passwords = world.gk.passwords();
    passwords
        .reset(&world.cx, &token, &NEW_PASSWORD.into())
        .await
        .unwrap();
    assert!(matches!(
        world.attempt(&cx, ADA, NEW_PASSWORD).await,
        Ok(SignIn::SignedIn(_))
    ));
}
