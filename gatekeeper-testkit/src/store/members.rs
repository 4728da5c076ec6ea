use gatekeeper_core::model::{Cursor, Group, Organization, PageRequest, TenantId};

use super::{StoreFixture, concurrency::together};
use crate::sample::{self, NOW, at};

const TENANT: TenantId = TenantId::DEFAULT;

/// Groups come back whole, are named once, and need their roles.
pub(super) async fn groups_come_back_whole(fx: &StoreFixture) {
    let mut group = sample::group(TENANT, 1, &["admin", "platform_admin"]);
    group.name = " \u{e9} ' %_\\ ".to_owned();
    group.updated_at = at(-5);
    commit!(fx, t => t.groups().insert(&group).await);
    for found in [
        peek!(fx, t => t.groups().find(TENANT, group.id).await),
        peek!(fx, t => t.groups().find_for_update(TENANT, group.id).await),
    ] {
        assert_eq!(found.as_ref(), Some(&group));
    }
    refused!(fx, Id, t => t.groups().insert(&group).await);
    let namesake = Group {
        name: group.name.clone(),
        ..sample::group(TENANT, 2, &[])
    };
    refused!(fx, GroupName, t => t.groups().insert(&namesake).await);
    refused!(fx, Reference, t => t.groups().insert(&sample::group(TENANT, 3, &["missing"])).await);
    refused!(fx, Reference, t => t.groups().insert(&sample::group(sample::tenant(9).id, 4, &[])).await);
    let other = sample::group(TENANT, 5, &[]);
    commit!(fx, t => t.groups().insert(&other).await);
    let thief = Group {
        name: group.name.clone(),
        ..other.clone()
    };
    refused!(fx, GroupName, t => t.groups().update(&thief).await);
    let missing = Group {
        roles: vec![sample::role_name("missing")],
        ..other.clone()
    };
    refused!(fx, Reference, t => t.groups().update(&missing).await);
    group.roles = vec![sample::role_name("admin")];
    group.description = String::new();
    group.updated_at = at(50);
    assert!(commit!(fx, t => t.groups().update(&group).await));
    assert_eq!(
        peek!(fx, t => t.groups().find(TENANT, group.id).await).as_ref(),
        Some(&group)
    );
    assert!(!commit!(fx, t => t.groups().update(&sample::group(TENANT, 9, &[])).await));
    assert!(commit!(fx, t => t.groups().delete(TENANT, group.id).await));
    assert!(!commit!(fx, t => t.groups().delete(TENANT, group.id).await));
    let left = peek!(fx, t => t.groups().list(TENANT, PageRequest::first(9)).await);
    assert_eq!(left.items, [other]);
}

/// Members are listed by since when, each page where the one before ended; a user is a member once.
pub(super) async fn members_of_groups_are_paged(fx: &StoreFixture) {
    let group = sample::group(TENANT, 1, &[]);
    commit!(fx, t => t.groups().insert(&group).await);
    let mut expected = Vec::new();
    for (n, seconds) in (0..).zip([5, 5, -9, 7]) {
        let user = sample::user(TENANT, n);
        commit!(fx, t => t.users().insert(&user).await);
        assert!(
            commit!(fx, t => t.groups().add_member(TENANT, group.id, user.id, at(seconds)).await)
        );
        assert!(!commit!(fx, t => t.groups().add_member(TENANT, group.id, user.id, at(99)).await));
        expected.push(Cursor {
            at: at(seconds),
            id: user.id.as_uuid(),
        });
    }
    expected.sort_by_key(|member| std::cmp::Reverse((member.at, member.id)));
    let first = peek!(fx, t => t.groups().members(TENANT, group.id, PageRequest::first(3)).await);
    assert_eq!(first.items, expected[..3]);
    let rest = PageRequest {
        limit: 3,
        after: first.next,
    };
    let rest = peek!(fx, t => t.groups().members(TENANT, group.id, rest).await);
    assert_eq!((&rest.items[..], rest.next), (&expected[3..], None));
    let (user, nobody) = (sample::user(TENANT, 0).id, sample::user(TENANT, 99).id);
    refused!(fx, Reference, t => t.groups().add_member(TENANT, group.id, nobody, NOW).await);
    let missing = sample::group(TENANT, 9, &[]).id;
    refused!(fx, Reference, t => t.groups().add_member(TENANT, missing, user, NOW).await);
    assert!(commit!(fx, t => t.groups().remove_member(TENANT, group.id, user).await));
    assert!(!commit!(fx, t => t.groups().remove_member(TENANT, group.id, user).await));
    // With the user goes the membership.
    let gone = sample::user(TENANT, 1).id;
    commit!(fx, t => t.users().delete(TENANT, gone).await);
    let left = peek!(fx, t => t.groups().members(TENANT, group.id, PageRequest::first(9)).await);
    assert_eq!(left.items.len(), 2);
}

