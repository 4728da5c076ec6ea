//! The token by which a device is recognised: in its cookie, or in a field of whoever keeps tokens elsewhere.

use gatekeeper_core::{
    Error, SessionDevice, SessionError, SignedIn,
    model::{DeviceId, SecretString, Timestamp, device_name},
};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::{
    api::Call,
    problem::Problem,
    respond::{self, Reply},
};

/// No cookie lives longer (RFC 6265bis section 5.5), in seconds.
const MAX_AGE: u64 = 400 * 24 * 3_600;

/// Notes who says to be the caller's device: the field, or else the cookie. What it says is judged by core.
///
/// A cookie that is there twice counts for nothing: whoever planted one of them must not thereby keep the owner out, which a
/// refusal would.
pub(crate) fn recognise(call: &mut Call, field: Option<SecretString>) {
    let cookie = call.cookies().device;
    let token = field.or_else(|| match cookie.read(&call.head()) {
        Ok(Some(token)) => Some(SecretString::new(token)),
        Ok(None) | Err(_) => None,
    });
    call.context.device_token = token;
}

/// The cookie that goes with a session that has just begun: the new token, or the one that was shown, for as long again.
pub(crate) fn cookie(call: &Call, signed_in: &SignedIn) -> Result<Option<HeaderValue>, Problem> {
    let token = signed_in
        .device_token
        .as_ref()
        .or(call.context.device_token.as_ref());
    let lifetime = call.gatekeeper().config().devices.lifetime;
    let age = lifetime.as_secs().min(MAX_AGE);
    token
        .map(|token| call.cookies().device.set(token, age))
        .transpose()
}

#[derive(Serialize)]
struct DeviceBody {
    id: String,
    device: Option<String>,
    user_agent: Option<String>,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    trusted_until: Option<Timestamp>,
    current: bool,
}

impl DeviceBody {
    fn of(entry: SessionDevice) -> Self {
        let SessionDevice {
            device,
            is_current,
            is_trusted,
        } = entry;
        Self {
            id: device.id.to_string(),
            device: device.user_agent.as_deref().and_then(device_name),
            user_agent: device.user_agent,
            created_at: device.created_at,
            last_seen_at: device.last_seen_at,
            trusted_until: device.trusted_until.filter(|_| is_trusted),
            current: is_current,
        }
    }
}

#[derive(Serialize)]
struct DeviceList {
    items: Vec<DeviceBody>,
}

pub(crate) async fn list(call: Call) -> Result<Reply, Problem> {
    let sessions = call.gatekeeper().sessions();
    let devices = sessions.devices(&call.context, call.who()?).await?;
    let items = devices.into_iter().map(DeviceBody::of).collect();
    respond::json(StatusCode::OK, &DeviceList { items })
}

pub(crate) async fn revoke(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    // What is no id names no device.
    let device: DeviceId = call
        .capture()
        .parse()
        .map_err(|_| Error::from(SessionError::DeviceNotFound))?;
    call.gatekeeper()
        .sessions()
        .revoke_device(&call.context, call.who()?, device)
        .await?;
    Ok(respond::no_content())
}
