use gatekeeper_core::model::{Authority, Group, RoleName, TenantId, User};

use super::StoreFixture;
use crate::sample::{self, NOW, at};

const TENANT: TenantId = TenantId::DEFAULT;

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn roles(names: &[&str]) -> Vec<RoleName> {
    names.iter().map(|name| sample::role_name(name)).collect()
}

/// `writer` inherits `reader`, `editor` inherits `writer`; `apart` stands apart.
async fn three_roles(fx: &StoreFixture) {
    for (name, permissions, inherits, closure) in [
        ("reader", &["article:read"][..], &[][..], &["reader"][..]),
        (
            "writer",
            &["article:write"],
            &["reader"],
            &["reader", "writer"],
        ),
        (
            "editor",
            &["article:edit", "article:read"],
            &["writer"],
            &["editor", "reader", "writer"],
        ),
        ("apart", &["apart:do"], &[], &["apart"]),
    ] {
        let mut role = sample::role(TENANT, name, permissions);
        role.inherits = roles(inherits);
        commit!(fx, t => t.roles().insert(&role).await);
        commit!(fx, t => t.roles().set_closure(TENANT, &role.name, &roles(closure)).await);
        assert_eq!(
            peek!(fx, t => t.roles().find(TENANT, &role.name).await),
            Some(role)
        );
    }
}

async fn authority(fx: &StoreFixture, user: &User) -> Authority {
    let authority = peek!(fx, t => t.roles().authority(TENANT, user.id, None).await);
    let repository = &fx.repository;
    let found = repository.find_account(TENANT, user.id).await.unwrap();
    assert_eq!(found.unwrap().authority, authority);
    let email = user.email.normalized();
    let found = repository.find_account_by_email(TENANT, email).await;
    assert_eq!(found.unwrap().unwrap().authority, authority);
    let found = repository.find_authority(TENANT, user.id, None).await;
    assert_eq!(found.unwrap().unwrap(), authority);
    authority
}

/// A grant brings all that the role inherits, however far; a new role stands for itself alone until its closure is said.
pub(super) async fn grants_bring_what_roles_inherit(fx: &StoreFixture) {
    let user = sample::user(TENANT, 1);
    commit!(fx, t => t.users().insert(&user).await);
    three_roles(fx).await;
    for (role, names, permissions) in [
        (
            "editor",
            &["editor", "reader", "writer"][..],
            &["article:edit", "article:read", "article:write"][..],
        ),
        (
            "writer",
            &["reader", "writer"],
            &["article:read", "article:write"],
        ),
        ("reader", &["reader"], &["article:read"]),
    ] {
        let role = sample::role_name(role);
        commit!(fx, t => t.roles().grant(TENANT, user.id, &role, NOW).await);
        let held = authority(fx, &user).await;
        assert_eq!(
            (held.roles, held.permissions),
            (texts(names), texts(permissions))
        );
        // Only what was granted is named as granted.
        assert_eq!(
            peek!(fx, t => t.roles().granted(TENANT, user.id).await),
            [role.clone()]
        );
        commit!(fx, t => t.roles().revoke(TENANT, user.id, &role).await);
    }
    let mut lonely = sample::role(TENANT, "lonely", &["lonely:do"]);
    lonely.inherits = roles(&["editor"]);
    commit!(fx, t => t.roles().insert(&lonely).await);
    commit!(fx, t => t.roles().grant(TENANT, user.id, &lonely.name, NOW).await);
    assert_eq!(authority(fx, &user).await.permissions, ["lonely:do"]);
}

