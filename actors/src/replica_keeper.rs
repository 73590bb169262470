//! What the Site Recovery service and a master target have in common: they take in what is stored of a protection, make recovery
//! points of it and put disks together.
//!
//! A keeper is told what is stored ([`ReplicaKeeper::copy_segment_stored`], [`ReplicaKeeper::copy_complete`],
//! [`ReplicaKeeper::tag_stored`], perhaps with a batch's segments), says which others it wants ([`ReplicaKeeper::take_wanted`]; the
//! owner fetches them over the network or from its own disk and gives them to [`ReplicaKeeper::segments`]), opens them as jobs of the
//! compute port, and says what came of it ([`ReplicaKeeper::take_events`]). The index is [`datapath::replica::Replica`].
//!
//! Segments after the oldest kept point stay sealed where they are stored. They are opened when their batch is processed, and again
//! when a failover puts disks together, so that what was changed in between is found. Beside the index a *head* is kept: the disks as
//! of the last batch, from which points are shown to the oracle and checksums are taken.
//!
//! Pruning removes points, folds what lies below the oldest into the base, and merges batches between kept points (`merging`).
//! An owner that can lose its power keeps checkpoints (`saving`).

mod holes;
mod merging;
mod opening;
mod points;
mod retained;
mod saving;
mod sizes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use datapath::batch::DiskChanges;
use datapath::counted::Counted;
use datapath::replica::{Mark, Replica, Tag};
use datapath::seal::{DiskKey, VaultKey};
use datapath::segment::{Headers, SegmentHeader, SegmentKind, SegmentRefused};
use datapath::volume::Volume;
use datapath::{Blob, DiskId, Grain, VmId, WriteSeq};

use crate::facts::{BacklogPlace, Fact};
use crate::messages::checksums::{ChecksumAsk, Checksums};
use crate::messages::replica::MergedBatches;
use crate::nouns::{PointChoice, Protection};
use crate::ports::{Env, Output};

pub use merging::Sealing;
use merging::{Merged, Merging};
pub use retained::{Drop, Found, Retained};
use sizes::Sizes;

/// Jobs of keepers have tokens with this `what`; their keys begin with the machine ([`job_owner`]) and its protection, so
/// they are unique over an owner's keepers.
pub const JOB: u32 = 1000;

/// The machine whose keeper a job with this key belongs to.
#[must_use]
pub fn job_owner(key: u64) -> VmId {
    VmId((key >> 40) as u32)
}

/// What came of something.
pub enum KeeperEvent {
    /// All copies under way are applied.
    CopiesApplied {
        /// Their number.
        copy: u32,
    },
    /// A recovery point can be used.
    PointProcessed(Mark),
    /// A stored segment is not as it was sealed.
    Refused(SegmentRefused),
    /// Something that was acknowledged never comes: only a copy after the one of that number brings what it held.
    CopyNeeded {
        /// The newest copy that the keeper knows of.
        copy: u32,
        /// Why.
        why: String,
    },
    /// These segments are not needed any more.
    Drop {
        /// Their headers.
        headers: Headers,
        /// Batches up to this one are not needed either.
        through: Option<u64>,
    },
    /// Batches came to one, which is to be stored ([`ReplicaKeeper::merged_put`] tells when it is).
    Merged {
        /// What they came to.
        merged: MergedBatches,
        /// What its segments are packed in.
        payload: Blob,
    },
    /// Disks were put together, or could not be.
    Materialised {
        /// The ticket that [`ReplicaKeeper::materialise`] gave.
        ticket: u64,
        /// The point and its disks, or why not.
        result: Result<(Mark, BTreeMap<DiskId, Volume>), String>,
    },
    /// Checksums that were asked for.
    Checksums(Checksums),
}

/// Why a segment is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// A piece of a copy.
    Copy,
    /// Part of a batch that is to be processed.
    Batch,
    /// Part of the disks that a ticket asks for.
    Ticket(u64),
    /// Part of what is folded into the base.
    Fold,
    /// Part of what becomes one batch.
    Merge,
}

#[derive(Clone, Default)]
struct Copy {
    number: u32,
    /// Pieces that are stored, and the bytes that each takes.
    known: BTreeMap<u32, u64>,
    applied: BTreeSet<u32>,
    end: Option<(u32, WriteSeq)>,
    ended: bool,
    /// Why it cannot end: a piece of it was refused, or is missing.
    refused: Option<String>,
}

struct Pending {
    tag: Tag,
    stored_bytes: u64,
    wanted: bool,
    opened: BTreeMap<DiskId, DiskChanges>,
    /// Why a segment of it was refused.
    refused: Option<String>,
}

