//! Administration of users.

use serde_json::{Value, json};

use super::{list_of, object, reference, user_with};

pub(super) fn all() -> Value {
    let email = json!({"type": "string", "format": "email", "maxLength": 254, "examples": ["ada@example.com"]});
    let name = json!({"type": ["string", "null"], "maxLength": 200, "examples": ["Ada Lovelace"]});
    let time = json!({"type": "string", "format": "date-time"});
    json!({
        "NewUser": object(
            json!({
                "email": email,
                "name": name,
                "roles": {"type": "array", "items": {"type": "string"}, "description": "Roles to grant; needs roles:assign, and no role may permit more than you may."},
            }),
            &["name", "roles"],
        ),
        "UserChanges": object(
            json!({
                "name": name,
                "locale": {"type": ["string", "null"], "maxLength": 35, "examples": ["en-GB"]},
                "metadata": {"type": "object", "description": "At most 16 KiB of JSON. Replaces what was there."},
                "email": {"type": ["string", "null"], "format": "email", "description": "Another address. Ends every session and link of the user; the old address is told."},
                "email_verified": {"type": "boolean", "default": false, "description": "With an address: that it is known to be the user's. Else the user has to prove it."},
            }),
            &["name", "locale", "metadata", "email", "email_verified"],
        ),
        "ManagedUser": object(
            user_with(json!({"kind": {"enum": ["person", "service_account"]}})),
            &[],
        ),
        "UserList": list_of("ManagedUser"),
        "Count": object(
            json!({
                "count": {"type": "integer", "minimum": 0},
                "at_least": {"type": "boolean", "description": "Whether counting stopped there, and there may be more."},
            }),
            &[],
        ),
        "Statistics": object(
            json!({
                "users": reference("Count"),
                "active": reference("Count"),
                "disabled": reference("Count"),
                "since": time,
                "sign_ins": reference("Count"),
                "failed_sign_ins": reference("Count"),
                "denials": reference("Count"),
            }),
            &[],
        ),
    })
}
