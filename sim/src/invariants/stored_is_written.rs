//! **What lies in storage is what the guest wrote: a batch's segment holds every extent that its range of writes touched, as the last of
//! them left it; a piece of a copy what the disk held at its position; merged batches what they held one over the other. A point is
//! processed only where all of its batches lie there so.**
//!
//! Why it holds: a hop forgets a change only when the next has it, whole; folding and merging keep the newest content of each extent.
//! Judged by the files' bytes, opened with the oracle's own reader, against the writes that the guests were told are done; nothing that
//! a target shows of itself is used. In the aggregate grain the bytes of a batch are compared. A segment that a batch lacks is found when
//! its tag is stored. Reference: design §2, "Acknowledgement, not arrival" and "one order of writes per VM".

use std::collections::BTreeMap;

use datapath::DiskId;

use crate::findings::Bytes;
use crate::oracle::compare::{Comparison, Differs};
use crate::oracle::print::Print;
use crate::oracle::ranges::Ranges;

crate::law! {
    "stored-is-written", "a stored batch, piece or merge holds, in its file's bytes, what the guest had written; no point is processed without";

    OtherContent of disk { disk: DiskId, file: String, found: Differs } => "{file}: {found}";
    ExtentsMissing of disk { disk: DiskId, file: String, extents: u64, from: u64, to: u64 } =>
        "{file}: {extents} extents that the guest wrote to in its range are not in it; the first are {from} to {to}";
    Unreadable of disk { disk: DiskId, file: String, reason: String } => "{file}: {reason}";
    NoSuchFile of disk { disk: DiskId, file: String } => "the log says that {file} is stored, and there is no such file";
    BytesDiffer { batch: u64, held: Bytes, written: Bytes, copied: Bytes } =>
        "the stored segments of batch {batch} hold {held} bytes; the guest wrote {written} in its range{}", but_copied(*copied);
    MergeDiffers of disk {
        disk: DiskId, from: u64, to: u64, extents: usize, missing: usize, more: usize, other: usize, first: Option<u64>,
    } =>
        "batches {from} to {to} of {disk} became one: of {extents} extents {missing} are missing, {more} are more, {other} hold something \
         else (the first: {first:?})";
    MergeOfNothing of disk { disk: DiskId, from: u64, to: u64 } => "{disk} has a merge of batches that are not there";
    ProcessedWithout { point: u64, batch: u64, reason: String, others: usize } =>
        "point {point} was processed, but batch {batch} is not in storage as it should be ({reason}), and {others} others";
}

/// Checks a segment's content: `comparison` of what it holds with what it should, `held` extents against those that it must have.
#[must_use]
pub fn check(
    disk: DiskId,
    file: &str,
    comparison: &Comparison,
    held: &Ranges,
    must_hold: Option<&Ranges>,
) -> Vec<Broken> {
    let file = || file.to_owned();
    let differs = comparison.differs().map(|found| Broken::OtherContent {
        disk,
        file: file(),
        found,
    });
    let mut violations: Vec<Broken> = differs.into_iter().collect();
    let missing = must_hold.map(|must| must.minus(held)).unwrap_or_default();
    if let Some((from, to)) = missing.as_slice().first() {
        violations.push(Broken::ExtentsMissing {
            disk,
            file: file(),
            extents: missing.extents(),
            from: *from,
            to: *to,
        });
    }
    violations
}

/// Checks a batch of the aggregate grain: bytes that its segments hold against those that were written in its range, without and with
/// what a copy brings.
#[must_use]
pub fn check_bytes(batch: u64, held: u64, (least, written): (u64, u64)) -> Vec<Broken> {
    if (least..=written).contains(&held) {
        return Vec::new();
    }
    vec![Broken::BytesDiffer {
        batch,
        held: Bytes(held),
        written: Bytes(written),
        copied: Bytes(written - least),
    }]
}

fn but_copied(copied: Bytes) -> String {
    match copied.0 {
        0 => String::new(),
        copied => format!(", {copied} of them on disks of which a copy began"),
    }
}

/// Checks batches that became one, of one disk: what they held, one over the other, and what it holds.
#[must_use]
pub fn check_merged(
    disk: DiskId,
    (from, to): (u64, u64),
    before: &BTreeMap<u64, Print>,
    now: &BTreeMap<u64, Print>,
) -> Vec<Broken> {
    let missing = before.keys().filter(|extent| !now.contains_key(extent)).count();
    let more = now.keys().filter(|extent| !before.contains_key(extent)).count();
    let other = now
        .iter()
        .filter(|(extent, print)| before.get(extent).is_some_and(|before| before != *print));
    let other: Vec<u64> = other.map(|(extent, _)| *extent).collect();
    if missing + more + other.len() == 0 {
        return Vec::new();
    }
    vec![Broken::MergeDiffers {
        disk,
        from,
        to,
        extents: before.len(),
        missing,
        more,
        other: other.len(),
        first: other.first().copied(),
    }]
}

/// Checks a point that was processed: `unsound` says which of its batches are not in storage as they should be.
#[must_use]
pub fn check_point(point: u64, unsound: &[(u64, String)]) -> Vec<Broken> {
    let (Some((batch, reason)), others) = (unsound.first(), unsound.len().saturating_sub(1)) else {
        return Vec::new();
    };
    vec![Broken::ProcessedWithout {
        point,
        batch: *batch,
        reason: reason.clone(),
        others,
    }]
}

#[cfg(test)]
mod tests {
    use datapath::{VmId, WriteSeq};

    use super::*;

    const DISK: DiskId = DiskId { vm: VmId(0), index: 0 };

    #[test]
    fn what_is_missing_wrong_or_too_few_is_found() {
        let right = Comparison::default();
        let must = Ranges::from_unordered(vec![(2, 5)]);
        assert!(check(DISK, "f", &right, &must, Some(&must)).is_empty());
        assert!(check(DISK, "f", &right, &Ranges::default(), None).is_empty());
        assert_eq!(
            check(DISK, "f", &right, &Ranges::from_unordered(vec![(2, 4)]), Some(&must)).len(),
            1
        );
        let wrong = Comparison {
            wrong: 1,
            ..Comparison::default()
        };
        assert_eq!(check(DISK, "f", &wrong, &must, Some(&must)).len(), 1);
        assert!(check_bytes(3, 10, (10, 10)).is_empty());
        assert_eq!(check_bytes(3, 9, (10, 10)).len(), 1);
        assert!(check_bytes(3, 9, (4, 10)).is_empty());
        assert_eq!(check_bytes(3, 3, (4, 10)).len(), 1);
        assert_eq!(check_bytes(3, 11, (4, 10)).len(), 1);
        assert!(check_point(1, &[]).is_empty());
        assert_eq!(check_point(1, &[(2, "torn".to_owned())]).len(), 1);
    }

    #[test]
    fn a_merge_that_loses_adds_or_changes_an_extent_is_found() {
        let of = |versions: &[(u64, u64)]| -> BTreeMap<u64, Print> {
            let prints = versions
                .iter()
                .map(|(extent, n)| (*extent, Print::of_version(WriteSeq(*n))));
            prints.collect()
        };
        let before = of(&[(1, 7), (2, 8)]);
        assert!(check_merged(DISK, (1, 2), &before, &before).is_empty());
        for now in [of(&[(1, 7)]), of(&[(1, 7), (2, 8), (3, 8)]), of(&[(1, 7), (2, 7)])] {
            assert_eq!(check_merged(DISK, (1, 2), &before, &now).len(), 1);
        }
    }
}
