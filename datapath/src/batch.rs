//! A batch: a range of one machine's write sequence, cut at a sequence number, folded inside itself only.

use std::collections::BTreeMap;

use crate::content::{Content, Run, Summary};
use crate::journal::Record;
use crate::runs::RunMap;
use crate::units::{DiskId, EXTENT_BYTES, Extent, WriteSeq};

/// What a batch (or a piece of a copy) changes on one disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskChanges {
    /// The disk.
    pub disk: DiskId,
    /// The first write that the range contains.
    pub first: WriteSeq,
    /// The last one; for a copy both are its position.
    pub last: WriteSeq,
    /// Extents and their content after `last`, in order of address, none twice. Empty in the aggregate grain.
    pub runs: Vec<Run>,
    /// Sizes, in the aggregate grain.
    pub summary: Option<Summary>,
}

impl DiskChanges {
    /// Bytes of disk that it describes.
    #[must_use]
    pub fn plain_bytes(&self) -> u64 {
        match &self.summary {
            Some(summary) => summary.distinct_bytes,
            None => self.runs.iter().map(Run::bytes).sum(),
        }
    }
}

struct Folding {
    first: WriteSeq,
    last: WriteSeq,
    runs: RunMap<Content>,
    summary: Option<Summary>,
}

/// Folds records: an extent written twice stays once, with its last content. One entry per disk that changed.
///
/// Distinct bytes of the aggregate grain add up over the summaries folded: a summary knows what the finer grains fold within a batch, and
/// stands for several of those.
#[must_use]
pub fn fold(records: &[Record]) -> BTreeMap<DiskId, DiskChanges> {
    let mut disks: BTreeMap<DiskId, Folding> = BTreeMap::new();
    for record in records {
        let (disk, first, last) = match record {
            Record::Change { seq, disk, .. } => (*disk, *seq, *seq),
            Record::Copy { position, disk, .. } => (*disk, *position, *position),
            Record::Summary(summary) => (summary.disk, summary.first, summary.last),
            Record::CopySummary { position, summary } => (summary.disk, *position, *position),
        };
        let folding = disks.entry(disk).or_insert(Folding {
            first,
            last,
            runs: RunMap::default(),
            summary: None,
        });
        folding.first = folding.first.min(first);
        folding.last = folding.last.max(last);
        match record {
            Record::Change { run, .. } | Record::Copy { run, .. } => {
                folding.runs.insert(run.start.0, run.end().0, run.content.clone());
            }
            Record::Summary(summary) | Record::CopySummary { summary, .. } => {
                folding.summary = Some(match folding.summary {
                    None => *summary,
                    Some(sum) => add(sum, *summary),
                });
            }
        }
    }
    disks
        .into_iter()
        .map(|(disk, folding)| (disk, folding.finish(disk)))
        .collect()
}

/// Puts later changes of one disk over earlier ones, as when two batches between the same recovery points become one.
///
/// # Panics
/// If the list is empty or the changes are not of one disk.
#[must_use]
pub fn merge(changes: Vec<DiskChanges>) -> DiskChanges {
    let disk = changes.first().expect("something to merge").disk;
    let mut folding = Folding {
        first: changes[0].first,
        last: changes[0].last,
        runs: RunMap::default(),
        summary: None,
    };
    for change in changes {
        assert_eq!(change.disk, disk, "changes of one disk");
        folding.first = folding.first.min(change.first);
        folding.last = folding.last.max(change.last);
        for run in change.runs {
            folding.runs.insert(run.start.0, run.end().0, run.content);
        }
        if let Some(summary) = change.summary {
            folding.summary = Some(folding.summary.map_or(summary, |sum| add(sum, summary)));
        }
    }
    folding.finish(disk)
}

fn add(sum: Summary, other: Summary) -> Summary {
    Summary {
        disk: sum.disk,
        first: sum.first.min(other.first),
        last: sum.last.max(other.last),
        bytes: sum.bytes + other.bytes,
        distinct_bytes: sum.distinct_bytes + other.distinct_bytes,
        chunks: sum.chunks + other.chunks,
        class: other.class,
        life: other.life,
    }
}

