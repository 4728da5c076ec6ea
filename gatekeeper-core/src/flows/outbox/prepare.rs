use std::time::Duration;

use serde_json::json;

use super::AttemptError;
use crate::{
    crypto::one_time,
    flows::magic_links::Eligible,
    gatekeeper::Inner,
    mail::{AccountMail, Brand, Caller, MailKind, MailVariables, Queued, RenderedMail, greeted},
    model::{
        EmailAddress, InvitationId, InvitationState, MailId, OneTimeToken, OneTimeTokenId,
        OutboxEntry, OutboxKind, OutboxState, TenantId, Timestamp, TokenPurpose, User, device_name,
    },
    store::Transaction,
};

/// A mail whose recipient and content are decided.
struct Decided {
    kind: MailKind,
    to: String,
    to_name: Option<String>,
    locale: Option<String>,
    content: Content,
    /// What it is about, where that is not the device of the call.
    device: Option<String>,
    codes_left: Option<u32>,
    /// Who invites, and to which organisation.
    inviter: Option<String>,
    organization: Option<String>,
}

/// What its reader has to have of it.
enum Content {
    News,
    Link { url: String, lifetime: Duration },
    Code { code: String, lifetime: Duration },
}

/// A token to make.
struct TokenRequest<'a> {
    user: &'a User,
    purpose: TokenPurpose,
    address: &'a EmailAddress,
    /// What a browser is recognised by.
    binding: Option<String>,
}

impl Decided {
    /// To the owner of an account, at the stored address and never at the one that was typed (CVE-2019-19844).
    fn to_owner(kind: MailKind, user: &User, content: Content) -> Self {
        Self::to(kind, user, &user.email, content)
    }

    /// Whether its recipient is a service account, which has no mailbox.
    fn to_program(&self) -> bool {
        self.to
            .rsplit_once('@')
            .is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(User::SERVICE_ACCOUNT_DOMAIN))
    }

    fn to(kind: MailKind, user: &User, address: &EmailAddress, content: Content) -> Self {
        Self {
            kind,
            to: address.as_str().to_owned(),
            to_name: user.name.clone(),
            locale: user.locale.clone(),
            content,
            device: None,
            codes_left: None,
            inviter: None,
            organization: None,
        }
    }
}

