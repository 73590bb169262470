//! Raw images: the file is the disk. A chunk of nothing but zeros counts as not allocated, whether the file system keeps it as a hole
//! or not: what a run does depends on what the disk holds, not on how the file was copied. Holes (`SEEK_HOLE`) only save the reading.
//! A size that is no multiple of a sector is padded with zeros to one, where it was said that the file is raw.

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

pub(super) fn open(input: Input) -> Result<Arc<dyn Source>, ImageError> {
    let bytes = input.len.next_multiple_of(SECTOR_BYTES);
    if bytes > input.len {
        let (len, zeros) = (input.len, bytes - input.len);
        let said =
            format!("it has {len} bytes; {zeros} zeros make its last sector whole, so that the disk has {bytes}");
        input.watch.says(&input.path, &said);
    }
    let mut stretches = Stretches::new(bytes);
    for (at, end) in data(&input, 0, input.len)? {
        stretches.push(at, end - at, Place::File { file: 0, offset: at });
    }
    Ok(Arc::new(stretches.build(vec![input], None)))
}

/// Ranges of the file between two offsets that hold something: chunks, counted from the first offset, that are not all zeros.
pub(super) fn data(input: &Input, from: u64, to: u64) -> Result<Vec<(u64, u64)>, ImageError> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    let mut buffer = vec![0; CHUNK_BYTES as usize];
    let mut next = from;
    let stored = stored(input, from, to)?;
    let (mut read, of) = (0, stored.iter().map(|(begin, end)| end - begin).sum());
    for (begin, end) in stored {
        input.opening(read, of)?;
        let mut told = begin;
        let mut at = next.max(begin - (begin - from) % CHUNK_BYTES);
        while at < end {
            if at.saturating_sub(told) >= TOLD_BYTES {
                input.opening(read + at.saturating_sub(begin), of)?;
                told = at;
            }
            let chunk_end = to.min(at + CHUNK_BYTES);
            if !holds_zeros(input, at, &mut buffer[..(chunk_end - at) as usize])? {
                match ranges.last_mut() {
                    Some(last) if last.1 == at => last.1 = chunk_end,
                    _ => ranges.push((at, chunk_end)),
                }
            }
            at = chunk_end;
        }
        read += end - begin;
        next = next.max(at);
    }
    input.opening(of, of)?;
    Ok(ranges)
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
