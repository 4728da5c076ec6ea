//! The conformance script for what adapters offer to an application's own routes: extractors, guards and layers.
//!
//! The application under test has these routes, each answering `GET` and `POST` with 200 and a text:
//!
//! | path | guarded by | text |
//! |---|---|---|
//! | `/whoami` | `CurrentUser` | the user's address |
//! | `/maybe` | `MaybeUser` | the user's address, or `nobody` |
//! | `/plain` | `Require` with [`plain_users`] | the user's address |
//! | `/strong` | `Require` with [`strong_users`] | the user's address |
//! | `/vault` | the layer `require` with [`vault`], and `CurrentUser` | the user's address |
//! | `/office` | the layer `require` with [`office`], and `CurrentUser` | the user's address |
//! | `/layered` | the layer `authenticate`, and `MaybeUser` | the user's address, or `nobody` |
//! | `/public` | the layer `authenticate`; answers with `Cache-Control: public, max-age=60` | `public` |
//! | `/context` | `Context` | correlation id, a space, and the caller's address |

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a suite speaks by panicking, in the test that called it"
)]

use std::time::Duration;

use bytes::Bytes;
use gatekeeper_core::{
    Evidence, Gatekeeper, NewApiKey, NewUser, RequestContext, SignIn,
    env::Clock,
    model::{SecretString, TenantId},
};
use gatekeeper_http::{Api, CODES, Requirement};
use http::{Method, Request, Response};
use serde_json::{Value, json};

use crate::{
    rest::{RestFixture, RestTarget},
    totp,
};

const PASSWORD: &str = "a corridor of 12 elms";

/// What `/plain` asks for: users who are no administrators.
pub fn plain_users() -> Requirement {
    Requirement::role("user") & !Requirement::role("admin")
}

/// What `/office` asks for: a role that nobody has, or a permission that administrators have.
pub fn office() -> Requirement {
    Requirement::role("clerk") | Requirement::permission("reports:read")
}

/// What `/strong` asks for: a second factor in the last five minutes, or a role that nobody has.
pub fn strong_users() -> Requirement {
    Requirement::recent_mfa(Duration::from_mins(5)) | Requirement::role("clerk")
}

/// What `/vault` asks for: a second factor, and a permission that administrators have.
pub fn vault() -> Requirement {
    Requirement::mfa() & Requirement::permission("reports:read")
}

/// Runs the script against the application that `serve` makes, which is called from 127.0.0.1.
///
/// # Panics
///
/// Where a request is not answered as the table says.
pub async fn run<T: RestTarget>(serve: impl AsyncFnOnce(Api) -> T) {
    let fixture = RestFixture::new().await;
    let target = serve(Api::from(fixture.gatekeeper().clone())).await;
    let script = Script {
        target: &target,
        fixture: &fixture,
    };
    let ada = script.user("ada@example.com", &[]).await;
    let root = script.user("root@example.com", &["admin"]).await;

    script.nobody().await;
    script.wrong_tokens().await;
    script.signed_in(&ada, &root).await;
    script.cookies(&ada).await;
    script.second_factors(&ada, &root).await;
    script.api_keys(&root).await;

    let other = script.sign_in("ada@example.com").await;
    script.allowed("/whoami", &other, "ada@example.com").await;
    script.end(&other).await;
    script.refused_everywhere(&other).await;
    script.allowed("/whoami", &ada, "ada@example.com").await;

    // Nobody has told this process of revocations for a while: the store has to be asked, and the answers stay the same.
    let late = script.sign_in("ada@example.com").await;
    script.end(&late).await;
    fixture.clock().advance(Duration::from_mins(5));
    script.refused_everywhere(&late).await;
    script.nobody().await;
    script.signed_in(&ada, &root).await;
    script.api_keys(&root).await;

    fixture.clock().advance(Duration::from_hours(1));
    script.refused_everywhere(&ada).await;
}

/// Makes a user with this address, signs them in, and answers the access token.
///
/// # Panics
///
/// Where the address is taken.
pub async fn token(gatekeeper: &Gatekeeper, email: &str) -> String {
    user(gatekeeper, email, &[]).await;
    sign_in(gatekeeper, email).await
}

