//! What a new password must be, after NIST SP 800-63B-4 section 3.1.1.2: long enough, and none that an attacker tries first.
//!
//! There are no composition rules: any string of legal length passes that is neither common (see [`PasswordPolicy::check`]) nor made
//! from words of its context. The password is never changed: no trimming, no normalisation, no cutting.

mod breach;
mod common;
mod fold;
mod range;
mod score;

use std::{collections::HashSet, sync::Arc};

pub use breach::{Breach, BreachChecker, BreachError};
pub use range::RangeChecker;

use crate::{Violations, crypto::password::MAX_PASSWORD_BYTES, model::SecretString};

/// NIST SP 800-63B-4 section 3.1.1.2: 15 where the password is the only factor.
const SINGLE_FACTOR_LENGTH: usize = 15;
/// The same section: 8 where it is one of two.
const LEAST_MIN_LENGTH: usize = 8;
/// The same section: at least 64 must be allowed.
const LEAST_MAX_LENGTH: usize = 64;
/// A code point has at most 4 bytes in UTF-8: every password of legal length can be hashed whole.
const MOST_MAX_LENGTH: usize = MAX_PASSWORD_BYTES / 4;
/// Shorter words occur within others too often: everybody's `Ann` is in `planned`.
const CONTEXT_LENGTH: usize = 4;

/// What is asked of a new password. Begin with the default and change fields.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordPolicySettings {
    /// The fewest characters (Unicode code points), 8 to `max_length`; 15 by default. Less than 15 needs
    /// [`MfaConfig::requirement`](crate::config::MfaConfig::requirement) to be
    /// [`Required`](crate::model::MfaRequirement::Required): a password that is the only factor has at least 15 (NIST SP 800-63B-4
    /// section 3.1.1.2).
    pub min_length: usize,
    /// The most characters, 64 to 1,024; 256 by default.
    pub max_length: usize,
    /// Words that belong to the application: its name, its maker's, its tenants' (OWASP ASVS 5.0 6.1.2). None by default.
    pub context_words: Vec<String>,
    /// Passwords that the application forbids besides the bundled ones. None by default.
    pub block_list: Vec<String>,
    /// The least score by zxcvbn's estimate, 0 (guessed in a thousand tries) to 4 (in ten thousand million and more). `None` by
    /// default: NIST asks for no such estimate, and length does more. Needs the cargo feature `zxcvbn`.
    pub min_score: Option<u8>,
    short: bool,
}

impl Default for PasswordPolicySettings {
    fn default() -> Self {
        Self {
            min_length: 15,
            max_length: 256,
            context_words: Vec::new(),
            block_list: Vec::new(),
            min_score: None,
            short: false,
        }
    }
}

/// Why policy settings were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordPolicyError {
    /// Fewer than 8 characters, or more than the longest password has.
    #[error("min_length must be between 8 and max_length")]
    MinLength,
    /// Fewer than 64 characters, or more than can be hashed.
    #[error("max_length must be between 64 and 1024")]
    MaxLength,
    /// A context word of fewer than 4 letters and digits would have no effect.
    #[error("a context word must have at least 4 letters or digits")]
    ContextWord,
    /// A score that zxcvbn does not give.
    #[error("min_score must be between 0 and 4")]
    MinScore,
    /// A score is asked for, and nothing is there to estimate it.
    #[error("min_score needs the cargo feature `zxcvbn` of gatekeeper-auth-core")]
    ScoreUnavailable,
}

/// The rules for new passwords. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PasswordPolicy {
    min_length: usize,
    rules: Arc<Rules>,
}

#[derive(Debug)]
struct Rules {
    max_length: usize,
    context: Vec<String>,
    block_list: HashSet<String>,
    min_score: Option<u8>,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self::with(&PasswordPolicySettings::default())
    }
}

