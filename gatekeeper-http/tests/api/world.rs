//! What the tests stand on: a Gatekeeper on the memory store, and a client that holds every answer to the contract.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use gatekeeper_core::{
    Config, Gatekeeper, GatekeeperBuilder,
    crypto::{
        SecretKey,
        jwt::{Keyring, SigningKey},
        password::danger::danger_weak_hashing,
    },
    model::{KeyId, TenantId, Timestamp},
    store::{Repository, memory::MemoryRepository},
    testing::{ManualClock, RecordingMailer, SeededRandom},
};
use gatekeeper_http::{Api, HttpSettings};
use http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::{Value, json};

use crate::schema;

pub(crate) const PUBLIC_URL: &str = "https://auth.example.com";
pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const PASSWORD: &str = "a long walk by the sea";
/// The HS256 key of the worlds: tests can sign what they like.
pub(crate) const HMAC_KEY: [u8; 32] = [
    0x9c, 0x1f, 0xa2, 0x57, 0x0b, 0xe4, 0x86, 0x3d, 0xf1, 0x68, 0x2e, 0xc5, 0x74, 0x93, 0x0a, 0xbd,
    0x41, 0xd8, 0x6f, 0x22, 0xb7, 0x5c, 0xea, 0x19, 0x80, 0x35, 0xcf, 0x4e, 0xa9, 0x16, 0x7b, 0xd3,
];

pub(crate) struct World {
    pub(crate) api: Api,
    pub(crate) clock: ManualClock,
    pub(crate) mailer: RecordingMailer,
    pub(crate) repository: Arc<MemoryRepository>,
    /// Which answers of which operation there have been.
    pub(crate) seen: Mutex<BTreeSet<(&'static str, u16)>>,
    document: Value,
}

pub(crate) fn key_id() -> KeyId {
    KeyId::new(
        Timestamp::from_unix_seconds(1_700_000_000),
        &SeededRandom::new(5),
    )
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder, HttpSettings::new()).await
    }

    pub(crate) async fn with(
        adjust: impl FnOnce(GatekeeperBuilder) -> GatekeeperBuilder,
        settings: HttpSettings,
    ) -> Self {
        let clock = ManualClock::default();
        let mailer = RecordingMailer::new();
        let repository = Arc::new(MemoryRepository::new());
        let mut config = Config::default();
        config.hashing = danger_weak_hashing();
        // The clock stands still, and the tests call from one address; `limits` has worlds of its own.
        config.rate_limits.enabled = false;
        // The present one alone: tests go back to the password they began with.
        config.password_history.remembered = 1;
        let builder = Gatekeeper::builder()
            .shared_repository(Arc::clone(&repository) as Arc<dyn Repository>)
            .secret(SecretKey::generate(&SeededRandom::new(7)))
            .keyring(Keyring::new(
                SigningKey::from_hmac_secret(key_id(), &HMAC_KEY).unwrap(),
            ))
            .public_url(PUBLIC_URL)
            .config(config)
            .mailer(mailer.clone())
            .clock(clock.clone())
            .random(SeededRandom::new(1))
            .without_workers();
        let gatekeeper = adjust(builder).build().await.unwrap();
        let api = Api::new(gatekeeper, settings);
        let request = Request::get("/openapi.json").body(Bytes::new()).unwrap();
        let document = serde_json::from_slice(api.handle(request, None).await.body()).unwrap();
        Self {
            api,
            clock,
            mailer,
            repository,
            seen: Mutex::default(),
            document,
        }
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call<'_> {
        Call {
            world: self,
            method,
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            peer: Some([192, 0, 2, 10].into()),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Call<'_> {
        self.call(Method::POST, path).json(body)
    }

    pub(crate) fn delete(&self, path: &str) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    /// The token in the last mail to this address.
    pub(crate) async fn mailed_token(&self, address: &str) -> String {
        self.api.gatekeeper().outbox().deliver_due().await.unwrap();
        let mails = self.mailer.sent();
        let mail = mails
            .iter()
            .rev()
            .find(|mail| mail.to.as_str() == address && mail.text.contains("#token="))
            .expect("a mail with a token");
        let (_, rest) = mail.text.split_once("#token=").unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    }

    /// An account whose address is verified.
    pub(crate) async fn register(&self, email: &str) {
        self.post(
            "/v1/auth/register",
            &json!({"email": email, "password": PASSWORD}),
        )
        .expect(202)
        .await;
        let token = self.mailed_token(email).await;
        self.post("/v1/auth/email/verify", &json!({"token": token}))
            .expect(200)
            .await;
        // The welcome.
        self.api.gatekeeper().outbox().deliver_due().await.unwrap();
        self.mailer.take();
    }

    /// Signs in with both tokens in the body.
    pub(crate) async fn sign_in(&self, email: &str) -> Tokens {
        let answer = self
            .post(
                "/v1/auth/login",
                &json!({"email": email, "password": PASSWORD, "token_delivery": "body"}),
            )
            .expect(200)
            .await;
        Tokens {
            access: answer.text("access_token"),
            refresh: answer.text("refresh_token"),
            session: answer.text("session_id"),
        }
    }

    /// Signs in with both tokens in cookies, and answers the value of a `Cookie` header and the CSRF token.
    pub(crate) async fn sign_in_with_cookies(&self, email: &str) -> (String, String) {
        let answer = self
            .post(
                "/v1/auth/login",
                &json!({"email": email, "password": PASSWORD, "token_delivery": "cookie"}),
            )
            .expect(200)
            .await;
        (
            answer.cookie_header(),
            answer.cookie("__Host-gatekeeper_csrf").unwrap(),
        )
    }

    /// Ada, registered and signed in.
    pub(crate) async fn ada(&self) -> Tokens {
        self.register(ADA).await;
        self.sign_in(ADA).await
    }

    /// How many users there are, and how many sessions are live for Ada.
    pub(crate) async fn users(&self) -> usize {
        let mut tx = self.repository.begin().await.unwrap();
        tx.users()
            .list(
                TenantId::DEFAULT,
                &gatekeeper_core::store::UserFilter::default(),
                gatekeeper_core::model::PageRequest::first(100),
            )
            .await
            .unwrap()
            .items
            .len()
    }
}

pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) session: String,
}

#[must_use]
pub(crate) struct Call<'w> {
    world: &'w World,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
    peer: Option<IpAddr>,
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.append(
            http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
            http::HeaderValue::from_bytes(value.as_ref()).unwrap(),
        );
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn cookies(self, line: &str) -> Self {
        self.header("cookie", line)
    }

    pub(crate) fn same_site(self) -> Self {
        self.header("origin", PUBLIC_URL)
    }

    pub(crate) fn tenant(self, slug: &str) -> Self {
        self.header("x-tenant", slug)
    }

    pub(crate) fn peer(mut self, peer: &str) -> Self {
        self.peer = Some(peer.parse().unwrap());
        self
    }

    pub(crate) fn raw(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.raw(body.to_string())
            .header("content-type", "application/json")
    }

    /// Sends it, and holds the answer to everything that every answer must be.
    pub(crate) async fn send(self) -> Answer {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .body(self.body)
            .unwrap();
        *request.headers_mut() = self.headers;
        let response = self.world.api.handle(request, self.peer).await;
        let (parts, body) = response.into_parts();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            raw: body,
        };
        self.world.hold(&self.method, &self.path, &answer);
        answer
    }

    pub(crate) async fn expect(self, status: u16) -> Answer {
        let what = format!("{} {}", self.method, self.path);
        let answer = self.send().await;
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.body);
        answer
    }

    /// Expects a problem with this status and code.
    pub(crate) async fn refused(self, status: u16, code: &str) -> Answer {
        let answer = self.expect(status).await;
        assert_eq!(answer.body["code"], code, "{}", answer.body);
        answer
    }

    /// Expects 422 and answers the pointers and codes of the fields.
    pub(crate) async fn invalid(self) -> Vec<(String, String)> {
        let answer = self.refused(422, "request.invalid").await;
        let errors = answer.body["errors"].as_array().unwrap();
        assert!(!errors.is_empty());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        errors
            .iter()
            .map(|error| (text(&error["pointer"]), text(&error["code"])))
            .collect()
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) raw: Bytes,
}

