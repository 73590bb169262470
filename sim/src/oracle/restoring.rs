//! Whether a recovery point could be restored from what lies at the target: put together by the oracle, from files and volumes alone.

use std::collections::{BTreeMap, BTreeSet};

use actors::nouns::MachineId;
use datapath::segment::SegmentKind;
use datapath::volume::Volume;
use datapath::{Blob, DiskId, Extent, Grain, Run, VmId, WriteSeq};

use super::Oracle;
use super::protection::Protection;
use super::reader::of_file;
use crate::invariants::points_can_be_restored::{Restored, check};

/// What lies on disks at the moment: of whoever judges it, not of anybody who runs.
pub trait AtRest {
    /// The files of a machine whose names begin like this, in order, without what no flush has made durable.
    fn files(&self, machine: MachineId, prefix: &str) -> Vec<(String, Blob)>;
    /// Volumes of a disk whose places begin like this, in order of place: the place, and what is in the volume.
    fn volumes(&self, disk: DiskId, place: &str) -> Vec<(String, Volume)>;
}

/// Points that are to be looked at, by machine: what is shown of it, and those that failovers took.
pub(super) type Due = BTreeMap<VmId, BTreeSet<u64>>;

/// Of the points that are pruned so many are passed over for one after which it is looked.
const PRUNED_FOR_ONE: u64 = 8;

/// Where whoever keeps a replica writes down what it needs: the service, and a master target.
const PLACES: [&str; 2] = ["kept", "retention"];

/// A stored segment of one disk.
struct Stored {
    kind: SegmentKind,
    last: WriteSeq,
    runs: Vec<Run>,
}

impl Oracle {
    /// A point is gone: those that stay have to stand without it.
    pub(super) fn restore_after_pruning(&mut self, vm: VmId, point: u64) {
        if point.is_multiple_of(PRUNED_FOR_ONE) {
            self.restore_due.entry(vm).or_default();
        }
    }

    /// A failover took a point.
    pub(super) fn restore_taken(&mut self, vm: VmId, point: u64) {
        self.restore_due.entry(vm).or_default().insert(point);
    }

    /// Looks at what lies at rest, where it is due; `over` at the end of the run.
    pub fn at_rest(&mut self, at_rest: &dyn AtRest, over: bool) {
        let mut due = std::mem::take(&mut self.restore_due);
        if over {
            // One of the machines, another in each run: to open all that is stored again takes as long as all else that is judged.
            let all: Vec<VmId> = self.vms.keys().copied().collect();
            let turn = usize::try_from(self.points.0).unwrap_or_default();
            if let Some(vm) = all.get(turn % all.len().max(1)) {
                due.entry(*vm).or_default();
            }
        }
        for (vm, taken) in due {
            self.restore(at_rest, vm, taken);
        }
    }

