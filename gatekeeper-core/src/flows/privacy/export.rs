use serde_json::{Map, Value};

use super::{Privacy, UserEvents, document, require_recent};
use crate::{
    Error, Identity, RequestContext,
    flows::{Record, Unit},
    model::{Event, User, UserId},
};

/// All that is kept about a user. From [`Privacy::export_own`] and [`Privacy::export`].
#[derive(Debug)]
pub struct UserExport<'a> {
    /// Everything but the events, as members of one JSON object. No secret is in it, nor the hash of one.
    pub document: Map<String, Value>,
    /// What the user did and what concerned them.
    pub events: UserEvents<'a>,
}

impl UserExport<'_> {
    /// The whole as one JSON object: with the newest events, so many at most, as `audit_events`; `truncated` says whether there are more.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub async fn into_document(self, most_events: usize) -> Result<Map<String, Value>, Error> {
        let Self {
            mut document,
            mut events,
        } = self;
        let mut shown = Vec::new();
        let truncated = loop {
            match events.next().await? {
                None => break false,
                Some(_) if shown.len() >= most_events => break true,
                Some(event) => shown.push(Value::Object(event)),
            }
        };
        document.insert("audit_events".to_owned(), Value::Array(shown));
        document.insert("truncated".to_owned(), Value::Bool(truncated));
        Ok(document)
    }
}

impl<'a> Privacy<'a> {
    /// All that is kept about whoever asks.
    ///
    /// # Errors
    ///
    /// [`AccessError::StepUpRequired`](crate::AccessError::StepUpRequired) where the sign-in lies too far back
    /// ([`MfaConfig::binding_max_age`](crate::config::MfaConfig::binding_max_age)), or had no second factor where there is one;
    /// [`AccessError::Impersonating`](crate::AccessError::Impersonating),
    /// [`AccessError::SessionRequired`](crate::AccessError::SessionRequired), [`AccessError::Invalid`](crate::AccessError::Invalid); a
    /// failure of the store.
    pub async fn export_own(
        &self,
        cx: &RequestContext,
        who: &Identity,
    ) -> Result<UserExport<'a>, Error> {
        who.require_oneself()?;
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let user = unit.require_live(who).await?;
        require_recent(inner, &unit, who, &user)?;
        let record = Record::success(Event::AccountExported).by(user.id);
        self.give_out(unit, &user, record).await
    }

    /// All that is kept about a user of the tenant.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`](crate::AccountError::NotFound); [`AccessError::Forbidden`](crate::AccessError::Forbidden),
    /// [`AccessError::InsufficientRank`](crate::AccessError::InsufficientRank),
    /// [`AccessError::Invalid`](crate::AccessError::Invalid); a failure of the store.
    pub async fn export(&self, cx: &RequestContext, user: UserId) -> Result<UserExport<'a>, Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let (acting, user) = self
            .administration()
            .act_on(&mut unit, "users:export", user)
            .await?;
        let record = Record::success(Event::AccountExported)
            .by_administrator(&acting)
            .target(user.id);
        self.give_out(unit, &user, record).await
    }

    /// That it was given out is in the trail before it leaves.
    async fn give_out(
        &self,
        mut unit: Unit<'_>,
        user: &User,
        record: Record,
    ) -> Result<UserExport<'a>, Error> {
        let document = document::of(&mut unit, user).await?;
        unit.record(record).await?;
        let tenant = unit.tenant();
        unit.commit().await?;
        Ok(UserExport {
            document,
            events: UserEvents::new(self.0, tenant, user.id),
        })
    }
}
