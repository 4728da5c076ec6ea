use super::{
    groups::GroupMember,
    leases::Lease,
    lockouts::Counter,
    mfa::Code,
    revocations::Entry,
    roles::{Closure, Grant},
    search::SearchTerms,
    table::{Row, Table},
    tenants::system_roles,
};
use crate::model::{
    Account, ApiKey, AuditEvent, AuditHead, Device, ExternalIdentity, FormerPassword, Group,
    Invitation, Membership, MfaCredential, OneTimeToken, Organization, OutboxEntry,
    PasswordCredential, Role, Session, StoredSigningKey, Tenant, TenantId, TenantSettings,
    TenantSlug, Timestamp, User,
};

/// Every table. What reads and writes one stands in the file named after it.
#[derive(Default)]
pub(super) struct State {
    pub(super) api_keys: Table<ApiKey>,
    pub(super) audit: Table<AuditEvent>,
    pub(super) audit_heads: Table<AuditHead>,
    pub(super) backup_codes: Table<Code>,
    pub(super) closures: Table<Closure>,
    pub(super) devices: Table<Device>,
    pub(super) factors: Table<MfaCredential>,
    pub(super) former_passwords: Table<FormerPassword>,
    pub(super) grants: Table<Grant>,
    pub(super) group_members: Table<GroupMember>,
    pub(super) groups: Table<Group>,
    pub(super) identities: Table<ExternalIdentity>,
    pub(super) invitations: Table<Invitation>,
    pub(super) leases: Table<Lease>,
    pub(super) lockouts: Table<Counter>,
    pub(super) memberships: Table<Membership>,
    pub(super) organizations: Table<Organization>,
    pub(super) outbox: Table<OutboxEntry>,
    pub(super) passwords: Table<PasswordCredential>,
    pub(super) revocations: Table<Entry>,
    pub(super) roles: Table<Role>,
    pub(super) search_terms: Table<SearchTerms>,
    pub(super) sessions: Table<Session>,
    pub(super) signing_keys: Table<StoredSigningKey>,
    pub(super) tenants: Table<Tenant>,
    pub(super) tokens: Table<OneTimeToken>,
    pub(super) users: Table<User>,
}

impl State {
    /// What a store holds before anybody has used it.
    pub(super) fn seeded() -> Self {
        let mut state = Self::default();
        if let Some(slug) = TenantSlug::parse(TenantSlug::DEFAULT) {
            let tenant = Tenant {
                id: TenantId::DEFAULT,
                slug,
                name: "Default".to_owned(),
                suspended_at: None,
                created_at: Timestamp::default(),
                updated_at: Timestamp::default(),
                settings: TenantSettings::default(),
            };
            for role in system_roles(&tenant) {
                let closure = Self::closure_of_new(&role);
                state.closures.set(&closure.key(), Some(closure));
                state.roles.set(&role.key(), Some(role));
            }
            state.tenants.set(&tenant.id, Some(tenant.clone()));
        }
        state
    }

    pub(super) fn account(&self, user: &User) -> Account {
        Account {
            user: user.clone(),
            password: self.passwords.get(&user.id).cloned(),
            authority: self.authority(user.tenant_id, user.id, None),
        }
    }
}
