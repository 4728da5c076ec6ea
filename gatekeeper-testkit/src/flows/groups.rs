use std::time::Duration;

use gatekeeper_core::{
    GroupChanges, NewGroup,
    env::Clock,
    model::{Authority, Event, Group, GroupId, PageRequest, RevocationTarget},
    testing::SeededRandom,
};
use serde_json::json;

use super::{
    freshness::news,
    roles::{authority, changes, give, make as make_role, somebody},
    tenants::second_tenant,
    world::{World, code},
};
use crate::store::StoreFixture;

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn new_group(name: &str, roles: &[&str]) -> NewGroup {
    NewGroup {
        name: name.to_owned(),
        description: "for tests".to_owned(),
        roles: owned(roles),
    }
}

fn with_roles(roles: &[&str]) -> GroupChanges {
    GroupChanges {
        roles: Some(owned(roles)),
        ..GroupChanges::default()
    }
}

/// Makes a group, as an operator.
pub(super) async fn make(world: &World, name: &str, roles: &[&str]) -> Group {
    let administration = world.gk.administration();
    let made = administration.create_group(&world.cx, new_group(name, roles));
    made.await.unwrap()
}

pub(super) async fn members_have_what_their_groups_have(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    make_role(&world, "reader", &["reports:read"], &[]).await;
    make_role(&world, "writer", &["reports:write"], &["reader"]).await;
    make_role(&world, "clerk", &["desk:use"], &[]).await;
    let signed_in = world.signed_in("ada@example.org").await;
    let ada = signed_in.profile.user.id;
    give(&world, ada, "clerk").await;
    let administration = world.gk.administration();
    let cx = &world.cx;
    let (press, desk) = (
        make(&world, "press", &["writer"]).await,
        make(&world, "desk", &["clerk"]).await,
    );
    for group in [press.id, desk.id, press.id] {
        administration
            .add_group_member(cx, group, ada)
            .await
            .unwrap();
    }
    let signed_in = world.refresh(&signed_in).await.unwrap();
    let who = world.identity(&signed_in).await;
    assert_eq!(who.roles, ["clerk", "reader", "user", "writer"]);
    assert!(who.has_permission("reports:read"));
    // What is had in two ways goes with the second.
    administration
        .remove_group_member(cx, desk.id, ada)
        .await
        .unwrap();
    assert!(
        authority(&world, ada)
            .await
            .roles
            .contains(&"clerk".to_owned())
    );
    administration
        .update_group(cx, press.id, with_roles(&["reader"]))
        .await
        .unwrap();
    assert_eq!(authority(&world, ada).await.roles, ["clerk", "reader"]);
    // A role that goes takes itself out of the group.
    administration.delete_role(cx, "reader").await.unwrap();
    assert_eq!(authority(&world, ada).await.roles, ["clerk"]);
    assert!(
        administration
            .find_group(cx, press.id)
            .await
            .unwrap()
            .roles
            .is_empty()
    );
    administration
        .update_group(cx, press.id, with_roles(&["writer"]))
        .await
        .unwrap();
    administration.delete_group(cx, press.id).await.unwrap();
    assert_eq!(authority(&world, ada).await.roles, ["clerk"]);
    // A group gives a disabled account nothing, and goes on without a deleted one.
    let added = world.count(Event::GroupMemberAdded).await;
    assert_eq!(
        (added, world.count(Event::GroupMemberRemoved).await),
        (2, 1)
    );
}

