//! Rows to try a store with: sound, distinct for distinct numbers, and the same in every run.

#![expect(
    clippy::unwrap_used,
    reason = "the texts are sound, or a test wrote them"
)]

use gatekeeper_core::{
    lockout::LockoutKey,
    model::{
        Algorithm, ApiKey, ApiKeyId, AuditEvent, AuditHead, AuditSeal, AuthMethod, BackupCode,
        BackupCodeId, Device, DeviceId, EmailAddress, Event, EventId, ExternalIdentity,
        FormerPassword, Group, GroupId, Invitation, InvitationId, KeyId, MailId, Membership,
        MfaCredential, OneTimeToken, OneTimeTokenId, Organization, OrganizationId, OutboxEntry,
        OutboxKind, OutboxState, Outcome, PasswordCredential, PasswordHistoryId, Revocation,
        RevocationTarget, Role, RoleName, SecretString, Session, SessionId, StoredSigningKey,
        Tenant, TenantId, TenantSettings, TenantSlug, Timestamp, TokenHash, TokenId, TokenPurpose,
        User, UserId, UserKind,
    },
};
use serde_json::{Map, json};
use uuid::Uuid;

/// The instant at which samples are made: 2026-01-01T00:00:00.123456Z.
pub const NOW: Timestamp = Timestamp::from_unix_micros(1_767_225_600_123_456);

/// So many seconds after [`NOW`]; before it where negative.
pub const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_micros(NOW.as_unix_micros() + seconds * 1_000_000)
}

/// An id that no other (kind, owner, number) has.
fn id(kind: u128, owner: Uuid, n: u64) -> Uuid {
    let owner = owner.as_u128();
    let owner = (owner ^ (owner >> 64)) & 0xFFFF_FFFF;
    Uuid::from_u128(kind << 120 | owner << 64 | u128::from(n))
}

/// Tenant `n`, with the slug `tenant-n`.
///
/// # Panics
///
/// Never: the slug is sound.
pub fn tenant(n: u64) -> Tenant {
    Tenant {
        id: TenantId::from_uuid(id(1, Uuid::nil(), n)),
        slug: TenantSlug::parse(&format!("tenant-{n}")).unwrap(),
        name: format!("Tenant {n}"),
        suspended_at: None,
        created_at: NOW,
        updated_at: NOW,
        settings: TenantSettings::default(),
    }
}

/// An active user with the verified address `user-n@example.org`.
///
/// # Panics
///
/// Never: the address is sound.
pub fn user(tenant: TenantId, n: u64) -> User {
    User {
        id: UserId::from_uuid(id(2, tenant.as_uuid(), n)),
        tenant_id: tenant,
        kind: UserKind::Person,
        email: email(&format!("user-{n}@example.org")),
        email_verified_at: Some(NOW),
        name: Some(format!("User {n}")),
        locale: Some("en-GB".to_owned()),
        avatar_url: None,
        metadata: Map::new(),
        disabled_at: None,
        mfa_enabled_at: None,
        created_at: NOW,
        updated_at: NOW,
        last_sign_in_at: None,
    }
}

