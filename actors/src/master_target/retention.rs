//! What a master target needs after a power cut is on its retention drive: beside the stored segments, what is written down of each
//! machine's keeper ([`Retained`]).

use std::sync::Arc;

use datapath::disk::DiskError;
use datapath::replica::Tag;
use datapath::{DiskId, VmId};

use super::MasterTarget;
use crate::messages::management::Notice;
use crate::replica_keeper::{Found, KeeperEvent, ReplicaKeeper, Retained, Sealing};
use crate::storage::Entry;

/// Its files and volumes go by this name.
pub(super) const PLACE: &str = "retention";

impl MasterTarget {
    pub(super) fn sealing(&self, epochs: Vec<(DiskId, u32)>) -> Sealing {
        Sealing {
            vault: self.spec.vault,
            calibration: Arc::clone(&self.spec.calibration),
            epochs,
        }
    }

    /// Writes down what a later life needs of a machine's keeper; then what it let go is dropped.
    pub(super) fn checkpoint(&mut self, vm: VmId) {
        let Some(keeper) = self.keepers.get_mut(&vm) else {
            return;
        };
        let Some(retained) = self.retained.get_mut(&vm) else {
            return;
        };
        let id = (vm, keeper.protection().protection);
        match retained.checkpoint(&self.env, keeper) {
            Ok(drops) => {
                for (headers, through) in drops {
                    self.store.drop_segments(id, &headers, through);
                }
            }
            Err(error) => {
                self.undone.checkpoints.insert(vm);
                self.disk_failed(Some(vm), &error);
            }
        }
    }

    /// What came of a keeper is to be carried out; before that, what must survive is written down.
    pub(super) fn retain(&mut self, vm: VmId, events: &[KeeperEvent]) {
        let Some(retained) = self.retained.get_mut(&vm) else {
            return;
        };
        if retained.note(events, self.env.model.master_target.drops) {
            self.checkpoint(vm);
        }
    }

    /// Nothing of a machine's protection is needed any more.
    pub(super) fn let_go(&mut self, vm: VmId) {
        if let Some(keeper) = self.keepers.remove(&vm) {
            self.end_stored((vm, keeper.protection().protection));
        }
        if let Some(retained) = self.retained.remove(&vm) {
            retained.forget(&self.env, vm);
        }
        self.untold.remove(&vm);
        self.renewing.remove(&vm);
    }

    /// After a power cut: the keepers as of their checkpoints, and told of all that is stored.
    ///
    /// # Errors
    /// Where the disk fails: then none is taken up.
    pub(super) fn take_up(&mut self) -> Result<(), DiskError> {
        let found = Retained::found(&self.env, PLACE)?.into_iter();
        let found = found.map(|found| {
            let id = (found.protection.vm, found.protection.protection);
            Ok((found, self.store.entries(id)?))
        });
        let found: Result<Vec<_>, DiskError> = found.collect();
        for (found, entries) in found? {
            let Found {
                retained,
                protection,
                index,
            } = found;
            let (vm, id) = (protection.vm, (protection.vm, protection.protection));
            let tags = entries.iter().filter_map(|entry| match entry {
                Entry::Tag { tag, .. } | Entry::Merged { tag, .. } => Some(tag.clone()),
                _ => None,
            });
            let tags: Vec<Tag> = tags.collect();
            let sealing = self.sealing(Vec::new());
            let (env, key) = (self.env.clone(), &self.spec.key);
            let keeper = ReplicaKeeper::take_up(env, key, sealing, protection, (PLACE, &index), tags.into_iter());
            let Some(keeper) = keeper else {
                self.complain(vm, "the retention drive of the master target cannot be read");
                continue;
            };
            self.keepers.insert(vm, keeper);
            self.retained.insert(vm, retained);
            self.untold.insert(vm);
            self.renewing.insert(vm);
            for entry in entries {
                self.on_stored(id, entry);
            }
        }
        Ok(())
    }

    /// Epochs came for a keeper that was taken up again.
    pub(super) fn renew(&mut self, vm: VmId, epochs: Vec<(DiskId, u32)>) {
        let (Some(keeper), Some(retained)) = (self.keepers.get_mut(&vm), self.retained.get_mut(&vm)) else {
            return;
        };
        let above = |(disk, epoch): &(DiskId, u32)| {
            let mut used = retained.epochs().iter();
            used.all(|(other, used)| other != disk || used < epoch)
        };
        if self.renewing.contains(&vm) && epochs.iter().all(above) {
            self.renewing.remove(&vm);
            keeper.renew(&epochs);
            retained.renew(epochs);
            self.checkpoint(vm);
        }
    }

    /// What the service may not have heard: the newest points, ends of copies, and that epochs are needed. A point first: that alone
    /// ends no resynchronization.
    pub(super) fn tell_again(&mut self) {
        for vm in std::mem::take(&mut self.untold) {
            let Some(keeper) = self.keepers.get_mut(&vm) else {
                continue;
            };
            let protection = keeper.protection().protection;
            let replica = keeper.replica();
            let newest = replica.points().last().map(|point| point.mark);
            let (applied, copy) = (!replica.copying(), keeper.copy_number());
            let entries = match self.store.entries((vm, protection)) {
                Ok(entries) => entries,
                Err(error) => {
                    self.undone.untold.insert(vm);
                    self.disk_failed(Some(vm), &error);
                    continue;
                }
            };
            for entry in entries {
                if let Entry::Shared(record) = entry {
                    self.notify(Notice::SharedStored { record });
                }
            }
            if let Some(mark) = newest {
                self.notify(Notice::PointProcessed { vm, protection, mark });
            }
            if applied {
                self.notify(Notice::CopyComplete { vm, protection, copy });
            }
        }
        for vm in self.renewing.clone() {
            if let Some(keeper) = self.keepers.get_mut(&vm) {
                let protection = keeper.protection().protection;
                self.notify(Notice::EpochsNeeded { vm, protection });
            }
        }
    }
}
