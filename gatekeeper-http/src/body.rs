//! Reading a request's body: the right media type, sound JSON, every member known and of its type.
//!
//! Only the shape is checked here. What a field may say (the form of an address, the length of a password) is for the
//! flows to decide.

use gatekeeper_core::{
    Violations,
    model::{SecretString, Timestamp},
};
use http::HeaderMap;
use serde_json::{Map, Value};

use crate::{
    head::{RequestHead, Single},
    json,
    problem::Problem,
};

/// Reads a body that must be there.
///
/// `read` takes every member it knows out of [`Fields`]; what it makes of them is only handed on if nothing was wrong.
pub(crate) fn required<T>(
    headers: &HeaderMap,
    body: &[u8],
    read: impl FnOnce(&mut Fields) -> T,
) -> Result<T, Problem> {
    check_media_type(headers)?;
    finish(parse(body)?, read)
}

/// The same, where no body at all stands for `{}`.
pub(crate) fn optional<T>(
    headers: &HeaderMap,
    body: &[u8],
    read: impl FnOnce(&mut Fields) -> T,
) -> Result<T, Problem> {
    if body.is_empty() {
        finish(Value::Object(Map::new()), read)
    } else {
        required(headers, body, read)
    }
}

/// The members of an object, taken out one by one.
#[derive(Debug)]
pub(crate) struct Fields {
    /// The pointer of the object itself.
    at: String,
    members: Map<String, Value>,
    violations: Violations,
    token_missing: bool,
}

fn finish<T>(value: Value, read: impl FnOnce(&mut Fields) -> T) -> Result<T, Problem> {
    let Value::Object(members) = value else {
        return Err(Violations::one("", "field.type", "must be an object").into());
    };
    let mut fields = Fields::of(String::new(), members);
    let made = fields.read_all(read);
    if !fields.violations.as_slice().is_empty() {
        return Err(Problem::invalid(fields.violations));
    }
    if fields.token_missing {
        return Err(Problem::new("request.missing_token"));
    }
    Ok(made)
}

impl Fields {
    const fn of(at: String, members: Map<String, Value>) -> Self {
        Self {
            at,
            members,
            violations: Violations::none(),
            token_missing: false,
        }
    }

