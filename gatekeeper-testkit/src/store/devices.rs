use std::time::Duration;

use gatekeeper_core::model::{Device, TenantId, Timestamp, User};

use super::StoreFixture;
use crate::sample::{self, at};

const TICK: Duration = Duration::from_micros(1);

async fn with_user(fx: &StoreFixture) -> User {
    let user = sample::user(TenantId::DEFAULT, 1);
    commit!(fx, t => t.users().insert(&user).await);
    user
}

async fn found(fx: &StoreFixture, device: &Device) -> Option<Device> {
    let (tenant, user, id) = (device.tenant_id, device.user_id, device.id);
    peek!(fx, t => t.devices().find(tenant, user, id).await)
}

async fn listed(fx: &StoreFixture, user: &User, now: Timestamp) -> Vec<Device> {
    peek!(fx, t => t.devices().list(user.tenant_id, user.id, now).await)
}

/// Every field of a device, inserted and written again.
pub(super) async fn a_device_comes_back_whole(fx: &StoreFixture) {
    let user = with_user(fx).await;
    for (n, user_agent) in [
        (1, None),
        (2, Some(String::new())),
        (
            3,
            Some(" \u{e9} \u{1f469}\u{200d}\u{1f680} ' \" \\ \r\n ".to_owned()),
        ),
    ] {
        let device = Device {
            user_agent: user_agent.clone(),
            created_at: at(1).after(TICK),
            last_seen_at: at(2).after(TICK),
            expires_at: at(3).after(TICK),
            trusted_until: Some(at(4).after(TICK)),
            revoked_at: Some(at(5).after(TICK)),
            ..sample::device(&user, n)
        };
        commit!(fx, t => t.devices().put(&device).await);
        assert_eq!(found(fx, &device).await.as_ref(), Some(&device));
        let again = Device {
            user_agent: Some("another".to_owned()),
            created_at: at(6),
            last_seen_at: at(7),
            expires_at: at(8),
            trusted_until: None,
            revoked_at: None,
            ..device
        };
        commit!(fx, t => t.devices().put(&again).await);
        assert_eq!(found(fx, &again).await.as_ref(), Some(&again));
    }
    let orphan = sample::device(&sample::user(TenantId::DEFAULT, 9), 1);
    refused!(fx, Reference, t => t.devices().put(&orphan).await);
}

/// Listed are a user's own that are known at the instant, newest first, at most a hundred.
pub(super) async fn listed_devices_are_known(fx: &StoreFixture) {
    let user = with_user(fx).await;
    let neighbour = sample::user(TenantId::DEFAULT, 2);
    commit!(fx, t => t.users().insert(&neighbour).await);
    commit!(fx, t => t.devices().put(&sample::device(&neighbour, 1)).await);
    let mut devices: Vec<_> = (0..5).map(|n| sample::device(&user, n)).collect();
    for (device, seconds) in devices.iter_mut().zip([3, 1, 5, 3, 4]) {
        device.created_at = at(seconds);
    }
    devices[1].expires_at = at(50);
    devices[2].revoked_at = Some(at(9));
    for device in &devices {
        commit!(fx, t => t.devices().put(device).await);
    }
    let mut expected = vec![devices[4].clone(), devices[3].clone(), devices[0].clone()];
    expected.sort_by_key(|device| std::cmp::Reverse((device.created_at, device.id)));
    assert_eq!(listed(fx, &user, at(50)).await, expected);
    expected.push(devices[1].clone());
    assert_eq!(listed(fx, &user, at(50).before(TICK)).await, expected);
    let mut t = fx.begin().await;
    for n in 10..120 {
        t.devices().put(&sample::device(&user, n)).await.unwrap();
    }
    t.commit().await.unwrap();
    assert_eq!(listed(fx, &user, at(60)).await.len(), 100);
}

/// Revoking happens once and says when; trust can be taken alone; both can be done for all of a user's, and for those alone.
pub(super) async fn devices_are_revoked_and_distrusted(fx: &StoreFixture) {
    let user = with_user(fx).await;
    let neighbour = sample::user(TenantId::DEFAULT, 2);
    commit!(fx, t => t.users().insert(&neighbour).await);
    let (tenant, id) = (user.tenant_id, user.id);
    let trusted = |user, n| Device {
        trusted_until: Some(at(100)),
        ..sample::device(user, n)
    };
    let theirs = trusted(&neighbour, 1);
    let mut devices = vec![
        trusted(&user, 1),
        sample::device(&user, 2),
        trusted(&user, 3),
    ];
    for device in devices.iter().chain([&theirs]) {
        commit!(fx, t => t.devices().put(device).await);
    }
    let of = devices[0].id;
    assert!(!commit!(fx, t => t.devices().revoke(tenant, neighbour.id, of, at(5)).await));
    assert!(commit!(fx, t => t.devices().revoke(tenant, id, of, at(5)).await));
    assert!(!commit!(fx, t => t.devices().revoke(tenant, id, of, at(6)).await));
    devices[0].revoked_at = Some(at(5));
    assert_eq!(found(fx, &devices[0]).await.as_ref(), Some(&devices[0]));

    assert_eq!(
        commit!(fx, t => t.devices().distrust_all(tenant, id).await),
        2
    );
    assert_eq!(
        commit!(fx, t => t.devices().distrust_all(tenant, id).await),
        0
    );
    for device in &mut devices {
        device.trusted_until = None;
        assert_eq!(found(fx, device).await.as_ref(), Some(&*device));
    }
    assert_eq!(
        commit!(fx, t => t.devices().revoke_all(tenant, id, at(7)).await),
        2
    );
    assert_eq!(
        commit!(fx, t => t.devices().revoke_all(tenant, id, at(8)).await),
        0
    );
    assert_eq!(listed(fx, &user, at(9)).await, []);
    assert_eq!(
        found(fx, &devices[1]).await.unwrap().revoked_at,
        Some(at(7))
    );
    assert_eq!(found(fx, &theirs).await.as_ref(), Some(&theirs));
}

/// A purge takes what expired or was revoked before the time given, no more than it was told, and nothing else.
pub(super) async fn purging_devices_is_bounded(fx: &StoreFixture) {
    let user = with_user(fx).await;
    let mut devices: Vec<_> = (0..6).map(|n| sample::device(&user, n)).collect();
    devices[0].revoked_at = Some(at(10));
    devices[1].expires_at = at(20);
    for device in &mut devices[2..5] {
        device.expires_at = at(30);
    }
    for device in &devices {
        commit!(fx, t => t.devices().put(device).await);
    }
    let purge =
        async |before, limit| commit!(fx, t => t.devices().purge_expired(before, limit).await);
    assert_eq!(purge(at(10), 100).await, 0, "strictly before");
    assert_eq!(purge(at(10).after(TICK), 100).await, 1, "the revoked one");
    assert_eq!(purge(at(20), 100).await, 0, "strictly before");
    assert_eq!(purge(at(20).after(TICK), 100).await, 1, "the expired one");
    assert_eq!(purge(at(31), 2).await, 2);
    assert_eq!(purge(at(31), 2).await, 1);
    assert_eq!(purge(at(31), 2).await, 0);
    assert_eq!(found(fx, &devices[5]).await.as_ref(), Some(&devices[5]));
}
