use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use super::{NormalizedEmail, TenantId, Timestamp};

/// A customer with users of its own. Nothing is ever shared between two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// The id.
    pub id: TenantId,
    /// The name in headers and host names.
    pub slug: TenantSlug,
    /// The name people read.
    pub name: String,
    /// Since when nobody can sign in.
    pub suspended_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When this row last changed.
    pub updated_at: Timestamp,
    /// What differs in it from the application's settings.
    pub settings: TenantSettings,
}

impl Tenant {
    /// Whether its users can sign in: it is not suspended.
    pub const fn is_open(&self) -> bool {
        self.suspended_at.is_none()
    }
}

/// What differs in a tenant from the application's settings; `None` is what the application says. A store keeps it as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TenantSettings {
    /// Whether its users must have a second factor.
    pub mfa: Option<MfaRequirement>,
    /// How many sessions a user may have.
    pub session_limit: Option<SessionLimit>,
    /// How its mails look.
    pub branding: Branding,
    /// The fewest characters of a password; may be more than the application's, never fewer.
    pub password_min_length: Option<u32>,
    /// By what its users may sign in, of what the application offers.
    pub sign_in_methods: Option<BTreeSet<SignInMethod>>,
    /// Of which domains the addresses of its users may be, in lower case; of any, where it is `None`. It concerns sign-up, invitations
    /// and changes of address.
    pub email_domains: Option<BTreeSet<String>>,
    /// Whether anybody may sign up (`true` where it is `None`), or only whoever is invited.
    pub open_registration: Option<bool>,
}

/// What users may begin a sign-in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SignInMethod {
    /// An outside provider.
    Federated,
    /// A link by e-mail.
    MagicLink,
    /// A password.
    Password,
}

impl SignInMethod {
    /// Every method.
    pub const ALL: &'static [Self] = &[Self::Federated, Self::MagicLink, Self::Password];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Federated => "federated",
            Self::MagicLink => "magic_link",
            Self::Password => "password",
        }
    }

    /// The method with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|method| method.as_str() == text)
    }
}

/// Whether something is open to users of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Offered {
    /// It is.
    Yes,
    /// The tenant's settings close it.
    No,
}

impl Offered {
    const fn when(open: bool) -> Self {
        if open { Self::Yes } else { Self::No }
    }
}

impl TenantSettings {
    /// Whether users may sign in by this method, as far as the tenant has a say.
    pub fn method(&self, method: SignInMethod) -> Offered {
        let open = self.sign_in_methods.as_ref();
        Offered::when(open.is_none_or(|methods| methods.contains(&method)))
    }

    /// Whether users may have this address. It depends on the domain alone, which is compared whole: what is below a domain is another.
    pub fn address(&self, email: &NormalizedEmail) -> Offered {
        let domains = self.email_domains.as_ref();
        Offered::when(domains.is_none_or(|domains| domains.contains(email.domain())))
    }

    /// Whether anybody may sign up.
    pub fn registration(&self) -> Offered {
        Offered::when(self.open_registration.unwrap_or(true))
    }
}

/// Whether users must have a second factor. Where several rules concern a user, the strictest holds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum MfaRequirement {
    /// Each user decides.
    #[default]
    Optional,
    /// Who has none is made to set one up at the next sign-in.
    Required,
}

/// How many live sessions a user may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionLimit {
    /// The most; at least 1.
    pub max: u32,
    /// What a sign-in does that would be one too many.
    pub when_full: WhenFull,
}

/// What a sign-in does that would be one session too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// It ends the oldest session.
    EndOldest,
    /// It is refused.
    Reject,
}

/// How the mails of a tenant look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Branding {
    /// What mails call the product, in place of [`Config::product_name`](crate::Config::product_name); 1 to 64 printable characters.
    pub name: Option<String>,
    /// An `https` URL of a picture.
    pub logo_url: Option<String>,
    /// The colour of buttons, `#rrggbb`.
    pub color: Option<String>,
}

/// A tenant's name in headers and host names: 1 to 63 of `a-z`, `0-9` and `-`, beginning and ending with a letter or digit
/// (a label of RFC 1123 section 2.1, in lower case).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantSlug(String);

impl TenantSlug {
    /// The slug of the default tenant.
    pub const DEFAULT: &'static str = "default";

    /// Reads a slug.
    pub fn parse(text: &str) -> Option<Self> {
        let edge = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let sound = (1..=63).contains(&bytes.len())
            && bytes.iter().all(|&byte| edge(byte) || byte == b'-')
            && bytes.first().copied().is_some_and(edge)
            && bytes.last().copied().is_some_and(edge);
        sound.then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
