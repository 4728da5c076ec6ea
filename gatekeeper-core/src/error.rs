use std::time::Duration;

use crate::{
    model::SecretString,
    rate_limit::Quota,
    store::{StoreError, StoreErrorKind},
};

/// Whose fault it is and what the caller can do: a transport maps it to a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The request makes no sense (HTTP 400).
    BadRequest,
    /// Nobody known is asking (401).
    Unauthenticated,
    /// Known, but not allowed (403).
    Forbidden,
    /// There is no such thing (404).
    NotFound,
    /// It contradicts what is there (409).
    Conflict,
    /// Well-formed, but a field is wrong (422).
    Unprocessable,
    /// Too often: a rate limit (429).
    TooMany,
    /// Too much at once, or something it needs is away (503).
    Unavailable,
    /// A fault of ours (500).
    Internal,
}

/// What a flow answers when it does not do what was asked.
///
/// `code` and `class` are for machines, `Display` is for people and fit to be shown to the caller. Causes that a caller
/// must not tell apart share one variant; the true reason is in the audit event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The access token was refused, or does not allow this.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Something about an account.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// Something about an API key.
    #[error(transparent)]
    ApiKey(#[from] ApiKeyError),
    /// Something about acting as another user.
    #[error(transparent)]
    Impersonation(#[from] ImpersonationError),
    /// Something about an invitation.
    #[error(transparent)]
    Invitation(#[from] InvitationError),
    /// Something about an organisation.
    #[error(transparent)]
    Organization(#[from] OrganizationError),
    /// Something about roles and groups.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// Something about a tenant.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// A hook of the application refused.
    #[error("{}", .0.detail)]
    Refused(Refusal),
    /// Fields of the input are wrong.
    #[error("the request has invalid fields")]
    Invalid(Violations),
    /// Something about a link to sign in with.
    #[error(transparent)]
    MagicLink(#[from] MagicLinkError),
    /// Something about a second factor.
    #[error(transparent)]
    Mfa(#[from] MfaError),
    /// Something about a password.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// A rate limit was reached.
    #[error("too many requests")]
    RateLimited(RateLimited),
    /// Something about a session.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A one-time token was refused: wrong, used, expired, or of another purpose.
    #[error("the token is invalid or has expired")]
    Token,
    /// There is more to do than can be done.
    #[error("the service is busy")]
    Overloaded {
        /// When to come again.
        retry_after: Duration,
    },
    /// The store failed.
    #[error("the service is unavailable")]
    Store(#[source] StoreError),
    /// A service outside that a setting says is needed gave no answer.
    #[error("the service is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A fault of ours.
    #[error("an internal error occurred")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why an access token does not open a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// There is none.
    #[error("authentication is required")]
    Missing,
    /// Malformed, not ours, expired, revoked, or its account is gone: a caller is not told which.
    #[error("the access token is invalid or has expired")]
    Invalid,
    /// It is sound, and its holder may not do this.
    #[error("you may not do this")]
    Forbidden,
    /// Whoever asks acts as somebody else, and this is for the users themselves: credentials, factors, keys, other people's sessions.
    #[error("this cannot be done while acting as another user")]
    Impersonating,
    /// It would give, or touch, more than whoever asks has.
    #[error("this reaches further than your own rights")]
    InsufficientRank,
    /// This wants somebody who is signed in, not an API key.
    #[error("this cannot be done with an API key")]
    SessionRequired,
    /// It is sound, and this asks for a sign-in that is more recent, or had a second factor (RFC 9470).
    #[error("a more recent or a stronger sign-in is required")]
    StepUpRequired {
        /// How long ago it may have been: `max_age`. `None` where that does not matter.
        max_age: Option<Duration>,
    },
}

/// What may be wrong about an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The address has an account already. Told only where verification is optional.
    #[error("an account with this address exists already")]
    EmailTaken,
    /// The password was right, but the address is not verified yet.
    #[error("the e-mail address is not verified yet")]
    EmailUnverified,
    /// There is no such account.
    #[error("there is no such account")]
    NotFound,
    /// There is no such role.
    #[error("there is no such role")]
    RoleNotFound,
    /// The tenant does not take addresses of this domain.
    #[error("addresses of this domain are not accepted")]
    DomainNotAllowed,
    /// Only whoever is invited gets an account.
    #[error("an account is made by invitation alone")]
    RegistrationClosed,
}

/// What may be wrong about roles and groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RoleError {
    /// What it would inherit inherits it.
    #[error("a role cannot inherit itself")]
    Cycle,
    /// There is no such group.
    #[error("there is no such group")]
    GroupNotFound,
    /// Nobody would be left who has the role `admin`.
    #[error("the last administrator must stay one")]
    LastAdministrator,
    /// There is a role, or a group, of this name.
    #[error("there is one of this name already")]
    NameTaken,
    /// It comes with the tenant and cannot be changed.
    #[error("a role of the system cannot be changed")]
    System,
}

/// What may be wrong about an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum OrganizationError {
    /// There is no such organisation, or whoever asks does not belong to it.
    #[error("there is no such organisation")]
    NotFound,
    /// The user does not belong to it.
    #[error("there is no such member")]
    MemberNotFound,
    /// The slug is another's.
    #[error("the slug is taken")]
    SlugTaken,
}

/// What may be wrong about a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TenantError {
    /// There is no such tenant.
    #[error("there is no such tenant")]
    NotFound,
    /// The slug is another's.
    #[error("the slug is taken")]
    SlugTaken,
    /// The default tenant can be neither suspended nor deleted.
    #[error("the default tenant must stay")]
    Default,
}

/// What may be wrong about an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum InvitationError {
    /// There is no such invitation.
    #[error("there is no such invitation")]
    NotFound,
    /// It was accepted or revoked already.
    #[error("the invitation was accepted or revoked already")]
    Settled,
    /// The address has an account, and it is a member already.
    #[error("the account is a member already")]
    AlreadyMember,
}

/// What may be wrong about an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeyError {
    /// There is no such key.
    #[error("there is no such API key")]
    NotFound,
    /// The application does not offer API keys.
    #[error("API keys are not offered")]
    NotOffered,
    /// It was revoked, has expired, or has a successor already.
    #[error("the API key was revoked or replaced already")]
    Settled,
    /// The user has as many as there may be.
    #[error("there are too many API keys: revoke one first")]
    LimitReached,
}

