//! What is kept about a user: export and erasure.

use serde_json::{Value, json};

use super::object;

pub(super) fn all() -> Value {
    let objects = json!({"type": "array", "items": {"type": "object"}});
    json!({
        "AccountDeletion": object(
            json!({
                "password": {"type": "string", "format": "password", "examples": ["correct horse battery staple"]},
                "erase": {"type": "boolean", "default": false, "description": "Erase what the audit trail holds of the user, too: addresses, user agents, details."},
            }),
            &["erase"],
        ),
        "UserExport": object(
            json!({
                "format": {"const": "gatekeeper/user-export/1"},
                "exported_at": {"type": "string", "format": "date-time"},
                "user": {"type": "object"},
                "password": {"type": ["object", "null"], "description": "When it was changed."},
                "roles": {"type": "object"},
                "groups": objects,
                "organizations": objects,
                "sessions": objects,
                "devices": objects,
                "identities": objects,
                "second_factors": objects,
                "backup_codes_left": {"type": "integer", "minimum": 0},
                "api_keys": objects,
                "invitations": object(json!({"received": objects, "sent": objects}), &[]),
                "consents": objects,
                "audit_events": {"type": "array", "items": {"type": "object"}, "description": "What the user did and what concerned them, newest first: the newest 10,000."},
                "truncated": {"type": "boolean", "description": "Whether there are more events."},
            }),
            &[],
        ),
    })
}
