use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

use super::MailKind;
use crate::{
    RequestContext,
    model::{InvitationId, User, UserId},
};

/// A mail that is to be made, with what is known of the call that caused it: its owner can judge by that whether it was
/// them.
#[derive(Serialize, Deserialize)]
pub(crate) struct Queued<M> {
    #[serde(flatten)]
    pub(crate) mail: M,
    #[serde(default)]
    pub(crate) caller: Caller,
}

/// From where, and on what.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Caller {
    #[serde(default)]
    pub(crate) ip: Option<IpAddr>,
    #[serde(default)]
    pub(crate) user_agent: Option<String>,
}

impl Caller {
    pub(crate) fn of(cx: &RequestContext) -> Self {
        Self {
            ip: cx.ip,
            user_agent: cx.user_agent.clone(),
        }
    }
}

/// A mail that is to be made.
///
/// What somebody asks for by an address holds the address alone: whether there is an account is found out by the worker,
/// so that the caller cannot tell by the time.
#[derive(Serialize, Deserialize)]
#[serde(tag = "mail", rename_all = "snake_case")]
pub(crate) enum AccountMail {
    /// Sets the first password of an account that an administrator made.
    AccountCreated { user_id: UserId },
    /// Confirms a sign-up.
    VerifyEmail { user_id: UserId },
    /// Somebody asked for the verification mail again.
    VerificationRequested { email: String },
    /// Somebody tried to sign up with an address that has an account.
    RegistrationRepeated { user_id: UserId },
    /// Somebody asked for a reset.
    ResetRequested { email: String },
    /// Confirms a new address.
    ChangeEmail { user_id: UserId, address: String },
    /// Somebody asked for a link to sign in with. `binding` is what the browser that asked is recognised by.
    MagicLinkRequested {
        email: String,
        binding: Option<String>,
    },
    /// Somebody is invited, or is mailed again.
    Invitation { invitation_id: InvitationId },
    /// Too many guesses at the account of this address, if there is one.
    LockedOut { email: String },
    /// A code as a second factor, for a sign-in that waits for it. `code` is the text of the code, which the sealed entry
    /// alone holds.
    MfaCode { user_id: UserId, code: String },
    /// Something happened to an account. It holds the address of that moment: a change of address is told to the old one.
    Notice {
        notice: Notice,
        to: String,
        to_name: Option<String>,
        #[serde(default)]
        locale: Option<String>,
        /// The name of the device that it is about.
        #[serde(default)]
        device: Option<String>,
        /// How many backup codes are left.
        #[serde(default)]
        codes_left: Option<u32>,
    },
}

/// What an owner is told after it happened.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Notice {
    AccountDeleted,
    AccountLocked,
    BackupCodesLow,
    EmailChangeRequested,
    EmailChanged,
    Impersonated,
    MfaDisabled,
    MfaEnabled,
    MfaFailed,
    NewDevice,
    PasswordChangeRequired,
    PasswordChanged,
    PasswordReset,
    SessionReused,
    Welcome,
}

impl fmt::Debug for AccountMail {
    // One of them holds a code, and most an address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountMail(..)")
    }
}

impl AccountMail {
    pub(crate) fn notice(notice: Notice, user: &User) -> Self {
        Self::notice_with(notice, user, None, None)
    }

    /// A notice about a device.
    pub(crate) fn notice_of_device(notice: Notice, user: &User, name: String) -> Self {
        Self::notice_with(notice, user, Some(name), None)
    }

    /// A backup code was used, and so many are left.
    pub(crate) fn notice_of_codes(user: &User, left: u32) -> Self {
        Self::notice_with(Notice::BackupCodesLow, user, None, Some(left))
    }

    fn notice_with(
        notice: Notice,
        user: &User,
        device: Option<String>,
        codes_left: Option<u32>,
    ) -> Self {
        Self::Notice {
            notice,
            to: user.email.as_str().to_owned(),
            to_name: user.name.clone(),
            locale: user.locale.clone(),
            device,
            codes_left,
        }
    }
}

impl Notice {
    pub(crate) const fn kind(self) -> MailKind {
        match self {
            Self::AccountDeleted => MailKind::AccountDeleted,
            Self::AccountLocked => MailKind::AccountLocked,
            Self::BackupCodesLow => MailKind::BackupCodesLow,
            Self::MfaDisabled => MailKind::MfaDisabled,
            Self::MfaEnabled => MailKind::MfaEnabled,
            Self::MfaFailed => MailKind::MfaFailed,
            Self::NewDevice => MailKind::NewDevice,
            Self::PasswordChangeRequired => MailKind::PasswordChangeRequired,
            Self::Welcome => MailKind::Welcome,
            Self::EmailChangeRequested => MailKind::EmailChangeRequested,
            Self::Impersonated => MailKind::Impersonated,
            Self::EmailChanged => MailKind::EmailChanged,
            Self::PasswordChanged => MailKind::PasswordChanged,
            Self::PasswordReset => MailKind::PasswordReset,
            Self::SessionReused => MailKind::SessionReused,
        }
    }
}

/// A mail that is made and waits to be handed over.
#[derive(Serialize, Deserialize)]
pub(crate) struct RenderedMail {
    pub(crate) to: String,
    pub(crate) to_name: Option<String>,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// A text message that waits to be handed over.
#[derive(Serialize, Deserialize)]
pub(crate) struct TextMessage {
    pub(crate) to: String,
    pub(crate) text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_version_enqueued_is_read_still() {
        let notice =
            r#"{"mail":"notice","notice":"welcome","to":"ada@example.org","to_name":null}"#;
        let queued: Queued<AccountMail> = serde_json::from_str(notice).unwrap();
        assert!(queued.caller.ip.is_none());
        assert!(matches!(
            queued.mail,
            AccountMail::Notice {
                notice: Notice::Welcome,
                ..
            }
        ));
    }

    #[test]
    fn who_caused_a_mail_waits_with_it() {
        let caller = Caller {
            ip: Some([192, 0, 2, 7].into()),
            user_agent: Some("curl/8".to_owned()),
        };
        let mail = AccountMail::ResetRequested {
            email: "ada@example.org".to_owned(),
        };
        let json = serde_json::to_string(&Queued {
            mail: &mail,
            caller,
        })
        .unwrap();
        let read: Queued<AccountMail> = serde_json::from_str(&json).unwrap();
        assert_eq!(read.caller.ip, Some([192, 0, 2, 7].into()));
        assert_eq!(read.caller.user_agent.as_deref(), Some("curl/8"));
        assert!(matches!(read.mail, AccountMail::ResetRequested { .. }));
    }
}
