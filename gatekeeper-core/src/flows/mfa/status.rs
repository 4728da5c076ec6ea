use super::{EMAIL, Mfa, SMS, TOTP, offer::in_force};
use crate::{
    Error, Identity, RequestContext,
    model::{MfaCredential, Timestamp},
};

/// How a user's second factors stand.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MfaStatus {
    /// The authenticator app.
    pub totp: FactorStatus,
    /// Codes in text messages.
    pub sms: FactorStatus,
    /// Codes by mail.
    pub email: FactorStatus,
    /// How many backup codes are left.
    pub backup_codes_left: usize,
}

/// How one of them stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FactorStatus {
    /// Since when it is in force; `None` where it is not.
    pub confirmed_at: Option<Timestamp>,
}

impl FactorStatus {
    fn of(factors: &[MfaCredential], method: &str) -> Self {
        let factor = factors.iter().find(|factor| factor.method == method);
        Self {
            confirmed_at: factor.and_then(|factor| factor.confirmed_at),
        }
    }
}

impl Mfa<'_> {
    /// How one's own second factors stand.
    ///
    /// # Errors
    ///
    /// [`AccessError::Invalid`](crate::AccessError::Invalid) where the account is gone; a failure of the store.
    pub async fn status(&self, cx: &RequestContext, who: &Identity) -> Result<MfaStatus, Error> {
        let inner = self.0.inner();
        let user = inner.account_of(cx, who).await?.user;
        let mut tx = inner.repository.begin().await?;
        let factors = in_force(tx.as_mut(), &user).await?;
        let codes = tx.mfa().list_backup_codes(user.tenant_id, user.id).await?;
        Ok(MfaStatus {
            totp: FactorStatus::of(&factors, TOTP),
            sms: FactorStatus::of(&factors, SMS),
            email: FactorStatus::of(&factors, EMAIL),
            backup_codes_left: codes.len(),
        })
    }
}
