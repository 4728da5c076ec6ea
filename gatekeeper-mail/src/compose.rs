//! A mail as RFC 5322 text.

use std::time::{Duration, SystemTime};

use gatekeeper_core::{
    env::{Mail, MailError},
    model::{EmailAddress, Timestamp},
};
use lettre::{
    Address, Message,
    message::{
        Body, Mailbox, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType},
    },
};

use crate::Sender;

/// The last second that a `Date` header can say: the end of the year 9999.
const END_OF_DATES: u64 = 253_402_300_799;

/// The longest line, in bytes, without its end (RFC 5322 section 2.1.1).
const LONGEST_LINE: usize = 998;

/// Which bytes the way that a mail takes can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bits {
    /// ASCII alone.
    #[cfg_attr(
        not(feature = "smtp"),
        expect(dead_code, reason = "only SMTP servers lack 8BITMIME")
    )]
    Seven,
    /// All (RFC 6152).
    Eight,
}

/// The whole mail, with CRLF line ends.
pub(crate) fn compose(
    mail: &Mail,
    from: &Sender,
    now: Timestamp,
    bits: Bits,
) -> Result<Vec<u8>, MailError> {
    // The same in every attempt, and not to be guessed by whoever chose a word of the mail: the id is made with it.
    let boundary = format!("=_{}", mail.id);
    let alternative = MultiPart::alternative()
        .boundary(boundary)
        .singlepart(part(ContentType::TEXT_PLAIN, &mail.text, bits))
        .singlepart(part(ContentType::TEXT_HTML, &mail.html, bits));
    let message = Message::builder()
        .from(from.mailbox().clone())
        .to(Mailbox::new(
            mail.to_name.as_deref().map(one_line),
            address(&mail.to)?,
        ))
        .subject(one_line(&mail.subject))
        .date(date(now))
        // RFC 5322 section 3.6.4. The same in every attempt.
        .message_id(Some(format!("<{}@{}>", mail.id, from.domain())))
        .multipart(alternative)
        .map_err(|error| MailError::Permanent(error.to_string()))?;
    Ok(message.formatted())
}

/// A part as it is, wherever RFC 5322 section 2.1.1 allows it: quoted-printable would break links in two, and whoever looks
/// into a file could not follow them.
fn part(content_type: ContentType, text: &str, bits: Bits) -> SinglePart {
    // RFC 5321 section 2.4: servers may refuse a NUL, or cut a line there.
    let lines = text
        .replace('\0', "")
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let short = lines.split('\n').all(|line| line.len() <= LONGEST_LINE);
    let fits = match bits {
        Bits::Seven => lines.is_ascii(),
        Bits::Eight => true,
    };
    let body = if short && fits {
        let encoding = if lines.is_ascii() {
            ContentTransferEncoding::SevenBit
        } else {
            ContentTransferEncoding::EightBit
        };
        Body::dangerous_pre_encoded(lines.replace('\n', "\r\n").into_bytes(), encoding)
    } else {
        Body::new(lines)
    };
    SinglePart::builder().header(content_type).body(body)
}

/// A text that fits into a header: every run of control characters becomes one space.
pub(crate) fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

pub(crate) fn address(to: &EmailAddress) -> Result<Address, MailError> {
    let (local, _) = to
        .as_str()
        .split_once('@')
        .ok_or_else(|| MailError::Permanent("the address has no domain".to_owned()))?;
    // The mailbox as its owner wrote it; of the domain the ASCII form, which every server knows (RFC 5891).
    Address::new(local, to.normalized().domain())
        .map_err(|error| MailError::Permanent(error.to_string()))
}

fn date(now: Timestamp) -> SystemTime {
    let seconds = u64::try_from(now.as_unix_seconds()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(END_OF_DATES))
}

#[cfg(test)]
pub(crate) mod tests {
    use gatekeeper_core::{model::MailId, testing::SeededRandom};

    use super::*;

    pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_357_296);

    pub(crate) fn mail() -> Mail {
        Mail {
            id: MailId::new(NOW, &SeededRandom::new(7)),
            to: EmailAddress::parse("ann@example.org").unwrap(),
            to_name: Some("Ann".to_owned()),
            subject: "Verify your address".to_owned(),
            text: "Hello Ann,\nhttps://auth.example.org/verify-email#token=abc\n".to_owned(),
            html: "<p>Hello Ann</p>\n".to_owned(),
        }
    }

    pub(crate) fn sender() -> Sender {
        Sender::parse("Example <no-reply@example.com>").unwrap()
    }

    fn composed(mail: &Mail) -> String {
        String::from_utf8(compose(mail, &sender(), NOW, Bits::Eight).unwrap()).unwrap()
    }

    /// The lines of the head, unfolded (RFC 5322 section 2.2.3).
    fn headers(text: &str) -> Vec<String> {
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        head.replace("\r\n ", " ")
            .split("\r\n")
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn a_mail_has_what_rfc_5322_asks_for_and_both_parts() {
        let mail = mail();
        let text = composed(&mail);
        let id = mail.id;
        assert_eq!(
            headers(&text),
            [
                "From: Example <no-reply@example.com>".to_owned(),
                "To: Ann <ann@example.org>".to_owned(),
                "Subject: Verify your address".to_owned(),
                "Date: Sun, 22 Nov 2026 14:21:36 +0000".to_owned(),
                format!("Message-ID: <{id}@example.com>"),
                "MIME-Version: 1.0".to_owned(),
                format!("Content-Type: multipart/alternative; boundary=\"=_{id}\""),
            ]
        );
        assert!(text.contains("\r\nhttps://auth.example.org/verify-email#token=abc\r\n"));
        assert!(text.contains("Content-Type: text/html; charset=utf-8"));
        assert!(text.contains("<p>Hello Ann</p>\r\n"));
        assert!(text.ends_with(&format!("--=_{id}--\r\n")));
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
    }

    /// RUSTSEC-2021-0069 and its like.
    #[test]
    fn no_name_and_no_subject_begins_a_header() {
        for evil in [
            "x\r\nBcc: evil@example.net",
            "x\nBcc: evil@example.net",
            "x\rBcc: evil@example.net",
            "x\r\n\r\n<script>",
            "x\u{85}Bcc: evil@example.net",
            "x\u{2028}Bcc: evil@example.net\u{0}",
            "é\r\nBcc: evil@example.net",
            "x\" <evil@example.net>, \"",
            "x <evil@example.net>",
        ] {
            let plain = headers(&composed(&mail())).len();
            let subject = composed(&Mail {
                subject: evil.to_owned(),
                ..mail()
            });
            let name = composed(&Mail {
                to_name: Some(evil.to_owned()),
                ..mail()
            });
            for text in [subject, name] {
                let headers = headers(&text);
                assert_eq!(headers.len(), plain, "{evil:?}: {headers:?}");
                assert!(headers.iter().all(|line| !line.starts_with("Bcc")));
                let to = headers.iter().find(|line| line.starts_with("To:")).unwrap();
                assert!(to.ends_with("<ann@example.org>"), "{to}");
                // What else looks like an address stands within quotes or is encoded.
                let name = to
                    .trim_start_matches("To: ")
                    .trim_end_matches("<ann@example.org>");
                let name = name.replace("\\\"", "");
                let bare: String = name.split('"').step_by(2).collect();
                assert!(!bare.contains(['<', ',', '@']), "{to}");
            }
        }
    }

    #[test]
    fn what_is_not_ascii_is_encoded() {
        let text = composed(&Mail {
            to: EmailAddress::parse("zoë@bücher.example").unwrap(),
            to_name: Some("Zoë Łódź".to_owned()),
            subject: "Grüße".to_owned(),
            text: "Grüße, Zoë\nand the rest of the mail, most of which is ASCII\n".to_owned(),
            ..mail()
        });
        let headers = headers(&text);
        assert!(headers.contains(&"Subject: =?utf-8?b?R3LDvMOfZQ==?=".to_owned()));
        let to = headers.iter().find(|line| line.starts_with("To:")).unwrap();
        assert!(to.starts_with("To: =?utf-8?b?"), "{to}");
        assert!(to.ends_with("<zoë@xn--bcher-kva.example>"), "{to}");
        assert!(text.contains("Content-Transfer-Encoding: 8bit\r\n\r\nGrüße, Zoë\r\n"));
    }

    #[test]
    fn a_link_stays_in_one_piece_and_no_line_is_too_long() {
        let link = format!(
            "https://auth.example.org/verify-email#token={}",
            "a".repeat(80)
        );
        for words in ["Hello", "Grüße"] {
            let text = composed(&Mail {
                text: format!("{words}\n{link}\n"),
                ..mail()
            });
            assert!(text.contains(&format!("\r\n{link}\r\n")), "{text}");
        }
        for words in ["a".repeat(999), "é".repeat(500), "\0".to_owned()] {
            let text = composed(&Mail {
                text: words,
                ..mail()
            });
            assert!(text.split("\r\n").all(|line| line.len() <= LONGEST_LINE));
            assert!(!text.contains('\0'));
        }
    }

    #[test]
    fn a_clock_that_is_off_makes_no_panic() {
        for now in [i64::MIN, -1, i64::MAX] {
            let now = Timestamp::from_unix_micros(now);
            compose(&mail(), &sender(), now, Bits::Eight).unwrap();
        }
    }
}
