//! A replica: a base at the oldest kept recovery point, the batches after it, and the points.
//!
//! The replica is an index; segments stay with whoever stores them. A batch enters whole, in order, or not at all.
//!
//! - Until there is a recovery point, pieces of copies and batches go into the base. Each has a position in the write sequence (a
//!   piece the one at which it was read, a batch its last write), and overwrites an extent only if the extent's position is not higher.
//!   That makes any order of arrival right: where a batch ends past a piece's position, what it holds of an extent is at least as new
//!   as the piece; where it does not, the piece has seen all of it.
//! - From the first point on, batches stay sealed in storage, and [`Replica::materialise`] puts base and opened batches together.
//! - A resynchronization while there are points goes into a layer of its own, so that older points stay what they are.
//! - Pruning folds what lies below the oldest kept point into the base, and merges batches only between kept points.

mod pruning;
mod saving;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::batch::DiskChanges;
use crate::content::{Content, Run};
use crate::counted::Counted;
use crate::encoded::Encoded;
use crate::lineage::Lineage;
use crate::plants::{Plant, planted};
use crate::rows::Numbered;
use crate::runs::RunMap;
use crate::segment::Headers;
use crate::units::{DiskId, Extent, SimTime, VmId, WriteSeq};
use crate::volume::{Volume, VolumeError};

pub use pruning::{Grid, PruningPlan};
pub use saving::{Holds, SavedReplica};

/// How far the content of a recovery point is consistent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consistency {
    /// What is on the disks at a moment, as after a power loss.
    Crash,
    /// After the applications have flushed their buffers.
    App,
}

impl Consistency {
    /// As facts have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Consistency::Crash => "crash",
            Consistency::App => "app",
        }
    }
}

/// A mark in a machine's write sequence: the recovery point that a batch ends at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The point's number, from 1, per machine and protection.
    pub point: u64,
    /// The last write that the point contains.
    pub seq: WriteSeq,
    /// Its consistency.
    pub consistency: Consistency,
    /// Simulated time of the mark.
    pub marked: SimTime,
    /// The same by the clock of the machine that made it.
    pub marked_source: SimTime,
    /// The life of the machine that it was made in, by its number.
    pub life: u64,
    /// The point of its group that it belongs to, if that comes about.
    pub shared: Option<SharedPoint>,
}

/// A recovery point that the members of a replication group share: who coordinated it, and which one of theirs it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SharedPoint {
    /// The coordinator.
    pub coordinator: VmId,
    /// Its protection.
    pub protection: u32,
    /// How often its Mobility service had been started.
    pub incarnation: u32,
    /// Counted from 1 in that incarnation.
    pub number: u32,
}

/// The moment at which a batch ends: it holds all that was written before, and nothing that was written after.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutTime {
    /// In simulated time.
    pub at: SimTime,
    /// By the clock of the machine that cut it.
    pub source: SimTime,
    /// The life of that machine, by its number.
    pub life: u64,
}

/// The record that completes a batch in storage: stored after all its segments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// The batch's number.
    pub batch: u64,
    /// The first write of its range.
    pub first: WriteSeq,
    /// The last write of its range; the next batch begins after it.
    pub last: WriteSeq,
    /// A header per disk that changed.
    pub segments: Headers,
    /// When it ends.
    pub cut: CutTime,
    /// The recovery point that ends it, if it ends one.
    pub mark: Option<Mark>,
}

/// A recovery point of a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Its mark.
    pub mark: Mark,
    /// The batch that it ends.
    pub batch: u64,
    /// Failovers that need it; while there are some it is not pruned.
    pub pins: u32,
}

