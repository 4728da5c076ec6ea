//! Databases with their tables: made once, and copied, which takes a fourth of the time.

use std::mem::ManuallyDrop;

use gatekeeper_sqlx::PgRepository;
use tokio::sync::OnceCell;

use crate::support::PgDatabase;

impl PgDatabase {
    /// One with every table, as [`PgRepository::connect`] makes them.
    pub(crate) async fn migrated() -> Self {
        // Kept until the server goes: no test is the last to need it.
        static TEMPLATE: OnceCell<ManuallyDrop<PgDatabase>> = OnceCell::const_new();
        let template = TEMPLATE
            .get_or_init(async || {
                let database = Self::create().await;
                let repository = PgRepository::connect(&database.url()).await.unwrap();
                // Nobody may be connected to what is copied.
                repository.pool().close().await;
                ManuallyDrop::new(database)
            })
            .await;
        Self::copy_of(&format!("{} STRATEGY FILE_COPY", template.name())).await
    }
}
