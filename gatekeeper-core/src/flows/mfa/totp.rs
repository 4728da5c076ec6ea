use async_trait::async_trait;
use totp_rs::{Algorithm, Builder, Totp};

use super::{MfaAttempt, MfaMethod, MfaProof, TotpSetup, qr};
use crate::{
    Error,
    env::Random,
    model::{AuthMethod, SecretBytes, Timestamp, User},
    store::Transaction,
};

/// The name of the method.
pub(super) const TOTP: &str = "totp";

/// 160 bits, as RFC 4226 section 4 (R6) advises (CVE-2024-8796 was 120).
const SEED_BYTES: usize = 20;

/// The code of an authenticator app (RFC 6238): HMAC-SHA-1, the one that every app knows, six digits, steps of 30 seconds.
///
/// One step on each side is accepted too (RFC 6238 section 5.2 allows for clocks that differ), each step once.
#[derive(Debug)]
pub(super) struct TotpMethod;

#[async_trait]
impl MfaMethod for TotpMethod {
    fn name(&self) -> &'static str {
        TOTP
    }

    fn amr(&self) -> AuthMethod {
        AuthMethod::OneTimeCode
    }

    async fn verify(
        &self,
        _tx: &mut dyn Transaction,
        attempt: MfaAttempt<'_>,
    ) -> Result<MfaProof, Error> {
        let Some(factor) = attempt.factor else {
            return Ok(MfaProof::Refused("no_factor"));
        };
        let step = matching_step(&factor.secret, attempt.code.code.expose(), attempt.now)?;
        Ok(step.map_or(MfaProof::Refused("wrong_code"), MfaProof::AtCounter))
    }
}

/// A new seed.
pub(super) fn new_seed(random: &dyn Random) -> SecretBytes {
    SecretBytes::new(random.bytes::<SEED_BYTES>())
}

/// The step that this is the code of, where there is one around `now`. The time is the server's alone (ASVS 6.5.7).
pub(super) fn matching_step(
    seed: &SecretBytes,
    code: &str,
    now: Timestamp,
) -> Result<Option<i64>, Error> {
    let seconds = u64::try_from(now.as_unix_seconds()).map_err(Error::internal)?;
    let step = of(seed)?.check(code, seconds);
    step.map(i64::try_from).transpose().map_err(Error::internal)
}

/// A seed as apps take it.
pub(super) fn setup(seed: &SecretBytes, issuer: &str, user: &User) -> Result<TotpSetup, Error> {
    // A colon parts the two names in the URI, and may stand in neither.
    let plain = |name: &str| name.replace(':', " ");
    let totp = builder(seed)
        .with_issuer(Some(plain(issuer)))
        .with_account_name(plain(user.email.as_str()))
        .build()
        .map_err(internal)?;
    let uri = totp.to_url().map_err(internal)?;
    Ok(TotpSetup {
        secret: totp.secret().to_base32().into(),
        qr_svg: qr::svg(&uri)?,
        otpauth_uri: uri.into(),
    })
}

fn of(seed: &SecretBytes) -> Result<Totp, Error> {
    builder(seed).build().map_err(internal)
}

fn builder(seed: &SecretBytes) -> Builder {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(1)
        .with_step_duration(30)
        .with_secret(seed.expose())
}

/// Not the error itself, which may quote what it was made of.
fn internal(_: totp_rs::TotpError) -> Error {
    Error::internal("the seed or the names of an authenticator app are malformed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededRandom;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn accepts(code: &str, seconds: i64) -> Option<i64> {
        let seed = SecretBytes::new(*b"12345678901234567890");
        matching_step(&seed, code, at(seconds)).unwrap()
    }

    /// The vectors have eight digits; a code of six is their tail (RFC 4226 section 5.3: modulo 10^digits).
    #[test]
    fn otp_1_rfc_6238_appendix_b_sha_1() {
        for (seconds, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(
                accepts(&code[2..], seconds),
                Some(seconds / 30),
                "{seconds}"
            );
            assert_eq!(accepts(code, seconds), None, "eight digits are no code");
        }
    }

    #[test]
    fn otp_1_rfc_4226_appendix_d() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (counter, code) in (0..).zip(codes) {
            assert_eq!(accepts(code, counter * 30), Some(counter), "{code}");
            assert_eq!(accepts(code, counter * 30 + 29), Some(counter), "{code}");
        }
    }

    #[test]
    fn one_step_on_each_side_is_accepted_and_no_more() {
        // The code of step 100.
        let seed = SecretBytes::new(*b"12345678901234567890");
        let code = of(&seed).unwrap().generate(3_000).to_string();
        for (seconds, expected) in [
            (2_969, None),
            (2_970, Some(100)),
            (3_000, Some(100)),
            (3_059, Some(100)),
            (3_060, None),
        ] {
            assert_eq!(accepts(&code, seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for text in [
            "",
            "0",
            "28708",
            "2870822",
            "+28708",
            " 287082",
            "28708a",
            "２８７０８２",
            "0x1234",
        ] {
            assert_eq!(accepts(text, 30), None, "{text:?}");
        }
    }

    #[test]
    fn a_time_before_1970_is_a_fault_and_no_success() {
        let seed = SecretBytes::new(*b"12345678901234567890");
        assert!(matching_step(&seed, "755224", at(-1)).is_err());
    }

    #[test]
    fn row_20_cve_2024_8796_a_seed_has_160_bits() {
        let random = SeededRandom::new(1);
        assert_eq!(new_seed(&random).expose().len() * 8, 160);
        assert_ne!(new_seed(&random).expose(), new_seed(&random).expose());
        // A short one in the store opens nothing.
        assert!(matching_step(&SecretBytes::new([7; 15]), "755224", at(0)).is_err());
    }
}
