use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    CreatedApiKey, Error, Identity, NewApiKey,
    crypto::ApiKeyFormat,
    env::Clock,
    model::{ApiKey, ApiKeyId, Event, PageRequest, Role, RoleName, UserId},
    testing::SeededRandom,
};

use super::{
    tenants::second_tenant,
    world::{World, code},
};
use crate::store::StoreFixture;

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const MINUTE: Duration = Duration::from_mins(1);
const TICK: Duration = Duration::from_micros(1);

/// A role that gives these permissions, written into the store itself.
pub(super) async fn role(world: &World, name: &str, permissions: &[&str]) {
    let now = world.clock.now();
    let name = RoleName::parse(name).unwrap();
    let mut permissions: Vec<String> = permissions.iter().map(|&text| text.to_owned()).collect();
    permissions.sort_unstable();
    let role = Role {
        tenant_id: world.cx.tenant_id,
        name: name.clone(),
        description: String::new(),
        system: false,
        permissions,
        inherits: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    let mut tx = world.repository.begin().await.unwrap();
    tx.roles().insert(&role).await.unwrap();
    tx.roles()
        .set_closure(world.cx.tenant_id, &name, std::slice::from_ref(&name))
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Somebody who may do this, signed in.
pub(super) async fn somebody(
    world: &World,
    email: &str,
    permissions: &[&str],
) -> (UserId, Arc<Identity>) {
    let id = world.verified(email).await;
    if !permissions.is_empty() {
        let (name, _) = email.split_once('@').unwrap();
        role(world, name, permissions).await;
        let administration = world.gk.administration();
        administration
            .grant_role(&world.cx, id, name)
            .await
            .unwrap();
    }
    let signed_in = world.sign_in(email).await;
    (id, world.identity(&signed_in).await)
}

pub(super) fn new_key(permissions: &[&str]) -> NewApiKey {
    NewApiKey {
        name: "nightly".to_owned(),
        permissions: permissions.iter().map(|&text| text.to_owned()).collect(),
        ..NewApiKey::default()
    }
}

pub(super) async fn create(
    world: &World,
    who: &Identity,
    permissions: &[&str],
) -> Result<CreatedApiKey, Error> {
    let keys = world.gk.api_keys();
    keys.create(&world.cx, who, new_key(permissions)).await
}

/// Who a key says is asking.
pub(super) async fn shown(world: &World, key: &CreatedApiKey) -> Result<Arc<Identity>, Error> {
    world.gk.authenticate(key.text.expose()).await
}

/// Asserts that a key opens nothing, however it is asked.
#[track_caller]
pub(super) fn assert_dead(answer: Result<Arc<Identity>, Error>) {
    assert_eq!(code(answer), "access.invalid_token");
}

pub(super) async fn stored(world: &World, key: ApiKeyId) -> ApiKey {
    let mut tx = world.repository.begin().await.unwrap();
    let found = tx.api_keys().find(world.cx.tenant_id, key).await.unwrap();
    found.unwrap()
}

pub(super) async fn a_key_acts_as_its_owner(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (id, who) = somebody(&world, ADA, &["reports:*", "users:read"]).await;
    let made = create(&world, &who, &["reports:read", "users:read"])
        .await
        .unwrap();
    let seen = shown(&world, &made).await.unwrap();
    assert_eq!((seen.user_id, seen.tenant_id), (id, world.cx.tenant_id));
    assert_eq!(seen.api_key, Some(made.key.id));
    assert_eq!(seen.email, ADA);
    assert_eq!(seen.permissions, ["reports:read", "users:read"]);
    assert!(seen.roles.is_empty() && seen.organization.is_none() && !seen.mfa_verified);
    assert!(seen.has_permission("reports:read") && !seen.has_permission("reports:write"));
    // Seen before, it is known without asking the store.
    let again = world
        .gk
        .authenticate_cached(made.text.expose())
        .unwrap()
        .unwrap();
    assert!(Arc::ptr_eq(&seen, &again));

    let keys = world.gk.api_keys();
    let listed = keys
        .list(&world.cx, &who, PageRequest::first(10))
        .await
        .unwrap();
    assert_eq!(listed.items, [made.key.clone()]);
    let found = keys.find(&world.cx, &who, made.key.id).await.unwrap();
    assert_eq!(found, made.key);
    let event = world.newest(Event::ApiKeyCreated).await;
    assert_eq!((event.actor, event.target), (Some(id), Some(id)));
    assert_eq!(event.details["api_key"], made.key.id.to_string());
    // ASVS 16.2.5: neither row nor trail has the secret.
    let text = made.text.expose();
    let secret = &text[made.key.prefix.len() + 1..];
    let row = format!("{:?}", stored(&world, made.key.id).await);
    assert!(!row.contains(secret) && !format!("{event:?}").contains(secret));
    assert!(text.starts_with(&made.key.prefix));
}

pub(super) async fn row_63_no_scope_is_above_the_owner(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, who) = somebody(&world, ADA, &["reports:read", "teams:*"]).await;
    for scopes in [
        &["*"][..],
        &["reports:*"],
        &["reports:write"],
        &["reports:read", "users:read"],
        &["tenants:read"],
        &["tenants:*"],
    ] {
        let answer = create(&world, &who, scopes).await;
        assert_eq!(code(answer), "access.insufficient_rank", "{scopes:?}");
    }
    assert_eq!(world.count(Event::ApiKeyCreated).await, 0);
    let page = PageRequest::first(10);
    let keys = world.gk.api_keys();
    assert!(
        keys.list(&world.cx, &who, page)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    for scopes in [&["reports:read"][..], &["teams:*", "teams:a:read"], &[]] {
        create(&world, &who, scopes).await.unwrap();
    }
    // What the token said when it was issued does not count: the owner's rights are read anew.
    let administration = world.gk.administration();
    administration
        .revoke_role(&world.cx, who.user_id, "ada")
        .await
        .unwrap();
    let answer = create(&world, &who, &["reports:read"]).await;
    assert_eq!(code(answer), "access.insufficient_rank");
}

pub(super) async fn row_63_asvs_8_3_2_a_demotion_takes_effect_at_once(fixture: StoreFixture) {
    let elsewhere = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let node = world.another_node(elsewhere).await;
    let (id, who) = somebody(&world, ADA, &["reports:*"]).await;
    let made = create(&world, &who, &["reports:read"]).await.unwrap();
    for world in [&world, &node] {
        let seen = shown(world, &made).await.unwrap();
        assert!(seen.has_permission("reports:read"));
    }
    world.advance(Duration::from_secs(1));
    let administration = world.gk.administration();
    administration
        .revoke_role(&world.cx, id, "ada")
        .await
        .unwrap();
    let seen = shown(&world, &made).await.unwrap();
    assert!(!seen.has_permission("reports:read"));
    assert_eq!(seen.permissions, Vec::<String>::new());
    // Another node hears of it, or knows that it has heard nothing for a while.
    node.advance(Duration::from_secs(6));
    let seen = shown(&node, &made).await.unwrap();
    assert!(!seen.has_permission("reports:read"));
    // And back: what is known is never older than the news.
    administration
        .grant_role(&world.cx, id, "ada")
        .await
        .unwrap();
    let seen = shown(&world, &made).await.unwrap();
    assert!(seen.has_permission("reports:read"));
}

pub(super) async fn row_31_a_disabled_owners_key_opens_nothing(fixture: StoreFixture) {
    let elsewhere = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let node = world.another_node(elsewhere).await;
    let (id, who) = somebody(&world, ADA, &["reports:*"]).await;
    let made = create(&world, &who, &["reports:read"]).await.unwrap();
    shown(&world, &made).await.unwrap();
    shown(&node, &made).await.unwrap();
    let administration = world.gk.administration();
    administration.disable(&world.cx, id).await.unwrap();
    assert_dead(shown(&world, &made).await);
    node.advance(Duration::from_secs(6));
    assert_dead(shown(&node, &made).await);
}

pub(super) async fn a_revoked_key_is_dead_at_once(fixture: StoreFixture) {
    let elsewhere = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let node = world.another_node(elsewhere).await;
    let (id, who) = somebody(&world, ADA, &[]).await;
    let (_, other) = somebody(&world, BOB, &[]).await;
    let made = create(&world, &who, &[]).await.unwrap();
    let kept = create(&world, &who, &[]).await.unwrap();
    for key in [&made, &kept] {
        shown(&world, key).await.unwrap();
        shown(&node, key).await.unwrap();
    }
    let keys = world.gk.api_keys();
    let key = made.key.id;
    assert_eq!(
        code(keys.revoke(&world.cx, &other, key).await),
        "api_key.not_found"
    );
    assert_eq!(
        code(keys.find(&world.cx, &other, key).await),
        "api_key.not_found"
    );
    shown(&world, &made).await.unwrap();
    keys.revoke(&world.cx, &who, key).await.unwrap();
    assert_dead(shown(&world, &made).await);
    node.advance(Duration::from_secs(6));
    assert_dead(shown(&node, &made).await);
    assert_eq!(world.newest(Event::ApiKeyRevoked).await.actor, Some(id));
    // Again is no harm, and no news.
    keys.revoke(&world.cx, &who, key).await.unwrap();
    assert_eq!(world.count(Event::ApiKeyRevoked).await, 1);
    assert!(stored(&world, key).await.revoked_at.is_some());
    shown(&world, &kept).await.unwrap();
    shown(&node, &kept).await.unwrap();
}

pub(super) async fn a_key_expires_at_the_exact_instant(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, who) = somebody(&world, ADA, &[]).await;
    let input = NewApiKey {
        expires_at: Some(world.clock.now().after(3 * MINUTE)),
        ..new_key(&[])
    };
    let keys = world.gk.api_keys();
    let made = keys.create(&world.cx, &who, input).await.unwrap();
    shown(&world, &made).await.unwrap();
    world.advance((3 * MINUTE).checked_sub(TICK).unwrap());
    shown(&world, &made).await.unwrap();
    world.advance(TICK);
    assert_dead(shown(&world, &made).await);
    let rotated = keys.rotate(&world.cx, &who, made.key.id, MINUTE).await;
    assert_eq!(code(rotated), "api_key.settled");
    // Where nobody says, the settings do.
    let most = world.gk.config().api_keys.max_lifetime.unwrap();
    let made = create(&world, &who, &[]).await.unwrap();
    assert_eq!(made.key.expires_at, Some(world.clock.now().after(most)));
}

/// CVE-2016-7036: a key is found by its id and known by its secret alone.
pub(super) async fn row_63_another_secret_is_refused(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, who) = somebody(&world, ADA, &[]).await;
    let made = create(&world, &who, &[]).await.unwrap();
    let other = create(&world, &who, &[]).await.unwrap();
    let format = ApiKeyFormat::new("live");
    let forged = |id, seed| format.issue(world.cx.tenant_id, id, &SeededRandom::new(seed));
    let unknown = ApiKeyId::new(world.clock.now(), &SeededRandom::new(77));
    for text in [
        forged(made.key.id, 1).text,
        forged(unknown, 1).text,
        forged(unknown, 2).text,
    ] {
        for _ in 0..2 {
            assert_dead(world.gk.authenticate(text.expose()).await);
        }
    }
    // An access token is no key, and a key of the same name in another environment is none here.
    let test =
        ApiKeyFormat::new("test").issue(world.cx.tenant_id, made.key.id, &SeededRandom::new(1));
    assert_dead(world.gk.authenticate(test.text.expose()).await);
    shown(&world, &made).await.unwrap();
    shown(&world, &other).await.unwrap();
}

