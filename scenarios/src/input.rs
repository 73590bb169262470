//! What is read from outside is bounded: only regular files, and nothing past a stated limit. What is shown of it is plain text.

use std::borrow::Cow;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use datapath::image::{Stamp, not_a_file};

use crate::diagnose::Blame;
use crate::units::show_size;

/// A scenario file at the most: a scenario of 10,000 machines that are written out one by one has room in it.
pub const SCENARIO_BYTES_MAX: u64 = 4 << 20;
/// A recording at the most, as it lies on the disk and as the text that it unpacks to: some weeks of a busy disk.
pub const RECORDING_BYTES_MAX: u64 = 512 << 20;
/// A name at the most, in characters.
pub const NAME_MAX: usize = 100;
/// Machines to protect at the most. A configuration server manages 200, so these are 50 of the product's estates.
pub const MACHINES_MAX: usize = 10_000;
/// Disks of all machines at the most.
pub const DISKS_MAX: usize = 40_000;
/// Servers of the product at the most.
pub const SERVERS_MAX: usize = 1_000;
/// Steps at the most, where a step for several machines counts once for each of them.
pub const STEPS_MAX: usize = 1_000_000;
/// Bytes that a workload writes in a second at the most, its day and its bursts counted: ten times what a fast disk takes.
pub const WORKLOAD_RATE_MAX: u64 = 10_000_000_000;

/// Why a file was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Whose fault it is.
    pub blame: Blame,
    /// Why, without the file's name.
    pub why: String,
    /// There is no such file.
    pub missing: bool,
}

impl Unread {
    fn input(why: impl Into<String>) -> Unread {
        Unread {
            blame: Blame::Input,
            why: why.into(),
            missing: false,
        }
    }

    fn failed(error: &std::io::Error) -> Unread {
        use ErrorKind::{InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound};
        let input = matches!(
            error.kind(),
            NotFound | IsADirectory | NotADirectory | InvalidInput | InvalidFilename
        );
        Unread {
            blame: if input { Blame::Input } else { Blame::Machine },
            why: error.to_string(),
            missing: error.kind() == NotFound,
        }
    }
}

/// Reads a regular file of at most `max` bytes. Of one that is larger, or that grows while it is read, no more is read than that.
///
/// # Errors
/// Why it was not read.
pub fn read(path: &Path, max: u64) -> Result<Vec<u8>, Unread> {
    // Asked before it is opened: whoever opens a pipe waits for its other end.
    let meta = std::fs::metadata(path).map_err(|error| Unread::failed(&error))?;
    if !meta.is_file() {
        let what = not_a_file(&meta).unwrap_or("a block device");
        return Err(Unread::input(format!("it is {what}, not a regular file")));
    }
    let too_large = || Unread::input(format!("it has more than {}, the most that is read", show_size(max)));
    if meta.len() > max {
        return Err(too_large());
    }
    let file = File::open(path).map_err(|error| Unread::failed(&error))?;
    let stamp = Stamp::of(&file).map_err(|error| Unread::failed(&error))?;
    let mut bytes = Vec::new();
    (&file)
        .take(max + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Unread::failed(&error))?;
    if bytes.len() as u64 > max {
        return Err(too_large());
    }
    unchanged(&stamp, &file, path)?;
    Ok(bytes)
}

/// What was read of a file that changed meanwhile is the content of no moment.
fn unchanged(stamp: &Stamp, file: &File, path: &Path) -> Result<(), Unread> {
    match stamp.changed(file, path) {
        Some(what) => Err(Unread {
            blame: Blame::Machine,
            why: format!("it changed while it was read: {what}"),
            missing: false,
        }),
        None => Ok(()),
    }
}

/// More characters than this of a line, and of what is said beside it, are not shown.
const SHOWN_MAX: usize = 200;
/// The same of a help, which may list what there is.
const HELP_MAX: usize = 2_000;

/// A text as it can be shown on a terminal: control characters as their escapes, and cut where it is very long. Line breaks stay.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    shown_upto(text, SHOWN_MAX)
}

/// The same with the room of a help.
#[must_use]
pub fn shown_help(text: &str) -> Cow<'_, str> {
    shown_upto(text, HELP_MAX)
}

/// A text without control characters, whole.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    shown_upto(text, usize::MAX)
}

fn shown_upto(text: &str, max: usize) -> Cow<'_, str> {
    let unfit = |c: char| c.is_control() && c != '\n';
    if !text.contains(unfit) && text.chars().nth(max).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    for (place, c) in text.chars().enumerate() {
        if place == max {
            out.push('…');
            break;
        }
        if unfit(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [7; 100]).unwrap();
        assert_eq!(read(&path, 100).unwrap(), [7; 100]);
        let larger = read(&path, 99).unwrap_err();
        assert_eq!(larger.blame, Blame::Input);
        assert_eq!(larger.why, "it has more than 99 B, the most that is read");
        assert!(read(&folder.path().join("none"), 1).unwrap_err().missing);
        assert_eq!(
            read(folder.path(), 1).unwrap_err().why,
            "it is a folder, not a regular file"
        );
        let below = read(&path.join("below-a-file"), 1).unwrap_err();
        assert_eq!(below.blame, Blame::Input);
        let long = read(&folder.path().join("n".repeat(3_000)), 1).unwrap_err();
        assert_eq!(long.blame, Blame::Input);
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_no_input() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recording.csv");
        std::fs::write(&path, "a line").unwrap();
        let file = File::open(&path).unwrap();
        let stamp = Stamp::of(&file).unwrap();
        unchanged(&stamp, &file, &path).unwrap();
        std::fs::write(&path, "a line and another").unwrap();
        let refused = unchanged(&stamp, &file, &path).unwrap_err();
        assert_eq!(refused.blame, Blame::Machine);
        assert!(refused.why.contains("changed while it was read"), "{refused:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_not_read_at_all() {
        for device in ["/dev/zero", "/dev/null"] {
            let refused = read(Path::new(device), 1 << 20).unwrap_err();
            assert_eq!(refused.blame, Blame::Input);
            assert!(refused.why.contains("not a regular file"), "{refused:?}");
        }
    }

    #[test]
    fn what_is_shown_is_plain() {
        assert_eq!(shown("plain\nµ"), "plain\nµ");
        assert_eq!(shown("\u{1b}[31mred\r\u{9b}"), "\\u{1b}[31mred\\r\\u{9b}");
        let long = "n".repeat(3_000);
        assert_eq!(shown(&long).chars().count(), SHOWN_MAX + 1);
    }
}