struct Script<'a> {
    target: &'a dyn RestTarget,
    fixture: &'a RestFixture,
}

const CORRELATION: &str = "step-7";

impl Script<'_> {
    async fn nobody(&self) {
        for path in ["/whoami", "/plain", "/office"] {
            let answer = self.get(path, &[]).await;
            assert_problem(&answer, "access.missing_token");
            assert_eq!(
                text(&answer, "www-authenticate"),
                "Bearer realm=\"gatekeeper\""
            );
        }
        for path in ["/maybe", "/layered"] {
            assert_text(&self.get(path, &[]).await, "nobody");
        }
        assert_text(&self.get("/context", &[]).await, "step-7 127.0.0.1");
        // Another scheme is somebody else's.
        let basic = [("authorization", "Basic YTpi")];
        assert_text(&self.get("/maybe", &basic).await, "nobody");
    }

    /// What a step-up would open asks for one (RFC 9470); what it would not open does not.
    async fn second_factors(&self, ada: &str, root: &str) {
        self.step_up("/strong", ada, ", max_age=\"300\"").await;
        self.forbidden("/vault", ada).await;
        self.step_up("/vault", root, "").await;
        let strong = self
            .with_second_factor("strong@example.com", &["admin"])
            .await;
        self.allowed("/strong", &strong, "strong@example.com").await;
        self.allowed("/vault", &strong, "strong@example.com").await;
        self.fixture.clock().advance(Duration::from_mins(5));
        self.allowed("/strong", &strong, "strong@example.com").await;
        self.fixture.clock().advance(Duration::from_secs(1));
        self.step_up("/strong", &strong, ", max_age=\"300\"").await;
        self.allowed("/vault", &strong, "strong@example.com").await;
    }

    async fn step_up(&self, path: &str, token: &str, more: &str) {
        let bearer = format!("Bearer {token}");
        let answer = self.get(path, &[("authorization", &bearer)]).await;
        assert_problem(&answer, "access.step_up_required");
        assert_eq!(
            text(&answer, "www-authenticate"),
            format!(
                "Bearer realm=\"gatekeeper\", error=\"insufficient_user_authentication\"{more}"
            )
        );
    }

    /// The access token of a user who showed a second factor.
    async fn with_second_factor(&self, email: &str, roles: &[&str]) -> String {
        let first = self.user(email, roles).await;
        let (gatekeeper, cx) = (self.fixture.gatekeeper(), context());
        let who = gatekeeper
            .authenticate(&first)
            .await
            .expect("a sound token");
        let setup = gatekeeper.mfa().begin_totp(&cx, &who).await;
        let seed = totp::seed(setup.expect("a seed").secret.expose());
        let code = || {
            self.fixture.clock().advance(Duration::from_secs(30));
            SecretString::from(totp::code(&seed, self.fixture.clock().now()))
        };
        let codes = gatekeeper.mfa().confirm_totp(&cx, &who, &code()).await;
        codes.expect("an app");
        let (sessions, code) = (gatekeeper.sessions(), code());
        let stepped = sessions.step_up(&cx, &who, "totp", &code).await;
        let stepped = stepped.expect("a step-up");
        stepped.access_token.expose().to_owned()
    }

    async fn wrong_tokens(&self) {
        for token in ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
            self.refused_everywhere(token).await;
        }
        let twice = [("authorization", "Bearer a"), ("authorization", "Bearer b")];
        for path in [
            "/whoami", "/maybe", "/plain", "/office", "/layered", "/public",
        ] {
            let answer = self.get(path, &twice).await;
            assert_problem(&answer, "request.ambiguous_credentials");
        }
        let elsewhere = [("x-tenant", "nobodys"), ("authorization", "Bearer a")];
        assert_problem(&self.get("/maybe", &elsewhere).await, "tenant.not_found");
    }

    async fn signed_in(&self, ada: &str, root: &str) {
        for path in ["/whoami", "/maybe", "/layered"] {
            self.allowed(path, ada, "ada@example.com").await;
            self.allowed(path, root, "root@example.com").await;
        }
        self.allowed("/plain", ada, "ada@example.com").await;
        self.forbidden("/plain", root).await;
        self.allowed("/office", root, "root@example.com").await;
        self.forbidden("/office", ada).await;

        // A cache must not hand one user's answer to another, unless the handler says that it may.
        let answer = self.get("/layered", &[]).await;
        assert_eq!(text(&answer, "cache-control"), "no-store");
        assert_eq!(
            text(&answer, "vary"),
            "Authorization, Cookie, Origin, X-Api-Key, X-Tenant"
        );
        let answer = self.get("/public", &[]).await;
        assert_text(&answer, "public");
        assert_eq!(text(&answer, "cache-control"), "public, max-age=60");
        assert_eq!(
            text(&answer, "vary"),
            "Authorization, Cookie, Origin, X-Api-Key, X-Tenant"
        );
    }

    /// A key opens what its scopes and its owner's rights both open, from where it may be used; it has no roles and no factors.
    async fn api_keys(&self, root: &str) {
        let (gatekeeper, cx) = (self.fixture.gatekeeper(), context());
        let who = gatekeeper.authenticate(root).await.expect("a sound token");
        let new_key = async |scopes: &[&str], network: &str| {
            let input = NewApiKey {
                name: "script".to_owned(),
                permissions: scopes.iter().map(|&scope| scope.to_owned()).collect(),
                networks: vec![network.to_owned()],
                ..NewApiKey::default()
            };
            let made = gatekeeper.api_keys().create(&cx, &who, input).await;
            made.expect("a key")
        };
        let made = new_key(&["reports:read"], "127.0.0.1").await;
        let key = made.text.expose();
        // The second time, it was seen before.
        for _ in 0..2 {
            for path in ["/whoami", "/maybe", "/layered", "/office"] {
                self.allowed(path, key, "root@example.com").await;
                let answer = self.get(path, &[("x-api-key", key)]).await;
                assert_text(&answer, "root@example.com");
            }
            for path in ["/plain", "/strong", "/vault"] {
                self.forbidden(path, key).await;
            }
        }
        let foreign = [("x-api-key", key), ("origin", "https://evil.example")];
        let answer = self.send(Method::POST, "/whoami", &foreign).await;
        assert_text(&answer, "root@example.com");
        let bearer = format!("Bearer {root}");
        let both = [("x-api-key", key), ("authorization", bearer.as_str())];
        let answer = self.get("/maybe", &both).await;
        assert_problem(&answer, "request.ambiguous_credentials");
        let narrow = new_key(&["reports:write"], "127.0.0.0/8").await;
        self.allowed("/whoami", narrow.text.expose(), "root@example.com")
            .await;
        self.forbidden("/office", narrow.text.expose()).await;
        let outside = new_key(&["*"], "192.0.2.0/24").await;
        self.refused_everywhere(outside.text.expose()).await;
        let revoked = gatekeeper.api_keys().revoke(&cx, &who, made.key.id).await;
        revoked.expect("a revocation");
        self.refused_everywhere(key).await;
    }

    /// A cookie signs in what only reads; what changes something must come from this site.
    async fn cookies(&self, token: &str) {
        let cookie = format!("__Host-gatekeeper_access={token}");
        let reading = [("cookie", cookie.as_str())];
        assert_text(&self.get("/whoami", &reading).await, "ada@example.com");
        for path in ["/whoami", "/maybe", "/plain", "/office", "/layered"] {
            let foreign = [
                ("cookie", cookie.as_str()),
                ("origin", "https://evil.example"),
            ];
            for headers in [&reading[..], &foreign] {
                let answer = self.send(Method::POST, path, headers).await;
                assert_problem(&answer, "request.csrf");
            }
        }
        let own = [
            ("cookie", cookie.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        let answer = self.send(Method::POST, "/whoami", &own).await;
        assert_text(&answer, "ada@example.com");
    }

    async fn refused_everywhere(&self, token: &str) {
        let bearer = format!("Bearer {token}");
        for path in [
            "/whoami", "/maybe", "/plain", "/office", "/layered", "/public",
        ] {
            let answer = self.get(path, &[("authorization", &bearer)]).await;
            assert_problem(&answer, "access.invalid_token");
            assert_eq!(
                text(&answer, "www-authenticate"),
                "Bearer realm=\"gatekeeper\", error=\"invalid_token\""
            );
        }
    }

    async fn allowed(&self, path: &str, token: &str, wanted: &str) {
        let bearer = format!("Bearer {token}");
        assert_text(&self.get(path, &[("authorization", &bearer)]).await, wanted);
    }

    async fn forbidden(&self, path: &str, token: &str) {
        let bearer = format!("Bearer {token}");
        let answer = self.get(path, &[("authorization", &bearer)]).await;
        assert_problem(&answer, "access.forbidden");
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
        self.send(Method::GET, path, headers).await
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("x-correlation-id", CORRELATION);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::new()).expect("a sound request");
        self.target.send(request).await
    }

    async fn user(&self, email: &str, roles: &[&str]) -> String {
        user(self.fixture.gatekeeper(), email, roles).await;
        self.sign_in(email).await
    }

    async fn sign_in(&self, email: &str) -> String {
        sign_in(self.fixture.gatekeeper(), email).await
    }

    /// Signs out past the application, as another node would.
    async fn end(&self, token: &str) {
        let gatekeeper = self.fixture.gatekeeper();
        let who = gatekeeper.authenticate(token).await.expect("a sound token");
        let ended = gatekeeper.sessions().sign_out(&context(), &who).await;
        ended.expect("a sign-out");
    }
}

