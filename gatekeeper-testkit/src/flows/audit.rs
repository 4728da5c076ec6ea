use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    AnchorStanding, AuditAnchor, AuditFault, AuditProof, AuditVerdict, CleanupRun, Gatekeeper,
    RequestContext, SealRun, Sealed,
    crypto::{SecretKey, SecretKeys},
    env::Clock,
    model::{
        AuditEvent, AuditHead, AuditSeal, Event, Outcome, PageRequest, TenantId, Timestamp, UserId,
    },
    store::{AuditFilter, Repository},
    testing::SeededRandom,
};
use serde_json::{Value, json};

use super::{
    tampering::fault,
    tenants::second_tenant,
    world::{World, code},
};
use crate::{
    faults::{Fault, FaultyRepository},
    sample,
    store::{StoreFixture, together},
};

const DAY: Duration = Duration::from_hours(24);
/// As long as the lease of a node that died holds the others off.
const LEASE: Duration = Duration::from_secs(10);

/// Rows that somebody wrote who has the secret, numbered; each a second after the one before.
pub(super) async fn write_rows(world: &World, count: u64) {
    for _ in 0..count {
        world.advance(Duration::from_secs(1));
        let unknown = "nobody@example.org";
        let accounts = world.gk.accounts();
        accounts
            .request_verification(&world.cx, unknown)
            .await
            .unwrap();
    }
}

pub(super) async fn seal(world: &World) -> Sealed {
    match world.gk.audit().seal().await.unwrap() {
        SealRun::Done(sealed) => sealed,
        other => panic!("{other:?}"),
    }
}

pub(super) async fn verdict(world: &World, anchor: Option<AuditAnchor>) -> AuditVerdict {
    let audit = world.gk.audit();
    audit.verify(&world.cx, anchor).await.unwrap()
}

pub(super) async fn proof(world: &World) -> AuditProof {
    match verdict(world, None).await {
        AuditVerdict::Sound(proof) => proof,
        AuditVerdict::Broken(breach) => panic!("{breach}"),
    }
}

/// The chain, as the store has it.
pub(super) async fn chain(repository: &dyn Repository, tenant: TenantId) -> Vec<AuditEvent> {
    let mut tx = repository.begin().await.unwrap();
    tx.audit().sealed(tenant, i64::MIN, 1_000).await.unwrap()
}

pub(super) async fn head(world: &World) -> AuditHead {
    let mut tx = world.repository.begin().await.unwrap();
    let head = tx.audit().head_for_update(world.cx.tenant_id).await;
    head.unwrap().unwrap()
}

/// What whoever can write to the database can do: the chain's rows become others.
pub(super) async fn tamper(world: &World, change: impl FnOnce(&mut Vec<AuditEvent>)) {
    let tenant = world.cx.tenant_id;
    let before = chain(&*world.repository, tenant).await;
    let mut rows = before.clone();
    change(&mut rows);
    assert_ne!(rows, before);
    let mut tx = world.repository.begin().await.unwrap();
    tx.audit().purge_sealed(tenant, i64::MAX).await.unwrap();
    for row in rows {
        let seal = row.seal;
        let row = AuditEvent { seal: None, ..row };
        tx.audit().append(&row).await.unwrap();
        if let Some(seal) = seal {
            let done = tx.audit().seal(tenant, row.id, &seal).await.unwrap();
            assert!(done);
        }
    }
    tx.commit().await.unwrap();
}

/// A chain of five, and the caller of its tenant.
pub(super) async fn five(fixture: StoreFixture) -> World {
    let world = World::new(fixture).await;
    write_rows(&world, 5).await;
    seal(&world).await;
    // What building a service leaves in the trail is none of it.
    let rows = chain(&*world.repository, world.cx.tenant_id).await;
    assert_eq!(rows.len(), 5);
    world
}

