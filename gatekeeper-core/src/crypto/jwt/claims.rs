use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use super::strict::{Strict, Text, add, read};

/// The largest time that is believed, 9999-12-31T23:59:59Z: it fits every type it is converted to.
pub(super) const MAX_TIME: i64 = 253_402_300_799;

/// The claims of an access token as they stand in it: every member once, of its type, and none of the required ones
/// absent. What they say is not looked at here.
pub(super) struct Claims<'a> {
    pub(super) iss: Text<'a>,
    pub(super) sub: Text<'a>,
    pub(super) aud: Audience<'a>,
    pub(super) client_id: Text<'a>,
    pub(super) exp: Time,
    pub(super) nbf: Time,
    pub(super) iat: Time,
    pub(super) auth_time: Time,
    pub(super) jti: Text<'a>,
    pub(super) sid: Text<'a>,
    pub(super) tid: Text<'a>,
    pub(super) uid: Text<'a>,
    pub(super) email: String,
    pub(super) roles: Vec<String>,
    pub(super) permissions: Vec<String>,
    pub(super) mfa_verified: bool,
    pub(super) amr: Vec<String>,
    pub(super) act: Option<Actor<'a>>,
    pub(super) org: Option<Organization<'a>>,
    /// Whether roles and permissions were too many to be said.
    pub(super) authority_omitted: bool,
    pub(super) custom: Map<String, Value>,
}

impl Claims<'_> {
    /// Whether roles or permissions stand in it.
    pub(super) fn has_authority(&self) -> bool {
        let organization = self.org.as_ref();
        !self.roles.is_empty()
            || !self.permissions.is_empty()
            || organization.is_some_and(|org| !org.roles.is_empty() || !org.permissions.is_empty())
    }
}

/// Whole seconds since 1970, not negative. RFC 7519 section 2 would allow fractions; we issue none and take none
/// (CVE-2026-25537: a time of the wrong type must be an error, never as good as absent).
#[derive(Clone, Copy)]
pub(super) struct Time(pub(super) i64);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::try_from(u64::deserialize(deserializer)?)
            .ok()
            .filter(|time| *time <= MAX_TIME)
            .map(Self)
            .ok_or_else(|| D::Error::custom("a time out of range"))
    }
}

/// For whom a token is: a text, or a list of exactly one.
///
/// RFC 7519 section 4.1.3 allows several. A token that is good in two places can be taken from one to the other, so that
/// RFC 9700 section 2.3 would have it restricted to one; we issue and believe no other.
pub(super) struct Audience<'a>(pub(super) Text<'a>);

impl<'de> Deserialize<'de> for Audience<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AudienceVisitor)
    }
}

struct AudienceVisitor;

impl<'de> Visitor<'de> for AudienceVisitor {
    type Value = Audience<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an audience")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Audience<'de>, E> {
        Ok(Audience(Text(text.into())))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Audience<'de>, E> {
        Ok(Audience(Text(text.to_owned().into())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Audience<'de>, A::Error> {
        let one = seq
            .next_element()?
            .ok_or_else(|| A::Error::custom("no audience"))?;
        match seq.next_element::<Text<'_>>()? {
            None => Ok(Audience(one)),
            Some(_) => Err(A::Error::custom("more than one audience")),
        }
    }
}

/// Who acts: `act` (RFC 8693 section 4.1), never nested.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Actor<'a> {
    #[serde(borrow)]
    pub(super) sub: Text<'a>,
}

/// The active organisation: `org`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Organization<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    pub(super) roles: Vec<String>,
    pub(super) permissions: Vec<String>,
}

/// `true`, and nothing else: the mark is there or it is not.
struct True;

