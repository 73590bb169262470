//! Facts of the replication: batches, copies, tags, recovery points.

use std::collections::BTreeMap;

use actors::facts::Fact;
use actors::nouns::Life;
use actors::ports::Evidence;
use datapath::plants::{Plant, planted};
use datapath::replica::{Consistency, CutTime, Mark};
use datapath::volume::Volume;
use datapath::{DiskId, Grain, Run, SimTime, VmId, WriteSeq};

use super::history::History;
use super::liveness::BatchWait;
use super::protection::{Batch, Boundary, Changed, Copy, Point, Protection, add_changes};
use super::ranges::Ranges;
use super::{Oracle, VmTrack};
use crate::findings::Violation;
use crate::invariants::copies_add_up::Progress;
use crate::invariants::{
    acknowledged_is_durable, acknowledged_is_kept, app_points_are_quiesced, batches_in_order, clocks_agree,
    copies_add_up, no_point_during_copy, point_is_as_old_as_it_says, point_is_prefix, points_in_order, sizes_add_up,
    stored_is_written, tags_in_order,
};

impl Oracle {
    pub(super) fn replication_fact(&mut self, at: SimTime, fact: &Fact, evidence: Option<Evidence>) {
        match fact {
            Fact::ProtectionStarted {
                vm,
                protection,
                life,
                reverse,
            } => self.protection_started(*vm, *protection, *life, *reverse),
            Fact::CopyStarted {
                disk,
                protection,
                copy,
                bytes,
                ..
            } => self.copy_started(at, *disk, (*protection, *copy), *bytes),
            Fact::CopyProgress {
                disk,
                protection,
                processed_bytes,
                sent_bytes,
                matched_bytes,
                skipped_bytes,
            } => {
                let now = Progress {
                    processed: *processed_bytes,
                    sent: *sent_bytes,
                    matched: *matched_bytes,
                    skipped: *skipped_bytes,
                };
                let Some(copy) = self.copy(*disk, *protection) else {
                    return;
                };
                let before = std::mem::replace(&mut copy.progress, now);
                let violations = copies_add_up::check(*disk, copy.bytes, before, now);
                self.ledger.check(at, *disk, violations);
            }
            Fact::CopyEnded {
                disk,
                protection,
                highest,
            } => {
                let last = self.protection(disk.vm, *protection).map(|(track, of)| {
                    track
                        .guests
                        .newest_on(of.machine)
                        .map_or(WriteSeq::START, |life| life.last)
                });
                let Some(copy) = self.copy(*disk, *protection) else {
                    return;
                };
                copy.highest = Some(*highest);
                let (bytes, progress) = (copy.bytes, copy.progress);
                let last = last.unwrap_or_default();
                let violations = copies_add_up::check_end(*disk, bytes, progress, *highest, last);
                self.ledger.check(at, *disk, violations);
            }
            Fact::BatchCut {
                vm,
                protection,
                batch,
                first,
                last,
                cut,
                mark,
            } => self.batch_cut(at, *vm, *protection, *batch, (*first, *last), (*cut, *mark)),
            Fact::BatchCached { vm, protection, batch } => {
                if let Some(Evidence::Cached { files }) = evidence {
                    let violations = acknowledged_is_durable::check(*batch, &files);
                    self.ledger.check(at, *vm, violations);
                }
                let Some((_, of)) = self.protection_mut(*vm, *protection) else {
                    return;
                };
                let violations =
                    acknowledged_is_kept::check_cached(*batch, of.newest_cut.map_or(0, |(batch, _)| batch));
                of.newest_cached = of.newest_cached.max(*batch);
                if let Some(track) = of.batch_mut(*batch) {
                    track.cached.get_or_insert(at);
                }
                self.ledger.check(at, *vm, violations);
            }
            Fact::TagStored {
                vm,
                protection,
                batch,
                last,
                mark,
            } => self.tag_stored(at, *vm, *protection, *batch, *last, *mark),
            Fact::PointProcessed {
                vm,
                protection,
                mark,
                applied_bytes,
            } => self.point_processed(at, *vm, *protection, mark, *applied_bytes, evidence),
            Fact::PointPruned {
                vm,
                protection,
                point,
                why,
            } => {
                self.judge_pruned(at, *vm, *protection, *point, why);
                let Some((_, of)) = self.protection_mut(*vm, *protection) else {
                    return;
                };
                let known = of.points.get(point).map(|known| known.known());
                let violations = points_in_order::check_pruned(*point, known.as_ref());
                of.prune(*point);
                self.ledger.check(at, *vm, violations);
                self.restore_after_pruning(*vm, *point);
            }
            Fact::BatchesMerged {
                vm,
                protection,
                first,
                last,
                from,
                to,
                ..
            } => {
                self.judge_merged(at, *vm, *protection, (*from, *to), evidence);
                let Some((_, of)) = self.protection_mut(*vm, *protection) else {
                    return;
                };
                of.announced.insert((*from, *to));
                // A point's number is at most that of its batch.
                let up_to = of.points.range(..=*to).rev().map(|(_, point)| point.known());
                let within = up_to.take_while(|known| known.mark.seq >= *first);
                let violations = points_in_order::check_merged(*first, *last, within);
                self.ledger.check(at, *vm, violations);
            }
            _ => {}
        }
    }

