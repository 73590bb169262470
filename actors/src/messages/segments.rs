//! A process server and the target of what it seals: storage (443) or a master target (9444).

use datapath::replica::{SharedPoint, Tag};
use datapath::segment::{SegmentHeader, SegmentKind};
use datapath::{DiskId, VmId, WriteSeq};
use serde::{Deserialize, Serialize};

use super::checksums::{ChecksumAsk, Checksums};
use super::group::PutShared;
use super::refusal::Refusal;

/// Replication data into a master target. The documentation gives the number in a picture only; one beside the process server's lets
/// both live on a management server (our model).
pub const PORT_MASTER_TARGET: u16 = 9444;

/// A segment among others in a payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    /// Its header, in clear.
    pub header: SegmentHeader,
    /// Bytes of disk that it describes.
    pub plain_bytes: u64,
    /// Its real bytes.
    pub bytes: u64,
    /// Its size, as the world counts it.
    pub size: u64,
}

/// A tag, and which batch's tag is stored before it: tags are stored in order, and many can be on their way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InTurn {
    /// The tag.
    pub tag: Tag,
    /// The batch before it, where that one's tag was not answered for yet.
    pub after: Option<u64>,
}

/// What the process server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToTarget {
    /// Stores the segments of a batch, or one piece of a copy; the payload is the segments, one after the other.
    PutSegments {
        /// Their protection.
        protection: u32,
        /// What is in the payload.
        segments: Vec<Packed>,
        /// The batch's tag, where no other segment of it is still to come and the tags of all batches before it are on their way: it is
        /// stored once these are durable, as if it had been sent then, and its [`ToProcessServer::TagPut`] answers for them. Where one of
        /// them is refused, or its turn has not come, it is not taken in.
        tag: Option<InTurn>,
    },
    /// Completes a batch whose segments are all stored.
    PutTag {
        /// The machine.
        vm: VmId,
        /// Its protection.
        protection: u32,
        /// The tag.
        tag: InTurn,
    },
    /// Completes a copy whose segments are all stored.
    PutCopyEnd {
        /// The disk.
        disk: DiskId,
        /// Its protection.
        protection: u32,
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

/// What the target answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToProcessServer {
    /// They are durable, or refused (fenced epoch, foreign vault). Each segment is answered once, perhaps not all together.
    SegmentsPut {
        /// Their protection.
        protection: u32,
        /// Their disks, and the epoch that each was sealed in.
        disks: Vec<(DiskId, u32)>,
        /// What they are.
        kind: SegmentKind,
        /// Why not, if not.
        refused: Option<Refusal>,
    },
    /// It is durable.
    TagPut {
        /// The machine.
        vm: VmId,
        /// Its protection.
        protection: u32,
        /// The batch.
        batch: u64,
        /// How many segments came with it, and are answered with it.
        segments: u32,
    },
    /// The tag of the batch before it was not taken in, so neither was this one: it is to be sent again after that one.
    TagOutOfTurn {
        /// The machine.
        vm: VmId,
        /// Its protection.
        protection: u32,
        /// The batch.
        batch: u64,
    },
    /// It is durable.
    CopyEndPut {
        /// The disk.
        disk: DiskId,
        /// Its protection.
        protection: u32,
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
    /// The account is busy and did nothing of it: it is to be sent again later.
    Busy(Put),
}

/// What was to be put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Put {
    /// See [`ToTarget::PutSegments`].
    Segments {
        /// Their protection.
        protection: u32,
        /// Their disks.
        disks: Vec<DiskId>,
        /// What they are.
        kind: SegmentKind,
    },
    /// See [`ToTarget::PutTag`].
    Tag {
        /// The machine.
        vm: VmId,
        /// Its protection.
        protection: u32,
        /// The batch.
        batch: u64,
    },
    /// See [`ToTarget::PutCopyEnd`].
    CopyEnd {
        /// The disk.
        disk: DiskId,
        /// Its protection.
        protection: u32,
        /// The copy.
        copy: u32,
    },
}