/// Why a replica did not take something in.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// A batch came before the one it follows.
    #[error("batch {got} came, batch {expected} is next")]
    OutOfOrder {
        /// The batch that is next.
        expected: u64,
        /// The one that came.
        got: u64,
    },
    /// A batch is not whole: what was opened is not what its tag lists.
    #[error("batch {batch}: its tag lists {listed} segments, {opened} were opened")]
    NotWhole {
        /// The batch.
        batch: u64,
        /// Segments in the tag.
        listed: usize,
        /// Segments opened.
        opened: usize,
    },
    /// A recovery point was marked while a copy is not complete.
    #[error("batch {batch} ends a recovery point, but a copy is not complete")]
    Copying {
        /// The batch.
        batch: u64,
    },
    /// A recovery point's mark is not the last write of what the replica holds with its batch: it would be no prefix.
    #[error("batch {batch} marks write {mark}, but the replica then holds writes up to {holds}")]
    NoPrefix {
        /// The batch.
        batch: u64,
        /// The mark's write.
        mark: u64,
        /// The last write of the batch, or the highest position of what was copied.
        holds: u64,
    },
    /// The disk is none of the machine's.
    #[error("the machine has no disk {0:?}")]
    NoDisk(DiskId),
    /// There is no such recovery point.
    #[error("there is no recovery point {0}")]
    NoPoint(u64),
    /// Reading or writing content failed.
    #[error(transparent)]
    Volume(#[from] VolumeError),
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It was there already.
    Already,
    /// It went into the base: its segments are no longer needed.
    Folded,
    /// It is kept; its segments must be.
    Kept,
}

/// One disk's content that copies and batches are written into while a copy runs.
struct Copying {
    /// Where to: none for the base itself, else a volume that holds what was written since.
    layer: Option<Volume>,
    /// Extents written, and the position that their content has.
    positions: RunMap<u64>,
}

/// What a resynchronization wrote over the batches before it.
struct Layer {
    volume: Volume,
    written: RunMap<u64>,
}

/// A replica's index.
pub struct Replica {
    /// The machine.
    pub vm: VmId,
    /// Which protection of it.
    pub protection: u32,
    base: Counted<BTreeMap<DiskId, Volume>>,
    empty: BTreeMap<DiskId, Volume>,
    copying: Counted<BTreeMap<DiskId, Copying>>,
    /// Disks whose copy has not ended.
    open_copies: BTreeSet<DiskId>,
    highest: WriteSeq,
    next: u64,
    last: WriteSeq,
    batches: Numbered<Tag>,
    layers: Counted<BTreeMap<u64, BTreeMap<DiskId, Layer>>>,
    points: Vec<Point>,
    /// Their times are in order: a source's clock can have been set back.
    in_order: bool,
    /// The first of them, as they are saved.
    saved_points: Encoded,
    /// The batch that was taken in last, its last write, and when it ends.
    newest: Option<(u64, WriteSeq, CutTime)>,
    applied_bytes: u64,
    /// Aggregate grain: which writes it holds of each disk, the base and all over it.
    lineages: BTreeMap<DiskId, Lineage>,
    /// What copies and batches bring while a copy is not complete: the life, and the last write of it.
    arriving: BTreeMap<DiskId, ((u64, WriteSeq), WriteSeq)>,
    /// Bytes that the copy of each disk has brought.
    copied_bytes: BTreeMap<DiskId, u64>,
    /// The last write in the base.
    base_holds: WriteSeq,
}

impl Replica {
    /// A replica over disks as they stand: empty for a first protection, what is left of an earlier one otherwise.
    #[must_use]
    pub fn new(vm: VmId, protection: u32, disks: Vec<(DiskId, Volume)>) -> Replica {
        let lineages = disks
            .iter()
            .map(|(disk, volume)| (*disk, volume.lineage().clone()))
            .collect();
        let empty = disks.iter().map(|(disk, volume)| (*disk, volume.blank())).collect();
        Replica {
            vm,
            protection,
            base: Counted::new(disks.into_iter().collect()),
            empty,
            copying: Counted::default(),
            open_copies: BTreeSet::new(),
            highest: WriteSeq::START,
            next: 1,
            last: WriteSeq::START,
            batches: Numbered::default(),
            layers: Counted::default(),
            points: Vec::new(),
            in_order: true,
            saved_points: Encoded::default(),
            newest: None,
            applied_bytes: 0,
            lineages,
            arriving: BTreeMap::new(),
            copied_bytes: BTreeMap::new(),
            base_holds: WriteSeq::START,
        }
    }

