//! Batches between two kept recovery points become one: fetched, opened, put over each other, sealed anew, stored beside the old ones,
//! and only then put in their place.
//!
//! A keeper seals with a key of its own and an epoch that the vault granted to it alone, so it shares no nonce with process servers or
//! an earlier keeper. What was sealed is kept until it is stored: a retry resends it. One merge is under way at a time, and none begins
//! or ends while a fold or a failover needs the batches as they are.
//!
//! In the aggregate grain nothing is merged: what two batches have in common is not known there, so nothing would become smaller.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datapath::batch::{self, DiskChanges};
use datapath::plants::{Plant, planted};
use datapath::replica::Tag;
use datapath::seal::{Epoch, Nonces};
use datapath::segment::{self, Calibration, Headers, Sealed, SegmentHeader, SegmentKind, Worker};
use datapath::{Blob, DiskId, Grain};

use super::opening::batch_of;
use super::sizes::Size;
use super::{JOB, KeeperEvent, ReplicaKeeper, Running, Wanted, Why};
use crate::facts::{Fact, Severity};
use crate::messages::refusal::Refusal;
use crate::messages::replica::MergedBatches;
use crate::messages::segments::Packed;
use crate::ports::{Job, Token, Work};

const HOUR: u64 = 3_600_000_000_000;
/// Counters that a merge may take: more than any disk has extents. 2^28 such ranges fit into an epoch.
const COUNTERS: u64 = 1 << 36;

/// What a keeper seals with.
pub struct Sealing {
    /// The vault's identity.
    pub vault: [u8; 16],
    /// What modelled content compresses to.
    pub calibration: Arc<Calibration>,
    /// An epoch per disk, granted to this keeper alone.
    pub epochs: Vec<(DiskId, u32)>,
}

/// What one keeper seals with, as it goes.
pub(super) struct Merging {
    vault: [u8; 16],
    calibration: Arc<Calibration>,
    /// None after a power cut, until there are new epochs.
    pub(super) nonces: BTreeMap<DiskId, Nonces>,
    /// The merge under way.
    now: Option<Merge>,
    /// The hour in which there was last nothing more to merge.
    exhausted: Option<u64>,
    /// Batches that are left as they are: a segment of theirs was refused, storage took no more, or they are large from merging.
    left: BTreeSet<u64>,
}

struct Merge {
    /// The batches, in order.
    old: Vec<Tag>,
    /// The first and the last batch that they stand for.
    range: (u64, u64),
    state: State,
}

enum State {
    /// What is opened so far, and what is missing.
    Opening {
        missing: BTreeSet<SegmentHeader>,
        opened: BTreeMap<(DiskId, u64), DiskChanges>,
    },
    /// A job puts them together and seals them.
    Sealing,
    /// Sealed, and sent to be stored.
    Sealed {
        merged: MergedBatches,
        payload: Blob,
        /// It is durable; what needs the old batches is waited for.
        stored: bool,
    },
}

/// What the job gives back: sealed segments and the bytes of disk that each describes.
pub(super) type Merged = Vec<(Sealed, u64)>;

impl Merging {
    pub(super) fn new(sealing: Sealing) -> Merging {
        let nonces = sealing.epochs.into_iter();
        Merging {
            vault: sealing.vault,
            calibration: sealing.calibration,
            nonces: nonces.map(|(disk, epoch)| (disk, Nonces::new(Epoch(epoch)))).collect(),
            now: None,
            exhausted: None,
            left: BTreeSet::new(),
        }
    }
}

impl ReplicaKeeper {
    /// Whether a fold or a failover needs batches as they are.
    fn batches_are_needed(&self) -> bool {
        self.fold.is_some() || !self.tickets.is_empty()
    }

