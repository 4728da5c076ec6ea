use gatekeeper_core::model::{Event, Outcome};

use super::{
    providers::Overtaking,
    world::{PASSWORD, World, code},
};
use crate::store::StoreFixture;

pub(super) async fn the_right_password_opens_a_session(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let user_id = world.verified("ada@example.org").await;
    let signed_in = world.sign_in("ADA@example.org").await;
    assert_eq!(signed_in.expires_in, 900);
    assert_eq!(signed_in.session.user_id, user_id);
    assert_eq!(signed_in.session.ip, world.cx.ip);
    assert_eq!(signed_in.session.user_agent.as_deref(), Some("suite/1"));
    assert!(signed_in.profile.user.last_sign_in_at.is_some());
    let who = world.identity(&signed_in).await;
    assert_eq!(who.user_id, user_id);
    let row = world.newest(Event::SessionCreated).await;
    assert_eq!((row.actor, row.outcome), (Some(user_id), Outcome::Success));
    assert_eq!(row.details["session_id"], signed_in.session.id.to_string());
    // Nothing that could be used stands in the trail (ASVS 16.2.5).
    let trail = format!("{:?}", world.trail().await);
    assert!(!trail.contains(signed_in.access_token.expose()));
    assert!(!trail.contains(signed_in.refresh_token.expose()));
    assert!(!trail.contains(PASSWORD));
}

pub(super) async fn refusals_are_alike_and_their_reasons_recorded(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let ada = world.verified("ada@example.org").await;
    let gone = world.verified("gone@example.org").await;
    world
        .gk
        .administration()
        .disable(&world.cx, gone)
        .await
        .unwrap();
    let cases = [
        ("ada@example.org", "wrong", "wrong_password", Some(ada)),
        ("nobody@example.org", PASSWORD, "unknown_account", None),
        ("%", PASSWORD, "unknown_account", None),
        ("gone@example.org", PASSWORD, "account_disabled", Some(gone)),
        ("gone@example.org", "wrong", "wrong_password", Some(gone)),
    ];
    let mut answers = Vec::new();
    for (email, password, reason, target) in cases {
        let error = world.sign_in_with(email, password).await.unwrap_err();
        answers.push((error.code().to_owned(), error.to_string(), error.class()));
        let row = world.newest(Event::SignInFailed).await;
        assert_eq!(row.reason.as_deref(), Some(reason), "{email}");
        assert_eq!(
            (row.target, row.outcome),
            (target, Outcome::Failure),
            "{email}"
        );
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers[0].0, "password.invalid_credentials");
}

pub(super) async fn an_unverified_address_is_told_after_the_right_password(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.register("ada@example.org").await;
    assert_eq!(
        code(world.sign_in_with("ada@example.org", "wrong").await),
        "password.invalid_credentials"
    );
    assert_eq!(
        code(world.sign_in_with("ada@example.org", PASSWORD).await),
        "account.email_unverified"
    );
    assert_eq!(
        world.newest(Event::SignInFailed).await.reason.as_deref(),
        Some("email_unverified")
    );
    assert_eq!(world.count(Event::SessionCreated).await, 0);
}

pub(super) async fn row_29_every_sign_in_is_a_new_session(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified("ada@example.org").await;
    let first = world.sign_in("ada@example.org").await;
    let second = world.sign_in("ada@example.org").await;
    assert_ne!(first.session.id, second.session.id);
    assert_ne!(first.refresh_token.expose(), second.refresh_token.expose());
    assert_ne!(
        world.identity(&first).await.token_id,
        world.identity(&second).await.token_id
    );
}

pub(super) async fn claims_say_who_and_how(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let user_id = world.verified("ada@example.org").await;
    world
        .gk
        .administration()
        .grant_role(&world.cx, user_id, "admin")
        .await
        .unwrap();
    let signed_in = world.sign_in("ada@example.org").await;
    let who = world.identity(&signed_in).await;
    assert_eq!(who.roles, ["admin", "user"]);
    assert!(who.has_permission("reports:generate") && who.has_role("admin"));
    assert_eq!(who.methods, ["pwd"]);
    assert_eq!(who.email, "ada@example.org");
    assert_eq!(who.session_id, signed_in.session.id);
    assert_eq!(who.tenant_id, world.cx.tenant_id);
    assert!(!who.mfa_verified && who.actor.is_none());
    assert_eq!(who.expires_at.since(who.issued_at).as_secs(), 900);
    assert_eq!(
        who.authenticated_at.as_unix_seconds(),
        signed_in.session.authenticated_at.as_unix_seconds()
    );
}

/// That it is disabled is the first thing that counts, and the last that is told.
pub(super) async fn a_disabled_account_is_not_told_from_none(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.register("ada@example.org").await;
    let administration = world.gk.administration();
    let user = administration
        .find_user_by_email(&world.cx, "ada@example.org")
        .await
        .unwrap();
    administration.disable(&world.cx, user.id).await.unwrap();
    assert_eq!(
        code(world.sign_in_with("ada@example.org", PASSWORD).await),
        "password.invalid_credentials"
    );
    assert_eq!(
        world.newest(Event::SignInFailed).await.reason.as_deref(),
        Some("account_disabled")
    );
}

/// Disabled after the password was checked, before the session is to begin.
pub(super) async fn a_sign_in_overtaken_by_disabling_is_refused(fixture: StoreFixture) {
    let hook = Overtaking::default();
    let disabling = hook.clone();
    let world = World::built(fixture, |_| {}, |builder| builder.hooks(hook)).await;
    let user_id = world.verified("ada@example.org").await;
    let there = world.clone();
    disabling.arm(async move {
        let administration = there.gk.administration();
        administration.disable(&there.cx, user_id).await.unwrap();
    });
    assert_eq!(
        code(world.sign_in_with("ada@example.org", PASSWORD).await),
        "password.invalid_credentials"
    );
    assert_eq!(
        world.newest(Event::SignInFailed).await.reason.as_deref(),
        Some("account_disabled")
    );
    assert_eq!(world.count(Event::SessionCreated).await, 0);
}