    /// A copy of a disk begins.
    pub fn begin_copy(&mut self, disk: DiskId) {
        self.open_copies.insert(disk);
        // All disks of the machine share a history: once one is copied over kept points, batches for all of them go into layers.
        for (disk, blank) in &self.empty {
            let layer = (!self.points.is_empty()).then(|| blank.clone());
            self.copying.change().entry(*disk).or_insert(Copying {
                layer,
                positions: RunMap::default(),
            });
        }
    }

    /// Whether a copy is not complete.
    #[must_use]
    pub fn copying(&self) -> bool {
        !self.open_copies.is_empty()
    }

    /// Takes in a piece of a copy, in any order.
    ///
    /// # Errors
    /// Where the disk is not the machine's, or content cannot be written: a run that cannot is found before anything is written.
    pub fn apply_copy(&mut self, changes: &DiskChanges) -> Result<(), ReplicaError> {
        self.check(changes)?;
        self.write(changes, changes.last)?;
        if let Some(summary) = &changes.summary {
            *self.copied_bytes.entry(changes.disk).or_default() += summary.bytes;
        }
        self.arrived(changes);
        self.applied_bytes += changes.summary.map_or_else(|| changes.plain_bytes(), |s| s.bytes);
        Ok(())
    }

    /// All pieces of a disk's copy are in; `highest` is the highest position of them.
    pub fn end_copy(&mut self, disk: DiskId, highest: WriteSeq) {
        self.open_copies.remove(&disk);
        self.highest = self.highest.max(highest);
        if self.open_copies.is_empty() {
            self.settle();
        }
    }

    /// Aggregate grain: takes note of the writes that changes bring. While a copy is not complete they are not all there.
    fn arrived(&mut self, changes: &DiskChanges) {
        let Some(summary) = &changes.summary else { return };
        let arriving = self
            .arriving
            .entry(changes.disk)
            .or_insert((summary.life, summary.last));
        *arriving = (summary.life, arriving.1.max(summary.last));
        if !self.copying() {
            self.settle();
        }
    }

    fn settle(&mut self) {
        for (disk, ((life, began), through)) in std::mem::take(&mut self.arriving) {
            self.lineages.entry(disk).or_default().wrote(life, began, through);
        }
        for (disk, bytes) in std::mem::take(&mut self.copied_bytes) {
            self.lineages.entry(disk).or_default().copied(bytes);
        }
    }

    /// Which writes it holds of a disk (aggregate grain).
    #[must_use]
    pub fn lineage(&self, disk: DiskId) -> Lineage {
        self.lineages.get(&disk).cloned().unwrap_or_default()
    }

    /// Says on disks which writes they hold, up to one.
    fn put_lineages(&self, disks: &mut BTreeMap<DiskId, Volume>, through: WriteSeq) {
        for (disk, volume) in disks {
            let mut lineage = self.lineage(*disk);
            lineage.cut(through);
            *volume.lineage_mut() = lineage;
        }
    }

    /// The highest position of the copies: no recovery point lies below it.
    #[must_use]
    pub fn highest(&self) -> WriteSeq {
        self.highest
    }

    /// Puts what an unfinished copy and the batches during it have written to extents of a disk over those.
    ///
    /// # Errors
    /// Where the real machine fails.
    pub fn put_open_layer_over(
        &self,
        disk: DiskId,
        extents: std::ops::Range<u64>,
        over: &mut Volume,
    ) -> Result<(), ReplicaError> {
        let Some(copying) = self.copying.get(&disk) else {
            return Ok(());
        };
        let Some(layer) = &copying.layer else { return Ok(()) };
        for (start, end, _) in copying.positions.within(extents.start, extents.end) {
            for run in layer.read(Extent(start), (end - start) as u32)? {
                over.write(&run)?;
            }
        }
        Ok(())
    }

