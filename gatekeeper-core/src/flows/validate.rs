//! What the fields of an input must be like, wherever they occur.

use serde_json::{Map, Value};

use crate::{
    Violations,
    model::{EmailAddress, EmailError},
};

/// The longest display name, in code points.
const MAX_NAME: usize = 200;
/// The longest name of a group, in code points.
const MAX_TITLE: usize = 100;
/// The longest description, in code points.
const MAX_DESCRIPTION: usize = 500;
/// The longest language tag (RFC 5646 section 4.4.1 asks for room for 35).
const MAX_LOCALE: usize = 35;
/// The most metadata, in bytes of JSON.
const MAX_METADATA: usize = 16 * 1024;

pub(super) fn email(
    violations: &mut Violations,
    pointer: &str,
    text: &str,
) -> Option<EmailAddress> {
    match EmailAddress::parse(text) {
        Ok(email) => Some(email),
        Err(error) => {
            let code = match error {
                EmailError::TooLong => "email.too_long",
                EmailError::Malformed => "email.malformed",
            };
            violations.push(pointer, code, error.to_string());
            None
        }
    }
}

/// A name may hold anything that can be read: no control characters, which could split a header or a log line.
pub(super) fn name(violations: &mut Violations, pointer: &str, name: Option<&str>) {
    let Some(name) = name else { return };
    let length = name.chars().count();
    if length == 0 || length > MAX_NAME {
        violations.push(
            pointer,
            "name.length",
            format!("must have 1 to {MAX_NAME} characters"),
        );
    }
    if name.chars().any(char::is_control) {
        violations.push(
            pointer,
            "name.characters",
            "must not contain control characters",
        );
    }
}

/// A name by which people tell things apart: seen in lists, so nothing but what can be read, and no space around it.
pub(super) fn title(violations: &mut Violations, pointer: &str, title: &str) {
    let length = title.chars().count();
    if length == 0 || length > MAX_TITLE {
        violations.push(
            pointer,
            "name.length",
            format!("must have 1 to {MAX_TITLE} characters"),
        );
    }
    if title.chars().any(char::is_control) || title.trim() != title {
        violations.push(
            pointer,
            "name.characters",
            "must not contain control characters, nor space around it",
        );
    }
}

/// A line of text that says what something is for; it may be empty.
pub(super) fn description(violations: &mut Violations, pointer: &str, description: &str) {
    if description.chars().count() > MAX_DESCRIPTION {
        violations.push(
            pointer,
            "description.length",
            format!("must have at most {MAX_DESCRIPTION} characters"),
        );
    }
    if description.chars().any(char::is_control) {
        violations.push(
            pointer,
            "description.characters",
            "must not contain control characters",
        );
    }
}

/// A language tag of the form of RFC 5646 section 2.1: subtags of letters and digits.
pub(super) fn locale(violations: &mut Violations, pointer: &str, locale: Option<&str>) {
    let Some(locale) = locale else { return };
    let mut subtags = locale.split('-');
    let language = subtags.next().unwrap_or_default();
    let sound = locale.len() <= MAX_LOCALE
        && (2..=8).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && subtags.all(|tag| {
            (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
    if !sound {
        violations.push(
            pointer,
            "locale.malformed",
            "must be a language tag such as `en` or `pt-BR`",
        );
    }
}

pub(super) fn metadata(violations: &mut Violations, pointer: &str, metadata: &Map<String, Value>) {
    let json = serde_json::to_string(metadata).unwrap_or_default();
    if json.len() > MAX_METADATA {
        violations.push(
            pointer,
            "metadata.too_large",
            format!("must be at most {MAX_METADATA} bytes of JSON"),
        );
    }
    // PostgreSQL cannot keep it, and no store may keep what another could not.
    if json.contains("\\u0000") {
        violations.push(pointer, "metadata.characters", "must not contain U+0000");
    }
}