impl PasswordPolicy {
    /// Builds the rules.
    ///
    /// # Errors
    ///
    /// [`PasswordPolicyError`] for settings that are weaker than the standards allow, or have no effect.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "settings are handed over, as to every other service"
    )]
    pub fn new(settings: PasswordPolicySettings) -> Result<Self, PasswordPolicyError> {
        let least = if settings.short { 1 } else { LEAST_MIN_LENGTH };
        if !(LEAST_MAX_LENGTH..=MOST_MAX_LENGTH).contains(&settings.max_length) {
            return Err(PasswordPolicyError::MaxLength);
        }
        if !(least..=settings.max_length).contains(&settings.min_length) {
            return Err(PasswordPolicyError::MinLength);
        }
        if settings
            .context_words
            .iter()
            .any(|word| context_words(word).is_empty())
        {
            return Err(PasswordPolicyError::ContextWord);
        }
        if settings.min_score.is_some_and(|score| score > 4) {
            return Err(PasswordPolicyError::MinScore);
        }
        if settings.min_score.is_some() && !score::AVAILABLE {
            return Err(PasswordPolicyError::ScoreUnavailable);
        }
        Ok(Self::with(&settings))
    }

    fn with(settings: &PasswordPolicySettings) -> Self {
        let context = settings.context_words.iter();
        let block_list = settings.block_list.iter();
        Self {
            min_length: settings.min_length,
            rules: Arc::new(Rules {
                max_length: settings.max_length,
                context: context.flat_map(|word| context_words(word)).collect(),
                block_list: block_list.map(|password| fold::case(password)).collect(),
                min_score: settings.min_score,
            }),
        }
    }

    /// The fewest characters, for a sign-up form to show.
    pub fn min_length(&self) -> usize {
        self.min_length
    }

    /// The same rules with at least this many characters. It makes no rule weaker: fewer than there were change nothing, and more than
    /// the most are the most.
    #[must_use]
    pub fn with_min_length(&self, least: usize) -> Self {
        Self {
            min_length: self.min_length.max(least.min(self.rules.max_length)),
            rules: Arc::clone(&self.rules),
        }
    }

    /// The most characters.
    pub fn max_length(&self) -> usize {
        self.rules.max_length
    }

    /// What is wrong with a new password: nothing, where the answer is empty.
    ///
    /// `pointer` names the field in the answer; `context` is what belongs to the user: the e-mail address, the name.
    ///
    /// - `password.too_short`, `password.too_long`: characters are Unicode code points.
    /// - `password.common`: it is on the bundled list or the application's, or is made from an entry of these in a way
    ///   that every cracking tool knows: other case, `p4ssw0rd`, a few digits or signs before or after, repeated; or it is all
    ///   repeats, sequences and walks on the keyboard.
    /// - `password.contextual`: it contains a word of the context of 4 letters or more, in any case or `l33t`.
    ///
    /// A password that is wrong in several ways is told all of them, except that one that is too long is told nothing
    /// else.
    pub fn check(&self, pointer: &str, password: &SecretString, context: &[&str]) -> Violations {
        let rules = &*self.rules;
        let password = password.expose();
        let mut violations = Violations::none();
        // Bytes first: no work is done on a password of a megabyte. A code point has at most 4.
        let too_long = password.len() > rules.max_length.saturating_mul(4)
            || password.chars().count() > rules.max_length;
        if too_long {
            violations.push(
                pointer,
                "password.too_long",
                format!("has more than {} characters", rules.max_length),
            );
            return violations;
        }
        if password.chars().count() < self.min_length {
            violations.push(
                pointer,
                "password.too_short",
                format!("has fewer than {} characters", self.min_length),
            );
        }
        if common::is_common(password, &rules.block_list) {
            violations.push(
                pointer,
                "password.common",
                "is one of those that are tried first",
            );
        }
        if rules.is_contextual(password, context) {
            violations.push(
                pointer,
                "password.contextual",
                "contains a name or another word that is easy to guess",
            );
        }
        violations
    }
}

impl PasswordPolicySettings {
    /// Whether passwords may be shorter than NIST allows where they are the only factor.
    pub(crate) const fn needs_second_factor(&self) -> bool {
        self.min_length < SINGLE_FACTOR_LENGTH && !self.short
    }
}

impl PasswordPolicy {
    /// Whether [`check_score`](Self::check_score) has anything to do.
    pub(crate) fn asks_for_score(&self) -> bool {
        self.rules.min_score.is_some_and(|score| score > 0)
    }

    /// Whether a new password is too easy to guess by zxcvbn's estimate, where a setting asks for it: `password.too_weak`, with what
    /// would help. The estimate knows the words of the context.
    ///
    /// For passwords that passed [`check`](Self::check): this costs up to some 50 milliseconds of a processor, by the
    /// password.
    pub fn check_score(
        &self,
        pointer: &str,
        password: &SecretString,
        context: &[&str],
    ) -> Violations {
        let mut violations = Violations::none();
        if let Some(least) = self.rules.min_score {
            let words = self.rules.context.iter().map(String::as_str);
            let context: Vec<&str> = context.iter().copied().chain(words).collect();
            if let Some(feedback) = score::weakness(password.expose(), &context, least) {
                violations.push(pointer, "password.too_weak", feedback);
            }
        }
        violations
    }
}

impl Rules {
    fn is_contextual(&self, password: &str, context: &[&str]) -> bool {
        let users: Vec<String> = context
            .iter()
            .flat_map(|text| context_words(text))
            .collect();
        let spellings = fold::spellings(password);
        self.context
            .iter()
            .chain(&users)
            .any(|word| spellings.iter().any(|spelling| spelling.contains(word)))
    }
}

/// The words of a text that are looked for: each of its parts, and all of them in one (`Ada Lovelace` is also `adalovelace`).
fn context_words(text: &str) -> Vec<String> {
    let folded = fold::case(text);
    let parts = folded.split(|char: char| !char.is_alphanumeric());
    let mut words: Vec<String> = parts.map(str::to_owned).collect();
    words.push(words.concat());
    words.retain(|word| word.chars().count() >= CONTEXT_LENGTH);
    // What is compared is folded likewise.
    let unleeted: Vec<String> = words.iter().map(|word| fold::leet(word)).collect();
    words.extend(unleeted);
    words.sort_unstable();
    words.dedup();
    words
}

/// Options that weaken what they touch.
pub mod danger {
    use super::PasswordPolicySettings;

    /// Settings that allow passwords as short as one character.
    ///
    /// # Security
    ///
    /// NIST SP 800-63B-4 and OWASP ASVS allow none shorter than 8. For tests.
    pub fn danger_short_passwords(min_length: usize) -> PasswordPolicySettings {
        PasswordPolicySettings {
            min_length,
            short: true,
            ..PasswordPolicySettings::default()
        }
    }
}

#[cfg(test)]
mod range_tests;
#[cfg(test)]
mod tests;
