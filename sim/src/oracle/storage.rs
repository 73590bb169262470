//! What lies in storage: every stored segment is read from its file with the oracle's own reader, and held against what was written.

use std::collections::{BTreeMap, BTreeSet};

use actors::nouns::MachineId;
use actors::ports::Evidence;
use actors::spec::ComponentSpec;
use datapath::seal::VaultKey;
use datapath::segment::SegmentKind;
use datapath::{Blob, DiskId, EXTENT_BYTES, Grain, Run, SimTime, VmId, WriteSeq};

use super::Oracle;
use super::compare::{Comparison, Expect, compare_runs_in_parallel};
use super::guest::Guests;
use super::history::History;
use super::print::Print;
use super::ranges::Ranges;
use super::reader::{self, Broken, file_name};
use crate::invariants::{
    copies_end_stored, nonces_never_repeat, points_are_kept, storage_holds_ciphertext, stored_is_written,
};
use crate::spec::WorldSpec;

/// A segment of a batch, as it was found in storage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// It is what it should be, as far as it was judged.
    pub sound: bool,
    /// Bytes written by its range, in the aggregate grain.
    pub bytes: u64,
}

impl Found {
    /// Nothing was judged.
    pub const UNSEEN: Found = Found { sound: true, bytes: 0 };
    const BROKEN: Found = Found { sound: false, bytes: 0 };
}

/// A segment that the log says is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub at: SimTime,
    pub disk: DiskId,
    pub protection: u32,
    pub kind: SegmentKind,
    /// Epoch and first counter.
    pub nonce: (u32, u64),
}

/// The vault of a world: whoever seals has its identity and key. None where nobody does.
#[must_use]
pub fn vault_and_key(spec: &WorldSpec) -> Option<([u8; 16], VaultKey)> {
    let components = spec.machines.iter().flat_map(|machine| &machine.components);
    let mut keys = components.filter_map(|component| match component {
        ComponentSpec::ProcessServer(spec) => Some((spec.vault, spec.key.clone())),
        ComponentSpec::Service(spec) => Some((spec.vault, spec.key.clone())),
        _ => None,
    });
    keys.next_back()
}

/// The files that a fact was shown with.
pub(super) fn files_of(evidence: Option<Evidence>) -> Vec<(String, Blob)> {
    match evidence {
        Some(Evidence::Stored { files }) => files,
        _ => Vec::new(),
    }
}

impl Oracle {
    /// Whether a piece of a copy that is found in storage was never told to be there.
    pub(super) fn is_new_piece(&self, disk: DiskId, protection: u32, kind: SegmentKind) -> bool {
        let SegmentKind::Copy { copy, part } = kind else {
            return false;
        };
        let Some((_, of)) = self.protection(disk.vm, protection) else {
            return false;
        };
        // Of a copy that was given up nobody counts the pieces.
        let newest = of.copies.iter().rev().find(|known| known.disk == disk);
        let under_way = newest.is_some_and(|known| known.number == copy && !known.stored);
        let told = of
            .pieces
            .get(&(disk, copy))
            .is_some_and(|pieces| pieces.contains_key(&part));
        under_way && !told
    }

    /// A segment lies in storage.
    pub(super) fn segment_stored(&mut self, said: Said, stored_bytes: u64, files: &[(String, Blob)]) {
        let Said {
            at,
            disk,
            protection,
            kind,
            nonce: (epoch, first_counter),
        } = said;
        let (found, counters) = self.judge_stored(said, files);
        let segment = nonces_never_repeat::Stored {
            protection,
            kind,
            epoch,
            first_counter,
            stored_bytes,
            counters,
        };
        let nonces = match kind {
            SegmentKind::Merged { .. } => &mut self.merging_nonces,
            SegmentKind::Changes { .. } | SegmentKind::Copy { .. } => &mut self.nonces,
        };
        let violations = nonces.stored(disk, segment);
        self.ledger.check(at, disk, violations);
        let SegmentKind::Changes { batch } = kind else { return };
        let of = self.protection_mut(disk.vm, protection);
        if let Some(batch) = of.and_then(|(_, of)| of.batch_mut(batch)) {
            batch.segments.insert(disk.index, found);
        }
    }

