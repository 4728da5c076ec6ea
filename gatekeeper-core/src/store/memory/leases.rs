use async_trait::async_trait;

use super::{
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::Timestamp,
    store::{LeaseRepository, StoreError},
};

/// Who has what until when.
#[derive(Clone)]
pub(super) struct Lease {
    name: String,
    holder: String,
    until: Timestamp,
}

impl Row for Lease {
    type Key = String;
    type Index = ();

    fn key(&self) -> String {
        self.name.clone()
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.leases
    }

    fn index(&self, (): &mut ()) {}

    fn unindex(&self, (): &mut ()) {}
}

#[async_trait]
impl LeaseRepository for MemoryTransaction {
    async fn acquire(
        &mut self,
        name: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let there = self.state.leases.get(&name.to_owned());
        if there.is_some_and(|lease| lease.holder != holder && now < lease.until) {
            return Ok(false);
        }
        self.put(Lease {
            name: name.to_owned(),
            holder: holder.to_owned(),
            until,
        });
        Ok(true)
    }

    async fn release(&mut self, name: &str, holder: &str) -> Result<(), StoreError> {
        let there = self.state.leases.get(&name.to_owned());
        if there.is_some_and(|lease| lease.holder == holder) {
            self.remove::<Lease>(name.to_owned());
        }
        Ok(())
    }
}
