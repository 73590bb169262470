//! The files of one machine: what was appended is volatile until a flush of the file completes.
//!
//! A power cut keeps, of each file's unflushed appends, a random number of the first, and perhaps a torn part of the next one; the
//! rest is gone. Replacing, truncating and removing a file are atomic and durable at once, as with a small database or a rename and
//! its directory's flush; modelling them as volatile too is left out. Capacity counts [`Blob::size`], positions count real bytes.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use datapath::Blob;
use datapath::disk::{DiskError, Files};
use datapath::plants::{Plant, planted};
use rand::{Rng, RngExt};
use smallvec::{SmallVec, smallvec};

use super::names::Names;
use super::spill::{Piece, Spill};
use crate::faults::{Left, Rotten};

struct Part {
    /// Where its bytes begin in the file.
    position: u64,
    piece: Piece,
    /// What the world counts for it.
    size: u64,
}

#[derive(Default)]
struct Content {
    /// From 1. Changes when the content is replaced, so that a flush of what was before says nothing of what is now.
    generation: u64,
    /// Most files are appended to once, and an account has a million: one part lies in the file itself.
    parts: SmallVec<[Part; 1]>,
    len: u64,
    size: u64,
    durable: u64,
    /// Up to here it is durable, or a flush is under way that makes it so.
    flushing: u64,
}

/// How far a file was written when a flush of it was asked for.
#[derive(Debug, Clone)]
pub struct FlushPoint {
    place: u32,
    generation: u64,
    len: u64,
}

#[derive(Default)]
struct State {
    names: Names,
    /// By place; one that is free has nothing in it.
    contents: Vec<Content>,
    free: Vec<u32>,
    used: u64,
    generations: u64,
}

impl State {
    fn get(&self, file: &str) -> Option<&Content> {
        self.names.get(file).map(|place| &self.contents[place as usize])
    }

    fn get_mut(&mut self, file: &str) -> Option<&mut Content> {
        self.names.get(file).map(|place| &mut self.contents[place as usize])
    }

    fn generation(&mut self) -> u64 {
        self.generations += 1;
        self.generations
    }

    /// Puts a file that is not there yet in a place.
    fn add(&mut self, file: &str, content: Content) -> u32 {
        let place = match self.free.pop() {
            Some(place) => {
                self.contents[place as usize] = content;
                place
            }
            None => {
                self.contents.push(content);
                u32::try_from(self.contents.len() - 1).expect("fewer than 2^32 files")
            }
        };
        self.names.insert(file, place);
        place
    }
}

/// Names of files that were removed, of all machines.
pub type Removed = Rc<RefCell<Vec<String>>>;

/// The files of one machine.
pub struct MachineFiles {
    /// Names of removed files that somebody watches.
    removed: Option<(&'static str, Removed)>,
    capacity: u64,
    spill: Rc<Spill>,
    state: RefCell<State>,
}

impl MachineFiles {
    /// An empty disk of `capacity` bytes.
    #[must_use]
    pub fn new(capacity: u64, spill: Rc<Spill>) -> MachineFiles {
        MachineFiles {
            removed: None,
            capacity,
            spill,
            state: RefCell::default(),
        }
    }

    /// Notes the names of files that are removed and begin with this.
    #[must_use]
    pub fn watched(self, prefix: &'static str, removed: &Removed) -> MachineFiles {
        MachineFiles {
            removed: Some((prefix, Rc::clone(removed))),
            ..self
        }
    }

    /// Begins a flush of the file: what it will make durable, and how many bytes (as the world counts them) the disk has to write for
    /// it; what flushes under way write already is not written again. A file that is not there has nothing to flush.
    #[must_use]
    pub fn begin_flush(&self, file: &str) -> Option<(FlushPoint, u64)> {
        let mut state = self.state.borrow_mut();
        let place = state.names.get(file)?;
        let content = &mut state.contents[place as usize];
        let waiting = content
            .parts
            .iter()
            .rev()
            .take_while(|part| part.position >= content.flushing);
        let bytes = waiting.map(|part| part.size).sum();
        content.flushing = content.len;
        let point = FlushPoint {
            place,
            generation: content.generation,
            len: content.len,
        };
        Some((point, bytes))
    }

    /// A flush is complete.
    pub fn flushed(&self, point: &FlushPoint) {
        let mut state = self.state.borrow_mut();
        let content = &mut state.contents[point.place as usize];
        if content.generation == point.generation {
            content.durable = content.durable.max(point.len.min(content.len));
        }
    }