/// What may be wrong about acting as another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ImpersonationError {
    /// Whoever asks does not act as somebody else.
    #[error("you are not acting as another user")]
    NotActing,
    /// It is oneself, a service account, a disabled account, or the application does not offer it.
    #[error("this account cannot be acted as")]
    NotPossible,
}

/// What may be wrong about a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// At sign-in: no such account, wrong password, no password, disabled account, alike.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// A signed-in user gave a wrong current password.
    #[error("the current password is wrong")]
    CurrentIncorrect,
    /// The password was right, but is known to others: it must be reset before the account can be used.
    #[error("the password is known to others and has to be changed: ask for a reset")]
    ChangeRequired,
}

/// What may be wrong about a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum MfaError {
    /// The code is wrong, used, expired, or the account is locked: alike.
    #[error("the code is wrong or was used already")]
    InvalidCode,
    /// The same, given by somebody who is signed in, for whom it must not look as if the access token were dead.
    #[error("the code is wrong or was used already")]
    CodeIncorrect,
    /// The pending sign-in is unknown, over, or done: alike.
    #[error("the sign-in has expired or was finished: begin again")]
    InvalidToken,
    /// There is a second factor of this method already.
    #[error("this second factor is set up already")]
    AlreadyEnabled,
    /// There is no second factor of this method.
    #[error("this second factor is not set up")]
    NotEnabled,
    /// The application does not offer this method.
    #[error("this second factor is not offered")]
    NotOffered,
    /// The account's rules ask for a second factor: the last one cannot be taken away.
    #[error("a second factor is required and cannot be taken away")]
    Required,
}

/// What may be wrong about a link to sign in with.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MagicLinkError {
    /// The application does not offer it.
    #[error("links to sign in with are not offered")]
    Disabled,
    /// The link was opened in another browser than the one that asked: show this code there, to be typed where it was asked.
    #[error("the link was opened in another browser: type the code where you asked for it")]
    OtherBrowser {
        /// The code.
        code: SecretString,
    },
}

/// A limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimited {
    /// The limit's name: the policy's in `RateLimit-Policy`.
    pub policy: &'static str,
    /// The limit.
    pub quota: Quota,
    /// Names whose requests are counted together, without saying who it is: `pk` of `RateLimit`.
    pub partition: [u8; 8],
    /// When to come again.
    pub retry_after: Duration,
    /// When the quota is full again.
    pub reset_after: Duration,
}

/// What may be wrong about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The refresh token is malformed, not ours, used, expired, or its session is over: alike.
    #[error("the refresh token is invalid or has expired")]
    InvalidRefreshToken,
    /// The user has no such session.
    #[error("there is no such session")]
    NotFound,
    /// The user has no such device.
    #[error("there is no such device")]
    DeviceNotFound,
    /// The user has as many sessions as there may be.
    #[error("there are too many sessions: end one first")]
    LimitReached,
}

