//! Whether a password is among those that are tried first.

use std::collections::HashSet;

use super::fold;

/// Common passwords in lower case, sorted by byte, one a line. Origin and licence: `data/NOTICE`.
const BUNDLED: &str = include_str!("data/common.txt");

/// Digits and signs that people put before or after a word; as many as a date.
const DECORATION: usize = 8;
/// A repeated unit of up to so many characters is none at all, whatever it is.
const SHORT_UNIT: usize = 4;
/// Two neighbours are chance; three in a line are a run.
const LEAST_LINE: usize = 3;
/// Where each step may go to any of eight keys, three are chance too.
const LEAST_WALK: usize = 4;
/// Characters that may be left over beside the runs of a password.
const LEFT_OVER: usize = 2;

pub(super) fn is_common(password: &str, block_list: &HashSet<String>) -> bool {
    let lists = Lists { block_list };
    let chars: Vec<char> = fold::case(password).chars().collect();
    is_runs(&chars)
        || cores(&chars).any(|core| {
            let unleeted: Vec<char> = core.iter().copied().map(fold::letter).collect();
            lists.knows(core) || lists.knows(&unleeted)
        })
}

struct Lists<'a> {
    block_list: &'a HashSet<String>,
}

impl Lists<'_> {
    /// Whether the text is listed, or is a repetition of something that is listed or hardly anything.
    fn knows(&self, chars: &[char]) -> bool {
        let Some(unit) = unit(chars) else {
            return false;
        };
        let repeated = unit.len() < chars.len();
        // `blingbling` is listed, `bling` is not: a few times the unit counts as the unit.
        let times = (unit.len()..=chars.len()).step_by(unit.len());
        (repeated && unit.len() <= SHORT_UNIT)
            || self.lists(chars)
            || times
                .filter_map(|end| chars.get(..end))
                .any(|part| self.lists(part))
    }

    fn lists(&self, chars: &[char]) -> bool {
        let text: String = chars.iter().collect();
        self.block_list.contains(&text) || is_bundled(&text)
    }
}

/// The shortest part that gives the text when repeated; the last time may be cut short. `None` for an empty text.
fn unit(chars: &[char]) -> Option<&[char]> {
    (1..=chars.len())
        .filter(|&period| period == chars.len() || period <= chars.len() / 2)
        .find(|&period| {
            let shifted = chars.iter().skip(period);
            chars.iter().zip(shifted).all(|(left, right)| left == right)
        })
        .and_then(|period| chars.get(..period))
}

/// The text, and the text without what people put before it, after it, or both, to satisfy a rule: up to 8 digits and
/// signs, or a run of any length (`1234567890`).
fn cores(chars: &[char]) -> impl Iterator<Item = &[char]> {
    let first = chars.iter().position(|char| char.is_alphabetic());
    let last = chars.iter().rposition(|char| char.is_alphabetic());
    let (start, end) = match (first, last) {
        (Some(first), Some(last)) => (first, last + 1),
        _ => (0, chars.len()),
    };
    let decorations = [
        (0, chars.len()),
        (start, chars.len()),
        (0, end),
        (start, end),
    ];
    decorations.into_iter().filter_map(move |(start, end)| {
        let parts = [chars.get(..start)?, chars.get(end..)?];
        let few = parts.iter().map(|part| part.len()).sum::<usize>() <= DECORATION;
        let weak = few || parts.iter().all(|part| part.is_empty() || is_runs(part));
        chars.get(start..end).filter(|_| weak)
    })
}

/// Whether the text is all runs, but for 2 characters.
fn is_runs(chars: &[char]) -> bool {
    let mut left_over = 0;
    let mut rest = chars;
    while !rest.is_empty() {
        let length = run(rest).unwrap_or(1);
        left_over += usize::from(length == 1);
        rest = rest.get(length..).unwrap_or_default();
    }
    left_over <= LEFT_OVER && left_over < chars.len()
}

/// The length of the longest run that the text begins with: equal characters, neighbours in the alphabet or in a row of
/// keys, or a walk from key to key.
fn run(chars: &[char]) -> Option<usize> {
    let follow = |least: usize, near: &dyn Fn(char, char) -> bool| {
        let pairs = chars.iter().zip(chars.iter().skip(1));
        let length = 1 + pairs
            .take_while(|&(&left, &right)| near(left, right))
            .count();
        (length >= least).then_some(length)
    };
    let lines = [
        follow(LEAST_LINE, &|left, right| left == right),
        follow(LEAST_LINE, &rises),
        follow(LEAST_LINE, &|left, right| rises(right, left)),
    ];
    let keys = KEYBOARDS.iter().flat_map(|keyboard| {
        [
            follow(LEAST_LINE, &|left, right| precedes(keyboard, left, right)),
            follow(LEAST_LINE, &|left, right| precedes(keyboard, right, left)),
            follow(LEAST_WALK, &|left, right| touches(keyboard, left, right)),
        ]
    });
    lines.into_iter().chain(keys).flatten().max()
}

