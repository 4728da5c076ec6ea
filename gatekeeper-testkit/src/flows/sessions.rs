use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    Identity, ProfileChanges,
    model::{Event, PageRequest},
};

use super::world::{PASSWORD, World, change_user, code};
use crate::store::StoreFixture;

pub(super) async fn sign_out_kills_its_tokens_at_once(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified("ada@example.org").await;
    let leaving = world.sign_in("ada@example.org").await;
    let staying = world.sign_in("ada@example.org").await;
    let who = world.identity(&leaving).await;
    world.gk.sessions().sign_out(&world.cx, &who).await.unwrap();
    assert!(!world.believes(&leaving).await);
    assert!(world.believes(&staying).await);
    assert_eq!(
        code(world.refresh(&leaving).await),
        "session.invalid_refresh_token"
    );
    assert_eq!(
        world.newest(Event::SessionEnded).await.reason.as_deref(),
        Some("signed_out")
    );
    // Twice is no error, and no second event.
    world.gk.sessions().sign_out(&world.cx, &who).await.unwrap();
    assert_eq!(world.count(Event::SessionEnded).await, 1);
}

pub(super) async fn sign_out_works_without_an_access_token(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let first = world.signed_in("ada@example.org").await;
    let second = world.refresh(&first).await.unwrap();
    // Any of its refresh tokens will do, a used one too.
    world
        .gk
        .sessions()
        .sign_out_by_refresh_token(&world.cx, &first.refresh_token)
        .await
        .unwrap();
    assert!(!world.believes(&second).await);
    let nonsense = world
        .gk
        .sessions()
        .sign_out_by_refresh_token(&world.cx, &"nonsense".into())
        .await;
    assert_eq!(code(nonsense), "session.invalid_refresh_token");
}

pub(super) async fn sessions_are_listed_and_ended(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified("ada@example.org").await;
    let first = world.sign_in("ada@example.org").await;
    world.advance(Duration::from_secs(1));
    let second = world.sign_in("ada@example.org").await;
    let who = world.identity(&second).await;
    let list = world
        .gk
        .sessions()
        .list(&world.cx, &who, PageRequest::first(50))
        .await
        .unwrap();
    let ids: Vec<_> = list.items.iter().map(|session| session.id).collect();
    assert_eq!(ids, [second.session.id, first.session.id]);
    world
        .gk
        .sessions()
        .end(&world.cx, &who, first.session.id)
        .await
        .unwrap();
    assert!(!world.believes(&first).await);
    assert_eq!(
        world.newest(Event::SessionEnded).await.reason.as_deref(),
        Some("revoked_by_user")
    );
    let again = world
        .gk
        .sessions()
        .end(&world.cx, &who, first.session.id)
        .await;
    assert_eq!(code(again), "session.not_found");
    let list = world
        .gk
        .sessions()
        .list(&world.cx, &who, PageRequest::first(50))
        .await
        .unwrap();
    assert_eq!(list.items.len(), 1);
}

pub(super) async fn others_end_and_ones_own_stays(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified("ada@example.org").await;
    let mut others = Vec::new();
    for _ in 0..4 {
        others.push(world.sign_in("ada@example.org").await);
    }
    let own = world.sign_in("ada@example.org").await;
    let who = world.identity(&own).await;
    world
        .gk
        .sessions()
        .end_others(&world.cx, &who)
        .await
        .unwrap();
    for other in &others {
        assert!(!world.believes(other).await);
    }
    assert!(world.believes(&own).await);
    let row = world.newest(Event::SessionEnded).await;
    assert_eq!(row.details["count"], 4);
    assert_eq!(
        (row.actor, row.target),
        (Some(who.user_id), Some(who.user_id))
    );
}

pub(super) async fn somebody_elses_session_is_not_found(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let ada = world.signed_in("ada@example.org").await;
    let eve = world.signed_in("eve@example.org").await;
    let who = world.identity(&eve).await;
    let answer = world
        .gk
        .sessions()
        .end(&world.cx, &who, ada.session.id)
        .await;
    assert_eq!(code(answer), "session.not_found");
    assert!(world.believes(&ada).await);
}

