mod foreign;

use std::{fmt, num::NonZeroU32, str::FromStr};

use argon2::{Algorithm, Version};
use base64::{
    Engine as _, alphabet,
    engine::{
        GeneralPurpose, GeneralPurposeConfig,
        general_purpose::{NO_PAD, STANDARD, STANDARD_NO_PAD},
    },
};

/// No hash that is known here is longer.
const MAX_HASH_BYTES: usize = 512;
/// A shorter tag is guessed rather than computed.
const TAG_BYTES: std::ops::RangeInclusive<usize> = 16..=64;
const SALT_BYTES: std::ops::RangeInclusive<usize> = 8..=64;
/// Text that Django and others use as it stands.
const TEXT_SALT_BYTES: std::ops::RangeInclusive<usize> = 1..=128;

/// 256 MiB.
const MAX_MEMORY_KIB: u64 = 262_144;
const MAX_ARGON2_ITERATIONS: u32 = 16;
const MAX_ARGON2_LANES: u32 = 16;
/// Memory in KiB times passes: 0.3 to 0.5 s.
const MAX_ARGON2_WORK: u64 = 1_048_576;
/// Each step doubles the time; 14 is a second, 31 is a day and a half (CVE-2026-33306).
const BCRYPT_COST: std::ops::RangeInclusive<u32> = 4..=14;
const MAX_PBKDF2_ITERATIONS: u32 = 5_000_000;
const MAX_SCRYPT_LOG_N: u8 = 20;
const MAX_SCRYPT_BLOCK_SIZE: u32 = 32;
const MAX_SCRYPT_LANES: u32 = 16;
/// Memory in KiB times lanes.
const MAX_SCRYPT_WORK: u64 = 524_288;

/// The salts that some makers gave bcrypt end in bits that carry nothing and are not zero.
const BCRYPT_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::BCRYPT,
    GeneralPurposeConfig::with_decode_allow_trailing_bits(NO_PAD, true),
);

/// Whose kind a stored hash is. `recognise` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashFormat {
    /// `$argon2id$`, `$argon2i$`, `$argon2d$` (PHC), also behind Django's `argon2`.
    Argon2,
    /// `$2a$`, `$2b$`, `$2y$` (Auth0, Devise, Supabase), also behind Django's `bcrypt$` and `bcrypt_sha256$` and behind the `$wp` of
    /// `WordPress` 6.8. Passwords of more than 72 bytes or with a NUL never match, but for the last two, which hash them first.
    Bcrypt,
    /// `$firescrypt$ln=..,r=..,p=1$salt$tag$separator$signer key`, all in base64: the scrypt of Firebase with the parameters of its project.
    Firebase,
    /// `$P$`, `$H$` (phpass: `WordPress` before 6.8, phpBB). MD5, iterated: it is made anew at the first sign-in.
    Phpass,
    /// `$pbkdf2-sha256$`, `$pbkdf2-sha512$`, `$pbkdf2-sha1$`, `$pbkdf2$` (passlib, PHC, Keycloak); `pbkdf2_sha256$`, `pbkdf2_sha1$` (Django).
    Pbkdf2,
    /// `$scrypt$ln=..,r=..,p=..$` (PHC); `scrypt$` (Django).
    Scrypt,
}

/// Why a stored hash cannot be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashFormatError {
    /// Of no kind that is known here.
    #[error("the hash is of an unknown kind")]
    Unknown,
    /// Of a known kind, but not well-formed.
    #[error("the hash is malformed")]
    Malformed,
    /// Its parameters ask for more work or memory than a sign-in may take, or for none.
    #[error("the hash's parameters are out of bounds")]
    OutOfBounds,
}

/// Whether a hash from elsewhere can be verified here: an import asks this, and refuses what cannot, before it stores
/// anything.
///
/// # Errors
///
/// [`HashFormatError`], without a word of the hash.
///
/// # Examples
///
/// ```
/// use gatekeeper_core::crypto::password::{HashFormat, recognise};
///
/// let bcrypt = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
/// assert_eq!(recognise(bcrypt), Ok(HashFormat::Bcrypt));
/// assert!(recognise("5f4dcc3b5aa765d61d8327deb882cf99").is_err());
/// ```
pub fn recognise(hash: &str) -> Result<HashFormat, HashFormatError> {
    Stored::parse(hash).map(|stored| match stored {
        Stored::Argon2(_) => HashFormat::Argon2,
        Stored::Imported(Imported::Bcrypt { .. }) => HashFormat::Bcrypt,
        Stored::Imported(Imported::Firebase(_)) => HashFormat::Firebase,
        Stored::Imported(Imported::Phpass { .. }) => HashFormat::Phpass,
        Stored::Imported(Imported::Pbkdf2 { .. }) => HashFormat::Pbkdf2,
        Stored::Imported(Imported::Scrypt { .. }) => HashFormat::Scrypt,
    })
}

