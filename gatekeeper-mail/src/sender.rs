use std::{fmt, str::FromStr};

use lettre::{Address, message::Mailbox};

use crate::compose::one_line;

/// Whom mails are from: `Example <no-reply@example.org>`, or the address alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Sender(Mailbox);

/// A text that names no sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an address, or of the form `Name <address>`")]
pub struct SenderError;

impl Sender {
    /// Reads `Name <address>` or an address.
    ///
    /// # Errors
    ///
    /// [`SenderError`] where the address is malformed, or something in it is a control character.
    pub fn parse(text: &str) -> Result<Self, SenderError> {
        let text = text.trim_matches(' ');
        let (name, address) = match text.strip_suffix('>') {
            Some(rest) => rest.rsplit_once('<').ok_or(SenderError)?,
            None => ("", text),
        };
        let name = name.trim_matches(' ');
        let name = name
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(name);
        Self::new(name, address)
    }

    /// A sender with this name, which may be empty, and this address.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn new(name: &str, address: &str) -> Result<Self, SenderError> {
        if name.chars().any(char::is_control) {
            return Err(SenderError);
        }
        let address = Address::from_str(address).map_err(|_| SenderError)?;
        let name = (!name.is_empty()).then(|| one_line(name));
        Ok(Self(Mailbox::new(name, address)))
    }

    pub(crate) const fn mailbox(&self) -> &Mailbox {
        &self.0
    }

    pub(crate) fn domain(&self) -> &str {
        self.0.email.domain()
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sender({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_an_address_with_or_without_a_name() {
        for (text, name, address) in [
            ("no-reply@example.org", None, "no-reply@example.org"),
            ("no-reply@localhost", None, "no-reply@localhost"),
            (
                "Example <no-reply@example.org>",
                Some("Example"),
                "no-reply@example.org",
            ),
            ("\"A, B\" <a@example.org>", Some("A, B"), "a@example.org"),
            ("Zoë <zoe@example.org>", Some("Zoë"), "zoe@example.org"),
        ] {
            let sender = Sender::parse(text).unwrap();
            assert_eq!(sender.0.name.as_deref(), name, "{text}");
            assert_eq!(sender.0.email.as_ref() as &str, address, "{text}");
        }
    }

    #[test]
    fn anything_that_could_become_a_second_header_or_address_is_refused() {
        for text in [
            "",
            "Example",
            "a@example.org, b@example.org",
            "A\r\nBcc: b@example.org <a@example.org>",
            "a@example.org\r\nBcc: b@example.org",
            "A <a@example.org\n>",
            "<>",
            "A <a@example.org> B",
        ] {
            assert!(Sender::parse(text).is_err(), "{text:?}");
        }
    }
}
