//! The run directory: where a run leaves its files, and the rules by which a folder may be used. A plan's folder goes by the same rules,
//! with a marker and files of its own ([`Layout`]).
//!
//! - A folder is ours if the marker `.firedrill` lies in it; the run holds a lock on the marker while it goes on.
//! - It is complete if `record.json` lies in it. That file is written last, beside its name, and renamed.
//! - Ours and not complete: a run that did not end. It is moved aside to `DIR.partial-N`, and the new run proceeds.
//! - Complete: left alone, unless the user forces it. Then it is moved aside to `DIR.replaced-N`, and what that run wrote is removed
//!   there once the new run is complete: a run that is stopped has taken nothing away.
//! - Not ours and not empty: left alone, unless the user forces it. Then only files that a run writes are replaced.
//! - Nothing that the run reads may be moved or replaced in any of these ways: such a folder is refused.
//! - Without a name from the user it is `runs/NAME-seedN`, or the first of `-2`, `-3` ... that is not complete.

mod inputs;

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

/// Written last.
pub const RECORD: &str = "record.json";
/// The facts, a line each.
pub const EVENTS: &str = "events.jsonl";
/// The facts, compressed.
pub const EVENTS_COMPRESSED: &str = "events.jsonl.zst";
/// The page.
pub const REPORT: &str = "report.html";
/// The recovery points.
pub const POINTS: &str = "points.csv";
/// The recovery points, compressed.
pub const POINTS_COMPRESSED: &str = "points.csv.zst";
/// RPO over time.
pub const RPO: &str = "rpo.csv";
/// RPO over time, compressed.
pub const RPO_COMPRESSED: &str = "rpo.csv.zst";
/// Backlog over time.
pub const BACKLOG: &str = "backlog.csv";
/// Backlog over time, compressed.
pub const BACKLOG_COMPRESSED: &str = "backlog.csv.zst";
/// All that a run may write beside its disks; the record first.
const FILES: [&str; 10] = [
    RECORD,
    EVENTS,
    EVENTS_COMPRESSED,
    REPORT,
    POINTS,
    POINTS_COMPRESSED,
    RPO,
    RPO_COMPRESSED,
    BACKLOG,
    BACKLOG_COMPRESSED,
];
/// The folder of recovered disks.
pub const DISKS: &str = "disks";

/// What a kind of folder holds, and how it is told from others.
#[derive(Debug)]
pub struct Layout {
    /// What it holds, in a word: `run`.
    pub holds: &'static str,
    /// The file that marks it.
    pub marker: &'static str,
    /// What the marker says.
    pub marker_text: &'static str,
    /// Written last; what is complete has it.
    pub record: &'static str,
    /// All files that may be written, the record first, relative to the folder.
    pub files: &'static [&'static str],
    /// The folder in which files of any name may be written.
    pub free: Option<&'static str>,
    /// Folders of `files`, which are removed with the last file in them.
    pub folders: &'static [&'static str],
}

/// A run's folder.
pub static RUN: Layout = Layout {
    holds: "run",
    marker: ".firedrill",
    marker_text: "A run directory of firedrill. It is complete when record.json is there.\n",
    record: RECORD,
    files: &FILES,
    free: Some(DISKS),
    folders: &[DISKS],
};

/// Where a file is written before it is renamed: beside its name.
fn beside(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!(".{name}.partial"))
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Somebody else's, or a result that is to be kept.
    #[error("{} {why}; give another folder with --out, or {forced} with --force", path.display())]
    Taken {
        /// The folder.
        path: PathBuf,
        /// What is in the way.
        why: String,
        /// What forcing it does.
        forced: &'static str,
    },
    /// Another process is writing there, or it cannot be a folder.
    #[error("{} {why}; give another folder with --out", path.display())]
    Unusable {
        /// The path.
        path: PathBuf,
        /// What is in the way.
        why: String,
    },
    /// It holds something that the run reads.
    #[error("{} holds {}, which this run reads and would have to {what}; give another folder with --out", path.display(), input.display())]
    HoldsInput {
        /// The folder.
        path: PathBuf,
        /// The file that is read.
        input: PathBuf,
        /// What would become of it.
        what: &'static str,
    },
    /// The machine failed.
    #[error("cannot write {}: {source}", path.display())]
    Machine {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl DirectoryError {
    /// Whether another input helps; else the machine failed.
    #[must_use]
    pub fn is_input(&self) -> bool {
        match self {
            // A name that no file system takes.
            DirectoryError::Machine { source, .. } => source.kind() == io::ErrorKind::InvalidFilename,
            _ => true,
        }
    }
}

impl Layout {
    fn busy(&self) -> String {
        format!("is being written by another {}", self.holds)
    }
}

fn machine(path: &Path) -> impl FnOnce(io::Error) -> DirectoryError + '_ {
    move |source| DirectoryError::Machine {
        path: path.to_owned(),
        source,
    }
}