pub(super) async fn a_user_has_so_many_keys(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| config.api_keys.max_per_user = 3).await;
    let (_, who) = somebody(&world, ADA, &[]).await;
    let tries = (0..16).map(|_| {
        let (world, who) = (world.clone(), Arc::clone(&who));
        tokio::spawn(async move { create(&world, &who, &[]).await })
    });
    let mut made = Vec::new();
    for task in tries.collect::<Vec<_>>() {
        match task.await.unwrap() {
            Ok(new) => made.push(new.key.id),
            Err(error) => assert_eq!(error.code(), "api_key.limit_reached"),
        }
    }
    assert_eq!(made.len(), 3);
    assert_eq!(world.count(Event::ApiKeyCreated).await, 3);
    // A key that lives on beside its successor is one more.
    let keys = world.gk.api_keys();
    let answer = keys.rotate(&world.cx, &who, made[0], MINUTE).await;
    assert_eq!(code(answer), "api_key.limit_reached");
    assert_eq!(stored(&world, made[0]).await.replaced_by, None);
    keys.rotate(&world.cx, &who, made[0], Duration::ZERO)
        .await
        .unwrap();
    keys.revoke(&world.cx, &who, made[1]).await.unwrap();
    create(&world, &who, &[]).await.unwrap();
    assert_eq!(
        code(create(&world, &who, &[]).await),
        "api_key.limit_reached"
    );
}

