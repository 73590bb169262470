//! **A machine has one sequence of writes over all its disks, and it only goes up.**
//!
//! Why it holds: the guest numbers its writes, and reserves numbers durably, so that a reboot begins above any that were used.
//! Reference: design §2, "one order of writes per VM". All that is said of prefixes rests on it. The hash that the fact carries
//! is the bytes' own: reports and the oracle speak of the same write.

use datapath::{Run, WriteSeq};

use super::Law;

/// The law.
pub const LAW: Law = Law {
    name: "writes-in-order",
    statement: "the numbers of a machine's writes only go up, over all its disks and reboots, and each fact names the bytes written",
};

/// A write as the oracle saw it.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The last number before it.
    pub before: WriteSeq,
    /// Its number; the first of its range in the aggregate grain.
    pub seq: WriteSeq,
    /// Where the fact says it went: first extent and how many.
    pub place: (u64, u32),
    /// Extents of the disk; none where there is no such disk.
    pub disk_extents: Option<u64>,
    /// The run that was shown, and whether its hash is the fact's.
    pub shown: Option<(&'a Run, bool)>,
    /// Whether a run must be shown.
    pub must_show: bool,
}

/// Checks one write.
#[must_use]
pub fn check(write: &Seen<'_>) -> Vec<String> {
    let mut violations = Vec::new();
    let seq = write.seq.0;
    if write.seq <= write.before {
        violations.push(format!(
            "write {seq} came after write {}: the sequence went back",
            write.before.0
        ));
    }
    let (start, extents) = write.place;
    let end = start + u64::from(extents);
    match write.disk_extents {
        None => violations.push(format!("write {seq} went to a disk that the machine does not have")),
        Some(there) if end > there => violations.push(format!(
            "write {seq} covers extents {start} to {end} of a disk of {there} extents"
        )),
        Some(_) => {}
    }
    match write.shown {
        Some((run, _)) if (run.start.0, run.extents) != write.place => violations.push(format!(
            "write {seq}: the fact says extents {start} to {end}, the bytes shown are of {} to {}",
            run.start.0,
            run.end().0
        )),
        Some((_, false)) => violations.push(format!("write {seq}: the fact's hash is not that of the bytes shown")),
        None if write.must_show => violations.push(format!("write {seq} was logged without the bytes behind it")),
        _ => {}
    }
    violations
}

#[cfg(test)]
mod tests {
    use datapath::{Content, Extent};

    use super::*;

    fn run() -> Run {
        Run {
            start: Extent(4),
            extents: 2,
            content: Content::Zero,
        }
    }

    fn seen(run: &Run) -> Seen<'_> {
        Seen {
            before: WriteSeq(7),
            seq: WriteSeq(9),
            place: (4, 2),
            disk_extents: Some(6),
            shown: Some((run, true)),
            must_show: true,
        }
    }

    #[test]
    fn a_write_above_the_last_passes() {
        assert_eq!(check(&seen(&run())), Vec::<String>::new());
    }

    #[test]
    fn each_way_to_break_the_sequence_is_found() {
        let run = run();
        let broken = [
            Seen {
                seq: WriteSeq(7),
                ..seen(&run)
            },
            Seen {
                disk_extents: Some(5),
                ..seen(&run)
            },
            Seen {
                disk_extents: None,
                ..seen(&run)
            },
            Seen {
                place: (3, 2),
                ..seen(&run)
            },
            Seen {
                shown: Some((&run, false)),
                ..seen(&run)
            },
            Seen {
                shown: None,
                ..seen(&run)
            },
        ];
        for write in broken {
            assert_eq!(check(&write).len(), 1, "{write:?}");
        }
    }
}
