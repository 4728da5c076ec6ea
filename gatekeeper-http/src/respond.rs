//! What every answer has in common.

use bytes::Bytes;
use gatekeeper_core::Error;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::problem::Problem;

/// Names a request in logs, audit events and problem documents.
pub const CORRELATION_ID: &str = "x-correlation-id";

/// Headers for an answer that depends on who is asking: no cache may keep it (CVE-2025-48947, CVE-2023-30861).
pub const PRIVATE_HEADERS: [(&str, &str); 2] = [
    ("cache-control", "no-store"),
    ("vary", "Authorization, Cookie, Origin, X-Api-Key, X-Tenant"),
];

const SECURITY_HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];

/// The headers every answer has. `over_tls`: the public URL is `https`.
pub(crate) fn secure(headers: &mut HeaderMap, correlation_id: &str, over_tls: bool) {
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, value);
    }
    if over_tls {
        // A year (ASVS 3.4.1). What holds for subdomains is for their owner to say.
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    if let Ok(value) = HeaderValue::from_str(correlation_id) {
        headers.insert(HeaderName::from_static(CORRELATION_ID), value);
    }
}

pub(crate) fn mark_private(headers: &mut HeaderMap) {
    for (name, value) in PRIVATE_HEADERS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
}

/// An answer of a handler's, before [`secure`].
pub(crate) type Reply = Response<Bytes>;

/// JSON that depends on who is asking.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Result<Reply, Problem> {
    let bytes = serde_json::to_vec(body).map_err(Error::internal)?;
    let mut reply = Response::new(Bytes::from(bytes));
    *reply.status_mut() = status;
    reply.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    mark_private(reply.headers_mut());
    Ok(reply)
}

/// JSON that is the same for everyone and that caches may keep for `seconds`.
pub(crate) fn public_json(body: Bytes, seconds: u32) -> Result<Reply, Problem> {
    let mut reply = Response::new(body);
    let headers = reply.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_str(&format!("public, max-age={seconds}")).map_err(Error::internal)?,
    );
    Ok(reply)
}

/// 204.
pub(crate) fn no_content() -> Reply {
    let mut reply = Response::new(Bytes::new());
    *reply.status_mut() = StatusCode::NO_CONTENT;
    mark_private(reply.headers_mut());
    reply
}

/// The same answer with these cookies.
pub(crate) fn with_cookies(
    mut reply: Reply,
    cookies: impl IntoIterator<Item = HeaderValue>,
) -> Reply {
    for cookie in cookies {
        reply.headers_mut().append(header::SET_COOKIE, cookie);
    }
    reply
}
