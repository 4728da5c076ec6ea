use std::time::Duration;

use super::*;
use crate::{
    authority::Origin,
    model::{OrganizationAuthority, OrganizationId},
};

#[test]
fn every_algorithm_verifies_what_it_issues() {
    for &algorithm in Algorithm::ALL {
        let tokens = tokens(algorithm);
        let mut claims = access_claims();
        claims.actor = Some(UserId::new(NOW, &SeededRandom::new(6)));
        claims.custom.insert(
            "plan".to_owned(),
            json!({"name": "gold", "seats": [1, 2.5]}),
        );
        let token = tokens.issue(&claims).unwrap();
        let identity = tokens.verify(token.expose(), NOW).unwrap();
        assert_eq!(identity.user_id, claims.user_id);
        assert_eq!(identity.tenant_id, claims.tenant_id);
        assert_eq!(identity.session_id, claims.session_id);
        assert_eq!(identity.token_id, claims.token_id);
        assert_eq!(identity.email, claims.email);
        assert_eq!(identity.roles, claims.roles);
        assert_eq!(identity.permissions, claims.permissions);
        assert!(identity.mfa_verified);
        assert_eq!(identity.authenticated_at, NOW);
        assert_eq!(identity.methods, claims.methods);
        assert_eq!(identity.issued_at, NOW);
        assert_eq!(identity.expires_at, NOW.after(Duration::from_mins(15)));
        assert_eq!(identity.actor, claims.actor);
        assert_eq!(identity.claims, claims.custom);
    }
}

#[test]
fn a_token_says_what_counts_in_the_active_organisation_apart() {
    let organization = OrganizationAuthority {
        id: OrganizationId::new(NOW, &SeededRandom::new(8)),
        roles: vec!["owner".to_owned()],
        permissions: vec!["members:*".to_owned()],
    };
    let mut claims = access_claims();
    claims.organization = Some(organization.clone());
    let tokens = tokens(Algorithm::EdDsa);
    let token = tokens.issue(&claims).unwrap();
    let identity = tokens.verify(token.expose(), NOW).unwrap();
    assert_eq!(identity.organization, Some(organization.clone()));
    assert!(identity.has_organization_permission("members:read"));
    assert!(!identity.has_permission("members:read"));
    assert!(!identity.has_role("owner"));
    let said = payload(token.expose());
    let org = json!({"id": organization.id, "roles": ["owner"], "permissions": ["members:*"]});
    assert_eq!(said["org"], org);
    assert_eq!(said.get("authority_omitted"), None);
}

#[test]
fn a_token_without_roles_says_that_it_is_so() {
    let mut claims = access_claims();
    claims.organization = Some(OrganizationAuthority {
        id: OrganizationId::new(NOW, &SeededRandom::new(8)),
        roles: vec!["owner".to_owned()],
        permissions: vec!["*".to_owned()],
    });
    claims.authority_omitted = true;
    let tokens = tokens(Algorithm::EdDsa);
    let token = tokens.issue(&claims).unwrap();
    let said = payload(token.expose());
    assert_eq!(said["authority_omitted"], json!(true));
    for empty in [
        &said["roles"],
        &said["permissions"],
        &said["org"]["roles"],
        &said["org"]["permissions"],
    ] {
        assert_eq!(empty, &json!([]));
    }
    let identity = tokens.verify(token.expose(), NOW).unwrap();
    assert_eq!(identity.origin, Origin::Omitted);
    // What lacks is not taken for what was never there: it is looked up in this organisation.
    let active = identity.organization.as_ref().map(|active| active.id);
    assert_eq!(active, claims.organization.map(|active| active.id));
    assert!(!identity.has_role("user"));
}

fn payload(token: &str) -> Value {
    let segment = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL.decode(segment).unwrap()).unwrap()
}

#[test]
fn rfc9068_2_an_issued_token_says_what_it_must() {
    let key = signing_key(Algorithm::EdDsa, 1);
    let mut claims = access_claims();
    claims.issued_at = NOW.after(Duration::from_micros(999_999));
    let token = tokens(Algorithm::EdDsa).issue(&claims).unwrap();
    let segments: Vec<&str> = token.expose().split('.').collect();
    let json =
        |segment| -> Value { serde_json::from_slice(&BASE64URL.decode(segment).unwrap()).unwrap() };
    assert_eq!(json(segments[0]), sound_header(&key));
    assert_eq!(json(segments[1]), sound_claims());
    assert_eq!(segments.len(), 3);
}

