//! Groups of users.

use serde_json::{Value, json};

use super::{list_of, object};

pub(super) fn all() -> Value {
    let id = json!({"type": "string", "format": "uuid"});
    let time = json!({"type": "string", "format": "date-time"});
    let name = json!({
        "type": "string",
        "minLength": 1,
        "maxLength": 100,
        "description": "Unique in the tenant.",
        "examples": ["Press office"],
    });
    let maybe_name = json!({"type": ["string", "null"], "minLength": 1, "maxLength": 100});
    let description = json!({"type": ["string", "null"], "maxLength": 500});
    let roles = json!({
        "type": "array",
        "items": {"type": "string"},
        "description": "The names of the roles that its members have. At most 50.",
        "examples": [["analyst"]],
    });
    json!({
        "NewGroup": object(
            json!({"name": name, "description": description, "roles": roles}),
            &["description", "roles"],
        ),
        "GroupChanges": object(
            json!({"name": maybe_name, "description": description, "roles": roles}),
            &["name", "description", "roles"],
        ),
        "Group": object(
            json!({
                "id": id,
                "name": name,
                "description": {"type": "string"},
                "roles": roles,
                "created_at": time,
                "updated_at": time,
            }),
            &[],
        ),
        "GroupList": list_of("Group"),
        "GroupMember": object(json!({"user_id": id, "since": time}), &[]),
        "GroupMemberList": list_of("GroupMember"),
    })
}