    pub(super) fn protection(&self, vm: VmId, protection: u32) -> Option<(&VmTrack, &Protection)> {
        let track = self.vms.get(&vm)?;
        Some((track, track.protections.get(&protection)?))
    }

    pub(super) fn protection_mut(
        &mut self,
        vm: VmId,
        protection: u32,
    ) -> Option<(&mut super::Guests, &mut Protection)> {
        let track = self.vms.get_mut(&vm)?;
        Some((&mut track.guests, track.protections.get_mut(&protection)?))
    }

    /// The newest copy of a disk.
    fn copy(&mut self, disk: DiskId, protection: u32) -> Option<&mut Copy> {
        let (_, of) = self.protection_mut(disk.vm, protection)?;
        of.copies.iter_mut().rev().find(|copy| copy.disk == disk)
    }

    fn protection_started(&mut self, vm: VmId, protection: u32, life: Life, reverse: bool) {
        let retention = self.retentions.of(vm, reverse);
        let Some(track) = self.vms.get_mut(&vm) else { return };
        let began = track.guests.life(life).map_or(WriteSeq::START, |life| life.last);
        track.guests.forget_others(life.machine);
        // What came before is over: its points are gone.
        track.protections.clear();
        let wrote = track.guests.logs.get(&life.machine).map_or(0, |log| log.total().1);
        track
            .protections
            .insert(protection, Protection::new(life, began, wrote, (reverse, retention)));
    }

    fn copy_started(&mut self, at: SimTime, disk: DiskId, (protection, number): (u32, u32), bytes: u64) {
        let Some((track, of)) = self.protection(disk.vm, protection) else {
            return;
        };
        let began = track
            .guests
            .newest_on(of.machine)
            .map_or(WriteSeq::START, |life| life.last);
        let has = track
            .spec
            .disks
            .iter()
            .find(|(of, _)| *of == disk)
            .map(|(_, bytes)| *bytes);
        let violations = copies_add_up::check_start(disk, bytes, has);
        self.ledger.check(at, disk, violations);
        let disks = self.vms.get(&disk.vm).map_or(0, |track| track.spec.disks.len());
        let cache_loses = self.plan.cache_loses;
        if let Some((_, of)) = self.protection_mut(disk.vm, protection) {
            of.copied_since_cut.insert(disk);
            if cache_loses && of.copied_since_cut.len() == disks {
                // What a disk lost that lied or rotted comes with the copy.
                of.unsound.clear();
            }
            of.copy_began();
            of.copies.push(Copy {
                disk,
                number,
                bytes,
                progress: Progress::default(),
                highest: None,
                began,
                stored: false,
                applied: false,
            });
        }
    }

