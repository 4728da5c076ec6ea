//! Counting wrong guesses: which counter a guess is counted on, and what follows.
//!
//! | counter | what is counted | cleared by |
//! |---|---|---|
//! | name | guesses at a name without an account | nothing |
//! | account | passwords and codes of strangers to the account | a session, a reset, an administrator |
//! | device | the same on a device that the account knows | a session |
//! | second factor | codes alone, so that a reset gives no new tries | a session, an administrator |
//! | session | the password or a code asked of somebody who is signed in | the right one |
//!
//! A device that the account knows has counters of its own (OWASP's device cookies): who holds the account's counter at the
//! cap locks strangers out, and not its owner (ASVS 6.1.1).

use std::time::Duration;

use super::{Record, Unit};
use crate::{
    Error,
    gatekeeper::Inner,
    lockout::{FailureCounted, Lock, LockoutKey, LockoutPolicy, LockoutState, SuccessCounted},
    mail::{AccountMail, Notice},
    model::{
        DeviceId, EmailAddress, Event, OneTimeTokenId, SessionId, TenantId, Timestamp, User, UserId,
    },
};

/// An owner is told of locks this far apart at the closest.
const NOTICE_PAUSE: Duration = Duration::from_hours(1);

/// What a counter counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Counter<'a> {
    /// Guesses at a name that no account has.
    Name(&'a str),
    Account(UserId),
    Device(DeviceId),
    Mfa(UserId),
    MfaOfDevice(DeviceId),
    Session(SessionId),
    /// The code that a magic link became, of this row.
    MagicLinkCode(OneTimeTokenId),
    /// Not of guesses: whether an owner was told of a lock within the hour, whichever counter was locked.
    LockNotice(&'a str),
    /// Not of guesses: whether a pending sign-in's owner was told of a wrong code.
    MfaNotice(OneTimeTokenId),
}

/// A counter that was looked at before the guess was verified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    pub(crate) key: LockoutKey,
    before: LockoutState,
}

/// What came of a wrong guess.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) enum Counted {
    /// It was locked: the guess was not counted, and nothing may be learned from it.
    Locked,
    /// It was counted.
    Open,
    /// It was counted and locked the counter.
    NowLocked(Telling),
}

/// Whether the owner is told of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Telling {
    /// They were told within the hour.
    Silence,
    Mail,
}

/// A lock that came about, to be recorded with the refusal that brought it.
#[derive(Clone, Debug)]
pub(crate) enum LockedNews {
    /// Of an account.
    Account(Box<User>, Telling),
    /// Of a name, whether or not it has an account: the worker finds out, so that the caller cannot tell by the time.
    Name {
        email: Option<EmailAddress>,
        account: Option<UserId>,
        telling: Telling,
    },
}

impl Guard {
    /// Whether the counter was locked when it was looked at.
    pub(crate) fn was_locked(&self, now: Timestamp) -> bool {
        self.before.is_locked(now)
    }

    fn telling(&self, lock: Lock, now: Timestamp) -> Telling {
        let told_lately = match self.before.lock {
            Some(Lock::Until(until)) => now < until.after(NOTICE_PAUSE),
            Some(Lock::ForGood) => true,
            None => false,
        };
        match lock {
            Lock::Until(_) if told_lately => Telling::Silence,
            Lock::Until(_) | Lock::ForGood => Telling::Mail,
        }
    }
}

impl Inner {
    /// The key of a counter: a keyed digest, so that a store of counters names nobody.
    pub(crate) fn counter(&self, tenant: TenantId, counter: Counter<'_>) -> LockoutKey {
        let (kind, subject) = match counter {
            Counter::Name(name) => ("lockout:name", name.to_owned()),
            Counter::Account(user) => ("lockout:account", user.to_string()),
            Counter::Device(device) => ("lockout:device", device.to_string()),
            Counter::Mfa(user) => ("lockout:mfa", user.to_string()),
            Counter::MfaOfDevice(device) => ("lockout:mfa-device", device.to_string()),
            Counter::Session(session) => ("lockout:session", session.to_string()),
            Counter::MagicLinkCode(code) => ("lockout:magic-link-code", code.to_string()),
            Counter::LockNotice(whom) => ("once:lock-notice", whom.to_owned()),
            Counter::MfaNotice(token) => ("once:mfa-notice", token.to_string()),
        };
        LockoutKey(self.digester.key(kind, &format!("{tenant}:{subject}")))
    }

    /// Looks at a counter before a guess is verified.
    pub(crate) async fn guard(&self, key: LockoutKey) -> Result<Guard, Error> {
        let before = if self.config.lockout.enabled {
            self.lockout.state(&key).await?
        } else {
            LockoutState::default()
        };
        Ok(Guard { key, before })
    }

