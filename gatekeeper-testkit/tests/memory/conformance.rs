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

/// Counters of failures, in the same store.
mod counters {
    use gatekeeper_core::store::memory::MemoryRepository;
    use gatekeeper_testkit::{lockout::LockoutFixture, store::StoreFixture};

    gatekeeper_testkit::lockout_conformance!({
        let repository = MemoryRepository::new();
        let store = StoreFixture::new(repository.clone()).with_other_node(repository);
        LockoutFixture::in_store(store)
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

/// The flows with a fault at every call.
mod flows_with_faults {
    use gatekeeper_core::store::memory::MemoryRepository;
    use gatekeeper_testkit::store::StoreFixture;

    gatekeeper_testkit::fault_conformance!(StoreFixture::new(MemoryRepository::new()));
}

/// The flows against their model.
mod machines {
    use gatekeeper_core::store::memory::MemoryRepository;
    use gatekeeper_testkit::store::StoreFixture;

    gatekeeper_testkit::state_machines!(256, StoreFixture::new(MemoryRepository::new()));
}
