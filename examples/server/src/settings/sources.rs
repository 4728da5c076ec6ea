use std::{ffi::OsString, fs, io, path::Path};

use super::{Setting, TABLE, WrongSetting};

/// The file that is read where no other is named.
const DEFAULT_FILE: &str = "gatekeeper.toml";
const PREFIX: &str = "GATEKEEPER_";

/// A setting that somebody gave a value.
pub(crate) struct Given {
    pub(super) setting: &'static Setting,
    /// As it was written: `--bind`, `GATEKEEPER_BIND`, `bind in gatekeeper.toml`.
    pub(super) name: String,
    pub(super) value: String,
}

impl Given {
    pub(crate) fn flag(setting: &'static Setting, value: String) -> Self {
        Self {
            setting,
            name: format!("--{}", setting.flag()),
            value,
        }
    }
}

/// For each setting the value that counts.
pub(super) fn combine<'a>(
    flags: &'a [Given],
    environment: &'a [Given],
    file: &'a [Given],
) -> Vec<Given> {
    let first = |setting: &'static Setting| {
        [flags, environment, file]
            .into_iter()
            .flatten()
            .find(|given| given.setting.name == setting.name)
    };
    TABLE
        .iter()
        .filter_map(first)
        .map(|given| Given {
            setting: given.setting,
            name: given.name.clone(),
            value: given.value.clone(),
        })
        .collect()
}

/// The settings in the environment. A name that begins like one and is none is refused: a slip of the pen must not leave a
/// default in force.
pub(super) fn environment(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<Given>, WrongSetting> {
    let mut given = Vec::new();
    for (name, value) in variables {
        let name = name.to_string_lossy();
        let Some(rest) = name.strip_prefix(PREFIX) else {
            continue;
        };
        if is_not_meant_for_us(rest) {
            continue;
        }
        let Some(setting) = TABLE.iter().find(|setting| setting.environment() == name) else {
            return Err(unknown(&name));
        };
        let value = value.into_string().map_err(|_| WrongSetting {
            name: name.to_string(),
            reason: "must be UTF-8".to_owned(),
        })?;
        given.push(Given {
            setting,
            name: name.into_owned(),
            value,
        });
    }
    Ok(given)
}

/// What else sets variables of this name: the flag's own, tests, and Kubernetes, which describes a service called
/// `gatekeeper` to every container so.
fn is_not_meant_for_us(rest: &str) -> bool {
    rest == "CONFIG"
        || rest.starts_with("TEST_")
        || rest.starts_with("SERVICE_")
        || rest == "PORT"
        || rest.starts_with("PORT_")
}

/// The settings in the file. One that is named must be there; the default one may be missing.
pub(super) fn file(path: Option<&Path>) -> Result<Vec<Given>, WrongSetting> {
    let shown = path.unwrap_or(Path::new(DEFAULT_FILE));
    match fs::read_to_string(shown) {
        Ok(text) => parse(&text, &shown.display().to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_none() => Ok(Vec::new()),
        Err(error) => Err(WrongSetting {
            name: shown.display().to_string(),
            reason: format!("cannot be read: {error}"),
        }),
    }
}

pub(super) fn parse(text: &str, file: &str) -> Result<Vec<Given>, WrongSetting> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        // The error's own text quotes the line, which may hold the secret.
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |before| before.matches('\n').count() + 1);
        WrongSetting {
            name: file.to_owned(),
            reason: format!("is not TOML: line {line}"),
        }
    })?;
    table
        .into_iter()
        .map(|(key, value)| {
            let name = format!("{key} in {file}");
            let Some(setting) = TABLE.iter().find(|setting| setting.name == key) else {
                return Err(unknown(&name));
            };
            let value = plain(value).ok_or_else(|| WrongSetting {
                name: name.clone(),
                reason: "must be a text, a number or a list of texts".to_owned(),
            })?;
            Ok(Given {
                setting,
                name,
                value,
            })
        })
        .collect()
}

fn plain(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Array(values) => {
            let texts: Option<Vec<_>> = values
                .into_iter()
                .map(|value| value.as_str().map(str::to_owned))
                .collect();
            Some(texts?.join(","))
        }
        toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)
        | toml::Value::Table(_) => None,
    }
}

fn unknown(name: &str) -> WrongSetting {
    WrongSetting {
        name: name.to_owned(),
        reason: "there is no such setting in this version; --help lists them all".to_owned(),
    }
}
