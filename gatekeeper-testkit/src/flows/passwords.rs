use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    Config,
    model::{Event, PasswordCredential, SecretString},
};

use super::world::{PASSWORD, World, change_user, code};
use crate::{faults::FaultyRepository, store::StoreFixture};

const NEW_PASSWORD: &str = "birch-falcon-37-harbour";

pub(super) async fn a_reset_ends_every_session_and_signs_nobody_in(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified("ada@example.org").await;
    let mut live = Vec::new();
    for _ in 0..5 {
        live.push(world.sign_in("ada@example.org").await);
    }
    world
        .gk
        .passwords()
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let mail = world.mail().await;
    assert!(
        mail.text
            .contains("https://auth.example.org/reset-password#token="),
        "{}",
        mail.text
    );
    let token = super::world::token_of(&mail);
    let sessions = world.count(Event::SessionCreated).await;
    world
        .gk
        .passwords()
        .reset(&world.cx, &token, &NEW_PASSWORD.into())
        .await
        .unwrap();
    assert_eq!(world.count(Event::SessionCreated).await, sessions);
    for session in &live {
        assert!(!world.believes(session).await);
        assert_eq!(
            code(world.refresh(session).await),
            "session.invalid_refresh_token"
        );
    }
    assert_eq!(
        code(world.sign_in_with("ada@example.org", PASSWORD).await),
        "password.invalid_credentials"
    );
    // In the same second: the new session must not fall under what ended the old ones.
    let fresh = world
        .sign_in_with("ada@example.org", NEW_PASSWORD)
        .await
        .unwrap();
    assert!(world.believes(&fresh).await);
    assert!(world.mail().await.subject.contains("reset"));
    let again = world
        .gk
        .passwords()
        .reset(&world.cx, &token, &NEW_PASSWORD.into())
        .await;
    assert_eq!(code(again), "token.invalid");
}

pub(super) async fn a_refused_password_leaves_the_link_good(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified("ada@example.org").await;
    world
        .gk
        .passwords()
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let token = world.mailed_token().await;
    for weak in [
        "short",
        "passwordpassword",
        "ada@example.org",
        "gatekeepergatekeeper",
    ] {
        let answer = world
            .gk
            .passwords()
            .reset(&world.cx, &token, &weak.into())
            .await;
        assert_eq!(code(answer), "request.invalid", "{weak}");
    }
    world
        .gk
        .passwords()
        .reset(&world.cx, &token, &NEW_PASSWORD.into())
        .await
        .unwrap();
}

pub(super) async fn a_newer_reset_link_ends_the_older(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified("ada@example.org").await;
    world
        .gk
        .passwords()
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let older = world.mailed_token().await;
    world
        .gk
        .passwords()
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let newer = world.mailed_token().await;
    assert_eq!(
        code(
            world
                .gk
                .passwords()
                .reset(&world.cx, &older, &NEW_PASSWORD.into())
                .await
        ),
        "token.invalid"
    );
    world
        .gk
        .passwords()
        .reset(&world.cx, &newer, &NEW_PASSWORD.into())
        .await
        .unwrap();
}

pub(super) async fn a_reset_of_an_unverified_account_proves_the_mailbox(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.register("ada@example.org").await;
    let verification = world.mailed_token().await;
    world
        .gk
        .passwords()
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let token = world.mailed_token().await;
    world
        .gk
        .passwords()
        .reset(&world.cx, &token, &NEW_PASSWORD.into())
        .await
        .unwrap();
    let signed_in = world
        .sign_in_with("ada@example.org", NEW_PASSWORD)
        .await
        .unwrap();
    assert!(signed_in.profile.user.email_verified());
    world.newest(Event::EmailVerified).await;
    assert_eq!(
        code(
            world
                .gk
                .accounts()
                .verify_email(&world.cx, &verification)
                .await
        ),
        "token.invalid"
    );
}

pub(super) async fn row_30_a_change_ends_the_other_sessions(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified("ada@example.org").await;
    let mut others = Vec::new();
    for _ in 0..4 {
        others.push(world.sign_in("ada@example.org").await);
    }
    world
        .gk
        .passwords()
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let link = world.mailed_token().await;
    let own = world.sign_in("ada@example.org").await;
    let who = world.identity(&own).await;
    world
        .gk
        .passwords()
        .change(&world.cx, &who, &PASSWORD.into(), &NEW_PASSWORD.into())
        .await
        .unwrap();
    for other in &others {
        assert!(!world.believes(other).await);
        assert_eq!(
            code(world.refresh(other).await),
            "session.invalid_refresh_token"
        );
    }
    assert!(world.believes(&own).await);
    world.refresh(&own).await.unwrap();
    assert_eq!(
        code(
            world
                .gk
                .passwords()
                .reset(&world.cx, &link, &PASSWORD.into())
                .await
        ),
        "token.invalid"
    );
    assert!(world.mail().await.subject.contains("changed"));
    let row = world.newest(Event::PasswordChanged).await;
    assert_eq!((row.target, row.reason), (Some(who.user_id), None));
    world
        .sign_in_with("ada@example.org", NEW_PASSWORD)
        .await
        .unwrap();
}

