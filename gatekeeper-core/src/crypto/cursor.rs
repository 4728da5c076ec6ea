use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use uuid::Uuid;

use super::{
    BASE64URL,
    secret_key::{KeyUse, SecretKeys},
};
use crate::model::{Cursor, SearchCursor, Timestamp};

const VERSION: u8 = 1;
const BODY_LEN: usize = 1 + 8 + 16;
const CURSOR_LEN: usize = BODY_LEN + 32;
const TEXT_LEN: usize = CURSOR_LEN / 3 * 4;

/// Cursors of searches; no cursor of a list begins with it.
const SEARCH_VERSION: u8 = 2;
const TAG_LEN: usize = 32;
/// An address and its `@` are the longest terms there are.
const MAX_TERM: usize = 255;
/// Version, length of the term, term, id.
const MAX_SEARCH_BODY: usize = 1 + 1 + MAX_TERM + 16;

/// Makes and reads the cursors of lists, 76 characters of base64url.
///
/// A cursor is authenticated and bound to a context (which list, which tenant, who asks), so that nobody can make one up
/// or carry one to another list (CVE-2026-33503). What it holds is a place in that list, and no secret.
pub struct Cursors {
    keys: Vec<hmac::Key>,
}

impl Cursors {
    /// Cursors under the current key; those under the previous ones are believed too.
    pub fn new(keys: &SecretKeys) -> Self {
        Self {
            keys: keys
                .all()
                .map(|secret| {
                    let key = secret.derive(KeyUse::Cursor);
                    hmac::Key::new(hmac::HMAC_SHA256, key.as_slice())
                })
                .collect(),
        }
    }

    /// The cursor as text.
    pub fn seal(&self, context: &str, cursor: Cursor) -> String {
        let mut bytes = Vec::with_capacity(CURSOR_LEN);
        bytes.push(VERSION);
        bytes.extend_from_slice(&cursor.at.as_unix_micros().to_be_bytes());
        bytes.extend_from_slice(cursor.id.as_bytes());
        self.sign(context, bytes)
    }

    /// Reads a cursor; `None` for anything but what [`seal`](Self::seal) makes for this context.
    pub fn open(&self, context: &str, text: &str) -> Option<Cursor> {
        if text.len() != TEXT_LEN {
            return None;
        }
        let mut bytes = [0; CURSOR_LEN];
        let length = BASE64URL.decode_slice(text, &mut bytes).ok()?;
        if length != CURSOR_LEN {
            return None;
        }
        let (body, tag) = bytes.split_first_chunk::<BODY_LEN>()?;
        self.verify(context, body, tag)?;
        let (&version, rest) = body.split_first()?;
        let (at, id) = rest.split_first_chunk::<8>()?;
        (version == VERSION).then_some(Cursor {
            at: Timestamp::from_unix_micros(i64::from_be_bytes(*at)),
            id: Uuid::from_slice(id).ok()?,
        })
    }

    /// The cursor of a search as text: at most 408 characters. A term that no search finds by (longer than 255 bytes) makes one that
    /// opens nothing.
    pub fn seal_search(&self, context: &str, cursor: &SearchCursor) -> String {
        let mut bytes = Vec::with_capacity(MAX_SEARCH_BODY + TAG_LEN);
        bytes.push(SEARCH_VERSION);
        bytes.push(u8::try_from(cursor.term.len()).unwrap_or(0));
        bytes.extend_from_slice(cursor.term.as_bytes());
        bytes.extend_from_slice(cursor.id.as_bytes());
        self.sign(context, bytes)
    }

    /// Reads the cursor of a search; `None` for anything but what [`seal_search`](Self::seal_search) makes for this context.
    pub fn open_search(&self, context: &str, text: &str) -> Option<SearchCursor> {
        if text.len() > (MAX_SEARCH_BODY + TAG_LEN).div_ceil(3) * 4 {
            return None;
        }
        let bytes = BASE64URL.decode(text).ok()?;
        let (body, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG_LEN)?)?;
        self.verify(context, body, tag)?;
        let (&version, rest) = body.split_first()?;
        let (&length, rest) = rest.split_first()?;
        let (term, id) = rest.split_at_checked(usize::from(length))?;
        if version != SEARCH_VERSION {
            return None;
        }
        Some(SearchCursor {
            term: std::str::from_utf8(term).ok()?.to_owned(),
            id: Uuid::from_slice(id).ok()?,
        })
    }

    fn sign(&self, context: &str, mut bytes: Vec<u8>) -> String {
        if let Some(key) = self.keys.first() {
            let tag = hmac::sign(key, &message(context, &bytes));
            bytes.extend_from_slice(tag.as_ref());
        }
        BASE64URL.encode(bytes)
    }

    fn verify(&self, context: &str, body: &[u8], tag: &[u8]) -> Option<()> {
        let message = message(context, body);
        self.keys
            .iter()
            .any(|key| hmac::verify(key, &message, tag).is_ok())
            .then_some(())
    }
}

impl fmt::Debug for Cursors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursors").finish_non_exhaustive()
    }
}

