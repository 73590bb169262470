//! Where a sweep may write: a folder of its own, and files that are nobody's. All of it is looked at before the first seed, so that nothing of the
//! user's is overwritten, and nothing that was run is lost for want of a place.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::keeping::{FAILURES, beside, cannot};
use super::{SUMMARY, is_complete};
use crate::failure::Failure;
use crate::seeds::{self, SCENARIO, SEEDS};

/// Where sweeps go that were given no folder.
const RUNS: &str = "runs";

/// The folder of a sweep, and whether it was made for it.
pub(super) struct Place {
    pub(super) folder: PathBuf,
    made: bool,
}

impl Place {
    /// The folder that is named, or the next of the scenario's name that is free.
    ///
    /// # Errors
    /// It holds a sweep that is complete, or something that is no sweep's; it is no folder, or cannot be made.
    pub(super) fn take(out: Option<&Path>, name: &str, force: bool) -> Result<Place, Failure> {
        let folder = match out {
            Some(out) => {
                if !force && is_complete(out) {
                    return Err(Failure::Input(format!(
                        "{} holds a sweep already; --force replaces it",
                        out.display()
                    )));
                }
                out.to_owned()
            }
            None => {
                let numbered = |number: u32| {
                    let more = if number == 1 {
                        String::new()
                    } else {
                        format!("-{number}")
                    };
                    Path::new(RUNS).join(format!("{name}-chaos{more}"))
                };
                let free = (1..u32::MAX)
                    .map(numbered)
                    .find(|path| is_ours(path).unwrap_or(false) && !is_complete(path));
                free.unwrap_or_else(|| numbered(1))
            }
        };
        if !is_ours(&folder)? {
            return Err(Failure::Input(format!(
                "{} is not empty and holds no sweep; give another folder with --out",
                folder.display()
            )));
        }
        let made = !folder.exists();
        std::fs::create_dir_all(&folder).map_err(|error| match error.kind() {
            // A file stands where a folder above it should.
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists | ErrorKind::InvalidFilename => {
                Failure::Input(format!("{} cannot be a folder: {error}", folder.display()))
            }
            _ => cannot(&folder, &error),
        })?;
        Ok(Place { folder, made })
    }

    /// Takes the folder away again, if it was made for this and is still empty.
    pub(super) fn give_back(&self) {
        if self.made {
            let _ = std::fs::remove_dir(&self.folder);
        }
    }
}

/// Whether a sweep may write into a folder: it is not there yet, is empty, or a sweep has begun in it.
fn is_ours(folder: &Path) -> Result<bool, Failure> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(_) if !folder.is_dir() => {
            return Err(Failure::Input(format!(
                "{} is not a folder; give another with --out",
                folder.display()
            )));
        }
        Err(error) => return Err(Failure::Input(format!("cannot read {}: {error}", folder.display()))),
    };
    Ok(entries.into_iter().next().is_none() || seeds::is_begun(folder))
}

/// The files that a sweep reads or writes beside its record, each with what it is.
pub(super) struct Files<'a> {
    /// What is read and may not be written: the scenario, and what it is read from.
    pub(super) read: Vec<PathBuf>,
    /// The folders of sweeps, whose records may not be written.
    pub(super) folders: Vec<&'a Path>,
    /// What is written, by the option that names it.
    pub(super) written: Vec<(&'static str, &'a Path)>,
}

impl Files<'_> {
    /// Looks whether all that is to be written can be, and takes the place of nothing.
    ///
    /// # Errors
    /// It does, or it cannot.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let mut taken: Vec<(PathBuf, String)> = Vec::new();
        for file in &self.read {
            taken.push((place(file), "what this sweep reads".to_owned()));
        }
        for folder in &self.folders {
            for own in [SCENARIO, SEEDS, SUMMARY, FAILURES] {
                taken.push((place(&folder.join(own)), "the sweep's own".to_owned()));
            }
        }
        for (option, path) in &self.written {
            let shown = path.display();
            let own = place(path);
            if let Some((_, what)) = taken.iter().find(|(file, _)| *file == own) {
                return Err(Failure::Input(format!(
                    "{option} {shown}: that is {what}; give another file"
                )));
            }
            if path.exists() && !path.is_file() {
                return Err(Failure::Input(format!("{option} {shown}: that is no file")));
            }
            // Where nothing can be written beside it, it cannot be put there whole.
            let tried = beside(path);
            std::fs::File::create_new(&tried)
                .and_then(|file| {
                    drop(file);
                    std::fs::remove_file(&tried)
                })
                .or_else(|error| match error.kind() {
                    // What an earlier sweep has left is replaced.
                    ErrorKind::AlreadyExists => Ok(()),
                    _ => Err(error),
                })
                .map_err(|error| Failure::Input(format!("{option} {shown} cannot be written: {error}")))?;
            taken.push((own, format!("what {option} writes")));
        }
        Ok(())
    }
}

/// Where a path leads, whichever way it is written; of one that is not there yet, where it would.
fn place(path: &Path) -> PathBuf {
    let there = path.canonicalize();
    there.unwrap_or_else(|_| {
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder.canonicalize(),
            _ => Path::new(".").canonicalize(),
        };
        match (folder, path.file_name()) {
            (Ok(folder), Some(name)) => folder.join(name),
            _ => path.to_owned(),
        }
    })
}

/// Whether two paths lead to one file.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    place(one) == place(other)
}

/// Whether a path leads to something in a folder.
pub(super) fn is_within(path: &Path, folder: &Path) -> bool {
    place(path).starts_with(place(folder))
}
