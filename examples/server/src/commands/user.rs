use std::{
    fmt::Write as _,
    io::{BufRead as _, Read as _},
};

use gatekeeper_core::{
    Gatekeeper, NewUser, RequestContext,
    model::{Page, PageRequest, SecretString, User},
    store::UserFilter,
};
use serde_json::{Value, json};

use super::Answer;
use crate::{failure::Failure, service, settings::Settings};

/// More than any password may have: what is longer is refused by the policy.
const MAX_PASSWORD_LINE: u64 = 16 * 1024;
/// Binds a cursor to this list.
const CURSORS: &str = "cli.user.list";

/// An account to be made.
pub(super) struct New<'a> {
    pub(super) email: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) roles: &'a [String],
    pub(super) password_stdin: bool,
}

/// Which accounts to list.
pub(super) struct Wanted<'a> {
    pub(super) role: Option<&'a str>,
    pub(super) active: Option<bool>,
    pub(super) limit: u32,
    pub(super) cursor: Option<&'a str>,
}

pub(super) async fn create(
    settings: &Settings,
    new: New<'_>,
    tenant: Option<&str>,
) -> Result<Answer, Failure> {
    let password = if new.password_stdin {
        Some(read_password()?)
    } else {
        None
    };
    let (gatekeeper, cx) = begin(settings, tenant).await?;
    let input = NewUser {
        email: new.email.to_owned(),
        name: new.name.map(str::to_owned),
        roles: new.roles.to_vec(),
        password,
    };
    let created = gatekeeper.administration().create_user(&cx, input).await?;
    let user = &created.user;
    let mut text = format!("Made the account {} ({}).\n", user.email.as_str(), user.id);
    let mut json = shown(user);
    if let Some(link) = &created.setup_link {
        let hours = settings.config.email.setup_lifetime.as_secs() / 3_600;
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "Its password is set with this link, once, within {hours} hours:\n\n  {}\n",
            link.expose()
        );
        if let Some(object) = json.as_object_mut() {
            object.insert("setup_link".to_owned(), link.expose().into());
        }
    }
    Ok(Answer { text, json })
}

/// The first line of standard input, as it is but for its end.
fn read_password() -> Result<SecretString, Failure> {
    let mut line = Vec::new();
    std::io::stdin()
        .lock()
        .take(MAX_PASSWORD_LINE)
        .read_until(b'\n', &mut line)
        .map_err(|error| Failure::because("the password cannot be read", &error))?;
    let line = String::from_utf8(line)
        .map_err(|_| Failure::Usage("--password-stdin: must be UTF-8".to_owned()))?;
    let password = SecretString::new(line.trim_end_matches(['\r', '\n']));
    drop(SecretString::new(line));
    if password.expose().is_empty() {
        return Err(Failure::Usage(
            "--password-stdin: there is no password on standard input".to_owned(),
        ));
    }
    Ok(password)
}

pub(super) async fn list(
    settings: &Settings,
    wanted: Wanted<'_>,
    tenant: Option<&str>,
) -> Result<Answer, Failure> {
    let (gatekeeper, cx) = begin(settings, tenant).await?;
    let mut page = PageRequest::first(wanted.limit);
    if let Some(cursor) = wanted.cursor {
        let opened = gatekeeper.cursors().open(CURSORS, cursor);
        page.after = Some(opened.ok_or_else(|| {
            Failure::Usage("--cursor: is not one that a list ended with".to_owned())
        })?);
    }
    let filter = UserFilter {
        active: wanted.active,
        role: wanted.role.map(str::to_owned),
    };
    let users = gatekeeper
        .administration()
        .list_users(&cx, &filter, page)
        .await?;
    let next = users
        .next
        .map(|cursor| gatekeeper.cursors().seal(CURSORS, cursor));
    let items: Vec<_> = users.items.iter().map(shown).collect();
    Ok(Answer {
        text: table(&users, next.as_deref()),
        json: json!({ "items": items, "next_cursor": next }),
    })
}

fn table(users: &Page<User>, next: Option<&str>) -> String {
    let mut text = String::new();
    for user in &users.items {
        let status = match (user.is_active(), user.email_verified()) {
            (false, _) => "disabled",
            (true, false) => "unverified",
            (true, true) => "active",
        };
        let email = user.email.as_str();
        let name = user.name.as_deref().unwrap_or("");
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}  {status:<10}  {email}  {name}", user.id);
    }
    if users.items.is_empty() {
        text.push_str("No accounts.\n");
    }
    if let Some(next) = next {
        let _ = writeln!(text, "\nThere are more: --cursor {next}");
    }
    text
}

pub(super) async fn disable(
    settings: &Settings,
    email: &str,
    tenant: Option<&str>,
) -> Result<Answer, Failure> {
    let (gatekeeper, cx) = begin(settings, tenant).await?;
    let administration = gatekeeper.administration();
    let user = administration.find_user_by_email(&cx, email).await?;
    administration.disable(&cx, user.id).await?;
    answer_with(&gatekeeper, &cx, "Disabled", email).await
}

pub(super) async fn enable(
    settings: &Settings,
    email: &str,
    tenant: Option<&str>,
) -> Result<Answer, Failure> {
    let (gatekeeper, cx) = begin(settings, tenant).await?;
    let administration = gatekeeper.administration();
    let user = administration.find_user_by_email(&cx, email).await?;
    administration.enable(&cx, user.id).await?;
    answer_with(&gatekeeper, &cx, "Enabled", email).await
}

pub(super) async fn unlock(
    settings: &Settings,
    email: &str,
    tenant: Option<&str>,
) -> Result<Answer, Failure> {
    let (gatekeeper, cx) = begin(settings, tenant).await?;
    let administration = gatekeeper.administration();
    let user = administration.find_user_by_email(&cx, email).await?;
    administration.unlock(&cx, user.id).await?;
    answer_with(&gatekeeper, &cx, "Unlocked", email).await
}

pub(super) async fn require_password_change(
    settings: &Settings,
    email: &str,
    tenant: Option<&str>,
) -> Result<Answer, Failure> {
    let (gatekeeper, cx) = begin(settings, tenant).await?;
    let administration = gatekeeper.administration();
    let user = administration.find_user_by_email(&cx, email).await?;
    administration.require_password_change(&cx, user.id).await?;
    answer_with(
        &gatekeeper,
        &cx,
        "Signed out, until the password is reset,",
        email,
    )
    .await
}

async fn answer_with(
    gatekeeper: &Gatekeeper,
    cx: &RequestContext,
    done: &str,
    email: &str,
) -> Result<Answer, Failure> {
    let user = gatekeeper
        .administration()
        .find_user_by_email(cx, email)
        .await?;
    Ok(Answer {
        text: format!("{done} the account {} ({}).", user.email.as_str(), user.id),
        json: shown(&user),
    })
}

async fn begin(
    settings: &Settings,
    tenant: Option<&str>,
) -> Result<(Gatekeeper, RequestContext), Failure> {
    let gatekeeper = service::commanding(settings).await?.gatekeeper;
    let cx = service::context(&gatekeeper, tenant).await?;
    Ok((gatekeeper, cx))
}

fn shown(user: &User) -> Value {
    json!({
        "id": user.id,
        "email": user.email.as_str(),
        "email_verified": user.email_verified(),
        "name": user.name,
        "is_active": user.is_active(),
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "last_sign_in_at": user.last_sign_in_at,
    })
}
