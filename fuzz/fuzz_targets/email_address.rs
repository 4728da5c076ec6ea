//! An e-mail address. One that is accepted has exactly one `@`, no control character, and a normalised form that is an
//! address too and its own normalised form.
#![no_main]

use gatekeeper_core::model::EmailAddress;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(email) = EmailAddress::parse(text) else {
        return;
    };
    assert_eq!(email.as_str(), text);
    assert_eq!(text.matches('@').count(), 1);
    assert!(!text.chars().any(char::is_control));
    let normalized = email.normalized();
    assert!(normalized.domain().is_ascii());
    assert!(!normalized.local_part().is_empty());
    let again =
        EmailAddress::parse(normalized.as_str()).expect("the normalised form is an address");
    assert_eq!(again.normalized(), normalized);
});