/// Reads an address.
///
/// # Panics
///
/// Where it is none.
pub fn email(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

/// A password of the user; the hash is a text of the right form and of no password.
pub fn password(user: &User) -> PasswordCredential {
    PasswordCredential {
        user_id: user.id,
        tenant_id: user.tenant_id,
        hash: SecretString::from("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA"),
        changed_at: NOW,
        must_change_since: None,
    }
}

/// A password that the user had before; with a higher number, one of later.
pub fn former_password(user: &User, n: u64) -> FormerPassword {
    let id = id(9, user.tenant_id.as_uuid(), n ^ user_number(user));
    FormerPassword {
        id: PasswordHistoryId::from_uuid(id),
        tenant_id: user.tenant_id,
        user_id: user.id,
        hash: SecretString::new(format!(
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$Zm9ybWVy{n}"
        )),
        replaced_at: NOW,
    }
}

/// A factor of this method, begun at [`NOW`] and confirmed a minute later; what is sealed in it is a text.
pub fn factor(user: &User, method: &str) -> MfaCredential {
    MfaCredential {
        tenant_id: user.tenant_id,
        user_id: user.id,
        method: method.to_owned(),
        sealed: format!("sealed {method}").into_bytes(),
        created_at: NOW,
        confirmed_at: Some(at(60)),
        counter: -1,
    }
}

/// A backup code of the user.
pub fn backup_code(user: &User, n: u64) -> BackupCode {
    let id = id(10, user.tenant_id.as_uuid(), n ^ user_number(user));
    BackupCode {
        id: BackupCodeId::from_uuid(id),
        hash: SecretString::new(format!(
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$Y29kZQ{n}"
        )),
        created_at: NOW,
    }
}

/// A device of the user that is known for a day.
pub fn device(user: &User, n: u64) -> Device {
    let id = id(11, user.tenant_id.as_uuid(), n ^ user_number(user));
    Device {
        id: DeviceId::from_uuid(id),
        tenant_id: user.tenant_id,
        user_id: user.id,
        user_agent: Some(format!("Browser {n}")),
        created_at: NOW,
        last_seen_at: NOW,
        expires_at: at(86_400),
        trusted_until: None,
        revoked_at: None,
    }
}

/// The key of a counter of failures.
pub fn lockout_key(n: u64) -> LockoutKey {
    let mut key = [0xA5; 32];
    for (to, from) in key.iter_mut().zip(n.to_le_bytes()) {
        *to = from;
    }
    LockoutKey(key)
}

/// The user's account `subject-n` at the provider `example`.
pub fn identity(user: &User, n: u64) -> ExternalIdentity {
    ExternalIdentity {
        tenant_id: user.tenant_id,
        provider: "example".to_owned(),
        subject: format!("subject-{n}"),
        user_id: user.id,
        created_at: NOW,
    }
}

/// A session of the user that began at [`NOW`]: an hour if it is not refreshed, a day at most.
pub fn session(user: &User, n: u64) -> Session {
    Session {
        id: SessionId::from_uuid(id(3, user.tenant_id.as_uuid(), n ^ user_number(user))),
        tenant_id: user.tenant_id,
        user_id: user.id,
        generation: 0,
        rotated_at: NOW,
        created_at: NOW,
        authenticated_at: NOW,
        methods: vec![AuthMethod::Password],
        mfa_verified_at: None,
        last_seen_at: NOW,
        idle_expires_at: at(3_600),
        absolute_expires_at: at(86_400),
        ended_at: None,
        end_reason: None,
        ip: None,
        user_agent: None,
        device_id: None,
        organization_id: None,
        impersonation: None,
    }
}

/// Tells apart what belongs to the users of one tenant.
fn user_number(user: &User) -> u64 {
    user.id.as_uuid().as_u64_pair().1 << 32
}

/// A one-time token of the user, good for an hour from [`NOW`].
pub fn token(user: &User, purpose: TokenPurpose, n: u64) -> OneTimeToken {
    let id = id(4, user.tenant_id.as_uuid(), n ^ user_number(user));
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(id.as_bytes().iter().cycle()) {
        *to = from ^ 0x5A;
    }
    OneTimeToken {
        id: OneTimeTokenId::from_uuid(id),
        tenant_id: user.tenant_id,
        purpose,
        user_id: user.id,
        hash: TokenHash(hash),
        payload: json!({ "email": user.email.as_str() }),
        created_at: NOW,
        expires_at: at(3_600),
        consumed_at: None,
    }
}

/// Reads the name of a role.
///
/// # Panics
///
/// Where it is none.
pub fn role_name(name: &str) -> RoleName {
    RoleName::parse(name).unwrap()
}

/// A role with these permissions, which must be sorted.
pub fn role(tenant: TenantId, name: &str, permissions: &[&str]) -> Role {
    Role {
        tenant_id: tenant,
        name: role_name(name),
        description: format!("The role {name}"),
        system: false,
        permissions: permissions.iter().map(|&text| text.to_owned()).collect(),
        inherits: vec![],
        created_at: NOW,
        updated_at: NOW,
    }
}

/// A mail that is due at [`NOW`].
pub fn mail(tenant: TenantId, n: u64) -> OutboxEntry {
    OutboxEntry {
        id: MailId::from_uuid(id(5, tenant.as_uuid(), n)),
        tenant_id: tenant,
        kind: OutboxKind::Mail,
        payload: format!("sealed {n}").into_bytes(),
        state: OutboxState::Pending,
        attempts: 0,
        due_at: NOW,
        created_at: NOW,
        finished_at: None,
        last_error: None,
    }
}

/// A row of the audit trail, at [`NOW`].
pub fn event(tenant: TenantId, n: u64) -> AuditEvent {
    AuditEvent {
        id: EventId::from_uuid(id(6, tenant.as_uuid(), n)),
        tenant_id: tenant,
        at: NOW,
        event: Event::SessionCreated,
        outcome: Outcome::Success,
        reason: None,
        actor: None,
        target: None,
        correlation_id: format!("request-{n}"),
        ip: None,
        user_agent: None,
        details: Map::new(),
        impersonator: None,
        api_key: None,
        digest: Some([0xD1; 32]),
        salt: Some([0x5A; 16]),
        erased_at: None,
        seal: None,
    }
}

/// A place in a chain; its link is the number, and no keyed hash.
pub fn seal(sequence: i64) -> AuditSeal {
    AuditSeal {
        sequence,
        link: numbered(sequence.unsigned_abs()),
    }
}

/// Where a chain stands whose last row has this number; links and MAC are numbers too.
pub fn head(tenant: TenantId, sequence: i64) -> AuditHead {
    AuditHead {
        tenant_id: tenant,
        sequence,
        link: numbered(sequence.unsigned_abs()),
        base_sequence: 0,
        base_link: [0; 32],
        updated_at: NOW,
        mac: numbered(!sequence.unsigned_abs()),
    }
}

/// Group `n`, called `Group n`, with these roles, which must be sorted.
pub fn group(tenant: TenantId, n: u64, roles: &[&str]) -> Group {
    Group {
        id: GroupId::from_uuid(id(12, tenant.as_uuid(), n)),
        tenant_id: tenant,
        name: format!("Group {n}"),
        description: format!("The group {n}"),
        roles: roles.iter().map(|name| role_name(name)).collect(),
        created_at: NOW,
        updated_at: NOW,
    }
}

/// Organisation `n`, with the slug `organization-n`.
///
/// # Panics
///
/// Never: the slug is sound.
pub fn organization(tenant: TenantId, n: u64) -> Organization {
    Organization {
        id: OrganizationId::from_uuid(id(13, tenant.as_uuid(), n)),
        tenant_id: tenant,
        slug: TenantSlug::parse(&format!("organization-{n}")).unwrap(),
        name: format!("Organisation {n}"),
        metadata: Map::new(),
        created_at: NOW,
        updated_at: NOW,
    }
}

/// The user's membership of the organisation, with these roles, which must be sorted.
pub fn membership(organization: &Organization, user: &User, roles: &[&str]) -> Membership {
    Membership {
        tenant_id: organization.tenant_id,
        organization_id: organization.id,
        user_id: user.id,
        roles: roles.iter().map(|name| role_name(name)).collect(),
        created_at: NOW,
    }
}

/// An invitation of `invited-n@example.org` to the tenant, which was mailed and is good for an hour from [`NOW`].
///
/// # Panics
///
/// Never: the address is sound.
pub fn invitation(tenant: TenantId, n: u64) -> Invitation {
    let id = id(14, tenant.as_uuid(), n);
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(id.as_bytes().iter().cycle()) {
        *to = from ^ 0xC3;
    }
    Invitation {
        id: InvitationId::from_uuid(id),
        tenant_id: tenant,
        email: email(&format!("invited-{n}@example.org")),
        roles: vec![],
        organization_id: None,
        invited_by: None,
        hash: Some(TokenHash(hash)),
        created_at: NOW,
        expires_at: at(3_600),
        sent_at: NOW,
        accepted_at: None,
        accepted_by: None,
        revoked_at: None,
    }
}

/// A key of the user that does not expire, with the scope `article:read`; its hash is of no secret.
pub fn api_key(user: &User, n: u64) -> ApiKey {
    let id = id(15, user.tenant_id.as_uuid(), n ^ user_number(user));
    ApiKey {
        id: ApiKeyId::from_uuid(id),
        tenant_id: user.tenant_id,
        user_id: user.id,
        name: format!("Key {n}"),
        prefix: format!("gk_test_{n}"),
        hash: numbered(n),
        permissions: vec!["article:read".to_owned()],
        networks: vec![],
        created_by: None,
        created_at: NOW,
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
        replaced_by: None,
    }
}

/// A number as 32 bytes that are not mostly zero.
fn numbered(n: u64) -> [u8; 32] {
    let mut bytes = [0xB7; 32];
    for (to, from) in bytes.iter_mut().zip(n.to_le_bytes()) {
        *to = from;
    }
    bytes
}

/// A signing key made at [`NOW`]; its private part is a text of no key.
pub fn signing_key(n: u64) -> StoredSigningKey {
    StoredSigningKey {
        id: KeyId::from_uuid(id(7, Uuid::nil(), n)),
        algorithm: Algorithm::EdDsa,
        sealed_private: format!("sealed {n}").into_bytes(),
        created_at: NOW,
        active_from: NOW,
        retired_at: None,
    }
}

/// The id of an access token.
pub fn token_id(n: u64) -> TokenId {
    TokenId::from_uuid(id(8, Uuid::nil(), n))
}

/// A revocation written at [`NOW`] that is kept for an hour.
pub fn revocation(tenant: TenantId, target: RevocationTarget) -> Revocation {
    Revocation {
        tenant_id: tenant,
        target,
        revoked_at: NOW,
        expires_at: at(3_600),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_distinct_across_tenants_users_and_numbers() {
        let mut seen = BTreeSet::new();
        let tenants = [TenantId::DEFAULT, tenant(1).id, tenant(2).id];
        for tenant in tenants {
            for n in 0..20 {
                let user = user(tenant, n);
                assert!(seen.insert(user.id.as_uuid()));
                assert!(seen.insert(mail(tenant, n).id.as_uuid()));
                assert!(seen.insert(event(tenant, n).id.as_uuid()));
                assert!(seen.insert(group(tenant, n, &[]).id.as_uuid()));
                assert!(seen.insert(organization(tenant, n).id.as_uuid()));
                assert!(seen.insert(invitation(tenant, n).id.as_uuid()));
                for m in 0..20 {
                    assert!(seen.insert(session(&user, m).id.as_uuid()));
                    assert!(seen.insert(token(&user, TokenPurpose::EmailChange, m).id.as_uuid()));
                    assert!(seen.insert(former_password(&user, m).id.as_uuid()));
                    assert!(seen.insert(backup_code(&user, m).id.as_uuid()));
                    assert!(seen.insert(device(&user, m).id.as_uuid()));
                    assert!(seen.insert(api_key(&user, m).id.as_uuid()));
                }
            }
        }
    }
}
