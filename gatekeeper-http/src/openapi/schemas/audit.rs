//! The audit trail.

use serde_json::{Value, json};

use super::{list_of, object};

pub(super) fn all() -> Value {
    let id = json!({"type": "string", "format": "uuid"});
    let maybe_id = json!({"type": ["string", "null"], "format": "uuid"});
    let maybe = json!({"type": ["string", "null"]});
    json!({
        "AuditEvent": object(
            json!({
                "id": id,
                "sequence": {"type": ["integer", "null"], "minimum": 1, "description": "Its number in the chain of the tenant; null for about a second, until it has one."},
                "event": {"type": "string", "examples": ["session.created"]},
                "at": {"type": "string", "format": "date-time"},
                "outcome": {"enum": ["success", "failure"]},
                "reason": {"type": ["string", "null"], "examples": ["wrong_password"], "description": "The true reason of a refusal."},
                "actor": maybe_id,
                "target": maybe_id,
                "impersonator": maybe_id,
                "api_key": maybe_id,
                "correlation_id": {"type": "string"},
                "ip": maybe,
                "user_agent": maybe,
                "device": maybe,
                "details": {"type": "object"},
                "erased_at": {"type": ["string", "null"], "format": "date-time", "description": "When address, user agent and details were erased."},
            }),
            &[],
        ),
        "AuditList": list_of("AuditEvent"),
    })
}