    /// The batch that comes next.
    #[must_use]
    pub fn next_batch(&self) -> u64 {
        self.next
    }

    /// The last write that was taken in.
    #[must_use]
    pub fn position(&self) -> WriteSeq {
        self.last
    }

    /// Batches up to this one never come; a copy that is to begin brings what they held.
    pub fn pass_over(&mut self, through: u64) {
        self.next = self.next.max(through + 1);
    }

    /// Bytes taken in, by copies and batches: distinct ones within a batch, in the aggregate grain written ones.
    #[must_use]
    pub fn applied_bytes(&self) -> u64 {
        self.applied_bytes
    }

    /// Takes in a batch, opened: whole, in order, or not at all. With a mark it makes a recovery point.
    ///
    /// # Errors
    /// Where it is not next, not whole, does not fit the disks, or marks a point while a copy is not complete or below what the replica
    /// holds; nothing has changed then. Where the real machine fails while content is written.
    pub fn accept(&mut self, tag: Tag, opened: &[DiskChanges]) -> Result<Accepted, ReplicaError> {
        if tag.batch < self.next {
            return Ok(Accepted::Already);
        }
        if tag.batch > self.next {
            return Err(ReplicaError::OutOfOrder {
                expected: self.next,
                got: tag.batch,
            });
        }
        let whole = tag.segments.len() == opened.len()
            && tag
                .segments
                .iter()
                .zip(opened)
                .all(|(header, changes)| header.disk == changes.disk);
        if !whole {
            let (listed, opened) = (tag.segments.len(), opened.len());
            return Err(ReplicaError::NotWhole {
                batch: tag.batch,
                listed,
                opened,
            });
        }
        opened.iter().try_for_each(|changes| self.check(changes))?;
        if let Some(mark) = tag.mark {
            if self.copying() {
                return Err(ReplicaError::Copying { batch: tag.batch });
            }
            let holds = tag.last.max(self.last).max(self.highest);
            if mark.seq != holds {
                return Err(ReplicaError::NoPrefix {
                    batch: tag.batch,
                    mark: mark.seq.0,
                    holds: holds.0,
                });
            }
        }
        let in_layer = !self.copying.is_empty();
        let fold = in_layer || self.points.is_empty();
        if fold {
            for changes in opened {
                self.write(changes, tag.last)?;
            }
        }
        self.applied_bytes += opened
            .iter()
            .map(|c| c.summary.map_or_else(|| c.plain_bytes(), |s| s.bytes))
            .sum::<u64>();
        opened.iter().for_each(|changes| self.arrived(changes));
        self.next += 1;
        self.last = self.last.max(tag.last);
        self.newest = Some((tag.batch, tag.last, tag.cut));
        if fold && !in_layer {
            self.base_holds = self.last;
        }
        if let Some(mark) = tag.mark {
            self.close_layer(tag.batch);
            self.add_point(mark, tag.batch);
        }
        if fold {
            return Ok(Accepted::Folded);
        }
        self.batches.insert(tag.batch, tag);
        Ok(Accepted::Kept)
    }

    fn add_point(&mut self, mark: Mark, batch: u64) {
        let last = self.points.last().map(|point| point.mark.marked_source);
        self.in_order &= last.is_none_or(|last| last <= mark.marked_source);
        self.points.push(Point { mark, batch, pins: 0 });
    }

    /// The copy is over and a point made: what a resynchronization wrote is a layer between the batches from now on.
    fn close_layer(&mut self, batch: u64) {
        if self.copying.is_empty() {
            return;
        }
        for (disk, copying) in std::mem::take(self.copying.change()) {
            if let Some(volume) = copying.layer {
                let layer = Layer {
                    volume,
                    written: copying.positions,
                };
                self.layers.change().entry(batch).or_default().insert(disk, layer);
            }
        }
    }