    fn batch_cut(
        &mut self,
        at: SimTime,
        vm: VmId,
        protection: u32,
        batch: u64,
        (first, last): (WriteSeq, WriteSeq),
        (time, mark): (CutTime, Option<Mark>),
    ) {
        let Some(track) = self.vms.get_mut(&vm) else { return };
        let Some(of) = track.protections.get_mut(&protection) else {
            // A protection that is over may still log; one that has not begun may not.
            if track
                .protections
                .keys()
                .next_back()
                .is_none_or(|newest| *newest < protection)
            {
                let broken = batches_in_order::Broken::ProtectionNotBegun { batch, protection };
                self.ledger.check(at, vm, vec![broken]);
            }
            return;
        };
        let log = track.guests.logs.entry(of.machine).or_default();
        let mut cut = Batch {
            batch,
            first,
            last,
            cut: time,
            mark,
            wrote: (0, 0),
            changed: Changed::new(),
            written: 0,
            with_copy: 0,
            cached: None,
            ahead: 0,
            segments: Default::default(),
            copied: of.copied_since_cut.iter().map(|disk| disk.index).collect(),
        };
        // Cut anew: what was in the batches that were given up is in this one again.
        while let Some(given_up) = of.pop_back_from(batch) {
            add_changes(&mut cut.changed, given_up.changed);
            cut.written += given_up.written;
            cut.with_copy += given_up.with_copy;
            if given_up.first < first || given_up.last > last {
                of.written = None;
            }
            if let Some(mark) = given_up.mark {
                of.points.remove(&mark.point);
            }
        }
        let mut outside: BTreeMap<u16, u64> = BTreeMap::new();
        let mut inside: BTreeMap<u16, Vec<(u64, u64)>> = BTreeMap::new();
        while let Some(entry) = log.take(last) {
            of.last_in = Some((entry.last, entry.at));
            if entry.first < first {
                *outside.entry(entry.disk).or_default() += entry.writes();
                continue;
            }
            cut.written += entry.bytes;
            cut.with_copy += entry.bytes * u64::from(cut.copied.contains(&entry.disk));
            let extents = (entry.start, entry.start + u64::from(entry.extents));
            inside.entry(entry.disk).or_default().push(extents);
        }
        let inside = inside
            .into_iter()
            .map(|(disk, ranges)| (disk, Ranges::from_unordered(ranges)));
        add_changes(&mut cut.changed, inside.collect());
        if cut.copied.len() == track.spec.disks.len() {
            // Also of what was given up.
            cut.with_copy = cut.written;
        }
        if log.incomplete {
            of.written = None;
        }
        let first_ever = of.newest_cut.is_none();
        let violations = batches_in_order::check(&batches_in_order::Cut {
            batch,
            first,
            last,
            mark: mark.map(|mark| mark.seq),
            before: of.newest_cut,
            cached: of.newest_cached,
            outside: outside
                .into_iter()
                .filter(|_| !first_ever)
                .map(|(index, writes)| {
                    let disk = DiskId { vm, index };
                    (disk, writes, of.copied_since_cut.contains(&disk))
                })
                .collect(),
            split: log
                .front()
                .filter(|entry| entry.first <= last)
                .map(|entry| (entry.first, entry.last)),
        });
        self.ledger.check(at, vm, violations);
        cut.wrote = log.taken();
        cut.ahead = cut.wrote.1.saturating_sub(of.at_target);
        // A batch without a mark may become the latest point: its time is held to the same.
        let boundary = Mark {
            point: 0,
            seq: last,
            consistency: Consistency::Crash,
            marked: time.at,
            marked_source: time.source,
            life: time.life,
            shared: None,
        };
        if mark.is_none() && self.grain != Grain::Aggregate && of.newest_processed.is_some() {
            let next = log.front().map(|entry| (entry.first, entry.at));
            let violations = point_is_as_old_as_it_says::check(&boundary, at, of.last_in, next);
            self.ledger.check(at, vm, violations);
        }
        if let Some(mark) = &mark {
            let next = log.front().map(|entry| (entry.first, entry.at));
            let violations = point_is_as_old_as_it_says::check(mark, at, of.last_in, next);
            self.ledger.check(at, vm, violations);
            let off = self.clocks.off(of.machine, mark.marked, at);
            self.ledger.check(at, vm, clocks_agree::check(mark, &off));
            let mut flushes = Vec::new();
            for life in track.guests.lives.iter().filter(|life| life.life.machine == of.machine) {
                flushes.extend(life.flushes.iter().copied());
            }
            if mark.consistency == Consistency::App {
                let violations = app_points_are_quiesced::check(mark, &flushes);
                self.ledger.check(at, vm, violations);
            }
            let disks: Vec<DiskId> = track.spec.disks.iter().map(|(disk, _)| *disk).collect();
            let violations = no_point_during_copy::check(mark, &disks, &of.newest_copies());
            self.ledger.check(at, vm, violations);
            let point = Point {
                mark: *mark,
                batch,
                stored: false,
                processed: false,
                pruned: false,
                verified: false,
                wrote: log.taken(),
                written: None,
            };
            // A failover may have given the number to a boundary meanwhile; then this mark never arrives.
            if of.points.get(&mark.point).is_none_or(|known| !known.processed) {
                of.add(point);
            }
        }
        of.copied_since_cut.clear();
        of.newest_cut = Some((batch, last));
        of.batches.push_back(cut);
        if let Some(mark) = mark {
            self.copies_are_stored(at, vm, protection, mark.point);
        }
    }

