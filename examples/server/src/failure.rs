use std::{error::Error, fmt::Write as _, process::ExitCode};

use gatekeeper_core::BuildError;
use serde_json::{Value, json};

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was asked for in a wrong way: exit status 2.
    Usage(String),
    /// It failed: exit status 1.
    Failed {
        /// A stable code, `account.not_found`.
        code: String,
        /// For people.
        detail: String,
        /// Wrong fields, each with its reason.
        fields: Vec<(String, String)>,
    },
}

impl Failure {
    /// A failure with its causes.
    pub(crate) fn because(what: &str, cause: &dyn Error) -> Self {
        Self::failed("failed", format!("{what}: {}", chain(cause)))
    }

    pub(crate) fn failed(code: &str, detail: impl Into<String>) -> Self {
        Self::Failed {
            code: code.to_owned(),
            detail: detail.into(),
            fields: Vec::new(),
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Failed { .. } => 1,
        })
    }

    /// To standard error, since standard output is for what was asked.
    pub(crate) fn print(&self, json: bool) {
        if json {
            eprintln!("{}", self.to_json());
        } else {
            eprintln!("error: {}", self.to_text());
        }
    }

    fn to_text(&self) -> String {
        match self {
            Self::Usage(reason) => reason.clone(),
            Self::Failed { detail, fields, .. } => {
                let mut text = detail.clone();
                for (field, reason) in fields {
                    // Writing to a string does not fail.
                    let _ = write!(text, "\n  {}: {reason}", field.trim_start_matches('/'));
                }
                text
            }
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Usage(detail) => json!({ "error": { "code": "usage", "detail": detail } }),
            Self::Failed {
                code,
                detail,
                fields,
            } => {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(pointer, detail)| json!({ "pointer": pointer, "detail": detail }))
                    .collect();
                json!({ "error": { "code": code, "detail": detail, "errors": fields } })
            }
        }
    }
}

impl From<gatekeeper_core::Error> for Failure {
    fn from(error: gatekeeper_core::Error) -> Self {
        let fields = match &error {
            gatekeeper_core::Error::Invalid(violations) => violations
                .as_slice()
                .iter()
                .map(|violation| (violation.pointer.clone(), violation.detail.clone()))
                .collect(),
            _ => Vec::new(),
        };
        Self::Failed {
            code: error.code().to_owned(),
            // Whoever runs a command is told the cause, which a caller over the network is not.
            detail: chain(&error),
            fields,
        }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Keys(_) => Self::failed(
                "secret.mismatch",
                "the signing keys in the database cannot be read with this secret; give the one the database was made with",
            ),
            BuildError::Config(_)
            | BuildError::Hashing(_)
            | BuildError::PasswordPolicy(_)
            | BuildError::AccessTokens(_) => Self::Usage(chain(&error)),
            error => Self::because("the service cannot be started", &error),
        }
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
