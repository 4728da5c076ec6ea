//! What somebody typed, made fit for a mail.

/// The longest name that is greeted with, in characters.
const MAX_GREETED: usize = 60;

/// Whether a character is not seen where it stands: control characters, which end lines and headers (RFC 5322 section 2.2),
/// and those that turn the direction of writing or have no width.
pub(super) fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The same text on one line.
pub(super) fn one_line(text: &str) -> String {
    let seen = text.chars().map(|c| if is_unseen(c) { ' ' } else { c });
    let seen: String = seen.collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The name to greet somebody with; `None` where it is rather a message than a name.
///
/// # Security
///
/// A name is chosen by whoever signs up, and a mailbox that is not theirs gets the first mail: what a mail program would
/// make a link of is left out, or our mails would carry anybody's advertisement.
pub(crate) fn greeted(name: &str) -> Option<String> {
    let name = one_line(name);
    let linked = name.contains(['/', '\\', '@', ':']) || has_domain(&name);
    let fits = (1..=MAX_GREETED).contains(&name.chars().count());
    (fits && !linked).then_some(name)
}

/// Whether a dot stands in it as in a host name: not after an initial, as in `J.R.R. Tolkien`.
fn has_domain(name: &str) -> bool {
    let dots = |c: char| matches!(c, '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}');
    name.split_whitespace().any(|word| {
        let mut labels = word.split(dots);
        labels.next().is_some_and(|first| !first.is_empty())
            && labels.any(|label| label.chars().filter(|c| c.is_alphanumeric()).count() >= 2)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_greeted() {
        for name in [
            "Ada",
            "Ada Lovelace",
            "J.R.R. Tolkien",
            "Dr. No",
            "O'Neil & Sons",
            "Zoë",
            "山田太郎",
            "<b>",
        ] {
            assert_eq!(greeted(name).as_deref(), Some(name));
        }
        assert_eq!(greeted(" Ada\r\nBcc: x").as_deref(), None);
        assert_eq!(
            greeted("Ada\r\n\u{202e}Lovelace").as_deref(),
            Some("Ada Lovelace")
        );
    }

    #[test]
    fn row_58_a_message_is_not_greeted() {
        for name in [
            "",
            " \u{200b} ",
            "visit https://evil.example now",
            "www.evil.example",
            "evil.example",
            "evil\u{3002}example",
            "claim your prize at evil.com/x",
            "mail me@evil",
            &"win money ".repeat(10),
        ] {
            assert_eq!(greeted(name), None, "{name:?}");
        }
    }
}
