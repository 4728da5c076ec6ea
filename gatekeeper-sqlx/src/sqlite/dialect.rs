//! What is particular to SQLite: texts, types and codes.

use gatekeeper_core::model::Timestamp;
use sqlx::{
    Decode, Encode, Sqlite, Type,
    encode::IsNull,
    error::BoxDynError,
    sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef},
};

use crate::error::Failure;

pub(super) type Db = Sqlite;

pub(super) const NAME: &str = "sqlite";

/// What templates say differently here.
pub(super) const TOKENS: &[(&str, &str)] = &[
    // Types. Times are microseconds since 1970. Text is compared and sorted by its bytes already.
    ("{uuid}", "BLOB"),
    ("{time}", "INTEGER"),
    ("{text}", "TEXT"),
    ("{json}", "TEXT"),
    ("{bytes}", "BLOB"),
    ("{bool}", "INTEGER"),
    ("{int}", "INTEGER"),
    ("{bigint}", "INTEGER"),
    // Options of tables: as such, with space for rewriting rows in place, read by the primary key alone.
    ("{table}", "STRICT"),
    ("{table_hot}", "STRICT"),
    ("{table_keyed}", "STRICT, WITHOUT ROWID"),
    ("{default_tenant}", "X'00000000000070008000000000000001'"),
    ("{start_of_time}", "1767225600000000"),
    // Expressions. A transaction here holds the whole database from its beginning.
    ("{for_update}", ""),
    ("{for_update_shared}", ""),
    ("{skip_locked}", ""),
    ("{list_of}", "json_group_array"),
    ("{greatest}", "max"),
    ("{in_list_open}", "IN (SELECT value FROM json_each("),
    ("{in_list_close}", "))"),
    ("{each_open}", "json_each("),
    ("{each_close}", ") AS item"),
    (
        "{domain_of_address}",
        // An address ends with its domain, and `rtrim` stops at the last `@`.
        "substr(email_normalized, \
             length(rtrim(email_normalized, replace(email_normalized, '@', ''))))",
    ),
    // By spaces alone, and in lower case where the letters are ASCII.
    (
        "{words_of_name}",
        "json_each('[' || replace(json_quote(lower(u.name)), ' ', '\",\"') || ']') AS word",
    ),
    // Sixteen characters are never more than 64 bytes.
    (
        "{word_as_term}",
        "CASE WHEN length(CAST(word.value AS BLOB)) > 64 \
             THEN substr(word.value, 1, 16) ELSE word.value END",
    ),
    // PostgreSQL's way of telling other nodes.
    ("{notify}", ""),
];

/// Takes the lock for writing at once: a transaction that read first and asks for it later can only be refused.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

/// Whether there is the table of versions.
pub(super) const HAS_MIGRATIONS: &str =
    "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{p}migrations')";

/// Whether text can have U+0000 in it; what has is then nowhere to be found.
pub(super) const HOLDS_NUL: bool = true;

/// Microseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time(pub(super) Timestamp);

impl Type<Sqlite> for Time {
    fn type_info() -> SqliteTypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }

    fn compatible(ty: &SqliteTypeInfo) -> bool {
        <i64 as Type<Sqlite>>::compatible(ty)
    }
}

impl Encode<'_, Sqlite> for Time {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        <i64 as Encode<'_, Sqlite>>::encode(self.0.as_unix_micros(), buffer)
    }
}

impl Decode<'_, Sqlite> for Time {
    fn decode(value: SqliteValueRef<'_>) -> Result<Self, BoxDynError> {
        let micros = <i64 as Decode<'_, Sqlite>>::decode(value)?;
        Ok(Self(Timestamp::from_unix_micros(micros)))
    }
}

/// The text of a JSON value.
#[derive(Clone, Debug)]
pub(super) struct Json(pub(super) String);

impl Type<Sqlite> for Json {
    fn type_info() -> SqliteTypeInfo {
        <String as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for Json {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        <String as Encode<'_, Sqlite>>::encode_by_ref(&self.0, buffer)
    }
}

impl Decode<'_, Sqlite> for Json {
    fn decode(value: SqliteValueRef<'_>) -> Result<Self, BoxDynError> {
        <String as Decode<'_, Sqlite>>::decode(value).map(Self)
    }
}

/// Several texts in one value: a JSON array.
#[derive(Clone, Debug)]
pub(super) struct List(pub(super) Vec<String>);

impl Type<Sqlite> for List {
    fn type_info() -> SqliteTypeInfo {
        <String as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for List {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        let text = serde_json::to_string(&self.0)?;
        <String as Encode<'_, Sqlite>>::encode(text, buffer)
    }
}

impl Decode<'_, Sqlite> for List {
    fn decode(value: SqliteValueRef<'_>) -> Result<Self, BoxDynError> {
        let text = <&str as Decode<'_, Sqlite>>::decode(value)?;
        Ok(Self(serde_json::from_str(text)?))
    }
}

/// What an extended result code says (sqlite.org/rescode.html).
pub(super) fn failure(code: &str) -> Failure {
    let Ok(code) = code.parse::<u32>() else {
        return Failure::Other;
    };
    match code {
        // SQLITE_CONSTRAINT_FOREIGNKEY.
        787 => Failure::Reference,
        // SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE, _ROWID.
        1555 | 2067 | 2579 => Failure::Duplicate,
        // The lower byte is the primary code: BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL.
        _ => match code & 0xff {
            5..=10 | 13..=15 => Failure::Busy,
            _ => Failure::Other,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_apart() {
        for (code, expected) in [
            ("787", Failure::Reference),
            ("1555", Failure::Duplicate),
            ("2067", Failure::Duplicate),
            ("5", Failure::Busy),
            ("517", Failure::Busy),
            ("6", Failure::Busy),
            ("266", Failure::Busy),
            ("13", Failure::Busy),
            ("1", Failure::Other),
            ("11", Failure::Other),
            ("1299", Failure::Other),
            ("x", Failure::Other),
        ] {
            assert_eq!(failure(code), expected, "{code}");
        }
    }
}
