use super::{MagicLinkRequested, MagicLinks, binding};
use crate::{
    Error, RequestContext, Violations,
    crypto::one_time,
    flows::{Record, Unit, validate},
    mail::AccountMail,
    model::Event,
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
        self.require_enabled()?;
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
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let record = Record::success(Event::MagicLinkRequested);
        unit.record(record.detail("email_digest", inner.email_digest(&email)))
            .await?;
        unit.mail(&AccountMail::MagicLinkRequested {
            email: email.as_str().to_owned(),
            binding: hash,
        })
        .await?;
        unit.commit().await?;
        Ok(MagicLinkRequested {
            binding,
            expires_in: (config.lifetime + inner.magic_code_lifetime()).as_secs(),
        })
    }
}
