use std::time::Duration;

use serde_json::json;

use super::AttemptError;
use crate::{
    crypto::one_time,
    gatekeeper::Inner,
    mail::{AccountMail, MailKind, MailVariables, RenderedMail},
    model::{
        EmailAddress, MailId, OneTimeToken, OneTimeTokenId, OutboxEntry, OutboxKind, OutboxState,
        Timestamp, TokenPurpose, User,
    },
    store::Transaction,
};

/// A mail whose recipient and content are decided.
struct Decided {
    kind: MailKind,
    to: String,
    to_name: Option<String>,
    locale: Option<String>,
    device: Option<String>,
    link: Option<Link>,
    /// A code, with the time it is good for.
    code: Option<(String, Duration)>,
}

/// A link with the time it is good for.
struct Link {
    url: String,
    lifetime: Duration,
}

/// A token to make.
struct TokenRequest<'a> {
    user: &'a User,
    purpose: TokenPurpose,
    address: &'a EmailAddress,
    /// What a browser is recognised by.
    binding: Option<String>,
}

impl Inner {
    /// Decides what to mail, makes the token it needs and enqueues the mail; or, where nobody is to get one, nothing. One
    /// transaction, so that no crash makes two tokens or none.
    pub(super) async fn prepare(&self, entry: &OutboxEntry) -> Result<(), AttemptError> {
        let request: AccountMail = self.open_mail(entry, OutboxKind::AccountMail)?;
        let now = self.clock.now();
        let mut tx = self.repository.begin().await?;
        // First, and required to succeed: of two workers that have the entry, one goes on.
        if !tx.outbox().complete(entry.id, entry.attempts, now).await? {
            return Ok(());
        }
        if let Some(decided) = self.decide(tx.as_mut(), entry, request, now).await? {
            let mail = self.enqueue_rendered(entry, decided, now)?;
            tx.outbox().enqueue(&mail).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn decide(
        &self,
        tx: &mut dyn Transaction,
        entry: &OutboxEntry,
        request: AccountMail,
        now: Timestamp,
    ) -> Result<Option<Decided>, AttemptError> {
        let tenant = entry.tenant_id;
        let user_id = match &request {
            AccountMail::VerifyEmail { user_id }
            | AccountMail::RegistrationRepeated { user_id }
            | AccountMail::MfaCode { user_id, .. }
            | AccountMail::ChangeEmail { user_id, .. } => Some(*user_id),
            AccountMail::VerificationRequested { email }
            | AccountMail::ResetRequested { email }
            | AccountMail::LockedOut { email }
            | AccountMail::MagicLinkRequested { email, .. } => {
                let Ok(email) = EmailAddress::parse(email) else {
                    return Ok(None);
                };
                tx.users()
                    .find_by_email(tenant, email.normalized())
                    .await?
                    .map(|user| user.id)
            }
            AccountMail::Notice { .. } => None,
        };
        let user = match user_id {
            // Held, so that of two requests one after the other ends the older link.
            Some(user_id) => tx
                .users()
                .find_for_update(tenant, user_id)
                .await?
                .filter(User::is_active),
            None => None,
        };
        match request {
            AccountMail::Notice {
                notice,
                to,
                to_name,
                locale,
                device,
            } => Ok(Some(Decided {
                kind: notice.kind(),
                to,
                to_name,
                locale,
                device,
                link: None,
                code: None,
            })),
            AccountMail::LockedOut { .. } => Ok(user.map(|user| Decided {
                kind: MailKind::AccountLocked,
                to: user.email.as_str().to_owned(),
                to_name: user.name,
                locale: user.locale,
                device: None,
                link: None,
                code: None,
            })),
            AccountMail::MfaCode { code, .. } => Ok(user.map(|user| Decided {
                kind: MailKind::MfaCode,
                to: user.email.as_str().to_owned(),
                to_name: user.name,
                locale: user.locale,
                device: None,
                link: None,
                code: Some((code, self.config.mfa.code_lifetime)),
            })),
            AccountMail::MagicLinkRequested { binding, .. } => {
                let Some(user) = user else { return Ok(None) };
                let wanted = TokenRequest {
                    user: &user,
                    purpose: TokenPurpose::MagicLink,
                    address: &user.email,
                    binding,
                };
                let link = self.make_link(tx, &wanted, now).await?;
                // To the stored address, never to the one that was typed (CVE-2019-19844).
                Ok(Some(link_to(MailKind::MagicLink, &user, &user.email, link)))
            }
            AccountMail::RegistrationRepeated { .. } => Ok(user.map(|user| notice_to(&user))),
            AccountMail::VerifyEmail { .. } | AccountMail::VerificationRequested { .. } => {
                let Some(user) = user.filter(|user| !user.email_verified()) else {
                    return Ok(None);
                };
                let wanted = TokenRequest {
                    user: &user,
                    purpose: TokenPurpose::EmailVerification,
                    address: &user.email,
                    binding: None,
                };
                let link = self.make_link(tx, &wanted, now).await?;
                Ok(Some(link_to(
                    MailKind::VerifyEmail,
                    &user,
                    &user.email,
                    link,
                )))
            }
            AccountMail::ResetRequested { .. } => {
                let Some(user) = user else { return Ok(None) };
                let wanted = TokenRequest {
                    user: &user,
                    purpose: TokenPurpose::PasswordReset,
                    address: &user.email,
                    binding: None,
                };
                let link = self.make_link(tx, &wanted, now).await?;
                // To the stored address, never to the one that was typed (CVE-2019-19844).
                Ok(Some(link_to(
                    MailKind::ResetPassword,
                    &user,
                    &user.email,
                    link,
                )))
            }
            AccountMail::ChangeEmail { address, .. } => {
                let (Some(user), Ok(address)) = (user, EmailAddress::parse(&address)) else {
                    return Ok(None);
                };
                if let Some(owner) = tx
                    .users()
                    .find_by_email(tenant, address.normalized())
                    .await?
                    && owner.id != user.id
                {
                    return Ok(Some(notice_to(&owner)));
                }
                let password = tx.credentials().find_password(tenant, user.id).await?;
                // The password was changed since: that ended this request too.
                if password.is_some_and(|password| password.changed_at > entry.created_at) {
                    return Ok(None);
                }
                let wanted = TokenRequest {
                    user: &user,
                    purpose: TokenPurpose::EmailChange,
                    address: &address,
                    binding: None,
                };
                let link = self.make_link(tx, &wanted, now).await?;
                Ok(Some(link_to(MailKind::ChangeEmail, &user, &address, link)))
            }
        }
    }

    async fn make_link(
        &self,
        tx: &mut dyn Transaction,
        wanted: &TokenRequest<'_>,
        now: Timestamp,
    ) -> Result<Link, AttemptError> {
        let email = &self.config.email;
        let (path, lifetime) = match wanted.purpose {
            TokenPurpose::EmailChange | TokenPurpose::EmailVerification => {
                (&email.links.verify_email, email.verification_lifetime)
            }
            TokenPurpose::PasswordReset => (&email.links.reset_password, email.reset_lifetime),
            TokenPurpose::MagicLink => (&email.links.magic_link, self.config.magic_links.lifetime),
            TokenPurpose::MagicLinkCode
            | TokenPurpose::MfaCode
            | TokenPurpose::MfaEnrollment
            | TokenPurpose::MfaPending => {
                return Err(AttemptError::Permanent("it has no link".to_owned()));
            }
        };
        let user = wanted.user;
        tx.tokens()
            .revoke_all_for_user(user.tenant_id, user.id, &[wanted.purpose], now)
            .await?;
        let (secret, hash) = one_time::generate(self.random.as_ref());
        let token = OneTimeToken {
            id: OneTimeTokenId::new(now, self.random.as_ref()),
            tenant_id: user.tenant_id,
            purpose: wanted.purpose,
            user_id: user.id,
            hash,
            payload: json!({ "email": wanted.address.as_str(), "binding": wanted.binding }),
            created_at: now,
            expires_at: now.after(lifetime),
            consumed_at: None,
        };
        tx.tokens().insert(&token).await?;
        Ok(Link {
            url: self.link(path, &secret),
            lifetime,
        })
    }

    fn enqueue_rendered(
        &self,
        entry: &OutboxEntry,
        decided: Decided,
        now: Timestamp,
    ) -> Result<OutboxEntry, AttemptError> {
        let sign_in_url = format!(
            "{}{}",
            self.public_url.as_str(),
            self.config.email.links.sign_in
        );
        let lifetime = decided
            .link
            .as_ref()
            .map(|link| link.lifetime)
            .or(decided.code.as_ref().map(|(_, lifetime)| *lifetime));
        let variables = MailVariables {
            product: &self.config.product_name,
            name: decided.to_name.as_deref(),
            link: decided.link.as_ref().map(|link| link.url.as_str()),
            expires_in: lifetime.map(in_words),
            code: decided.code.as_ref().map(|(code, _)| code.as_str()),
            device: decided.device.as_deref(),
            sign_in_url: &sign_in_url,
            address: Some(&decided.to),
        };
        let parts = self
            .templates
            .render(decided.kind, &variables)
            .map_err(|error| {
                AttemptError::Permanent(format!("{}: {error}", decided.kind.as_str()))
            })?;
        let mail = RenderedMail {
            to: decided.to,
            to_name: decided.to_name,
            subject: parts.subject,
            text: parts.text,
            html: parts.html,
        };
        let id = MailId::new(now, self.random.as_ref());
        Ok(OutboxEntry {
            id,
            tenant_id: entry.tenant_id,
            kind: OutboxKind::Mail,
            payload: self.seal_mail(entry.tenant_id, id, OutboxKind::Mail, &mail)?,
            state: OutboxState::Pending,
            attempts: 0,
            due_at: now,
            created_at: now,
            finished_at: None,
            last_error: None,
        })
    }
}

fn link_to(kind: MailKind, user: &User, address: &EmailAddress, link: Link) -> Decided {
    Decided {
        kind,
        to: address.as_str().to_owned(),
        to_name: user.name.clone(),
        locale: user.locale.clone(),
        device: None,
        link: Some(link),
        code: None,
    }
}

fn notice_to(owner: &User) -> Decided {
    let to = owner.email.as_str().to_owned();
    Decided {
        kind: MailKind::RegistrationRepeated,
        to,
        to_name: owner.name.clone(),
        locale: owner.locale.clone(),
        device: None,
        link: None,
        code: None,
    }
}

fn in_words(lifetime: Duration) -> String {
    let seconds = lifetime.as_secs();
    let (count, unit) = match seconds {
        0..7_200 => (seconds.div_ceil(60), "minute"),
        7_200..172_800 => (seconds.div_ceil(3_600), "hour"),
        _ => (seconds.div_ceil(86_400), "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}
