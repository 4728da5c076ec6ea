use std::collections::BTreeSet;

use crate::model::{Branding, MfaRequirement, SessionLimit, SignInMethod, TenantSettings};

/// What is to change of a tenant's settings. `None` leaves a setting alone; `Some(None)` goes back to what the application says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantSettingsChanges {
    /// How its mails look.
    pub branding: BrandingChanges,
    /// Of which domains addresses may be.
    pub email_domains: Option<Option<BTreeSet<String>>>,
    /// Whether users must have a second factor.
    pub mfa: Option<Option<MfaRequirement>>,
    /// Whether anybody may sign up.
    pub open_registration: Option<Option<bool>>,
    /// The fewest characters of a password.
    pub password_min_length: Option<Option<u32>>,
    /// How many sessions a user may have.
    pub session_limit: Option<Option<SessionLimit>>,
    /// By what users may sign in.
    pub sign_in_methods: Option<Option<BTreeSet<SignInMethod>>>,
}

/// What is to change of how a tenant's mails look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrandingChanges {
    /// The colour of buttons.
    pub color: Option<Option<String>>,
    /// A picture.
    pub logo_url: Option<Option<String>>,
    /// What the product is called.
    pub name: Option<Option<String>>,
}

impl BrandingChanges {
    /// Everything as the application says.
    pub const fn reset() -> Self {
        Self {
            color: Some(None),
            logo_url: Some(None),
            name: Some(None),
        }
    }

    fn apply(self, branding: Branding) -> Branding {
        let Branding {
            name,
            logo_url,
            color,
        } = branding;
        Branding {
            name: self.name.unwrap_or(name),
            logo_url: self.logo_url.unwrap_or(logo_url),
            color: self.color.unwrap_or(color),
        }
    }
}

impl TenantSettingsChanges {
    /// The settings after it.
    #[must_use]
    pub fn apply(self, settings: TenantSettings) -> TenantSettings {
        let TenantSettings {
            mfa,
            session_limit,
            branding,
            password_min_length,
            sign_in_methods,
            email_domains,
            open_registration,
        } = settings;
        TenantSettings {
            mfa: self.mfa.unwrap_or(mfa),
            session_limit: self.session_limit.unwrap_or(session_limit),
            branding: self.branding.apply(branding),
            password_min_length: self.password_min_length.unwrap_or(password_min_length),
            sign_in_methods: self.sign_in_methods.unwrap_or(sign_in_methods),
            email_domains: self.email_domains.unwrap_or(email_domains),
            open_registration: self.open_registration.unwrap_or(open_registration),
        }
    }
}
