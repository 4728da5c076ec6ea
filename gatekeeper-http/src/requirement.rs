use std::{
    borrow::Cow,
    fmt,
    ops::{BitAnd, BitOr, Not},
    time::Duration,
};

use gatekeeper_core::{
    Identity,
    model::{AuthMethod, RoleName, Timestamp},
};

/// What a route asks of whoever is signed in: a role, a permission, a second factor, or a combination.
///
/// Who does not meet it is answered 403 `access.forbidden`, but where a second factor is all that is missing: then 401
/// `access.step_up_required`, with a challenge that says so (RFC 9470), so that a client knows to ask for one and to come
/// again. In a combination the most helpful answer is given: of `a & b` a step-up is asked for where the rest is met, and the
/// shorter `max_age`; of `a | b` where neither is met and one would be by it, and the longer `max_age`. What is negated never
/// asks for one.
///
/// An API key has no roles and has shown no second factor: what asks for either is unmet by it, without a step-up. So is whatever is
/// negated, since a key has not all that its owner has, and what it lacks says nothing.
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
    Mfa(Option<Duration>),
    Role(Cow<'static, str>),
    Permission(Cow<'static, str>),
    OrganizationRole(Cow<'static, str>),
    OrganizationPermission(Cow<'static, str>),
    All(Vec<Kind>),
    Any(Vec<Kind>),
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
    /// It would, after a step-up.
    StepUp {
        /// How long ago the second factor may have been shown; `None` where that does not matter.
        max_age: Option<Duration>,
    },
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

    /// This role in the active organisation, or in the whole tenant while any organisation is active.
    pub fn organization_role(name: impl Into<Cow<'static, str>>) -> Self {
        Self(Kind::OrganizationRole(name.into()))
    }

    /// This permission in the active organisation, by the membership or in the whole tenant anyway.
    ///
    /// # Security
    ///
    /// It says nothing about other organisations: a handler that is asked about one compares it with the active one, in
    /// [`Identity::organization`].
    pub fn organization_permission(name: impl Into<Cow<'static, str>>) -> Self {
        Self(Kind::OrganizationPermission(name.into()))
    }

    /// Every one of these; of none, being signed in.
    ///
    /// ```
    /// use gatekeeper_http::Requirement;
    ///
    /// let may_publish = Requirement::all([
    ///     Requirement::permission("reports:publish"),
    ///     Requirement::any([Requirement::role("editor"), Requirement::organization_role("owner")]),
    ///     Requirement::role("suspended").not(),
    /// ]);
    /// assert_eq!(
    ///     may_publish.to_string(),
    ///     "all of (permission reports:publish, any of (role editor, organization role owner), not role suspended)",
    /// );
    /// ```
    pub fn all(requirements: impl IntoIterator<Item = Self>) -> Self {
        Self(Kind::All(
            requirements.into_iter().map(|one| one.0).collect(),
        ))
    }

    /// At least one of these; of none, nothing meets it.
    pub fn any(requirements: impl IntoIterator<Item = Self>) -> Self {
        Self(Kind::Any(
            requirements.into_iter().map(|one| one.0).collect(),
        ))
    }

    /// A second factor in this session, whenever it was shown. A sign-in that was spared it by a trusted device does not count.
    pub const fn mfa() -> Self {
        Self(Kind::Mfa(None))
    }

    /// A second factor in this session, and a sign-in or step-up at most `max_age` ago (whole seconds, to the second).
    ///
    /// # Security
    ///
    /// Both are asked: a sign-in that is recent but weaker does not meet it (GHSA-hp74-gm6m-2qm5). A refresh makes nothing recent.
    pub const fn recent_mfa(max_age: Duration) -> Self {
        Self(Kind::Mfa(Some(max_age)))
    }

    /// Both. The same as `&`.
    pub fn and(self, other: Self) -> Self {
        Self::all([self, other])
    }

    /// One of the two, or both. The same as `|`.
    pub fn or(self, other: Self) -> Self {
        Self::any([self, other])
    }

    /// The opposite; still of somebody who is signed in. The same as `!`.
    #[expect(
        clippy::should_implement_trait,
        reason = "it is implemented too, but a trait's method has to be imported before a chain can end in it"
    )]
    pub fn not(self) -> Self {
        Self(Kind::Negated(Box::new(self.0)))
    }

    /// Whether this identity meets it at `now`.
    pub fn check(&self, identity: &Identity, now: Timestamp) -> Verdict {
        self.0.judge(identity, now)
    }
}

impl Kind {
    fn judge(&self, identity: &Identity, now: Timestamp) -> Verdict {
        match self {
            Self::SignedIn => Verdict::Met,
            // A key shows no factor, and no step-up makes it show one. It has not all that its owner has, either: that something is
            // missing says nothing.
            Self::Mfa(_) | Self::Negated(_) if identity.api_key.is_some() => Verdict::Unmet,
            Self::Mfa(max_age) => mfa(identity, *max_age, now),
            Self::Role(name) => met_if(identity.has_role(name)),
            Self::Permission(name) => met_if(identity.has_permission(name)),
            Self::OrganizationRole(name) => met_if(identity.has_organization_role(name)),
            Self::OrganizationPermission(name) => {
                met_if(identity.has_organization_permission(name))
            }
            Self::All(all) => all
                .iter()
                .map(|one| one.judge(identity, now))
                .fold(Verdict::Met, Verdict::and),
            Self::Any(any) => any
                .iter()
                .map(|one| one.judge(identity, now))
                .fold(Verdict::Unmet, Verdict::or),
            Self::Negated(one) => match one.judge(identity, now) {
                Verdict::Met => Verdict::Unmet,
                Verdict::Unmet | Verdict::StepUp { .. } => Verdict::Met,
            },
        }
    }
}

fn mfa(identity: &Identity, max_age: Option<Duration>, now: Timestamp) -> Verdict {
    let shown = identity.mfa_verified
        && identity
            .methods
            .iter()
            .any(|method| method == AuthMethod::MultiFactor.as_str());
    let recent = max_age.is_none_or(|max_age| now.since(identity.authenticated_at) <= max_age);
    if shown && recent {
        Verdict::Met
    } else {
        Verdict::StepUp { max_age }
    }
}

fn met_if(holds: bool) -> Verdict {
    if holds { Verdict::Met } else { Verdict::Unmet }
}

impl Verdict {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unmet, _) | (_, Self::Unmet) => Self::Unmet,
            (Self::Met, other) => other,
            (one, Self::Met) => one,
            (Self::StepUp { max_age: one }, Self::StepUp { max_age: other }) => Self::StepUp {
                max_age: match (one, other) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                },
            },
        }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Met, _) | (_, Self::Met) => Self::Met,
            (Self::Unmet, other) => other,
            (one, Self::Unmet) => one,
            (Self::StepUp { max_age: one }, Self::StepUp { max_age: other }) => Self::StepUp {
                max_age: one.zip(other).map(|(one, other)| one.max(other)),
            },
        }
    }
}

