//! Where the files of a disk are, by path.
//!
//! A storage account holds a million files, an agent's disk five, and each recovery point of a fleet asks for forty of them. So a path is
//! found by one fixed hash, and compared with the folder and the name that its file is known by: a name is mostly a number. The files of
//! a folder are chained, so that whoever lists some gets along without the others. What goes through all of them, as a power cut does,
//! meets them as they came, and where one was removed the last in its place.

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use datapath::rows::make_room;
use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

/// No file.
const NONE: u32 = u32::MAX;
/// One in each of 16 bytes.
const ONES: u128 = u128::from_be_bytes([1; 16]);

/// Places of files by path.
#[derive(Default)]
pub(super) struct Names {
    places: HashTable<u32>,
    /// By place; of one that is free nothing counts.
    files: Vec<File>,
    /// Names that are no number, by place.
    long: BTreeMap<u32, Box<str>>,
    folders: Folders,
    /// All places, in the order in which files are gone through.
    order: Vec<u32>,
}

/// A file within its folder.
#[derive(Clone, Copy)]
struct File {
    /// Its name, or [`Number::NONE`].
    number: Number,
    /// Of its path.
    hash: u32,
    folder: u32,
    /// The places of its neighbours in the folder.
    before: u32,
    next: u32,
    /// Where its place stands in the order of all.
    rank: u32,
}

/// A name of up to 16 bytes, as a batch's, none of them zero: two instructions compare it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Number {
    high: u64,
    low: u64,
}

/// Folders by their path with the last slash; a process server has one for each batch that it caches.
#[derive(Default)]
struct Folders {
    numbers: HashTable<u32>,
    folders: Vec<Folder>,
    free: Vec<u32>,
}

struct Folder {
    /// Nearly all fit where they are compared.
    path: SmallVec<[u8; 32]>,
    hash: u32,
    first: u32,
}

/// Has a bit set where one of the 16 bytes is zero; the lowest says which is the last of them.
fn zeros(bytes: u128) -> u128 {
    bytes.wrapping_sub(ONES) & !bytes & (ONES << 7)
}

/// The last 16 bytes of a path as one number, with zeros before a shorter one.
fn end_of(path: &str) -> u128 {
    let bytes = path.as_bytes();
    let end = bytes.last_chunk().copied().unwrap_or_else(|| {
        let mut end = [0; 16];
        end[16 - bytes.len()..].copy_from_slice(bytes);
        end
    });
    u128::from_be_bytes(end)
}

impl Number {
    /// None: no text has such bytes.
    const NONE: Number = Number {
        high: u64::MAX,
        low: u64::MAX,
    };

    /// The last bytes of a path, so many of them; none where they are too many, or one of them is zero.
    fn of(path: &str, len: usize) -> Option<Number> {
        if len > 16 {
            return None;
        }
        // It has zeros behind it: as a number it is ordered as it is.
        let number = end_of(path).checked_shl(8 * (16 - len as u32)).unwrap_or(0);
        let behind = ONES.checked_shr(8 * len as u32).unwrap_or(0);
        (zeros(number | behind) == 0).then_some(Number {
            high: (number >> 64) as u64,
            low: number as u64,
        })
    }

    /// Whether it is what the last bytes of a path are, so many of them.
    fn ends(self, path: &str, len: usize) -> bool {
        // It has no zero in it but those behind its last byte: where that is none, it is as long.
        let as_long = len <= 16 && path.as_bytes().last().is_none_or(|last| *last != 0);
        as_long && end_of(path).checked_shl(8 * (16 - len as u32)).unwrap_or(0) == self.bits()
    }

