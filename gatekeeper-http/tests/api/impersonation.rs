//! Acting as another user, over HTTP.

use std::time::Duration;

use base64::Engine;
use gatekeeper_core::{
    RequestContext,
    model::{TenantId, UserKind},
    store::Repository,
};
use gatekeeper_http::{Api, Caller, CsrfRule, HttpSettings, Rule};
use http::Method;
use serde_json::{Value, json};

use crate::{
    tenants::add_tenant,
    users::{HELP, ROOT, id_of, staff, staff_of, trail},
    walk::path_of,
    world::{ADA, PASSWORD, Tokens, World},
};

/// What this file shows the answers of.
pub(crate) const OPERATIONS: &[&str] = &["impersonateUser", "endImpersonation"];

const REASON: &str = "Ticket 4711";

fn wish() -> Value {
    json!({"reason": REASON, "token_delivery": "body"})
}

fn path(user: &str) -> String {
    format!("/v1/admin/users/{user}/impersonate")
}

/// Acts as this user.
async fn act(world: &World, by: &Tokens, user: &str) -> Tokens {
    let answer = world.post(&path(user), &wish()).bearer(&by.access);
    let answer = answer.expect(200).await;
    Tokens {
        access: answer.text("access_token"),
        refresh: answer.text("refresh_token"),
        session: answer.text("session_id"),
    }
}

fn claims(access: &str) -> Value {
    let payload = access.split('.').nth(1).unwrap();
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    serde_json::from_slice(&engine.decode(payload).unwrap()).unwrap()
}

/// RFC 8693 section 4.1: `act` says who, in every token; and so do the banner, the user's sessions and the audit trail.
#[tokio::test]
async fn row_53_both_parties_are_seen_everywhere() {
    let world = World::new().await;
    let root = staff(&world, ROOT, &["users:impersonate", "users:read"]).await;
    let hers = world.ada().await;
    let (root_id, ada_id) = (id_of(&world, ROOT).await, id_of(&world, ADA).await);
    let start = world.api.gatekeeper().clock().now();
    let acting = act(&world, &root, &ada_id).await;
    let refreshed = json!({"refresh_token": acting.refresh});
    let refreshed = world.post("/v1/auth/refresh", &refreshed).expect(200).await;
    let access = refreshed.text("access_token");
    for token in [&acting.access, &access] {
        let claims = claims(token);
        assert_eq!(claims["act"], json!({"sub": root_id}));
        assert_eq!(claims["sub"], json!(ada_id));
        assert_eq!(claims["sid"], json!(acting.session));
    }
    assert_eq!(claims(&hers.access).get("act"), None);

    let me = world.get("/v1/auth/me").bearer(&access).expect(200).await;
    assert_eq!(me.body["id"], json!(ada_id));
    let expires_at = start.after(Duration::from_mins(30)).to_string();
    assert_eq!(
        me.body["impersonation"],
        json!({"by": {"id": root_id, "name": null, "email": ROOT}, "reason": REASON, "expires_at": expires_at})
    );
    for tokens in [&root, &hers] {
        let me = world
            .get("/v1/auth/me")
            .bearer(&tokens.access)
            .expect(200)
            .await;
        assert_eq!(me.body.get("impersonation"), None);
    }
    let of_ada = format!("/v1/admin/users/{ada_id}/sessions");
    for (path, tokens) in [("/v1/auth/sessions", &hers), (of_ada.as_str(), &root)] {
        let list = world.get(path).bearer(&tokens.access).expect(200).await;
        let items = list.body["items"].as_array().unwrap();
        assert_eq!(items.len(), 2);
        for item in items {
            let by = &item["impersonator"]["id"];
            let expected = if item["id"] == json!(acting.session) {
                json!(root_id)
            } else {
                Value::Null
            };
            assert_eq!(*by, expected);
        }
    }

    // A refused try is hers by the token, and the administrator's by the trail; so is the end.
    world.clock.advance(Duration::from_secs(1));
    world
        .call(Method::POST, "/v1/auth/impersonation/end")
        .bearer(&access)
        .expect(204)
        .await;
    let rows = trail(&world, TenantId::DEFAULT).await;
    let begun = rows
        .iter()
        .find(|row| row.event.code() == "impersonation.begun")
        .unwrap();
    assert_eq!(begun.actor.unwrap().to_string(), root_id);
    assert_eq!(begun.target.unwrap().to_string(), ada_id);
    assert_eq!(begun.impersonator, None);
    assert_eq!(begun.details["reason"], REASON);
    let ended = rows
        .iter()
        .find(|row| row.event.code() == "impersonation.ended")
        .unwrap();
    assert_eq!(ended.actor.unwrap().to_string(), ada_id);
    assert_eq!(ended.target.unwrap().to_string(), ada_id);
    assert_eq!(ended.impersonator.unwrap().to_string(), root_id);

    for token in [&acting.access, &access] {
        world
            .get("/v1/auth/me")
            .bearer(token)
            .refused(401, "access.invalid_token")
            .await;
    }
    for token in [acting.refresh, refreshed.text("refresh_token")] {
        world
            .post("/v1/auth/refresh", &json!({"refresh_token": token}))
            .refused(401, "session.invalid_refresh_token")
            .await;
    }
    world
        .call(Method::POST, "/v1/auth/impersonation/end")
        .bearer(&root.access)
        .refused(409, "impersonation.not_acting")
        .await;
    for tokens in [&root, &hers] {
        world
            .get("/v1/auth/me")
            .bearer(&tokens.access)
            .expect(200)
            .await;
    }
}

