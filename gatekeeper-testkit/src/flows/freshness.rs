//! What somebody may do is what the store says at this moment, on every node.

use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    RoleDefinition, SignedIn,
    config::OutdatedTokens,
    env::Clock,
    model::{RevocationTarget, Timestamp},
};

use super::{
    impersonation::Stage,
    roles::{definition, give, make},
    world::{World, code},
};
use crate::store::StoreFixture;

/// The news that was written at this very instant. Tokens are out of date up to the time at which one may be issued by a clock that is
/// ahead, from what was read just before the change; here it is told without that.
pub(super) async fn news(world: &World) -> Vec<RevocationTarget> {
    let now = world.clock.now();
    let margin = world.gk.config().access_tokens.leeway + Duration::from_secs(2);
    let without = |until: Timestamp| {
        let changed = until.before(margin);
        assert!(changed >= now && changed < now.after(Duration::from_millis(1)));
        now
    };
    let news = world.repository.revocations_since(now, now).await.unwrap();
    let told = news.into_iter().map(|row| match row.target {
        RevocationTarget::Authority(user, until) => {
            RevocationTarget::Authority(user, without(until))
        }
        RevocationTarget::TenantAuthority(until) => {
            RevocationTarget::TenantAuthority(without(until))
        }
        other => other,
    });
    told.collect()
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

/// A node that knows the token of somebody from whom another node has just taken a role.
async fn demoted_elsewhere(fixture: StoreFixture, outdated: OutdatedTokens) -> (World, SignedIn) {
    let node = Arc::clone(&fixture.other);
    let world = World::configured(fixture, |config| {
        config.authority.outdated_tokens = outdated;
    });
    let world = world.await;
    make(&world, "reader", &["reports:read"], &[]).await;
    let ada = world.verified("ada@example.org").await;
    give(&world, ada, "reader").await;
    // A token that is issued just after a change is out of date as well.
    world.advance(Duration::from_mins(1));
    let signed_in = world.sign_in("ada@example.org").await;
    let other = world.another_node(node).await;
    assert_eq!(permissions(&other, &signed_in).await, ["reports:read"]);
    world.advance(Duration::from_mins(1));
    // It has asked just now, and knows the token.
    assert_eq!(permissions(&other, &signed_in).await, ["reports:read"]);
    let administration = world.gk.administration();
    let revoked = administration.revoke_role(&world.cx, ada, "reader");
    revoked.await.unwrap();
    // Without workers nothing brings the news: the next reading does, before the set is as old as it may be.
    world.advance(Duration::from_secs(6));
    (other, signed_in)
}

async fn permissions(world: &World, signed_in: &SignedIn) -> Vec<String> {
    world.identity(signed_in).await.permissions.clone()
}

/// What was taken on one node is gone on another as soon as it has read the news; the bearer stays who it is.
pub(super) async fn asvs_8_3_2_another_node_reads_rights_anew(fixture: StoreFixture) {
    let (other, signed_in) = demoted_elsewhere(fixture, OutdatedTokens::Reread).await;
    assert!(permissions(&other, &signed_in).await.is_empty());
    // And again, from what is remembered; what changes then is heard too.
    assert!(permissions(&other, &signed_in).await.is_empty());
    let ada = signed_in.profile.user.id;
    give(&other, ada, "reader").await;
    assert_eq!(permissions(&other, &signed_in).await, ["reports:read"]);
    let administration = other.gk.administration();
    administration
        .update_role(&other.cx, "reader", &definition(&["reports:list"], &[]))
        .await
        .unwrap();
    assert_eq!(permissions(&other, &signed_in).await, ["reports:list"]);
    let refreshed = other.refresh(&signed_in).await.unwrap();
    assert_eq!(permissions(&other, &refreshed).await, ["reports:list"]);
}

/// Where that is the setting, the token is refused, and the one that a refresh gives says what is so now.
pub(super) async fn asvs_8_3_2_another_node_refuses_what_is_out_of_date(fixture: StoreFixture) {
    let (other, signed_in) = demoted_elsewhere(fixture, OutdatedTokens::Refuse).await;
    assert!(!other.believes(&signed_in).await);
    let refreshed = other.refresh(&signed_in).await.unwrap();
    assert!(permissions(&other, &refreshed).await.is_empty());
}

/// Whoever acts as somebody goes on with the rights that these have at this moment, and only where they still stand above them.
pub(super) async fn row_53_whoever_acts_is_refused_when_rights_change(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let stage = Stage::new(World::new(fixture).await).await;
    let (world, ada) = (&stage.world, stage.ada);
    make(world, "reader", &["users:read"], &[]).await;
    make(world, "billing", &["billing:write"], &[]).await;
    let other = world.another_node(node).await;
    let own = world.sign_in("ada@example.org").await;
    let mut acting = stage.acting().await;
    for node in [world, &other] {
        assert!(node.believes(&acting).await && node.believes(&own).await);
    }
    give(world, ada, "reader").await;
    for node in [world, &other] {
        for _ in 0..2 {
            assert_eq!(permissions(node, &own).await, ["users:read"]);
            assert_eq!(permissions(node, &acting).await, ["users:read"]);
        }
        world.advance(Duration::from_secs(6));
    }
    for refreshed in [false, true] {
        if refreshed {
            acting = other.refresh(&acting).await.unwrap();
        }
        // Further than the administrator reaches: the user has it, and nobody acts with it.
        give(world, ada, "billing").await;
        for node in [&other, world] {
            world.advance(Duration::from_secs(6));
            for _ in 0..2 {
                assert_eq!(
                    permissions(node, &own).await,
                    ["billing:write", "users:read"]
                );
                assert!(!node.believes(&acting).await);
            }
        }
        let administration = world.gk.administration();
        let taken = administration.revoke_role(&world.cx, ada, "billing");
        taken.await.unwrap();
        world.advance(Duration::from_secs(6));
    }
    give(world, ada, "billing").await;
    let refused = other.refresh(&acting).await;
    assert_eq!(code(refused), "session.invalid_refresh_token");
}
