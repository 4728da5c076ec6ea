use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    Gatekeeper, Identity, RequestContext,
    flows::{Record, Unit},
    model::{Event, TenantId, Timestamp, UserId},
};

/// How many rows are written at once.
const AT_ONCE: u32 = 8;
/// How often a user's attempts of one kind are written.
const EVERY: Duration = Duration::from_secs(1);
/// How many kinds of attempts are remembered.
const CAPACITY: usize = 4096;
/// How much of a text is kept, in bytes.
const LONGEST: usize = 256;
/// How long the end of the process waits for rows that are being written.
const SETTLE: Duration = Duration::from_secs(5);

/// An attempt that was refused although it is known who made it. See
/// [`Gatekeeper::record_denial`](crate::Gatekeeper::record_denial).
#[derive(Clone, Debug, Default)]
pub struct DeniedAttempt {
    /// What was missing: a permission, or a requirement as text.
    pub requirement: String,
    /// What was attempted: the name of an operation, or method and path.
    pub operation: String,
    /// Why, as a code: `access.forbidden`.
    pub reason: &'static str,
}

/// Sees to it that a flood of refused attempts is no flood of writes.
#[derive(Debug)]
pub(crate) struct Denials {
    writing: Arc<Semaphore>,
    recent: Mutex<HashMap<Kind, Recent>>,
}

/// Attempts that are alike: by whom, and what was missing. Not what was attempted: a path can be varied without end.
type Kind = (TenantId, UserId, String);

#[derive(Debug)]
struct Recent {
    written: Timestamp,
    /// How many were not written since.
    dropped: u64,
}

/// Whether a row is written, and for how many others it stands.
#[must_use]
enum Turn {
    Write(OwnedSemaphorePermit, u64),
    Drop,
}

impl Default for Denials {
    fn default() -> Self {
        Self {
            writing: Arc::new(Semaphore::new(AT_ONCE as usize)),
            recent: Mutex::default(),
        }
    }
}

impl Denials {
    fn turn(&self, kind: Kind, now: Timestamp) -> Turn {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= CAPACITY && !recent.contains_key(&kind) {
            make_room(&mut recent, now);
        }
        // What `now` lies before was written by a clock that has been set back since.
        let due = |one: &Recent| now.since(one.written) >= EVERY || now < one.written;
        match recent.get_mut(&kind) {
            Some(one) if !due(one) => {
                one.dropped = one.dropped.saturating_add(1);
                Turn::Drop
            }
            there => {
                if let Ok(permit) = Arc::clone(&self.writing).try_acquire_owned() {
                    let dropped = there.map_or(0, |one| one.dropped);
                    let written = now;
                    recent.insert(
                        kind,
                        Recent {
                            written,
                            dropped: 0,
                        },
                    );
                    Turn::Write(permit, dropped)
                } else {
                    if let Some(one) = there {
                        one.dropped = one.dropped.saturating_add(1);
                    } else {
                        let written = now.before(EVERY);
                        recent.insert(
                            kind,
                            Recent {
                                written,
                                dropped: 1,
                            },
                        );
                    }
                    Turn::Drop
                }
            }
        }
    }

    /// Waits until every row that was begun is written.
    pub(crate) async fn settle(&self) {
        // Where it takes too long, the process ends all the same.
        let _ = timeout(SETTLE, self.writing.acquire_many(AT_ONCE)).await;
    }
}

/// Forgets kinds that would be written again anyway; where there are none, all. Those that stood for others are said in the log.
fn make_room(recent: &mut HashMap<Kind, Recent>, now: Timestamp) {
    let mut lost = 0_u64;
    let mut forget = |one: &Recent| lost = lost.saturating_add(one.dropped);
    recent.retain(|_, one| {
        let keep = now.since(one.written) < EVERY;
        if !keep {
            forget(one);
        }
        keep
    });
    if recent.len() >= CAPACITY {
        recent.values().for_each(&mut forget);
        recent.clear();
    }
    if lost > 0 {
        tracing::warn!(lost, "denied attempts were counted in no audit event");
    }
}

