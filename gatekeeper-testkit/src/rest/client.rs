use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use serde_json::Value;

use super::{
    RestTarget,
    fixture::{PUBLIC_URL, RestFixture},
    transcript::{Exchange, Names, Transcript},
};

/// Writes down what it does.
pub(super) struct Client<'t> {
    target: &'t dyn RestTarget,
    pub(super) fixture: &'t RestFixture,
    names: Names,
    transcript: Transcript,
}

impl<'t> Client<'t> {
    pub(super) fn new(target: &'t dyn RestTarget, fixture: &'t RestFixture) -> Self {
        Self {
            target,
            fixture,
            names: Names::default(),
            transcript: Transcript::default(),
        }
    }

    pub(super) fn into_transcript(self) -> Transcript {
        self.transcript
    }

    /// Does one step and asserts its status.
    pub(super) async fn step(&mut self, name: &'static str, expected: u16, ask: Ask) -> Reply {
        let what = format!("{} {}", ask.method, ask.path);
        let mut request = Request::builder()
            .method(ask.method)
            .uri(&ask.path)
            .body(ask.body)
            .expect("a sound request");
        *request.headers_mut() = ask.headers;
        let (parts, body) = self.target.send(request).await.into_parts();
        let exchange = Exchange {
            name,
            request: what,
            status: parts.status.as_u16(),
            headers: self.names.headers(&parts.headers),
            body: self.names.body(&body),
        };
        assert_eq!(
            exchange.status, expected,
            "an unexpected status\n{exchange}"
        );
        self.transcript.exchanges.push(exchange);
        Reply {
            headers: parts.headers,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        }
    }
}

/// One request.
#[derive(Clone)]
pub(super) struct Ask {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Ask {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(super) fn post(path: &str, body: &Value) -> Self {
        Self::new(Method::POST, path).json(body)
    }

    pub(super) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(
            HeaderName::from_static(name),
            HeaderValue::from_str(value).expect("a sound header"),
        );
        self
    }

    pub(super) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// As a page of the public URL's origin would send it.
    pub(super) fn from_page(self, cookies: &str) -> Self {
        self.header("cookie", cookies).header("origin", PUBLIC_URL)
    }

    pub(super) fn json(self, body: &Value) -> Self {
        self.raw(body.to_string())
            .header("content-type", "application/json")
    }

    pub(super) fn raw(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

/// What came back, as it was.
pub(super) struct Reply {
    headers: HeaderMap,
    pub(super) body: Value,
}

impl Reply {
    pub(super) fn text(&self, member: &str) -> String {
        self.body[member]
            .as_str()
            .unwrap_or_else(|| panic!("no {member} in {}", self.body))
            .to_owned()
    }

    /// What a browser would send as `Cookie` from now on.
    pub(super) fn cookies(&self) -> String {
        let pairs: Vec<&str> = self
            .headers
            .get_all(header::SET_COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok()?.split(';').next())
            .filter(|pair| !pair.ends_with('='))
            .collect();
        pairs.join("; ")
    }

    /// The value of the CSRF cookie.
    pub(super) fn csrf(&self) -> String {
        let cookies = self.cookies();
        let (_, rest) = cookies
            .split_once("gatekeeper_csrf=")
            .expect("a CSRF cookie");
        rest.split(';').next().unwrap_or(rest).to_owned()
    }
}
