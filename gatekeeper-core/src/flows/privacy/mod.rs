//! What is kept about a person: giving it out, and erasing it (GDPR articles 15, 17 and 20).
//!
//! | state | how it comes about |
//! |---|---|
//! | account | |
//! | closed, erasure under way | `erase_own`, `erase`: the account is gone, the trail tells of it, and an entry of the outbox says what is left to do |
//! | erased | the worker carried it out, a batch at a time; after a crash it goes on where it was |
//!
//! Threats: a stolen or borrowed session that carries everything away or destroys it (a recent sign-in for the one, the password for the
//! other; neither while acting as somebody else); an administrator who looks at, or removes, somebody above (rank, asked for in the
//! same transaction); secrets in an export (it is put together field by field, from fields that hold none); what others did
//! to the account tells where *they* were (their addresses and devices stay out); erasure as a way to hide what one did (who
//! did what to whom, and when, stays under ids that name nobody any more, and the chain still proves it).
//!
//! Events: `account.exported`, `account.deleted`, `account.erased`.

mod document;
mod erase;
mod events;
mod export;
mod job;

pub use events::UserEvents;
pub use export::UserExport;
pub(crate) use job::Erasure;

use crate::{
    AccessError, Error, Gatekeeper, Identity,
    flows::{Unit, administration::Administration},
    gatekeeper::Inner,
    model::User,
};

/// What is kept about a person. From [`Gatekeeper::privacy`].
///
/// # Security
///
/// By itself it asks nobody for a permission. In the handler of a request, call [`on_behalf_of`](Self::on_behalf_of) first, or use what
/// takes the identity: [`export_own`](Self::export_own), [`erase_own`](Self::erase_own).
#[derive(Clone, Copy, Debug)]
pub struct Privacy<'a>(pub(crate) &'a Gatekeeper, pub(crate) Option<&'a Identity>);

impl<'a> Privacy<'a> {
    /// The same, in the name of somebody signed in, who then needs `users:export` and `users:erase`, and may touch nobody who may do
    /// more.
    #[must_use]
    pub fn on_behalf_of(self, who: &'a Identity) -> Self {
        Self(self.0, Some(who))
    }

    fn administration(&self) -> Administration<'a> {
        Administration(self.0, self.1)
    }
}

/// All that is kept of a user goes to somebody who was seen lately, and who showed the second factor where there is one: the rule
/// by which a second factor is bound.
fn require_recent(
    inner: &Inner,
    unit: &Unit<'_>,
    who: &Identity,
    user: &User,
) -> Result<(), Error> {
    let max_age = inner.config.mfa.binding_max_age;
    let age = unit.now().since(who.authenticated_at);
    if age > max_age || (user.mfa_enabled_at.is_some() && !who.mfa_verified) {
        return Err(AccessError::StepUpRequired {
            max_age: Some(max_age),
        }
        .into());
    }
    Ok(())
}
