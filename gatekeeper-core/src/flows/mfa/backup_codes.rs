use std::{fmt, sync::Arc};

use async_trait::async_trait;
use subtle::ConstantTimeEq;

use super::{BackupCodes, MfaAttempt, MfaMethod, MfaProof, MfaStanding};
use crate::{
    Error,
    crypto::password::PasswordHasher,
    env::Random,
    gatekeeper::Inner,
    model::{AuthMethod, BackupCode, BackupCodeId, SecretString, Timestamp, User},
    store::{Repository, Transaction},
};

/// The name of the method.
pub(super) const BACKUP_CODE: &str = "backup_code";

/// How many there are in a set.
const CODES: usize = 10;
/// How many characters a code has: 60 bits.
const CHARACTERS: usize = 12;
/// Crockford's base32: no I, L, O or U, which are mistaken for digits or read as words.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Codes on paper that stand in for a lost factor.
///
/// They are hashed like passwords (ASVS 6.5.2: fewer than 112 bits), with one random salt for the ten of a set. So the code that
/// is given is hashed once and compared with all of them, and not hashed ten times.
pub(super) struct BackupCodeMethod {
    pub(super) repository: Arc<dyn Repository>,
    pub(super) hasher: PasswordHasher,
}

impl fmt::Debug for BackupCodeMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackupCodeMethod").finish_non_exhaustive()
    }
}

#[async_trait]
impl MfaMethod for BackupCodeMethod {
    fn name(&self) -> &'static str {
        BACKUP_CODE
    }

    fn amr(&self) -> AuthMethod {
        AuthMethod::OneTimeCode
    }

    fn standing(&self) -> MfaStanding {
        MfaStanding::Recovery
    }

    async fn is_ready(&self, tx: &mut dyn Transaction, user: &User) -> Result<bool, Error> {
        let codes = tx.mfa().list_backup_codes(user.tenant_id, user.id).await?;
        Ok(!codes.is_empty())
    }

    async fn prepare(
        &self,
        user: &User,
        code: &SecretString,
    ) -> Result<Option<SecretString>, Error> {
        let Some(code) = canonical(code.expose()) else {
            return Ok(None);
        };
        let mut tx = self.repository.begin().await?;
        let codes = tx.mfa().list_backup_codes(user.tenant_id, user.id).await?;
        drop(tx);
        let Some(one) = codes.first() else {
            return Ok(None);
        };
        // Hashed like those in the store, whatever today's parameters are.
        Ok(Some(self.hasher.hash_like(&code, &one.hash).await?))
    }

    async fn verify(
        &self,
        tx: &mut dyn Transaction,
        attempt: MfaAttempt<'_>,
    ) -> Result<MfaProof, Error> {
        let Some(hash) = &attempt.code.prepared else {
            return Ok(MfaProof::Refused("wrong_code"));
        };
        let (tenant, user) = (attempt.user.tenant_id, attempt.user.id);
        let codes = tx.mfa().list_backup_codes(tenant, user).await?;
        let given = hash.expose().as_bytes();
        let Some(stored) = codes
            .iter()
            .find(|code| bool::from(code.hash.expose().as_bytes().ct_eq(given)))
        else {
            return Ok(MfaProof::Refused("wrong_code"));
        };
        let left = codes.len().saturating_sub(1);
        if tx
            .mfa()
            .consume_backup_code(tenant, user, &stored.hash)
            .await?
        {
            Ok(MfaProof::UsedUp { left })
        } else {
            Ok(MfaProof::Refused("code_used_before"))
        }
    }
}

/// A new set: what is shown once, and what is stored.
pub(super) struct NewSet {
    pub(super) shown: BackupCodes,
    hashes: Vec<SecretString>,
}

impl NewSet {
    /// Makes a set: ten hashes, one after the other, so that one caller holds one thread at most.
    pub(super) async fn generate(inner: &Inner) -> Result<Self, Error> {
        let random = inner.random.as_ref();
        let salt = random.bytes();
        let mut shown = Vec::with_capacity(CODES);
        let mut hashes = Vec::with_capacity(CODES);
        for _ in 0..CODES {
            let code = random_code(random);
            hashes.push(inner.hasher.hash_with_salt(&code, salt).await?);
            shown.push(grouped(&code));
        }
        Ok(Self {
            shown: BackupCodes(shown),
            hashes,
        })
    }

    /// The rows of the set.
    pub(super) fn rows(&self, random: &dyn Random, now: Timestamp) -> Vec<BackupCode> {
        let row = |hash: &SecretString| BackupCode {
            id: BackupCodeId::new(now, random),
            hash: hash.clone(),
            created_at: now,
        };
        self.hashes.iter().map(row).collect()
    }
}

fn random_code(random: &dyn Random) -> SecretString {
    let bytes: [u8; CHARACTERS] = random.bytes();
    let code: String = bytes
        .iter()
        // 256 is a multiple of 32: each character is as likely as any other.
        .filter_map(|byte| ALPHABET.get(usize::from(byte % 32)))
        .map(|&byte| char::from(byte))
        .collect();
    code.into()
}

fn grouped(code: &SecretString) -> SecretString {
    let mut text = String::with_capacity(CHARACTERS + 2);
    for (at, character) in code.expose().chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            text.push('-');
        }
        text.push(character);
    }
    text.into()
}

/// The one spelling of a code, freed of spaces and hyphens before: in capitals, with the digits for the letters that are read for
/// them. `None` for what cannot be a code.
pub(super) fn canonical(code: &str) -> Option<SecretString> {
    if code.len() != CHARACTERS {
        return None;
    }
    let code: Option<String> = code
        .bytes()
        .map(|byte| match byte.to_ascii_uppercase() {
            b'O' => Some('0'),
            b'I' | b'L' => Some('1'),
            byte => ALPHABET.contains(&byte).then(|| char::from(byte)),
        })
        .collect();
    code.map(SecretString::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededRandom;

    #[test]
    fn a_code_is_read_however_it_is_written() {
        let code = |text: &str| canonical(text).map(|code| code.expose().to_owned());
        assert_eq!(code("abcd0123wxyz").as_deref(), Some("ABCD0123WXYZ"));
        assert_eq!(code("oOiIlL000111").as_deref(), Some("001111000111"));
        for wrong in [
            "",
            "ABCD0123WXY",
            "ABCD0123WXYZ0",
            "ABCD0123WXYU",
            "ABCD 123WXYZ",
            "éééééé",
        ] {
            assert_eq!(code(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn asvs_6_5_4_a_code_has_sixty_bits() {
        let random = SeededRandom::new(3);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let code = random_code(&random);
            assert_eq!(code.expose().len() * 5, 60);
            assert_eq!(canonical(code.expose()).unwrap().expose(), code.expose());
            seen.insert(code.expose().to_owned());
            let shown = grouped(&code);
            assert_eq!(shown.expose().len(), 14);
            assert_eq!(shown.expose().replace('-', ""), code.expose());
        }
        assert_eq!(seen.len(), 200);
        let letters: std::collections::BTreeSet<u8> = seen.iter().flat_map(|c| c.bytes()).collect();
        assert_eq!(letters.len(), 32, "every character comes up");
    }
}
