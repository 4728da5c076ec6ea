use std::sync::Arc;

use gatekeeper_core::{
    Identity, RoleDefinition,
    model::{AuditEvent, Authority, Event, PageRequest, Permission, Role, RoleName, UserId},
};
use serde_json::json;

use super::{
    tenants::second_tenant,
    world::{World, code},
};
use crate::{sample, store::StoreFixture};

/// A definition with these permissions and these roles inherited.
pub(super) fn definition(permissions: &[&str], inherits: &[&str]) -> RoleDefinition {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    RoleDefinition {
        description: "for tests".to_owned(),
        permissions: owned(permissions),
        inherits: owned(inherits),
    }
}

/// Makes a role, as an operator.
pub(super) async fn make(world: &World, name: &str, permissions: &[&str], inherits: &[&str]) {
    let definition = definition(permissions, inherits);
    let administration = world.gk.administration();
    let made = administration.create_role(&world.cx, name, &definition);
    made.await.unwrap();
}

/// Grants a role, as an operator.
pub(super) async fn give(world: &World, user: UserId, role: &str) {
    let administration = world.gk.administration();
    let granted = administration.grant_role(&world.cx, user, role);
    granted.await.unwrap();
}

/// Somebody verified who has these roles, and is signed in.
pub(super) async fn somebody(world: &World, email: &str, roles: &[&str]) -> Arc<Identity> {
    let user = world.verified(email).await;
    for role in roles {
        give(world, user, role).await;
    }
    world.identity(&world.sign_in(email).await).await
}

/// What a user may do by the store.
pub(super) async fn authority(world: &World, user: UserId) -> Authority {
    let found = world
        .repository
        .find_authority(world.cx.tenant_id, user, None);
    found.await.unwrap().unwrap()
}

/// The rows of the trail that say that something was changed.
pub(super) async fn changes(world: &World) -> Vec<AuditEvent> {
    let changed = |row: &AuditEvent| {
        ["role.", "group."]
            .iter()
            .any(|kind| row.event.code().starts_with(kind))
    };
    world.trail().await.into_iter().filter(changed).collect()
}

pub(super) async fn a_role_is_made_changed_and_deleted(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let root = somebody(&world, "root@example.org", &["admin"]).await;
    let ada = world.verified("ada@example.org").await;
    let administration = world.gk.administration().on_behalf_of(&root);
    let asked = RoleDefinition {
        permissions: ["reports:read", "reports:export", "reports:read"]
            .map(String::from)
            .to_vec(),
        ..definition(&[], &[])
    };
    let made = administration
        .create_role(&world.cx, "analyst", &asked)
        .await
        .unwrap();
    // Sorted, each once.
    assert_eq!(made.role.permissions, ["reports:export", "reports:read"]);
    assert_eq!(made.permissions, made.role.permissions);
    assert!(!made.role.system);
    let row = world.newest(Event::RoleCreated).await;
    assert_eq!(row.actor, Some(root.user_id));
    assert_eq!(row.details["role"], "analyst");
    assert_eq!(
        row.details["after"]["permissions"],
        json!(["reports:export", "reports:read"])
    );
    let again = administration
        .create_role(&world.cx, "analyst", &definition(&[], &[]))
        .await;
    assert_eq!(code(again), "role.name_taken");

    administration
        .grant_role(&world.cx, ada, "analyst")
        .await
        .unwrap();
    let row = world.newest(Event::RoleGranted).await;
    assert_eq!((row.actor, row.target), (Some(root.user_id), Some(ada)));
    assert_eq!(authority(&world, ada).await.permissions, made.permissions);

    let found = administration
        .find_role(&world.cx, "analyst")
        .await
        .unwrap();
    assert_eq!(found, made);
    let changed = administration
        .update_role(&world.cx, "analyst", &definition(&["reports:*"], &[]))
        .await
        .unwrap();
    assert_eq!(changed.role.permissions, ["reports:*"]);
    assert_eq!(changed.role.created_at, made.role.created_at);
    let row = world.newest(Event::RoleUpdated).await;
    assert_eq!(
        row.details["before"]["permissions"],
        json!(["reports:export", "reports:read"])
    );
    assert_eq!(row.details["after"]["permissions"], json!(["reports:*"]));
    assert_eq!(authority(&world, ada).await.permissions, ["reports:*"]);
    // The same again is no change.
    let same = definition(&["reports:*"], &[]);
    administration
        .update_role(&world.cx, "analyst", &same)
        .await
        .unwrap();
    assert_eq!(world.count(Event::RoleUpdated).await, 1);

    let permissions = administration.list_permissions(&world.cx).await.unwrap();
    assert_eq!(permissions, ["*", "reports:*", "tenants:*"]);
    administration
        .delete_role(&world.cx, "analyst")
        .await
        .unwrap();
    let row = world.newest(Event::RoleDeleted).await;
    assert_eq!(row.details["before"]["permissions"], json!(["reports:*"]));
    assert_eq!(authority(&world, ada).await, Authority::default());
    let answer = administration.find_role(&world.cx, "analyst").await;
    assert_eq!(code(answer), "role.not_found");
    let answer = administration.delete_role(&world.cx, "analyst").await;
    assert_eq!(code(answer), "role.not_found");
    let answer = administration
        .update_role(&world.cx, "analyst", &same)
        .await;
    assert_eq!(code(answer), "role.not_found");
}

