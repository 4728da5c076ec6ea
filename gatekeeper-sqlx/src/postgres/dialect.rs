//! What is particular to PostgreSQL: texts, types and codes.

use gatekeeper_core::model::Timestamp;
use sqlx::{
    Decode, Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef, types::Oid},
};
use time::OffsetDateTime;

use crate::error::Failure;

pub(super) type Db = Postgres;

pub(super) const NAME: &str = "postgres";

/// What templates say differently here.
pub(super) const TOKENS: &[(&str, &str)] = &[
    // Types. Text is compared and sorted by its bytes, whatever the database's locale.
    ("{uuid}", "uuid"),
    ("{time}", "timestamptz"),
    ("{text}", "text COLLATE \"C\""),
    // Not `jsonb`, which loses the text, and refuses U+0000.
    ("{json}", "json"),
    ("{bytes}", "bytea"),
    ("{bool}", "boolean"),
    ("{int}", "integer"),
    ("{bigint}", "bigint"),
    // Options of tables: as such, with space for rewriting rows in place, read by the primary key alone.
    ("{table}", ""),
    ("{table_hot}", "WITH (fillfactor = 80)"),
    ("{table_keyed}", ""),
    ("{default_tenant}", "'00000000-0000-7000-8000-000000000001'"),
    ("{start_of_time}", "'2026-01-01T00:00:00Z'"),
    // Expressions.
    ("{for_update}", " FOR UPDATE"),
    // Who clears away waits for nobody: what is in use now can go the next time.
    // Those who only refer to the row go on.
    ("{for_update_shared}", " FOR NO KEY UPDATE"),
    ("{skip_locked}", " FOR UPDATE SKIP LOCKED"),
    ("{list_of}", "array_agg"),
    ("{greatest}", "GREATEST"),
    ("{in_list_open}", "= ANY("),
    ("{in_list_close}", ")"),
    ("{each_open}", "unnest("),
    ("{each_close}", "::text[]) AS item(value)"),
    (
        "{domain_of_address}",
        "'@' || right(email_normalized, strpos(reverse(email_normalized), '@') - 1)",
    ),
    (
        "{words_of_name}",
        "LATERAL unnest(regexp_split_to_array(lower(u.name COLLATE \"default\"), '\\s+')) AS word(value)",
    ),
    // Sixteen characters are never more than 64 bytes.
    (
        "{word_as_term}",
        "CASE WHEN octet_length(word.value) > 64 THEN left(word.value, 16) ELSE word.value END",
    ),
];

/// Read committed, whatever the database's default: what waited for a lock must see what was done under it.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Whether there is the table of versions.
pub(super) const HAS_MIGRATIONS: &str = "SELECT to_regclass('{p}migrations') IS NOT NULL";

/// Whether text can have U+0000 in it; what has is then nowhere to be found.
pub(super) const HOLDS_NUL: bool = false;

/// Microseconds from 1970 to 2000, where PostgreSQL counts from.
const EPOCH: i64 = 946_684_800_000_000;

/// A `timestamptz`. The ends of time, to which [`Timestamp`] saturates, are `infinity` and `-infinity`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time(pub(super) Timestamp);

impl Type<Postgres> for Time {
    fn type_info() -> PgTypeInfo {
        <OffsetDateTime as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Time {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let micros = match self.0.as_unix_micros() {
            end @ (i64::MIN | i64::MAX) => end,
            micros => micros
                .checked_sub(EPOCH)
                .ok_or("the timestamp is before what PostgreSQL knows")?,
        };
        <i64 as Encode<'_, Postgres>>::encode(micros, buffer)
    }
}

impl Decode<'_, Postgres> for Time {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let micros = match <i64 as Decode<'_, Postgres>>::decode(value)? {
            end @ (i64::MIN | i64::MAX) => end,
            micros => micros
                .checked_add(EPOCH)
                .ok_or("the timestamp is after what is known here")?,
        };
        Ok(Self(Timestamp::from_unix_micros(micros)))
    }
}

/// The text of a JSON value.
#[derive(Clone, Debug)]
pub(super) struct Json(pub(super) String);

impl Type<Postgres> for Json {
    fn type_info() -> PgTypeInfo {
        // `json`; sqlx's own type is `jsonb`.
        PgTypeInfo::with_oid(Oid(114))
    }
}

impl Encode<'_, Postgres> for Json {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <&str as Encode<'_, Postgres>>::encode(&self.0, buffer)
    }
}

impl Decode<'_, Postgres> for Json {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        <String as Decode<'_, Postgres>>::decode(value).map(Self)
    }
}

/// Several texts in one value.
#[derive(Clone, Debug)]
pub(super) struct List(pub(super) Vec<String>);

impl Type<Postgres> for List {
    fn type_info() -> PgTypeInfo {
        <Vec<String> as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for List {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <Vec<String> as Encode<'_, Postgres>>::encode_by_ref(&self.0, buffer)
    }
}

impl Decode<'_, Postgres> for List {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        <Vec<String> as Decode<'_, Postgres>>::decode(value).map(Self)
    }
}

/// What an SQLSTATE says (PostgreSQL's documentation, appendix A).
pub(super) fn failure(code: &str) -> Failure {
    match code {
        "23503" => Failure::Reference,
        "23505" => Failure::Duplicate,
        // The server goes down, crashed, or threw this connection out.
        "57P01" | "57P02" | "57P05" | "25P03" => Failure::ConnectionLost,
        // Serialisation failure, deadlock, lock not available, cancelled, transaction too old, starting up, a standby.
        "40001" | "40P01" | "55P03" | "57014" | "25P04" | "57P03" | "25006" => Failure::Busy,
        _ => match code.get(..2) {
            Some("08") => Failure::ConnectionLost,
            // Who may connect to what; out of resources; the server's own system.
            Some("28" | "53" | "58") => Failure::Busy,
            _ if code == "3D000" => Failure::Busy,
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
            ("23505", Failure::Duplicate),
            ("23503", Failure::Reference),
            ("40001", Failure::Busy),
            ("40P01", Failure::Busy),
            ("53300", Failure::Busy),
            ("57P03", Failure::Busy),
            ("57P01", Failure::ConnectionLost),
            ("08006", Failure::ConnectionLost),
            ("42P01", Failure::Other),
            ("22021", Failure::Other),
            ("", Failure::Other),
        ] {
            assert_eq!(failure(code), expected, "{code}");
        }
    }
}