/// As it stands in the audit trail.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignedIn => f.write_str("signed in"),
            Self::Mfa(None) => f.write_str("second factor"),
            Self::Mfa(Some(max_age)) => write!(f, "second factor within {} s", max_age.as_secs()),
            Self::Role(name) => write!(f, "role {name}"),
            Self::Permission(name) => write!(f, "permission {name}"),
            Self::OrganizationRole(name) => write!(f, "organization role {name}"),
            Self::OrganizationPermission(name) => write!(f, "organization permission {name}"),
            Self::All(all) => list(f, "all of", all),
            Self::Any(any) => list(f, "any of", any),
            Self::Negated(one) => write!(f, "not {one}"),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, name: &str, kinds: &[Kind]) -> fmt::Result {
    write!(f, "{name} (")?;
    for (index, kind) in kinds.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}{kind}")?;
    }
    f.write_str(")")
}

/// A [`Requirement`] with a name in the type system, for the extractor `Require` of the adapters. Made by
/// [`requirement!`](crate::requirement!).
pub trait RequirementDef: 'static {
    /// What is required.
    fn requirement() -> &'static Requirement;
}

/// Gives a [`Requirement`] a name, under which the extractor `Require` of the adapters asks for it.
///
/// ```
/// use gatekeeper_http::{Requirement, requirement};
///
/// requirement! {
///     /// May take reports out of the house.
///     pub CanExport = Requirement::role("admin")
///         | Requirement::permission("reports:export") & !Requirement::role("suspended")
/// }
/// ```
#[macro_export]
macro_rules! requirement {
    ($(#[$meta:meta])* $visibility:vis $name:ident = $requirement:expr) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        $visibility struct $name;

        impl $crate::RequirementDef for $name {
            fn requirement() -> &'static $crate::Requirement {
                static REQUIREMENT: ::std::sync::LazyLock<$crate::Requirement> =
                    ::std::sync::LazyLock::new(|| $requirement);
                &REQUIREMENT
            }
        }
    };
}