/// The body stands first and says by its first bytes how long it is, so that it cannot be confused with the context.
fn message(context: &str, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(body.len() + context.len());
    message.extend_from_slice(body);
    message.extend_from_slice(context.as_bytes());
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{crypto::SecretKey, testing::SeededRandom};

    fn key(seed: u64) -> SecretKey {
        SecretKey::generate(&SeededRandom::new(seed))
    }

    const CURSOR: Cursor = Cursor {
        at: Timestamp::from_unix_micros(1_795_357_296_123_456),
        id: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0042),
    };

    #[test]
    fn a_cursor_opens_in_its_context_alone() {
        let cursors = Cursors::new(&SecretKeys::new(key(1)));
        let text = cursors.seal("users/t1/u1", CURSOR);
        assert_eq!(text.len(), TEXT_LEN);
        assert_eq!(cursors.open("users/t1/u1", &text), Some(CURSOR));
        for context in [
            "",
            "users/t1/u",
            "users/t1/u11",
            "users/t2/u1",
            "audit/t1/u1",
        ] {
            assert_eq!(cursors.open(context, &text), None, "{context}");
        }
        let before = Cursor {
            at: Timestamp::from_unix_micros(-1),
            ..CURSOR
        };
        assert_eq!(cursors.open("x", &cursors.seal("x", before)), Some(before));
    }

    #[test]
    fn row_60_cve_2026_33503_a_forged_cursor_is_refused() {
        let cursors = Cursors::new(&SecretKeys::new(key(1)));
        let text = cursors.seal("users", CURSOR);
        for at in 0..text.len() {
            for with in b"Ab9_=' " {
                let mut changed = text.clone().into_bytes();
                if changed[at] != *with {
                    changed[at] = *with;
                    let changed = String::from_utf8(changed).unwrap();
                    assert_eq!(cursors.open("users", &changed), None, "{changed}");
                }
            }
            assert_eq!(cursors.open("users", &text[..at]), None);
        }
        for wrong in [
            format!("{text}="),
            format!("{text}AAAA"),
            format!(" {text}"),
        ] {
            assert_eq!(cursors.open("users", &wrong), None, "{wrong}");
        }
        let stranger = Cursors::new(&SecretKeys::new(key(2)));
        assert_eq!(stranger.open("users", &text), None);
        let rotated = Cursors::new(&SecretKeys::new(key(2)).with_previous(key(1)).unwrap());
        assert_eq!(rotated.open("users", &text), Some(CURSOR));
    }

    fn found(term: &str) -> SearchCursor {
        SearchCursor {
            term: term.to_owned(),
            id: CURSOR.id,
        }
    }

    #[test]
    fn a_cursor_of_a_search_opens_in_its_context_alone() {
        let cursors = Cursors::new(&SecretKeys::new(key(1)));
        let longest = "x".repeat(MAX_TERM);
        for term in ["", "a", "ada@example.org", "größe", longest.as_str()] {
            let text = cursors.seal_search("users/t1/u1", &found(term));
            assert!(text.len() <= 408, "{}", text.len());
            let opened = cursors.open_search("users/t1/u1", &text);
            assert_eq!(opened, Some(found(term)), "{term}");
            for context in ["", "users/t1/u", "users/t1/u11", "users/t2/u1"] {
                assert_eq!(cursors.open_search(context, &text), None, "{context}");
            }
            // Neither kind stands in for the other.
            assert_eq!(cursors.open("users/t1/u1", &text), None);
        }
        let plain = cursors.seal("users/t1/u1", CURSOR);
        assert_eq!(cursors.open_search("users/t1/u1", &plain), None);
        // A list's body and a search's term of the same length: what tells them apart is authenticated.
        let alike = cursors.seal_search("users/t1/u1", &found("1234567"));
        assert_eq!(alike.len(), TEXT_LEN);
        assert_eq!(cursors.open("users/t1/u1", &alike), None);
        let too_long = cursors.seal_search("u", &found(&"x".repeat(MAX_TERM + 1)));
        assert_eq!(cursors.open_search("u", &too_long), None);
        let shifted = cursors.seal_search("b", &found("a"));
        assert_eq!(cursors.open_search("ab", &shifted), None);
    }

    #[test]
    fn row_60_cve_2026_33503_a_forged_cursor_of_a_search_is_refused() {
        let cursors = Cursors::new(&SecretKeys::new(key(1)));
        let text = cursors.seal_search("users", &found("ada"));
        for at in 0..text.len() {
            for with in b"Ab9_=' " {
                let mut changed = text.clone().into_bytes();
                if changed[at] != *with {
                    changed[at] = *with;
                    let changed = String::from_utf8(changed).unwrap();
                    assert_eq!(cursors.open_search("users", &changed), None, "{changed}");
                }
            }
            assert_eq!(cursors.open_search("users", &text[..at]), None);
        }
        let stranger = Cursors::new(&SecretKeys::new(key(2)));
        assert_eq!(stranger.open_search("users", &text), None);
        assert_eq!(cursors.open_search("users", ""), None);
        assert_eq!(cursors.open_search("users", &"A".repeat(10_000)), None);
    }
}
