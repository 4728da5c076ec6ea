use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};
use unicode_normalization::UnicodeNormalization;

/// The longest address (RFC 5321 section 4.5.3.1.3, erratum 1690).
const MAX_BYTES: usize = 254;
/// The longest local part (RFC 5321 section 4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;

/// One e-mail address: what its owner wrote, to which mail goes, and the normalised form, by which accounts are told apart.
///
/// Accepted is the dot-atom form of RFC 5322 section 3.4.1, with letters and digits of any script in the local part
/// (RFC 6531) and international domains. Not accepted are quoted local parts, comments, address literals and lists: each
/// has been used to have one address checked and another one mailed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress {
    written: String,
    normalized: NormalizedEmail,
}

/// An address in the form by which accounts are told apart: NFKC, lower case, the domain in its ASCII form.
///
/// # Security
///
/// Never mail to this form: two spellings that meet here may be two mailboxes (CVE-2019-19844). Mail goes to
/// [`EmailAddress::as_str`] of the stored account.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NormalizedEmail(String);

/// Why a text is not an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmailError {
    /// Longer than 254 bytes, or its local part than 64.
    #[error("the address is too long")]
    TooLong,
    /// Not of the form `local@domain`.
    #[error("not an e-mail address")]
    Malformed,
}

impl EmailAddress {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// [`EmailError`], without a word of the input.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        if text.len() > MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        // Normalise, then validate: a full-width `@` or comma must be seen as what it becomes (CVE-2026-73420).
        let folded: String = text.nfkc().collect();
        let (local, domain) = folded.split_once('@').ok_or(EmailError::Malformed)?;
        if text.matches('@').count() != 1 || domain.contains('@') {
            return Err(EmailError::Malformed);
        }
        let local = fold_local(local)?;
        let domain = ascii_domain(domain)?;
        let normalized = format!("{local}@{domain}");
        if normalized.len() > MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        Ok(Self {
            written: text.to_owned(),
            normalized: NormalizedEmail(normalized),
        })
    }

    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The form by which accounts are told apart.
    pub const fn normalized(&self) -> &NormalizedEmail {
        &self.normalized
    }
}

impl NormalizedEmail {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.split_once('@').map_or("", |(local, _)| local)
    }

    /// The part behind the `@`, in ASCII.
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

fn fold_local(local: &str) -> Result<String, EmailError> {
    let folded: String = local.to_lowercase().nfkc().collect();
    if folded.len() > MAX_LOCAL_BYTES {
        return Err(EmailError::TooLong);
    }
    // RFC 5322 section 3.2.3 `atext`, without the characters that shells, URLs and mailers give a meaning to.
    let atom = |c: char| {
        c.is_alphanumeric()
            || matches!(
                c,
                '!' | '#'
                    | '$'
                    | '&'
                    | '\''
                    | '*'
                    | '+'
                    | '-'
                    | '/'
                    | '='
                    | '?'
                    | '^'
                    | '_'
                    | '{'
                    | '|'
                    | '}'
                    | '~'
            )
    };
    if !folded.is_empty()
        && folded
            .split('.')
            .all(|part| !part.is_empty() && part.chars().all(atom))
    {
        Ok(folded)
    } else {
        Err(EmailError::Malformed)
    }
}

fn ascii_domain(domain: &str) -> Result<String, EmailError> {
    let ascii = idna::domain_to_ascii_strict(domain).map_err(|_| EmailError::Malformed)?;
    let labels: Vec<&str> = ascii.split('.').collect();
    let numeric_top = labels
        .last()
        .is_none_or(|top| top.bytes().all(|byte| byte.is_ascii_digit()));
    let hosts = labels.iter().all(|label| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    });
    if labels.len() >= 2 && hosts && !numeric_top {
        Ok(ascii)
    } else {
        Err(EmailError::Malformed)
    }
}

impl FromStr for EmailAddress {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress({:?})", self.written)
    }
}

impl Serialize for EmailAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

impl fmt::Debug for NormalizedEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NormalizedEmail({:?})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalized(text: &str) -> Option<String> {
        EmailAddress::parse(text)
            .ok()
            .map(|email| email.normalized().as_str().to_owned())
    }

    #[test]
    fn spellings_of_one_address_meet() {
        for text in [
            "ada@example.org",
            "ADA@Example.ORG",
            "ａｄａ@example.org",
            "ada@EXAMPLE。org",
        ] {
            assert_eq!(
                normalized(text).as_deref(),
                Some("ada@example.org"),
                "{text}"
            );
        }
        assert_eq!(
            normalized("ma\u{17f}k@example.org").as_deref(),
            Some("mask@example.org")
        );
        assert_eq!(
            normalized("x@b\u{fc}cher.example"),
            normalized("x@xn--bcher-kva.example")
        );
    }

    #[test]
    fn look_alikes_stay_apart() {
        assert_ne!(
            normalized("m\u{131}ke@example.org"),
            normalized("mike@example.org")
        );
        assert_ne!(
            normalized("\u{430}da@example.org"),
            normalized("ada@example.org")
        );
    }

    #[test]
    fn hostile_addresses_are_refused() {
        let long = format!("{}@example.org", "a".repeat(1000));
        for text in [
            "",
            "@",
            "a@",
            "@b.c",
            "a@b",
            "a@b@c.d",
            "a\u{ff20}b@c.d",
            "a\u{ff20}c.d",
            "\"a@evil.org\"@example.org",
            "a b@example.org",
            "a@example.org,b@example.org",
            "a@example.org\r\nBcc: b@example.org",
            "a@example.org\0",
            "a..b@example.org",
            ".a@example.org",
            "a.@example.org",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@-example.org",
            "a@example..org",
            "a@exa_mple.org",
            "a%b@example.org",
            "<a@example.org>",
            "a@example.org ",
            "a\u{200b}@example.org",
            "a\u{202e}b@example.org",
            "a@example.org.",
            "a@ex\u{2024}ample.org\u{ff0c}b",
            "a(b)@example.org",
            &long,
        ] {
            assert!(EmailAddress::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn mail_goes_to_what_was_written() {
        assert_eq!(
            EmailAddress::parse("Ada.L+x@Example.org").unwrap().as_str(),
            "Ada.L+x@Example.org"
        );
    }
}
