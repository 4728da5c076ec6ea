use async_trait::async_trait;
use gatekeeper_core::{
    lockout::{Lock, LockoutKey, LockoutState},
    model::Timestamp,
    store::{LockoutRepository, StoreError},
};

use super::{SqlTransaction, dialect::Time, query, rows::maybe, statements::statements};

statements! {
    // The write that changes nothing holds the row. To look for it and then to add it would leave a moment between.
    hold = "INSERT INTO {p}lockouts AS l (digest, failures, locked_until, locked_for_good, \
                updated_at) \
            VALUES ($1, 0, NULL, FALSE, $2) \
            ON CONFLICT (digest) DO UPDATE SET failures = l.failures \
            RETURNING {lockout}";
    set = "UPDATE {p}lockouts SET failures = $2, locked_until = $3, locked_for_good = $4, \
               updated_at = $5 \
           WHERE digest = $1";
    delete = "DELETE FROM {p}lockouts WHERE digest = $1";
    purge_expired = "DELETE FROM {p}lockouts WHERE digest IN (SELECT digest FROM {p}lockouts \
                         WHERE NOT locked_for_good AND updated_at < $1 \
                         ORDER BY updated_at LIMIT $2{skip_locked})";
}

#[async_trait]
impl LockoutRepository for SqlTransaction {
    async fn hold(&mut self, key: &LockoutKey, now: Timestamp) -> Result<LockoutState, StoreError> {
        let query = query(&self.sql.lockouts.hold)
            .bind(key.0.as_slice())
            .bind(Time(now));
        let held = self.fetch_one(query).await?;
        // Not "zero": that would let a guess through.
        held.ok_or_else(|| StoreError::corrupt("no counter"))
    }

    async fn set(
        &mut self,
        key: &LockoutKey,
        state: &LockoutState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (until, for_good) = match state.lock {
            None => (None, false),
            Some(Lock::Until(until)) => (Some(until), false),
            Some(Lock::ForGood) => (None, true),
        };
        let query = query(&self.sql.lockouts.set)
            .bind(key.0.as_slice())
            .bind(i64::from(state.failures))
            .bind(maybe(until))
            .bind(for_good)
            .bind(Time(now));
        match self.execute(query).await? {
            0 => Err(StoreError::corrupt("the counter is not held")),
            _ => Ok(()),
        }
    }

    async fn delete(&mut self, key: &LockoutKey) -> Result<bool, StoreError> {
        let query = query(&self.sql.lockouts.delete).bind(key.0.as_slice());
        Ok(self.execute(query).await? > 0)
    }

    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let query = query(&self.sql.lockouts.purge_expired)
            .bind(Time(before))
            .bind(i64::from(limit));
        self.execute(query).await
    }
}
