//! What of a server's words may go into an error, and so into the log and the outbox.

/// The longest quotation, in characters.
const LONGEST: usize = 160;
/// The longest word that is quoted. Tokens and keys are longer.
const LONGEST_WORD: usize = 24;

/// The words of an answer that are harmless. Servers quote what they refuse: the recipient's address, the link that a filter
/// did not like, even what was sent as a password. Nothing that could be one of these is passed on.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        let word = if is_harmless(word) { word } else { "[...]" };
        if quoted.chars().count() + word.len() >= LONGEST {
            quoted.push_str(" ...");
            break;
        }
        if !quoted.is_empty() {
            quoted.push(' ');
        }
        quoted.push_str(word);
    }
    quoted
}

/// Words of letters, and numbers as in `5.7.1`. A code of letters and digits is neither.
fn is_harmless(word: &str) -> bool {
    let core = word.trim_matches(|c: char| c.is_ascii_punctuation());
    // Base64 without a digit changes its case in the middle.
    let rest = core.get(1..).unwrap_or("");
    let is_shouted = core.len() <= 5 && core.chars().all(|c| c.is_ascii_uppercase());
    let is_word = is_shouted
        || core.starts_with(|c: char| c.is_ascii_alphabetic())
            && rest
                .chars()
                .all(|c| c.is_ascii_lowercase() || matches!(c, '-' | '\'' | '_'));
    let is_status = core.len() <= 8
        && core.chars().filter(char::is_ascii_digit).count() <= 5
        && core.chars().all(|c| c.is_ascii_digit() || c == '.');
    word.len() <= LONGEST_WORD
        && word.chars().all(|c| c.is_ascii_graphic() && c != '@')
        && (core.is_empty() || is_word || is_status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_is_quoted_without_what_is_secret_or_personal() {
        for (said, quoted) in [
            ("5.1.1 User unknown", "5.1.1 User unknown"),
            (
                "5.1.1 <ann@example.org>: Recipient address rejected: User unknown in table",
                "5.1.1 [...] Recipient address rejected: User unknown in table",
            ),
            (
                "5.7.1 Blocked: https://a.example/reset#token=abc found",
                "5.7.1 Blocked: [...] found",
            ),
            ("code 12345678 7KQ2-M4XD-99AB", "code [...] [...]"),
            ("the code is ABCDWXYZ", "the code is [...]"),
            ("failed: AHVzZXIAaHVudGVyMg==", "failed: [...]"),
            ("a\r\nb\u{1b}[2Jc\u{0}d", "a b [...] d"),
            ("Größe", "[...]"),
            ("", ""),
        ] {
            assert_eq!(quote(said), quoted, "{said:?}");
        }
        let long = quote(&"word ".repeat(1_000));
        assert!(long.len() < 200 && long.ends_with(" ..."), "{long}");
    }
}
