use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    Identity, RoleDefinition,
    env::Clock,
    model::{
        ApiKeyId, AuditEvent, Authority, Event, PageRequest, Permission, RevocationTarget, Role,
        RoleName, SessionId, TokenId, UserId,
    },
};
use serde_json::json;

use super::{
    tenants::second_tenant,
    world::{PASSWORD, World, change_user, code},
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

/// The news that was written at this very instant.
pub(super) async fn news(world: &World) -> Vec<RevocationTarget> {
    let now = world.clock.now();
    let news = world.repository.revocations_since(now, now).await.unwrap();
    news.into_iter().map(|row| row.target).collect()
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

/// A tenant with an administrator and with Eve, who administers roles and may read reports; answers both.
async fn with_a_delegate(world: &World) -> (Arc<Identity>, Arc<Identity>) {
    let root = somebody(world, "root@example.org", &["admin"]).await;
    let may = [
        "roles:read",
        "roles:write",
        "roles:assign",
        "groups:write",
        "reports:read",
    ];
    make(world, "delegate", &may, &[]).await;
    let eve = somebody(world, "eve@example.org", &["delegate"]).await;
    (root, eve)
}

/// CVE-2026-94000: nobody gives what they have not, by whatever way.
pub(super) async fn row_53_nobody_grants_more_than_they_have(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, eve) = with_a_delegate(&world).await;
    make(&world, "auditor", &["audit:read"], &[]).await;
    make(&world, "reader", &["reports:read"], &[]).await;
    make(&world, "above", &["billing:write"], &["reader"]).await;
    let ada = world.verified("ada@example.org").await;
    let before = (changes(&world).await, authority(&world, eve.user_id).await);
    let administration = world.gk.administration().on_behalf_of(&eve);
    let cx = &world.cx;
    let insufficient = "access.insufficient_rank";

    // A role that permits more: made, changed into, inherited.
    for wanted in [
        definition(&["*"], &[]),
        definition(&["audit:read"], &[]),
        definition(&["reports:*"], &[]),
        definition(&["reports:read", "users:write"], &[]),
        definition(&[], &["admin"]),
        definition(&[], &["auditor"]),
        definition(&["tenants:read"], &[]),
    ] {
        let answer = administration.create_role(cx, "mine", &wanted).await;
        assert_eq!(code(answer), insufficient, "{wanted:?}");
        let answer = administration.update_role(cx, "delegate", &wanted).await;
        assert_eq!(code(answer), insufficient, "{wanted:?}");
    }
    // A role that she does not reach is not hers to change, not even to less, nor to delete.
    for role in ["auditor", "above"] {
        let answer = administration
            .update_role(cx, role, &definition(&[], &[]))
            .await;
        assert_eq!(code(answer), insufficient, "{role}");
        assert_eq!(
            code(administration.delete_role(cx, role).await),
            insufficient
        );
        // Nor to give, to herself or others, or to take.
        for user in [eve.user_id, ada] {
            let answer = administration.grant_role(cx, user, role).await;
            assert_eq!(code(answer), insufficient, "{role}");
            let answer = administration.revoke_role(cx, user, role).await;
            assert_eq!(code(answer), insufficient, "{role}");
        }
    }
    for user in [eve.user_id, ada] {
        for role in ["admin", "platform_admin"] {
            let answer = administration.grant_role(cx, user, role).await;
            assert_eq!(code(answer), insufficient, "{role}");
        }
    }
    let after = (changes(&world).await, authority(&world, eve.user_id).await);
    assert_eq!(before, after);
    assert_eq!(authority(&world, ada).await, Authority::default());

    // What she has, she gives.
    administration
        .create_role(cx, "mine", &definition(&["reports:read"], &["reader"]))
        .await
        .unwrap();
    administration.grant_role(cx, ada, "mine").await.unwrap();
    administration.revoke_role(cx, ada, "mine").await.unwrap();
    administration.delete_role(cx, "mine").await.unwrap();
}

/// CVE-2026-55077: nobody touches somebody who may do more.
pub(super) async fn row_53_nobody_touches_their_superiors(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (root, eve) = with_a_delegate(&world).await;
    make(&world, "reader", &["reports:read"], &[]).await;
    give(&world, root.user_id, "reader").await;
    let before = changes(&world).await;
    let administration = world.gk.administration().on_behalf_of(&eve);
    for answer in [
        administration
            .grant_role(&world.cx, root.user_id, "delegate")
            .await,
        administration
            .revoke_role(&world.cx, root.user_id, "reader")
            .await,
        administration
            .revoke_role(&world.cx, root.user_id, "admin")
            .await,
    ] {
        assert_eq!(code(answer), "access.insufficient_rank");
    }
    assert_eq!(changes(&world).await, before);
    // Between equals there is no rank, and oneself one may always touch.
    let twin = somebody(&world, "twin@example.org", &["delegate"]).await;
    administration
        .revoke_role(&world.cx, twin.user_id, "delegate")
        .await
        .unwrap();
    administration
        .revoke_role(&world.cx, eve.user_id, "delegate")
        .await
        .unwrap();
    let answer = administration
        .grant_role(&world.cx, eve.user_id, "reader")
        .await;
    assert_eq!(code(answer), "access.forbidden");
}

/// What the access token says is no answer to whether one may change something: the store is asked, in the transaction.
pub(super) async fn row_34_rights_are_those_of_this_moment(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, eve) = with_a_delegate(&world).await;
    let ada = world.verified("ada@example.org").await;
    make(&world, "reader", &["reports:read"], &[]).await;
    let by_eve = world.gk.administration().on_behalf_of(&eve);
    by_eve.grant_role(&world.cx, ada, "reader").await.unwrap();
    // Her token still says what she could.
    world
        .gk
        .administration()
        .revoke_role(&world.cx, eve.user_id, "delegate")
        .await
        .unwrap();
    assert!(eve.has_permission("roles:assign"));
    let before = changes(&world).await;
    let refused = [
        by_eve.revoke_role(&world.cx, ada, "reader").await,
        by_eve
            .create_role(&world.cx, "mine", &definition(&[], &[]))
            .await
            .map(|_| ()),
        by_eve
            .update_role(&world.cx, "reader", &definition(&[], &[]))
            .await
            .map(|_| ()),
        by_eve.delete_role(&world.cx, "reader").await,
    ];
    for answer in refused {
        assert_eq!(code(answer), "access.forbidden");
    }
    // Nor does it count where the session is over, the account closed, or the tenant another's.
    give(&world, eve.user_id, "delegate").await;
    let elsewhere = second_tenant(&world).await;
    let foreign = elsewhere.gk.administration().on_behalf_of(&eve);
    let answer = foreign
        .create_role(&elsewhere.cx, "mine", &definition(&[], &[]))
        .await;
    assert_eq!(code(answer), "access.invalid_token");
    assert_eq!(
        code(
            foreign
                .list_roles(&elsewhere.cx, PageRequest::first(9))
                .await
        ),
        "access.forbidden"
    );
    world.gk.sessions().sign_out(&world.cx, &eve).await.unwrap();
    let answer = by_eve.delete_role(&world.cx, "reader").await;
    assert_eq!(code(answer), "access.invalid_token");
    let again = world
        .identity(&world.sign_in("eve@example.org").await)
        .await;
    let by_eve = world.gk.administration().on_behalf_of(&again);
    let now = world.clock.now();
    change_user(&world, eve.user_id, |user| user.disabled_at = Some(now)).await;
    let answer = by_eve.delete_role(&world.cx, "reader").await;
    assert_eq!(code(answer), "access.invalid_token");
    let changed = changes(&world).await;
    assert_eq!(changed.len(), before.len() + 1, "{changed:?}");
}