    /// Judges a stored segment by its file. Gives what was found, and how many nonces it used where that can be told.
    fn judge_stored(&mut self, said: Said, files: &[(String, Blob)]) -> (Found, Option<u64>) {
        let Said {
            at,
            disk,
            protection,
            kind,
            nonce,
        } = said;
        let Some(vault) = self.vault.as_mut() else {
            return (Found::UNSEEN, None);
        };
        self.segments.0 += 1;
        let file = file_name(protection, disk, kind);
        let shown = files.iter().find(|(name, _)| *name == file);
        let opened = match shown.map(|(_, blob)| vault.open(blob)) {
            Some(Ok(opened)) => opened,
            Some(Err(Broken::Seal(why))) => {
                let reason = why;
                let broken = storage_holds_ciphertext::Broken::DoesNotOpen { disk, file, reason };
                self.ledger.check(at, disk, vec![broken]);
                self.segments.1 += 1;
                return (Found::BROKEN, None);
            }
            Some(Err(Broken::Layout(why))) => {
                let reason = why;
                let broken = stored_is_written::Broken::Unreadable { disk, file, reason };
                self.ledger.check(at, disk, vec![broken]);
                self.segments.1 += 1;
                return (Found::BROKEN, None);
            }
            None => {
                let broken = stored_is_written::Broken::NoSuchFile { disk, file };
                self.ledger.check(at, disk, vec![broken]);
                return (Found::BROKEN, None);
            }
        };
        self.segments.1 += 1;
        let known = storage_holds_ciphertext::Known {
            vault: vault.id(),
            disk,
            kind,
            nonce,
            range: self.range_of(disk.vm, protection, kind),
        };
        let violations = storage_holds_ciphertext::check(&file, &opened.header, &known);
        let sound = violations.is_empty();
        self.ledger.check(at, disk, violations);
        let bytes = opened.bytes.unwrap_or(0);
        let held = match kind {
            SegmentKind::Merged { .. } => Vec::new(),
            _ => {
                let last = known.range.map_or(opened.header.last, |(_, last)| last);
                self.judge_runs(&said, &file, last, &opened.runs)
            }
        };
        let right = held.is_empty();
        if !matches!(kind, SegmentKind::Merged { .. }) {
            self.ledger.check(at, disk, held);
        }
        if let SegmentKind::Copy { copy, part } = kind {
            self.note_piece(disk, protection, (copy, part), &opened.runs, opened.bytes);
        }
        let found = Found {
            sound: sound && right,
            bytes,
        };
        (found, opened.counters)
    }

    /// First and last write of a batch that has no tag yet.
    fn range_of(&self, vm: VmId, protection: u32, kind: SegmentKind) -> Option<(WriteSeq, WriteSeq)> {
        let SegmentKind::Changes { batch } = kind else {
            return None;
        };
        let (_, of) = self.protection(vm, protection)?;
        let track = of.batches.iter().find(|track| track.batch == batch)?;
        Some((track.first, track.last))
    }

    /// Judges what a segment holds against what the guest had written at its position.
    fn judge_runs(&self, said: &Said, file: &str, last: WriteSeq, runs: &[Run]) -> Vec<stored_is_written::Broken> {
        let Said {
            disk, protection, kind, ..
        } = *said;
        let Some(track) = self.vms.get(&disk.vm) else {
            return Vec::new();
        };
        let Some(of) = track
            .protections
            .get(&protection)
            .filter(|_| self.grain != Grain::Aggregate)
        else {
            return Vec::new();
        };
        let histories = histories_at(&track.guests, of.machine, disk, last);
        let Some(newest) = histories.first() else {
            return Vec::new();
        };
        if matches!(kind, SegmentKind::Copy { .. }) && last < newest.forgotten() {
            // Of a copy that was given up: nobody asks for that place any more.
            return Vec::new();
        }
        let expect = match kind {
            // A piece may have seen writes that the agent had not heard of yet: a batch brings those again.
            SegmentKind::Copy { .. } => Expect::Since(last),
            _ => Expect::At(last),
        };
        let mut comparison = compare_runs_in_parallel(newest, expect, runs);
        if !comparison.is_right() && histories.len() > 1 && held_by_any(&histories, last, runs) {
            // The batch goes over the end of a life: its journal has what the disks lost with the power.
            comparison = Comparison::default();
        }
        let held = Ranges::from_unordered(runs.iter().map(|run| (run.start.0, run.end().0)).collect());
        let must_hold = match kind {
            SegmentKind::Changes { batch } => {
                let batch = of.batches.iter().find(|track| track.batch == batch);
                // What was written before a copy began is the copy's to bring.
                let batch = batch.filter(|batch| !batch.copied.contains(&disk.index));
                batch.and_then(|batch| batch.changed.get(&disk.index))
            }
            _ => None,
        };
        stored_is_written::check(disk, file, &comparison, &held, must_hold)
    }

