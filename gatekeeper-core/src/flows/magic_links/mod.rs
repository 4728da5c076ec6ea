//! Links to sign in with, from a mail.
//!
//! | state | what ends it |
//! |---|---|
//! | link | it is redeemed in the browser that asked: somebody signs in, or goes on to the second factor |
//! | | it is opened elsewhere: it becomes a code |
//! | code | it is typed in the browser that asked: as above; or five wrong ones are |
//! | either | its time; a newer link; a change of password or address |
//!
//! Threats: finding out who has an account (a request is the same work and the same answer for any address; the worker looks it
//! up); somebody who asks with a victim's address and waits for the victim to open the link (it signs in the browser that
//! asked alone, and opened elsewhere shows a code that somebody has to be talked into giving away, of which the mail warns);
//! somebody who mails a link of their own, to have the victim use an account that is not theirs (the same binding); guessing
//! the code (it is found by the binding alone, which has 256 bits, counted with the account's other guesses, and dead after
//! five); an account that somebody set up with an address not theirs (its first proof drops password, sessions, factors,
//! devices and links: row 6); both factors in one mailbox (an account whose only second factor is e-mailed is sent no link:
//! CVE-2024-27928); a mail program that opens links beforehand (a GET uses up nothing); the lock of an account (a link proves
//! more than a guess and stays open, as the reset does; a code is a guess and does not).
//!
//! ASVS 6.3.6 (level 3) wants no e-mail as a way to sign in: [`MagicLinkConfig::enabled`](crate::config::MagicLinkConfig::enabled).
//!
//! Events: `magic_link.requested`, `magic_link.opened_elsewhere`, `token.refused`, `sign_in.failed`, and those of sessions. Codes:
//! `magic_link.disabled`, `magic_link.other_browser`, `token.invalid`.

mod binding;
mod redeem;
mod redeem_code;
mod request;
mod spend;

use crate::{
    Error, Gatekeeper, MagicLinkError, RequestContext,
    flows::mfa::requirement,
    gatekeeper::Inner,
    model::{MfaRequirement, Offered, SecretString, SignInMethod, User},
    store::Transaction,
};

/// Links to sign in with. From [`Gatekeeper::magic_links`].
#[derive(Clone, Copy, Debug)]
pub struct MagicLinks<'a>(pub(crate) &'a Gatekeeper);

/// What whoever asked for a link keeps.
#[derive(Clone, Debug)]
pub struct MagicLinkRequested {
    /// Recognises the browser that asked, to be shown with the link; `None` where links are not bound to a browser.
    ///
    /// # Security
    ///
    /// It must not leave the browser: a cookie that no script reads, or the memory of an app.
    pub binding: Option<SecretString>,
    /// For how long it may be needed, in seconds: the time of a link, and of the code that it may become.
    pub expires_in: u64,
}

/// Whether an account may be sent a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Eligible {
    Yes,
    /// Links are not offered.
    Disabled,
    /// The mailbox would be both factors.
    MailboxIsSecondFactor,
}

impl MagicLinks<'_> {
    async fn require_enabled(self, cx: &RequestContext) -> Result<(), Error> {
        let inner = self.0.inner();
        let settings = inner.tenant_settings(cx.tenant_id).await?;
        if inner.config.magic_links.enabled
            && settings.method(SignInMethod::MagicLink) == Offered::Yes
        {
            Ok(())
        } else {
            Err(MagicLinkError::Disabled.into())
        }
    }
}

impl Inner {
    /// Whether a link would be of use and of no harm to this user, whose row is held.
    pub(crate) async fn magic_link_eligible(
        &self,
        tx: &mut dyn Transaction,
        user: &User,
    ) -> Result<Eligible, Error> {
        let tenant = tx.tenants().find(user.tenant_id).await?;
        let closed = tenant
            .is_none_or(|tenant| tenant.settings.method(SignInMethod::MagicLink) == Offered::No);
        if closed || !self.config.magic_links.enabled {
            return Ok(Eligible::Disabled);
        }
        let mut factors = tx.mfa().list(user.tenant_id, user.id).await?;
        // An unproven account's factors are dropped before they are asked for.
        factors.retain(|factor| factor.confirmed_at.is_some() && user.email_verified());
        let by_mail_alone = if factors.is_empty() {
            // Where a second factor is required and there is none, it is a code by e-mail if those are offered.
            self.config.mfa.email_codes
                && requirement(self, tx, user).await? == MfaRequirement::Required
        } else {
            factors.iter().all(|factor| factor.method == EMAIL)
        };
        Ok(if by_mail_alone {
            Eligible::MailboxIsSecondFactor
        } else {
            Eligible::Yes
        })
    }
}

/// The name of the second factor that is a code by e-mail.
const EMAIL: &str = "email";
