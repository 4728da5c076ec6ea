//! One-time tokens: 256 random bits in base64url, stored as their SHA-256.
//!
//! What a token is good for is in its row, not in the token; a store finds it by hash *and* purpose.

use aws_lc_rs::digest;
use base64::Engine;
use zeroize::Zeroizing;

use super::BASE64URL;
use crate::{
    env::Random,
    model::{SecretString, TokenHash},
};

const BYTES: usize = 32;
const TEXT_LEN: usize = 43;

/// A new token and what is stored of it.
pub fn generate(random: &dyn Random) -> (SecretString, TokenHash) {
    let bytes = Zeroizing::new(random.bytes::<BYTES>());
    let text = BASE64URL.encode(bytes.as_slice());
    let hash = hash(&text);
    (text.into(), hash)
}

/// What a store knows this token by. `None` where the text cannot be a token: not of 43 characters, or not in the one
/// spelling that [`generate`] gives, so that an empty, blank or cut text never reaches a store (CVE-2019-16109,
/// CVE-2026-27840).
pub fn hash_of(text: &str) -> Option<TokenHash> {
    if text.len() != TEXT_LEN {
        return None;
    }
    let mut bytes = Zeroizing::new([0; BYTES + 1]);
    let length = BASE64URL.decode_slice(text, bytes.as_mut_slice()).ok()?;
    (length == BYTES).then(|| hash(text))
}

fn hash(text: &str) -> TokenHash {
    let mut hash = [0; 32];
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    for (to, from) in hash.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    TokenHash(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededRandom;

    #[test]
    fn a_token_is_found_by_its_hash() {
        let random = SeededRandom::new(1);
        let (token, hash) = generate(&random);
        assert_eq!(hash_of(token.expose()), Some(hash));
        assert_ne!(generate(&random).1, hash);
    }

    #[test]
    fn the_hash_is_sha256_of_the_text() {
        assert_eq!(
            hash("abc").0[..4],
            [0xba, 0x78, 0x16, 0xbf],
            "FIPS 180-4, appendix B.1"
        );
    }

    #[test]
    fn row_27_cve_2019_16109_what_cannot_be_a_token_reaches_no_store() {
        let (token, hash) = generate(&SeededRandom::new(1));
        let text = token.expose();
        for wrong in [
            "",
            " ",
            "null",
            "undefined",
            "%",
            "[]",
            &text[..42],
            &text[1..],
            &format!("{text}A"),
            &format!("{text}="),
            &format!(" {text}"),
            &format!("{text}\n"),
            &"A".repeat(100_000),
            &"\u{e9}".repeat(22)[..42],
            &"-".repeat(44),
        ] {
            assert_eq!(hash_of(wrong), None, "{wrong:.80?}");
        }
        let mut spellings = 0;
        for at in 0..text.len() {
            for with in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. " {
                let mut changed = text.as_bytes().to_vec();
                changed[at] = *with;
                let changed = String::from_utf8(changed).unwrap();
                // Where the last character's two spare bits differ, it is another spelling of the same bytes.
                if hash_of(&changed) == Some(hash) {
                    spellings += 1;
                    assert_eq!(changed, text);
                }
            }
        }
        assert_eq!(spellings, text.len(), "each token has one spelling");
    }
}
