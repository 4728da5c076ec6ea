//! The schemas of bodies. The tests hold every answer of the API against them.

mod api_keys;
mod audit;
mod groups;
mod impersonation;
mod invitations;
mod organizations;
mod privacy;
mod roles;
mod tenants;
mod users;

use serde_json::{Map, Value, json};

/// Every schema, by name.
pub(super) fn all() -> Value {
    let mut schemas = Map::new();
    for group in [
        requests(),
        answers(),
        service(),
        api_keys::all(),
        audit::all(),
        groups::all(),
        impersonation::all(),
        invitations::all(),
        organizations::all(),
        privacy::all(),
        roles::all(),
        tenants::all(),
        users::all(),
    ] {
        if let Value::Object(members) = group {
            schemas.extend(members);
        }
    }
    Value::Object(schemas)
}

/// An object of which all members but those in `optional` are required, and that has no others.
fn object(properties: Value, optional: &[&str]) -> Value {
    let required: Vec<Value> = properties
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .filter(|name| !optional.contains(&name.as_str()))
        .map(|name| json!(name))
        .collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("required".to_owned(), Value::Array(required));
    schema.insert("properties".to_owned(), properties);
    schema.insert("additionalProperties".to_owned(), json!(false));
    Value::Object(schema)
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn status(word: &str) -> Value {
    object(json!({"status": {"const": word}}), &[])
}

fn list_of(item: &str) -> Value {
    object(
        json!({
            "items": {"type": "array", "items": reference(item)},
            "next_cursor": {"type": ["string", "null"]},
        }),
        &[],
    )
}

#[expect(
    clippy::too_many_lines,
    reason = "a list of schemas, one after the other"
)]
fn requests() -> Value {
    let email = json!({"type": "string", "format": "email", "maxLength": 254, "examples": ["ada@example.com"]});
    let password = json!({"type": "string", "format": "password", "examples": ["correct horse battery staple"]});
    let token = json!({"type": "string", "description": "The token from the link in the mail."});
    let delivery = json!({
        "enum": ["body", "cookie"],
        "description": "Where the tokens go. `body`: both into the body. `cookie`: both into cookies. Without it: the refresh token into a cookie, the access token into the body.",
    });
    let device = json!({"type": "string", "description": "What recognises this device, where it is kept elsewhere than in the cookie."});
    let method = json!({"type": "string", "examples": ["totp", "backup_code"]});
    let code = json!({"type": "string", "examples": ["492039"]});
    let sent = json!({"type": "string", "description": "A method whose codes are sent.", "examples": ["sms", "email"]});
    let enrollment = json!({"type": "string", "description": "The token of the first step."});
    let name = json!({"type": ["string", "null"], "minLength": 1, "maxLength": 200, "examples": ["Ada Lovelace"]});
    let locale = json!({"type": ["string", "null"], "maxLength": 35, "examples": ["en-GB"]});
    json!({
        "RegisterRequest": object(
            json!({"email": email, "password": password, "name": name, "locale": locale, "token_delivery": delivery}),
            &["name", "locale", "token_delivery"],
        ),
        "TokenRequest": object(json!({"token": token}), &[]),
        "EmailRequest": object(json!({"email": email}), &[]),
        "EmailChangeRequest": object(json!({"new_email": email, "password": password}), &[]),
        "MagicLinkRequest": object(
            json!({"email": email, "token_delivery": delivery}),
            &["token_delivery"],
        ),
        "MagicLinkRedemption": object(
            json!({
                "token": token,
                "code": {"type": "string", "description": "In place of the token: the sign_in_code that was shown where the link was opened.", "examples": ["7KQ2M9XA"]},
                "binding": {"type": "string", "description": "What the request answered with token_delivery `body`. Without it, the cookie is used."},
                "token_delivery": delivery,
                "device_token": device,
            }),
            &["token", "code", "binding", "token_delivery", "device_token"],
        ),
        "SignInRequest": object(
            json!({"email": email, "password": password, "token_delivery": delivery, "device_token": device}),
            &["token_delivery", "device_token"],
        ),
        "FinishMfaRequest": object(
            json!({
                "mfa_token": {"type": "string", "description": "The token of the first step."},
                "method": method,
                "code": code,
                "trust_device": {"type": "boolean", "default": false, "description": "Spare this device the second factor from now on, for as long as the service says."},
                "token_delivery": delivery,
                "device_token": device,
            }),
            &["trust_device", "token_delivery", "device_token"],
        ),
        "StepUpRequest": object(
            json!({"method": method, "code": code, "token_delivery": delivery}),
            &["token_delivery"],
        ),
        "CodeRequest": object(json!({"code": code}), &[]),
        "PhoneRequest": object(
            json!({"phone": {"type": "string", "examples": ["+4915112345678"], "description": "With its country: `+` and 8 to 15 digits."}}),
            &[],
        ),
        "MethodRequest": object(json!({"method": sent}), &[]),
        "ChallengeRequest": object(
            json!({
                "mfa_token": {"type": "string", "description": "The token of the first step."},
                "method": sent,
            }),
            &[],
        ),
        "EnrollmentRequest": object(json!({"enrollment_token": enrollment}), &[]),
        "FinishEnrollmentRequest": object(
            json!({
                "enrollment_token": enrollment,
                "code": code,
                "token_delivery": delivery,
                "device_token": device,
            }),
            &["token_delivery", "device_token"],
        ),
        "RefreshRequest": object(
            json!({
                "refresh_token": {"type": "string", "description": "Without it, the refresh cookie is used."},
                "token_delivery": {
                    "enum": ["body", "cookie"],
                    "description": "A token goes back the way it came: `cookie` moves the access token of a session that began without it into a cookie too; any other change is refused.",
                },
            }),
            &["refresh_token", "token_delivery"],
        ),
        "SignOutRequest": object(
            json!({"refresh_token": {"type": "string", "description": "For a client without cookies whose access token has expired."}}),
            &["refresh_token"],
        ),
        "PasswordResetRequest": object(json!({"token": token, "new_password": password}), &[]),
        "PasswordChangeRequest": object(
            json!({"current_password": password, "new_password": password}),
            &[],
        ),
        "ProfileChanges": object(
            json!({
                "name": name,
                "locale": locale,
                "metadata": {"type": "object", "description": "At most 16 KiB of JSON. Replaces what was there."},
            }),
            &["name", "locale", "metadata"],
        ),
    })
}