    fn bits(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    fn name(self) -> String {
        let number = self.bits();
        let len = 16 - (number.trailing_zeros() / 8).min(16) as usize;
        let bytes = &number.to_be_bytes()[..len];
        std::str::from_utf8(bytes).expect("a name is part of a path").to_owned()
    }
}

/// Where the name in a path begins.
fn name_at(path: &str) -> usize {
    // In nearly all paths the slash is among the last 16 bytes, and needs no look at each byte.
    match zeros(end_of(path) ^ (ONES * u128::from(b'/'))) {
        0 => path.rfind('/').map_or(0, |slash| slash + 1),
        slashes => path.len() - (slashes.trailing_zeros() / 8) as usize,
    }
}

fn hash_of(path: &str) -> u32 {
    FxBuildHasher.hash_one(path.as_bytes()) as u32
}

/// What a table takes for a hash: it looks at the lowest bits and at the highest.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

impl Folder {
    fn name(&self) -> &str {
        std::str::from_utf8(&self.path).expect("a folder is part of a path")
    }
}

impl Folders {
    /// The number of a folder, which is made where it is not there.
    fn enter(&mut self, path: &str) -> u32 {
        let hash = hash_of(path);
        let is_it = |number: &u32| self.folders[*number as usize].path[..] == *path.as_bytes();
        if let Some(known) = self.numbers.find(spread(hash), is_it) {
            return *known;
        }
        let folder = Folder {
            path: path.as_bytes().into(),
            hash,
            first: NONE,
        };
        let number = match self.free.pop() {
            Some(number) => {
                self.folders[number as usize] = folder;
                number
            }
            None => {
                make_room(&mut self.folders);
                self.folders.push(folder);
                self.folders.len() as u32 - 1
            }
        };
        let folders = &self.folders;
        self.numbers
            .insert_unique(spread(hash), number, |number| spread(folders[*number as usize].hash));
        number
    }

    /// A folder without files goes.
    fn leave(&mut self, number: u32) {
        let folder = &mut self.folders[number as usize];
        folder.path = SmallVec::new();
        if let Ok(found) = self.numbers.find_entry(spread(folder.hash), |known| *known == number) {
            found.remove();
        }
        self.free.push(number);
    }
}

impl Names {
    /// Whether the file at a place bears a path.
    fn bears(&self, place: u32, path: &str) -> bool {
        let file = &self.files[place as usize];
        let Some(name) = path
            .as_bytes()
            .strip_prefix(&self.folders.folders[file.folder as usize].path[..])
        else {
            return false;
        };
        match file.number {
            Number::NONE => self.long.get(&place).is_some_and(|known| known.as_bytes() == name),
            number => number.ends(path, name.len()),
        }
    }

    /// The place of a file.
    pub(super) fn get(&self, path: &str) -> Option<u32> {
        let hash = hash_of(path);
        let is_it = |place: &u32| self.files[*place as usize].hash == hash && self.bears(*place, path);
        self.places.find(spread(hash), is_it).copied()
    }

    /// Gives a path that is not there yet a place.
    pub(super) fn insert(&mut self, path: &str, place: u32) {
        let name = name_at(path);
        let number = Number::of(path, path.len() - name);
        if number.is_none() {
            self.long.insert(place, path[name..].into());
        }
        let folder = self.folders.enter(&path[..name]);
        let first = &mut self.folders.folders[folder as usize].first;
        let file = File {
            number: number.unwrap_or(Number::NONE),
            hash: hash_of(path),
            folder,
            before: NONE,
            next: std::mem::replace(first, place),
            rank: self.order.len() as u32,
        };
        if let Some(next) = self.files.get_mut(file.next as usize) {
            next.before = place;
        }
        match self.files.get_mut(place as usize) {
            Some(free) => *free = file,
            None => {
                make_room(&mut self.files);
                self.files.push(file);
            }
        }
        make_room(&mut self.order);
        self.order.push(place);
        let files = &self.files;
        self.places
            .insert_unique(spread(file.hash), place, |place| spread(files[*place as usize].hash));
    }

    /// Takes a path out; the place that it had.
    pub(super) fn remove(&mut self, path: &str) -> Option<u32> {
        let place = self.get(path)?;
        let file = self.files[place as usize];
        if let Ok(found) = self.places.find_entry(spread(file.hash), |known| *known == place) {
            found.remove();
        }
        if file.number == Number::NONE {
            self.long.remove(&place);
        }
        if let Some(next) = self.files.get_mut(file.next as usize) {
            next.before = file.before;
        }
        match self.files.get_mut(file.before as usize) {
            Some(before) => before.next = file.next,
            None => self.folders.folders[file.folder as usize].first = file.next,
        }
        if self.folders.folders[file.folder as usize].first == NONE {
            self.folders.leave(file.folder);
        }
        self.order.swap_remove(file.rank as usize);
        if let Some(moved) = self.order.get(file.rank as usize) {
            self.files[*moved as usize].rank = file.rank;
        }
        Some(place)
    }

