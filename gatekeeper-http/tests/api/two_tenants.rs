//! SECURITY.md row 52 (CVE-2025-64431, CVE-2025-27507, CVE-2026-95814): every route of the table that names something is called with
//! what is another tenant's, by somebody who may do everything in their own. Made from the table: a route that comes to be is tried
//! without being named here, and one that names something new fails until this file says how to make one.

use std::{collections::BTreeMap, fmt::Write};

use gatekeeper_core::{
    RequestContext,
    model::{
        ApiKey, ApiKeyId, Device, DeviceId, Group, GroupId, Invitation, InvitationId, Membership,
        Organization, OrganizationId, OutboxState, PageRequest, Role, RoleName, TenantId,
        TenantSlug, Timestamp, UserId,
    },
    store::{AuditFilter, InvitationFilter, Repository, UserFilter},
    testing::SeededRandom,
};
use gatekeeper_http::{Api, Caller, Route};
use http::Method;
use serde_json::{Map, Value, json};

use crate::{
    tenants::{add_tenant, somebody},
    world::{ADA, PASSWORD, World},
};

/// What stands in place of what varies: by the segment before it and its name.
struct Names(BTreeMap<&'static str, String>);

impl Names {
    fn of(&self, route: &Route, before: &str, capture: &str) -> String {
        let kind = match (before, capture) {
            ("users", "{id}") | ("members", "{user}" | "{id}") => "user",
            ("service-accounts", "{id}") => "service_account",
            ("sessions", "{id}" | "{session}") => "session",
            ("devices", "{id}") => "device",
            ("roles", "{name}" | "{role}") => "role",
            ("groups", "{id}") => "group",
            ("organizations", "{id}") => "organization",
            ("invitations", "{id}") => "invitation",
            ("api-keys", "{id}" | "{key}") => "api_key",
            ("tenants", "{slug}") => "tenant",
            _ => panic!("{route:?}: say how to make {before}/{capture} of another tenant"),
        };
        self.0
            .get(kind)
            .unwrap_or_else(|| panic!("no {kind} was made"))
            .clone()
    }

    /// The id that a member of a body is to name; `None` for what names nothing.
    fn in_body(&self, member: &str) -> Option<String> {
        let kind = match member {
            "organization_id" | "organization" => "organization",
            "user_id" => "user",
            "group_id" => "group",
            "role" => "role",
            _ => return None,
        };
        self.0.get(kind).cloned()
    }
}

/// Everything that can be named, in one tenant.
#[expect(clippy::too_many_lines, reason = "a list of things, one after another")]
async fn furnish(world: &World, tenant: TenantId, mark: &str, owner: UserId) -> Names {
    let now = world.api.gatekeeper().clock().now();
    let random = SeededRandom::new(mark.bytes().map(u64::from).sum());
    let user = owner;
    let role = RoleName::parse(&format!("only-{mark}")).unwrap();
    let mut tx = world.repository.begin().await.unwrap();
    tx.roles()
        .insert(&Role {
            tenant_id: tenant,
            name: role.clone(),
            description: String::new(),
            system: false,
            permissions: vec!["invitations:*".to_owned(), "members:*".to_owned()],
            inherits: Vec::new(),
            created_at: now,
            updated_at: now,
        })
        .await
        .unwrap();
    let group = GroupId::new(now, &random);
    tx.groups()
        .insert(&Group {
            id: group,
            tenant_id: tenant,
            name: format!("Group {mark}"),
            description: String::new(),
            roles: Vec::new(),
            created_at: now,
            updated_at: now,
        })
        .await
        .unwrap();
    let organization = OrganizationId::new(now, &random);
    tx.organizations()
        .insert(&Organization {
            id: organization,
            tenant_id: tenant,
            slug: TenantSlug::parse(&format!("org-{mark}")).unwrap(),
            name: format!("Organization {mark}"),
            metadata: Map::new(),
            created_at: now,
            updated_at: now,
        })
        .await
        .unwrap();
    // Whoever calls is in an organisation, in which a route may look first.
    tx.organizations()
        .put_member(&Membership {
            tenant_id: tenant,
            organization_id: organization,
            user_id: user,
            roles: vec![role.clone()],
            created_at: now,
        })
        .await
        .unwrap();
    let invitation = InvitationId::new(now, &random);
    tx.invitations()
        .insert(&Invitation {
            id: invitation,
            tenant_id: tenant,
            email: format!("invited-{mark}@example.com").parse_address(),
            roles: Vec::new(),
            organization_id: Some(organization),
            invited_by: None,
            hash: None,
            created_at: now,
            expires_at: now.after(std::time::Duration::from_hours(24)),
            sent_at: now,
            accepted_at: None,
            accepted_by: None,
            revoked_at: None,
        })
        .await
        .unwrap();
    let api_key = ApiKeyId::new(now, &random);
    tx.api_keys()
        .insert(&ApiKey {
            id: api_key,
            tenant_id: tenant,
            user_id: user,
            name: format!("Key {mark}"),
            prefix: "gk_test".to_owned(),
            hash: [7; 32],
            permissions: vec!["*".to_owned()],
            networks: Vec::new(),
            created_by: None,
            created_at: now,
            expires_at: None,
            last_used_at: None,
            revoked_at: None,
            replaced_by: None,
        })
        .await
        .unwrap();
    let device = some_device(&mut *tx, tenant, user, now).await;
    let sessions = tx
        .sessions()
        .live_for_user(tenant, user, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    Names(BTreeMap::from([
        ("user", user.to_string()),
        ("service_account", user.to_string()),
        ("session", sessions[0].to_string()),
        ("device", device.to_string()),
        ("role", role.as_str().to_owned()),
        ("group", group.to_string()),
        ("organization", organization.to_string()),
        ("invitation", invitation.to_string()),
        ("api_key", api_key.to_string()),
        ("tenant", mark.to_owned()),
    ]))
}

/// Ada once more, in the organisation that was made, in which she may do everything.
async fn in_organization(world: &World, tenant: &str, names: &Names) -> String {
    let credentials = json!({"email": ADA, "password": PASSWORD, "token_delivery": "body"});
    let token = world.post("/v1/auth/login", &credentials).tenant(tenant);
    let token = token.expect(200).await.text("access_token");
    let body = json!({"organization_id": names.0["organization"], "token_delivery": "body"});
    let switched = world.post("/v1/auth/organization", &body).tenant(tenant);
    let switched = switched.bearer(&token).expect(200).await;
    switched.text("access_token")
}

trait ParseAddress {
    fn parse_address(&self) -> gatekeeper_core::model::EmailAddress;
}

impl ParseAddress for String {
    fn parse_address(&self) -> gatekeeper_core::model::EmailAddress {
        gatekeeper_core::model::EmailAddress::parse(self).unwrap()
    }
}

/// The device that the user signed in on.
async fn some_device(
    tx: &mut dyn gatekeeper_core::store::Transaction,
    tenant: TenantId,
    user: UserId,
    now: Timestamp,
) -> DeviceId {
    let devices: Vec<Device> = tx.devices().list(tenant, user, now).await.unwrap();
    devices.first().unwrap().id
}

/// All that is stored of a tenant, as text.
async fn dump(world: &World, tenant: TenantId) -> String {
    let now = world.api.gatekeeper().clock().now();
    let all = || PageRequest::first(100);
    let (users, invitations, trail) = (
        UserFilter::default(),
        InvitationFilter::default(),
        AuditFilter::default(),
    );
    let mut text = String::new();
    let mut tx = world.repository.begin().await.unwrap();
    let mut say = |what: &dyn std::fmt::Debug| writeln!(text, "{what:?}").unwrap();
    say(&tx.tenants().find(tenant).await.unwrap());
    let users = tx.users().list(tenant, &users, all());
    let users = users.await.unwrap().items;
    for user in &users {
        let id = user.id;
        say(&user);
        say(&tx
            .credentials()
            .find_password(tenant, id)
            .await
            .unwrap()
            .map(|it| it.changed_at));
        say(&tx.credentials().list_identities(tenant, id).await.unwrap());
        say(&tx.devices().list(tenant, id, now).await.unwrap());
        say(&tx.mfa().list(tenant, id).await.unwrap());
        say(&tx.roles().granted(tenant, id).await.unwrap());
        say(&tx.roles().authority(tenant, id, None).await.unwrap());
        say(&tx.groups().list_for_user(tenant, id).await.unwrap());
        say(&tx
            .organizations()
            .list_for_user(tenant, id, all())
            .await
            .unwrap()
            .items);
        say(&tx
            .api_keys()
            .list_for_user(tenant, id, all())
            .await
            .unwrap()
            .items);
        say(&tx
            .sessions()
            .list_for_user(tenant, id, now, all())
            .await
            .unwrap()
            .items);
    }
    say(&tx.roles().list(tenant).await.unwrap());
    let groups = tx.groups().list(tenant, all()).await.unwrap().items;
    for group in &groups {
        say(group);
        say(&tx
            .groups()
            .members(tenant, group.id, all())
            .await
            .unwrap()
            .items);
    }
    let organizations = tx.organizations().list(tenant, all()).await.unwrap().items;
    for organization in &organizations {
        say(organization);
        let members = tx.organizations().members(tenant, organization.id, all());
        say(&members.await.unwrap().items);
    }
    let invitations = tx.invitations().list(tenant, &invitations, all());
    say(&invitations.await.unwrap().items);
    for state in [
        OutboxState::Pending,
        OutboxState::Dead,
        OutboxState::Delivered,
    ] {
        say(&tx.outbox().list(tenant, state, all()).await.unwrap().items);
    }
    let trail = tx.audit().list(tenant, &trail, all());
    let rows = trail.await.unwrap().items;
    say(&rows
        .iter()
        .map(|row| (row.id, row.event))
        .collect::<Vec<_>>());
    text
}

/// The paths of a route with the names of others: with all of them, and with each alone among one's own.
fn paths(route: &Route, theirs: &Names, own: &Names) -> Vec<String> {
    let segments: Vec<&str> = route.path.split('/').collect();
    let variable: Vec<usize> = (0..segments.len())
        .filter(|&index| segments[index].starts_with('{'))
        .collect();
    let fill = |foreign: &dyn Fn(usize) -> bool| {
        let filled: Vec<String> = segments
            .iter()
            .enumerate()
            .map(|(index, segment)| {
                if !variable.contains(&index) {
                    return (*segment).to_owned();
                }
                let names = if foreign(index) { theirs } else { own };
                names.of(route, segments[index - 1], segment)
            })
            .collect();
        filled.join("/")
    };
    let mut paths = vec![fill(&|_| true)];
    if variable.len() > 1 {
        paths.extend(variable.iter().map(|&one| fill(&|index| index == one)));
    }
    paths
}

/// A body that the description allows, so that the answer is about what is named and not about the form.
fn sample(document: &Value, schema: &Value, member: &str, names: &Names) -> Value {
    if let Some(name) = names.in_body(member) {
        return json!(name);
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).unwrap();
        return sample(document, target, member, names);
    }
    if let Some(example) = schema["examples"].as_array().and_then(|all| all.first()) {
        return example.clone();
    }
    if let Some(word) = schema["enum"].as_array().and_then(|all| all.first()) {
        return word.clone();
    }
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    if let Some(one) = schema["anyOf"].as_array().and_then(|all| all.first()) {
        return sample(document, one, member, names);
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds[0].as_str(),
        kind => kind.as_str(),
    };
    match kind {
        Some("object") => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let properties = schema["properties"]
                .as_object()
                .cloned()
                .unwrap_or_default();
            let members = properties.iter().filter(|(name, _)| {
                required.contains(&json!(name)) || names.in_body(name).is_some()
            });
            let members =
                members.map(|(name, schema)| (name.clone(), sample(document, schema, name, names)));
            Value::Object(members.collect())
        }
        Some("array") => json!([sample(document, &schema["items"], member, names)]),
        Some("integer") => json!(schema["minimum"].as_i64().unwrap_or(1)),
        Some("boolean") => json!(false),
        _ if schema["format"] == "email" => json!("somebody@example.com"),
        _ if schema["format"] == "date-time" => json!("2031-01-01T00:00:00Z"),
        _ => json!("something"),
    }
}

