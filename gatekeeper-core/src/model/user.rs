use serde_json::{Map, Value};

use super::{
    Authority, EmailAddress, PasswordHistoryId, SecretString, TenantId, Timestamp, UserId,
};

/// What kind of account it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UserKind {
    /// A person, who signs in.
    #[default]
    Person,
    /// A program. It has API keys and never signs in, is never mailed, and has an address under
    /// [`SERVICE_ACCOUNT_DOMAIN`](User::SERVICE_ACCOUNT_DOMAIN).
    ServiceAccount,
}

impl UserKind {
    /// The stable name that stores carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::ServiceAccount => "service_account",
        }
    }

    /// The kind with this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Person, Self::ServiceAccount]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// Somebody, or something, with an account in one tenant.
///
/// Identity is (tenant, normalised e-mail); the id never changes and is never given again.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// The id.
    pub id: UserId,
    /// The tenant the account belongs to.
    pub tenant_id: TenantId,
    /// A person or a program.
    pub kind: UserKind,
    /// The address as its owner wrote it; mail goes there.
    pub email: EmailAddress,
    /// When the owner proved to read that mailbox.
    pub email_verified_at: Option<Timestamp>,
    /// What the user wants to be called.
    pub name: Option<String>,
    /// The preferred language, a BCP 47 tag.
    pub locale: Option<String>,
    /// A picture.
    pub avatar_url: Option<String>,
    /// What the application keeps with the user; a JSON object.
    pub metadata: Map<String, Value>,
    /// Since when the account is disabled.
    pub disabled_at: Option<Timestamp>,
    /// Since when a second factor is in force; kept by the flows of second factors, so that it can be read with the user.
    pub mfa_enabled_at: Option<Timestamp>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When this row last changed.
    pub updated_at: Timestamp,
    /// The last sign-in that succeeded.
    pub last_sign_in_at: Option<Timestamp>,
}

impl User {
    /// The domain of the addresses of service accounts. No mail can be sent there (RFC 2606 section 2).
    pub const SERVICE_ACCOUNT_DOMAIN: &'static str = "service-accounts.invalid";

    /// Whether a person has it, who can sign in and be mailed.
    pub const fn is_person(&self) -> bool {
        matches!(self.kind, UserKind::Person)
    }

    /// What a search finds the user by, at most 16 terms: the normalised address, `@` and its domain, and the words of the name, in
    /// lower case and at most 64 bytes each. A search is for users who have a term that begins with what was typed.
    pub fn search_terms(&self) -> Vec<String> {
        let address = self.email.normalized().as_str();
        let mut terms = vec![address.to_owned()];
        if let Some((_, domain)) = address.rsplit_once('@') {
            terms.push(format!("@{domain}"));
        }
        let words = self.name.as_deref().unwrap_or_default().to_lowercase();
        terms.extend(words.split_whitespace().map(|word| {
            let mut end = word.len().min(64);
            while !word.is_char_boundary(end) {
                end -= 1;
            }
            word.get(..end).unwrap_or_default().to_owned()
        }));
        terms.sort_unstable();
        terms.dedup();
        terms.truncate(16);
        terms
    }

    /// Whether the account may be used.
    pub const fn is_active(&self) -> bool {
        self.disabled_at.is_none()
    }

    /// Whether there is somebody behind it who may sign in: a person whose account may be used.
    pub const fn may_sign_in(&self) -> bool {
        self.is_active() && self.is_person()
    }

    /// Whether the address is verified.
    pub const fn email_verified(&self) -> bool {
        self.email_verified_at.is_some()
    }
}

/// The one password of a user, hashed.
#[derive(Clone, Debug)]
pub struct PasswordCredential {
    /// Whose it is.
    pub user_id: UserId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The hash with its parameters: a PHC string, or an imported form.
    pub hash: SecretString,
    /// When the owner last chose it (a rehash does not count).
    pub changed_at: Timestamp,
    /// Since when it may no longer be used, but only be changed through a reset: it is known to others (NIST SP 800-63B-4
    /// section 3.1.1.2).
    pub must_change_since: Option<Timestamp>,
}

/// A password that a user had before, kept so that it is not chosen again.
#[derive(Clone, Debug)]
pub struct FormerPassword {
    /// The row's id; newer ones sort after older ones.
    pub id: PasswordHistoryId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// Whose it was.
    pub user_id: UserId,
    /// The hash it had.
    pub hash: SecretString,
    /// When it was replaced.
    pub replaced_at: Timestamp,
}

/// A user's name at an outside provider. Keyed on (provider, subject), never on an e-mail address, which can change hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalIdentity {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The provider: its [`AuthProvider::id`](crate::AuthProvider::id).
    pub provider: String,
    /// The provider's own, unchanging id of the user.
    pub subject: String,
    /// The account it signs in to.
    pub user_id: UserId,
    /// When they were linked.
    pub created_at: Timestamp,
}

/// What a sign-in needs to know of a user, read in one statement.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user.
    pub user: User,
    /// The password, where there is one.
    pub password: Option<PasswordCredential>,
    /// Roles and permissions.
    pub authority: Authority,
}
