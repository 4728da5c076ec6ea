//! The statements of every aggregate, made once for each repository.

use super::{
    api_keys, audit, chain, columns, credentials, devices, effects, groups, invitations, leases,
    lists::Lists, lockouts, mfa, migrate, organizations, outbox, revocations, roles, search,
    sessions, signing_keys, single, tenants, tokens, users,
};
use crate::{Settings, settings::Templates};

/// Declares `Sql`, the statements of one file, from their templates.
macro_rules! statements {
    ($($name:ident = $template:expr;)*) => {
        #[derive(Debug)]
        pub(in super::super) struct Sql {
            $(pub(in super::super) $name: sqlx::SqlStr,)*
        }

        impl Sql {
            pub(in super::super) fn new(templates: &crate::settings::Templates) -> Self {
                Self {
                    $($name: templates.sql($template),)*
                }
            }

            /// Each with its name.
            #[cfg(test)]
            pub(in super::super) fn all(&self) -> Vec<(&'static str, &str)> {
                vec![$((stringify!($name), self.$name.as_str()),)*]
            }
        }
    };
}
pub(in super::super) use statements;

/// All of them.
#[derive(Debug)]
pub(in super::super) struct Statements {
    pub(in super::super) api_keys: api_keys::Sql,
    pub(in super::super) audit: Lists<3>,
    pub(in super::super) audit_append: sqlx::SqlStr,
    pub(in super::super) audit_counts: Lists<3>,
    pub(in super::super) chain: chain::Sql,
    pub(in super::super) credentials: credentials::Sql,
    pub(in super::super) devices: devices::Sql,
    pub(in super::super) effects: effects::Sql,
    pub(in super::super) groups: groups::Sql,
    pub(in super::super) invitation_lists: Lists<3>,
    pub(in super::super) invitations: invitations::Sql,
    pub(in super::super) leases: leases::Sql,
    pub(in super::super) lockouts: lockouts::Sql,
    pub(in super::super) mfa: mfa::Sql,
    pub(in super::super) migrate: migrate::Sql,
    pub(in super::super) organizations: organizations::Sql,
    pub(in super::super) outbox: outbox::Sql,
    pub(in super::super) revocations: revocations::Sql,
    pub(in super::super) roles: roles::Sql,
    pub(in super::super) search: search::Sql,
    pub(in super::super) searches: search::Searches,
    pub(in super::super) sessions: sessions::Sql,
    pub(in super::super) signing_keys: signing_keys::Sql,
    pub(in super::super) single: single::Sql,
    pub(in super::super) tenants: tenants::Sql,
    pub(in super::super) tokens: tokens::Sql,
    pub(in super::super) user_lists: users::Lists,
    pub(in super::super) users: users::Sql,
}

impl Statements {
    pub(in super::super) fn new(templates: &Templates) -> Self {
        Self {
            api_keys: api_keys::Sql::new(templates),
            audit: audit::lists(templates),
            audit_append: templates.sql(audit::APPEND),
            audit_counts: audit::counts(templates),
            chain: chain::Sql::new(templates),
            credentials: credentials::Sql::new(templates),
            devices: devices::Sql::new(templates),
            effects: effects::Sql::new(templates),
            groups: groups::Sql::new(templates),
            invitation_lists: invitations::lists(templates),
            invitations: invitations::Sql::new(templates),
            leases: leases::Sql::new(templates),
            lockouts: lockouts::Sql::new(templates),
            mfa: mfa::Sql::new(templates),
            migrate: migrate::Sql::new(templates),
            organizations: organizations::Sql::new(templates),
            outbox: outbox::Sql::new(templates),
            revocations: revocations::Sql::new(templates),
            roles: roles::Sql::new(templates),
            search: search::Sql::new(templates),
            searches: search::Searches::new(templates),
            sessions: sessions::Sql::new(templates),
            signing_keys: signing_keys::Sql::new(templates),
            single: single::Sql::new(templates),
            tenants: tenants::Sql::new(templates),
            tokens: tokens::Sql::new(templates),
            user_lists: users::Lists::new(templates),
            users: users::Sql::new(templates),
        }
    }
}

#[cfg(test)]
impl Statements {
    /// Each with its name, but for the lists.
    pub(in super::super) fn all(&self) -> Vec<(&'static str, &str)> {
        let mut all = [
            self.api_keys.all(),
            self.chain.all(),
            self.credentials.all(),
            self.devices.all(),
            self.effects.all(),
            self.groups.all(),
            self.invitations.all(),
            self.leases.all(),
            self.lockouts.all(),
            self.mfa.all(),
            self.migrate.all(),
            self.organizations.all(),
            self.outbox.all(),
            self.revocations.all(),
            self.roles.all(),
            self.search.all(),
            self.sessions.all(),
            self.signing_keys.all(),
            self.single.all(),
            self.tenants.all(),
            self.tokens.all(),
            self.users.all(),
        ]
        .concat();
        all.push(("append", self.audit_append.as_str()));
        let counts = [self.audit_counts.all(), self.user_lists.counts()].concat();
        all.extend(counts.into_iter().map(|sql| ("count", sql)));
        all
    }

    /// Every list that is read page by page.
    pub(in super::super) fn lists(&self) -> Vec<&str> {
        let single = [
            &self.api_keys.list_for_user,
            &self.chain.heads,
            &self.chain.sealed,
            &self.chain.unsealed,
            &self.groups.list,
            &self.groups.members,
            &self.organizations.list,
            &self.organizations.list_for_user,
            &self.organizations.members,
            &self.outbox.list,
            &self.search.window,
            &self.tenants.list,
        ];
        [
            self.user_lists.all(),
            self.audit.all(),
            self.invitation_lists.all(),
            self.searches.all(),
            single.map(sqlx::SqlStr::as_str).to_vec(),
        ]
        .concat()
    }
}

/// The templates of this database under these settings; `more` holds what depends on them.
pub(in super::super) fn templates(settings: &Settings, more: &[(&'static str, &str)]) -> Templates {
    Templates::new(&[columns::COLUMNS, super::dialect::TOKENS, more], settings)
}