/// A folder that belongs to this run.
#[derive(Debug)]
pub struct RunDirectory {
    layout: &'static Layout,
    path: PathBuf,
    moved_aside: Option<PathBuf>,
    replaced: Option<PathBuf>,
    passed_over: Option<String>,
    _lock: File,
}

impl RunDirectory {
    /// Takes the folder that the user named, for a run that reads `inputs`.
    ///
    /// # Errors
    /// The folder is taken, or cannot be made.
    pub fn named(path: &Path, force: bool, inputs: &[PathBuf]) -> Result<RunDirectory, DirectoryError> {
        RunDirectory::of(&RUN, path, force, inputs)
    }

    /// Takes the folder that the user named, for what a layout says and what reads `inputs`.
    ///
    /// # Errors
    /// The folder is taken, or cannot be made.
    pub fn of(
        layout: &'static Layout,
        path: &Path,
        force: bool,
        inputs: &[PathBuf],
    ) -> Result<RunDirectory, DirectoryError> {
        let path: PathBuf = path.components().collect();
        let state = state(layout, &path)?;
        let in_the_way = match state {
            State::Partial => inputs::within(&path, inputs).map(|input| (input, "move")),
            State::Complete if force => inputs::within(&path, inputs).map(|input| (input, "move")),
            State::Foreign if force => inputs::replaced(layout, &path, inputs).map(|input| (input, "replace")),
            _ => None,
        };
        if let Some((input, what)) = in_the_way {
            return Err(DirectoryError::HoldsInput {
                path,
                input: input.to_owned(),
                what,
            });
        }
        match state {
            State::Free => RunDirectory::take(layout, path),
            State::Partial => {
                let moved_aside = Some(move_aside(&path, "partial")?);
                Ok(RunDirectory {
                    moved_aside,
                    ..RunDirectory::take(layout, path)?
                })
            }
            State::Busy => Err(DirectoryError::Unusable {
                path,
                why: layout.busy(),
            }),
            State::NoFolder => Err(DirectoryError::Unusable {
                path,
                why: "is not a folder".to_owned(),
            }),
            State::Complete if force => {
                let replaced = Some(move_aside(&path, "replaced")?);
                Ok(RunDirectory {
                    replaced,
                    ..RunDirectory::take(layout, path)?
                })
            }
            State::Foreign if force => {
                clear(layout, &path, &[])?;
                RunDirectory::take(layout, path)
            }
            State::Complete => Err(DirectoryError::Taken {
                path,
                why: format!("holds a completed {}", layout.holds),
                forced: "replace it",
            }),
            State::Foreign => Err(DirectoryError::Taken {
                path,
                why: format!("is not empty and not a {} directory", layout.holds),
                forced: "write into it",
            }),
        }
    }

    /// Takes a folder below `runs`, named after the scenario and the seed, for a run that reads `inputs`.
    ///
    /// # Errors
    /// None can be made.
    pub fn numbered(
        runs: &Path,
        name: &str,
        seed: u64,
        force: bool,
        inputs: &[PathBuf],
    ) -> Result<RunDirectory, DirectoryError> {
        let first = runs.join(format!("{name}-seed{seed}"));
        if force {
            return RunDirectory::named(&first, true, inputs);
        }
        let mut path = first;
        let mut passed_over = None;
        for number in 2_u64.. {
            match RunDirectory::named(&path, false, inputs) {
                Err(DirectoryError::Taken { path: there, why, .. } | DirectoryError::Unusable { path: there, why }) => {
                    passed_over.get_or_insert(format!("{} {why}", there.display()));
                    path = runs.join(format!("{name}-seed{seed}-{number}"));
                }
                Err(error) => return Err(error),
                Ok(directory) => {
                    return Ok(RunDirectory {
                        passed_over,
                        ..directory
                    });
                }
            }
        }
        unreachable!("a run directory's number has no end");
    }

