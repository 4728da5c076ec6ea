//! Rows and the domain: the columns each kind of row is read by, in the order it is read.

use std::net::IpAddr;

use gatekeeper_core::{
    lockout::{Lock, LockoutState},
    model::{
        Account, Algorithm, AuditEvent, AuthMethod, Authority, BackupCode, BackupCodeId, Device,
        DeviceId, EmailAddress, Event, EventId, ExternalIdentity, FormerPassword, KeyId, MailId,
        MfaCredential, OneTimeToken, OneTimeTokenId, OutboxEntry, OutboxKind, OutboxState, Outcome,
        PasswordCredential, PasswordHistoryId, Revocation, RevocationTarget, Role, RoleName,
        SecretString, Session, SessionEnd, SessionId, StoredSigningKey, Tenant, TenantId,
        TenantSlug, Timestamp, TokenHash, TokenId, TokenPurpose, User, UserId,
    },
    store::{RotatedSession, StoreError},
};
use serde::de::DeserializeOwned;
use sqlx::{Decode, Row as _, Type};
use uuid::Uuid;

use super::dialect::{Db, Json, List, Time};

pub(in super::super) type Row = <Db as sqlx::Database>::Row;

/// Column lists, as tokens of templates. `{account}` and `{authority}` come before what they are made of.
pub(super) const COLUMNS: &[(&str, &str)] = &[
    (
        "{account}",
        "{user}, pw.hash, pw.changed_at, pw.must_change_since, {authority} \
         FROM {p}users u \
         LEFT JOIN {p}passwords pw ON pw.tenant_id = u.tenant_id AND pw.user_id = u.id",
    ),
    (
        "{authority}",
        "(SELECT {list_of}(ur.role) FROM {p}user_roles ur \
          WHERE ur.tenant_id = u.tenant_id AND ur.user_id = u.id), \
         (SELECT {list_of}(rp.permission) FROM {p}user_roles ur \
          JOIN {p}role_permissions rp ON rp.tenant_id = ur.tenant_id AND rp.role = ur.role \
          WHERE ur.tenant_id = u.tenant_id AND ur.user_id = u.id)",
    ),
    (
        "{user}",
        "u.id, u.tenant_id, u.email, u.email_verified_at, u.name, u.locale, u.avatar_url, \
         u.metadata, u.disabled_at, u.created_at, u.updated_at, u.last_sign_in_at, u.mfa_enabled_at",
    ),
    (
        "{session}",
        "s.id, s.tenant_id, s.user_id, s.generation, s.rotated_at, s.created_at, \
         s.authenticated_at, s.methods, s.mfa_verified_at, s.last_seen_at, s.idle_expires_at, \
         s.absolute_expires_at, s.ended_at, s.end_reason, s.ip, s.user_agent, \
         s.device_id",
    ),
    (
        "{session_returned}",
        "id, tenant_id, user_id, generation, rotated_at, created_at, authenticated_at, methods, \
         mfa_verified_at, last_seen_at, idle_expires_at, absolute_expires_at, ended_at, \
         end_reason, ip, user_agent, device_id",
    ),
    (
        "{audit_event}",
        "id, tenant_id, at, event, outcome, reason, actor, target, correlation_id, ip, \
         user_agent, details",
    ),
    ("{backup_code}", "id, hash, created_at"),
    (
        "{device}",
        "tenant_id, user_id, id, user_agent, created_at, last_seen_at, expires_at, trusted_until, \
         revoked_at",
    ),
    (
        "{former_password}",
        "tenant_id, user_id, id, hash, replaced_at",
    ),
    (
        "{identity}",
        "tenant_id, provider, subject, user_id, created_at",
    ),
    ("{lockout}", "failures, locked_until, locked_for_good"),
    (
        "{mfa_credential}",
        "tenant_id, user_id, method, sealed, created_at, confirmed_at, counter",
    ),
    (
        "{one_time_token}",
        "id, tenant_id, purpose, user_id, hash, payload, created_at, expires_at, consumed_at",
    ),
    (
        "{outbox_entry}",
        "id, tenant_id, kind, payload, state, attempts, due_at, created_at, finished_at, \
         last_error",
    ),
    (
        "{password}",
        "tenant_id, user_id, hash, changed_at, must_change_since",
    ),
    (
        "{revocation}",
        "tenant_id, kind, target, not_after, revoked_at, expires_at",
    ),
    (
        "{role}",
        "r.tenant_id, r.name, r.description, r.system, \
         (SELECT {list_of}(rp.permission) FROM {p}role_permissions rp \
          WHERE rp.tenant_id = r.tenant_id AND rp.role = r.name), r.created_at",
    ),
    (
        "{signing_key}",
        "id, algorithm, sealed_private, created_at, active_from, retired_at",
    ),
    (
        "{tenant}",
        "id, slug, name, suspended_at, created_at, settings",
    ),
];

