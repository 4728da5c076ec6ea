use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    BuildError, KeyRotation, SignedIn,
    crypto::SecretKey,
    env::Clock,
    model::{Algorithm, Event, StoredSigningKey},
    testing::{ManualClock, SeededRandom},
};

use super::world::World;
use crate::{sample, store::StoreFixture};

fn published(world: &World) -> Vec<String> {
    let jwks = world.gk.jwks();
    let keys = jwks["keys"].as_array().unwrap();
    for key in keys {
        assert!(
            key.get("d").is_none() && key.get("k").is_none(),
            "a private member in {key}"
        );
    }
    keys.iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

pub(super) async fn a_planned_rotation_overlaps(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let signed_in = world.signed_in("ada@example.org").await;
    let old = published(&world);
    assert_eq!(old.len(), 1);
    let rotated = world
        .gk
        .administration()
        .rotate_keys(&world.cx, KeyRotation::Planned)
        .await
        .unwrap();
    assert_eq!(
        published(&world).len(),
        2,
        "the new key is published before it signs"
    );
    assert_eq!(
        world.newest(Event::KeyRotated).await.details["kid"],
        rotated.to_string()
    );
    assert!(world.believes(&signed_in).await);
    // Another node, started while both are published, believes tokens of both.
    world.advance(Duration::from_secs(601));
    let other = world.another_node(node).await;
    let newer = other.refresh(&signed_in).await.unwrap();
    let header = newer
        .access_token
        .expose()
        .split('.')
        .next()
        .unwrap()
        .to_owned();
    assert_ne!(
        Some(header.as_str()),
        signed_in.access_token.expose().split('.').next()
    );
    assert!(other.believes(&signed_in).await && other.believes(&newer).await);
    assert!(world.believes(&newer).await);
    // When the last token of the old key has expired, it is gone.
    world.advance(Duration::from_secs(1_000));
    let late = world.another_node(Arc::clone(&world.repository)).await;
    assert_eq!(published(&late), [rotated.to_string()]);
}

pub(super) async fn a_compromised_key_is_refused_at_once(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let signed_in = world.signed_in("ada@example.org").await;
    let old = published(&world);
    world
        .gk
        .administration()
        .rotate_keys(&world.cx, KeyRotation::Compromised)
        .await
        .unwrap();
    assert!(!world.believes(&signed_in).await);
    assert!(!published(&world).contains(&old[0]));
    let refreshed = world.refresh(&signed_in).await.unwrap();
    assert!(world.believes(&refreshed).await);
}

pub(super) async fn nodes_share_their_keys(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let other = world.another_node(node).await;
    assert_eq!(published(&world), published(&other));
    let signed_in = world.signed_in("ada@example.org").await;
    assert!(other.believes(&signed_in).await);
}

/// Nodes that start together on an empty store do not agree on the time to the microsecond.
pub(super) async fn a_node_whose_clock_is_behind_takes_up_the_first_key(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let behind = ManualClock::at(world.clock.now().before(Duration::from_secs(2)));
    let other = World::on(node, |_| {}, |builder| builder.clock(behind)).await;
    let other = other.unwrap();
    assert_eq!(published(&world), published(&other));
    other.verified("ada@example.org").await;
    let signed_in = other.sign_in("ada@example.org").await;
    world.clock.advance(Duration::from_secs(1));
    assert!(world.believes(&signed_in).await);
}

pub(super) async fn keys_open_under_their_own_secret_alone(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let repository = Arc::clone(&world.repository);
    let stranger = World::on(
        repository,
        |_| {},
        |builder| builder.secret(SecretKey::generate(&SeededRandom::new(8))),
    )
    .await;
    assert!(matches!(stranger, Err(BuildError::Keys(_))), "{stranger:?}");
}

pub(super) async fn every_algorithm_signs(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified("ada@example.org").await;
    let mut earlier = vec![world.sign_in("ada@example.org").await];
    // RS256 is left to the tests of tokens: making a key of 3072 bits takes seconds.
    for algorithm in [Algorithm::Es256, Algorithm::Hs256, Algorithm::EdDsa] {
        let repository = Arc::clone(&world.repository);
        let set = |config: &mut gatekeeper_core::Config| config.access_tokens.algorithm = algorithm;
        let other = World::on(repository, set, |builder| builder).await.unwrap();
        let signed_in = other.sign_in("ada@example.org").await;
        assert!(other.believes(&signed_in).await, "{algorithm:?}");
        for session in &earlier {
            assert!(
                other.believes(session).await,
                "a change of algorithm must not sign anybody out"
            );
        }
        let symmetric = other.gk.jwks()["keys"]
            .as_array()
            .unwrap()
            .iter()
            .any(|key| key["kty"] == "oct");
        assert!(!symmetric);
        // Each by a key of its own, all made at one instant: the algorithm alone tells which is to sign. The service began
        // with Ed25519, and back there it takes up the key it had.
        let known = earlier
            .iter()
            .position(|session| header(session) == header(&signed_in));
        let expected = (algorithm == Algorithm::EdDsa).then_some(0);
        assert_eq!(known, expected, "{algorithm:?}");
        earlier.push(signed_in);
    }
}

fn header(signed_in: &SignedIn) -> String {
    let token = signed_in.access_token.expose();
    token.split('.').next().unwrap().to_owned()
}

pub(super) async fn a_new_key_signs_when_everybody_has_it(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let before = world.signed_in("ada@example.org").await;
    let administration = world.gk.administration();
    administration
        .rotate_keys(&world.cx, KeyRotation::Planned)
        .await
        .unwrap();
    // Published, and silent: on this node and on one that starts now.
    let published_only = world.refresh(&before).await.unwrap();
    assert_eq!(header(&published_only), header(&before));
    let late = world.another_node(Arc::clone(&world.repository)).await;
    let from_late = late.refresh(&published_only).await.unwrap();
    assert_eq!(header(&from_late), header(&before));
}

/// Whichever rotation came before, a compromised key is out at once, and stays out.
pub(super) async fn a_compromised_key_never_comes_back(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let signed_in = world.signed_in("ada@example.org").await;
    let rotate = async |rotation| {
        let administration = world.gk.administration();
        let key = administration.rotate_keys(&world.cx, rotation).await;
        // Keys of one instant have no order.
        world.advance(Duration::from_millis(1));
        key.unwrap().to_string()
    };
    rotate(KeyRotation::Planned).await;
    let sound = rotate(KeyRotation::Compromised).await;
    assert_eq!(published(&world), [sound]);
    assert!(!world.believes(&signed_in).await);
    rotate(KeyRotation::Planned).await;
    assert_eq!(published(&world).len(), 2);
    assert!(!world.believes(&signed_in).await);
}

pub(super) async fn a_sealed_key_opens_under_its_own_name_alone(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let mut tx = world.repository.begin().await.unwrap();
    let stored = tx.signing_keys().list().await.unwrap();
    let copied = StoredSigningKey {
        id: sample::signing_key(9).id,
        ..stored[0].clone()
    };
    tx.signing_keys().insert(&copied).await.unwrap();
    tx.commit().await.unwrap();
    let repository = Arc::clone(&world.repository);
    let started = World::on(repository, |_| {}, |builder| builder).await;
    assert!(matches!(started, Err(BuildError::Keys(_))), "{started:?}");
}
