//! What makes the audit trail show that it was tampered with.
//!
//! | what | over what | when |
//! |---|---|---|
//! | digest | a salt, the whole row | when the row is written |
//! | link | the link before, the row without what can be erased, its digest | when the row gets its place |
//! | MAC of the head | where the chain begins and ends | whenever one of the two moves |
//!
//! All three are HMAC-SHA256 under one sub-key of the root secret, each with a label of its own, so that none is ever taken for
//! another. What they are made over is written field by field, each with its length or a fixed one, so that no two rows are
//! ever the same bytes.

use std::fmt;

use aws_lc_rs::hmac;
use serde_json::{Map, Value};

use super::secret_key::{KeyUse, SecretKeys};
use crate::model::{AuditEvent, AuditHead};

const DIGEST: &[u8] = b"gatekeeper/audit/v1/digest";
const LINK: &[u8] = b"gatekeeper/audit/v1/link";
const HEAD: &[u8] = b"gatekeeper/audit/v1/head";

/// Makes digests, links and MACs under the current key; those under the earlier ones are believed too.
pub(crate) struct AuditKeys(Vec<hmac::Key>);

/// Whether something was made by us, of what it stands beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Standing {
    Sound,
    Broken,
}

impl AuditKeys {
    pub(crate) fn new(keys: &SecretKeys) -> Self {
        let key = |secret: &super::SecretKey| {
            hmac::Key::new(hmac::HMAC_SHA256, secret.derive(KeyUse::Audit).as_slice())
        };
        Self(keys.all().map(key).collect())
    }

    /// What stands for a row, with all that can be erased of it.
    pub(crate) fn digest(&self, event: &AuditEvent, salt: &[u8; 16]) -> [u8; 32] {
        self.make(&digested(event, salt))
    }

    /// Whether a row says what it said when it was written. Only of a row that has a digest, and was not erased.
    pub(crate) fn check_digest(&self, event: &AuditEvent) -> Standing {
        match (&event.salt, &event.digest) {
            (Some(salt), Some(digest)) => self.check(&digested(event, salt), digest),
            (None, _) | (_, None) => Standing::Broken,
        }
    }

    /// The link of a row that stands behind `previous`.
    pub(crate) fn link(&self, previous: &[u8; 32], sequence: i64, event: &AuditEvent) -> [u8; 32] {
        self.make(&linked(previous, sequence, event))
    }

    /// Whether a row stands where it was put, and still says, of what is never erased, what it said then.
    pub(crate) fn check_link(
        &self,
        previous: &[u8; 32],
        sequence: i64,
        event: &AuditEvent,
        link: &[u8; 32],
    ) -> Standing {
        self.check(&linked(previous, sequence, event), link)
    }

    /// The head with its MAC.
    pub(crate) fn seal_head(&self, mut head: AuditHead) -> AuditHead {
        head.mac = self.make(&of_head(&head));
        head
    }

    pub(crate) fn check_head(&self, head: &AuditHead) -> Standing {
        self.check(&of_head(head), &head.mac)
    }

    fn make(&self, message: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        if let Some(key) = self.0.first() {
            let tag = hmac::sign(key, message);
            for (to, from) in out.iter_mut().zip(tag.as_ref()) {
                *to = *from;
            }
        }
        out
    }

    fn check(&self, message: &[u8], tag: &[u8; 32]) -> Standing {
        let ours = self
            .0
            .iter()
            .any(|key| hmac::verify(key, message, tag).is_ok());
        if ours {
            Standing::Sound
        } else {
            Standing::Broken
        }
    }
}

impl fmt::Debug for AuditKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKeys([redacted])")
    }
}

/// Writes fields so that they can be told apart again.
struct Fields(Vec<u8>);

impl Fields {
    fn new(label: &[u8]) -> Self {
        let mut fields = Self(Vec::with_capacity(512));
        fields.bytes(label);
        fields
    }

    fn fixed(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, number: i64) {
        self.fixed(&number.to_be_bytes());
    }