/// What a row can be read as.
pub(in super::super) trait Read: Sized {
    fn read(fields: &mut Fields<'_>) -> Result<Self, StoreError>;
}

macro_rules! read {
    ($($row:ty = $method:ident;)*) => {$(
        impl Read for $row {
            fn read(fields: &mut Fields<'_>) -> Result<Self, StoreError> {
                fields.$method()
            }
        }
    )*};
}

read! {
    Account = account;
    AuditEvent = audit_event;
    Authority = authority;
    BackupCode = backup_code;
    Device = device;
    ExternalIdentity = identity;
    FormerPassword = former_password;
    LockoutState = lockout;
    MfaCredential = mfa_credential;
    OneTimeToken = one_time_token;
    OutboxEntry = outbox_entry;
    PasswordCredential = password;
    Revocation = revocation;
    Role = role;
    RotatedSession = rotated_session;
    Session = session;
    StoredSigningKey = signing_key;
    Tenant = tenant;
    User = user;
    Uuid = next;
    bool = next;
    i64 = next;
}

impl Read for (i64, String) {
    fn read(fields: &mut Fields<'_>) -> Result<Self, StoreError> {
        Ok((fields.next()?, fields.next()?))
    }
}

/// Reads rows.
pub(in super::super) fn read<T: Read>(rows: &[Row]) -> Result<Vec<T>, StoreError> {
    rows.iter()
        .map(|row| T::read(&mut Fields { row, at: 0 }))
        .collect()
}

/// Reads a row from left to right.
pub(in super::super) struct Fields<'r> {
    row: &'r Row,
    at: usize,
}

