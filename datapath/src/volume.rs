//! A disk's content: a base (an image, or nothing) and what was written over it. Cloning a volume is a snapshot: cheap, and
//! independent from then on. Pages live in memory up to a bound and in a spill file past it.
//!
//! What was written is kept in small groups of extents (`groups`). A clone shares all of them; a write copies the one it meets.

mod groups;
mod pages;

use std::sync::Arc;

use crate::batch::is_zero;
use crate::content::{Class, Content, Grain, Run};
use crate::image::Source;
use crate::lineage::Lineage;
use crate::runs::Part;
use crate::units::{EXTENT_BYTES, Extent, WriteSeq, extents_of};

use groups::Groups;
use pages::Page;
pub use pages::{Budget, PageStore};

/// Why a volume could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// The run lies outside the disk.
    #[error("extents {start} to {end} are not on a disk of {extents} extents")]
    Outside {
        /// First extent.
        start: u64,
        /// The one after the last.
        end: u64,
        /// The disk's extents.
        extents: u64,
    },
    /// The run's content is not of the volume's grain.
    #[error("content of another grain was written")]
    Grain,
    /// The run's bytes are not those of its extents.
    #[error("{bytes} bytes were written to {extents} extents")]
    Length {
        /// How many bytes.
        bytes: u64,
        /// To how many extents.
        extents: u32,
    },
    /// Reading the base image or the spill file failed.
    #[error("{0}")]
    Machine(String),
}

/// What was written over the base.
#[derive(Clone)]
enum Piece {
    Zero,
    Page(Page),
    Version(WriteSeq, Class),
}

impl Part for Piece {
    fn part(&self, offset: u64, extents: u64) -> Piece {
        match self {
            Piece::Page(page) => Piece::Page(page.part(offset * EXTENT_BYTES, extents * EXTENT_BYTES)),
            other => other.clone(),
        }
    }
}

/// What a range of a volume held: what was written there, and the base where nothing was.
pub struct Saved {
    start: u64,
    end: u64,
    written: Vec<(u64, u64, Piece)>,
}

impl Saved {
    /// The first extent.
    #[must_use]
    pub fn start(&self) -> Extent {
        Extent(self.start)
    }

    /// How many extents.
    #[must_use]
    pub fn extents(&self) -> u64 {
        self.end - self.start
    }
}

/// A disk's content.
#[derive(Clone)]
pub struct Volume {
    store: PageStore,
    grain: Grain,
    bytes: u64,
    base: Option<Arc<dyn Source>>,
    /// What the base's content compresses like (modelled grains).
    class: Class,
    groups: Groups,
    lineage: Lineage,
}

impl Volume {
    /// Whether it is a clone of another, and neither was written to since. Two volumes that became the same in other ways may be told
    /// apart.
    #[must_use]
    pub fn is_clone_of(&self, other: &Volume) -> bool {
        let bases = match (&self.base, &other.base) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        bases && self.groups.is_clone_of(&other.groups) && self.bytes == other.bytes && self.lineage == other.lineage
    }

    /// An empty disk (all zeros) of `bytes` bytes.
    #[must_use]
    pub fn new(store: &PageStore, grain: Grain, bytes: u64) -> Volume {
        Volume {
            store: store.clone(),
            grain,
            bytes,
            base: None,
            class: Class(0),
            groups: Groups::default(),
            lineage: Lineage::default(),
        }
    }