impl Gatekeeper {
    /// Writes the audit event `access.denied` about an attempt of somebody known, where
    /// [`record_denials`](crate::config::AuditConfig::record_denials) is on. `cx` is of the tenant of whoever asked.
    ///
    /// Returns at once; the row is written by a task. Of a user's attempts that lack the same thing one is written each second, and no
    /// more than a few rows at a time; the next row says for how many others it stands (`dropped`). Outside of a tokio runtime
    /// nothing is written.
    pub fn record_denial(&self, cx: RequestContext, who: &Identity, attempt: DeniedAttempt) {
        if who.tenant_id == cx.tenant_id {
            self.record_denial_of(cx, who.user_id, attempt);
        }
    }

    pub(crate) fn record_denial_of(
        &self,
        cx: RequestContext,
        user: UserId,
        mut attempt: DeniedAttempt,
    ) {
        let inner = self.inner();
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if !inner.config.audit.record_denials {
            return;
        }
        cut(&mut attempt.requirement);
        cut(&mut attempt.operation);
        let now = inner.clock.now();
        let kind = (cx.tenant_id, user, attempt.requirement.clone());
        let Turn::Write(permit, dropped) = inner.denials.turn(kind, now) else {
            return;
        };
        let mut record = Record::failure(Event::AccessDenied, attempt.reason).actor(user);
        for (name, text) in [
            ("requirement", attempt.requirement),
            ("operation", attempt.operation),
        ] {
            if !text.is_empty() {
                record = record.detail(name, text);
            }
        }
        if dropped > 0 {
            record = record.detail("dropped", dropped);
        }
        let gatekeeper = self.clone();
        runtime.spawn(async move {
            let written = Unit::record_alone(gatekeeper.inner(), &cx, now, record).await;
            if let Err(error) = written {
                tracing::warn!(error = %crate::error::chain(&error), "a denied attempt could not be recorded");
            }
            drop(permit);
        });
    }
}

/// Cuts a text that somebody else may have chosen to what a row can hold, and takes control characters out.
fn cut(text: &mut String) {
    text.retain(|c| !c.is_control());
    text.truncate(text.floor_char_boundary(LONGEST));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededRandom;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_000_000);

    fn kind(n: u64, requirement: &str) -> Kind {
        let user = UserId::new(NOW, &SeededRandom::new(n));
        (TenantId::DEFAULT, user, requirement.to_owned())
    }

    fn written(turn: &Turn) -> Option<u64> {
        match turn {
            Turn::Write(_, dropped) => Some(*dropped),
            Turn::Drop => None,
        }
    }

    #[test]
    fn one_of_a_kind_is_written_each_second_and_stands_for_the_others() {
        let denials = Denials::default();
        let one = || kind(1, "permission a:b");
        assert_eq!(written(&denials.turn(one(), NOW)), Some(0));
        for _ in 0..9 {
            assert_eq!(written(&denials.turn(one(), NOW)), None);
        }
        // Another's, and one of another kind, are written all the same.
        let others = [kind(2, "permission a:b"), kind(1, "permission a:c")];
        for other in others {
            assert_eq!(written(&denials.turn(other, NOW)), Some(0));
        }
        let edge = NOW.after(EVERY);
        assert_eq!(
            written(&denials.turn(one(), edge.before(Duration::from_micros(1)))),
            None
        );
        assert_eq!(written(&denials.turn(one(), edge)), Some(10));
        assert_eq!(written(&denials.turn(one(), edge.after(EVERY))), Some(0));
        // A clock that is set back keeps nobody silent.
        assert_eq!(written(&denials.turn(one(), NOW)), Some(0));
    }

    #[test]
    fn no_more_than_a_few_are_written_at_once() {
        let denials = Denials::default();
        let held: Vec<Turn> = (0..u64::from(AT_ONCE))
            .map(|n| denials.turn(kind(n, "x"), NOW))
            .collect();
        assert!(held.iter().all(|turn| matches!(turn, Turn::Write(..))));
        assert_eq!(written(&denials.turn(kind(99, "x"), NOW)), None);
        drop(held);
        // What found no room is counted, and need not wait for a second to pass.
        assert_eq!(written(&denials.turn(kind(99, "x"), NOW)), Some(1));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let denials = Denials::default();
        for n in 0..u64::try_from(3 * CAPACITY).unwrap() {
            drop(denials.turn(kind(n, "x"), NOW));
        }
        assert!(denials.recent.lock().unwrap().len() <= CAPACITY);
    }

    #[test]
    fn what_others_chose_is_cut() {
        let mut text = "ä\n".repeat(500);
        cut(&mut text);
        assert_eq!(text, "ä".repeat(LONGEST / 2));
    }
}
