//! By what users are found: rows of their own, as in the other stores, so that a list is read in the order of an index.

use std::{collections::BTreeSet, ops::Bound};

use uuid::Uuid;

use super::{
    state::State,
    table::{Row, Table},
};
use crate::{
    model::{SearchCursor, SearchPage, TenantId, User, UserId},
    store::UserSearch,
};

/// The most terms that are looked at for a page.
const MAX_LOOKED_AT: usize = 4096;

/// What one user is found by.
#[derive(Clone)]
pub(super) struct SearchTerms {
    tenant_id: TenantId,
    user_id: UserId,
    terms: BTreeSet<String>,
}

#[derive(Default)]
pub(super) struct SearchIndex {
    term: BTreeSet<(TenantId, String, UserId)>,
}

impl Row for SearchTerms {
    type Key = UserId;
    type Index = SearchIndex;

    fn key(&self) -> UserId {
        self.user_id
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.search_terms
    }

    fn index(&self, index: &mut SearchIndex) {
        let entries = self.terms.iter();
        index
            .term
            .extend(entries.map(|term| (self.tenant_id, term.clone(), self.user_id)));
    }

    fn unindex(&self, index: &mut SearchIndex) {
        for term in &self.terms {
            index
                .term
                .remove(&(self.tenant_id, term.clone(), self.user_id));
        }
    }
}

impl SearchTerms {
    pub(super) fn of(user: &User) -> Self {
        Self {
            tenant_id: user.tenant_id,
            user_id: user.id,
            terms: user.search_terms().into_iter().collect(),
        }
    }

    /// The first of the terms that begins so.
    fn first_with(&self, prefix: &str) -> Option<&String> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        self.terms
            .range::<str, _>(from)
            .next()
            .filter(|term| term.starts_with(prefix))
    }
}

impl State {
    pub(super) fn search_users(&self, tenant: TenantId, search: &UserSearch) -> SearchPage<User> {
        let from = match &search.after {
            Some(after) => {
                Bound::Excluded((tenant, after.term.clone(), UserId::from_uuid(after.id)))
            }
            None => Bound::Included((
                tenant,
                search.prefix.clone(),
                UserId::from_uuid(Uuid::nil()),
            )),
        };
        let limit = search.limit as usize;
        let (mut items, mut last) = (Vec::new(), None);
        let terms = self.search_terms.by().term.range((from, Bound::Unbounded));
        let found = terms.take_while(|(owner, term, _)| {
            *owner == tenant && term.starts_with(search.prefix.as_str())
        });
        for (looked_at, (_, term, id)) in found.enumerate() {
            if items.len() == limit || looked_at == MAX_LOOKED_AT {
                return SearchPage { items, next: last };
            }
            last = Some(SearchCursor {
                term: term.clone(),
                id: id.as_uuid(),
            });
            let first = self
                .search_terms
                .get(id)
                .and_then(|terms| terms.first_with(&search.prefix));
            let user = self.user(tenant, *id);
            items.extend(
                user.filter(|user| first == Some(term) && self.passes(user, &search.filter))
                    .cloned(),
            );
        }
        SearchPage { items, next: None }
    }
}
