use std::{collections::BTreeMap, ops::RangeBounds};

use super::state::State;

/// A row that knows its key, its table and the indexes it stands in.
pub(super) trait Row: Clone + Send + Sync + 'static {
    /// What the row is found by.
    type Key: Ord + Clone + Send + Sync + 'static;
    /// The other orders in which rows are found.
    type Index: Default;

    fn key(&self) -> Self::Key;
    fn table(state: &mut State) -> &mut Table<Self>;
    /// Enters the row into the indexes.
    fn index(&self, index: &mut Self::Index);
    /// Takes out what [`index`](Self::index) entered.
    fn unindex(&self, index: &mut Self::Index);
}

/// Rows by key, with their indexes.
pub(super) struct Table<R: Row> {
    rows: BTreeMap<R::Key, R>,
    index: R::Index,
}

impl<R: Row> Default for Table<R> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            index: R::Index::default(),
        }
    }
}

impl<R: Row> Table<R> {
    pub(super) fn get(&self, key: &R::Key) -> Option<&R> {
        self.rows.get(key)
    }

    pub(super) fn contains(&self, key: &R::Key) -> bool {
        self.rows.contains_key(key)
    }

    pub(super) fn range(
        &self,
        range: impl RangeBounds<R::Key>,
    ) -> impl DoubleEndedIterator<Item = &R> {
        self.rows.range(range).map(|(_, row)| row)
    }

    /// The keys of the rows that are so. Looks at all: for what is rare.
    pub(super) fn keys(&self, wanted: impl Fn(&R) -> bool) -> Vec<R::Key> {
        let rows = self.rows.iter();
        rows.filter(|(_, row)| wanted(row))
            .map(|(key, _)| key.clone())
            .collect()
    }

    pub(super) const fn by(&self) -> &R::Index {
        &self.index
    }

    /// The one way to write: what stands at `key` becomes `row`, the indexes follow, and what stood there before is the
    /// answer. Applied to that answer it undoes itself.
    pub(super) fn set(&mut self, key: &R::Key, row: Option<R>) -> Option<R> {
        let before = self.rows.remove(key);
        if let Some(before) = &before {
            before.unindex(&mut self.index);
        }
        if let Some(row) = row {
            row.index(&mut self.index);
            self.rows.insert(key.clone(), row);
        }
        before
    }
}