pub(super) async fn row_53_keys_are_made_by_their_owners_alone(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, who) = somebody(&world, ADA, &["reports:read"]).await;
    let made = create(&world, &who, &["reports:read"]).await.unwrap();
    let by_key = shown(&world, &made).await.unwrap();
    let mut impersonated = (*who).clone();
    impersonated.actor = Some(who.user_id);
    let keys = world.gk.api_keys();
    let id = made.key.id;
    for (who, refused) in [
        (&*by_key, "access.session_required"),
        (&impersonated, "access.impersonating"),
    ] {
        let cx = &world.cx;
        assert_eq!(code(create(&world, who, &[]).await), refused);
        assert_eq!(code(keys.rotate(cx, who, id, MINUTE).await), refused);
        assert_eq!(code(keys.revoke(cx, who, id).await), refused);
        let administration = world.gk.administration().on_behalf_of(who);
        let user = who.user_id;
        let answer = administration.create_api_key(cx, user, new_key(&[])).await;
        assert_eq!(code(answer), refused);
        let answer = administration.rotate_api_key(cx, user, id, MINUTE).await;
        assert_eq!(code(answer), refused);
    }
    let page = PageRequest::first(10);
    let answer = keys.list(&world.cx, &by_key, page).await;
    assert_eq!(code(answer), "access.session_required");
    let answer = keys.find(&world.cx, &by_key, id).await;
    assert_eq!(code(answer), "access.session_required");
    // A key ends no sessions, and is none.
    let sessions = world.gk.sessions();
    let answer = sessions.end_others(&world.cx, &by_key).await;
    assert_eq!(code(answer), "access.session_required");
    // A session that is over makes nothing.
    world.gk.sessions().sign_out(&world.cx, &who).await.unwrap();
    assert_eq!(
        code(create(&world, &who, &[]).await),
        "access.invalid_token"
    );
    let answer = keys.rotate(&world.cx, &who, id, MINUTE).await;
    assert_eq!(code(answer), "access.invalid_token");
    assert_eq!(
        code(keys.revoke(&world.cx, &who, id).await),
        "access.invalid_token"
    );
    assert_eq!(world.count(Event::ApiKeyCreated).await, 1);
    shown(&world, &made).await.unwrap();
}

