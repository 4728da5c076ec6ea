//! The text of an API key. What is read is read again from what would be written, and to the byte the same; its secret is that of no
//! other key.
#![no_main]

use gatekeeper_core::crypto::{ApiKeyFormat, SecretVerdict};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let format = ApiKeyFormat::new("live");
    if let Ok(read) = format.parse(text) {
        assert!(ApiKeyFormat::claims(text) && text.len() <= ApiKeyFormat::MAX_LENGTH);
        assert_eq!(read.is(&[0; 32]), SecretVerdict::Mismatch);
        // The checksum finds each change of one character.
        for at in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[at] ^= 1;
            if let Ok(changed) = String::from_utf8(changed) {
                assert!(format.parse(&changed).is_err());
            }
        }
    }
});