    /// The power is cut: unflushed appends are dropped or torn.
    ///
    /// # Errors
    /// [`DiskError::Machine`] where the torn part cannot be read.
    pub fn power_cut(&self, random: &mut impl Rng) -> Result<(), DiskError> {
        let mut state = self.state.borrow_mut();
        let State {
            names, contents, used, ..
        } = &mut *state;
        for place in names.places() {
            let content = &mut contents[*place as usize];
            let mut first = content.parts.partition_point(|part| part.position < content.durable);
            if planted(Plant::DiskLosesFlushed) {
                first = first.saturating_sub(1);
            }
            let unflushed = content.parts.len() - first;
            if unflushed == 0 {
                continue;
            }
            let kept = first + random.random_range(0..=unflushed);
            let mut end = content.parts.get(kept).map_or(content.len, |part| part.position);
            if let Some(torn) = content.parts.get(kept)
                && !torn.piece.is_empty()
                && random.random_bool(0.5)
            {
                end += random.random_range(0..torn.piece.len());
            }
            *used -= content.size;
            content.cut(end, &self.spill)?;
            *used += content.size;
            content.durable = content.len;
            content.flushing = content.len;
        }
        Ok(())
    }

    /// Files whose names begin with one of `prefixes` lose what was not flushed, but for what is left; whether there was something to lose.
    ///
    /// # Errors
    /// [`DiskError::Machine`] where what is left cannot be read or kept.
    pub fn tear(&self, prefixes: &[&str], left: Left, random: &mut impl Rng) -> Result<bool, DiskError> {
        let mut state = self.state.borrow_mut();
        let State {
            names, contents, used, ..
        } = &mut *state;
        let mut torn = false;
        for (name, place) in names.all() {
            let content = &mut contents[place as usize];
            let first = content.parts.partition_point(|part| part.position < content.durable);
            let unflushed = content.parts.len() - first;
            if unflushed == 0 || !prefixes.iter().any(|prefix| name.starts_with(prefix)) {
                continue;
            }
            torn = true;
            *used -= content.size;
            match left {
                Left::Prefix => {
                    let part = &content.parts[first + random.random_range(0..unflushed)];
                    let end = part.position + random.random_range(0..part.piece.len().max(1));
                    content.cut(end, &self.spill)?;
                }
                Left::Subset => {
                    let kept: Vec<bool> = (0..unflushed).map(|_| random.random_bool(0.5)).collect();
                    let last = kept.iter().rposition(|kept| *kept);
                    let end = content.parts.get(last.map_or(first, |last| first + last + 1));
                    let end = end.map_or(content.len, |part| part.position);
                    content.cut(end, &self.spill)?;
                    for (part, _) in content.parts[first..].iter_mut().zip(kept).filter(|(_, kept)| !kept) {
                        part.piece = self.spill.put(Bytes::from(vec![0; part.piece.len() as usize]))?;
                    }
                }
            }
            *used += content.size;
            content.durable = content.len;
            content.flushing = content.len;
        }
        Ok(torn)
    }

    /// The files of which one rots, in order of name: those that are not empty.
    pub fn rotting(&self, file: &Rotten) -> Vec<String> {
        let mut names = self.list(&file.prefix);
        names.retain(|name| name.contains(&file.part) && self.len(name) > Some(0));
        names
    }

    /// A bit flips in the byte at a position of a file that is not empty; a position past the end is counted on from the first byte. False
    /// where there is no byte.
    pub fn rot(&self, file: &Rotten, byte: u64) -> bool {
        let names = self.rotting(file);
        let last = names.last().filter(|_| !file.exact);
        let Some(name) = names.get(file.index as usize).or(last) else {
            return false;
        };
        let mut state = self.state.borrow_mut();
        let Some(content) = state.get_mut(name) else {
            return false;
        };
        let position = byte % content.len;
        let part = content
            .parts
            .partition_point(|part| part.position + part.piece.len() <= position);
        let part = &mut content.parts[part];
        let Ok(bytes) = part.piece.read(0, part.piece.len()) else {
            return false;
        };
        let mut bytes = bytes.to_vec();
        bytes[(position - part.position) as usize] ^= 1;
        match self.spill.put(bytes.into()) {
            Ok(piece) => part.piece = piece,
            Err(_) => return false,
        }
        true
    }

