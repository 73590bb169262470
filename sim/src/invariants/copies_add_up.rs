//! **Of a copy, processed = sent + matched + skipped; it only grows, and at the end it is the whole disk.**
//!
//! Why it holds: each range of the disk is either sent, found equal by checksum, or unused and counted as done.
//! Reference: facts §1.3 (unoccupied ranges are skipped and counted as done), §1.5 (progress semantics).

use datapath::WriteSeq;

use super::Law;

/// The law.
pub const LAW: Law = Law {
    name: "copies-add-up",
    statement: "a copy's processed bytes are those sent, matched and skipped, only grow, and at its end are the whole disk",
};

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

/// Checks a step of a copy of a disk of `bytes` bytes.
#[must_use]
pub fn check(name: &str, bytes: u64, before: Progress, now: Progress) -> Vec<String> {
    let mut violations = Vec::new();
    let parts = now.sent + now.matched + now.skipped;
    if now.processed != parts {
        violations.push(format!(
            "copy of {name}: {} bytes processed, but {} sent + {} matched + {} skipped = {parts}",
            now.processed, now.sent, now.matched, now.skipped
        ));
    }
    if now.processed > bytes {
        violations.push(format!(
            "copy of {name}: {} bytes processed of a disk of {bytes}",
            now.processed
        ));
    }
    let went_back = now.processed < before.processed
        || now.sent < before.sent
        || now.matched < before.matched
        || now.skipped < before.skipped;
    if went_back {
        violations.push(format!("copy of {name} went back: from {before:?} to {now:?}"));
    }
    violations
}

/// Checks the end of a copy: it is whole, and does not claim a write that the machine has not made.
#[must_use]
pub fn check_end(name: &str, bytes: u64, now: Progress, highest: WriteSeq, last_write: WriteSeq) -> Vec<String> {
    let mut violations = Vec::new();
    if now.processed != bytes {
        violations.push(format!(
            "copy of {name} ended with {} of the disk's {bytes} bytes processed ({} sent, {} matched, {} skipped)",
            now.processed, now.sent, now.matched, now.skipped
        ));
    }
    if highest > last_write {
        violations.push(format!(
            "copy of {name} ended at position {}, the machine's last write is {}",
            highest.0, last_write.0
        ));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(check("d", 100, BEFORE, NOW).is_empty());
        assert!(check_end("d", 100, NOW, WriteSeq(5), WriteSeq(5)).is_empty());
    }

    #[test]
    fn each_way_not_to_add_up_is_found() {
        assert_eq!(check("d", 100, BEFORE, Progress { sent: 49, ..NOW }).len(), 1);
        assert_eq!(check("d", 99, BEFORE, NOW).len(), 1);
        assert_eq!(check("d", 100, NOW, BEFORE).len(), 1);
        assert_eq!(check_end("d", 101, NOW, WriteSeq(5), WriteSeq(5)).len(), 1);
        assert_eq!(check_end("d", 100, NOW, WriteSeq(6), WriteSeq(5)).len(), 1);
    }
}
