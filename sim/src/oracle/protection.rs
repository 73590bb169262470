//! What the oracle keeps of a protection: batches on their way, copies, recovery points.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use actors::nouns::{Life, MachineId};
use datapath::replica::{CutTime, Mark};
use datapath::rows::{Numbered, Range};
use datapath::{DiskId, SimTime, WriteSeq};

use super::ranges::Ranges;
use super::storage::Found;
use crate::invariants::copies_add_up::Progress;
use crate::invariants::no_point_during_copy::Copied;
use crate::invariants::points_in_order::Known;

/// What the guest wrote, by disk index.
pub(super) type Changed = BTreeMap<u16, Ranges>;

/// Adds changes to others.
pub(super) fn add_changes(to: &mut Changed, from: Changed) {
    if to.is_empty() {
        *to = from;
        return;
    }
    for (disk, ranges) in from {
        let before = to.remove(&disk).unwrap_or_default();
        to.insert(disk, before.union(ranges));
    }
}

/// A batch that was cut and has no tag yet.
pub(super) struct Batch {
    pub batch: u64,
    pub first: WriteSeq,
    pub last: WriteSeq,
    pub cut: CutTime,
    pub mark: Option<Mark>,
    /// Writes and bytes of the machine up to its end.
    pub wrote: (u64, u64),
    /// What the guest wrote in its range.
    pub changed: Changed,
    /// Bytes written in its range.
    pub written: u64,
    /// Those of them on disks of which a copy began in that range: what was written before it is the copy's to bring.
    pub with_copy: u64,
    pub cached: Option<SimTime>,
    /// Bytes of the machine up to its end that had no tag when it was cut.
    pub ahead: u64,
    /// Disks of which a segment is stored, and what was found there.
    pub segments: BTreeMap<u16, Found>,
    /// Disks of which a copy began since the batch before.
    pub copied: BTreeSet<u16>,
}

/// The end of the newest batch whose tag is stored, where no point was marked: a failover can take it as the latest.
pub(super) struct Boundary {
    pub last: WriteSeq,
    pub cut: CutTime,
    pub wrote: (u64, u64),
}

impl Boundary {
    /// Whether a mark is that of this end.
    pub fn is(&self, mark: &Mark) -> bool {
        let CutTime { at, source, life } = self.cut;
        (mark.seq, mark.marked, mark.marked_source, mark.life) == (self.last, at, source, life)
    }
}

/// A copy of a disk.
pub(super) struct Copy {
    pub disk: DiskId,
    /// As the service counts them.
    pub number: u32,
    pub bytes: u64,
    pub progress: Progress,
    pub highest: Option<WriteSeq>,
    /// The machine's last write when it began.
    pub began: WriteSeq,
    /// Its pieces were counted in storage.
    pub stored: bool,
    /// A point holds it.
    pub applied: bool,
}

/// A recovery point.
pub(super) struct Point {
    pub mark: Mark,
    /// The batch that it ends.
    pub batch: u64,
    pub stored: bool,
    pub processed: bool,
    pub pruned: bool,
    pub verified: bool,
    /// Writes and bytes of the machine up to the mark.
    pub wrote: (u64, u64),
    /// Bytes of the batches up to it; none where the sum cannot be made.
    pub written: Option<u64>,
}

impl Point {
    pub fn known(&self) -> Known {
        Known {
            mark: self.mark,
            stored: self.stored,
            processed: self.processed,
            pruned: self.pruned,
        }
    }
}