    /// All places, in the order in which files are gone through.
    pub(super) fn places(&self) -> &[u32] {
        &self.order
    }

    fn path(&self, place: u32) -> String {
        let file = &self.files[place as usize];
        let folder = self.folders.folders[file.folder as usize].name();
        match file.number {
            Number::NONE => [folder, self.long.get(&place).map_or("", |name| name)].concat(),
            number => [folder, &number.name()].concat(),
        }
    }

    /// Paths and places in the same order; for what happens seldom.
    pub(super) fn all(&self) -> Vec<(String, u32)> {
        self.order.iter().map(|place| (self.path(*place), *place)).collect()
    }

    /// Paths that begin so, in order.
    pub(super) fn list(&self, prefix: &str) -> Vec<String> {
        let mut found = Vec::new();
        for folder in &self.folders.folders {
            let path = folder.name();
            if folder.first == NONE || !(path.starts_with(prefix) || prefix.starts_with(path)) {
                continue;
            }
            let next = |place: &u32| Some(self.files[*place as usize].next).filter(|next| *next != NONE);
            let places = std::iter::successors(Some(folder.first), next);
            found.extend(
                places
                    .map(|place| self.path(place))
                    .filter(|path| path.starts_with(prefix)),
            );
        }
        found.sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;
    use proptest::prelude::*;

    use super::*;

    /// What it has to be: a map in the order of coming, where the last takes the place of one that goes.
    type Model = IndexMap<String, u32>;

    proptest! {
        #[test]
        fn it_holds_and_lists_what_a_map_of_whole_paths_does(
            steps in prop::collection::vec(("[ab\0]{0,2}(/[ab\0]{0,2}){0,2}(/batch-0000000[0-9\0]{1,12})?", any::<bool>()), 0..60),
            prefix in "[ab]{0,2}(/[ab]{0,2}){0,2}",
        ) {
            let (mut names, mut model, mut free) = (Names::default(), Model::new(), Vec::new());
            for (path, there) in steps {
                let folder = path.rfind('/').map_or(0, |slash| slash + 1);
                prop_assert_eq!(name_at(&path), folder);
                let name = &path[folder..];
                let is_number = name.len() <= 16 && !name.contains('\0');
                prop_assert_eq!(Number::of(&path, name.len()).map(Number::name), is_number.then(|| name.to_owned()));
                for known in model.keys() {
                    let other = &known[name_at(known)..];
                    let ends = Number::of(&path, name.len()).is_some_and(|number| number.ends(known, other.len()));
                    prop_assert_eq!(ends, is_number && other == name);
                }
                match model.get(&path).copied() {
                    known if !there => {
                        prop_assert_eq!(names.remove(&path), known);
                        model.swap_remove(&path);
                        free.extend(known);
                    }
                    None => {
                        let place = free.pop().unwrap_or(model.len() as u32);
                        names.insert(&path, place);
                        model.insert(path.clone(), place);
                    }
                    Some(_) => {}
                }
                prop_assert_eq!(names.get(&path), model.get(&path).copied());
                prop_assert!(names.places().iter().eq(model.values()));
                let kept = names.folders.folders.iter().filter(|folder| folder.first != NONE).count();
                prop_assert_eq!(kept, names.folders.numbers.len(), "a folder without files is kept");
                prop_assert_eq!(kept + names.folders.free.len(), names.folders.folders.len());
            }
            let of_model: Vec<(String, u32)> = model.iter().map(|(path, place)| (path.clone(), *place)).collect();
            prop_assert_eq!(names.all(), of_model);
            let mut begin: Vec<String> = model.keys().filter(|path| path.starts_with(&prefix)).cloned().collect();
            begin.sort_unstable();
            prop_assert_eq!(names.list(&prefix), begin);
        }
    }
}
