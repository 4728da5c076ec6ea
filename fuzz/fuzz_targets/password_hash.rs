//! A password hash from elsewhere. Recognising it reads a bounded text and computes nothing, whatever costs it names.
#![no_main]

use gatekeeper_core::crypto::password::recognise;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = recognise(text);
});
