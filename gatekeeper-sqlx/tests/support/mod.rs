//! Fresh databases for tests.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, postgres::PgConnectOptions};

/// A database of its own on the test server, dropped with it.
pub(crate) struct PgDatabase {
    name: String,
}

impl PgDatabase {
    /// An empty one.
    pub(crate) async fn create() -> Self {
        // Another locale and sort order than by bytes, so that a statement which relies on the default shows.
        Self::copy_of(
            "template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LC_COLLATE 'C' LC_CTYPE 'C'",
        )
        .await
    }

    pub(crate) async fn copy_of(template: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("gatekeeper_{}_{number}", std::process::id());
        admin(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        admin(format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        Self { name }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn options(&self) -> PgConnectOptions {
        server().database(self.name())
    }

    pub(crate) fn url(&self) -> String {
        self.options().to_url_lossy().to_string()
    }
}

impl Drop for PgDatabase {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // On a thread of its own: the test's runtime cannot be waited for from within.
        let dropped = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(admin(sql));
        })
        .join();
        assert!(
            dropped.is_ok() || std::thread::panicking(),
            "cannot drop {}",
            self.name
        );
    }
}

pub(crate) fn server() -> PgConnectOptions {
    std::env::var("GATEKEEPER_TEST_POSTGRES_URL")
        .expect("GATEKEEPER_TEST_POSTGRES_URL is not set: run the tests with ./scripts/test.sh")
        .parse()
        .unwrap()
}

pub(crate) async fn admin(sql: String) {
    let mut connection = server().connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}
