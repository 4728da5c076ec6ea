use std::time::Duration;

use gatekeeper_core::{
    model::{Authority, PageRequest, TokenPurpose, User},
    store::{AuditFilter, SessionRotation, Transaction},
};

use super::{StoreFixture, world::World};
use crate::sample::{self, NOW};

/// A user goes with passwords, identities, second factors, devices, sessions, tokens and roles. The trail, what is to be mailed and what is revoked
/// stay, and so does everybody else.
pub(super) async fn deleting_a_user_takes_what_is_theirs(fx: &StoreFixture) {
    let world = World::build(fx).await;
    let (side, tenant, id) = (&world.ours, world.ours.tenant, world.ours.user.id);
    let neighbour = sample::user(tenant, 40);
    let neighbours = sample::session(&neighbour, 1);
    commit!(fx, t => t.users().insert(&neighbour).await);
    commit!(fx, t => t.sessions().insert(&neighbours).await);
    commit!(fx, t => t.roles().grant(tenant, neighbour.id, &side.role.name, NOW).await);

    assert!(commit!(fx, t => t.users().delete(tenant, id).await));
    assert!(!commit!(fx, t => t.users().delete(tenant, id).await));
    assert_gone(fx, &world, &side.user).await;

    let trail = peek!(fx, t => t
        .audit()
        .list(tenant, &AuditFilter::default(), PageRequest::first(10))
        .await);
    assert_eq!(
        trail.items,
        std::slice::from_ref(&side.event),
        "the trail keeps whom it names"
    );
    for revocation in &side.revocations {
        let revoked = fx
            .repository
            .is_revoked(tenant, &[revocation.target], NOW)
            .await;
        assert!(
            revoked.unwrap(),
            "a token of a deleted account must not come back to life"
        );
    }
    let found = fx
        .repository
        .find_session(tenant, neighbours.id)
        .await
        .unwrap();
    assert_eq!(found, Some(neighbours));
    let authority = peek!(fx, t => t.roles().authority(tenant, neighbour.id, None).await);
    assert_eq!(authority.roles, [side.role.name.as_str()]);
    let role = peek!(fx, t => t.roles().find(tenant, &side.role.name).await);
    assert_eq!(role.as_ref(), Some(&side.role));
}

async fn assert_gone(fx: &StoreFixture, world: &World, user: &User) {
    let (side, tenant, id) = (&world.ours, user.tenant_id, user.id);
    let repository = &fx.repository;
    assert!(repository.find_account(tenant, id).await.unwrap().is_none());
    assert!(
        repository
            .find_session(tenant, side.session.id)
            .await
            .unwrap()
            .is_none()
    );
    let rotation = SessionRotation {
        tenant_id: tenant,
        session_id: side.session.id,
        generation: 0,
        now: NOW,
        idle_lifetime: Duration::from_mins(1),
        ip: None,
    };
    assert!(
        repository
            .rotate_session(&rotation)
            .await
            .unwrap()
            .is_none()
    );
    let mut t = fx.begin().await;
    assert!(t.users().find(tenant, id).await.unwrap().is_none());
    assert!(
        t.credentials()
            .find_password(tenant, id)
            .await
            .unwrap()
            .is_none()
    );
    let (provider, subject) = (&side.identity.provider, &side.identity.subject);
    let identity = t
        .credentials()
        .find_identity(tenant, provider, subject)
        .await
        .unwrap();
    assert!(identity.is_none());
    assert!(
        t.credentials()
            .list_identities(tenant, id)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        t.roles().authority(tenant, id, None).await.unwrap(),
        Authority::default()
    );
    assert_without_factors(&mut *t, user).await;
    let device = t.devices().find(tenant, id, side.device.id).await;
    assert_eq!(device.unwrap(), None);
    let hash = &side.code.hash;
    assert!(!t.mfa().consume_backup_code(tenant, id, hash).await.unwrap());
    let page = PageRequest::first(10);
    assert!(
        t.sessions()
            .list_for_user(tenant, id, NOW, page)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    let token = &side.token;
    let consumed = t
        .tokens()
        .consume(tenant, token.purpose, &token.hash, NOW)
        .await
        .unwrap();
    assert!(consumed.is_none());
    let none = t
        .tokens()
        .revoke_all_for_user(tenant, id, TokenPurpose::ALL, NOW)
        .await
        .unwrap();
    assert_eq!(none, 0);
}

async fn assert_without_factors(t: &mut dyn Transaction, user: &User) {
    let (tenant, id) = (user.tenant_id, user.id);
    let former = t.credentials().former_passwords(tenant, id, 9).await;
    assert_eq!(former.unwrap().len(), 0);
    assert_eq!(t.mfa().list(tenant, id).await.unwrap(), []);
    let codes = t.mfa().list_backup_codes(tenant, id).await.unwrap();
    assert_eq!(codes.len(), 0);
    assert_eq!(t.devices().list(tenant, id, NOW).await.unwrap(), []);
    assert_eq!(t.devices().revoke_all(tenant, id, NOW).await.unwrap(), 0);
}

/// CVE-2026-55670: whoever registers the address of a deleted account gets nothing of it.
pub(super) async fn a_recycled_address_brings_nothing_along(fx: &StoreFixture) {
    let world = World::build(fx).await;
    let (side, tenant) = (&world.ours, world.ours.tenant);
    commit!(fx, t => t.users().delete(tenant, side.user.id).await);
    let heir = User {
        id: sample::user(tenant, 60).id,
        ..side.user.clone()
    };
    commit!(fx, t => t.users().insert(&heir).await);
    assert_gone(fx, &world, &side.user).await;
    let email = heir.email.normalized();
    let account = fx
        .repository
        .find_account_by_email(tenant, email)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(account.user, heir);
    assert!(account.password.is_none());
    assert_eq!(account.authority, Authority::default());
    let mut t = fx.begin().await;
    assert!(
        t.credentials()
            .list_identities(tenant, heir.id)
            .await
            .unwrap()
            .is_empty()
    );
    let page = PageRequest::first(10);
    let sessions = t
        .sessions()
        .list_for_user(tenant, heir.id, NOW, page)
        .await
        .unwrap();
    assert!(sessions.items.is_empty());
    let revived = t
        .tokens()
        .revoke_all_for_user(tenant, heir.id, TokenPurpose::ALL, NOW)
        .await
        .unwrap();
    assert_eq!(revived, 0);
}

/// The same with the very id, which a store would meet after a restored backup: the rows are gone, not hidden.
pub(super) async fn a_recycled_id_brings_nothing_along(fx: &StoreFixture) {
    let world = World::build(fx).await;
    let (side, tenant) = (&world.ours, world.ours.tenant);
    commit!(fx, t => t.users().delete(tenant, side.user.id).await);
    commit!(fx, t => t.users().insert(&side.user).await);
    let account = fx
        .repository
        .find_account(tenant, side.user.id)
        .await
        .unwrap()
        .unwrap();
    assert!(account.password.is_none());
    assert_eq!(account.authority, Authority::default());
    let mut t = fx.begin().await;
    assert_without_factors(&mut *t, &side.user).await;
    drop(t);
    commit!(fx, t => t.users().delete(tenant, side.user.id).await);
    assert_gone(fx, &world, &side.user).await;
}
