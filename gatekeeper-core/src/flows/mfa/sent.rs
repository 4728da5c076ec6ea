//! Codes that are sent: by mail, by text message.

use async_trait::async_trait;

use super::{Destination, MfaAttempt, MfaFactor, MfaMethod, MfaProof, MfaStanding};
use crate::{
    Error,
    flows::{Record, Unit},
    gatekeeper::Inner,
    mail::AccountMail,
    model::{
        AuthMethod, Event, OneTimeToken, OneTimeTokenId, SecretString, SessionId, Timestamp,
        TokenHash, TokenPurpose, User,
    },
    store::Transaction,
};

/// The name of the method whose codes go to the mailbox.
pub(super) const EMAIL: &str = "email";
/// The name of the method whose codes go to a telephone.
pub(crate) const SMS: &str = "sms";

/// 26 bits (ASVS 6.5.4 asks for 20, which six digits do not have).
const DIGITS: usize = 8;

/// What a code is good for, together with the method: the one sign-in or the one session that it was sent for (ASVS 6.6.2).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Binding<'a> {
    /// Finishes this pending sign-in.
    SignIn {
        /// The pending token's row.
        pending: OneTimeTokenId,
        /// What was shown already.
        first: &'a [AuthMethod],
    },
    /// Shown by whoever is signed in.
    Session(SessionId),
    /// Shows that a factor works which its owner is about to set up, in this session.
    Setup(SessionId),
}

impl Binding<'_> {
    pub(super) const fn first(&self) -> &[AuthMethod] {
        match self {
            Self::SignIn { first, .. } => first,
            Self::Session(_) | Self::Setup(_) => &[],
        }
    }

    fn name(&self) -> String {
        match self {
            Self::SignIn { pending, .. } => format!("sign_in:{pending}"),
            Self::Session(session) => format!("session:{session}"),
            Self::Setup(session) => format!("setup:{session}"),
        }
    }
}

/// Whether a code that was sent is the right one.
#[must_use]
pub(super) enum Redeemed {
    Right,
    Wrong,
}

impl Redeemed {
    fn of(token: Option<OneTimeToken>, user: &User) -> Self {
        match token {
            Some(token) if token.user_id == user.id => Self::Right,
            Some(_) | None => Self::Wrong,
        }
    }
}

/// A code in a text message. Offered as a restricted authenticator (NIST SP 800-63B-4 section 3.2.9, ASVS 6.6.1): only where the
/// application gives a sender.
#[derive(Debug)]
pub(super) struct SmsMethod;

#[async_trait]
impl MfaMethod for SmsMethod {
    fn name(&self) -> &'static str {
        SMS
    }

    fn amr(&self) -> AuthMethod {
        AuthMethod::Sms
    }

    fn destination(&self, factor: Option<&MfaFactor>) -> Result<Option<Destination>, Error> {
        let Some(factor) = factor else {
            return Err(Error::internal("there is no telephone number"));
        };
        let number = std::str::from_utf8(factor.secret.expose()).map_err(Error::internal)?;
        Ok(Some(Destination::Telephone(number.to_owned())))
    }

    async fn verify(
        &self,
        _tx: &mut dyn Transaction,
        _attempt: MfaAttempt<'_>,
    ) -> Result<MfaProof, Error> {
        Ok(MfaProof::Refused("not_sent"))
    }
}

/// A code by mail. Weaker than the others: who reads the mailbox and resets the password has both.
#[derive(Debug)]
pub(super) struct EmailMethod {
    /// Whether the application offers it to users who have not chosen it yet.
    pub(super) offered: bool,
}

#[async_trait]
impl MfaMethod for EmailMethod {
    fn name(&self) -> &'static str {
        EMAIL
    }

    fn amr(&self) -> AuthMethod {
        AuthMethod::Email
    }

    fn standing(&self) -> MfaStanding {
        MfaStanding::Fallback
    }

    async fn is_ready(&self, _tx: &mut dyn Transaction, user: &User) -> Result<bool, Error> {
        Ok(self.offered && user.email_verified())
    }

    fn destination(&self, _factor: Option<&MfaFactor>) -> Result<Option<Destination>, Error> {
        Ok(Some(Destination::Mailbox))
    }

    async fn verify(
        &self,
        _tx: &mut dyn Transaction,
        _attempt: MfaAttempt<'_>,
    ) -> Result<MfaProof, Error> {
        Ok(MfaProof::Refused("not_sent"))
    }
}

