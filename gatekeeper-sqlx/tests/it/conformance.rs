mod sqlite_file {
    use gatekeeper_sqlx::SqliteRepository;
    use gatekeeper_testkit::{store::StoreFixture, store_conformance};

    store_conformance!({
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("test.db").display());
        StoreFixture::new(SqliteRepository::open(&url).await.unwrap())
            .with_other_node(SqliteRepository::open(&url).await.unwrap())
            .keeping(directory)
    });
}

mod sqlite_memory {
    use gatekeeper_sqlx::SqliteRepository;
    use gatekeeper_testkit::{store::StoreFixture, store_conformance};

    store_conformance!({
        StoreFixture::new(SqliteRepository::open("sqlite::memory:").await.unwrap())
    });
}

mod postgres {
    use gatekeeper_sqlx::PgRepository;
    use gatekeeper_testkit::{store::StoreFixture, store_conformance};

    use crate::support::PgDatabase;

    store_conformance!({
        let database = PgDatabase::create().await;
        let url = database.url();
        StoreFixture::new(PgRepository::connect(&url).await.unwrap())
            .with_other_node(PgRepository::connect(&url).await.unwrap())
            .keeping(database)
    });
}
