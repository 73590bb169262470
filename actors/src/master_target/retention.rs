//! What a master target needs after a power cut is on its retention drive: beside the stored segments, for each machine the protection
//! and a checkpoint of its keeper (`retention/vm0`, and volumes).
//!
//! A checkpoint is written as one act (our model), with every point that is told, and before segments are dropped that the one before
//! still needs. Pieces of copies are dropped by the dozen, so that a large copy is not written down once for each of its pieces.

use std::sync::Arc;

use datapath::disk::DiskError;
use datapath::replica::Tag;
use datapath::segment::SegmentHeader;
use datapath::{Blob, DiskId, VmId};

use super::MasterTarget;
use crate::messages::{Notice, Protection};
use crate::replica_keeper::{KeeperEvent, ReplicaKeeper, Sealing};
use crate::storage::Entry;

const FOLDER: &str = "retention/";

fn file_of(vm: VmId) -> String {
    format!("{FOLDER}vm{}", vm.0)
}

/// A machine's file: its protection, epochs, names of volumes, and the keeper's index.
type Saved = (Protection, Vec<(DiskId, u32)>, Vec<String>, Vec<u8>);

/// What is on the retention drive of one machine.
pub(super) struct Retained {
    /// The epochs that its keeper was given last: others are good only above them, for how far one was used is not known.
    epochs: Vec<(DiskId, u32)>,
    /// Names of its volumes.
    volumes: Vec<String>,
    /// What the keeper let go since its checkpoint: headers, and the batches up to which nothing is needed.
    drops: Vec<(Vec<SegmentHeader>, Option<u64>)>,
}

impl Retained {
    pub(super) fn new(epochs: Vec<(DiskId, u32)>) -> Retained {
        Retained {
            epochs,
            volumes: Vec::new(),
            drops: Vec::new(),
        }
    }
}

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
        let Some(keeper) = self.keepers.get(&vm) else { return };
        let Some(retained) = self.retained.get_mut(&vm) else {
            return;
        };
        let id = (vm, keeper.protection().protection);
        let checkpoint = keeper.checkpoint();
        let world = self.env.world();
        let names = checkpoint.volumes.keys().cloned().collect();
        let before = std::mem::replace(&mut retained.volumes, names);
        let gone = before.iter().filter(|name| !checkpoint.volumes.contains_key(*name));
        gone.for_each(|name| world.volume_remove(name));
        for (name, volume) in checkpoint.volumes {
            world.volume_put(&name, volume);
        }
        let saved = (
            keeper.protection(),
            &retained.epochs,
            &retained.volumes,
            checkpoint.index,
        );
        let saved = postcard::to_stdvec(&saved).expect("plain data encodes");
        let written = self.env.files().replace(&file_of(vm), Blob::real(saved));
        if let Err(error) = written {
            // What the last checkpoint needs stays.
            self.undone.checkpoints.insert(vm);
            return self.disk_failed(Some(vm), &error);
        }
        for (headers, through) in std::mem::take(&mut retained.drops) {
            self.store.drop_segments(id, &headers, through);
        }
    }

    /// What came of a keeper is to be carried out; before that, what must survive is written down.
    pub(super) fn retain(&mut self, vm: VmId, events: &[KeeperEvent]) {
        let Some(retained) = self.retained.get_mut(&vm) else {
            return;
        };
        let mut told = false;
        for event in events {
            match event {
                KeeperEvent::Drop { headers, through } => retained.drops.push((headers.clone(), *through)),
                KeeperEvent::PointProcessed(_) | KeeperEvent::CopiesApplied { .. } => told = true,
                _ => {}
            }
        }
        if told || retained.drops.len() as u64 >= self.env.model.master_target.drops {
            self.checkpoint(vm);
        }
    }

    /// Nothing of a machine's protection is needed any more.
    pub(super) fn let_go(&mut self, vm: VmId) {
        if let Some(keeper) = self.keepers.remove(&vm) {
            self.end_stored((vm, keeper.protection().protection));
        }
        if let Some(retained) = self.retained.remove(&vm) {
            let world = self.env.world();
            retained.volumes.iter().for_each(|name| world.volume_remove(name));
        }
        self.untold.remove(&vm);
        self.renewing.remove(&vm);
        self.env.files().remove(&file_of(vm));
    }

    /// After a power cut: the keepers as of their checkpoints, and told of all that is stored.
    ///
    /// # Errors
    /// Where the disk fails: then none is taken up.
    pub(super) fn take_up(&mut self) -> Result<(), DiskError> {
        let files = self.env.files();
        let mut found = Vec::new();
        for name in files.list(FOLDER) {
            let blob = files.read_all(&name)?;
            let Ok((protection, epochs, volumes, index)) = postcard::from_bytes::<Saved>(&blob.bytes) else {
                continue;
            };
            let entries = self.store.entries((protection.vm, protection.protection))?;
            found.push((protection, epochs, volumes, index, entries));
        }
        for (protection, epochs, volumes, index, entries) in found {
            let (vm, id) = (protection.vm, (protection.vm, protection.protection));
            let tags = entries.iter().filter_map(|entry| match entry {
                Entry::Tag { tag, .. } | Entry::Merged { tag, .. } => Some(tag.clone()),
                _ => None,
            });
            let tags: Vec<Tag> = tags.collect();
            let sealing = self.sealing(Vec::new());
            let (env, key) = (self.env.clone(), &self.spec.key);
            let keeper = ReplicaKeeper::take_up(env, key, sealing, protection, &index, tags.into_iter());
            let Some(keeper) = keeper else {
                self.complain(vm, "the retention drive of the master target cannot be read");
                continue;
            };
            self.keepers.insert(vm, keeper);
            let retained = Retained::new(epochs);
            self.retained.insert(vm, Retained { volumes, ..retained });
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
            let mut used = retained.epochs.iter();
            used.all(|(other, used)| other != disk || used < epoch)
        };
        if self.renewing.contains(&vm) && epochs.iter().all(above) {
            self.renewing.remove(&vm);
            keeper.renew(&epochs);
            retained.epochs = epochs;
            self.checkpoint(vm);
        }
    }

    /// What the service may not have heard: the newest points, ends of copies, and that epochs are needed. A point first: that alone
    /// ends no resynchronization.
    pub(super) fn tell_again(&mut self) {
        for vm in std::mem::take(&mut self.untold) {
            let Some(keeper) = self.keepers.get(&vm) else { continue };
            let protection = keeper.protection().protection;
            let replica = keeper.replica();
            let newest = replica.points().last().map(|point| point.mark);
            let (applied, copy) = (!replica.copying(), keeper.copy_number());
            if let Some(mark) = newest {
                self.notify(Notice::PointProcessed { vm, protection, mark });
            }
            if applied {
                self.notify(Notice::CopyComplete { vm, protection, copy });
            }
        }
        for vm in self.renewing.clone() {
            if let Some(keeper) = self.keepers.get(&vm) {
                let protection = keeper.protection().protection;
                self.notify(Notice::EpochsNeeded { vm, protection });
            }
        }
    }
}
