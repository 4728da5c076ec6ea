//! Two tenants, an invited administrator, an API key and an impersonation, as the README tells it: on both frameworks, on SQLite
//! alone and on PostgreSQL with Redis.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};

use crate::{
    client::{Answer, call_in},
    postgres::Postgres,
    redis::Redis,
    server::{PASSWORD, SECRET, Server, json_of, run_with_input, within},
};

/// A server, asked in one tenant.
struct Tenant<'a> {
    server: &'a Server,
    slug: Option<&'a str>,
}

impl Tenant<'_> {
    fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Answer {
        call_in(&self.server.address, self.slug, method, path, token, body).unwrap()
    }

    fn get(&self, path: &str, token: &str) -> Answer {
        self.call("GET", path, Some(token), None)
    }

    fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.call("POST", path, Some(token), Some(body))
    }

    fn sign_in(&self, email: &str) -> Answer {
        let body = json!({"email": email, "password": PASSWORD, "token_delivery": "body"});
        self.call("POST", "/v1/auth/login", None, Some(&body))
    }

    /// Accepts the newest invitation that was mailed to this address.
    fn accept(&self, email: &str) -> Answer {
        let token = self.server.mailed_token(email);
        let seen = json!({"token": token});
        let inspected = self.call("POST", "/v1/auth/invitations/inspect", None, Some(&seen));
        assert_eq!(inspected.status, 200, "{inspected:?}");
        assert_eq!(inspected.text("email"), email);
        let body = json!({"token": token, "password": PASSWORD, "token_delivery": "body"});
        self.call("POST", "/v1/auth/invitations/accept", None, Some(&body))
    }
}

#[track_caller]
fn done(answer: &Answer, status: u16) -> &Answer {
    assert_eq!(answer.status, status, "{answer:?}");
    answer
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.text("code")),
        (status, code.to_owned()),
        "{answer:?}"
    );
}

