//! What a scenario is read from goes with it: images and recordings, copied to where a sweep or a failure is handed over.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use scenarios::Scenario;
use scenarios::model::Start;

use super::SUMMARY;
use super::keeping::{FAILURES, put_whole};
use crate::failure::Failure;
use crate::seeds::{SCENARIO, SEEDS};

/// Files up to this size, in bytes, are handed over; larger ones are named where they are.
const CARRIED_MAX: u64 = 64 << 20;

/// The files that a scenario is read from, each with its place in a folder.
pub(super) struct Inputs {
    /// From the root, in the order in which they are named.
    files: Vec<(PathBuf, PathBuf)>,
}

impl Inputs {
    /// Finds a place in a folder for what a scenario is read from. What is there already stays where it is.
    ///
    /// # Errors
    /// One cannot be read.
    pub(super) fn of(scenario: &Scenario, folder: &Path) -> Result<Inputs, Failure> {
        let folder = rooted(folder);
        let inputs = scenario.inputs.0.iter().filter(|input| **input != scenario.path.0);
        let mut all: Vec<PathBuf> = inputs.map(|input| rooted(input)).collect();
        // The others are not to take their names.
        all.sort_by_key(|file| file.parent() != Some(&folder));
        // Nor that of what a sweep writes itself.
        let mut taken: BTreeSet<OsString> = [SCENARIO, SEEDS, SUMMARY, FAILURES]
            .into_iter()
            .map(OsString::from)
            .collect();
        let mut files: Vec<(PathBuf, PathBuf)> = Vec::new();
        for file in all {
            let bytes = std::fs::metadata(&file).map_err(|error| unread(&file, &error))?.len();
            let Some(name) = file.file_name().filter(|_| bytes <= CARRIED_MAX) else {
                continue;
            };
            if files.iter().any(|(known, _)| *known == file) {
                continue;
            }
            let numbered = |number: u32| {
                let mut own = OsString::from(format!("{number}-"));
                own.push(name);
                own
            };
            let mut own = name.to_owned();
            for number in 2.. {
                if taken.insert(own.clone()) {
                    break;
                }
                own = numbered(number);
            }
            let place = folder.join(own);
            files.push((file, place));
        }
        Ok(Inputs { files })
    }

    /// The scenario, or one that was made of it, with its files where they are handed over.
    pub(super) fn named(&self, scenario: &Scenario) -> Scenario {
        let mut named = scenario.clone();
        let place = |path: &mut PathBuf| {
            if let Some((_, place)) = self.files.iter().find(|(file, _)| file == path) {
                place.clone_into(path);
            }
        };
        for vm in &mut named.vms {
            for disk in Arc::make_mut(&mut vm.disks) {
                if let Start::Image(image) = &mut disk.start {
                    place(&mut image.path);
                }
            }
            let streams = Arc::make_mut(&mut vm.workload).streams.iter_mut();
            for stream in streams {
                let recorded = stream.recording.as_mut().map(|recording| &mut recording.file);
                let counted = stream.counters.as_mut().map(|counters| &mut counters.file);
                recorded.into_iter().chain(counted).for_each(place);
            }
        }
        named
    }

    /// A digest of what the files hold.
    ///
    /// # Errors
    /// One cannot be read.
    pub(super) fn digest(&self) -> Result<blake3::Hash, Failure> {
        let mut all = blake3::Hasher::new();
        for (file, _) in &self.files {
            let mut hasher = blake3::Hasher::new();
            File::open(file)
                .and_then(|mut content| std::io::copy(&mut content, &mut hasher))
                .map_err(|error| unread(file, &error))?;
            all.update(hasher.finalize().as_bytes());
        }
        Ok(all.finalize())
    }

    /// Copies those that a scenario is read from to their places.
    ///
    /// # Errors
    /// One cannot be read or written.
    pub(super) fn copy(&self, of: &Scenario) -> Result<(), Failure> {
        let wanted: BTreeSet<PathBuf> = of.inputs.0.iter().map(|input| rooted(input)).collect();
        let files = self.files.iter().filter(|(file, _)| wanted.contains(file));
        for (file, place) in files.filter(|(file, place)| file != place) {
            put_whole(place, |beside| std::fs::copy(file, beside).map(|_| ()))?;
        }
        Ok(())
    }
}

fn rooted(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn unread(file: &Path, error: &std::io::Error) -> Failure {
    Failure::Input(format!("cannot read {}: {error}", file.display()))
}