    fn take(layout: &'static Layout, path: PathBuf) -> Result<RunDirectory, DirectoryError> {
        fs::create_dir_all(&path).map_err(machine(&path))?;
        let marker = path.join(layout.marker);
        let mut lock = File::options()
            .create(true)
            .append(true)
            .open(&marker)
            .map_err(machine(&marker))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DirectoryError::Unusable {
                    path,
                    why: layout.busy(),
                });
            }
            // A file system without locks: nothing to protect with.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(machine(&marker)(error)),
        }
        if lock.metadata().map_err(machine(&marker))?.len() == 0 {
            lock.write_all(layout.marker_text.as_bytes())
                .map_err(machine(&marker))?;
        }
        Ok(RunDirectory {
            layout,
            path,
            moved_aside: None,
            replaced: None,
            passed_over: None,
            _lock: lock,
        })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where an earlier run that did not end was moved.
    #[must_use]
    pub fn moved_aside(&self) -> Option<&Path> {
        self.moved_aside.as_deref()
    }

    /// Where the completed run is kept that this one replaces, until it is complete.
    #[must_use]
    pub fn replaced(&self) -> Option<&Path> {
        self.replaced.as_deref()
    }

    /// What is in the way of the first name, where another was taken: a folder, and what it holds.
    #[must_use]
    pub fn passed_over(&self) -> Option<&str> {
        self.passed_over.as_deref()
    }

    /// The folder of recovered disks, made when it is asked for.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn disks(&self) -> Result<PathBuf, DirectoryError> {
        let path = self.path.join(DISKS);
        fs::create_dir_all(&path).map_err(machine(&path))?;
        Ok(path)
    }

    /// Writes a file beside its name and renames it. Its name may have a folder before it, which is made.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf, DirectoryError> {
        let path = self.path.join(name);
        let beside = beside(&path);
        if let Some(folder) = path.parent().filter(|folder| *folder != self.path) {
            fs::create_dir_all(folder).map_err(machine(folder))?;
        }
        let mut file = File::create(&beside).map_err(machine(&beside))?;
        file.write_all(content)
            .and_then(|()| file.sync_all())
            .map_err(machine(&beside))?;
        fs::rename(&beside, &path).map_err(machine(&path))?;
        Ok(path)
    }

    /// The same, compressed as one zstd frame.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_compressed(&self, name: &str, content: &[u8], level: i32) -> Result<PathBuf, DirectoryError> {
        let frame = zstd::bulk::compress(content, level).map_err(machine(&self.path.join(name)))?;
        self.write(name, &frame)
    }

    /// Writes the record, which completes the directory. All other files are to be there. What a run that this one replaces wrote is
    /// removed then; what somebody else put into its folder stays there.
    ///
    /// # Errors
    /// It cannot be written, or the old files cannot be removed.
    pub fn complete(&self, record: &[u8]) -> Result<PathBuf, DirectoryError> {
        let layout = self.layout;
        let path = self.write(layout.record, record)?;
        if let Some(old) = &self.replaced {
            let images = match layout.free {
                Some(_) => images_of(&old.join(layout.record)),
                None => Vec::new(),
            };
            clear(layout, old, &images)?;
            remove(&old.join(layout.marker))?;
            // Folders in which something is left stay.
            for folder in layout.folders {
                let _ = fs::remove_dir(old.join(folder));
            }
            let _ = fs::remove_dir(old);
        }
        Ok(path)
    }
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Free,
    Partial,
    Busy,
    Complete,
    Foreign,
    NoFolder,
}

fn state(layout: &Layout, path: &Path) -> Result<State, DirectoryError> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_dir() => return Ok(State::NoFolder),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Free),
        Err(error) => return Err(machine(path)(error)),
    }
    let marker = path.join(layout.marker);
    if !marker.exists() {
        let empty = fs::read_dir(path).map_err(machine(path))?.next().is_none();
        return Ok(if empty { State::Free } else { State::Foreign });
    }
    let held = File::open(&marker).map_err(machine(&marker))?;
    if matches!(held.try_lock(), Err(TryLockError::WouldBlock)) {
        return Ok(State::Busy);
    }
    Ok(if path.join(layout.record).exists() {
        State::Complete
    } else {
        State::Partial
    })
}

/// Renames a run's folder to the first free `DIR.WORD-N`.
fn move_aside(path: &Path, word: &str) -> Result<PathBuf, DirectoryError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for number in 1_u64.. {
        let aside = path.with_file_name(format!("{name}.{word}-{number}"));
        if fs::symlink_metadata(&aside).is_ok() {
            continue;
        }
        fs::rename(path, &aside).map_err(machine(path))?;
        return Ok(aside);
    }
    unreachable!("a partial folder's number has no end");
}

/// Removes what an earlier run wrote, the record first, and nothing else.
fn clear(layout: &Layout, path: &Path, images: &[PathBuf]) -> Result<(), DirectoryError> {
    for name in layout.files {
        remove(&path.join(name))?;
    }
    images.iter().try_for_each(|image| remove(&path.join(image)))
}

/// The images that a record says were written, relative to its folder; none where it cannot be read.
fn images_of(record: &Path) -> Vec<PathBuf> {
    #[derive(serde::Deserialize)]
    struct Record {
        disks: Vec<Disk>,
    }
    #[derive(serde::Deserialize)]
    struct Disk {
        file: Option<PathBuf>,
    }
    let read = || serde_json::from_reader::<_, Record>(io::BufReader::new(File::open(record).ok()?)).ok();
    let disks = read().map_or_else(Vec::new, |record| record.disks);
    // A record is text that anybody can change: it is not to reach outside its folder.
    let ours = |file: &PathBuf| file.components().all(|part| matches!(part, Component::Normal(_)));
    disks.into_iter().filter_map(|disk| disk.file).filter(ours).collect()
}

fn remove(path: &Path) -> Result<(), DirectoryError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(machine(path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