/// Organisations come back whole, and a tenant has one with a slug.
pub(super) async fn organizations_come_back_whole(fx: &StoreFixture) {
    let mut row = sample::organization(TENANT, 1);
    row.name = " \u{e9} ' %_\\ ".to_owned();
    row.metadata.insert(
        "a".to_owned(),
        serde_json::json!({"b": [1, null, "\u{4f60}"]}),
    );
    row.updated_at = at(-5);
    commit!(fx, t => t.organizations().insert(&row).await);
    for found in [
        peek!(fx, t => t.organizations().find(TENANT, row.id).await),
        peek!(fx, t => t.organizations().find_for_update(TENANT, row.id).await),
    ] {
        assert_eq!(found.as_ref(), Some(&row));
    }
    refused!(fx, Id, t => t.organizations().insert(&row).await);
    let namesake = Organization {
        slug: row.slug.clone(),
        ..sample::organization(TENANT, 2)
    };
    refused!(fx, OrganizationSlug, t => t.organizations().insert(&namesake).await);
    refused!(fx, Reference, t => t.organizations().insert(&sample::organization(sample::tenant(9).id, 4)).await);
    let other = sample::organization(TENANT, 5);
    commit!(fx, t => t.organizations().insert(&other).await);
    let thief = Organization {
        slug: row.slug.clone(),
        ..other.clone()
    };
    refused!(fx, OrganizationSlug, t => t.organizations().update(&thief).await);
    row.slug = sample::organization(TENANT, 77).slug;
    row.metadata.clear();
    row.updated_at = at(50);
    assert!(commit!(fx, t => t.organizations().update(&row).await));
    assert_eq!(
        peek!(fx, t => t.organizations().find(TENANT, row.id).await).as_ref(),
        Some(&row)
    );
    assert!(!commit!(fx, t => t.organizations().update(&sample::organization(TENANT, 9)).await));
    let listed = peek!(fx, t => t.organizations().list(TENANT, PageRequest::first(9)).await);
    assert_eq!(listed.items, [other, row]);
}

/// A membership is written again with other roles, and keeps its time; it is listed from both sides.
pub(super) async fn memberships_are_replaced_whole(fx: &StoreFixture) {
    let (user, first, second) = (
        sample::user(TENANT, 1),
        sample::organization(TENANT, 1),
        sample::organization(TENANT, 2),
    );
    commit!(fx, t => t.users().insert(&user).await);
    for row in [&first, &second] {
        commit!(fx, t => t.organizations().insert(row).await);
    }
    let mut membership = sample::membership(&first, &user, &["admin", "platform_admin"]);
    assert!(!commit!(fx, t => t.organizations().put_member(&membership).await));
    let mut later = sample::membership(&first, &user, &["platform_admin"]);
    later.created_at = at(500);
    assert!(commit!(fx, t => t.organizations().put_member(&later).await));
    membership.roles.clone_from(&later.roles);
    let found = peek!(fx, t => t.organizations().find_member(TENANT, first.id, user.id).await);
    assert_eq!(found.as_ref(), Some(&membership));
    let mut other = sample::membership(&second, &user, &[]);
    other.created_at = at(3);
    commit!(fx, t => t.organizations().put_member(&other).await);
    let page = PageRequest::first(9);
    let of_user = peek!(fx, t => t.organizations().list_for_user(TENANT, user.id, page).await);
    assert_eq!(
        of_user.items,
        [(second.clone(), other), (first.clone(), membership.clone())]
    );
    let cut = peek!(fx, t => t.organizations().list_for_user(TENANT, user.id, PageRequest::first(1)).await);
    let rest = PageRequest {
        limit: 1,
        after: cut.next,
    };
    let rest = peek!(fx, t => t.organizations().list_for_user(TENANT, user.id, rest).await);
    assert_eq!(rest.items, [(first.clone(), membership.clone())]);
    let members = peek!(fx, t => t.organizations().members(TENANT, first.id, page).await);
    assert_eq!(members.items, [membership.clone()]);
    let mut missing = membership.clone();
    missing.roles = vec![sample::role_name("missing")];
    refused!(fx, Reference, t => t.organizations().put_member(&missing).await);
    let nobody = sample::membership(&first, &sample::user(TENANT, 9), &[]);
    refused!(fx, Reference, t => t.organizations().put_member(&nobody).await);
    let nowhere = sample::membership(&sample::organization(TENANT, 9), &user, &[]);
    refused!(fx, Reference, t => t.organizations().put_member(&nowhere).await);
    // An organisation goes with its memberships and invitations.
    let mut invitation = sample::invitation(TENANT, 1);
    invitation.organization_id = Some(first.id);
    commit!(fx, t => t.invitations().insert(&invitation).await);
    assert!(commit!(fx, t => t.organizations().delete(TENANT, first.id).await));
    assert!(!commit!(fx, t => t.organizations().delete(TENANT, first.id).await));
    assert_eq!(
        peek!(fx, t => t.invitations().find(TENANT, invitation.id).await),
        None
    );
    let of_user = peek!(fx, t => t.organizations().list_for_user(TENANT, user.id, page).await);
    assert_eq!(of_user.items.len(), 1);
    assert!(commit!(fx, t => t.organizations().remove_member(TENANT, second.id, user.id).await));
    assert!(!commit!(fx, t => t.organizations().remove_member(TENANT, second.id, user.id).await));
}

/// Of many who write one member's roles at once the last leaves its own, and nobody else's beside them.
pub(super) async fn memberships_written_at_once_do_not_mix(fx: &StoreFixture) {
    let (user, organization) = (sample::user(TENANT, 1), sample::organization(TENANT, 1));
    commit!(fx, t => t.users().insert(&user).await);
    commit!(fx, t => t.organizations().insert(&organization).await);
    let added = together(8, |n| {
        let repository = fx.node(n);
        let role = if n % 2 == 0 {
            "admin"
        } else {
            "platform_admin"
        };
        let membership = sample::membership(&organization, &user, &[role]);
        async move {
            let mut t = repository.begin().await.unwrap();
            let there = t.organizations().put_member(&membership).await.unwrap();
            t.commit().await.unwrap();
            !there
        }
    })
    .await;
    assert_eq!(added.iter().filter(|added| **added).count(), 1);
    let found =
        peek!(fx, t => t.organizations().find_member(TENANT, organization.id, user.id).await);
    assert_eq!(found.unwrap().roles.len(), 1);
}
