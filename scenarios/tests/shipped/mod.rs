//! The scenarios that are shipped.

use std::path::{Path, PathBuf};

/// Every scenario of the library, with its regressions and schedules: all TOML files of the package but those that are made to be wrong, and
/// the parts of scenarios of the catalogue of faults.
pub fn library() -> Vec<PathBuf> {
    let mut files = Vec::new();
    below(Path::new(env!("CARGO_MANIFEST_DIR")), &mut files);
    files.sort();
    files
}

fn below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "tests" && name != "src") {
                below(&path, files);
            }
        } else if path.extension().is_some_and(|ending| ending == "toml") && !path.ends_with("Cargo.toml") {
            files.push(path);
        }
    }
}
