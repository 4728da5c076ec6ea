use std::{collections::BTreeSet, time::Duration};

use gatekeeper_core::{
    ProfileChanges,
    model::{Event, PageRequest},
};
use serde_json::{Map, json};

use super::world::{PASSWORD, World, code};
use crate::store::StoreFixture;

pub(super) async fn a_profile_is_read_and_changed(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let who = world
        .identity(&world.signed_in("ada@example.org").await)
        .await;
    let accounts = world.gk.accounts();
    let profile = accounts.profile(&world.cx, &who).await.unwrap();
    assert_eq!(profile.user.name.as_deref(), Some("Ada"));
    assert_eq!(profile.authority.roles, ["user"]);
    world.advance(Duration::from_secs(5));
    let mut metadata = Map::new();
    metadata.insert(
        "theme".to_owned(),
        json!({"dark": true, "für": ["ü", null, 1.5]}),
    );
    let changes = ProfileChanges {
        name: Some(None),
        locale: Some(Some("pt-BR".to_owned())),
        metadata: Some(metadata.clone()),
    };
    let updated = accounts
        .update_profile(&world.cx, &who, changes)
        .await
        .unwrap();
    assert_eq!(updated, accounts.profile(&world.cx, &who).await.unwrap());
    assert_eq!(
        (updated.user.name, updated.user.locale.as_deref()),
        (None, Some("pt-BR"))
    );
    assert_eq!(updated.user.metadata, metadata);
    assert!(updated.user.updated_at > profile.user.updated_at);
    let row = world.newest(Event::AccountUpdated).await;
    assert_eq!(row.details["fields"], json!(["name", "locale", "metadata"]));
    // Nothing asked, nothing written.
    accounts
        .update_profile(&world.cx, &who, ProfileChanges::default())
        .await
        .unwrap();
    assert_eq!(world.count(Event::AccountUpdated).await, 1);
}

pub(super) async fn bad_fields_change_nothing(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let who = world
        .identity(&world.signed_in("ada@example.org").await)
        .await;
    let accounts = world.gk.accounts();
    let before = accounts.profile(&world.cx, &who).await.unwrap();
    let name = |name: &str| ProfileChanges {
        name: Some(Some(name.to_owned())),
        ..ProfileChanges::default()
    };
    let locale = |locale: &str| ProfileChanges {
        locale: Some(Some(locale.to_owned())),
        ..ProfileChanges::default()
    };
    let metadata = |key: &str, value: String| {
        let map = Map::from_iter([(key.to_owned(), json!(value))]);
        ProfileChanges {
            metadata: Some(map),
            ..ProfileChanges::default()
        }
    };
    let wrong = [
        name(""),
        name("a\u{7}b"),
        name("a\0b"),
        name(&"x".repeat(201)),
        locale(""),
        locale("x"),
        locale("en_GB"),
        locale("en-"),
        locale(&"en-".repeat(20)),
        locale("en-abcdefgh-abcdefgh-abcdefgh-abcdefgh"),
        locale("e1"),
        locale("en-a_b"),
        metadata("k", "x".repeat(17_000)),
        metadata("k", "nul \0".to_owned()),
        metadata("nul \0", String::new()),
    ];
    for changes in wrong {
        let shown = format!("{changes:?}");
        assert_eq!(
            code(accounts.update_profile(&world.cx, &who, changes).await),
            "request.invalid",
            "{shown:.80}"
        );
    }
    assert_eq!(accounts.profile(&world.cx, &who).await.unwrap(), before);
}

