//! Organisations inside a tenant: users belong to several, and act in one at a time.
//!
//! | state | how it comes about |
//! |---|---|
//! | member | an accepted invitation; an administrator (`put_member`) |
//! | acting in it | `switch`: a new session, which lives no longer than the old one would have |
//! | no member | `leave`; somebody took them out; the organisation was deleted; the account was |
//!
//! What a membership gives stands apart from what its holder may do in the tenant
//! ([`Authority::organization`](crate::model::Authority::organization)): it counts in the organisation that is active, and opens no route
//! of the tenant. The session says which organisation is active; whether its user still is a member is asked at every refresh and every
//! change, and whoever ends a membership says so to every node at once.
//!
//! Threats, and what answers them:
//!
//! - *Acting in an organisation one does not belong to*: switching there, or asking for it, is 404, as if there were none.
//! - *Acting on one organisation with the rights of another*: the routes of members name no organisation; it is the session's own.
//! - *Giving more than one has* (CVE-2026-94000), *or taking rights from who has more* (CVE-2026-55077): whoever changes a member must
//!   reach what the member has, and what the member is to have. A member who may write members adds nobody who did not ask for it: new
//!   members come by invitation.
//! - *A session that outlives its end by switching*: the new one ends when the old one would have.
//!
//! Events: `organization.created`, `.updated`, `.deleted`, `.member_added`, `.member_updated`, `.member_removed`, `.switched`.

mod acting;
mod administer;
mod invite;
mod members;
mod own;
mod put;
mod switch;

pub(crate) use acting::ActingMember;

use serde_json::{Map, Value};

use crate::{
    Gatekeeper,
    model::{EmailAddress, Membership},
};

/// One's own organisations, and the members of the active one. From [`Gatekeeper::organizations`].
#[derive(Clone, Copy, Debug)]
pub struct Organizations<'a>(pub(crate) &'a Gatekeeper);

/// An organisation to be made.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    /// The name in addresses: 1 to 63 of `a-z`, `0-9` and `-`.
    pub slug: String,
    /// The name people read: 1 to 100 characters.
    pub name: String,
    /// What the application keeps with it.
    pub metadata: Map<String, Value>,
}

/// What to change of an organisation; `None` leaves a field alone.
#[derive(Clone, Debug, Default)]
pub struct OrganizationChanges {
    /// The name in addresses.
    pub slug: Option<String>,
    /// The name people read.
    pub name: Option<String>,
    /// The metadata, as a whole.
    pub metadata: Option<Map<String, Value>>,
}

/// A member as others see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationMember {
    /// The membership.
    pub membership: Membership,
    /// The member's address.
    pub email: EmailAddress,
    /// What the member is called.
    pub name: Option<String>,
}