impl Folding {
    fn finish(self, disk: DiskId) -> DiskChanges {
        let mut runs: Vec<Run> = Vec::new();
        for (start, end, content) in self.runs.into_runs() {
            if let Some(last) = runs.last_mut()
                && last.end().0 == start
                && joins(&last.content, &content)
                && u64::from(last.extents) + (end - start) <= u64::from(u32::MAX)
            {
                last.extents += (end - start) as u32;
                continue;
            }
            runs.push(Run {
                start: Extent(start),
                extents: (end - start) as u32,
                content,
            });
        }
        DiskChanges {
            disk,
            first: self.first,
            last: self.last,
            runs,
            summary: self.summary,
        }
    }
}

/// Whether two neighbours can be one run without copying.
fn joins(a: &Content, b: &Content) -> bool {
    match (a, b) {
        (Content::Bytes(_), _) | (_, Content::Bytes(_)) => false,
        _ => a == b,
    }
}

/// Whether a stretch of bytes is all zeros.
#[must_use]
pub fn is_zero(bytes: &[u8]) -> bool {
    // Most content shows itself in its first bytes; what does not is compared with itself shifted by one, at the speed of memcmp.
    match bytes.split_first() {
        None => true,
        Some((first, rest)) => *first == 0 && rest == &bytes[..rest.len()],
    }
}

/// Splits runs into stretches without zeros and stretches of zeros, extent by extent where bytes are real.
///
/// Each stretch is given as its runs; neighbours in address belong to one stretch. So real and modelled content are cut alike.
pub(crate) fn stretches(runs: &[Run]) -> Vec<Stretch> {
    let mut out: Vec<Stretch> = Vec::new();
    let mut push = |run: Run, zero: bool| match out.last_mut() {
        Some(last) if last.zero == zero && last.end == run.start.0 => {
            last.end = run.end().0;
            last.runs.push(run);
        }
        _ => out.push(Stretch {
            zero,
            start: run.start.0,
            end: run.end().0,
            runs: vec![run],
        }),
    };
    for run in runs {
        let Content::Bytes(bytes) = &run.content else {
            push(run.clone(), run.content == Content::Zero);
            continue;
        };
        let zero_at = |extent: u64| {
            let at = (extent * EXTENT_BYTES) as usize;
            is_zero(&bytes[at..at + EXTENT_BYTES as usize])
        };
        let (mut from, extents) = (0, u64::from(run.extents));
        while from < extents {
            let zero = zero_at(from);
            let mut to = from + 1;
            while to < extents && zero_at(to) == zero {
                to += 1;
            }
            let part = run
                .slice(Extent(run.start.0 + from), Extent(run.start.0 + to))
                .expect("inside the run");
            push(part, zero);
            from = to;
        }
    }
    out
}

/// Consecutive extents, all zero or none.
#[derive(Debug)]
pub(crate) struct Stretch {
    pub(crate) zero: bool,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) runs: Vec<Run>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::VmId;

    fn change(seq: u64, start: u64, fill: &[u8]) -> Record {
        let bytes: Vec<u8> = fill.iter().flat_map(|b| [*b; 4096]).collect();
        let run = Run {
            start: Extent(start),
            extents: fill.len() as u32,
            content: Content::Bytes(bytes.into()),
        };
        Record::Change {
            seq: WriteSeq(seq),
            disk: DiskId { vm: VmId(0), index: 0 },
            run,
        }
    }

    #[test]
    fn an_extent_written_twice_stays_once_with_its_last_content() {
        let folded = fold(&[change(5, 10, &[1, 2, 3]), change(6, 11, &[9]), change(7, 40, &[4])]);
        let changes = folded.values().next().expect("one disk");
        assert_eq!(
            (changes.first, changes.last, changes.plain_bytes()),
            (WriteSeq(5), WriteSeq(7), 4 * 4096)
        );
        let seen: Vec<(u64, u8)> = changes
            .runs
            .iter()
            .map(|run| match &run.content {
                Content::Bytes(bytes) => (run.start.0, bytes[0]),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(seen, [(10, 1), (11, 9), (12, 3), (40, 4)]);
    }

    #[test]
    fn zeros_inside_bytes_are_found_by_the_extent() {
        let Record::Change { run, .. } = change(1, 8, &[1, 0, 0, 2]) else {
            unreachable!()
        };
        let found: Vec<_> = stretches(&[run]).iter().map(|s| (s.zero, s.start, s.end)).collect();
        assert_eq!(found, [(false, 8, 9), (true, 9, 11), (false, 11, 12)]);
        let mut bytes = vec![0; 4096];
        assert!(is_zero(&bytes));
        bytes[4095] = 1;
        assert!(!is_zero(&bytes));
    }
}