pub(super) async fn a_key_is_confined_to_its_networks(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, who) = somebody(&world, ADA, &[]).await;
    let input = NewApiKey {
        networks: vec!["192.0.2.0/24".to_owned(), "2001:db8::7".to_owned()],
        ..new_key(&[])
    };
    let keys = world.gk.api_keys();
    let made = keys.create(&world.cx, &who, input).await.unwrap();
    let from = async |address: &str| {
        let address = address.parse().unwrap();
        let text = made.text.expose();
        world.gk.authenticate_from(text, Some(address)).await
    };
    // Refused before and after it was seen.
    for _ in 0..2 {
        for outside in [
            "192.0.3.1",
            "2001:db8::8",
            "::ffff:192.0.3.1",
            "::192.0.2.1",
        ] {
            assert_dead(from(outside).await);
        }
        assert_dead(world.gk.authenticate(made.text.expose()).await);
        for inside in [
            "192.0.2.0",
            "192.0.2.255",
            "::ffff:192.0.2.1",
            "2001:db8::7",
        ] {
            from(inside).await.unwrap();
        }
    }
    let cached = world
        .gk
        .authenticate_cached_from(made.text.expose(), Some([192, 0, 3, 1].into()));
    assert_dead(cached.unwrap());
}

pub(super) async fn the_last_use_is_noted_once_a_minute(fixture: StoreFixture) {
    let elsewhere = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let node = world.another_node(elsewhere).await;
    let (_, who) = somebody(&world, ADA, &[]).await;
    let made = create(&world, &who, &[]).await.unwrap();
    let noted = async |world: &World| world.gk.api_keys().note_uses().await.unwrap();
    assert_eq!(noted(&world).await, 0);
    let first = world.clock.now();
    for _ in 0..5 {
        shown(&world, &made).await.unwrap();
    }
    // Not on the way of the request.
    assert_eq!(stored(&world, made.key.id).await.last_used_at, None);
    assert_eq!(noted(&world).await, 1);
    assert_eq!(stored(&world, made.key.id).await.last_used_at, Some(first));
    assert_eq!(noted(&world).await, 0);
    world.advance(Duration::from_secs(59));
    shown(&world, &made).await.unwrap();
    shown(&node, &made).await.unwrap();
    assert_eq!(noted(&world).await + noted(&node).await, 0);
    world.advance(Duration::from_secs(2));
    shown(&world, &made).await.unwrap();
    shown(&node, &made).await.unwrap();
    assert_eq!(noted(&world).await + noted(&node).await, 1, "of both nodes");
    assert_eq!(
        stored(&world, made.key.id).await.last_used_at,
        Some(world.clock.now())
    );
    // What was refused was not used.
    world.advance(2 * MINUTE);
    let keys = world.gk.api_keys();
    keys.revoke(&world.cx, &who, made.key.id).await.unwrap();
    assert_dead(shown(&world, &made).await);
    assert_eq!(noted(&world).await, 0);
}