    /// Whether the counter is locked now: asked again after what is slow, before anything is told about a right guess.
    pub(crate) async fn is_locked(&self, guard: &Guard) -> Result<bool, Error> {
        if !self.config.lockout.enabled {
            return Ok(false);
        }
        let state = self.lockout.state(&guard.key).await?;
        Ok(state.is_locked(self.clock.now()))
    }

    /// Counts a wrong guess.
    pub(crate) async fn guessed_wrong(&self, guard: &Guard) -> Result<Counted, Error> {
        if !self.config.lockout.enabled {
            return Ok(Counted::Open);
        }
        let now = self.clock.now();
        let policy = &self.config.lockout.policy;
        Ok(match self.lockout.fail(&guard.key, policy, now).await? {
            FailureCounted::AlreadyLocked => Counted::Locked,
            FailureCounted::Counted => Counted::Open,
            FailureCounted::Locked(lock) => Counted::NowLocked(guard.telling(lock, now)),
        })
    }

    /// Forgets the wrong guesses of a counter, if it is not locked.
    pub(crate) async fn guessed_right(&self, key: &LockoutKey) -> Result<SuccessCounted, Error> {
        if !self.config.lockout.enabled {
            return Ok(SuccessCounted::Cleared);
        }
        Ok(self.lockout.succeed(key, self.clock.now()).await?)
    }

    /// Forgets the wrong guesses of a counter, locked or not; answers how it stood.
    pub(crate) async fn forgive(&self, key: &LockoutKey) -> Result<LockoutState, Error> {
        Ok(self.lockout.clear(key).await?)
    }

    /// A password was bound anew: whatever was guessed at the old one counts no more (NIST SP 800-63B-4 section 3.2.2). The
    /// codes that were guessed go on to count. A failure leaves the lock to run out, and the reset done.
    pub(crate) async fn forgive_after_reset(&self, tenant: TenantId, user: UserId) {
        let key = self.counter(tenant, Counter::Account(user));
        if let Err(error) = self.forgive(&key).await {
            tracing::warn!(error = %crate::error::chain(&error), "a counter of wrong guesses was not cleared");
        }
    }

    /// Whether this is the first time that something is asked of a pending sign-in; of any number of callers one is told so.
    pub(crate) async fn first_wrong_code(
        &self,
        tenant: TenantId,
        token: OneTimeTokenId,
    ) -> Result<bool, Error> {
        self.first_within_the_hour(tenant, Counter::MfaNotice(token))
            .await
    }

    /// Whether an owner is told of a lock: once within the hour, although more than one counter may be locked by tries at once.
    pub(crate) async fn tell_of_lock(
        &self,
        tenant: TenantId,
        whom: &str,
        telling: Telling,
    ) -> Result<Telling, Error> {
        if telling == Telling::Silence {
            return Ok(Telling::Silence);
        }
        let first = self
            .first_within_the_hour(tenant, Counter::LockNotice(whom))
            .await?;
        Ok(if first {
            Telling::Mail
        } else {
            Telling::Silence
        })
    }

    async fn first_within_the_hour(
        &self,
        tenant: TenantId,
        counter: Counter<'_>,
    ) -> Result<bool, Error> {
        let key = self.counter(tenant, counter);
        let once = LockoutPolicy {
            threshold: 1,
            first_delay: NOTICE_PAUSE,
            longest_delay: NOTICE_PAUSE,
            hard_limit: u32::MAX,
        };
        let outcome = self.lockout.fail(&key, &once, self.clock.now()).await?;
        Ok(matches!(outcome, FailureCounted::Locked(_)))
    }
}

impl LockedNews {
    /// Writes the event and, where the owner is to be told, the mail.
    pub(crate) async fn record(self, unit: &mut Unit<'_>, inner: &Inner) -> Result<(), Error> {
        let mut record = Record::success(Event::AccountLocked);
        match self {
            Self::Account(user, telling) => {
                unit.record(record.target(user.id)).await?;
                if telling == Telling::Mail {
                    unit.mail(&AccountMail::notice(Notice::AccountLocked, &user))
                        .await?;
                }
            }
            Self::Name {
                email,
                account,
                telling,
            } => {
                if let Some(account) = account {
                    record = record.target(account);
                }
                if let Some(email) = &email {
                    record = record.detail("email_digest", inner.email_digest(email));
                }
                unit.record(record).await?;
                if let (Some(email), Telling::Mail) = (email, telling) {
                    unit.mail(&AccountMail::LockedOut {
                        email: email.as_str().to_owned(),
                    })
                    .await?;
                }
            }
        }
        Ok(())
    }
}
