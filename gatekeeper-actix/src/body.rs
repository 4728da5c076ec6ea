use actix_web::{
    http::header::{self, HeaderMap},
    web::Payload,
};
use bytes::Bytes;
use gatekeeper_http::Api;

/// Collects a body of up to the API's limit, for [`Api::handle`] to judge.
pub(crate) async fn collect(headers: &HeaderMap, payload: Payload) -> Bytes {
    if announces_too_much(headers) {
        // The API judges the announced length; none of the body need be waited for.
        return Bytes::new();
    }
    match payload.to_bytes_limited(Api::MAX_BODY).await {
        Ok(Ok(body)) => body,
        // It broke off. What came of it might be a whole request by itself, and not the one that was meant; this is none.
        Ok(Err(_)) => Bytes::from_static(b"\0"),
        // Longer than it may be, whatever it says: 413.
        Err(_) => Bytes::from(vec![0; Api::MAX_BODY + 1]),
    }
}

fn announces_too_much(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<usize>().ok())
        .is_some_and(|length| length > Api::MAX_BODY)
}