pub(super) async fn a_role_inherits_and_its_holders_have_it_all(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    make(&world, "reader", &["reports:read"], &[]).await;
    make(&world, "writer", &["reports:write"], &["reader"]).await;
    make(&world, "chief", &["reports:sign"], &["writer"]).await;
    let signed_in = world.signed_in("ada@example.org").await;
    let ada = signed_in.profile.user.id;
    give(&world, ada, "chief").await;
    let signed_in = world.refresh(&signed_in).await.unwrap();
    let who = world.identity(&signed_in).await;
    assert_eq!(who.roles, ["chief", "reader", "user", "writer"]);
    assert!(who.has_permission("reports:read") && who.has_permission("reports:write"));

    let administration = world.gk.administration();
    let chief = administration.find_role(&world.cx, "chief").await.unwrap();
    assert_eq!(chief.role.permissions, ["reports:sign"]);
    assert_eq!(
        chief.permissions,
        ["reports:read", "reports:sign", "reports:write"]
    );
    // What changes below is changed above.
    let reads_all = definition(&["reports:read", "logs:read"], &[]);
    administration
        .update_role(&world.cx, "reader", &reads_all)
        .await
        .unwrap();
    assert!(
        authority(&world, ada)
            .await
            .permissions
            .contains(&"logs:read".to_owned())
    );
    // Without the link in the middle there is no way to the end.
    administration
        .delete_role(&world.cx, "writer")
        .await
        .unwrap();
    let left = authority(&world, ada).await;
    assert_eq!(
        (left.roles, left.permissions),
        (vec!["chief".to_owned()], vec!["reports:sign".to_owned()])
    );
    let chief = administration.find_role(&world.cx, "chief").await.unwrap();
    assert!(chief.role.inherits.is_empty());
    let signed_in = world.refresh(&signed_in).await.unwrap();
    assert_eq!(world.identity(&signed_in).await.roles, ["chief", "user"]);
}

pub(super) async fn a_role_never_inherits_itself(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    make(&world, "a", &["x:a"], &[]).await;
    make(&world, "b", &["x:b"], &["a"]).await;
    make(&world, "c", &["x:c"], &["b"]).await;
    let administration = world.gk.administration();
    let before = changes(&world).await;
    for (role, inherits) in [("a", "a"), ("a", "b"), ("a", "c"), ("b", "c")] {
        let circular = definition(&["x:a"], &[inherits]);
        let answer = administration.update_role(&world.cx, role, &circular).await;
        assert_eq!(code(answer), "role.cycle", "{role} {inherits}");
    }
    let itself = administration
        .create_role(&world.cx, "d", &definition(&[], &["d"]))
        .await;
    assert_eq!(code(itself), "role.cycle");
    assert_eq!(changes(&world).await, before);
    let a = administration.find_role(&world.cx, "a").await.unwrap();
    assert_eq!(a.permissions, ["x:a"]);
}