/// A hook's refusal, in the application's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A stable code of the application's; shown as `hook.<code>`. 1 to 64 of `a-z`, `0-9`, `_`, `.`; anything else shows as `refused`.
    pub code: String,
    /// What the caller is told.
    pub detail: String,
}

impl Refusal {
    /// A refusal with a code and a text for the caller.
    pub fn new(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            detail: detail.into(),
        }
    }
}

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field: a JSON Pointer (RFC 6901).
    pub pointer: String,
    /// A stable code, `password.too_short`.
    pub code: &'static str,
    /// What is wrong, without the value.
    pub detail: String,
}

/// Every wrong field of an input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// None yet.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// With one field.
    pub fn one(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        let mut violations = Self::none();
        violations.push(pointer, code, detail);
        violations
    }

    /// Adds a field.
    pub fn push(
        &mut self,
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) {
        self.0.push(Violation {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        });
    }

    /// Adds the fields of another.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The fields.
    pub fn as_slice(&self) -> &[Violation] {
        &self.0
    }

    /// An error, if there is any.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where there is a violation.
    pub fn check(self) -> Result<(), Error> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(self))
        }
    }
}

impl Error {
    /// A fault of ours with its cause.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::Access(AccessError::Missing) => "access.missing_token",
            Self::Access(AccessError::Invalid) => "access.invalid_token",
            Self::Access(AccessError::Forbidden) => "access.forbidden",
            Self::Access(AccessError::StepUpRequired { .. }) => "access.step_up_required",
            Self::Access(AccessError::Impersonating) => "access.impersonating",
            Self::Access(AccessError::InsufficientRank) => "access.insufficient_rank",
            Self::Access(AccessError::SessionRequired) => "access.session_required",
            Self::Account(AccountError::DomainNotAllowed) => "account.domain_not_allowed",
            Self::Account(AccountError::RegistrationClosed) => "account.registration_closed",
            Self::ApiKey(ApiKeyError::NotFound) => "api_key.not_found",
            Self::ApiKey(ApiKeyError::NotOffered) => "api_key.not_offered",
            Self::ApiKey(ApiKeyError::Settled) => "api_key.settled",
            Self::ApiKey(ApiKeyError::LimitReached) => "api_key.limit_reached",
            Self::Impersonation(ImpersonationError::NotActing) => "impersonation.not_acting",
            Self::Impersonation(ImpersonationError::NotPossible) => "impersonation.not_possible",
            Self::Invitation(InvitationError::NotFound) => "invitation.not_found",
            Self::Invitation(InvitationError::Settled) => "invitation.settled",
            Self::Invitation(InvitationError::AlreadyMember) => "invitation.already_member",
            Self::Organization(OrganizationError::NotFound) => "organization.not_found",
            Self::Organization(OrganizationError::MemberNotFound) => {
                "organization.member_not_found"
            }
            Self::Organization(OrganizationError::SlugTaken) => "organization.slug_taken",
            Self::Role(RoleError::Cycle) => "role.cycle",
            Self::Role(RoleError::GroupNotFound) => "group.not_found",
            Self::Role(RoleError::LastAdministrator) => "role.last_administrator",
            Self::Role(RoleError::NameTaken) => "role.name_taken",
            Self::Role(RoleError::System) => "role.system",
            Self::Tenant(TenantError::NotFound) => "tenant.not_found",
            Self::Tenant(TenantError::SlugTaken) => "tenant.slug_taken",
            Self::Tenant(TenantError::Default) => "tenant.default",
            Self::Account(AccountError::EmailTaken) => "account.email_taken",
            Self::Account(AccountError::EmailUnverified) => "account.email_unverified",
            Self::Account(AccountError::NotFound) => "account.not_found",
            Self::Account(AccountError::RoleNotFound) => "role.not_found",
            Self::Refused(_) => "hook.refused",
            Self::Invalid(_) => "request.invalid",
            Self::Password(PasswordError::InvalidCredentials) => "password.invalid_credentials",
            Self::MagicLink(MagicLinkError::Disabled) => "magic_link.disabled",
            Self::MagicLink(MagicLinkError::OtherBrowser { .. }) => "magic_link.other_browser",
            Self::Mfa(MfaError::InvalidCode) => "mfa.invalid_code",
            Self::Mfa(MfaError::CodeIncorrect) => "mfa.code_incorrect",
            Self::Mfa(MfaError::InvalidToken) => "mfa.invalid_token",
            Self::Mfa(MfaError::AlreadyEnabled) => "mfa.already_enabled",
            Self::Mfa(MfaError::NotEnabled) => "mfa.not_enabled",
            Self::Mfa(MfaError::NotOffered) => "mfa.not_offered",
            Self::Mfa(MfaError::Required) => "mfa.required",
            Self::Password(PasswordError::CurrentIncorrect) => "password.current_incorrect",
            Self::Password(PasswordError::ChangeRequired) => "password.change_required",
            Self::RateLimited(_) => "request.rate_limited",
            Self::Session(SessionError::InvalidRefreshToken) => "session.invalid_refresh_token",
            Self::Session(SessionError::NotFound) => "session.not_found",
            Self::Session(SessionError::DeviceNotFound) => "device.not_found",
            Self::Session(SessionError::LimitReached) => "session.limit_reached",
            Self::Token => "token.invalid",
            Self::Overloaded { .. } => "service.overloaded",
            Self::Store(error) => match error.kind() {
                StoreErrorKind::Unavailable => "service.unavailable",
                StoreErrorKind::Conflict(_) | StoreErrorKind::Corrupt => "internal",
            },
            Self::Unavailable(_) => "service.unavailable",
            Self::Internal(_) => "internal",
        }
    }

    /// Whose fault it is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Access(
                AccessError::Missing | AccessError::Invalid | AccessError::StepUpRequired { .. },
            )
            | Self::Mfa(MfaError::InvalidCode | MfaError::InvalidToken)
            | Self::Password(PasswordError::InvalidCredentials)
            | Self::Session(SessionError::InvalidRefreshToken) => ErrorClass::Unauthenticated,
            Self::Access(
                AccessError::Forbidden
                | AccessError::Impersonating
                | AccessError::InsufficientRank
                | AccessError::SessionRequired,
            )
            | Self::Account(
                AccountError::DomainNotAllowed
                | AccountError::EmailUnverified
                | AccountError::RegistrationClosed,
            )
            | Self::Impersonation(ImpersonationError::NotPossible)
            | Self::MagicLink(MagicLinkError::OtherBrowser { .. })
            | Self::Mfa(MfaError::CodeIncorrect | MfaError::Required)
            | Self::Password(PasswordError::CurrentIncorrect | PasswordError::ChangeRequired)
            | Self::Session(SessionError::LimitReached)
            | Self::Refused(_) => ErrorClass::Forbidden,
            Self::Account(AccountError::EmailTaken)
            | Self::ApiKey(ApiKeyError::Settled | ApiKeyError::LimitReached)
            | Self::Impersonation(ImpersonationError::NotActing)
            | Self::Invitation(InvitationError::Settled | InvitationError::AlreadyMember)
            | Self::Mfa(MfaError::AlreadyEnabled)
            | Self::Organization(OrganizationError::SlugTaken)
            | Self::Role(
                RoleError::Cycle
                | RoleError::LastAdministrator
                | RoleError::NameTaken
                | RoleError::System,
            )
            | Self::Tenant(TenantError::SlugTaken | TenantError::Default) => ErrorClass::Conflict,
            Self::RateLimited(_) => ErrorClass::TooMany,
            Self::Account(AccountError::NotFound | AccountError::RoleNotFound)
            | Self::ApiKey(ApiKeyError::NotFound | ApiKeyError::NotOffered)
            | Self::Invitation(InvitationError::NotFound)
            | Self::Organization(OrganizationError::NotFound | OrganizationError::MemberNotFound)
            | Self::Role(RoleError::GroupNotFound)
            | Self::Tenant(TenantError::NotFound)
            | Self::MagicLink(MagicLinkError::Disabled)
            | Self::Mfa(MfaError::NotEnabled | MfaError::NotOffered)
            | Self::Session(SessionError::NotFound | SessionError::DeviceNotFound) => {
                ErrorClass::NotFound
            }
            Self::Invalid(_) => ErrorClass::Unprocessable,
            Self::Token => ErrorClass::BadRequest,
            Self::Overloaded { .. } | Self::Unavailable(_) => ErrorClass::Unavailable,
            Self::Store(error) => match error.kind() {
                StoreErrorKind::Unavailable => ErrorClass::Unavailable,
                StoreErrorKind::Conflict(_) | StoreErrorKind::Corrupt => ErrorClass::Internal,
            },
            Self::Internal(_) => ErrorClass::Internal,
        }
    }

    /// When trying again may help; `None` where it will not.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after }
            | Self::RateLimited(RateLimited { retry_after, .. }) => Some(*retry_after),
            _ if self.class() == ErrorClass::Unavailable => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

/// An error with its causes, in one line, for the log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
