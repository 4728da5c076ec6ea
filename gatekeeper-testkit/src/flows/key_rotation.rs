//! A new key in place of an old one.

use std::{net::IpAddr, sync::Arc, time::Duration};

use gatekeeper_core::{
    CreatedApiKey, NewApiKey,
    env::Clock,
    model::{Event, PageRequest},
};

use super::{
    api_keys::{assert_dead, create, new_key, role, shown, somebody, stored},
    world::{World, code},
};
use crate::store::StoreFixture;

const ADA: &str = "ada@example.org";
const MINUTE: Duration = Duration::from_mins(1);
const TICK: Duration = Duration::from_micros(1);

pub(super) async fn a_rotation_leaves_the_old_key_its_grace(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (id, who) = somebody(&world, ADA, &["reports:*"]).await;
    let input = NewApiKey {
        expires_at: Some(world.clock.now().after(600 * MINUTE)),
        networks: vec!["192.0.2.0/24".to_owned()],
        ..new_key(&["reports:read"])
    };
    let keys = world.gk.api_keys();
    let old = keys.create(&world.cx, &who, input).await.unwrap();
    let home: IpAddr = [192, 0, 2, 7].into();
    let opens = async |key: &CreatedApiKey| {
        let text = key.text.expose();
        world.gk.authenticate_from(text, Some(home)).await
    };
    opens(&old).await.unwrap();
    world.advance(60 * MINUTE);
    opens(&old).await.unwrap();
    let new = keys
        .rotate(&world.cx, &who, old.key.id, 2 * MINUTE)
        .await
        .unwrap();
    assert_eq!(new.key.name, old.key.name);
    assert_eq!(new.key.permissions, old.key.permissions);
    assert_eq!(new.key.networks, old.key.networks);
    assert_eq!(
        new.key.expires_at,
        Some(world.clock.now().after(600 * MINUTE)),
        "as long as the old one was made for"
    );
    assert_ne!(new.text.expose(), old.text.expose());
    let event = world.newest(Event::ApiKeyRotated).await;
    assert_eq!(event.target, Some(id));
    assert_eq!(event.details["successor"], new.key.id.to_string());
    world.clock.set(new.key.created_at);
    assert_eq!(
        stored(&world, old.key.id).await.replaced_by,
        Some(new.key.id)
    );
    opens(&new).await.unwrap();
    opens(&old).await.unwrap();
    world.advance((2 * MINUTE).checked_sub(TICK).unwrap());
    opens(&old).await.unwrap();
    world.advance(TICK);
    assert_dead(opens(&old).await);
    opens(&new).await.unwrap();

    // The grace never makes a key live for longer than it would have.
    world.clock.set(new.key.expires_at.unwrap().before(MINUTE));
    let signed_in = world.sign_in(ADA).await;
    let who = world.identity(&signed_in).await;
    world.clock.set(new.key.expires_at.unwrap().before(MINUTE));
    keys.rotate(&world.cx, &who, new.key.id, 60 * MINUTE)
        .await
        .unwrap();
    assert_eq!(
        stored(&world, new.key.id).await.expires_at,
        new.key.expires_at
    );
}

pub(super) async fn without_a_grace_the_old_key_is_dead(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, who) = somebody(&world, ADA, &[]).await;
    let old = create(&world, &who, &[]).await.unwrap();
    shown(&world, &old).await.unwrap();
    let keys = world.gk.api_keys();
    let too_long = world.gk.config().api_keys.max_grace + TICK;
    let answer = keys.rotate(&world.cx, &who, old.key.id, too_long).await;
    assert_eq!(code(answer), "request.invalid");
    shown(&world, &old).await.unwrap();
    let new = keys
        .rotate(&world.cx, &who, old.key.id, Duration::ZERO)
        .await
        .unwrap();
    assert_dead(shown(&world, &old).await);
    shown(&world, &new).await.unwrap();
    let again = keys
        .rotate(&world.cx, &who, old.key.id, Duration::ZERO)
        .await;
    assert_eq!(code(again), "api_key.settled");
}

pub(super) async fn sixteen_rotations_give_one_successor(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, who) = somebody(&world, ADA, &[]).await;
    let old = create(&world, &who, &[]).await.unwrap();
    let tries = (0..16).map(|_| {
        let (world, who, key) = (world.clone(), Arc::clone(&who), old.key.id);
        tokio::spawn(async move {
            let keys = world.gk.api_keys();
            keys.rotate(&world.cx, &who, key, MINUTE).await
        })
    });
    let mut made = Vec::new();
    for task in tries.collect::<Vec<_>>() {
        match task.await.unwrap() {
            Ok(new) => made.push(new),
            Err(error) => assert_eq!(error.code(), "api_key.settled"),
        }
    }
    assert_eq!(made.len(), 1);
    assert_eq!(
        stored(&world, old.key.id).await.replaced_by,
        Some(made[0].key.id)
    );
    let keys = world.gk.api_keys();
    let page = PageRequest::first(100);
    let listed = keys.list(&world.cx, &who, page).await.unwrap();
    assert_eq!(listed.items.len(), 2, "the others left nothing");
    assert_eq!(world.count(Event::ApiKeyRotated).await, 1);
}

pub(super) async fn row_63_a_rotation_brings_no_scope_back(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (id, who) = somebody(&world, ADA, &["reports:*", "users:read"]).await;
    let old = create(&world, &who, &["reports:*", "users:read"])
        .await
        .unwrap();
    role(&world, "less", &["reports:read"]).await;
    let administration = world.gk.administration();
    for (grant, name) in [(true, "less"), (false, "ada")] {
        if grant {
            administration
                .grant_role(&world.cx, id, name)
                .await
                .unwrap();
        } else {
            administration
                .revoke_role(&world.cx, id, name)
                .await
                .unwrap();
        }
    }
    let keys = world.gk.api_keys();
    let new = keys
        .rotate(&world.cx, &who, old.key.id, MINUTE)
        .await
        .unwrap();
    assert_eq!(new.key.permissions, ["reports:read"]);
    administration
        .grant_role(&world.cx, id, "ada")
        .await
        .unwrap();
    let seen = shown(&world, &new).await.unwrap();
    assert_eq!(seen.permissions, ["reports:read"]);
}