/// A protection.
pub(super) struct Protection {
    /// Where the protected lives run.
    pub machine: MachineId,
    /// Number and last write of the newest batch cut.
    pub newest_cut: Option<(u64, WriteSeq)>,
    pub newest_cached: u64,
    pub newest_tagged: u64,
    pub newest_processed: Option<Mark>,
    /// Batches without a tag, in order.
    pub batches: VecDeque<Batch>,
    /// The last write in any batch, with its time.
    pub last_in: Option<(WriteSeq, SimTime)>,
    /// Bytes of all batches that are tagged; none once a batch's range was not what was seen.
    pub written: Option<u64>,
    /// What tagged batches changed since the newest stored mark.
    pub since_mark: Changed,
    /// What each stored, not yet processed point changed since the one before.
    pub pending: VecDeque<(u64, Changed)>,
    pub copies: Vec<Copy>,
    /// Bytes of the stored pieces of copies, by copy's number and part.
    pub pieces: BTreeMap<(DiskId, u32), BTreeMap<u32, u64>>,
    /// Tagged batches that no processed point holds yet and that are not in storage as they should be, and why.
    pub unsound: Vec<(u64, String)>,
    /// Ranges of batches that lie in storage as one, and all that ever did.
    pub merged: Vec<(u64, u64)>,
    pub announced: BTreeSet<(u64, u64)>,
    /// Ranges of batches that a resynchronization took in: they are not needed by themselves.
    pub layers: Vec<(u64, u64)>,
    /// A failback took its disks: its points are gone with them.
    pub over: bool,
    /// Its points are kept on the way back, by a master target.
    pub reverse: bool,
    /// How long points are kept, where that is known.
    pub retention: Option<u64>,
    /// When points were last pruned.
    pub pruned_at: Option<SimTime>,
    /// Disks of which a copy began since the newest batch was cut.
    pub copied_since_cut: BTreeSet<DiskId>,
    pub points: Numbered<Point>,
    /// All points below this are pruned.
    pruned_below: u64,
    pub boundary: Option<Boundary>,
    /// Bytes of the machine, over all its lives, up to the newest tag.
    pub at_target: u64,
    /// Writes at which a failover took a point: asked for until the next protection.
    pub pinned: Vec<WriteSeq>,
    /// The point that a test failover runs from.
    pub tested: Option<u64>,
    /// The sequence when it began.
    pub began: WriteSeq,
}

impl Batch {
    /// What of it is not in storage as it should be.
    pub fn unsound(&self) -> Option<(u64, String)> {
        let needed = self.changed.keys().filter(|disk| !self.copied.contains(disk));
        let wrong = needed.filter_map(|disk| match self.segments.get(disk) {
            None => Some(format!("no segment of disk {disk} is stored")),
            Some(found) if !found.sound => Some(format!("the segment of disk {disk} is not what was written")),
            Some(_) => None,
        });
        let wrong: Vec<String> = wrong.collect();
        (!wrong.is_empty()).then(|| (self.batch, wrong.join(", ")))
    }
}

impl Protection {
    pub fn new(life: Life, began: WriteSeq, wrote: u64, (reverse, retention): (bool, Option<u64>)) -> Protection {
        Protection {
            machine: life.machine,
            newest_cut: None,
            newest_cached: 0,
            newest_tagged: 0,
            newest_processed: None,
            batches: VecDeque::new(),
            last_in: None,
            written: Some(0),
            since_mark: Changed::new(),
            pending: VecDeque::new(),
            copies: Vec::new(),
            pieces: BTreeMap::new(),
            unsound: Vec::new(),
            merged: Vec::new(),
            announced: BTreeSet::new(),
            layers: Vec::new(),
            over: false,
            reverse,
            retention,
            pruned_at: None,
            copied_since_cut: BTreeSet::new(),
            points: Numbered::default(),
            pruned_below: 0,
            boundary: None,
            at_target: wrote,
            pinned: Vec::new(),
            tested: None,
            began,
        }
    }

    /// A batch on its way, by its number.
    pub fn batch_mut(&mut self, batch: u64) -> Option<&mut Batch> {
        self.batches.iter_mut().find(|track| track.batch == batch)
    }

    /// Takes the newest batch off, if its number is at least this.
    pub fn pop_back_from(&mut self, batch: u64) -> Option<Batch> {
        let is = self.batches.back().is_some_and(|track| track.batch >= batch);
        if is { self.batches.pop_back() } else { None }
    }

    /// Takes the oldest batch off, if its number is at most this.
    pub fn pop_front_through(&mut self, batch: u64) -> Option<Batch> {
        let is = self.batches.front().is_some_and(|track| track.batch <= batch);
        if is { self.batches.pop_front() } else { None }
    }

    /// The newest copy of each disk.
    pub fn newest_copies(&self) -> Vec<Copied> {
        let mut newest: Vec<Copied> = Vec::with_capacity(self.copies.len());
        for copy in self.copies.iter().rev() {
            if newest.iter().all(|known| known.disk != copy.disk) {
                newest.push(Copied {
                    disk: copy.disk,
                    highest: copy.highest,
                });
            }
        }
        newest.sort_unstable_by_key(|copied| copied.disk);
        newest
    }

