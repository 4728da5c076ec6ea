use super::{BackupCodeId, DeviceId, SecretString, TenantId, Timestamp, UserId};

/// A second factor of a user; at most one of each method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MfaCredential {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Whose it is.
    pub user_id: UserId,
    /// The method's name: `totp`, `email`, `sms`.
    pub method: String,
    /// What the method needs to know, sealed: a seed, a telephone number.
    pub sealed: Vec<u8>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When its owner showed that it works; it counts from then on.
    pub confirmed_at: Option<Timestamp>,
    /// The last counter that was accepted (the time step of RFC 6238); -1 for none.
    pub counter: i64,
}

/// One backup code, hashed with a password hash and a salt that the ten of a set share (ASVS 6.5.2).
#[derive(Clone, Debug)]
pub struct BackupCode {
    /// The row's id.
    pub id: BackupCodeId,
    /// The hash: a PHC string.
    pub hash: SecretString,
    /// When the set was made.
    pub created_at: Timestamp,
}

/// A browser or an app that a user has signed in with. It is recognised by a token that it keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The id.
    pub id: DeviceId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// Whose it is.
    pub user_id: UserId,
    /// What it calls itself: the user agent of the last sign-in.
    pub user_agent: Option<String>,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// Its last sign-in.
    pub last_seen_at: Timestamp,
    /// Until when it is known. Unknown means `now >= expires_at`.
    pub expires_at: Timestamp,
    /// Until when it is spared the second factor.
    pub trusted_until: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Device {
    /// Whether it is recognised at `now`.
    pub fn is_known(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// Whether it is spared the second factor at `now`.
    pub fn is_trusted(&self, now: Timestamp) -> bool {
        self.is_known(now) && self.trusted_until.is_some_and(|until| now < until)
    }
}