requirement! {
    /// The administrators of a tenant: the role `admin`.
    pub Admin = Requirement::role(RoleName::ADMIN)
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

#[cfg(test)]
mod tests {
    use gatekeeper_core::{
        model::{OrganizationAuthority, OrganizationId, SessionId, TenantId, TokenId, UserId},
        testing::SeededRandom,
    };

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_800_000_000 + seconds)
    }

    /// Signed in at second 0, with a second factor.
    fn strong() -> Identity {
        let (now, random) = (at(0), SeededRandom::new(1));
        let mut identity = Identity::new(
            UserId::new(now, &random),
            TenantId::DEFAULT,
            SessionId::new(now, &random),
            TokenId::new(now, &random),
            now,
            at(900),
        );
        identity.mfa_verified = true;
        identity.methods = ["mfa", "otp", "pwd"].map(str::to_owned).to_vec();
        identity
    }

    const fn step_up(seconds: Option<u64>) -> Verdict {
        Verdict::StepUp {
            max_age: match seconds {
                Some(seconds) => Some(Duration::from_secs(seconds)),
                None => None,
            },
        }
    }

    #[test]
    fn row_23_a_recent_second_factor_is_recent_to_the_second() {
        let recent = Requirement::recent_mfa(MINUTE);
        assert_eq!(recent.check(&strong(), at(0)), Verdict::Met);
        assert_eq!(recent.check(&strong(), at(60)), Verdict::Met);
        let later = Timestamp::from_unix_micros(at(60).as_unix_micros() + 1);
        assert_eq!(recent.check(&strong(), later), step_up(Some(60)));
        assert_eq!(Requirement::mfa().check(&strong(), at(800)), Verdict::Met);
    }

    #[test]
    fn row_23_ghsa_hp74_gm6m_2qm5_a_recent_but_weaker_sign_in_is_no_step_up() {
        let mut unmarked = strong();
        unmarked.mfa_verified = false;
        let mut one_factor = strong();
        one_factor.methods = vec!["otp".to_owned(), "pwd".to_owned()];
        for weak in [unmarked, one_factor] {
            assert_eq!(Requirement::mfa().check(&weak, at(0)), step_up(None));
            let recent = Requirement::recent_mfa(MINUTE);
            assert_eq!(recent.check(&weak, at(0)), step_up(Some(60)));
        }
    }

    #[test]
    fn row_55_any_and_all_are_what_they_say() {
        let mut ada = strong();
        ada.roles = vec!["a".to_owned(), "b".to_owned()];
        ada.permissions = vec!["reports:*".to_owned()];
        let met = |requirement: Requirement| requirement.check(&ada, at(0)) == Verdict::Met;
        let role = Requirement::role;
        assert!(met(Requirement::all([role("a"), role("b")])));
        assert!(!met(Requirement::all([role("a"), role("b"), role("c")])));
        assert!(met(Requirement::any([role("c"), role("b")])));
        assert!(!met(Requirement::any([role("c"), role("d")])));
        assert!(met(Requirement::all([])));
        assert!(!met(Requirement::any([])));
        assert!(met(Requirement::any([]).not()));
        assert!(met(Requirement::all([
            Requirement::permission("reports:generate"),
            Requirement::any([role("c"), role("a")]),
            role("c").not(),
        ])));
    }

    #[test]
    fn what_counts_in_an_organisation_opens_nothing_in_the_tenant() {
        let mut ada = strong();
        let here = Requirement::organization_permission("reports:read");
        let owner = Requirement::organization_role("owner");
        ada.permissions = vec!["reports:read".to_owned()];
        ada.roles = vec!["owner".to_owned()];
        // Without an organisation that is active nothing counts in one.
        assert_eq!(here.check(&ada, at(0)), Verdict::Unmet);
        assert_eq!(owner.check(&ada, at(0)), Verdict::Unmet);
        let organization = |names: &[&str]| OrganizationAuthority {
            id: OrganizationId::new(at(0), &SeededRandom::new(2)),
            roles: names.iter().map(|&name| name.to_owned()).collect(),
            permissions: names.iter().map(|&name| format!("{name}:*")).collect(),
        };
        ada.organization = Some(organization(&[]));
        assert_eq!(here.check(&ada, at(0)), Verdict::Met);
        assert_eq!(owner.check(&ada, at(0)), Verdict::Met);
        ada.permissions.clear();
        ada.roles.clear();
        ada.organization = Some(organization(&["reports", "owner"]));
        assert_eq!(here.check(&ada, at(0)), Verdict::Met);
        assert_eq!(owner.check(&ada, at(0)), Verdict::Met);
        let tenant = [
            Requirement::permission("reports:read"),
            Requirement::role("owner"),
        ];
        for requirement in tenant {
            assert_eq!(requirement.check(&ada, at(0)), Verdict::Unmet);
        }
    }

    #[test]
    fn a_combination_asks_for_a_step_up_where_that_would_help() {
        let (admin, recent) = (Requirement::role("admin"), Requirement::recent_mfa(MINUTE));
        let longer = || Requirement::recent_mfa(2 * MINUTE);
        let user = Requirement::signed_in;
        let old = strong();
        let check = |requirement: Requirement| requirement.check(&old, at(600));
        let (admin, recent) = (|| admin.clone(), || recent.clone());
        assert_eq!(check(admin() & recent()), Verdict::Unmet);
        assert_eq!(check(recent() & admin()), Verdict::Unmet);
        assert_eq!(check(user() & recent()), step_up(Some(60)));
        assert_eq!(check(admin() | recent()), step_up(Some(60)));
        assert_eq!(check(recent() | user()), Verdict::Met);
        assert_eq!(check(longer() & recent()), step_up(Some(60)));
        assert_eq!(check(longer() | recent()), step_up(Some(120)));
        assert_eq!(check(Requirement::mfa() & recent()), step_up(Some(60)));
        assert_eq!(check(!recent()), Verdict::Met);
        assert_eq!(check(!Requirement::mfa()), Verdict::Unmet);
        assert_eq!(check(!recent() & admin()), Verdict::Unmet);
    }
}