    fn tag_stored(&mut self, at: SimTime, vm: VmId, protection: u32, batch: u64, last: WriteSeq, mark: Option<Mark>) {
        let disks = self.vms.get(&vm).map_or(0, |track| track.spec.disks.len());
        let (judged, aggregate) = (self.vault.is_some(), self.grain == Grain::Aggregate);
        let cache_loses = self.plan.cache_loses;
        let Some((_, of)) = self.protection_mut(vm, protection) else {
            return;
        };
        let before = of.newest_tagged;
        let known = of.batch_mut(batch);
        let missing = match &known {
            Some(known) => known
                .changed
                .keys()
                // What was written before a copy began is the copy's to bring: a power cut can have lost it from the journal.
                .filter(|disk| !known.segments.contains_key(disk) && !known.copied.contains(disk))
                .map(|index| DiskId { vm, index: *index })
                .collect(),
            None => Vec::new(),
        };
        let copied = known.as_ref().is_some_and(|known| known.copied.len() == disks);
        let violations = tags_in_order::check(&tags_in_order::Tagged {
            batch,
            last,
            mark,
            before,
            cut: known.as_ref().map(|known| (known.last, known.mark)),
            cached: known.as_ref().is_some_and(|known| known.cached.is_some()),
            // Where a disk lies or rots, nobody knows what is lost before the target misses it.
            copied: copied || cache_loses,
            missing,
        });
        let copied = copied || (cache_loses && of.copied_since_cut.len() == disks);
        let in_turn = batch > of.newest_tagged;
        of.newest_tagged = of.newest_tagged.max(batch);
        let mut sizes = Vec::new();
        let mut waits = Vec::new();
        while let Some(done) = of.pop_front_through(batch) {
            waits.push(BatchWait {
                batch: done.batch,
                cut: done.cut.at,
                cached: done.cached,
                ahead: done.ahead,
            });
            of.at_target = done.wrote.1;
            // What was lost on the way came with the copy.
            let lost = done.batch != batch && copied;
            let stored_wrong = lost && done.segments.values().any(|found| !found.sound);
            let judged = judged && (!lost || stored_wrong);
            let held = done.segments.values().map(|found| found.bytes).sum();
            if judged && aggregate && of.written.is_some() {
                let least = done.written - done.with_copy;
                let wrong = stored_is_written::check_bytes(done.batch, held, (least, done.written));
                of.unsound.extend(wrong.first().map(|why| (done.batch, why.text())));
                sizes.extend(wrong);
            }
            if judged {
                of.unsound.extend(done.unsound());
            }
            of.boundary = done.mark.is_none().then_some(Boundary {
                last: done.last,
                cut: done.cut,
                wrote: done.wrote,
            });
            add_changes(&mut of.since_mark, done.changed);
            // What a copy brings may be in the batch as well, or not.
            let taken_in = match lost || done.with_copy > 0 {
                true => held,
                false => done.written,
            };
            of.written = of.written.map(|written| written + taken_in);
        }
        if let Some(mark) = mark.filter(|_| in_turn) {
            of.pending.push_back((mark.point, std::mem::take(&mut of.since_mark)));
            let written = of.written;
            if let Some(point) = of.points.get_mut(&mark.point) {
                point.stored = true;
                point.written = written;
            }
        }
        self.ledger.check(at, vm, violations);
        if judged && aggregate {
            self.ledger.check(at, vm, sizes);
        }
        for wait in waits {
            self.check_batch(at, vm, &wait, None);
        }
    }

