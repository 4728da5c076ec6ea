use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::connect_info::{ConnectInfo, MockConnectInfo},
    http::{Extensions, HeaderMap, Method, Uri, request::Parts},
};
use gatekeeper_http::RequestHead;

/// What decides who is asking, out of a request of axum's.
pub(crate) fn head_of<'a>(
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    extensions: &Extensions,
) -> RequestHead<'a, HeaderMap> {
    RequestHead {
        method: method.as_str(),
        path: uri.path(),
        authority: uri.host(),
        headers,
        peer: peer(extensions),
    }
}

pub(crate) fn head_of_parts(parts: &Parts) -> RequestHead<'_, HeaderMap> {
    head_of(&parts.method, &parts.uri, &parts.headers, &parts.extensions)
}

/// The other end of the connection, where the application serves with connection information.
pub(crate) fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|ConnectInfo(address)| address.ip())
        .or_else(|| {
            extensions
                .get::<MockConnectInfo<SocketAddr>>()
                .map(|MockConnectInfo(address)| address.ip())
        })
}