    /// A disk that starts as an image. In the extent grain its extents that are not zero hold version 0 of `class` (the image is
    /// read once to tell them); in the aggregate grain only how much of it is used counts.
    ///
    /// # Errors
    /// [`VolumeError::Machine`] where the image cannot be read.
    pub fn from_image(
        store: &PageStore,
        grain: Grain,
        image: Arc<dyn Source>,
        class: Class,
    ) -> Result<Volume, VolumeError> {
        let mut volume = Volume::new(store, grain, image.bytes());
        volume.class = class;
        match grain {
            Grain::Real | Grain::Aggregate => volume.base = Some(image),
            Grain::Extent => {
                let mut part = Vec::with_capacity(1 << 20);
                for &(offset, len) in image.allocated() {
                    let (first, last) = (offset / EXTENT_BYTES, extents_of(offset + len));
                    let mut at = first;
                    while at < last {
                        let extents = (last - at).min(256);
                        part.clear();
                        let bytes = (extents * EXTENT_BYTES) as usize;
                        image.read_to(at * EXTENT_BYTES, bytes, &mut part).map_err(machine)?;
                        for (first, extents) in not_zero(&part) {
                            let content = Content::Version {
                                version: WriteSeq::START,
                                class,
                            };
                            let start = Extent(at + first);
                            volume.write(&Run {
                                start,
                                extents,
                                content,
                            })?;
                        }
                        at += extents;
                    }
                }
            }
        }
        Ok(volume)
    }

    /// An empty disk of the same size, grain and store.
    #[must_use]
    pub fn blank(&self) -> Volume {
        Volume::new(&self.store, self.grain, self.bytes)
    }

    /// Size in bytes, as the guest sees it.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What the content it started with compresses like (modelled grains).
    #[must_use]
    pub fn class(&self) -> Class {
        self.class
    }

    /// Which writes it holds (aggregate grain).
    #[must_use]
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// Says which writes it holds from now on.
    pub fn lineage_mut(&mut self) -> &mut Lineage {
        &mut self.lineage
    }

    /// Size in extents.
    #[must_use]
    pub fn extents(&self) -> u64 {
        extents_of(self.bytes)
    }

    fn check(&self, start: Extent, extents: u32) -> Result<(u64, u64), VolumeError> {
        let (first, end) = (start.0, start.0.saturating_add(u64::from(extents)));
        if end > self.extents() {
            return Err(VolumeError::Outside {
                start: first,
                end,
                extents: self.extents(),
            });
        }
        Ok((first, end))
    }

