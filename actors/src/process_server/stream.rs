//! What a process server holds of one machine: batches and copies between the agent and the target.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use datapath::disk::Files;
use datapath::seal::{DiskKey, Nonces, VaultKey};
use datapath::segment::{Sealed, push_part};
use datapath::{DiskId, SimTime, VmId, WriteSeq};

use crate::messages::replication::BatchEnding;
use crate::nouns::Protection;
use crate::ports::ConnId;

/// The machine's protection and all that is under way for it.
pub(super) struct Stream {
    pub(super) protection: Protection,
    /// The agent's connection, while there is one.
    pub(super) agent: Option<ConnId>,
    /// When the agent was heard of last.
    pub(super) heard: SimTime,
    /// The command to hand over to another process server: no agent is welcome any more.
    pub(super) handing_over: Option<u64>,
    /// The number of the agent's copy, from its last greeting.
    pub(super) copy: u32,
    /// The last batch that is stored, so far as is known here.
    pub(super) stored: u64,
    /// The last batch that is whole and durable in the cache.
    pub(super) whole: u64,
    /// The batch after it, as far as it has come.
    pub(super) arriving: Arriving,
    /// What the cache had no room for: nothing more of the machine is taken in until there is.
    pub(super) refused: Option<Refused>,
    /// Whole batches that are not yet stored, by number.
    pub(super) batches: BTreeMap<u64, Batch>,
    /// Copies that are not yet stored, by disk.
    pub(super) copies: BTreeMap<DiskId, Copy>,
    /// Nonces, by disk; none while the vault has not granted an epoch.
    pub(super) nonces: BTreeMap<DiskId, Nonces>,
    /// Disks for which an epoch was asked for that is not there yet.
    pub(super) asked: BTreeSet<DiskId>,
    pub(super) keys: BTreeMap<DiskId, DiskKey>,
    /// The disk could not read what is to be sealed, and is asked again after a pause.
    pub(super) unreadable: bool,
    /// What the cache holds of the machine, in bytes.
    pub(super) cached_bytes: u64,
    /// What was logged of it last.
    pub(super) logged_bytes: u64,
}

/// What a full cache refused first of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Part of a batch, of so many bytes.
    Changes(u64),
    /// A piece of a copy, of so many bytes.
    Copy(u64),
}

impl Refused {
    pub(super) fn bytes(self) -> u64 {
        match self {
            Refused::Changes(bytes) | Refused::Copy(bytes) => bytes,
        }
    }
}

/// A batch that is not whole: parts are taken in one after the other, so that nothing is missing below what was.
#[derive(Default)]
pub(super) struct Arriving {
    /// Parts that are in the cache, durable or not.
    pub(super) taken: u32,
    /// Sizes of those that are durable, from the first.
    pub(super) parts: Vec<u64>,
    /// Sizes of those that became durable before one below them did.
    pub(super) early: BTreeMap<u32, u64>,
    /// The end is in the cache, durable or not.
    pub(super) end_taken: bool,
    /// The end, once it is durable, with the size of the part that came in its frame.
    pub(super) end: Option<(BatchEnding, u64)>,
}

/// A whole batch on its way to the target.
pub(super) struct Batch {
    pub(super) ending: BatchEnding,
    pub(super) bytes: u64,
    pub(super) state: Sealing,
    pub(super) tag_sent: bool,
}

/// How far the segments of a batch, or of a piece of a copy, are.
pub(super) enum Sealing {
    /// In the cache only.
    Cached,
    /// A job seals it.
    Running,
    /// Sealed: what the target has not yet acknowledged, and all headers.
    Sealed(Outgoing),
}

/// Sealed segments.
pub(super) struct Outgoing {
    pub(super) headers: Vec<datapath::segment::SegmentHeader>,
    pub(super) waiting: Vec<Waiting>,
}

/// A segment that the target has not acknowledged.
pub(super) struct Waiting {
    pub(super) sealed: Sealed,
    pub(super) plain_bytes: u64,
    pub(super) sent: bool,
}

/// A copy of one disk.
pub(super) struct Copy {
    pub(super) number: u32,
    /// Pieces that are not yet stored.
    pub(super) pieces: BTreeMap<u32, Piece>,
    /// How many pieces it has and its highest position, once the agent has said so.
    pub(super) end: Option<(u32, WriteSeq)>,
    pub(super) end_sent: bool,
}