    /// Bytes that copies sent which were over at a point.
    pub fn copied_bytes(&self, seq: WriteSeq) -> u64 {
        self.copies
            .iter()
            .filter(|copy| copy.highest.is_some_and(|highest| highest <= seq))
            .map(|copy| copy.progress.sent)
            .sum()
    }

    /// Points from the first on that is not pruned: over days those before it become many.
    pub fn standing(&self) -> Range<'_, Point> {
        self.points.range(self.pruned_below..)
    }

    /// Of them those before this one.
    pub fn standing_before(&self, point: u64) -> Range<'_, Point> {
        self.points.range(self.pruned_below.min(point)..point)
    }

    /// A point is marked, or made of what was stored. One whose number had been pruned stands again.
    pub fn add(&mut self, point: Point) {
        let number = point.mark.point;
        self.pruned_below = self.pruned_below.min(number);
        self.points.insert(number, point);
    }

    /// A point is pruned.
    pub fn prune(&mut self, point: u64) {
        if let Some(known) = self.points.get_mut(&point) {
            known.pruned = true;
        }
        while let Some((number, _)) = self.standing().next().filter(|(_, point)| point.pruned) {
            self.pruned_below = number + 1;
        }
    }

    /// Places of the sequence that somebody may still ask for, in order.
    pub fn asked(&self) -> Vec<WriteSeq> {
        let points = self.standing().map(|(_, point)| point).filter(|point| !point.pruned);
        let mut asked: Vec<WriteSeq> = points
            .map(|point| point.mark.seq)
            .chain(self.pinned.iter().copied())
            .chain(self.batches.iter().map(|batch| batch.last))
            .chain(self.boundary.iter().map(|boundary| boundary.last))
            .collect();
        asked.sort_unstable();
        asked.dedup();
        asked
    }

    /// No mark will stand below this, and no piece of a copy that is still under way.
    pub fn floor(&self) -> WriteSeq {
        let cut = self.newest_cut.map_or(self.began, |(_, last)| last);
        let copies = self.copies.iter().filter(|copy| !copy.applied).map(|copy| copy.began);
        copies.fold(cut, WriteSeq::min)
    }

    /// What the points changed that are processed with this one: those that were passed over or removed are asked for no more.
    pub fn take_passed(&mut self, processed: u64) -> Changed {
        let mut changed = Changed::new();
        while self.pending.front().is_some_and(|(point, _)| *point <= processed) {
            let passed = self.pending.pop_front();
            passed
                .into_iter()
                .for_each(|(_, of_point)| add_changes(&mut changed, of_point));
        }
        changed
    }

    /// A copy begins: what no processed point holds goes into a layer with it.
    pub fn copy_began(&mut self) {
        if self.layers.last().is_some_and(|(_, last)| *last == u64::MAX) {
            return;
        }
        let processed = self.points.values().filter(|point| point.processed);
        let from = processed.map(|point| point.batch + 1).max().unwrap_or(0);
        self.layers.push((from, u64::MAX));
    }

    /// A point is processed that ends at this batch: it holds the copies that were over at its write.
    pub fn copies_applied(&mut self, seq: WriteSeq, batch: u64) -> bool {
        let mut newly = false;
        for copy in &mut self.copies {
            let applied = copy.highest.is_some_and(|highest| highest <= seq);
            newly |= applied && !copy.applied;
            copy.applied |= applied;
        }
        // Of a disk that was copied again, the earlier copy is of no interest.
        for at in 0..self.copies.len() {
            let disk = self.copies[at].disk;
            let later = self.copies[at + 1..]
                .iter()
                .any(|copy| copy.disk == disk && copy.applied);
            self.copies[at].applied |= later;
        }
        if self.copies.iter().all(|copy| copy.applied)
            && let Some((_, last)) = self.layers.last_mut()
            && *last == u64::MAX
        {
            *last = batch;
        }
        newly
    }

    /// Batches up to this one that are not in storage as they should be.
    pub fn take_unsound(&mut self, through: u64) -> Vec<(u64, String)> {
        let (unsound, left) = std::mem::take(&mut self.unsound)
            .into_iter()
            .partition(|(batch, _)| *batch <= through);
        self.unsound = left;
        unsound
    }
}
