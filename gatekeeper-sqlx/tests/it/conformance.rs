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
        let database = PgDatabase::migrated().await;
        let url = database.url();
        StoreFixture::new(PgRepository::connect(&url).await.unwrap())
            .with_other_node(PgRepository::connect(&url).await.unwrap())
            .keeping(database)
    });
}

/// PostgreSQL keeps tenants apart by itself, and every contract still holds.
mod postgres_with_row_level_security {
    use gatekeeper_sqlx::{PgRepository, Settings};
    use gatekeeper_testkit::{store::StoreFixture, store_conformance};
    use sqlx::ConnectOptions as _;

    use crate::support::PgDatabase;

    store_conformance!({
        let database = PgDatabase::create().await;
        let url = database.plain_options().await.to_url_lossy().to_string();
        let settings = Settings::new().row_level_security(true);
        let connect = async || {
            PgRepository::connect_with(&url, settings.clone())
                .await
                .unwrap()
        };
        StoreFixture::new(connect().await)
            .with_other_node(connect().await)
            .keeping(database)
    });
}

mod counters_on_sqlite {
    use gatekeeper_sqlx::SqliteRepository;
    use gatekeeper_testkit::{lockout::LockoutFixture, lockout_conformance, store::StoreFixture};

    lockout_conformance!({
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("test.db").display());
        let store = StoreFixture::new(SqliteRepository::open(&url).await.unwrap())
            .with_other_node(SqliteRepository::open(&url).await.unwrap())
            .keeping(directory);
        LockoutFixture::in_store(store)
    });
}

mod counters_on_postgres {
    use gatekeeper_sqlx::PgRepository;
    use gatekeeper_testkit::{lockout::LockoutFixture, lockout_conformance, store::StoreFixture};

    use crate::support::PgDatabase;

    lockout_conformance!({
        let database = PgDatabase::migrated().await;
        let url = database.url();
        let store = StoreFixture::new(PgRepository::connect(&url).await.unwrap())
            .with_other_node(PgRepository::connect(&url).await.unwrap())
            .keeping(database);
        LockoutFixture::in_store(store)
    });
}

mod flows_on_sqlite {
    use gatekeeper_sqlx::SqliteRepository;
    use gatekeeper_testkit::{
        fault_conformance, flow_conformance, state_machines, store::StoreFixture,
    };

    flow_conformance!({
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("test.db").display());
        StoreFixture::new(SqliteRepository::open(&url).await.unwrap())
            .with_other_node(SqliteRepository::open(&url).await.unwrap())
            .keeping(directory)
    });

    fault_conformance!(StoreFixture::new(
        SqliteRepository::open("sqlite::memory:").await.unwrap()
    ));

    state_machines!(
        16,
        StoreFixture::new(SqliteRepository::open("sqlite::memory:").await.unwrap())
    );
}

mod flows_on_postgres {
    use gatekeeper_sqlx::PgRepository;
    use gatekeeper_testkit::{
        fault_conformance, flow_conformance, state_machines, store::StoreFixture,
    };

    use crate::support::PgDatabase;

    async fn fixture() -> StoreFixture {
        let database = PgDatabase::migrated().await;
        let url = database.url();
        StoreFixture::new(PgRepository::connect(&url).await.unwrap())
            .with_other_node(PgRepository::connect(&url).await.unwrap())
            .keeping(database)
    }

    /// One node alone: every run of a faulty flow has a database of its own.
    async fn small_fixture() -> StoreFixture {
        let database = PgDatabase::migrated().await;
        StoreFixture::new(PgRepository::connect(&database.url()).await.unwrap()).keeping(database)
    }

    flow_conformance!(fixture().await);

    fault_conformance!(small_fixture().await);

    state_machines!(4, small_fixture().await);
}
