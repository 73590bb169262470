//! Where the files of a disk are, by path.
//!
//! A storage account holds a million files and is asked for some all the time: nearly always for one that came last into its folder. So
//! a folder has its names in order, in rows, of which the last ends with that one; folders are found by a fixed hash. Whoever lists files
//! gets them in order. What goes through all of them, as a power cut does, meets them as they came, and where one was removed the last in
//! its place.

use datapath::rows::Rows;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

/// Places of files by path.
#[derive(Default)]
pub(super) struct Names {
    /// By the path up to and with the last slash.
    folders: IndexMap<Box<str>, Folder, FxBuildHasher>,
    /// All places, in the order in which files are gone through.
    order: Vec<u32>,
    /// Where a place stands in that order.
    ranks: Vec<u32>,
}

/// Places by the name within the folder.
#[derive(Default)]
struct Folder {
    /// Names of up to 16 bytes, as a batch's, as one number: two instructions compare them.
    short: Rows<u128, u32>,
    long: Rows<Box<str>, u32>,
}

/// A name within a folder.
#[derive(Clone, Copy)]
enum Name<'a> {
    Short(u128),
    Long(&'a str),
}

/// One in each of 16 bytes.
const ONES: u128 = u128::from_be_bytes([1; 16]);

/// Has a bit set where one of the 16 bytes is zero; the lowest says which is the last of them.
fn zeros(bytes: u128) -> u128 {
    bytes.wrapping_sub(ONES) & !bytes & (ONES << 7)
}

/// The folder of a path, with its slash, and the name in it.
fn split(path: &str) -> (&str, Name<'_>) {
    // The last 16 bytes as one number: of most paths the name and the slash before it are in there, and need no look at each byte.
    let bytes = path.as_bytes();
    let end = bytes.last_chunk().copied().unwrap_or_else(|| {
        let mut end = [0; 16];
        end[16 - bytes.len()..].copy_from_slice(bytes);
        end
    });
    let end = u128::from_be_bytes(end);
    let slashes = zeros(end ^ (ONES * u128::from(b'/')));
    let len = match slashes {
        0 => bytes.len() - path.rfind('/').map_or(0, |slash| slash + 1),
        _ => (slashes.trailing_zeros() / 8) as usize,
    };
    let (folder, name) = path.split_at(bytes.len() - len);
    // A short one has zeros behind it, and none itself: as a number it is ordered as it is.
    let number = (len <= 16).then(|| end.checked_shl(8 * (16 - len as u32)).unwrap_or(0));
    let number = number.filter(|number| zeros(number | ONES.checked_shr(8 * len as u32).unwrap_or(0)) == 0);
    (folder, number.map_or(Name::Long(name), Name::Short))
}

impl Folder {
    fn get(&self, name: Name<'_>) -> Option<u32> {
        match name {
            Name::Short(number) => self.short.get(&number).copied(),
            Name::Long(name) => self.long.get(name).copied(),
        }
    }

    fn insert(&mut self, name: Name<'_>, place: u32) {
        match name {
            Name::Short(number) => self.short.insert(number, place),
            Name::Long(name) => self.long.insert(name.into(), place),
        };
    }

    fn remove(&mut self, name: Name<'_>) -> Option<u32> {
        match name {
            Name::Short(number) => self.short.remove(&number),
            Name::Long(name) => self.long.remove(name),
        }
    }

    fn is_empty(&self) -> bool {
        self.short.is_empty() && self.long.is_empty()
    }

    /// Paths and places of its files, those with short names first.
    fn files(&self, folder: &str) -> impl Iterator<Item = (String, u32)> {
        let short = self.short.iter().map(move |(number, place)| {
            let bytes = number.to_be_bytes();
            let len = 16 - (number.trailing_zeros() / 8).min(16) as usize;
            let name = std::str::from_utf8(&bytes[..len]).expect("a name is part of a path");
            ([folder, name].concat(), *place)
        });
        let long = self.long.iter();
        short.chain(long.map(move |(name, place)| ([folder, name].concat(), *place)))
    }
}

impl Names {
    /// The place of a file.
    pub(super) fn get(&self, path: &str) -> Option<u32> {
        let (folder, name) = split(path);
        self.folders.get(folder)?.get(name)
    }

    /// Gives a path that is not there yet a place.
    pub(super) fn insert(&mut self, path: &str, place: u32) {
        let (folder, name) = split(path);
        match self.folders.get_mut(folder) {
            Some(files) => files.insert(name, place),
            None => {
                let mut files = Folder::default();
                files.insert(name, place);
                self.folders.insert(folder.into(), files);
            }
        }
        let rank = self.order.len() as u32;
        if self.ranks.len() <= place as usize {
            self.ranks.resize(place as usize + 1, u32::MAX);
        }
        self.ranks[place as usize] = rank;
        self.order.push(place);
    }

    /// Takes a path out; the place that it had.
    pub(super) fn remove(&mut self, path: &str) -> Option<u32> {
        let (folder, name) = split(path);
        let files = self.folders.get_mut(folder)?;
        let place = files.remove(name)?;
        if files.is_empty() {
            // A process server has a folder for each batch that it caches.
            self.folders.swap_remove(folder);
        }
        let rank = self.ranks[place as usize];
        self.order.swap_remove(rank as usize);
        if let Some(moved) = self.order.get(rank as usize) {
            self.ranks[*moved as usize] = rank;
        }
        Some(place)
    }

    /// All places, in the order in which files are gone through.
    pub(super) fn places(&self) -> &[u32] {
        &self.order
    }

    /// Paths and places in the same order; for what happens seldom.
    pub(super) fn all(&self) -> Vec<(String, u32)> {
        let files = self.folders.iter();
        let mut all: Vec<(String, u32)> = files.flat_map(|(folder, files)| files.files(folder)).collect();
        all.sort_unstable_by_key(|(_, place)| self.ranks[*place as usize]);
        all
    }

    /// Paths that begin so, in order.
    pub(super) fn list(&self, prefix: &str) -> Vec<String> {
        let mut found = Vec::new();
        for (folder, files) in &self.folders {
            if folder.starts_with(prefix) || prefix.starts_with(&**folder) {
                let paths = files.files(folder).map(|(path, _)| path);
                found.extend(paths.filter(|path| path.starts_with(prefix)));
            }
        }
        found.sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests {
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
                let (folder, name) = split(&path);
                let whole = path.rfind('/').map_or("", |slash| &path[..=slash]);
                prop_assert_eq!(folder, whole);
                let name_of = &path.as_bytes()[whole.len()..];
                prop_assert_eq!(matches!(name, Name::Short(_)), name_of.len() <= 16 && !name_of.contains(&0));
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
                prop_assert!(names.folders.values().all(|files| !files.is_empty()), "a folder without files is kept");
            }
            let of_model: Vec<(String, u32)> = model.iter().map(|(path, place)| (path.clone(), *place)).collect();
            prop_assert_eq!(names.all(), of_model);
            let mut begin: Vec<String> = model.keys().filter(|path| path.starts_with(&prefix)).cloned().collect();
            begin.sort_unstable();
            prop_assert_eq!(names.list(&prefix), begin);
        }
    }
}