/// Each route for users and administrators, by somebody who acts as one who may do everything but act as others: what only shows is
/// open, and of all that changes something the end alone.
#[tokio::test]
async fn row_53_whoever_acts_changes_nothing() {
    let world = World::new().await;
    let root = staff(&world, ROOT, &["*"]).await;
    let help = staff(&world, HELP, &["users:read", "users:write", "users:delete"]).await;
    world.register(ADA).await;
    let (help_id, ada_id) = (id_of(&world, HELP).await, id_of(&world, ADA).await);
    let acting = act(&world, &root, &help_id).await;
    let before = trail(&world, TenantId::DEFAULT).await.len();
    let mut refused = 0;
    for route in Api::routes() {
        if !matches!(route.caller, Caller::User | Caller::Permission(_)) {
            continue;
        }
        let changes = route.csrf != CsrfRule::Safe;
        if route.operation_id == "endImpersonation" {
            assert_eq!(route.impersonation, Rule::Allowed);
            continue;
        }
        let closed = route.impersonation == Rule::Refused;
        assert!(closed || !changes, "{route:?} changes something");
        let id = if matches!(route.caller, Caller::User) {
            &help.session
        } else {
            &ada_id
        };
        let call = world
            .call(route.method.clone(), &path_of(route, id))
            .bearer(&acting.access);
        if closed {
            call.refused(403, "access.impersonating").await;
            refused += 1;
        } else {
            let answer = call.send().await;
            assert_ne!(answer.body["code"], "access.impersonating", "{route:?}");
        }
    }
    assert!(refused > 25, "{refused}");
    assert_eq!(trail(&world, TenantId::DEFAULT).await.len(), before);
    world
        .get("/v1/auth/me")
        .bearer(&help.access)
        .expect(200)
        .await;
    world
        .get("/v1/auth/me")
        .bearer(&acting.access)
        .expect(200)
        .await;
    assert_eq!(world.users().await, 3);
    // Signing out is leaving.
    world
        .call(Method::POST, "/v1/auth/logout")
        .bearer(&acting.access)
        .expect(204)
        .await;
    let rows = trail(&world, TenantId::DEFAULT).await;
    let ended = rows
        .iter()
        .find(|row| row.event.code() == "impersonation.ended")
        .unwrap();
    assert_eq!(
        ended.impersonator.unwrap().to_string(),
        id_of(&world, ROOT).await
    );

    // Without an access token likewise.
    let acting = act(&world, &root, &ada_id).await;
    world.clock.advance(Duration::from_secs(1));
    let leave = json!({"refresh_token": acting.refresh});
    world.post("/v1/auth/logout", &leave).expect(204).await;
    let rows = trail(&world, TenantId::DEFAULT).await;
    for event in ["impersonation.ended", "session.ended"] {
        let row = rows.iter().find(|row| row.event.code() == event).unwrap();
        assert_eq!(row.actor.unwrap().to_string(), ada_id, "{event}");
        assert_eq!(
            row.impersonator.unwrap().to_string(),
            id_of(&world, ROOT).await
        );
    }
}