impl Inner {
    /// Decides what to mail, makes the token it needs and enqueues the mail; or, where nobody is to get one, nothing. One
    /// transaction, so that no crash makes two tokens or none.
    pub(super) async fn prepare(&self, entry: &OutboxEntry) -> Result<(), AttemptError> {
        let Queued { mail, caller } = self.open_mail(entry, OutboxKind::AccountMail)?;
        let now = self.clock.now();
        let mut tx = self.repository.begin().await?;
        // First, and required to succeed: of two workers that have the entry, one goes on.
        if !tx.outbox().complete(entry.id, entry.attempts, now).await? {
            return Ok(());
        }
        let decided = self.decide(tx.as_mut(), entry, mail, now).await?;
        if let Some(decided) = decided.filter(|decided| !decided.to_program()) {
            let tenant = tx.tenants().find(entry.tenant_id).await?;
            let branding = tenant.map(|tenant| tenant.settings.branding);
            let brand = Brand::new(&self.config.product_name, &branding.unwrap_or_default());
            let mail = self.enqueue_rendered(entry, decided, &caller, &brand, now)?;
            tx.outbox().enqueue(&mail).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each mail that depends on an account, side by side"
    )]
    async fn decide(
        &self,
        tx: &mut dyn Transaction,
        entry: &OutboxEntry,
        request: AccountMail,
        now: Timestamp,
    ) -> Result<Option<Decided>, AttemptError> {
        let tenant = entry.tenant_id;
        let user_id = match &request {
            AccountMail::AccountCreated { user_id }
            | AccountMail::VerifyEmail { user_id }
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
            // To an address that need not have an account.
            AccountMail::Invitation { invitation_id } => {
                return self
                    .decide_invitation(tx, tenant, *invitation_id, now)
                    .await;
            }
            AccountMail::Notice { .. } => None,
        };
        let user = match user_id {
            // Held, so that of two requests one after the other ends the older link.
            Some(user_id) => tx
                .users()
                .find_for_update(tenant, user_id)
                .await?
                .filter(User::may_sign_in),
            None => None,
        };
        match request {
            AccountMail::Notice {
                notice,
                to,
                to_name,
                locale,
                device,
                codes_left,
            } => Ok(Some(Decided {
                kind: notice.kind(),
                to,
                to_name,
                locale,
                content: Content::News,
                device,
                codes_left,
                inviter: None,
                organization: None,
            })),
            // Decided above.
            AccountMail::Invitation { .. } => Ok(None),
            AccountMail::LockedOut { .. } => {
                Ok(user
                    .map(|user| Decided::to_owner(MailKind::AccountLocked, &user, Content::News)))
            }
            AccountMail::MfaCode { code, .. } => Ok(user.map(|user| {
                let lifetime = self.config.mfa.code_lifetime;
                let content = Content::Code { code, lifetime };
                Decided::to_owner(MailKind::MfaCode, &user, content)
            })),
            AccountMail::MagicLinkRequested { binding, .. } => {
                let Some(user) = user else { return Ok(None) };
                match self.magic_link_eligible(tx, &user).await? {
                    Eligible::Yes => {}
                    Eligible::Disabled | Eligible::MailboxIsSecondFactor => return Ok(None),
                }
                let wanted = TokenRequest {
                    user: &user,
                    purpose: TokenPurpose::MagicLink,
                    address: &user.email,
                    binding,
                };
                let link = self.make_link(tx, &wanted, now).await?;
                Ok(Some(Decided::to_owner(MailKind::MagicLink, &user, link)))
            }
            AccountMail::RegistrationRepeated { .. } => Ok(user.map(|user| {
                Decided::to_owner(MailKind::RegistrationRepeated, &user, Content::News)
            })),
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
                Ok(Some(Decided::to_owner(MailKind::VerifyEmail, &user, link)))
            }
            AccountMail::AccountCreated { .. } => {
                let Some(user) = user else { return Ok(None) };
                let wanted = TokenRequest {
                    user: &user,
                    purpose: TokenPurpose::PasswordReset,
                    address: &user.email,
                    binding: None,
                };
                let lifetime = self.config.email.setup_lifetime;
                let link = self.make_link_for(tx, &wanted, lifetime, now).await?;
                Ok(Some(Decided::to_owner(
                    MailKind::AccountCreated,
                    &user,
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
                Ok(Some(Decided::to_owner(
                    MailKind::ResetPassword,
                    &user,
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
                    let kind = MailKind::RegistrationRepeated;
                    return Ok(Some(Decided::to_owner(kind, &owner, Content::News)));
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
                let kind = MailKind::ChangeEmail;
                Ok(Some(Decided::to(kind, &user, &address, link)))
            }
        }
    }

    /// Makes the token of an invitation that can still be accepted; the one before is dead with it.
    async fn decide_invitation(
        &self,
        tx: &mut dyn Transaction,
        tenant: TenantId,
        id: InvitationId,
        now: Timestamp,
    ) -> Result<Option<Decided>, AttemptError> {
        let found = tx.tenants().find(tenant).await?;
        if found.is_none_or(|tenant| tenant.suspended_at.is_some()) {
            return Ok(None);
        }
        let found = tx.invitations().find_for_update(tenant, id).await?;
        let Some(invitation) = found.filter(|it| it.state(now) == InvitationState::Pending) else {
            return Ok(None);
        };
        let (token, hash) = one_time::generate(self.random.as_ref());
        if !tx.invitations().set_hash(tenant, id, &hash, now).await? {
            return Ok(None);
        }
        let inviter = match invitation.invited_by {
            Some(inviter) => tx.users().find(tenant, inviter).await?,
            None => None,
        };
        let organization = match invitation.organization_id {
            Some(organization) => tx.organizations().find(tenant, organization).await?,
            None => None,
        };
        let address = invitation.email.normalized();
        let recipient = tx.users().find_by_email(tenant, address).await?;
        // An account that nobody proved to own says nothing of whom we write to.
        let recipient = recipient.filter(User::email_verified);
        let (to_name, locale) = recipient.map_or((None, None), |user| (user.name, user.locale));
        Ok(Some(Decided {
            kind: MailKind::Invitation,
            to: invitation.email.as_str().to_owned(),
            to_name,
            locale,
            content: Content::Link {
                url: self.link(&self.config.email.links.invitation, &token),
                lifetime: invitation.expires_at.since(now),
            },
            device: None,
            codes_left: None,
            inviter: inviter.and_then(|user| user.name),
            organization: organization.map(|organization| organization.name),
        }))
    }

    async fn make_link(
        &self,
        tx: &mut dyn Transaction,
        wanted: &TokenRequest<'_>,
        now: Timestamp,
    ) -> Result<Content, AttemptError> {
        let email = &self.config.email;
        let lifetime = match wanted.purpose {
            TokenPurpose::EmailChange | TokenPurpose::EmailVerification => {
                email.verification_lifetime
            }
            TokenPurpose::PasswordReset => email.reset_lifetime,
            TokenPurpose::MagicLink => self.config.magic_links.lifetime,
            TokenPurpose::MagicLinkCode
            | TokenPurpose::MfaCode
            | TokenPurpose::MfaEnrollment
            | TokenPurpose::MfaPending => {
                return Err(AttemptError::Permanent("it has no link".to_owned()));
            }
        };
        self.make_link_for(tx, wanted, lifetime, now).await
    }

    /// The same, good for as long as is said.
    async fn make_link_for(
        &self,
        tx: &mut dyn Transaction,
        wanted: &TokenRequest<'_>,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<Content, AttemptError> {
        let email = &self.config.email;
        let path = match wanted.purpose {
            TokenPurpose::EmailChange | TokenPurpose::EmailVerification => {
                &email.links.verify_email
            }
            TokenPurpose::PasswordReset => &email.links.reset_password,
            TokenPurpose::MagicLink => &email.links.magic_link,
            TokenPurpose::MagicLinkCode
            | TokenPurpose::MfaCode
            | TokenPurpose::MfaEnrollment
            | TokenPurpose::MfaPending => {
                return Err(AttemptError::Permanent("it has no link".to_owned()));
            }
        };
        let user = wanted.user;
        // A newer link ends the older, with the code that may have come of it.
        let ended: &[TokenPurpose] = match wanted.purpose {
            TokenPurpose::MagicLink => &[TokenPurpose::MagicLink, TokenPurpose::MagicLinkCode],
            _ => &[wanted.purpose],
        };
        tx.tokens()
            .revoke_all_for_user(user.tenant_id, user.id, ended, now)
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
        Ok(Content::Link {
            url: self.link(path, &secret),
            lifetime,
        })
    }

    fn enqueue_rendered(
        &self,
        entry: &OutboxEntry,
        decided: Decided,
        caller: &Caller,
        brand: &Brand,
        now: Timestamp,
    ) -> Result<OutboxEntry, AttemptError> {
        let sign_in_url = format!(
            "{}{}",
            self.public_url.as_str(),
            self.config.email.links.sign_in
        );
        let (link, code, lifetime) = match &decided.content {
            Content::News => (None, None, None),
            Content::Link { url, lifetime } => (Some(url.as_str()), None, Some(*lifetime)),
            Content::Code { code, lifetime } => (None, Some(code.as_str()), Some(*lifetime)),
        };
        let on = caller.user_agent.as_deref().and_then(device_name);
        let variables = MailVariables {
            brand,
            name: decided.to_name.as_deref(),
            address: &decided.to,
            link,
            code,
            lifetime,
            bound: self.config.magic_links.bind_to_browser,
            sign_in_url: &sign_in_url,
            // The entry was written with what it is about.
            at: entry.created_at,
            ip: caller.ip,
            device: decided.device.as_deref().or(on.as_deref()),
            codes_left: decided.codes_left,
            inviter: decided.inviter.as_deref(),
            organization: decided.organization.as_deref(),
        };
        let parts = self
            .templates
            .render(decided.kind, decided.locale.as_deref(), &variables)
            .map_err(|error| {
                AttemptError::Permanent(format!("{}: {error}", decided.kind.as_str()))
            })?;
        let mail = RenderedMail {
            to: decided.to,
            // It stands in a header.
            to_name: decided.to_name.as_deref().and_then(greeted),
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
