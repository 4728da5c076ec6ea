use std::{
    collections::HashSet,
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

use aws_lc_rs::hkdf;
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::BASE64URL;
use crate::{
    env::Random,
    model::{SecretBytes, SecretString},
};

/// The shortest key, in bytes: the strength of everything derived from it.
const MIN_BYTES: usize = 32;
/// The longest key, in bytes.
const MAX_BYTES: usize = 1024;
/// The longest text of a key: in hexadecimal, with some space around it.
const MAX_TEXT: usize = 2 * MAX_BYTES + 64;
/// The most earlier keys that are still believed.
const MAX_PREVIOUS: usize = 4;

/// The root secret of an installation, 32 to 1024 random bytes. Nothing is signed or sealed with it; every use has a
/// sub-key of its own, derived by HKDF-SHA256 (RFC 5869).
///
/// # Security
///
/// Whoever has it can make refresh tokens and open what is sealed. It prints as `[redacted]` and is wiped when dropped.
#[derive(Clone)]
pub struct SecretKey(SecretBytes);

/// Why something is not a secret key. Says nothing of the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretKeyError {
    /// Not base64url, base64 or hexadecimal.
    #[error("the key is neither base64url, base64 nor hexadecimal")]
    Encoding,
    /// More than 1024 bytes.
    #[error("the key is longer than 1024 bytes")]
    TooLong,
    /// Fewer than 32 bytes.
    #[error("the key is shorter than 32 bytes")]
    TooShort,
    /// A text, a pattern or a sequence: nothing that a random generator makes.
    #[error("the key is not random; make one with a random generator")]
    NotRandom,
}

/// Why a secret key cannot be had from a file. Says nothing of the key itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretFileError {
    /// The file cannot be read or made.
    #[error("the file {path} of the secret key cannot be used")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Others than its owner may read or change the file.
    #[error(
        "the file {0} of the secret key is open to others than its owner: set its mode to 0600"
    )]
    Exposed(PathBuf),
    /// What the file holds is no key.
    #[error("the file {path} holds no secret key")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: SecretKeyError,
    },
}

/// What a sub-key is for. One label a use, so that nothing made for one use is believed in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyUse {
    Audit,
    Cursor,
    Device,
    Digest,
    KeyId,
    RateLimit,
    Message,
    RefreshToken,
    Seal,
}

impl KeyUse {
    #[cfg(test)]
    const ALL: &'static [Self] = &[
        Self::Audit,
        Self::Cursor,
        Self::Device,
        Self::Digest,
        Self::KeyId,
        Self::RateLimit,
        Self::Message,
        Self::RefreshToken,
        Self::Seal,
    ];

    const fn label(self) -> &'static [u8] {
        match self {
            Self::Audit => b"gatekeeper/v1/audit",
            Self::Cursor => b"gatekeeper/v1/cursor",
            Self::Device => b"gatekeeper/v1/device",
            Self::Digest => b"gatekeeper/v1/digest",
            Self::KeyId => b"gatekeeper/v1/key-id",
            Self::RateLimit => b"gatekeeper/v1/rate-limit",
            Self::Message => b"gatekeeper/v1/message",
            Self::RefreshToken => b"gatekeeper/v1/refresh-token",
            Self::Seal => b"gatekeeper/v1/seal",
        }
    }
}

