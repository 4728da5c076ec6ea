use gatekeeper_core::store::memory::MemoryRepository;
use gatekeeper_testkit::store::StoreFixture;

gatekeeper_testkit::store_conformance!({
    let repository = MemoryRepository::new();
    StoreFixture::new(repository.clone()).with_other_node(repository)
});

/// A wrapper is a store as well.
mod wrapped {
    use std::sync::Arc;

    use gatekeeper_core::store::memory::MemoryRepository;
    use gatekeeper_testkit::{faults::FaultyRepository, store::StoreFixture};

    gatekeeper_testkit::store_conformance!({
        let wrapped = FaultyRepository::wrap(Arc::new(MemoryRepository::new()));
        StoreFixture::new(wrapped.clone()).with_other_node(wrapped)
    });
}

/// The flows, on the same store.
mod flows {
    use gatekeeper_core::store::memory::MemoryRepository;
    use gatekeeper_testkit::store::StoreFixture;

    gatekeeper_testkit::flow_conformance!({
        let repository = MemoryRepository::new();
        StoreFixture::new(repository.clone()).with_other_node(repository)
    });
}
