//! The text of an API key: `gk_<environment>_<id>_<secret><checksum>`.
//!
//! | part | what it is | characters |
//! |---|---|---|
//! | `gk` | says to people and to scanners what it is | 2 |
//! | environment | where it belongs, of `a-z` and `0-9` | 1 to 16 |
//! | id | the key's id, in the default tenant; elsewhere the tenant's id and the key's | 22 or 43 |
//! | secret | 256 random bits | 43 |
//! | checksum | CRC-32 of everything before it | 6 |
//!
//! Numbers are written in base 62 (`0-9`, `A-Z`, `a-z`), the most significant digit first, with zeros to a fixed width, so that each key
//! has one spelling. The checksum tells a key that was mistyped, cut or made up from one that could be ours, before a store is asked. It is no
//! secret and proves nothing; the secret does.

use std::fmt;

use aws_lc_rs::digest;
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    env::Random,
    model::{ApiKeyId, SecretString, TenantId},
};

/// How the text of every key begins.
const BEGINNING: &str = "gk_";
/// The longest name of an environment.
const MAX_ENVIRONMENT: usize = 16;
/// 16 bytes in base 62.
const SHORT: usize = 22;
/// 32 bytes in base 62.
const LONG: usize = 43;
/// 4 bytes in base 62.
const CHECKSUM: usize = 6;
/// The longest text of a key.
const MAX_TEXT: usize = BEGINNING.len() + MAX_ENVIRONMENT + 1 + LONG + 1 + LONG + CHECKSUM;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Makes and reads the texts of API keys of one environment.
#[derive(Clone, Debug)]
pub struct ApiKeyFormat {
    environment: String,
}

/// A key that was just made: what its owner is shown once, and what is kept.
#[derive(Debug)]
pub struct NewApiKeyText {
    /// The key itself.
    pub text: SecretString,
    /// How it begins, up to the secret: by that, people recognise it.
    pub prefix: String,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
}

/// What the text of a key says, before anything was looked up.
#[derive(Clone)]
pub struct PresentedApiKey {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Which key it claims to be.
    pub id: ApiKeyId,
    hash: Zeroizing<[u8; 32]>,
}

/// Whether the secret that was shown is the one of the key.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretVerdict {
    /// It is.
    Match,
    /// It is not.
    Mismatch,
}

/// Why a text is no key of ours. For logs: the caller is told
/// [`AccessError::Invalid`](crate::AccessError::Invalid).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeyRejection {
    /// It has not the form of a key.
    #[error("it has not the form of an API key")]
    Malformed,
    /// It has the form, and was mistyped, cut or made up.
    #[error("the checksum of the API key is wrong")]
    Checksum,
    /// It belongs to another environment.
    #[error("the API key is one of another environment")]
    Environment,
}

impl ApiKeyFormat {
    /// The longest text that is looked at, in bytes.
    pub const MAX_LENGTH: usize = MAX_TEXT;

    /// What to look for where secrets must not be, as a regular expression. Whoever finds one can tell by the checksum whether it is real.
    ///
    /// ```
    /// # use gatekeeper_core::crypto::ApiKeyFormat;
    /// assert_eq!(
    ///     ApiKeyFormat::PATTERN,
    ///     r"\bgk_[0-9a-z]{1,16}_([0-9A-Za-z]{22}|[0-9A-Za-z]{43})_[0-9A-Za-z]{49}\b"
    /// );
    /// ```
    pub const PATTERN: &str =
        r"\bgk_[0-9a-z]{1,16}_([0-9A-Za-z]{22}|[0-9A-Za-z]{43})_[0-9A-Za-z]{49}\b";

    /// Keys of this environment: 1 to 16 of `a-z` and `0-9`, as
    /// [`ApiKeyConfig::environment`](crate::config::ApiKeyConfig::environment).
    pub fn new(environment: impl Into<String>) -> Self {
        Self {
            environment: environment.into(),
        }
    }

    /// Whether a text means to be an API key, sound or not. No access token begins like one.
    pub fn claims(text: &str) -> bool {
        text.starts_with(BEGINNING)
    }