impl SecretKey {
    /// The key of these bytes.
    ///
    /// # Errors
    ///
    /// [`SecretKeyError`] where they are fewer than 32, more than 1024, or plainly not random.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SecretKeyError> {
        if bytes.len() < MIN_BYTES {
            return Err(SecretKeyError::TooShort);
        }
        if bytes.len() > MAX_BYTES {
            return Err(SecretKeyError::TooLong);
        }
        if !looks_random(bytes) {
            return Err(SecretKeyError::NotRandom);
        }
        Ok(Self(SecretBytes::new(bytes)))
    }

    /// Reads a key written in hexadecimal, base64url or base64.
    ///
    /// # Errors
    ///
    /// [`SecretKeyError`]. A password is refused even where it happens to be good base64 (RFC 8725 section 3.5).
    pub fn parse(text: &str) -> Result<Self, SecretKeyError> {
        let text = text.trim();
        if let Some(bytes) = from_hex(text) {
            return Self::from_bytes(&bytes);
        }
        let unpadded = text.trim_end_matches('=');
        let bytes = Zeroizing::new(
            BASE64URL
                .decode(unpadded)
                .or_else(|_| STANDARD.decode(text))
                .or_else(|_| base64::engine::general_purpose::STANDARD_NO_PAD.decode(unpadded))
                .map_err(|_| SecretKeyError::Encoding)?,
        );
        let key = Self::from_bytes(&bytes)?;
        // Of 43 random base64 characters none is upper (or none lower) case once in ten thousand million times; of the
        // words that people type, nearly always.
        let mixed = text.bytes().any(|byte| byte.is_ascii_uppercase())
            && text.bytes().any(|byte| byte.is_ascii_lowercase());
        if mixed && distinct(text.as_bytes()) >= 16 {
            Ok(key)
        } else {
            Err(SecretKeyError::NotRandom)
        }
    }

    /// A new key of 32 random bytes.
    pub fn generate(random: &dyn Random) -> Self {
        Self(SecretBytes::new(
            Zeroizing::new(random.bytes::<MIN_BYTES>()).as_slice(),
        ))
    }

    /// The key in this file; where there is no such file, a new key is made and written to it, with mode 0600 on Unix.
    ///
    /// It waits for the disk and belongs into the start of a program. Several processes may call it at once: one of them
    /// makes the file, whole or not at all, and all have its key. A file that is there is never written to.
    ///
    /// ```
    /// use gatekeeper_core::{crypto::SecretKey, env::SystemRandom};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("app.key");
    /// let key = SecretKey::load_or_create(&path, &SystemRandom)?;
    /// let again = SecretKey::load_or_create(&path, &SystemRandom)?;
    /// assert_eq!(key.to_text().expose(), again.to_text().expose());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SecretFileError`]: the file can be neither read nor made, it holds no key, or, on Unix, it may be read or changed
    /// by others than its owner.
    ///
    /// # Security
    ///
    /// Whoever reads the file can sign in as anybody. Keep it apart from backups of the database.
    pub fn load_or_create(
        path: impl AsRef<Path>,
        random: &dyn Random,
    ) -> Result<Self, SecretFileError> {
        let path = path.as_ref();
        let failed = |source| SecretFileError::Io {
            path: path.to_owned(),
            source,
        };
        match Self::load(path) {
            Err(SecretFileError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            loaded => return loaded,
        }
        let name = path
            .file_name()
            .ok_or_else(|| failed(ErrorKind::InvalidInput.into()))?;
        let mut draft_name = name.to_owned();
        draft_name.push(format!(".{}.new", BASE64URL.encode(random.bytes::<9>())));
        let draft = path.with_file_name(draft_name);
        let key = Self::generate(random);
        // A link is made whole or not at all, and never in place of something else, as a renaming would be.
        let made = write_new(&draft, &key.to_text()).and_then(|()| fs::hard_link(&draft, path));
        let cleared = fs::remove_file(&draft);
        match made {
            Ok(()) => {
                cleared.map_err(failed)?;
                Ok(key)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Self::load(path),
            Err(error) => Err(failed(error)),
        }
    }

    fn load(path: &Path) -> Result<Self, SecretFileError> {
        let failed = |source| SecretFileError::Io {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        // Asked of the open file, so that it cannot be another by now.
        if is_exposed(&file.metadata().map_err(failed)?) {
            return Err(SecretFileError::Exposed(path.to_owned()));
        }
        let mut text = Zeroizing::new(String::with_capacity(MAX_TEXT + 1));
        let most = u64::try_from(MAX_TEXT).unwrap_or(u64::MAX);
        file.take(most).read_to_string(&mut text).map_err(failed)?;
        Self::parse(&text).map_err(|source| SecretFileError::Key {
            path: path.to_owned(),
            source,
        })
    }

    /// The key in base64url, as [`parse`](Self::parse) reads it.
    pub fn to_text(&self) -> SecretString {
        BASE64URL.encode(self.0.expose()).into()
    }

    /// The sub-key for a use.
    #[expect(
        clippy::expect_used,
        reason = "HKDF fails only for outputs of more than 255 blocks; this one is a single block"
    )]
    pub(crate) fn derive(&self, key_use: KeyUse) -> Zeroizing<[u8; 32]> {
        let mut out = Zeroizing::new([0; 32]);
        // RFC 5869 section 3.1: the input is uniformly random, so that a fixed salt loses nothing.
        hkdf::Salt::new(hkdf::HKDF_SHA256, b"gatekeeper")
            .extract(self.0.expose())
            .expand(&[key_use.label()], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(out.as_mut_slice()))
            .expect("one block of HKDF output");
        out
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey([redacted])")
    }
}

/// The root secrets of an installation: one that makes, and up to four earlier ones that are still believed, so that the
/// secret can be changed without signing everybody out.
#[derive(Clone, Debug)]
pub struct SecretKeys {
    current: SecretKey,
    previous: Vec<SecretKey>,
}

