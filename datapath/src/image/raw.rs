//! Raw images: the file is the disk. Holes of the file (`SEEK_HOLE`) count as not allocated; a size that is no multiple of a
//! sector is padded with zeros to one.

use std::sync::Arc;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

use super::mapped::{Place, Stretches};
use super::{ImageError, Input, Source, machine};
use crate::units::SECTOR_BYTES;

pub(super) fn open(input: Input) -> Result<Arc<dyn Source>, ImageError> {
    let mut stretches = Stretches::new(input.len.next_multiple_of(SECTOR_BYTES));
    for (at, end) in data(&input, 0, input.len)? {
        stretches.push(at, end - at, Place::File { file: 0, offset: at });
    }
    Ok(Arc::new(stretches.build(vec![(input.path, input.file)], None)))
}

/// Ranges of the file between two offsets that are not holes. A file system that knows no holes has one range.
pub(super) fn data(input: &Input, from: u64, to: u64) -> Result<Vec<(u64, u64)>, ImageError> {
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
