//! Whether a file is still the one that was opened. A disk that changes while it is read is the content of no moment: what is made from
//! it must not be judged.
//!
//! Told by size, time of the last change and identity (device and inode). A change that leaves all of them as they were is not seen.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What a file was when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    identity: (u64, u64),
    bytes: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
}

impl Stamp {
    /// Of an open file.
    ///
    /// # Errors
    /// The operating system does not tell.
    pub fn of(file: &File) -> io::Result<Stamp> {
        file.metadata().map(|metadata| Stamp::from(&metadata))
    }

    /// What has become of the file since, if it is not what it was: seen through the handle, and at its path.
    #[must_use]
    pub fn changed(&self, file: &File, path: &Path) -> Option<String> {
        let now = match Stamp::of(file) {
            Ok(now) => now,
            Err(error) => return Some(format!("it can no longer be looked at: {error}")),
        };
        if now.bytes != self.bytes {
            return Some(format!("it had {} bytes, and has {}", self.bytes, now.bytes));
        }
        if now.modified != self.modified {
            return Some("it was written to".to_owned());
        }
        match fs::metadata(path) {
            Ok(there) if Stamp::from(&there).identity != self.identity => {
                Some("another file has taken its place".to_owned())
            }
            Ok(_) => None,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some("it was removed".to_owned()),
            Err(error) => Some(format!("it can no longer be looked at: {error}")),
        }
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Stamp {
        Stamp {
            identity: (metadata.dev(), metadata.ino()),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_that_is_no_longer_what_it_was_says_what_has_become_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        fs::write(&path, b"content").unwrap();
        let mut file = File::options().read(true).append(true).open(&path).unwrap();
        let stamp = Stamp::of(&file).unwrap();
        assert_eq!(stamp.changed(&file, &path), None);
        let long_ago = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
        file.set_times(long_ago).unwrap();
        assert!(stamp.changed(&file, &path).unwrap().contains("written to"));
        let stamp = Stamp::of(&file).unwrap();
        file.write_all(b"more").unwrap();
        assert!(stamp.changed(&file, &path).unwrap().contains("11"));
        let stamp = Stamp::of(&file).unwrap();
        fs::rename(&path, folder.path().join("aside")).unwrap();
        assert!(stamp.changed(&file, &path).unwrap().contains("removed"));
        fs::write(&path, b"another").unwrap();
        assert!(stamp.changed(&file, &path).unwrap().contains("another file"));
    }
}