    /// Whether changes can be written: to a disk of the machine, all runs within it.
    fn check(&self, changes: &DiskChanges) -> Result<(), ReplicaError> {
        let disk = changes.disk;
        let volume = self.base.get(&disk).ok_or(ReplicaError::NoDisk(disk))?;
        Ok(changes.runs.iter().try_for_each(|run| volume.accepts(run))?)
    }

    /// Writes what has a higher position than what is there.
    fn write(&mut self, changes: &DiskChanges, position: WriteSeq) -> Result<(), ReplicaError> {
        let disk = changes.disk;
        let base = self.base.change().get_mut(&disk).ok_or(ReplicaError::NoDisk(disk))?;
        let Some(copying) = self.copying.change().get_mut(&disk) else {
            let mut runs = changes.runs.iter().filter(|run| is_written(run));
            return Ok(runs.try_for_each(|run| base.write(run))?);
        };
        let volume = copying.layer.as_mut().unwrap_or(base);
        for run in changes.runs.iter().filter(|run| is_written(run)) {
            let (start, end) = (run.start.0, run.end().0);
            let newer: Vec<(u64, u64)> = copying
                .positions
                .within(start, end)
                .filter(|(_, _, there)| *there > position.0 && !planted(Plant::PieceOverwritesNewer))
                .map(|(a, b, _)| (a, b))
                .collect();
            let mut at = start;
            for (a, b) in newer.into_iter().chain([(end, end)]) {
                if let Some(part) = run.slice(Extent(at), Extent(a)) {
                    volume.write(&part)?;
                    copying.positions.insert(at, a, position.0);
                }
                at = b;
            }
        }
        Ok(())
    }

    /// The recovery points, oldest first.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The newest point, or the newest of a consistency.
    #[must_use]
    pub fn latest(&self, consistency: Option<Consistency>) -> Option<&Point> {
        self.points
            .iter()
            .rev()
            .find(|point| consistency.is_none_or(|c| point.mark.consistency == c))
    }

    /// A point by its number.
    #[must_use]
    pub fn point(&self, number: u64) -> Option<&Point> {
        self.points.iter().find(|point| point.mark.point == number)
    }

    /// Makes a recovery point of the newest batch, the highest boundary to which all disks are complete. None where that is a point
    /// already, where there is no point yet, and while a copy is not complete.
    pub fn mark_newest_batch(&mut self) -> Option<Mark> {
        let newest = self.points.last()?;
        let (batch, last, cut) = self.newest?;
        // A boundary below what was copied is no prefix.
        if batch <= newest.batch || self.copying() || last < self.last.max(self.highest) {
            return None;
        }
        let mark = Mark {
            point: newest.mark.point + 1,
            seq: last,
            consistency: Consistency::Crash,
            marked: cut.at,
            marked_source: cut.source,
            life: cut.life,
            shared: None,
        };
        self.close_layer(batch);
        self.add_point(mark, batch);
        Some(mark)
    }

    /// Keeps a point from being pruned, until it is unpinned as often.
    pub fn pin(&mut self, number: u64) {
        if let Some(point) = self.points.iter_mut().find(|point| point.mark.point == number) {
            point.pins += 1;
        }
    }

    /// Undoes one [`Replica::pin`].
    pub fn unpin(&mut self, number: u64) {
        if let Some(point) = self.points.iter_mut().find(|point| point.mark.point == number) {
            point.pins = point.pins.saturating_sub(1);
        }
    }

    /// The batches that must be opened to put a point together, in order.
    ///
    /// # Errors
    /// [`ReplicaError::NoPoint`].
    pub fn batches_up_to(&self, number: u64) -> Result<Vec<&Tag>, ReplicaError> {
        let point = self.point(number).ok_or(ReplicaError::NoPoint(number))?;
        Ok(self.batches.range(..=point.batch).map(|(_, tag)| tag).collect())
    }

