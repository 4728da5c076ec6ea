//! Lists that can be filtered: a statement for each combination of filters, since one for all of them could use no index.

use gatekeeper_core::store::StoreError;
use sqlx::SqlStr;

use crate::settings::Templates;

/// The statements of a list by which of its `N` filters are set.
#[derive(Debug)]
pub(in super::super) struct Lists<const N: usize>(Vec<([bool; N], SqlStr)>);

impl<const N: usize> Lists<N> {
    /// Makes the statement of each combination.
    pub(super) fn new(templates: &Templates, select: impl Fn([bool; N]) -> String) -> Self {
        let combinations =
            (0..1_usize << N).map(|bits| std::array::from_fn(|n| bits & (1 << n) != 0));
        Self(
            combinations
                .map(|combination| (combination, templates.sql(&select(combination))))
                .collect(),
        )
    }

    pub(super) fn choose(&self, combination: [bool; N]) -> Result<&SqlStr, StoreError> {
        self.0
            .iter()
            .find(|(of, _)| *of == combination)
            .map(|(_, sql)| sql)
            .ok_or_else(|| StoreError::corrupt("no statement for this filter"))
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> Vec<&str> {
        self.0.iter().map(|(_, sql)| sql.as_str()).collect()
    }
}

/// The conditions that are wanted, each with the number of its parameter, from `first` on.
pub(super) fn conditions<const N: usize>(
    wanted: [bool; N],
    texts: [&str; N],
    first: usize,
) -> String {
    texts
        .into_iter()
        .zip(wanted)
        .filter_map(|(text, wanted)| wanted.then_some(text))
        .zip(first..)
        .map(|(text, number)| format!("AND {text} ${number} "))
        .collect::<Vec<_>>()
        .concat()
}

/// The first of the numbers in a row that answers how many there are.
pub(super) fn counted(rows: Option<i64>) -> Result<u32, StoreError> {
    // No row at all would be an answer that nobody gave.
    let count = rows.ok_or_else(|| StoreError::corrupt("no answer"))?;
    u32::try_from(count).map_err(StoreError::corrupt)
}
