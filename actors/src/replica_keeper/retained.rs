//! What is written down of a keeper: for each machine its protection, a checkpoint of its keeper, and epochs that it was given, in a file
//! and in volumes. A master target has them on its retention drive, the service on its own disk.
//!
//! A checkpoint is written as one act (our model), with every point that is told, and before segments are dropped that the one before
//! still needs. Pieces of copies are dropped by the dozen, so that a large copy is not written down once for each of its pieces.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use datapath::disk::DiskError;
use datapath::encoded::encode;
use datapath::plants::{Plant, planted};
use datapath::replica::Holds;
use datapath::segment::Headers;
use datapath::volume::Volume;
use datapath::{Blob, DiskId, VmId};

use super::saving::{Kept, volume_of};
use super::{KeeperEvent, ReplicaKeeper};
use crate::nouns::Protection;
use crate::ports::Env;

/// Segments that are let go: their headers, and the batch up to which nothing is needed.
pub type Drop = (Headers, Option<u64>);

/// A machine's file begins with its protection, epochs and volumes; behind them is the keeper's index.
type Saved = (Protection, Vec<(DiskId, u32)>, Vec<Kept>);

/// A volume that is written down.
struct Written {
    name: String,
    /// What was put there; not known of what an earlier life wrote.
    volume: Option<Volume>,
}

/// What is written down of one keeper.
pub struct Retained {
    place: &'static str,
    /// Its file, once it was written.
    file: String,
    epochs: Vec<(DiskId, u32)>,
    /// What its file begins with, once it was written: its keeper's protection, which stays as it is, its epochs, and its volumes.
    begin: Vec<u8>,
    volumes: BTreeMap<Kept, Written>,
    /// How often the keeper's volumes had changed when they were looked at last.
    seen: Option<u64>,
    /// What the keeper let go since its checkpoint.
    drops: Vec<Drop>,
    /// What the last checkpoint took, in bytes: the next one is hardly larger.
    file_bytes: usize,
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

fn file_of(place: &str, vm: VmId) -> String {
    format!("{place}/vm{}", vm.0)
}

impl Retained {
    /// Nothing is written down yet. Files and volumes go by the name of the place.
    #[must_use]
    pub fn new(place: &'static str, epochs: Vec<(DiskId, u32)>) -> Retained {
        Retained {
            place,
            file: String::new(),
            epochs,
            begin: Vec::new(),
            volumes: BTreeMap::new(),
            seen: None,
            drops: Vec::new(),
            file_bytes: 0,
        }
    }

    /// The epochs that its keeper was given last: others are good only above them, for how far one was used is not known.
    #[must_use]
    pub fn epochs(&self) -> &[(DiskId, u32)] {
        &self.epochs
    }

    /// Its keeper was given new ones.
    pub fn renew(&mut self, epochs: Vec<(DiskId, u32)>) {
        self.epochs = epochs;
        self.begin.clear();
    }

    /// Writes down what a later life needs of a keeper. Returns what it let go and what can be dropped now.
    ///
    /// # Errors
    /// Why it could not be written: what the last checkpoint needs stays, and the next one tries again.
    pub fn checkpoint(&mut self, env: &Env, keeper: &mut ReplicaKeeper) -> Result<Vec<Drop>, DiskError> {
        self.put_volumes(env, keeper);
        if self.begin.is_empty() {
            let volumes: Vec<Kept> = self.volumes.keys().copied().collect();
            self.begin = encode(&(keeper.protection(), &self.epochs, volumes));
        }
        let mut file = Vec::with_capacity(self.file_bytes + 256);
        file.extend_from_slice(&self.begin);
        let file = keeper.encode_behind(file);
        self.file_bytes = file.len();
        if self.file.is_empty() {
            self.file = file_of(self.place, keeper.vm());
        }
        env.files().replace(&self.file, Blob::real(file))?;
        Ok(std::mem::take(&mut self.drops))
    }

    /// Puts in place what volumes of a keeper changed since the last checkpoint, and removes those that it does not have any more.
    fn put_volumes(&mut self, env: &Env, keeper: &ReplicaKeeper) {
        let changes = keeper.volume_changes();
        if self.seen == Some(changes) {
            debug_assert!(
                planted(Plant::SegmentDroppedEarly) || self.has_volumes_of(keeper),
                "a volume changed that was not lent"
            );
            return;
        }
        let volumes = keeper.volumes();
        for (kept, volume) in &volumes {
            let written = self.volumes.entry(*kept).or_insert_with(|| {
                self.begin.clear();
                Written {
                    name: volume_of(self.place, *kept),
                    volume: None,
                }
            });
            let stale = planted(Plant::SegmentDroppedEarly) && matches!(kept.1, Some(Holds::Base));
            let stale = stale && written.volume.is_some();
            if !stale && !written.volume.as_ref().is_some_and(|there| there.is_clone_of(volume)) {
                env.volume_put(&written.name, (*volume).clone());
                written.volume = Some((*volume).clone());
            }
        }
        if self.volumes.len() > volumes.len() {
            let needed: BTreeSet<Kept> = volumes.iter().map(|(kept, _)| *kept).collect();
            let stays = |kept: &Kept, written: &mut Written| {
                let stays = needed.contains(kept);
                if !stays {
                    env.volume_remove(&written.name);
                }
                stays
            };
            self.volumes.retain(stays);
            self.begin.clear();
        }
        self.seen = Some(changes);
    }

    /// Whether what is in place are a keeper's volumes as they are now.
    fn has_volumes_of(&self, keeper: &ReplicaKeeper) -> bool {
        keeper.volumes().iter().all(|(kept, volume)| {
            let there = self.volumes.get(kept).and_then(|written| written.volume.as_ref());
            there.is_some_and(|there| there.is_clone_of(volume))
        })
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
        self.volumes
            .values()
            .for_each(|written| env.volume_remove(&written.name));
        env.files().remove(&file_of(self.place, vm));
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
            let Ok((begin, index)) = postcard::take_from_bytes::<Saved>(&blob.bytes) else {
                continue;
            };
            let (protection, epochs, volumes) = begin;
            let index = blob.bytes.slice_ref(index);
            let written = |kept: Kept| Written {
                name: volume_of(place, kept),
                volume: None,
            };
            let retained = Retained {
                volumes: volumes.into_iter().map(|kept| (kept, written(kept))).collect(),
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