/// The members of a user.
fn user() -> Value {
    let maybe = json!({"type": ["string", "null"]});
    let time = json!({"type": "string", "format": "date-time"});
    json!({
        "id": {"type": "string", "format": "uuid"},
        "email": {"type": "string", "format": "email"},
        "email_verified": {"type": "boolean"},
        "name": maybe,
        "locale": maybe,
        "avatar_url": maybe,
        "roles": {"type": "array", "items": {"type": "string"}},
        "mfa_enabled": {"type": "boolean"},
        "is_active": {"type": "boolean"},
        "metadata": {"type": "object"},
        "created_at": time,
        "updated_at": time,
        "last_sign_in_at": {"type": ["string", "null"], "format": "date-time"},
    })
}

/// The members of a user, and more.
fn user_with(more: Value) -> Value {
    let mut members = user();
    if let (Value::Object(members), Value::Object(more)) = (&mut members, more) {
        members.extend(more);
    }
    members
}

#[expect(
    clippy::too_many_lines,
    reason = "a list of schemas, one after the other"
)]
fn answers() -> Value {
    let id = json!({"type": "string", "format": "uuid"});
    let time = json!({"type": "string", "format": "date-time"});
    let maybe_time = json!({"type": ["string", "null"], "format": "date-time"});
    let maybe = json!({"type": ["string", "null"]});
    let backup_codes = json!({
        "type": "array",
        "items": {"type": "string", "pattern": "^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$"},
        "description": "Shown once. Ten; none where the user has some already.",
    });
    let signed_in = json!({
        "status": {"const": "authenticated"},
        "access_token": {"type": "string", "description": "Absent where it went into a cookie."},
        "token_type": {"const": "Bearer"},
        "expires_in": {"type": "integer", "minimum": 1, "description": "How long the access token is good for, in seconds."},
        "refresh_token": {"type": "string", "description": "Absent where it went into a cookie."},
        "device_token": {"type": "string", "description": "With `body`, once: recognises this device at its next sign-in."},
        "session_id": id,
        "user": reference("User"),
    });
    let mut enrolled = signed_in.clone();
    if let Some(members) = enrolled.as_object_mut() {
        members.insert("backup_codes".to_owned(), backup_codes.clone());
    }
    let methods = json!({"type": "array", "items": {"type": "string"}, "examples": [["totp", "backup_code"]]});
    json!({
        "User": object(user(), &[]),
        "MfaStatus": object(
            json!({
                "totp": reference("MfaFactor"),
                "sms": reference("MfaFactor"),
                "email": reference("MfaFactor"),
                "backup_codes_left": {"type": "integer", "minimum": 0},
            }),
            &[],
        ),
        "MfaFactor": object(json!({"enabled": {"type": "boolean"}, "confirmed_at": maybe_time}), &[]),
        "TotpSetup": object(
            json!({
                "secret": {"type": "string", "description": "The seed in base32, for typing in."},
                "otpauth_uri": {"type": "string"},
                "qr_svg": {"type": "string", "description": "The URI as a QR code: an SVG document."},
            }),
            &[],
        ),
        "BackupCodes": object(json!({"backup_codes": backup_codes}), &[]),
        "EnrollmentAnswer": object(enrolled, &["access_token", "refresh_token", "device_token"]),
        "AuthResponse": object(signed_in, &["access_token", "refresh_token", "device_token"]),
        "MfaRequired": object(
            json!({
                "status": {"const": "mfa_required"},
                "mfa_token": {"type": "string", "description": "Finishes this sign-in, and does nothing else."},
                "expires_in": {"type": "integer", "minimum": 1, "description": "How long it is good for, in seconds."},
                "methods": methods,
            }),
            &[],
        ),
        "MfaEnrollmentRequired": object(
            json!({
                "status": {"const": "mfa_enrollment_required"},
                "enrollment_token": {"type": "string", "description": "Sets up the second factor that is required, and then signs in."},
                "expires_in": {"type": "integer", "minimum": 1, "description": "How long it is good for, in seconds."},
                "methods": methods,
            }),
            &[],
        ),
        "SignInAnswer": {"anyOf": [
            reference("AuthResponse"),
            reference("MfaRequired"),
            reference("MfaEnrollmentRequired"),
        ]},
        "Device": object(
            json!({
                "id": id,
                "device": {"type": ["string", "null"], "examples": ["Firefox on Linux"]},
                "user_agent": maybe,
                "created_at": time,
                "last_seen_at": time,
                "trusted_until": {"type": ["string", "null"], "format": "date-time", "description": "Until when it is spared the second factor."},
                "current": {"type": "boolean", "description": "Whether the session that asks began on it."},
            }),
            &[],
        ),
        "DeviceList": object(json!({"items": {"type": "array", "items": reference("Device")}}), &[]),
        "VerificationRequired": status("verification_required"),
        "Verified": status("verified"),
        "Accepted": status("accepted"),
        "MagicLinkAccepted": object(
            json!({
                "status": {"const": "accepted"},
                "binding": {"type": "string", "description": "With `body`: to be sent with the token, and never to leave the client that asked."},
            }),
            &["binding"],
        ),
        "Session": object(
            json!({
                "id": id,
                "created_at": time,
                "last_seen_at": time,
                "expires_at": time,
                "ip": maybe,
                "user_agent": maybe,
                "device": {"type": ["string", "null"], "examples": ["Firefox on Linux"]},
                "current": {"type": "boolean", "description": "Whether it is the session that asks."},
                "impersonator": {"anyOf": [reference("Person"), {"type": "null"}], "description": "Who acts as the user in it, where somebody does."},
            }),
            &[],
        ),
        "SessionList": list_of("Session"),
        "Event": object(
            json!({
                "id": id,
                "event": {"type": "string", "examples": ["session.created"]},
                "at": time,
                "outcome": {"enum": ["success", "failure"]},
                "ip": maybe,
                "user_agent": maybe,
                "device": maybe,
                "session_id": {"type": ["string", "null"], "format": "uuid"},
            }),
            &[],
        ),
        "HistoryList": list_of("Event"),
        "Problem": {
            "type": "object",
            "description": "RFC 9457.",
            "required": ["type", "title", "status", "detail", "code", "correlation_id"],
            "properties": {
                "type": {
                    "type": "string",
                    "anyOf": [
                        {"pattern": "^urn:gatekeeper:error:"},
                        {"const": "https://iana.org/assignments/http-problem-types#quota-exceeded"},
                    ],
                },
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "code": {"type": "string"},
                "correlation_id": {"type": "string"},
                "errors": {"type": "array", "items": reference("FieldError")},
                "violated-policies": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "The names of the limits that were reached.",
                },
                "sign_in_code": {"type": "string", "description": "With magic_link.other_browser: the code to show, to be typed where the link was asked for."},
            },
        },
        "FieldError": object(
            json!({
                "pointer": {"type": "string", "description": "A JSON Pointer (RFC 6901) into the body; for a list, the parameter's name."},
                "code": {"type": "string"},
                "detail": {"type": "string"},
            }),
            &[],
        ),
    })
}

fn service() -> Value {
    json!({
        "KeySet": {
            "type": "object",
            "description": "RFC 7517.",
            "required": ["keys"],
            "properties": {"keys": {"type": "array", "items": {"type": "object", "required": ["kty", "kid", "alg", "use"]}}},
        },
        "Liveness": status("live"),
        "Readiness": object(
            json!({
                "status": {"const": "ready"},
                "checks": {
                    "type": "object",
                    "additionalProperties": {"enum": ["up", "degraded", "down"]},
                    "examples": [{"postgres": "up", "workers": "up"}],
                },
            }),
            &[],
        ),
        "OpenApi": {"type": "object", "required": ["openapi", "info", "paths"]},
    })
}