#[test]
fn sound_claims_are_accepted() {
    assert_eq!(verdict(&sound_claims()), Ok(()));
    let key = signing_key(Algorithm::EdDsa, 1);
    assert_eq!(verdict_of_header(&sound_header(&key).to_string()), Ok(()));
}

#[test]
fn rfc9068_2_2_every_required_claim_must_be_there() {
    let sound = sound_claims();
    for name in sound.as_object().unwrap().keys() {
        assert_eq!(
            verdict(&without(&sound, name)),
            Err(TokenRejection::Claims),
            "{name}"
        );
        assert_eq!(
            verdict(&with(&sound, name, Value::Null)),
            Err(TokenRejection::Claims),
            "{name}"
        );
    }
}

#[test]
fn row_42_cve_2026_25537_times_of_the_wrong_type_or_range_are_refused() {
    let sound = sound_claims();
    let good = NOW.as_unix_seconds();
    for name in ["exp", "iat", "nbf", "auth_time"] {
        for value in [
            format!("\"{good}\""),
            format!("{good}.0"),
            format!("{good}.5"),
            format!("{good}e0"),
            format!("-{good}"),
            "-1".to_owned(),
            "-0".to_owned(),
            "1e3".to_owned(),
            "1e400".to_owned(),
            "18446744073709551615".to_owned(),
            "18446744073709551616".to_owned(),
            "9223372036854775807".to_owned(),
            "9223372036854775808".to_owned(),
            "253402300800".to_owned(),
            "true".to_owned(),
            "null".to_owned(),
            "[]".to_owned(),
            format!("[{good}]"),
            "{}".to_owned(),
            "\"\"".to_owned(),
            "NaN".to_owned(),
            "Infinity".to_owned(),
            format!("0{good}"),
            format!("+{good}"),
        ] {
            let text = doubled(&without(&sound, name), name, &value);
            assert_eq!(
                verdict_of_text(&text),
                Err(TokenRejection::Claims),
                "{name}: {value}"
            );
        }
    }
}

#[test]
fn row_42_impossible_lifetimes_are_refused() {
    let sound = sound_claims();
    let iat = NOW.as_unix_seconds();
    for exp in [iat + 901, iat + 86_400 * 365, 253_402_300_799] {
        let claims = with(&sound, "exp", exp.into());
        assert_eq!(verdict(&claims), Err(TokenRejection::Lifetime), "{exp}");
    }
    for exp in [iat, iat - 1, 1, 0] {
        let claims = with(&sound, "exp", exp.into());
        assert_eq!(verdict(&claims), Err(TokenRejection::Lifetime), "{exp}");
    }
    let old = with(
        &with(&sound, "iat", (iat - 1).into()),
        "exp",
        (iat + 900).into(),
    );
    assert_eq!(verdict(&old), Err(TokenRejection::Lifetime));
}

#[test]
fn row_42_issuing_with_impossible_times_errors_and_never_wraps() {
    let tokens = tokens(Algorithm::Hs256);
    for at in [
        Timestamp::from_unix_micros(i64::MAX),
        Timestamp::from_unix_micros(i64::MIN),
        Timestamp::from_unix_seconds(-1),
        Timestamp::from_unix_seconds(253_402_300_800),
        // The end is too late though the beginning is not.
        Timestamp::from_unix_seconds(253_402_300_799 - 899),
    ] {
        let mut claims = access_claims();
        claims.issued_at = at;
        assert_eq!(
            tokens.issue(&claims).unwrap_err(),
            IssueError::Time,
            "{at:?}"
        );
    }
    let mut claims = access_claims();
    claims.authenticated_at = Timestamp::from_unix_seconds(-1);
    assert_eq!(tokens.issue(&claims).unwrap_err(), IssueError::Time);
}