    /// A point that no agent marked must be the end of the newest batch that is complete.
    fn point_at_boundary(&mut self, at: SimTime, vm: VmId, protection: u32, mark: &Mark) {
        let Some(track) = self.vms.get_mut(&vm) else { return };
        let disks: Vec<DiskId> = track.spec.disks.iter().map(|(disk, _)| *disk).collect();
        let Some(of) = track.protections.get_mut(&protection) else {
            return;
        };
        // The agent may have given the number to a mark that never arrived.
        let unmarked = of.points.get(&mark.point).is_none_or(|known| !known.stored);
        let Some(boundary) = of.boundary.take_if(|boundary| unmarked && boundary.is(mark)) else {
            return;
        };
        let point = Point {
            mark: *mark,
            batch: of.newest_tagged,
            stored: true,
            processed: false,
            pruned: false,
            verified: false,
            wrote: boundary.wrote,
            written: of.written,
        };
        of.add(point);
        of.pending.push_back((mark.point, std::mem::take(&mut of.since_mark)));
        let off = self.clocks.off(of.machine, mark.marked, at);
        self.ledger.check(at, vm, clocks_agree::check(mark, &off));
        let violations = no_point_during_copy::check(mark, &disks, &of.newest_copies());
        self.ledger.check(at, vm, violations);
    }

    fn point_processed(
        &mut self,
        at: SimTime,
        vm: VmId,
        protection: u32,
        mark: &Mark,
        applied_bytes: u64,
        evidence: Option<Evidence>,
    ) {
        self.points.0 += 1;
        if planted(Plant::OracleLooksAway) && mark.point.is_multiple_of(2) {
            return;
        }
        self.point_at_boundary(at, vm, protection, mark);
        let Some((_, of)) = self.protection_mut(vm, protection) else {
            return;
        };
        let known = of.points.get(&mark.point).map(Point::known);
        let violations = points_in_order::check_processed(mark, known.as_ref(), of.newest_processed.as_ref());
        let in_order = violations.is_empty();
        let changed = of.take_passed(mark.point);
        let through = of.points.get(&mark.point).map_or(0, |point| point.batch);
        let unsound = of.take_unsound(through);
        let copied = of.copies_applied(mark.seq, through);
        // The first point has everything to show; one after a resynchronization may show all, and has to show what batches changed.
        let before = of.newest_processed.replace(*mark);
        self.ledger.check(at, vm, violations);
        let is_stored = unsound.is_empty();
        if self.vault.is_some() {
            let violations = stored_is_written::check_point(mark.point, &unsound);
            self.ledger.check(at, vm, violations);
        }
        self.judge_kept(at, vm, protection, before.map(|mark| mark.point));

        let in_order = in_order && is_stored;
        let right = match self.grain {
            Grain::Aggregate => self.judge_sizes(at, vm, protection, mark, applied_bytes),
            _ => self.judge_content(at, vm, protection, (before, mark, copied), &changed, evidence),
        };
        if let Some(right) = right {
            self.points.1 += 1;
            if right && in_order {
                self.collector.verified(vm, protection, mark.point);
            }
        }
        if let Some((_, of)) = self.protection_mut(vm, protection)
            && let Some(point) = of.points.get_mut(&mark.point)
        {
            point.processed = true;
            point.verified = right == Some(true) && in_order;
        }
    }

    /// Judges a point in the aggregate grain; none where its sum cannot be made.
    fn judge_sizes(&mut self, at: SimTime, vm: VmId, protection: u32, mark: &Mark, applied_bytes: u64) -> Option<bool> {
        let (_, of) = self.protection(vm, protection)?;
        let expected = sizes_add_up::Expected {
            written: of.points.get(&mark.point)?.written?,
            copied: of.copied_bytes(mark.seq),
        };
        let violations = sizes_add_up::check(mark.point, applied_bytes, expected);
        let right = violations.is_empty();
        self.ledger.check(at, vm, violations);
        Some(right)
    }