    /// Begins to merge what can be merged.
    pub(super) fn merge_more(&mut self) {
        if self.merging.now.is_some() || self.batches_are_needed() || self.ended || self.held {
            return;
        }
        if self.env.grain() == Grain::Aggregate || self.merging.nonces.is_empty() {
            return;
        }
        // Looking through all points takes time, and where nothing was found, an hour brings something new.
        let now = self.env.clock();
        let hour = Some(now.0 / HOUR);
        if self.merging.exhausted == hour {
            return;
        }
        let size = |tag: &Tag| {
            let size = self.sizes.get(tag.batch);
            let size = size.filter(|_| !self.merging.left.contains(&tag.batch));
            size.map(|size| size.plain_bytes)
        };
        let retention = self.protection.policy.retention;
        let (grid, most) = (self.grid(), self.env.model.azure.merged);
        let Some(old) = self.replica.plan_merging(now, retention, &grid, most, size) else {
            self.merging.exhausted = hour;
            return;
        };
        let (Some(first), Some(last)) = (old.first(), old.last()) else {
            return;
        };
        let from = self.sizes.get(first.batch).map_or(first.batch, |size| size.from);
        let range = (from, last.batch);
        let headers: Headers = old.iter().flat_map(|tag| tag.segments.iter().cloned()).collect();
        let state = State::Opening {
            missing: headers.iter().cloned().collect(),
            opened: BTreeMap::new(),
        };
        self.merging.now = Some(Merge { old, range, state });
        if headers.is_empty() {
            // Batches that changed nothing come to one that changes nothing.
            return self.seal_merged();
        }
        self.wanted.push_back(Wanted {
            headers,
            why: Why::Merge,
        });
    }

    pub(super) fn merge_opened(&mut self, header: &SegmentHeader, changes: DiskChanges) {
        let Some(Merge {
            state: State::Opening { missing, opened },
            ..
        }) = &mut self.merging.now
        else {
            return;
        };
        if missing.remove(header) {
            opened.insert((header.disk, batch_of(header)), changes);
            if missing.is_empty() {
                self.seal_merged();
            }
        }
    }

    /// A segment was refused. Another of the same batches may have been before: that merge is over then.
    pub(super) fn merge_refused(&mut self, header: &SegmentHeader) {
        if let Some(merge) = &self.merging.now
            && let State::Opening { missing, .. } = &merge.state
            && missing.contains(header)
        {
            self.merge_failed();
        }
    }

    /// Batches of which a segment was refused, or that storage does not take, stay as they are.
    pub(super) fn merge_failed(&mut self) {
        if let Some(merge) = self.merging.now.take() {
            self.merging.left.extend(merge.old.iter().map(|tag| tag.batch));
            self.merge_more();
        }
    }

    fn seal_merged(&mut self) {
        let key = self.job_key();
        let Some(merge) = &mut self.merging.now else { return };
        let (from, to) = merge.range;
        let State::Opening { opened, .. } = std::mem::replace(&mut merge.state, State::Sealing) else {
            return;
        };
        let mut by_disk: BTreeMap<DiskId, Vec<DiskChanges>> = BTreeMap::new();
        for ((disk, _), changes) in opened {
            by_disk.entry(disk).or_default().push(changes);
        }
        let mut seals = Vec::new();
        for (disk, mut changes) in by_disk {
            if planted(Plant::MergeInWrongOrder) {
                changes.reverse();
            }
            let nonces = self.merging.nonces.get_mut(&disk).map(|nonces| nonces.take(COUNTERS));
            let (Some(nonces), Some(key)) = (nonces, self.keys.get(&disk)) else {
                return self.merge_failed();
            };
            seals.push((key.clone(), nonces, changes));
        }
        let plain = |changes: &DiskChanges| changes.plain_bytes();
        let input_bytes = seals.iter().flat_map(|(.., changes)| changes).map(plain).sum();
        let (vault, calibration) = (self.merging.vault, Arc::clone(&self.merging.calibration));
        let kind = SegmentKind::Merged { from, to };
        let run = Box::new(move |worker: &mut Worker| {
            let mut merged: Merged = Vec::new();
            for (key, nonces, changes) in seals {
                let changes = batch::merge(changes);
                let sealed = segment::seal(worker, &key, nonces, vault, kind, &changes, &calibration);
                merged.push((sealed, changes.plain_bytes()));
            }
            Box::new(merged) as Box<dyn std::any::Any + Send>
        });
        self.running.insert(key, Running::Merge);
        let job = Job {
            work: Work::CompressAndSeal,
            input_bytes,
            reads: 0,
            run,
        };
        self.env.compute(job, Token { what: JOB, key });
    }

