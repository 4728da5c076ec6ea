use std::collections::{BTreeMap, BTreeSet};

use super::{ExportedUser, ImportedUser};
use crate::{
    AccountError, Error, RequestContext, Violations,
    crypto::password::recognise,
    flows::{
        Record, Unit,
        administration::{Acting, Administration, roles::permissions_of_roles},
        validate,
    },
    model::{
        EmailAddress, Event, ExternalIdentity, Page, PageRequest, PasswordCredential, RoleName,
        Timestamp, User, UserId, UserKind,
    },
    store::{Constraint, UserFilter},
};

/// How many accounts one call imports at most.
pub const MAX_IMPORT_BATCH: usize = 1000;
/// The longest names of providers and subjects, in bytes.
const MAX_PROVIDER: usize = 64;
const MAX_SUBJECT: usize = 255;

/// A row that was checked.
struct Sound {
    user: User,
    source: ImportedUser,
}

impl Administration<'_> {
    /// Imports up to [`MAX_IMPORT_BATCH`] accounts in one transaction, and answers for each which it has become or why it was refused.
    /// Who is refused keeps nobody else out. Permission: `users:import`.
    ///
    /// Nobody is mailed. Passwords stay good, and those that are weaker than today's policy too, until their owners change them.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where there are too many rows; a failure of the store: then nothing of the batch was imported.
    pub async fn import_users(
        &self,
        cx: &RequestContext,
        rows: Vec<ImportedUser>,
    ) -> Result<Vec<Result<UserId, Violations>>, Error> {
        if rows.len() > MAX_IMPORT_BATCH {
            let detail = format!("must be at most {MAX_IMPORT_BATCH}");
            return Err(Violations::one("", "field.length", detail).into());
        }
        let inner = self.0.inner();
        let now = inner.clock.now();
        let rows: Vec<Result<Sound, Violations>> = rows
            .into_iter()
            .map(|row| self.check(cx, row, now))
            .collect();
        let mut unit = Unit::begin(inner, cx, now).await?;
        let acting = self.act(&mut unit, "users:import").await?;
        let roles = Roles::of(&mut unit, &acting, &rows).await?;
        let mut outcomes = Vec::with_capacity(rows.len());
        let mut imported = 0_u64;
        for row in rows {
            let outcome = match row {
                Ok(sound) => store(&mut unit, cx, &acting, &roles, &sound).await?,
                Err(violations) => Err(violations),
            };
            imported += u64::from(outcome.is_ok());
            outcomes.push(outcome);
        }
        let refused = outcomes.len() as u64 - imported;
        let record = Record::success(Event::AccountsImported).by_administrator(&acting);
        unit.record(
            record
                .detail("imported", imported)
                .detail("refused", refused),
        )
        .await?;
        unit.commit().await?;
        Ok(outcomes)
    }

    /// Accounts, newest first, with what an import elsewhere needs. Permission: `users:export`, and `users:export_hashes` for hashes.
    ///
    /// # Errors
    ///
    /// [`AccessError::Forbidden`](crate::AccessError::Forbidden); a failure of the store.
    ///
    /// # Security
    ///
    /// Hashes let whoever has them guess passwords at their leisure: keep them as you keep a backup.
    pub async fn export_users(
        &self,
        cx: &RequestContext,
        page: PageRequest,
        with_password_hashes: bool,
    ) -> Result<Page<ExportedUser>, Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let acting = self.act(&mut unit, "users:export").await?;
        if with_password_hashes {
            acting.require("users:export_hashes")?;
        }
        let tenant = cx.tenant_id;
        let tx = unit.tx();
        let users = tx
            .users()
            .list(tenant, &UserFilter::default(), page)
            .await?;
        let mut items = Vec::with_capacity(users.items.len());
        for user in users.items {
            let roles = tx.roles().granted(tenant, user.id).await?;
            let identities = tx.credentials().list_identities(tenant, user.id).await?;
            let password_hash = if with_password_hashes {
                let password = tx.credentials().find_password(tenant, user.id).await?;
                password.map(|password| password.hash)
            } else {
                None
            };
            items.push(ExportedUser {
                roles: roles.iter().map(ToString::to_string).collect(),
                password_hash,
                identities: identities
                    .into_iter()
                    .map(|identity| (identity.provider, identity.subject))
                    .collect(),
                user,
            });
        }
        Ok(Page {
            items,
            next: users.next,
        })
    }

    /// What can be said of a row without the store.
    fn check(
        &self,
        cx: &RequestContext,
        row: ImportedUser,
        now: Timestamp,
    ) -> Result<Sound, Violations> {
        let mut violations = Violations::none();
        let email = validate::email(&mut violations, "/email", &row.email);
        validate::name(&mut violations, "/name", row.name.as_deref());
        validate::locale(&mut violations, "/locale", row.locale.as_deref());
        validate::metadata(&mut violations, "/metadata", &row.metadata);
        if let Some(hash) = &row.password_hash
            && let Err(error) = recognise(hash.expose())
        {
            violations.push("/password_hash", "password_hash.unknown", error.to_string());
        }
        for (provider, subject) in &row.identities {
            if !(1..=MAX_PROVIDER).contains(&provider.len())
                || !(1..=MAX_SUBJECT).contains(&subject.len())
            {
                let detail = "must have a provider of 1 to 64 and a subject of 1 to 255 bytes";
                violations.push("/identities", "field.length", detail);
            }
        }
        let Some(email) = email.filter(|_| violations.as_slice().is_empty()) else {
            return Err(violations);
        };
        Ok(Sound {
            user: self.imported_user(cx, email, &row, now),
            source: row,
        })
    }

    fn imported_user(
        &self,
        cx: &RequestContext,
        email: EmailAddress,
        row: &ImportedUser,
        now: Timestamp,
    ) -> User {
        let created_at = row.created_at.map_or(now, |at| at.min(now));
        User {
            id: UserId::new(created_at, self.0.random()),
            tenant_id: cx.tenant_id,
            kind: UserKind::Person,
            email,
            email_verified_at: row.email_verified.then_some(created_at),
            name: row.name.clone(),
            locale: row.locale.clone(),
            avatar_url: None,
            metadata: row.metadata.clone(),
            disabled_at: row.disabled.then_some(now),
            mfa_enabled_at: None,
            created_at,
            updated_at: now,
            last_sign_in_at: None,
        }
    }
}