    fn restore(&mut self, at_rest: &dyn AtRest, vm: VmId, mut points: BTreeSet<u64>) {
        if self.grain == Grain::Aggregate || self.plan.storage_loses() {
            return;
        }
        let Some(track) = self.vms.get(&vm).filter(|track| track.is_in_force()) else {
            return;
        };
        let Some((number, of)) = track.protections.last_key_value().filter(|(_, of)| !of.over) else {
            return;
        };
        let shown = |of: &Protection, point: u64| of.points.get(&point).is_some_and(|of| of.processed && !of.pruned);
        points.retain(|point| shown(of, *point));
        let mut kept = of.standing().filter(|(_, point)| point.processed && !point.pruned);
        points.extend(kept.next().map(|(point, _)| point));
        points.extend(kept.next_back().map(|(point, _)| point));
        let (Some(target), Some(vault), false) = (self.target_of(vm), &mut self.vault, points.is_empty()) else {
            return;
        };
        let mut stored: BTreeMap<DiskId, Vec<Stored>> = BTreeMap::new();
        for (name, blob) in at_rest.files(target, &format!("segments/{number:04}/vm{}/", vm.0)) {
            // One that does not open was judged when it was stored: it is of no use.
            if let (Some((_, disk, kind)), Ok(opened)) = (of_file(&name), vault.open(&blob)) {
                let (last, runs) = (opened.header.last, opened.runs);
                stored.entry(disk).or_default().push(Stored { kind, last, runs });
            }
        }
        let mut violations = Vec::new();
        for (disk, _) in &track.spec.disks {
            let mut segments = stored.remove(disk).unwrap_or_default();
            segments.sort_by_key(|segment| segment.last);
            let written = at_rest.volumes(*disk, PLACES[usize::from(of.reverse)]);
            for point in points.iter().filter_map(|point| of.points.get(point)) {
                let life = track.guests.at(of.machine, point.mark.marked);
                let histories = life.and_then(|life| life.disks.as_ref());
                let Some(history) = histories.and_then(|disks| disks.get(usize::from(disk.index))) else {
                    continue;
                };
                let restored = put_together(&segments, &written, (point.batch, point.mark.seq));
                violations.extend(check(
                    *disk,
                    history,
                    (point.mark.point, point.mark.seq),
                    restored.as_ref(),
                ));
            }
        }
        self.ledger.check(self.now, vm, violations);
    }
}

/// A disk as of a point, from stored segments and what is written down; none where nothing is. Over the base come batches and what
/// resynchronizations put over them, by the number of the batch.
fn put_together(segments: &[Stored], written: &[(String, Volume)], (batch, seq): (u64, WriteSeq)) -> Option<Restored> {
    let volume = |kind: &str| {
        let mut of_kind = written.iter().filter(|(place, _)| place.ends_with(kind));
        of_kind.next().map(|(_, volume)| volume)
    };
    let base = volume("-base")?;
    let mut disk = base.clone();
    let mut holders = vec![base.clone()];
    // What a copy brings that is not complete is of a point that is told before the next checkpoint.
    holders.extend(volume("-copying").cloned());
    let mut layers = Vec::new();
    for (place, layer) in written {
        let over = place
            .split_once("-layer-")
            .and_then(|(_, over)| over.parse::<u64>().ok());
        if let Some(over) = over.filter(|over| *over <= batch) {
            layers.push((over, layer));
            holders.push(layer.clone());
        }
    }
    let batch_of = |segment: &Stored| match segment.kind {
        SegmentKind::Changes { batch } => Some(batch),
        SegmentKind::Merged { to, .. } => Some(to),
        SegmentKind::Copy { .. } => None,
    };
    let mut from = 0;
    let mut count = 0;
    for (over, layer) in layers
        .into_iter()
        .map(|(over, layer)| (over, Some(layer)))
        .chain([(batch, None)])
    {
        let these = segments
            .iter()
            .filter(|of| batch_of(of).is_some_and(|number| (from..=over).contains(&number)));
        for segment in these {
            count += 1;
            put_in(&mut disk, &segment.runs);
        }
        if let Some(layer) = layer {
            lay_over(&mut disk, layer);
        }
        from = over + 1;
    }
    let pieces = segments.iter().filter(|of| batch_of(of).is_none() && of.last <= seq);
    let mut of_pieces = base.blank();
    for piece in pieces {
        count += 1;
        put_in(&mut of_pieces, &piece.runs);
    }
    holders.push(of_pieces);
    Some(Restored {
        disk,
        holders,
        segments: count,
    })
}

/// Puts runs into a disk that is gone once it was looked at. What cannot be is missing there.
fn put_in(disk: &mut Volume, runs: &[Run]) {
    for run in runs {
        let _ = disk.write_whole(run);
    }
}

/// Puts what a volume has over another.
fn lay_over(disk: &mut Volume, layer: &Volume) {
    let mut next = Extent(0);
    while let Some((start, extents)) = layer.next_used(next, u32::MAX) {
        put_in(disk, &layer.read(start, extents).unwrap_or_default());
        next = Extent(start.0 + u64::from(extents));
    }
}
