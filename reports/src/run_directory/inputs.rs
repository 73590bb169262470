//! What a run reads must not be written to, moved or replaced by what it writes.

use std::fs;
use std::path::{Path, PathBuf};

use super::{DISKS, FILES, MARKER};

/// The first of the inputs that lies in a folder, by its own name or by what that leads to.
pub(super) fn within<'a>(folder: &Path, inputs: &'a [PathBuf]) -> Option<&'a Path> {
    let folder = fs::canonicalize(folder).ok()?;
    inputs
        .iter()
        .find(|input| places(input).any(|place| place.starts_with(&folder)))
        .map(PathBuf::as_path)
}

/// The first of the inputs that a run which writes into a folder would replace.
pub(super) fn replaced<'a>(folder: &Path, inputs: &'a [PathBuf]) -> Option<&'a Path> {
    let folder = fs::canonicalize(folder).ok()?;
    let ours = |place: &PathBuf| {
        place.strip_prefix(&folder).is_ok_and(|rest| {
            let files = || std::iter::once(MARKER).chain(FILES);
            let beside = |file: &str| rest == Path::new(&format!(".{file}.partial"));
            rest.starts_with(DISKS) || files().any(|file| rest == Path::new(file) || beside(file))
        })
    };
    inputs
        .iter()
        .find(|input| places(input).any(|place| ours(&place)))
        .map(PathBuf::as_path)
}

/// Where a file lies: where its name does, and where the content is that its name leads to.
fn places(input: &Path) -> impl Iterator<Item = PathBuf> {
    let parent = match input.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let named = fs::canonicalize(parent).ok().zip(input.file_name());
    let named = named.map(|(parent, name)| parent.join(name));
    named.into_iter().chain(fs::canonicalize(input).ok())
}
