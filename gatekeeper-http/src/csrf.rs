//! Whether a request that changes something comes from a page of this site.
//!
//! The rule, in order:
//!
//! 1. `Origin` is there: it is the public URL's or an allowed one, and the request passes; or it is any other, `null`
//!    included, and the request is refused.
//! 2. `Sec-Fetch-Site` is there: `same-origin` passes; anything else is refused, but for `none`, which says nothing about
//!    who caused the request.
//! 3. Neither is there, so it is no browser of these years. A request that a cookie signs in must then send the value of
//!    the CSRF cookie in `X-CSRF-Token`. One that no cookie signs in passes.
//!
//! A request that an `Authorization` header signs in is not asked: no page can make a browser send one for it.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::head::{HeaderView, RequestHead, Single};

/// What the headers say about where a request was caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Site {
    /// By a page of this site.
    Same,
    /// By another site.
    Foreign,
    /// They do not say.
    Unsaid,
}

/// Rules 1 and 2.
pub(crate) fn site<H: HeaderView>(
    head: &RequestHead<'_, H>,
    allows_origin: impl FnOnce(&str) -> bool,
) -> Site {
    match head.single("origin") {
        Single::Text(origin) if allows_origin(origin) => Site::Same,
        Single::Text(_) | Single::Unreadable => Site::Foreign,
        Single::Absent => match head.single("sec-fetch-site") {
            Single::Text("same-origin") => Site::Same,
            Single::Text("none") | Single::Absent => Site::Unsaid,
            Single::Text(_) | Single::Unreadable => Site::Foreign,
        },
    }
}

/// The double-submit token that goes with a cookie: a MAC under the cookie's own token.
///
/// # Security
///
/// A page of this site reads it from its cookie; nobody else can make it, since nobody else knows the key, and whoever
/// plants a CSRF cookie does not thereby know the value that fits the victim's token.
pub(crate) fn token(credential: &str) -> String {
    URL_SAFE_NO_PAD.encode(hmac::sign(&key(credential), LABEL))
}

/// Rule 3: whether the request proves that it could read the CSRF cookie of this credential.
pub(crate) fn proof<H: HeaderView>(head: &RequestHead<'_, H>, credential: &str) -> Site {
    let sent = head
        .single("x-csrf-token")
        .text()
        .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    // `verify` compares in constant time.
    match sent.map(|mac| hmac::verify(&key(credential), LABEL, &mac)) {
        Some(Ok(())) => Site::Same,
        Some(Err(_)) | None => Site::Unsaid,
    }
}

const LABEL: &[u8] = b"gatekeeper csrf v1";

fn key(credential: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, credential.as_bytes())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn judged<T>(
        pairs: &[(&'static str, &str)],
        judge: impl FnOnce(&RequestHead<'_, HeaderMap>) -> T,
    ) -> T {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        judge(&RequestHead {
            path: "/",
            method: "POST",
            authority: None,
            headers: &headers,
            peer: None,
        })
    }

    #[test]
    fn an_origin_decides_and_where_it_is_absent_the_fetch_metadata() {
        let ours = |pairs: &[(&'static str, &str)]| {
            judged(pairs, |head| {
                site(head, |origin| origin == "https://a.example")
            })
        };
        assert_eq!(ours(&[("origin", "https://a.example")]), Site::Same);
        for foreign in [
            "null",
            "",
            "https://evil.example",
            "http://a.example",
            "https://a.example:8443",
            "https://a.example.evil.example",
            "https://a.example, https://evil.example",
        ] {
            assert_eq!(ours(&[("origin", foreign)]), Site::Foreign, "{foreign}");
            assert_eq!(
                ours(&[("origin", foreign), ("sec-fetch-site", "same-origin")]),
                Site::Foreign
            );
        }
        assert_eq!(
            ours(&[
                ("origin", "https://a.example"),
                ("origin", "https://a.example")
            ]),
            Site::Foreign
        );
        assert_eq!(ours(&[("sec-fetch-site", "same-origin")]), Site::Same);
        assert_eq!(ours(&[("sec-fetch-site", "same-site")]), Site::Foreign);
        assert_eq!(ours(&[("sec-fetch-site", "cross-site")]), Site::Foreign);
        assert_eq!(ours(&[("sec-fetch-site", "none")]), Site::Unsaid);
        assert_eq!(ours(&[]), Site::Unsaid);
    }

    #[test]
    fn the_double_submit_token_fits_one_credential() {
        let sound = token("credential-a");
        let check = |sent: &str, credential: &str| {
            judged(&[("x-csrf-token", sent)], |head| proof(head, credential))
        };
        assert_eq!(check(&sound, "credential-a"), Site::Same);
        assert_eq!(check(&sound, "credential-b"), Site::Unsaid);
        assert_eq!(check(sound.get(1..).unwrap(), "credential-a"), Site::Unsaid);
        assert_eq!(check("", "credential-a"), Site::Unsaid);
        assert_eq!(check("credential-a", "credential-a"), Site::Unsaid);
    }
}
