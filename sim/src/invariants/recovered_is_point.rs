//! **The disks that a failover puts together are, byte for byte, what the guest had written up to the recovered point.**
//!
//! Why it holds: the point is a prefix, and what is stored is opened again, in order, on top of the base. This is what the product is for; it is
//! judged on whole disks, every extent, whatever was judged before. Reference: design §3, "The oracle".

use super::Law;
use crate::oracle::compare::{Comparison, Expect, Held, compare_and_hash_disk};
use crate::oracle::history::History;
use datapath::WriteSeq;

/// The law.
pub const LAW: Law = Law {
    name: "recovered-is-point",
    statement: "recovered disks hold, in every extent, what the guest had written up to the recovered point",
};

/// Checks a whole recovered disk; the comparison holds its digest.
#[must_use]
pub fn check(disk: &str, history: &History, point: u64, seq: WriteSeq, held: &dyn Held) -> (Vec<String>, Comparison) {
    let comparison = compare_and_hash_disk(history, Expect::At(seq), held);
    let what = format!("{disk} recovered at point {point} (write {})", seq.0);
    (comparison.verdict(&what).into_iter().collect(), comparison)
}
