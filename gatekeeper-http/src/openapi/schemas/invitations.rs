//! Invitations.

use serde_json::{Value, json};

use super::{list_of, object};

pub(super) fn all() -> Value {
    let time = json!({"type": "string", "format": "date-time"});
    let maybe_time = json!({"type": ["string", "null"], "format": "date-time"});
    let id = json!({"type": "string", "format": "uuid"});
    let maybe_id = json!({"type": ["string", "null"], "format": "uuid"});
    let email = json!({"type": "string", "format": "email", "maxLength": 254, "examples": ["grace@example.com"]});
    let roles = json!({
        "type": "array",
        "items": {"type": "string"},
        "description": "At most 50. What is given on acceptance: in the organisation where there is one, else in the tenant.",
        "examples": [["editor"]],
    });
    let expires_in = json!({
        "type": "integer",
        "minimum": 60,
        "description": "How long it is good for, in seconds. Without it, 7 days unless set otherwise.",
    });
    json!({
        "NewInvitation": object(
            json!({"email": email, "roles": roles, "organization_id": maybe_id, "expires_in": expires_in}),
            &["organization_id", "expires_in"],
        ),
        "NewOrganizationInvitation": object(
            json!({"email": email, "roles": roles, "expires_in": expires_in}),
            &["expires_in"],
        ),
        "Invitation": object(
            json!({
                "id": id,
                "email": email,
                "roles": roles,
                "organization_id": maybe_id,
                "status": {"enum": ["pending", "accepted", "revoked", "expired"]},
                "invited_by": {"type": ["string", "null"], "format": "uuid", "description": "Who invited; null for an operator."},
                "created_at": time,
                "sent_at": time,
                "expires_at": time,
                "accepted_at": maybe_time,
                "accepted_by": maybe_id,
                "revoked_at": maybe_time,
            }),
            &[],
        ),
        "InvitationList": list_of("Invitation"),
        "InvitationDetails": object(
            json!({
                "email": email,
                "tenant": {"type": "string", "description": "The tenant's slug."},
                "tenant_name": {"type": "string"},
                "roles": roles,
                "organization": {"anyOf": [
                    object(json!({"id": id, "name": {"type": "string"}}), &[]),
                    {"type": "null"},
                ]},
                "invited_by": {"type": ["string", "null"], "description": "What whoever invited is called; null for an operator."},
                "expires_at": time,
                "has_account": {"type": "boolean", "description": "Whether the address has an account, whose password accepts."},
            }),
            &[],
        ),
        "InvitationAcceptance": object(
            json!({
                "token": {"type": "string", "description": "The token from the link in the mail."},
                "password": {"type": "string", "format": "password", "description": "Of the account that the address has, or for a new one."},
                "name": {"type": ["string", "null"], "minLength": 1, "maxLength": 200, "description": "Of a new account."},
                "locale": {"type": ["string", "null"], "maxLength": 35, "description": "Of a new account."},
                "token_delivery": {"enum": ["body", "cookie"], "description": "As at sign-in."},
                "device_token": {"type": "string", "description": "As at sign-in."},
            }),
            &["name", "locale", "token_delivery", "device_token"],
        ),
        "InvitationAccepted": object(
            json!({"status": {"const": "accepted"}, "roles": roles, "organization_id": maybe_id}),
            &[],
        ),
    })
}
