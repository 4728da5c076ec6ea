mod memory {
    use std::sync::Arc;

    use gatekeeper_core::blacklist::MemoryBlacklist;
    use gatekeeper_testkit::blacklist::BlacklistFixture;

    gatekeeper_testkit::blacklist_conformance!(BlacklistFixture::new(Arc::new(
        MemoryBlacklist::new()
    )));
}

mod store {
    use std::sync::Arc;

    use gatekeeper_core::{
        blacklist::{StoreBlacklist, StoreBlacklistSettings},
        store::{Repository, memory::MemoryRepository},
    };
    use gatekeeper_testkit::{blacklist::BlacklistFixture, sample};

    async fn fixture() -> BlacklistFixture {
        let repository: Arc<dyn Repository> = Arc::new(MemoryRepository::new());
        let node = async || {
            let settings = StoreBlacklistSettings::default();
            let blacklist = StoreBlacklist::new(Arc::clone(&repository), settings);
            let synced = blacklist.sync(sample::NOW).await;
            assert!(synced.is_ok(), "{synced:?}");
            Arc::new(blacklist)
        };
        BlacklistFixture::new(node().await)
            .with_other_node(node().await)
            .with_store(Arc::clone(&repository))
    }

    gatekeeper_testkit::blacklist_conformance!(fixture().await);
}
