use async_trait::async_trait;

use super::StoreError;
use crate::model::{KeyId, StoredSigningKey, Timestamp};

/// Signing keys of access tokens. They belong to the installation, not to a tenant.
#[async_trait]
pub trait SigningKeyRepository: Send {
    /// Every key, retired ones too, by (`created_at`, id), oldest first; held, so that of two nodes that start on an empty
    /// store only one makes a key.
    async fn list_for_update(&mut self) -> Result<Vec<StoredSigningKey>, StoreError>;

    /// Every key, as above, without holding anything.
    async fn list(&mut self) -> Result<Vec<StoredSigningKey>, StoreError>;

    /// Adds a key.
    async fn insert(&mut self, key: &StoredSigningKey) -> Result<(), StoreError>;

    /// Sets when a key is retired.
    async fn retire(&mut self, key: KeyId, at: Timestamp) -> Result<bool, StoreError>;
}