impl<'de> Deserialize<'de> for True {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if bool::deserialize(deserializer)? {
            Ok(Self)
        } else {
            Err(D::Error::custom("a mark that is not set"))
        }
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Name {
    Act,
    Amr,
    Aud,
    AuthTime,
    AuthorityOmitted,
    ClientId,
    Email,
    Exp,
    Iat,
    Iss,
    Jti,
    MfaVerified,
    Nbf,
    Org,
    Permissions,
    Roles,
    Sid,
    Sub,
    Tid,
    Uid,
    Other(String),
}

impl<'de> Deserialize<'de> for Claims<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ClaimsVisitor)
    }
}

struct ClaimsVisitor;

impl<'de> Visitor<'de> for ClaimsVisitor {
    type Value = Claims<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the claims of an access token")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims<'de>, A::Error> {
        let (mut act, mut amr, mut aud, mut auth_time) = (None, None, None, None);
        let (mut client_id, mut email, mut exp, mut iat) = (None, None, None, None);
        let (mut iss, mut jti, mut mfa_verified, mut nbf) = (None, None, None, None);
        let (mut permissions, mut roles, mut sid, mut sub) = (None, None, None, None);
        let (mut tid, mut uid, mut org, mut authority_omitted) = (None, None, None, None);
        let mut custom = Map::new();
        while let Some(name) = map.next_key()? {
            match name {
                Name::Act => read(&mut act, &mut map)?,
                Name::Amr => read(&mut amr, &mut map)?,
                Name::Aud => read(&mut aud, &mut map)?,
                Name::AuthTime => read(&mut auth_time, &mut map)?,
                Name::AuthorityOmitted => read(&mut authority_omitted, &mut map)?,
                Name::ClientId => read(&mut client_id, &mut map)?,
                Name::Email => read(&mut email, &mut map)?,
                Name::Exp => read(&mut exp, &mut map)?,
                Name::Iat => read(&mut iat, &mut map)?,
                Name::Iss => read(&mut iss, &mut map)?,
                Name::Jti => read(&mut jti, &mut map)?,
                Name::MfaVerified => read(&mut mfa_verified, &mut map)?,
                Name::Nbf => read(&mut nbf, &mut map)?,
                Name::Org => read(&mut org, &mut map)?,
                Name::Permissions => read(&mut permissions, &mut map)?,
                Name::Roles => read(&mut roles, &mut map)?,
                Name::Sid => read(&mut sid, &mut map)?,
                Name::Sub => read(&mut sub, &mut map)?,
                Name::Tid => read(&mut tid, &mut map)?,
                Name::Uid => read(&mut uid, &mut map)?,
                Name::Other(name) => {
                    let Strict(value) = map.next_value()?;
                    add(&mut custom, name, value)?;
                }
            }
        }
        let absent = A::Error::missing_field;
        Ok(Claims {
            iss: iss.ok_or_else(|| absent("iss"))?,
            sub: sub.ok_or_else(|| absent("sub"))?,
            aud: aud.ok_or_else(|| absent("aud"))?,
            client_id: client_id.ok_or_else(|| absent("client_id"))?,
            exp: exp.ok_or_else(|| absent("exp"))?,
            nbf: nbf.ok_or_else(|| absent("nbf"))?,
            iat: iat.ok_or_else(|| absent("iat"))?,
            auth_time: auth_time.ok_or_else(|| absent("auth_time"))?,
            jti: jti.ok_or_else(|| absent("jti"))?,
            sid: sid.ok_or_else(|| absent("sid"))?,
            tid: tid.ok_or_else(|| absent("tid"))?,
            uid: uid.ok_or_else(|| absent("uid"))?,
            email: email.ok_or_else(|| absent("email"))?,
            roles: roles.ok_or_else(|| absent("roles"))?,
            permissions: permissions.ok_or_else(|| absent("permissions"))?,
            mfa_verified: mfa_verified.ok_or_else(|| absent("mfa_verified"))?,
            amr: amr.ok_or_else(|| absent("amr"))?,
            act,
            org,
            authority_omitted: authority_omitted.is_some_and(|True| true),
            custom,
        })
    }
}
