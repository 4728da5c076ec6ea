use gatekeeper_core::model::{ApiKey, PageRequest, TenantId, User};

use super::{StoreFixture, concurrency::together};
use crate::sample::{self, NOW, at};

const TENANT: TenantId = TenantId::DEFAULT;

async fn user(fx: &StoreFixture, n: u64) -> User {
    let user = sample::user(TENANT, n);
    commit!(fx, t => t.users().insert(&user).await);
    user
}

async fn find(fx: &StoreFixture, key: &ApiKey) -> Option<ApiKey> {
    peek!(fx, t => t.api_keys().find(TENANT, key.id).await)
}

/// Every field of a key; it comes with its owner, and what the owner may do, and without the password.
pub(super) async fn keys_come_back_whole(fx: &StoreFixture) {
    let user = user(fx, 1).await;
    commit!(fx, t => t.credentials().set_password(&sample::password(&user)).await);
    let admin = sample::role_name("admin");
    commit!(fx, t => t.roles().grant(TENANT, user.id, &admin, NOW).await);
    let bare = ApiKey {
        permissions: vec![],
        ..sample::api_key(&user, 1)
    };
    let full = ApiKey {
        name: " \u{e9} ' %_\\ ".to_owned(),
        permissions: vec![
            "*".to_owned(),
            "a b:\"c\"".to_owned(),
            "article:*".to_owned(),
        ],
        networks: ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1/32"]
            .map(|net| net.parse().unwrap())
            .to_vec(),
        created_by: Some(sample::user(TENANT, 7).id),
        created_at: at(-1),
        expires_at: Some(at(2)),
        last_used_at: Some(at(3)),
        revoked_at: Some(at(4)),
        replaced_by: Some(bare.id),
        ..sample::api_key(&user, 2)
    };
    for key in [&bare, &full] {
        commit!(fx, t => t.api_keys().insert(key).await);
        assert_eq!(find(fx, key).await.as_ref(), Some(key));
        let held = peek!(fx, t => t.api_keys().find_for_update(TENANT, key.id).await);
        assert_eq!(held.as_ref(), Some(key));
        let (found, account) = fx
            .repository
            .find_api_key(TENANT, key.id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((&found, &account.user), (key, &user));
        assert!(account.password.is_none());
        assert_eq!(account.authority.permissions, ["*"]);
    }
    refused!(fx, Id, t => t.api_keys().insert(&bare).await);
    let ownerless = sample::api_key(&sample::user(TENANT, 9), 3);
    refused!(fx, Reference, t => t.api_keys().insert(&ownerless).await);
    let page = PageRequest::first(1);
    let first = peek!(fx, t => t.api_keys().list_for_user(TENANT, user.id, page).await);
    assert_eq!(first.items, [bare]);
    let rest = PageRequest {
        limit: 1,
        after: first.next,
    };
    let rest = peek!(fx, t => t.api_keys().list_for_user(TENANT, user.id, rest).await);
    assert_eq!((rest.items, rest.next), (vec![full.clone()], None));
    commit!(fx, t => t.users().delete(TENANT, user.id).await);
    assert!(
        fx.repository
            .find_api_key(TENANT, full.id)
            .await
            .unwrap()
            .is_none()
    );
}

/// A key is replaced once, and never lives longer for it; a revoked one is not replaced.
pub(super) async fn a_key_is_replaced_once(fx: &StoreFixture) {
    let user = user(fx, 1).await;
    let key = sample::api_key(&user, 1);
    let short = ApiKey {
        expires_at: Some(at(5)),
        ..sample::api_key(&user, 2)
    };
    let dead = ApiKey {
        revoked_at: Some(NOW),
        ..sample::api_key(&user, 3)
    };
    for key in [&key, &short, &dead] {
        commit!(fx, t => t.api_keys().insert(key).await);
    }
    let replaced = together(16, |n| {
        let (repository, key) = (fx.node(n), key.id);
        let by = sample::api_key(&user, 100 + n as u64).id;
        async move {
            let mut t = repository.begin().await.unwrap();
            let replaced = t.api_keys().replace(TENANT, key, by, at(50)).await.unwrap();
            t.commit().await.unwrap();
            replaced
        }
    })
    .await;
    assert_eq!(replaced.iter().filter(|replaced| **replaced).count(), 1);
    assert_eq!(find(fx, &key).await.unwrap().expires_at, Some(at(50)));
    assert!(commit!(fx, t => t.api_keys().replace(TENANT, short.id, key.id, at(50)).await));
    let row = find(fx, &short).await.unwrap();
    assert_eq!(
        (row.expires_at, row.replaced_by),
        (Some(at(5)), Some(key.id))
    );
    assert!(!commit!(fx, t => t.api_keys().replace(TENANT, dead.id, key.id, at(50)).await));
}

/// Of many who revoke a key at once one does; all of a user's go together, and nobody else's.
pub(super) async fn keys_are_revoked_once(fx: &StoreFixture) {
    let (ada, bob) = (user(fx, 1).await, user(fx, 2).await);
    let keys = [1, 2, 3].map(|n| sample::api_key(&ada, n));
    let other = sample::api_key(&bob, 1);
    for key in keys.iter().chain([&other]) {
        commit!(fx, t => t.api_keys().insert(key).await);
    }
    let live = async |user: &User, now| peek!(fx, t => t.api_keys().count_live(TENANT, user.id, now).await);
    assert_eq!(live(&ada, NOW).await, 3);
    let revoked = together(8, |n| {
        let (repository, key) = (fx.node(n), keys[0].id);
        async move {
            let mut t = repository.begin().await.unwrap();
            let revoked = t.api_keys().revoke(TENANT, key, NOW).await.unwrap();
            t.commit().await.unwrap();
            revoked
        }
    })
    .await;
    assert_eq!(revoked.iter().filter(|revoked| **revoked).count(), 1);
    let mut rest = commit!(fx, t => t.api_keys().revoke_all_for_user(TENANT, ada.id, at(5)).await);
    rest.sort();
    assert_eq!(rest, [keys[1].id, keys[2].id]);
    assert_eq!(
        find(fx, &keys[0]).await.unwrap().revoked_at,
        Some(NOW),
        "it stays when it was"
    );
    assert_eq!((live(&ada, NOW).await, live(&bob, NOW).await), (0, 1));
    let expiring = ApiKey {
        expires_at: Some(at(9)),
        ..sample::api_key(&bob, 2)
    };
    commit!(fx, t => t.api_keys().insert(&expiring).await);
    assert_eq!((live(&bob, at(8)).await, live(&bob, at(9)).await), (2, 1));
}

/// A use is noted where the last note is from before, and not otherwise.
pub(super) async fn uses_are_noted_now_and_then(fx: &StoreFixture) {
    let user = user(fx, 1).await;
    let key = sample::api_key(&user, 1);
    commit!(fx, t => t.api_keys().insert(&key).await);
    let touch = async |now, since| {
        fx.repository
            .touch_api_key(TENANT, key.id, at(now), at(since))
            .await
            .unwrap()
    };
    assert!(touch(10, -50).await);
    assert!(!touch(20, 10).await, "not from before");
    assert_eq!(find(fx, &key).await.unwrap().last_used_at, Some(at(10)));
    assert!(touch(71, 11).await);
    assert_eq!(find(fx, &key).await.unwrap().last_used_at, Some(at(71)));
    let foreign = sample::tenant(9).id;
    assert!(
        !fx.repository
            .touch_api_key(foreign, key.id, at(999), at(998))
            .await
            .unwrap()
    );
}

/// A purge takes what has been dead for long, a part at a time.
pub(super) async fn purging_keys_is_bounded(fx: &StoreFixture) {
    let user = user(fx, 1).await;
    let [revoked, expired, later, live] = [1, 2, 3, 4].map(|n| sample::api_key(&user, n));
    for key in [
        &ApiKey {
            revoked_at: Some(at(10)),
            ..revoked
        },
        &ApiKey {
            expires_at: Some(at(10)),
            ..expired
        },
        &ApiKey {
            expires_at: Some(at(20)),
            ..later
        },
        &live,
    ] {
        commit!(fx, t => t.api_keys().insert(key).await);
    }
    let purge =
        async |before, limit| commit!(fx, t => t.api_keys().purge_expired(before, limit).await);
    assert_eq!(purge(at(10), 100).await, 0, "strictly before");
    assert_eq!(purge(at(11), 1).await, 1);
    assert_eq!(purge(at(11), 100).await, 1);
    assert_eq!(purge(at(21), 100).await, 1);
    assert_eq!(purge(at(99_999), 100).await, 0);
    assert_eq!(find(fx, &live).await, Some(live));
}