    /// A new secret for this key.
    pub fn issue(&self, tenant: TenantId, id: ApiKeyId, random: &dyn Random) -> NewApiKeyText {
        let secret = Zeroizing::new(random.bytes::<32>());
        let id = if tenant == TenantId::DEFAULT {
            encode::<16, SHORT>(id.as_uuid().as_bytes())
        } else {
            let mut both = [0; 32];
            let (first, second) = both.split_at_mut(16);
            first.copy_from_slice(tenant.as_uuid().as_bytes());
            second.copy_from_slice(id.as_uuid().as_bytes());
            encode::<32, LONG>(&both)
        };
        let prefix = format!("{BEGINNING}{}_{}", self.environment, *id);
        let mut text = Zeroizing::new(String::with_capacity(MAX_TEXT));
        text.push_str(&prefix);
        text.push('_');
        text.push_str(&encode::<32, LONG>(&secret));
        let checksum = encode::<4, CHECKSUM>(&crc32(text.as_bytes()).to_be_bytes());
        text.push_str(&checksum);
        NewApiKeyText {
            text: SecretString::new(text.as_str()),
            prefix,
            hash: sha256(secret.as_slice()),
        }
    }

    /// Reads a text. Nothing of it is to be believed before the key was looked up and [`is`](PresentedApiKey::is) asked.
    ///
    /// # Errors
    ///
    /// [`ApiKeyRejection`].
    pub fn parse(&self, text: &str) -> Result<PresentedApiKey, ApiKeyRejection> {
        use ApiKeyRejection::Malformed;
        if text.len() > MAX_TEXT {
            return Err(Malformed);
        }
        let rest = text.strip_prefix(BEGINNING).ok_or(Malformed)?;
        let mut parts = rest.split('_');
        let (Some(environment), Some(id), Some(secret), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Malformed);
        };
        let sound = (1..=MAX_ENVIRONMENT).contains(&environment.len())
            && (environment.bytes()).all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !sound {
            return Err(Malformed);
        }
        let (secret, checksum) = secret.split_at_checked(LONG).ok_or(Malformed)?;
        let checksum = decode::<4>(checksum, CHECKSUM).ok_or(Malformed)?;
        let secret = decode::<32>(secret, LONG).ok_or(Malformed)?;
        let (tenant_id, id) = read_id(id).ok_or(Malformed)?;
        let (body, _) = text
            .split_at_checked(text.len() - CHECKSUM)
            .ok_or(Malformed)?;
        if crc32(body.as_bytes()) != u32::from_be_bytes(*checksum) {
            return Err(ApiKeyRejection::Checksum);
        }
        if environment != self.environment {
            return Err(ApiKeyRejection::Environment);
        }
        Ok(PresentedApiKey {
            tenant_id,
            id,
            hash: Zeroizing::new(sha256(secret.as_slice())),
        })
    }
}

impl PresentedApiKey {
    /// Whether its secret is the one of which this hash is kept; in a time that does not depend on how much of it is.
    pub fn is(&self, hash: &[u8; 32]) -> SecretVerdict {
        if bool::from(self.hash.as_slice().ct_eq(hash)) {
            SecretVerdict::Match
        } else {
            SecretVerdict::Mismatch
        }
    }
}

impl fmt::Debug for PresentedApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedApiKey([redacted])")
    }
}

/// The ids in the text of a key. The default tenant is never named: each key has one spelling.
fn read_id(text: &str) -> Option<(TenantId, ApiKeyId)> {
    if text.len() == SHORT {
        let id = decode::<16>(text, SHORT)?;
        return Some((
            TenantId::DEFAULT,
            ApiKeyId::from_uuid(Uuid::from_bytes(*id)),
        ));
    }
    let both = decode::<32>(text, LONG)?;
    let (tenant, id) = both.split_first_chunk::<16>()?;
    let tenant = TenantId::from_uuid(Uuid::from_bytes(*tenant));
    let id = ApiKeyId::from_uuid(Uuid::from_slice(id).ok()?);
    (tenant != TenantId::DEFAULT).then_some((tenant, id))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    let digest = digest::digest(&digest::SHA256, bytes);
    for (to, from) in hash.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    hash
}

/// CRC-32 of ISO 3309 and IEEE 802.3. It finds every change of up to 32 bits in a row, so every wrong character.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// `N` bytes in `W` digits.
fn encode<const N: usize, const W: usize>(bytes: &[u8; N]) -> Zeroizing<String> {
    let mut number = Zeroizing::new(*bytes);
    let mut digits = Zeroizing::new([b'0'; W]);
    for digit in digits.iter_mut().rev() {
        let mut rest = 0_u16;
        for byte in number.iter_mut() {
            let value = rest * 256 + u16::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or_default();
            rest = value % 62;
        }
        *digit = DIGITS.get(usize::from(rest)).copied().unwrap_or_default();
    }
    let mut text = Zeroizing::new(String::with_capacity(W));
    text.extend(digits.iter().map(|&digit| char::from(digit)));
    text
}

