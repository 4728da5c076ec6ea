use std::{collections::HashSet, time::Duration};

use gatekeeper_core::{
    SignedIn,
    model::{Event, SecretString, SessionEnd},
};

use super::world::{World, change_user, code};
use crate::store::StoreFixture;

const INVALID: &str = "session.invalid_refresh_token";

async fn end_reason(world: &World, signed_in: &SignedIn) -> Option<SessionEnd> {
    let session = world
        .repository
        .find_session(world.cx.tenant_id, signed_in.session.id)
        .await
        .unwrap();
    session.unwrap().end_reason
}

pub(super) async fn a_refresh_gives_the_next_generation(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let first = world.signed_in("ada@example.org").await;
    let rows = world.trail().await.len();
    world.advance(Duration::from_mins(1));
    let second = world.refresh(&first).await.unwrap();
    assert_eq!(second.session.id, first.session.id);
    assert_eq!(second.session.generation, 1);
    assert_ne!(second.refresh_token.expose(), first.refresh_token.expose());
    assert_ne!(second.access_token.expose(), first.access_token.expose());
    let (before, after) = (world.identity(&first).await, world.identity(&second).await);
    assert_eq!(before.authenticated_at, after.authenticated_at);
    assert!(after.issued_at > before.issued_at);
    // A routine rotation stays one statement: it leaves no row in the trail.
    assert_eq!(world.trail().await.len(), rows);
}

pub(super) async fn within_the_grace_the_same_successor_comes_again(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let first = world.signed_in("ada@example.org").await;
    let second = world.refresh(&first).await.unwrap();
    world.advance(Duration::from_micros(9_999_999));
    let again = world.refresh(&first).await.unwrap();
    assert_eq!(again.refresh_token.expose(), second.refresh_token.expose());
    assert_eq!(again.session.generation, 1);
    assert!(world.believes(&again).await);
    // At the exact instant the grace is over.
    world.advance(Duration::from_micros(1));
    assert_eq!(code(world.refresh(&first).await), INVALID);
    assert_eq!(end_reason(&world, &first).await, Some(SessionEnd::Reuse));
}

pub(super) async fn a_strict_grace_allows_no_second_use(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| {
        config.sessions.refresh_grace = Duration::ZERO;
    })
    .await;
    let first = world.signed_in("ada@example.org").await;
    let second = world.refresh(&first).await.unwrap();
    assert_eq!(code(world.refresh(&first).await), INVALID);
    assert_eq!(code(world.refresh(&second).await), INVALID);
}

pub(super) async fn reuse_after_the_grace_ends_the_session(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let first = world.signed_in("ada@example.org").await;
    let thief = world.refresh(&first).await.unwrap();
    world.advance(Duration::from_secs(11));
    assert_eq!(code(world.refresh(&first).await), INVALID);
    // Whoever has the newer one is out as well (CVE-2026-56750).
    assert!(!world.believes(&thief).await);
    assert!(!world.believes(&first).await);
    assert_eq!(code(world.refresh(&thief).await), INVALID);
    let row = world.newest(Event::SessionReuseDetected).await;
    assert_eq!(row.target, Some(first.session.user_id));
    assert_eq!(row.details["session_id"], first.session.id.to_string());
    assert!(world.mail().await.subject.contains("session"));
    // Told once, however often it comes.
    assert_eq!(code(world.refresh(&first).await), INVALID);
    assert_eq!(world.count(Event::SessionReuseDetected).await, 1);
    assert!(world.mails().await.is_empty());
}

pub(super) async fn a_generation_long_past_is_reuse_within_the_grace_too(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let first = world.signed_in("ada@example.org").await;
    let second = world.refresh(&first).await.unwrap();
    world.refresh(&second).await.unwrap();
    assert_eq!(code(world.refresh(&first).await), INVALID);
    assert_eq!(end_reason(&world, &first).await, Some(SessionEnd::Reuse));
}

