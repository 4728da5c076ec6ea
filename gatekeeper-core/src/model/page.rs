use uuid::Uuid;

use super::Timestamp;

/// The longest page a list answers with.
pub const MAX_PAGE: u32 = 100;

/// Where a page ends: the sort key of its last item. Lists are sorted by (time, id), newest first, so that a page stays
/// where it is while rows come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The time of the last item.
    pub at: Timestamp,
    /// The id of the last item.
    pub id: Uuid,
}

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items, 1 to [`MAX_PAGE`].
    pub limit: u32,
    /// After which item: the page holds what sorts strictly after it.
    pub after: Option<Cursor>,
}

impl PageRequest {
    /// The first page with this many items, held between 1 and [`MAX_PAGE`].
    pub fn first(limit: u32) -> Self {
        Self {
            limit: limit.clamp(1, MAX_PAGE),
            after: None,
        }
    }
}

/// Where a page of a search ends: the term and the id of its last item. What a search finds is sorted by (term, id).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchCursor {
    /// The term by which the last item was found.
    pub term: String,
    /// The id of the last item.
    pub id: Uuid,
}

/// A part of what a search found. It may hold fewer items than asked for, even none, and still not be the last: how many rows are
/// looked at for a page is limited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPage<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `None` where there is none.
    pub next: Option<SearchCursor>,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `None` where there is none.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Makes a page of up to `limit + 1` rows: a store asks for one row more than wanted to learn whether there are more.
    pub fn from_rows(mut rows: Vec<T>, limit: u32, cursor: impl Fn(&T) -> Cursor) -> Self {
        let limit = limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(cursor) } else { None };
        Self { items: rows, next }
    }

    /// The same page of other items.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            next: self.next,
        }
    }
}
