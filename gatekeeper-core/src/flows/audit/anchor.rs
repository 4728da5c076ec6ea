use std::{fmt, str::FromStr};

use base64::Engine;

use crate::{crypto::BASE64URL, model::AuditHead};

/// Where a chain ended at some time: `SEQUENCE:LINK`. Kept outside of the database, it shows later that the chain still goes through
/// there: that nothing behind it was cut off, and nothing before it made anew.
///
/// ```
/// use gatekeeper_core::AuditAnchor;
///
/// let text = format!("42:{}", "A".repeat(43));
/// let anchor: AuditAnchor = text.parse()?;
/// assert_eq!(anchor.to_string(), text);
/// # Ok::<(), gatekeeper_core::InvalidAnchor>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditAnchor {
    /// The last row's number.
    pub sequence: i64,
    /// Its link.
    pub link: [u8; 32],
}

/// Something is no anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an anchor is a number, a colon and 43 characters of base64url")]
pub struct InvalidAnchor;

impl AuditAnchor {
    pub(super) const fn of(head: &AuditHead) -> Self {
        Self {
            sequence: head.sequence,
            link: head.link,
        }
    }
}

impl fmt::Display for AuditAnchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, BASE64URL.encode(self.link))
    }
}

impl FromStr for AuditAnchor {
    type Err = InvalidAnchor;

    fn from_str(text: &str) -> Result<Self, InvalidAnchor> {
        let (sequence, link) = text.trim().split_once(':').ok_or(InvalidAnchor)?;
        let digits = (1..=19).contains(&sequence.len())
            && sequence.bytes().all(|byte| byte.is_ascii_digit());
        let link = BASE64URL.decode(link).map_err(|_| InvalidAnchor)?;
        match sequence.parse() {
            Ok(sequence) if digits => Ok(Self {
                sequence,
                link: link.try_into().map_err(|_| InvalidAnchor)?,
            }),
            Ok(_) | Err(_) => Err(InvalidAnchor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_survives_its_text_and_nothing_else_is_one() {
        let anchor = AuditAnchor {
            sequence: 12,
            link: [0xfb; 32],
        };
        let text = anchor.to_string();
        assert_eq!(text.parse(), Ok(anchor));
        assert_eq!(format!(" {text}\n").parse(), Ok(anchor));
        let (_, link) = text.split_once(':').unwrap();
        for wrong in [
            String::new(),
            ":".to_owned(),
            format!("12{link}"),
            format!("-1:{link}"),
            format!("+1:{link}"),
            format!("x:{link}"),
            format!("99999999999999999999:{link}"),
            format!("12:{link}="),
            format!("12:{link}AA"),
            format!("12:{}", &link[1..]),
        ] {
            assert_eq!(wrong.parse::<AuditAnchor>(), Err(InvalidAnchor), "{wrong}");
        }
    }
}