pub(super) async fn idle_and_absolute_lifetimes_both_hold(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| {
        config.sessions.idle_lifetime = Duration::from_secs(100);
        config.sessions.absolute_lifetime = Duration::from_secs(250);
    })
    .await;
    world.verified("ada@example.org").await;
    let idle = world.sign_in("ada@example.org").await;
    world.advance(Duration::from_secs(100));
    assert_eq!(code(world.refresh(&idle).await), INVALID);

    let mut busy = world.sign_in("ada@example.org").await;
    for _ in 0..3 {
        world.advance(Duration::from_secs(80));
        busy = world.refresh(&busy).await.unwrap();
    }
    assert!(busy.session.idle_expires_at >= busy.session.expires_at());
    world.advance(Duration::from_secs(10));
    assert_eq!(code(world.refresh(&busy).await), INVALID);
    // Over, not stolen: nobody is alarmed.
    assert_eq!(world.count(Event::SessionReuseDetected).await, 0);
}

pub(super) async fn row_33_fifty_refreshes_leave_one_line_of_generations(fixture: StoreFixture) {
    let node = std::sync::Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let other = world.another_node(node).await;
    let first = world.signed_in("ada@example.org").await;
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let node = if n % 2 == 0 {
                world.clone()
            } else {
                other.clone()
            };
            let first = first.clone();
            tokio::spawn(async move { node.refresh(&first).await })
        })
        .collect();
    let mut successors = HashSet::new();
    for task in tasks {
        successors.insert(
            task.await
                .unwrap()
                .unwrap()
                .refresh_token
                .expose()
                .to_owned(),
        );
    }
    assert_eq!(successors.len(), 1, "the family forked");
    let session = world
        .repository
        .find_session(world.cx.tenant_id, first.session.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(session.generation, 1);
    assert_eq!(session.ended_at, None);
}

pub(super) async fn row_32_an_access_token_refreshes_nothing(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let signed_in = world.signed_in("ada@example.org").await;
    let sessions = world.gk.sessions();
    assert_eq!(
        code(sessions.refresh(&world.cx, &signed_in.access_token).await),
        INVALID
    );
    assert_eq!(
        code(
            world
                .gk
                .authenticate(signed_in.refresh_token.expose())
                .await
        ),
        "access.invalid_token"
    );
    assert!(world.believes(&signed_in).await);
}

pub(super) async fn a_damaged_refresh_token_is_refused(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let signed_in = world.signed_in("ada@example.org").await;
    let good = signed_in.refresh_token.expose().to_owned();
    let mut damaged: Vec<String> = vec![
        String::new(),
        format!("{good}A"),
        format!("A{good}"),
        good.to_uppercase(),
    ];
    for at in 0..good.len() {
        damaged.push(good[..at].to_owned());
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        damaged.push(String::from_utf8(bytes).unwrap());
    }
    for token in damaged.into_iter().filter(|token| *token != good) {
        let answer = world
            .gk
            .sessions()
            .refresh(&world.cx, &SecretString::new(token.clone()))
            .await;
        assert_eq!(code(answer), INVALID, "{token}");
    }
    world.refresh(&signed_in).await.unwrap();
}

pub(super) async fn an_ended_session_is_not_refreshed(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let signed_in = world.signed_in("ada@example.org").await;
    let who = world.identity(&signed_in).await;
    world.gk.sessions().sign_out(&world.cx, &who).await.unwrap();
    assert_eq!(code(world.refresh(&signed_in).await), INVALID);
    assert_eq!(
        end_reason(&world, &signed_in).await,
        Some(SessionEnd::SignedOut)
    );
}

pub(super) async fn an_ended_session_gives_no_second_answer(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let first = world.signed_in("ada@example.org").await;
    let second = world.refresh(&first).await.unwrap();
    let who = world.identity(&second).await;
    world.gk.sessions().sign_out(&world.cx, &who).await.unwrap();
    // Within the grace, and still nothing.
    assert_eq!(code(world.refresh(&first).await), INVALID);
    assert_eq!(
        end_reason(&world, &first).await,
        Some(SessionEnd::SignedOut)
    );
}

/// Whatever closed the account: a session of it that was left open gives no tokens, and nobody is told of a theft.
pub(super) async fn a_closed_account_is_not_refreshed(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let first = world.signed_in("ada@example.org").await;
    let second = world.refresh(&first).await.unwrap();
    change_user(&world, first.session.user_id, |user| {
        user.disabled_at = Some(user.created_at);
    })
    .await;
    assert_eq!(code(world.refresh(&second).await), INVALID);
    assert_eq!(code(world.refresh(&first).await), INVALID);
    assert_eq!(world.count(Event::SessionReuseDetected).await, 0);
    assert_eq!(end_reason(&world, &first).await, None);
}
