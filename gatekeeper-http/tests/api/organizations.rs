//! Organisations over HTTP.

use gatekeeper_core::store::Repository;
use gatekeeper_http::{Api, Caller};
use http::Method;
use serde_json::json;

use crate::world::{ADA, Tokens, World};

const BOB: &str = "bob@example.com";

/// Seen in [`an_organization_from_its_beginning_to_its_end`].
pub(crate) const OPERATIONS: &[&str] = &[
    "createOrganization",
    "createOrganizationInvitation",
    "deleteOrganization",
    "getOrganization",
    "leaveOrganization",
    "listMembers",
    "listOrganizationInvitations",
    "listOrganizationMembers",
    "listOrganizations",
    "listOwnOrganizations",
    "putMember",
    "putOrganizationMember",
    "removeMember",
    "removeOrganizationMember",
    "resendOrganizationInvitation",
    "revokeOrganizationInvitation",
    "switchOrganization",
    "updateOrganization",
];

impl World {
    async fn id_of(&self, tokens: &Tokens) -> String {
        let me = self.get("/v1/auth/me").bearer(&tokens.access);
        me.expect(200).await.text("id")
    }

    async fn organization(&self, root: &Tokens, slug: &str) -> String {
        let input = json!({"slug": slug, "name": "A name"});
        let made = self.post("/v1/admin/organizations", &input);
        made.bearer(&root.access).expect(201).await.text("id")
    }

    async fn member(&self, root: &Tokens, organization: &str, user: &str, roles: &[&str]) {
        let path = format!("/v1/admin/organizations/{organization}/members/{user}");
        let call = self.call(Method::PUT, &path).json(&json!({"roles": roles}));
        call.bearer(&root.access).expect(200).await;
    }

    async fn switched(&self, tokens: &Tokens, organization: &str) -> Tokens {
        let input = json!({"organization_id": organization, "token_delivery": "body"});
        let answer = self.post("/v1/auth/organization", &input);
        let answer = answer.bearer(&tokens.access).expect(200).await;
        Tokens {
            access: answer.text("access_token"),
            refresh: answer.text("refresh_token"),
            session: answer.text("session_id"),
        }
    }
}

#[tokio::test]
async fn an_organization_from_its_beginning_to_its_end() {
    let world = World::new().await;
    world.role("owner", &["*"]).await;
    world.role("editor", &["articles:write"]).await;
    let root = world.with_role("root@example.com", "admin").await;
    let id = world.organization(&root, "first").await;
    let at = format!("/v1/admin/organizations/{id}");
    let taken = json!({"slug": "first", "name": "A name"});
    let taken = world.post("/v1/admin/organizations", &taken);
    taken
        .bearer(&root.access)
        .refused(409, "organization.slug_taken")
        .await;
    let changed = world
        .call(Method::PATCH, &at)
        .json(&json!({"name": "Another", "metadata": {"plan": "gold"}}))
        .bearer(&root.access)
        .expect(200)
        .await;
    assert_eq!(changed.body["name"], "Another");
    let shown = world.get(&at).bearer(&root.access).expect(200).await;
    assert_eq!(shown.body, changed.body);
    let listed = world.get("/v1/admin/organizations").bearer(&root.access);
    assert_eq!(listed.expect(200).await.body["items"][0], shown.body);

    let ada = world.ada().await;
    let ada_id = world.id_of(&ada).await;
    world.register(BOB).await;
    let bob = world.sign_in(BOB).await;
    let bob_id = world.id_of(&bob).await;
    world.member(&root, &id, &ada_id, &["owner"]).await;
    world.member(&root, &id, &bob_id, &["editor"]).await;
    let members = world.get(&format!("{at}/members")).bearer(&root.access);
    let members = members.expect(200).await;
    assert_eq!(members.body["items"].as_array().unwrap().len(), 2);

    // Nothing is active until it is made so.
    let members = || world.get("/v1/organization/members");
    members()
        .bearer(&ada.access)
        .refused(403, "access.forbidden")
        .await;
    let acting = world.switched(&ada, &id).await;
    members()
        .bearer(&ada.access)
        .refused(401, "access.invalid_token")
        .await;
    let own = world.get("/v1/auth/organizations").bearer(&acting.access);
    let own = own.expect(200).await;
    assert_eq!(own.body["items"][0]["active"], true);
    assert_eq!(own.body["items"][0]["roles"], json!(["owner"]));
    assert!(own.body["items"][0].get("metadata").is_none());
    let fellow = members().bearer(&acting.access).expect(200).await;
    assert_eq!(fellow.body["items"].as_array().unwrap().len(), 2);

    let of_bob = format!("/v1/organization/members/{bob_id}");
    let put = world.call(Method::PUT, &of_bob).json(&json!({"roles": []}));
    let put = put.bearer(&acting.access).expect(200).await;
    assert_eq!(put.body["roles"], json!([]));
    let input = json!({"email": "new@example.com", "roles": ["editor"]});
    let invited = world.post("/v1/organization/invitations", &input);
    let invited = invited.bearer(&acting.access).expect(201).await;
    assert_eq!(invited.body["organization_id"], id);
    let listed = world.get("/v1/organization/invitations");
    let listed = listed.bearer(&acting.access).expect(200).await;
    assert_eq!(listed.body["items"][0]["id"], invited.body["id"]);
    world.clock.advance(std::time::Duration::from_mins(1));
    let invitation = format!("/v1/organization/invitations/{}", invited.text("id"));
    let resend = world.call(Method::POST, &format!("{invitation}/resend"));
    resend.bearer(&acting.access).expect(200).await;
    let revoke = world.delete(&invitation).bearer(&acting.access);
    revoke.expect(204).await;
    let remove = world.delete(&of_bob).bearer(&acting.access);
    remove.expect(204).await;
    let again = world.delete(&of_bob).bearer(&acting.access);
    again.refused(404, "organization.member_not_found").await;

    world.member(&root, &id, &bob_id, &["editor"]).await;
    let remove = world.delete(&format!("{at}/members/{bob_id}"));
    remove.bearer(&root.access).expect(204).await;
    let leave = || world.delete(&format!("/v1/auth/organizations/{id}"));
    leave().bearer(&acting.access).expect(204).await;
    let acting = world
        .post(
            "/v1/auth/refresh",
            &json!({"refresh_token": acting.refresh, "token_delivery": "body"}),
        )
        .expect(200)
        .await
        .text("access_token");
    leave()
        .bearer(&acting)
        .refused(404, "organization.not_found")
        .await;
    members()
        .bearer(&acting)
        .refused(403, "access.forbidden")
        .await;
    world.delete(&at).bearer(&root.access).expect(204).await;
    world.assert_all_seen(OPERATIONS);
}

