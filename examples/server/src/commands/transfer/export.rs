use std::io::{BufWriter, Write};

use gatekeeper_core::{
    ExportedUser,
    model::{MAX_PAGE, PageRequest, SecretString},
};
use serde_json::{Value, json};

use super::super::{Answer, begin};
use crate::{cli::user::Format, failure::Failure, settings::Settings};

/// The columns of CSV, and the members of a line of JSON.
const COLUMNS: [&str; 11] = [
    "id",
    "email",
    "email_verified",
    "name",
    "locale",
    "metadata",
    "roles",
    "is_active",
    "created_at",
    "identities",
    "password_hash",
];

pub(crate) async fn export(
    settings: &Settings,
    format: Format,
    password_hashes: bool,
    tenant: Option<&str>,
) -> Result<Answer, Failure> {
    let (gatekeeper, cx) = begin(settings, tenant).await?;
    let unwritable = |error: std::io::Error| Failure::because("the rows cannot be written", &error);
    let mut out = BufWriter::new(std::io::stdout());
    if format == Format::Csv {
        write_csv(&mut out, COLUMNS.map(Value::from)).map_err(unwritable)?;
    }
    let mut page = PageRequest::first(MAX_PAGE);
    let mut written = 0_u64;
    loop {
        let users = gatekeeper
            .administration()
            .export_users(&cx, page, password_hashes)
            .await?;
        for user in &users.items {
            written += 1;
            let row = row(user);
            match format {
                Format::JsonLines => {
                    let members = COLUMNS.iter().map(|&name| name.to_owned()).zip(row);
                    writeln!(out, "{}", Value::Object(members.collect())).map_err(unwritable)?;
                }
                Format::Csv => write_csv(&mut out, row).map_err(unwritable)?,
            }
        }
        match users.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    out.flush().map_err(unwritable)?;
    Ok(Answer::nothing(written))
}

fn row(exported: &ExportedUser) -> [Value; 11] {
    let user = &exported.user;
    let identities: Vec<Value> = exported
        .identities
        .iter()
        .map(|(provider, subject)| json!({"provider": provider, "subject": subject}))
        .collect();
    let hash = exported.password_hash.as_ref().map(SecretString::expose);
    [
        json!(user.id),
        json!(user.email.as_str()),
        json!(user.email_verified()),
        json!(user.name),
        json!(user.locale),
        json!(user.metadata),
        json!(exported.roles),
        json!(user.is_active()),
        json!(user.created_at),
        json!(identities),
        json!(hash),
    ]
}

fn write_csv(out: &mut impl Write, row: [Value; 11]) -> Result<(), std::io::Error> {
    let mut record = csv::WriterBuilder::new().from_writer(Vec::new());
    record.write_record(row.map(|value| match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    }))?;
    let bytes = record.into_inner().map_err(std::io::Error::other)?;
    out.write_all(&bytes)
}