pub(super) async fn a_wrong_current_password_changes_nothing(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let own = world.signed_in("ada@example.org").await;
    let who = world.identity(&own).await;
    let answer = world
        .gk
        .passwords()
        .change(&world.cx, &who, &"wrong".into(), &NEW_PASSWORD.into())
        .await;
    assert_eq!(code(answer), "password.current_incorrect");
    assert_eq!(
        world.newest(Event::PasswordChanged).await.reason.as_deref(),
        Some("wrong_password")
    );
    let weak = world
        .gk
        .passwords()
        .change(&world.cx, &who, &PASSWORD.into(), &"short".into())
        .await;
    assert_eq!(code(weak), "request.invalid");
    world.sign_in("ada@example.org").await;
    assert!(world.mails().await.is_empty());
}

pub(super) async fn asvs_6_2_8_every_byte_of_a_password_counts(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified("ada@example.org").await;
    let mut changed: Vec<String> = vec![
        format!("{PASSWORD} "),
        format!(" {PASSWORD}"),
        format!("{PASSWORD}\0"),
        PASSWORD.to_uppercase(),
    ];
    for at in 0..PASSWORD.len() {
        let mut bytes = PASSWORD.as_bytes().to_vec();
        bytes[at] ^= 1;
        changed.push(String::from_utf8(bytes).unwrap());
    }
    for password in changed {
        let answer = world.sign_in_with("ada@example.org", &password).await;
        assert_eq!(code(answer), "password.invalid_credentials", "{password:?}");
    }
}

/// PBKDF2-SHA256 as Django writes it, of the suite's password.
pub(super) const DJANGO: &str =
    "pbkdf2_sha256$1000$seasalt$y118f+cizs8BDPPQwwIFybkSEtTEm5Eif0l6g3f+TqM=";

pub(super) async fn an_outdated_hash_is_made_anew_at_sign_in(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let user_id = world.verified("ada@example.org").await;
    let imported = SecretString::new(DJANGO);
    let now = gatekeeper_core::env::Clock::now(&world.clock);
    let stored = PasswordCredential {
        user_id,
        tenant_id: world.cx.tenant_id,
        hash: imported.clone(),
        changed_at: now,
        must_change_since: None,
    };
    let mut tx = world.repository.begin().await.unwrap();
    tx.credentials().set_password(&stored).await.unwrap();
    tx.commit().await.unwrap();

    let wrong = world.sign_in_with("ada@example.org", "wrong").await;
    assert_eq!(code(wrong), "password.invalid_credentials");
    assert_eq!(world.count(Event::PasswordRehashed).await, 0);
    world.sign_in("ada@example.org").await;
    assert_eq!(world.count(Event::PasswordRehashed).await, 1);
    let mut tx = world.repository.begin().await.unwrap();
    let after = tx
        .credentials()
        .find_password(world.cx.tenant_id, user_id)
        .await
        .unwrap()
        .unwrap();
    drop(tx);
    assert!(
        after.hash.expose().starts_with("$argon2id$"),
        "{:?}",
        after.hash.expose()
    );
    assert_eq!(after.changed_at, now);
    world.sign_in("ada@example.org").await;
    assert_eq!(world.count(Event::PasswordRehashed).await, 1);
}

/// A sign-in whose password was right when it was checked, and no longer is when the session is to begin.
pub(super) async fn a_sign_in_overtaken_by_a_change_is_refused(fixture: StoreFixture) {
    let hook = super::providers::Overtaking::default();
    let changing = hook.clone();
    let world = World::built(
        fixture,
        |_: &mut Config| {},
        move |builder| builder.hooks(hook),
    )
    .await;
    let user_id = world.verified("ada@example.org").await;
    world.advance(Duration::from_secs(1));
    let stored = PasswordCredential {
        user_id,
        tenant_id: world.cx.tenant_id,
        hash: SecretString::new(DJANGO),
        changed_at: gatekeeper_core::env::Clock::now(&world.clock),
        must_change_since: None,
    };
    let repository = Arc::clone(&world.repository);
    changing.arm(async move {
        let mut tx = repository.begin().await.unwrap();
        tx.credentials().set_password(&stored).await.unwrap();
        tx.commit().await.unwrap();
    });
    let answer = world.sign_in_with("ada@example.org", PASSWORD).await;
    assert_eq!(code(answer), "password.invalid_credentials");
    let row = world.newest(Event::SignInFailed).await;
    assert_eq!(row.reason.as_deref(), Some("password_changed_meanwhile"));
    assert_eq!(world.count(Event::SessionCreated).await, 0);
}

