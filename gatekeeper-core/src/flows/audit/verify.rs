use std::{collections::HashSet, fmt, time::Duration};

use super::{Audit, AuditAnchor};
use crate::{
    Error, RequestContext,
    crypto::Standing,
    gatekeeper::Inner,
    model::{
        AuditEvent, AuditHead, Event, EventId, MAX_PAGE, Outcome, PageRequest, TenantId, UserId,
    },
    store::AuditFilter,
};

/// How many rows are held at once.
const BATCH: u32 = 500;
/// By when a row is to have its place.
const PATIENCE: Duration = Duration::from_mins(1);
/// How many rows without a place, of all tenants, are looked at.
const UNSEALED: u32 = 1_000;

/// Whether a trail is what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum AuditVerdict {
    /// Every row is there and says what it said.
    Sound(AuditProof),
    /// Something is wrong; the first thing, in the order of the chain.
    Broken(AuditBreach),
}

/// A trail that is what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditProof {
    /// Where it ends: to be kept outside of the database, for the next time.
    pub anchor: AuditAnchor,
    /// How many rows went with age: it begins with the number behind.
    pub purged: i64,
    /// How many rows were looked at.
    pub rows: u64,
    /// How many of them were erased; of these the rest is proven.
    pub erased: u64,
    /// How many are of before there was a chain: their addresses, user agents and details are not proven.
    pub undigested: u64,
    /// How many rows have had no place for a minute or more: the worker that seals does not run. At most 1,000 are counted, those of other
    /// tenants among them.
    pub unsealed: u64,
    /// What the anchor that was given showed.
    pub given: AnchorStanding,
}

/// What an anchor showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnchorStanding {
    /// None was given.
    NotGiven,
    /// The chain goes through it.
    Met,
    /// Its row went with age. Whether the chain went through it cannot be told.
    Purged,
}

/// What is wrong with a trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditBreach {
    /// What.
    pub fault: AuditFault,
    /// At which number; where the head is wrong, the last that was to be looked at.
    pub sequence: i64,
    /// In which row, where there is one.
    pub event: Option<EventId>,
    /// How many rows before it are what they were.
    pub sound: u64,
}

/// What may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuditFault {
    /// The row does not say what it said when it was written, or nobody with the secret wrote it.
    Altered,
    /// A row stands where rows went with age.
    Base,
    /// The chain ends before the anchor, or does not go through it: its end was cut off, an older state was put back, or it was made anew.
    Cut,
    /// Two rows have this number.
    Doubled,
    /// The row was erased, and no event tells of the erasure of anybody whom it concerns.
    Erased,
    /// The head is missing, is not ours, or ends before the last row.
    Head,
    /// The row is not where it was put: it was moved, or something that is never erased was changed.
    Link,
    /// There is no row of this number.
    Missing,
    /// The row has no digest, though a row before it has one.
    Undigested,
}

impl AuditFault {
    /// A stable name: `altered`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::Base => "base",
            Self::Cut => "cut",
            Self::Doubled => "doubled",
            Self::Erased => "erased",
            Self::Head => "head",
            Self::Link => "link",
            Self::Missing => "missing",
            Self::Undigested => "undigested",
        }
    }
}

impl fmt::Display for AuditBreach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.fault {
            AuditFault::Altered => "the row does not say what it said when it was written",
            AuditFault::Base => "a row stands where rows went with age",
            AuditFault::Cut => "the chain does not go through the anchor",
            AuditFault::Doubled => "two rows have this number",
            AuditFault::Erased => "the row was erased, and nothing tells of it",
            AuditFault::Head => "the head of the chain is missing, not ours, or too old",
            AuditFault::Link => "the row is not where it was put, or was changed",
            AuditFault::Missing => "there is no row of this number",
            AuditFault::Undigested => "the row has no digest, though rows before it have one",
        };
        write!(f, "number {}: {what}", self.sequence)?;
        match self.event {
            Some(event) => write!(f, " (event {event})"),
            None => Ok(()),
        }
    }
}

impl Audit<'_> {
    /// Looks at the whole chain of the tenant, a batch at a time, up to where it ends when this begins; service goes on meanwhile. With an
    /// anchor that was kept elsewhere it shows, too, that the chain still goes through there.
    ///
    /// It costs two keyed hashes a row.
    ///
    /// # Errors
    ///
    /// [`AccessError::Forbidden`](crate::AccessError::Forbidden); a failure of the store. What is wrong with the trail is no error but a
    /// [verdict](AuditVerdict).
    pub async fn verify(
        &self,
        cx: &RequestContext,
        anchor: Option<AuditAnchor>,
    ) -> Result<AuditVerdict, Error> {
        self.require_reader(cx)?;
        let walk = Walk {
            inner: self.0.inner(),
            tenant: cx.tenant_id,
            anchor,
            given: AnchorStanding::NotGiven,
            rows: 0,
            erased: 0,
            undigested: 0,
            digests: false,
            erasures: None,
        };
        Ok(match walk.run().await? {
            Ok(proof) => AuditVerdict::Sound(proof),
            Err(breach) => AuditVerdict::Broken(breach),
        })
    }
}