    /// Bytes land on a file from a position on, as far as it reaches; whether that changed something. How much of it is durable stays.
    pub fn overwrite(&self, file: &str, position: u64, bytes: &[u8]) -> bool {
        let mut state = self.state.borrow_mut();
        let Some(content) = state.get_mut(file) else {
            return false;
        };
        let end = content.len.min(position.saturating_add(bytes.len() as u64));
        let mut changed = false;
        for part in &mut content.parts {
            let len = part.piece.len();
            let (from, to) = (position.max(part.position), end.min(part.position + len));
            if from >= to {
                continue;
            }
            let Ok(old) = part.piece.read(0, len) else { continue };
            let mut new = old.to_vec();
            let landing = &bytes[(from - position) as usize..(to - position) as usize];
            new[(from - part.position) as usize..(to - part.position) as usize].copy_from_slice(landing);
            if new != old
                && let Ok(piece) = self.spill.put(new.into())
            {
                part.piece = piece;
                changed = true;
            }
        }
        changed
    }

    /// Bytes of a file that would survive a power cut for certain.
    #[must_use]
    pub fn durable(&self, file: &str) -> Option<u64> {
        self.state.borrow().get(file).map(|content| content.durable)
    }

    fn room_for(&self, used: u64, wanted: u64) -> Result<(), DiskError> {
        let free = self.capacity.saturating_sub(used);
        if wanted > free {
            return Err(DiskError::Full { free, wanted });
        }
        Ok(())
    }
}

impl Content {
    /// Cuts to `end` bytes; a part that is cut through counts for its share.
    fn cut(&mut self, end: u64, spill: &Rc<Spill>) -> Result<(), DiskError> {
        while let Some(last) = self.parts.pop() {
            if last.position + last.piece.len() <= end {
                self.parts.push(last);
                break;
            }
            self.size -= last.size;
            if last.position < end {
                let len = end - last.position;
                let size = u128::from(last.size) * u128::from(len) / u128::from(last.piece.len());
                let bytes = Bytes::copy_from_slice(&last.piece.read(0, len)?);
                let part = Part {
                    position: last.position,
                    piece: spill.put(bytes)?,
                    size: size as u64,
                };
                self.size += part.size;
                self.parts.push(part);
                break;
            }
        }
        self.len = self.len.min(end);
        self.durable = self.durable.min(end);
        self.flushing = self.flushing.min(end);
        Ok(())
    }

    fn read(&self, position: u64, len: u64) -> Result<Bytes, DiskError> {
        let end = position + len;
        let first = self
            .parts
            .partition_point(|part| part.position + part.piece.len() <= position);
        let mut gathered = BytesMut::new();
        for part in &self.parts[first..] {
            if part.position >= end {
                break;
            }
            let from = position.max(part.position) - part.position;
            let to = end.min(part.position + part.piece.len()) - part.position;
            let bytes = part.piece.read(from, to - from)?;
            if to - from == len {
                return Ok(bytes);
            }
            if gathered.is_empty() {
                gathered.reserve(len as usize);
            }
            gathered.extend_from_slice(&bytes);
        }
        Ok(gathered.freeze())
    }
}

impl Files for MachineFiles {
    fn append(&self, file: &str, blob: Blob) -> Result<u64, DiskError> {
        let mut state = self.state.borrow_mut();
        self.room_for(state.used, blob.size)?;
        let piece = self.spill.put(blob.bytes)?;
        state.used += blob.size;
        let known = state.names.get(file);
        let place = known.unwrap_or_else(|| {
            let generation = state.generation();
            let content = Content {
                generation,
                ..Content::default()
            };
            state.add(file, content)
        });
        let content = &mut state.contents[place as usize];
        let position = content.len;
        content.len += piece.len();
        content.size += blob.size;
        content.parts.push(Part {
            position,
            piece,
            size: blob.size,
        });
        Ok(position)
    }