    /// A piece of a copy is stored: it counts for the copy's end.
    fn note_piece(
        &mut self,
        disk: DiskId,
        protection: u32,
        (copy, part): (u32, u32),
        runs: &[Run],
        summary: Option<u64>,
    ) {
        let Some(track) = self.vms.get_mut(&disk.vm) else {
            return;
        };
        let size = track.spec.disks.iter().find(|(of, _)| *of == disk);
        let size = size.map_or(u64::MAX, |(_, bytes)| *bytes);
        let Some(of) = track.protections.get_mut(&protection) else {
            return;
        };
        // The last extent may be cut off by the disk's end.
        let bytes_of = |run: &Run| {
            let end = (run.end().0 * EXTENT_BYTES).min(size);
            end.saturating_sub(run.start.0 * EXTENT_BYTES)
        };
        let bytes = summary.unwrap_or_else(|| runs.iter().map(bytes_of).sum());
        of.pieces.entry((disk, copy)).or_default().insert(part, bytes);
    }

    /// A point is marked: the copies before it must lie in storage whole.
    pub(super) fn copies_are_stored(&mut self, at: SimTime, vm: VmId, protection: u32, point: u64) {
        if self.vault.is_none() {
            return;
        }
        let cache_loses = self.plan.cache_loses;
        let Some((_, of)) = self.protection_mut(vm, protection) else {
            return;
        };
        let mut violations = Vec::new();
        let disks: BTreeSet<DiskId> = of.copies.iter().map(|copy| copy.disk).collect();
        let mut over = false;
        for disk in disks {
            let newest = of.copies.iter_mut().rev().find(|copy| copy.disk == disk);
            let Some(copy) = newest.filter(|copy| !copy.stored) else {
                continue;
            };
            copy.stored = true;
            over = true;
            let pieces = of.pieces.remove(&(disk, copy.number)).unwrap_or_default();
            let stored = pieces.values().sum();
            // A piece that the process server's disk lost was acknowledged, and the agent's copy ends: the target misses it then, and
            // another copy follows. That no point of it becomes usable is the other laws' to see.
            if cache_loses && stored < copy.progress.sent {
                continue;
            }
            violations.extend(copies_end_stored::check(
                disk,
                point,
                copy.progress.sent,
                stored,
                pieces.len(),
            ));
        }
        if over {
            of.pieces.clear();
            self.ledger.check(at, vm, violations);
        }
    }