async fn user(gatekeeper: &Gatekeeper, email: &str, roles: &[&str]) {
    let user = NewUser {
        email: email.to_owned(),
        name: None,
        roles: roles.iter().map(|&role| role.to_owned()).collect(),
        password: Some(SecretString::new(PASSWORD)),
    };
    let (administration, cx) = (gatekeeper.administration(), context());
    let made = administration.create_user(&cx, user).await;
    made.expect("a user");
}

async fn sign_in(gatekeeper: &Gatekeeper, email: &str) -> String {
    let evidence = Evidence::Password {
        identifier: email.to_owned(),
        password: SecretString::new(PASSWORD),
    };
    match gatekeeper.sessions().sign_in(&context(), evidence).await {
        Ok(SignIn::SignedIn(signed_in)) => signed_in.access_token.expose().to_owned(),
        other => panic!("{other:?}"),
    }
}

fn context() -> RequestContext {
    RequestContext::internal(TenantId::DEFAULT, "setup")
}

fn assert_text(answer: &Response<Bytes>, wanted: &str) {
    assert_eq!(
        (
            answer.status().as_u16(),
            &*String::from_utf8_lossy(answer.body())
        ),
        (200, wanted)
    );
}

/// The answer is the whole problem document of this code, to the letter, with everything that goes with it.
fn assert_problem(answer: &Response<Bytes>, code: &str) {
    let entry = CODES
        .iter()
        .find(|entry| entry.code == code)
        .expect("a code");
    let wanted = json!({
        "type": format!("urn:gatekeeper:error:{code}"),
        "title": entry.title,
        "status": entry.status.as_u16(),
        "detail": entry.detail,
        "code": code,
        "correlation_id": CORRELATION,
    });
    let found: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    assert_eq!((found, answer.status()), (wanted, entry.status));
    assert_eq!(text(answer, "content-type"), "application/problem+json");
    assert_eq!(text(answer, "cache-control"), "no-store");
    assert_eq!(
        text(answer, "vary"),
        "Authorization, Cookie, Origin, X-Api-Key, X-Tenant"
    );
    assert_eq!(text(answer, "x-correlation-id"), CORRELATION);
    assert_eq!(text(answer, "x-content-type-options"), "nosniff");
    assert_eq!(
        text(answer, "strict-transport-security"),
        "max-age=31536000"
    );
    assert_eq!(
        answer.headers().contains_key("www-authenticate"),
        entry.status == 401
    );
}

/// A header that is there exactly once.
fn text<'a>(answer: &'a Response<Bytes>, name: &str) -> &'a str {
    let values: Vec<_> = answer.headers().get_all(name).iter().collect();
    assert_eq!(values.len(), 1, "{name} in {answer:?}");
    values[0].to_str().expect("text")
}
