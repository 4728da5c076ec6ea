use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    CleanupRun, Config, Gatekeeper, Removed,
    crypto::SecretKey,
    env::Clock,
    lockout::{Lock, LockoutKey, LockoutState},
    model::{
        AuditEvent, Device, OneTimeToken, OutboxEntry, OutboxState, Revocation, RevocationTarget,
        Session, SessionEnd, TenantId, Timestamp, TokenPurpose, User,
    },
    store::Repository,
    testing::SeededRandom,
};

use super::world::World;
use crate::{
    faults::{Fault, FaultyRepository},
    sample,
    store::{StoreFixture, together},
};

const TENANT: TenantId = TenantId::DEFAULT;
const DAY: Duration = Duration::from_hours(24);
const TICK: Duration = Duration::from_micros(1);
/// As long as the lease of a node that died holds the others off.
const LEASE: Duration = Duration::from_mins(2);

fn keep_two_days(config: &mut Config) {
    let keep = &mut config.retention;
    keep.sessions = 2 * DAY;
    keep.tokens = 2 * DAY;
    keep.delivered_mails = 2 * DAY;
    keep.devices = 2 * DAY;
    keep.lockouts = 2 * DAY;
    keep.audit = Some(2 * DAY);
}

async fn add_user(world: &World) -> User {
    let user = sample::user(TENANT, 1);
    let mut tx = world.repository.begin().await.unwrap();
    tx.users().insert(&user).await.unwrap();
    tx.commit().await.unwrap();
    user
}

/// A row of everything that is over at `end`, numbered `n`.
async fn add_one_of_each(world: &World, user: &User, n: u64, end: Timestamp) {
    let far = end.after(1_000 * DAY);
    let session = Session {
        ended_at: Some(end),
        end_reason: Some(SessionEnd::SignedOut),
        idle_expires_at: far,
        absolute_expires_at: far,
        ..sample::session(user, n)
    };
    let token = OneTimeToken {
        expires_at: end,
        ..sample::token(user, TokenPurpose::PasswordReset, n)
    };
    let device = Device {
        expires_at: end,
        ..sample::device(user, n)
    };
    let revocation = Revocation {
        expires_at: end.after(2 * DAY),
        ..sample::revocation(TENANT, RevocationTarget::Token(sample::token_id(n)))
    };
    let mail = OutboxEntry {
        state: OutboxState::Delivered,
        finished_at: Some(end),
        ..sample::mail(TENANT, n)
    };
    let event = AuditEvent {
        at: end,
        ..sample::event(TENANT, n)
    };
    let mut tx = world.repository.begin().await.unwrap();
    tx.sessions().insert(&session).await.unwrap();
    tx.tokens().insert(&token).await.unwrap();
    tx.devices().put(&device).await.unwrap();
    tx.revocations().insert(&revocation).await.unwrap();
    tx.outbox().enqueue(&mail).await.unwrap();
    tx.audit().append(&event).await.unwrap();
    tx.commit().await.unwrap();
    count(world, sample::lockout_key(n), None, end).await;
}

async fn count(world: &World, key: LockoutKey, lock: Option<Lock>, at: Timestamp) {
    let state = LockoutState { failures: 1, lock };
    let mut tx = world.repository.begin().await.unwrap();
    tx.lockouts().hold(&key, at).await.unwrap();
    tx.lockouts().set(&key, &state, at).await.unwrap();
    tx.commit().await.unwrap();
}

/// So many tokens that are over for long.
async fn add_old_tokens(world: &World, count: u64) -> User {
    let user = add_user(world).await;
    let mut tx = world.repository.begin().await.unwrap();
    for n in 0..count {
        let token = OneTimeToken {
            expires_at: world.clock.now().before(30 * DAY),
            ..sample::token(&user, TokenPurpose::PasswordReset, n)
        };
        tx.tokens().insert(&token).await.unwrap();
    }
    tx.commit().await.unwrap();
    user
}

async fn run(world: &World) -> CleanupRun {
    world.gk.cleanup().run_once().await.unwrap()
}

async fn removed(world: &World) -> Removed {
    match run(world).await {
        CleanupRun::Done(removed) => removed,
        other => panic!("{other:?}"),
    }
}

/// What is over goes when it was kept long enough, to the microsecond, and nothing younger goes with it.
pub(super) async fn what_is_over_goes_at_the_exact_instant(fixture: StoreFixture) {
    let world = World::configured(fixture, keep_two_days).await;
    let user = add_user(&world).await;
    let end = world.clock.now().after(DAY);
    add_one_of_each(&world, &user, 1, end).await;
    add_one_of_each(&world, &user, 2, end.after(2 * TICK)).await;
    world.advance((3 * DAY).checked_sub(TICK).unwrap());
    assert_eq!(removed(&world).await.total(), 0);
    world.advance(TICK);
    let at_its_end = removed(&world).await;
    assert_eq!((at_its_end.revocations, at_its_end.total()), (1, 1));
    world.advance(TICK);
    let mut rest = removed(&world).await;
    assert_eq!(rest.total(), 6, "{rest:?}");
    assert_eq!((rest.sessions, rest.tokens, rest.devices), (1, 1, 1));
    assert_eq!((rest.lockouts, rest.mails, rest.audit_events), (1, 1, 1));
    assert_eq!(removed(&world).await.total(), 0);
    world.advance(2 * TICK);
    rest = removed(&world).await;
    assert_eq!(rest.total(), 7, "{rest:?}");
}

