//! What of a file is used. A chunk of nothing but zeros counts as not allocated, whatever the image's format, and whether the file system
//! keeps it as a hole or not: what a run does depends on what the disk holds, not on how its file was made or copied. Holes
//! (`SEEK_HOLE`) only save the reading. What is compressed is not looked into.
//!
//! And raw images: the file is the disk. A size that is no multiple of a sector is padded with zeros to one, where it was said that the
//! file is raw.

use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

use super::mapped::{Place, Stretches};
use super::{ImageError, Input, Source, machine};
use crate::batch::is_zero;
use crate::units::{CHUNK_BYTES, EXTENT_BYTES, SECTOR_BYTES};

/// So many bytes go by between two words on how far it is.
const TOLD_BYTES: u64 = 4 << 20;

/// A part of a disk that stands in a file as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// First byte on the disk.
    pub at: u64,
    /// First byte in the file.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
}

pub(super) fn open(input: Input) -> Result<Arc<dyn Source>, ImageError> {
    let bytes = input.len.next_multiple_of(SECTOR_BYTES);
    if bytes > input.len {
        let (len, zeros) = (input.len, bytes - input.len);
        let said =
            format!("it has {len} bytes; {zeros} zeros make its last sector whole, so that the disk has {bytes}");
        input.watch.says(&input.path, &said);
    }
    let mut stretches = Stretches::new(bytes);
    let whole = Part {
        at: 0,
        offset: 0,
        len: input.len,
    };
    for part in used(&input, &[whole])? {
        stretches.push(part.at, part.len, part.place(0));
    }
    Ok(Arc::new(stretches.build(vec![input], None)))
}

impl Part {
    /// Puts it behind others, as one with the last where it continues that one on the disk and in the file.
    pub(super) fn join(self, parts: &mut Vec<Part>) {
        match parts.last_mut() {
            Some(last) if last.at + last.len == self.at && last.offset + last.len == self.offset => {
                last.len += self.len
            }
            _ => parts.push(self),
        }
    }

    /// Where it comes from, in the file of this number.
    pub(super) fn place(&self, file: u32) -> Place {
        Place::File {
            file,
            offset: self.offset,
        }
    }
}

/// Of parts of a disk, in its order, what holds something: chunks (64 KiB of disk, cut where a part is) that are not all zeros.
pub(super) fn used(input: &Input, parts: &[Part]) -> Result<Vec<Part>, ImageError> {
    let stored: Vec<Vec<(u64, u64)>> = parts
        .iter()
        .map(|part| stored(input, part.offset, part.offset + part.len))
        .collect::<Result<_, _>>()?;
    let of = stored.iter().flatten().map(|(begin, end)| end - begin).sum();
    let mut scan = Scan {
        input,
        of,
        read: 0,
        told: 0,
        buffer: vec![0; CHUNK_BYTES as usize],
        used: Vec::new(),
    };
    input.opening(0, of)?;
    for (part, stored) in parts.iter().zip(stored) {
        scan.part(part, &stored)?;
    }
    input.opening(of, of)?;
    Ok(scan.used)
}

/// A walk over what is stored of an image.
struct Scan<'a> {
    input: &'a Input,
    of: u64,
    read: u64,
    told: u64,
    buffer: Vec<u8>,
    used: Vec<Part>,
}

impl Scan<'_> {
    fn part(&mut self, part: &Part, stored: &[(u64, u64)]) -> Result<(), ImageError> {
        let part_end = part.offset + part.len;
        // Where in its chunk of the disk a byte of the file lies.
        let in_chunk = |offset: u64| (part.at + (offset - part.offset)) % CHUNK_BYTES;
        let mut next = part.offset;
        for (begin, end) in stored {
            let mut at = next.max(begin - in_chunk(*begin).min(begin - part.offset));
            while at < *end {
                let len = (CHUNK_BYTES - in_chunk(at)).min(part_end - at);
                if !holds_zeros(self.input, at, &mut self.buffer[..len as usize])? {
                    let used = Part {
                        at: part.at + (at - part.offset),
                        offset: at,
                        len,
                    };
                    used.join(&mut self.used);
                }
                at += len;
                self.went(len)?;
            }
            next = next.max(at);
        }
        Ok(())
    }

    fn went(&mut self, bytes: u64) -> Result<(), ImageError> {
        // A chunk that is stored in part is read as a whole.
        self.read = (self.read + bytes).min(self.of);
        if self.read - self.told >= TOLD_BYTES {
            self.told = self.read;
            self.input.opening(self.read, self.of)?;
        }
        Ok(())
    }
}

/// Whether the file holds nothing but zeros there. Most chunks show in their first extent that they do not; only then is more read.
fn holds_zeros(input: &Input, at: u64, chunk: &mut [u8]) -> Result<bool, ImageError> {
    let read = |part: &mut [u8], at: u64| {
        let read = input.file.read_exact_at(part, at);
        read.map_err(|e| machine(&input.path, e)).map(|()| is_zero(part))
    };
    let (head, rest) = chunk.split_at_mut(chunk.len().min(EXTENT_BYTES as usize));
    Ok(read(head, at)? && (rest.is_empty() || read(rest, at + EXTENT_BYTES)?))
}

/// Ranges of the file between two offsets that are not holes. A file system that knows no holes has one range.
fn stored(input: &Input, from: u64, to: u64) -> Result<Vec<(u64, u64)>, ImageError> {
    let mut ranges = Vec::new();
    let mut at = from;
    while at < to {
        let begin = match seek(&input.file, SeekFrom::Data(at)) {
            Ok(begin) => begin.min(to),
            Err(Errno::NXIO) => break,
            Err(Errno::INVAL | Errno::OPNOTSUPP) => at,
            Err(e) => return Err(machine(&input.path, e)),
        };
        if begin >= to {
            break;
        }
        let end = match seek(&input.file, SeekFrom::Hole(begin)) {
            Ok(end) => end.min(to),
            Err(Errno::NXIO | Errno::INVAL | Errno::OPNOTSUPP) => to,
            Err(e) => return Err(machine(&input.path, e)),
        };
        ranges.push((begin, end));
        at = end;
    }
    Ok(ranges)
}
