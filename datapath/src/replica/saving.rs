//! Taking a replica up again: what it holds beside its volumes as plain data, and its volumes by what they hold.
//!
//! The tags of its batches are not part of it: they are in the index of whoever stores the segments.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Copying, CutTime, Layer, Mark, Replica, Tag};
use crate::encoded::{Encoded, Raw};
use crate::lineage::Lineage;
use crate::runs::RunMap;
use crate::units::{DiskId, VmId, WriteSeq};
use crate::volume::Volume;

/// What a volume of a replica holds of its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Holds {
    /// The base.
    Base,
    /// What a resynchronization under way has written.
    Copying,
    /// What a resynchronization wrote that ended with this batch.
    Layer(u64),
}

/// Ranges of extents and the position that their content has.
type Positions = Vec<(u64, u64, u64)>;

/// By disk: the life, the write before its first, and the last write of it that came.
type Arriving = BTreeMap<DiskId, ((u64, WriteSeq), WriteSeq)>;

/// A replica without its volumes and tags. It is written with every point, so what is large or has parts is only borrowed for that.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedReplica<'a> {
    open_copies: Cow<'a, BTreeSet<DiskId>>,
    /// By disk: whether it is written into a volume of its own, and where.
    copying: BTreeMap<DiskId, (bool, Positions)>,
    layers: BTreeMap<u64, BTreeMap<DiskId, Positions>>,
    /// Of each its [`Mark`] and its batch.
    points: Raw<'a>,
    highest: WriteSeq,
    next: u64,
    last: WriteSeq,
    newest: Option<(u64, WriteSeq, CutTime)>,
    applied_bytes: u64,
    lineages: Cow<'a, BTreeMap<DiskId, Lineage>>,
    arriving: Cow<'a, Arriving>,
    base_holds: WriteSeq,
}

fn save_positions(positions: &RunMap<u64>) -> Positions {
    positions.iter().map(|(start, end, at)| (start, end, *at)).collect()
}

fn restore_positions(saved: Positions) -> RunMap<u64> {
    let mut positions = RunMap::default();
    for (start, end, at) in saved {
        positions.insert(start, end, at);
    }
    positions
}

impl Replica {
    /// The replica as it stands, without its volumes.
    #[must_use]
    pub fn save(&mut self) -> SavedReplica<'_> {
        for point in &self.points[self.saved_points.values()..] {
            self.saved_points.push(&(point.mark, point.batch));
        }
        let copying = self.copying.iter().map(|(disk, copying)| {
            let saved = (copying.layer.is_some(), save_positions(&copying.positions));
            (*disk, saved)
        });
        let layers = self.layers.iter().map(|(batch, layers)| {
            let layers = layers.iter();
            let saved = layers.map(|(disk, layer)| (*disk, save_positions(&layer.written)));
            (*batch, saved.collect())
        });
        SavedReplica {
            open_copies: Cow::Borrowed(&self.open_copies),
            copying: copying.collect(),
            layers: layers.collect(),
            points: self.saved_points.raw(),
            highest: self.highest,
            next: self.next,
            last: self.last,
            newest: self.newest,
            applied_bytes: self.applied_bytes,
            lineages: Cow::Borrowed(&self.lineages),
            arriving: Cow::Borrowed(&self.arriving),
            base_holds: self.base_holds,
        }
    }

    /// Its volumes.
    #[must_use]
    pub fn volumes(&self) -> Vec<(DiskId, Holds, &Volume)> {
        let bases = self.base.iter().map(|(disk, base)| (*disk, Holds::Base, base));
        let mut volumes: Vec<(DiskId, Holds, &Volume)> = bases.collect();
        for (disk, copying) in self.copying.iter() {
            let layer = copying.layer.iter();
            volumes.extend(layer.map(|layer| (*disk, Holds::Copying, layer)));
        }
        for (batch, layers) in self.layers.iter() {
            let layers = layers.iter();
            volumes.extend(layers.map(|(disk, layer)| (*disk, Holds::Layer(*batch), &layer.volume)));
        }
        volumes
    }

    /// How often its volumes can have changed.
    #[must_use]
    pub fn volume_changes(&self) -> u64 {
        self.base.changes() + self.copying.changes() + self.layers.changes()
    }

    /// A replica as it was saved; nothing is pinned. `tags` are those of its batches that are still stored: what became one
    /// batch since is taken as that one. None where a volume is missing or what was saved is not
    /// as it was.
    #[must_use]
    pub fn restore(
        vm: VmId,
        protection: u32,
        disks: &[DiskId],
        saved: SavedReplica<'_>,
        tags: impl Iterator<Item = Tag>,
        mut volume: impl FnMut(DiskId, Holds) -> Option<Volume>,
    ) -> Option<Replica> {
        let base: Option<Vec<(DiskId, Volume)>> = disks
            .iter()
            .map(|disk| Some((*disk, volume(*disk, Holds::Base)?)))
            .collect();
        let mut replica = Replica::new(vm, protection, base?);
        for (disk, (in_layer, positions)) in saved.copying {
            let layer = match in_layer {
                true => Some(volume(disk, Holds::Copying)?),
                false => None,
            };
            let positions = restore_positions(positions);
            replica.copying.change().insert(disk, Copying { layer, positions });
        }
        for (batch, layers) in saved.layers {
            for (disk, written) in layers {
                let layer = Layer {
                    volume: volume(disk, Holds::Layer(batch))?,
                    written: restore_positions(written),
                };
                replica.layers.change().entry(batch).or_default().insert(disk, layer);
            }
        }
        replica.batches = tags.map(|tag| (tag.batch, tag)).collect();
        let points: Vec<(Mark, u64)> = Encoded::decode(&saved.points.0)?;
        for (mark, batch) in points {
            replica.add_point(mark, batch);
        }
        replica.open_copies = saved.open_copies.into_owned();
        replica.highest = saved.highest;
        replica.next = saved.next;
        replica.last = saved.last;
        replica.newest = saved.newest;
        replica.applied_bytes = saved.applied_bytes;
        replica.lineages = saved.lineages.into_owned();
        replica.arriving = saved.arriving.into_owned();
        replica.base_holds = saved.base_holds;
        Some(replica)
    }
}
