use std::{
    fs::File,
    io::{BufRead, BufReader, BufWriter, Read, Write},
    path::Path,
};

use gatekeeper_core::{Gatekeeper, ImportSource, ImportedUser, RequestContext, Violations};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use super::{
    super::{Answer, begin},
    firebase,
    rows::{Row, Rows},
};
use crate::{cli::user::Import, failure::Failure, settings::Settings};

/// How many accounts one transaction imports.
const BATCH: usize = 500;

pub(crate) async fn import(
    settings: &Settings,
    wanted: &Import,
    quiet: bool,
) -> Result<Answer, Failure> {
    let source = source(wanted)?;
    let (input, length) = open(&wanted.file)?;
    let progress = progress(length, quiet);
    let input: Box<dyn BufRead + Send> = Box::new(BufReader::new(progress.wrap_read(input)));
    let unreadable = |error: std::io::Error| Failure::because("the rows cannot be read", &error);
    let mut rows = Rows::new(wanted.format, input).map_err(unreadable)?;
    let mut report = Report::open(wanted.report.as_deref())?;
    let (gatekeeper, cx) = begin(settings, wanted.tenant.as_deref()).await?;
    let mut batch = Vec::with_capacity(BATCH);
    let mut number = 0_u64;
    while let Some(row) = rows.next().map_err(unreadable)? {
        number += 1;
        let read = match row {
            Row::Read(members) => source.read(&members).map_err(|wrong| (wrong, members)),
            Row::Unreadable(reason) => {
                Err((Violations::one("", "row.unreadable", reason), Map::new()))
            }
        };
        match read {
            Ok(user) => batch.push((number, prepared(user, wanted))),
            Err((violations, members)) => {
                let email = members.get("email").and_then(Value::as_str);
                report.refuse(number, email, &violations)?;
            }
        }
        if batch.len() == BATCH {
            carry_out(&gatekeeper, &cx, &mut batch, &mut report).await?;
            progress.set_message(report.so_far());
        }
    }
    carry_out(&gatekeeper, &cx, &mut batch, &mut report).await?;
    progress.finish_and_clear();
    report.finish(wanted.report.as_deref())
}

fn source(wanted: &Import) -> Result<ImportSource, Failure> {
    Ok(match wanted.source.as_str() {
        "auth0" => ImportSource::Auth0,
        "devise" => ImportSource::Devise,
        "django" => ImportSource::Django,
        "firebase" => {
            let path = wanted.firebase_parameters.as_deref().ok_or_else(|| {
                let reason = "--firebase-parameters: is needed to read passwords of Firebase";
                Failure::Usage(reason.to_owned())
            })?;
            ImportSource::Firebase(firebase::read(path)?)
        }
        "keycloak" => ImportSource::Keycloak,
        "supabase" => ImportSource::Supabase,
        "wordpress" => ImportSource::WordPress,
        _ => ImportSource::Gatekeeper,
    })
}

/// The rows, and how many bytes they have where that is known.
fn open(path: &Path) -> Result<(Box<dyn Read + Send>, Option<u64>), Failure> {
    if path == Path::new("-") {
        return Ok((Box::new(std::io::stdin()), None));
    }
    let unreadable = |error| Failure::because("the file cannot be opened", &error);
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    Ok((Box::new(file), Some(length)))
}

/// On standard error, and only where that is a terminal.
fn progress(length: Option<u64>, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let (bar, template) = match length {
        Some(length) => (
            ProgressBar::new(length),
            "{wide_bar} {percent:>3} %  {msg}  {eta} left",
        ),
        None => (ProgressBar::no_length(), "{spinner}  {msg}  {elapsed}"),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn prepared(mut user: ImportedUser, wanted: &Import) -> ImportedUser {
    user.email_verified |= wanted.assume_verified;
    user.roles.extend(wanted.roles.iter().cloned());
    user.roles.sort_unstable();
    user.roles.dedup();
    user
}

async fn carry_out(
    gatekeeper: &Gatekeeper,
    cx: &RequestContext,
    batch: &mut Vec<(u64, ImportedUser)>,
    report: &mut Report,
) -> Result<(), Failure> {
    if batch.is_empty() {
        return Ok(());
    }
    let (numbers, users): (Vec<u64>, Vec<ImportedUser>) = batch.drain(..).unzip();
    let emails: Vec<String> = users.iter().map(|user| user.email.clone()).collect();
    let outcomes = gatekeeper.administration().import_users(cx, users).await?;
    for ((number, email), outcome) in numbers.into_iter().zip(emails).zip(outcomes) {
        match outcome {
            Ok(_) => report.imported += 1,
            Err(violations) => report.refuse(number, Some(&email), &violations)?,
        }
    }
    Ok(())
}

/// What came of it.
struct Report {
    imported: u64,
    refused: u64,
    /// The first few, for who looks at the screen.
    shown: Vec<String>,
    file: Option<BufWriter<File>>,
}

impl Report {
    const SHOWN: usize = 10;

    fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let file = match path {
            None => None,
            Some(path) => {
                let file = File::create(path)
                    .map_err(|error| Failure::because("the report cannot be written", &error))?;
                Some(BufWriter::new(file))
            }
        };
        Ok(Self {
            imported: 0,
            refused: 0,
            shown: Vec::new(),
            file,
        })
    }

    fn refuse(
        &mut self,
        row: u64,
        email: Option<&str>,
        violations: &Violations,
    ) -> Result<(), Failure> {
        self.refused += 1;
        if self.shown.len() < Self::SHOWN {
            let reasons: Vec<String> = violations
                .as_slice()
                .iter()
                .map(|one| format!("{} {}", one.pointer.trim_start_matches('/'), one.detail))
                .collect();
            self.shown
                .push(format!("  row {row}: {}", reasons.join("; ").trim()));
        }
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let errors: Vec<Value> = violations
            .as_slice()
            .iter()
            .map(|one| json!({"pointer": one.pointer, "code": one.code, "detail": one.detail}))
            .collect();
        let line = json!({"row": row, "email": email, "errors": errors});
        writeln!(file, "{line}")
            .map_err(|error| Failure::because("the report cannot be written", &error))
    }

    fn so_far(&self) -> String {
        format!("{} imported, {} refused", self.imported, self.refused)
    }

    fn finish(mut self, path: Option<&Path>) -> Result<Answer, Failure> {
        if let Some(file) = &mut self.file {
            file.flush()
                .map_err(|error| Failure::because("the report cannot be written", &error))?;
        }
        let mut text = format!("Imported {}, refused {}.\n", self.imported, self.refused);
        text.push_str(&self.shown.join("\n"));
        if self.refused > self.shown.len() as u64 {
            text.push_str("\n  ...");
        }
        if let Some(path) = path.filter(|_| self.refused > 0) {
            text.push_str("\nAll refused rows: ");
            text.push_str(&path.display().to_string());
        }
        Ok(Answer {
            text,
            json: json!({"imported": self.imported, "refused": self.refused}),
        })
    }
}
