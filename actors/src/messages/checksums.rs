//! Checksums of what a target holds, asked for by an agent. Question and answer pass through several flows unchanged: the agent asks its
//! process server, that the target, and where that is storage it asks the service, which keeps the replica.

use datapath::lineage::Lineage;
use datapath::{DiskId, WriteSeq};
use serde::{Deserialize, Serialize};

/// Asks for checksums of `count` chunks from `first_chunk` on (a chunk is 16 extents).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecksumAsk {
    /// The disk.
    pub disk: DiskId,
    /// The copy that it is for.
    pub copy: u32,
    /// The first chunk.
    pub first_chunk: u64,
    /// How many.
    pub count: u32,
    /// The target answers once it has applied this batch: the last that a process server has acknowledged to the agent. Otherwise
    /// what is still under way would later be written over chunks that were found equal before it.
    pub after: u64,
}

/// The checksums; one per chunk. Empty where the target holds nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksums {
    /// The disk.
    pub disk: DiskId,
    /// The copy that they were asked for.
    pub copy: u32,
    /// The first chunk.
    pub first_chunk: u64,
    /// The checksums.
    pub sums: Vec<[u8; 16]>,
    /// The replica's position when they were taken.
    pub position: WriteSeq,
    /// In the aggregate grain, in place of checksums: which writes the disk holds.
    pub lineage: Option<Lineage>,
}