#[test]
fn row_42_weak_settings_are_refused() {
    use AccessTokenSettingsError as E;
    let refused = |change: fn(&mut AccessTokenSettings)| {
        let mut changed = settings();
        change(&mut changed);
        let keyring = Keyring::new(signing_key(Algorithm::Hs256, 1));
        AccessTokens::new(changed, keyring, &SeededRandom::new(1)).unwrap_err()
    };
    assert_eq!(refused(|s| s.leeway = Duration::from_secs(61)), E::Leeway);
    assert_eq!(refused(|s| s.lifetime = Duration::ZERO), E::Lifetime);
    assert_eq!(
        refused(|s| s.lifetime = Duration::from_millis(999)),
        E::Lifetime
    );
    assert_eq!(refused(|s| s.lifetime = Duration::MAX), E::Lifetime);
    assert_eq!(
        refused(|s| s.lifetime = Duration::from_secs(86_401)),
        E::Lifetime
    );
    assert_eq!(refused(|s| s.issuer.clear()), E::Issuer);
    assert_eq!(refused(|s| s.audience.clear()), E::Audience);
    assert_eq!(refused(|s| s.client_id.push('\n')), E::ClientId);
}

#[test]
fn rfc7519_4_1_4_a_token_ends_with_the_second_of_its_exp() {
    let tokens = tokens(Algorithm::Hs256);
    let token = tokens.issue(&access_claims()).unwrap();
    let end = NOW.after(Duration::from_mins(15));
    for _ in 0..2 {
        let last = end.before(Duration::from_micros(1));
        assert!(tokens.verify(token.expose(), last).is_ok());
    }
    assert_eq!(
        tokens.verify(token.expose(), end).unwrap_err(),
        TokenRejection::Expired
    );
}

#[test]
fn rfc7519_4_1_5_and_6_a_token_of_the_future_waits_beyond_the_leeway() {
    let sound = sound_claims();
    let now = NOW.as_unix_seconds();
    let at = |iat: i64, nbf: i64| {
        let claims = with(&with(&sound, "iat", iat.into()), "nbf", nbf.into());
        verdict(&with(&claims, "exp", (iat + 900).into()))
    };
    assert_eq!(at(now + 5, now + 5), Ok(()));
    assert_eq!(at(now + 6, now), Err(TokenRejection::FromTheFuture));
    assert_eq!(at(now, now + 6), Err(TokenRejection::NotYetValid));
    assert_eq!(at(now + 899, now), Err(TokenRejection::FromTheFuture));
}

#[test]
fn row_43_cve_2020_26160_only_our_audience_is_accepted() {
    let sound = sound_claims();
    assert_eq!(verdict(&with(&sound, "aud", json!([AUDIENCE]))), Ok(()));
    for (aud, rejection) in [
        (json!(""), TokenRejection::Audience),
        (json!("https://api.example.or"), TokenRejection::Audience),
        (json!("https://api.example.org/"), TokenRejection::Audience),
        (
            json!("https://api.example.org.evil"),
            TokenRejection::Audience,
        ),
        (json!("HTTPS://api.example.org"), TokenRejection::Audience),
        (json!(["https://other.example"]), TokenRejection::Audience),
        (json!([""]), TokenRejection::Audience),
        (json!([]), TokenRejection::Claims),
        (
            json!([AUDIENCE, "https://other.example"]),
            TokenRejection::Claims,
        ),
        (
            json!(["https://other.example", AUDIENCE]),
            TokenRejection::Claims,
        ),
        (json!([AUDIENCE, AUDIENCE]), TokenRejection::Claims),
        (json!([AUDIENCE, 1]), TokenRejection::Claims),
        (json!([[AUDIENCE]]), TokenRejection::Claims),
        (json!({ AUDIENCE: true }), TokenRejection::Claims),
        (json!(true), TokenRejection::Claims),
        (json!(1), TokenRejection::Claims),
    ] {
        assert_eq!(
            verdict(&with(&sound, "aud", aud.clone())),
            Err(rejection),
            "{aud}"
        );
    }
}