pub(super) async fn row_52_keys_keep_to_their_tenant(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let other = second_tenant(&world).await;
    let (here, who) = somebody(&world, ADA, &["reports:read"]).await;
    let (_, stranger) = somebody(&other, ADA, &["api_keys:*", "reports:read", "x:y"]).await;
    let mine = create(&world, &who, &["reports:read"]).await.unwrap();
    let theirs = create(&other, &stranger, &["reports:read"]).await.unwrap();
    assert_eq!(shown(&world, &mine).await.unwrap().user_id, here);
    let seen = shown(&world, &theirs).await.unwrap();
    assert_eq!(
        (seen.tenant_id, seen.user_id),
        (other.cx.tenant_id, stranger.user_id)
    );
    let keys = world.gk.api_keys();
    let key = mine.key.id;
    let not_found = "api_key.not_found";
    assert_eq!(code(keys.find(&other.cx, &stranger, key).await), not_found);
    assert_eq!(
        code(keys.revoke(&other.cx, &stranger, key).await),
        not_found
    );
    assert_eq!(
        code(keys.rotate(&other.cx, &stranger, key, MINUTE).await),
        not_found
    );
    let administration = world.gk.administration().on_behalf_of(&stranger);
    let nobody = "account.not_found";
    let page = PageRequest::first(10);
    let cx = &other.cx;
    assert_eq!(
        code(administration.list_api_keys(cx, here, page).await),
        nobody
    );
    assert_eq!(
        code(administration.find_api_key(cx, here, key).await),
        not_found
    );
    assert_eq!(
        code(administration.revoke_api_key(cx, here, key).await),
        nobody
    );
    let answer = administration.create_api_key(cx, here, new_key(&[])).await;
    assert_eq!(code(answer), nobody);
    let answer = administration.rotate_api_key(cx, here, key, MINUTE).await;
    assert_eq!(code(answer), nobody);
    // Neither does the key of one tenant's secret open the same id of another.
    let format = ApiKeyFormat::new("live");
    let elsewhere = format.issue(cx.tenant_id, key, &SeededRandom::new(1));
    assert_dead(world.gk.authenticate(elsewhere.text.expose()).await);
    assert_eq!(stored(&world, key).await, mine.key);
    shown(&world, &mine).await.unwrap();
    assert_eq!(world.count(Event::ApiKeyRevoked).await, 0);
    assert_eq!(other.count(Event::ApiKeyCreated).await, 1);
}

