use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::format::{Imported, Prf};

/// What bcrypt reads of a password; the rest it ignores in silence.
const BCRYPT_BYTES: usize = 72;
const BCRYPT_TAG_BYTES: usize = 23;

/// Whether the password is the one of a hash that was made elsewhere. The parameters were bounded when it was parsed.
pub(super) fn matches(stored: &Imported, password: &[u8]) -> bool {
    match stored {
        Imported::Bcrypt { cost, salt, tag } => matches_bcrypt(*cost, *salt, tag, password),
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
