//! A refresh token. Nothing is accepted that was not issued.
#![no_main]

use std::sync::OnceLock;

use gatekeeper_core::{
    crypto::{RefreshTokens, SecretKey, SecretKeys},
    model::TenantId,
    testing::SeededRandom,
};
use libfuzzer_sys::fuzz_target;

fn tokens() -> &'static RefreshTokens {
    static TOKENS: OnceLock<RefreshTokens> = OnceLock::new();
    TOKENS.get_or_init(|| {
        RefreshTokens::new(&SecretKeys::new(SecretKey::generate(&SeededRandom::new(1))))
    })
}

fuzz_target!(|text: &str| {
    assert!(tokens().verify(TenantId::DEFAULT, text).is_err());
});