/// Of the two halves of a circle, changed at once, one is refused.
pub(super) async fn of_two_halves_of_a_circle_one_is_refused(fixture: StoreFixture) {
    let other = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let nodes = [world.clone(), world.another_node(other).await];
    for round in 0..6 {
        let names = [format!("a{round}"), format!("b{round}")];
        for name in &names {
            make(&world, name, &["x:y"], &[]).await;
        }
        let half = |at: usize| {
            let (world, names) = (nodes[at].clone(), names.clone());
            tokio::spawn(async move {
                let inherits = definition(&["x:y"], &[names[1 - at].as_str()]);
                let administration = world.gk.administration();
                let updated = administration.update_role(&world.cx, &names[at], &inherits);
                updated.await.map(|_| ())
            })
        };
        let (one, two) = tokio::join!(half(0), half(1));
        let answers = [one.unwrap(), two.unwrap()];
        let refused: Vec<String> = answers
            .into_iter()
            .filter(Result::is_err)
            .map(code)
            .collect();
        assert_eq!(refused, ["role.cycle"]);
    }
}

pub(super) async fn roles_of_the_system_stay_as_they_are(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let root = somebody(&world, "root@example.org", &["admin", "platform_admin"]).await;
    for administration in [
        world.gk.administration(),
        world.gk.administration().on_behalf_of(&root),
    ] {
        for name in ["admin", "platform_admin"] {
            let answer = administration
                .update_role(&world.cx, name, &definition(&[], &[]))
                .await;
            assert_eq!(code(answer), "role.system");
            let answer = administration.delete_role(&world.cx, name).await;
            assert_eq!(code(answer), "role.system");
            let answer = administration
                .create_role(&world.cx, name, &definition(&[], &[]))
                .await;
            assert_eq!(code(answer), "role.name_taken");
        }
        // What everybody has is nobody's to make, change, grant or take.
        let answer = administration
            .create_role(&world.cx, "user", &definition(&["*"], &[]))
            .await;
        assert_eq!(code(answer), "role.name_taken");
        let answer = administration
            .update_role(&world.cx, "user", &definition(&["*"], &[]))
            .await;
        assert_eq!(code(answer), "role.not_found");
        let answer = administration
            .grant_role(&world.cx, root.user_id, "user")
            .await;
        assert_eq!(code(answer), "role.not_found");
        let answer = administration
            .revoke_role(&world.cx, root.user_id, "user")
            .await;
        assert_eq!(code(answer), "role.not_found");
    }
    // Nor is the platform's name anybody's in another tenant.
    let other = second_tenant(&world).await;
    let administration = other.gk.administration();
    let answer = administration
        .create_role(&other.cx, "platform_admin", &definition(&[], &[]))
        .await;
    assert_eq!(code(answer), "role.name_taken");
    let over_tenants = definition(&["tenants:read"], &[]);
    let answer = administration
        .create_role(&other.cx, "sneaky", &over_tenants)
        .await;
    assert_eq!(code(answer), "request.invalid");
}

