//! The Site Recovery service and storage (443, inside Azure): what is stored is told, fetched, merged and dropped, and epochs are fenced.

use datapath::replica::Tag;
use datapath::segment::{Headers, SegmentHeader};
use datapath::{DiskId, VmId, WriteSeq};
use serde::{Deserialize, Serialize};

use super::checksums::{ChecksumAsk, Checksums};
use super::refusal::Refusal;
use super::segments::Packed;
use crate::nouns::{Protection, SharedRecord};

/// What neighbouring batches came to as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedBatches {
    /// The first of the batches.
    pub from: u64,
    /// The tag that stands for them; its number is the last one's.
    pub tag: Tag,
    /// A segment per disk that changed.
    pub segments: Vec<Packed>,
}

/// What the service says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToStorage {
    /// The service looks after a machine's replica in this account.
    Watch {
        /// The protection.
        protection: Protection,
    },
    /// A protection has ended: all that is stored of it can go, and nothing more is taken in.
    Unwatch {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
    },
    /// A disk's epochs below this are refused from now on.
    Fence {
        /// The disk.
        disk: DiskId,
        /// The lowest epoch allowed.
        epoch: u32,
    },
    /// Asks for all that is complete by now to be told: a failover to the latest point is about to be made of it.
    StoredAsk {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
        /// Nothing more is taken in: what comes later is too late for the failover that the protection ends with.
        last: bool,
    },
    /// Reads the stored segments of a batch, or one piece of a copy.
    GetSegments {
        /// The protection.
        protection: u32,
        /// Their headers.
        headers: Headers,
    },
    /// Segments are no longer needed.
    DropSegments {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
        /// Their headers.
        headers: Headers,
        /// Batches up to this one are not needed either.
        through: Option<u64>,
    },
    /// Stores what neighbouring batches came to as one; the payload is its segments, one after the other. The batches stay until they
    /// are dropped.
    PutMerged {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
        /// What they came to.
        merged: MergedBatches,
    },
    /// The checksums.
    Checksums(Checksums),
    /// Are you there? An end that only listens would never learn that the other lost its power.
    Heartbeat,
}

/// What storage tells and answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToService {
    /// A piece of a copy is stored.
    CopySegmentStored {
        /// The protection.
        protection: u32,
        /// Its header.
        header: SegmentHeader,
        /// The bytes it takes.
        stored_bytes: u64,
    },
    /// A copy is complete in storage.
    CopyComplete {
        /// The disk.
        disk: DiskId,
        /// The protection.
        protection: u32,
        /// The copy.
        copy: u32,
        /// How many pieces.
        parts: u32,
        /// The highest position.
        highest: WriteSeq,
    },
    /// A batch is complete in storage.
    TagStored {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
        /// The tag.
        tag: Tag,
        /// Bytes that its segments take; 0 where it stands for batches that became one.
        stored_bytes: u64,
        /// Where the segments come with it, unasked: of each, in the order of the tag, the real bytes and the size. The payload is the
        /// segments, one after the other. Where there is nothing here they are to be asked for.
        brought: Vec<(u64, u64)>,
    },
    /// The record of a shared recovery point is stored.
    SharedStored {
        /// What makes it one.
        record: SharedRecord,
    },
    /// The fence stands.
    Fenced {
        /// The disk.
        disk: DiskId,
        /// The epoch.
        epoch: u32,
    },
    /// All that was complete when [`ToStorage::StoredAsk`] came was told before this.
    StoredTold {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
    },
    /// The answer: the payload is the segments that are there, one after the other.
    Segments {
        /// The protection.
        protection: u32,
        /// All headers that were asked for.
        headers: Headers,
        /// Of each, in their order, the real bytes and the size of the segment, if it is there.
        found: Vec<Option<(u64, u64)>>,
    },
    /// It is stored, or refused.
    MergedPut {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
        /// The first of the batches.
        from: u64,
        /// The last.
        to: u64,
        /// Why not, if not.
        refused: Option<Refusal>,
    },
    /// Checksums are asked for.
    ChecksumAsk(ChecksumAsk),
    /// The answer to a heartbeat.
    HeartbeatSeen,
    /// The account is busy and read none of these: they are to be asked for again later.
    Busy {
        /// The protection.
        protection: u32,
        /// All headers that were asked for.
        headers: Headers,
    },
}
