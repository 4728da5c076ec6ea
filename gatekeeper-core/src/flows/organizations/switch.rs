use super::Organizations;
use crate::{
    AccessError, Error, Identity, OrganizationError, RequestContext,
    flows::{
        Record, Unit,
        sessions::{SignedIn, insert_session, new_session},
    },
    model::{Account, Event, MfaRequirement, OrganizationId, Session, SessionEnd},
    store::Constraint,
};

impl Organizations<'_> {
    /// Makes another organisation the active one, or, with `None`, none.
    ///
    /// The user goes on in a new session, with new tokens; the old one ends (ASVS 7.2.4). It lives no longer than the old one would
    /// have, and says the same of when and how the user signed in.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::NotFound`] where the user does not belong to it; [`AccessError::StepUpRequired`] where the roles there ask
    /// for a second factor, and none was shown in this session; [`AccessError::Impersonating`], [`AccessError::SessionRequired`];
    /// [`AccessError::Invalid`] where the session is over; [`Error::Refused`] by the claims hook; a failure of the store.
    pub async fn switch(
        &self,
        cx: &RequestContext,
        who: &Identity,
        organization: Option<OrganizationId>,
    ) -> Result<SignedIn, Error> {
        who.require_oneself()?;
        let inner = self.0.inner();
        let now = inner.clock.now();
        let user = inner.account_of(cx, who).await?.user;
        let old = inner
            .repository
            .find_session(cx.tenant_id, who.session_id)
            .await?
            .filter(|old| old.user_id == user.id && old.is_live(now))
            .ok_or(AccessError::Invalid)?;
        if organization.is_some() && old.mfa_verified_at.is_none() {
            self.require_no_factor(cx, who, organization).await?;
        }
        let fresh = new_session(inner, cx, user.id, old.methods, now);
        let session = Session {
            authenticated_at: old.authenticated_at,
            mfa_verified_at: old.mfa_verified_at,
            idle_expires_at: fresh.idle_expires_at.min(old.absolute_expires_at),
            absolute_expires_at: old.absolute_expires_at,
            device_id: old.device_id,
            organization_id: organization,
            ..fresh
        };
        let sessions = self.0.sessions();
        let custom = sessions.custom_claims(cx, &user, &session).await?;

        let mut unit = Unit::begin(inner, cx, now).await?;
        // Whoever takes somebody out of an organisation holds the same row.
        let user = unit.require_live(who).await?;
        if let Some(organization) = organization {
            let organizations = unit.tx().organizations();
            let member = organizations.find_member(cx.tenant_id, organization, user.id);
            member.await?.ok_or(OrganizationError::NotFound)?;
        }
        let roles = unit.tx().roles();
        let authority = roles.authority(cx.tenant_id, user.id, organization).await?;
        unit.end_session(old.id, SessionEnd::OrganizationSwitched)
            .await?;
        match insert_session(&mut unit, &session).await {
            // It was deleted meanwhile.
            Err(Error::Store(error)) if error.is_conflict(Constraint::Reference) => {
                return Err(OrganizationError::NotFound.into());
            }
            inserted => inserted?,
        }
        let mut record = Record::success(Event::OrganizationSwitched)
            .by(user.id)
            .detail("session_id", session.id.to_string())
            .detail("ended_session_id", old.id.to_string());
        if let Some(organization) = organization {
            record = record.detail("organization_id", organization.to_string());
        }
        unit.record(record).await?;
        let account = Account {
            user,
            password: None,
            authority,
        };
        let signed_in = sessions.tokens_for(session, account, custom, now)?;
        unit.commit().await?;
        Ok(signed_in)
    }

    /// Refuses a session without a second factor where the roles in the organisation ask for one, as a sign-in with them would.
    async fn require_no_factor(
        &self,
        cx: &RequestContext,
        who: &Identity,
        organization: Option<OrganizationId>,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut tx = inner.repository.begin().await?;
        let roles = tx.roles();
        let mut authority = roles
            .authority(cx.tenant_id, who.user_id, organization)
            .await?;
        drop(tx);
        let Some(organization) = authority.organization.take() else {
            return Err(OrganizationError::NotFound.into());
        };
        let before = inner.mfa_requirement(cx.tenant_id, &authority).await?;
        authority.roles.extend(organization.roles);
        let there = inner.mfa_requirement(cx.tenant_id, &authority).await?;
        // Where a sign-in asks for one anyway, this session was spared it on a trusted device.
        if there == MfaRequirement::Required && before != MfaRequirement::Required {
            return Err(AccessError::StepUpRequired { max_age: None }.into());
        }
        Ok(())
    }
}
