//! **Batches are cut one after the other, and nothing that was written lies between them.**
//!
//! Why it holds: the agent cuts at a sequence number and begins the next batch after it. Only where tracking was lost (a full journal,
//! an unclean stop) may writes be in no batch; then a copy of their disk must have begun since. A batch that nobody had yet may be cut
//! anew after a restart. Reference: design §2, "Acknowledgement, not arrival" and "One copy protocol".

use datapath::{DiskId, WriteSeq};

crate::law! {
    "batches-in-order", "batch n+1 begins where batch n ended, and a write in no batch is under a copy that began later";

    ProtectionNotBegun { batch: u64, protection: u32 } =>
        "batch {batch} was cut for protection {protection}, which has not begun";
    EndsBeforeItBegins { batch: u64, first: WriteSeq, last: WriteSeq } =>
        "batch {batch} begins at write {first} and ends before it, at {last}";
    FirstNotOne { batch: u64 } => "the first batch of the protection is number {batch}";
    Overlap { batch: u64, first: WriteSeq, before: u64, end: WriteSeq } =>
        "batch {batch} begins at write {first}, batch {before} ended at {end}: they overlap";
    NumberSkipped { batch: u64, before: u64 } => "batch {batch} was cut after batch {before}";
    CutAnew { batch: u64, cached: u64 } =>
        "batch {batch} was cut anew, though the process server had it (it has up to {cached})";
    PointInside { batch: u64, last: WriteSeq, mark: WriteSeq } =>
        "batch {batch} ends at write {last}, its recovery point at write {mark}: a point ends at a batch boundary";
    WritesOutside of disk { batch: u64, first: WriteSeq, disk: DiskId, writes: u64 } =>
        "{writes} writes to {disk} before batch {batch} (which begins at write {first}) are in no batch, and no copy of the disk began \
         since: they would never reach the target";
    CutInside { batch: u64, last: WriteSeq, range_first: WriteSeq, range_last: WriteSeq } =>
        "batch {batch} was cut at write {last}, inside the range {range_first} to {range_last} that was logged as one";
}

/// A batch as it was cut, with what the oracle knows.
#[derive(Debug, Clone)]
pub struct Cut {
    /// Its number.
    pub batch: u64,
    /// Its first write.
    pub first: WriteSeq,
    /// Its last.
    pub last: WriteSeq,
    /// Its mark's write, if it ends at a point.
    pub mark: Option<WriteSeq>,
    /// Number and last write of the batch cut before.
    pub before: Option<(u64, WriteSeq)>,
    /// The newest batch that is at the process server.
    pub cached: u64,
    /// Writes between the batch before and this one, by disk: how many, and whether a copy of the disk began since.
    pub outside: Vec<(DiskId, u64, bool)>,
    /// A write (or range of the aggregate grain) that the cut goes through: its first and last number.
    pub split: Option<(WriteSeq, WriteSeq)>,
}

/// Checks a batch.
#[must_use]
pub fn check(cut: &Cut) -> Vec<Broken> {
    let mut violations = Vec::new();
    let Cut { batch, first, last, .. } = *cut;
    if last.0 + 1 < first.0 {
        violations.push(Broken::EndsBeforeItBegins { batch, first, last });
    }
    match cut.before {
        None if batch != 1 => violations.push(Broken::FirstNotOne { batch }),
        Some((before, end)) if batch == before + 1 && first <= end => violations.push(Broken::Overlap {
            batch,
            first,
            before,
            end,
        }),
        Some((before, _)) if batch > before + 1 => violations.push(Broken::NumberSkipped { batch, before }),
        Some((before, _)) if batch <= before && batch <= cut.cached => violations.push(Broken::CutAnew {
            batch,
            cached: cut.cached,
        }),
        _ => {}
    }
    if let Some(mark) = cut.mark
        && mark != last
    {
        violations.push(Broken::PointInside { batch, last, mark });
    }
    for (disk, writes, copied) in &cut.outside {
        if !copied {
            violations.push(Broken::WritesOutside {
                batch,
                first,
                disk: *disk,
                writes: *writes,
            });
        }
    }
    if let Some((range_first, range_last)) = cut.split {
        violations.push(Broken::CutInside {
            batch,
            last,
            range_first,
            range_last,
        });
    }
    violations
}

#[cfg(test)]
mod tests {
    use datapath::VmId;

    use super::*;

    fn cut() -> Cut {
        Cut {
            batch: 3,
            first: WriteSeq(21),
            last: WriteSeq(30),
            mark: Some(WriteSeq(30)),
            before: Some((2, WriteSeq(20))),
            cached: 1,
            outside: Vec::new(),
            split: None,
        }
    }

    const DISK: DiskId = DiskId { vm: VmId(0), index: 0 };

    #[test]
    fn batches_in_order_pass() {
        let good = [
            cut(),
            Cut {
                batch: 1,
                before: None,
                ..cut()
            },
            Cut {
                first: WriteSeq(31),
                ..cut()
            },
            // Cut anew after a restart: nobody had it.
            Cut { batch: 2, ..cut() },
            Cut {
                first: WriteSeq(25),
                outside: vec![(DISK, 4, true)],
                ..cut()
            },
        ];
        for batch in good {
            assert_eq!(check(&batch), Vec::<Broken>::new(), "{batch:?}");
        }
    }

    #[test]
    fn each_way_to_break_the_order_is_found() {
        let broken = [
            Cut {
                first: WriteSeq(20),
                ..cut()
            },
            Cut { batch: 4, ..cut() },
            Cut {
                batch: 2,
                cached: 2,
                ..cut()
            },
            Cut { before: None, ..cut() },
            Cut {
                mark: Some(WriteSeq(29)),
                ..cut()
            },
            Cut {
                first: WriteSeq(32),
                ..cut()
            },
            Cut {
                first: WriteSeq(25),
                outside: vec![(DISK, 4, false)],
                ..cut()
            },
            Cut {
                split: Some((WriteSeq(28), WriteSeq(33))),
                ..cut()
            },
        ];
        for batch in broken {
            assert_eq!(check(&batch).len(), 1, "{batch:?}");
        }
    }
}