/// Segments of one batch, or a piece of a copy: fetched and opened together.
struct Wanted {
    headers: Headers,
    why: Why,
}

impl Wanted {
    /// Whether these are the segments of a batch, wanted since its tag came.
    fn is(&self, headers: &Headers) -> bool {
        self.why == Why::Batch && Arc::ptr_eq(&self.headers, headers)
    }
}

/// Asks for the segments of a batch; one that changed nothing has none.
fn want(wanted: &mut VecDeque<Wanted>, tag: &Tag, why: Why) {
    if !tag.segments.is_empty() {
        let headers = tag.segments.clone();
        wanted.push_back(Wanted { headers, why });
    }
}

/// What a job that opens segments gives back, in their order.
type Opened = Vec<Result<DiskChanges, SegmentRefused>>;

enum Running {
    Open(Wanted),
    Merge,
    Checksum(Summing),
}

/// What checksums are taken of, and the position that they show.
struct Summing {
    disk: DiskId,
    copy: u32,
    first_chunk: u64,
    position: WriteSeq,
}

struct Ticket {
    number: u64,
    choice: PointChoice,
    /// The protection ends with it, so the latest point may be one that no agent marked.
    last: bool,
    /// Once the point is chosen: it, and the batches that must be opened.
    chosen: Option<(u64, BTreeSet<u64>)>,
    opened: BTreeMap<u64, Vec<DiskChanges>>,
}

struct Fold {
    through: u64,
    missing: BTreeSet<SegmentHeader>,
    headers: Headers,
    opened: BTreeMap<u64, Vec<DiskChanges>>,
}

/// Keeps the replica of one protection.
pub struct ReplicaKeeper {
    env: Env,
    protection: Protection,
    keys: BTreeMap<DiskId, DiskKey>,
    replica: Replica,
    head: Counted<BTreeMap<DiskId, Volume>>,
    copies: BTreeMap<DiskId, Copy>,
    pending: BTreeMap<u64, Pending>,
    pending_bytes: u64,
    logged_bytes: u64,
    /// Segments wanted and not yet asked for, in order.
    wanted: VecDeque<Wanted>,
    /// Asked for and not yet given.
    asked: Vec<Wanted>,
    running: BTreeMap<u64, Running>,
    /// Jobs begun so far.
    jobs: u32,
    tickets: Vec<Ticket>,
    next_ticket: u64,
    fold: Option<Fold>,
    merging: Merging,
    /// What the batches of the index come to.
    sizes: Sizes,
    /// Extents changed since the last point, by disk.
    changed: BTreeMap<DiskId, Vec<(u64, u64)>>,
    /// Checksums that were asked for before a batch is applied that they have to show.
    early_checksums: Vec<ChecksumAsk>,
    /// The hole that was told of last: the last batch of it, and the newest copy then.
    hole_told: (u64, u32),
    events: Vec<KeeperEvent>,
    held: bool,
    /// Why the index refused something that was sealed and opened rightly: nothing behind it becomes usable.
    broken: Option<String>,
    /// A point was made of the newest batch: the protection ends there, and nothing more is taken in.
    ended: bool,
}

impl ReplicaKeeper {
    /// A keeper for a protection over disks as they stand (empty, or what is left of an earlier protection).
    #[must_use]
    pub fn new(
        env: Env,
        key: &VaultKey,
        sealing: Sealing,
        protection: Protection,
        disks: Vec<(DiskId, Volume)>,
    ) -> ReplicaKeeper {
        let keys = protection
            .disks
            .iter()
            .map(|(disk, _)| (*disk, key.disk_key(*disk)))
            .collect();
        let mut replica = Replica::new(protection.vm, protection.protection, disks.clone());
        for (disk, _) in &disks {
            replica.begin_copy(*disk);
        }
        ReplicaKeeper {
            env,
            keys,
            replica,
            head: Counted::new(disks.iter().cloned().collect()),
            copies: disks
                .iter()
                .map(|(disk, _)| {
                    (
                        *disk,
                        Copy {
                            number: 1,
                            ..Copy::default()
                        },
                    )
                })
                .collect(),
            protection,
            pending: BTreeMap::new(),
            pending_bytes: 0,
            logged_bytes: 0,
            wanted: VecDeque::new(),
            asked: Vec::new(),
            running: BTreeMap::new(),
            jobs: 0,
            tickets: Vec::new(),
            next_ticket: 0,
            fold: None,
            merging: Merging::new(sealing),
            sizes: Sizes::default(),
            changed: BTreeMap::new(),
            early_checksums: Vec::new(),
            hole_told: (0, 0),
            events: Vec::new(),
            held: false,
            broken: None,
            ended: false,
        }
    }

