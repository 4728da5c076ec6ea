//! The cursor of a list. Nothing opens but what was sealed, in its context.
#![no_main]

use std::sync::OnceLock;

use gatekeeper_core::{
    crypto::{Cursors, SecretKey, SecretKeys},
    testing::SeededRandom,
};
use libfuzzer_sys::fuzz_target;

fn cursors() -> &'static Cursors {
    static CURSORS: OnceLock<Cursors> = OnceLock::new();
    CURSORS
        .get_or_init(|| Cursors::new(&SecretKeys::new(SecretKey::generate(&SeededRandom::new(1)))))
}

fuzz_target!(|text: &str| {
    assert_eq!(cursors().open("users", text), None);
});
