//! `?limit=50&cursor=...` of lists.

use gatekeeper_core::{
    Gatekeeper, Violations,
    model::{Cursor, MAX_PAGE, Page, PageRequest, SearchCursor},
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

    /// Which part the query asks for, of a list that has no other parameters.
    pub(crate) fn page(&self, query: Option<&str>) -> Result<PageRequest, Problem> {
        self.page_of(Parameters::read(query, &[]))
    }

    /// Which part the query asks for.
    pub(crate) fn page_of(&self, mut query: Parameters) -> Result<PageRequest, Problem> {
        let limit = query.limit();
        let cursors = self.gatekeeper.cursors();
        let after = query.cursor(|text| cursors.open(&self.context, text));
        query.check()?;
        Ok(PageRequest { limit, after })
    }

    /// Which part of a search the query asks for: how many, and after which item.
    pub(crate) fn search_page_of(
        &self,
        mut query: Parameters,
    ) -> Result<(u32, Option<SearchCursor>), Problem> {
        let limit = query.limit();
        let cursors = self.gatekeeper.cursors();
        let after = query.cursor(|text| cursors.open_search(&self.context, text));
        query.check()?;
        Ok((limit, after))
    }

    /// The list's answer.
    pub(crate) fn body<T, U: Serialize>(
        &self,
        page: Page<T>,
        show: impl FnMut(T) -> U,
    ) -> ListBody<U> {
        self.body_of(page.items.into_iter().map(show).collect(), page.next)
    }

    /// The list's answer, of items that are shown already.
    pub(crate) fn body_of<U: Serialize>(&self, items: Vec<U>, next: Option<Cursor>) -> ListBody<U> {
        ListBody {
            next_cursor: next.map(|cursor| self.gatekeeper.cursors().seal(&self.context, cursor)),
            items,
        }
    }

    /// The answer of a search.
    pub(crate) fn search_body<U: Serialize>(
        &self,
        items: Vec<U>,
        next: Option<&SearchCursor>,
    ) -> ListBody<U> {
        ListBody {
            next_cursor: next
                .map(|cursor| self.gatekeeper.cursors().seal_search(&self.context, cursor)),
            items,
        }
    }
}

/// The parameters of a query: those that every list has, and those that this one knows besides. One that is unknown, or there twice,
/// is refused (ASVS 15.3.7).
#[derive(Debug)]
pub(crate) struct Parameters {
    values: Vec<(&'static str, Option<String>)>,
    violations: Violations,
}

impl Parameters {
    /// Reads a query.
    pub(crate) fn read(query: Option<&str>, known: &[&'static str]) -> Self {
        let mut parameters = Self {
            values: Vec::new(),
            violations: Violations::none(),
        };
        for (name, value) in pairs(query.unwrap_or_default()) {
            let mut names = ["limit", "cursor"].iter().chain(known);
            let Some(&name) = names.find(|known| name.as_deref() == Some(**known)) else {
                let detail = "this list does not know the parameter";
                parameters.violations.push("", "query.unknown", detail);
                continue;
            };
            if parameters.values.iter().any(|(other, _)| *other == name) {
                let detail = "a parameter is there twice";
                parameters.violations.push("", "query.repeated", detail);
                continue;
            }
            parameters.values.push((name, value));
        }
        parameters
    }

    /// The text of a parameter, where it is there. What cannot be read is refused.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        let (_, value) = self.values.iter().find(|(other, _)| *other == name)?;
        let text = value.clone().filter(|text| !text.contains('\0'));
        if text.is_none() {
            let detail = "must be percent-encoded UTF-8 without the NUL character";
            self.refuse(name, "query.encoding", detail);
        }
        text
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let detail = format!("must be one of: {}", known.join(", "));
            self.refuse(name, "query.value", detail);
        }
        found.map(|(_, meaning)| *meaning)
    }

    /// Notes that a parameter is wrong.
    pub(crate) fn refuse(&mut self, name: &str, code: &'static str, detail: impl Into<String>) {
        self.violations.push(format!("/{name}"), code, detail);
    }

    fn value(&self, name: &str) -> Option<&Option<String>> {
        let found = self.values.iter().find(|(other, _)| *other == name);
        found.map(|(_, value)| value)
    }

    fn limit(&mut self) -> u32 {
        let limit = match self.value("limit") {
            None => Some(DEFAULT_LIMIT),
            Some(text) => text.as_deref().and_then(parse_limit),
        };
        if limit.is_none() {
            let detail = format!("must be a number from 1 to {MAX_PAGE}");
            self.refuse("limit", "query.limit", detail);
        }
        limit.unwrap_or(DEFAULT_LIMIT)
    }

    fn cursor<T>(&mut self, open: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let after = self.value("cursor")?.as_deref().and_then(open);
        if after.is_none() {
            let detail = "must be the next_cursor of this list";
            self.refuse("cursor", "query.cursor", detail);
        }
        after
    }

    fn check(self) -> Result<(), Problem> {
        Ok(self.violations.check()?)
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
