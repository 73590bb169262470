//! What is complete of a protection, as entries of its index file: length, checksum, body. A torn last entry is told by the checksum.

use std::collections::{BTreeMap, BTreeSet};

use datapath::replica::{SharedPoint, Tag};
use datapath::segment::{SegmentHeader, SegmentKind, push_part};
use datapath::{DiskId, VmId, WriteSeq};
use serde::{Deserialize, Serialize};

use crate::nouns::SharedRecord;

/// How the names of these files begin.
pub const INDEX: &str = "index/";

/// Bytes before an entry's body: its length and its checksum.
const ENTRY_HEAD: usize = 12;

/// Something that is complete and durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// A piece of a copy.
    CopySegment {
        /// Its header.
        header: SegmentHeader,
        /// The bytes it takes.
        stored_bytes: u64,
    },
    /// A copy.
    CopyEnd {
        /// The disk.
        disk: DiskId,
        /// The copy.
        copy: u32,
        /// How many pieces.
        parts: u32,
        /// The highest position.
        highest: WriteSeq,
    },
    /// A batch.
    Tag {
        /// Its tag.
        tag: Tag,
        /// Bytes that its segments take.
        stored_bytes: u64,
    },
    /// What neighbouring batches came to as one.
    Merged {
        /// The first of them.
        from: u64,
        /// The tag that stands for them; its number is the last one's.
        tag: Tag,
    },
    /// The record of a shared recovery point that the machine coordinated.
    Shared(SharedRecord),
    /// Batches up to this one are not needed any more.
    Dropped {
        /// The last batch.
        through: u64,
    },
    /// The protection has ended.
    Ended,
    /// Nothing more is taken in of the protection, and what there is stays.
    Closed,
}

/// Which protection of which machine.
pub type ProtectionId = (VmId, u32);

/// What is known of a protection's index file without reading it.
#[derive(Default)]
pub(super) struct Kept {
    /// Batches up to here are dropped.
    pub(super) dropped: u64,
    /// Batches after them whose tags are stored.
    pub(super) tags: BTreeSet<u64>,
    /// The last batch whose tag was written, durable or not.
    pub(super) tagged: u64,
    /// Batches that stand for several: the number, and that of the first.
    pub(super) merged: BTreeMap<u64, u64>,
    /// Pieces of copies: disk, copy, part.
    pub(super) pieces: BTreeSet<(DiskId, u32, u32)>,
    /// Copies that have ended.
    pub(super) copies: BTreeSet<(DiskId, u32)>,
    pub(super) ended: bool,
    /// Nothing more is taken in.
    pub(super) closed: bool,
    /// Bytes of the index file that are durable.
    pub(super) durable: u64,
    /// Shared points whose records are stored.
    pub(super) shared: BTreeSet<SharedPoint>,
    /// Segments whose tag is not stored yet, and their sizes.
    pub(super) loose: BTreeMap<(DiskId, SegmentKind), (SegmentHeader, u64)>,
}

impl Kept {
    pub(super) fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Tag { tag, .. } => {
                self.tags.insert(tag.batch);
                self.tagged = self.tagged.max(tag.batch);
            }
            Entry::CopySegment { header, .. } => {
                if let SegmentKind::Copy { copy, part } = header.kind {
                    self.pieces.insert((header.disk, copy, part));
                }
            }
            Entry::CopyEnd { disk, copy, .. } => {
                self.copies.insert((*disk, *copy));
            }
            Entry::Merged { from, tag } => {
                // One that was merged before is part of it.
                self.merged.retain(|to, _| !(*from..tag.batch).contains(to));
                self.merged.insert(tag.batch, *from);
            }
            Entry::Dropped { through } => {
                self.dropped = self.dropped.max(*through);
                self.tagged = self.tagged.max(*through);
                self.tags = self.tags.split_off(&(self.dropped + 1));
                self.merged = self.merged.split_off(&(self.dropped + 1));
            }
            Entry::Shared(record) => {
                self.shared.insert(record.point);
            }
            Entry::Closed => self.closed = true,
            Entry::Ended => {
                *self = Kept {
                    ended: true,
                    closed: true,
                    ..Kept::default()
                };
            }
        }
    }
}

pub(super) fn index_file((vm, protection): ProtectionId) -> String {
    let mut name = String::with_capacity(32);
    name.push_str(INDEX);
    push_part(&mut name, "vm", u64::from(vm.0), 1);
    push_part(&mut name, "-", u64::from(protection), 4);
    name
}

pub(super) fn id_of(name: &str) -> Option<ProtectionId> {
    let (vm, protection) = name.strip_prefix(INDEX)?.strip_prefix("vm")?.split_once('-')?;
    Some((VmId(vm.parse().ok()?), protection.parse().ok()?))
}

pub(super) fn encode(entry: &Entry) -> Vec<u8> {
    // A tag of three disks takes some 180 bytes. What is kept takes no more room than it needs.
    let body = datapath::encoded::encode_behind(entry, Vec::with_capacity(256));
    let mut out = Vec::with_capacity(ENTRY_HEAD + body.len());
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(&blake3::hash(&body).as_bytes()[..8]);
    out.extend_from_slice(&body);
    out
}

/// The whole entries, and the length of what they take.
pub(super) fn decode(bytes: &[u8]) -> (Vec<Entry>, usize) {
    let (mut entries, mut at) = (Vec::new(), 0);
    while let Some(head) = bytes.get(at..at + ENTRY_HEAD) {
        let (len, sum) = head.split_at(4);
        let len = u32::from_le_bytes([len[0], len[1], len[2], len[3]]) as usize;
        let Some(body) = bytes.get(at + ENTRY_HEAD..at + ENTRY_HEAD + len) else {
            break;
        };
        if blake3::hash(body).as_bytes()[..8] != *sum {
            break;
        }
        let Ok(entry) = postcard::from_bytes(body) else { break };
        entries.push(entry);
        at += ENTRY_HEAD + len;
    }
    (entries, at)
}