pub(super) async fn row_33_fifty_redemptions_give_one_success(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let other = world.another_node(node).await;
    world.verified("ada@example.org").await;
    world
        .gk
        .passwords()
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let token = world.mailed_token().await;
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let node = if n % 2 == 0 {
                world.clone()
            } else {
                other.clone()
            };
            let token = token.clone();
            let password = format!("{NEW_PASSWORD}-{n}");
            tokio::spawn(async move {
                let answer = node
                    .gk
                    .passwords()
                    .reset(&node.cx, &token, &password.as_str().into())
                    .await;
                answer.map(|()| password)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(password) => winners.push(password),
            Err(error) => assert!(
                matches!(error.code(), "token.invalid" | "service.overloaded"),
                "{error:?}"
            ),
        }
    }
    assert_eq!(winners.len(), 1);
    world
        .sign_in_with("ada@example.org", &winners[0])
        .await
        .unwrap();
    assert_eq!(world.count(Event::PasswordReset).await, 1);
}

/// Wherever a password is chosen, the address and the name are known and may not be in it.
pub(super) async fn asvs_6_2_11_a_password_may_not_hold_its_context(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let mut input = super::world::sign_up("quixotine@example.org");
    input.name = Some("Zebulonia Ferrante".to_owned());
    let weak = ["Quixotine-lantern-42", "zebul0nia-lantern-42"];
    let accounts = world.gk.accounts();
    for password in weak {
        let mut input = input.clone();
        input.password = password.into();
        let answer = accounts.register(&world.cx, input).await;
        assert_eq!(code(answer), "request.invalid", "{password}");
        let made = gatekeeper_core::NewUser {
            email: "quixotine@example.org".to_owned(),
            name: Some("Zebulonia Ferrante".to_owned()),
            roles: Vec::new(),
            password: Some(password.into()),
        };
        let answer = world.gk.administration().create_user(&world.cx, made).await;
        assert_eq!(code(answer), "request.invalid", "{password}");
    }
    let _ = accounts.register(&world.cx, input).await.unwrap();
    let token = world.mailed_token().await;
    accounts.verify_email(&world.cx, &token).await.unwrap();
    world.mails().await;
    let signed_in = world.sign_in("quixotine@example.org").await;
    let who = world.identity(&signed_in).await;
    let passwords = world.gk.passwords();
    passwords
        .request_reset(&world.cx, "quixotine@example.org")
        .await
        .unwrap();
    let token = world.mailed_token().await;
    for password in weak {
        let answer = passwords.reset(&world.cx, &token, &password.into()).await;
        assert_eq!(code(answer), "request.invalid", "{password}");
        let answer = passwords
            .change(&world.cx, &who, &PASSWORD.into(), &password.into())
            .await;
        assert_eq!(code(answer), "request.invalid", "{password}");
    }
}

/// A link that is no good costs no hash, or anybody could keep the hashers busy; and it leaves its trace.
pub(super) async fn a_bad_reset_link_costs_no_hash(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let user_id = world.verified("ada@example.org").await;
    world
        .gk
        .passwords()
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let good = world.mailed_token().await;
    change_user(&world, user_id, |user| {
        user.disabled_at = Some(user.created_at);
    })
    .await;
    let guess = SecretString::new("A".repeat(good.expose().len()));
    let before = world.gk.password_hashes();
    for (n, token) in [good, guess].iter().enumerate() {
        let answer = world
            .gk
            .passwords()
            .reset(&world.cx, token, &NEW_PASSWORD.into())
            .await;
        assert_eq!(code(answer), "token.invalid");
        assert_eq!(world.count(Event::TokenRefused).await, n + 1);
    }
    assert_eq!(world.gk.password_hashes(), before);
}

/// Both showed the right password; after the first it is another.
pub(super) async fn row_33_of_two_changes_one_counts(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let repository = FaultyRepository::wrap(Arc::clone(&world.repository));
    let slow = world.another_node(Arc::new(repository.clone())).await;
    let own = world.signed_in("ada@example.org").await;
    let who = world.identity(&own).await;
    world.advance(Duration::from_secs(1));
    let old = SecretString::new(PASSWORD);
    let (first, second) = (
        SecretString::new(NEW_PASSWORD),
        SecretString::new("cedar-marmot-58-anchor"),
    );
    repository.reset();
    let passwords = slow.gk.passwords();
    let mut overtaken = std::pin::pin!(passwords.change(&slow.cx, &who, &old, &second));
    // It is let go on until it has asked for the account, and then not until the other is done.
    let has_asked = async {
        while repository.calls() == 0 {
            tokio::task::yield_now().await;
        }
    };
    let early = tokio::select! {
        biased;
        answer = &mut overtaken => Some(answer),
        () = has_asked => None,
    };
    let quick = world
        .gk
        .passwords()
        .change(&world.cx, &who, &old, &first)
        .await;
    let overtaken = match early {
        Some(answer) => answer,
        None => overtaken.await,
    };
    let (good, refused) = match (quick, overtaken) {
        (Ok(()), Err(error)) => (&first, error),
        (Err(error), Ok(())) => (&second, error),
        both => panic!("{both:?}"),
    };
    assert!(
        matches!(
            refused.code(),
            "access.invalid_token" | "password.current_incorrect"
        ),
        "{refused:?}"
    );
    world
        .sign_in_with("ada@example.org", good.expose())
        .await
        .unwrap();
}
