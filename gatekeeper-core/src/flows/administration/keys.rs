use super::Administration;
use crate::{
    Error, RequestContext,
    flows::{Record, Unit, keys::PUBLICATION_DELAY},
    model::{Event, KeyId},
};

/// Why signing keys are rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRotation {
    /// In good order: the new key is published now and signs once everybody has had time to fetch it; the old ones stay
    /// good until the last token they signed has expired.
    Planned,
    /// The old keys may be in wrong hands: every access token in force is refused at once, and clients refresh. Other nodes
    /// follow within a minute.
    Compromised,
}

impl Administration<'_> {
    /// Makes a new signing key and answers its id.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] where the key ring was given by the application; a failure of the store.
    pub async fn rotate_keys(
        &self,
        cx: &RequestContext,
        rotation: KeyRotation,
    ) -> Result<KeyId, Error> {
        let inner = self.0.inner();
        let Some(stored) = &inner.stored_keys else {
            return Err(Error::internal(
                "the key ring is the application's: it rotates it itself",
            ));
        };
        let now = inner.clock.now();
        let tokens = &inner.config.access_tokens;
        let (active_from, retired_at) = match rotation {
            KeyRotation::Planned => {
                let active_from = now.after(PUBLICATION_DELAY);
                (
                    active_from,
                    active_from.after(tokens.lifetime + tokens.leeway),
                )
            }
            KeyRotation::Compromised => (now, now),
        };
        let mut unit = Unit::begin(inner, cx, now).await?;
        let existing = unit.tx().signing_keys().list_for_update().await?;
        for key in existing
            .iter()
            .filter(|key| key.retired_at.is_none_or(|at| at > retired_at))
        {
            unit.tx().signing_keys().retire(key.id, retired_at).await?;
        }
        let key = stored.generate(inner.random.as_ref(), now, active_from)?;
        unit.tx().signing_keys().insert(&key).await?;
        let compromised = rotation == KeyRotation::Compromised;
        let record = Record::success(Event::KeyRotated).detail("kid", key.id.to_string());
        unit.record(record.detail("compromised", compromised))
            .await?;
        unit.commit().await?;
        inner.reload_keys().await?;
        Ok(key.id)
    }
}
