//! **Of a copy, processed = sent + matched + skipped; it only grows, and at the end it is the whole disk.**
//!
//! Why it holds: each range of the disk is either sent, found equal by checksum, or unused and counted as done.
//! Reference: facts §1.3 (unoccupied ranges are skipped and counted as done), §1.5 (progress semantics).

use datapath::{DiskId, WriteSeq};

use crate::findings::{Bytes, Evidence, Evident};

crate::law! {
    "copies-add-up", "a copy's processed bytes are those sent, matched and skipped, only grow, and at its end are the whole disk";

    OtherSize of disk { disk: DiskId, bytes: Bytes, has: Bytes } => "a copy of {disk} began over {bytes} bytes, the disk has {has}";
    NoSuchDisk of disk { disk: DiskId, bytes: Bytes } =>
        "a copy of {disk} began over {bytes} bytes, and the machine has no such disk";
    PartsDiffer of disk { disk: DiskId, processed: Bytes, sent: Bytes, matched: Bytes, skipped: Bytes } =>
        "copy of {disk}: {processed} bytes processed, but {sent} sent + {matched} matched + {skipped} skipped = {}",
        sent.0 + matched.0 + skipped.0;
    MoreThanTheDisk of disk { disk: DiskId, processed: Bytes, bytes: Bytes } =>
        "copy of {disk}: {processed} bytes processed of a disk of {bytes}";
    WentBack of disk { disk: DiskId, before: Progress, now: Progress } =>
        "copy of {disk} went back: from {before:?} to {now:?}";
    EndedIncomplete of disk { disk: DiskId, bytes: Bytes, processed: Bytes, sent: Bytes, matched: Bytes, skipped: Bytes } =>
        "copy of {disk} ended with {processed} of the disk's {bytes} bytes processed ({sent} sent, {matched} matched, {skipped} skipped)";
    EndedAhead of disk { disk: DiskId, highest: WriteSeq, last: WriteSeq } =>
        "copy of {disk} ended at position {highest}, the machine's last write is {last}";
}

/// How far a copy is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the disk done.
    pub processed: u64,
    /// Sent.
    pub sent: u64,
    /// There already.
    pub matched: u64,
    /// Unused.
    pub skipped: u64,
}

impl Evident for Progress {
    fn put(&self, name: &str, evidence: &mut Evidence) {
        for (part, bytes) in [
            ("processed", self.processed),
            ("sent", self.sent),
            ("matched", self.matched),
            ("skipped", self.skipped),
        ] {
            Bytes(bytes).put(&format!("{name}.{part}"), evidence);
        }
    }
}

/// Checks a step of a copy of a disk of `bytes` bytes.
#[must_use]
pub fn check(disk: DiskId, bytes: u64, before: Progress, now: Progress) -> Vec<Broken> {
    let mut violations = Vec::new();
    if now.processed != now.sent + now.matched + now.skipped {
        violations.push(Broken::PartsDiffer {
            disk,
            processed: Bytes(now.processed),
            sent: Bytes(now.sent),
            matched: Bytes(now.matched),
            skipped: Bytes(now.skipped),
        });
    }
    if now.processed > bytes {
        violations.push(Broken::MoreThanTheDisk {
            disk,
            processed: Bytes(now.processed),
            bytes: Bytes(bytes),
        });
    }
    let went_back = now.processed < before.processed
        || now.sent < before.sent
        || now.matched < before.matched
        || now.skipped < before.skipped;
    if went_back {
        violations.push(Broken::WentBack { disk, before, now });
    }
    violations
}

/// Checks that a copy begins over the whole disk; `has` are the bytes of the disk, where the machine has it.
#[must_use]
pub fn check_start(disk: DiskId, bytes: u64, has: Option<u64>) -> Vec<Broken> {
    match has {
        Some(has) if has == bytes => Vec::new(),
        Some(has) => vec![Broken::OtherSize {
            disk,
            bytes: Bytes(bytes),
            has: Bytes(has),
        }],
        None => vec![Broken::NoSuchDisk {
            disk,
            bytes: Bytes(bytes),
        }],
    }
}

/// Checks the end of a copy: it is whole, and does not claim a write that the machine has not made.
#[must_use]
pub fn check_end(disk: DiskId, bytes: u64, now: Progress, highest: WriteSeq, last: WriteSeq) -> Vec<Broken> {
    let mut violations = Vec::new();
    if now.processed != bytes {
        violations.push(Broken::EndedIncomplete {
            disk,
            bytes: Bytes(bytes),
            processed: Bytes(now.processed),
            sent: Bytes(now.sent),
            matched: Bytes(now.matched),
            skipped: Bytes(now.skipped),
        });
    }
    if highest > last {
        violations.push(Broken::EndedAhead { disk, highest, last });
    }
    violations
}

#[cfg(test)]
mod tests {
    use datapath::VmId;

    use super::*;

    const DISK: DiskId = DiskId { vm: VmId(0), index: 0 };
    const BEFORE: Progress = Progress {
        processed: 60,
        sent: 30,
        matched: 20,
        skipped: 10,
    };
    const NOW: Progress = Progress {
        processed: 100,
        sent: 50,
        matched: 20,
        skipped: 30,
    };

    #[test]
    fn a_copy_that_adds_up_passes() {
        assert!(check(DISK, 100, BEFORE, NOW).is_empty());
        assert!(check_end(DISK, 100, NOW, WriteSeq(5), WriteSeq(5)).is_empty());
    }

    #[test]
    fn each_way_not_to_add_up_is_found() {
        assert_eq!(check(DISK, 100, BEFORE, Progress { sent: 49, ..NOW }).len(), 1);
        assert_eq!(check(DISK, 99, BEFORE, NOW).len(), 1);
        assert_eq!(check(DISK, 100, NOW, BEFORE).len(), 1);
        assert_eq!(check_end(DISK, 101, NOW, WriteSeq(5), WriteSeq(5)).len(), 1);
        assert_eq!(check_end(DISK, 100, NOW, WriteSeq(6), WriteSeq(5)).len(), 1);
        assert!(check_start(DISK, 100, Some(100)).is_empty());
        assert_eq!(check_start(DISK, 100, Some(99)).len(), 1);
        assert_eq!(check_start(DISK, 100, None).len(), 1);
    }
}
