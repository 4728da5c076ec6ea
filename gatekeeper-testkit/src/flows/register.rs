use gatekeeper_core::{Error, Register, Registered, model::Event};

use super::world::{PASSWORD, World, code, optional_verification, sign_up};
use crate::store::StoreFixture;

pub(super) async fn sign_up_asks_for_verification(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.register("ada@example.org").await;
    let user = world
        .gk
        .administration()
        .find_user_by_email(&world.cx, "ada@example.org")
        .await
        .unwrap();
    assert!(!user.email_verified());
    let mail = world.mail().await;
    assert_eq!(mail.to.as_str(), "ada@example.org");
    assert!(
        mail.text
            .contains("https://auth.example.org/verify-email#token="),
        "{}",
        mail.text
    );
    let row = world.newest(Event::AccountRegistered).await;
    assert_eq!((row.actor, row.target), (Some(user.id), Some(user.id)));
    assert_eq!(row.correlation_id, "test-request");
    assert_eq!(row.ip, world.cx.ip);
    assert_eq!(row.user_agent.as_deref(), Some("suite/1"));
}

pub(super) async fn optional_verification_signs_in_at_once(fixture: StoreFixture) {
    let world = World::configured(fixture, optional_verification).await;
    let answer = world
        .gk
        .accounts()
        .register(&world.cx, sign_up("ada@example.org"))
        .await
        .unwrap();
    let Registered::SignedIn(signed_in) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(world.identity(&signed_in).await.email, "ada@example.org");
    assert!(!signed_in.profile.user.email_verified());
    // The mail still goes out, and its link works.
    let token = world.mailed_token().await;
    world
        .gk
        .accounts()
        .verify_email(&world.cx, &token)
        .await
        .unwrap();
    assert!(world.believes(&signed_in).await);
}

pub(super) async fn optional_verification_says_when_an_address_is_taken(fixture: StoreFixture) {
    let world = World::configured(fixture, optional_verification).await;
    let _ = world
        .gk
        .accounts()
        .register(&world.cx, sign_up("ada@example.org"))
        .await
        .unwrap();
    let again = world
        .gk
        .accounts()
        .register(&world.cx, sign_up("ADA@example.org"))
        .await;
    assert_eq!(code(again), "account.email_taken");
    assert_eq!(
        world
            .newest(Event::AccountRegistrationRepeated)
            .await
            .reason
            .as_deref(),
        Some("email_taken")
    );
}

pub(super) async fn bad_fields_are_all_named(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let input = Register {
        email: "no address".to_owned(),
        password: "x".into(),
        name: Some("a\r\nb".to_owned()),
        locale: Some("not a locale".to_owned()),
    };
    let Error::Invalid(violations) = world
        .gk
        .accounts()
        .register(&world.cx, input)
        .await
        .unwrap_err()
    else {
        panic!("not refused as invalid");
    };
    let pointers: Vec<&str> = violations
        .as_slice()
        .iter()
        .map(|wrong| wrong.pointer.as_str())
        .collect();
    assert_eq!(pointers, ["/email", "/name", "/locale", "/password"]);
    assert!(world.trail().await.is_empty());
    assert!(world.mails().await.is_empty());
}

pub(super) async fn a_second_sign_up_before_verification_takes_over(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.register("ada@example.org").await;
    let older = world.mailed_token().await;
    let mut second = sign_up("ada@example.org");
    second.password = "birch-falcon-37-harbour".into();
    let _ = world
        .gk
        .accounts()
        .register(&world.cx, second)
        .await
        .unwrap();
    let newer = world.mailed_token().await;
    assert_eq!(
        code(world.gk.accounts().verify_email(&world.cx, &older).await),
        "token.invalid"
    );
    world
        .gk
        .accounts()
        .verify_email(&world.cx, &newer)
        .await
        .unwrap();
    // The link that works belongs to the password that was chosen with it.
    let first = world.sign_in_with("ada@example.org", PASSWORD).await;
    assert_eq!(code(first), "password.invalid_credentials");
    world
        .sign_in_with("ada@example.org", "birch-falcon-37-harbour")
        .await
        .unwrap();
}

