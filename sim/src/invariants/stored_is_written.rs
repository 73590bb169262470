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

use super::Law;
use crate::oracle::compare::Comparison;
use crate::oracle::print::Print;
use crate::oracle::ranges::Ranges;

/// The law.
pub const LAW: Law = Law {
    name: "stored-is-written",
    statement: "a stored batch, piece or merge holds, in its file's bytes, what the guest had written; no point is processed without",
};

/// Checks a segment's content: `comparison` of what it holds with what it should, `held` extents against those that it must have.
#[must_use]
pub fn check(file: &str, comparison: &Comparison, held: &Ranges, must_hold: Option<&Ranges>) -> Vec<String> {
    let mut violations: Vec<String> = comparison.verdict(file).into_iter().collect();
    let missing = must_hold.map(|must| must.minus(held)).unwrap_or_default();
    if let Some((from, to)) = missing.as_slice().first() {
        violations.push(format!(
            "{file}: {} extents that the guest wrote to in its range are not in it; the first are {from} to {to}",
            missing.extents()
        ));
    }
    violations
}

/// Checks a batch of the aggregate grain: bytes that its segments hold against those that were written in its range, without and with
/// what a copy brings.
#[must_use]
pub fn check_bytes(batch: u64, held: u64, (least, written): (u64, u64)) -> Vec<String> {
    if (least..=written).contains(&held) {
        return Vec::new();
    }
    let but = match written - least {
        0 => String::new(),
        copied => format!(", {copied} of them on disks of which a copy began"),
    };
    vec![format!(
        "the stored segments of batch {batch} hold {held} bytes; the guest wrote {written} in its range{but}"
    )]
}

/// Checks batches that became one, of one disk: what they held, one over the other, and what it holds.
#[must_use]
pub fn check_merged(
    disk: DiskId,
    (from, to): (u64, u64),
    before: &BTreeMap<u64, Print>,
    now: &BTreeMap<u64, Print>,
) -> Vec<String> {
    let missing = before.keys().filter(|extent| !now.contains_key(extent)).count();
    let more = now.keys().filter(|extent| !before.contains_key(extent)).count();
    let other = now
        .iter()
        .filter(|(extent, print)| before.get(extent).is_some_and(|before| before != *print));
    let other: Vec<u64> = other.map(|(extent, _)| *extent).collect();
    if missing + more + other.len() == 0 {
        return Vec::new();
    }
    vec![format!(
        "batches {from} to {to} of disk {} of vm{} became one: of {} extents {missing} are missing, {more} are more, {} hold something else \
         (the first: {:?})",
        disk.index,
        disk.vm.0,
        before.len(),
        other.len(),
        other.first()
    )]
}

/// Checks a point that was processed: `unsound` says which of its batches are not in storage as they should be.
#[must_use]
pub fn check_point(point: u64, unsound: &[(u64, String)]) -> Vec<String> {
    let (Some((batch, why)), others) = (unsound.first(), unsound.len().saturating_sub(1)) else {
        return Vec::new();
    };
    vec![format!(
        "point {point} was processed, but batch {batch} is not in storage as it should be ({why}), and {others} others"
    )]
}

#[cfg(test)]
mod tests {
    use datapath::{VmId, WriteSeq};

    use super::*;

    #[test]
    fn what_is_missing_wrong_or_too_few_is_found() {
        let right = Comparison::default();
        let must = Ranges::from_unordered(vec![(2, 5)]);
        assert!(check("f", &right, &must, Some(&must)).is_empty());
        assert!(check("f", &right, &Ranges::default(), None).is_empty());
        assert_eq!(
            check("f", &right, &Ranges::from_unordered(vec![(2, 4)]), Some(&must)).len(),
            1
        );
        let wrong = Comparison {
            wrong: 1,
            ..Comparison::default()
        };
        assert_eq!(check("f", &wrong, &must, Some(&must)).len(), 1);
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
        let disk = DiskId { vm: VmId(0), index: 0 };
        let of = |versions: &[(u64, u64)]| -> BTreeMap<u64, Print> {
            let prints = versions
                .iter()
                .map(|(extent, n)| (*extent, Print::of_version(WriteSeq(*n))));
            prints.collect()
        };
        let before = of(&[(1, 7), (2, 8)]);
        assert!(check_merged(disk, (1, 2), &before, &before).is_empty());
        for now in [of(&[(1, 7)]), of(&[(1, 7), (2, 8), (3, 8)]), of(&[(1, 7), (2, 7)])] {
            assert_eq!(check_merged(disk, (1, 2), &before, &now).len(), 1);
        }
    }
}
