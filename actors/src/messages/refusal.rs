//! Why a store of segments refuses what it is given: who asked decides by the kind, people read the words.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// Only the epoch is at fault: whoever sealed it asks for a fresh one and seals again.
    Fenced {
        /// The epoch that it was sealed in.
        epoch: u32,
        /// The lowest allowed.
        lowest: u32,
    },
    /// It belongs to another vault.
    ForeignVault,
    /// Nothing more of its protection is kept.
    ProtectionEnded,
    /// A master target was not told of its protection, or not yet.
    UnknownProtection,
    /// The payload is shorter or longer than what the frame names.
    BadFrame,
    /// A process server puts what only a keeper of a replica makes.
    Merged,
    /// The batches that became one have been dropped meanwhile.
    BatchesDropped,
    /// The tag of what batches came to lists other segments than came with it.
    OtherSegments,
    /// The disk did not take the segment.
    Disk(String),
    /// The disk did not take the fence that comes before it.
    Fence(String),
    /// The disk did not take the entry that completes it.
    Index,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Refusal::Fenced { epoch, lowest } => {
                return write!(f, "epoch {epoch} is fenced: the lowest allowed is {lowest}");
            }
            Refusal::Disk(error) => error,
            Refusal::Fence(error) => return write!(f, "a fence could not be written: {error}"),
            Refusal::ForeignVault => "the segment belongs to another vault",
            Refusal::ProtectionEnded => "the protection has ended",
            Refusal::UnknownProtection => "the master target was not told of this protection",
            Refusal::BadFrame => "the frame does not hold the segments that it names",
            Refusal::Merged => "a process server merges nothing",
            Refusal::BatchesDropped => "the batches are not needed any more",
            Refusal::OtherSegments => "the tag does not list the segments that came with it",
            Refusal::Index => "the index could not be written",
        };
        f.write_str(words)
    }
}