    /// The job is done: what it sealed is to be stored.
    pub(super) fn merge_sealed(&mut self, merged: Merged) {
        let Some(Merge {
            old,
            range,
            state: state @ State::Sealing,
        }) = &mut self.merging.now
        else {
            return;
        };
        let (Some(first), Some(last)) = (old.first(), old.last()) else {
            return;
        };
        let tag = Tag {
            first: first.first,
            segments: merged.iter().map(|(sealed, _)| sealed.header.clone()).collect(),
            ..last.clone()
        };
        let blobs: Vec<Blob> = merged.iter().map(|(sealed, _)| sealed.blob.clone()).collect();
        let segments = merged.into_iter().map(|(Sealed { header, blob }, plain_bytes)| Packed {
            header,
            plain_bytes,
            bytes: blob.bytes.len() as u64,
            size: blob.size,
        });
        let merged = MergedBatches {
            from: range.0,
            tag,
            segments: segments.collect(),
        };
        *state = State::Sealed {
            merged,
            payload: Blob::join(&blobs),
            stored: false,
        };
        self.store_merged();
    }

    /// Asks the owner to store what was sealed, once more where it was not stored.
    pub(super) fn store_merged(&mut self) {
        if let Some(merge) = &self.merging.now
            && let State::Sealed {
                merged,
                payload,
                stored: false,
            } = &merge.state
        {
            self.events.push(KeeperEvent::Merged {
                merged: merged.clone(),
                payload: payload.clone(),
            });
        }
    }

    /// What was merged is stored, or was refused for a reason.
    pub fn merged_put(&mut self, from: u64, to: u64, refused: Option<Refusal>) {
        let Some(merge) = &mut self.merging.now else { return };
        if merge.range != (from, to) {
            return;
        }
        match (&mut merge.state, refused) {
            (State::Sealed { .. }, Some(why)) => {
                self.env.fact(Fact::Alert {
                    vm: Some(self.protection.vm),
                    severity: Severity::Warning,
                    code: String::new(),
                    text: format!("batches {from} to {to} were not stored as one: {why}"),
                });
                self.merge_failed();
            }
            (State::Sealed { stored, payload, .. }, None) => {
                *stored = true;
                *payload = Blob::default();
                self.finish_merge();
            }
            (State::Opening { .. } | State::Sealing, _) => {}
        }
    }

    /// Puts what is stored in the place of the batches it was made of, once nobody needs those; then looks for more.
    pub(super) fn finish_merge(&mut self) {
        if self.batches_are_needed() {
            return;
        }
        let stored = |merge: &Merge| matches!(merge.state, State::Sealed { stored: true, .. });
        if !self.merging.now.as_ref().is_some_and(stored) {
            return self.merge_more();
        }
        let Some(merge) = self.merging.now.take() else { return };
        let (from, to) = merge.range;
        let replaced = merge.old.iter().flat_map(|tag| tag.segments.iter().cloned()).collect();
        let State::Sealed {
            merged: MergedBatches { tag, segments, .. },
            ..
        } = merge.state
        else {
            return;
        };
        let old: Vec<u64> = merge.old.iter().map(|tag| tag.batch).collect();
        let (first, last) = (tag.first, tag.last);
        let headers = tag.segments.clone();
        let size = Size {
            from,
            stored_bytes: segments.iter().map(|segment| segment.size).sum(),
            plain_bytes: segments.iter().map(|segment| segment.plain_bytes).sum(),
        };
        if self.replica.merged(&old, tag) {
            let before = old.iter().filter_map(|batch| self.sizes.remove(*batch));
            let bytes_before = before.map(|size| size.stored_bytes).sum();
            self.sizes.insert(to, size);
            if size.plain_bytes > self.env.model.azure.merged / 2 {
                // Sealing all of it again for the little that could join it would be a waste.
                self.merging.left.insert(to);
            }
            self.env.fact(Fact::BatchesMerged {
                vm: self.protection.vm,
                protection: self.protection.protection,
                from,
                to,
                first,
                last,
                bytes_before,
                stored_bytes: size.stored_bytes,
            });
            self.drop_segments(replaced, None);
        } else {
            // A fold was faster, and has taken in the batches.
            self.drop_segments(headers, None);
        }
        self.merge_more();
    }
}