    /// The disks of a point: the base, and over it the batches, as they were opened.
    ///
    /// # Errors
    /// [`ReplicaError::NoPoint`]; [`ReplicaError::NotWhole`] where a batch is missing from `opened`.
    pub fn materialise(
        &self,
        number: u64,
        opened: &BTreeMap<u64, Vec<DiskChanges>>,
    ) -> Result<BTreeMap<DiskId, Volume>, ReplicaError> {
        let point = *self.point(number).ok_or(ReplicaError::NoPoint(number))?;
        let mut disks = BTreeMap::clone(&self.base);
        self.put_over(&mut disks, point.batch, opened)?;
        self.put_lineages(&mut disks, point.mark.seq);
        Ok(disks)
    }

    /// Puts batches and layers up to a batch over disks.
    fn put_over(
        &self,
        disks: &mut BTreeMap<DiskId, Volume>,
        through: u64,
        opened: &BTreeMap<u64, Vec<DiskChanges>>,
    ) -> Result<(), ReplicaError> {
        let numbers: BTreeSet<u64> = self
            .batches
            .range(..=through)
            .map(|(n, _)| *n)
            .chain(self.layers.range(..=through).map(|(n, _)| *n))
            .collect();
        for number in numbers {
            if let Some(tag) = self.batches.get(&number) {
                let changes = opened.get(&number).map_or(&[][..], Vec::as_slice);
                if changes.len() != tag.segments.len() {
                    let (listed, opened) = (tag.segments.len(), changes.len());
                    return Err(ReplicaError::NotWhole {
                        batch: number,
                        listed,
                        opened,
                    });
                }
                for changes in changes {
                    let volume = disks.get_mut(&changes.disk).ok_or(ReplicaError::NoDisk(changes.disk))?;
                    let mut runs = changes.runs.iter().filter(|run| is_written(run));
                    runs.try_for_each(|run| volume.write(run))?;
                }
            }
            self.put_layer_over(number, disks)?;
        }
        Ok(())
    }

    /// Puts what a resynchronization wrote, if one ended with the point of this batch, over disks.
    ///
    /// # Errors
    /// Where content cannot be read or written.
    pub fn put_layer_over(&self, batch: u64, disks: &mut BTreeMap<DiskId, Volume>) -> Result<(), ReplicaError> {
        for (disk, layer) in self.layers.get(&batch).into_iter().flatten() {
            let volume = disks.get_mut(disk).ok_or(ReplicaError::NoDisk(*disk))?;
            for (start, end, _) in layer.written.iter() {
                let mut at = start;
                while at < end {
                    let extents = (end - at).min(256) as u32;
                    for run in layer.volume.read(Extent(at), extents)? {
                        volume.write(&run)?;
                    }
                    at += u64::from(extents);
                }
            }
        }
        Ok(())
    }

    /// Whether a resynchronization ended with the point of this batch and wrote something.
    #[must_use]
    pub fn has_layer(&self, batch: u64) -> bool {
        self.layers.contains_key(&batch)
    }

    /// The base's disks: what checksums are compared with while there is no recovery point.
    #[must_use]
    pub fn base(&self, disk: DiskId) -> Option<&Volume> {
        self.base.get(&disk)
    }

    /// The base's disks, taken out: the protection is over.
    #[must_use]
    pub fn into_base(mut self) -> BTreeMap<DiskId, Volume> {
        let mut base = std::mem::take(self.base.change());
        self.put_lineages(&mut base, self.base_holds.max(self.highest));
        base
    }
}

/// Whether a run is put where it belongs: each is.
fn is_written(run: &Run) -> bool {
    !(planted(Plant::ZeroSkipped) && run.content == Content::Zero)
}

#[cfg(test)]
mod tests;
