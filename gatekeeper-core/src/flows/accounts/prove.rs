use crate::{
    Error,
    flows::{Record, Unit},
    mail::{AccountMail, Notice},
    model::{Event, User},
};

/// Whether the address had been proved before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum MailboxProof {
    First,
    Repeated,
}

/// Notes that the owner of an account, whose row is held, reads its mailbox. The first time is recorded, and welcomed by a
/// mail. The caller writes the user's row.
pub(crate) async fn prove_mailbox(
    unit: &mut Unit<'_>,
    user: &mut User,
) -> Result<MailboxProof, Error> {
    if user.email_verified() {
        return Ok(MailboxProof::Repeated);
    }
    user.email_verified_at = Some(unit.now());
    user.updated_at = unit.now();
    unit.record(Record::success(Event::EmailVerified).by(user.id))
        .await?;
    unit.mail(&AccountMail::notice(Notice::Welcome, user))
        .await?;
    Ok(MailboxProof::First)
}

/// Takes away the second factors and devices of an account whose mailbox nobody had proved: whoever set them up may be
/// somebody else than its owner (row 6, Sudhodanan and Paverd's pre-hijacking). The password, sessions and tokens are for the caller, who
/// knows which of them are new. The caller writes the user's row.
pub(crate) async fn drop_unproven_factors(
    unit: &mut Unit<'_>,
    user: &mut User,
) -> Result<(), Error> {
    let now = unit.now();
    let (tenant, id) = (user.tenant_id, user.id);
    for factor in unit.tx().mfa().list(tenant, id).await? {
        unit.tx().mfa().delete(tenant, id, &factor.method).await?;
    }
    unit.tx()
        .mfa()
        .replace_backup_codes(tenant, id, &[])
        .await?;
    unit.tx().devices().revoke_all(tenant, id, now).await?;
    if user.mfa_enabled_at.take().is_some() {
        let record = Record::success(Event::MfaDisabled).target(id);
        unit.record(record.because("mailbox_proved")).await?;
    }
    Ok(())
}
