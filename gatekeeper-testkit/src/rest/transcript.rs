use std::{collections::HashMap, fmt};

use http::{HeaderMap, header};
use serde_json::Value;

/// What was asked and what came back, step by step, without what varies from run to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The steps.
    pub exchanges: Vec<Exchange>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What the step shows.
    pub name: &'static str,
    /// Method and path.
    pub request: String,
    /// The status.
    pub status: u16,
    /// The headers, sorted by name.
    pub headers: Vec<(String, String)>,
    /// The body: JSON where it is some, else as it is.
    pub body: String,
}

impl Transcript {
    /// Panics at the first step in which the other one differs.
    ///
    /// # Panics
    ///
    /// With both versions of that step.
    pub fn assert_same(&self, other: &Self) {
        for (ours, theirs) in self.exchanges.iter().zip(&other.exchanges) {
            assert!(
                ours == theirs,
                "the step differs\n--- expected\n{ours}\n--- found\n{theirs}"
            );
        }
        assert_eq!(
            self.exchanges.len(),
            other.exchanges.len(),
            "one has more steps"
        );
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for exchange in &self.exchanges {
            writeln!(f, "{exchange}\n")?;
        }
        Ok(())
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# {}\n{}\n{}", self.name, self.request, self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        write!(f, "{}", self.body)
    }
}

/// Headers that belong to the connection or to the server, and not to the API.
const OF_THE_SERVER: [header::HeaderName; 4] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::DATE,
    header::TRANSFER_ENCODING,
];

/// Gives a name to each value that varies: the same one wherever it comes again.
#[derive(Debug, Default)]
pub(super) struct Names {
    given: HashMap<String, String>,
    counts: HashMap<&'static str, u32>,
}

impl Names {
    pub(super) fn headers(&mut self, headers: &HeaderMap) -> Vec<(String, String)> {
        let mut lines: Vec<(String, String)> = headers
            .iter()
            .filter(|(name, _)| !OF_THE_SERVER.contains(name))
            .map(|(name, value)| {
                let value = value.to_str().unwrap_or("(not text)");
                let value = match name.as_str() {
                    "set-cookie" => self.cookie(value),
                    "x-correlation-id" => self.name("correlation", value),
                    _ => value.to_owned(),
                };
                (name.as_str().to_owned(), value)
            })
            .collect();
        // Stable: the order of several values of one header is kept.
        lines.sort_by(|(one, _), (other, _)| one.cmp(other));
        lines
    }

    pub(super) fn body(&mut self, body: &[u8]) -> String {
        match serde_json::from_slice::<Value>(body) {
            Ok(mut value) => {
                self.value("", &mut value);
                value.to_string()
            }
            Err(_) => String::from_utf8_lossy(body).into_owned(),
        }
    }

    fn value(&mut self, member: &str, value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    self.value(name, value);
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.value(member, item);
                }
            }
            Value::String(text) => {
                let kind = match member {
                    "id" | "session_id" | "actor" | "target" | "user_id" => "id",
                    "access_token" | "refresh_token" | "mfa_token" | "device_token" | "binding"
                    | "sign_in_code" => "token",
                    "secret" | "otpauth_uri" | "qr_svg" | "backup_codes" | "key" | "prefix" => {
                        "secret"
                    }
                    "correlation_id" => "correlation",
                    "next_cursor" => "cursor",
                    "kid" | "x" => "key",
                    _ => return,
                };
                *text = self.name(kind, text);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn cookie(&mut self, line: &str) -> String {
        let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = if value.is_empty() {
            String::new()
        } else {
            self.name("token", value)
        };
        format!("{name}={value};{attributes}")
    }

    fn name(&mut self, kind: &'static str, value: &str) -> String {
        if let Some(name) = self.given.get(value) {
            return name.clone();
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let name = format!("<{kind} {count}>");
        self.given.insert(value.to_owned(), name.clone());
        name
    }
}
