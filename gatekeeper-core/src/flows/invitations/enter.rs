//! Accepting with an account that is made for it, or that nobody had proved to own.

use serde_json::Map;

use super::{AcceptInvitation, Acceptance, Invitations, accept_in, inspect::Looked};
use crate::{
    Error, RequestContext, Violations,
    flows::{
        Record, Unit,
        accounts::{drop_unproven_factors, prove_mailbox},
        passwords::{LookedUp, forget_passwords},
        sessions::{Proven, SignIn, new_session},
        validate,
    },
    hooks::Registration,
    model::{
        Account, AuthMethod, Authority, Event, MfaRequirement, PasswordCredential,
        RevocationTarget, SecretString, SessionEnd, SessionId, SignInMethod, Timestamp, TokenHash,
        TokenPurpose, User, UserId, UserKind,
    },
};

impl Invitations<'_> {
    /// Makes the account, or takes over one whose mailbox nobody proved, and accepts: one unit. It begins a session, or the setting-up
    /// of a second factor where the account must have one.
    pub(super) async fn enter(
        &self,
        cx: &RequestContext,
        hash: &TokenHash,
        looked: Looked,
        input: &AcceptInvitation,
    ) -> Result<SignIn, Error> {
        let inner = self.0.inner();
        let settings = inner.tenant_settings(cx.tenant_id).await?;
        let passwords = settings.sign_in_methods.as_ref();
        if passwords.is_some_and(|methods| !methods.contains(&SignInMethod::Password)) {
            return self.refuse(cx, "passwords_not_offered").await;
        }
        let (password, looked_up) = self.new_password(cx, &looked, input).await?;

        let now = inner.clock.now();
        let taken_over = looked.account.as_ref().map(|account| account.user.clone());
        let user = taken_over
            .clone()
            .unwrap_or_else(|| self.new_user(cx, &looked, input, now));
        let account = looked.account.as_ref();
        let mut authority = account.map_or_else(Authority::default, |it| it.authority.clone());
        if looked.invitation.organization_id.is_none() {
            authority.roles.extend(looked.granted.roles);
            authority.roles.sort_unstable();
            authority.roles.dedup();
        }
        let methods = vec![AuthMethod::Password];
        let sessions = self.0.sessions();
        let requirement = inner.mfa_requirement(cx.tenant_id, &authority).await?;
        let mut session = new_session(inner, cx, user.id, methods.clone(), now);
        let custom = sessions.custom_claims(cx, &user, &session).await?;

        let mut unit = Unit::begin(inner, cx, now).await?;
        let mut user = match taken_over {
            None => {
                unit.tx().users().insert(&user).await?;
                let record = Record::success(Event::AccountRegistered).by(user.id);
                unit.record(record.looked_up(looked_up)).await?;
                user
            }
            Some(before) => {
                let users = unit.tx().users();
                let held = users.find_for_update(cx.tenant_id, before.id).await?;
                let held = held.filter(|user| user.is_active() && !user.email_verified());
                let Some(mut user) = held else {
                    drop(unit);
                    return self.refuse(cx, "account_changed_meanwhile").await;
                };
                clear(&mut unit, &mut user).await?;
                user.name.clone_from(&input.name);
                let record = Record::success(Event::PasswordReset).by(user.id);
                unit.record(record.because("mailbox_proved").looked_up(looked_up))
                    .await?;
                user
            }
        };
        let credential = PasswordCredential {
            user_id: user.id,
            tenant_id: user.tenant_id,
            hash: password,
            changed_at: now,
            must_change_since: None,
        };
        unit.tx().credentials().set_password(&credential).await?;
        let _ = prove_mailbox(&mut unit, &mut user).await?;
        unit.tx().users().update(&user).await?;
        unit.tx().users().update_search(&user).await?;
        match accept_in(&mut unit, &user, hash).await? {
            Acceptance::Accepted(_) => {}
            Acceptance::Refused(reason) => {
                drop(unit);
                return self.refuse(cx, reason).await;
            }
        }
        let roles = unit.tx().roles();
        let mut account = Account {
            authority: roles.authority(cx.tenant_id, user.id, None).await?,
            password: None,
            user,
        };
        let answer = if requirement == MfaRequirement::Required {
            let mut proven = Proven::new(account.clone(), methods);
            proven.password_changed_at = Some(now);
            let pending = sessions
                .pending_in(&mut unit, &proven, &account.user)
                .await?;
            pending.map_err(|refused| refused.error)?
        } else {
            let device_token = sessions
                .begin_first(&mut unit, cx, &mut account, &mut session)
                .await?;
            let mut signed_in = sessions.tokens_for(session, account.clone(), custom, now)?;
            signed_in.device_token = device_token;
            SignIn::SignedIn(Box::new(signed_in))
        };
        unit.commit().await?;
        inner.hooks.after_register(cx, &account.user).await;
        if let SignIn::SignedIn(signed_in) = &answer {
            let (user, session) = (&signed_in.profile.user, &signed_in.session);
            inner.hooks.after_sign_in(cx, user, session).await;
        }
        Ok(answer)
    }

    /// Holds name and password against the rules of a sign-up, asks the application, and hashes.
    async fn new_password(
        &self,
        cx: &RequestContext,
        looked: &Looked,
        input: &AcceptInvitation,
    ) -> Result<(SecretString, LookedUp), Error> {
        let inner = self.0.inner();
        let email = &looked.invitation.email;
        let mut violations = Violations::none();
        validate::name(&mut violations, "/name", input.name.as_deref());
        validate::locale(&mut violations, "/locale", input.locale.as_deref());
        let context = [
            email.normalized().as_str(),
            input.name.as_deref().unwrap_or_default(),
        ];
        let looked_up = inner
            .check_password(
                cx.tenant_id,
                &mut violations,
                "/password",
                &input.password,
                &context,
            )
            .await?;
        violations.check()?;
        let registration = Registration {
            email: email.clone(),
            name: input.name.clone(),
            locale: input.locale.clone(),
        };
        let asked = inner.hooks.before_register(cx, &registration).await;
        asked.map_err(Error::Refused)?;
        let hash = inner.hasher.hash(&input.password).await?;
        Ok((hash, looked_up))
    }

    fn new_user(
        self,
        cx: &RequestContext,
        looked: &Looked,
        input: &AcceptInvitation,
        now: Timestamp,
    ) -> User {
        User {
            id: UserId::new(now, self.0.random()),
            tenant_id: cx.tenant_id,
            kind: UserKind::Person,
            email: looked.invitation.email.clone(),
            email_verified_at: None,
            name: input.name.clone(),
            locale: input.locale.clone(),
            avatar_url: None,
            metadata: Map::new(),
            disabled_at: None,
            mfa_enabled_at: None,
            created_at: now,
            updated_at: now,
            last_sign_in_at: None,
        }
    }
}

/// Voids all that whoever made an account left behind who never proved its mailbox: passwords, factors, keys, sessions, links.
async fn clear(unit: &mut Unit<'_>, user: &mut User) -> Result<(), Error> {
    let (tenant, now) = (user.tenant_id, unit.now());
    forget_passwords(unit.inner(), unit, user).await?;
    drop_unproven_factors(unit, user).await?;
    let keys = unit.tx().api_keys();
    for key in keys.revoke_all_for_user(tenant, user.id, now).await? {
        let key = SessionId::from_uuid(key.as_uuid());
        unit.revoke(RevocationTarget::Session(key)).await?;
    }
    unit.end_sessions(user.id, None, SessionEnd::PasswordChanged)
        .await?;
    unit.tx()
        .tokens()
        .revoke_all_for_user(tenant, user.id, TokenPurpose::ALL, now)
        .await?;
    unit.authority_changed(user.id).await
}
