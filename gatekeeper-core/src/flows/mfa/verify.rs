use super::{
    Binding, MfaAttempt, MfaFactor, MfaProof, PreparedCode,
    offer::{in_force, offered},
    sent,
};
use crate::{
    Error,
    flows::{Record, Unit},
    gatekeeper::Inner,
    mail::AccountMail,
    model::{AuthMethod, Event, MfaCredential, SecretString, TenantId, User, UserId},
};

/// With so many left or fewer, their owner is mailed.
const FEW_LEFT: usize = 3;
/// A longer code is none.
const MAX_CODE_BYTES: usize = 256;

/// What came of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum MfaVerdict {
    /// It is right, and used up in the unit.
    Accepted(AuthMethod),
    /// It is not, and nothing was written: the reason, for the audit trail.
    Refused(&'static str),
}

/// Does what is slow about a code, before any unit: a backup code costs one hash. The caller has made sure that the account is not
/// locked.
///
/// # Errors
///
/// [`Error::Overloaded`]; a failure of the store or of a method of the application's.
pub(crate) async fn prepare(
    inner: &Inner,
    user: &User,
    method: &str,
    code: &SecretString,
) -> Result<PreparedCode, Error> {
    let code = normalise(code);
    let prepared = match inner.mfa_methods.find(method) {
        Some(method) => method.prepare(user, &code).await?,
        None => None,
    };
    Ok(PreparedCode { code, prepared })
}

/// Judges a code of a user whose row the unit holds, and uses it up in the unit: with the unit, the code's use is undone.
///
/// Where it is refused, the unit is to be dropped, and the guess to be counted afterwards.
///
/// # Errors
///
/// [`Error::Token`] as [`offered`]; a failure of the store or of a method of the application's.
pub(crate) async fn verify_in(
    inner: &Inner,
    unit: &mut Unit<'_>,
    user: &User,
    method: &str,
    code: &PreparedCode,
    binding: Binding<'_>,
) -> Result<MfaVerdict, Error> {
    let Some(method) = inner.mfa_methods.find(method) else {
        return Ok(MfaVerdict::Refused("unknown_method"));
    };
    let name = method.name();
    let offered = offered(inner, unit.tx(), user, binding.first()).await?;
    if !offered.iter().any(|offered| offered == name) {
        return Ok(MfaVerdict::Refused("method_not_offered"));
    }
    let row = in_force(unit.tx(), user).await?;
    let factor = match row.iter().find(|row| row.method == name) {
        Some(row) => Some(open(inner, row)?),
        None => None,
    };
    if method.destination(factor.as_ref())?.is_some() {
        return Ok(
            match sent::consume(inner, unit, user, name, &code.code, binding).await? {
                sent::Redeemed::Right => MfaVerdict::Accepted(method.amr()),
                sent::Redeemed::Wrong => MfaVerdict::Refused("wrong_code"),
            },
        );
    }
    let attempt = MfaAttempt {
        user,
        factor: factor.as_ref(),
        code,
        now: unit.now(),
    };
    let accepted = MfaVerdict::Accepted(method.amr());
    Ok(match method.verify(unit.tx(), attempt).await? {
        MfaProof::Accepted => accepted,
        MfaProof::AtCounter(counter) => {
            let mfa = unit.tx().mfa();
            if mfa.advance(user.tenant_id, user.id, name, counter).await? {
                accepted
            } else {
                MfaVerdict::Refused("code_used_before")
            }
        }
        MfaProof::UsedUp { left } => {
            let record = Record::success(Event::MfaBackupCodeUsed).by(user.id);
            unit.record(record.detail("left", left)).await?;
            if left <= FEW_LEFT {
                let few = u32::try_from(left).unwrap_or(u32::MAX);
                unit.mail(&AccountMail::notice_of_codes(user, few)).await?;
            }
            accepted
        }
        MfaProof::Refused(reason) => MfaVerdict::Refused(reason),
    })
}

/// People type codes in groups.
pub(super) fn normalise(code: &SecretString) -> SecretString {
    if code.expose().len() > MAX_CODE_BYTES {
        return SecretString::new("");
    }
    let plain: String = code
        .expose()
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .collect();
    plain.into()
}

/// Opens what is kept of a factor.
pub(crate) fn open(inner: &Inner, factor: &MfaCredential) -> Result<MfaFactor, Error> {
    let place = place(factor.tenant_id, factor.user_id, &factor.method);
    let secret = inner
        .sealer
        .open(&place, &factor.sealed)
        .map_err(Error::internal)?;
    Ok(MfaFactor {
        secret,
        counter: factor.counter,
    })
}

/// Seals what is to be kept of a factor, in its place: it opens for no other user and no other method.
pub(super) fn seal(inner: &Inner, user: &User, method: &str, secret: &[u8]) -> Vec<u8> {
    let place = place(user.tenant_id, user.id, method);
    inner.sealer.seal(&place, secret, inner.random.as_ref())
}

fn place(tenant: TenantId, user: UserId, method: &str) -> Vec<u8> {
    format!("mfa:{tenant}:{user}:{method}").into_bytes()
}
