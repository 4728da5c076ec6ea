use super::{Scope, dialect, effects, fetch, query, statements::statements};
use crate::{SetupError, migrations};

type Store = super::super::Store;

statements! {
    has_table = dialect::HAS_MIGRATIONS;
    create_table = "CREATE TABLE IF NOT EXISTS {p}migrations (version {bigint} NOT NULL, \
                    name {text} NOT NULL, checksum {text} NOT NULL, \
                    CONSTRAINT {n}migrations_pkey PRIMARY KEY (version)) {table}";
    applied = "SELECT version, checksum FROM {p}migrations ORDER BY version";
    record = "INSERT INTO {p}migrations (version, name, checksum) VALUES ($1, $2, $3)";
}

impl Store {
    /// Brings the tables up to date. Nothing happens where they are: not even rights to change the schema are then needed.
    /// Any number of nodes may do it at once.
    ///
    /// # Errors
    ///
    /// [`SetupError::Newer`] and [`SetupError::Changed`] where the database was migrated by another release,
    /// [`SetupError::Store`] where it fails.
    pub async fn migrate(&self) -> Result<(), SetupError> {
        let sql = &self.statements().migrate;
        effects::check(self).await?;
        let exists: Vec<bool> = fetch(self, || query(&sql.has_table)).await?;
        if exists.first() == Some(&true) {
            let applied = fetch(self, || query(&sql.applied)).await?;
            if migrations::next(&applied)?.is_none() {
                return effects::set_confinement(self).await;
            }
        }
        while self.migrate_one().await? {}
        effects::set_confinement(self).await
    }

    /// Applies the next step in a transaction of its own; answers whether there was one.
    async fn migrate_one(&self) -> Result<bool, SetupError> {
        // A step may move rows, of whichever tenant.
        let mut transaction = self.start_in(Scope::All).await?;
        if let Some(script) = effects::before_migration(self.settings()) {
            transaction.run(script).await?;
        }
        let sql = transaction.sql.clone();
        transaction
            .execute(query(&sql.migrate.create_table))
            .await?;
        let applied = transaction.fetch(query(&sql.migrate.applied)).await?;
        let Some(migration) = migrations::next(&applied)? else {
            // Not dropped: that would leave the lock for a moment more.
            transaction.end().await?;
            return Ok(false);
        };
        transaction
            .run(self.templates().text(migration.template))
            .await?;
        let record = query(&sql.migrate.record)
            .bind(migration.version)
            .bind(migration.name)
            .bind(migration.checksum());
        transaction.execute(record).await?;
        transaction.end().await?;
        tracing::info!(migration.version, migration.name, "migrated the database");
        Ok(true)
    }
}
