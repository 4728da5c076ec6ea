use std::time::Duration;

use gatekeeper_core::{
    Evidence,
    model::{PageRequest, Tenant, TenantSlug},
};

use super::world::{PASSWORD, World, code};
use crate::{sample, store::StoreFixture};

/// A second tenant, and a caller of it.
pub(super) async fn second_tenant(world: &World) -> World {
    let tenant = Tenant {
        slug: TenantSlug::parse("other").unwrap(),
        ..sample::tenant(2)
    };
    let mut tx = world.repository.begin().await.unwrap();
    tx.tenants().insert(&tenant).await.unwrap();
    tx.commit().await.unwrap();
    let resolved = world.gk.resolve_tenant(&tenant.slug).await.unwrap();
    assert_eq!(resolved, Some(tenant.id));
    let mut other = world.clone();
    other.cx.tenant_id = tenant.id;
    other
}

pub(super) async fn tenants_share_nothing(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let other = second_tenant(&world).await;
    let here = world.verified("ada@example.org").await;
    // The address is nobody's in the other tenant.
    let answer = other.sign_in_with("ada@example.org", PASSWORD).await;
    assert_eq!(code(answer), "password.invalid_credentials");
    other
        .gk
        .passwords()
        .request_reset(&other.cx, "ada@example.org")
        .await
        .unwrap();
    assert!(other.mails().await.is_empty());
    let there = other.verified("ada@example.org").await;
    assert_ne!(here, there);
    let administration = other.gk.administration();
    assert_eq!(
        code(administration.disable(&other.cx, here).await),
        "account.not_found"
    );
    assert_eq!(
        code(administration.grant_role(&other.cx, here, "admin").await),
        "account.not_found"
    );
    world.sign_in("ada@example.org").await;
    // Each has its own account, session and tokens.
    let signed_in = other.sign_in("ada@example.org").await;
    assert_eq!(signed_in.profile.user.id, there);
    let refreshed = other.refresh(&signed_in).await.unwrap();
    let sessions = other.gk.sessions();
    sessions
        .sign_out_by_refresh_token(&other.cx, &refreshed.refresh_token)
        .await
        .unwrap();
    assert!(!other.believes(&refreshed).await);
}

pub(super) async fn a_token_of_one_tenant_opens_nothing_in_another(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let other = second_tenant(&world).await;
    world.register("ada@example.org").await;
    let link = world.mailed_token().await;
    assert_eq!(
        code(other.gk.accounts().verify_email(&other.cx, &link).await),
        "token.invalid"
    );
    world
        .gk
        .accounts()
        .verify_email(&world.cx, &link)
        .await
        .unwrap();
    world.mails().await;

    let signed_in = world.sign_in("ada@example.org").await;
    assert_eq!(
        code(other.refresh(&signed_in).await),
        "session.invalid_refresh_token"
    );
    let by_refresh = other
        .gk
        .sessions()
        .sign_out_by_refresh_token(&other.cx, &signed_in.refresh_token)
        .await;
    assert_eq!(code(by_refresh), "session.invalid_refresh_token");
    // An identity says its tenant; flows of another tenant find nobody.
    let who = world.identity(&signed_in).await;
    assert_eq!(who.tenant_id, world.cx.tenant_id);
    let accounts = other.gk.accounts();
    assert_eq!(
        code(accounts.profile(&other.cx, &who).await),
        "access.invalid_token"
    );
    assert_eq!(
        code(accounts.delete(&other.cx, &who, &PASSWORD.into()).await),
        "access.invalid_token"
    );
    let sessions = other
        .gk
        .sessions()
        .list(&other.cx, &who, PageRequest::first(10))
        .await
        .unwrap();
    assert!(sessions.items.is_empty());
    other.gk.sessions().sign_out(&other.cx, &who).await.unwrap();
    assert!(world.believes(&signed_in).await);

    world
        .gk
        .passwords()
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let reset = world.mailed_token().await;
    let stolen = other
        .gk
        .passwords()
        .reset(&other.cx, &reset, &"birch-falcon-37-harbour".into())
        .await;
    assert_eq!(code(stolen), "token.invalid");
    let evidence = Evidence::Password {
        identifier: "ada@example.org".to_owned(),
        password: PASSWORD.into(),
    };
    assert_eq!(
        code(other.gk.sessions().sign_in(&other.cx, evidence).await),
        "password.invalid_credentials"
    );
}

pub(super) async fn a_tenants_name_is_looked_up_anew_in_time(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let tenant = Tenant {
        slug: TenantSlug::parse("late").unwrap(),
        ..sample::tenant(3)
    };
    let suspended = Tenant {
        suspended_at: Some(tenant.created_at),
        ..sample::tenant(4)
    };
    let resolve = async |slug: &TenantSlug| world.gk.resolve_tenant(slug).await.unwrap();
    assert_eq!(resolve(&tenant.slug).await, None);
    let mut tx = world.repository.begin().await.unwrap();
    tx.tenants().insert(&tenant).await.unwrap();
    tx.tenants().insert(&suspended).await.unwrap();
    tx.commit().await.unwrap();
    // A suspended one is none.
    assert_eq!(resolve(&suspended.slug).await, None);
    // What was found is remembered for ten seconds, to the instant.
    world.advance(Duration::from_micros(9_999_999));
    assert_eq!(resolve(&tenant.slug).await, None);
    world.advance(Duration::from_micros(1));
    assert_eq!(resolve(&tenant.slug).await, Some(tenant.id));
}