    /// Reads what `read` knows, and refuses what is left.
    fn read_all<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let made = read(self);
        for name in self.members.keys() {
            self.violations.push(
                format!("{}{}", self.at, pointer_to(name)),
                "field.unknown",
                "this route does not know the field",
            );
        }
        made
    }

    /// Text that must be there. Without NUL, which no database keeps.
    pub(crate) fn text(&mut self, name: &'static str) -> String {
        self.optional_text(name).unwrap_or_else(|| {
            self.missing(name);
            String::new()
        })
    }

    /// Text that may be absent or `null`.
    pub(crate) fn optional_text(&mut self, name: &'static str) -> Option<String> {
        self.changed_text(name).flatten()
    }

    /// Text where absent and `null` mean two things: leave alone, and take away.
    #[expect(
        clippy::option_option,
        reason = "absent and null are two things, as in `ProfileChanges`"
    )]
    pub(crate) fn changed_text(&mut self, name: &'static str) -> Option<Option<String>> {
        match self.members.remove(name)? {
            Value::Null => Some(None),
            Value::String(text) => {
                if text.contains('\0') {
                    self.nul(name);
                }
                Some(Some(text))
            }
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                Some(Some(self.mistyped(name, "a string")))
            }
        }
    }

    /// A secret that must be there. Any character will do: none of it is stored.
    pub(crate) fn secret(&mut self, name: &'static str) -> SecretString {
        self.optional_secret(name).unwrap_or_else(|| {
            self.missing(name);
            SecretString::new("")
        })
    }

    /// A secret that may be absent. `null` is not absent: it is what a client sends that has lost its token.
    pub(crate) fn optional_secret(&mut self, name: &'static str) -> Option<SecretString> {
        match self.members.remove(name)? {
            // Moved, not copied: the text is wiped when the secret is dropped.
            Value::String(text) => Some(SecretString::new(text)),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => Some(SecretString::new(self.mistyped(name, "a string"))),
        }
    }

    /// The one-time token of a route that redeems one; its absence is a bad request rather than a wrong field.
    pub(crate) fn token(&mut self) -> SecretString {
        self.optional_secret("token").unwrap_or_else(|| {
            self.token_missing = true;
            SecretString::new("")
        })
    }

    /// An object that may be absent.
    pub(crate) fn optional_object(&mut self, name: &'static str) -> Option<Map<String, Value>> {
        match self.members.remove(name)? {
            Value::Object(object) => {
                if object
                    .iter()
                    .any(|(key, value)| key.contains('\0') || has_nul(value))
                {
                    self.nul(name);
                }
                Some(object)
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::String(_) => {
                self.mistyped(name, "an object");
                None
            }
        }
    }

    /// One of a few words, that may be absent.
    pub(crate) fn optional_word<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let value = self.members.remove(name)?;
        let found = value
            .as_str()
            .and_then(|text| words.iter().find(|(word, _)| *word == text));
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.refuse(
                name,
                "field.value",
                format!("must be one of: {}", known.join(", ")),
            );
        }
        found.map(|(_, meaning)| *meaning)
    }

    /// A list of texts that must be there.
    pub(crate) fn required_texts(&mut self, name: &'static str) -> Vec<String> {
        if !self.members.contains_key(name) {
            self.missing(name);
        }
        self.texts(name).unwrap_or_default()
    }

    /// A whole number that is not negative, and may be absent.
    pub(crate) fn optional_whole(&mut self, name: &'static str) -> Option<u64> {
        let number = self.members.remove(name)?.as_u64();
        if number.is_none() {
            self.mistyped(name, "a whole number that is not negative");
        }
        number
    }

    /// An instant (RFC 3339) that may be absent or `null`.
    pub(crate) fn optional_time(&mut self, name: &'static str) -> Option<Timestamp> {
        let value = self.members.remove(name).filter(|value| !value.is_null())?;
        let time = serde_json::from_value(value).ok();
        if time.is_none() {
            self.mistyped(name, "a time after RFC 3339");
        }
        time
    }

    /// `true` or `false`; absent is `false`.
    pub(crate) fn flag(&mut self, name: &'static str) -> bool {
        match self.members.remove(name) {
            None => false,
            Some(Value::Bool(flag)) => flag,
            Some(_) => {
                self.mistyped(name, "true or false");
                false
            }
        }
    }

    /// `true`, `false`, or absent.
    pub(crate) fn optional_flag(&mut self, name: &'static str) -> Option<bool> {
        self.members.contains_key(name).then(|| self.flag(name))
    }

    /// A list of texts, that may be absent.
    pub(crate) fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        let value = self.members.remove(name)?;
        let items = match value {
            Value::Array(items) => items,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_) => {
                self.mistyped(name, "a list of strings");
                return None;
            }
        };
        let texts: Option<Vec<String>> = items
            .into_iter()
            .map(|item| match item {
                Value::String(text) if !text.contains('\0') => Some(text),
                _ => None,
            })
            .collect();
        if texts.is_none() {
            self.mistyped(name, "a list of strings");
        }
        texts
    }

    /// An object that is read as the body is; absent and `null` are two things.
    #[expect(
        clippy::option_option,
        reason = "absent and null are two things, as in `ProfileChanges`"
    )]
    pub(crate) fn changed_object<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Option<Option<T>> {
        match self.members.remove(name)? {
            Value::Null => Some(None),
            Value::Object(members) => {
                let at = format!("{}{}", self.at, pointer_to(name));
                let mut nested = Self::of(at, members);
                let made = nested.read_all(read);
                self.violations.extend(nested.violations);
                Some(Some(made))
            }
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::String(_) => {
                self.mistyped(name, "an object");
                None
            }
        }
    }

    /// One of a few words; absent and `null` are two things.
    #[expect(
        clippy::option_option,
        reason = "absent and null are two things, as in `ProfileChanges`"
    )]
    pub(crate) fn changed_word<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Option<Option<T>> {
        if self.members.get(name).is_some_and(Value::is_null) {
            self.members.remove(name);
            return Some(None);
        }
        self.optional_word(name, words).map(Some)
    }

    /// `true` or `false`; absent and `null` are two things.
    #[expect(
        clippy::option_option,
        reason = "absent and null are two things, as in `ProfileChanges`"
    )]
    pub(crate) fn changed_flag(&mut self, name: &'static str) -> Option<Option<bool>> {
        match self.members.remove(name)? {
            Value::Null => Some(None),
            Value::Bool(flag) => Some(Some(flag)),
            Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                self.mistyped(name, "true or false");
                None
            }
        }
    }

    /// A whole number; absent and `null` are two things.
    #[expect(
        clippy::option_option,
        reason = "absent and null are two things, as in `ProfileChanges`"
    )]
    pub(crate) fn changed_number(&mut self, name: &'static str) -> Option<Option<u32>> {
        match self.members.remove(name)? {
            Value::Null => Some(None),
            value => {
                let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
                if number.is_none() {
                    self.mistyped(name, "a whole number, not below 0");
                }
                number.map(Some)
            }
        }
    }

    /// A list of texts; absent and `null` are two things.
    #[expect(
        clippy::option_option,
        reason = "absent and null are two things, as in `ProfileChanges`"
    )]
    pub(crate) fn changed_texts(&mut self, name: &'static str) -> Option<Option<Vec<String>>> {
        if self.members.get(name).is_some_and(Value::is_null) {
            self.members.remove(name);
            return Some(None);
        }
        self.texts(name).map(Some)
    }

    /// Notes that a field is wrong in a way of its own.
    pub(crate) fn refuse(&mut self, name: &str, code: &'static str, detail: impl Into<String>) {
        let pointer = format!("{}{}", self.at, pointer_to(name));
        self.violations.push(pointer, code, detail);
    }

    /// Notes that a field has to be there.
    pub(crate) fn require<T: Default>(&mut self, name: &'static str, found: Option<T>) -> T {
        found.unwrap_or_else(|| {
            self.missing(name);
            T::default()
        })
    }

    fn missing(&mut self, name: &str) {
        self.refuse(name, "field.missing", "is required");
    }

    fn mistyped(&mut self, name: &str, wanted: &str) -> String {
        self.refuse(name, "field.type", format!("must be {wanted}"));
        String::new()
    }

    fn nul(&mut self, name: &str) {
        self.refuse(name, "field.nul", "must not contain the NUL character");
    }
}