/// Every row gets a number without gaps and a link; sealing again changes nothing, and what comes later stands behind.
pub(super) async fn every_row_gets_its_place(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    assert_eq!(proof(&world).await.rows, 0);
    assert_eq!(world.gk.audit().anchor(&world.cx).await.unwrap(), None);
    world.signed_in("ada@example.org").await;
    let trail = world.trail().await;
    assert!(trail.len() >= 3, "{trail:?}");
    assert!(trail.iter().all(|row| row.seal.is_none()));
    assert!(
        trail
            .iter()
            .all(|row| row.digest.is_some() && row.salt.is_some())
    );
    let sealed = seal(&world).await;
    assert_eq!(sealed.rows, trail.len() as u64);
    assert_eq!(seal(&world).await, Sealed::default());
    let before = chain(&*world.repository, world.cx.tenant_id).await;
    let numbers: Vec<i64> = before
        .iter()
        .filter_map(|row| row.seal)
        .map(|seal| seal.sequence)
        .collect();
    assert_eq!(numbers, (1..=trail.len() as i64).collect::<Vec<_>>());
    let times: Vec<_> = before.iter().map(|row| (row.at, row.id)).collect();
    assert!(times.is_sorted());
    let first = proof(&world).await;
    assert_eq!(first.rows, trail.len() as u64);
    assert_eq!(
        (first.erased, first.undigested, first.unsealed, first.purged),
        (0, 0, 0, 0)
    );
    assert_eq!(first.given, AnchorStanding::NotGiven);

    write_rows(&world, 3).await;
    // A transaction that was under way for long commits what is older than the last row of the chain.
    let mut late = sample::event(world.cx.tenant_id, 1);
    late.at = Timestamp::default();
    late.digest = None;
    late.salt = None;
    let mut tx = world.repository.begin().await.unwrap();
    tx.audit().append(&late).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(seal(&world).await.rows, 4);
    let after = chain(&*world.repository, world.cx.tenant_id).await;
    assert_eq!(after[..before.len()], before[..]);
    assert_eq!(after[before.len()].id, late.id);
    assert_eq!(
        verdict(&world, Some(first.anchor)).await,
        // It is no row of a service with the secret, and that is seen too.
        verdict(&world, None).await
    );
    assert_eq!(fault(&world).await.0, AuditFault::Undigested);
}

/// An anchor that was kept is met as the chain grows.
pub(super) async fn an_anchor_is_met(fixture: StoreFixture) {
    let world = five(fixture).await;
    let anchor = world.gk.audit().anchor(&world.cx).await.unwrap().unwrap();
    assert_eq!(anchor.sequence, 5);
    assert_eq!(anchor.to_string().parse(), Ok(anchor));
    write_rows(&world, 2).await;
    seal(&world).await;
    match verdict(&world, Some(anchor)).await {
        AuditVerdict::Sound(proof) => {
            assert_eq!(proof.given, AnchorStanding::Met);
            assert_eq!((proof.anchor.sequence, proof.rows), (7, 7));
        }
        AuditVerdict::Broken(breach) => panic!("{breach}"),
    }
    let none = AuditAnchor {
        sequence: 0,
        link: [0; 32],
    };
    assert!(
        matches!(verdict(&world, Some(none)).await, AuditVerdict::Sound(proof) if proof.given == AnchorStanding::Met)
    );
}

/// Many tenants, several nodes at once, small batches: each tenant has one chain without gaps.
pub(super) async fn many_tenants_are_sealed_by_several_nodes(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| config.audit.batch = 3).await;
    let mut tenants = vec![world.cx.tenant_id];
    let mut tx = world.repository.begin().await.unwrap();
    for n in 10..16 {
        let tenant = sample::tenant(n);
        tx.tenants().insert(&tenant).await.unwrap();
        tenants.push(tenant.id);
    }
    tx.commit().await.unwrap();
    let worlds: Vec<World> = tenants
        .iter()
        .map(|&tenant| {
            let mut world = world.clone();
            world.cx.tenant_id = tenant;
            world
        })
        .collect();
    for (n, world) in worlds.iter().enumerate() {
        write_rows(world, n as u64 * 2).await;
    }
    let runs = together(4, |_| {
        let world = world.clone();
        async move { world.gk.audit().seal().await.unwrap() }
    })
    .await;
    let mut rows = 0;
    for run in runs {
        rows += match run {
            SealRun::Done(sealed) | SealRun::Elsewhere(sealed) => sealed.rows,
            SealRun::Stopped(_) => panic!("nobody stopped it"),
        };
    }
    rows += seal(&world).await.rows;
    assert_eq!(rows, 42);
    for (n, world) in worlds.iter().enumerate() {
        let proof = proof(world).await;
        assert_eq!((proof.rows, proof.unsealed), (n as u64 * 2, 0));
        assert_eq!(proof.anchor.sequence, n as i64 * 2);
    }
}