pub(super) async fn a_suspended_tenants_keys_open_nothing(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let other = second_tenant(&world).await;
    let (_, who) = somebody(&other, ADA, &[]).await;
    let made = create(&other, &who, &[]).await.unwrap();
    let mut tx = world.repository.begin().await.unwrap();
    let tenant = tx.tenants().find(other.cx.tenant_id).await.unwrap();
    let mut tenant = tenant.unwrap();
    tenant.suspended_at = Some(world.clock.now());
    tx.tenants().update(&tenant).await.unwrap();
    tx.commit().await.unwrap();
    assert_dead(shown(&other, &made).await);
    tenant.suspended_at = None;
    let mut tx = world.repository.begin().await.unwrap();
    tx.tenants().update(&tenant).await.unwrap();
    tx.commit().await.unwrap();
    shown(&other, &made).await.unwrap();
}

pub(super) async fn where_keys_are_not_offered_there_are_none(fixture: StoreFixture) {
    let elsewhere = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let (_, who) = somebody(&world, ADA, &[]).await;
    let made = create(&world, &who, &[]).await.unwrap();
    shown(&world, &made).await.unwrap();
    let without = World::on(
        elsewhere,
        |config| config.api_keys.enabled = false,
        |builder| builder.clock(world.clock.clone()),
    )
    .await
    .unwrap();
    assert_dead(shown(&without, &made).await);
    assert_eq!(
        code(create(&without, &who, &[]).await),
        "api_key.not_offered"
    );
    let keys = without.gk.api_keys();
    let answer = keys.rotate(&without.cx, &who, made.key.id, MINUTE).await;
    assert_eq!(code(answer), "api_key.not_offered");
    // What is there can be taken away.
    keys.revoke(&without.cx, &who, made.key.id).await.unwrap();
}

pub(super) async fn dead_keys_go_after_their_retention(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, who) = somebody(&world, ADA, &[]).await;
    let live = create(&world, &who, &[]).await.unwrap();
    let dead = create(&world, &who, &[]).await.unwrap();
    let keys = world.gk.api_keys();
    keys.revoke(&world.cx, &who, dead.key.id).await.unwrap();
    world.advance(world.gk.config().retention.api_keys);
    let run = async || match world.gk.cleanup().run_once().await.unwrap() {
        gatekeeper_core::CleanupRun::Done(removed) => removed.api_keys,
        other => panic!("{other:?}"),
    };
    assert_eq!(run().await, 0);
    world.advance(TICK);
    assert_eq!(run().await, 1);
    let page = PageRequest::first(10);
    let listed = keys.list(&world.cx, &who, page).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    assert_eq!(listed.items[0].id, live.key.id);
}
