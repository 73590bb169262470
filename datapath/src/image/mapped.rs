//! A disk as a list of stretches: where each stretch of the disk stands in a file, or how it is decoded. What every format
//! comes down to once its tables are read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::io::Errno;

use super::{ImageError, Input, Source, machine, unusable};

/// Content that does not stand in a file as it is.
pub(super) trait Decode: Send + Sync {
    /// Reads a part of the disk that lies within one stretch.
    fn read(&self, stretch: &Stretch, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

/// A part of the disk that has content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    /// First byte on the disk.
    pub at: u64,
    /// Bytes of disk.
    pub len: u64,
    /// Where it comes from.
    pub place: Place,
}

/// Where a stretch comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// As it is, at an offset of a file.
    File { file: u32, offset: u64 },
    /// From the decoder, which knows the offset's meaning.
    Encoded { offset: u64 },
}

/// A disk made of stretches.
pub(super) struct Mapped {
    bytes: u64,
    files: Vec<Input>,
    stretches: Vec<Stretch>,
    allocated: Vec<(u64, u64)>,
    decoder: Option<Box<dyn Decode>>,
}

/// Collects stretches in order of the disk, cut to its size and joined where they continue each other.
pub(super) struct Stretches {
    bytes: u64,
    list: Vec<Stretch>,
}

impl Stretches {
    pub(super) fn new(bytes: u64) -> Stretches {
        Stretches {
            bytes,
            list: Vec::new(),
        }
    }

    /// Adds what follows; `at` must not lie before the end of what was added last.
    pub(super) fn push(&mut self, at: u64, len: u64, place: Place) {
        let len = len.min(self.bytes.saturating_sub(at));
        if len == 0 {
            return;
        }
        if let Some(last) = self.list.last_mut() {
            debug_assert!(last.at + last.len <= at, "stretches come in order");
            let continues = match (last.place, place) {
                (Place::File { file: a, offset: x }, Place::File { file: b, offset: y }) => a == b && x + last.len == y,
                _ => false,
            };
            if continues && last.at + last.len == at {
                last.len += len;
                return;
            }
        }
        self.list.push(Stretch { at, len, place });
    }

    /// The disk.
    pub(super) fn build(self, files: Vec<Input>, decoder: Option<Box<dyn Decode>>) -> Mapped {
        let mut allocated: Vec<(u64, u64)> = Vec::new();
        for s in &self.list {
            match allocated.last_mut() {
                Some((at, len)) if *at + *len == s.at => *len += s.len,
                _ => allocated.push((s.at, s.len)),
            }
        }
        Mapped {
            bytes: self.bytes,
            files,
            stretches: self.list,
            allocated,
            decoder,
        }
    }
}

impl Mapped {
    fn read_stretch(&self, stretch: &Stretch, offset: u64, bytes: usize, out: &mut Vec<u8>) -> Result<(), ImageError> {
        match (stretch.place, &self.decoder) {
            (Place::File { file, offset: begin }, _) => {
                let Input { path, file, .. } = &self.files[file as usize];
                read_file(file, begin + (offset - stretch.at), bytes, out).map_err(|e| match e.kind() {
                    io::ErrorKind::UnexpectedEof => unusable(path, "the file became shorter while it was read"),
                    _ => machine(path, e),
                })
            }
            (Place::Encoded { .. }, Some(decoder)) => {
                let at = out.len();
                out.resize(at + bytes, 0);
                decoder.read(stretch, offset, &mut out[at..]).map_err(|e| {
                    unusable(
                        &self.files[0].path,
                        format!("the content at byte {offset} of the disk: {e}"),
                    )
                })
            }
            (Place::Encoded { .. }, None) => unreachable!("encoded stretches are built with their decoder"),
        }
    }
}

/// Puts `bytes` bytes of a file from `offset` on behind what `out` holds.
fn read_file(file: &File, offset: u64, bytes: usize, out: &mut Vec<u8>) -> io::Result<()> {
    let (from, end) = (out.len(), out.len() + bytes);
    out.reserve(bytes);
    // Filling the room with zeros first would take half as long as the reading. A read fills all of it, however: where there is much
    // more than is asked for, that would cost more.
    if out.capacity() - end <= bytes {
        while out.len() < end {
            let at = offset + (out.len() - from) as u64;
            match rustix::io::pread(file, spare_capacity(out), at) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        out.truncate(end);
        return Ok(());
    }
    out.resize(end, 0);
    file.read_exact_at(&mut out[from..], offset)
}

impl Source for Mapped {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn allocated(&self) -> &[(u64, u64)] {
        &self.allocated
    }

    fn files(&self) -> Vec<&Path> {
        self.files.iter().map(|input| input.path.as_path()).collect()
    }

    fn unchanged(&self) -> Result<(), ImageError> {
        self.files
            .iter()
            .try_for_each(|input| match input.stamp.changed(&input.file, &input.path) {
                Some(what) => Err(ImageError::Changed {
                    path: input.path.clone(),
                    what,
                }),
                None => Ok(()),
            })
    }

    fn read_to(&self, offset: u64, bytes: usize, out: &mut Vec<u8>) -> Result<(), ImageError> {
        if self.files.first().is_some_and(|input| input.watch.stops()) {
            return Err(ImageError::Stopped);
        }
        let end = offset.saturating_add(bytes as u64);
        let begin = out.len();
        let place = |at: u64| begin + (at - offset) as usize;
        out.reserve(bytes);
        let index = self.stretches.partition_point(|s| s.at + s.len <= offset);
        for stretch in self.stretches[index..].iter().take_while(|s| s.at < end) {
            let (from, to) = (stretch.at.max(offset), (stretch.at + stretch.len).min(end));
            out.resize(place(from), 0);
            self.read_stretch(stretch, from, (to - from) as usize, out)?;
        }
        out.resize(begin + bytes, 0);
        Ok(())
    }
}
