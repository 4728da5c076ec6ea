//! Refusals of somebody known: what they rest on, and that they are audit events.

use std::time::Duration;

use gatekeeper_core::{
    model::{AuditEvent, Event, Outcome, PageRequest, TenantId},
    store::{AuditFilter, Repository},
};
use gatekeeper_http::{Api, Caller, RequestHead, Requirement};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::json;

use crate::{
    users::{HELP, ROOT, id_of, staff},
    world::{ADA, World},
};

async fn denials(world: &World) -> Vec<AuditEvent> {
    // Ends when every row that was begun is written.
    world.api.gatekeeper().shutdown().await;
    let filter = AuditFilter {
        event: Some(Event::AccessDenied),
        ..AuditFilter::default()
    };
    let mut tx = world.repository.begin().await.unwrap();
    let (mut page, mut rows) = (PageRequest::first(100), Vec::new());
    loop {
        let found = tx.audit().list(TenantId::DEFAULT, &filter, page).await;
        let found = found.unwrap();
        rows.extend(found.items);
        match found.next {
            Some(next) => page.after = Some(next),
            None => return rows,
        }
    }
}

#[tokio::test]
async fn row_55_cve_2026_28699_a_permission_is_asked_for_however_the_token_came() {
    let world = World::new().await;
    let tokens = world.ada().await;
    let (cookies, _) = world.sign_in_with_cookies(ADA).await;
    let mut asked = 0;
    for route in Api::routes() {
        let Caller::Permission(permission) = route.caller else {
            continue;
        };
        asked += 1;
        let path = route.path.replace(['{', '}'], "");
        for by_cookie in [false, true] {
            world.clock.advance(Duration::from_secs(1));
            let before = denials(&world).await.len();
            let method = Method::from_bytes(route.method.as_str().as_bytes()).unwrap();
            let call = world.call(method, &path);
            let call = if by_cookie {
                call.cookies(&cookies).same_site()
            } else {
                call.bearer(&tokens.access)
            };
            let answer = call.expect(403).await;
            assert_eq!(answer.text("code"), "access.forbidden", "{}", route.path);
            let rows = denials(&world).await;
            assert_eq!(rows.len(), before + 1, "{}", route.path);
            let row = &rows[0];
            assert_eq!(row.outcome, Outcome::Failure);
            assert_eq!(row.reason.as_deref(), Some("access.forbidden"));
            assert!(row.actor.is_some() && row.target.is_none());
            assert_eq!(
                row.details["requirement"],
                format!("permission {permission}")
            );
            assert_eq!(row.details["operation"], route.operation_id);
            assert_eq!(row.correlation_id, answer.text("correlation_id"));
            assert!(row.ip.is_some());
        }
    }
    assert!(asked > 0);
}

#[tokio::test]
async fn a_route_of_the_application_that_refuses_says_so_in_the_trail() {
    let world = World::new().await;
    let tokens = world.ada().await;
    let mut headers = HeaderMap::new();
    let bearer = format!("Bearer {}", tokens.access);
    headers.insert("authorization", HeaderValue::from_str(&bearer).unwrap());
    let head = RequestHead {
        method: "POST",
        path: "/reports/7",
        authority: None,
        headers: &headers,
        peer: None,
    };
    let who = world.api.authenticate_cached(&head).unwrap().unwrap();
    let generate = Requirement::permission("reports:generate");
    // Who is nobody, or lacks a second factor, is asked for more: nothing was denied yet.
    let missing = world.api.require(&head, None, &generate).unwrap_err();
    assert_eq!(missing.code(), "access.missing_token");
    let weak = world.api.require(&head, who.as_ref(), &Requirement::mfa());
    assert_eq!(weak.unwrap_err().code(), "access.step_up_required");
    world
        .api
        .require(&head, who.as_ref(), &!generate.clone())
        .unwrap();
    assert!(denials(&world).await.is_empty());
    for _ in 0..50 {
        let refused = world.api.require(&head, who.as_ref(), &generate);
        assert_eq!(refused.unwrap_err().code(), "access.forbidden");
    }
    let rows = denials(&world).await;
    assert_eq!(rows.len(), 1, "a flood is one row each second");
    assert_eq!(rows[0].actor, who.map(|who| who.user_id));
    assert_eq!(
        rows[0].details["requirement"],
        "permission reports:generate"
    );
    assert_eq!(rows[0].details["operation"], "POST /reports/7");
}

/// The API's own routes: at the gate, and where a flow refuses.
#[tokio::test]
async fn what_the_routes_refuse_is_read_in_the_trail() {
    let world = World::new().await;
    let help = staff(&world, HELP, &["audit:read", "users:write"]).await;
    let help_id = id_of(&world, HELP).await;
    staff(&world, ROOT, &["*"]).await;
    let root_id = id_of(&world, ROOT).await;
    let ada = world.ada().await;
    let ada_id = id_of(&world, ADA).await;
    let forbidden = world.get("/v1/admin/users").bearer(&ada.access);
    let forbidden = forbidden.refused(403, "access.forbidden").await;
    let disable = world.post(&format!("/v1/admin/users/{root_id}/disable"), &json!({}));
    let above = disable.bearer(&help.access);
    let above = above.refused(403, "access.insufficient_rank").await;
    // What is wrong with a request, and who is nobody, is denied nothing.
    world
        .get("/v1/admin/users")
        .refused(401, "access.missing_token")
        .await;
    world.api.gatekeeper().shutdown().await;
    let list = world.get("/v1/admin/audit?event=access.denied");
    let list = list.bearer(&help.access).expect(200).await;
    let rows = list.body["items"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{}", list.body);
    for (answer, who, operation, requirement) in [
        (&forbidden, &ada_id, "listUsers", "permission users:read"),
        (&above, &help_id, "disableUser", "permission users:write"),
    ] {
        let id = answer.text("correlation_id");
        let row = rows.iter().find(|row| row["correlation_id"] == id.as_str());
        let row = row.unwrap_or_else(|| panic!("{operation}: {}", list.body));
        assert_eq!(row["event"], "access.denied");
        assert_eq!(row["outcome"], "failure");
        assert_eq!(row["reason"], answer.text("code"));
        assert_eq!(row["actor"], who.as_str());
        assert_eq!(row["ip"], "192.0.2.10");
        assert_eq!(row["details"]["operation"], operation);
        assert_eq!(row["details"]["requirement"], requirement);
    }
}