/// `ab`, `12`, and `90`, as on the keyboard.
fn rises(left: char, right: char) -> bool {
    let successor = match left {
        '9' => '0',
        left => char::from_u32(u32::from(left) + 1).unwrap_or(left),
    };
    left.is_alphanumeric() && right.is_alphanumeric() && successor == right
}

/// The rows of keys, each with its shifted signs: English, and what German and French keyboards have elsewhere.
const KEYBOARDS: [[&str; 4]; 3] = [
    ["1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./"],
    ["1234567890", "qwertzuiopü", "asdfghjklöä", "yxcvbnm,.-"],
    ["1234567890", "azertyuiop", "qsdfghjklm", "wxcvbn,;:"],
];
const SHIFTED: (&str, &str) = ("!@#$%^&*()_+", "1234567890-=");

/// In one row, from left to right.
fn precedes(keyboard: &[&str; 4], left: char, right: char) -> bool {
    match (place(keyboard, left), place(keyboard, right)) {
        (Some((row, column)), Some(next)) => next == (row, column + 1),
        _ => false,
    }
}

/// One key away in any direction, or the same key.
fn touches(keyboard: &[&str; 4], left: char, right: char) -> bool {
    match (place(keyboard, left), place(keyboard, right)) {
        (Some((row, column)), Some((next_row, next_column))) => {
            row.abs_diff(next_row) <= 1 && column.abs_diff(next_column) <= 1
        }
        _ => false,
    }
}

fn place(keyboard: &[&str; 4], key: char) -> Option<(usize, usize)> {
    let (signs, digits) = SHIFTED;
    let key = signs
        .chars()
        .zip(digits.chars())
        .find_map(|(sign, digit)| (sign == key).then_some(digit))
        .unwrap_or(key);
    keyboard.iter().enumerate().find_map(|(row, keys)| {
        let column = keys.chars().position(|char| char == key)?;
        Some((row, column))
    })
}

/// A binary search over the text itself: nothing is built, nothing is kept.
fn is_bundled(text: &str) -> bool {
    let (mut low, mut high) = (0, BUNDLED.len());
    while low < high {
        // The whole line around the middle. The list is ASCII: every byte is a boundary.
        let middle = low + (high - low) / 2;
        let line_at = |index: usize| BUNDLED.get(..index)?.rfind('\n').map(|newline| newline + 1);
        let start = line_at(middle).unwrap_or(0);
        let line = BUNDLED.get(start..).and_then(|rest| rest.lines().next());
        let Some(line) = line else {
            return false;
        };
        match line.cmp(text) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = start + line.len() + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    false
}

#[cfg(test)]
pub(super) fn bundled() -> impl Iterator<Item = &'static str> {
    BUNDLED.lines()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_list_is_sorted_and_every_entry_is_found() {
        let lines: Vec<&str> = bundled().collect();
        assert!(lines.is_sorted_by(|left, right| left < right));
        for line in &lines {
            assert!(is_bundled(line), "{line}");
            assert!(
                line.bytes()
                    .all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase())
            );
        }
        for absent in [
            "",
            "\n",
            "password\n",
            "passwo rd",
            "~~~~",
            "!",
            "zzzzzzzzzzzzz",
            "ä",
        ] {
            assert!(!is_bundled(absent), "{absent:?}");
        }
    }

    #[test]
    fn units_and_runs() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        let unit = |text: &str| unit(&chars(text)).map(|unit| unit.iter().collect::<String>());
        assert_eq!(unit("").as_deref(), None);
        assert_eq!(unit("abcd").as_deref(), Some("abcd"));
        assert_eq!(unit("aaaa").as_deref(), Some("a"));
        assert_eq!(unit("abcabca").as_deref(), Some("abc"));
        assert_eq!(unit("abcab").as_deref(), Some("abcab"));
        for (text, length) in [
            ("abcx", Some(3)),
            ("cbax", Some(3)),
            ("aaa", Some(3)),
            ("8901x", Some(4)),
            ("qwe!", Some(3)),
            ("ewq", Some(3)),
            ("1qaz2", Some(4)),
            ("1qa", None),
            ("xk", None),
            ("", None),
        ] {
            assert_eq!(run(&chars(text)), length, "{text}");
        }
    }
}
