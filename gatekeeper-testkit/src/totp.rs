//! What an authenticator app does, written anew from the standards, so that the tests do not take the library's word for it.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a suite speaks by panicking, in the test that called it"
)]

use aws_lc_rs::hmac;
use gatekeeper_core::model::Timestamp;

/// The code of a seed: RFC 6238 section 4, with SHA-1, steps of 30 seconds and 6 digits.
pub(crate) fn code(seed: &[u8], now: Timestamp) -> String {
    let step = now.as_unix_seconds() / 30;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let bits = tag[at..at + 4]
        .iter()
        .fold(0, |bits, byte| bits << 8 | u32::from(*byte));
    format!("{:06}", (bits & 0x7fff_ffff) % 1_000_000)
}

/// The bytes of a seed in base32: RFC 4648 section 6.
pub(crate) fn seed(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut held, mut bits) = (0_u32, 0);
    for digit in text.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'2'..=b'7' => digit - b'2' + 26,
            other => panic!("{other} is no digit of base32"),
        };
        held = held << 5 | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).unwrap_or_default());
        }
    }
    bytes
}