/// There are four earlier keys already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at most four previous secret keys are kept")]
pub struct TooManyKeys;

impl SecretKeys {
    /// With one key.
    pub const fn new(current: SecretKey) -> Self {
        Self {
            current,
            previous: Vec::new(),
        }
    }

    /// With an earlier key, that verifies and opens but makes nothing any more.
    ///
    /// # Errors
    ///
    /// [`TooManyKeys`] where there are four.
    pub fn with_previous(mut self, key: SecretKey) -> Result<Self, TooManyKeys> {
        if self.previous.len() >= MAX_PREVIOUS {
            return Err(TooManyKeys);
        }
        self.previous.push(key);
        Ok(self)
    }

    /// The key that makes.
    pub const fn current(&self) -> &SecretKey {
        &self.current
    }

    /// Every key, the current one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &SecretKey> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

/// Writes a file that was not there, and that its owner alone may read.
fn write_new(path: &Path, text: &SecretString) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.expose().as_bytes())?;
    file.write_all(b"\n")?;
    // A key that is lost after something was sealed with it cannot be had again.
    file.sync_all()
}

#[cfg(unix)]
fn is_exposed(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0
}

/// Access control lists are not looked at.
#[cfg(not(unix))]
fn is_exposed(_: &fs::Metadata) -> bool {
    false
}

/// Whether bytes may have come from a random generator. Random bytes are refused less than once in 10^9 keys.
///
/// A check against mistakes (a password, a placeholder, a pattern), not a measure of entropy, which nothing can take.
pub(crate) fn looks_random(bytes: &[u8]) -> bool {
    // All printable: a text. 32 random bytes are so once in 10^13.
    let text = bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
        || std::str::from_utf8(bytes)
            .is_ok_and(|text| !text.contains(|c: char| c.is_control() && !c.is_whitespace()));
    // A run of six bytes that comes again: something repeated.
    let mut windows = HashSet::new();
    let repeats = bytes.windows(6).any(|window| !windows.insert(window));
    // Constant steps: 00 01 02 03 ...
    let steps: HashSet<u8> = bytes
        .windows(2)
        .filter_map(|pair| match pair {
            [a, b] => Some(b.wrapping_sub(*a)),
            _ => None,
        })
        .collect();
    !text && !repeats && distinct(bytes) >= 16 && steps.len() >= 12
}

fn distinct(bytes: &[u8]) -> usize {
    bytes.iter().collect::<HashSet<_>>().len()
}

