use std::fmt;

use base64::Engine;
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};

use super::{
    TokenRejection,
    strict::{Strict, Text, read},
};
use crate::crypto::BASE64URL;

/// What is believed of a JOSE header: which key to look for, and nothing that would bring one along.
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
}

impl Header {
    /// Reads a header segment.
    pub(super) fn parse(segment: &str) -> Result<Self, TokenRejection> {
        let json = BASE64URL
            .decode(segment)
            .map_err(|_| TokenRejection::Malformed)?;
        let parsed: Parsed = serde_json::from_slice(&json).map_err(|_| TokenRejection::Header)?;
        if parsed.forbidden {
            return Err(TokenRejection::ForbiddenHeader);
        }
        Ok(parsed.header)
    }

    /// Whether `typ` says that this is an access token. RFC 9068 section 4: `at+jwt` or `application/at+jwt` and no other;
    /// RFC 7515 section 4.1.9: a media type, whose letters' case means nothing (RFC 2045 section 5.1).
    pub(super) fn is_access_token(&self) -> bool {
        self.typ.as_deref().is_some_and(|typ| {
            typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt")
        })
    }
}

struct Parsed {
    header: Header,
    forbidden: bool,
}

#[derive(Deserialize)]
#[serde(field_identifier)]
enum Name {
    #[serde(rename = "alg")]
    Alg,
    /// Means nothing here, but must be a text (RFC 7515 section 4.1.10).
    #[serde(rename = "cty")]
    Cty,
    #[serde(rename = "kid")]
    Kid,
    #[serde(rename = "typ")]
    Typ,
    /// `crit`: we understand no extension, so that any is critical to us and refused (RFC 7515 section 4.1.11). `b64` is one
    /// (RFC 7797). The others bring or name a key, compress, or belong to encryption (RFC 8725 section 3.10).
    #[serde(
        rename = "crit",
        alias = "b64",
        alias = "enc",
        alias = "jku",
        alias = "jwk",
        alias = "x5c",
        alias = "x5t",
        alias = "x5t#S256",
        alias = "x5u",
        alias = "zip"
    )]
    Forbidden,
    /// Ignored (RFC 7515 section 4), but not twice.
    Other(String),
}

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Parsed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parsed, A::Error> {
        let (mut alg, mut cty) = (None::<Text<'_>>, None::<Text<'_>>);
        let (mut kid, mut typ) = (None::<Text<'_>>, None::<Text<'_>>);
        let mut others = Vec::new();
        let mut forbidden = false;
        while let Some(name) = map.next_key()? {
            match name {
                Name::Alg => read(&mut alg, &mut map)?,
                Name::Cty => read(&mut cty, &mut map)?,
                Name::Kid => read(&mut kid, &mut map)?,
                Name::Typ => read(&mut typ, &mut map)?,
                Name::Forbidden => {
                    map.next_value::<IgnoredAny>()?;
                    forbidden = true;
                }
                Name::Other(name) => {
                    map.next_value::<Strict>()?;
                    if others.contains(&name) {
                        return Err(A::Error::custom("a member stands twice"));
                    }
                    others.push(name);
                }
            }
        }
        Ok(Parsed {
            header: Header {
                alg: alg
                    .ok_or_else(|| A::Error::missing_field("alg"))?
                    .0
                    .into_owned(),
                kid: kid.map(|text| text.0.into_owned()),
                typ: typ.map(|text| text.0.into_owned()),
            },
            forbidden,
        })
    }
}
