//! Groups over HTTP.

use http::Method;
use serde_json::{Value, json};

use crate::{
    tenants::add_tenant,
    world::{ADA, World},
};

/// What is shown here, and not where the ways of an account are.
pub(crate) const OPERATIONS: &[&str] = &[
    "listGroups",
    "createGroup",
    "getGroup",
    "updateGroup",
    "deleteGroup",
    "listGroupMembers",
    "addGroupMember",
    "removeGroupMember",
];

#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
#[tokio::test]
async fn the_life_of_a_group() {
    let world = World::new().await;
    let root = world.admin().await;
    let ada = world.ada().await;
    let ada_id = world.user_id(ADA).await;
    let access = &root.access;
    let role = json!({"name": "analyst", "permissions": ["reports:read"]});
    world
        .post("/v1/admin/roles", &role)
        .bearer(access)
        .expect(201)
        .await;
    let body = json!({"name": "Press", "roles": ["analyst"]});
    let made = world
        .post("/v1/admin/groups", &body)
        .bearer(access)
        .expect(201)
        .await;
    world
        .post("/v1/admin/groups", &body)
        .bearer(access)
        .refused(409, "role.name_taken")
        .await;
    let path = format!("/v1/admin/groups/{}", made.text("id"));
    let found = world.get(&path).bearer(access).expect(200).await;
    assert_eq!(found.body, made.body);

    let member = format!("{path}/members/{ada_id}");
    for _ in 0..2 {
        world.put(&member).bearer(access).expect(204).await;
    }
    let me = world
        .get("/v1/auth/me")
        .bearer(&ada.access)
        .expect(200)
        .await;
    assert_eq!(me.body["roles"], json!(["analyst", "user"]));
    let members = world
        .get(&format!("{path}/members"))
        .bearer(access)
        .expect(200)
        .await;
    assert_eq!(members.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(members.body["items"][0]["user_id"], ada_id.to_string());

    let changed = world
        .call(Method::PATCH, &path)
        .json(&json!({"roles": [], "description": "The press office"}))
        .bearer(access)
        .expect(200)
        .await;
    assert_eq!(changed.body["roles"], json!([]));
    assert_eq!(changed.body["name"], "Press");
    assert_eq!(changed.body["description"], "The press office");
    for _ in 0..2 {
        world.delete(&member).bearer(access).expect(204).await;
    }
    let members = world
        .get(&format!("{path}/members"))
        .bearer(access)
        .expect(200)
        .await;
    assert_eq!(members.body, json!({"items": [], "next_cursor": null}));
    let listed = world
        .get("/v1/admin/groups")
        .bearer(access)
        .expect(200)
        .await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);

    world.delete(&path).bearer(access).expect(204).await;
    for path in [&path, "/v1/admin/groups/nonsense"] {
        world
            .get(path)
            .bearer(access)
            .refused(404, "group.not_found")
            .await;
        world
            .delete(path)
            .bearer(access)
            .refused(404, "group.not_found")
            .await;
        let members = format!("{path}/members");
        world
            .get(&members)
            .bearer(access)
            .refused(404, "group.not_found")
            .await;
        let member = format!("{path}/members/{ada_id}");
        world
            .put(&member)
            .bearer(access)
            .refused(404, "group.not_found")
            .await;
        let nobody = format!("{path}/members/nonsense");
        let code = if path.ends_with("nonsense") {
            "group.not_found"
        } else {
            "account.not_found"
        };
        world
            .delete(&nobody)
            .bearer(access)
            .refused(404, code)
            .await;
    }
    world.saw_all_of(OPERATIONS);
}

#[tokio::test]
async fn a_group_is_held_to_its_form() {
    let world = World::new().await;
    let root = world.admin().await;
    let invalid = async |body: Value| {
        let call = world.post("/v1/admin/groups", &body).bearer(&root.access);
        let errors = call.invalid().await;
        let pointers: Vec<String> = errors.into_iter().map(|(pointer, _)| pointer).collect();
        pointers
    };
    assert_eq!(invalid(json!({})).await, ["/name"]);
    assert_eq!(invalid(json!({"name": " x"})).await, ["/name"]);
    assert_eq!(
        invalid(json!({"name": "x", "roles": ["nobody"]})).await,
        ["/roles"]
    );
    assert_eq!(
        invalid(json!({"name": "x", "roles": "admin"})).await,
        ["/roles"]
    );
    let unknown = json!({"name": "x", "members": [], "id": "y"});
    assert_eq!(invalid(unknown).await, ["/id", "/members"]);
}

/// CVE-2025-64431: another tenant's groups, and its users, are not there.
#[tokio::test]
async fn row_52_another_tenants_groups_are_not_there() {
    let world = World::new().await;
    let root = world.admin().await;
    let user = world.user_id("root@example.com").await;
    let acme = add_tenant(&world, "acme").await;
    let mallory = world
        .holder(acme, "acme", "mallory@example.com", "admin")
        .await;
    let body = json!({"name": "Press"});
    let made = world
        .post("/v1/admin/groups", &body)
        .bearer(&root.access)
        .expect(201)
        .await;
    let theirs = world
        .post("/v1/admin/groups", &body)
        .tenant("acme")
        .bearer(&mallory.access);
    let theirs = theirs.expect(201).await;
    let as_mallory = |method: Method, path: &str| {
        world
            .call(method, path)
            .tenant("acme")
            .bearer(&mallory.access)
    };
    let path = format!("/v1/admin/groups/{}", made.text("id"));
    let missing = "group.not_found";
    as_mallory(Method::GET, &path).refused(404, missing).await;
    as_mallory(Method::DELETE, &path)
        .refused(404, missing)
        .await;
    let rename = as_mallory(Method::PATCH, &path).json(&json!({"name": "Mine"}));
    rename.refused(404, missing).await;
    as_mallory(Method::GET, &format!("{path}/members"))
        .refused(404, missing)
        .await;
    for group in [&made, &theirs] {
        for method in [Method::PUT, Method::DELETE] {
            let member = format!("/v1/admin/groups/{}/members/{user}", group.text("id"));
            as_mallory(method, &member)
                .refused(404, "account.not_found")
                .await;
        }
    }
    let listed = as_mallory(Method::GET, "/v1/admin/groups")
        .expect(200)
        .await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed.body["items"][0]["id"], theirs.body["id"]);
    let found = world.get(&path).bearer(&root.access).expect(200).await;
    assert_eq!(found.body, made.body);
}