fn from_hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    if text.len() < 2 * MIN_BYTES || !text.len().is_multiple_of(2) {
        return None;
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    for pair in text.as_bytes().chunks(2) {
        let mut byte = 0;
        for &digit in pair {
            byte = byte << 4 | u8::try_from(char::from(digit).to_digit(16)?).ok()?;
        }
        bytes.push(byte);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededRandom;

    #[test]
    fn a_key_survives_its_text() {
        let key = SecretKey::generate(&SeededRandom::new(1));
        let text = key.to_text();
        let bytes = key.0.expose();
        let digits = "0123456789abcdef".as_bytes();
        let hex: String = bytes
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(|nibble| char::from(digits[usize::from(nibble)]))
            .collect();
        for text in [
            text.expose(),
            &STANDARD.encode(bytes),
            &hex,
            &hex.to_uppercase(),
        ] {
            let again = SecretKey::parse(text).unwrap();
            assert_eq!(again.0.expose(), bytes, "{text}");
        }
    }

    #[test]
    fn rfc8725_3_5_human_passwords_are_refused_as_keys() {
        for text in [
            "",
            "hunter2",
            "correct horse battery staple correct horse battery staple",
            "correcthorsebatterystaplecorrecthorsebatterystaple",
            "thisisaverylongpassphrasewithoutanydigitsinitatallnot",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "ChangeMeChangeMeChangeMeChangeMeChangeMeChangeMe",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        ] {
            assert!(SecretKey::parse(text).is_err(), "{text}");
        }
        for text in [
            // Good base64, and words.
            "thisisaverylongpassphrasewithoutanydigitsinitatallno",
            "THISISAVERYLONGPASSPHRASEWITHOUTANYDIGITSINITATALLNO",
            // Sixteen good bytes, twice.
            "9f3c61d07ab8e25414cd83f6b02e975a9f3c61d07ab8e25414cd83f6b02e975a",
        ] {
            assert_eq!(
                SecretKey::parse(text).unwrap_err(),
                SecretKeyError::NotRandom,
                "{text}"
            );
        }
        let passphrase = b"Tr0ub4dor&3 and a good deal more of it, with words";
        assert_eq!(
            SecretKey::from_bytes(passphrase).unwrap_err(),
            SecretKeyError::NotRandom
        );
        // A password that was put into base64 is a password still.
        assert_eq!(
            SecretKey::parse(&STANDARD.encode(passphrase)).unwrap_err(),
            SecretKeyError::NotRandom
        );
        assert!(SecretKey::from_bytes("Дуже довгий пароль, та все ж пароль".as_bytes()).is_err());
    }

    #[test]
    fn keys_of_31_and_1025_bytes_are_refused() {
        let mut bytes = [0; 1025];
        SeededRandom::new(7).fill(&mut bytes);
        assert_eq!(
            SecretKey::from_bytes(&bytes[..31]).unwrap_err(),
            SecretKeyError::TooShort
        );
        assert!(SecretKey::from_bytes(&bytes[..32]).is_ok());
        assert!(SecretKey::from_bytes(&bytes[..1024]).is_ok());
        assert_eq!(
            SecretKey::from_bytes(&bytes).unwrap_err(),
            SecretKeyError::TooLong
        );
    }

    #[test]
    fn random_keys_are_accepted() {
        let random = SeededRandom::new(3);
        for _ in 0..2_000 {
            let key = SecretKey::generate(&random);
            assert!(SecretKey::parse(key.to_text().expose()).is_ok());
        }
    }

    #[test]
    fn every_use_has_a_key_of_its_own() {
        let key = SecretKey::generate(&SeededRandom::new(1));
        let other = SecretKey::generate(&SeededRandom::new(2));
        let mut seen = HashSet::new();
        for key in [&key, &other] {
            for key_use in KeyUse::ALL {
                assert!(seen.insert(*key.derive(*key_use)), "{key_use:?}");
            }
        }
    }

    #[test]
    fn a_fifth_earlier_key_is_refused() {
        let random = SeededRandom::new(1);
        let mut keys = SecretKeys::new(SecretKey::generate(&random));
        for _ in 0..4 {
            keys = keys.with_previous(SecretKey::generate(&random)).unwrap();
        }
        assert_eq!(
            keys.with_previous(SecretKey::generate(&random))
                .unwrap_err(),
            TooManyKeys
        );
    }

    #[test]
    fn a_file_is_made_once_and_keeps_its_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.key");
        let key = SecretKey::load_or_create(&path, &SeededRandom::new(1)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.trim_end(), key.to_text().expose());
        let again = SecretKey::load_or_create(&path, &SeededRandom::new(2)).unwrap();
        assert_eq!(again.to_text().expose(), key.to_text().expose());
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn processes_that_start_together_have_the_same_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.key");
        let keys: HashSet<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16)
                .map(|seed| {
                    let path = &path;
                    scope.spawn(move || {
                        let key = SecretKey::load_or_create(path, &SeededRandom::new(seed));
                        key.unwrap().to_text().expose().to_owned()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(keys.len(), 1);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_or_change_is_refused() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.key");
        SecretKey::load_or_create(&path, &SeededRandom::new(1)).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        for mode in [0o640, 0o604, 0o620, 0o602, 0o601, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = SecretKey::load_or_create(&path, &SeededRandom::new(2));
            assert!(
                matches!(refused, Err(SecretFileError::Exposed(_))),
                "{mode:o}"
            );
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(SecretKey::load_or_create(&path, &SeededRandom::new(2)).is_ok());
    }

    #[test]
    fn what_is_no_key_is_neither_used_nor_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.key");
        for text in ["", "hunter2", &"Ab1".repeat(5_000)] {
            write_new(&path, &text.into()).unwrap();
            let refused = SecretKey::load_or_create(&path, &SeededRandom::new(1));
            assert!(
                matches!(refused, Err(SecretFileError::Key { .. })),
                "{text}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap().trim_end(), text);
            fs::remove_file(&path).unwrap();
        }
        let nowhere = directory.path().join("none").join("app.key");
        let refused = SecretKey::load_or_create(nowhere, &SeededRandom::new(1));
        assert!(matches!(refused, Err(SecretFileError::Io { .. })));
    }

    #[test]
    fn nothing_of_a_key_is_printed() {
        let keys = SecretKeys::new(SecretKey::generate(&SeededRandom::new(1)));
        assert_eq!(
            format!("{keys:?}"),
            "SecretKeys { current: SecretKey([redacted]), previous: [] }"
        );
    }
}
