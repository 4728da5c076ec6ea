//! Roles and permissions.

use serde_json::{Value, json};

use super::{list_of, object};

pub(super) fn all() -> Value {
    let name = json!({
        "type": "string",
        "pattern": "^[a-z][a-z0-9_-]{0,63}$",
        "examples": ["analyst"],
    });
    let names = json!({"type": "array", "items": name});
    let permission = json!({
        "type": "string",
        "description": "`*`, or two to five words joined by `:`, of which the last may be `*`: `reports:read`, `reports:*`.",
        "examples": ["reports:read"],
    });
    let permissions = json!({"type": "array", "items": permission});
    let described = |value: &Value, description: &str| {
        let mut value = value.clone();
        if let Some(members) = value.as_object_mut() {
            members.insert("description".to_owned(), json!(description));
        }
        value
    };
    let own = described(&permissions, "Its own. At most 200.");
    let inherits = described(
        &names,
        "Roles whose permissions it has too, and whose names its holders have. At most 20; never itself, by whatever way.",
    );
    let description = json!({"type": ["string", "null"], "maxLength": 500});
    let time = json!({"type": "string", "format": "date-time"});
    json!({
        "NewRole": object(
            json!({
                "name": name,
                "description": description,
                "permissions": own,
                "inherits": inherits,
            }),
            &["description", "inherits"],
        ),
        "RoleDefinition": object(
            json!({"description": description, "permissions": own, "inherits": inherits}),
            &["description", "inherits"],
        ),
        "Role": object(
            json!({
                "name": name,
                "description": {"type": "string"},
                "system": {
                    "type": "boolean",
                    "description": "It comes with the tenant and cannot be changed.",
                },
                "permissions": own,
                "inherits": inherits,
                "effective_permissions": described(
                    &permissions,
                    "Its own and those of all that it inherits.",
                ),
                "created_at": time,
                "updated_at": time,
            }),
            &[],
        ),
        "RoleList": list_of("Role"),
        "Permission": object(
            json!({
                "name": permission,
                "system": {"type": "boolean", "description": "Routes of this API ask for it."},
            }),
            &[],
        ),
        "PermissionList": list_of("Permission"),
    })
}
