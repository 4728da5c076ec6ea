//! The public URL. One that is accepted begins with its origin, and is its own reading.
#![no_main]

use gatekeeper_core::config::PublicUrl;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(url) = PublicUrl::parse(text) else {
        return;
    };
    assert!(url.as_str().starts_with(url.origin()));
    assert!(!url.as_str().ends_with('/') && !url.origin().contains('@'));
    let again = PublicUrl::parse(url.as_str()).expect("what was read can be read again");
    assert_eq!(again, url);
});