/// A node that has not heard yet still lets a dead token read what needs no store, but change nothing.
pub(super) async fn row_34_a_dead_token_changes_nothing_on_another_node(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let signed_in = world.signed_in("ada@example.org").await;
    let other = world.another_node(node).await;
    let who = other.identity(&signed_in).await;
    world.gk.sessions().sign_out(&world.cx, &who).await.unwrap();

    let cx = &other.cx;
    let accounts = other.gk.accounts();
    let password = PASSWORD.into();
    let invalid = "access.invalid_token";
    let change = other
        .gk
        .passwords()
        .change(cx, &who, &password, &"birch-falcon-37-harbour".into())
        .await;
    assert_eq!(code(change), invalid);
    assert_eq!(
        code(
            accounts
                .request_email_change(cx, &who, "x@example.org", &password)
                .await
        ),
        invalid
    );
    assert_eq!(
        code(
            accounts
                .update_profile(cx, &who, gatekeeper_core::ProfileChanges::default())
                .await
        ),
        invalid
    );
    assert_eq!(code(accounts.delete(cx, &who, &password).await), invalid);
    assert_eq!(
        code(other.gk.sessions().end_others(cx, &who).await),
        invalid
    );
    assert_eq!(
        code(
            other
                .gk
                .sessions()
                .end(cx, &who, signed_in.session.id)
                .await
        ),
        invalid
    );
}

pub(super) async fn what_one_node_revokes_another_refuses(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let signed_in = world.signed_in("ada@example.org").await;
    let other = world.another_node(node).await;
    assert!(other.believes(&signed_in).await);
    let who = world.identity(&signed_in).await;
    world.gk.sessions().sign_out(&world.cx, &who).await.unwrap();
    // Without workers nothing brings the news; once the set is older than it may be, the store itself is asked.
    world.advance(Duration::from_secs(30));
    assert!(!other.believes(&signed_in).await);
}

/// Behind a token that is still good by itself there must be a session that lives, of that user, whose account is open.
pub(super) async fn only_a_live_session_changes_anything(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| {
        config.sessions.idle_lifetime = Duration::from_secs(100);
    })
    .await;
    let ada = world.signed_in("ada@example.org").await;
    let eve = world.signed_in("eve@example.org").await;
    let who = world.identity(&ada).await;
    let accounts = world.gk.accounts();
    let update = async |who: &Identity| {
        let changes = ProfileChanges::default();
        let answer = accounts.update_profile(&world.cx, who, changes).await;
        answer.map(|_| ())
    };
    update(&who).await.unwrap();
    // Somebody else's session.
    let mut mixed = Identity::clone(&who);
    mixed.session_id = eve.session.id;
    assert_eq!(code(update(&mixed).await), "access.invalid_token");
    // A closed account, whatever closed it.
    let user_id = eve.session.user_id;
    change_user(&world, user_id, |user| {
        user.disabled_at = Some(user.created_at);
    })
    .await;
    let closed = world.identity(&eve).await;
    assert_eq!(code(update(&closed).await), "access.invalid_token");
    // A session that nobody ended and that is over.
    world.advance(Duration::from_secs(100));
    assert!(world.believes(&ada).await);
    assert_eq!(code(update(&who).await), "access.invalid_token");
    let own = world
        .gk
        .sessions()
        .end(&world.cx, &who, ada.session.id)
        .await;
    assert_eq!(code(own), "access.invalid_token");
}

/// A node whose clock is ahead gives tokens that expire later: a revocation is kept for longer than any token lives.
pub(super) async fn a_revocation_outlives_its_tokens(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let signed_in = world.signed_in("ada@example.org").await;
    let who = world.identity(&signed_in).await;
    world.gk.sessions().sign_out(&world.cx, &who).await.unwrap();
    let since = who.issued_at.before(Duration::from_hours(1));
    let all = world
        .repository
        .revocations_since(since, who.issued_at)
        .await
        .unwrap();
    assert_eq!(all.len(), 1);
    let tokens = &world.gk.config().access_tokens;
    assert!(all[0].expires_at > all[0].revoked_at.after(tokens.lifetime + tokens.leeway));
    world.advance(tokens.lifetime.checked_sub(Duration::from_secs(2)).unwrap());
    // One that has just started knows it as well.
    let late = world.another_node(Arc::clone(&world.repository)).await;
    assert!(!late.believes(&signed_in).await);
}
