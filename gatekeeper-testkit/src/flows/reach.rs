//! How far whoever gives and takes roles reaches.

use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    Identity,
    env::Clock,
    model::{ApiKeyId, Authority, PageRequest, SessionId, TokenId},
};

use super::{
    roles::{authority, changes, definition, give, make, somebody},
    tenants::second_tenant,
    world::{World, change_user, code},
};
use crate::{sample, store::StoreFixture};

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
