use std::{
    fmt::Write as _,
    io::{BufRead as _, Read as _},
};

use gatekeeper_core::{
    Gatekeeper, NewInvitation, NewUser, RequestContext,
    model::{Page, SecretString, User},
    store::UserFilter,
};
use serde_json::{Value, json};

use super::{Answer, begin, next, page, transfer};
use crate::{
    cli::{Part, user::Task},
    failure::Failure,
    settings::Settings,
};

/// More than any password may have: what is longer is refused by the policy.
const MAX_PASSWORD_LINE: u64 = 16 * 1024;
/// Binds a cursor to this list.
const CURSORS: &str = "cli.user.list";

/// An account to be made.
struct New<'a> {
    email: &'a str,
    name: Option<&'a str>,
    roles: &'a [String],
    password_stdin: bool,
}

pub(super) async fn run(settings: &Settings, task: &Task, json: bool) -> Result<Answer, Failure> {
    match task {
        Task::Create {
            email,
            name,
            roles,
            password_stdin,
            tenant,
        } => {
            let account = New {
                email,
                name: name.as_deref(),
                roles,
                password_stdin: *password_stdin,
            };
            create(settings, account, tenant.as_deref()).await
        }
        Task::List {
            role,
            active,
            part,
            tenant,
        } => {
            let filter = UserFilter {
                active: *active,
                role: role.clone(),
            };
            list(settings, &filter, part, tenant.as_deref()).await
        }
        Task::Disable { email, tenant } => disable(settings, email, tenant.as_deref()).await,
        Task::Enable { email, tenant } => enable(settings, email, tenant.as_deref()).await,
        Task::RequirePasswordChange { email, tenant } => {
            require_password_change(settings, email, tenant.as_deref()).await
        }
        Task::Unlock { email, tenant } => unlock(settings, email, tenant.as_deref()).await,
        Task::Invite {
            email,
            roles,
            tenant,
        } => invite(settings, email, roles, tenant.as_deref()).await,
        Task::Data { email, tenant } => data(settings, email, tenant.as_deref()).await,
        Task::Erase { email, tenant } => erase(settings, email, tenant.as_deref()).await,
        Task::Import(wanted) => transfer::import(settings, wanted, json).await,
        Task::Export {
            format,
            password_hashes,
            tenant,
        } => transfer::export(settings, *format, *password_hashes, tenant.as_deref()).await,
    }
}

async fn create(
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

async fn list(
    settings: &Settings,
    filter: &UserFilter,
    part: &Part,
    tenant: Option<&str>,
) -> Result<Answer, Failure> {
    let (gatekeeper, cx) = begin(settings, tenant).await?;
    let page = page(&gatekeeper, CURSORS, part)?;
    let users = gatekeeper
        .administration()
        .list_users(&cx, filter, page)
        .await?;
    let next = next(&gatekeeper, CURSORS, users.next);
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

async fn disable(
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

async fn enable(settings: &Settings, email: &str, tenant: Option<&str>) -> Result<Answer, Failure> {
    let (gatekeeper, cx) = begin(settings, tenant).await?;
    let administration = gatekeeper.administration();
    let user = administration.find_user_by_email(&cx, email).await?;
    administration.enable(&cx, user.id).await?;
    answer_with(&gatekeeper, &cx, "Enabled", email).await
}

async fn unlock(settings: &Settings, email: &str, tenant: Option<&str>) -> Result<Answer, Failure> {
    let (gatekeeper, cx) = begin(settings, tenant).await?;
    let administration = gatekeeper.administration();
    let user = administration.find_user_by_email(&cx, email).await?;
    administration.unlock(&cx, user.id).await?;
    answer_with(&gatekeeper, &cx, "Unlocked", email).await
}

async fn require_password_change(
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

async fn invite(
    settings: &Settings,
    email: &str,
    roles: &[String],
    tenant: Option<&str>,
) -> Result<Answer, Failure> {
    let (gatekeeper, cx) = begin(settings, tenant).await?;
    let input = NewInvitation {
        email: email.to_owned(),
        roles: roles.to_vec(),
        organization: None,
        expires_in: None,
    };
    let invitation = gatekeeper.administration().invite(&cx, input).await?;
    let email = invitation.email.as_str();
    Ok(Answer {
        text: format!("Invited {email}, until {}.", invitation.expires_at),
        json: json!({"id": invitation.id, "email": email, "expires_at": invitation.expires_at}),
    })
}

async fn data(settings: &Settings, email: &str, tenant: Option<&str>) -> Result<Answer, Failure> {
    let (gatekeeper, cx) = begin(settings, tenant).await?;
    let administration = gatekeeper.administration();
    let user = administration.find_user_by_email(&cx, email).await?;
    let export = gatekeeper.privacy().export(&cx, user.id).await?;
    let document = Value::Object(export.into_document(usize::MAX).await?);
    let text = serde_json::to_string_pretty(&document)
        .map_err(|error| Failure::because("the answer cannot be written", &error))?;
    Ok(Answer {
        text,
        json: document,
    })
}

async fn erase(settings: &Settings, email: &str, tenant: Option<&str>) -> Result<Answer, Failure> {
    let (gatekeeper, cx) = begin(settings, tenant).await?;
    let administration = gatekeeper.administration();
    let user = administration.find_user_by_email(&cx, email).await?;
    gatekeeper.privacy().erase(&cx, user.id).await?;
    Ok(Answer {
        text: format!(
            "Deleted the account. A server that runs erases what the audit trail holds of {}.",
            user.id
        ),
        json: json!({"id": user.id, "erased": true}),
    })
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