/// The JSON Pointer of a member (RFC 6901 section 3). A name that nobody knows is held to a length.
fn pointer_to(name: &str) -> String {
    let short: String = name.chars().take(64).collect();
    format!("/{}", short.replace('~', "~0").replace('/', "~1"))
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
    }
}

fn parse(body: &[u8]) -> Result<Value, Problem> {
    // The parser's own words are left out: they may quote the body.
    json::parse(body).map_err(|error| {
        Problem::new("request.malformed").with_detail(format!(
            "the body is not well-formed JSON (line {}, column {}), is nested too deeply, or has a member twice",
            error.line(),
            error.column()
        ))
    })
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let head = RequestHead {
        method: "",
        path: "/",
        authority: None,
        headers,
        peer: None,
    };
    let plain = match head.single("content-encoding") {
        Single::Absent => true,
        Single::Text(coding) => coding.eq_ignore_ascii_case("identity"),
        Single::Unreadable => false,
    };
    let json = head.single("content-type").text().is_some_and(is_json);
    if plain && json {
        Ok(())
    } else {
        Err(Problem::new("request.unsupported_media_type"))
    }
}

/// `application/json`, with no parameter but `charset=utf-8` (RFC 8259 section 8.1 knows none).
fn is_json(text: &str) -> bool {
    let mut parts = text.split(';').map(|part| part.trim_matches([' ', '\t']));
    let essence = parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    essence
        && parts.all(|parameter| {
            parameter.eq_ignore_ascii_case("charset=utf-8")
                || parameter.eq_ignore_ascii_case("charset=\"utf-8\"")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_by_its_media_type() {
        for sound in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
        ] {
            assert!(is_json(sound), "{sound}");
        }
        for wrong in [
            "",
            "text/plain",
            "application/jsonp",
            "application/json; charset=latin1",
            "text/plain; application/json",
            "application/x-www-form-urlencoded",
            "application/json, text/plain",
        ] {
            assert!(!is_json(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_pointer_is_escaped_and_short() {
        assert_eq!(pointer_to("a/b~c"), "/a~1b~0c");
        assert_eq!(pointer_to(&"x".repeat(1_000)).len(), 65);
    }
}
