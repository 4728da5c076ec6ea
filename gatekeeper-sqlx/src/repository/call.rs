//! Statements, and whose rows they may touch.

use gatekeeper_core::model::TenantId;
use sqlx::{Encode, SqlStr, Type};

use super::{Query, dialect::Db};

/// Whose rows a statement may touch. Where the database itself keeps tenants apart, it is told so before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Scope {
    /// The tables have no rows of tenants: nothing needs to be said.
    Shared,
    /// Those of one tenant.
    Tenant(TenantId),
    /// Those of all: maintenance.
    All,
}

/// A statement with what is bound to it.
pub(in super::super) struct Call<'q> {
    pub(in super::super) scope: Scope,
    pub(in super::super) query: Query<'q>,
}

impl Call<'_> {
    pub(in super::super) fn bind<'t, T: Encode<'t, Db> + Type<Db>>(mut self, value: T) -> Self {
        self.query = self.query.bind(value);
        self
    }
}

/// A statement on tables that have no rows of tenants.
pub(in super::super) fn query<'q>(sql: &SqlStr) -> Call<'q> {
    call(Scope::Shared, sql)
}

/// A statement on one tenant's rows.
pub(in super::super) fn within<'q>(tenant: TenantId, sql: &SqlStr) -> Call<'q> {
    call(Scope::Tenant(tenant), sql)
}

/// A statement on the rows of all tenants: maintenance.
pub(in super::super) fn across<'q>(sql: &SqlStr) -> Call<'q> {
    call(Scope::All, sql)
}

fn call<'q>(scope: Scope, sql: &SqlStr) -> Call<'q> {
    Call {
        scope,
        query: sqlx::query(sql.clone()),
    }
}
