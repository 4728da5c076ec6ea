use super::{
    MagicLinks, binding,
    binding::Bound,
    spend::{Shown, refused},
};
use crate::{
    Error, MagicLinkError, RequestContext,
    crypto::one_time,
    flows::{
        Record, Unit,
        sessions::{Refused, SignIn},
    },
    model::{Event, OneTimeToken, OneTimeTokenId, SecretString, TokenHash, TokenPurpose, User},
};

impl MagicLinks<'_> {
    /// Redeems a link, with the binding of the browser that it is opened in, if that has one. Where the account has a second
    /// factor, that is asked for as after a password.
    ///
    /// In another browser than the one that asked, the link is used up for a code, which is to be typed in that one: see
    /// [`redeem_code`](Self::redeem_code).
    ///
    /// # Errors
    ///
    /// [`MagicLinkError::OtherBrowser`] with the code; [`Error::Token`] where the link is wrong, used, expired, of another
    /// purpose, or its account may not be used; [`MagicLinkError::Disabled`];
    /// [`SessionError::LimitReached`](crate::SessionError::LimitReached); [`Error::Refused`] by a hook; a failure of the store.
    pub async fn redeem(
        &self,
        cx: &RequestContext,
        token: &SecretString,
        binding: Option<&SecretString>,
    ) -> Result<SignIn, Error> {
        self.require_enabled(cx).await?;
        let Some(hash) = one_time::hash_of(token.expose()) else {
            return Err(Error::Token);
        };
        let inner = self.0.inner();
        let purpose = TokenPurpose::MagicLink;
        let mut tx = inner.repository.begin().await?;
        let found = tx
            .tokens()
            .find(cx.tenant_id, purpose, &hash, inner.clock.now())
            .await?;
        drop(tx);
        let Some(row) = found else {
            return self
                .unknown(cx, Refused::new("unknown_token", None, Error::Token))
                .await;
        };
        let asked_here = match (binding::of(&row), binding) {
            // What a browser says of itself is as good as a guess, and looked at as one.
            (Some(Bound::To(bound)), Some(binding)) => {
                one_time::hash_of(binding.expose()).is_some_and(|hash| binding::same(&hash, &bound))
            }
            (Some(Bound::To(_)), None) => false,
            // Made when links were bound to nothing: while they have to be, it signs nobody in.
            (Some(Bound::Nothing), _) if !inner.config.magic_links.bind_to_browser => true,
            (Some(Bound::Nothing) | None, _) => {
                let refused = Refused::new("unbound_link", Some(row.user_id), Error::Token);
                return self.unknown(cx, refused).await;
            }
        };
        if asked_here {
            let outcome = self.finish(cx, row, None).await?;
            self.0.sessions().settle(cx, outcome).await
        } else {
            let code = match self.turn_into_code(cx, row).await? {
                Ok(code) => code,
                Err(refused) => return self.unknown(cx, refused).await,
            };
            Err(MagicLinkError::OtherBrowser { code }.into())
        }
    }

    /// Uses the link up for a code, that is good together with the binding of the browser that asked.
    async fn turn_into_code(
        &self,
        cx: &RequestContext,
        row: OneTimeToken,
    ) -> Result<Result<SecretString, Refused>, Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let now = unit.now();
        let held = unit
            .tx()
            .users()
            .find_for_update(cx.tenant_id, row.user_id)
            .await?;
        let Some(user) = held.filter(User::may_sign_in) else {
            let refused = Refused::new("account_disabled", Some(row.user_id), Error::Token);
            return Ok(Err(refused));
        };
        let Some(link) = (Shown { row }).consume(&mut unit, &user).await? else {
            return Ok(Err(refused("unknown_token", &user)));
        };
        let Some(Bound::To(binding)) = binding::of(&link) else {
            return Ok(Err(refused("unbound_link", &user)));
        };
        let code = binding::new_code(inner.random.as_ref());
        let email = user.email.as_str();
        let token = OneTimeToken {
            id: OneTimeTokenId::new(now, inner.random.as_ref()),
            tenant_id: cx.tenant_id,
            purpose: TokenPurpose::MagicLinkCode,
            user_id: user.id,
            // Found by the browser alone: so a wrong code is known to be one, and of which account.
            hash: TokenHash(binding.0),
            payload: inner.code_payload(email, &binding, code.expose()),
            created_at: now,
            expires_at: now.after(inner.magic_code_lifetime()),
            consumed_at: None,
        };
        unit.tx()
            .tokens()
            .revoke_all_for_user(cx.tenant_id, user.id, &[token.purpose], now)
            .await?;
        unit.tx().tokens().insert(&token).await?;
        unit.record(Record::success(Event::MagicLinkOpenedElsewhere).target(user.id))
            .await?;
        unit.commit().await?;
        Ok(Ok(code))
    }
}
