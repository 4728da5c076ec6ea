use gatekeeper_core::model::{Authority, RoleName, TenantId};

use super::StoreFixture;
use crate::sample::{self, NOW};

const TENANT: TenantId = TenantId::DEFAULT;

async fn role_names(fx: &StoreFixture, tenant: TenantId) -> Vec<String> {
    let roles = peek!(fx, t => t.roles().list(tenant).await);
    roles
        .iter()
        .map(|role| role.name.as_str().to_owned())
        .collect()
}

/// A fresh store has the default tenant with both system roles.
pub(super) async fn a_fresh_store_has_its_system_roles(fx: &StoreFixture) {
    assert_eq!(role_names(fx, TENANT).await, ["admin", "platform_admin"]);
    for (name, permissions) in [
        (RoleName::ADMIN, vec!["*"]),
        (RoleName::PLATFORM_ADMIN, vec!["*", "tenants:*"]),
    ] {
        let name = sample::role_name(name);
        let role = peek!(fx, t => t.roles().find(TENANT, &name).await).unwrap();
        assert_eq!(role.permissions, permissions);
        assert!(role.system);
    }
}

/// A new tenant has `admin`, and nobody in it can manage tenants.
pub(super) async fn a_new_tenant_has_no_platform_admin(fx: &StoreFixture) {
    let tenant = sample::tenant(2);
    commit!(fx, t => t.tenants().insert(&tenant).await);
    assert_eq!(role_names(fx, tenant.id).await, ["admin"]);
    let admin = sample::role_name(RoleName::ADMIN);
    let role = peek!(fx, t => t.roles().find(tenant.id, &admin).await).unwrap();
    assert_eq!(
        (role.permissions, role.system),
        (vec!["*".to_owned()], true)
    );
    assert_eq!(role_names(fx, TENANT).await.len(), 2);
}

/// A tenant has one role of a name, and roles need a tenant.
pub(super) async fn role_names_are_given_once(fx: &StoreFixture) {
    let role = sample::role(TENANT, "editor", &["article:edit"]);
    commit!(fx, t => t.roles().insert(&role).await);
    let mut again = role.clone();
    again.permissions = vec!["*".to_owned()];
    refused!(fx, RoleName, t => t.roles().insert(&again).await);
    assert_eq!(
        peek!(fx, t => t.roles().find(TENANT, &role.name).await),
        Some(role)
    );
    let homeless = sample::role(sample::tenant(9).id, "editor", &[]);
    refused!(fx, Reference, t => t.roles().insert(&homeless).await);
    assert_eq!(
        role_names(fx, TENANT).await,
        ["admin", "editor", "platform_admin"]
    );
}

/// Granting and revoking say whether they changed anything.
pub(super) async fn grants_say_what_they_changed(fx: &StoreFixture) {
    let user = sample::user(TENANT, 1);
    let admin = sample::role_name("admin");
    commit!(fx, t => t.users().insert(&user).await);
    assert!(!commit!(fx, t => t.roles().revoke(TENANT, user.id, &admin).await));
    assert!(commit!(fx, t => t.roles().grant(TENANT, user.id, &admin, NOW).await));
    assert!(!commit!(fx, t => t.roles().grant(TENANT, user.id, &admin, NOW).await));
    assert!(commit!(fx, t => t.roles().revoke(TENANT, user.id, &admin).await));
    assert!(!commit!(fx, t => t.roles().revoke(TENANT, user.id, &admin).await));
    let authority = peek!(fx, t => t.roles().authority(TENANT, user.id, None).await);
    assert_eq!(authority, Authority::default());
    let (nobody, nothing) = (sample::user(TENANT, 9).id, sample::role_name("nothing"));
    refused!(fx, Reference, t => t.roles().grant(TENANT, nobody, &admin, NOW).await);
    refused!(fx, Reference, t => t.roles().grant(TENANT, user.id, &nothing, NOW).await);
    assert!(!commit!(fx, t => t.roles().revoke(TENANT, user.id, &nothing).await));
}

/// An authority is sorted by bytes and without doubles, everywhere it is read; another's roles do not show.
pub(super) async fn authorities_are_sorted_without_doubles(fx: &StoreFixture) {
    let (user, other) = (sample::user(TENANT, 1), sample::user(TENANT, 2));
    let session = sample::session(&user, 1);
    for row in [&user, &other] {
        commit!(fx, t => t.users().insert(row).await);
    }
    commit!(fx, t => t.sessions().insert(&session).await);
    let roles = [
        sample::role(TENANT, "writer", &["article:edit", "article:write"]),
        sample::role(TENANT, "a-b", &["article:edit", "zebra:ride"]),
        sample::role(TENANT, "a_b", &["Article:edit", "article:edit"]),
        sample::role(TENANT, "ab", &[]),
    ];
    for role in &roles {
        commit!(fx, t => t.roles().insert(role).await);
        commit!(fx, t => t.roles().grant(TENANT, user.id, &role.name, NOW).await);
    }
    let admin = sample::role_name("admin");
    commit!(fx, t => t.roles().grant(TENANT, other.id, &admin, NOW).await);
    let expected = Authority {
        roles: ["a-b", "a_b", "ab", "writer"].map(str::to_owned).to_vec(),
        permissions: [
            "Article:edit",
            "article:edit",
            "article:write",
            "zebra:ride",
        ]
        .map(str::to_owned)
        .to_vec(),
        organization: None,
    };
    let repository = &fx.repository;
    let email = user.email.normalized();
    let rotation = gatekeeper_core::store::SessionRotation {
        tenant_id: TENANT,
        session_id: session.id,
        generation: 0,
        now: NOW,
        idle_lifetime: std::time::Duration::from_mins(1),
        ip: None,
    };
    let found = [
        peek!(fx, t => t.roles().authority(TENANT, user.id, None).await),
        repository
            .find_account(TENANT, user.id)
            .await
            .unwrap()
            .unwrap()
            .authority,
        repository
            .find_account_by_email(TENANT, email)
            .await
            .unwrap()
            .unwrap()
            .authority,
        repository
            .rotate_session(&rotation)
            .await
            .unwrap()
            .unwrap()
            .account
            .authority,
    ];
    for authority in found {
        assert_eq!(authority, expected);
    }
}
