//! Disk images: raw, qcow2, VMDK and VHD in; fixed VHD and raw out, sparse on the disk they are written to.
//!
//! In: the format is told by the file's content, never by its name. What the format says is not allocated is known without
//! reading it, so that unused areas can be skipped. A file that ends before its tables say it does is refused when it is
//! opened: libraries read zeros there, and a disk with a silent hole would be rehearsed as if it were whole.
//!
//! Left out on purpose, and refused by name: images with a backing file or parent, encrypted ones, VHDX and VDI. Convert
//! those with `qemu-img convert`.

mod generated;
mod mapped;
mod output;
mod qcow2;
mod raw;
mod vhd;
mod vmdk;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use generated::Generated;
pub use output::{ImageWritten, write_raw, write_vhd};

/// Why an image could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file is not an image that can be used (the user's input is wrong).
    #[error("{path}: {why}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what is accepted.
        why: String,
    },
    /// Reading or writing failed (the machine failed).
    #[error("{path}: {why}")]
    Machine {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        why: String,
    },
}

/// A disk image, open for reading.
pub trait Source: Send + Sync {
    /// Size of the disk in bytes.
    fn bytes(&self) -> u64;
    /// Ranges `(offset, length)` in bytes that the format says are allocated, in order, not adjacent; the rest reads as zeros.
    fn allocated(&self) -> &[(u64, u64)];
    /// Reads `bytes` bytes at `offset` and puts them behind what `out` holds; past the end of the disk it reads zeros. After an error
    /// `out` may hold some of them.
    fn read_to(&self, offset: u64, bytes: usize, out: &mut Vec<u8>) -> Result<(), ImageError>;
}

/// No disk of any format is larger: 64 TiB, the limit of VHDX and twice that of Azure's disks.
const DISK_BYTES_MAX: u64 = 64 << 40;

/// Opens an image; the format is told by its content, `raw` where nothing else fits. Refuses empty and truncated files.
pub fn open(path: &Path) -> Result<Arc<dyn Source>, ImageError> {
    let input = Input::open(path)?;
    if input.len == 0 {
        return Err(input.unusable("the file is empty; a disk image has at least one byte"));
    }
    let head = input.read_up_to(0, 512)?;
    let tail = input.read_up_to(input.len.saturating_sub(512), 512)?;
    let source = match () {
        () if head.starts_with(b"QFI\xfb") => qcow2::open(input)?,
        () if head.starts_with(b"KDMV") || vmdk::is_descriptor(&head) => vmdk::open(input)?,
        () if head.starts_with(vhd::COOKIE) || vhd::is_footer(&tail) => vhd::open(input)?,
        () => match foreign(&head) {
            Some(format) => {
                return Err(input.unusable(format!(
                    "{format} images are not read; accepted are raw, qcow2, VMDK and VHD (`qemu-img convert` makes them)"
                )));
            }
            None => raw::open(input)?,
        },
    };
    match source.bytes() {
        0 => Err(unusable(path, "the image is a disk of 0 bytes")),
        bytes if bytes > DISK_BYTES_MAX => Err(unusable(
            path,
            format!("the image says that its disk has {bytes} bytes; the largest disk has {DISK_BYTES_MAX}"),
        )),
        _ => Ok(source),
    }
}

/// Formats that are known by sight and not read.
fn foreign(head: &[u8]) -> Option<&'static str> {
    match () {
        () if head.starts_with(b"vhdxfile") => Some("VHDX"),
        () if head.get(0x40..0x44) == Some(&[0x7f, 0x10, 0xda, 0xbe]) => Some("VDI"),
        () if head.starts_with(b"COWD") => Some("VMware 3 sparse"),
        () if head.starts_with(b"QED\0") => Some("QED"),
        () if head.starts_with(b"LUKS\xba\xbe") => Some("LUKS"),
        () => None,
    }
}

/// A file that is being opened as an image.
struct Input {
    path: PathBuf,
    file: File,
    len: u64,
}

impl Input {
    fn open(path: &Path) -> Result<Input, ImageError> {
        let file = File::open(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => unusable(path, "there is no such file"),
            _ => machine(path, e),
        })?;
        let meta = file.metadata().map_err(|e| machine(path, e))?;
        if meta.is_dir() {
            return Err(unusable(path, "a folder is no disk image"));
        }
        // A block device has a length that only seeking tells.
        let len = std::io::Seek::seek(&mut &file, std::io::SeekFrom::End(0)).map_err(|e| machine(path, e))?;
        Ok(Input {
            path: path.to_owned(),
            file,
            len,
        })
    }

    fn unusable(&self, why: impl Into<String>) -> ImageError {
        unusable(&self.path, why)
    }

    fn truncated(&self, what: &str, end: u64) -> ImageError {
        self.unusable(format!(
            "the file is truncated: {what} ends at byte {end}, the file at byte {}",
            self.len
        ))
    }

    /// Reads a range that must be there; `what` names it in the error.
    fn read(&self, offset: u64, len: u64, what: &str) -> Result<Vec<u8>, ImageError> {
        let end = offset.saturating_add(len);
        if end > self.len {
            return Err(self.truncated(what, end));
        }
        let mut bytes = vec![0; usize::try_from(len).map_err(|e| self.unusable(e.to_string()))?];
        self.file
            .read_exact_at(&mut bytes, offset)
            .map_err(|e| machine(&self.path, e))?;
        Ok(bytes)
    }

    fn read_up_to(&self, offset: u64, len: u64) -> Result<Vec<u8>, ImageError> {
        self.read(offset, len.min(self.len - offset), "it")
    }
}

fn unusable(path: &Path, why: impl Into<String>) -> ImageError {
    ImageError::Unusable {
        path: path.to_owned(),
        why: why.into(),
    }
}

fn machine(path: &Path, why: impl std::fmt::Display) -> ImageError {
    ImageError::Machine {
        path: path.to_owned(),
        why: why.to_string(),
    }
}

/// A big-endian number at an offset of a header whose length was checked.
fn be(bytes: &[u8], at: usize, len: usize) -> u64 {
    bytes[at..at + len].iter().fold(0, |n, b| n << 8 | u64::from(*b))
}

/// A little-endian number at an offset of a header whose length was checked.
fn le(bytes: &[u8], at: usize, len: usize) -> u64 {
    bytes[at..at + len].iter().rev().fold(0, |n, b| n << 8 | u64::from(*b))
}