/// A hash that was read, with parameters that were bounded.
pub(super) enum Stored {
    Argon2(Argon2Hash),
    Imported(Imported),
}

pub(super) struct Argon2Hash {
    pub(super) algorithm: Algorithm,
    pub(super) version: Version,
    pub(super) memory_kib: u32,
    pub(super) iterations: u32,
    pub(super) parallelism: u32,
    pub(super) salt: Vec<u8>,
    pub(super) tag: Vec<u8>,
}

pub(super) enum Imported {
    Bcrypt {
        first: Prehash,
        cost: u32,
        salt: [u8; 16],
        tag: [u8; 23],
    },
    Firebase(Firebase),
    Phpass {
        log_rounds: u32,
        salt: [u8; 8],
        tag: [u8; 16],
    },
    Pbkdf2 {
        prf: Prf,
        iterations: NonZeroU32,
        salt: Vec<u8>,
        tag: Vec<u8>,
    },
    Scrypt {
        log_n: u8,
        block_size: u32,
        parallelism: u32,
        salt: Vec<u8>,
        tag: Vec<u8>,
    },
}

/// What a password goes through before bcrypt.
#[derive(Clone, Copy)]
pub(super) enum Prehash {
    None,
    /// SHA-256 as lower-case hexadecimal digits (Django).
    Sha256Hex,
    /// HMAC-SHA-384 under a fixed key, in base64 (`WordPress`).
    WordPress,
}

/// Firebase's scrypt: what scrypt derives is an AES key, under which the project's signer key is encrypted.
pub(super) struct Firebase {
    pub(super) log_n: u8,
    pub(super) block_size: u32,
    /// The user's own and the project's separator, one behind the other.
    pub(super) salt: Vec<u8>,
    pub(super) signer_key: Vec<u8>,
    pub(super) tag: Vec<u8>,
}

#[derive(Clone, Copy)]
pub(super) enum Prf {
    Sha1,
    Sha256,
    Sha512,
}

impl Imported {
    /// What it takes of memory, in KiB.
    pub(super) fn memory_kib(&self) -> u64 {
        match self {
            Self::Bcrypt { .. } | Self::Pbkdf2 { .. } | Self::Phpass { .. } => 0,
            Self::Firebase(Firebase {
                log_n, block_size, ..
            })
            | Self::Scrypt {
                log_n, block_size, ..
            } => scrypt_memory_kib(*log_n, *block_size),
        }
    }
}

