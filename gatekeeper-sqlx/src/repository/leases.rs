use async_trait::async_trait;
use gatekeeper_core::{
    model::Timestamp,
    store::{LeaseRepository, StoreError},
};

use super::{SqlTransaction, dialect::Time, query, statements::statements};

statements! {
    acquire = "INSERT INTO {p}leases AS l (name, holder, held_until) VALUES ($1, $2, $4) \
               ON CONFLICT (name) DO UPDATE SET \
                   holder = excluded.holder, held_until = excluded.held_until \
               WHERE l.holder = excluded.holder OR l.held_until <= $3";
    release = "DELETE FROM {p}leases WHERE name = $1 AND holder = $2";
}

#[async_trait]
impl LeaseRepository for SqlTransaction {
    async fn acquire(
        &mut self,
        name: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let query = query(&self.sql.leases.acquire)
            .bind(name)
            .bind(holder)
            .bind(Time(now))
            .bind(Time(until));
        Ok(self.execute(query).await? > 0)
    }

    async fn release(&mut self, name: &str, holder: &str) -> Result<(), StoreError> {
        let query = query(&self.sql.leases.release).bind(name).bind(holder);
        self.execute(query).await.map(|_| ())
    }
}
