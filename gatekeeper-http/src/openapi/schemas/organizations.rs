//! Organisations and their members.

use serde_json::{Value, json};

use super::{list_of, object};

pub(super) fn all() -> Value {
    let time = json!({"type": "string", "format": "date-time"});
    let id = json!({"type": "string", "format": "uuid"});
    let slug = json!({"type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", "examples": ["analytical-engines"]});
    let name = json!({"type": "string", "minLength": 1, "maxLength": 100, "examples": ["Analytical Engines"]});
    let metadata = json!({"type": "object", "description": "What the application keeps with it; at most 16 KiB."});
    let roles = json!({
        "type": "array",
        "items": {"type": "string"},
        "description": "At most 50. What the member has while the organisation is the active one.",
        "examples": [["editor"]],
    });
    json!({
        "NewOrganization": object(
            json!({"slug": slug, "name": name, "metadata": metadata}),
            &["metadata"],
        ),
        "OrganizationChanges": object(
            json!({"slug": slug, "name": name, "metadata": metadata}),
            &["slug", "name", "metadata"],
        ),
        "Organization": object(
            json!({
                "id": id,
                "slug": slug,
                "name": name,
                "metadata": metadata,
                "created_at": time,
                "updated_at": time,
            }),
            &[],
        ),
        "OrganizationList": list_of("Organization"),
        "OwnOrganization": object(
            json!({
                "id": id,
                "slug": slug,
                "name": name,
                "roles": roles,
                "active": {"type": "boolean", "description": "Whether it is the active one in this session."},
                "joined_at": time,
            }),
            &[],
        ),
        "OwnOrganizationList": list_of("OwnOrganization"),
        "OrganizationSwitch": object(
            json!({
                "organization_id": {"type": ["string", "null"], "format": "uuid", "description": "Which is to be active; null for none."},
                "token_delivery": {"enum": ["body", "cookie"], "description": "As at sign-in. Without it, the tokens go where they were."},
            }),
            &["token_delivery"],
        ),
        "MembershipRoles": object(json!({"roles": roles}), &[]),
        "Membership": object(
            json!({"organization_id": id, "user_id": id, "roles": roles, "joined_at": time}),
            &[],
        ),
        "OrganizationMember": object(
            json!({
                "user_id": id,
                "email": {"type": "string", "format": "email"},
                "name": {"type": ["string", "null"]},
                "roles": roles,
                "joined_at": time,
            }),
            &[],
        ),
        "OrganizationMemberList": list_of("OrganizationMember"),
    })
}
