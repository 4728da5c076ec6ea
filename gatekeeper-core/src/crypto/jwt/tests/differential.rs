//! What two verifiers make of the same tokens: ours, and the crate `jsonwebtoken`.

use jsonwebtoken::{DecodingKey, Validation};
use proptest::{prelude::*, sample::select};

use super::*;
use crate::env::{Clock, SystemClock};

/// Why `jsonwebtoken` may accept what we refuse with this. Whatever is not listed here, it must refuse too.
fn difference(rejection: TokenRejection) -> Option<&'static str> {
    match rejection {
        TokenRejection::Claims => Some(
            "it asks for no claim of ours, takes the last of two members, fractions of seconds and several audiences",
        ),
        TokenRejection::Expired => Some("its leeway prolongs the life of a token"),
        TokenRejection::ForbiddenHeader => Some("it ignores jku, x5u, zip and the like"),
        TokenRejection::FromTheFuture => Some("it does not look at iat"),
        TokenRejection::Header => Some("it takes the last of two members and ignores odd types"),
        TokenRejection::Lifetime => Some("it does not hold exp against iat"),
        TokenRejection::Subject => Some("it takes any sub"),
        TokenRejection::TooLong => Some("it has no limit of length"),
        TokenRejection::Type => Some("it does not look at typ"),
        TokenRejection::UnknownKey => Some("it is given the key and does not look at kid"),
        TokenRejection::Algorithm
        | TokenRejection::Audience
        | TokenRejection::Issuer
        | TokenRejection::Malformed
        | TokenRejection::NotYetValid
        | TokenRejection::Signature => None,
    }
}

fn decoding_key(key: &SigningKey) -> (DecodingKey, jsonwebtoken::Algorithm) {
    let jwks = Keyring::new(
        SigningKey::from_private_bytes(key.algorithm(), key.id(), &key.to_private_bytes()).unwrap(),
    )
    .jwks();
    let member = |name: &str| jwks["keys"][0][name].as_str().unwrap().to_owned();
    match key.algorithm() {
        Algorithm::EdDsa => (
            DecodingKey::from_ed_components(&member("x")).unwrap(),
            jsonwebtoken::Algorithm::EdDSA,
        ),
        Algorithm::Es256 => (
            DecodingKey::from_ec_components(&member("x"), &member("y")).unwrap(),
            jsonwebtoken::Algorithm::ES256,
        ),
        Algorithm::Hs256 => (
            DecodingKey::from_secret(key.to_private_bytes().expose()),
            jsonwebtoken::Algorithm::HS256,
        ),
        Algorithm::Rs256 => (
            DecodingKey::from_rsa_components(&member("n"), &member("e")).unwrap(),
            jsonwebtoken::Algorithm::RS256,
        ),
    }
}

/// What it takes to ask both. Reading an RSA key is slow, so that it is done once.
struct Sides {
    key: SigningKey,
    tokens: AccessTokens,
    decoding_key: DecodingKey,
    algorithm: jsonwebtoken::Algorithm,
}

fn sides(algorithm: Algorithm) -> &'static Sides {
    static SIDES: OnceLock<Vec<Sides>> = OnceLock::new();
    SIDES
        .get_or_init(|| {
            let of = |&algorithm: &Algorithm| {
                let key = signing_key(algorithm, 1);
                let (decoding_key, theirs) = decoding_key(&key);
                Sides {
                    key,
                    tokens: tokens(algorithm),
                    decoding_key,
                    algorithm: theirs,
                }
            };
            Algorithm::ALL.iter().map(of).collect()
        })
        .iter()
        .find(|sides| sides.key.algorithm() == algorithm)
        .unwrap()
}

fn oracle(sides: &Sides, token: &str) -> Option<Value> {
    let mut validation = Validation::new(sides.algorithm);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
    validation.validate_nbf = true;
    validation.leeway = 5;
    jsonwebtoken::decode::<Value>(token, &sides.decoding_key, &validation)
        .ok()
        .map(|decoded| decoded.claims)
}

/// One change to a sound token.
#[derive(Clone, Debug)]
enum Mutation {
    /// Sets a member of the header (`true`) or the claims, or adds it once more.
    Set(bool, String, String, bool),
    Drop(bool, String),
    /// Text before or behind the JSON of the header or the claims.
    Wrap(bool, String, bool),
    /// Behind the signing: a character changed, put in, or taken out.
    Flip(usize, u8),
    Insert(usize, char),
    Remove(usize),
    /// The times move together.
    Shift(i64),
}