/// CVE-2026-55077, CVE-2026-94000, CVE-2021-28680.
#[tokio::test]
async fn row_53_some_cannot_be_acted_as() {
    let world = World::new().await;
    let help = staff(
        &world,
        HELP,
        &["users:impersonate", "users:read", "users:write"],
    )
    .await;
    staff(&world, ROOT, &["*"]).await;
    staff(&world, "peer@example.com", &["users:impersonate"]).await;
    staff(&world, "clerk@example.com", &["reports:read"]).await;
    world.register(ADA).await;
    world.register("robot@example.com").await;
    world.register("closed@example.com").await;
    let cx = RequestContext::internal(TenantId::DEFAULT, "test");
    let administration = world.api.gatekeeper().administration();
    let closed = administration
        .find_user_by_email(&cx, "closed@example.com")
        .await
        .unwrap();
    administration.disable(&cx, closed.id).await.unwrap();
    let mut robot = administration
        .find_user_by_email(&cx, "robot@example.com")
        .await
        .unwrap();
    robot.kind = UserKind::ServiceAccount;
    let mut tx = world.repository.begin().await.unwrap();
    assert!(tx.users().update(&robot).await.unwrap());
    tx.commit().await.unwrap();
    let acme = add_tenant(&world, "acme").await;
    let theirs = staff_of(&world, acme, "theirs@example.com", &[]).await;

    let rank = (403, "access.insufficient_rank");
    let never = (403, "impersonation.not_possible");
    for (user, (status, code)) in [
        (id_of(&world, ROOT).await, rank),
        (id_of(&world, "peer@example.com").await, rank),
        (id_of(&world, "clerk@example.com").await, rank),
        (id_of(&world, HELP).await, never),
        (closed.id.to_string(), never),
        (robot.id.to_string(), never),
        (theirs.to_string(), (404, "account.not_found")),
        ("none".to_owned(), (404, "account.not_found")),
    ] {
        world
            .post(&path(&user), &wish())
            .bearer(&help.access)
            .refused(status, code)
            .await;
    }
    let ada_id = id_of(&world, ADA).await;
    let ada = world.sign_in(ADA).await;
    world
        .post(&path(&ada_id), &wish())
        .bearer(&ada.access)
        .refused(403, "access.forbidden")
        .await;
    let long = "x".repeat(501);
    for reason in [json!(""), json!("  "), json!("a\nb"), json!(long)] {
        let body = json!({"reason": reason, "token_delivery": "body"});
        let call = world.post(&path(&ada_id), &body).bearer(&help.access);
        assert_eq!(call.invalid().await[0].0, "/reason");
    }
    let missing = world.post(&path(&ada_id), &json!({})).bearer(&help.access);
    assert_eq!(
        missing.invalid().await,
        [("/reason".to_owned(), "field.missing".to_owned())]
    );

    let acting = act(&world, &help, &ada_id).await;
    world
        .post(&path(&id_of(&world, "clerk@example.com").await), &wish())
        .bearer(&acting.access)
        .refused(403, "access.impersonating")
        .await;
}

#[tokio::test]
async fn acting_ends_at_the_exact_instant() {
    let world = World::new().await;
    let root = staff(&world, ROOT, &["users:impersonate"]).await;
    world.register(ADA).await;
    let acting = act(&world, &root, &id_of(&world, ADA).await).await;
    world.clock.advance(Duration::from_mins(20));
    let refresh = |token: &str| world.post("/v1/auth/refresh", &json!({"refresh_token": token}));
    let last = refresh(&acting.refresh).expect(200).await;
    assert_eq!(last.body["expires_in"], 600);
    let (access, token) = (last.text("access_token"), last.text("refresh_token"));
    world
        .clock
        .advance(Duration::from_mins(10) - Duration::from_micros(1));
    world.get("/v1/auth/me").bearer(&access).expect(200).await;
    world.clock.advance(Duration::from_micros(1));
    world
        .get("/v1/auth/me")
        .bearer(&access)
        .refused(401, "access.invalid_token")
        .await;
    refresh(&token)
        .refused(401, "session.invalid_refresh_token")
        .await;
}

/// Tokens in cookies go again when it is over; those of an administrator who has theirs beside are left alone.
#[tokio::test]
async fn cookies_come_and_go() {
    let world = World::with(|builder| builder, HttpSettings::new()).await;
    staff(&world, ROOT, &["users:impersonate"]).await;
    world.register(ADA).await;
    let ada_id = id_of(&world, ADA).await;
    let credentials = json!({"email": ROOT, "password": PASSWORD, "token_delivery": "cookie"});
    let own = world
        .post("/v1/auth/login", &credentials)
        .expect(200)
        .await
        .cookie_header();
    let begin = |body: Value| {
        let call = world.post(&path(&ada_id), &body).cookies(&own);
        call.same_site()
    };
    world
        .post(&path(&ada_id), &json!({"reason": REASON}))
        .cookies(&own)
        .refused(403, "request.csrf")
        .await;
    // Where it is not said: as the administrator was signed in.
    let first = begin(json!({"reason": REASON})).expect(200).await;
    let acting = first.cookie_header();
    assert!(first.body.get("access_token").is_none());
    let me = world.get("/v1/auth/me").cookies(&acting).expect(200).await;
    assert_eq!(me.body["impersonation"]["reason"], REASON);
    let end = || {
        world
            .call(Method::POST, "/v1/auth/impersonation/end")
            .same_site()
    };
    let ended = end().cookies(&acting).expect(204).await;
    assert_eq!(ended.set_cookies().len(), 3);
    world
        .get("/v1/auth/me")
        .cookies(&acting)
        .refused(401, "access.invalid_token")
        .await;

    let beside = begin(wish()).expect(200).await;
    assert!(beside.set_cookies().is_empty());
    let access = beside.text("access_token");
    let ended = end().bearer(&access).cookies(&own).expect(204).await;
    assert!(ended.set_cookies().is_empty());
    world.get("/v1/auth/me").cookies(&own).expect(200).await;
}
