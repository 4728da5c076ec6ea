use super::{
    InvitationDetails, Invitations,
    standing::{Granted, Standing, standing},
};
use crate::{
    Error, RequestContext,
    crypto::one_time,
    flows::{Record, Unit},
    model::{Account, Event, Invitation, SecretString, TokenHash},
};

/// An invitation that can be accepted, with the account that the invited address has.
pub(super) struct Looked {
    pub(super) invitation: Invitation,
    pub(super) granted: Granted,
    pub(super) account: Option<Account>,
}

impl Invitations<'_> {
    /// What an invitation is about, for the page that its link leads to. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Token`] where it could not be accepted, for whatever reason; a failure of the store.
    pub async fn inspect(
        &self,
        cx: &RequestContext,
        token: &SecretString,
    ) -> Result<InvitationDetails, Error> {
        let Some(hash) = one_time::hash_of(token.expose()) else {
            return Err(Error::Token);
        };
        let looked = match self.look(cx, &hash).await? {
            Ok(looked) => looked,
            Err(reason) => return self.refuse(cx, reason).await,
        };
        let invitation = looked.invitation;
        let tenant_id = invitation.tenant_id;
        let mut tx = self.0.inner().repository.begin().await?;
        let Some(tenant) = tx.tenants().find(tenant_id).await? else {
            return Err(Error::Token);
        };
        let inviter = match invitation.invited_by {
            Some(inviter) => tx.users().find(tenant_id, inviter).await?,
            None => None,
        };
        let organization = match invitation.organization_id {
            Some(organization) => tx.organizations().find(tenant_id, organization).await?,
            None => None,
        };
        Ok(InvitationDetails {
            email: invitation.email,
            tenant: tenant.slug,
            tenant_name: tenant.name,
            roles: invitation.roles,
            organization: organization.map(|found| (found.id, found.name)),
            invited_by: inviter.map(|user| {
                let email = user.email.as_str().to_owned();
                user.name.unwrap_or(email)
            }),
            expires_at: invitation.expires_at,
            has_account: looked
                .account
                .is_some_and(|account| account.user.email_verified()),
        })
    }

    /// Looks an invitation up, before anything that costs; or the true reason why it cannot be accepted.
    pub(super) async fn look(
        &self,
        cx: &RequestContext,
        hash: &TokenHash,
    ) -> Result<Result<Looked, &'static str>, Error> {
        let inner = self.0.inner();
        let mut tx = inner.repository.begin().await?;
        let now = inner.clock.now();
        let found = tx.invitations().find_by_hash(cx.tenant_id, hash, now);
        let Some(invitation) = found.await? else {
            return Ok(Err("unknown_token"));
        };
        let granted = match standing(tx.as_mut(), &invitation).await? {
            Standing::Sound(granted) => granted,
            Standing::Void(reason) => return Ok(Err(reason)),
        };
        drop(tx);
        let email = invitation.email.normalized();
        let account = inner
            .repository
            .find_account_by_email(cx.tenant_id, email)
            .await?;
        if let Some(Account { user, .. }) = &account
            && (!user.is_active() || !user.is_person())
        {
            return Ok(Err("account_unfit"));
        }
        Ok(Ok(Looked {
            invitation,
            granted,
            account,
        }))
    }

    pub(super) async fn refuse<T>(
        &self,
        cx: &RequestContext,
        reason: &'static str,
    ) -> Result<T, Error> {
        let inner = self.0.inner();
        let record = Record::failure(Event::TokenRefused, reason);
        let record = record.detail("purpose", "invitation");
        Unit::record_alone(inner, cx, inner.clock.now(), record).await?;
        Err(Error::Token)
    }
}