/// What the README's newcomer does.
#[expect(clippy::too_many_lines, reason = "a way from its beginning to its end")]
fn walk(directory: &Path, server: &Server, settings: &[&str]) {
    let platform = Tenant { server, slug: None };
    let acme = Tenant {
        server,
        slug: Some("acme"),
    };
    let globex = Tenant {
        server,
        slug: Some("globex"),
    };

    // The platform's administrator, made on the command line, makes two tenants; each has its first administrator invited.
    let create = [
        "user",
        "create",
        "--email",
        "root@platform.example",
        "--role",
        "platform_admin",
        "--password-stdin",
    ];
    let made = run_with_input(
        directory,
        &[&create[..], settings].concat(),
        &format!("{PASSWORD}\n"),
    );
    assert!(made.status.success(), "{made:?}");
    let root = platform
        .sign_in("root@platform.example")
        .text("access_token");
    for (slug, name, email) in [
        ("acme", "Acme", "ann@acme.example"),
        ("globex", "Globex", "gil@globex.example"),
    ] {
        let body = json!({"slug": slug, "name": name, "admin_email": email});
        done(&platform.post("/v1/admin/tenants", &root, &body), 201);
    }
    let ann = done(&acme.accept("ann@acme.example"), 200).text("access_token");
    let gil = done(&globex.accept("gil@globex.example"), 200).text("access_token");

    // An invitation is good for one acceptance and one tenant.
    let invitation = json!({"email": "bob@acme.example", "roles": ["editor"]});
    refused(
        &acme.post("/v1/admin/invitations", &ann, &invitation),
        404,
        "role.not_found",
    );
    let role = json!({"name": "editor", "permissions": ["reports:*", "users:read"], "description": "Writes reports."});
    done(&acme.post("/v1/admin/roles", &ann, &role), 201);
    done(&acme.post("/v1/admin/invitations", &ann, &invitation), 201);
    let token = server.mailed_token("bob@acme.example");
    let body = json!({"token": token, "password": PASSWORD, "token_delivery": "body"});
    let accept = "/v1/auth/invitations/accept";
    refused(
        &globex.call("POST", accept, None, Some(&body)),
        400,
        "token.invalid",
    );
    let bob = acme.accept("bob@acme.example");
    let (bob_id, bob) = (
        done(&bob, 200).json()["user"]["id"].clone(),
        bob.text("access_token"),
    );
    refused(
        &acme.call("POST", accept, None, Some(&body)),
        400,
        "token.invalid",
    );

    // Neither sees the other's tenant.
    let users = done(&acme.get("/v1/admin/users", &ann), 200).json();
    assert_eq!(users["items"].as_array().unwrap().len(), 2);
    let bob_path = format!("/v1/admin/users/{}", bob_id.as_str().unwrap());
    done(&acme.get(&bob_path, &ann), 200);
    refused(&globex.get(&bob_path, &gil), 404, "account.not_found");
    refused(&acme.get(&bob_path, &gil), 401, "access.invalid_token");
    refused(
        &acme.get("/v1/admin/tenants", &ann),
        403,
        "access.forbidden",
    );

    // A key of Bob's, for less than he may, until he may no more.
    let wanted = json!({"name": "nightly", "permissions": ["reports:read"]});
    let key = done(&acme.post("/v1/api-keys", &bob, &wanted), 201).text("key");
    assert!(key.starts_with("gk_live_"), "{key}");
    refused(&acme.get("/v1/admin/users", &key), 403, "access.forbidden");
    let more = json!({"name": "more", "permissions": ["users:write"]});
    assert_eq!(acme.post("/v1/api-keys", &bob, &more).status, 403);
    let reader = json!({"name": "reader", "permissions": ["users:read"]});
    let reader = done(&acme.post("/v1/api-keys", &bob, &reader), 201).text("key");
    done(&acme.get("/v1/admin/users", &reader), 200);
    let role = format!("{bob_path}/roles/editor");
    done(&acme.call("DELETE", &role, Some(&ann), None), 204);
    refused(
        &acme.get("/v1/admin/users", &reader),
        403,
        "access.forbidden",
    );
    refused(&acme.get("/v1/admin/users", &bob), 403, "access.forbidden");

    // Ann acts as Bob; he sees it, and she changes nothing of his.
    let reason = json!({"reason": "ticket 4711", "token_delivery": "body"});
    let begun = acme.post(&format!("{bob_path}/impersonate"), &ann, &reason);
    let as_bob = done(&begun, 200).text("access_token");
    let me = done(&acme.get("/v1/auth/me", &as_bob), 200).json();
    assert_eq!(
        (&me["id"], &me["impersonation"]["reason"]),
        (&bob_id, &json!("ticket 4711"))
    );
    let change = json!({"current_password": PASSWORD, "new_password": "another walk by the lake"});
    refused(
        &acme.post("/v1/auth/password/change", &as_bob, &change),
        403,
        "access.impersonating",
    );
    refused(
        &acme.post(&format!("{bob_path}/impersonate"), &bob, &reason),
        403,
        "access.forbidden",
    );
    done(
        &acme.call(
            "POST",
            "/v1/auth/impersonation/end",
            Some(&as_bob),
            Some(&json!({})),
        ),
        204,
    );
    refused(
        &acme.get("/v1/auth/me", &as_bob),
        401,
        "access.invalid_token",
    );

    // The trail of each tenant is its own, and whole.
    let trail = done(
        &acme.get("/v1/admin/audit?event=impersonation.begun", &ann),
        200,
    )
    .json();
    assert_eq!(trail["items"][0]["target"], bob_id);
    assert_eq!(trail["items"].as_array().unwrap().len(), 1);
    let elsewhere = done(
        &globex.get("/v1/admin/audit?event=impersonation.begun", &gil),
        200,
    )
    .json();
    assert_eq!(elsewhere["items"], json!([]));
    let verify = [&["audit", "verify", "--tenant", "acme"][..], settings].concat();
    let sound = within(Duration::from_secs(30), || {
        let verified = json_of(directory, &verify);
        assert_eq!(verified["verdict"], "sound", "{verified}");
        (verified["unsealed"] == 0).then_some(())
    });
    assert!(sound.is_some(), "rows were given no place in the chain");

    // A suspended tenant is not there; the other goes on.
    let suspend = json!({"suspended": true});
    done(
        &platform.call(
            "PATCH",
            "/v1/admin/tenants/acme",
            Some(&root),
            Some(&suspend),
        ),
        200,
    );
    refused(&acme.get("/v1/auth/me", &ann), 404, "tenant.not_found");
    done(&globex.get("/v1/auth/me", &gil), 200);
}

fn on_sqlite(adapter: &str) {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(
        directory.path(),
        &["--adapter", adapter, "--rate-limits", "off"],
    );
    walk(directory.path(), &server, &[]);
}

fn on_postgres_with_redis(adapter: &str) {
    let (postgres, redis) = (Postgres::start(), Redis::start());
    let directory = tempfile::tempdir().unwrap();
    let (database, redis) = (postgres.url(), redis.url());
    let settings = [
        "--database-url",
        &database,
        "--redis-url",
        &redis,
        "--secret",
        SECRET,
    ];
    let serve = [
        &settings[..],
        &["--adapter", adapter, "--rate-limits", "off"],
    ]
    .concat();
    let server = Server::start(directory.path(), &serve);
    walk(directory.path(), &server, &settings);
}

#[test]
fn two_tenants_live_apart_on_sqlite_and_axum() {
    on_sqlite("axum");
}

#[test]
fn two_tenants_live_apart_on_sqlite_and_actix() {
    on_sqlite("actix");
}

#[test]
fn two_tenants_live_apart_on_postgres_redis_and_axum() {
    on_postgres_with_redis("axum");
}

#[test]
fn two_tenants_live_apart_on_postgres_redis_and_actix() {
    on_postgres_with_redis("actix");
}
