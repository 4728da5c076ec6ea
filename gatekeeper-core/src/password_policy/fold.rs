//! Spellings that a cracking tool takes for the same. They serve to compare; what is hashed is never folded.

use unicode_normalization::UnicodeNormalization;

/// Compatibility forms and case gone: `Ｐassword` is `password`.
pub(super) fn case(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).collect()
}

/// Digits and signs read as the letters they stand for, in folded text: `p4$$w0rd` is `password`.
pub(super) fn leet(folded: &str) -> String {
    folded.chars().map(letter).collect()
}

/// The letter that a digit or a sign stands for.
pub(super) fn letter(char: char) -> char {
    match char {
        '4' | '@' => 'a',
        '8' => 'b',
        '3' | '€' => 'e',
        '6' | '9' => 'g',
        '1' | '!' | '|' => 'i',
        '0' => 'o',
        '5' | '$' => 's',
        '7' | '+' => 't',
        '2' => 'z',
        other => other,
    }
}

/// Every spelling of a password under which a word may be found in it.
pub(super) fn spellings(password: &str) -> [String; 4] {
    let folded = case(password);
    let unleeted = leet(&folded);
    let squeezed = squeeze(&folded);
    let both = squeeze(&unleeted);
    [folded, unleeted, squeezed, both]
}

/// Without what is neither letter nor digit: `a.d.a` is `ada`.
fn squeeze(text: &str) -> String {
    text.chars().filter(|char| char.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_meet() {
        assert_eq!(case("Ｐa\u{df}WORD"), "pa\u{df}word");
        assert_eq!(leet(&case("P4$$w0rD")), "password");
        assert!(spellings("G.A.T.E 2026").contains(&"gate2026".to_owned()));
    }
}