impl Stored {
    pub(super) fn parse(hash: &str) -> Result<Self, HashFormatError> {
        if hash.len() > MAX_HASH_BYTES || !hash.is_ascii() {
            return Err(HashFormatError::Unknown);
        }
        // Django writes its own name of the algorithm before the foreign string.
        let hash = match hash.split_once('$') {
            Some(("argon2", rest)) if rest.starts_with("argon2") => &format!("${rest}"),
            Some(("bcrypt", rest)) if rest.starts_with('$') => rest,
            _ => hash,
        };
        let parts: Vec<&str> = hash.split('$').collect();
        match parts.as_slice() {
            ["", name @ ("argon2id" | "argon2i" | "argon2d"), rest @ ..] => {
                argon2(name, rest).map(Self::Argon2)
            }
            ["", "2a" | "2b" | "2y", rest @ ..] => bcrypt(Prehash::None, rest).map(Self::Imported),
            ["bcrypt_sha256", "", "2b" | "2a" | "2y", rest @ ..] => {
                bcrypt(Prehash::Sha256Hex, rest).map(Self::Imported)
            }
            ["", "wp", "2y", rest @ ..] => bcrypt(Prehash::WordPress, rest).map(Self::Imported),
            ["", "P" | "H", rest] => foreign::phpass(rest).map(Self::Imported),
            ["", "firescrypt", rest @ ..] => foreign::firebase(rest).map(Self::Imported),
            ["", "pbkdf2" | "pbkdf2-sha1", rest @ ..] => pbkdf2(Prf::Sha1, rest),
            ["", "pbkdf2-sha256", rest @ ..] => pbkdf2(Prf::Sha256, rest),
            ["", "pbkdf2-sha512", rest @ ..] => pbkdf2(Prf::Sha512, rest),
            ["pbkdf2_sha1", rest @ ..] => django(Prf::Sha1, rest),
            ["pbkdf2_sha256", rest @ ..] => django(Prf::Sha256, rest),
            ["", "scrypt", rest @ ..] => scrypt(rest).map(Self::Imported),
            ["scrypt", rest @ ..] => foreign::django_scrypt(rest).map(Self::Imported),
            _ => Err(HashFormatError::Unknown),
        }
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

fn argon2(name: &str, parts: &[&str]) -> Result<Argon2Hash, HashFormatError> {
    // A string without a version is of the first one (PHC string format; the reference implementation reads it so).
    let (version, parts) = match parts {
        [version, rest @ ..] if version.starts_with("v=") => match *version {
            "v=16" => (Version::V0x10, rest),
            "v=19" => (Version::V0x13, rest),
            _ => return Err(HashFormatError::Unknown),
        },
        parts => (Version::V0x10, parts),
    };
    let [params, salt, tag] = parts else {
        return Err(HashFormatError::Malformed);
    };
    let [memory_kib, iterations, parallelism] = named(params, ["m", "t", "p"])?;
    let (memory_kib, iterations, parallelism): (u32, u32, u32) = (
        number(memory_kib)?,
        number(iterations)?,
        number(parallelism)?,
    );
    let work = u64::from(memory_kib).saturating_mul(u64::from(iterations));
    let bounded = (1..=MAX_ARGON2_ITERATIONS).contains(&iterations)
        && (1..=MAX_ARGON2_LANES).contains(&parallelism)
        && u64::from(memory_kib) <= MAX_MEMORY_KIB
        // RFC 9106 section 3.1: at least 8 blocks a lane.
        && memory_kib >= 8 * parallelism
        && work <= MAX_ARGON2_WORK;
    if !bounded {
        return Err(HashFormatError::OutOfBounds);
    }
    Ok(Argon2Hash {
        algorithm: match name {
            "argon2id" => Algorithm::Argon2id,
            "argon2i" => Algorithm::Argon2i,
            "argon2d" => Algorithm::Argon2d,
            _ => return Err(HashFormatError::Unknown),
        },
        version,
        memory_kib,
        iterations,
        parallelism,
        salt: bytes(&STANDARD_NO_PAD, salt, SALT_BYTES)?,
        tag: bytes(&STANDARD_NO_PAD, tag, TAG_BYTES)?,
    })
}

fn bcrypt(first: Prehash, parts: &[&str]) -> Result<Imported, HashFormatError> {
    let [cost, rest] = parts else {
        return Err(HashFormatError::Malformed);
    };
    if cost.len() != 2 || rest.len() != 53 {
        return Err(HashFormatError::Malformed);
    }
    let cost = cost.strip_prefix('0').unwrap_or(cost);
    let cost: u32 = number(cost)?;
    if !BCRYPT_COST.contains(&cost) {
        return Err(HashFormatError::OutOfBounds);
    }
    let (salt, tag) = rest
        .split_at_checked(22)
        .ok_or(HashFormatError::Malformed)?;
    Ok(Imported::Bcrypt {
        first,
        cost,
        salt: array(&bytes(&BCRYPT_BASE64, salt, 16..=16)?)?,
        tag: array(&bytes(&BCRYPT_BASE64, tag, 23..=23)?)?,
    })
}

/// passlib: `$pbkdf2-sha256$29000$salt$tag`, with `.` for `+`. PHC: `$pbkdf2-sha256$i=29000,l=32$salt$tag`.
fn pbkdf2(prf: Prf, parts: &[&str]) -> Result<Stored, HashFormatError> {
    let [params, salt, tag] = parts else {
        return Err(HashFormatError::Malformed);
    };
    let (salt, tag) = (salt.replace('.', "+"), tag.replace('.', "+"));
    let tag = bytes(&STANDARD_NO_PAD, &tag, TAG_BYTES)?;
    let iterations = if params.contains(',') {
        let [iterations, length] = named(params, ["i", "l"])?;
        if number::<usize>(length)? != tag.len() {
            return Err(HashFormatError::Malformed);
        }
        iterations
    } else {
        params.strip_prefix("i=").unwrap_or(params)
    };
    let salt = bytes(&STANDARD_NO_PAD, &salt, SALT_BYTES)?;
    pbkdf2_of(prf, iterations, salt, tag)
}

/// `pbkdf2_sha256$iterations$salt as text$tag`.
fn django(prf: Prf, parts: &[&str]) -> Result<Stored, HashFormatError> {
    let [iterations, salt, tag] = parts else {
        return Err(HashFormatError::Malformed);
    };
    if !TEXT_SALT_BYTES.contains(&salt.len()) {
        return Err(HashFormatError::OutOfBounds);
    }
    let tag = bytes(&STANDARD, tag, TAG_BYTES)?;
    pbkdf2_of(prf, iterations, salt.as_bytes().to_vec(), tag)
}

fn pbkdf2_of(
    prf: Prf,
    iterations: &str,
    salt: Vec<u8>,
    tag: Vec<u8>,
) -> Result<Stored, HashFormatError> {
    let iterations = NonZeroU32::new(number(iterations)?)
        .filter(|iterations| iterations.get() <= MAX_PBKDF2_ITERATIONS)
        .ok_or(HashFormatError::OutOfBounds)?;
    Ok(Stored::Imported(Imported::Pbkdf2 {
        prf,
        iterations,
        salt,
        tag,
    }))
}

fn scrypt(parts: &[&str]) -> Result<Imported, HashFormatError> {
    let [params, salt, tag] = parts else {
        return Err(HashFormatError::Malformed);
    };
    let [log_n, block_size, parallelism] = named(params, ["ln", "r", "p"])?;
    let (log_n, block_size, parallelism): (u8, u32, u32) =
        (number(log_n)?, number(block_size)?, number(parallelism)?);
    scrypt_bounded(log_n, block_size, parallelism)?;
    Ok(Imported::Scrypt {
        log_n,
        block_size,
        parallelism,
        salt: bytes(&STANDARD_NO_PAD, salt, SALT_BYTES)?,
        tag: bytes(&STANDARD_NO_PAD, tag, TAG_BYTES)?,
    })
}

/// Refuses more work or memory than a sign-in may take.
fn scrypt_bounded(log_n: u8, block_size: u32, parallelism: u32) -> Result<(), HashFormatError> {
    let bounded = (1..=MAX_SCRYPT_LOG_N).contains(&log_n)
        && (1..=MAX_SCRYPT_BLOCK_SIZE).contains(&block_size)
        && (1..=MAX_SCRYPT_LANES).contains(&parallelism);
    // The product is taken only of bounded values: it cannot overflow.
    if !bounded
        || scrypt_memory_kib(log_n, block_size) > MAX_MEMORY_KIB
        || scrypt_memory_kib(log_n, block_size) * u64::from(parallelism) > MAX_SCRYPT_WORK
    {
        return Err(HashFormatError::OutOfBounds);
    }
    Ok(())
}

/// 128 x r x N bytes (RFC 7914 section 2).
fn scrypt_memory_kib(log_n: u8, block_size: u32) -> u64 {
    (u64::from(block_size) << log_n) / 8
}

/// The values of `a=1,b=2,c=3`, all of them, in this order.
fn named<'a, const N: usize>(
    params: &'a str,
    names: [&str; N],
) -> Result<[&'a str; N], HashFormatError> {
    let mut params = params.split(',');
    let mut values = [""; N];
    for (value, name) in values.iter_mut().zip(names) {
        *value = params
            .next()
            .and_then(|param| param.strip_prefix(name)?.strip_prefix('='))
            .ok_or(HashFormatError::Malformed)?;
    }
    match params.next() {
        None => Ok(values),
        Some(_) => Err(HashFormatError::Malformed),
    }
}

/// A plain decimal number: no sign, no leading zero.
fn number<T: FromStr>(text: &str) -> Result<T, HashFormatError> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || (text.len() > 1 && text.starts_with('0')) {
        return Err(HashFormatError::Malformed);
    }
    // Only digits: what does not fit is too large.
    text.parse().map_err(|_| HashFormatError::OutOfBounds)
}

fn bytes(
    base64: &GeneralPurpose,
    text: &str,
    length: std::ops::RangeInclusive<usize>,
) -> Result<Vec<u8>, HashFormatError> {
    let bytes = base64
        .decode(text)
        .map_err(|_| HashFormatError::Malformed)?;
    if length.contains(&bytes.len()) {
        Ok(bytes)
    } else {
        Err(HashFormatError::OutOfBounds)
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], HashFormatError> {
    bytes.try_into().map_err(|_| HashFormatError::Malformed)
}