pub(super) async fn deleting_oneself_needs_the_password(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let first = world.signed_in("ada@example.org").await;
    let second = world.sign_in("ada@example.org").await;
    let who = world.identity(&first).await;
    let accounts = world.gk.accounts();
    assert_eq!(
        code(accounts.delete(&world.cx, &who, &"wrong".into()).await),
        "password.current_incorrect"
    );
    assert!(world.believes(&first).await);
    accounts
        .delete(&world.cx, &who, &PASSWORD.into())
        .await
        .unwrap();
    for session in [&first, &second] {
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
    assert_eq!(
        code(accounts.profile(&world.cx, &who).await),
        "access.invalid_token"
    );
    assert!(world.mail().await.subject.contains("deleted"));
}

pub(super) async fn deleting_oneself_leaves_the_trail_alone(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let who = world
        .identity(&world.signed_in("ada@example.org").await)
        .await;
    world.advance(Duration::from_millis(1));
    let before = world.trail().await;
    world
        .gk
        .accounts()
        .delete(&world.cx, &who, &PASSWORD.into())
        .await
        .unwrap();
    let after = world.trail().await;
    assert_eq!(after[0].event, Event::AccountDeleted);
    assert_eq!(after[1..], before[..]);
}

pub(super) async fn row_10_a_recycled_address_is_a_new_account(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let old = world.signed_in("ada@example.org").await;
    let who = world.identity(&old).await;
    // The last administrator could not go.
    let bob = world.verified("bob@example.org").await;
    for user in [who.user_id, bob] {
        let administration = world.gk.administration();
        let granted = administration.grant_role(&world.cx, user, "admin");
        granted.await.unwrap();
    }
    world
        .gk
        .passwords()
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let link = world.mailed_token().await;
    world
        .gk
        .accounts()
        .delete(&world.cx, &who, &PASSWORD.into())
        .await
        .unwrap();
    world.mails().await;

    let new = world.signed_in("ada@example.org").await;
    assert_ne!(new.profile.user.id, who.user_id);
    assert_eq!(new.profile.authority.roles, ["user"]);
    assert!(!world.believes(&old).await);
    assert_eq!(
        code(world.refresh(&old).await),
        "session.invalid_refresh_token"
    );
    let reset = world
        .gk
        .passwords()
        .reset(&world.cx, &link, &"birch-falcon-37-harbour".into())
        .await;
    assert_eq!(code(reset), "token.invalid");
    assert!(world.believes(&new).await);
}

pub(super) async fn history_is_ones_own(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let ada = world
        .identity(&world.signed_in("ada@example.org").await)
        .await;
    let _ = world.sign_in_with("ada@example.org", "wrong").await;
    let eve = world
        .identity(&world.signed_in("eve@example.org").await)
        .await;
    let accounts = world.gk.accounts();
    let history = accounts
        .history(&world.cx, &ada, PageRequest::first(100))
        .await
        .unwrap();
    assert!(
        history
            .items
            .iter()
            .all(|row| row.target == Some(ada.user_id))
    );
    let events: BTreeSet<Event> = history.items.iter().map(|row| row.event).collect();
    let expected = [
        Event::AccountRegistered,
        Event::EmailVerified,
        Event::SessionCreated,
        Event::SignInFailed,
    ];
    assert_eq!(events, BTreeSet::from(expected));
    // By pages, each row once, in the same order.
    let mut paged = Vec::new();
    let mut request = PageRequest::first(1);
    loop {
        let page = accounts.history(&world.cx, &ada, request).await.unwrap();
        paged.extend(page.items);
        match page.next {
            Some(cursor) => request.after = Some(cursor),
            None => break,
        }
    }
    assert_eq!(paged, history.items);
    let others = accounts
        .history(&world.cx, &eve, PageRequest::first(100))
        .await
        .unwrap();
    assert!(
        others
            .items
            .iter()
            .all(|row| row.target == Some(eve.user_id))
    );
}

pub(super) async fn every_flow_leaves_its_event(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let signed_in = world.signed_in("ada@example.org").await;
    let who = world.identity(&signed_in).await;
    world.register("ada@example.org").await;
    let accounts = world.gk.accounts();
    accounts
        .request_verification(&world.cx, "ada@example.org")
        .await
        .unwrap();
    accounts
        .request_email_change(&world.cx, &who, "neu@example.org", &PASSWORD.into())
        .await
        .unwrap();
    world
        .gk
        .passwords()
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    world.gk.sessions().sign_out(&world.cx, &who).await.unwrap();
    let events: BTreeSet<&str> = world
        .trail()
        .await
        .iter()
        .map(|row| row.event.code())
        .collect();
    for expected in [
        "account.registered",
        "account.registration_repeated",
        "email.change_requested",
        "email.verification_requested",
        "email.verified",
        "password.reset_requested",
        "session.created",
        "session.ended",
    ] {
        assert!(events.contains(expected), "{expected} is not in {events:?}");
    }
    for row in world.trail().await {
        assert_eq!(row.correlation_id, "test-request");
        assert_eq!(
            (row.ip, row.user_agent.as_deref()),
            (world.cx.ip, Some("suite/1"))
        );
        assert_eq!(row.tenant_id, world.cx.tenant_id);
    }
}
