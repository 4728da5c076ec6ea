//! What adapters ask for the application's own routes.

use std::sync::Arc;

use gatekeeper_core::{
    Identity,
    model::{SessionId, TenantId, TokenId, UserId},
    testing::SeededRandom,
};
use gatekeeper_http::{Problem, RequestHead, Requirement, Verdict};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    tenants::add_tenant,
    world::{ADA, PUBLIC_URL, World},
};

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect()
}

fn head<'a>(method: &'a str, headers: &'a HeaderMap) -> RequestHead<'a, HeaderMap> {
    RequestHead {
        path: "/",
        method,
        authority: None,
        headers,
        peer: None,
    }
}

fn code(judged: Result<Option<Arc<Identity>>, Problem>) -> String {
    match judged {
        Ok(Some(identity)) => identity.email.clone(),
        Ok(None) => "nobody".to_owned(),
        Err(problem) => format!("{} {}", problem.status().as_u16(), problem.code()),
    }
}

#[tokio::test]
async fn a_request_is_judged_without_waiting() {
    let world = World::new().await;
    let tokens = world.ada().await;
    let (cookies, csrf) = world.sign_in_with_cookies(ADA).await;
    let bearer = format!("Bearer {}", tokens.access);
    for (method, pairs, expected) in [
        ("GET", vec![], "nobody"),
        ("GET", vec![("authorization", &*bearer)], ADA),
        (
            "POST",
            vec![
                ("authorization", &*bearer),
                ("origin", "https://evil.example"),
            ],
            ADA,
        ),
        (
            "GET",
            vec![("authorization", "Bearer x")],
            "401 access.invalid_token",
        ),
        ("GET", vec![("cookie", &*cookies)], ADA),
        (
            "GET",
            vec![("cookie", &*cookies), ("origin", "https://evil.example")],
            ADA,
        ),
        ("POST", vec![("cookie", &*cookies)], "403 request.csrf"),
        ("BREW", vec![("cookie", &*cookies)], "403 request.csrf"),
        (
            "POST",
            vec![("cookie", &*cookies), ("origin", PUBLIC_URL)],
            ADA,
        ),
        (
            "POST",
            vec![("cookie", &*cookies), ("x-csrf-token", &*csrf)],
            ADA,
        ),
        (
            "POST",
            vec![
                ("cookie", &*cookies),
                ("origin", "null"),
                ("x-csrf-token", &*csrf),
            ],
            "403 request.csrf",
        ),
        (
            "GET",
            vec![("authorization", &*bearer), ("x-tenant", "!")],
            "404 tenant.not_found",
        ),
    ] {
        let headers = headers(&pairs);
        let head = head(method, &headers);
        let cached = world
            .api
            .authenticate_cached(&head)
            .expect("no need to wait");
        assert_eq!(code(cached), expected, "{method} {pairs:?}");
        assert_eq!(
            code(world.api.authenticate(&head).await),
            expected,
            "{method} {pairs:?}"
        );
    }
}

#[tokio::test]
async fn a_named_tenant_is_looked_up_and_held_to() {
    let world = World::new().await;
    let tokens = world.ada().await;
    let acme = add_tenant(&world, "acme").await;
    let bearer = format!("Bearer {}", tokens.access);
    for (slug, expected) in [
        ("default", ADA),
        ("acme", "401 access.invalid_token"),
        ("nobody", "404 tenant.not_found"),
    ] {
        let headers = headers(&[("authorization", &bearer), ("x-tenant", slug)]);
        let head = head("GET", &headers);
        assert_eq!(
            world.api.authenticate_cached(&head).is_none(),
            slug != "default"
        );
        assert_eq!(
            code(world.api.authenticate(&head).await),
            expected,
            "{slug}"
        );
    }
    let headers = headers(&[
        ("x-tenant", "acme"),
        ("user-agent", "curl/8"),
        ("x-correlation-id", "mine"),
    ]);
    let context = world.api.context(&head("GET", &headers)).await.unwrap();
    assert_eq!(context.tenant_id, acme);
    assert_eq!(context.correlation_id, "mine");
    assert_eq!(context.user_agent.as_deref(), Some("curl/8"));
}

