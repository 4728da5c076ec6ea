//! Forms that one maker alone writes.

use base64::engine::general_purpose::STANDARD;

use super::{
    Firebase, HashFormatError, Imported, SALT_BYTES, TAG_BYTES, TEXT_SALT_BYTES, array, bytes,
    named, number, scrypt_bounded,
};

/// The digits of phpass, in the order of their values.
const PHPASS_DIGITS: &[u8; 64] =
    b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 2^20 rounds of MD5 take a fifth of a second. `WordPress` writes 13.
const PHPASS_LOG_ROUNDS: std::ops::RangeInclusive<u32> = 7..=20;
/// A project's signer key has 64 bytes.
const SIGNER_KEY_BYTES: std::ops::RangeInclusive<usize> = 32..=128;
const SEPARATOR_BYTES: std::ops::RangeInclusive<usize> = 0..=64;

/// `scrypt$N$salt as text$r$p$tag` (Django).
pub(super) fn django_scrypt(parts: &[&str]) -> Result<Imported, HashFormatError> {
    let [cost, salt, block_size, parallelism, tag] = parts else {
        return Err(HashFormatError::Malformed);
    };
    let cost: u32 = number(cost)?;
    if !cost.is_power_of_two() {
        return Err(HashFormatError::Malformed);
    }
    let log_n = u8::try_from(cost.ilog2()).map_err(|_| HashFormatError::OutOfBounds)?;
    let (block_size, parallelism): (u32, u32) = (number(block_size)?, number(parallelism)?);
    scrypt_bounded(log_n, block_size, parallelism)?;
    if !TEXT_SALT_BYTES.contains(&salt.len()) {
        return Err(HashFormatError::OutOfBounds);
    }
    Ok(Imported::Scrypt {
        log_n,
        block_size,
        parallelism,
        salt: salt.as_bytes().to_vec(),
        tag: bytes(&STANDARD, tag, TAG_BYTES)?,
    })
}

/// `ln=14,r=8,p=1$salt$tag$separator$signer key`.
pub(super) fn firebase(parts: &[&str]) -> Result<Imported, HashFormatError> {
    let [params, salt, tag, separator, signer_key] = parts else {
        return Err(HashFormatError::Malformed);
    };
    let [log_n, block_size, parallelism] = named(params, ["ln", "r", "p"])?;
    let (log_n, block_size, parallelism): (u8, u32, u32) =
        (number(log_n)?, number(block_size)?, number(parallelism)?);
    if parallelism != 1 {
        return Err(HashFormatError::OutOfBounds);
    }
    scrypt_bounded(log_n, block_size, parallelism)?;
    let mut salt = bytes(&STANDARD, salt, SALT_BYTES)?;
    salt.extend(bytes(&STANDARD, separator, SEPARATOR_BYTES)?);
    let signer_key = bytes(&STANDARD, signer_key, SIGNER_KEY_BYTES)?;
    let length = signer_key.len();
    Ok(Imported::Firebase(Firebase {
        log_n,
        block_size,
        salt,
        // What is encrypted is as long as what it encrypts.
        tag: bytes(&STANDARD, tag, length..=length)?,
        signer_key,
    }))
}

/// `Bsaltsaltaaaaaaaaaaaaaaaaaaaaaa`: a digit for the rounds, eight characters of salt, 22 digits of MD5.
pub(super) fn phpass(text: &str) -> Result<Imported, HashFormatError> {
    let [rounds, rest @ ..] = text.as_bytes() else {
        return Err(HashFormatError::Malformed);
    };
    let (salt, tag) = rest
        .split_first_chunk::<8>()
        .ok_or(HashFormatError::Malformed)?;
    let log_rounds = digit(*rounds)?;
    if !PHPASS_LOG_ROUNDS.contains(&log_rounds) {
        return Err(HashFormatError::OutOfBounds);
    }
    Ok(Imported::Phpass {
        log_rounds,
        salt: *salt,
        tag: array(&little_endian(tag)?)?,
    })
}

fn digit(byte: u8) -> Result<u32, HashFormatError> {
    PHPASS_DIGITS
        .iter()
        .position(|&digit| digit == byte)
        .and_then(|value| u32::try_from(value).ok())
        .ok_or(HashFormatError::Malformed)
}

/// Three bytes in four digits, the lowest bits first; 16 bytes in 22.
fn little_endian(digits: &[u8]) -> Result<Vec<u8>, HashFormatError> {
    if digits.len() != 22 {
        return Err(HashFormatError::Malformed);
    }
    let mut decoded = Vec::with_capacity(18);
    for chunk in digits.chunks(4) {
        let mut value = 0_u32;
        for (place, &byte) in chunk.iter().enumerate() {
            value |= digit(byte)? << (6 * place);
        }
        // Four digits are three bytes; the last two are one, with four bits that must be zero.
        let whole = chunk.len() * 6 / 8;
        let bytes = value.to_le_bytes();
        decoded.extend(bytes.iter().take(whole));
        if value >> (8 * whole) != 0 {
            return Err(HashFormatError::Malformed);
        }
    }
    Ok(decoded)
}