/// Sends a code in place of any that was sent before. The caller holds the user's row, and has asked the limit of mails.
pub(super) async fn send(
    inner: &Inner,
    unit: &mut Unit<'_>,
    user: &User,
    method: &str,
    destination: Destination,
    binding: Binding<'_>,
) -> Result<(), Error> {
    let code = random_code(inner);
    let now = unit.now();
    unit.tx()
        .tokens()
        .revoke_all_for_user(user.tenant_id, user.id, &[TokenPurpose::MfaCode], now)
        .await?;
    let token = OneTimeToken {
        id: OneTimeTokenId::new(now, inner.random.as_ref()),
        tenant_id: user.tenant_id,
        purpose: TokenPurpose::MfaCode,
        user_id: user.id,
        hash: hash(inner, user, method, &code, binding),
        payload: serde_json::json!({ "method": method }),
        created_at: now,
        expires_at: now.after(inner.config.mfa.code_lifetime),
        consumed_at: None,
    };
    unit.tx().tokens().insert(&token).await?;
    let record = Record::success(Event::MfaCodeRequested).by(user.id);
    unit.record(record.detail("method", method)).await?;
    match destination {
        Destination::Mailbox => {
            unit.mail(&AccountMail::MfaCode {
                user_id: user.id,
                code: code.expose().to_owned(),
            })
            .await
        }
        Destination::Telephone(number) => {
            let text = message(inner, user, &code);
            unit.sms(number, &text).await
        }
    }
}

/// Whether this is the code that was sent, left as it is.
pub(super) async fn find(
    inner: &Inner,
    tx: &mut dyn Transaction,
    user: &User,
    method: &str,
    code: &SecretString,
    binding: Binding<'_>,
    now: Timestamp,
) -> Result<Redeemed, Error> {
    let hash = hash(inner, user, method, code, binding);
    let purpose = TokenPurpose::MfaCode;
    let found = tx
        .tokens()
        .find(user.tenant_id, purpose, &hash, now)
        .await?;
    Ok(Redeemed::of(found, user))
}

/// Uses up a code that was sent.
pub(super) async fn consume(
    inner: &Inner,
    unit: &mut Unit<'_>,
    user: &User,
    method: &str,
    code: &SecretString,
    binding: Binding<'_>,
) -> Result<Redeemed, Error> {
    if code.expose().len() != DIGITS || !code.expose().bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Redeemed::Wrong);
    }
    let hash = hash(inner, user, method, code, binding);
    let now = unit.now();
    let consumed = unit
        .tx()
        .tokens()
        .consume(user.tenant_id, TokenPurpose::MfaCode, &hash, now)
        .await?;
    Ok(Redeemed::of(consumed, user))
}

/// Keyed, since a code has few bits: who reads the store cannot try them all. It holds what the code is bound to, so that a code
/// is found where it belongs and nowhere else.
fn hash(
    inner: &Inner,
    user: &User,
    method: &str,
    code: &SecretString,
    binding: Binding<'_>,
) -> TokenHash {
    let bound = format!(
        "{}:{}:{method}:{}:{}",
        user.tenant_id,
        user.id,
        binding.name(),
        code.expose(),
    );
    TokenHash(inner.digester.key("mfa-code", &bound))
}

fn random_code(inner: &Inner) -> SecretString {
    // Of 2^64 values, 10^8 is so small a part that no code is likelier than another by more than one in 10^11.
    let number = u64::from_be_bytes(inner.random.bytes()) % 100_000_000;
    format!("{number:0DIGITS$}").into()
}

fn message(inner: &Inner, user: &User, code: &SecretString) -> SecretString {
    let (product, code) = (&inner.config.product_name, code.expose());
    let minutes = inner.config.mfa.code_lifetime.as_secs() / 60;
    let german = user
        .locale
        .as_deref()
        .and_then(|locale| locale.split('-').next())
        .is_some_and(|language| language.eq_ignore_ascii_case("de"));
    let text = if german {
        format!(
            "{product}: Ihr Code ist {code}. Er gilt {minutes} Minuten. Geben Sie ihn niemandem weiter."
        )
    } else {
        format!(
            "{product}: your code is {code}. It is good for {minutes} minutes. Give it to nobody."
        )
    };
    text.into()
}
