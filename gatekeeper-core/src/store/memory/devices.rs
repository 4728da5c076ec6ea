use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{
    order::{LAST, newest_first, oldest_before},
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::{Device, DeviceId, MAX_PAGE, TenantId, Timestamp, UserId},
    store::{DeviceRepository, StoreError},
};

type Key = (UserId, DeviceId);

#[derive(Default)]
pub(super) struct DeviceIndex {
    user: BTreeSet<(UserId, Timestamp, DeviceId)>,
    over: BTreeSet<(Timestamp, Key)>,
}

/// When the device was or will be unknown, whichever way comes first.
fn over_at(device: &Device) -> Timestamp {
    device.revoked_at.unwrap_or(LAST).min(device.expires_at)
}

impl Row for Device {
    type Key = Key;
    type Index = DeviceIndex;

    fn key(&self) -> Key {
        (self.user_id, self.id)
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.devices
    }

    fn index(&self, index: &mut DeviceIndex) {
        index.user.insert((self.user_id, self.created_at, self.id));
        index.over.insert((over_at(self), self.key()));
    }

    fn unindex(&self, index: &mut DeviceIndex) {
        index.user.remove(&(self.user_id, self.created_at, self.id));
        index.over.remove(&(over_at(self), self.key()));
    }
}

impl State {
    /// The keys of a user's devices, unknown ones too, newest first.
    pub(super) fn devices_of(&self, user: UserId) -> Vec<Key> {
        newest_first(&self.devices.by().user, user, None, DeviceId::from_uuid)
            .map(|id| (user, id))
            .collect()
    }
}

fn revoke(device: &mut Device, now: Timestamp) -> bool {
    if device.revoked_at.is_some() {
        return false;
    }
    device.revoked_at = Some(now);
    true
}

#[async_trait]
impl DeviceRepository for MemoryTransaction {
    async fn find(
        &mut self,
        tenant: TenantId,
        user: UserId,
        device: DeviceId,
    ) -> Result<Option<Device>, StoreError> {
        let row = self.state.devices.get(&(user, device));
        Ok(row.filter(|row| row.tenant_id == tenant).cloned())
    }

    async fn put(&mut self, device: &Device) -> Result<(), StoreError> {
        self.state.require_user(device.tenant_id, device.user_id)?;
        self.put(device.clone());
        Ok(())
    }

    async fn list(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Device>, StoreError> {
        let devices = &self.state.devices;
        Ok(
            newest_first(&devices.by().user, user, None, DeviceId::from_uuid)
                .filter_map(|id| devices.get(&(user, id)))
                .filter(|row| row.tenant_id == tenant && row.is_known(now))
                .take(MAX_PAGE as usize)
                .cloned()
                .collect(),
        )
    }

    async fn revoke(
        &mut self,
        tenant: TenantId,
        user: UserId,
        device: DeviceId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let revoked = self.change::<Device>(&(user, device), |row| {
            row.tenant_id == tenant && revoke(row, now)
        });
        Ok(revoked.is_some())
    }

    async fn distrust_all(&mut self, tenant: TenantId, user: UserId) -> Result<u64, StoreError> {
        let mut distrusted = 0;
        for key in self.state.devices_of(user) {
            let changed = self.change::<Device>(&key, |row| {
                row.tenant_id == tenant && row.trusted_until.take().is_some()
            });
            distrusted += u64::from(changed.is_some());
        }
        Ok(distrusted)
    }

    async fn revoke_all(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut revoked = 0;
        for key in self.state.devices_of(user) {
            let changed =
                self.change::<Device>(&key, |row| row.tenant_id == tenant && revoke(row, now));
            revoked += u64::from(changed.is_some());
        }
        Ok(revoked)
    }

    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let due = oldest_before(&self.state.devices.by().over, before, limit);
        for &key in &due {
            self.remove::<Device>(key);
        }
        Ok(due.len() as u64)
    }
}
