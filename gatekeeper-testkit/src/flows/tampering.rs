//! What whoever can write to the database does to the chain is found.

use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    AuditFault, AuditVerdict, Gatekeeper,
    crypto::SecretKey,
    env::Clock,
    model::{AuditEvent, AuditHead, AuditSeal, Event, EventId, Outcome, Timestamp, UserId},
    testing::SeededRandom,
};
use serde_json::json;

use super::{
    audit::{chain, five, head, proof, seal, tamper, verdict, write_rows},
    tenants::second_tenant,
    world::World,
};
use crate::{sample, store::StoreFixture};

/// What is found wrong, and at which number.
pub(super) async fn fault(world: &World) -> (AuditFault, i64) {
    match verdict(world, None).await {
        AuditVerdict::Sound(proof) => panic!("{proof:?}"),
        AuditVerdict::Broken(breach) => (breach.fault, breach.sequence),
    }
}

async fn put_head(world: &World, head: AuditHead) {
    let mut tx = world.repository.begin().await.unwrap();
    tx.audit().set_head(&head).await.unwrap();
    tx.commit().await.unwrap();
}

/// Numbers and links as they were, whoever now stands there.
fn renumber(rows: &mut [AuditEvent]) {
    let mut seals: Vec<AuditSeal> = rows.iter().filter_map(|row| row.seal).collect();
    seals.sort_by_key(|seal| seal.sequence);
    for (row, seal) in rows.iter_mut().zip(seals) {
        row.seal = Some(seal);
    }
}

/// Whatever of a row is changed, it is found, and at its number.
pub(super) async fn asvs_16_4_2_a_row_that_was_altered_is_found(fixture: StoreFixture) {
    let world = five(fixture).await;
    let user = UserId::new(world.clock.now(), &SeededRandom::new(4));
    type Change = Box<dyn Fn(&mut AuditEvent) + Send + Sync>;
    let changes: Vec<(AuditFault, Change)> = vec![
        (
            AuditFault::Altered,
            Box::new(|row| row.at = row.at.after(Duration::from_micros(1))),
        ),
        (
            AuditFault::Altered,
            Box::new(|row| row.event = Event::KeyRotated),
        ),
        (
            AuditFault::Altered,
            Box::new(|row| row.outcome = Outcome::Failure),
        ),
        (
            AuditFault::Altered,
            Box::new(|row| row.reason = Some("wrong_password".to_owned())),
        ),
        (
            AuditFault::Altered,
            Box::new(move |row| row.actor = Some(user)),
        ),
        (
            AuditFault::Altered,
            Box::new(move |row| row.target = Some(user)),
        ),
        (
            AuditFault::Altered,
            Box::new(move |row| row.impersonator = Some(user)),
        ),
        (
            AuditFault::Altered,
            Box::new(|row| row.correlation_id.push('x')),
        ),
        (
            AuditFault::Altered,
            Box::new(|row| row.ip = Some([192, 0, 2, 8].into())),
        ),
        (AuditFault::Altered, Box::new(|row| row.ip = None)),
        (
            AuditFault::Altered,
            Box::new(|row| row.user_agent = Some("suite/2".to_owned())),
        ),
        (AuditFault::Altered, Box::new(|row| row.details.clear())),
        (
            AuditFault::Altered,
            Box::new(|row| drop(row.details.insert("more".to_owned(), json!(1)))),
        ),
        (
            AuditFault::Altered,
            Box::new(|row| row.salt = Some([1; 16])),
        ),
        (AuditFault::Altered, Box::new(|row| row.salt = None)),
        (
            AuditFault::Altered,
            Box::new(|row| row.digest = Some([1; 32])),
        ),
        (AuditFault::Link, Box::new(|row| row.digest = None)),
        (
            AuditFault::Altered,
            Box::new(|row| row.id = EventId::new(row.at, &SeededRandom::new(5))),
        ),
        (
            AuditFault::Link,
            Box::new(|row| row.seal.as_mut().unwrap().link = [1; 32]),
        ),
    ];
    let before = chain(&*world.repository, world.cx.tenant_id).await;
    for (n, (expected, change)) in changes.iter().enumerate() {
        for index in [0, 2, 4] {
            tamper(&world, |rows| change(&mut rows[index])).await;
            let number = index as i64 + 1;
            assert_eq!(fault(&world).await, (*expected, number), "change {n}");
            tamper(&world, |rows| *rows = before.clone()).await;
        }
    }
    assert_eq!(proof(&world).await.rows, 5);
}

