use std::{net::IpAddr, sync::Arc};

use crate::{
    Identity,
    model::{SecretString, TenantId},
};

/// The longest user agent that is kept, in bytes.
pub const MAX_USER_AGENT: usize = 512;

/// Who is calling, as far as the transport knows: goes with every call of a flow and into every audit event.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The tenant the call is for.
    pub tenant_id: TenantId,
    /// Names the request in logs, audit events and problem documents.
    pub correlation_id: String,
    /// The caller's address, after trusted proxies.
    pub ip: Option<IpAddr>,
    /// The caller's user agent, held to [`MAX_USER_AGENT`] bytes.
    pub user_agent: Option<String>,
    /// The token by which the caller's device is recognised, as received.
    pub device_token: Option<SecretString>,
    /// Who is asking, where that was found out: names the impersonator and the API key in audit events. No flow takes it for a
    /// permission.
    pub identity: Option<Arc<Identity>>,
}

impl RequestContext {
    /// A call from inside the process: a command, a job.
    pub fn internal(tenant_id: TenantId, correlation_id: impl Into<String>) -> Self {
        Self {
            tenant_id,
            correlation_id: correlation_id.into(),
            ip: None,
            user_agent: None,
            device_token: None,
            identity: None,
        }
    }

    /// With who is asking.
    #[must_use]
    pub fn with_identity(mut self, identity: Arc<Identity>) -> Self {
        self.identity = Some(identity);
        self
    }

    /// With the caller's address.
    #[must_use]
    pub fn with_ip(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip);
        self
    }

    /// With the token by which the caller's device is recognised.
    #[must_use]
    pub fn with_device_token(mut self, token: SecretString) -> Self {
        self.device_token = Some(token);
        self
    }

    /// With the caller's user agent, cut to [`MAX_USER_AGENT`] bytes and freed of control characters.
    #[must_use]
    pub fn with_user_agent(mut self, user_agent: &str) -> Self {
        let mut clean: String = user_agent.chars().filter(|c| !c.is_control()).collect();
        while clean.len() > MAX_USER_AGENT {
            clean.pop();
        }
        self.user_agent = (!clean.is_empty()).then_some(clean);
        self
    }
}