pub(super) async fn row_4_hostile_addresses_are_refused(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let long = format!("{}@example.org", "a".repeat(1_000));
    let hostile = [
        "a@b@example.org",
        "\"a@evil.example\"@example.org",
        "a@example.org,b@example.org",
        "a@example.org\r\nBcc: b@example.org",
        "a\u{ff20}evil.example@example.org",
        "a@example.org\0",
        " a@example.org",
        long.as_str(),
    ];
    for email in hostile {
        assert_eq!(
            code(
                world
                    .gk
                    .accounts()
                    .register(&world.cx, sign_up(email))
                    .await
            ),
            "request.invalid",
            "{email:?}"
        );
        assert_eq!(
            code(world.gk.passwords().request_reset(&world.cx, email).await),
            "request.invalid",
            "{email:?}"
        );
        assert_eq!(
            code(
                world
                    .gk
                    .accounts()
                    .request_verification(&world.cx, email)
                    .await
            ),
            "request.invalid"
        );
        assert_eq!(
            code(world.sign_in_with(email, PASSWORD).await),
            "password.invalid_credentials",
            "{email:?}"
        );
    }
    assert!(world.mails().await.is_empty());
}

pub(super) async fn sixteen_sign_ups_make_one_account(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.register("ada@example.org").await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(world.count(Event::AccountRegistered).await, 1);
    // Of sixteen links the last is good, and only that.
    let mut good = 0;
    for mail in world.mails().await {
        let token = super::world::token_of(&mail);
        good += usize::from(
            world
                .gk
                .accounts()
                .verify_email(&world.cx, &token)
                .await
                .is_ok(),
        );
    }
    assert_eq!(good, 1);
}

/// Before the worker has come to the newer link, and where verification was optional before.
pub(super) async fn a_second_sign_up_ends_the_first_at_once(fixture: StoreFixture) {
    let world = World::configured(fixture, optional_verification).await;
    let answer = world
        .gk
        .accounts()
        .register(&world.cx, sign_up("ada@example.org"))
        .await
        .unwrap();
    let Registered::SignedIn(first) = answer else {
        panic!("{answer:?}")
    };
    let older = world.mailed_token().await;
    world
        .gk
        .passwords()
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let reset = world.mailed_token().await;

    let repository = std::sync::Arc::clone(&world.repository);
    let strict = World::on(repository, |_| {}, |builder| builder)
        .await
        .unwrap();
    let mut second = sign_up("ada@example.org");
    second.password = "birch-falcon-37-harbour".into();
    let _ = strict
        .gk
        .accounts()
        .register(&strict.cx, second)
        .await
        .unwrap();
    assert_eq!(
        code(strict.gk.accounts().verify_email(&strict.cx, &older).await),
        "token.invalid"
    );
    let redeemed = strict
        .gk
        .passwords()
        .reset(&strict.cx, &reset, &PASSWORD.into())
        .await;
    assert_eq!(code(redeemed), "token.invalid");
    assert!(!strict.believes(&first).await);
    assert_eq!(
        code(strict.refresh(&first).await),
        "session.invalid_refresh_token"
    );
    let newer = strict.mailed_token().await;
    strict
        .gk
        .accounts()
        .verify_email(&strict.cx, &newer)
        .await
        .unwrap();
    strict
        .sign_in_with("ada@example.org", "birch-falcon-37-harbour")
        .await
        .unwrap();
}

pub(super) async fn a_disabled_account_is_not_taken_over(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.register("ada@example.org").await;
    world.mails().await;
    let administration = world.gk.administration();
    let user = administration
        .find_user_by_email(&world.cx, "ada@example.org")
        .await
        .unwrap();
    administration.disable(&world.cx, user.id).await.unwrap();
    let before = world
        .repository
        .find_account(world.cx.tenant_id, user.id)
        .await
        .unwrap()
        .unwrap();
    world.advance(std::time::Duration::from_secs(1));
    world.register("ada@example.org").await;
    let after = world
        .repository
        .find_account(world.cx.tenant_id, user.id)
        .await
        .unwrap()
        .unwrap();
    let changed_at =
        |account: gatekeeper_core::model::Account| account.password.unwrap().changed_at;
    assert_eq!(before.user, after.user);
    assert_eq!(changed_at(before), changed_at(after));
    assert!(world.mails().await.is_empty());
}
