use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::SetupError;

/// How the tables are called.
///
/// ```
/// # fn main() -> Result<(), gatekeeper_sqlx::SetupError> {
/// use gatekeeper_sqlx::Settings;
///
/// let settings = Settings::new().table_prefix("auth_")?.schema("accounts")?;
/// assert!(Settings::new().table_prefix("drop table").is_err());
/// # let _ = settings;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    table_prefix: String,
    schema: Option<String>,
    row_level_security: bool,
}

impl Settings {
    /// The defaults: tables called `gatekeeper_...`; on PostgreSQL in the schema that the connection finds first.
    pub fn new() -> Self {
        Self {
            table_prefix: "gatekeeper_".to_owned(),
            schema: None,
            row_level_security: false,
        }
    }

    /// Has PostgreSQL itself keep tenants apart, beside every statement that names its tenant: a second wall, should a statement
    /// ever forget to. Off by default. SQLite, which has no such thing, refuses it.
    ///
    /// Every table with rows of tenants gets a policy which lets a statement see, and write, the rows of one tenant alone: of the
    /// one that was named, in the same transaction, by the setting `<table prefix>.tenant`; a value of `*`, which only maintenance
    /// uses, names all. Every statement on such tables then runs in a transaction that names it first, so that it takes two or
    /// three round trips to the server in place of one. [`migrate`](crate::PgRepository::migrate) makes the policies, and drops
    /// them where this is off again; it takes the owner of the tables to do either. Every node must be set alike, and where it is
    /// switched, all nodes at once: one that does not name its tenant sees nothing.
    ///
    /// # Security
    ///
    /// The policies hold for the owner of the tables as well (`FORCE ROW LEVEL SECURITY`), but for no superuser and for no role
    /// with `BYPASSRLS`: connect as neither. Whoever can run any statement at all can also name any tenant, so it is a guard
    /// against mistakes of this crate and of statements that an application runs beside it, not against stolen credentials of
    /// the database.
    #[must_use]
    pub const fn row_level_security(mut self, on: bool) -> Self {
        self.row_level_security = on;
        self
    }

    pub(crate) const fn confines(&self) -> bool {
        self.row_level_security
    }

    /// What the names of tables and indexes begin with.
    #[cfg(feature = "postgres")]
    pub(crate) fn prefix(&self) -> &str {
        &self.table_prefix
    }

    /// Sets what the names of tables and indexes begin with.
    ///
    /// # Errors
    ///
    /// [`SetupError::Name`] unless it is of the form `[a-z_][a-z0-9_]{0,30}`.
    pub fn table_prefix(mut self, prefix: impl Into<String>) -> Result<Self, SetupError> {
        self.table_prefix = identifier(prefix.into())?;
        Ok(self)
    }

    /// Sets the schema the tables are in; it is made where it does not exist. SQLite, which has none, refuses it.
    ///
    /// # Errors
    ///
    /// [`SetupError::Name`] unless it is of the form `[a-z_][a-z0-9_]{0,30}`.
    pub fn schema(mut self, schema: impl Into<String>) -> Result<Self, SetupError> {
        self.schema = Some(identifier(schema.into())?);
        Ok(self)
    }

    pub(crate) fn schema_name(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// Names this set of tables in its database, in at most 63 bytes: what PostgreSQL allows a channel to be called.
    #[cfg(feature = "postgres")]
    pub(crate) fn channel(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.table_prefix),
            None => self.table_prefix.clone(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

/// The text goes into statements, where no parameter can stand: nothing but this form may ever come in.
fn identifier(text: String) -> Result<String, SetupError> {
    let mut bytes = text.bytes();
    let sound = bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && text.len() <= 31;
    if sound {
        Ok(text)
    } else {
        Err(SetupError::Name(text))
    }
}

/// Makes statements of templates: replaces the tokens of the dialect and the names of the settings. Done once, when a
/// repository is made.
#[derive(Debug)]
pub(crate) struct Templates(Vec<(&'static str, String)>);

impl Templates {
    /// Templates with these tokens, which may hold tokens that come behind them.
    pub(crate) fn new(tokens: &[&[(&'static str, &str)]], settings: &Settings) -> Self {
        let mut all: Vec<_> = tokens
            .iter()
            .flat_map(|some| some.iter())
            .map(|&(token, text)| (token, text.to_owned()))
            .collect();
        let prefix = &settings.table_prefix;
        let qualified = match &settings.schema {
            Some(schema) => format!("\"{schema}\".{prefix}"),
            None => prefix.clone(),
        };
        all.push(("{p}", qualified));
        all.push(("{n}", prefix.clone()));
        Self(all)
    }

    pub(crate) fn text(&self, template: &str) -> String {
        self.0
            .iter()
            .fold(template.to_owned(), |text, (token, with)| {
                text.replace(token, with)
            })
    }

    /// # Security
    ///
    /// Safe to assert: templates are constants, and what comes from [`Settings`] went through [`identifier`].
    pub(crate) fn sql(&self, template: &str) -> SqlStr {
        let text = self.text(template);
        debug_assert!(!text.contains('{'), "unknown token in {text}");
        AssertSqlSafe(std::sync::Arc::<str>::from(text)).into_sql_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_their_place_in_a_statement_are_refused() {
        let long = "a".repeat(32);
        for name in [
            "", "1a", "A", "a-b", "a.b", "a\"", "a'", "a;", "a b", "a\0", "é", "{p}", &long,
        ] {
            assert!(Settings::new().table_prefix(name).is_err(), "{name:?}");
            assert!(Settings::new().schema(name).is_err(), "{name:?}");
        }
        for name in ["a", "_", "a1_", &long[..31]] {
            assert!(Settings::new().table_prefix(name).is_ok(), "{name:?}");
        }
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn a_channel_name_fits() {
        let long = "a".repeat(31);
        let settings = Settings::new()
            .table_prefix(&long)
            .and_then(|settings| settings.schema(&long))
            .unwrap();
        assert_eq!(settings.channel().len(), 63);
    }
}
