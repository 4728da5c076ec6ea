use super::ConfigError;

/// What becomes of access tokens whose roles and permissions are out of date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OutdatedTokens {
    /// They are refused like expired ones: the client refreshes, and goes on with a new one.
    Refuse,
    /// They are believed as to who it is; roles and permissions are read anew, and remembered until they change again.
    #[default]
    Reread,
}

/// Settings of roles and permissions in access tokens.
///
/// A change takes effect on the node that made it at once, on the others when they hear of it: as with revocations, within a second
/// where the store or Redis tells of news, and a node that has heard nothing for five seconds asks the store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuthorityConfig {
    /// What becomes of tokens issued before a change.
    pub outdated_tokens: OutdatedTokens,
    /// How many bytes roles and permissions may take in an access token; 2,048. Where there are more, the token says that they have to
    /// be looked up, and every node does so and remembers them.
    pub max_token_bytes: usize,
    /// How many users' roles and permissions are remembered.
    pub cache_capacity: usize,
}

impl Default for AuthorityConfig {
    fn default() -> Self {
        Self {
            outdated_tokens: OutdatedTokens::default(),
            max_token_bytes: 2048,
            cache_capacity: 16_384,
        }
    }
}

impl AuthorityConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.max_token_bytes > 16 * 1024 {
            let reason = "must be at most 16,384: headers and cookies are limited";
            return Err(ConfigError::new("authority.max_token_bytes", reason));
        }
        Ok(())
    }
}
