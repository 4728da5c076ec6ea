use async_trait::async_trait;

use super::StoreError;
use crate::model::Timestamp;

/// Who does what one node at a time does.
#[async_trait]
pub trait LeaseRepository: Send {
    /// Takes the lease of this name for `holder` until `until`: where nobody has it, where it ran out (`now >= until` of
    /// the one before), or where `holder` has it already. One guarded statement; answers whether `holder` now has it.
    async fn acquire(
        &mut self,
        name: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Gives the lease back, if `holder` has it.
    async fn release(&mut self, name: &str, holder: &str) -> Result<(), StoreError>;
}
