//! What a sweep writes down as it goes, a line for each seed, so that one that was cut off goes on, and parts become a whole.
//!
//! The folder of a sweep holds `scenario.toml` (the scenario that was swept), `seeds.jsonl` (what it is a sweep of, then what came of each seed,
//! in the order in which they ended) and, once it is complete, `chaos.json`. A line that a cut has torn counts as not there.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use scenarios::chaos::Outcome;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The scenario that was swept.
pub const SCENARIO: &str = "scenario.toml";
/// What came of each seed.
pub const SEEDS: &str = "seeds.jsonl";

/// Of what the lines are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The version of firedrill.
    pub version: String,
    /// The digest of the program.
    pub binary: String,
    /// The digest of the scenario as it was read.
    pub scenario: String,
    /// What carries the messages.
    pub network: String,
    /// Seeds that come before the others, for they were kept.
    pub kept: Vec<u64>,
    /// The first seed of the whole sweep.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// Which part of it this is.
    pub shard: (u64, u64),
}

/// A file of seeds.
pub struct Seeds {
    path: PathBuf,
    file: Mutex<File>,
    head: Head,
}

impl Seeds {
    /// Opens the file of a folder, and reads what it holds of the same sweep, or forgets it. One that goes on has the kept seeds that it began
    /// with.
    ///
    /// # Errors
    /// It holds another sweep, or cannot be read or written; another sweep writes it.
    pub fn open(folder: &Path, head: Head, forget: bool) -> Result<(Seeds, BTreeMap<u64, Outcome>), Failure> {
        let path = folder.join(SEEDS);
        let file = OpenOptions::new().create(true).read(true).append(true).open(&path);
        let mut file = file.map_err(|error| cannot(&path, &error))?;
        // Two that write into one record would tear each other's lines.
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::Input(format!(
                    "{} is being written by another sweep",
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(cannot(&path, &error)),
        }
        let mut text = String::new();
        if !forget {
            file.read_to_string(&mut text).map_err(|error| unread(&path, &error))?;
        }
        let (there, known, whole) = read(&text);
        let head = match there {
            Some(there) => {
                let kept = there.kept.clone();
                if (Head { kept, ..head }) != there {
                    return Err(Failure::Input(format!(
                        "{} is of another sweep (scenario, seeds, network or program); give another folder with --out, or replace it with --force",
                        path.display()
                    )));
                }
                there
            }
            None if whole > 0 => {
                return Err(Failure::Input(format!(
                    "{} is of another version or of something else; --force replaces it",
                    path.display()
                )));
            }
            None => head,
        };
        let mut begin = || -> std::io::Result<()> {
            // What a cut has torn goes.
            file.set_len(whole)?;
            if whole == 0 {
                writeln!(file, "{}", serde_json::to_string(&head)?)?;
            }
            Ok(())
        };
        begin().map_err(|error| cannot(&path, &error))?;
        let file = Mutex::new(file);
        Ok((Seeds { path, file, head }, known))
    }

    /// Seeds that come before the others.
    pub fn kept(&self) -> &[u64] {
        &self.head.kept
    }

    /// Writes down what came of a seed.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add(&self, outcome: &Outcome) -> Result<(), Failure> {
        let write = || -> std::io::Result<()> {
            let line = serde_json::to_string(outcome)? + "\n";
            let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            file.write_all(line.as_bytes())
        };
        write().map_err(|error| cannot(&self.path, &error))
    }
}

/// The digest of this program: what came of seeds is of one program, or of several.
///
/// # Errors
/// It cannot be read.
pub fn binary() -> Result<String, Failure> {
    let read = || -> std::io::Result<blake3::Hash> {
        let mut hasher = blake3::Hasher::new();
        std::io::copy(&mut File::open(std::env::current_exe()?)?, &mut hasher)?;
        Ok(hasher.finalize())
    };
    let digest = read().map_err(|error| Failure::Machine(format!("cannot read this program: {error}")))?;
    Ok(digest.to_hex().to_string())
}

/// Whether a folder is a sweep's: its record is there and begins as one does, or was cut off before it began.
pub fn is_begun(folder: &Path) -> bool {
    let Ok(file) = File::open(folder.join(SEEDS)) else {
        return false;
    };
    let mut first = String::new();
    let read = std::io::BufRead::read_line(&mut std::io::BufReader::new(file), &mut first);
    read.is_ok()
        && (!first.ends_with('\n')
            || serde_json::from_str::<serde_json::Value>(&first).is_ok_and(|head| head.get("shard").is_some()))
}

/// What a folder holds of a sweep.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn of(folder: &Path) -> Result<(Head, BTreeMap<u64, Outcome>), Failure> {
    let path = folder.join(SEEDS);
    let text = std::fs::read_to_string(&path).map_err(|error| unread(&path, &error))?;
    let (head, outcomes, _) = read(&text);
    let head = head.ok_or_else(|| Failure::Input(format!("{} is no sweep's", path.display())))?;
    Ok((head, outcomes))
}

/// The head, the seeds, and how many bytes are whole lines.
type Read = (Option<Head>, BTreeMap<u64, Outcome>, u64);

fn read(text: &str) -> Read {
    let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let Some(first) = lines.next() else {
        return (None, BTreeMap::new(), 0);
    };
    let Ok(head) = serde_json::from_str::<Head>(first) else {
        return (None, BTreeMap::new(), first.len() as u64);
    };
    let mut whole = first.len() as u64;
    let mut outcomes = BTreeMap::new();
    for line in lines {
        let Ok(outcome) = serde_json::from_str::<Outcome>(line) else {
            break;
        };
        whole += line.len() as u64;
        outcomes.insert(outcome.seed, outcome);
    }
    (Some(head), outcomes, whole)
}

fn unread(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Input(format!("cannot read {}: {error}", path.display()))
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Machine(format!("cannot write {}: {error}", path.display()))
}
