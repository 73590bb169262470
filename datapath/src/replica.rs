//! A replica: a base at the oldest kept recovery point, the batches after it, and the points.
//!
//! The replica is an index; segments stay with whoever stores them. A batch enters whole, in order, or not at all.

use serde::{Deserialize, Serialize};

use crate::segment::SegmentHeader;
use crate::units::{SimTime, WriteSeq};

/// How far the content of a recovery point is consistent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consistency {
    /// What is on the disks at a moment, as after a power loss.
    Crash,
    /// After the applications have flushed their buffers.
    App,
}

/// A mark in a machine's write sequence: the recovery point that a batch ends at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The point's number, from 1, per machine and protection.
    pub point: u64,
    /// The last write that the point contains.
    pub seq: WriteSeq,
    /// Its consistency.
    pub consistency: Consistency,
    /// Simulated time of the mark.
    pub marked: SimTime,
    /// The same by the clock of the machine that made it.
    pub marked_source: SimTime,
}

/// The record that completes a batch in storage: stored after all its segments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// The batch's number.
    pub batch: u64,
    /// The first write of its range.
    pub first: WriteSeq,
    /// The last write of its range; the next batch begins after it.
    pub last: WriteSeq,
    /// A header per disk that changed.
    pub segments: Vec<SegmentHeader>,
    /// The recovery point that ends it, if it ends one.
    pub mark: Option<Mark>,
}
