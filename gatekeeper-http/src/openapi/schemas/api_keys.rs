//! API keys and service accounts.

use serde_json::{Value, json};

pub(super) fn all() -> Value {
    json!({})
}
