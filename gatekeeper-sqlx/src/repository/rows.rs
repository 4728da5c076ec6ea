//! Rows and the domain: each kind of row is read in the order of its columns, which are in [`super::columns`].

use std::net::IpAddr;

use gatekeeper_core::{
    lockout::{Lock, LockoutState},
    model::{
        Account, Algorithm, ApiKey, ApiKeyId, AuditEvent, AuditHead, AuditSeal, AuthMethod,
        Authority, BackupCode, BackupCodeId, Cursor, Device, DeviceId, EmailAddress, Event,
        EventId, ExternalIdentity, FormerPassword, Group, GroupId, Impersonation, Invitation,
        InvitationId, KeyId, MailId, Membership, MfaCredential, OneTimeToken, OneTimeTokenId,
        Organization, OrganizationAuthority, OrganizationId, OutboxEntry, OutboxKind, OutboxState,
        Outcome, PasswordCredential, PasswordHistoryId, Revocation, RevocationTarget, Role,
        RoleName, SecretString, Session, SessionEnd, SessionId, StoredSigningKey, Tenant, TenantId,
        TenantSlug, Timestamp, TokenHash, TokenId, TokenPurpose, User, UserId, UserKind,
    },
    store::{RotatedSession, StoreError},
};
use serde::de::DeserializeOwned;
use sqlx::{Decode, Row as _, Type};
use uuid::Uuid;

use super::dialect::{Db, Json, List, Time};

pub(in super::super) type Row = <Db as sqlx::Database>::Row;

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
    (ApiKey, Account) = api_key_with_owner;
    ApiKey = api_key;
    AuditEvent = audit_event;
    AuditHead = audit_head;
    Authority = authority;
    BackupCode = backup_code;
    Cursor = cursor;
    Device = device;
    ExternalIdentity = identity;
    FormerPassword = former_password;
    Found = found;
    Group = group;
    InOrganization = authority_in_organization;
    Invitation = invitation;
    LockoutState = lockout;
    Membership = membership;
    MfaCredential = mfa_credential;
    OneTimeToken = one_time_token;
    Organization = organization;
    (Organization, Membership) = organization_of_member;
    OutboxEntry = outbox_entry;
    PasswordCredential = password;
    Revocation = revocation;
    Role = role;
    RoleName = role_name;
    RotatedSession = rotated_session;
    Session = session;
    StoredSigningKey = signing_key;
    Tenant = tenant;
    User = user;
    Uuid = next;
    bool = next;
    i64 = next;
}

/// What a user may do, read with the part of an organisation.
pub(super) struct InOrganization(pub(super) Authority);

/// A user, and the term that led there.
pub(super) struct Found {
    pub(super) term: String,
    pub(super) user: User,
}

/// What a user may do in an organisation: its id where the user is a member, and what follows of the roles there. To be read
/// behind `{authority}`, with the user as `u`; `id` is a parameter or a column.
pub(in super::super) fn in_organization(id: &str) -> String {
    let id_of_member = format!(
        "(SELECT m.organization_id FROM {{p}}organization_members m \
          WHERE m.tenant_id = u.tenant_id AND m.organization_id = {id} AND m.user_id = u.id)"
    );
    let roles = format!(
        "(SELECT {{list_of}}({{follows}}) FROM {{p}}organization_member_roles g {{what_follows}} \
          AND g.tenant_id = u.tenant_id AND g.organization_id = {id} AND g.user_id = u.id)"
    );
    format!("{id_of_member}, {roles}")
}