/// Counters locked for good, dead and waiting mails, live sessions and users are never removed; nor is the trail where it is
/// kept for ever.
pub(super) async fn what_is_not_over_stays(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| {
        keep_two_days(config);
        config.retention.audit = None;
    })
    .await;
    let user = add_user(&world).await;
    let now = world.clock.now();
    let (good, long) = (sample::lockout_key(1), sample::lockout_key(2));
    count(&world, good, Some(Lock::ForGood), now).await;
    let until = now.after(10_000 * DAY);
    count(
        &world,
        long,
        Some(Lock::Until(until)),
        now.after(9_999 * DAY),
    )
    .await;
    let session = Session {
        idle_expires_at: until,
        absolute_expires_at: until,
        ..sample::session(&user, 1)
    };
    let mut tx = world.repository.begin().await.unwrap();
    tx.sessions().insert(&session).await.unwrap();
    for (n, state) in [(1, OutboxState::Dead), (2, OutboxState::Pending)] {
        let mail = OutboxEntry {
            state,
            finished_at: (state == OutboxState::Dead).then_some(now),
            ..sample::mail(TENANT, n)
        };
        tx.outbox().enqueue(&mail).await.unwrap();
    }
    tx.audit().append(&sample::event(TENANT, 1)).await.unwrap();
    tx.commit().await.unwrap();
    world.advance(9_999 * DAY);
    assert_eq!(removed(&world).await.total(), 0);
    let state = world.repository.lockout_state(&good).await.unwrap();
    assert_eq!(state.lock, Some(Lock::ForGood));
    assert_eq!(world.trail().await.len(), 1);
}

/// Each batch is a transaction of its own: what was removed before a failure stays removed. The node that failed is
/// succeeded when its lease has run out, and not before.
pub(super) async fn a_node_that_died_is_succeeded(fixture: StoreFixture) {
    let faulty = FaultyRepository::wrap(Arc::clone(&fixture.repository));
    let wrapped = faulty.clone();
    let world = World::built(
        fixture,
        |config| {
            keep_two_days(config);
            config.retention.batch = 3;
        },
        |builder| builder.shared_repository(Arc::new(wrapped)),
    )
    .await;
    add_old_tokens(&world, 10).await;
    // Begin, lease, removal, commit: once for API keys, invitations and sessions, twice for tokens; then the third begin.
    faulty.arm(21, Fault::Cut);
    assert!(world.gk.cleanup().run_once().await.is_err());
    assert!(faulty.fired());
    let successor = world.another_node(Arc::clone(&world.repository)).await;
    world.advance(LEASE.checked_sub(TICK).unwrap());
    assert_eq!(
        run(&successor).await,
        CleanupRun::Elsewhere(Removed::default())
    );
    world.advance(TICK);
    assert_eq!(removed(&successor).await.tokens, 4);
    // The lease was given back.
    assert_eq!(removed(&world).await.total(), 0);
}

/// While one node has the lease another removes nothing; of nodes that begin at once none removes what another did.
pub(super) async fn one_node_at_a_time_cleans_up(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| config.retention.batch = 4).await;
    add_old_tokens(&world, 50).await;
    let now = world.clock.now();
    let mut tx = world.repository.begin().await.unwrap();
    let leases = tx.leases();
    assert!(
        leases
            .acquire("cleanup", "another", now, now.after(LEASE))
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    for _ in 0..2 {
        assert_eq!(run(&world).await, CleanupRun::Elsewhere(Removed::default()));
    }
    let mut tx = world.repository.begin().await.unwrap();
    tx.leases().release("cleanup", "another").await.unwrap();
    tx.commit().await.unwrap();

    let runs = together(6, |_| {
        let world = world.clone();
        async move { run(&world).await }
    })
    .await;
    let mut tokens = 0;
    for run in runs {
        tokens += match run {
            CleanupRun::Done(removed) => removed.tokens,
            // Who has lost the race has removed nothing.
            CleanupRun::Elsewhere(removed) => {
                assert_eq!(removed, Removed::default());
                0
            }
            CleanupRun::Stopped(_) => panic!("nobody stopped it"),
        };
    }
    assert_eq!(tokens, 50);
    assert_eq!(removed(&world).await.total(), 0);
}

/// Once it is to end it begins no batch more, and the lease is free for others.
pub(super) async fn cleaning_up_ends_with_the_service(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    add_old_tokens(&world, 3).await;
    let other = world.another_node(Arc::clone(&world.repository)).await;
    world.gk.shutdown().await;
    assert_eq!(run(&world).await, CleanupRun::Stopped(Removed::default()));
    assert_eq!(removed(&other).await.tokens, 3);
}

/// The worker does it by itself.
pub(super) async fn a_worker_cleans_up(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let user = add_old_tokens(&world, 3).await;
    let (mut config, repository) = (super::world::config(), Arc::clone(&world.repository));
    config.retention.every = Some(Duration::from_secs(1));
    let service = Gatekeeper::builder()
        .shared_repository(Arc::clone(&repository))
        .secret(SecretKey::generate(&SeededRandom::new(7)))
        .public_url("https://auth.example.org")
        .config(config)
        .clock(world.clock.clone())
        .build()
        .await
        .unwrap();
    for _ in 0..600 {
        if are_gone(&*repository, &user).await {
            service.shutdown().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nothing was removed");
}

async fn are_gone(repository: &dyn Repository, user: &User) -> bool {
    let mut tx = repository.begin().await.unwrap();
    let purposes = [TokenPurpose::PasswordReset];
    // Dropped again: what is counted stays as it is.
    let unused = tx
        .tokens()
        .revoke_all_for_user(TENANT, user.id, &purposes, sample::NOW)
        .await
        .unwrap();
    unused == 0
}
