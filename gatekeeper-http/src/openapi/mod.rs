use crate::cookies::Cookies;
use serde_json::Value;
pub(crate) fn document(_u: &str, _c: &Cookies) -> Value {
    Value::Null
}