    fn length(&mut self, length: usize) {
        self.fixed(&(length as u64).to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.fixed(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.fixed(&[0]),
            Some(value) => {
                self.fixed(&[1]);
                write(self, value);
            }
        }
    }

    /// What is never erased.
    fn row(&mut self, event: &AuditEvent) {
        self.fixed(event.tenant_id.as_uuid().as_bytes());
        self.fixed(event.id.as_uuid().as_bytes());
        self.number(event.at.as_unix_micros());
        self.text(event.event.code());
        self.text(event.outcome.as_str());
        self.optional(event.reason.as_deref(), Self::text);
        self.optional(event.actor, |to, id| to.fixed(id.as_uuid().as_bytes()));
        self.optional(event.target, |to, id| to.fixed(id.as_uuid().as_bytes()));
        self.text(&event.correlation_id);
        self.optional(event.impersonator, |to, id| {
            to.fixed(id.as_uuid().as_bytes());
        });
        self.optional(event.api_key, |to, id| to.fixed(id.as_uuid().as_bytes()));
    }

    /// By key, however the map is ordered: a store may give the members back in another order.
    fn object(&mut self, map: &Map<String, Value>) {
        let mut members: Vec<(&String, &Value)> = map.iter().collect();
        members.sort_unstable_by_key(|(name, _)| *name);
        self.length(members.len());
        for (name, value) in members {
            self.text(name);
            self.value(value);
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.fixed(b"n"),
            Value::Bool(false) => self.fixed(b"f"),
            Value::Bool(true) => self.fixed(b"t"),
            Value::Number(number) => {
                if let Some(number) = number.as_i64() {
                    self.fixed(b"i");
                    self.number(number);
                } else if let Some(number) = number.as_u64() {
                    self.fixed(b"u");
                    self.fixed(&number.to_be_bytes());
                } else {
                    let number = number.as_f64().unwrap_or(f64::NAN);
                    self.fixed(b"d");
                    self.fixed(&number.to_bits().to_be_bytes());
                }
            }
            Value::String(text) => {
                self.fixed(b"s");
                self.text(text);
            }
            Value::Array(items) => {
                self.fixed(b"a");
                self.length(items.len());
                for item in items {
                    self.value(item);
                }
            }
            Value::Object(map) => {
                self.fixed(b"o");
                self.object(map);
            }
        }
    }
}

fn digested(event: &AuditEvent, salt: &[u8; 16]) -> Vec<u8> {
    let mut fields = Fields::new(DIGEST);
    fields.fixed(salt);
    fields.row(event);
    fields.optional(event.ip, |to, ip| match ip {
        std::net::IpAddr::V4(ip) => to.bytes(&ip.octets()),
        std::net::IpAddr::V6(ip) => to.bytes(&ip.octets()),
    });
    fields.optional(event.user_agent.as_deref(), Fields::text);
    fields.object(&event.details);
    fields.0
}

fn linked(previous: &[u8; 32], sequence: i64, event: &AuditEvent) -> Vec<u8> {
    let mut fields = Fields::new(LINK);
    fields.fixed(previous);
    fields.number(sequence);
    fields.row(event);
    fields.optional(event.digest, |to, digest| to.fixed(&digest));
    fields.0
}

fn of_head(head: &AuditHead) -> Vec<u8> {
    let mut fields = Fields::new(HEAD);
    fields.fixed(head.tenant_id.as_uuid().as_bytes());
    fields.number(head.sequence);
    fields.fixed(&head.link);
    fields.number(head.base_sequence);
    fields.fixed(&head.base_link);
    fields.number(head.updated_at.as_unix_micros());
    fields.0
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::json;

    use super::*;
    use crate::{
        crypto::SecretKey,
        env::Random,
        model::{ApiKeyId, AuditSeal, Event, EventId, Outcome, TenantId, Timestamp, UserId},
        testing::SeededRandom,
    };

    fn keys(seed: u64) -> AuditKeys {
        AuditKeys::new(&secrets(seed))
    }

    fn secrets(seed: u64) -> SecretKeys {
        SecretKeys::new(SecretKey::generate(&SeededRandom::new(seed)))
    }

    fn event() -> AuditEvent {
        let (now, random) = (
            Timestamp::from_unix_seconds(1_800_000_000),
            SeededRandom::new(3),
        );
        let details =
            json!({"session_id": "s", "count": 3, "deep": {"b": [1, 2.5, null], "a": true}});
        AuditEvent {
            id: EventId::new(now, &random),
            tenant_id: TenantId::DEFAULT,
            at: now,
            event: Event::SessionCreated,
            outcome: Outcome::Success,
            reason: Some("wrong_password".to_owned()),
            actor: Some(UserId::new(now, &random)),
            target: Some(UserId::new(now, &random)),
            correlation_id: "request-1".to_owned(),
            ip: Some([192, 0, 2, 1].into()),
            user_agent: Some("agent/1".to_owned()),
            details: details.as_object().unwrap().clone(),
            impersonator: Some(UserId::new(now, &random)),
            api_key: Some(ApiKeyId::new(now, &random)),
            digest: None,
            salt: Some((&random as &dyn Random).bytes()),
            erased_at: None,
            seal: None,
        }
    }

    type Change = (&'static str, fn(&mut AuditEvent));

    /// A row that says something else, once for each thing that it says.
    fn changes() -> Vec<Change> {
        vec![
            ("id", |row| {
                row.id = EventId::from_uuid(uuid::Uuid::from_u128(1));
            }),
            ("tenant_id", |row| {
                row.tenant_id = TenantId::from_uuid(uuid::Uuid::from_u128(1));
            }),
            ("at", |row| {
                row.at = Timestamp::from_unix_micros(row.at.as_unix_micros() + 1);
            }),
            ("event", |row| row.event = Event::SessionEnded),
            ("outcome", |row| row.outcome = Outcome::Failure),
            ("reason", |row| row.reason = None),
            ("reason to nothing", |row| row.reason = Some(String::new())),
            ("actor", |row| row.actor = None),
            ("another actor", |row| row.actor = row.target),
            ("target", |row| row.target = None),
            ("actor for target", |row| {
                std::mem::swap(&mut row.actor, &mut row.target);
            }),
            ("correlation_id", |row| row.correlation_id.push('0')),
            // Where one field ends and the next begins is said, not guessed.
            ("moved by a character", |row| {
                row.reason = Some("wrong_passwor".to_owned());
                row.correlation_id.insert(0, 'd');
            }),
            ("impersonator", |row| row.impersonator = None),
            ("api_key", |row| row.api_key = None),
        ]
    }

    fn erasable() -> Vec<Change> {
        vec![
            ("ip", |row| row.ip = None),
            ("another ip", |row| row.ip = Some([192, 0, 2, 2].into())),
            ("mapped ip", |row| {
                row.ip = Some("::ffff:192.0.2.1".parse().unwrap());
            }),
            ("user_agent", |row| row.user_agent = None),
            ("another user_agent", |row| {
                row.user_agent = Some("agent/2".to_owned());
            }),
            ("details", |row| row.details.clear()),
            ("a member", |row| drop(row.details.remove("count"))),
            ("a value", |row| {
                drop(row.details.insert("count".to_owned(), json!(4)));
            }),
            ("a kind of number", |row| {
                drop(row.details.insert("count".to_owned(), json!(3.0)));
            }),
            ("a number's text", |row| {
                drop(row.details.insert("count".to_owned(), json!("3")));
            }),
            ("deep", |row| {
                drop(
                    row.details
                        .insert("deep".to_owned(), json!({"b": [1, 2.5], "a": true})),
                );
            }),
            ("salt", |row| row.salt = Some([7; 16])),
        ]
    }

    #[test]
    fn asvs_16_4_2_a_digest_covers_all_that_a_row_says() {
        let keys = keys(1);
        let mut row = event();
        row.digest = Some(keys.digest(&row, &row.salt.unwrap()));
        assert_eq!(keys.check_digest(&row), Standing::Sound);
        for (what, change) in changes().into_iter().chain(erasable()) {
            let mut changed = row.clone();
            change(&mut changed);
            assert_ne!(changed, row, "{what}");
            assert_eq!(keys.check_digest(&changed), Standing::Broken, "{what}");
        }
        // Its place is the link's to prove.
        row.seal = Some(AuditSeal {
            sequence: 4,
            link: [1; 32],
        });
        assert_eq!(keys.check_digest(&row), Standing::Sound);
        row.digest = None;
        assert_eq!(keys.check_digest(&row), Standing::Broken);
    }

    #[test]
    fn asvs_16_4_2_a_link_covers_the_row_before_the_place_and_what_is_never_erased() {
        let keys = keys(1);
        let mut row = event();
        row.digest = Some(keys.digest(&row, &row.salt.unwrap()));
        let link = keys.link(&[5; 32], 8, &row);
        let check = |previous: &[u8; 32], sequence, row: &AuditEvent| {
            keys.check_link(previous, sequence, row, &link)
        };
        assert_eq!(check(&[5; 32], 8, &row), Standing::Sound);
        assert_eq!(check(&[6; 32], 8, &row), Standing::Broken);
        assert_eq!(check(&[5; 32], 9, &row), Standing::Broken);
        for (what, change) in changes() {
            let mut changed = row.clone();
            change(&mut changed);
            assert_eq!(check(&[5; 32], 8, &changed), Standing::Broken, "{what}");
        }
        for digest in [None, Some([0; 32])] {
            let changed = AuditEvent {
                digest,
                ..row.clone()
            };
            assert_eq!(check(&[5; 32], 8, &changed), Standing::Broken);
        }
        // Erased, it stands as firmly.
        let erased = AuditEvent {
            ip: None,
            user_agent: None,
            details: Map::new(),
            salt: None,
            erased_at: Some(row.at),
            ..row
        };
        assert_eq!(check(&[5; 32], 8, &erased), Standing::Sound);
    }

    #[test]
    fn a_head_is_ours_or_it_is_not() {
        let keys = keys(1);
        let head = keys.seal_head(AuditHead {
            tenant_id: TenantId::DEFAULT,
            sequence: 9,
            link: [1; 32],
            base_sequence: 4,
            base_link: [2; 32],
            updated_at: Timestamp::from_unix_seconds(7),
            mac: [0; 32],
        });
        assert_eq!(keys.check_head(&head), Standing::Sound);
        let changed: [AuditHead; 7] = [
            AuditHead {
                tenant_id: TenantId::from_uuid(uuid::Uuid::from_u128(1)),
                ..head
            },
            AuditHead {
                sequence: 8,
                ..head
            },
            AuditHead {
                link: [3; 32],
                ..head
            },
            AuditHead {
                base_sequence: 5,
                ..head
            },
            AuditHead {
                base_link: [3; 32],
                ..head
            },
            AuditHead {
                updated_at: Timestamp::from_unix_seconds(8),
                ..head
            },
            AuditHead {
                mac: [0; 32],
                ..head
            },
        ];
        for head in changed {
            assert_eq!(keys.check_head(&head), Standing::Broken, "{head:?}");
        }
    }

    #[test]
    fn earlier_secrets_are_believed_and_strangers_are_not() {
        let earlier = keys(1);
        let mut row = event();
        row.digest = Some(earlier.digest(&row, &row.salt.unwrap()));
        let link = earlier.link(&[0; 32], 1, &row);
        let both = secrets(2)
            .with_previous(SecretKey::generate(&SeededRandom::new(1)))
            .unwrap();
        let both = AuditKeys::new(&both);
        assert_eq!(both.check_digest(&row), Standing::Sound);
        assert_eq!(both.check_link(&[0; 32], 1, &row, &link), Standing::Sound);
        assert_ne!(both.link(&[0; 32], 1, &row), link);
        let stranger = keys(2);
        assert_eq!(stranger.check_digest(&row), Standing::Broken);
        assert_eq!(
            stranger.check_link(&[0; 32], 1, &row, &link),
            Standing::Broken
        );
    }

    #[test]
    fn what_a_store_may_change_changes_nothing() {
        let keys = keys(1);
        let mut row = event();
        row.digest = Some(keys.digest(&row, &row.salt.unwrap()));
        let mut members: Vec<_> = std::mem::take(&mut row.details).into_iter().collect();
        members.reverse();
        row.details = members.into_iter().collect();
        let text = serde_json::to_string(&row.details).unwrap();
        row.details = serde_json::from_str(&text).unwrap();
        assert_eq!(keys.check_digest(&row), Standing::Sound);
    }

    #[test]
    fn no_two_values_are_the_same_bytes() {
        let values = [
            json!(null),
            json!(false),
            json!(true),
            json!(0),
            json!(-1),
            json!(u64::MAX),
            json!(0.5),
            json!(""),
            json!("n"),
            json!([]),
            json!([[]]),
            json!([null]),
            json!({}),
            json!({"": null}),
            json!({"a": {}, "b": {}}),
            json!({"a": {"b": {}}}),
            json!(["ab"]),
            json!(["a", "b"]),
        ];
        let written: HashSet<Vec<u8>> = values
            .iter()
            .map(|value| {
                let mut fields = Fields::new(b"");
                fields.value(value);
                fields.0
            })
            .collect();
        assert_eq!(written.len(), values.len());
    }
}
