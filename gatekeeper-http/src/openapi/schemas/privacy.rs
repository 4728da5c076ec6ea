//! What is kept about a user: export and erasure.

use serde_json::{Value, json};

pub(super) fn all() -> Value {
    json!({})
}
