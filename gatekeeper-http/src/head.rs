use std::net::IpAddr;

use http::HeaderMap;

/// The headers of a request, whichever type a framework keeps them in.
pub trait HeaderView {
    /// The values of the header with this lower-case name, in the order they came.
    fn values<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a [u8]>;
}

impl HeaderView for HeaderMap {
    fn values<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        self.get_all(name).iter().map(http::HeaderValue::as_bytes)
    }
}

/// What of a request decides who is asking and whether they may: all of it but the body.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a, H> {
    /// The method, `GET`.
    pub method: &'a str,
    /// The path as it came, without the query: it may name the tenant.
    pub path: &'a str,
    /// Host and port as the request line or `:authority` names them; `None` where only a `Host` header does.
    pub authority: Option<&'a str>,
    /// The headers.
    pub headers: &'a H,
    /// The address of the connection's other end.
    pub peer: Option<IpAddr>,
}

impl<'a, H: HeaderView> RequestHead<'a, H> {
    /// A header that stands there once and is text.
    pub(crate) fn single(&self, name: &'static str) -> Single<'a> {
        let mut values = self.headers.values(name);
        match (values.next(), values.next()) {
            (None, _) => Single::Absent,
            (Some(value), None) => std::str::from_utf8(value).map_or(Single::Unreadable, |text| {
                Single::Text(text.trim_matches([' ', '\t']))
            }),
            (Some(_), Some(_)) => Single::Unreadable,
        }
    }

    /// Whether the method promises to change nothing (RFC 9110 section 9.2.1).
    pub(crate) fn is_safe(&self) -> bool {
        matches!(self.method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
    }
}

/// A header of which there may be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Single<'a> {
    /// There is none.
    Absent,
    /// There is one.
    Text(&'a str),
    /// There are several, or it is no text: two readers could read two things.
    Unreadable,
}

impl<'a> Single<'a> {
    /// The text where there is exactly one.
    pub(crate) fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Unreadable => None,
        }
    }
}
