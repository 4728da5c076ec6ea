use super::{Acceptance, Invitations, accept_in};
use crate::{
    AccessError, Error, Identity, RequestContext,
    crypto::one_time,
    flows::Unit,
    model::{Invitation, MfaRequirement, SecretString},
};

impl Invitations<'_> {
    /// Accepts an invitation as whoever is signed in, whose verified address must be the invited one. It is the way for those who have
    /// no password, and sign in by links or through an outside provider.
    ///
    /// What it gives stands in access tokens from the next refresh on.
    ///
    /// # Errors
    ///
    /// [`Error::Token`] where the invitation cannot be accepted, or is another's; [`AccessError::StepUpRequired`] where its roles ask for
    /// a second factor, and none was shown in this session; [`AccessError::Impersonating`], [`AccessError::SessionRequired`];
    /// [`AccessError::Invalid`] where the session is over; a failure of the store.
    pub async fn join(
        &self,
        cx: &RequestContext,
        who: &Identity,
        token: &SecretString,
    ) -> Result<Invitation, Error> {
        who.require_oneself()?;
        let Some(hash) = one_time::hash_of(token.expose()) else {
            return Err(Error::Token);
        };
        let looked = match self.look(cx, &hash).await? {
            Ok(looked) => looked,
            Err(reason) => return self.refuse(cx, reason).await,
        };
        let inner = self.0.inner();
        if looked.invitation.organization_id.is_none()
            && !who.mfa_verified
            && let Some(account) = looked.account
        {
            let mut authority = account.authority;
            authority.roles.extend(looked.granted.roles);
            let requirement = inner.mfa_requirement(cx.tenant_id, &authority).await?;
            if requirement == MfaRequirement::Required {
                return Err(AccessError::StepUpRequired { max_age: None }.into());
            }
        }
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let user = unit.require_live(who).await?;
        match accept_in(&mut unit, &user, &hash).await? {
            Acceptance::Accepted(invitation) => {
                unit.authority_changed(user.id).await?;
                unit.commit().await?;
                Ok(*invitation)
            }
            Acceptance::Refused(reason) => {
                drop(unit);
                self.refuse(cx, reason).await
            }
        }
    }
}
