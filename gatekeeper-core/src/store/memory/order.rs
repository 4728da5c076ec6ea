use std::{collections::BTreeSet, ops::Bound};

use uuid::Uuid;

use crate::model::{Cursor, MAX_PAGE, PageRequest, Timestamp};

/// The beginning of time, for ranges.
pub(super) const FIRST: Timestamp = Timestamp::from_unix_micros(i64::MIN);
/// The end of time, for ranges.
pub(super) const LAST: Timestamp = Timestamp::from_unix_micros(i64::MAX);

/// The ids of one owner from an index by (owner, time, id), newest first, beyond the cursor.
pub(super) fn newest_first<O: Ord + Copy, I: Ord + Copy>(
    index: &BTreeSet<(O, Timestamp, I)>,
    owner: O,
    after: Option<Cursor>,
    id: impl Fn(Uuid) -> I,
) -> impl Iterator<Item = I> {
    let from = Bound::Included((owner, FIRST, id(Uuid::nil())));
    let to = match after {
        Some(after) => Bound::Excluded((owner, after.at, id(after.id))),
        None => Bound::Included((owner, LAST, id(Uuid::max()))),
    };
    index.range((from, to)).rev().map(|(_, _, id)| *id)
}

/// How many rows to read for a page: one more than wanted tells whether there are more.
pub(super) fn rows_for(page: PageRequest) -> usize {
    page.limit.clamp(1, MAX_PAGE) as usize + 1
}

/// Up to `limit` ids from an index by (time, id), oldest first, up to and with `last`.
pub(super) fn oldest_until<I: Ord + Copy>(
    index: &BTreeSet<(Timestamp, I)>,
    last: Timestamp,
    limit: u32,
) -> Vec<I> {
    index
        .iter()
        .take_while(|(at, _)| *at <= last)
        .take(limit as usize)
        .map(|(_, id)| *id)
        .collect()
}

/// As [`oldest_until`], but strictly before `end`.
pub(super) fn oldest_before<I: Ord + Copy>(
    index: &BTreeSet<(Timestamp, I)>,
    end: Timestamp,
    limit: u32,
) -> Vec<I> {
    index
        .iter()
        .take_while(|(at, _)| *at < end)
        .take(limit as usize)
        .map(|(_, id)| *id)
        .collect()
}

/// How many there are, but never more than `up_to`; no more are looked at.
pub(super) fn count_up_to<T>(rows: impl Iterator<Item = T>, up_to: u32) -> u32 {
    let counted = rows.take(up_to as usize).count();
    u32::try_from(counted).unwrap_or(up_to)
}
