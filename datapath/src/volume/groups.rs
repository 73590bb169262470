//! What was written over a volume's base, in groups of 128 extents (512 KiB of disk), 64 groups to a section.
//!
//! A clone shares everything; a write copies the list of sections, one section's list of groups and one group. So a snapshot costs
//! nothing, and the write after it some microseconds, however much was written before: volumes are cloned at every flush.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Piece;
use crate::runs::RunMap;

/// Extents in a group.
pub(super) const GROUP: u64 = 128;
/// Groups in a section.
const SECTION: u64 = 64;

type Group = Arc<RunMap<Piece>>;

/// All groups that anything was written in.
#[derive(Clone, Default)]
pub(super) struct Groups {
    sections: Arc<BTreeMap<u64, Arc<BTreeMap<u64, Group>>>>,
}

impl Groups {
    /// Whether both share everything.
    pub(super) fn is_clone_of(&self, other: &Groups) -> bool {
        Arc::ptr_eq(&self.sections, &other.sections)
    }

    /// Puts a piece that begins at `start` over `[start, end)`.
    pub(super) fn insert(&mut self, start: u64, end: u64, piece: &Piece) {
        use crate::runs::Part;
        let sections = Arc::make_mut(&mut self.sections);
        for (number, from, to) in groups(start, end) {
            let section = Arc::make_mut(sections.entry(number / SECTION).or_default());
            let group = Arc::make_mut(section.entry(number).or_default());
            group.insert(from, to, piece.part(from - start, to - from));
        }
    }

    /// Takes `[start, end)` out. Where nothing was written, nothing happens.
    pub(super) fn cut(&mut self, start: u64, end: u64) {
        let (first, last) = (start / GROUP, end.div_ceil(GROUP));
        let sections = Arc::make_mut(&mut self.sections);
        for section in sections
            .range_mut(first / SECTION..last.div_ceil(SECTION))
            .map(|(_, s)| s)
        {
            if section.range(first..last).next().is_none() {
                continue;
            }
            for (number, group) in Arc::make_mut(section).range_mut(first..last) {
                Arc::make_mut(group).cut(start.max(number * GROUP), end.min((number + 1) * GROUP));
            }
        }
    }

    /// Groups from the one that holds `start` to the one before `end`'s end, in order.
    pub(super) fn range(&self, start: u64, end: u64) -> impl Iterator<Item = &RunMap<Piece>> {
        let (first, last) = (start / GROUP, end.div_ceil(GROUP));
        self.sections
            .range(first / SECTION..last.div_ceil(SECTION))
            .flat_map(move |(_, section)| section.range(first..last))
            .map(|(_, group)| &**group)
    }
}

/// The groups that a range meets, each with its part of the range.
fn groups(start: u64, end: u64) -> impl Iterator<Item = (u64, u64, u64)> {
    (start / GROUP..end.div_ceil(GROUP)).map(move |n| (n, start.max(n * GROUP), end.min((n + 1) * GROUP)))
}