/// What groups have counts for each member, together with what was granted to the user.
pub(super) async fn groups_bring_their_roles(fx: &StoreFixture) {
    let (user, other) = (sample::user(TENANT, 1), sample::user(TENANT, 2));
    for user in [&user, &other] {
        commit!(fx, t => t.users().insert(user).await);
    }
    three_roles(fx).await;
    let (mut group, second) = (
        sample::group(TENANT, 1, &["writer"]),
        sample::group(TENANT, 2, &["apart", "reader"]),
    );
    for group in [&group, &second] {
        commit!(fx, t => t.groups().insert(group).await);
        assert!(commit!(fx, t => t.groups().add_member(TENANT, group.id, user.id, NOW).await));
    }
    let apart = sample::role_name("apart");
    commit!(fx, t => t.roles().grant(TENANT, user.id, &apart, NOW).await);
    let held = authority(fx, &user).await;
    assert_eq!(held.roles, ["apart", "reader", "writer"]);
    assert_eq!(
        held.permissions,
        ["apart:do", "article:read", "article:write"]
    );
    assert_eq!(authority(fx, &other).await, Authority::default());
    group.roles = vec![];
    assert!(commit!(fx, t => t.groups().update(&group).await));
    assert_eq!(authority(fx, &user).await.roles, ["apart", "reader"]);
    assert!(commit!(fx, t => t.groups().remove_member(TENANT, second.id, user.id).await));
    assert_eq!(authority(fx, &user).await.roles, ["apart"]);
    let groups: Vec<Group> = peek!(fx, t => t.groups().list_for_user(TENANT, user.id).await);
    assert_eq!(groups, [group]);
}

/// What an organisation gives stands apart, in that organisation alone; a rotation answers it by the session's.
pub(super) async fn organizations_stand_apart(fx: &StoreFixture) {
    let user = sample::user(TENANT, 1);
    commit!(fx, t => t.users().insert(&user).await);
    three_roles(fx).await;
    let (mine, bare, foreign) = (
        sample::organization(TENANT, 1),
        sample::organization(TENANT, 2),
        sample::organization(TENANT, 3),
    );
    for row in [&mine, &bare, &foreign] {
        commit!(fx, t => t.organizations().insert(row).await);
    }
    for (row, names) in [(&mine, &["writer"][..]), (&bare, &[])] {
        let membership = sample::membership(row, &user, names);
        assert!(!commit!(fx, t => t.organizations().put_member(&membership).await));
    }
    let apart = sample::role_name("apart");
    commit!(fx, t => t.roles().grant(TENANT, user.id, &apart, NOW).await);
    assert_eq!(authority(fx, &user).await.organization, None);
    for (n, organization, expected) in [
        (
            1,
            Some(mine.id),
            Some((
                texts(&["reader", "writer"]),
                texts(&["article:read", "article:write"]),
            )),
        ),
        (2, Some(bare.id), Some((vec![], vec![]))),
        (3, Some(foreign.id), None),
        (4, None, None),
    ] {
        let mut session = sample::session(&user, n);
        session.organization_id = organization;
        commit!(fx, t => t.sessions().insert(&session).await);
        let rotation = gatekeeper_core::store::SessionRotation {
            tenant_id: TENANT,
            session_id: session.id,
            generation: 0,
            now: NOW,
            idle_lifetime: std::time::Duration::from_mins(1),
            ip: None,
        };
        let rotated = fx
            .repository
            .rotate_session(&rotation)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(rotated.session.organization_id, organization);
        let repository = &fx.repository;
        let found = repository
            .find_authority(TENANT, user.id, organization)
            .await;
        for held in [
            rotated.account.authority,
            found.unwrap().unwrap(),
            peek!(fx, t => t.roles().authority(TENANT, user.id, organization).await),
        ] {
            assert_eq!(
                (&held.roles, &held.permissions),
                (&texts(&["apart"]), &texts(&["apart:do"]))
            );
            let active = held.organization.map(|held| {
                assert_eq!(Some(held.id), organization);
                (held.roles, held.permissions)
            });
            assert_eq!(active, expected);
        }
    }
    let mut disabled = user.clone();
    disabled.disabled_at = Some(NOW);
    commit!(fx, t => t.users().update(&disabled).await);
    for organization in [None, Some(mine.id)] {
        let found = fx
            .repository
            .find_authority(TENANT, user.id, organization)
            .await;
        assert_eq!(found.unwrap(), None, "a disabled user may do nothing");
    }
}

