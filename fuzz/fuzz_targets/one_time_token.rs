//! A token out of a mailed link. What reaches the store has exactly the form of a token.
#![no_main]

use gatekeeper_core::crypto::one_time;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if one_time::hash_of(text).is_some() {
        assert_eq!(text.len(), 43);
        assert!(
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        );
    }
});
