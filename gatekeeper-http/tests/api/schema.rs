//! Enough of JSON Schema to hold answers against the description. A keyword it does not know is an error, so that nothing
//! passes unread.

use gatekeeper_http::Route;
use serde_json::Value;

use crate::world::Answer;

/// Holds an answer against what the description says of its operation.
pub(crate) fn check_answer(document: &Value, route: &Route, answer: &Answer) -> Result<(), String> {
    let method = route.method.as_str().to_lowercase();
    let operation = &document["paths"][route.path][&method];
    let response = &operation["responses"][answer.status.as_str()];
    if response.is_null() {
        return Err("the description knows no such status".to_owned());
    }
    let content = response["content"].as_object();
    match content.and_then(|content| content.iter().next()) {
        None => answer
            .raw
            .is_empty()
            .then_some(())
            .ok_or("the description knows no body".to_owned()),
        Some((media_type, content)) => {
            if answer.header("content-type") != media_type {
                return Err(format!("is not {media_type}"));
            }
            check(document, &content["schema"], &answer.body, "")
        }
    }
}

pub(crate) fn check(
    document: &Value,
    schema: &Value,
    value: &Value,
    at: &str,
) -> Result<(), String> {
    let object = schema.as_object().ok_or("a schema that is no object")?;
    for (keyword, rule) in object {
        let holds = match keyword.as_str() {
            "default" | "description" | "examples" | "maxLength" | "minLength" => true,
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                let target = document
                    .pointer(pointer)
                    .ok_or(format!("{at}: no {pointer}"))?;
                check(document, target, value, at)?;
                true
            }
            "allOf" => {
                for one in rule.as_array().unwrap() {
                    check(document, one, value, at)?;
                }
                true
            }
            "anyOf" => rule
                .as_array()
                .unwrap()
                .iter()
                .any(|one| check(document, one, value, at).is_ok()),
            "type" => match rule {
                Value::Array(types) => types.iter().any(|one| is_type(one, value)),
                one => is_type(one, value),
            },
            "const" => rule == value,
            "enum" => rule.as_array().unwrap().contains(value),
            "required" => rule
                .as_array()
                .unwrap()
                .iter()
                .all(|name| value.get(name.as_str().unwrap()).is_some()),
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(member) = value.get(name) {
                        check(document, rule, member, &format!("{at}/{name}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = object.get("properties").and_then(Value::as_object);
                for (name, member) in value.as_object().into_iter().flatten() {
                    if known.is_some_and(|known| known.contains_key(name)) {
                        continue;
                    }
                    if *rule == Value::Bool(false) {
                        return Err(format!("{at}/{name} is not described"));
                    }
                    check(document, rule, member, &format!("{at}/{name}"))?;
                }
                true
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    check(document, rule, item, &format!("{at}/-"))?;
                }
                true
            }
            "minimum" => value
                .as_f64()
                .is_none_or(|number| number >= rule.as_f64().unwrap()),
            "pattern" => {
                let prefix = rule
                    .as_str()
                    .unwrap()
                    .trim_start_matches('^')
                    .replace('\\', "");
                let prefix = prefix.split('[').next().unwrap();
                value.as_str().is_some_and(|text| text.starts_with(prefix))
            }
            "format" => value
                .as_str()
                .is_none_or(|text| match rule.as_str().unwrap() {
                    "uuid" => text.len() == 36 && text.as_bytes()[14] == b'7',
                    "date-time" => text.ends_with('Z') && text.as_bytes()[10] == b'T',
                    "email" => text.contains('@'),
                    other => panic!("the format {other}"),
                }),
            other => return Err(format!("{at}: the keyword {other}")),
        };
        if !holds {
            return Err(format!("{at}: {keyword} {rule} does not hold for {value}"));
        }
    }
    Ok(())
}

fn is_type(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        other => panic!("the type {other}"),
    }
}
