//! **A machine has one sequence of writes over all its disks, and it only goes up.**
//!
//! Why it holds: the guest numbers its writes, and reserves numbers durably, so that a reboot begins above any that were used.
//! Reference: design §2, "one order of writes per VM". All that is said of prefixes rests on it. The hash that the fact carries
//! is the bytes' own: reports and the oracle speak of the same write.

use actors::nouns::Life;
use datapath::{Run, WriteSeq};

use crate::findings::Bytes;

crate::law! {
    "writes-in-order", "the numbers of a machine's writes only go up, over all its disks and reboots, and each fact names the bytes written";

    WentBack { write: WriteSeq, before: WriteSeq } => "write {write} came after write {before}: the sequence went back";
    NoSuchDisk { write: WriteSeq } => "write {write} went to a disk that the machine does not have";
    PastTheDisk { write: WriteSeq, start: u64, end: u64, extents: u64 } =>
        "write {write} covers extents {start} to {end} of a disk of {extents} extents";
    OtherPlace { write: WriteSeq, start: u64, end: u64, shown_start: u64, shown_end: u64 } =>
        "write {write}: the fact says extents {start} to {end}, the bytes shown are of {shown_start} to {shown_end}";
    OtherHash { write: WriteSeq } => "write {write}: the fact's hash is not that of the bytes shown";
    NotShown { write: WriteSeq } => "write {write} was logged without the bytes behind it";
    LifeNotStarted { write: WriteSeq, life: Life } => "write {write} came from {life:?}, which was never started";
    RangeWentBack { first: WriteSeq, last: WriteSeq, before: WriteSeq } => "writes {first} to {last} came after write {before}";
    RangeMakesNoSense { first: WriteSeq, last: WriteSeq, bytes: Bytes, distinct: Bytes, range: String } =>
        "a range of writes makes no sense: {range}";
}

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
pub fn check(seen: &Seen<'_>) -> Vec<Broken> {
    let mut violations = Vec::new();
    let (write, before) = (seen.seq, seen.before);
    if write <= before {
        violations.push(Broken::WentBack { write, before });
    }
    let (start, extents) = seen.place;
    let end = start + u64::from(extents);
    match seen.disk_extents {
        None => violations.push(Broken::NoSuchDisk { write }),
        Some(extents) if end > extents => violations.push(Broken::PastTheDisk {
            write,
            start,
            end,
            extents,
        }),
        Some(_) => {}
    }
    match seen.shown {
        Some((run, _)) if (run.start.0, run.extents) != seen.place => violations.push(Broken::OtherPlace {
            write,
            start,
            end,
            shown_start: run.start.0,
            shown_end: run.end().0,
        }),
        Some((_, false)) => violations.push(Broken::OtherHash { write }),
        None if seen.must_show => violations.push(Broken::NotShown { write }),
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
        assert_eq!(check(&seen(&run())), Vec::<Broken>::new());
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
