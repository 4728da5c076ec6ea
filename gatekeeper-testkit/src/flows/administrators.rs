//! A tenant is never without an administrator who can come in.

use std::sync::Arc;

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
