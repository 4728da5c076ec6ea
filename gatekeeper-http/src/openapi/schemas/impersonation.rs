//! Acting as another user.

use serde_json::{Value, json};

use super::{object, reference, user_with};

pub(super) fn all() -> Value {
    let id = json!({"type": "string", "format": "uuid"});
    let time = json!({"type": "string", "format": "date-time"});
    json!({
        "ImpersonationRequest": object(
            json!({
                "reason": {"type": "string", "minLength": 1, "maxLength": 500, "description": "Why. It is recorded, and the user may see it.", "examples": ["Ticket 4711: the invoice list is empty"]},
                "token_delivery": {
                    "enum": ["body", "cookie"],
                    "description": "Where the tokens go. `body` leaves your own cookies as they are.",
                },
            }),
            &["token_delivery"],
        ),
        "Person": object(
            json!({"id": id, "name": {"type": ["string", "null"]}, "email": {"type": "string", "format": "email"}}),
            &[],
        ),
        "Impersonation": object(
            json!({"by": reference("Person"), "reason": {"type": "string"}, "expires_at": time}),
            &[],
        ),
        "Me": object(
            user_with(json!({"impersonation": reference("Impersonation")})),
            &["impersonation"],
        ),
    })
}