/// Stores a row, or says why not. A refusal leaves nothing behind: what may refuse is asked before the first write.
async fn store(
    unit: &mut Unit<'_>,
    cx: &RequestContext,
    acting: &Acting,
    roles: &Roles,
    row: &Sound,
) -> Result<Result<UserId, Violations>, Error> {
    let Sound { user, source } = row;
    let refused =
        |pointer: &str, code, detail: String| Ok(Err(Violations::one(pointer, code, detail)));
    let granted = match roles.granted(&source.roles) {
        Ok(granted) => granted,
        Err(reason) => return refused("/roles", "role.refused", reason),
    };
    for (provider, subject) in &source.identities {
        let linked = unit
            .tx()
            .credentials()
            .find_identity(cx.tenant_id, provider, subject)
            .await?;
        if linked.is_some() {
            let detail = "is linked to another account".to_owned();
            return refused("/identities", "identity.taken", detail);
        }
    }
    match unit.tx().users().insert(user).await {
        Err(error) if error.is_conflict(Constraint::UserEmail) => {
            let detail = "has an account already".to_owned();
            return refused("/email", "account.email_taken", detail);
        }
        inserted => inserted?,
    }
    if let Some(hash) = &source.password_hash {
        let password = PasswordCredential {
            user_id: user.id,
            tenant_id: cx.tenant_id,
            hash: hash.clone(),
            changed_at: user.created_at,
            must_change_since: None,
        };
        unit.tx().credentials().set_password(&password).await?;
    }
    for (provider, subject) in &source.identities {
        let identity = ExternalIdentity {
            tenant_id: cx.tenant_id,
            provider: provider.clone(),
            subject: subject.clone(),
            user_id: user.id,
            created_at: unit.now(),
        };
        unit.tx().credentials().insert_identity(&identity).await?;
    }
    let record = Record::success(Event::AccountCreated).by_administrator(acting);
    unit.record(record.target(user.id).detail("imported", true))
        .await?;
    for role in granted {
        let now = unit.now();
        let roles = unit.tx().roles();
        if roles.grant(cx.tenant_id, user.id, role, now).await? {
            let record = Record::success(Event::RoleGranted).by_administrator(acting);
            unit.record(record.target(user.id).detail("role", role.as_str()))
                .await?;
        }
    }
    Ok(Ok(user.id))
}

/// Which of the roles that a batch names may be granted by whoever imports; looked up once for all of it.
struct Roles(BTreeMap<String, Result<RoleName, String>>);

impl Roles {
    async fn of(
        unit: &mut Unit<'_>,
        acting: &Acting,
        rows: &[Result<Sound, Violations>],
    ) -> Result<Self, Error> {
        let named: BTreeSet<&String> = rows
            .iter()
            .flatten()
            .flat_map(|row| &row.source.roles)
            .collect();
        let mut roles = BTreeMap::new();
        for text in named {
            let judged = match RoleName::parse(text) {
                None => Err(AccountError::RoleNotFound.into()),
                Some(role) => permissions_of_roles(unit, std::slice::from_ref(&role))
                    .await
                    .and_then(|permissions| acting.require_reach(&permissions))
                    .map(|()| role),
            };
            let judged = match judged {
                Ok(role) => Ok(role),
                Err(error @ (Error::Access(_) | Error::Account(_))) => Err(error.to_string()),
                Err(error) => return Err(error),
            };
            roles.insert(text.clone(), judged);
        }
        Ok(Self(roles))
    }

    fn granted(&self, names: &[String]) -> Result<Vec<&RoleName>, String> {
        let unknown = || AccountError::RoleNotFound.to_string();
        names
            .iter()
            .map(|name| match self.0.get(name) {
                Some(Ok(role)) => Ok(role),
                Some(Err(reason)) => Err(reason.clone()),
                None => Err(unknown()),
            })
            .collect()
    }
}
