use serde_json::{Map, Value};

use crate::model::{SecretString, Timestamp, User};

/// An account to be imported, as it stands elsewhere.
#[derive(Clone, Debug, Default)]
pub struct ImportedUser {
    /// The address.
    pub email: String,
    /// Whether its owner proved to read that mailbox, where they come from.
    pub email_verified: bool,
    /// What the user is called.
    pub name: Option<String>,
    /// The preferred language, a BCP 47 tag.
    pub locale: Option<String>,
    /// What the application keeps with the user; a JSON object.
    pub metadata: Map<String, Value>,
    /// Roles of the tenant to grant.
    pub roles: Vec<String>,
    /// Whether the account is disabled.
    pub disabled: bool,
    /// When it was made; now, where that is not known. What lies in the future counts as now.
    pub created_at: Option<Timestamp>,
    /// The hash of the password, of a kind that [`recognise`](crate::crypto::password::recognise) knows.
    pub password_hash: Option<SecretString>,
    /// Names at outside providers: (provider, subject).
    pub identities: Vec<(String, String)>,
}

/// An account to be exported.
#[derive(Clone, Debug)]
pub struct ExportedUser {
    /// The user.
    pub user: User,
    /// Roles granted directly.
    pub roles: Vec<String>,
    /// The hash of the password, where it was asked for and there is one.
    pub password_hash: Option<SecretString>,
    /// Names at outside providers: (provider, subject).
    pub identities: Vec<(String, String)>,
}