/// Wherever a node dies, the chains are whole, and another goes on when its lease has run out.
pub(super) async fn a_node_that_dies_while_sealing_leaves_a_whole_chain(fixture: StoreFixture) {
    let faulty = FaultyRepository::wrap(Arc::clone(&fixture.repository));
    let wrapped = faulty.clone();
    let world = World::built(
        fixture,
        |config| config.audit.batch = 2,
        |builder| builder.shared_repository(Arc::new(wrapped)),
    )
    .await;
    let successor = world.another_node(Arc::clone(&world.repository)).await;
    let mut rows = 0;
    for call in 1.. {
        write_rows(&world, 5).await;
        rows += 5;
        faulty.arm(call, Fault::Cut);
        let ended = world.gk.audit().seal().await;
        if !faulty.fired() {
            assert!(ended.is_ok());
            break;
        }
        assert!(ended.is_err(), "{call}");
        let proof = super::audit::proof(&successor).await;
        assert!(proof.rows >= rows - 5, "{call}: {proof:?}");
        world.advance(LEASE);
        seal(&successor).await;
        assert_eq!(self::proof(&successor).await.rows, rows, "{call}");
        assert!(call < 200);
    }
}

/// While another node has the lease nothing is sealed.
pub(super) async fn one_node_at_a_time_seals(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    write_rows(&world, 2).await;
    let now = world.clock.now();
    let mut tx = world.repository.begin().await.unwrap();
    let until = now.after(LEASE);
    let leases = tx.leases();
    assert!(
        leases
            .acquire("audit", "another", now, until)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    let run = world.gk.audit().seal().await.unwrap();
    assert_eq!(run, SealRun::Elsewhere(Sealed::default()));
    world.advance(Duration::from_secs(61));
    assert_eq!(proof(&world).await.unsealed, 2);
    assert_eq!(seal(&world).await.rows, 2);
    assert_eq!(proof(&world).await.unsealed, 0);
}

/// The worker does it by itself.
pub(super) async fn a_worker_seals(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    write_rows(&world, 3).await;
    let mut config = super::world::config();
    config.audit.seal_every = Duration::from_millis(20);
    let service = Gatekeeper::builder()
        .shared_repository(Arc::clone(&world.repository))
        .secret(SecretKey::generate(&SeededRandom::new(7)))
        .public_url("https://auth.example.org")
        .config(config)
        .clock(world.clock.clone())
        .build()
        .await
        .unwrap();
    for _ in 0..600 {
        if proof(&world).await.rows >= 3 {
            service.shutdown().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nothing was sealed");
}

/// What is older than it is kept goes from the beginning of the chain, which is proven still; the trail tells of it.
pub(super) async fn what_goes_with_age_leaves_a_chain_that_is_proven(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| {
        config.retention.audit = Some(2 * DAY);
        config.retention.batch = 2;
    })
    .await;
    let other = second_tenant(&world).await;
    write_rows(&world, 5).await;
    write_rows(&other, 3).await;
    let old = seal(&world).await.rows;
    assert_eq!(old, 8);
    let early = world.gk.audit().anchor(&world.cx).await.unwrap();
    world.advance(DAY);
    write_rows(&world, 4).await;
    assert_eq!(clean(&world).await, 0);
    let late = world.gk.audit().anchor(&world.cx).await.unwrap();
    world.advance(DAY);
    assert_eq!(clean(&world).await, 8);
    seal(&world).await;
    let kept = proof(&world).await;
    assert_eq!((kept.purged, kept.rows), (5, 4 + 3));
    let trail = world.trail().await;
    let mut told: Vec<_> = trail
        .iter()
        .filter(|row| row.event == Event::AuditPurged)
        .map(|row| (row.details["up_to"].clone(), row.details["rows"].clone()))
        .collect();
    told.sort_by_key(|(up_to, _)| up_to.as_i64());
    assert_eq!(json!(told), json!([[2, 2], [4, 2], [5, 1]]));
    assert_eq!(
        (proof(&other).await.purged, proof(&other).await.rows),
        (3, 2)
    );
    for (anchor, expected) in [(early, AnchorStanding::Met), (late, AnchorStanding::Met)] {
        assert!(
            matches!(verdict(&world, anchor).await, AuditVerdict::Sound(proof) if proof.given == expected)
        );
    }
    let first = AuditAnchor {
        sequence: 3,
        link: [1; 32],
    };
    assert!(
        matches!(verdict(&world, Some(first)).await, AuditVerdict::Sound(proof) if proof.given == AnchorStanding::Purged)
    );
    // What went stays gone: a row put back there is seen, and so is a base that was moved.
    let tenant = world.cx.tenant_id;
    let row = sample::event(tenant, 1);
    let mut tx = world.repository.begin().await.unwrap();
    tx.audit().append(&row).await.unwrap();
    let place = AuditSeal {
        sequence: 2,
        link: [1; 32],
    };
    assert!(tx.audit().seal(tenant, row.id, &place).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(fault(&world).await, (AuditFault::Base, 2));
    tamper(&world, |rows| drop(rows.remove(0))).await;
    assert_eq!(proof(&world).await.rows, 7);
    tamper(&world, |rows| drop(rows.remove(0))).await;
    assert_eq!(fault(&world).await, (AuditFault::Missing, 6));
}

async fn clean(world: &World) -> u64 {
    match world.gk.cleanup().run_once().await.unwrap() {
        CleanupRun::Done(removed) => removed.audit_events,
        other => panic!("{other:?}"),
    }
}

/// What is broken is not removed with age: it is to be found.
pub(super) async fn what_is_broken_does_not_go_with_age(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| config.retention.audit = Some(2 * DAY)).await;
    write_rows(&world, 5).await;
    seal(&world).await;
    tamper(&world, |rows| rows[2].correlation_id.push('x')).await;
    world.advance(3 * DAY);
    assert_eq!(clean(&world).await, 2);
    assert_eq!(clean(&world).await, 0);
    assert_eq!(fault(&world).await, (AuditFault::Altered, 3));
}

/// Erased rows still stand in the chain; what is said to be erased and is not told of, or not erased, is found.
pub(super) async fn what_was_erased_is_still_proven(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let ada = world.verified("ada@example.org").await;
    // That somebody tried to, and was refused, is no erasure.
    let mut refused = sample::event(world.cx.tenant_id, 1);
    refused.event = Event::AccountErased;
    refused.outcome = Outcome::Failure;
    refused.target = Some(ada);
    let mut tx = world.repository.begin().await.unwrap();
    tx.audit().append(&refused).await.unwrap();
    tx.commit().await.unwrap();
    let whole = world.trail().await.len() as u64;
    seal(&world).await;
    // Nobody with the secret wrote it.
    assert_eq!(fault(&world).await.0, AuditFault::Altered);
    let erase = async |user: UserId| {
        let mut tx = world.repository.begin().await.unwrap();
        let erased = tx
            .audit()
            .erase(world.cx.tenant_id, user, world.clock.now(), 100)
            .await;
        tx.commit().await.unwrap();
        erased.unwrap()
    };
    let erased = erase(ada).await;
    assert!(erased >= 1);
    assert_eq!(fault(&world).await.0, AuditFault::Erased);
    world.gk.privacy().erase(&world.cx, ada).await.unwrap();
    world.mails().await;
    seal(&world).await;
    let after = proof(&world).await;
    assert_eq!(after.rows, whole + 2);
    assert_eq!(after.erased, erased + 2);
    let rows = chain(&*world.repository, world.cx.tenant_id).await;
    assert!(
        rows.iter()
            .all(|row| row.erased_at.is_none() || row.ip.is_none())
    );
    // Said to be erased, and something is there.
    let index = rows.iter().position(|row| row.erased_at.is_some()).unwrap();
    tamper(&world, |rows| {
        rows[index].user_agent = Some("another".to_owned());
    })
    .await;
    let number = index as i64 + 1;
    assert_eq!(fault(&world).await, (AuditFault::Altered, number));
}

/// What was made under an earlier secret is believed.
pub(super) async fn a_chain_outlives_a_change_of_the_secret(fixture: StoreFixture) {
    let world = five(fixture).await;
    let (old, new) = (
        SecretKey::generate(&SeededRandom::new(7)),
        SecretKey::generate(&SeededRandom::new(9)),
    );
    let mut changed = world.clone();
    changed.gk = Gatekeeper::builder()
        .shared_repository(Arc::clone(&world.repository))
        .secrets(SecretKeys::new(new).with_previous(old).unwrap())
        .public_url("https://auth.example.org")
        .config(super::world::config())
        .clock(world.clock.clone())
        .random(SeededRandom::new(78))
        .without_workers()
        .build()
        .await
        .unwrap();
    write_rows(&changed, 3).await;
    seal(&changed).await;
    assert_eq!(proof(&changed).await.rows, 8);
    // Whoever has the earlier one alone sees that the head is none of theirs.
    assert_eq!(fault(&world).await, (AuditFault::Head, 0));
}

/// The trail as lines: in the order of the chain, with all that proves it, and no other tenant's.
pub(super) async fn the_trail_is_given_out_line_by_line(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let other = second_tenant(&world).await;
    write_rows(&other, 2).await;
    write_rows(&world, 600).await;
    let from = world.clock.now();
    write_rows(&world, 2).await;
    world.advance(Duration::from_secs(1));
    let audit = world.gk.audit();
    let mut export = audit.export(&world.cx, None, None).await.unwrap();
    let mut lines: Vec<Value> = Vec::new();
    while let Some(line) = export.next().await.unwrap() {
        assert!(line.ends_with('\n') && line.matches('\n').count() == 1);
        lines.push(serde_json::from_str(&line).unwrap());
    }
    assert_eq!(lines.len(), 603);
    for (line, number) in lines.iter().zip(1..) {
        assert_eq!(line["sequence"], number);
        assert_eq!(line["tenant_id"], world.cx.tenant_id.to_string());
        assert!(line["link"].is_string() && line["digest"].is_string());
    }
    assert_eq!(lines[602]["event"], "audit.exported");
    assert_eq!(lines[0]["event"], "email.verification_requested");
    assert_eq!(lines[0]["ip"], "192.0.2.7");
    assert!(
        matches!(verdict(&world, Some(export.anchor())).await, AuditVerdict::Sound(proof) if proof.given == AnchorStanding::Met)
    );
    // What is written meanwhile is for the next time.
    let until = world.clock.now();
    let mut export = audit
        .export(&world.cx, Some(from), Some(until))
        .await
        .unwrap();
    write_rows(&world, 1).await;
    seal(&world).await;
    let mut count = 0;
    while let Some(line) = export.next().await.unwrap() {
        assert!(!line.contains("audit.exported"));
        count += 1;
    }
    assert_eq!(count, 3);
}

/// Whoever reads it in somebody's name needs the permission, and sees one tenant.
pub(super) async fn the_trail_is_read_by_whoever_may(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let administration = world.gk.administration();
    let ada = world.signed_in("ada@example.org").await;
    let plain = world.identity(&ada).await;
    administration
        .grant_role(&world.cx, plain.user_id, "admin")
        .await
        .unwrap();
    let admin = world
        .identity(&world.sign_in("ada@example.org").await)
        .await;
    let bob = world
        .identity(&world.signed_in("bob@example.org").await)
        .await;
    let all = AuditFilter::default();
    let page = PageRequest::first(10);
    let audit = world.gk.audit();
    let read = async |cx: &RequestContext, who| {
        let audit = audit.on_behalf_of(who);
        let listed = audit
            .list(cx, &all, page)
            .await
            .map(|page| page.items.len());
        let verified = audit.verify(cx, None).await.map(|_| ());
        let anchored = audit.anchor(cx).await.map(|_| ());
        let exported = audit.export(cx, None, None).await.map(|_| ());
        let codes = [verified, anchored, exported]
            .map(|answer| answer.err().map(|error| error.code().to_owned()));
        (listed.map_err(|error| error.code().to_owned()), codes)
    };
    let none = || [None, None, None];
    let there = world.trail().await.len().min(10);
    assert_eq!(read(&world.cx, &admin).await, (Ok(there), none()));
    let forbidden = || Some("access.forbidden".to_owned());
    let refused = || {
        (
            Err("access.forbidden".to_owned()),
            [forbidden(), forbidden(), forbidden()],
        )
    };
    let exports = world.count(Event::AuditExported).await;
    assert_eq!(read(&world.cx, &bob).await, refused());
    let other = second_tenant(&world).await;
    assert_eq!(read(&other.cx, &admin).await, refused());
    assert_eq!(world.count(Event::AuditExported).await, exports);
    // The permission is asked for anew before everything leaves.
    administration
        .revoke_role(&world.cx, admin.user_id, "admin")
        .await
        .unwrap();
    assert_eq!(
        code(
            audit
                .on_behalf_of(&admin)
                .export(&world.cx, None, None)
                .await
        ),
        "access.forbidden"
    );
}
