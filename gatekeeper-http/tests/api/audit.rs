//! The audit trail, for whoever may read it.

use std::time::Duration;

use gatekeeper_core::{RequestContext, model::TenantId};
use serde_json::{Value, json};

use crate::{
    tenants::add_tenant,
    world::{ADA, Tokens, World},
};

pub(crate) const OPERATIONS: &[&str] = &["listAudit"];

/// Ada, as an administrator who is signed in.
pub(crate) async fn admin(world: &World, email: &str) -> Tokens {
    let gatekeeper = world.api.gatekeeper();
    let cx = RequestContext::internal(TenantId::DEFAULT, "test");
    let administration = gatekeeper.administration();
    let user = administration.find_user_by_email(&cx, email).await.unwrap();
    administration
        .grant_role(&cx, user.id, "admin")
        .await
        .unwrap();
    world.clock.advance(Duration::from_secs(1));
    world.sign_in(email).await
}

async fn me(world: &World, tokens: &Tokens) -> String {
    let me = world.get("/v1/auth/me").bearer(&tokens.access);
    me.expect(200).await.text("id")
}

fn events(body: &Value) -> Vec<&str> {
    let items = body["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["event"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn the_trail_is_listed_filtered_and_paged() {
    let world = World::new().await;
    world.register("bob@example.com").await;
    let bob = world.sign_in("bob@example.com").await;
    let bob_id = me(&world, &bob).await;
    world.ada().await;
    let ada = admin(&world, ADA).await;
    let ada_id = me(&world, &ada).await;
    let list = |query: &str| {
        world
            .get(&format!("/v1/admin/audit?{query}"))
            .bearer(&ada.access)
    };
    let all = list("limit=100").expect(200).await;
    let kinds = events(&all.body);
    for expected in [
        "account.registered",
        "email.verified",
        "role.granted",
        "session.created",
    ] {
        assert!(kinds.contains(&expected), "{expected} in {kinds:?}");
    }
    let newest = &all.body["items"][0];
    assert_eq!(newest["event"], "session.created");
    assert_eq!(newest["actor"], ada_id.as_str());
    assert_eq!(newest["ip"], "192.0.2.10");
    assert_eq!(newest["sequence"], json!(null));

    let of_bob = list(&format!("target={bob_id}")).expect(200).await;
    assert!(!events(&of_bob.body).is_empty());
    for item in of_bob.body["items"].as_array().unwrap() {
        assert_eq!(item["target"], bob_id.as_str());
    }
    let by_ada = list(&format!("actor={ada_id}&event=session.created"))
        .expect(200)
        .await;
    assert_eq!(events(&by_ada.body), ["session.created"; 2]);
    let at = newest["at"].as_str().unwrap();
    let since = list(&format!("since={at}")).expect(200).await;
    assert_eq!(events(&since.body), ["session.created"]);
    let encoded = at.replace(':', "%3A");
    let until = list(&format!("until={encoded}&limit=100"))
        .expect(200)
        .await;
    assert_eq!(events(&until.body).len(), kinds.len() - 1);

    // Page by page it is the same list.
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = list(&format!("limit=3{cursor}")).expect(200).await;
        paged.extend(page.body["items"].as_array().unwrap().clone());
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(&paged, all.body["items"].as_array().unwrap());
    let _ = world.api.gatekeeper().audit().seal().await.unwrap();
    let sealed = list("limit=1").expect(200).await;
    assert_eq!(sealed.body["items"][0]["sequence"], kinds.len());
}

/// ASVS 15.3.7, CVE-2026-33503.
#[tokio::test]
async fn a_query_of_the_trail_is_read_strictly() {
    let world = World::new().await;
    world.ada().await;
    let ada = admin(&world, ADA).await;
    let list = |query: &str| {
        world
            .get(&format!("/v1/admin/audit?{query}"))
            .bearer(&ada.access)
    };
    let wrong = |at: &str, code: &str| vec![(at.to_owned(), code.to_owned())];
    for (query, at, code) in [
        ("actor=1", "/actor", "query.value"),
        ("actor=", "/actor", "query.value"),
        ("target=%27", "/target", "query.value"),
        ("event=session", "/event", "query.value"),
        ("since=yesterday", "/since", "query.value"),
        ("until=1700000000", "/until", "query.value"),
        ("since=2026-01-01", "/since", "query.value"),
        ("since=%ff", "/since", "query.encoding"),
        (
            "event=session.created&event=session.ended",
            "",
            "query.repeated",
        ),
        ("tenant_id=x", "", "query.unknown"),
        ("outcome=failure", "", "query.unknown"),
        ("limit=0", "/limit", "query.limit"),
    ] {
        assert_eq!(list(query).invalid().await, wrong(at, code), "{query}");
    }
    // A cursor is good for the filters that it came of.
    let page = list("limit=1").expect(200).await;
    let cursor = page.text("next_cursor");
    list(&format!("limit=1&cursor={cursor}")).expect(200).await;
    for filter in ["event=session.created", "since=2020-01-01T00:00:00Z"] {
        assert_eq!(
            list(&format!("{filter}&cursor={cursor}")).invalid().await,
            wrong("/cursor", "query.cursor")
        );
    }
}

#[tokio::test]
async fn the_trail_is_for_whoever_may_read_it() {
    let world = World::new().await;
    let plain = world.ada().await;
    add_tenant(&world, "acme").await;
    let list = |tokens: &Tokens| world.get("/v1/admin/audit").bearer(&tokens.access);
    list(&plain).refused(403, "access.forbidden").await;
    let admin = admin(&world, ADA).await;
    list(&admin).expect(200).await;
    list(&admin)
        .tenant("acme")
        .refused(401, "access.invalid_token")
        .await;
}
