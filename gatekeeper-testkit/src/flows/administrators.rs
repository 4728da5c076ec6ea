//! A tenant is never without an administrator who can come in.

use std::{sync::Arc, time::Duration};

use gatekeeper_core::{env::Clock, model::Event};

use super::{
    roles::{give, make, somebody},
    tenants::second_tenant,
    world::{PASSWORD, World, change_user, code},
};
use crate::store::StoreFixture;

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

/// Nor by any other way than taking the role: in nobody's name is the last one disabled, deleted or erased but an operator's, who may
/// disable and delete.
pub(super) async fn the_last_administrator_is_not_disabled_deleted_or_erased(
    fixture: StoreFixture,
) {
    let world = World::new(fixture).await;
    let root = somebody(&world, "root@example.org", &["admin"]).await;
    make(&world, "chief", &["*"], &[]).await;
    let chief = somebody(&world, "chief@example.org", &["chief"]).await;
    let cx = &world.cx;
    let last = "role.last_administrator";
    let before = world.trail().await;
    for who in [&root, &chief] {
        let administration = world.gk.administration().on_behalf_of(who);
        let privacy = world.gk.privacy().on_behalf_of(who);
        let user = root.user_id;
        assert_eq!(code(administration.disable(cx, user).await), last);
        assert_eq!(code(administration.delete_user(cx, user).await), last);
        assert_eq!(code(privacy.erase(cx, user).await), last);
    }
    let own = world.gk.privacy();
    assert_eq!(code(own.erase_own(cx, &root, &PASSWORD.into()).await), last);
    assert_eq!(world.trail().await, before);
    world.sign_in("root@example.org").await;

    // With another one it is a user as any other; and whoever is disabled keeps nobody in office.
    let bob = somebody(&world, "bob@example.org", &["admin"]).await;
    let by_bob = world.gk.administration().on_behalf_of(&bob);
    by_bob.disable(cx, root.user_id).await.unwrap();
    assert_eq!(code(by_bob.disable(cx, bob.user_id).await), last);
    let privacy = world.gk.privacy().on_behalf_of(&bob);
    assert_eq!(code(privacy.erase(cx, bob.user_id).await), last);
    privacy.erase(cx, root.user_id).await.unwrap();
    // An operator grants the next one.
    let operator = world.gk.administration();
    operator.disable(cx, bob.user_id).await.unwrap();
    operator.delete_user(cx, bob.user_id).await.unwrap();
}

/// Of two administrators who disable each other at once, on two nodes, one stays.
pub(super) async fn row_33_of_two_who_disable_each_other_one_stays(fixture: StoreFixture) {
    let other = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let nodes = [world.clone(), world.another_node(other).await];
    let emails = ["ann@example.org", "ben@example.org"];
    let mut admins = [
        somebody(&world, emails[0], &["admin"]).await,
        somebody(&world, emails[1], &["admin"]).await,
    ];
    for _ in 0..6 {
        let depose = |at: usize| {
            let (world, who) = (nodes[at].clone(), Arc::clone(&admins[at]));
            let user = admins[1 - at].user_id;
            tokio::spawn(async move {
                let administration = world.gk.administration().on_behalf_of(&who);
                administration.disable(&world.cx, user).await
            })
        };
        let (one, two) = tokio::join!(depose(0), depose(1));
        let answers = [one.unwrap(), two.unwrap()];
        let done = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(done, 1, "{answers:?}");
        for (email, admin) in emails.into_iter().zip(&mut admins) {
            let administration = world.gk.administration();
            administration
                .enable(&world.cx, admin.user_id)
                .await
                .unwrap();
            world.advance(Duration::from_secs(1));
            *admin = world.identity(&world.sign_in(email).await).await;
        }
    }
}
