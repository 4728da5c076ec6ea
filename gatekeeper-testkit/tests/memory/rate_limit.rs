use std::sync::Arc;

use gatekeeper_core::rate_limit::MemoryRateLimiter;
use gatekeeper_testkit::rate_limit::RateLimitFixture;

gatekeeper_testkit::rate_limit_conformance!(RateLimitFixture::new(Arc::new(
    MemoryRateLimiter::new()
)));
