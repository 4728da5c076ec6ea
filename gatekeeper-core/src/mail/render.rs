use std::{net::IpAddr, time::Duration};

use minijinja::{Environment, Value};
use time::OffsetDateTime;

use super::{brand::Brand, clean, kind::MailKind};
use crate::model::Timestamp;

/// What a template may print. What is `None` is undefined there.
pub(crate) struct MailVariables<'a> {
    pub(crate) brand: &'a Brand,
    /// The name the owner chose.
    pub(crate) name: Option<&'a str>,
    /// Where the mail goes.
    pub(crate) address: &'a str,
    pub(crate) link: Option<&'a str>,
    pub(crate) code: Option<&'a str>,
    /// How long link or code are good for.
    pub(crate) lifetime: Option<Duration>,
    /// Whether the link is bound to a browser.
    pub(crate) bound: bool,
    pub(crate) sign_in_url: &'a str,
    /// When it happened, from where, and on what.
    pub(crate) at: Timestamp,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) device: Option<&'a str>,
    pub(crate) codes_left: Option<u32>,
    /// Who invites, and to which organisation.
    pub(crate) inviter: Option<&'a str>,
    pub(crate) organization: Option<&'a str>,
}

/// A mail's three parts.
pub(crate) struct RenderedParts {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// Renders a kind in a language that is known to be there.
pub(super) fn render(
    environment: &Environment<'static>,
    language: &str,
    kind: MailKind,
    variables: &MailVariables<'_>,
) -> Result<RenderedParts, minijinja::Error> {
    let render = |name: &str, values: Value| {
        environment
            .get_template(&format!("{language}/{name}"))?
            .render(values)
    };
    let expires_in = match variables.lifetime {
        Some(lifetime) => Some(render("duration.txt", duration(lifetime))?),
        None => None,
    };
    let time = render("time.txt", instant(variables.at))?;
    let optional = |text: Option<String>| text.map_or(Value::UNDEFINED, Value::from);
    let mut values = vec![
        ("language", Value::from(language)),
        (
            "product",
            Value::from(clean::one_line(&variables.brand.product)),
        ),
        ("logo_url", optional(variables.brand.logo_url.clone())),
        ("color", Value::from(variables.brand.color.as_str())),
        ("text_color", Value::from(variables.brand.text_color)),
        ("name", optional(variables.name.and_then(clean::greeted))),
        ("address", Value::from(variables.address)),
        ("link", optional(variables.link.map(str::to_owned))),
        ("code", optional(variables.code.map(str::to_owned))),
        (
            "expires_in",
            optional(expires_in.map(|text| clean::one_line(&text))),
        ),
        ("bound", Value::from(variables.bound)),
        ("sign_in_url", Value::from(variables.sign_in_url)),
        ("time", Value::from(clean::one_line(&time))),
        ("ip", optional(variables.ip.map(|ip| ip.to_string()))),
        ("device", optional(variables.device.map(clean::one_line))),
        // Chosen by people who may mean no good to whoever reads it.
        (
            "inviter",
            optional(variables.inviter.and_then(clean::greeted)),
        ),
        (
            "organization",
            optional(variables.organization.and_then(clean::greeted)),
        ),
        (
            "codes_left",
            variables.codes_left.map_or(Value::UNDEFINED, Value::from),
        ),
    ];
    let part = |suffix: &str, values: &[(&'static str, Value)]| {
        let name = format!("{}.{suffix}", kind.as_str());
        render(&name, Value::from_pairs(values.iter().cloned()))
    };
    // A subject is one line, whatever a name holds: a line break would begin a header (RFC 5322 section 2.2).
    let subject = clean::one_line(&part("subject", &values)?);
    values.push(("subject", Value::from(subject.as_str())));
    Ok(RenderedParts {
        text: part("txt", &values)?,
        html: part("html", &values)?,
        subject,
    })
}

/// The largest unit of which it is a round number of at least 2, or 1 minute; what is left over counts in full.
fn duration(lifetime: Duration) -> Value {
    let seconds = lifetime.as_secs();
    let (count, unit) = match seconds {
        0..7_200 => (seconds.div_ceil(60), "minute"),
        7_200..172_800 => (seconds.div_ceil(3_600), "hour"),
        _ => (seconds.div_ceil(86_400), "day"),
    };
    Value::from_pairs([("count", Value::from(count)), ("unit", Value::from(unit))])
}

fn instant(at: Timestamp) -> Value {
    let at = OffsetDateTime::from_unix_timestamp(at.as_unix_seconds())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    Value::from_pairs([
        ("year", Value::from(at.year())),
        ("month", Value::from(u8::from(at.month()))),
        ("day", Value::from(at.day())),
        (
            "clock",
            Value::from(format!("{:02}:{:02}", at.hour(), at.minute())),
        ),
    ])
}
