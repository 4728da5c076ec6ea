use std::{
    borrow::Cow,
    ops::{BitAnd, BitOr, Not},
};

use gatekeeper_core::Identity;

/// What a route asks of whoever is signed in: a role, a permission, or a combination.
///
/// ```
/// use gatekeeper_http::Requirement;
///
/// let may_export = Requirement::role("admin")
///     .or(Requirement::permission("reports:export").and(Requirement::role("suspended").not()));
/// # let _ = may_export;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Requirement(Kind);

#[derive(Clone, Debug)]
enum Kind {
    SignedIn,
    Role(Cow<'static, str>),
    Permission(Cow<'static, str>),
    Both(Box<[Kind; 2]>),
    Either(Box<[Kind; 2]>),
    Negated(Box<Kind>),
}

/// Whether an identity meets a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It does.
    Met,
    /// It does not.
    Unmet,
}

impl Requirement {
    /// Nothing but being signed in.
    pub const fn signed_in() -> Self {
        Self(Kind::SignedIn)
    }

    /// This role.
    pub fn role(name: impl Into<Cow<'static, str>>) -> Self {
        Self(Kind::Role(name.into()))
    }

    /// This permission, `resource:action`.
    pub fn permission(name: impl Into<Cow<'static, str>>) -> Self {
        Self(Kind::Permission(name.into()))
    }

    /// Both. The same as `&`.
    pub fn and(self, other: Self) -> Self {
        Self(Kind::Both(Box::new([self.0, other.0])))
    }

    /// One of the two, or both. The same as `|`.
    pub fn or(self, other: Self) -> Self {
        Self(Kind::Either(Box::new([self.0, other.0])))
    }

    /// The opposite; still of somebody who is signed in. The same as `!`.
    #[expect(
        clippy::should_implement_trait,
        reason = "it is implemented too, but a trait's method has to be imported before a chain can end in it"
    )]
    pub fn not(self) -> Self {
        Self(Kind::Negated(Box::new(self.0)))
    }

    /// Whether this identity meets it.
    pub fn check(&self, identity: &Identity) -> Verdict {
        if self.0.holds(identity) {
            Verdict::Met
        } else {
            Verdict::Unmet
        }
    }
}

impl Kind {
    fn holds(&self, identity: &Identity) -> bool {
        match self {
            Self::SignedIn => true,
            Self::Role(name) => identity.has_role(name),
            Self::Permission(name) => identity.has_permission(name),
            Self::Both(pair) => pair.iter().all(|one| one.holds(identity)),
            Self::Either(pair) => pair.iter().any(|one| one.holds(identity)),
            Self::Negated(one) => !one.holds(identity),
        }
    }
}

impl BitAnd for Requirement {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        self.and(other)
    }
}

impl BitOr for Requirement {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.or(other)
    }
}

impl Not for Requirement {
    type Output = Self;

    fn not(self) -> Self {
        Self(Kind::Negated(Box::new(self.0)))
    }
}