impl Read for (String, Uuid) {
    fn read(fields: &mut Fields<'_>) -> Result<Self, StoreError> {
        Ok((fields.next()?, fields.next()?))
    }
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
                authority: self.authority_in_organization()?.0,
            },
        })
    }

    /// No organisation is active.
    fn authority(&mut self) -> Result<Authority, StoreError> {
        let (roles, permissions) = self.what_follows()?;
        Ok(Authority {
            roles,
            permissions,
            organization: None,
        })
    }

    fn authority_in_organization(&mut self) -> Result<InOrganization, StoreError> {
        let mut authority = self.authority()?;
        let id = self.next::<Option<Uuid>>()?;
        let (roles, permissions) = self.what_follows()?;
        authority.organization = id.map(|id| OrganizationAuthority {
            id: OrganizationId::from_uuid(id),
            roles,
            permissions,
        });
        Ok(InOrganization(authority))
    }

    /// Roles and permissions, each sorted and without doubles.
    fn what_follows(&mut self) -> Result<(Vec<String>, Vec<String>), StoreError> {
        let list = self
            .next::<Option<List>>()?
            .map_or_else(Vec::new, |list| list.0);
        let (mut roles, mut permissions) = (Vec::new(), Vec::new());
        for pair in &list {
            let (role, permission) = pair
                .split_once(' ')
                .ok_or_else(|| StoreError::corrupt("a role without a space behind it"))?;
            roles.push(role.to_owned());
            if !permission.is_empty() {
                permissions.push(permission.to_owned());
            }
        }
        for list in [&mut roles, &mut permissions] {
            list.sort_unstable();
            list.dedup();
        }
        Ok((roles, permissions))
    }

    fn api_key(&mut self) -> Result<ApiKey, StoreError> {
        Ok(ApiKey {
            id: ApiKeyId::from_uuid(self.uuid()?),
            tenant_id: TenantId::from_uuid(self.uuid()?),
            user_id: UserId::from_uuid(self.uuid()?),
            name: self.next()?,
            prefix: self.next()?,
            hash: self.digest()?,
            permissions: self.json()?,
            networks: self
                .text()?
                .split_whitespace()
                .map(|text| text.parse().map_err(StoreError::corrupt))
                .collect::<Result<_, _>>()?,
            created_by: self.maybe_user()?,
            created_at: self.time()?,
            expires_at: self.maybe_time()?,
            last_used_at: self.maybe_time()?,
            revoked_at: self.maybe_time()?,
            replaced_by: self.next::<Option<Uuid>>()?.map(ApiKeyId::from_uuid),
        })
    }

    /// The owner's password is not read.
    fn api_key_with_owner(&mut self) -> Result<(ApiKey, Account), StoreError> {
        let key = self.api_key()?;
        let account = Account {
            user: self.user()?,
            password: None,
            authority: self.authority()?,
        };
        Ok((key, account))
    }

    fn found(&mut self) -> Result<Found, StoreError> {
        Ok(Found {
            term: self.next()?,
            user: self.user()?,
        })
    }

    fn cursor(&mut self) -> Result<Cursor, StoreError> {
        Ok(Cursor {
            at: self.time()?,
            id: self.uuid()?,
        })
    }

    fn group(&mut self) -> Result<Group, StoreError> {
        Ok(Group {
            id: GroupId::from_uuid(self.uuid()?),
            tenant_id: TenantId::from_uuid(self.uuid()?),
            name: self.next()?,
            description: self.next()?,
            roles: self.role_names()?,
            created_at: self.time()?,
            updated_at: self.time()?,
        })
    }

    fn organization(&mut self) -> Result<Organization, StoreError> {
        Ok(Organization {
            id: OrganizationId::from_uuid(self.uuid()?),
            tenant_id: TenantId::from_uuid(self.uuid()?),
            slug: self.named(TenantSlug::parse)?,
            name: self.next()?,
            metadata: self.json()?,
            created_at: self.time()?,
            updated_at: self.time()?,
        })
    }

    fn membership(&mut self) -> Result<Membership, StoreError> {
        Ok(Membership {
            tenant_id: TenantId::from_uuid(self.uuid()?),
            organization_id: OrganizationId::from_uuid(self.uuid()?),
            user_id: UserId::from_uuid(self.uuid()?),
            roles: self.role_names()?,
            created_at: self.time()?,
        })
    }

    fn organization_of_member(&mut self) -> Result<(Organization, Membership), StoreError> {
        Ok((self.organization()?, self.membership()?))
    }

    fn invitation(&mut self) -> Result<Invitation, StoreError> {
        Ok(Invitation {
            id: InvitationId::from_uuid(self.uuid()?),
            tenant_id: TenantId::from_uuid(self.uuid()?),
            email: EmailAddress::parse(self.text()?).map_err(StoreError::corrupt)?,
            roles: self
                .text()?
                .split_whitespace()
                .map(|name| RoleName::parse(name).ok_or_else(|| unknown(name)))
                .collect::<Result<_, _>>()?,
            organization_id: self.next::<Option<Uuid>>()?.map(OrganizationId::from_uuid),
            invited_by: self.maybe_user()?,
            hash: self.maybe_bytes()?.map(TokenHash),
            created_at: self.time()?,
            expires_at: self.time()?,
            sent_at: self.time()?,
            accepted_at: self.maybe_time()?,
            accepted_by: self.maybe_user()?,
            revoked_at: self.maybe_time()?,
        })
    }

    fn role_name(&mut self) -> Result<RoleName, StoreError> {
        self.named(RoleName::parse)
    }

    /// Names that the statement did not sort.
    fn role_names(&mut self) -> Result<Vec<RoleName>, StoreError> {
        self.sorted()?
            .iter()
            .map(|name| RoleName::parse(name).ok_or_else(|| unknown(name)))
            .collect()
    }

    fn maybe_user(&mut self) -> Result<Option<UserId>, StoreError> {
        Ok(self.next::<Option<Uuid>>()?.map(UserId::from_uuid))
    }

    fn digest(&mut self) -> Result<[u8; 32], StoreError> {
        self.next::<&[u8]>()?
            .try_into()
            .map_err(StoreError::corrupt)
    }

    fn maybe_bytes<const N: usize>(&mut self) -> Result<Option<[u8; N]>, StoreError> {
        self.next::<Option<&[u8]>>()?
            .map(|bytes| bytes.try_into().map_err(StoreError::corrupt))
            .transpose()
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
            kind: self.named(UserKind::parse)?,
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
            organization_id: self.next::<Option<Uuid>>()?.map(OrganizationId::from_uuid),
            impersonation: self.impersonation()?,
        })
    }

    /// Who acts as the user; a row that says so in part is one that nobody may use.
    fn impersonation(&mut self) -> Result<Option<Impersonation>, StoreError> {
        let by = self.maybe_user()?;
        let from = self.next::<Option<Uuid>>()?.map(SessionId::from_uuid);
        let reason = self.next::<Option<String>>()?;
        match (by, from, reason) {
            (None, None, None) => Ok(None),
            (Some(by), Some(from), Some(reason)) => Ok(Some(Impersonation { by, from, reason })),
            _ => Err(StoreError::corrupt("a part of an impersonation")),
        }
    }

    fn audit_event(&mut self) -> Result<AuditEvent, StoreError> {
        Ok(AuditEvent {
            id: EventId::from_uuid(self.uuid()?),
            tenant_id: TenantId::from_uuid(self.uuid()?),
            at: self.time()?,
            event: self.named(Event::parse)?,
            outcome: self.named(Outcome::parse)?,
            reason: self.next()?,
            actor: self.maybe_user()?,
            target: self.maybe_user()?,
            correlation_id: self.next()?,
            ip: self.maybe_ip()?,
            user_agent: self.next()?,
            details: self.json()?,
            impersonator: self.maybe_user()?,
            api_key: self.next::<Option<Uuid>>()?.map(ApiKeyId::from_uuid),
            digest: self.maybe_bytes()?,
            salt: self.maybe_bytes()?,
            erased_at: self.maybe_time()?,
            seal: self.seal()?,
        })
    }

    fn seal(&mut self) -> Result<Option<AuditSeal>, StoreError> {
        let sequence = self.next::<Option<i64>>()?;
        let link = self.maybe_bytes()?;
        match (sequence, link) {
            (None, None) => Ok(None),
            (Some(sequence), Some(link)) => Ok(Some(AuditSeal { sequence, link })),
            _ => Err(StoreError::corrupt("a part of a place in the chain")),
        }
    }

    fn audit_head(&mut self) -> Result<AuditHead, StoreError> {
        Ok(AuditHead {
            tenant_id: TenantId::from_uuid(self.uuid()?),
            sequence: self.next()?,
            link: self.digest()?,
            base_sequence: self.next()?,
            base_link: self.digest()?,
            updated_at: self.time()?,
            mac: self.digest()?,
        })
    }

    fn one_time_token(&mut self) -> Result<OneTimeToken, StoreError> {
        Ok(OneTimeToken {
            id: OneTimeTokenId::from_uuid(self.uuid()?),
            tenant_id: TenantId::from_uuid(self.uuid()?),
            purpose: self.named(TokenPurpose::parse)?,
            user_id: UserId::from_uuid(self.uuid()?),
            hash: TokenHash(self.digest()?),
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
                "tenant" => RevocationTarget::Tenant(not_after),
                "authority" => RevocationTarget::Authority(UserId::from_uuid(target), not_after),
                "tenant_authority" => RevocationTarget::TenantAuthority(not_after),
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
            inherits: self.role_names()?,
            created_at: self.time()?,
            updated_at: self.time()?,
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
            updated_at: self.time()?,
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
