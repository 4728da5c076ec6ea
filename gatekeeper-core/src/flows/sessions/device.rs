//! Devices: recognising one by its token, remembering a new one, trust, the user's own list.

use super::{SessionDevice, Sessions};
use crate::{
    Error, Identity, RequestContext, SessionError,
    flows::{Record, Unit},
    mail::{AccountMail, Notice},
    model::{
        Device, DeviceId, Event, SecretString, Session, SessionEnd, Timestamp, User, UserId,
        device_name,
    },
};

/// What is known of the device that a sign-in comes from.
pub(super) enum Recognised {
    /// It has signed in before and is neither revoked nor expired.
    Known(Device),
    /// Nothing.
    Stranger,
}

impl Recognised {
    pub(super) fn is_trusted(&self, now: Timestamp) -> bool {
        match self {
            Self::Known(device) => device.is_trusted(now),
            Self::Stranger => false,
        }
    }
}

impl Sessions<'_> {
    /// The device that the caller's token names, whether or not it is known still: computed, not read.
    pub(crate) fn named_device(self, cx: &RequestContext, user: UserId) -> Option<DeviceId> {
        let token = cx.device_token.as_ref()?;
        let devices = &self.0.inner().devices;
        devices.verify(cx.tenant_id, user, token.expose())
    }

    /// The same, if the user knows it still.
    pub(super) async fn known_device(
        &self,
        cx: &RequestContext,
        user: UserId,
    ) -> Result<Option<DeviceId>, Error> {
        let Some(id) = self.named_device(cx, user) else {
            return Ok(None);
        };
        let inner = self.0.inner();
        let mut tx = inner.repository.begin().await?;
        let found = tx.devices().find(cx.tenant_id, user, id).await?;
        let now = inner.clock.now();
        Ok(found
            .filter(|device| device.is_known(now))
            .map(|device| device.id))
    }

    /// The caller's device, if the user knows it; within a unit.
    pub(super) async fn recognise(
        &self,
        unit: &mut Unit<'_>,
        cx: &RequestContext,
        user: &User,
    ) -> Result<Recognised, Error> {
        let Some(id) = self.named_device(cx, user.id) else {
            return Ok(Recognised::Stranger);
        };
        let now = unit.now();
        let found = unit.tx().devices().find(cx.tenant_id, user.id, id).await?;
        Ok(found
            .filter(|device| device.is_known(now))
            .map_or(Recognised::Stranger, Recognised::Known))
    }

    /// Notes that a session begins on a device. A stranger becomes known, and gets the token that says so from now on; the
    /// owner is told, unless it is the account's first sign-in.
    pub(super) async fn remember_device(
        &self,
        unit: &mut Unit<'_>,
        cx: &RequestContext,
        user: &User,
        recognised: Recognised,
        trust: bool,
        session: &mut Session,
    ) -> Result<Option<SecretString>, Error> {
        let inner = self.0.inner();
        let config = &inner.config.devices;
        let now = unit.now();
        let (mut device, token) = match recognised {
            Recognised::Known(device) => (device, None),
            Recognised::Stranger => {
                let id = DeviceId::new(now, inner.random.as_ref());
                let device = Device {
                    id,
                    tenant_id: cx.tenant_id,
                    user_id: user.id,
                    user_agent: None,
                    created_at: now,
                    last_seen_at: now,
                    expires_at: now,
                    trusted_until: None,
                    revoked_at: None,
                };
                let token = inner.devices.issue(cx.tenant_id, user.id, id);
                (device, Some(token))
            }
        };
        device.user_agent.clone_from(&cx.user_agent);
        device.last_seen_at = now;
        device.expires_at = now.after(config.lifetime);
        let trusted = trust && !config.trust_lifetime.is_zero();
        if trusted {
            device.trusted_until = Some(now.after(config.trust_lifetime));
        }
        unit.tx().devices().put(&device).await?;
        if trusted {
            let record = Record::success(Event::DeviceTrusted).by(user.id);
            unit.record(record.detail("device_id", device.id.to_string()))
                .await?;
        }
        if token.is_some() && config.new_device_notice && user.last_sign_in_at.is_some() {
            let name = cx.user_agent.as_deref().and_then(device_name);
            let name = name.unwrap_or_else(|| "an unknown device".to_owned());
            unit.mail(&AccountMail::notice_of_device(
                Notice::NewDevice,
                user,
                name,
            ))
            .await?;
        }
        session.device_id = Some(device.id);
        Ok(token)
    }

    /// One's own devices that are known still, newest first, at most 100.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub async fn devices(
        &self,
        cx: &RequestContext,
        who: &Identity,
    ) -> Result<Vec<SessionDevice>, Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        let mut tx = inner.repository.begin().await?;
        let devices = tx.devices().list(cx.tenant_id, who.user_id, now).await?;
        drop(tx);
        let session = inner
            .repository
            .find_session(cx.tenant_id, who.session_id)
            .await?;
        let current = session.and_then(|session| session.device_id);
        let of = |device: Device| SessionDevice {
            is_current: current == Some(device.id),
            is_trusted: device.is_trusted(now),
            device,
        };
        Ok(devices.into_iter().map(of).collect())
    }

    /// Forgets one of one's own devices: its next sign-in is that of a stranger, with every factor. Its other sessions end.
    ///
    /// # Errors
    ///
    /// [`SessionError::DeviceNotFound`] where it is no device of this user's;
    /// [`AccessError::Invalid`](crate::AccessError::Invalid) where one's own session is over; a failure of the store.
    pub async fn revoke_device(
        &self,
        cx: &RequestContext,
        who: &Identity,
        device: DeviceId,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        unit.require_live(who).await?;
        let now = unit.now();
        let revoked = unit
            .tx()
            .devices()
            .revoke(cx.tenant_id, who.user_id, device, now)
            .await?;
        if !revoked {
            return Err(SessionError::DeviceNotFound.into());
        }
        let sessions = unit
            .tx()
            .sessions()
            .live_for_user(cx.tenant_id, who.user_id, now)
            .await?;
        for session in sessions.into_iter().filter(|id| *id != who.session_id) {
            let found = unit
                .tx()
                .sessions()
                .find_for_update(cx.tenant_id, session)
                .await?;
            if found.is_some_and(|session| session.device_id == Some(device)) {
                unit.end_session(session, SessionEnd::RevokedByUser).await?;
            }
        }
        let record = Record::success(Event::DeviceRevoked).by(who.user_id);
        unit.record(record.detail("device_id", device.to_string()))
            .await?;
        unit.commit().await
    }
}