/// The bytes of exactly `width` digits; `None` where something else is there, or a number that needs more than `N` bytes.
fn decode<const N: usize>(text: &str, width: usize) -> Option<Zeroizing<[u8; N]>> {
    if text.len() != width {
        return None;
    }
    let mut number = Zeroizing::new([0_u8; N]);
    for digit in text.bytes() {
        let mut carry = u16::from(match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'Z' => digit - b'A' + 10,
            b'a'..=b'z' => digit - b'a' + 36,
            _ => return None,
        });
        for byte in number.iter_mut().rev() {
            let value = u16::from(*byte) * 62 + carry;
            let [high, low] = value.to_be_bytes();
            *byte = low;
            carry = u16::from(high);
        }
        if carry != 0 {
            return None;
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{model::Timestamp, testing::SeededRandom};

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_000_000);

    fn format() -> ApiKeyFormat {
        ApiKeyFormat::new("live")
    }

    fn tenant(seed: u64) -> TenantId {
        TenantId::new(NOW, &SeededRandom::new(seed))
    }

    fn key(tenant: TenantId, seed: u64) -> (ApiKeyId, NewApiKeyText) {
        let random = SeededRandom::new(seed);
        let id = ApiKeyId::new(NOW, &random);
        (id, format().issue(tenant, id, &random))
    }

    #[test]
    fn the_checksum_is_crc_32() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn numbers_fill_their_width() {
        assert_eq!(*encode::<4, CHECKSUM>(&[0xff; 4]), "4gfFC3");
        assert_eq!(*encode::<4, CHECKSUM>(&[0; 4]), "000000");
        assert!(decode::<4>("4gfFC3", CHECKSUM).is_some());
        assert!(decode::<4>("4gfFC4", CHECKSUM).is_none(), "2^32");
        for wrong in ["4gfFC", "4gfFC33", "4gf-C3", "4gf\u{e9}3", "", "zzzzzz"] {
            assert!(decode::<4>(wrong, CHECKSUM).is_none(), "{wrong}");
        }
        // As wide as the widest, and not one digit wider than that needs.
        assert!(decode::<16>(&encode::<16, SHORT>(&[0xff; 16]), SHORT).is_some());
        assert!(decode::<32>(&encode::<32, LONG>(&[0xff; 32]), LONG).is_some());
        assert_ne!(encode::<16, SHORT>(&[0xff; 16]).as_bytes()[0], b'0');
        assert_ne!(encode::<32, LONG>(&[0xff; 32]).as_bytes()[0], b'0');
    }

    #[test]
    fn a_key_says_which_it_is_and_what_it_is() {
        for tenant in [TenantId::DEFAULT, tenant(9)] {
            let (id, made) = key(tenant, 1);
            let text = made.text.expose();
            assert!(text.starts_with("gk_live_"));
            assert!(text.starts_with(&format!("{}_", made.prefix)));
            assert!(ApiKeyFormat::claims(text));
            assert!(text.len() <= ApiKeyFormat::MAX_LENGTH);
            let read = format().parse(text).unwrap();
            assert_eq!((read.tenant_id, read.id), (tenant, id));
            assert_eq!(read.is(&made.hash), SecretVerdict::Match);
            let (_, other) = key(tenant, 2);
            assert_eq!(read.is(&other.hash), SecretVerdict::Mismatch);
        }
    }

    #[test]
    fn row_63_the_secret_has_256_bits_and_its_sha256_is_kept() {
        let (_, made) = key(TenantId::DEFAULT, 1);
        let text = made.text.expose();
        let secret = &text[made.prefix.len() + 1..text.len() - CHECKSUM];
        assert_eq!(secret.len(), LONG);
        let bytes = decode::<32>(secret, LONG).unwrap();
        assert_eq!(sha256(bytes.as_slice()), made.hash);
        assert_eq!(sha256(b"abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
    }

    #[test]
    fn row_59_nothing_of_a_key_is_printed() {
        let (id, made) = key(TenantId::DEFAULT, 1);
        let read = format().parse(made.text.expose()).unwrap();
        assert_eq!(format!("{read:?}"), "PresentedApiKey([redacted])");
        let printed = format!("{made:?}");
        let secret = &made.text.expose()[made.prefix.len() + 1..];
        assert!(!printed.contains(secret), "{printed}");
        assert!(!format!("{read:?}").contains(&id.to_string()));
    }

    #[test]
    fn row_27_a_key_changed_anywhere_is_refused_before_anything_is_looked_up() {
        for tenant in [TenantId::DEFAULT, tenant(9)] {
            let (_, made) = key(tenant, 3);
            let text = made.text.expose();
            let mut sound = 0;
            for at in 0..text.len() {
                for with in 0..128_u8 {
                    let mut changed = text.as_bytes().to_vec();
                    changed[at] = with;
                    let changed = String::from_utf8(changed).unwrap();
                    if format().parse(&changed).is_ok() {
                        assert_eq!(changed, text);
                        sound += 1;
                    }
                }
                let mut shorter = text.to_owned();
                shorter.remove(at);
                assert!(format().parse(&shorter).is_err(), "{at}");
                assert!(format().parse(&text[..at]).is_err(), "{at}");
                let mut longer = text.to_owned();
                longer.insert(at, '0');
                assert!(format().parse(&longer).is_err(), "{at}");
            }
            assert_eq!(sound, text.len());
            for wrong in [format!("{text}0"), format!("{text}\n"), format!(" {text}")] {
                assert!(format().parse(&wrong).is_err(), "{wrong:?}");
            }
        }
        for wrong in [
            "",
            "gk_",
            "gk_live",
            "gk____",
            "gk_live__",
            "null",
            &"_".repeat(113),
            &"gk_live_".repeat(100_000),
        ] {
            assert!(format().parse(wrong).is_err(), "{wrong:.40}");
        }
    }

    #[test]
    fn a_key_of_another_environment_is_refused() {
        let (_, made) = key(TenantId::DEFAULT, 1);
        let test = ApiKeyFormat::new("test");
        assert_eq!(
            test.parse(made.text.expose()).unwrap_err(),
            ApiKeyRejection::Environment
        );
    }

    /// With a sound checksum too, so that it is not the checksum that refuses them.
    #[test]
    fn each_key_has_one_spelling() {
        let sealed = |body: String| {
            let checksum = encode::<4, CHECKSUM>(&crc32(body.as_bytes()).to_be_bytes());
            format!("{body}{}", *checksum)
        };
        let (id, made) = key(TenantId::DEFAULT, 1);
        let text = made.text.expose();
        let body = &text[..text.len() - CHECKSUM];
        assert_eq!(sealed(body.to_owned()), text);
        let secret = &body[body.len() - LONG..];
        let id_text = &body["gk_live_".len()..body.len() - LONG - 1];
        let mut both = TenantId::DEFAULT.as_uuid().as_bytes().to_vec();
        both.extend_from_slice(id.as_uuid().as_bytes());
        let named = encode::<32, LONG>(&both.try_into().unwrap());
        for wrong in [
            format!("gk_live_{}_{secret}", *named),
            format!("gk_live_{}_{secret}", "z".repeat(SHORT)),
            format!("gk_live_{}_{secret}", "z".repeat(LONG)),
            format!("gk_live_{id_text}_{}", "z".repeat(LONG)),
            format!("gk_live_{}_{secret}", &id_text[1..]),
            format!("gk_live_0{id_text}_{secret}"),
            format!("gk_Live_{id_text}_{secret}"),
            format!("gk__{id_text}_{secret}"),
            format!("gk_{}_{id_text}_{secret}", "a".repeat(17)),
            format!("gk_live_x_{id_text}_{secret}"),
        ] {
            assert_eq!(
                format().parse(&sealed(wrong.clone())).unwrap_err(),
                ApiKeyRejection::Malformed,
                "{wrong}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_issued_is_read(seed: u64, elsewhere: bool, word in "[a-z0-9]{1,16}") {
            let random = SeededRandom::new(seed);
            let tenant = if elsewhere { TenantId::new(NOW, &random) } else { TenantId::DEFAULT };
            let id = ApiKeyId::new(NOW, &random);
            let format = ApiKeyFormat::new(word);
            let made = format.issue(tenant, id, &random);
            let read = format.parse(made.text.expose()).unwrap();
            prop_assert_eq!((read.tenant_id, read.id), (tenant, id));
            prop_assert_eq!(read.is(&made.hash), SecretVerdict::Match);
        }

        #[test]
        fn numbers_come_back(bytes: [u8; 32], short: [u8; 16], sum: [u8; 4]) {
            prop_assert_eq!(*decode::<32>(&encode::<32, LONG>(&bytes), LONG).unwrap(), bytes);
            prop_assert_eq!(*decode::<16>(&encode::<16, SHORT>(&short), SHORT).unwrap(), short);
            prop_assert_eq!(*decode::<4>(&encode::<4, CHECKSUM>(&sum), CHECKSUM).unwrap(), sum);
        }

        #[test]
        fn nothing_that_was_not_issued_is_read(text in "(gk_live_)?[0-9A-Za-z_]{0,110}") {
            prop_assert!(format().parse(&text).is_err());
        }

        #[test]
        fn no_text_is_too_strange(text: String) {
            prop_assert!(format().parse(&text).is_err());
        }
    }
}
