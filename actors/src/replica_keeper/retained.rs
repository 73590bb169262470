//! What is written down of a keeper: for each machine its protection, a checkpoint of its keeper, and epochs that it was given, in a file
//! and in volumes. A master target has them on its retention drive, the service on its own disk.
//!
//! A checkpoint is written as one act (our model), with every point that is told, and before segments are dropped that the one before
//! still needs. Pieces of copies are dropped by the dozen, so that a large copy is not written down once for each of its pieces.

use bytes::Bytes;
use datapath::disk::DiskError;
use datapath::segment::SegmentHeader;
use datapath::{Blob, DiskId, VmId};

use super::{KeeperEvent, ReplicaKeeper};
use crate::messages::Protection;
use crate::ports::Env;

/// Segments that are let go: their headers, and the batch up to which nothing is needed.
pub type Drop = (Vec<SegmentHeader>, Option<u64>);

/// A machine's file: its protection, epochs, names of volumes, and the keeper's index.
type Saved = (Protection, Vec<(DiskId, u32)>, Vec<String>, Bytes);

/// What is written down of one keeper.
pub struct Retained {
    place: &'static str,
    /// The epochs that its keeper was given last: others are good only above them, for how far one was used is not known.
    pub epochs: Vec<(DiskId, u32)>,
    /// Names of its volumes.
    volumes: Vec<String>,
    /// What the keeper let go since its checkpoint.
    drops: Vec<Drop>,
}

/// What is found of a keeper after a restart.
pub struct Found {
    /// What is written down of it.
    pub retained: Retained,
    /// Its protection.
    pub protection: Protection,
    /// What [`ReplicaKeeper::take_up`] reads.
    pub index: Bytes,
}

impl Retained {
    /// Nothing is written down yet. Files and volumes go by the name of the place.
    #[must_use]
    pub fn new(place: &'static str, epochs: Vec<(DiskId, u32)>) -> Retained {
        Retained {
            place,
            epochs,
            volumes: Vec::new(),
            drops: Vec::new(),
        }
    }

    fn file(&self, vm: VmId) -> String {
        format!("{}/vm{}", self.place, vm.0)
    }

    /// Writes down what a later life needs of a keeper. Returns what it let go and what can be dropped now.
    ///
    /// # Errors
    /// Why it could not be written: what the last checkpoint needs stays, and the next one tries again.
    pub fn checkpoint(&mut self, env: &Env, keeper: &mut ReplicaKeeper) -> Result<Vec<Drop>, DiskError> {
        let checkpoint = keeper.checkpoint(self.place);
        let world = env.world();
        let names = checkpoint.volumes.keys().cloned().collect();
        let before = std::mem::replace(&mut self.volumes, names);
        let gone = before.iter().filter(|name| !checkpoint.volumes.contains_key(*name));
        gone.for_each(|name| world.volume_remove(name));
        for (name, volume) in checkpoint.volumes {
            world.volume_put(&name, volume);
        }
        let saved = (keeper.protection(), &self.epochs, &self.volumes, checkpoint.index);
        let saved = postcard::to_stdvec(&saved).expect("plain data encodes");
        env.files().replace(&self.file(keeper.vm()), Blob::real(saved))?;
        Ok(std::mem::take(&mut self.drops))
    }

    /// What came of a keeper is to be carried out. Whether a checkpoint has to be written before: something is told, or so many segments
    /// wait to be dropped.
    pub fn note(&mut self, events: &[KeeperEvent], drops: u64) -> bool {
        let mut told = false;
        for event in events {
            match event {
                KeeperEvent::Drop { headers, through } => self.drops.push((headers.clone(), *through)),
                KeeperEvent::PointProcessed(_) | KeeperEvent::CopiesApplied { .. } => told = true,
                _ => {}
            }
        }
        told || self.drops.len() as u64 >= drops
    }

    /// Nothing of it is needed any more.
    pub fn forget(self, env: &Env, vm: VmId) {
        let world = env.world();
        self.volumes.iter().for_each(|name| world.volume_remove(name));
        env.files().remove(&self.file(vm));
    }

    /// What an earlier life wrote down at a place; what makes no sense counts as not there.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn found(env: &Env, place: &'static str) -> Result<Vec<Found>, DiskError> {
        let files = env.files();
        let mut all = Vec::new();
        for name in files.list(&format!("{place}/")) {
            let blob = files.read_all(&name)?;
            let Ok((protection, epochs, volumes, index)) = postcard::from_bytes::<Saved>(&blob.bytes) else {
                continue;
            };
            let retained = Retained {
                volumes,
                ..Retained::new(place, epochs)
            };
            all.push(Found {
                retained,
                protection,
                index,
            });
        }
        Ok(all)
    }
}