/// Who only reads is held to a permission too.
pub(super) async fn reading_roles_asks_for_a_permission(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let ada = somebody(&world, "ada@example.org", &[]).await;
    let administration = world.gk.administration().on_behalf_of(&ada);
    let page = PageRequest::first(10);
    let refused = [
        administration.list_roles(&world.cx, page).await.map(|_| ()),
        administration
            .find_role(&world.cx, "admin")
            .await
            .map(|_| ()),
        administration.list_permissions(&world.cx).await.map(|_| ()),
        administration
            .list_groups(&world.cx, page)
            .await
            .map(|_| ()),
        administration
            .find_group(&world.cx, sample::group(world.cx.tenant_id, 1, &[]).id)
            .await
            .map(|_| ()),
        administration
            .list_group_members(
                &world.cx,
                sample::group(world.cx.tenant_id, 1, &[]).id,
                page,
            )
            .await
            .map(|_| ()),
    ];
    for answer in refused {
        assert_eq!(code(answer), "access.forbidden");
    }
}

/// The scopes of an API key bound what its owner does with it, reach included.
pub(super) async fn row_63_a_key_reaches_no_further_than_its_scopes(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let root = somebody(&world, "root@example.org", &["admin"]).await;
    let ada = world.verified("ada@example.org").await;
    make(&world, "reader", &["reports:read"], &[]).await;
    let user = {
        let mut tx = world.repository.begin().await.unwrap();
        let found = tx.users().find(world.cx.tenant_id, root.user_id).await;
        found.unwrap().unwrap()
    };
    let mut key = sample::api_key(&user, 1);
    key.permissions = vec!["roles:assign".to_owned(), "roles:write".to_owned()];
    key.expires_at = None;
    let mut tx = world.repository.begin().await.unwrap();
    tx.api_keys().insert(&key).await.unwrap();
    tx.commit().await.unwrap();
    let who = by_key(&world, &user, key.id);
    let by_key = world.gk.administration().on_behalf_of(&who);
    for user in [ada, root.user_id] {
        for role in ["reader", "admin"] {
            let answer = by_key.grant_role(&world.cx, user, role).await;
            assert_eq!(code(answer), "access.insufficient_rank");
        }
    }
    let answer = by_key
        .create_role(&world.cx, "mine", &definition(&["reports:read"], &[]))
        .await;
    assert_eq!(code(answer), "access.insufficient_rank");
    by_key
        .create_role(&world.cx, "mine", &definition(&["roles:assign"], &[]))
        .await
        .unwrap();
    by_key.grant_role(&world.cx, ada, "mine").await.unwrap();
    // A key that is revoked, and a permission that is not among its scopes.
    let answer = by_key.list_groups(&world.cx, PageRequest::first(1)).await;
    assert_eq!(code(answer), "access.forbidden");
    let mut tx = world.repository.begin().await.unwrap();
    let now = world.clock.now();
    assert!(
        tx.api_keys()
            .revoke(world.cx.tenant_id, key.id, now)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    let answer = by_key.revoke_role(&world.cx, ada, "mine").await;
    assert_eq!(code(answer), "access.invalid_token");
}

/// Who asks with this key, as far as the transport knows.
fn by_key(world: &World, user: &gatekeeper_core::model::User, key: ApiKeyId) -> Identity {
    let now = world.clock.now();
    let mut who = Identity::new(
        user.id,
        user.tenant_id,
        SessionId::from_uuid(key.as_uuid()),
        TokenId::from_uuid(key.as_uuid()),
        now,
        now.after(Duration::from_mins(5)),
    );
    who.api_key = Some(key);
    who
}

/// CVE-2025-64431, CVE-2026-95814: what another tenant has is not there.
pub(super) async fn row_52_roles_of_another_tenant_are_not_there(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let other = second_tenant(&world).await;
    make(&world, "analyst", &["reports:read"], &[]).await;
    let ada = somebody(&world, "ada@example.org", &["analyst"]).await;
    let mallory = somebody(&other, "mallory@example.org", &["admin"]).await;
    let before = (changes(&world).await, authority(&world, ada.user_id).await);
    for administration in [
        other.gk.administration(),
        other.gk.administration().on_behalf_of(&mallory),
    ] {
        let cx = &other.cx;
        let same = definition(&["reports:read"], &[]);
        for refused in [
            administration.find_role(cx, "analyst").await.map(|_| ()),
            administration
                .update_role(cx, "analyst", &same)
                .await
                .map(|_| ()),
            administration.delete_role(cx, "analyst").await,
            administration
                .grant_role(cx, mallory.user_id, "analyst")
                .await,
            administration
                .revoke_role(cx, mallory.user_id, "analyst")
                .await,
        ] {
            assert_eq!(code(refused), "role.not_found");
        }
        for refused in [
            administration.grant_role(cx, ada.user_id, "admin").await,
            administration.revoke_role(cx, ada.user_id, "admin").await,
        ] {
            assert_eq!(code(refused), "account.not_found");
        }
        let inherits = definition(&[], &["analyst"]);
        let answer = administration.create_role(cx, "mine", &inherits).await;
        assert_eq!(code(answer), "request.invalid");
        let listed = administration
            .list_roles(cx, PageRequest::first(100))
            .await
            .unwrap();
        let names: Vec<&str> = listed
            .items
            .iter()
            .map(|one| one.role.name.as_str())
            .collect();
        assert_eq!(names, ["admin"]);
        assert_eq!(administration.list_permissions(cx).await.unwrap(), ["*"]);
    }
    // A role of the same name is another role.
    make(&other, "analyst", &["x:y"], &[]).await;
    give(&other, mallory.user_id, "analyst").await;
    let here = world.gk.administration().list_permissions(&world.cx).await;
    assert_eq!(here.unwrap(), ["*", "reports:read", "tenants:*"]);
    other
        .gk
        .administration()
        .delete_role(&other.cx, "analyst")
        .await
        .unwrap();
    let after = (changes(&world).await, authority(&world, ada.user_id).await);
    assert_eq!(before, after);
}

pub(super) async fn the_last_administrator_stays_one(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let root = somebody(&world, "root@example.org", &["admin"]).await;
    let bob = world.verified("bob@example.org").await;
    let by_root = world.gk.administration().on_behalf_of(&root);
    let revoke = async || by_root.revoke_role(&world.cx, root.user_id, "admin").await;
    let leave = async || {
        world
            .gk
            .accounts()
            .delete(&world.cx, &root, &PASSWORD.into())
            .await
    };
    let last = "role.last_administrator";
    assert_eq!(code(revoke().await), last);
    assert_eq!(code(leave().await), last);
    // Who has it through a group, or by a role that inherits it, or is disabled, does not count.
    make(&world, "chief", &[], &["admin"]).await;
    give(&world, bob, "chief").await;
    assert_eq!(code(revoke().await), last);
    let group = super::groups::make(&world, "chiefs", &["admin"]).await;
    let administration = world.gk.administration();
    administration
        .add_group_member(&world.cx, group.id, bob)
        .await
        .unwrap();
    assert_eq!(code(revoke().await), last);
    give(&world, bob, "admin").await;
    let now = world.clock.now();
    change_user(&world, bob, |user| user.disabled_at = Some(now)).await;
    assert_eq!(code(revoke().await), last);
    assert_eq!(code(leave().await), last);
    // Nor does one of another tenant.
    let other = second_tenant(&world).await;
    somebody(&other, "mallory@example.org", &["admin"]).await;
    assert_eq!(code(revoke().await), last);
    // What is disabled already leaves nobody behind.
    by_root.revoke_role(&world.cx, bob, "admin").await.unwrap();
    give(&world, bob, "admin").await;
    change_user(&world, bob, |user| user.disabled_at = None).await;
    revoke().await.unwrap();
    // An operator may, who grants the next one.
    administration
        .revoke_role(&world.cx, bob, "admin")
        .await
        .unwrap();
    assert_eq!(world.count(Event::RoleRevoked).await, 3);
}

/// Of two administrators, taken from office at once by two who may, one stays.
pub(super) async fn row_33_of_two_administrators_one_stays(fixture: StoreFixture) {
    let other = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let nodes = [world.clone(), world.another_node(other).await];
    // They may do everything without being administrators.
    make(&world, "chief", &["*"], &[]).await;
    let chiefs = [
        somebody(&world, "ann@example.org", &["chief"]).await,
        somebody(&world, "ben@example.org", &["chief"]).await,
    ];
    let admins = [
        world.verified("ida@example.org").await,
        world.verified("joe@example.org").await,
    ];
    for _ in 0..6 {
        for admin in admins {
            give(&world, admin, "admin").await;
        }
        let depose = |at: usize| {
            let (world, chief, admin) = (nodes[at].clone(), Arc::clone(&chiefs[at]), admins[at]);
            tokio::spawn(async move {
                let administration = world.gk.administration().on_behalf_of(&chief);
                administration.revoke_role(&world.cx, admin, "admin").await
            })
        };
        let (one, two) = tokio::join!(depose(0), depose(1));
        let answers = [one.unwrap(), two.unwrap()];
        let refused: Vec<String> = answers
            .into_iter()
            .filter(Result::is_err)
            .map(code)
            .collect();
        assert_eq!(refused, ["role.last_administrator"]);
    }
}

/// Every node is told that tokens issued before say too much, or too little.
pub(super) async fn a_change_of_roles_makes_tokens_out_of_date(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let ada = world.verified("ada@example.org").await;
    let administration = world.gk.administration();
    let cx = &world.cx;
    let tick = || world.advance(Duration::from_secs(2));
    tick();
    make(&world, "reader", &["reports:read"], &[]).await;
    assert!(news(&world).await.is_empty());
    for changed in [true, false] {
        tick();
        administration.grant_role(cx, ada, "reader").await.unwrap();
        let now = world.clock.now();
        let told = if changed {
            vec![RevocationTarget::Authority(ada, now)]
        } else {
            vec![]
        };
        assert_eq!(news(&world).await, told);
    }
    for (wanted, tells) in [
        (definition(&["reports:*"], &[]), true),
        (definition(&["reports:*"], &[]), false),
        (
            RoleDefinition {
                description: "other".to_owned(),
                ..definition(&["reports:*"], &[])
            },
            false,
        ),
        (definition(&["reports:*"], &["admin"]), true),
    ] {
        tick();
        administration
            .update_role(cx, "reader", &wanted)
            .await
            .unwrap();
        let now = world.clock.now();
        let told = if tells {
            vec![RevocationTarget::TenantAuthority(now)]
        } else {
            vec![]
        };
        assert_eq!(news(&world).await, told, "{wanted:?}");
    }
    for changed in [true, false] {
        tick();
        administration.revoke_role(cx, ada, "reader").await.unwrap();
        let now = world.clock.now();
        let told = if changed {
            vec![RevocationTarget::Authority(ada, now)]
        } else {
            vec![]
        };
        assert_eq!(news(&world).await, told);
    }
    tick();
    administration.delete_role(cx, "reader").await.unwrap();
    let now = world.clock.now();
    assert_eq!(news(&world).await, [RevocationTarget::TenantAuthority(now)]);
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
