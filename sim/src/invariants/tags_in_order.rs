//! **A batch's tag is stored after the tag of the batch before, after the process server had the batch, and after a segment for each disk
//! that it changed; it says what the batch was cut as.**
//!
//! Only batches that were lost on the way are never stored (a process server died with them); then a copy of every disk began before the next
//! batch was cut. A cache disk that lied or rotted (a fault) lets nobody know before the target misses a batch.
//!
//! Why it holds: the tag is what makes a batch whole at the target. Reference: facts §1.3 (the tag is uploaded after the data),
//! design §2, "a batch is applied whole or not at all".

use datapath::replica::Mark;
use datapath::{DiskId, WriteSeq};

crate::law! {
    "tags-in-order", "tags are stored in the order of their batches, each after all its segments, and say what was cut";

    StoredAgain { batch: u64, newest: u64 } => "the tag of batch {batch} was stored again; the newest is that of batch {newest}";
    NumberSkipped { batch: u64, before: u64 } =>
        "the tag of batch {batch} was stored after that of batch {before}: batches in between are missing";
    NeverCut { batch: u64 } => "a tag of batch {batch} was stored, which no agent cut";
    OtherEnd { batch: u64, last: WriteSeq, cut: WriteSeq } =>
        "the tag of batch {batch} ends at write {last}, the batch was cut at {cut}";
    OtherMark { batch: u64, tag: Option<Mark>, cut: Option<Mark> } =>
        "the tag of batch {batch} says {tag:?}, the batch was cut with {cut:?}";
    BeforeTheBatch { batch: u64 } => "the tag of batch {batch} was stored before the process server had the whole batch";
    SegmentMissing of disk { batch: u64, disk: DiskId } =>
        "the tag of batch {batch} was stored, but no segment of it for {disk}, which the guest wrote to";
}

/// A tag that was stored, with what the oracle knows of its batch.
#[derive(Debug, Clone)]
pub struct Tagged {
    /// The batch.
    pub batch: u64,
    /// Its last write, as the tag says.
    pub last: WriteSeq,
    /// Its point, as the tag says.
    pub mark: Option<Mark>,
    /// The newest batch with a tag before this.
    pub before: u64,
    /// Last write and mark as the agent cut it, if it did.
    pub cut: Option<(WriteSeq, Option<Mark>)>,
    /// Whether the process server had it whole.
    pub cached: bool,
    /// Whether a copy of every disk began between it and the batch before, which brings what lost batches held; or a fault lets a copy come
    /// later.
    pub copied: bool,
    /// Disks that the guest wrote to in its range and that have no stored segment of it.
    pub missing: Vec<DiskId>,
}

/// Checks a tag.
#[must_use]
pub fn check(tag: &Tagged) -> Vec<Broken> {
    let mut violations = Vec::new();
    let (batch, before) = (tag.batch, tag.before);
    if batch <= before {
        return vec![Broken::StoredAgain { batch, newest: before }];
    }
    if batch != before + 1 && !tag.copied {
        violations.push(Broken::NumberSkipped { batch, before });
    }
    match tag.cut {
        None => violations.push(Broken::NeverCut { batch }),
        Some((cut, mark)) => {
            if cut != tag.last {
                let last = tag.last;
                violations.push(Broken::OtherEnd { batch, last, cut });
            }
            if mark != tag.mark {
                violations.push(Broken::OtherMark {
                    batch,
                    tag: tag.mark,
                    cut: mark,
                });
            }
            if !tag.cached {
                violations.push(Broken::BeforeTheBatch { batch });
            }
        }
    }
    let missing = tag.missing.iter();
    violations.extend(missing.map(|disk| Broken::SegmentMissing { batch, disk: *disk }));
    violations
}

#[cfg(test)]
mod tests {
    use datapath::replica::Consistency;
    use datapath::{SimTime, VmId};

    use super::*;

    const MARK: Mark = Mark {
        point: 2,
        seq: WriteSeq(30),
        consistency: Consistency::Crash,
        marked: SimTime(1),
        marked_source: SimTime(1),
        life: 0,
        shared: None,
    };

    fn tag() -> Tagged {
        Tagged {
            batch: 4,
            last: WriteSeq(30),
            mark: Some(MARK),
            before: 3,
            cut: Some((WriteSeq(30), Some(MARK))),
            cached: true,
            copied: false,
            missing: Vec::new(),
        }
    }

    #[test]
    fn a_tag_in_its_turn_passes() {
        assert_eq!(check(&tag()), Vec::<Broken>::new());
    }

    #[test]
    fn each_way_to_break_the_order_is_found() {
        let older = Mark { point: 1, ..MARK };
        let disk = DiskId { vm: VmId(0), index: 1 };
        let broken = [
            Tagged { before: 4, ..tag() },
            Tagged { before: 2, ..tag() },
            Tagged { cut: None, ..tag() },
            Tagged {
                last: WriteSeq(29),
                ..tag()
            },
            Tagged {
                mark: Some(older),
                ..tag()
            },
            Tagged { mark: None, ..tag() },
            Tagged { cached: false, ..tag() },
            Tagged {
                missing: vec![disk],
                ..tag()
            },
        ];
        for tag in broken {
            assert_eq!(check(&tag).len(), 1, "{tag:?}");
        }
    }
}
