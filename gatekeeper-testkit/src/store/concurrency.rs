use std::{future::Future, sync::Arc, time::Duration};

use gatekeeper_core::{model::TenantId, store::Repository};
use serde_json::json;
use tokio::{sync::Barrier, task::JoinSet};

use super::StoreFixture;
use crate::sample::{self, NOW};

/// Runs `count` tasks that all begin at the same moment, and gives their answers in any order.
pub(crate) async fn together<T, F>(count: usize, task: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(count));
    let mut tasks = JoinSet::new();
    for n in 0..count {
        let (barrier, task) = (Arc::clone(&barrier), task(n));
        tasks.spawn(async move {
            barrier.wait().await;
            task.await
        });
    }
    tasks.join_all().await
}

/// Gives others the time to do harm, where the store lets them.
async fn linger() {
    tokio::time::sleep(Duration::from_millis(3)).await;
}

/// Rule 5: of read-modify-write transactions on one user none loses another's change.
pub(super) async fn users_held_for_update_lose_no_change(fx: &StoreFixture) {
    const TASKS: usize = 8;
    let mut user = sample::user(TenantId::DEFAULT, 1);
    user.metadata.insert("count".to_owned(), json!(0));
    commit!(fx, t => t.users().insert(&user).await);
    together(TASKS, |n| increment(fx.node(n), user.id)).await;
    let found = peek!(fx, t => t.users().find(user.tenant_id, user.id).await).unwrap();
    assert_eq!(found.metadata["count"], json!(TASKS));
}

async fn increment(repository: Arc<dyn Repository>, user: gatekeeper_core::model::UserId) {
    let mut t = repository.begin().await.unwrap();
    let mut user = t
        .users()
        .find_for_update(TenantId::DEFAULT, user)
        .await
        .unwrap()
        .unwrap();
    let count = user.metadata["count"].as_u64().unwrap();
    linger().await;
    user.metadata.insert("count".to_owned(), json!(count + 1));
    assert!(t.users().update(&user).await.unwrap());
    t.commit().await.unwrap();
}

/// Rule 5 for sessions: who holds one sees what the one before did.
pub(super) async fn sessions_held_for_update_are_ended_once(fx: &StoreFixture) {
    let user = sample::user(TenantId::DEFAULT, 1);
    let session = sample::session(&user, 1);
    commit!(fx, t => t.users().insert(&user).await);
    commit!(fx, t => t.sessions().insert(&session).await);
    let ended = together(8, |n| {
        let (repository, session) = (fx.node(n), session.clone());
        async move {
            let mut t = repository.begin().await.unwrap();
            let found = t
                .sessions()
                .find_for_update(session.tenant_id, session.id)
                .await
                .unwrap()
                .unwrap();
            linger().await;
            let open = found.ended_at.is_none();
            if open {
                let reason = gatekeeper_core::model::SessionEnd::Reuse;
                let ended = t
                    .sessions()
                    .end(session.tenant_id, session.id, reason, NOW)
                    .await
                    .unwrap();
                assert!(ended, "it was open when it was read, and held since");
            }
            t.commit().await.unwrap();
            open
        }
    })
    .await;
    assert_eq!(ended.iter().filter(|ended| **ended).count(), 1);
}

/// Of nodes that start on an empty store at once one makes a key.
pub(super) async fn signing_keys_are_made_by_one_node(fx: &StoreFixture) {
    together(8, |n| {
        let repository = fx.node(n);
        async move {
            let mut t = repository.begin().await.unwrap();
            if t.signing_keys().list_for_update().await.unwrap().is_empty() {
                linger().await;
                let key = sample::signing_key(n as u64);
                t.signing_keys().insert(&key).await.unwrap();
            }
            t.commit().await.unwrap();
        }
    })
    .await;
    let keys = peek!(fx, t => t.signing_keys().list().await);
    assert_eq!(keys.len(), 1);
}

/// Of concurrent sign-ups with one address one succeeds, and the others are told why not.
pub(super) async fn one_address_is_registered_once(fx: &StoreFixture) {
    let inserted = together(8, |n| {
        let repository = fx.node(n);
        async move {
            let mut user = sample::user(TenantId::DEFAULT, n as u64);
            user.email = sample::email("ada@example.org");
            let mut t = repository.begin().await.unwrap();
            match t.users().insert(&user).await {
                Ok(()) => {
                    linger().await;
                    t.commit().await.unwrap();
                    true
                }
                Err(error) => {
                    use gatekeeper_core::store::Constraint;
                    assert!(error.is_conflict(Constraint::UserEmail), "{error:?}");
                    false
                }
            }
        }
    })
    .await;
    assert_eq!(inserted.iter().filter(|inserted| **inserted).count(), 1);
}

/// A role given to one user by many at once is given once.
pub(super) async fn one_role_is_granted_once(fx: &StoreFixture) {
    let user = sample::user(TenantId::DEFAULT, 1);
    commit!(fx, t => t.users().insert(&user).await);
    let granted = together(8, |n| {
        let (repository, user) = (fx.node(n), user.clone());
        async move {
            let admin = sample::role_name("admin");
            let mut t = repository.begin().await.unwrap();
            let granted = t
                .roles()
                .grant(user.tenant_id, user.id, &admin, NOW)
                .await
                .unwrap();
            t.commit().await.unwrap();
            granted
        }
    })
    .await;
    assert_eq!(granted.iter().filter(|granted| **granted).count(), 1);
}
