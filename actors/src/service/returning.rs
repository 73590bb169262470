//! Taking replicas up again after a restart: each keeper as of its checkpoint, and of all that storage holds.
//!
//! Which batches a checkpoint stands for is in storage's index, so storage is asked first; what it tells meanwhile waits. A replica that
//! cannot be taken up begins anew, and the machine is resynchronized.

use std::sync::Arc;

use datapath::VmId;
use datapath::replica::Tag;

use super::Service;
use crate::facts::Severity;
use crate::messages::checksums::ChecksumAsk;
use crate::messages::replica::{ToService, ToStorage};
use crate::nouns::{Protection, Target};
use crate::ports::volume_name;
use crate::replica_keeper::{Found, KeeperEvent, ReplicaKeeper, Retained, Sealing};

/// Files and volumes of checkpoints go by this name.
pub(super) const KEPT: &str = "kept";

/// A keeper that is not there yet.
pub(super) struct Returning {
    found: Found,
    /// What storage told of it, in order.
    told: Vec<ToService>,
}

impl Returning {
    /// Storage tells from the start.
    pub(super) fn begin(&mut self) -> Protection {
        self.told.clear();
        self.found.protection.clone()
    }
}

impl Service {
    fn sealing(&self, epochs: Vec<(datapath::DiskId, u32)>) -> Sealing {
        Sealing {
            vault: self.spec.vault,
            calibration: Arc::clone(&self.spec.calibration),
            epochs,
        }
    }

    /// A keeper over the disks of a machine's replica, for a protection that begins.
    pub(super) fn new_keeper(&mut self, protection: Protection) -> Result<ReplicaKeeper, String> {
        let mut disks = Vec::new();
        for (disk, bytes) in &protection.disks {
            let name = volume_name(*disk, "replica");
            self.env.volume_create(&name, *bytes);
            let volume = self.env.volume(&name).ok_or("the replica's disk could not be made")?;
            disks.push((*disk, volume));
        }
        let epochs = self.grant_merging(&protection, self.env.machine);
        let sealing = self.sealing(epochs);
        let mut keeper = ReplicaKeeper::new(self.env.clone(), &self.spec.key, sealing, protection, disks);
        if self.spec.hold_processing {
            keeper.hold();
        }
        Ok(keeper)
    }

    /// Writes down what a later life needs of a machine's keeper; then what it let go is dropped.
    pub(super) fn checkpoint(&mut self, vm: VmId) {
        let (Some(keeper), Some(retained)) = (self.keepers.get_mut(&vm), self.retained.get_mut(&vm)) else {
            return;
        };
        let protection = keeper.protection().protection;
        match retained.checkpoint(&self.env, keeper) {
            Ok(drops) => {
                for (headers, through) in drops {
                    let body = ToStorage::DropSegments {
                        vm,
                        protection,
                        headers,
                        through,
                    };
                    self.storage.send(&self.env, body);
                }
            }
            Err(why) => self.alert(
                vm,
                Severity::Critical,
                format!("disk of the Site Recovery service: {why}"),
            ),
        }
    }

    /// What came of a keeper is to be carried out; before that, what must survive is written down.
    pub(super) fn retain(&mut self, vm: VmId, events: &[KeeperEvent]) {
        let drops = self.env.model.azure.drops;
        if self
            .retained
            .get_mut(&vm)
            .is_some_and(|retained| retained.note(events, drops))
        {
            self.checkpoint(vm);
        }
    }

    /// After a restart: every machine that is replicated to storage has a keeper again once storage has told what it holds.
    pub(super) fn await_keepers(&mut self, found: Vec<Found>) {
        for found in found {
            let (vm, protection) = (found.protection.vm, found.protection.protection);
            if !self.is_current(vm, protection) {
                continue;
            }
            // Where a failover asked already, its question stands.
            self.asking.entry(vm).or_insert((protection, false));
            let told = Vec::new();
            self.returning.insert(vm, Returning { found, told });
        }
        let here = |protection: &Protection| matches!(protection.target, Target::Storage(_));
        let current = self.items.values().filter_map(|item| item.current.clone());
        let lost: Vec<Protection> = current
            .filter(|protection| here(protection) && !self.returning.contains_key(&protection.vm))
            .collect();
        for protection in lost {
            self.begin_anew(protection);
        }
    }

    /// A replica that cannot be taken up: another one, and a copy that brings it to what the machine is.
    fn begin_anew(&mut self, protection: Protection) {
        let vm = protection.vm;
        let why = "the checkpoint of its replica cannot be read";
        match self.new_keeper(protection) {
            Ok(keeper) => {
                self.keepers.insert(vm, keeper);
                self.retained.insert(vm, Retained::new(KEPT, Vec::new()));
                self.checkpoint(vm);
                self.resynchronize_at_once(vm, why);
            }
            Err(error) => self.alert(vm, Severity::Critical, format!("{why}, and {error}")),
        }
    }

    /// Keeps what storage tells of a machine whose keeper is not there yet; gives back what is not of that kind.
    pub(super) fn keep_for_returning(&mut self, mut message: ToService) -> Option<ToService> {
        if self.returning.is_empty() {
            return Some(message);
        }
        let vm = match &message {
            ToService::CopySegmentStored { header, .. } => header.disk.vm,
            ToService::CopyComplete { disk, .. } | ToService::ChecksumAsk(ChecksumAsk { disk, .. }) => disk.vm,
            ToService::TagStored { vm, .. } | ToService::MergedPut { vm, .. } => *vm,
            ToService::SharedStored { .. }
            | ToService::Fenced { .. }
            | ToService::StoredTold { .. }
            | ToService::Segments { .. }
            | ToService::Busy { .. }
            | ToService::HeartbeatSeen => return Some(message),
        };
        let Some(returning) = self.returning.get_mut(&vm) else {
            return Some(message);
        };
        if let ToService::TagStored { brought, .. } = &mut message {
            // What comes along is not kept, and asked for.
            brought.clear();
        }
        returning.told.push(message);
        None
    }

    /// Storage has told all: the keeper is taken up, and hears of it.
    pub(super) fn has_returned(&mut self, vm: VmId) {
        let Some(Returning { found, told }) = self.returning.shift_remove(&vm) else {
            return;
        };
        let tags = told.iter().filter_map(|message| match message {
            ToService::TagStored { tag, .. } => Some(tag.clone()),
            _ => None,
        });
        let tags: Vec<Tag> = tags.collect();
        let protection = found.protection.clone();
        let keeper = ReplicaKeeper::take_up(
            self.env.clone(),
            &self.spec.key,
            self.sealing(Vec::new()),
            found.protection,
            (KEPT, &found.index),
            tags.into_iter(),
        );
        let Some(mut keeper) = keeper else {
            return self.begin_anew(protection);
        };
        keeper.renew(&self.grant_merging(&protection, self.env.machine));
        let test = self.items.get(&vm).and_then(|item| item.test.as_ref());
        if let Some(test) = test {
            keeper.pin(test.point);
        }
        self.keepers.insert(vm, keeper);
        self.retained.insert(vm, found.retained);
        for message in told {
            self.told(message, None);
        }
        self.attend(vm);
        self.look_soon();
    }
}
