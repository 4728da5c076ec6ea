//! API keys and service accounts.

use serde_json::{Map, Value, json};

use super::{list_of, object};

pub(super) fn all() -> Value {
    let name =
        json!({"type": "string", "minLength": 1, "maxLength": 100, "examples": ["deployment"]});
    let permissions = json!({
        "type": "array",
        "maxItems": 200,
        "items": {"type": "string", "maxLength": 128, "examples": ["reports:read", "reports:*"]},
        "description": "Scopes: what the key may do at most. It may do what these and its owner's rights both allow, at the moment of each request.",
    });
    let networks = json!({
        "type": "array",
        "maxItems": 32,
        "items": {"type": "string", "examples": ["192.0.2.7", "2001:db8::/32"]},
        "description": "From where alone the key may be used; from anywhere, where there are none.",
    });
    let expires_at = json!({"type": ["string", "null"], "format": "date-time"});
    json!({
        "ApiKeyRequest": object(
            json!({"name": name, "permissions": permissions, "networks": networks, "expires_at": expires_at}),
            &["networks", "expires_at"],
        ),
        "ApiKeyRotation": object(
            json!({"grace_seconds": {
                "type": "integer",
                "minimum": 0,
                "default": 0,
                "description": "For how long the old key lives on, but never longer than it would have.",
            }}),
            &["grace_seconds"],
        ),
        "ApiKey": object(key().into(), &[]),
        "ApiKeyList": list_of("ApiKey"),
        "CreatedApiKey": object(created(key()), &[]),
        "ServiceAccountRequest": object(
            json!({"name": {"type": "string", "minLength": 1, "maxLength": 200, "examples": ["Nightly reports"]}}),
            &[],
        ),
        "ServiceAccount": object(
            json!({
                "id": id(),
                "name": {"type": ["string", "null"]},
                "is_active": {"type": "boolean"},
                "created_at": time(),
                "updated_at": time(),
            }),
            &[],
        ),
        "ServiceAccountList": list_of("ServiceAccount"),
    })
}

fn key() -> Map<String, Value> {
    let texts = json!({"type": "array", "items": {"type": "string"}});
    let mut members = Map::new();
    for (member, schema) in [
        ("id", id()),
        ("user_id", id()),
        ("name", json!({"type": "string"})),
        (
            "prefix",
            json!({"type": "string", "description": "How the key begins: by that, people recognise it. It holds nothing of the secret.", "examples": ["gk_live_0E0CkHqzLMTuDHCzS8YdX3"]}),
        ),
        ("permissions", texts.clone()),
        ("networks", texts),
        (
            "created_by",
            json!({"type": ["string", "null"], "format": "uuid", "description": "Who made it, where that was somebody else than its owner."}),
        ),
        ("created_at", time()),
        (
            "last_used_at",
            json!({"type": ["string", "null"], "format": "date-time", "description": "To the minute."}),
        ),
        (
            "expires_at",
            json!({"type": ["string", "null"], "format": "date-time"}),
        ),
        (
            "revoked_at",
            json!({"type": ["string", "null"], "format": "date-time"}),
        ),
        (
            "replaced_by",
            json!({"type": ["string", "null"], "format": "uuid", "description": "The key that a rotation put in its place."}),
        ),
    ] {
        members.insert(member.to_owned(), schema);
    }
    members
}

fn created(mut key: Map<String, Value>) -> Value {
    key.insert(
        "key".to_owned(),
        json!({
            "type": "string",
            "description": "The key itself. Send it as `Authorization: Bearer` or in `X-Api-Key`; it is not told again.",
        }),
    );
    Value::Object(key)
}

fn id() -> Value {
    json!({"type": "string", "format": "uuid"})
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}
