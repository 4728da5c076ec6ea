//! Organisations inside a tenant.

use serde_json::{Value, json};

pub(super) fn all() -> Value {
    json!({})
}
