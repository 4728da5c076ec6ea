use gatekeeper_core::store::memory::MemoryRepository;
use gatekeeper_testkit::store::StoreFixture;

gatekeeper_testkit::store_conformance!({
    let repository = MemoryRepository::new();
    StoreFixture::new(repository.clone()).with_other_node(repository)
});
