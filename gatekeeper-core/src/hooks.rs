use std::fmt;

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::{
    Refusal, RequestContext,
    model::{EmailAddress, Session, User},
};

/// Somebody who is about to register.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The address.
    pub email: EmailAddress,
    /// The name.
    pub name: Option<String>,
    /// The language.
    pub locale: Option<String>,
}

/// The application's say in a flow: `before_*` may refuse, `after_*` takes notice, `claims` adds to access tokens.
///
/// Hooks run outside of transactions. An `after_*` hook runs when the change is durable; it is not called again should the
/// process die in between, so what must not be lost belongs into the audit trail's readers instead.
#[async_trait]
pub trait Hooks: Send + Sync + fmt::Debug {
    /// Before somebody registers. It is asked before the address is looked up, so that a refusal tells nothing.
    async fn before_register(
        &self,
        _cx: &RequestContext,
        _registration: &Registration,
    ) -> Result<(), Refusal> {
        Ok(())
    }

    /// After an account was made.
    async fn after_register(&self, _cx: &RequestContext, _user: &User) {}

    /// Before somebody who proved who they are gets a session.
    async fn before_sign_in(&self, _cx: &RequestContext, _user: &User) -> Result<(), Refusal> {
        Ok(())
    }

    /// After a session began.
    async fn after_sign_in(&self, _cx: &RequestContext, _user: &User, _session: &Session) {}

    /// Claims to add to an access token. A name that RFC 7519, RFC 9068 or Gatekeeper gives a meaning to is a fault of the
    /// application and refused as such.
    async fn claims(
        &self,
        _cx: &RequestContext,
        _user: &User,
        _session: &Session,
    ) -> Result<Map<String, Value>, Refusal> {
        Ok(Map::new())
    }
}

/// No hooks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoHooks;

impl Hooks for NoHooks {}
