use std::time::Duration;

use gatekeeper_core::{
    model::{OutboxState, PageRequest, SecretString, SessionEnd, TokenPurpose},
    store::{AuditFilter, SessionRotation, Transaction, UserFilter},
};

use super::{
    StoreFixture,
    world::{Side, World},
};
use crate::sample::{self, NOW, at};

const ALL: u32 = 100;

/// Rule 2, for the reads and the rotation of the repository: another tenant's ids find nothing.
pub(super) async fn single_statements_keep_to_their_tenant(fx: &StoreFixture) {
    let world = World::build(fx).await;
    for (us, them) in [(&world.ours, &world.theirs), (&world.theirs, &world.ours)] {
        let repository = &fx.repository;
        let before = world.snapshot(fx).await;
        let (tenant, email) = (us.tenant, them.user.email.normalized());
        assert!(
            repository
                .find_account_by_email(tenant, email)
                .await
                .unwrap()
                .is_none()
        );
        assert!(
            repository
                .find_account(tenant, them.user.id)
                .await
                .unwrap()
                .is_none()
        );
        assert!(
            repository
                .find_session(tenant, them.session.id)
                .await
                .unwrap()
                .is_none()
        );
        let rotation = SessionRotation {
            tenant_id: tenant,
            session_id: them.session.id,
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
        for revocation in &them.revocations {
            let target = [revocation.target];
            assert!(!repository.is_revoked(tenant, &target, NOW).await.unwrap());
            assert!(
                repository
                    .is_revoked(them.tenant, &target, NOW)
                    .await
                    .unwrap()
            );
        }
        assert_eq!(world.snapshot(fx).await, before);
    }
}

/// Rule 2, for what a transaction reads of users and their proofs.
pub(super) async fn reads_of_accounts_keep_to_their_tenant(fx: &StoreFixture) {
    let world = World::build(fx).await;
    for (us, them) in [(&world.ours, &world.theirs), (&world.theirs, &world.ours)] {
        let (tenant, id, page) = (us.tenant, them.user.id, PageRequest::first(ALL));
        let mut t = fx.begin().await;
        assert!(t.users().find(tenant, id).await.unwrap().is_none());
        assert!(
            t.users()
                .find_for_update(tenant, id)
                .await
                .unwrap()
                .is_none()
        );
        let former = t.credentials().former_passwords(tenant, id, 9).await;
        assert_eq!(former.unwrap().len(), 0);
        assert_eq!(t.mfa().list(tenant, id).await.unwrap(), []);
        let codes = t.mfa().list_backup_codes(tenant, id).await.unwrap();
        assert_eq!(codes.len(), 0);
        let device = them.device.id;
        let found = t.devices().find(tenant, id, device).await.unwrap();
        assert_eq!(found, None);
        assert_eq!(t.devices().list(tenant, id, NOW).await.unwrap(), []);
        let email = them.user.email.normalized();
        assert!(
            t.users()
                .find_by_email(tenant, email)
                .await
                .unwrap()
                .is_none()
        );
        let users = t
            .users()
            .list(tenant, &UserFilter::default(), page)
            .await
            .unwrap();
        assert_eq!(users.items, std::slice::from_ref(&us.user));
        let by_role = UserFilter {
            role: Some(them.role.name.as_str().to_owned()),
            ..UserFilter::default()
        };
        assert!(
            t.users()
                .list(tenant, &by_role, page)
                .await
                .unwrap()
                .items
                .is_empty()
        );

        assert!(
            t.credentials()
                .find_password(tenant, id)
                .await
                .unwrap()
                .is_none()
        );
        let (provider, subject) = (&them.identity.provider, &them.identity.subject);
        let found = t
            .credentials()
            .find_identity(tenant, provider, subject)
            .await
            .unwrap();
        assert!(found.is_none());
        assert!(
            t.credentials()
                .list_identities(tenant, id)
                .await
                .unwrap()
                .is_empty()
        );
    }
}

/// Rule 2, for everything else that a transaction reads.
pub(super) async fn reads_keep_to_their_tenant(fx: &StoreFixture) {
    let world = World::build(fx).await;
    for (us, them) in [(&world.ours, &world.theirs), (&world.theirs, &world.ours)] {
        let (tenant, id, page) = (us.tenant, them.user.id, PageRequest::first(ALL));
        let mut t = fx.begin().await;
        let trail = t
            .audit()
            .list(tenant, &AuditFilter::default(), page)
            .await
            .unwrap();
        assert_eq!(trail.items, std::slice::from_ref(&us.event));
        for filter in [
            AuditFilter {
                actor: Some(id),
                ..AuditFilter::default()
            },
            AuditFilter {
                target: Some(id),
                ..AuditFilter::default()
            },
        ] {
            assert!(
                t.audit()
                    .list(tenant, &filter, page)
                    .await
                    .unwrap()
                    .items
                    .is_empty()
            );
        }
        let dead = t
            .outbox()
            .list(tenant, OutboxState::Dead, page)
            .await
            .unwrap()
            .items;
        assert_eq!(
            dead.iter().map(|entry| entry.id).collect::<Vec<_>>(),
            [us.dead.id]
        );

        assert!(
            t.roles()
                .find(tenant, &them.role.name)
                .await
                .unwrap()
                .is_none()
        );
        assert!(!t.roles().list(tenant).await.unwrap().contains(&them.role));
        let authority = t.roles().authority(tenant, id, None).await.unwrap();
        assert!(authority.roles.is_empty() && authority.permissions.is_empty());

        let (purpose, hash) = (them.token.purpose, &them.token.hash);
        let token = t.tokens().find(tenant, purpose, hash, NOW).await.unwrap();
        assert!(token.is_none());

        let session = them.session.id;
        assert!(
            t.sessions()
                .find_for_update(tenant, session)
                .await
                .unwrap()
                .is_none()
        );
        let live = t.sessions().live_for_user(tenant, id, NOW).await.unwrap();
        assert_eq!(live, []);
        let sessions = t
            .sessions()
            .list_for_user(tenant, id, NOW, page)
            .await
            .unwrap();
        assert!(sessions.items.is_empty());
    }
}

/// Rule 2, for everything that writes: another tenant's ids change nothing.
pub(super) async fn writes_keep_to_their_tenant(fx: &StoreFixture) {
    let world = World::build(fx).await;
    for (us, them) in [(&world.ours, &world.theirs), (&world.theirs, &world.ours)] {
        let before = world.snapshot(fx).await;
        let (tenant, id) = (us.tenant, them.user.id);
        let mut t = fx.begin().await;
        let mut moved = them.user.clone();
        moved.tenant_id = tenant;
        moved.name = Some("stolen".to_owned());
        assert!(!t.users().update(&moved).await.unwrap());
        assert!(!t.users().delete(tenant, id).await.unwrap());

        let (old, new) = (&them.password.hash, SecretString::from("stolen"));
        assert!(
            !t.credentials()
                .replace_hash(tenant, id, old, &new)
                .await
                .unwrap()
        );
        assert!(!t.credentials().delete_password(tenant, id).await.unwrap());
        security_writes(us, them, &mut *t).await;
        assert!(!t.outbox().revive(tenant, them.dead.id, NOW).await.unwrap());
        assert!(!t.roles().revoke(tenant, id, &them.role.name).await.unwrap());
        assert!(
            !t.roles()
                .revoke(tenant, us.user.id, &them.role.name)
                .await
                .unwrap()
        );

        let reason = SessionEnd::RevokedByAdmin;
        assert!(
            !t.sessions()
                .end(tenant, them.session.id, reason, NOW)
                .await
                .unwrap()
        );
        let ended = t
            .sessions()
            .end_all_for_user(tenant, id, None, reason, NOW)
            .await
            .unwrap();
        assert!(ended.is_empty());

        let hash = &them.token.hash;
        for &purpose in TokenPurpose::ALL {
            assert!(
                t.tokens()
                    .consume(tenant, purpose, hash, NOW)
                    .await
                    .unwrap()
                    .is_none()
            );
        }
        let all = TokenPurpose::ALL;
        assert_eq!(
            t.tokens()
                .revoke_all_for_user(tenant, id, all, NOW)
                .await
                .unwrap(),
            0
        );
        t.commit().await.unwrap();
        assert_eq!(world.snapshot(fx).await, before);
    }
}

async fn security_writes(us: &Side, them: &Side, t: &mut dyn Transaction) {
    let (tenant, id) = (us.tenant, them.user.id);
    let credentials = t.credentials();
    assert!(
        !credentials
            .require_password_change(tenant, id, NOW)
            .await
            .unwrap()
    );
    let method = &them.factor.method;
    assert!(!t.mfa().confirm(tenant, id, method, 9, NOW).await.unwrap());
    assert!(!t.mfa().advance(tenant, id, method, 9).await.unwrap());
    assert!(!t.mfa().delete(tenant, id, method).await.unwrap());
    t.mfa().replace_backup_codes(tenant, id, &[]).await.unwrap();
    let hash = &them.code.hash;
    for user in [id, us.user.id] {
        let consumed = t.mfa().consume_backup_code(tenant, user, hash).await;
        assert!(!consumed.unwrap());
    }
    let device = them.device.id;
    for user in [id, us.user.id] {
        let revoked = t.devices().revoke(tenant, user, device, NOW).await;
        assert!(!revoked.unwrap());
    }
    assert_eq!(t.devices().distrust_all(tenant, id).await.unwrap(), 0);
    assert_eq!(t.devices().revoke_all(tenant, id, NOW).await.unwrap(), 0);
}

/// Rule 2, for references: a row of one tenant cannot refer to a user or role of another.
pub(super) async fn references_keep_to_their_tenant(fx: &StoreFixture) {
    let world = World::build(fx).await;
    for (us, them) in [(&world.ours, &world.theirs), (&world.theirs, &world.ours)] {
        let before = world.snapshot(fx).await;
        let (tenant, id) = (us.tenant, them.user.id);
        let mut password = them.password.clone();
        password.tenant_id = tenant;
        refused!(fx, Reference, t => t.credentials().set_password(&password).await);
        let mut identity = sample::identity(&them.user, 50);
        identity.tenant_id = tenant;
        refused!(fx, Reference, t => t.credentials().insert_identity(&identity).await);
        let mut former = sample::former_password(&them.user, 50);
        former.tenant_id = tenant;
        refused!(fx, Reference, t => t.credentials().add_former_password(&former, 9).await);
        let mut factor = sample::factor(&them.user, "email");
        factor.tenant_id = tenant;
        refused!(fx, Reference, t => t.mfa().put(&factor).await);
        let codes = [sample::backup_code(&them.user, 50)];
        refused!(fx, Reference, t => t.mfa().replace_backup_codes(tenant, id, &codes).await);
        for n in [50, 1, 2] {
            let mut device = sample::device(&them.user, n);
            device.tenant_id = tenant;
            refused!(fx, Reference, t => t.devices().put(&device).await);
        }
        let mut session = sample::session(&them.user, 50);
        session.tenant_id = tenant;
        refused!(fx, Reference, t => t.sessions().insert(&session).await);
        let mut token = sample::token(&them.user, TokenPurpose::PasswordReset, 50);
        token.tenant_id = tenant;
        refused!(fx, Reference, t => t.tokens().insert(&token).await);
        let (ours, theirs) = (&us.role.name, &them.role.name);
        refused!(fx, Reference, t => t.roles().grant(tenant, id, ours, NOW).await);
        refused!(fx, Reference, t => t.roles().grant(tenant, id, theirs, NOW).await);
        refused!(fx, Reference, t => t.roles().grant(tenant, us.user.id, theirs, NOW).await);
        assert_eq!(world.snapshot(fx).await, before);
    }
}

/// The same address, outside identity and role name live in two tenants side by side.
pub(super) async fn names_are_unique_in_their_tenant_alone(fx: &StoreFixture) {
    let world = World::build(fx).await;
    let (us, them) = (&world.ours, &world.theirs);
    let mut twin = sample::user(us.tenant, 50);
    twin.email = them.user.email.clone();
    commit!(fx, t => t.users().insert(&twin).await);
    let mut identity = sample::identity(&twin, 0);
    identity.subject = them.identity.subject.clone();
    commit!(fx, t => t.credentials().insert_identity(&identity).await);
    let role = sample::role(us.tenant, them.role.name.as_str(), &["other:thing"]);
    commit!(fx, t => t.roles().insert(&role).await);
    commit!(fx, t => t.roles().grant(us.tenant, twin.id, &role.name, at(1)).await);

    let email = twin.email.normalized();
    for (tenant, user, permission) in [
        (us.tenant, &twin, "other:thing"),
        (them.tenant, &them.user, "article:edit"),
    ] {
        let account = fx
            .repository
            .find_account_by_email(tenant, email)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(account.user.id, user.id);
        assert_eq!(account.authority.permissions, [permission]);
        let (provider, subject) = (&identity.provider, &identity.subject);
        let found = peek!(fx, t => t.credentials().find_identity(tenant, provider, subject).await);
        assert_eq!(found.unwrap().user_id, user.id);
        let by_role = UserFilter {
            role: Some(role.name.as_str().to_owned()),
            ..UserFilter::default()
        };
        let page = PageRequest::first(ALL);
        let listed = peek!(fx, t => t.users().list(tenant, &by_role, page).await);
        assert_eq!(
            listed.items.iter().map(|user| user.id).collect::<Vec<_>>(),
            [user.id]
        );
    }
}
