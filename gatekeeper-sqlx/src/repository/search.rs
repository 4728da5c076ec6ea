//! Users by what they are found by. Terms are rows of their own, so that a search reads one index in its order.

use gatekeeper_core::{
    model::{SearchCursor, SearchPage, TenantId, User},
    store::{StoreError, UserFilter, UserSearch},
};
use sqlx::SqlStr;
use uuid::Uuid;

use super::{
    Call, SqlTransaction,
    dialect::{self, List},
    rows::Found,
    statements::statements,
    users::ByState,
    within,
};
use crate::settings::Templates;

statements! {
    forget = "DELETE FROM {p}user_terms WHERE tenant_id = $1 AND user_id = $2";
    insert = "INSERT INTO {p}user_terms (tenant_id, user_id, term) \
              SELECT $1, $2, value FROM {each_open}$3{each_close}";
    // Where the rows end that are looked at for a page.
    window = "SELECT term, user_id FROM {p}user_terms \
              WHERE tenant_id = $1 AND (term, user_id) > ($2, $3) AND term < $4 \
              ORDER BY term, user_id LIMIT 1 OFFSET $5";
}

/// How many rows are looked at for a page, beside the last.
const WINDOW: i64 = 4_095;

/// Sorts behind every term, which has at most 64 bytes, or is an address.
const LAST: char = char::MAX;

/// A statement for each combination of filters.
#[derive(Debug)]
pub(in super::super) struct Searches {
    all: ByState,
    of_role: ByState,
}

impl Searches {
    pub(in super::super) fn new(templates: &Templates) -> Self {
        // Each user once: by the first of the terms that begin so.
        let select = |role: &str| {
            format!(
                "SELECT t.term, {{user}} FROM {{p}}user_terms t CROSS JOIN {{p}}users u \
                 WHERE u.tenant_id = t.tenant_id AND u.id = t.user_id AND t.tenant_id = $1 \
                 AND (t.term, t.user_id) > ($2, $3) AND (t.term, t.user_id) <= ($4, $5) \
                 AND NOT EXISTS (SELECT 1 FROM {{p}}user_terms f WHERE f.tenant_id = t.tenant_id \
                     AND f.user_id = t.user_id AND f.term >= $6 AND f.term < t.term){role}"
            )
        };
        let order = "ORDER BY t.term, t.user_id LIMIT $7";
        let of_role = " AND EXISTS (SELECT 1 FROM {p}user_roles r WHERE r.tenant_id = t.tenant_id \
             AND r.user_id = t.user_id AND r.role = $8)";
        Self {
            all: ByState::new(templates, &select(""), order),
            of_role: ByState::new(templates, &select(of_role), order),
        }
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> Vec<&str> {
        [self.all.all(), self.of_role.all()].concat()
    }
}

/// A place among the terms of a tenant.
type Place = (String, Uuid);

impl SqlTransaction {
    pub(super) async fn put_terms(&mut self, user: &User) -> Result<(), StoreError> {
        let insert = within(user.tenant_id, &self.sql.search.insert)
            .bind(user.tenant_id.as_uuid())
            .bind(user.id.as_uuid())
            .bind(List(user.search_terms()));
        self.execute(insert).await.map(|_| ())
    }

    pub(super) async fn forget_terms(&mut self, user: &User) -> Result<(), StoreError> {
        let forget = within(user.tenant_id, &self.sql.search.forget)
            .bind(user.tenant_id.as_uuid())
            .bind(user.id.as_uuid());
        self.execute(forget).await.map(|_| ())
    }

    pub(super) async fn search_users(
        &mut self,
        tenant: TenantId,
        search: &UserSearch,
    ) -> Result<SearchPage<User>, StoreError> {
        let after = search.after.as_ref();
        let nowhere = |text: &str| !dialect::HOLDS_NUL && text.contains('\0');
        if nowhere(&search.prefix) || after.is_some_and(|after| nowhere(&after.term)) {
            return Ok(SearchPage {
                items: Vec::new(),
                next: None,
            });
        }
        let from = after.map_or_else(
            || (search.prefix.clone(), Uuid::nil()),
            |after| (after.term.clone(), after.id),
        );
        let end = behind(&search.prefix);
        // Who is looked for among all: a few rows hold a page, whatever the window.
        let window = if search.filter == UserFilter::default() {
            None
        } else {
            self.end_of_window(tenant, &from, &end).await?
        };
        let until = window.clone().unwrap_or((end, Uuid::nil()));
        let call = self.page(tenant, search, &from, &until);
        let mut found: Vec<Found> = self.fetch(call).await?;
        let more = found.len() > search.limit as usize;
        found.truncate(search.limit as usize);
        let next = if more {
            found.last().map(|last| SearchCursor {
                term: last.term.clone(),
                id: last.user.id.as_uuid(),
            })
        } else {
            window.map(|(term, id)| SearchCursor { term, id })
        };
        Ok(SearchPage {
            items: found.into_iter().map(|found| found.user).collect(),
            next,
        })
    }

    async fn end_of_window(
        &mut self,
        tenant: TenantId,
        from: &Place,
        end: &str,
    ) -> Result<Option<Place>, StoreError> {
        let call = within(tenant, &self.sql.search.window)
            .bind(tenant.as_uuid())
            .bind(from.0.as_str())
            .bind(from.1)
            .bind(end)
            .bind(WINDOW);
        self.fetch_one(call).await
    }

    fn page<'q>(
        &self,
        tenant: TenantId,
        search: &UserSearch,
        from: &Place,
        until: &Place,
    ) -> Call<'q> {
        let call = |sql: &SqlStr| {
            within(tenant, sql)
                .bind(tenant.as_uuid())
                .bind(from.0.as_str())
                .bind(from.1)
                .bind(until.0.as_str())
                .bind(until.1)
                .bind(search.prefix.as_str())
                .bind(i64::from(search.limit) + 1)
        };
        let (searches, active) = (&self.sql.searches, search.filter.active);
        match &search.filter.role {
            None => call(searches.all.choose(active)),
            Some(role) => call(searches.of_role.choose(active)).bind(role.as_str()),
        }
    }
}

/// The first text that sorts behind all that begin with this one: by code points, which is the order of the bytes of UTF-8.
fn behind(prefix: &str) -> String {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // The one after the last before the surrogates is the first behind them.
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            LAST => None,
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            text.push(next);
            return text;
        }
    }
    std::iter::repeat_n(LAST, 128).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_prefix_is_nothing_that_begins_with_it() {
        for (prefix, expected) in [
            ("a", "b"),
            ("a%", "a&"),
            ("\0", "\u{1}"),
            ("a\u{7f}", "a\u{80}"),
            ("\u{d7ff}", "\u{e000}"),
            ("a\u{10ffff}", "b"),
        ] {
            assert_eq!(behind(prefix), expected, "{prefix:?}");
            assert!(format!("{prefix}\u{10ffff}\u{10ffff}").as_str() < expected);
        }
        let all = "\u{10ffff}".repeat(16);
        assert!(behind(&all) > format!("{all}z"));
    }
}