    /// Batches became one: what lies in storage of them, before and after, must be the same.
    pub(super) fn judge_merged(
        &mut self,
        at: SimTime,
        vm: VmId,
        protection: u32,
        (from, to): (u64, u64),
        evidence: Option<Evidence>,
    ) {
        if let Some((_, of)) = self.protection_mut(vm, protection) {
            of.merged.retain(|(first, last)| *first < from || *last > to);
            of.merged.push((from, to));
        }
        let Some(vault) = self.vault.as_mut() else { return };
        let files = files_of(evidence);
        let mut violations = Vec::new();
        let mut before: BTreeMap<DiskId, Vec<(WriteSeq, Vec<Run>)>> = BTreeMap::new();
        let mut now: BTreeMap<DiskId, Vec<Run>> = BTreeMap::new();
        for (name, blob) in files {
            let Some((_, disk, kind)) = reader::of_file(&name) else {
                continue;
            };
            match vault.open(&blob) {
                Ok(opened) if kind == (SegmentKind::Merged { from, to }) => {
                    now.insert(disk, opened.runs);
                }
                Ok(opened) => before.entry(disk).or_default().push((opened.header.last, opened.runs)),
                // One that somebody tampered with is left as it is, and never becomes part of a merge.
                Err(Broken::Seal(why) | Broken::Layout(why)) => {
                    violations.push(stored_is_written::Broken::Unreadable {
                        disk,
                        file: name,
                        reason: why,
                    })
                }
            }
        }
        let zero = match self.grain {
            Grain::Real => Print::of_zero_bytes(),
            _ => Print::of_zero_version(),
        };
        let disks: Vec<DiskId> = before.keys().chain(now.keys()).copied().collect();
        for disk in disks {
            let (Some(mut old), new) = (before.remove(&disk), now.remove(&disk).unwrap_or_default()) else {
                continue;
            };
            old.sort_by_key(|(last, _)| *last);
            let mut held = BTreeMap::new();
            for (_, runs) in &old {
                prints_of(runs, zero, &mut held);
            }
            let mut holds = BTreeMap::new();
            prints_of(&new, zero, &mut holds);
            violations.extend(stored_is_written::check_merged(disk, (from, to), &held, &holds));
        }
        for disk in now.keys() {
            violations.push(stored_is_written::Broken::MergeOfNothing { disk: *disk, from, to });
        }
        self.ledger.check(at, vm, violations);
    }

    /// Files of segments were removed by whoever stores them.
    pub fn removed(&mut self, files: &[String]) {
        let at = self.now;
        for file in files {
            let Some((protection, disk, kind)) = reader::of_file(file) else {
                continue;
            };
            let Some(track) = self.vms.get(&disk.vm) else { continue };
            let Some(of) = track
                .protections
                .get(&protection)
                .filter(|of| track.is_in_force() && !of.over)
            else {
                continue;
            };
            let (from, to) = match kind {
                SegmentKind::Changes { batch } => (batch, batch),
                // One that was never announced is one that could not be completed.
                SegmentKind::Merged { from, to } if of.announced.contains(&(from, to)) => (from, to),
                _ => continue,
            };
            let mut kept = of
                .standing()
                .map(|(_, point)| point)
                .filter(|point| point.processed && !point.pruned);
            let oldest = kept.next().map(|point| point.batch);
            let newest = kept.next_back().map(|point| point.batch).or(oldest);
            let kept = oldest.zip(newest);
            let within = |ranges: &[(u64, u64)]| {
                ranges.iter().any(|(first, last)| {
                    let itself = (*first, *last) == (from, to) && from < to;
                    *first <= from && to <= *last && !itself
                })
            };
            let elsewhere = within(&of.merged) || within(&of.layers);
            let violations = points_are_kept::check_removed(file, (from, to), kept, elsewhere);
            self.ledger.check(at, disk, violations);
        }
    }
}

/// A disk's content over the lives of a machine that had begun at a place of the sequence, the newest first.
fn histories_at(guests: &Guests, machine: MachineId, disk: DiskId, at: WriteSeq) -> Vec<&History> {
    let lives = guests.lives.iter().rev();
    lives
        .filter(|life| life.life.machine == machine && life.began <= at)
        .filter_map(|life| life.disks.as_ref()?.get(usize::from(disk.index)))
        .collect()
}

/// Whether each extent holds what one of the lives had written there.
fn held_by_any(histories: &[&History], at: WriteSeq, runs: &[Run]) -> bool {
    runs.iter().all(|run| {
        (0..u64::from(run.extents)).all(|n| {
            let held = histories.first().map(|history| history.print_in(&run.content, n));
            histories
                .iter()
                .any(|history| history.print_at(run.start.0 + n, at) == held)
        })
    })
}

/// Puts the prints of runs over others.
fn prints_of(runs: &[Run], zero: Print, prints: &mut BTreeMap<u64, Print>) {
    for run in runs {
        for at in 0..u64::from(run.extents) {
            prints.insert(run.start.0 + at, Print::of_content(&run.content, at, zero));
        }
    }
}
