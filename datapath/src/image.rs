//! Disk images: raw, qcow2, VMDK and VHD in; fixed VHD and raw out, sparse on the disk they are written to.
//!
//! In: the format is told by the file's content, never by its name. What the format says is not allocated is known without
//! reading it, so that unused areas can be skipped. A file that ends before its tables say it does is refused when it is
//! opened: libraries read zeros there, and a disk with a silent hole would be rehearsed as if it were whole. So is a file that by its
//! content is a raw disk and by its name or its size is not: more likely it is damaged. Who knows better says that it is raw.
//!
//! Left out on purpose, and refused by name: images with a backing file or parent, encrypted ones, VHDX and VDI. Convert
//! those with `qemu-img convert`.

mod generated;
mod mapped;
mod output;
mod qcow2;
mod raw;
mod stamp;
mod vhd;
mod vmdk;
mod watch;

use std::fs::{File, Metadata};
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use generated::Generated;
pub use output::{ImageWritten, write_raw, write_vhd};
pub use stamp::Stamp;
pub use watch::{Watch, Watched};

use crate::units::SECTOR_BYTES;

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
    /// The file is no longer what it was when it was opened.
    #[error("{path} changed while it was read: {what}")]
    Changed {
        /// The file.
        path: PathBuf,
        /// What has become of it.
        what: String,
    },
    /// Whoever follows the reading stopped it.
    #[error("reading was stopped")]
    Stopped,
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
    /// The files that it is read from; none of a disk that is made up.
    fn files(&self) -> Vec<&Path> {
        Vec::new()
    }
    /// Whether its files are what they were when it was opened.
    ///
    /// # Errors
    /// [`ImageError::Changed`] where one is not.
    fn unchanged(&self) -> Result<(), ImageError> {
        Ok(())
    }
}

/// How the format of an image is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// By the file's content: `raw` where nothing else fits, and neither the file's name nor its size speaks against it.
    #[default]
    ByContent,
    /// It is raw, whatever it looks like; a size that is no multiple of a sector is padded with zeros to one.
    Raw,
}

/// No disk of any format is larger: 64 TiB, the limit of VHDX and twice that of Azure's disks.
const DISK_BYTES_MAX: u64 = 64 << 40;

/// Opens an image that nobody follows; the format is told by its content.
///
/// # Errors
/// As [`open_as`].
pub fn open(path: &Path) -> Result<Arc<dyn Source>, ImageError> {
    open_as(path, Format::ByContent, &Watched::default())
}

/// Opens an image. It is followed while it is opened, and as long as it is read.
///
/// # Errors
/// The file is no image that can be used, such as one that is empty or truncated; or it cannot be read.
pub fn open_as(path: &Path, format: Format, watch: &Watched) -> Result<Arc<dyn Source>, ImageError> {
    let input = Input::open(path, watch)?;
    if input.len == 0 {
        return Err(input.unusable("the file is empty; a disk image has at least one byte"));
    }
    let head = input.read_up_to(0, 512)?;
    let tail = input.read_up_to(input.len.saturating_sub(512), 512)?;
    let source = match () {
        () if format == Format::Raw => raw::open(input)?,
        () if head.starts_with(b"QFI\xfb") => qcow2::open(input)?,
        () if head.starts_with(b"KDMV") || vmdk::is_descriptor(&head) => vmdk::open(input)?,
        () if head.starts_with(vhd::COOKIE) || vhd::is_footer(&tail) => vhd::open(input)?,
        () => match foreign(&head) {
            Some(format) => {
                return Err(input.unusable(format!(
                    "{format} images are not read; accepted are raw, qcow2, VMDK and VHD (`qemu-img convert` makes them)"
                )));
            }
            None => {
                speaks_for_raw(&input)?;
                raw::open(input)?
            }
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

/// Endings of names that promise another format than raw.
const ENDINGS: [(&str, &str); 5] = [
    ("qcow2", "qcow2"),
    ("vmdk", "VMDK"),
    ("vhd", "VHD"),
    ("vhdx", "VHDX"),
    ("vdi", "VDI"),
];

/// A file that looks like nothing else is a raw disk only if its name and its size allow for it.
fn speaks_for_raw(input: &Input) -> Result<(), ImageError> {
    const SAY_SO: &str = "if it is a raw disk all the same, say so with `raw:` before its name";
    let ending = input
        .path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    if let Some((_, format)) = ENDINGS.iter().find(|(known, _)| *known == ending) {
        return Err(input.unusable(format!(
            "by its name it is a {format} image, but its content is not: it may be damaged or cut short; {SAY_SO}"
        )));
    }
    if !input.len.is_multiple_of(SECTOR_BYTES) {
        return Err(input.unusable(format!(
            "it has {} bytes, and a disk is whole sectors of {SECTOR_BYTES}: it may be damaged or cut short; {SAY_SO}",
            input.len
        )));
    }
    Ok(())
}

/// What a path leads to, if that is nothing with content of a known length: there would be no end of reading it.
#[must_use]
pub fn not_a_file(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    match () {
        () if kind.is_dir() => Some("a folder"),
        () if kind.is_fifo() => Some("a pipe"),
        () if kind.is_char_device() => Some("a character device"),
        () if kind.is_socket() => Some("a socket"),
        () => None,
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
    stamp: Stamp,
    watch: Watched,
}

impl Input {
    fn open(path: &Path, watch: &Watched) -> Result<Input, ImageError> {
        let failed = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::NotFound => unusable(path, "there is no such file"),
            _ => machine(path, e),
        };
        // Before it is opened: opening a pipe waits for somebody who writes to it.
        let metadata = std::fs::metadata(path).map_err(failed)?;
        if let Some(what) = not_a_file(&metadata) {
            return Err(unusable(path, format!("{what} is no disk image")));
        }
        let file = File::open(path).map_err(failed)?;
        let stamp = Stamp::of(&file).map_err(failed)?;
        // A block device has a length that only seeking tells.
        let len = std::io::Seek::seek(&mut &file, std::io::SeekFrom::End(0)).map_err(|e| machine(path, e))?;
        Ok(Input {
            path: path.to_owned(),
            file,
            len,
            stamp,
            watch: watch.clone(),
        })
    }

    /// Another file of the same image.
    fn beside(&self, path: &Path) -> Result<Input, ImageError> {
        Input::open(path, &self.watch)
    }

    /// Tells whoever follows how far the opening is.
    fn opening(&self, read: u64, of: u64) -> Result<(), ImageError> {
        self.watch.opening(&self.path, read, of);
        if self.watch.stops() {
            return Err(ImageError::Stopped);
        }
        Ok(())
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