impl<'r> Fields<'r> {
    fn next<T: Decode<'r, Db> + Type<Db>>(&mut self) -> Result<T, StoreError> {
        let value = self.row.try_get(self.at).map_err(StoreError::corrupt);
        self.at += 1;
        value
    }

    fn text(&mut self) -> Result<&'r str, StoreError> {
        self.next()
    }

    fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.next::<Time>().map(|time| time.0)
    }

    fn maybe_time(&mut self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.next::<Option<Time>>()?.map(|time| time.0))
    }

    fn uuid(&mut self) -> Result<Uuid, StoreError> {
        self.next()
    }

    fn maybe_ip(&mut self) -> Result<Option<IpAddr>, StoreError> {
        self.next::<Option<&str>>()?
            .map(|text| text.parse().map_err(StoreError::corrupt))
            .transpose()
    }

    fn json<T: DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        serde_json::from_str(&self.next::<Json>()?.0).map_err(StoreError::corrupt)
    }

    /// A list that the statement did not sort; byte order, as everywhere.
    fn sorted(&mut self) -> Result<Vec<String>, StoreError> {
        let mut list = self
            .next::<Option<List>>()?
            .map_or_else(Vec::new, |list| list.0);
        list.sort_unstable();
        list.dedup();
        Ok(list)
    }

    /// A text that stands for one of our values.
    fn named<T>(&mut self, parse: fn(&str) -> Option<T>) -> Result<T, StoreError> {
        let text = self.text()?;
        parse(text).ok_or_else(|| unknown(text))
    }

    fn account(&mut self) -> Result<Account, StoreError> {
        let user = self.user()?;
        let hash = self.next::<Option<String>>()?;
        let changed_at = self.maybe_time()?;
        let must_change_since = self.maybe_time()?;
        let password = hash
            .zip(changed_at)
            .map(|(hash, changed_at)| PasswordCredential {
                user_id: user.id,
                tenant_id: user.tenant_id,
                hash: SecretString::new(hash),
                changed_at,
                must_change_since,
            });
        Ok(Account {
            user,
            password,
            authority: self.authority()?,
        })
    }

    /// A session behind its rotation, and its account without the password.
    fn rotated_session(&mut self) -> Result<RotatedSession, StoreError> {
        Ok(RotatedSession {
            session: self.session()?,
            account: Account {
                user: self.user()?,
                password: None,
                authority: self.authority()?,
            },
        })
    }

    fn authority(&mut self) -> Result<Authority, StoreError> {
        Ok(Authority {
            roles: self.sorted()?,
            permissions: self.sorted()?,
        })
    }

    fn user(&mut self) -> Result<User, StoreError> {
        Ok(User {
            id: UserId::from_uuid(self.uuid()?),
            tenant_id: TenantId::from_uuid(self.uuid()?),
            email: EmailAddress::parse(self.text()?).map_err(StoreError::corrupt)?,
            email_verified_at: self.maybe_time()?,
            name: self.next()?,
            locale: self.next()?,
            avatar_url: self.next()?,
            metadata: self.json()?,
            disabled_at: self.maybe_time()?,
            created_at: self.time()?,
            updated_at: self.time()?,
            last_sign_in_at: self.maybe_time()?,
            mfa_enabled_at: self.maybe_time()?,
        })
    }

    fn password(&mut self) -> Result<PasswordCredential, StoreError> {
        Ok(PasswordCredential {
            tenant_id: TenantId::from_uuid(self.uuid()?),
            user_id: UserId::from_uuid(self.uuid()?),
            hash: SecretString::new(self.next::<String>()?),
            changed_at: self.time()?,
            must_change_since: self.maybe_time()?,
        })
    }

    fn former_password(&mut self) -> Result<FormerPassword, StoreError> {
        Ok(FormerPassword {
            tenant_id: TenantId::from_uuid(self.uuid()?),
            user_id: UserId::from_uuid(self.uuid()?),
            id: PasswordHistoryId::from_uuid(self.uuid()?),
            hash: SecretString::new(self.next::<String>()?),
            replaced_at: self.time()?,
        })
    }

    fn mfa_credential(&mut self) -> Result<MfaCredential, StoreError> {
        Ok(MfaCredential {
            tenant_id: TenantId::from_uuid(self.uuid()?),
            user_id: UserId::from_uuid(self.uuid()?),
            method: self.next()?,
            sealed: self.next()?,
            created_at: self.time()?,
            confirmed_at: self.maybe_time()?,
            counter: self.next()?,
        })
    }

    fn backup_code(&mut self) -> Result<BackupCode, StoreError> {
        Ok(BackupCode {
            id: BackupCodeId::from_uuid(self.uuid()?),
            hash: SecretString::new(self.next::<String>()?),
            created_at: self.time()?,
        })
    }

    fn device(&mut self) -> Result<Device, StoreError> {
        Ok(Device {
            tenant_id: TenantId::from_uuid(self.uuid()?),
            user_id: UserId::from_uuid(self.uuid()?),
            id: DeviceId::from_uuid(self.uuid()?),
            user_agent: self.next()?,
            created_at: self.time()?,
            last_seen_at: self.time()?,
            expires_at: self.time()?,
            trusted_until: self.maybe_time()?,
            revoked_at: self.maybe_time()?,
        })
    }

    fn lockout(&mut self) -> Result<LockoutState, StoreError> {
        let failures = self.next::<i64>()?;
        let until = self.maybe_time()?;
        let for_good = self.next::<bool>()?;
        Ok(LockoutState {
            failures: failures.try_into().map_err(StoreError::corrupt)?,
            lock: match (for_good, until) {
                (true, _) => Some(Lock::ForGood),
                (false, until) => until.map(Lock::Until),
            },
        })
    }

    fn identity(&mut self) -> Result<ExternalIdentity, StoreError> {
        Ok(ExternalIdentity {
            tenant_id: TenantId::from_uuid(self.uuid()?),
            provider: self.next()?,
            subject: self.next()?,
            user_id: UserId::from_uuid(self.uuid()?),
            created_at: self.time()?,
        })
    }

    fn session(&mut self) -> Result<Session, StoreError> {
        Ok(Session {
            id: SessionId::from_uuid(self.uuid()?),
            tenant_id: TenantId::from_uuid(self.uuid()?),
            user_id: UserId::from_uuid(self.uuid()?),
            generation: self.next()?,
            rotated_at: self.time()?,
            created_at: self.time()?,
            authenticated_at: self.time()?,
            methods: self
                .text()?
                .split_whitespace()
                .map(|name| AuthMethod::parse(name).ok_or_else(|| unknown(name)))
                .collect::<Result<_, _>>()?,
            mfa_verified_at: self.maybe_time()?,
            last_seen_at: self.time()?,
            idle_expires_at: self.time()?,
            absolute_expires_at: self.time()?,
            ended_at: self.maybe_time()?,
            end_reason: self
                .next::<Option<&str>>()?
                .map(|name| SessionEnd::parse(name).ok_or_else(|| unknown(name)))
                .transpose()?,
            ip: self.maybe_ip()?,
            user_agent: self.next()?,
            device_id: self.next::<Option<Uuid>>()?.map(DeviceId::from_uuid),
        })
    }

    fn audit_event(&mut self) -> Result<AuditEvent, StoreError> {
        Ok(AuditEvent {
            id: EventId::from_uuid(self.uuid()?),
            tenant_id: TenantId::from_uuid(self.uuid()?),
            at: self.time()?,
            event: self.named(Event::parse)?,
            outcome: self.named(Outcome::parse)?,
            reason: self.next()?,
            actor: self.next::<Option<Uuid>>()?.map(UserId::from_uuid),
            target: self.next::<Option<Uuid>>()?.map(UserId::from_uuid),
            correlation_id: self.next()?,
            ip: self.maybe_ip()?,
            user_agent: self.next()?,
            details: self.json()?,
        })
    }

    fn one_time_token(&mut self) -> Result<OneTimeToken, StoreError> {
        Ok(OneTimeToken {
            id: OneTimeTokenId::from_uuid(self.uuid()?),
            tenant_id: TenantId::from_uuid(self.uuid()?),
            purpose: self.named(TokenPurpose::parse)?,
            user_id: UserId::from_uuid(self.uuid()?),
            hash: TokenHash(
                self.next::<&[u8]>()?
                    .try_into()
                    .map_err(StoreError::corrupt)?,
            ),
            payload: self.json()?,
            created_at: self.time()?,
            expires_at: self.time()?,
            consumed_at: self.maybe_time()?,
        })
    }

    fn outbox_entry(&mut self) -> Result<OutboxEntry, StoreError> {
        Ok(OutboxEntry {
            id: MailId::from_uuid(self.uuid()?),
            tenant_id: TenantId::from_uuid(self.uuid()?),
            kind: self.named(OutboxKind::parse)?,
            payload: self.next()?,
            state: self.named(OutboxState::parse)?,
            attempts: self.next()?,
            due_at: self.time()?,
            created_at: self.time()?,
            finished_at: self.maybe_time()?,
            last_error: self.next()?,
        })
    }

    fn revocation(&mut self) -> Result<Revocation, StoreError> {
        let tenant_id = TenantId::from_uuid(self.uuid()?);
        let kind = self.text()?;
        let target = self.uuid()?;
        let not_after = self.time()?;
        Ok(Revocation {
            tenant_id,
            target: match kind {
                "token" => RevocationTarget::Token(TokenId::from_uuid(target)),
                "session" => RevocationTarget::Session(SessionId::from_uuid(target)),
                "user" => RevocationTarget::User(UserId::from_uuid(target), not_after),
                _ => return Err(unknown(kind)),
            },
            revoked_at: self.time()?,
            expires_at: self.time()?,
        })
    }

    fn role(&mut self) -> Result<Role, StoreError> {
        Ok(Role {
            tenant_id: TenantId::from_uuid(self.uuid()?),
            name: self.named(RoleName::parse)?,
            description: self.next()?,
            system: self.next()?,
            permissions: self.sorted()?,
            created_at: self.time()?,
        })
    }

    fn signing_key(&mut self) -> Result<StoredSigningKey, StoreError> {
        Ok(StoredSigningKey {
            id: KeyId::from_uuid(self.uuid()?),
            algorithm: self.named(Algorithm::parse)?,
            sealed_private: self.next()?,
            created_at: self.time()?,
            active_from: self.time()?,
            retired_at: self.maybe_time()?,
        })
    }

    fn tenant(&mut self) -> Result<Tenant, StoreError> {
        Ok(Tenant {
            id: TenantId::from_uuid(self.uuid()?),
            slug: self.named(TenantSlug::parse)?,
            name: self.next()?,
            suspended_at: self.maybe_time()?,
            created_at: self.time()?,
            settings: self.json()?,
        })
    }
}

fn unknown(name: &str) -> StoreError {
    StoreError::corrupt(format!("{name:?} is not a value known to this release"))
}

/// A JSON value as it is stored.
pub(super) fn json(value: &impl serde::Serialize) -> Result<Json, StoreError> {
    serde_json::to_string(value)
        .map(Json)
        .map_err(StoreError::corrupt)
}

/// A time as it is stored, where there is one.
pub(super) fn maybe(time: Option<Timestamp>) -> Option<Time> {
    time.map(Time)
}
