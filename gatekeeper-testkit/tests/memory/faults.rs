use std::{collections::BTreeSet, sync::Arc, time::Duration};

use gatekeeper_core::{
    model::{TenantId, UserId},
    store::{Repository, StoreError, StoreErrorKind, memory::MemoryRepository},
};
use gatekeeper_testkit::{
    faults::{Fault, FaultyRepository, every_call},
    sample,
};

fn store() -> Arc<dyn Repository> {
    Arc::new(MemoryRepository::new())
}

fn wrapped() -> (Arc<dyn Repository>, FaultyRepository) {
    let store = store();
    (Arc::clone(&store), FaultyRepository::wrap(store))
}

/// Four calls: begin, two inserts, commit.
async fn two_users(repository: &dyn Repository) -> Result<(), StoreError> {
    let mut transaction = repository.begin().await?;
    for n in 1..=2 {
        let user = sample::user(TenantId::DEFAULT, n);
        transaction.users().insert(&user).await?;
    }
    transaction.commit().await
}

/// Which of the two are there.
async fn users(repository: &dyn Repository) -> Vec<UserId> {
    let mut found = Vec::new();
    for n in 1..=2 {
        let id = sample::user(TenantId::DEFAULT, n).id;
        let account = repository.find_account(TenantId::DEFAULT, id).await;
        assert!(account.is_ok(), "{account:?}");
        found.extend(account.ok().flatten().map(|account| account.user.id));
    }
    found
}

#[tokio::test]
async fn every_call_is_counted() {
    let (_, faulty) = wrapped();
    assert_eq!(faulty.calls(), 0);
    two_users(&faulty).await.unwrap();
    assert_eq!(faulty.calls(), 4);
    users(&faulty).await;
    faulty.ping().await.unwrap();
    assert_eq!(faulty.calls(), 7);
    faulty.reset();
    assert_eq!(faulty.calls(), 0);
}

#[tokio::test]
async fn a_fault_happens_once_at_its_call() {
    for call in 1..=4 {
        for &fault in Fault::FAILURES {
            let (store, faulty) = wrapped();
            faulty.arm(call, fault);
            let error = two_users(&faulty).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
            assert_eq!(faulty.calls(), call, "{fault:?}");
            assert!(faulty.fired());
            // A commit whose answer was lost is the one case in which a failure has done something.
            let written = if (call, fault) == (4, Fault::FailAfter) {
                2
            } else {
                0
            };
            assert_eq!(users(&*store).await.len(), written, "{fault:?} at {call}");
        }
    }
}

#[tokio::test]
async fn nothing_goes_wrong_unless_it_is_armed() {
    let (store, faulty) = wrapped();
    faulty.arm(2, Fault::Cut);
    faulty.disarm();
    two_users(&faulty).await.unwrap();
    assert!(!faulty.fired());
    assert_eq!(users(&*store).await.len(), 2);
    faulty.arm(5, Fault::Fail);
    assert_eq!(users(&faulty).await.len(), 2);
    assert!(!faulty.fired());
}

/// A refused call leaves its transaction alive; a dead connection takes it along.
#[tokio::test]
async fn a_cut_is_for_the_whole_transaction() {
    let ada = sample::user(TenantId::DEFAULT, 1);
    let bob = sample::user(TenantId::DEFAULT, 2);
    for (fault, survives) in [
        (Fault::Fail, true),
        (Fault::Cut, false),
        (Fault::FailAfter, false),
    ] {
        let (store, faulty) = wrapped();
        faulty.arm(2, fault);
        let mut transaction = faulty.begin().await.unwrap();
        assert!(transaction.users().insert(&ada).await.is_err());
        assert_eq!(transaction.users().insert(&bob).await.is_ok(), survives);
        assert_eq!(transaction.commit().await.is_ok(), survives);
        let expected = if survives { vec![bob.id] } else { vec![] };
        assert_eq!(users(&*store).await, expected, "{fault:?}");
        assert_eq!(faulty.calls(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_delays_and_works() {
    let (store, faulty) = wrapped();
    let begun = tokio::time::Instant::now();
    faulty.arm(3, Fault::Delay(Duration::from_secs(7)));
    two_users(&faulty).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(7));
    assert_eq!(users(&*store).await.len(), 2);
}

/// A single statement whose answer is lost has happened.
#[tokio::test]
async fn a_rotation_may_have_happened() {
    let user = sample::user(TenantId::DEFAULT, 1);
    let session = sample::session(&user, 1);
    let rotation = gatekeeper_core::store::SessionRotation {
        tenant_id: session.tenant_id,
        session_id: session.id,
        generation: 0,
        now: sample::NOW,
        idle_lifetime: Duration::from_mins(1),
        ip: None,
    };
    for (fault, generation) in [(Fault::Fail, 0), (Fault::Cut, 0), (Fault::FailAfter, 1)] {
        let (store, faulty) = wrapped();
        let mut transaction = store.begin().await.unwrap();
        transaction.users().insert(&user).await.unwrap();
        transaction.sessions().insert(&session).await.unwrap();
        transaction.commit().await.unwrap();
        faulty.arm(1, fault);
        assert!(faulty.rotate_session(&rotation).await.is_err());
        let found = store.find_session(session.tenant_id, session.id).await;
        assert_eq!(found.unwrap().unwrap().generation, generation);
    }
}

#[tokio::test]
async fn the_driver_tries_every_call_with_every_fault() {
    let seen = std::cell::RefCell::new(Vec::new());
    let calls = every_call(
        Fault::FAILURES,
        async || store(),
        async |repository| repository,
        async |repository| two_users(&**repository).await,
        async |trial| {
            let written = users(&*trial.store).await.len();
            match trial.fault {
                None | Some((4, Fault::FailAfter)) => assert_eq!(written, 2),
                Some(_) => assert_eq!(written, 0),
            }
            assert_eq!(trial.outcome.is_err(), trial.fault.is_some());
            // What was prepared goes on, on a store that works.
            if written == 0 {
                two_users(&*trial.world).await.unwrap();
                assert_eq!(users(&*trial.store).await.len(), 2);
            }
            seen.borrow_mut().push(trial.fault);
        },
    )
    .await;
    assert_eq!(calls, 4);
    let seen = seen.into_inner();
    assert_eq!(seen.len(), 1 + 4 * 3);
    let distinct: BTreeSet<_> = seen.iter().map(|fault| format!("{fault:?}")).collect();
    assert_eq!(distinct.len(), seen.len());
}

/// What is prepared is not counted.
#[tokio::test]
async fn the_driver_counts_the_flow_alone() {
    let calls = every_call(
        &[Fault::Fail],
        async || store(),
        async |repository| {
            two_users(&*repository).await.unwrap();
            repository
        },
        async |repository| repository.ping().await,
        async |trial| assert_eq!(users(&*trial.store).await.len(), 2),
    )
    .await;
    assert_eq!(calls, 1);
}

#[tokio::test]
#[should_panic(expected = "does not ask its store")]
async fn the_driver_refuses_a_flow_without_calls() {
    every_call(
        Fault::FAILURES,
        async || store(),
        async |_| (),
        async |()| (),
        async |_| (),
    )
    .await;
}
