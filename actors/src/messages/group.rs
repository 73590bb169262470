//! Between the members of a replication group (port 20004, facts §1.2): recovery points that they share.
//!
//! The protocol is our own; the product's is not documented (facts §2.4). The member with the lowest number that is reached coordinates. It
//! has all members mark; each holds the acknowledgements of what its guest writes after its mark. Once all have marked it asks whether
//! all hold still, and if they do the point is shared: nobody was told of a write after one member's mark before the last one had marked. It
//! then tells them to go on, and puts a record of the point into storage.

use datapath::VmId;
use datapath::replica::{Consistency, SharedPoint};
use serde::{Deserialize, Serialize};

use crate::nouns::SharedRecord;

/// Where members of a group listen to each other.
pub const PORT_GROUP: u16 = 20004;

/// Why a member does not mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MarkRefusal {
    /// It is not replicated, or its copy is not complete.
    NotProtected,
    /// It holds for another point.
    Busy,
    /// Its applications could not be quiesced.
    NotQuiesced,
}

impl MarkRefusal {
    /// In words, after the member's name.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            MarkRefusal::NotProtected => "is not protected",
            MarkRefusal::Busy => "is busy with another point",
            MarkRefusal::NotQuiesced => "could not quiesce its applications",
        }
    }
}

/// What members say to each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupMessage {
    /// Who calls; the first word of a connection.
    Member {
        /// The member.
        vm: VmId,
    },
    /// Are you there? Asked of each member before one, at each turn.
    Ask,
    /// The answer.
    Alive,
    /// Coordinator to member: mark this point, and hold.
    Mark {
        /// The point.
        point: SharedPoint,
        /// Its consistency.
        consistency: Consistency,
    },
    /// Member to coordinator: it has marked, and holds.
    Marked {
        /// The point.
        point: SharedPoint,
    },
    /// Member to coordinator: it has not.
    Refused {
        /// The point.
        point: SharedPoint,
        /// Why.
        why: MarkRefusal,
    },
    /// Coordinator to member, after all have marked: do you hold still?
    HoldAsk {
        /// The point.
        point: SharedPoint,
    },
    /// Member to coordinator.
    Hold {
        /// The point.
        point: SharedPoint,
        /// It has held all the time.
        held: bool,
    },
    /// Coordinator to member: go on.
    Release {
        /// The point.
        point: SharedPoint,
    },
}

/// A shared recovery point was made; its record is to be stored with what is stored of its coordinator. It passes from the coordinator's
/// agent through its process server to the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutShared {
    /// The coordinator's protection.
    pub protection: u32,
    /// What makes it one.
    pub record: SharedRecord,
}
