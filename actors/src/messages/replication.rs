//! An agent and its process server (9443): batches of changes, pieces of copies, and what is durable of them.

use datapath::replica::{CutTime, Mark, SharedPoint};
use datapath::{DiskId, VmId, WriteSeq};
use serde::{Deserialize, Serialize};

use super::checksums::{ChecksumAsk, Checksums};
use super::group::PutShared;
use crate::nouns::Protection;

/// Replication data, unless the installation chose another port.
pub const PORT_REPLICATION: u16 = 9443;

/// How a batch ends; a process server keeps it beside the batch's parts in its cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchEnding {
    /// The batch.
    pub batch: u64,
    /// How many parts it has, the one in the frame that says so included.
    pub parts: u32,
    /// Its first write: the one after the last of the batch before.
    pub first: WriteSeq,
    /// Its last.
    pub last: WriteSeq,
    /// When it ends.
    pub cut: CutTime,
    /// The recovery point that ends it.
    pub mark: Option<Mark>,
}

/// What the agent says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToProcessServer {
    /// The agent names the protection it sends for. The process server answers once it was told to serve that protection.
    Hello {
        /// All that the process server needs to know.
        protection: Protection,
        /// The number of the copy that the agent is in or has ended (initial copy 1, each resynchronization one more). A higher one
        /// than before voids what the process server has of an unfinished batch and of older, unfinished copies.
        copy: u32,
        /// The last batch that a process server has acknowledged; where that was another one, batches go on after it.
        cached: u64,
    },
    /// Part of a batch; the payload holds journal records.
    Changes {
        /// The machine.
        vm: VmId,
        /// The batch.
        batch: u64,
        /// The part, from 0.
        part: u32,
    },
    /// The batch is complete. The payload, if there is one, is its last part (so that a small batch is one frame).
    BatchEnd {
        /// The machine.
        vm: VmId,
        /// How.
        ending: BatchEnding,
    },
    /// The agent asks for one of the process server's places for copies (three disks at a time).
    CopyAsk {
        /// The disk.
        disk: DiskId,
        /// The copy's number.
        copy: u32,
    },
    /// A piece of a copy; the payload holds journal records.
    CopyData {
        /// The disk.
        disk: DiskId,
        /// The copy.
        copy: u32,
        /// The piece, from 0.
        part: u32,
        /// The position at which it was read.
        position: WriteSeq,
    },
    /// The copy is complete.
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
    /// Checksums are asked for.
    ChecksumAsk(ChecksumAsk),
    /// A shared recovery point was made.
    PutShared(PutShared),
}

impl ToProcessServer {
    /// The machine that it is about.
    #[must_use]
    pub fn vm(&self) -> VmId {
        match self {
            ToProcessServer::Hello { protection, .. } => protection.vm,
            ToProcessServer::Changes { vm, .. } | ToProcessServer::BatchEnd { vm, .. } => *vm,
            ToProcessServer::CopyAsk { disk, .. }
            | ToProcessServer::CopyData { disk, .. }
            | ToProcessServer::CopyEnd { disk, .. }
            | ToProcessServer::ChecksumAsk(ChecksumAsk { disk, .. }) => disk.vm,
            ToProcessServer::PutShared(put) => put.record.point.coordinator,
        }
    }
}

/// What the process server answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToAgent {
    /// The process server is ready, and has everything up to here on its cache disk or beyond.
    Welcome {
        /// The machine.
        vm: VmId,
        /// The last batch that it has whole (0: none).
        batch: u64,
        /// Parts that it has of the batch after that.
        parts: u32,
        /// How large a batch may become: its cache has to hold several.
        batch_bytes: u64,
    },
    /// The process server's cache has no room for what came: nothing more is taken in of the machine until it is welcomed anew, and what
    /// is not acknowledged then has to be sent again.
    CacheFull {
        /// The machine.
        vm: VmId,
        /// The size of the cache's disk.
        capacity: u64,
        /// Bytes that did not fit.
        wanted: u64,
    },
    /// That part is durable in the cache.
    ChangesCached {
        /// The machine.
        vm: VmId,
        /// The batch.
        batch: u64,
        /// The part.
        part: u32,
    },
    /// The whole batch is durable in the cache.
    BatchCached {
        /// The machine.
        vm: VmId,
        /// The batch.
        batch: u64,
    },
    /// It has one.
    CopyGranted {
        /// The disk.
        disk: DiskId,
        /// The copy.
        copy: u32,
    },
    /// That piece is durable in the cache.
    CopyCached {
        /// The disk.
        disk: DiskId,
        /// The copy.
        copy: u32,
        /// The piece.
        part: u32,
    },
    /// The copy is complete at the target (the place is free again).
    CopyStored {
        /// The disk.
        disk: DiskId,
        /// The copy.
        copy: u32,
    },
    /// The checksums.
    Checksums(Checksums),
    /// It is stored.
    SharedPut {
        /// The point.
        point: SharedPoint,
    },
}
