//! Somebody who proved who they are, on the way to a session.

use async_trait::async_trait;
use base64::Engine;
use serde_json::{Map, Value, json};

use crate::{
    Error, MfaError, PasswordError, RequestContext,
    crypto::{BASE64URL, one_time},
    flows::{LockedNews, Unit},
    gatekeeper::Inner,
    lockout::LockoutKey,
    mail::AccountMail,
    model::{
        Account, AuthMethod, OneTimeToken, SecretString, Timestamp, TokenHash, TokenPurpose, User,
        UserId,
    },
};

/// A sign-in that is refused, with the true reason for the audit trail.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) reason: &'static str,
    pub(crate) account: Option<UserId>,
    pub(crate) error: Error,
    /// What a wrong guess brought about.
    pub(crate) locked: Option<LockedNews>,
    /// What the owner is told of it.
    pub(crate) mail: Option<AccountMail>,
}

impl Refused {
    pub(crate) fn new(
        reason: &'static str,
        account: Option<UserId>,
        error: impl Into<Error>,
    ) -> Self {
        Self {
            reason,
            account,
            error: error.into(),
            locked: None,
            mail: None,
        }
    }

    /// The answer that fits every reason.
    pub(crate) fn credentials(reason: &'static str, account: Option<UserId>) -> Self {
        Self::new(reason, account, PasswordError::InvalidCredentials)
    }
}

/// What is used up, or changed, in the unit that answers a sign-in, while the user's row is held: a one-time token that was
/// the factor, a code, the confirmation of a new factor. Where it is refused, nothing of the unit happens.
#[async_trait]
pub(crate) trait Spend: Send + Sync {
    /// What it changes of the user, it changes in `user` too; that row is written afterwards.
    async fn spend(&self, unit: &mut Unit<'_>, user: &mut User) -> Result<Spent, Error>;
}

/// What came of it.
#[must_use]
#[expect(
    clippy::large_enum_variant,
    reason = "made and taken apart at once, and never kept"
)]
pub(crate) enum Spent {
    Done,
    Refused(Refused),
}

/// Somebody who proved who they are, by at least one factor.
#[expect(clippy::struct_field_names, reason = "it says what was proven")]
pub(crate) struct Proven {
    /// The account as it stood when the factor was looked at.
    pub(crate) account: Account,
    /// How they did.
    pub(crate) methods: Vec<AuthMethod>,
    /// When the password that was shown had been set: a change that overtakes the sign-in ends it.
    pub(crate) password_changed_at: Option<Timestamp>,
    /// The second factor that was shown, or is shown by what is [spent](Self::spend).
    pub(crate) second_factor: Option<AuthMethod>,
    /// Whether the device is to be spared the second factor from now on. Of no effect without one.
    pub(crate) trust_device: bool,
    /// Whether the first factor proves that the address is the user's, so that it need not be verified.
    pub(crate) email_proven: bool,
    /// The invitation that is accepted where the session begins: after every factor, and in the same unit. A sign-in that waits for
    /// its second factor takes it along.
    pub(crate) invitation: Option<TokenHash>,
    /// What is used up on the way.
    pub(crate) spend: Option<Box<dyn Spend>>,
    /// The counter of wrong guesses at the factor that was shown; a lock on it refuses the sign-in.
    pub(crate) guessed: Option<LockoutKey>,
}

impl Proven {
    /// By one factor that is no guess: the others fields are plain and may be set.
    pub(crate) fn new(account: Account, methods: Vec<AuthMethod>) -> Self {
        Self {
            account,
            methods,
            password_changed_at: None,
            second_factor: None,
            trust_device: false,
            email_proven: false,
            invitation: None,
            spend: None,
            guessed: None,
        }
    }

    pub(super) fn user_id(&self) -> UserId {
        self.account.user.id
    }

    pub(super) fn refused(&self, reason: &'static str) -> Refused {
        Refused::credentials(reason, Some(self.user_id()))
    }

    /// `amr`: what was shown, and that it was more than one factor (RFC 8176 section 2).
    pub(super) fn amr(&self) -> Vec<AuthMethod> {
        let mut methods = self.methods.clone();
        if let Some(second) = self.second_factor {
            methods.extend([second, AuthMethod::MultiFactor]);
        }
        methods.sort_unstable();
        methods.dedup();
        methods
    }
}

