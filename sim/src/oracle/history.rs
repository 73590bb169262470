//! What a disk holds at each place of the write sequence, as far as anybody may still ask.

use std::collections::BTreeMap;

use datapath::{Content, Grain, Run, WriteSeq};

use super::print::Print;
use super::root::Root;

/// Versions are compacted at the earliest when so many are kept.
const COMPACT_FROM: usize = 1 << 16;

/// What a write made of an extent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// The write.
    pub seq: WriteSeq,
    /// What the extent holds after it.
    pub print: Print,
}

/// An extent's versions, in order; most extents have one.
#[derive(Debug, Clone)]
pub struct Versions {
    newest: Version,
    older: Vec<Version>,
}

impl Versions {
    /// The version that holds after a write; none where the start's content does.
    #[must_use]
    pub fn at(&self, seq: WriteSeq) -> Option<Version> {
        if self.newest.seq <= seq {
            return Some(self.newest);
        }
        self.older.iter().rev().find(|version| version.seq <= seq).copied()
    }

    /// All that are kept, in order.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = Version> {
        self.older.iter().copied().chain([self.newest])
    }

    /// The newest.
    #[must_use]
    pub fn newest(&self) -> Version {
        self.newest
    }
}

/// A disk's content over the write sequence of one life.
#[derive(Clone)]
pub struct History {
    /// What it held at the start of the run.
    pub root: Root,
    /// How content is modelled.
    pub grain: Grain,
    /// Its size in bytes.
    pub bytes: u64,
    zero: Print,
    extents: BTreeMap<u64, Versions>,
    count: usize,
    compact_at: usize,
    /// Below this, only places that were asked for are known.
    forgotten: WriteSeq,
}

impl History {
    /// A disk that nobody wrote to.
    #[must_use]
    pub fn new(root: Root, grain: Grain, bytes: u64) -> History {
        let zero = match grain {
            Grain::Real => Print::of_zero_bytes(),
            _ => Print::of_zero_version(),
        };
        History {
            root,
            grain,
            bytes,
            zero,
            extents: BTreeMap::new(),
            count: 0,
            compact_at: COMPACT_FROM,
            forgotten: WriteSeq::START,
        }
    }

    /// Places below this are known only where they were asked for when the history was last compacted.
    #[must_use]
    pub fn forgotten(&self) -> WriteSeq {
        self.forgotten
    }

    /// Size in extents.
    #[must_use]
    pub fn extents(&self) -> u64 {
        datapath::units::extents_of(self.bytes)
    }

    /// The print of an extent of zeros.
    #[must_use]
    pub fn zero(&self) -> Print {
        self.zero
    }

    /// A write.
    pub fn write(&mut self, seq: WriteSeq, run: &Run) {
        for at in 0..u64::from(run.extents) {
            let print = self.print_in(&run.content, at);
            self.put(run.start.0 + at, Version { seq, print });
        }
    }

    /// A write of one extent whose print is known.
    pub fn write_print(&mut self, seq: WriteSeq, extent: u64, print: Print) {
        self.put(extent, Version { seq, print });
    }

    /// The print of the extent `at` of some content.
    #[must_use]
    pub fn print_in(&self, content: &Content, at: u64) -> Print {
        Print::of_content(content, at, self.zero)
    }

    fn put(&mut self, extent: u64, version: Version) {
        self.count += 1;
        match self.extents.entry(extent) {
            std::collections::btree_map::Entry::Vacant(vacant) => {
                vacant.insert(Versions {
                    newest: version,
                    older: Vec::new(),
                });
            }
            std::collections::btree_map::Entry::Occupied(mut occupied) => {
                let versions = occupied.get_mut();
                let before = std::mem::replace(&mut versions.newest, version);
                versions.older.push(before);
            }
        }
    }

    /// The print of what an extent holds after a write; none where the start's content cannot be read.
    #[must_use]
    pub fn print_at(&self, extent: u64, seq: WriteSeq) -> Option<Print> {
        let version = self.extents.get(&extent).and_then(|versions| versions.at(seq));
        version.map_or_else(|| self.root.print(extent).ok(), |version| Some(version.print))
    }

    /// Extents between two that were written to.
    pub fn written(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, &Versions)> {
        self.extents
            .range(from..to)
            .map(|(extent, versions)| (*extent, versions))
    }

    /// The first extent at or after one that is to hold something other than zeros, as far as is known without reading: written to, or
    /// in the start's image.
    #[must_use]
    pub fn next_used(&self, from: u64) -> Option<u64> {
        let written = self.extents.range(from..).next().map(|(extent, _)| *extent);
        let start = self.root.ranges(from).next().map(|(start, _)| start.max(from));
        [written, start].into_iter().flatten().min()
    }