    /// What was written in `[start, end)`, in order.
    fn written(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, u64, Piece)> + '_ {
        self.groups
            .range(start, end)
            .flat_map(move |group| group.within(start, end))
    }

    /// Content of a range, in order, without gaps. In the real grain it is one run of bytes; else runs of versions and zeros.
    ///
    /// # Errors
    /// Where the range is not on the disk, and where the real machine fails.
    pub fn read(&self, start: Extent, extents: u32) -> Result<Vec<Run>, VolumeError> {
        let (from, end) = self.check(start, extents)?;
        if extents == 0 {
            return Ok(Vec::new());
        }
        if self.grain == Grain::Real {
            // A range that one page holds is handed out as it is.
            if let Some((a, b, Piece::Page(page))) = self.written(from, end).next()
                && (a, b) == (from, end)
                && let Some(bytes) = page.shared()
            {
                return Ok(vec![Run {
                    start,
                    extents,
                    content: Content::Bytes(bytes),
                }]);
            }
            let mut bytes = Vec::new();
            self.read_to(start, extents, &mut bytes)?;
            return Ok(vec![Run {
                start,
                extents,
                content: Content::Bytes(bytes.into()),
            }]);
        }
        let mut runs: Vec<Run> = Vec::new();
        let mut push = |from: u64, to: u64, content: Content| match runs.last_mut() {
            Some(last) if last.content == content => last.extents += (to - from) as u32,
            _ => runs.push(Run {
                start: Extent(from),
                extents: (to - from) as u32,
                content,
            }),
        };
        let mut at = from;
        for (a, b, piece) in self.written(from, end) {
            if a > at {
                push(at, a, Content::Zero);
            }
            match piece {
                Piece::Version(version, class) => push(a, b, Content::Version { version, class }),
                Piece::Zero | Piece::Page(_) => push(a, b, Content::Zero),
            }
            at = b;
        }
        if at < end {
            push(at, end, Content::Zero);
        }
        Ok(runs)
    }

    /// Puts the bytes of a range behind what `out` holds (real grain; others read as zeros).
    ///
    /// # Errors
    /// As for [`Volume::read`]; after one of the real machine `out` may hold some of them.
    pub fn read_to(&self, start: Extent, extents: u32, out: &mut Vec<u8>) -> Result<(), VolumeError> {
        let (from, end) = self.check(start, extents)?;
        out.reserve_exact(((end - from) * EXTENT_BYTES) as usize);
        let mut at = from;
        for (a, b, piece) in self.written(from, end) {
            self.read_base(at, a, out)?;
            let bytes = ((b - a) * EXTENT_BYTES) as usize;
            match piece {
                Piece::Page(page) => page.read_to(&self.store, bytes, out)?,
                Piece::Zero | Piece::Version(..) => out.resize(out.len() + bytes, 0),
            }
            at = b;
        }
        self.read_base(at, end, out)
    }

    fn read_base(&self, from: u64, to: u64, out: &mut Vec<u8>) -> Result<(), VolumeError> {
        let bytes = ((to - from) * EXTENT_BYTES) as usize;
        match &self.base {
            Some(image) if bytes > 0 => image.read_to(from * EXTENT_BYTES, bytes, out).map_err(machine),
            _ => {
                out.resize(out.len() + bytes, 0);
                Ok(())
            }
        }
    }

    /// Whether a run can be written here, as far as that depends on the run.
    ///
    /// # Errors
    /// Where the run is not on the disk, of another grain, or holds another number of bytes than its extents have.
    pub fn accepts(&self, run: &Run) -> Result<(), VolumeError> {
        self.check(run.start, run.extents)?;
        match (&run.content, self.grain) {
            (Content::Bytes(bytes), Grain::Real) if bytes.len() as u64 != run.bytes() => Err(VolumeError::Length {
                bytes: bytes.len() as u64,
                extents: run.extents,
            }),
            (Content::Zero, _) | (Content::Bytes(_), Grain::Real) | (Content::Version { .. }, Grain::Extent) => Ok(()),
            _ => Err(VolumeError::Grain),
        }
    }

    /// Writes a run.
    ///
    /// # Errors
    /// As [`Volume::accepts`], and where the real machine fails.
    pub fn write(&mut self, run: &Run) -> Result<(), VolumeError> {
        self.put(run, false)
    }

    /// Writes a run whose bytes are kept as they are, without a copy: those of a buffer of their own, or where the volume is soon gone.
    ///
    /// # Errors
    /// As [`Volume::write`].
    pub fn write_whole(&mut self, run: &Run) -> Result<(), VolumeError> {
        self.put(run, true)
    }

    fn put(&mut self, run: &Run, whole: bool) -> Result<(), VolumeError> {
        self.accepts(run)?;
        let (start, end) = (run.start.0, run.end().0);
        let piece = match (&run.content, self.grain) {
            (Content::Zero, _) => Piece::Zero,
            (Content::Bytes(bytes), Grain::Real) => Piece::Page(self.store.put(bytes, whole)?),
            (Content::Version { version, class }, Grain::Extent) => Piece::Version(*version, *class),
            _ => return Err(VolumeError::Grain),
        };
        if matches!(piece, Piece::Zero) && self.base.is_none() {
            self.groups.cut(start, end);
        } else {
            self.groups.insert(start, end, &piece);
        }
        Ok(())
    }

    /// What a range holds now, to be put back later. Nothing is read or copied.
    ///
    /// # Errors
    /// Where the range is not on the disk.
    pub fn save(&self, start: Extent, extents: u32) -> Result<Saved, VolumeError> {
        let (start, end) = self.check(start, extents)?;
        Ok(Saved {
            start,
            end,
            written: self.written(start, end).collect(),
        })
    }

    /// Puts back what a range held when it was saved, from the extent `from` on.
    pub fn restore(&mut self, saved: &Saved, from: Extent) {
        let from = from.0.max(saved.start);
        if from >= saved.end {
            return;
        }
        self.groups.cut(from, saved.end);
        for (start, end, piece) in saved.written.iter().filter(|(_, end, _)| *end > from) {
            let at = from.max(*start);
            self.groups.insert(at, *end, &piece.part(at - start, end - at));
        }
    }

    /// The next range at or after `from` that may hold something other than zeros (allocated in the image, or written), at most `max`
    /// extents long.
    #[must_use]
    pub fn next_used(&self, from: Extent, max: u32) -> Option<(Extent, u32)> {
        let from = from.0;
        if from >= self.extents() {
            return None;
        }
        let written = self
            .groups
            .range(from, self.extents())
            .find_map(|group| group.next_after(from));
        let base = self.base.as_ref().and_then(|image| {
            let ranges = image.allocated();
            let next = ranges.partition_point(|(offset, len)| extents_of(offset + len) <= from);
            ranges
                .get(next)
                .map(|(offset, len)| (offset / EXTENT_BYTES, extents_of(offset + len)))
        });
        let cut = |(start, end): (u64, u64)| (start.max(from), end);
        let (start, end) = match (written.map(cut), base.map(cut)) {
            (Some(a), Some(b)) if a.0 == b.0 => (a.0, a.1.max(b.1)),
            (Some(a), Some(b)) => a.min(b),
            (Some(a), None) => a,
            (None, b) => b?,
        };
        // An image may have more than its disk.
        if start >= self.extents() {
            return None;
        }
        Some((
            Extent(start),
            (end.min(self.extents()) - start).min(u64::from(max)) as u32,
        ))
    }

    /// Extents that may hold something other than zeros.
    #[must_use]
    pub fn used_extents(&self) -> u64 {
        let (mut at, mut used) = (Extent(0), 0);
        while let Some((start, extents)) = self.next_used(at, u32::MAX) {
            used += u64::from(extents);
            at = Extent(start.0 + u64::from(extents));
        }
        used
    }

    /// Bytes that may hold something other than zeros; in the aggregate grain of what it began with, and of what copies brought.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        (self.used_extents() * EXTENT_BYTES)
            .max(self.lineage.copied_bytes())
            .min(self.bytes)
    }

    /// A checksum of a range's content: BLAKE3 of which extents hold something other than zeros and of their bytes, in the extent grain
    /// of their versions. Equal content has one checksum, however it is cut into runs; a range of zeros costs no look.
    ///
    /// # Errors
    /// As for [`Volume::read`].
    pub fn checksum(&self, start: Extent, extents: u32) -> Result<[u8; 16], VolumeError> {
        // Two, so that the bytes of neighbours are hashed in one go.
        let (mut places, mut content) = (blake3::Hasher::new(), blake3::Hasher::new());
        let (_, end) = self.check(start, extents)?;
        if self.next_used(start, 1).is_some_and(|(used, _)| used.0 < end) {
            for run in self.read(start, extents)? {
                match &run.content {
                    Content::Zero => {}
                    Content::Bytes(bytes) => {
                        for (first, extents) in not_zero(bytes) {
                            let to = first + u64::from(extents);
                            (first..to).for_each(|n| put(&mut places, run.start.0 + n));
                            content.update(&bytes[(first * EXTENT_BYTES) as usize..(to * EXTENT_BYTES) as usize]);
                        }
                    }
                    Content::Version { version, .. } => {
                        (run.start.0..run.end().0).for_each(|extent| {
                            put(&mut places, extent);
                            put(&mut content, version.0);
                        });
                    }
                }
            }
        }
        places.update(content.finalize().as_bytes());
        Ok(places.finalize().as_bytes()[..16].try_into().expect("half of a hash"))
    }
}

fn put(hasher: &mut blake3::Hasher, number: u64) {
    hasher.update(&number.to_le_bytes());
}

/// Stretches of extents that are not all zeros: first extent, and how many.
fn not_zero(bytes: &[u8]) -> Vec<(u64, u32)> {
    let mut stretches: Vec<(u64, u32)> = Vec::new();
    for (n, extent) in (0..).zip(bytes.chunks_exact(EXTENT_BYTES as usize)) {
        match stretches.last_mut() {
            _ if is_zero(extent) => {}
            Some((first, extents)) if *first + u64::from(*extents) == n => *extents += 1,
            _ => stretches.push((n, 1)),
        }
    }
    stretches
}

fn machine(error: impl std::fmt::Display) -> VolumeError {
    VolumeError::Machine(error.to_string())
}

#[cfg(test)]
mod tests;
