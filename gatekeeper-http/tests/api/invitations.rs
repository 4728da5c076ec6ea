//! Invitations over HTTP.

use std::time::Duration;

use gatekeeper_core::{
    model::{RoleName, TenantId},
    store::Repository,
};
use gatekeeper_http::Api;
use http::Method;
use serde_json::{Value, json};

use crate::{
    tenants::add_tenant,
    world::{ADA, PASSWORD, Tokens, World},
};

const NEW: &str = "new@example.com";

/// Seen in [`an_invitation_from_its_beginning_to_its_end`].
pub(crate) const OPERATIONS: &[&str] = &[
    "acceptInvitation",
    "createInvitation",
    "inspectInvitation",
    "joinByInvitation",
    "listInvitations",
    "resendInvitation",
    "revokeInvitation",
];

impl World {
    /// Every answer that the table promises for these operations has been given.
    pub(crate) fn assert_all_seen(&self, operations: &[&str]) {
        let seen = self.seen.lock().unwrap();
        let mut found = 0;
        for route in Api::routes().filter(|route| operations.contains(&route.operation_id)) {
            for answer in route.answers {
                let given = seen.contains(&(route.operation_id, answer.status));
                assert!(given, "{route:?} never answered {}", answer.status);
            }
            found += 1;
        }
        assert_eq!(found, operations.len());
    }

    /// A verified account with a role, signed in.
    pub(crate) async fn with_role(&self, email: &str, role: &str) -> Tokens {
        self.register(email).await;
        let gk = self.api.gatekeeper();
        let cx = gatekeeper_core::RequestContext::internal(TenantId::DEFAULT, "set-up");
        let administration = gk.administration();
        let found = administration.find_user_by_email(&cx, email).await;
        administration
            .grant_role(&cx, found.unwrap().id, role)
            .await
            .unwrap();
        self.sign_in(email).await
    }

    pub(crate) async fn role(&self, name: &str, permissions: &[&str]) {
        let mut tx = self.repository.begin().await.unwrap();
        let role = gatekeeper_core::model::Role {
            tenant_id: TenantId::DEFAULT,
            name: RoleName::parse(name).unwrap(),
            description: String::new(),
            system: false,
            permissions: permissions.iter().map(|&it| it.to_owned()).collect(),
            inherits: Vec::new(),
            created_at: self.api.gatekeeper().clock().now(),
            updated_at: self.api.gatekeeper().clock().now(),
        };
        tx.roles().insert(&role).await.unwrap();
        tx.commit().await.unwrap();
    }
}

#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
#[tokio::test]
async fn an_invitation_from_its_beginning_to_its_end() {
    let world = World::new().await;
    world.role("editor", &["articles:write"]).await;
    let root = world.with_role("root@example.com", "admin").await;
    let input = json!({"email": NEW, "roles": ["editor"], "expires_in": 3600});
    let made = world
        .post("/v1/admin/invitations", &input)
        .bearer(&root.access)
        .expect(201)
        .await;
    assert_eq!(made.body["status"], "pending");
    assert_eq!(made.body["roles"], json!(["editor"]));
    let id = made.text("id");
    let first = world.mailed_token(NEW).await;

    let at = |action: &str| format!("/v1/admin/invitations/{id}{action}");
    let resend = || {
        world
            .call(Method::POST, &at("/resend"))
            .bearer(&root.access)
    };
    let limited = resend().refused(429, "request.rate_limited").await;
    assert_eq!(limited.header("retry-after"), "60");
    world.clock.advance(Duration::from_mins(1));
    let again = resend().expect(200).await;
    assert_eq!(again.text("id"), id);
    let token = world.mailed_token(NEW).await;
    assert_ne!(first, token);
    let shown = json!({"token": first});
    world
        .post("/v1/auth/invitations/inspect", &shown)
        .refused(400, "token.invalid")
        .await;

    let details = world
        .post("/v1/auth/invitations/inspect", &json!({"token": token}))
        .expect(200)
        .await;
    assert_eq!(details.body["email"], NEW);
    assert_eq!(details.body["tenant"], "default");
    assert_eq!(details.body["has_account"], false);
    let mut acceptance = json!({"token": token, "password": "short", "token_delivery": "body"});
    let wrong = world
        .post("/v1/auth/invitations/accept", &acceptance)
        .invalid()
        .await;
    assert_eq!(wrong[0].0, "/password");
    acceptance["password"] = json!(PASSWORD);
    acceptance["name"] = json!("Neo");
    let accepted = world
        .post("/v1/auth/invitations/accept", &acceptance)
        .expect(200)
        .await;
    assert_eq!(accepted.body["status"], "authenticated");
    assert_eq!(accepted.body["user"]["roles"], json!(["editor", "user"]));
    assert_eq!(accepted.body["user"]["name"], "Neo");
    world
        .get("/v1/auth/me")
        .bearer(&accepted.text("access_token"))
        .expect(200)
        .await;
    world
        .post("/v1/auth/invitations/accept", &acceptance)
        .refused(400, "token.invalid")
        .await;
    for (method, path) in [(Method::POST, at("/resend")), (Method::DELETE, at(""))] {
        world.clock.advance(Duration::from_mins(1));
        world
            .call(method, &path)
            .bearer(&root.access)
            .refused(409, "invitation.settled")
            .await;
    }

    // An account that is there signs in; whoever is signed in joins.
    let ada = world.ada().await;
    let input = json!({"email": ADA, "roles": ["editor"]});
    let invite = || {
        world
            .post("/v1/admin/invitations", &input)
            .bearer(&root.access)
    };
    let revoked = invite().expect(201).await.text("id");
    world
        .delete(&format!("/v1/admin/invitations/{revoked}"))
        .bearer(&root.access)
        .expect(204)
        .await;
    // Lists tell by the second what is newer.
    world.clock.advance(Duration::from_secs(1));
    invite().expect(201).await;
    let token = world.mailed_token(ADA).await;
    let wrong = json!({"token": token, "password": "not the password"});
    world
        .post("/v1/auth/invitations/accept", &wrong)
        .refused(401, "password.invalid_credentials")
        .await;
    let joined = world
        .post("/v1/auth/invitations/join", &json!({"token": token}))
        .bearer(&ada.access)
        .expect(200)
        .await;
    assert_eq!(joined.body["roles"], json!(["editor"]));
    invite().refused(409, "invitation.already_member").await;

    let listed = world
        .get("/v1/admin/invitations")
        .bearer(&root.access)
        .expect(200)
        .await;
    let items = listed.body["items"].as_array().unwrap();
    let statuses: Vec<&Value> = items.iter().map(|item| &item["status"]).collect();
    assert_eq!(statuses, ["accepted", "revoked", "accepted"]);
    // Nothing by which one could be accepted.
    assert!(!listed.body.to_string().contains("token"));
    world.assert_all_seen(OPERATIONS);
}

