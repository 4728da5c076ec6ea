//! Invitations.

use serde_json::{Value, json};

pub(super) fn all() -> Value {
    json!({})
}