/// A row that is missing, wherever it stood, and however the others close up.
pub(super) async fn asvs_16_4_2_a_row_that_was_removed_is_found(fixture: StoreFixture) {
    let world = five(fixture).await;
    let before = chain(&*world.repository, world.cx.tenant_id).await;
    for index in 0..5 {
        let number = index as i64 + 1;
        tamper(&world, |rows| drop(rows.remove(index))).await;
        assert_eq!(fault(&world).await, (AuditFault::Missing, number));
        // The next take its number, and keep their links.
        if index < 4 {
            tamper(&world, |rows| {
                for row in &mut rows[index..] {
                    row.seal.as_mut().unwrap().sequence -= 1;
                }
            })
            .await;
            assert_eq!(fault(&world).await, (AuditFault::Link, number));
        }
        tamper(&world, |rows| *rows = before.clone()).await;
    }
    // All of them at once.
    tamper(&world, Vec::clear).await;
    assert_eq!(fault(&world).await, (AuditFault::Missing, 1));
}

/// Rows that changed places, with their numbers alone or with their links too.
pub(super) async fn asvs_16_4_2_rows_that_were_swapped_are_found(fixture: StoreFixture) {
    let world = five(fixture).await;
    let before = chain(&*world.repository, world.cx.tenant_id).await;
    for (one, other) in [(0, 1), (1, 3), (3, 4)] {
        tamper(&world, |rows| {
            rows.swap(one, other);
            renumber(rows);
        })
        .await;
        assert_eq!(fault(&world).await, (AuditFault::Link, one as i64 + 1));
        tamper(&world, |rows| *rows = before.clone()).await;
        tamper(&world, |rows| {
            let moved = rows[one].seal.unwrap().sequence;
            rows[one].seal.as_mut().unwrap().sequence = rows[other].seal.unwrap().sequence;
            rows[other].seal.as_mut().unwrap().sequence = moved;
        })
        .await;
        assert_eq!(fault(&world).await, (AuditFault::Link, one as i64 + 1));
        tamper(&world, |rows| *rows = before.clone()).await;
    }
}

/// A row that somebody without the secret made up: in the chain, behind it, or left for the worker to seal.
pub(super) async fn asvs_16_4_2_a_row_that_was_made_up_is_found(fixture: StoreFixture) {
    let world = five(fixture).await;
    let tenant = world.cx.tenant_id;
    let before = chain(&*world.repository, tenant).await;
    let forged = AuditEvent {
        at: world.clock.now(),
        ..sample::event(tenant, 9)
    };
    tamper(&world, |rows| {
        rows.insert(2, forged.clone());
        rows[2].seal = rows[3].seal;
        for row in &mut rows[3..] {
            row.seal.as_mut().unwrap().sequence += 1;
        }
    })
    .await;
    // The chain is longer than its head says.
    assert_eq!(fault(&world).await, (AuditFault::Head, 6));
    tamper(&world, |rows| *rows = before.clone()).await;

    tamper(&world, |rows| {
        rows[2] = AuditEvent {
            seal: rows[2].seal,
            ..forged.clone()
        }
    })
    .await;
    assert_eq!(fault(&world).await, (AuditFault::Altered, 3));
    tamper(&world, |rows| *rows = before.clone()).await;

    for (expected, digest, salt) in [
        (AuditFault::Altered, Some([1; 32]), Some([1; 16])),
        (AuditFault::Altered, Some([1; 32]), None),
        (AuditFault::Undigested, None, None),
    ] {
        let row = AuditEvent {
            digest,
            salt,
            ..forged.clone()
        };
        let mut tx = world.repository.begin().await.unwrap();
        tx.audit().append(&row).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(proof(&world).await.rows, 5);
        let whole = head(&world).await;
        seal(&world).await;
        assert_eq!(fault(&world).await, (expected, 6));
        tamper(&world, |rows| rows.truncate(5)).await;
        put_head(&world, whole).await;
    }
    // The copy of a row that was written by us, under another id.
    let copy = AuditEvent {
        id: forged.id,
        seal: None,
        ..before[1].clone()
    };
    let mut tx = world.repository.begin().await.unwrap();
    tx.audit().append(&copy).await.unwrap();
    tx.commit().await.unwrap();
    seal(&world).await;
    assert_eq!(fault(&world).await, (AuditFault::Altered, 6));
}