    /// Whether it is worth while to call [`History::compact`].
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.count >= self.compact_at
    }

    /// Forgets what nobody will ask for: versions that were overwritten at or before `floor` and hold at none of the places in `asked`
    /// (in order).
    pub fn compact(&mut self, asked: &[WriteSeq], floor: WriteSeq) {
        let mut count = 0;
        self.forgotten = self.forgotten.max(floor);
        for versions in self.extents.values_mut() {
            let newest = versions.newest.seq;
            let nexts: Vec<WriteSeq> = versions.older.iter().skip(1).map(|v| v.seq).chain([newest]).collect();
            let mut next = nexts.into_iter();
            versions.older.retain(|version| {
                let next = next.next().unwrap_or(newest);
                if next > floor {
                    return true;
                }
                let place = asked.partition_point(|asked| *asked < version.seq);
                asked.get(place).is_some_and(|asked| *asked < next)
            });
            versions.older.shrink_to_fit();
            count += 1 + versions.older.len();
        }
        self.count = count;
        self.compact_at = (count * 2).max(COMPACT_FROM);
    }

    /// The disk of a life that begins with this one's content after a write.
    #[must_use]
    pub fn child(&self, seq: WriteSeq) -> History {
        let extents: BTreeMap<u64, Versions> = self
            .extents
            .iter()
            .filter_map(|(extent, versions)| {
                let newest = versions.at(seq)?;
                Some((
                    *extent,
                    Versions {
                        newest,
                        older: Vec::new(),
                    },
                ))
            })
            .collect();
        History {
            root: self.root.clone(),
            count: extents.len(),
            extents,
            compact_at: COMPACT_FROM,
            forgotten: seq,
            ..*self
        }
    }

    /// The disk of a life that begins after an unclean stop: the newest content, but for the extents in `found`, which hold something else.
    #[must_use]
    pub fn adopt(&self, seq: WriteSeq, found: &[(u64, Print)]) -> History {
        let mut adopted = self.child(WriteSeq(u64::MAX));
        for (extent, print) in found {
            let newest = Version { seq, print: *print };
            adopted.extents.insert(
                *extent,
                Versions {
                    newest,
                    older: Vec::new(),
                },
            );
        }
        adopted.count = adopted.extents.len();
        adopted.forgotten = seq;
        adopted
    }
}

#[cfg(test)]
mod tests {
    use datapath::{Class, EXTENT_BYTES, Extent};

    use super::*;

    fn history() -> History {
        History::new(Root::new(None, Grain::Extent), Grain::Extent, 64 * EXTENT_BYTES)
    }

    fn write(history: &mut History, seq: u64, start: u64, extents: u32) {
        let content = Content::Version {
            version: WriteSeq(seq),
            class: Class(0),
        };
        let run = Run {
            start: Extent(start),
            extents,
            content,
        };
        history.write(WriteSeq(seq), &run);
    }

    fn at(history: &History, extent: u64, seq: u64) -> Option<u64> {
        let (_, versions) = history.written(extent, extent + 1).next()?;
        versions.at(WriteSeq(seq)).map(|version| version.seq.0)
    }

    #[test]
    fn an_extent_holds_its_last_write_up_to_a_place() {
        let mut history = history();
        write(&mut history, 2, 0, 4);
        write(&mut history, 5, 2, 4);
        assert_eq!(at(&history, 2, 1), None);
        assert_eq!(at(&history, 2, 2), Some(2));
        assert_eq!(at(&history, 2, 4), Some(2));
        assert_eq!(at(&history, 2, 5), Some(5));
        assert_eq!(at(&history, 9, 5), None);
        let child = history.child(WriteSeq(4));
        assert_eq!(at(&child, 2, 100), Some(2));
        assert_eq!(at(&child, 5, 100), None);
    }

    #[test]
    fn compaction_changes_no_answer_that_can_still_be_asked_for() {
        let mut history = history();
        for seq in 1..=60 {
            write(&mut history, seq, seq * 7 % 16, 2);
        }
        let asked = [WriteSeq(11), WriteSeq(30), WriteSeq(31)];
        let floor = WriteSeq(40);
        let mut compacted = history.clone();
        compacted.compact(&asked, floor);
        assert!(compacted.count < history.count);
        for extent in 0..64 {
            for seq in asked.iter().map(|seq| seq.0).chain(40..=60) {
                assert_eq!(
                    at(&compacted, extent, seq),
                    at(&history, extent, seq),
                    "extent {extent} at {seq}"
                );
            }
        }
    }
}