#[tokio::test]
async fn row_54_what_is_no_token_is_told_alike() {
    let world = World::new().await;
    let ada = world.ada().await;
    let mut answers = Vec::new();
    for token in ["", "x", &"A".repeat(43), &"A".repeat(44)] {
        let acceptance = json!({"token": token, "password": PASSWORD});
        let answer = world.post("/v1/auth/invitations/accept", &acceptance);
        let mut answer = answer.refused(400, "token.invalid").await.body;
        answer["correlation_id"] = Value::Null;
        answers.push(answer);
        for path in ["/v1/auth/invitations/inspect", "/v1/auth/invitations/join"] {
            let call = world.post(path, &json!({"token": token}));
            call.bearer(&ada.access).refused(400, "token.invalid").await;
        }
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    for body in [json!({"password": PASSWORD}), json!({})] {
        let call = world.post("/v1/auth/invitations/accept", &body);
        assert_eq!(call.send().await.status.as_u16() / 100, 4);
    }
    world
        .post("/v1/auth/invitations/inspect", &json!({}))
        .refused(400, "request.missing_token")
        .await;
}

/// CVE-2025-61928: neither who invites, nor to which tenant, is for the body to say.
#[tokio::test]
async fn row_51_an_invitation_takes_no_field_beyond_its_own() {
    let world = World::new().await;
    let root = world.with_role("root@example.com", "admin").await;
    for field in ["invited_by", "tenant_id", "accepted_by", "hash", "verified"] {
        let mut input = json!({"email": NEW, "roles": []});
        input[field] = json!("x");
        let call = world.post("/v1/admin/invitations", &input);
        let wrong = call.bearer(&root.access).invalid().await;
        assert_eq!(wrong, [(format!("/{field}"), "field.unknown".to_owned())]);
    }
    for field in ["email", "roles", "verified", "user_id", "organization_id"] {
        let mut input = json!({"token": "A".repeat(43), "password": PASSWORD});
        input[field] = json!("x");
        let wrong = world.post("/v1/auth/invitations/accept", &input);
        let wrong = wrong.invalid().await;
        assert_eq!(wrong, [(format!("/{field}"), "field.unknown".to_owned())]);
    }
    for (input, pointer) in [
        (json!({"email": NEW}), "/roles"),
        (json!({"roles": []}), "/email"),
        (json!({"email": NEW, "roles": "admin"}), "/roles"),
        (json!({"email": NEW, "roles": [1]}), "/roles"),
        (
            json!({"email": NEW, "roles": [], "expires_in": -1}),
            "/expires_in",
        ),
        (
            json!({"email": NEW, "roles": [], "expires_in": 1}),
            "/expires_in",
        ),
        (
            json!({"email": NEW, "roles": [], "organization_id": "x"}),
            "/organization_id",
        ),
    ] {
        let call = world.post("/v1/admin/invitations", &input);
        let wrong = call.bearer(&root.access).invalid().await;
        assert_eq!(wrong[0].0, pointer, "{input}");
    }
}

#[tokio::test]
async fn row_52_another_tenants_administrator_finds_no_invitation() {
    let world = World::new().await;
    let root = world.with_role("root@example.com", "admin").await;
    add_tenant(&world, "acme").await;
    let input = json!({"email": NEW, "roles": []});
    let made = world.post("/v1/admin/invitations", &input);
    let made = made.bearer(&root.access).expect(201).await.text("id");
    let token = world.mailed_token(NEW).await;
    for path in ["/v1/auth/invitations/inspect"] {
        world
            .post(path, &json!({"token": token}))
            .tenant("acme")
            .refused(400, "token.invalid")
            .await;
    }
    for (method, action) in [(Method::POST, "/resend"), (Method::DELETE, "")] {
        let path = format!("/v1/admin/invitations/{made}{action}");
        world
            .call(method, &path)
            .bearer(&root.access)
            .tenant("acme")
            .refused(401, "access.invalid_token")
            .await;
    }
    for odd in ["nobody", "00000000-0000-7000-8000-000000000001"] {
        world
            .delete(&format!("/v1/admin/invitations/{odd}"))
            .bearer(&root.access)
            .refused(404, "invitation.not_found")
            .await;
    }
    // Whoever has no permission learns nothing of it.
    let ada = world.ada().await;
    world
        .delete(&format!("/v1/admin/invitations/{made}"))
        .bearer(&ada.access)
        .refused(403, "access.forbidden")
        .await;
}
