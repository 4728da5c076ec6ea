use std::fmt;

use async_trait::async_trait;

use crate::{
    Error, RequestContext,
    model::{AuthMethod, EmailAddress, SecretString, SignInMethod, Timestamp, UserId},
};

/// What somebody shows to prove who they are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Evidence {
    /// A name and a password: `POST /v1/auth/login`.
    Password {
        /// What the user typed as a name: for the built-in provider an e-mail address.
        identifier: String,
        /// The password, as received.
        password: SecretString,
    },
}

/// What has to happen before evidence can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Begun {
    /// Nothing: ask the user for name and password and go on with `finish`.
    Prompt,
    /// Send the user there; the evidence comes back from it.
    Redirect(String),
    /// A mail is on its way; the evidence is in it.
    MailSent,
}

/// What a provider found out.
#[derive(Clone, Debug)]
#[must_use]
pub enum Verification {
    /// It is who they say.
    Verified(VerifiedIdentity),
    /// The same, and what is kept of the evidence is of an outdated form: [`AuthProvider::renew`] is asked to make it anew, once
    /// the sign-in is let on.
    Outdated(VerifiedIdentity),
    /// It is not. The public answer is `password.invalid_credentials`, whatever the reason.
    Refused {
        /// The true reason, for the audit trail: `unknown_account`, `wrong_password`.
        reason: &'static str,
        /// Whom it concerns, where that is known.
        account: Option<UserId>,
    },
}

/// Somebody who proved who they are.
#[derive(Clone, Debug)]
pub struct VerifiedIdentity {
    /// Who.
    pub subject: Subject,
    /// How: the `amr` of the session.
    pub methods: Vec<AuthMethod>,
}

/// Whom a provider vouches for.
#[derive(Clone, Debug)]
pub enum Subject {
    /// An account of ours.
    Local {
        /// The account.
        user_id: UserId,
        /// When the password that was shown had been set: a sign-in that a change of password overtakes is refused.
        password_changed_at: Timestamp,
    },
    /// Somebody the provider knows. The account is the one linked to (provider, subject); where there is none and
    /// [`AuthProvider::provisioning`] allows it, one is made.
    External {
        /// The provider's own, unchanging id of the user, at most 255 bytes. Never an e-mail address, which can change hands.
        subject: String,
        /// The address, where the provider has proved that the user reads it; the account of somebody new needs one.
        verified_email: Option<EmailAddress>,
        /// What the user is called.
        name: Option<String>,
    },
}

/// What happens when a provider vouches for somebody who has no account here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provisioning {
    /// Nothing: the sign-in is refused.
    Refuse,
    /// An account is made, where the provider gives a verified address that no account has. An existing account is never
    /// linked by its address alone (CVE-2024-21632).
    Create,
}

/// A way of proving who one is: evidence in, verified identity out.
///
/// A sign-in asks the providers in the order in which they were added, and the built-in one for passwords last; the first
/// that [`accepts`](Self::accepts) the evidence decides alone. One whose [`method`](Self::method) the tenant closed is passed over. The sign-in endpoint does not change when one is added.
///
/// # Security
///
/// A provider must do the same work for somebody it does not know as for somebody it does, or its time tells them apart.
/// A failure to find out (a directory that is away) is an error, never a refusal and never a success.
#[async_trait]
pub trait AuthProvider: Send + Sync + fmt::Debug {
    /// A stable name, 1 to 64 of `a-z`, `0-9`, `_` and `-`: stored with the identities it vouched for.
    fn id(&self) -> &str;

    /// Whether this provider decides about this evidence. Cheap, without I/O, and by the evidence's form alone.
    fn accepts(&self, evidence: &Evidence) -> bool;

    /// As which way to sign in it counts, where a tenant allows only some.
    fn method(&self) -> SignInMethod {
        SignInMethod::Federated
    }

    /// What happens when it vouches for somebody who has no account here.
    fn provisioning(&self) -> Provisioning {
        Provisioning::Refuse
    }

    /// Begins a sign-in that needs more than one step.
    async fn begin(&self, _cx: &RequestContext) -> Result<Begun, Error> {
        Ok(Begun::Prompt)
    }

    /// Looks at the evidence.
    ///
    /// # Errors
    ///
    /// Where it cannot be found out. The caller is then told 503 or 500, and nobody is signed in.
    async fn finish(&self, cx: &RequestContext, evidence: &Evidence)
    -> Result<Verification, Error>;

    /// Makes anew what is kept of evidence that was [`Verification::Outdated`]. Not done while looking at it: a locked account may
    /// not be told by its cost that the evidence was right.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    async fn renew(
        &self,
        _cx: &RequestContext,
        _evidence: &Evidence,
        _identity: &VerifiedIdentity,
    ) -> Result<(), Error> {
        Ok(())
    }
}
