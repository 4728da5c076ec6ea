//! Between actix-web's types, which are those of `http` 0.2, and the API's, which are those of `http` 1.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};
use bytes::Bytes;
use gatekeeper_http::{HeaderView, RequestHead};

/// A view of actix-web's headers.
#[derive(Debug)]
pub(crate) struct Headers<'a>(&'a HeaderMap);

impl HeaderView for Headers<'_> {
    fn values<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        // Borrowed: looking it up by its text would make a name on the heap.
        let name = HeaderName::from_static(name);
        self.0.get_all(name).map(HeaderValue::as_bytes)
    }
}

pub(crate) fn headers_of(request: &HttpRequest) -> Headers<'_> {
    Headers(request.headers())
}

/// What decides who is asking.
pub(crate) fn head_of<'a>(
    request: &'a HttpRequest,
    headers: &'a Headers<'a>,
) -> RequestHead<'a, Headers<'a>> {
    RequestHead {
        method: request.method().as_str(),
        path: request.uri().path(),
        authority: request.uri().host(),
        headers,
        peer: request.peer_addr().map(|address| address.ip()),
    }
}

/// The request as the API takes it.
pub(crate) fn request_of(request: &HttpRequest, body: Bytes) -> http::Request<Bytes> {
    let mut converted = http::Request::new(body);
    // What `http` 1 does not take for a method or a URI is none of the API's: 405 and 404.
    *converted.method_mut() = http::Method::from_bytes(request.method().as_str().as_bytes())
        .unwrap_or(http::Method::TRACE);
    *converted.uri_mut() =
        http::Uri::try_from(request.uri().to_string()).unwrap_or(http::Uri::from_static("*"));
    for (name, value) in request.headers() {
        if let (Ok(name), Ok(value)) = (
            http::HeaderName::from_bytes(name.as_str().as_bytes()),
            http::HeaderValue::from_bytes(value.as_bytes()),
        ) {
            converted.headers_mut().append(name, value);
        }
    }
    converted
}

/// The API's answer as actix-web takes it.
pub(crate) fn response_of(response: &http::Response<Bytes>) -> HttpResponse {
    // Both crates allow the same numbers, names and values; where they do not, the answer must not become a success.
    let status = actix_web::http::StatusCode::from_u16(response.status().as_u16())
        .unwrap_or(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR);
    let mut converted = HttpResponse::with_body(status, response.body().clone());
    for (name, value) in response.headers() {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_str().as_bytes()),
            HeaderValue::from_bytes(value.as_bytes()),
        ) {
            converted.headers_mut().append(name, value);
        }
    }
    converted.map_into_boxed_body()
}