/// Going along a chain. Its outer results are failures of the store, the inner ones what is wrong with the trail.
struct Walk<'a> {
    inner: &'a Inner,
    tenant: TenantId,
    anchor: Option<AuditAnchor>,
    given: AnchorStanding,
    rows: u64,
    erased: u64,
    undigested: u64,
    /// Whether a row with a digest was seen.
    digests: bool,
    /// Whose erasure the trail tells of; read when first needed.
    erasures: Option<HashSet<UserId>>,
}

/// Where a walk stands: the last row that was looked at.
#[derive(Clone, Copy)]
struct At {
    sequence: i64,
    link: [u8; 32],
    event: Option<EventId>,
}

impl At {
    const fn base(head: &AuditHead) -> Self {
        Self {
            sequence: head.base_sequence,
            link: head.base_link,
            event: None,
        }
    }
}

type Judged<T> = Result<Result<T, AuditBreach>, Error>;

impl Walk<'_> {
    async fn run(mut self) -> Judged<AuditProof> {
        let head = match self.head().await? {
            Ok(head) => head,
            Err(breach) => return Ok(Err(breach)),
        };
        let mut at = At::base(&head);
        if let Err(breach) = self.meet_anchor(&at, &head) {
            return Ok(Err(breach));
        }
        while at.sequence < head.sequence {
            // The last one again: a second row of its number would else lie between two batches.
            let after = match at.event {
                Some(_) => at.sequence.saturating_sub(1),
                None => at.sequence,
            };
            let rows = self.batch(after).await?;
            let before = at.sequence;
            for row in &rows {
                match self.step(at, row, &head).await? {
                    Ok(next) => at = next,
                    Err(breach) if breach.fault == AuditFault::Missing => {
                        // Perhaps it went with age while we were on our way.
                        match self.base_beyond(breach.sequence).await? {
                            Some(base) => {
                                at = base;
                                break;
                            }
                            None => return Ok(Err(breach)),
                        }
                    }
                    Err(breach) => return Ok(Err(breach)),
                }
                if at.sequence >= head.sequence {
                    break;
                }
            }
            if at.sequence == before {
                let missing = at.sequence.saturating_add(1);
                match self.base_beyond(missing).await? {
                    Some(base) => at = base,
                    None => return Ok(Err(self.breach(AuditFault::Missing, missing, None))),
                }
            }
        }
        // Where the base passed the end meanwhile, there is no last row to hold against the head.
        if at.sequence == head.sequence && at.link != head.link {
            return Ok(Err(self.breach(AuditFault::Head, at.sequence, at.event)));
        }
        Ok(Ok(AuditProof {
            anchor: AuditAnchor::of(&head),
            purged: head.base_sequence,
            rows: self.rows,
            erased: self.erased,
            undigested: self.undigested,
            unsealed: self.unsealed().await?,
            given: self.given,
        }))
    }

    /// Where the chain ends and begins. Held, so that nobody is putting rows behind it meanwhile.
    async fn head(&self) -> Judged<AuditHead> {
        let mut tx = self.inner.repository.begin().await?;
        let found = tx.audit().head_for_update(self.tenant).await?;
        let first = tx.audit().sealed(self.tenant, i64::MIN, 1).await?;
        let first = first.first();
        let lost = found.is_none() && first.is_some();
        let now = self.inner.clock.now();
        let Some(head) = self.inner.sound_head(self.tenant, found, now) else {
            return Ok(Err(self.breach(AuditFault::Head, 0, None)));
        };
        if lost || head.base_sequence > head.sequence {
            return Ok(Err(self.breach(AuditFault::Head, head.sequence, None)));
        }
        if let Some((seal, row)) = first.and_then(|row| row.seal.zip(Some(row)))
            && seal.sequence <= head.base_sequence
        {
            let breach = self.breach(AuditFault::Base, seal.sequence, Some(row.id));
            return Ok(Err(breach));
        }
        let beyond = tx.audit().sealed(self.tenant, head.sequence, 1).await?;
        if let Some((seal, row)) = beyond.first().and_then(|row| row.seal.zip(Some(row))) {
            let breach = self.breach(AuditFault::Head, seal.sequence, Some(row.id));
            return Ok(Err(breach));
        }
        Ok(Ok(head))
    }

    /// The base, where it moved to this number or beyond since the walk began.
    async fn base_beyond(&self, sequence: i64) -> Result<Option<At>, Error> {
        let mut tx = self.inner.repository.begin().await?;
        let found = tx.audit().head_for_update(self.tenant).await?;
        Ok(found
            .filter(|head| self.inner.audit_keys.check_head(head) == Standing::Sound)
            .filter(|head| head.base_sequence >= sequence)
            .map(|head| At::base(&head)))
    }

    async fn batch(&self, after: i64) -> Result<Vec<AuditEvent>, Error> {
        let mut tx = self.inner.repository.begin().await?;
        Ok(tx.audit().sealed(self.tenant, after, BATCH).await?)
    }

    /// One row on.
    async fn step(&mut self, at: At, row: &AuditEvent, head: &AuditHead) -> Judged<At> {
        let Some(seal) = row.seal else {
            return Ok(Err(self.breach(
                AuditFault::Missing,
                at.sequence,
                Some(row.id),
            )));
        };
        if at.event == Some(row.id) && seal.sequence == at.sequence {
            return Ok(Ok(at));
        }
        let expected = at.sequence.saturating_add(1);
        if seal.sequence < expected {
            return Ok(Err(self.breach(
                AuditFault::Doubled,
                seal.sequence,
                Some(row.id),
            )));
        }
        if seal.sequence > expected {
            return Ok(Err(self.breach(AuditFault::Missing, expected, None)));
        }
        if let Some(fault) = self.fault_of(&at.link, row).await? {
            return Ok(Err(self.breach(fault, expected, Some(row.id))));
        }
        self.rows += 1;
        let next = At {
            sequence: seal.sequence,
            link: seal.link,
            event: Some(row.id),
        };
        Ok(self.meet_anchor(&next, head).map(|()| next))
    }

    async fn fault_of(
        &mut self,
        previous: &[u8; 32],
        row: &AuditEvent,
    ) -> Result<Option<AuditFault>, Error> {
        let keys = &self.inner.audit_keys;
        let erased = row.erased_at.is_some();
        let kept_something = row.ip.is_some()
            || row.user_agent.is_some()
            || row.salt.is_some()
            || !row.details.is_empty();
        if erased && kept_something {
            return Ok(Some(AuditFault::Altered));
        }
        if row.digest.is_some() && !erased {
            match keys.check_digest(row) {
                Standing::Sound => {}
                Standing::Broken => return Ok(Some(AuditFault::Altered)),
            }
        }
        let linked = row.seal.map_or(Standing::Broken, |seal| {
            keys.check_link(previous, seal.sequence, row, &seal.link)
        });
        match linked {
            Standing::Sound => {}
            Standing::Broken => return Ok(Some(AuditFault::Link)),
        }
        if row.digest.is_some() {
            self.digests = true;
        } else if self.digests {
            return Ok(Some(AuditFault::Undigested));
        } else {
            self.undigested += 1;
        }
        if erased {
            self.erased += 1;
            let erasures = self.erasures().await?;
            let told = [row.actor, row.target, row.impersonator]
                .into_iter()
                .flatten()
                .any(|user| erasures.contains(&user));
            if !told {
                return Ok(Some(AuditFault::Erased));
            }
        }
        Ok(None)
    }

    /// Whose erasure the trail tells of. Those events are rows of the chain, and proven or found out like any other.
    async fn erasures(&mut self) -> Result<&HashSet<UserId>, Error> {
        if self.erasures.is_none() {
            let filter = AuditFilter {
                event: Some(Event::AccountErased),
                ..AuditFilter::default()
            };
            let mut users = HashSet::new();
            let mut page = PageRequest::first(MAX_PAGE);
            loop {
                let mut tx = self.inner.repository.begin().await?;
                let found = tx.audit().list(self.tenant, &filter, page).await?;
                // A refused attempt erased nobody.
                let done = found
                    .items
                    .iter()
                    .filter(|row| row.outcome == Outcome::Success);
                users.extend(done.filter_map(|row| row.target));
                page.after = found.next;
                if page.after.is_none() {
                    break;
                }
            }
            self.erasures = Some(users);
        }
        Ok(self.erasures.get_or_insert_default())
    }

    /// Holds a place of the chain against the anchor.
    fn meet_anchor(&mut self, at: &At, head: &AuditHead) -> Result<(), AuditBreach> {
        let Some(anchor) = self.anchor else {
            return Ok(());
        };
        if anchor.sequence > head.sequence {
            return Err(self.breach(AuditFault::Cut, head.sequence, None));
        }
        if anchor.sequence < at.sequence && self.given == AnchorStanding::NotGiven {
            self.given = AnchorStanding::Purged;
        }
        if anchor.sequence == at.sequence {
            if anchor.link != at.link {
                return Err(self.breach(AuditFault::Cut, at.sequence, at.event));
            }
            self.given = AnchorStanding::Met;
        }
        Ok(())
    }

    /// How many rows wait for their place for longer than they should.
    async fn unsealed(&self) -> Result<u64, Error> {
        let before = self.inner.clock.now().before(PATIENCE);
        let mut tx = self.inner.repository.begin().await?;
        let rows = tx.audit().unsealed(before, UNSEALED).await?;
        let ours = rows.iter().filter(|row| row.tenant_id == self.tenant);
        Ok(ours.count() as u64)
    }

    const fn breach(
        &self,
        fault: AuditFault,
        sequence: i64,
        event: Option<EventId>,
    ) -> AuditBreach {
        AuditBreach {
            fault,
            sequence,
            event,
            sound: self.rows,
        }
    }
}