fn values(now: i64) -> Vec<String> {
    let mut values: Vec<String> = [
        "null",
        "true",
        "false",
        "\"\"",
        "\"x\"",
        "0",
        "-1",
        "1.5",
        "1e3",
        "1e400",
        "[]",
        "{}",
        "[\"x\"]",
        "18446744073709551615",
        "18446744073709551616",
        "\"none\"",
        "\"EdDSA\"",
        "\"Ed25519\"",
        "\"HS256\"",
        "\"ES256\"",
        "\"RS256\"",
        "\"JWT\"",
        "\"AT+JWT\"",
        "\"application/at+jwt\"",
        "\"https://api.example.org\"",
        "[\"https://api.example.org\"]",
        "[\"https://api.example.org\",\"x\"]",
        "\"https://auth.example.org\"",
        "[\"https://auth.example.org\"]",
        "[\"exp\"]",
        "{\"a\":1,\"a\":2}",
    ]
    .map(str::to_owned)
    .into();
    for offset in [-3600, -901, -900, -1, 60, 900, 901, 3600] {
        values.push((now + offset).to_string());
        values.push(format!("{}.0", now + offset));
        values.push(format!("\"{}\"", now + offset));
    }
    values
}

fn mutation(now: i64) -> impl Strategy<Value = Mutation> {
    let header = [
        "alg", "kid", "typ", "crit", "jwk", "jku", "zip", "b64", "cty", "x",
    ];
    let claims = [
        "iss",
        "sub",
        "aud",
        "client_id",
        "iat",
        "nbf",
        "exp",
        "jti",
        "sid",
        "tid",
        "uid",
        "email",
        "roles",
        "permissions",
        "mfa_verified",
        "auth_time",
        "amr",
        "act",
        "x",
    ];
    let member = prop_oneof![
        select(header.map(|name| (true, name.to_owned())).to_vec()),
        select(claims.map(|name| (false, name.to_owned())).to_vec()),
    ];
    let around = ["\u{feff}", " ", "\n", "x", "{}", "\0"]
        .map(str::to_owned)
        .to_vec();
    prop_oneof![
        4 => (member.clone(), select(values(now)), any::<bool>())
            .prop_map(|((header, name), value, twice)| Mutation::Set(header, name, value, twice)),
        2 => member.prop_map(|(header, name)| Mutation::Drop(header, name)),
        1 => (any::<bool>(), select(around), any::<bool>())
            .prop_map(|(header, text, front)| Mutation::Wrap(header, text, front)),
        2 => (any::<usize>(), 1..128u8).prop_map(|(at, with)| Mutation::Flip(at, with)),
        1 => (any::<usize>(), select("=.Aa0-_+/ \n".chars().collect::<Vec<_>>()))
            .prop_map(|(at, c)| Mutation::Insert(at, c)),
        1 => any::<usize>().prop_map(Mutation::Remove),
        1 => select(vec![-3600, -897, 3, 60, 3600]).prop_map(Mutation::Shift),
    ]
}

fn mutate(key: &SigningKey, now: i64, mutations: &[Mutation]) -> String {
    let mut parts = [sound_header(key), sound_claims()];
    for (name, offset) in [("iat", 0), ("nbf", 0), ("exp", 900), ("auth_time", 0)] {
        parts[1][name] = (now + offset).into();
    }
    for mutation in mutations {
        match mutation {
            Mutation::Drop(header, name) => {
                parts[usize::from(!header)]
                    .as_object_mut()
                    .unwrap()
                    .remove(name);
            }
            Mutation::Shift(by) => {
                for name in ["iat", "nbf", "exp"] {
                    if let Some(time) = parts[1][name].as_i64() {
                        parts[1][name] = (time + by).into();
                    }
                }
            }
            _ => {}
        }
    }
    let mut texts = parts.map(|part| part.to_string());
    for mutation in mutations {
        match mutation {
            Mutation::Set(header, name, value, twice) => {
                let text = &mut texts[usize::from(!header)];
                let parsed: Option<Value> = serde_json::from_str(text).ok();
                let base = match parsed {
                    Some(mut base) if !twice => {
                        base.as_object_mut().unwrap().remove(name);
                        base.to_string()
                    }
                    _ => text.clone(),
                };
                if let Some(open) = base.strip_suffix('}') {
                    let comma = if open == "{" { "" } else { "," };
                    *text = format!("{open}{comma}\"{name}\":{value}}}");
                }
            }
            Mutation::Wrap(header, around, front) => {
                let text = &mut texts[usize::from(!header)];
                *text = if *front {
                    format!("{around}{text}")
                } else {
                    format!("{text}{around}")
                };
            }
            _ => {}
        }
    }
    let mut token: Vec<char> = sign(key, &texts[0], &texts[1]).chars().collect();
    for mutation in mutations {
        match mutation {
            Mutation::Flip(at, with) if !token.is_empty() => {
                let at = at % token.len();
                token[at] = char::from((u8::try_from(token[at]).unwrap_or(0) ^ with) & 0x7f);
            }
            Mutation::Insert(at, c) => token.insert(at % (token.len() + 1), *c),
            Mutation::Remove(at) if !token.is_empty() => {
                token.remove(at % token.len());
            }
            _ => {}
        }
    }
    token.into_iter().collect()
}