    /// Judges a point, with the mark of the one before and whether copies came to their end in between, by what the target shows; none where
    /// it shows nothing.
    fn judge_content(
        &mut self,
        at: SimTime,
        vm: VmId,
        protection: u32,
        (before, mark, copied): (Option<Mark>, &Mark, bool),
        changed: &Changed,
        evidence: Option<Evidence>,
    ) -> Option<bool> {
        let shown = match evidence? {
            Evidence::PointChanged { runs } => Shown::Runs(runs),
            Evidence::Disks { volumes } => Shown::Disks(volumes),
            _ => return None,
        };
        let (track, of) = self.protection(vm, protection)?;
        let life = track.guests.at(of.machine, mark.marked)?;
        let histories = life.disks.as_ref()?;
        // Where the power was lost since the point before, or a copy found equal what was written anew: that point's seq, and what the
        // disks held then.
        let compared = before.and_then(|before| {
            let earlier = track.guests.at(of.machine, before.marked)?;
            (copied || earlier.life != life.life).then_some((before.seq, earlier.disks.as_ref()?))
        });
        let nothing = Ranges::default();
        let mut violations = Vec::new();
        for ((disk, _), history) in track.spec.disks.iter().zip(histories) {
            match &shown {
                Shown::Disks(volumes) => match volumes.iter().find(|(of, _)| of == disk) {
                    Some((_, volume)) => violations.extend(point_is_prefix::check_disk(*disk, history, mark, volume)),
                    None => violations.push(point_is_prefix::Broken::DiskNotShown {
                        point: mark.point,
                        disk: *disk,
                    }),
                },
                Shown::Runs(runs) => {
                    let runs = runs.iter().find(|(of, _)| of == disk).map_or(&[][..], |(_, runs)| runs);
                    let everything;
                    let changed = changed.get(&disk.index).unwrap_or(&nothing);
                    let earlier = compared.and_then(|(seq, disks)| Some((seq, disks.get(usize::from(disk.index))?)));
                    let must_show = match (before, earlier) {
                        (None, _) => {
                            everything = used_by(history, mark.seq);
                            &everything
                        }
                        (_, Some((seq, earlier))) => {
                            everything = changed.minus(&as_before(changed, (earlier, seq), (history, mark.seq)));
                            &everything
                        }
                        _ => changed,
                    };
                    violations.extend(point_is_prefix::check_runs(*disk, history, mark, runs, must_show));
                }
            }
        }
        let right = violations.is_empty();
        self.ledger.check(at, vm, violations);
        Some(right)
    }
}

enum Shown {
    Runs(Vec<(DiskId, Vec<Run>)>),
    Disks(Vec<(DiskId, Volume)>),
}

/// Extents that were written to and hold what they held at a point before: the guest's writes went with its power, or were the same again
/// and a copy by checksums sent nothing of them, so there is nothing to show.
fn as_before(written: &Ranges, before: (&History, WriteSeq), now: (&History, WriteSeq)) -> Ranges {
    let print = |(history, seq): (&History, WriteSeq), extent| history.print_at(extent, seq);
    let extents = written.as_slice().iter().flat_map(|(from, to)| *from..*to);
    let same = extents.filter(|extent| print(before, *extent).is_some_and(|held| print(now, *extent) == Some(held)));
    Ranges::from_unordered(same.map(|extent| (extent, extent + 1)).collect())
}

/// What a disk uses at a place of the sequence: what its image had, and what was written.
fn used_by(history: &History, seq: WriteSeq) -> Ranges {
    let extents = history.extents();
    let written = history
        .written(0, extents)
        .filter(|(_, versions)| versions.at(seq).is_some())
        .map(|(extent, _)| (extent, extent + 1));
    let used = history.root.ranges(0).map(|(from, to)| (from, to.min(extents)));
    Ranges::from_unordered(used.chain(written).collect())
}
