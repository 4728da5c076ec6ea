//! What values are read by.

use std::{error::Error, path::Path, time::Duration};

use gatekeeper_core::mail::{MailTemplates, TemplateError};

use crate::duration;

/// Looked at here, so that a mistake in a template is found at the start and told with the setting's name.
pub(super) fn templates(path: &str) -> Result<MailTemplates, String> {
    let load = || {
        let mut templates = MailTemplates::bundled()?;
        templates.load_directory(path)?;
        Ok(templates)
    };
    load().map_err(|error| match &error {
        TemplateError::Read { path: file, source } => match file.strip_prefix(path) {
            Ok(name) if name != Path::new("") => {
                format!("{} cannot be read: {source}", name.display())
            }
            _ => format!("the directory cannot be read: {source}"),
        },
        _ => match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    })
}

/// Reads `on` or `off`.
pub(super) fn switch(value: &str) -> Result<bool, String> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("must be on or off".to_owned()),
    }
}

/// What can stand in a header of HTTP.
pub(super) fn printable(value: &str) -> Result<&str, String> {
    if value.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(value)
    } else {
        Err("must be printable ASCII without spaces".to_owned())
    }
}

pub(super) fn lifetime(
    value: &str,
    least: u64,
    least_text: &str,
    most_days: u64,
    most_text: &str,
) -> Result<Duration, String> {
    let bounds = Duration::from_secs(least)..=Duration::from_secs(most_days * 86_400);
    duration::parse(value)
        .filter(|lifetime| bounds.contains(lifetime))
        .ok_or_else(|| {
            format!("must be a whole number with s, m, h or d behind it, from {least_text} to {most_text}")
        })
}
