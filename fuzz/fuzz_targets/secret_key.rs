//! The text of a secret key. One that is accepted comes back from its own text.
#![no_main]

use gatekeeper_core::crypto::SecretKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(key) = SecretKey::parse(text) else {
        return;
    };
    let written = key.to_text();
    let again = SecretKey::parse(written.expose()).expect("its own text is a key");
    assert_eq!(again.to_text().expose(), written.expose());
});
