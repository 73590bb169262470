//! What a run reads must not be written to, moved or replaced by what it writes.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Layout, beside};

/// The first of the inputs that lies in a folder, by its own name or by what that leads to.
pub(super) fn within<'a>(folder: &Path, inputs: &'a [PathBuf]) -> Option<&'a Path> {
    let folder = fs::canonicalize(folder).ok()?;
    inputs
        .iter()
        .find(|input| places(input).any(|place| place.starts_with(&folder)))
        .map(PathBuf::as_path)
}

/// The first of the inputs that a run which writes into a folder would replace.
pub(super) fn replaced<'a>(layout: &Layout, folder: &Path, inputs: &'a [PathBuf]) -> Option<&'a Path> {
    let folder = fs::canonicalize(folder).ok()?;
    let ours = |place: &PathBuf| {
        place.strip_prefix(&folder).is_ok_and(|rest| {
            let mut files = std::iter::once(&layout.marker).chain(layout.files).map(Path::new);
            layout.free.is_some_and(|free| rest.starts_with(free))
                || files.any(|file| rest == file || rest == beside(file))
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