/// Whoever has not the secret can make no chain of their own, and no head.
pub(super) async fn asvs_16_4_2_a_chain_that_was_made_anew_is_found(fixture: StoreFixture) {
    let world = five(fixture).await;
    let anchor = world.gk.audit().anchor(&world.cx).await.unwrap();
    // By a service with another secret: it refuses to write behind our head, so the head goes too.
    let mut stranger = world.clone();
    stranger.gk = Gatekeeper::builder()
        .shared_repository(Arc::clone(&world.repository))
        .secret(SecretKey::generate(&SeededRandom::new(8)))
        .keyring(keyring())
        .public_url("https://auth.example.org")
        .config(super::world::config())
        .clock(world.clock.clone())
        .random(SeededRandom::new(77))
        .without_workers()
        .build()
        .await
        .unwrap();
    write_rows(&stranger, 1).await;
    assert_eq!(seal(&stranger).await.broken_chains, 1);
    assert_eq!(fault(&stranger).await, (AuditFault::Head, 0));
    assert_eq!(proof(&world).await.rows, 5);

    // Theirs in place of ours, whole: every row, every link, and the head.
    let mut other = second_tenant(&stranger).await;
    other.gk = stranger.gk.clone();
    write_rows(&other, 5).await;
    seal(&other).await;
    let theirs = chain(&*world.repository, other.cx.tenant_id).await;
    let head_of_theirs = head(&other).await;
    tamper(&world, |rows| {
        for (row, their) in rows.iter_mut().zip(theirs) {
            row.seal = their.seal;
        }
    })
    .await;
    assert_eq!(fault(&world).await, (AuditFault::Link, 1));
    put_head(
        &world,
        AuditHead {
            tenant_id: world.cx.tenant_id,
            ..head_of_theirs
        },
    )
    .await;
    assert_eq!(fault(&world).await, (AuditFault::Head, 0));
    assert!(
        matches!(verdict(&world, anchor).await, AuditVerdict::Broken(breach) if breach.fault == AuditFault::Head)
    );
}

fn keyring() -> gatekeeper_core::crypto::jwt::Keyring {
    use gatekeeper_core::{
        crypto::jwt::{Keyring, SigningKey},
        model::KeyId,
    };
    let id = KeyId::new(Timestamp::default(), &SeededRandom::new(1));
    let mut key = [0; 32];
    gatekeeper_core::env::Random::fill(&SeededRandom::new(2), &mut key);
    Keyring::new(SigningKey::from_hmac_secret(id, &key).unwrap())
}

/// A head that is missing, wrong or older than its rows; and an older state of everything, which the anchor shows.
pub(super) async fn asvs_16_4_2_a_chain_that_was_cut_is_found(fixture: StoreFixture) {
    let world = five(fixture).await;
    let (older, older_rows) = (
        head(&world).await,
        chain(&*world.repository, world.cx.tenant_id).await,
    );
    write_rows(&world, 3).await;
    seal(&world).await;
    let (newer, newer_rows) = (
        head(&world).await,
        chain(&*world.repository, world.cx.tenant_id).await,
    );
    let anchor = world.gk.audit().anchor(&world.cx).await.unwrap();

    put_head(&world, older).await;
    assert_eq!(fault(&world).await, (AuditFault::Head, 6));
    for wrong in [
        AuditHead {
            sequence: 7,
            link: newer_rows[6].seal.unwrap().link,
            ..newer
        },
        AuditHead {
            link: [0; 32],
            ..newer
        },
        AuditHead {
            base_sequence: 1,
            base_link: newer_rows[0].seal.unwrap().link,
            ..newer
        },
        AuditHead {
            mac: [0; 32],
            ..newer
        },
        AuditHead {
            mac: older.mac,
            ..newer
        },
    ] {
        put_head(&world, wrong).await;
        assert_eq!(fault(&world).await, (AuditFault::Head, 0), "{wrong:?}");
    }
    put_head(&world, newer).await;
    assert_eq!(proof(&world).await.rows, 8);

    // The rows behind an older head go with it: everything is as it once was, and only what was kept elsewhere tells.
    tamper(&world, |rows| *rows = older_rows).await;
    assert_eq!(fault(&world).await, (AuditFault::Missing, 6));
    put_head(&world, older).await;
    assert_eq!(proof(&world).await.rows, 5);
    let cut = |verdict| matches!(verdict, AuditVerdict::Broken(breach) if breach.fault == AuditFault::Cut);
    assert!(cut(verdict(&world, anchor).await));
    // It goes on from there, with other rows: the chain does not go through the anchor.
    write_rows(&world, 4).await;
    seal(&world).await;
    assert_eq!(proof(&world).await.rows, 9);
    assert!(cut(verdict(&world, anchor).await));
}

/// A head that is not ours is never written over, and holds up no other tenant.
pub(super) async fn nothing_is_sealed_behind_a_broken_head(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| config.audit.batch = 2).await;
    let other = second_tenant(&world).await;
    write_rows(&world, 2).await;
    seal(&world).await;
    let sound = head(&world).await;
    let broken = AuditHead {
        sequence: 1,
        ..sound
    };
    put_head(&world, broken).await;
    write_rows(&world, 7).await;
    write_rows(&other, 5).await;
    let sealed = seal(&world).await;
    assert_eq!((sealed.rows, sealed.broken_chains), (5, 1));
    assert_eq!(head(&world).await, broken);
    assert_eq!(proof(&other).await.rows, 5);
    put_head(&world, sound).await;
    assert_eq!(seal(&world).await.rows, 7);
    assert_eq!(proof(&world).await.rows, 9);
}
