use async_trait::async_trait;
use gatekeeper_core::{
    model::{KeyId, StoredSigningKey, Timestamp},
    store::{SigningKeyRepository, StoreError},
};

use super::{SqlTransaction, dialect::Time, effects, query, rows::maybe, statements::statements};

statements! {
    list = "SELECT {signing_key} FROM {p}signing_keys ORDER BY created_at, id";
    insert = "INSERT INTO {p}signing_keys ({signing_key}) VALUES ($1, $2, $3, $4, $5, $6)";
    retire = "UPDATE {p}signing_keys SET retired_at = $2 WHERE id = $1";
}

#[async_trait]
impl SigningKeyRepository for SqlTransaction {
    async fn list_for_update(&mut self) -> Result<Vec<StoredSigningKey>, StoreError> {
        // Not the rows: there may be none yet.
        effects::lock_signing_keys(self).await?;
        self.list().await
    }

    async fn list(&mut self) -> Result<Vec<StoredSigningKey>, StoreError> {
        let query = query(&self.sql.signing_keys.list);
        self.fetch(query).await
    }

    async fn insert(&mut self, key: &StoredSigningKey) -> Result<(), StoreError> {
        let query = query(&self.sql.signing_keys.insert)
            .bind(key.id.as_uuid())
            .bind(key.algorithm.as_str())
            .bind(key.sealed_private.as_slice())
            .bind(Time(key.created_at))
            .bind(Time(key.active_from))
            .bind(maybe(key.retired_at));
        self.execute(query).await.map(|_| ())
    }

    async fn retire(&mut self, key: KeyId, at: Timestamp) -> Result<bool, StoreError> {
        let query = query(&self.sql.signing_keys.retire)
            .bind(key.as_uuid())
            .bind(Time(at));
        Ok(self.execute(query).await? > 0)
    }
}