    fn replace(&self, file: &str, blob: Blob) -> Result<(), DiskError> {
        let mut state = self.state.borrow_mut();
        let place = state.names.get(file);
        let before = place.map_or(0, |place| state.contents[place as usize].size);
        self.room_for(state.used - before, blob.size)?;
        let piece = self.spill.put(blob.bytes)?;
        state.used = state.used - before + blob.size;
        let content = Content {
            generation: state.generation(),
            len: piece.len(),
            size: blob.size,
            durable: piece.len(),
            flushing: piece.len(),
            parts: smallvec![Part {
                position: 0,
                piece,
                size: blob.size,
            }],
        };
        match place {
            Some(place) => state.contents[place as usize] = content,
            None => {
                state.add(file, content);
            }
        }
        Ok(())
    }

    fn read(&self, file: &str, position: u64, len: u64) -> Result<Bytes, DiskError> {
        let state = self.state.borrow();
        let content = state.get(file).ok_or_else(|| DiskError::NoFile(file.to_owned()))?;
        let wanted = position.saturating_add(len);
        if wanted > content.len {
            return Err(DiskError::PastEnd {
                file: file.to_owned(),
                len: content.len,
                wanted,
            });
        }
        content.read(position, len)
    }

    fn read_all(&self, file: &str) -> Result<Blob, DiskError> {
        let state = self.state.borrow();
        let content = state.get(file).ok_or_else(|| DiskError::NoFile(file.to_owned()))?;
        Ok(Blob {
            bytes: content.read(0, content.len)?,
            size: content.size,
        })
    }

    fn len(&self, file: &str) -> Option<u64> {
        self.state.borrow().get(file).map(|content| content.len)
    }

    fn truncate(&self, file: &str, len: u64) -> Result<(), DiskError> {
        let mut state = self.state.borrow_mut();
        let place = state.names.get(file);
        let State { contents, used, .. } = &mut *state;
        let content = place.map(|place| &mut contents[place as usize]);
        let content = content.ok_or_else(|| DiskError::NoFile(file.to_owned()))?;
        if len > content.len {
            return Err(DiskError::PastEnd {
                file: file.to_owned(),
                len: content.len,
                wanted: len,
            });
        }
        *used -= content.size;
        let cut = content.cut(len, &self.spill);
        *used += content.size;
        cut
    }

    fn remove(&self, file: &str) {
        let mut state = self.state.borrow_mut();
        if let Some(place) = state.names.remove(file) {
            let content = std::mem::take(&mut state.contents[place as usize]);
            state.free.push(place);
            state.used -= content.size;
            if let Some((prefix, removed)) = &self.removed
                && file.starts_with(prefix)
            {
                removed.borrow_mut().push(file.to_owned());
            }
        }
    }

    fn list(&self, prefix: &str) -> Vec<String> {
        self.state.borrow().names.list(prefix)
    }