fn identity(roles: &[&str], permissions: &[&str]) -> Arc<Identity> {
    let random = SeededRandom::new(1);
    let now = gatekeeper_core::model::Timestamp::from_unix_seconds(1_767_225_600);
    let mut identity = Identity::new(
        UserId::new(now, &random),
        TenantId::DEFAULT,
        SessionId::new(now, &random),
        TokenId::new(now, &random),
        now,
        now.after(std::time::Duration::from_mins(15)),
    );
    identity.roles = roles.iter().map(|&role| role.to_owned()).collect();
    identity.permissions = permissions.iter().map(|&name| name.to_owned()).collect();
    Arc::new(identity)
}

#[test]
fn requirements_combine() {
    let editor = identity(&["editor", "user"], &["reports:read"]);
    let role = |name| Requirement::role(name);
    let permission = |name| Requirement::permission(name);
    for (requirement, expected) in [
        (Requirement::signed_in(), Verdict::Met),
        (role("editor"), Verdict::Met),
        (role("admin"), Verdict::Unmet),
        (permission("reports:read"), Verdict::Met),
        (permission("reports:write"), Verdict::Unmet),
        (role("editor").and(permission("reports:read")), Verdict::Met),
        (
            role("editor").and(permission("reports:write")),
            Verdict::Unmet,
        ),
        (
            role("admin").and(permission("reports:read")),
            Verdict::Unmet,
        ),
        (role("admin").or(permission("reports:read")), Verdict::Met),
        (
            role("admin").or(permission("reports:write")),
            Verdict::Unmet,
        ),
        (role("admin").not(), Verdict::Met),
        (role("editor").not(), Verdict::Unmet),
        (!role("admin") & (role("x") | role("user")), Verdict::Met),
        (
            role("admin").or(role("editor").and(role("user").not())),
            Verdict::Unmet,
        ),
    ] {
        assert_eq!(
            requirement.check(&editor, editor.issued_at),
            expected,
            "{requirement:?}"
        );
    }
}

#[tokio::test]
async fn a_guard_answers_401_to_nobody_and_403_to_the_wrong_one() {
    let world = World::new().await;
    let headers = headers(&[("x-correlation-id", "mine")]);
    let head = head("GET", &headers);
    let admin = Requirement::role("admin");
    let (editor, boss) = (identity(&["editor"], &[]), identity(&["admin"], &[]));
    let guard = |who| world.api.require(&head, who, &admin);
    assert!(guard(Some(&boss)).is_ok());
    let nobody = guard(None).unwrap_err();
    assert_eq!(
        (nobody.status().as_u16(), nobody.code()),
        (401, "access.missing_token")
    );
    // "Not an admin" is said of somebody, not of nobody.
    assert!(
        world
            .api
            .require(&head, None, &Requirement::role("admin").not())
            .is_err()
    );
    let response = guard(Some(&editor)).unwrap_err().into_response();
    assert_eq!(response.status(), 403);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    assert_eq!(response.headers()["x-correlation-id"], "mine");
    assert_eq!(response.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn a_flow_that_refuses_in_a_handler_of_ones_own_answers_as_the_api_does() {
    let world = World::new().await;
    let headers = headers(&[("x-correlation-id", "req-7")]);
    let context = world.api.context(&head("GET", &headers)).await.unwrap();
    let refused = gatekeeper_core::Error::from(gatekeeper_core::SessionError::NotFound);
    let problem = world.api.problem(&context, refused);
    assert_eq!(
        (problem.code(), problem.correlation_id()),
        ("session.not_found", "req-7")
    );
    let response = problem.into_response();
    assert_eq!(response.status(), 404);
    assert_eq!(response.headers()["x-correlation-id"], "req-7");
}
