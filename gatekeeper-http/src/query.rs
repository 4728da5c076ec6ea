//! `?limit=50&cursor=...` of lists.

use gatekeeper_core::{
    Gatekeeper, Violations,
    model::{MAX_PAGE, Page, PageRequest},
};
use serde::Serialize;

use crate::problem::Problem;

const DEFAULT_LIMIT: u32 = 50;

/// A part of a list as clients see it.
#[derive(Serialize)]
pub(crate) struct ListBody<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

/// One list of one caller. Its cursors open no other list, nor anybody else's.
#[derive(Debug)]
pub(crate) struct List<'a> {
    gatekeeper: &'a Gatekeeper,
    context: String,
}

impl<'a> List<'a> {
    /// `context` names the list, the tenant and whatever else decides what is in it.
    pub(crate) fn new(gatekeeper: &'a Gatekeeper, context: String) -> Self {
        Self {
            gatekeeper,
            context,
        }
    }

    /// Which part the query asks for. A parameter that is unknown, or there twice, is refused (ASVS 15.3.7).
    pub(crate) fn page(&self, query: Option<&str>) -> Result<PageRequest, Problem> {
        let mut violations = Violations::none();
        let mut limit = None;
        let mut cursor = None;
        for (name, value) in pairs(query.unwrap_or_default()) {
            let slot = match name.as_deref() {
                Some("limit") => &mut limit,
                Some("cursor") => &mut cursor,
                Some(_) | None => {
                    violations.push(
                        "",
                        "query.unknown",
                        "this list knows limit and cursor alone",
                    );
                    continue;
                }
            };
            if slot.replace(value).is_some() {
                violations.push("", "query.repeated", "a parameter is there twice");
            }
        }
        let limit = match limit {
            None => Some(DEFAULT_LIMIT),
            Some(text) => text.as_deref().and_then(parse_limit),
        };
        if limit.is_none() {
            violations.push(
                "/limit",
                "query.limit",
                format!("must be a number from 1 to {MAX_PAGE}"),
            );
        }
        let after = cursor
            .map(|text| text.and_then(|text| self.gatekeeper.cursors().open(&self.context, &text)));
        if matches!(after, Some(None)) {
            violations.push(
                "/cursor",
                "query.cursor",
                "must be the next_cursor of this list",
            );
        }
        violations.check()?;
        Ok(PageRequest {
            limit: limit.unwrap_or(DEFAULT_LIMIT),
            after: after.flatten(),
        })
    }

    /// The list's answer.
    pub(crate) fn body<T, U: Serialize>(
        &self,
        page: Page<T>,
        show: impl FnMut(T) -> U,
    ) -> ListBody<U> {
        ListBody {
            next_cursor: page
                .next
                .map(|cursor| self.gatekeeper.cursors().seal(&self.context, cursor)),
            items: page.items.into_iter().map(show).collect(),
        }
    }
}

fn parse_limit(text: &str) -> Option<u32> {
    // `u32::from_str` also reads a leading plus.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let limit = text.parse().ok().filter(|_| digits)?;
    (1..=MAX_PAGE).contains(&limit).then_some(limit)
}

/// The pairs of a query, decoded; `None` for what is not UTF-8 or not sound percent-encoding.
fn pairs(query: &str) -> impl Iterator<Item = (Option<String>, Option<String>)> + '_ {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_in_its_bounds() {
        assert_eq!(parse_limit("1"), Some(1));
        assert_eq!(parse_limit("100"), Some(100));
        for wrong in [
            "0",
            "101",
            "",
            "-1",
            "+5",
            "1.0",
            "1e1",
            " 5",
            "99999999999999999999",
        ] {
            assert_eq!(parse_limit(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn percent_encoding_is_read_or_refused() {
        assert_eq!(decode("a%2Bb+c").as_deref(), Some("a+b c"));
        for wrong in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