impl Copy {
    /// One of which nothing has come yet.
    pub(super) fn new(number: u32) -> Copy {
        Copy {
            number,
            pieces: BTreeMap::new(),
            end: None,
            end_sent: false,
        }
    }
}

/// A piece of a copy.
pub(super) struct Piece {
    pub(super) bytes: u64,
    pub(super) durable: bool,
    pub(super) state: Sealing,
}

impl Stream {
    pub(super) fn new(protection: Protection, key: &VaultKey, now: SimTime) -> Stream {
        let keys = protection
            .disks
            .iter()
            .map(|(disk, _)| (*disk, key.disk_key(*disk)))
            .collect();
        Stream {
            protection,
            agent: None,
            heard: now,
            handing_over: None,
            copy: 0,
            stored: 0,
            whole: 0,
            arriving: Arriving::default(),
            refused: None,
            batches: BTreeMap::new(),
            copies: BTreeMap::new(),
            nonces: BTreeMap::new(),
            asked: BTreeSet::new(),
            keys,
            unreadable: false,
            cached_bytes: 0,
            logged_bytes: 0,
        }
    }

    pub(super) fn vm(&self) -> VmId {
        self.protection.vm
    }

    /// Disks whose epoch the vault still has to grant.
    pub(super) fn without_epoch(&self) -> impl Iterator<Item = DiskId> {
        let granted = |disk: &DiskId| self.nonces.contains_key(disk);
        self.keys.keys().copied().filter(move |disk| !granted(disk))
    }

    /// Whether there is one: epochs are taken in of disks alone that have a key.
    pub(super) fn lacks_epoch(&self) -> bool {
        self.nonces.len() < self.keys.len()
    }

    /// The folder of the protection in the cache.
    pub(super) fn folder(&self) -> String {
        folder(self.vm(), self.protection.protection)
    }

    /// The folder of a batch in it.
    pub(super) fn batch_folder(&self, batch: u64) -> String {
        batch_folder(self.folder(), batch)
    }

    pub(super) fn part_file(&self, batch: u64, part: u32) -> String {
        part_file(&self.batch_folder(batch), part)
    }

    pub(super) fn end_file(&self, batch: u64) -> String {
        end_file(&self.batch_folder(batch))
    }

    /// Files of a batch: some of its parts, and its end.
    pub(super) fn batch_files(&self, batch: u64, parts: Range<u32>) -> impl Iterator<Item = String> + use<> {
        let folder = self.batch_folder(batch);
        let end = end_file(&folder);
        parts.map(move |part| part_file(&folder, part)).chain([end])
    }

    pub(super) fn piece_file(&self, disk: DiskId, copy: u32, part: u32) -> String {
        let mut name = self.folder();
        push_part(&mut name, "/copy-", u64::from(copy), 4);
        push_part(&mut name, "/disk-", u64::from(disk.index), 3);
        push_part(&mut name, "/part-", u64::from(part), 6);
        name
    }

    /// The file that says which batch was stored last.
    pub(super) fn done_file(&self) -> String {
        let mut name = String::with_capacity(24);
        push_part(&mut name, "done/vm-", u64::from(self.vm().0), 6);
        push_part(&mut name, "-", u64::from(self.protection.protection), 3);
        name
    }
}

// Names are put together by hand: there are dozens of them for each recovery point.

pub(super) fn folder(vm: VmId, protection: u32) -> String {
    let mut name = String::with_capacity(64);
    push_part(&mut name, "cache/vm-", u64::from(vm.0), 6);
    push_part(&mut name, "/protection-", u64::from(protection), 3);
    name
}

fn batch_folder(mut folder: String, batch: u64) -> String {
    push_part(&mut folder, "/batch-", batch, 8);
    folder.push('/');
    folder
}

fn part_file(folder: &str, part: u32) -> String {
    let mut name = String::with_capacity(folder.len() + 16);
    name.push_str(folder);
    push_part(&mut name, "part-", u64::from(part), 5);
    name
}

fn end_file(folder: &str) -> String {
    [folder, "end"].concat()
}

/// The files of a batch in a process server's cache: its parts, and its end.
#[must_use]
pub fn cached_files(files: &dyn Files, vm: VmId, protection: u32, batch: u64) -> Vec<String> {
    let folder = batch_folder(folder(vm, protection), batch);
    let parts = (0..).map(|part| part_file(&folder, part));
    let there = parts.take_while(|file| files.len(file).is_some());
    there.chain([end_file(&folder)]).collect()
}