pub(super) async fn a_group_is_made_changed_and_deleted(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let root = somebody(&world, "root@example.org", &["admin"]).await;
    make_role(&world, "reader", &["reports:read"], &[]).await;
    let administration = world.gk.administration().on_behalf_of(&root);
    let cx = &world.cx;
    let group = administration
        .create_group(cx, new_group("Press", &["reader", "reader"]))
        .await
        .unwrap();
    assert_eq!(group.roles.len(), 1);
    let row = world.newest(Event::GroupCreated).await;
    assert_eq!(row.actor, Some(root.user_id));
    assert_eq!(row.details["group"], group.id.to_string());
    assert_eq!(
        administration.find_group(cx, group.id).await.unwrap(),
        group
    );
    let again = administration
        .create_group(cx, new_group("Press", &[]))
        .await;
    assert_eq!(code(again), "role.name_taken");
    let second = administration
        .create_group(cx, new_group("Desk", &[]))
        .await
        .unwrap();
    let rename = GroupChanges {
        name: Some("Press".to_owned()),
        ..GroupChanges::default()
    };
    let answer = administration
        .update_group(cx, second.id, rename.clone())
        .await;
    assert_eq!(code(answer), "role.name_taken");
    // Its own name it may keep; nothing is changed by that.
    administration
        .update_group(cx, group.id, rename)
        .await
        .unwrap();
    assert_eq!(world.count(Event::GroupUpdated).await, 0);
    world.advance(Duration::from_secs(1));
    let changed = administration
        .update_group(cx, group.id, with_roles(&[]))
        .await
        .unwrap();
    assert!(changed.roles.is_empty() && changed.updated_at > group.updated_at);
    assert_eq!(changed.name, "Press");
    let row = world.newest(Event::GroupUpdated).await;
    assert_eq!(row.details["before"]["roles"], json!(["reader"]));
    assert_eq!(row.details["after"]["roles"], json!([]));

    let ada = world.verified("ada@example.org").await;
    administration
        .add_group_member(cx, group.id, ada)
        .await
        .unwrap();
    let row = world.newest(Event::GroupMemberAdded).await;
    assert_eq!((row.actor, row.target), (Some(root.user_id), Some(ada)));
    administration
        .add_group_member(cx, group.id, root.user_id)
        .await
        .unwrap();
    let page = PageRequest::first(1);
    let first = administration
        .list_group_members(cx, group.id, page)
        .await
        .unwrap();
    assert_eq!(first.items[0].user_id, root.user_id);
    let page = PageRequest {
        after: first.next,
        ..page
    };
    let last = administration
        .list_group_members(cx, group.id, page)
        .await
        .unwrap();
    assert_eq!((last.items[0].user_id, last.next), (ada, None));
    let groups = administration
        .list_groups(cx, PageRequest::first(10))
        .await
        .unwrap();
    assert_eq!(groups.items.len(), 2);

    administration.delete_group(cx, group.id).await.unwrap();
    assert_eq!(
        world.newest(Event::GroupDeleted).await.details["name"],
        "Press"
    );
    let missing = "group.not_found";
    assert_eq!(code(administration.find_group(cx, group.id).await), missing);
    assert_eq!(
        code(administration.delete_group(cx, group.id).await),
        missing
    );
    assert_eq!(
        code(
            administration
                .update_group(cx, group.id, with_roles(&[]))
                .await
        ),
        missing
    );
    assert_eq!(
        code(administration.add_group_member(cx, group.id, ada).await),
        missing
    );
    assert_eq!(
        code(administration.remove_group_member(cx, group.id, ada).await),
        missing
    );
    let answer = administration
        .list_group_members(cx, group.id, PageRequest::first(1))
        .await;
    assert_eq!(code(answer), missing);
}