#[test]
fn rfc9068_4_only_our_issuer_is_accepted() {
    let sound = sound_claims();
    for iss in [
        "",
        "https://auth.example.org/",
        "https://auth.example",
        "HTTPS://AUTH.EXAMPLE.ORG",
    ] {
        assert_eq!(
            verdict(&with(&sound, "iss", iss.into())),
            Err(TokenRejection::Issuer),
            "{iss}"
        );
    }
    for iss in [json!([ISSUER]), json!(1), json!({})] {
        assert_eq!(
            verdict(&with(&sound, "iss", iss)),
            Err(TokenRejection::Claims)
        );
    }
}

#[test]
fn an_empty_or_foreign_subject_is_refused() {
    let sound = sound_claims();
    let other = UserId::new(NOW, &SeededRandom::new(77)).to_string();
    for sub in ["", " ", "admin", other.as_str()] {
        let claims = with(&sound, "sub", sub.into());
        assert_eq!(verdict(&claims), Err(TokenRejection::Subject), "{sub}");
        let claims = with(&sound, "uid", sub.into());
        assert_eq!(verdict(&claims), Err(TokenRejection::Subject), "{sub}");
        if sub != other {
            let claims = with(&with(&sound, "uid", sub.into()), "sub", sub.into());
            assert_eq!(verdict(&claims), Err(TokenRejection::Subject), "{sub}");
        }
    }
    for name in ["sid", "tid", "jti"] {
        for id in ["", "x", "019aaaaa", "../../etc/passwd", "' OR 1=1 --"] {
            let claims = with(&sound, name, id.into());
            assert_eq!(
                verdict(&claims),
                Err(TokenRejection::Claims),
                "{name}: {id}"
            );
        }
    }
    assert_eq!(
        verdict(&with(&sound, "client_id", "".into())),
        Err(TokenRejection::Claims)
    );
}