/// A role is changed whole; what it inherits must be there, and another's role is not.
pub(super) async fn roles_are_changed_whole(fx: &StoreFixture) {
    three_roles(fx).await;
    let mut role =
        peek!(fx, t => t.roles().find(TENANT, &sample::role_name("editor")).await).unwrap();
    role.description = "another".to_owned();
    role.permissions = texts(&["other:thing"]);
    role.inherits = roles(&["apart", "reader"]);
    role.updated_at = at(9);
    assert!(commit!(fx, t => t.roles().update(&role).await));
    assert_eq!(
        peek!(fx, t => t.roles().find(TENANT, &role.name).await),
        Some(role.clone())
    );
    assert!(peek!(fx, t => t.roles().list(TENANT).await).contains(&role));
    let mut missing = role.clone();
    missing.inherits = roles(&["missing"]);
    refused!(fx, Reference, t => t.roles().update(&missing).await);
    missing.name = sample::role_name("new");
    refused!(fx, Reference, t => t.roles().insert(&missing).await);
    missing.inherits = vec![];
    assert!(!commit!(fx, t => t.roles().update(&missing).await));
    refused!(fx, Reference, t => t.roles().set_closure(TENANT, &role.name, &roles(&["editor", "missing"])).await);
}

/// With a role go its grants, from users, groups and memberships, and from what others inherit.
pub(super) async fn a_deleted_role_leaves_nothing(fx: &StoreFixture) {
    let user = sample::user(TENANT, 1);
    commit!(fx, t => t.users().insert(&user).await);
    three_roles(fx).await;
    let (group, organization) = (
        sample::group(TENANT, 1, &["reader"]),
        sample::organization(TENANT, 1),
    );
    commit!(fx, t => t.groups().insert(&group).await);
    commit!(fx, t => t.groups().add_member(TENANT, group.id, user.id, NOW).await);
    commit!(fx, t => t.organizations().insert(&organization).await);
    let membership = sample::membership(&organization, &user, &["reader"]);
    commit!(fx, t => t.organizations().put_member(&membership).await);
    let reader = sample::role_name("reader");
    for role in ["reader", "writer"] {
        commit!(fx, t => t.roles().grant(TENANT, user.id, &sample::role_name(role), NOW).await);
    }
    assert!(peek!(fx, t => t.groups().any_with_role(TENANT, &reader).await));
    assert!(commit!(fx, t => t.roles().delete(TENANT, &reader).await));
    assert!(!commit!(fx, t => t.roles().delete(TENANT, &reader).await));
    let held = peek!(fx, t => t.roles().authority(TENANT, user.id, Some(organization.id)).await);
    assert_eq!(
        (held.roles, held.permissions),
        (texts(&["writer"]), texts(&["article:write"]))
    );
    assert_eq!(held.organization.unwrap().roles, [""; 0]);
    assert!(!peek!(fx, t => t.groups().any_with_role(TENANT, &reader).await));
    let writer = peek!(fx, t => t.roles().find(TENANT, &sample::role_name("writer")).await);
    assert_eq!(writer.unwrap().inherits, []);
    // Made anew it gives nobody anything.
    commit!(fx, t => t.roles().insert(&sample::role(TENANT, "reader", &["article:read"])).await);
    assert_eq!(authority(fx, &user).await.permissions, ["article:write"]);
}

/// Another holder is another active user with the role granted directly.
pub(super) async fn other_holders_are_active(fx: &StoreFixture) {
    let (ada, mut bob) = (sample::user(TENANT, 1), sample::user(TENANT, 2));
    let admin = sample::role_name(RoleName::ADMIN);
    for user in [&ada, &bob] {
        commit!(fx, t => t.users().insert(user).await);
    }
    let group = sample::group(TENANT, 1, &[RoleName::ADMIN]);
    commit!(fx, t => t.groups().insert(&group).await);
    commit!(fx, t => t.groups().add_member(TENANT, group.id, bob.id, NOW).await);
    commit!(fx, t => t.roles().grant(TENANT, ada.id, &admin, NOW).await);
    let other =
        async |except| peek!(fx, t => t.roles().has_other_holder(TENANT, &admin, except).await);
    assert!(!other(ada.id).await, "a group does not count");
    assert!(other(bob.id).await);
    commit!(fx, t => t.roles().grant(TENANT, bob.id, &admin, NOW).await);
    assert!(other(ada.id).await);
    bob.disabled_at = Some(NOW);
    commit!(fx, t => t.users().update(&bob).await);
    assert!(!other(ada.id).await);
}
