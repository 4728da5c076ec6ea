macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {
        /// Which mail it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum MailKind {
            $($(#[$doc])* $name,)*
        }

        impl MailKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable name, which is that of its templates.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $file,)*
                }
            }
        }

        /// The bundled templates of kinds: (language, kind, subject and text, HTML).
        pub(super) const BUNDLED: &[(&str, MailKind, &str, &str)] = &[
            $((
                "en",
                MailKind::$name,
                include_str!(concat!("templates/en/", $file, ".txt")),
                include_str!(concat!("templates/en/", $file, ".html")),
            ),
            (
                "de",
                MailKind::$name,
                include_str!(concat!("templates/de/", $file, ".txt")),
                include_str!(concat!("templates/de/", $file, ".html")),
            ),)*
        ];
    };
}

kinds! {
    /// An administrator made an account for its reader: sets its first password.
    AccountCreated = "account_created";
    /// The account was deleted.
    AccountDeleted = "account_deleted";
    /// Too many wrong guesses: the account is locked for a while.
    AccountLocked = "account_locked";
    /// Few backup codes are left.
    BackupCodesLow = "backup_codes_low";
    /// Confirms a new address; goes to the new one.
    ChangeEmail = "change_email";
    /// A change of address was asked for; goes to the old one.
    EmailChangeRequested = "email_change_requested";
    /// The address was changed; goes to the old one.
    EmailChanged = "email_changed";
    /// Asks somebody to join.
    Invitation = "invitation";
    /// An administrator acts as the owner of the account.
    Impersonated = "impersonated";
    /// Signs in.
    MagicLink = "magic_link";
    /// A code, as a second factor.
    MfaCode = "mfa_code";
    /// A second factor was taken away.
    MfaDisabled = "mfa_disabled";
    /// A second factor is in force.
    MfaEnabled = "mfa_enabled";
    /// A wrong second factor was given after the right password.
    MfaFailed = "mfa_failed";
    /// A sign-in on a device that was not known.
    NewDevice = "new_device";
    /// The password is known to others and has to be reset.
    PasswordChangeRequired = "password_change_required";
    /// The password was changed.
    PasswordChanged = "password_changed";
    /// The password was set through a reset link.
    PasswordReset = "password_reset";
    /// Somebody tried to sign up with, or to change to, an address that has an account.
    RegistrationRepeated = "registration_repeated";
    /// Sets a new password.
    ResetPassword = "reset_password";
    /// A used refresh token came again; the session was ended.
    SessionReused = "session_reused";
    /// Confirms a sign-up.
    VerifyEmail = "verify_email";
    /// The address was proved for the first time: the account can be used.
    Welcome = "welcome";
}

/// What a mail is for that its reader has to have: without it the mail is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carries {
    /// Only news.
    Nothing,
    /// A link with a one-time token.
    Link,
    /// A code.
    Code,
}

impl MailKind {
    pub(super) const fn carries(self) -> Carries {
        match self {
            Self::ChangeEmail
            | Self::Invitation
            | Self::AccountCreated
            | Self::MagicLink
            | Self::ResetPassword
            | Self::VerifyEmail => Carries::Link,
            Self::MfaCode => Carries::Code,
            Self::AccountDeleted
            | Self::AccountLocked
            | Self::BackupCodesLow
            | Self::EmailChangeRequested
            | Self::EmailChanged
            | Self::Impersonated
            | Self::MfaDisabled
            | Self::MfaEnabled
            | Self::MfaFailed
            | Self::NewDevice
            | Self::PasswordChangeRequired
            | Self::PasswordChanged
            | Self::PasswordReset
            | Self::RegistrationRepeated
            | Self::SessionReused
            | Self::Welcome => Carries::Nothing,
        }
    }
}
