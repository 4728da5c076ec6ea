use super::{MagicLinkRequested, MagicLinks, binding};
use crate::{
    Error, RequestContext, Violations,
    crypto::one_time,
    flows::{Record, Unit, validate},
    mail::AccountMail,
    model::Event,
    rate_limit::{MailAllowance, MailLimit, TOO_MANY},
};

impl MagicLinks<'_> {
    /// Asks for a link to sign in with. The answer is the same whether or not there is such an account, and whether or not it
    /// was sent too many already.
    ///
    /// # Errors
    ///
    /// [`MagicLinkError::Disabled`](crate::MagicLinkError::Disabled); [`Error::Invalid`] for `/email`; a failure of the store.
    pub async fn request(
        &self,
        cx: &RequestContext,
        email: &str,
    ) -> Result<MagicLinkRequested, Error> {
        self.require_enabled(cx).await?;
        let inner = self.0.inner();
        let mut violations = Violations::none();
        let email = validate::email(&mut violations, "/email", email);
        violations.check()?;
        let Some(email) = email else {
            return Err(Error::internal("a checked address is there"));
        };
        let config = &inner.config.magic_links;
        let (binding, hash) = if config.bind_to_browser {
            let (binding, hash) = one_time::generate(inner.random.as_ref());
            (Some(binding), Some(binding::to_text(&hash)))
        } else {
            (None, None)
        };
        let allowance = inner
            .may_mail(cx, MailLimit::MagicLink, email.normalized())
            .await?;
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let record = match allowance {
            MailAllowance::Allowed => Record::success(Event::MagicLinkRequested),
            MailAllowance::TooMany => Record::failure(Event::MagicLinkRequested, TOO_MANY),
        };
        unit.record(record.detail("email_digest", inner.email_digest(&email)))
            .await?;
        match allowance {
            MailAllowance::Allowed => {
                unit.mail(&AccountMail::MagicLinkRequested {
                    email: email.as_str().to_owned(),
                    binding: hash,
                })
                .await?;
            }
            MailAllowance::TooMany => {}
        }
        unit.commit().await?;
        Ok(MagicLinkRequested {
            binding,
            expires_in: (config.lifetime + inner.magic_code_lifetime()).as_secs(),
        })
    }
}