    fn usage(&self) -> (u64, u64) {
        (self.state.borrow().used, self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datapath::volume::Budget;
    use proptest::prelude::*;

    fn disk() -> MachineFiles {
        MachineFiles::new(1 << 40, Spill::new(Budget::new(2_000), None))
    }

    #[test]
    fn a_full_disk_refuses_and_stays_as_it_was() {
        let disk = MachineFiles::new(100, Spill::new(Budget::new(1 << 20), None));
        disk.append("a", Blob::modelled(vec![1; 3], 60)).unwrap();
        let full = DiskError::Full { free: 40, wanted: 41 };
        assert_eq!(disk.append("a", Blob::modelled(vec![2], 41)), Err(full.clone()));
        assert_eq!(disk.replace("b", Blob::modelled(vec![2], 41)), Err(full));
        assert_eq!(disk.usage(), (60, 100));
        // Replacing counts what it frees.
        disk.replace("a", Blob::modelled(vec![2], 100)).unwrap();
        disk.remove("a");
        assert_eq!(disk.usage(), (0, 100));
    }

    #[test]
    fn a_file_is_its_appends_in_order_wherever_they_are_kept() {
        let disk = disk();
        let mut expected = Vec::new();
        for n in 0..20u8 {
            let bytes = vec![n; 1 + usize::from(n) * 1000];
            assert_eq!(disk.append("f", Blob::real(bytes.clone())), Ok(expected.len() as u64));
            expected.extend(bytes);
        }
        assert_eq!(disk.read_all("f").unwrap().bytes, expected);
        assert_eq!(disk.read("f", 5_000, 70_000).unwrap(), expected[5_000..75_000]);
        disk.truncate("f", 33_333).unwrap();
        assert_eq!(disk.read_all("f").unwrap(), Blob::real(expected[..33_333].to_vec()));
        assert_eq!(disk.append("f", Blob::real(vec![7; 3])), Ok(33_333));
        let past = disk.read("f", 33_330, 7).unwrap_err();
        assert!(
            matches!(
                past,
                DiskError::PastEnd {
                    len: 33_336,
                    wanted: 33_337,
                    ..
                }
            ),
            "{past}"
        );
        assert_eq!(disk.read("g", 0, 0), Err(DiskError::NoFile("g".to_owned())));
        disk.append("e/1", Blob::real(vec![1])).unwrap();
        disk.append("e/2", Blob::real(vec![1])).unwrap();
        assert_eq!(disk.list("e/"), ["e/1", "e/2"]);
        disk.remove("e/1");
        assert_eq!(disk.list(""), ["e/2", "f"]);
    }

    proptest! {
        /// After a power cut a file holds all that was flushed, and a prefix of what was appended after.
        #[test]
        fn a_power_cut_keeps_what_was_flushed_and_a_prefix_of_the_rest(
            appends in prop::collection::vec((1usize..6_000, any::<bool>()), 1..30),
            late in 0usize..30,
            seed in any::<u64>(),
        ) {
            let disk = disk();
            let mut written = Vec::new();
            let mut flushes = Vec::new();
            for (n, (len, flush)) in appends.iter().enumerate() {
                let bytes: Vec<u8> = (0..*len).map(|i| (i * 31 + n) as u8).collect();
                disk.append("f", Blob::real(bytes.clone())).unwrap();
                written.extend(bytes);
                if *flush { flushes.push((disk.begin_flush("f").unwrap().0, written.len())); }
            }
            // Some flushes complete before the cut, in order.
            let complete = late.min(flushes.len());
            for (point, _) in &flushes[..complete] { disk.flushed(point); }
            let durable = flushes[..complete].last().map_or(0, |f| f.1);
            prop_assert_eq!(disk.durable("f"), Some(durable as u64));
            disk.power_cut(&mut crate::random::stream(seed, "m", 1, "cut")).unwrap();
            let left = disk.read_all("f").unwrap();
            prop_assert!(left.bytes.len() >= durable);
            prop_assert_eq!(&left.bytes[..], &written[..left.bytes.len()]);
            prop_assert_eq!(disk.usage().0, left.size);
            // A second cut finds nothing volatile.
            disk.power_cut(&mut crate::random::stream(seed, "m", 2, "cut")).unwrap();
            prop_assert_eq!(disk.read_all("f").unwrap(), left);
        }
    }

    #[test]
    fn what_a_flush_under_way_writes_is_not_written_again() {
        let disk = disk();
        disk.append("f", Blob::real(vec![1; 100])).unwrap();
        let (first, bytes) = disk.begin_flush("f").unwrap();
        assert_eq!(bytes, 100);
        disk.append("f", Blob::modelled(vec![1; 10], 1_000)).unwrap();
        let (second, bytes) = disk.begin_flush("f").unwrap();
        assert_eq!(bytes, 1_000);
        assert_eq!(disk.begin_flush("f").unwrap().1, 0);
        assert_eq!(disk.durable("f"), Some(0));
        disk.flushed(&first);
        assert_eq!(disk.durable("f"), Some(100));
        disk.flushed(&second);
        assert_eq!(disk.durable("f"), Some(110));
        // A cut takes what is under way with it: what is written then is written anew.
        disk.append("f", Blob::real(vec![2; 50])).unwrap();
        disk.begin_flush("f").unwrap();
        disk.power_cut(&mut crate::random::stream(1, "m", 1, "cut")).unwrap();
        let left = disk.len("f").unwrap();
        disk.append("f", Blob::real(vec![3; 7])).unwrap();
        let (point, bytes) = disk.begin_flush("f").unwrap();
        assert_eq!(bytes, 7);
        disk.flushed(&point);
        assert_eq!(disk.durable("f"), Some(left + 7));
    }

    #[test]
    fn a_flush_of_what_was_replaced_says_nothing_of_what_is_there_now() {
        let disk = disk();
        disk.append("f", Blob::real(vec![1; 100])).unwrap();
        let (point, bytes) = disk.begin_flush("f").unwrap();
        assert_eq!(bytes, 100);
        disk.remove("f");
        disk.append("f", Blob::real(vec![2; 100])).unwrap();
        disk.flushed(&point);
        assert_eq!(disk.durable("f"), Some(0));
    }
}