#[test]
fn claims_of_the_wrong_type_are_refused() {
    let sound = sound_claims();
    let org = OrganizationId::new(NOW, &SeededRandom::new(8));
    let good = json!({"id": org, "roles": [], "permissions": []});
    assert_eq!(verdict(&with(&sound, "org", good.clone())), Ok(()));
    let doubled_member = doubled(&good, "roles", r#"["owner"]"#);
    let text = doubled(&sound, "org", &doubled_member);
    assert_eq!(verdict_of_text(&text), Err(TokenRejection::Claims));
    // A token that says anything has not left it out.
    let empty = with(&with(&sound, "roles", json!([])), "permissions", json!([]));
    let omitted = with(&empty, "authority_omitted", json!(true));
    assert_eq!(verdict(&with(&omitted, "org", good.clone())), Ok(()));
    for said in ["roles", "permissions"] {
        let claims = with(&omitted, said, json!(["x"]));
        assert_eq!(verdict(&claims), Err(TokenRejection::Claims), "{said}");
        let claims = with(&omitted, "org", with(&good, said, json!(["x"])));
        assert_eq!(verdict(&claims), Err(TokenRejection::Claims), "org {said}");
    }
    for (name, value) in [
        ("roles", json!("admin")),
        ("roles", json!([1])),
        ("roles", json!({"admin": true})),
        ("permissions", json!("*")),
        ("permissions", json!([["*"]])),
        ("mfa_verified", json!("true")),
        ("mfa_verified", json!(1)),
        ("email", json!(["a@example.org"])),
        ("amr", json!("pwd")),
        ("act", json!("x")),
        ("act", json!({})),
        ("act", json!({"sub": "x"})),
        ("act", Value::Null),
        (
            "act",
            json!({"sub": access_claims().user_id, "act": {"sub": "x"}}),
        ),
        ("org", Value::Null),
        ("org", json!("x")),
        ("org", json!([])),
        ("org", json!({})),
        ("org", json!({"id": "x", "roles": [], "permissions": []})),
        ("org", json!({"id": org, "roles": []})),
        ("org", json!({"id": org, "permissions": []})),
        ("org", json!({"roles": [], "permissions": []})),
        (
            "org",
            json!({"id": org, "roles": "owner", "permissions": []}),
        ),
        ("org", json!({"id": org, "roles": [], "permissions": [1]})),
        (
            "org",
            json!({"id": org, "roles": [], "permissions": [], "tid": "x"}),
        ),
        ("authority_omitted", json!(false)),
        ("authority_omitted", json!("true")),
        ("authority_omitted", json!(1)),
        ("authority_omitted", Value::Null),
        ("sub", json!(1)),
        ("jti", json!(["x"])),
    ] {
        assert_eq!(
            verdict(&with(&sound, name, value.clone())),
            Err(TokenRejection::Claims),
            "{name}: {value}"
        );
    }
}

#[test]
fn doubled_claims_are_refused_at_every_depth() {
    let sound = sound_claims();
    for (name, value) in sound.as_object().unwrap() {
        let text = doubled(&sound, name, &value.to_string());
        assert_eq!(
            verdict_of_text(&text),
            Err(TokenRejection::Claims),
            "{name}"
        );
    }
    for (name, value) in [
        ("x", r#"1,"x":1"#),
        ("x", r#"{"y":1,"y":1}"#),
        ("x", r#"[{"y":{"z":1,"z":2}}]"#),
        ("act", r#"{"sub":"a","sub":"b"}"#),
        ("authority_omitted", r#"true,"authority_omitted":true"#),
        // The same name in another spelling.
        ("ex\\u0070", "9"),
        ("x", r#"1,"\u0078":2"#),
    ] {
        let text = doubled(&sound, name, value);
        assert_eq!(
            verdict_of_text(&text),
            Err(TokenRejection::Claims),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_json_object_is_refused() {
    let sound = sound_claims().to_string();
    for text in [
        "",
        "null",
        "[]",
        "\"\"",
        "1",
        "{}",
        &format!("\u{feff}{sound}"),
        &format!("{sound}x"),
        &format!("{sound}{sound}"),
        &format!("{sound},"),
        &sound[..sound.len() - 1],
        &sound.replace('"', "'"),
        &format!("/* */{sound}"),
        &"[".repeat(3_000),
        &doubled(
            &sound_claims(),
            "x",
            &format!("{}1{}", "[".repeat(500), "]".repeat(500)),
        ),
    ] {
        assert_eq!(
            verdict_of_text(text),
            Err(TokenRejection::Claims),
            "{text:.60}"
        );
    }
    // Not UTF-8.
    let key = signing_key(Algorithm::EdDsa, 1);
    let mut claims = sound.into_bytes();
    let at = claims.len() - 3;
    claims[at] = 0xff;
    let token = sign(&key, sound_header(&key).to_string(), claims);
    assert_eq!(
        tokens(Algorithm::EdDsa).verify(&token, NOW).unwrap_err(),
        TokenRejection::Claims
    );
}

#[test]
fn an_applications_claims_cannot_replace_ours() {
    let tokens = tokens(Algorithm::Hs256);
    for name in RESERVED_CLAIMS.iter().copied().chain([""]) {
        let mut claims = access_claims();
        claims.custom.insert(name.to_owned(), json!("x"));
        assert_eq!(
            tokens.issue(&claims).unwrap_err(),
            IssueError::ReservedClaim(name.to_owned())
        );
    }
    for name in sound_claims().as_object().unwrap().keys() {
        assert!(RESERVED_CLAIMS.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn what_would_be_refused_is_not_issued() {
    let tokens = tokens(Algorithm::Hs256);
    let mut claims = access_claims();
    claims.permissions = (0..1000).map(|n| format!("resource{n}:read")).collect();
    assert_eq!(tokens.issue(&claims).unwrap_err(), IssueError::TooLong);
}

#[test]
fn a_revocation_is_kept_until_the_last_token_is_over() {
    let tokens = tokens(Algorithm::Hs256);
    let mut claims = access_claims();
    // A node whose clock is ahead by all that is allowed.
    claims.issued_at = NOW.after(settings().leeway);
    let token = tokens.issue(&claims).unwrap();
    assert!(tokens.verify(token.expose(), NOW).is_ok());
    let until = tokens.revoked_until(NOW);
    assert_eq!(
        tokens.verify(token.expose(), until).unwrap_err(),
        TokenRejection::Expired
    );
    let before = until.before(Duration::from_secs(1));
    assert!(tokens.verify(token.expose(), before).is_ok());
}