/// Whether the algorithm goes by its name after RFC 9864 section 2.2, which the other one does not know.
fn is_fully_specified(token: &str) -> bool {
    let header = token.split('.').next().unwrap_or_default();
    let header = BASE64URL.decode(header).unwrap_or_default();
    let header: Value = serde_json::from_slice(&header).unwrap_or_default();
    header["alg"] == "Ed25519"
}

/// Answers whether (we, the other) accepted it.
fn compare(algorithm: Algorithm, mutations: &[Mutation]) -> Result<(bool, bool), TestCaseError> {
    // The other one reads the system's clock.
    let now = SystemClock.now();
    let sides = sides(algorithm);
    let token = mutate(&sides.key, now.as_unix_seconds(), mutations);
    let ours = sides.tokens.verify(&token, now);
    let theirs = oracle(sides, &token);
    match (&ours, &theirs) {
        (Ok(identity), Some(claims)) => {
            prop_assert_eq!(claims["sub"].as_str(), Some(&*identity.user_id.to_string()));
            prop_assert_eq!(
                claims["sid"].as_str(),
                Some(&*identity.session_id.to_string())
            );
            prop_assert_eq!(
                claims["tid"].as_str(),
                Some(&*identity.tenant_id.to_string())
            );
            prop_assert_eq!(
                claims["jti"].as_str(),
                Some(&*identity.token_id.to_string())
            );
            prop_assert_eq!(&claims["email"], &json!(identity.email));
            prop_assert_eq!(&claims["roles"], &json!(identity.roles));
            prop_assert_eq!(&claims["permissions"], &json!(identity.permissions));
            prop_assert_eq!(&claims["amr"], &json!(identity.methods));
            prop_assert_eq!(&claims["mfa_verified"], &json!(identity.mfa_verified));
            prop_assert_eq!(
                claims["exp"].as_i64(),
                Some(identity.expires_at.as_unix_seconds())
            );
            prop_assert_eq!(
                claims["iat"].as_i64(),
                Some(identity.issued_at.as_unix_seconds())
            );
            for (name, value) in &identity.claims {
                prop_assert_eq!(&claims[name], value);
            }
        }
        (Ok(_), None) => prop_assert!(is_fully_specified(&token), "only we accept {token}"),
        (Err(rejection), Some(_)) => prop_assert!(
            difference(*rejection).is_some(),
            "only we refuse, with {rejection:?}: {token}"
        ),
        (Err(_), None) => {}
    }
    Ok((ours.is_ok(), theirs.is_some()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_we_accept_another_library_accepts_with_equal_claims(
        algorithm in select(Algorithm::ALL.to_vec()),
        mutations in prop::collection::vec(mutation(SystemClock.now().as_unix_seconds()), 0..3),
    ) {
        compare(algorithm, &mutations)?;
    }
}

#[test]
fn the_corpus_has_tokens_that_both_accept_that_one_accepts_and_that_none_accepts() {
    let set = |header, name: &str, value: &str, twice| {
        vec![Mutation::Set(
            header,
            name.to_owned(),
            value.to_owned(),
            twice,
        )]
    };
    for (mutations, expected) in [
        (vec![], (true, true)),
        (set(true, "typ", "\"AT+JWT\"", false), (true, true)),
        (set(false, "x", "{\"y\":[1,2.5]}", false), (true, true)),
        (set(true, "typ", "\"JWT\"", false), (false, true)),
        (set(false, "x", "1", true), (true, true)),
        (set(false, "sub", "\"x\"", false), (false, true)),
        (set(false, "iss", "\"x\"", false), (false, false)),
        (vec![Mutation::Flip(usize::MAX / 2, 1)], (false, false)),
    ] {
        let verdicts = compare(Algorithm::EdDsa, &mutations).unwrap();
        assert_eq!(verdicts, expected, "{mutations:?}");
    }
}