    /// The machine.
    #[must_use]
    pub fn vm(&self) -> VmId {
        self.protection.vm
    }

    /// The protection.
    #[must_use]
    pub fn protection(&self) -> &Protection {
        &self.protection
    }

    /// Holds back processing until somebody asks for the latest point (for benchmarks of the way in).
    pub fn hold(&mut self) {
        self.held = true;
    }

    /// The base's disks, when the protection is over.
    #[must_use]
    pub fn into_base(self) -> BTreeMap<DiskId, Volume> {
        self.replica.into_base()
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<KeeperEvent> {
        std::mem::take(&mut self.events)
    }

    fn at_a_time(&self) -> usize {
        self.env.model.azure.opened_at_a_time as usize
    }

    /// Segments that the owner is to fetch now, by what belongs together.
    pub fn take_wanted(&mut self) -> Vec<Headers> {
        let mut now = Vec::new();
        if self.held {
            return now;
        }
        while self.asked.len() + self.running.len() < self.at_a_time()
            && let Some(wanted) = self.wanted.pop_front()
        {
            now.push(wanted.headers.clone());
            self.asked.push(wanted);
        }
        now
    }

    /// What was asked for may have been lost (the connection broke): it will be asked for again.
    pub fn ask_again(&mut self) {
        while let Some(asked) = self.asked.pop() {
            self.wanted.push_front(asked);
        }
        self.store_merged();
    }

    fn drop_segments(&mut self, headers: Headers, through: Option<u64>) {
        self.events.push(KeeperEvent::Drop { headers, through });
    }

    /// A piece of a copy is stored.
    pub fn copy_segment_stored(&mut self, header: SegmentHeader, stored_bytes: u64) {
        let SegmentKind::Copy { copy: number, part } = header.kind else {
            return;
        };
        let Some(copy) = self.copy(header.disk, number) else {
            return;
        };
        // One that has ended needs no piece any more.
        if !copy.ended && copy.known.insert(part, stored_bytes).is_none() {
            self.pending_bytes += stored_bytes;
            let (headers, why) = (Headers::from([header]), Why::Copy);
            self.wanted.push_back(Wanted { headers, why });
        }
    }

    /// A disk's copy is complete in storage.
    pub fn copy_complete(&mut self, disk: DiskId, number: u32, parts: u32, highest: WriteSeq) {
        if let Some(copy) = self.copy(disk, number) {
            copy.end = Some((parts, highest));
            let known = copy.known.len() as u64;
            if known < u64::from(parts) && !copy.ended {
                // It ends after its last piece is stored: what is not known by now was lost on the way.
                self.copy_is_broken(
                    disk,
                    format!("{known} of {parts} pieces of a copy are stored at its end"),
                );
            }
        }
        self.end_copies();
    }

    /// The disk's copy of that number; a higher number than the one under way begins it. None for an older one.
    fn copy(&mut self, disk: DiskId, number: u32) -> Option<&mut Copy> {
        let copy = self.copies.get_mut(&disk)?;
        if number > copy.number {
            let unapplied = copy.known.iter().filter(|(part, _)| !copy.applied.contains(part));
            self.pending_bytes = self
                .pending_bytes
                .saturating_sub(unapplied.map(|(_, bytes)| bytes).sum());
            *copy = Copy {
                number,
                ..Copy::default()
            };
            self.replica.begin_copy(disk);
        }
        self.copies.get_mut(&disk).filter(|copy| copy.number == number)
    }

    /// A key for a new job.
    fn job_key(&mut self) -> u64 {
        self.jobs += 1;
        let Protection { vm, protection, .. } = self.protection;
        u64::from(vm.0) << 40 | u64::from(protection & 0xff) << 32 | u64::from(self.jobs)
    }

    fn end_copies(&mut self) {
        let was = self.replica.copying();
        for (disk, copy) in self.copies.iter_mut().filter(|(_, copy)| !copy.ended) {
            if let Some((parts, highest)) = copy.end
                && copy.applied.len() as u64 >= u64::from(parts)
            {
                copy.ended = true;
                self.replica.end_copy(*disk, highest);
            }
        }
        if was && !self.replica.copying() {
            let copy = self.copy_number();
            self.events.push(KeeperEvent::CopiesApplied { copy });
            self.accept_batches();
        }
    }

    /// A batch is complete in storage; perhaps its segments came with its tag, unasked. They are taken where as many can be opened now;
    /// else they are asked for in their turn, for nobody could say how much would wait here sealed.
    pub fn tag_stored(&mut self, tag: Tag, stored_bytes: u64, brought: Vec<Blob>) {
        if tag.batch < self.replica.next_batch() || self.pending.contains_key(&tag.batch) {
            return;
        }
        self.pending_bytes += stored_bytes;
        let pending = Pending {
            tag,
            stored_bytes,
            wanted: false,
            opened: BTreeMap::new(),
            refused: None,
        };
        let headers = pending.tag.segments.clone();
        self.pending.insert(pending.tag.batch, pending);
        self.look_for_holes();
        self.want_batches();
        if brought.len() == headers.len()
            && self.asked.len() + self.running.len() < self.at_a_time()
            && let Some(at) = self.wanted.iter().rposition(|wanted| wanted.is(&headers))
            && let Some(wanted) = self.wanted.remove(at)
        {
            self.open(wanted, brought);
        }
        self.accept_batches();
    }

    /// Wants the segments of the batches that come next.
    fn want_batches(&mut self) {
        if self.held {
            return;
        }
        let most = self.at_a_time();
        for pending in self.pending.values_mut().take(most).filter(|p| !p.wanted) {
            pending.wanted = true;
            want(&mut self.wanted, &pending.tag, Why::Batch);
        }
    }

    /// A segment that was wanted, or nothing where storage has none of that name.
    pub fn segments(&mut self, headers: &[SegmentHeader], blobs: Vec<Option<Blob>>) {
        let Some(at) = self.asked.iter().position(|asked| *asked.headers == *headers) else {
            return;
        };
        let Wanted { mut headers, why } = self.asked.swap_remove(at);
        let is_there = |place: usize| blobs.get(place).is_some_and(Option::is_some);
        let (there, missing): (Vec<_>, Vec<_>) = (0..headers.len()).partition(|place| is_there(*place));
        if !missing.is_empty() {
            for place in missing {
                let refused = SegmentRefused {
                    name: headers[place].name(),
                    why: "it is not in storage".to_owned(),
                };
                self.refused(&headers[place], why, refused);
            }
            headers = there.into_iter().map(|place| headers[place].clone()).collect();
        }
        if !headers.is_empty() {
            let found = blobs.into_iter().flatten().collect();
            self.open(Wanted { headers, why }, found);
        }
    }

    /// A job with [`job_owner`] this machine is done; nothing happens where an earlier keeper began it.
    pub fn done(&mut self, key: u64, output: Output) {
        match self.running.remove(&key) {
            Some(Running::Open(Wanted { headers, why })) => {
                for (header, opened) in headers.iter().zip(output.take::<Opened>()) {
                    match opened {
                        Ok(changes) => self.opened(header, why, changes),
                        Err(refused) => self.refused(header, why, refused),
                    }
                }
            }
            Some(Running::Merge) => self.merge_sealed(output.take::<Merged>()),
            Some(Running::Checksum(asked)) => self.summed(asked, output.take::<Vec<[u8; 16]>>()),
            None => {}
        }
    }

    fn summed(&mut self, asked: Summing, sums: Vec<[u8; 16]>) {
        let Summing {
            disk,
            copy,
            first_chunk,
            position,
        } = asked;
        let aggregate = self.env.grain() == Grain::Aggregate;
        self.events.push(KeeperEvent::Checksums(Checksums {
            disk,
            copy,
            first_chunk,
            sums,
            position,
            lineage: aggregate.then(|| self.replica.lineage(disk)),
        }));
    }

    /// Logs what waits to be processed, where it changed; to be called once a minute.
    pub fn log_backlog(&mut self) {
        if self.pending_bytes != self.logged_bytes {
            self.logged_bytes = self.pending_bytes;
            let (vm, bytes) = (self.protection.vm, self.pending_bytes);
            self.env.fact(Fact::Backlog {
                vm,
                place: BacklogPlace::Target,
                bytes,
            });
        }
    }

    /// The number of the copies that it knows of all disks.
    #[must_use]
    pub fn copy_number(&self) -> u32 {
        self.copies.values().map(|copy| copy.number).min().unwrap_or(0)
    }

    /// A disk as all that was taken in left it, for a bug that is planted.
    pub fn head(&self, disk: DiskId) -> Option<datapath::volume::Volume> {
        self.head.get(&disk).cloned()
    }

    /// The index.
    #[must_use]
    pub fn replica(&self) -> &Replica {
        &self.replica
    }
}
