//! What somebody may do is what the store says at this moment, on every node.

use std::time::Duration;

use gatekeeper_core::{RoleDefinition, env::Clock, model::RevocationTarget};

use super::{
    roles::{definition, make},
    world::World,
};
use crate::store::StoreFixture;

/// The news that was written at this very instant.
pub(super) async fn news(world: &World) -> Vec<RevocationTarget> {
    let now = world.clock.now();
    let news = world.repository.revocations_since(now, now).await.unwrap();
    news.into_iter().map(|row| row.target).collect()
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