pub(super) async fn every_wrong_field_of_a_group_is_named(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let administration = world.gk.administration();
    let group = make(&world, "Press", &[]).await;
    let before = changes(&world).await;
    for name in ["", " Press", "Pre\nss", "x".repeat(101).as_str()] {
        let answer = administration
            .create_group(&world.cx, new_group(name, &[]))
            .await;
        assert_eq!(code(answer), "request.invalid", "{name:?}");
        let rename = GroupChanges {
            name: Some(name.to_owned()),
            ..GroupChanges::default()
        };
        let answer = administration
            .update_group(&world.cx, group.id, rename)
            .await;
        assert_eq!(code(answer), "request.invalid", "{name:?}");
    }
    let many: Vec<String> = (0..51).map(|n| format!("r{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for roles in [["no-such-role"].as_slice(), &["No Name"], &["user"], &many] {
        let answer = administration
            .create_group(&world.cx, new_group("Desk", roles))
            .await;
        assert_eq!(code(answer), "request.invalid", "{roles:?}");
        let answer = administration
            .update_group(&world.cx, group.id, with_roles(roles))
            .await;
        assert_eq!(code(answer), "request.invalid", "{roles:?}");
    }
    let nobody = gatekeeper_core::model::UserId::new(world.clock.now(), &SeededRandom::new(99));
    let answer = administration
        .add_group_member(&world.cx, group.id, nobody)
        .await;
    assert_eq!(code(answer), "account.not_found");
    assert_eq!(changes(&world).await, before);
}

/// CVE-2026-94000, by way of groups.
pub(super) async fn row_53_a_group_gives_no_more_than_its_maker_has(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let root = somebody(&world, "root@example.org", &["admin"]).await;
    make_role(&world, "reader", &["reports:read"], &[]).await;
    let may = ["groups:read", "groups:write", "reports:read"];
    make_role(&world, "host", &may, &[]).await;
    make_role(&world, "delegate", &["roles:assign"], &["host"]).await;
    let hal = somebody(&world, "hal@example.org", &["host"]).await;
    let eve = somebody(&world, "eve@example.org", &["delegate"]).await;
    let ada = world.verified("ada@example.org").await;
    let chiefs = make(&world, "chiefs", &["admin"]).await;
    let plain = make(&world, "plain", &[]).await;
    let readers = make(&world, "readers", &["reader"]).await;
    let before = changes(&world).await;
    let cx = &world.cx;

    // To give and take roles is another permission than to keep groups.
    let by_hal = world.gk.administration().on_behalf_of(&hal);
    for answer in [
        by_hal
            .create_group(cx, new_group("mine", &["reader"]))
            .await
            .map(|_| ()),
        by_hal
            .update_group(cx, plain.id, with_roles(&["reader"]))
            .await
            .map(|_| ()),
        by_hal
            .update_group(cx, readers.id, with_roles(&[]))
            .await
            .map(|_| ()),
        by_hal.delete_group(cx, readers.id).await,
        by_hal.add_group_member(cx, readers.id, ada).await,
        by_hal.add_group_member(cx, plain.id, ada).await,
        by_hal.remove_group_member(cx, readers.id, ada).await,
    ] {
        assert_eq!(code(answer), "access.forbidden");
    }
    // And with it, one's own is as far as one reaches.
    let by_eve = world.gk.administration().on_behalf_of(&eve);
    for answer in [
        by_eve
            .create_group(cx, new_group("mine", &["admin"]))
            .await
            .map(|_| ()),
        by_eve
            .update_group(cx, plain.id, with_roles(&["admin"]))
            .await
            .map(|_| ()),
        by_eve
            .update_group(cx, chiefs.id, with_roles(&[]))
            .await
            .map(|_| ()),
        by_eve.delete_group(cx, chiefs.id).await,
        by_eve.add_group_member(cx, chiefs.id, eve.user_id).await,
        by_eve.add_group_member(cx, chiefs.id, ada).await,
        by_eve.remove_group_member(cx, chiefs.id, ada).await,
        // CVE-2026-55077: nor does she touch who may do more.
        by_eve.add_group_member(cx, readers.id, root.user_id).await,
        by_eve
            .remove_group_member(cx, readers.id, root.user_id)
            .await,
    ] {
        assert_eq!(code(answer), "access.insufficient_rank");
    }
    assert_eq!(changes(&world).await, before);
    assert_eq!(authority(&world, ada).await, Authority::default());

    by_hal
        .create_group(cx, new_group("hal's", &[]))
        .await
        .unwrap();
    by_eve.add_group_member(cx, readers.id, ada).await.unwrap();
    by_eve
        .update_group(cx, plain.id, with_roles(&["reader"]))
        .await
        .unwrap();
    by_eve.delete_group(cx, readers.id).await.unwrap();
}

/// CVE-2025-64431: another tenant's groups are not there, and its users belong to none of one's own.
pub(super) async fn row_52_groups_of_another_tenant_are_not_there(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let other = second_tenant(&world).await;
    let ada = somebody(&world, "ada@example.org", &[]).await;
    let group = make(&world, "press", &["admin"]).await;
    let added = world
        .gk
        .administration()
        .add_group_member(&world.cx, group.id, ada.user_id)
        .await;
    added.unwrap();
    let mallory = somebody(&other, "mallory@example.org", &["admin"]).await;
    let theirs = make(&other, "press", &["admin"]).await;
    let before = (changes(&world).await, authority(&world, ada.user_id).await);
    for administration in [
        other.gk.administration(),
        other.gk.administration().on_behalf_of(&mallory),
    ] {
        let cx = &other.cx;
        let page = PageRequest::first(10);
        for refused in [
            administration.find_group(cx, group.id).await.map(|_| ()),
            administration
                .update_group(cx, group.id, with_roles(&[]))
                .await
                .map(|_| ()),
            administration.delete_group(cx, group.id).await,
            administration
                .add_group_member(cx, group.id, mallory.user_id)
                .await,
            administration
                .remove_group_member(cx, group.id, mallory.user_id)
                .await,
            administration
                .list_group_members(cx, group.id, page)
                .await
                .map(|_| ()),
        ] {
            assert_eq!(code(refused), "group.not_found");
        }
        for refused in [
            administration
                .add_group_member(cx, theirs.id, ada.user_id)
                .await,
            administration
                .add_group_member(cx, group.id, ada.user_id)
                .await,
            administration
                .remove_group_member(cx, group.id, ada.user_id)
                .await,
        ] {
            assert_eq!(code(refused), "account.not_found");
        }
        let listed = administration.list_groups(cx, page).await.unwrap();
        assert_eq!(listed.items.len(), 1);
    }
    let after = (changes(&world).await, authority(&world, ada.user_id).await);
    assert_eq!(before, after);
    let nobody = GroupId::new(world.clock.now(), &SeededRandom::new(98));
    let answer = world
        .gk
        .administration()
        .find_group(&world.cx, nobody)
        .await;
    assert_eq!(code(answer), "group.not_found");
}

pub(super) async fn a_change_of_groups_makes_tokens_out_of_date(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let ada = world.verified("ada@example.org").await;
    make_role(&world, "reader", &["reports:read"], &[]).await;
    let administration = world.gk.administration();
    let cx = &world.cx;
    let tick = || {
        world.advance(Duration::from_secs(2));
        world.clock.now()
    };
    let nothing: [RevocationTarget; 0] = [];
    tick();
    let empty = make(&world, "empty", &[]).await;
    let group = make(&world, "press", &["reader"]).await;
    administration
        .add_group_member(cx, empty.id, ada)
        .await
        .unwrap();
    assert_eq!(news(&world).await, nothing);
    for expected in [true, false] {
        let now = tick();
        administration
            .add_group_member(cx, group.id, ada)
            .await
            .unwrap();
        assert_eq!(
            news(&world)
                .await
                .contains(&RevocationTarget::Authority(ada, now)),
            expected
        );
    }
    let now = tick();
    administration
        .update_group(cx, group.id, with_roles(&[]))
        .await
        .unwrap();
    assert_eq!(news(&world).await, [RevocationTarget::TenantAuthority(now)]);
    tick();
    let rename = GroupChanges {
        name: Some("Press".to_owned()),
        ..GroupChanges::default()
    };
    administration
        .update_group(cx, group.id, rename)
        .await
        .unwrap();
    assert_eq!(news(&world).await, nothing);
    let now = tick();
    administration
        .update_group(cx, group.id, with_roles(&["reader"]))
        .await
        .unwrap();
    assert_eq!(news(&world).await, [RevocationTarget::TenantAuthority(now)]);
    let now = tick();
    administration
        .remove_group_member(cx, group.id, ada)
        .await
        .unwrap();
    assert_eq!(news(&world).await, [RevocationTarget::Authority(ada, now)]);
    let now = tick();
    administration.delete_group(cx, group.id).await.unwrap();
    assert_eq!(news(&world).await, [RevocationTarget::TenantAuthority(now)]);
    tick();
    administration.delete_group(cx, empty.id).await.unwrap();
    assert_eq!(news(&world).await, nothing);
}
