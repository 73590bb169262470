//! Taking a keeper up again after a power cut: from what it saved, and from what is complete in storage.
//!
//! A checkpoint holds what follows from segments that may be dropped: the index and its volumes, the head among them, and which pieces
//! of copies are applied. What came after it is still stored, and is opened and applied once more. Failovers that waited for their
//! disks ask again; what they pinned is not pinned any more. Epochs are not part of it: how far one was used is not known, so merging
//! waits for new ones ([`ReplicaKeeper::renew`]).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use datapath::encoded::{Raw, encode_behind};
use datapath::replica::{Holds, Replica, SavedReplica, Tag};
use datapath::seal::{Epoch, Nonces, VaultKey};
use datapath::volume::Volume;
use datapath::{DiskId, WriteSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::sizes::Sizes;
use super::{Copy, ReplicaKeeper, Sealing};
use crate::nouns::Protection;
use crate::ports::{Env, volume_name};

/// What a volume of a keeper holds: of which disk, and what of it; its head where that is nothing of the replica's.
pub type Kept = (DiskId, Option<Holds>);

#[derive(Serialize, Deserialize)]
struct Saved<'a> {
    replica: SavedReplica<'a>,
    copies: Cow<'a, BTreeMap<DiskId, Copy>>,
    /// See [`Sizes::decode`]: they name the batches of the replica.
    sizes: Raw<'a>,
    changed: Cow<'a, BTreeMap<DiskId, Vec<(u64, u64)>>>,
    broken: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
struct SavedCopy {
    number: u32,
    /// Ranges of pieces; none where the copy has ended.
    applied: Vec<(u32, u32)>,
    end: Option<(u32, WriteSeq)>,
    ended: bool,
}

/// The name of a volume of a keeper at a place.
pub(super) fn volume_of(place: &str, (disk, holds): Kept) -> String {
    let place = match holds {
        Some(Holds::Base) => format!("{place}-base"),
        Some(Holds::Copying) => format!("{place}-copying"),
        Some(Holds::Layer(batch)) => format!("{place}-layer-{batch:08}"),
        None => format!("{place}-head"),
    };
    volume_name(disk, &place)
}

/// Numbers as ranges, the second of each not part of it.
fn ranges(numbers: &BTreeSet<u32>) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, end)) if *end == *number => *end += 1,
            _ => ranges.push((*number, number + 1)),
        }
    }
    ranges
}

impl Copy {
    fn save(&self) -> SavedCopy {
        SavedCopy {
            number: self.number,
            applied: if self.ended { Vec::new() } else { ranges(&self.applied) },
            end: self.end,
            ended: self.ended,
        }
    }

    fn restore(saved: SavedCopy) -> Copy {
        let applied: BTreeSet<u32> = saved.applied.into_iter().flat_map(|(from, to)| from..to).collect();
        Copy {
            number: saved.number,
            known: applied.iter().map(|part| (*part, 0)).collect(),
            applied,
            end: saved.end,
            ended: saved.ended,
            refused: None,
        }
    }
}

impl Serialize for Copy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.save().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Copy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SavedCopy::deserialize(deserializer).map(Copy::restore)
    }
}

impl ReplicaKeeper {
    /// Puts behind what there is already what [`ReplicaKeeper::take_up`] reads: all that a later life needs to know, but for volumes.
    /// Segments that were let go before can be dropped once both are durable.
    #[must_use]
    pub fn encode_behind(&mut self, before: Vec<u8>) -> Vec<u8> {
        // The first point is shown whole.
        let changed = match self.replica.points().is_empty() {
            true => Cow::Owned(BTreeMap::new()),
            false => Cow::Borrowed(&self.changed),
        };
        let saved = Saved {
            replica: self.replica.save(),
            copies: Cow::Borrowed(&self.copies),
            sizes: self.sizes.encode(),
            changed,
            broken: self.broken.as_deref().map(Cow::Borrowed),
        };
        encode_behind(&saved, before)
    }

    /// The volumes that a later life needs.
    #[must_use]
    pub fn volumes(&self) -> Vec<(Kept, &Volume)> {
        let replica = self.replica.volumes().into_iter();
        let replica = replica.map(|(disk, holds, volume)| ((disk, Some(holds)), volume));
        replica
            .chain(self.head.iter().map(|(disk, head)| ((*disk, None), head)))
            .collect()
    }

    /// How often they can have changed.
    #[must_use]
    pub fn volume_changes(&self) -> u64 {
        self.replica.volume_changes() + self.head.changes()
    }

    /// A keeper as of a checkpoint; whoever takes it up tells it next of all that is stored. `tags` are those that are stored. None where
    /// the checkpoint cannot be read or a volume is missing.
    #[must_use]
    pub fn take_up(
        env: Env,
        key: &VaultKey,
        sealing: Sealing,
        protection: Protection,
        (place, index): (&str, &[u8]),
        tags: impl Iterator<Item = Tag>,
    ) -> Option<ReplicaKeeper> {
        let saved: Saved = postcard::from_bytes(index).ok()?;
        let sizes = Sizes::decode(&saved.sizes.0)?;
        let disks: Vec<DiskId> = protection.disks.iter().map(|(disk, _)| *disk).collect();
        let volume = |disk, holds| env.volume(&volume_of(place, (disk, holds)));
        let replica = Replica::restore(
            protection.vm,
            protection.protection,
            &disks,
            saved.replica,
            tags.filter(|tag| sizes.contains(tag.batch)),
            |disk, holds| volume(disk, Some(holds)),
        )?;
        let heads: Option<Vec<(DiskId, Volume)>> =
            disks.iter().map(|disk| Some((*disk, volume(*disk, None)?))).collect();
        let mut keeper = ReplicaKeeper::new(env.clone(), key, sealing, protection, heads?);
        keeper.replica = replica;
        keeper.copies = saved.copies.into_owned();
        keeper.sizes = sizes;
        keeper.changed = saved.changed.into_owned();
        keeper.broken = saved.broken.map(Cow::into_owned);
        Some(keeper)
    }

    /// New epochs for what it merges; those before are left where they are.
    pub fn renew(&mut self, epochs: &[(DiskId, u32)]) {
        let nonces = epochs.iter();
        self.merging.nonces = nonces
            .map(|(disk, epoch)| (*disk, Nonces::new(Epoch(*epoch))))
            .collect();
    }
}
