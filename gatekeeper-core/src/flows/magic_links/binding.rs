//! What ties a link to the browser that asked, and the code that it becomes elsewhere.

use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    env::Random,
    gatekeeper::Inner,
    model::{OneTimeToken, SecretString, TokenHash},
};

/// Crockford's base 32: no I, L, O and U, which are read as others or make words.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 40 bits, of which five guesses are let through.
const CODE_LEN: usize = 8;

/// What a link or a code holds of the browser that asked: the hash of its binding, as text.
pub(super) fn to_text(hash: &TokenHash) -> String {
    hash.0
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
            text
        })
}

/// The hash again.
pub(super) fn from_text(text: &str) -> Option<TokenHash> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, to) in hash.iter_mut().enumerate() {
        *to = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(TokenHash(hash))
}

/// Which browser a link signs in.
#[derive(Debug)]
pub(super) enum Bound {
    /// The one with the binding of this hash.
    To(TokenHash),
    /// Any.
    Nothing,
}

/// Reads it off a link; `None` where it cannot be read.
pub(super) fn of(token: &OneTimeToken) -> Option<Bound> {
    match token.payload.get("binding")? {
        Value::Null => Some(Bound::Nothing),
        Value::String(text) => from_text(text).map(Bound::To),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The address that a link or a code went to.
pub(super) fn address(token: &OneTimeToken) -> Option<&str> {
    token.payload.get("email")?.as_str()
}

pub(super) fn same(one: &TokenHash, other: &TokenHash) -> bool {
    one.0.ct_eq(&other.0).into()
}

/// A new code.
pub(super) fn new_code(random: &dyn Random) -> SecretString {
    let bytes = Zeroizing::new(random.bytes::<CODE_LEN>());
    let symbol = |byte: &u8| {
        // 256 is a multiple of 32: every symbol is as likely.
        let symbol = ALPHABET.get(usize::from(byte & 31)).copied();
        char::from(symbol.unwrap_or_default())
    };
    SecretString::new(bytes.iter().map(symbol).collect::<String>())
}

/// A code as it was typed, in the spelling it was made in: any case, with or without spaces and hyphens, `O` for `0`, `I` and
/// `L` for `1`. `None` where it cannot be one.
fn read_code(typed: &str) -> Option<Zeroizing<String>> {
    // Long enough for any spacing; the rest is nobody's code.
    if typed.len() > 64 {
        return None;
    }
    let mut code = Zeroizing::new(String::with_capacity(CODE_LEN));
    for c in typed.chars().filter(|c| !matches!(c, ' ' | '-')) {
        let symbol = match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            symbol => symbol,
        };
        if code.len() == CODE_LEN || !u8::try_from(symbol).is_ok_and(|s| ALPHABET.contains(&s)) {
            return None;
        }
        code.push(symbol);
    }
    (code.len() == CODE_LEN).then_some(code)
}

/// Whether a code is the one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum CodeVerdict {
    Right,
    Wrong,
}

impl Inner {
    /// What is kept of a code: keyed, since 40 bits could be tried out; and bound to its row's browser.
    pub(super) fn code_payload(&self, email: &str, binding: &TokenHash, code: &str) -> Value {
        let digest = TokenHash(self.code_digest(binding, code));
        json!({ "email": email, "code": to_text(&digest) })
    }

    pub(super) fn check_code(&self, row: &OneTimeToken, typed: &SecretString) -> CodeVerdict {
        let kept = row.payload.get("code").and_then(Value::as_str);
        let (Some(kept), Some(code)) = (kept.and_then(from_text), read_code(typed.expose())) else {
            return CodeVerdict::Wrong;
        };
        if same(&TokenHash(self.code_digest(&row.hash, &code)), &kept) {
            CodeVerdict::Right
        } else {
            CodeVerdict::Wrong
        }
    }

    fn code_digest(&self, binding: &TokenHash, code: &str) -> [u8; 32] {
        let text = format!("{}:{code}", to_text(binding));
        self.digester.key("magic-link:code", &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededRandom;

    #[test]
    fn a_hash_comes_back_from_its_text() {
        let hash = TokenHash(std::array::from_fn(|at| u8::try_from(at * 8).unwrap()));
        assert_eq!(from_text(&to_text(&hash)), Some(hash));
        let text = to_text(&hash);
        for wrong in [
            "",
            &text[1..],
            &format!("{text}0"),
            &text.replace('0', "g"),
            &"+f".repeat(32),
            &"é".repeat(32),
        ] {
            assert_eq!(from_text(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn codes_are_eight_symbols_that_cannot_be_misread() {
        let random = SeededRandom::new(3);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..500 {
            let code = new_code(&random);
            assert_eq!(code.expose().len(), 8);
            seen.extend(code.expose().chars());
            assert_eq!(read_code(code.expose()).unwrap().as_str(), code.expose());
        }
        assert_eq!(seen.len(), 32);
        assert!("ILOU".chars().all(|c| !seen.contains(&c)));
    }

    #[test]
    fn a_code_may_be_typed_as_people_do() {
        for typed in ["0A1B-2C3D", "oaib 2c3d", "0 a l b 2 c 3 d", "OALB2C3D"] {
            assert_eq!(read_code(typed).unwrap().as_str(), "0A1B2C3D", "{typed}");
        }
        for wrong in [
            "",
            "0A1B2C3",
            "0A1B2C3DE",
            "0A1B2C3U",
            "0A1B2C3\u{ff24}",
            "0A1B_2C3D",
            "        ",
            &" ".repeat(1_000),
        ] {
            assert!(read_code(wrong).is_none(), "{wrong}");
        }
    }
}