impl Answer {
    pub(crate) fn text(&self, member: &str) -> String {
        self.body[member]
            .as_str()
            .unwrap_or_else(|| panic!("{member} in {}", self.body))
            .to_owned()
    }

    /// The text at a JSON Pointer.
    pub(crate) fn text_at(&self, pointer: &str) -> String {
        let found = self.body.pointer(pointer).and_then(Value::as_str);
        found.unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// `Set-Cookie` lines.
    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        self.headers
            .get_all(header::SET_COOKIE)
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect()
    }

    /// The new value of a cookie; empty where it is taken away.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.set_cookies().iter().find_map(|line| {
            let (pair, _) = line.split_once(';')?;
            let (found, value) = pair.split_once('=')?;
            (found == name).then(|| value.to_owned())
        })
    }

    /// What a browser would send next.
    pub(crate) fn cookie_header(&self) -> String {
        let pairs: Vec<&str> = self
            .set_cookies()
            .iter()
            .filter_map(|line| line.split(';').next())
            .collect();
        pairs.join("; ")
    }
}

impl World {
    fn hold(&self, method: &Method, path: &str, answer: &Answer) {
        let what = format!("{method} {path} -> {} {}", answer.status, answer.body);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'",
            ),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{what}");
        }
        let tls = self.api.gatekeeper().public_url().is_secure();
        let hsts = if tls { "max-age=31536000" } else { "" };
        assert_eq!(answer.header("strict-transport-security"), hsts, "{what}");
        let correlation_id = answer.header("x-correlation-id");
        assert!((1..=64).contains(&correlation_id.len()), "{what}");
        if !answer.header("cache-control").starts_with("public") {
            assert_eq!(answer.header("cache-control"), "no-store", "{what}");
            assert!(answer.header("vary").contains("Cookie"), "{what}");
        }
        if !answer.status.is_success() && *method != Method::HEAD {
            assert_eq!(
                answer.header("content-type"),
                "application/problem+json",
                "{what}"
            );
            let code = answer.text("code");
            let limited = answer.status == StatusCode::TOO_MANY_REQUESTS;
            let kind = if limited {
                "https://iana.org/assignments/http-problem-types#quota-exceeded".to_owned()
            } else {
                format!("urn:gatekeeper:error:{code}")
            };
            assert_eq!(answer.text("type"), kind);
            assert_eq!(answer.body["status"], answer.status.as_u16());
            assert_eq!(answer.text("correlation_id"), correlation_id);
            assert!(!answer.text("title").is_empty() && !answer.text("detail").is_empty());
            let challenge = answer.status == StatusCode::UNAUTHORIZED;
            assert_eq!(
                answer.header("www-authenticate").starts_with("Bearer"),
                challenge,
                "{what}"
            );
            let busy = answer.status == StatusCode::SERVICE_UNAVAILABLE;
            let later = busy || limited;
            assert_eq!(!answer.header("retry-after").is_empty(), later, "{what}");
        }
        // What the description says of the operation has to hold for the answer.
        let path = path.split('?').next().unwrap();
        let Some(route) = Api::routes().find(|route| {
            let fits = route.path.split('/').eq_by_pattern(path);
            fits && (route.method == *method
                || (route.method == Method::GET && *method == Method::HEAD))
        }) else {
            return;
        };
        self.seen
            .lock()
            .unwrap()
            .insert((route.operation_id, answer.status.as_u16()));
        if *method == Method::HEAD {
            assert!(answer.raw.is_empty());
            return;
        }
        schema::check_answer(&self.document, route, answer)
            .unwrap_or_else(|why| panic!("{what}: {why}"));
    }
}

trait EqByPattern {
    fn eq_by_pattern(self, path: &str) -> bool;
}

impl<'a, I: Iterator<Item = &'a str> + Clone> EqByPattern for I {
    fn eq_by_pattern(self, path: &str) -> bool {
        self.clone().count() == path.split('/').count()
            && self
                .zip(path.split('/'))
                .all(|(expected, segment)| expected.starts_with('{') || expected == segment)
    }
}