#[tokio::test]
async fn row_52_switching_to_what_is_no_organization_of_ones_own() {
    let world = World::new().await;
    let root = world.with_role("root@example.com", "admin").await;
    let id = world.organization(&root, "first").await;
    let ada = world.ada().await;
    for odd in [
        id.as_str(),
        "nobody",
        "",
        "00000000-0000-7000-8000-000000000001",
    ] {
        let input = json!({"organization_id": odd});
        let call = world.post("/v1/auth/organization", &input);
        call.bearer(&ada.access)
            .refused(404, "organization.not_found")
            .await;
    }
    for input in [json!({}), json!({"organization_id": 1})] {
        let call = world.post("/v1/auth/organization", &input);
        let wrong = call.bearer(&ada.access).invalid().await;
        assert_eq!(wrong[0].0, "/organization_id");
    }
    // Nothing came of it.
    world
        .get("/v1/auth/me")
        .bearer(&ada.access)
        .expect(200)
        .await;
}

/// Whoever owns an organisation opens none of the tenant's routes by it.
#[tokio::test]
async fn row_53_a_membership_opens_no_route_of_the_tenant() {
    let world = World::new().await;
    world.role("owner", &["*", "tenants:*"]).await;
    let root = world.with_role("root@example.com", "admin").await;
    let id = world.organization(&root, "first").await;
    let ada = world.ada().await;
    let ada_id = world.id_of(&ada).await;
    let mut tx = world.repository.begin().await.unwrap();
    let membership = gatekeeper_core::model::Membership {
        tenant_id: gatekeeper_core::model::TenantId::DEFAULT,
        organization_id: id.parse().unwrap(),
        user_id: ada_id.parse().unwrap(),
        roles: vec![gatekeeper_core::model::RoleName::parse("owner").unwrap()],
        created_at: world.api.gatekeeper().clock().now(),
    };
    tx.organizations().put_member(&membership).await.unwrap();
    tx.commit().await.unwrap();
    let acting = world.switched(&ada, &id).await;
    let mut walked = 0;
    for route in Api::routes() {
        let Caller::Permission(_) = route.caller else {
            continue;
        };
        let path = route.path.replace("{id}", &id).replace("{user}", &ada_id);
        let path = path.replace(['{', '}'], "");
        world
            .call(route.method.clone(), &path)
            .bearer(&acting.access)
            .refused(403, "access.forbidden")
            .await;
        walked += 1;
    }
    assert!(walked > 10);
    let members = world.get("/v1/organization/members");
    members.bearer(&acting.access).expect(200).await;
}

/// Whoever was signed in by cookies goes on in cookies, with a proof asked for.
#[tokio::test]
async fn switching_with_cookies_keeps_to_cookies() {
    let world = World::new().await;
    world.register(ADA).await;
    let (cookies, csrf) = world.sign_in_with_cookies(ADA).await;
    let input = json!({"organization_id": null});
    let switch = || {
        world
            .post("/v1/auth/organization", &input)
            .cookies(&cookies)
    };
    switch().refused(403, "request.csrf").await;
    let answer = switch().header("x-csrf-token", csrf).expect(200).await;
    assert!(answer.body.get("access_token").is_none());
    assert!(answer.cookie("__Host-gatekeeper_access").is_some());
}
