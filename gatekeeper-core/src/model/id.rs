use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use super::Timestamp;
use crate::env::Random;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id (UUID version 7, RFC 9562 section 5.7): sorted by the time it was made.
            ///
            /// # Security
            ///
            /// An id is a name, never a secret (ASVS 11.5.1: UUIDs do not count as unguessable).
            pub fn new(now: Timestamp, random: &dyn Random) -> Self {
                let millis = u64::try_from(now.as_unix_millis()).unwrap_or(0);
                Self(Builder::from_unix_timestamp_millis(millis, &random.bytes()).into_uuid())
            }

            /// The id with this UUID, for stores.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID, for stores.
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            /// Reads the hyphenated form alone.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(Self(text.parse::<uuid::fmt::Hyphenated>()?.into_uuid()))
            }
        }
    )*};
}

ids! {
    /// Names an API key; it is not the key.
    ApiKeyId;
    /// Names a backup code's row; it is not the code.
    BackupCodeId;
    /// Names a device that a user has signed in with.
    DeviceId;
    /// Names a row of the audit trail.
    EventId;
    /// Names a group of users.
    GroupId;
    /// Names an invitation; it is not its token.
    InvitationId;
    /// Names a signing key; its text is the `kid` of RFC 7515 section 4.1.4.
    KeyId;
    /// Names a mail in the outbox.
    MailId;
    /// Names a one-time token's row; it is not the token.
    OneTimeTokenId;
    /// Names an organisation inside a tenant.
    OrganizationId;
    /// Names a row of a user's former passwords.
    PasswordHistoryId;
    /// Names a session: the `sid` of an access token.
    SessionId;
    /// Names a tenant: the `tid` of an access token.
    TenantId;
    /// Names one access token: its `jti`.
    TokenId;
    /// Names a user: the `uid` and `sub` of an access token.
    UserId;
}

impl TenantId {
    /// The tenant of an application that knows of none. Every store has it from its first migration on.
    pub const DEFAULT: Self = Self(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001));
}
