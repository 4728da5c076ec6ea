use std::num::NonZeroU32;

use aws_lc_rs::{
    cipher::{
        AES_256, AES_256_KEY_LEN, EncryptionContext, StreamingEncryptingKey, UnboundCipherKey,
    },
    digest, hmac,
    iv::FixedLength,
    pbkdf2,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::format::{Firebase, Imported, Prehash, Prf};

/// What bcrypt reads of a password; the rest it ignores in silence.
const BCRYPT_BYTES: usize = 72;
const BCRYPT_TAG_BYTES: usize = 23;

/// Whether the password is the one of a hash that was made elsewhere. The parameters were bounded when it was parsed.
pub(super) fn matches(stored: &Imported, password: &[u8]) -> bool {
    match stored {
        Imported::Bcrypt {
            first,
            cost,
            salt,
            tag,
        } => matches_bcrypt(*cost, *salt, tag, &prehashed(*first, password)),
        Imported::Firebase(stored) => matches_firebase(stored, password),
        Imported::Phpass {
            log_rounds,
            salt,
            tag,
        } => matches_phpass(*log_rounds, *salt, tag, password),
        Imported::Pbkdf2 {
            prf,
            iterations,
            salt,
            tag,
        } => matches_pbkdf2(*prf, *iterations, salt, tag, password),
        Imported::Scrypt {
            log_n,
            block_size,
            parallelism,
            salt,
            tag,
        } => {
            let Ok(params) = scrypt::Params::new(*log_n, *block_size, *parallelism) else {
                return false;
            };
            let mut computed = Zeroizing::new(vec![0; tag.len()]);
            scrypt::scrypt(password, salt, &params, &mut computed).is_ok()
                && bool::from(computed.as_slice().ct_eq(tag))
        }
    }
}

/// What bcrypt is given.
fn prehashed(first: Prehash, password: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(match first {
        Prehash::None => password.to_vec(),
        Prehash::Sha256Hex => {
            let digest = digest::digest(&digest::SHA256, password);
            let digit = |nibble: u8| b"0123456789abcdef".get(usize::from(nibble)).copied();
            let digits = digest.as_ref().iter();
            digits
                .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
                .flatten()
                .collect()
        }
        Prehash::WordPress => {
            let key = hmac::Key::new(hmac::HMAC_SHA384, b"wp-sha384");
            STANDARD.encode(hmac::sign(&key, password)).into_bytes()
        }
    })
}

/// The signer key, encrypted with AES-256 in counter mode from zero on under what scrypt derives.
fn matches_firebase(stored: &Firebase, password: &[u8]) -> bool {
    let Ok(params) = scrypt::Params::new(stored.log_n, stored.block_size, 1) else {
        return false;
    };
    let mut key = Zeroizing::new([0; AES_256_KEY_LEN]);
    if scrypt::scrypt(password, &stored.salt, &params, key.as_mut_slice()).is_err() {
        return false;
    }
    let encrypted = || {
        let key = UnboundCipherKey::new(&AES_256, key.as_slice()).ok()?;
        let start = EncryptionContext::Iv128(FixedLength::from([0; 16]));
        let mut cipher = StreamingEncryptingKey::less_safe_ctr(key, start).ok()?;
        let mut output = vec![0; stored.signer_key.len() + 16];
        let written = cipher.update(&stored.signer_key, &mut output).ok()?;
        let length = written.written().len();
        output.truncate(length);
        Some(Zeroizing::new(output))
    };
    encrypted().is_some_and(|computed| bool::from(computed.as_slice().ct_eq(&stored.tag)))
}

/// MD5, again and again over itself and the password. Weak, and here for the first sign-in after a move alone: what matches is
/// hashed anew.
fn matches_phpass(log_rounds: u32, salt: [u8; 8], tag: &[u8; 16], password: &[u8]) -> bool {
    let round = |before: &[u8]| -> [u8; 16] {
        let mut hash = Md5::new();
        hash.update(before);
        hash.update(password);
        hash.finalize().into()
    };
    let mut hash = Zeroizing::new(round(&salt));
    for _ in 0..1_u32 << log_rounds {
        hash = Zeroizing::new(round(hash.as_slice()));
    }
    bool::from(hash.as_slice().ct_eq(tag))
}

/// # Security
///
/// bcrypt knows the first 72 bytes, and in most implementations nothing behind a NUL. Its own maker would take any
/// password that begins alike (CVE-2025-22228), and as the key repeats itself behind a NUL, `abc\0abc` is `abc`. So neither
/// kind is ever right here, whatever made the hash: their owners reset their password. The work is done all the same.
fn matches_bcrypt(
    cost: u32,
    salt: [u8; 16],
    tag: &[u8; BCRYPT_TAG_BYTES],
    password: &[u8],
) -> bool {
    let whole = password.len() <= BCRYPT_BYTES && !password.contains(&0);
    // The key is the password with its terminating NUL, as far as 72 bytes go.
    let key: Zeroizing<Vec<u8>> = password
        .iter()
        .copied()
        .chain([0])
        .take(BCRYPT_BYTES)
        .collect::<Vec<u8>>()
        .into();
    let computed = Zeroizing::new(bcrypt::bcrypt(cost, salt, &key));
    let equal = computed
        .get(..BCRYPT_TAG_BYTES)
        .is_some_and(|computed| bool::from(computed.ct_eq(tag)));
    equal && whole
}

fn matches_pbkdf2(
    prf: Prf,
    iterations: NonZeroU32,
    salt: &[u8],
    tag: &[u8],
    password: &[u8],
) -> bool {
    let algorithm = match prf {
        Prf::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
        Prf::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        Prf::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
    };
    pbkdf2::verify(algorithm, iterations, salt, password, tag).is_ok()
}