fn body_of(document: &Value, route: &Route, names: &Names) -> Option<Value> {
    let method = route.method.as_str().to_lowercase();
    let body = &document["paths"][route.path][&method]["requestBody"];
    let schema = &body["content"]["application/json"]["schema"];
    (!schema.is_null()).then(|| sample(document, schema, "", names))
}

/// What tells an answer from another, but for what differs with every request.
fn told(mut body: Value) -> Value {
    if let Some(members) = body.as_object_mut() {
        members.remove("correlation_id");
    }
    body
}

fn names_something(route: &Route, document: &Value, names: &Names) -> bool {
    route.path.contains('{')
        || body_of(document, route, names).is_some_and(|body| {
            let members = body.as_object().into_iter().flatten();
            let mut members = members.map(|(name, _)| name);
            members.any(|name| names.in_body(name).is_some())
        })
}

#[tokio::test]
async fn row_52_what_is_another_tenants_is_not_there() {
    let world = World::new().await;
    let document = world.get("/openapi.json").expect(200).await.body;
    let default = ("default", TenantId::DEFAULT);
    let acme = ("acme", add_tenant(&world, "acme").await);
    let globex = ("globex", add_tenant(&world, "globex").await);
    let administration = world.api.gatekeeper().administration();
    let mut tenants = Vec::new();
    for tenant in [default, acme, globex] {
        let token = somebody(&world, tenant, ADA, Some("admin")).await;
        let cx = RequestContext::internal(tenant.1, "test");
        let owner = administration.find_user_by_email(&cx, ADA).await.unwrap();
        let names = furnish(&world, tenant.1, tenant.0, owner.id).await;
        let member = in_organization(&world, tenant.0, &names).await;
        tenants.push((tenant, [token, member], names));
    }
    // What is nobody's.
    let nothing = Names(
        tenants[0]
            .2
            .0
            .keys()
            .map(|&kind| {
                let name = match kind {
                    "role" => "no-such-role",
                    "tenant" => "nobody",
                    _ => "018f0000-0000-7000-8000-000000000000",
                };
                (kind, name.to_owned())
            })
            .collect(),
    );
    let mut walked = 0;
    for (who, victim) in [(1, 2), (2, 1), (1, 0), (0, 1)] {
        let ((slug, _), [token, member], own) = &tenants[who];
        let ((_, victim_id), _, theirs) = &tenants[victim];
        let before = dump(&world, *victim_id).await;
        assert!(before.contains(&theirs.0["api_key"]) && before.contains(&theirs.0["session"]));
        for route in Api::routes().filter(|route| names_something(route, &document, theirs)) {
            let token = match route.caller {
                Caller::User | Caller::Permission(_) => token,
                Caller::OrganizationPermission(_) => member,
                _ => continue,
            };
            let platform =
                matches!(route.caller, Caller::Permission(name) if name.starts_with("tenants:"));
            let send = async |path: &str, names: &Names| {
                // Another call for each: a cap on changes is not what is tried here.
                let call = world
                    .call(route.method.clone(), path)
                    .tenant(slug)
                    .bearer(token);
                let call = match body_of(&document, route, names) {
                    Some(body) => call.json(&body),
                    None => call,
                };
                call.send().await
            };
            let foreign = paths(route, theirs, own);
            let absent = paths(route, &nothing, own);
            for (index, (path, absent)) in foreign.iter().zip(&absent).enumerate() {
                let answer = send(path, theirs).await;
                let what = format!(
                    "{} {path} -> {} {}",
                    route.method, answer.status, answer.body
                );
                walked += 1;
                if platform {
                    assert_eq!(answer.body["code"], "access.forbidden", "{what}");
                    continue;
                }
                // Taking out of one's own group or organisation who is not in it may be done already.
                let nothing_to_do =
                    index > 0 && route.method == Method::DELETE && answer.status == 204;
                assert!(nothing_to_do || answer.status == 404, "{what}");
                // And nobody can tell it from what is nowhere.
                let other = send(absent, &nothing).await;
                assert_eq!(answer.status, other.status, "{what}");
                assert_eq!(told(answer.body), told(other.body), "{what}");
            }
        }
        assert_eq!(dump(&world, *victim_id).await, before);
    }
    assert!(walked >= 4 * 5, "{walked}");
}

/// What would be another tenant's is refused by its address too: the token is of one tenant.
#[tokio::test]
async fn row_52_a_token_is_of_no_other_tenant_on_any_route() {
    let world = World::new().await;
    let acme = ("acme", add_tenant(&world, "acme").await);
    let globex = ("globex", add_tenant(&world, "globex").await);
    let token = somebody(&world, globex, ADA, Some("admin")).await;
    let owner = somebody(&world, acme, ADA, Some("admin")).await;
    let before = dump(&world, acme.1).await;
    for route in Api::routes() {
        if matches!(
            route.caller,
            Caller::User | Caller::Permission(_) | Caller::OrganizationPermission(_)
        ) {
            world
                .call(route.method.clone(), &crate::walk::path_of(route, "x"))
                .bearer(&token)
                .tenant(acme.0)
                .refused(401, "access.invalid_token")
                .await;
        }
    }
    assert_eq!(dump(&world, acme.1).await, before);
    let me = world.get("/v1/auth/me").bearer(&owner).tenant(acme.0);
    me.expect(200).await;
}