/// What a pending sign-in remembers of its first factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FirstFactor {
    pub(crate) methods: Vec<AuthMethod>,
    pub(crate) password_changed_at: Option<Timestamp>,
    pub(crate) email_proven: bool,
    /// What the sign-in is to accept when it is finished. Not a secret: it is what the store knows the token by.
    pub(crate) invitation: Option<TokenHash>,
}

impl FirstFactor {
    pub(super) fn of(proven: &Proven) -> Self {
        Self {
            methods: proven.methods.clone(),
            password_changed_at: proven.password_changed_at,
            email_proven: proven.email_proven,
            invitation: proven.invitation,
        }
    }

    pub(super) fn to_payload(&self) -> Value {
        let methods: Vec<&str> = self.methods.iter().map(|method| method.as_str()).collect();
        json!({
            "methods": methods,
            "password_changed_at": self.password_changed_at.map(Timestamp::as_unix_micros),
            "email_proven": self.email_proven,
            "invitation": self.invitation.map(|hash| BASE64URL.encode(hash.0)),
        })
    }

    /// Reads what a pending token or one of enrolment remembers. `None` for what another version wrote: such a sign-in begins
    /// anew.
    pub(crate) fn read(token: &OneTimeToken) -> Option<Self> {
        let payload: &Map<String, Value> = token.payload.as_object()?;
        let methods = payload.get("methods")?.as_array()?;
        let methods = methods
            .iter()
            .map(|method| AuthMethod::parse(method.as_str()?))
            .collect::<Option<Vec<_>>>()?;
        let password_changed_at = match payload.get("password_changed_at")? {
            Value::Null => None,
            at => Some(Timestamp::from_unix_micros(at.as_i64()?)),
        };
        let invitation = match payload.get("invitation") {
            None | Some(Value::Null) => None,
            Some(hash) => {
                let bytes = BASE64URL.decode(hash.as_str()?).ok()?;
                Some(TokenHash(bytes.try_into().ok()?))
            }
        };
        Some(Self {
            methods,
            password_changed_at,
            email_proven: payload.get("email_proven")?.as_bool()?,
            invitation,
        })
    }

    /// The sign-in as it stood when the first factor was proven, on the account as it stands now.
    pub(crate) fn proven(self, account: Account) -> Proven {
        Proven {
            password_changed_at: self.password_changed_at,
            email_proven: self.email_proven,
            invitation: self.invitation,
            ..Proven::new(account, self.methods)
        }
    }
}

/// A token of a pending sign-in, or of an enrolment, that was shown; for [`Spend`].
pub(crate) struct PendingToken {
    pub(crate) purpose: TokenPurpose,
    pub(crate) row: OneTimeToken,
}

impl PendingToken {
    /// The pending sign-in of this token; `None` where there is none.
    pub(crate) async fn find(
        inner: &Inner,
        cx: &RequestContext,
        purpose: TokenPurpose,
        token: &SecretString,
    ) -> Result<Option<(Self, Account, FirstFactor)>, Error> {
        let Some(hash) = one_time::hash_of(token.expose()) else {
            return Ok(None);
        };
        let now = inner.clock.now();
        let mut tx = inner.repository.begin().await?;
        let found = tx.tokens().find(cx.tenant_id, purpose, &hash, now).await?;
        drop(tx);
        let Some(row) = found else { return Ok(None) };
        let Some(first) = FirstFactor::read(&row) else {
            return Ok(None);
        };
        let account = inner
            .repository
            .find_account(cx.tenant_id, row.user_id)
            .await?;
        Ok(account
            .filter(|account| account.user.may_sign_in())
            .map(|account| (Self { purpose, row }, account, first)))
    }

    /// Uses it up; answers whether it still was there.
    pub(crate) async fn consume(&self, unit: &mut Unit<'_>) -> Result<Spent, Error> {
        let now = unit.now();
        let consumed = unit
            .tx()
            .tokens()
            .consume(self.row.tenant_id, self.purpose, &self.row.hash, now)
            .await?;
        Ok(match consumed {
            Some(_) => Spent::Done,
            None => Spent::Refused(Refused::new(
                "unknown_token",
                Some(self.row.user_id),
                MfaError::InvalidToken,
            )),
        })
    }
}
