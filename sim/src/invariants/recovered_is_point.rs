//! **The disks that a failover puts together are, byte for byte, what the guest had written up to the recovered point.**
//!
//! Why it holds: the point is a prefix, and what is stored is opened again, in order, on top of the base. This is what the product is for; it is
//! judged on whole disks, every extent, whatever was judged before. Reference: design §3, "The oracle".

use actors::nouns::Life;
use datapath::{DiskId, WriteSeq};

use crate::oracle::compare::{Comparison, Differs, Expect, Held, compare_and_hash_disk};
use crate::oracle::history::History;

crate::law! {
    "recovered-is-point", "recovered disks hold, in every extent, what the guest had written up to the recovered point";

    OtherContent of disk { disk: DiskId, point: u64, write: WriteSeq, found: Differs } =>
        "{disk} recovered at point {point} (write {write}): {found}";
    PointNotRight of disk { disk: DiskId, point: u64 } => "{disk} was recovered at point {point}, which was not found right";
    LifeNotSeen of disk { disk: DiskId, life: Life } => "{disk} was recovered from a life ({life:?}) whose writes were not seen";
    DiskNotShown of disk { disk: DiskId } => "{disk} was recovered, but its content was not shown";
}

/// Checks a whole recovered disk; the comparison holds its digest.
#[must_use]
pub fn check(
    disk: DiskId,
    history: &History,
    point: u64,
    write: WriteSeq,
    held: &dyn Held,
) -> (Vec<Broken>, Comparison) {
    let comparison = compare_and_hash_disk(history, Expect::At(write), held);
    let broken = comparison.differs().map(|found| Broken::OtherContent {
        disk,
        point,
        write,
        found,
    });
    (broken.into_iter().collect(), comparison)
}
