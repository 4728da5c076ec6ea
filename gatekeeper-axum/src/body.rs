use axum::{body::Body, http::HeaderMap};
use bytes::Bytes;
use gatekeeper_http::Api;
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// Collects a body of up to the API's limit, for [`Api::handle`] to judge.
pub(crate) async fn collect(headers: &HeaderMap, body: Body) -> Bytes {
    if announces_too_much(headers) {
        // The API judges the announced length; none of the body need be waited for.
        return Bytes::new();
    }
    match Limited::new(body, Api::MAX_BODY).collect().await {
        Ok(collected) => collected.to_bytes(),
        // Longer than it may be, whatever it says: 413.
        Err(error) if error.is::<LengthLimitError>() => Bytes::from(vec![0; Api::MAX_BODY + 1]),
        // It broke off. What came of it might be a whole request by itself, and not the one that was meant; this is none.
        Err(_) => Bytes::from_static(b"\0"),
    }
}

fn announces_too_much(headers: &HeaderMap) -> bool {
    headers
        .get("content-length")
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<usize>().ok())
        .is_some_and(|length| length > Api::MAX_BODY)
}