pub(super) async fn every_wrong_field_of_a_role_is_named(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let administration = world.gk.administration();
    let wrong = RoleDefinition {
        description: "two\nlines".to_owned(),
        ..definition(
            &["reports:read", "reports", "Reports:read", "*:read"],
            &["No Role"],
        )
    };
    let answer = administration
        .create_role(&world.cx, "No Name", &wrong)
        .await;
    let Err(gatekeeper_core::Error::Invalid(violations)) = answer else {
        panic!("{answer:?}");
    };
    let pointers: Vec<&str> = violations
        .as_slice()
        .iter()
        .map(|one| one.pointer.as_str())
        .collect();
    let expected = [
        "/name",
        "/description",
        "/permissions/1",
        "/permissions/2",
        "/permissions/3",
        "/inherits/0",
    ];
    assert_eq!(pointers, expected);
    for definition in [
        definition(&[], &["nobody"]),
        RoleDefinition {
            permissions: (0..201).map(|n| format!("x:{n}")).collect(),
            ..definition(&[], &[])
        },
        RoleDefinition {
            inherits: (0..21).map(|n| format!("r{n}")).collect(),
            ..definition(&[], &[])
        },
        RoleDefinition {
            description: "x".repeat(501),
            ..definition(&[], &[])
        },
    ] {
        let answer = administration
            .create_role(&world.cx, "r", &definition)
            .await;
        assert_eq!(code(answer), "request.invalid");
    }
    assert!(changes(&world).await.is_empty());
}

/// Writes roles into the store itself, each inheriting the one before it where so wanted.
async fn fill(world: &World, count: usize, chained: bool) {
    let mut tx = world.repository.begin().await.unwrap();
    let name = |n: usize| RoleName::parse(&format!("r{n}")).unwrap();
    for n in 0..count {
        let inherits = (chained && n > 0).then(|| name(n - 1));
        let role = Role {
            inherits: inherits.into_iter().collect(),
            ..sample::role(world.cx.tenant_id, name(n).as_str(), &["x:y"])
        };
        tx.roles().insert(&role).await.unwrap();
        if chained {
            let closure: Vec<RoleName> = (0..=n).map(name).collect();
            let tenant = world.cx.tenant_id;
            tx.roles()
                .set_closure(tenant, &role.name, &closure)
                .await
                .unwrap();
        }
    }
    tx.commit().await.unwrap();
}

pub(super) async fn there_are_only_so_many_roles_and_so_deep(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let administration = world.gk.administration();
    // A hundred, one above the other, are as deep as it goes.
    fill(&world, 99, true).await;
    make(&world, "top", &[], &["r98"]).await;
    let above = administration
        .create_role(&world.cx, "above", &definition(&[], &["top"]))
        .await;
    assert_eq!(code(above), "request.invalid");
    // Nor can it be made deeper from below.
    make(&world, "bottom", &[], &[]).await;
    let below = administration
        .update_role(&world.cx, "r0", &definition(&[], &["bottom"]))
        .await;
    assert_eq!(code(below), "request.invalid");

    let other = second_tenant(&world).await;
    fill(&other, 498, false).await;
    make(&other, "last", &[], &[]).await;
    let administration = other.gk.administration();
    let answer = administration
        .create_role(&other.cx, "more", &definition(&[], &[]))
        .await;
    assert_eq!(code(answer), "request.invalid");
    // The list is read in pages, and holds each once.
    let mut names = Vec::new();
    let mut page = PageRequest::first(100);
    loop {
        let part = administration.list_roles(&other.cx, page).await.unwrap();
        names.extend(part.items.into_iter().map(|one| one.role.name));
        let Some(next) = part.next else { break };
        page.after = Some(next);
    }
    assert_eq!(names.len(), 500);
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 500);
}

/// What is written is what is read: the type of permissions and the roles agree.
pub(super) async fn a_permission_is_kept_as_it_was_written(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let longest = format!("{}:{}", "a".repeat(64), "b".repeat(63));
    let all = [
        "*",
        "a:*",
        "a:b:c:d:*",
        "a_b-c:0",
        "tenants:read",
        longest.as_str(),
    ];
    assert!(all.iter().all(|text| Permission::parse(text).is_some()));
    make(&world, "all", &all, &[]).await;
    let found = world
        .gk
        .administration()
        .find_role(&world.cx, "all")
        .await
        .unwrap();
    let mut sorted = all.map(str::to_owned);
    sorted.sort_unstable();
    assert_eq!(found.role.permissions, sorted);
}
