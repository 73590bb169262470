//! The encoding of a [`Record`], in the journal, on the way to the process server and in its cache: the same bytes.
//!
//! All integers little-endian.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 1 | kind: 1 change, 2 summary, 3 copy, 4 copy summary |
//! | 1 | 1 | content: 0 zero, 1 bytes, 2 version, 3 sizes (kinds 2 and 4) |
//! | 2 | 2 | disk's index |
//! | 4 | 4 | machine |
//! | 8 | 8 | sequence number of the write, or position of the copy |
//! | 16 | 8 | first extent (sizes: last write of the range) |
//! | 24 | 4 | extents (sizes: 0) |
//! | 28 | 4 | length of the content that follows the header |
//! | 32 | 4 | CRC-32 of the 32 bytes before and the content |
//! | 36 |   | content: the bytes; or version (8), class (2); or bytes (8), distinct bytes (8), chunks (8), class (2), first (8), life (8), the write before its first (8) |

use bytes::Bytes;

use super::{JournalError, Record};
use crate::content::{Class, Content, Run, Summary};
use crate::units::{DiskId, EXTENT_BYTES, Extent, VmId, WriteSeq};

/// Bytes of a record's header.
pub const RECORD_HEADER_BYTES: usize = 36;

const CHANGE: u8 = 1;
const SUMMARY: u8 = 2;
const COPY: u8 = 3;
const COPY_SUMMARY: u8 = 4;

const ZERO: u8 = 0;
const BYTES: u8 = 1;
const VERSION: u8 = 2;
const SIZES: u8 = 3;

/// Appends a record's encoding to `out`; returns the size that the world counts for it.
pub fn encode(record: &Record, out: &mut Vec<u8>) -> u64 {
    let at = out.len();
    let modelled = match record {
        Record::Change { seq, disk, run } => encode_run(CHANGE, *seq, *disk, run, out),
        Record::Copy { position, disk, run } => encode_run(COPY, *position, *disk, run, out),
        Record::Summary(summary) => encode_summary(SUMMARY, summary.last, summary, out),
        Record::CopySummary { position, summary } => encode_summary(COPY_SUMMARY, *position, summary, out),
    };
    put_checksum(&mut out[at..]);
    modelled.unwrap_or((out.len() - at) as u64)
}

/// Appends the encoding of a [`Record::Copy`] with real bytes, which `read` appends where they will stand: a piece of a copy is large
/// enough for a buffer of its own to cost time. Returns its size.
///
/// # Panics
/// If `read` appends another number of bytes than the extents have.
pub fn encode_copy(
    position: WriteSeq,
    disk: DiskId,
    start: Extent,
    extents: u32,
    out: &mut Vec<u8>,
    read: impl FnOnce(&mut Vec<u8>),
) -> u64 {
    let at = out.len();
    let len = (u64::from(extents) * EXTENT_BYTES) as usize;
    out.reserve_exact(RECORD_HEADER_BYTES + len);
    Header {
        kind: COPY,
        content: BYTES,
        disk,
        seq: position.0,
        start: start.0,
        extents,
        len: len as u32,
    }
    .push(out);
    read(out);
    assert_eq!(
        out.len(),
        at + RECORD_HEADER_BYTES + len,
        "the bytes of the extents were read"
    );
    put_checksum(&mut out[at..]);
    (RECORD_HEADER_BYTES + len) as u64
}

/// Completes the header of a record.
fn put_checksum(record: &mut [u8]) {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&record[..32]);
    crc.update(&record[RECORD_HEADER_BYTES..]);
    record[32..RECORD_HEADER_BYTES].copy_from_slice(&crc.finalize().to_le_bytes());
}

struct Header {
    kind: u8,
    content: u8,
    disk: DiskId,
    seq: u64,
    start: u64,
    extents: u32,
    len: u32,
}

impl Header {
    fn push(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.kind, self.content]);
        out.extend_from_slice(&self.disk.index.to_le_bytes());
        out.extend_from_slice(&self.disk.vm.0.to_le_bytes());
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(&self.start.to_le_bytes());
        out.extend_from_slice(&self.extents.to_le_bytes());
        out.extend_from_slice(&self.len.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
    }

    fn parse(bytes: &[u8]) -> Header {
        Header {
            kind: bytes[0],
            content: bytes[1],
            disk: DiskId {
                index: u16::from_le_bytes(array(&bytes[2..4])),
                vm: VmId(u32_at(bytes, 4)),
            },
            seq: u64_at(bytes, 8),
            start: u64_at(bytes, 16),
            extents: u32_at(bytes, 24),
            len: u32_at(bytes, 28),
        }
    }
}

/// Returns the bytes that modelled content counts for; none where the encoding counts as what it is.
fn encode_run(kind: u8, seq: WriteSeq, disk: DiskId, run: &Run, out: &mut Vec<u8>) -> Option<u64> {
    let (content, len) = match &run.content {
        Content::Zero => (ZERO, 0),
        Content::Bytes(bytes) => (BYTES, bytes.len() as u32),
        Content::Version { .. } => (VERSION, 10),
    };
    Header {
        kind,
        content,
        disk,
        seq: seq.0,
        start: run.start.0,
        extents: run.extents,
        len,
    }
    .push(out);
    match &run.content {
        Content::Zero => None,
        Content::Bytes(bytes) => {
            out.extend_from_slice(bytes);
            None
        }
        Content::Version { version, class } => {
            out.extend_from_slice(&version.0.to_le_bytes());
            out.extend_from_slice(&class.0.to_le_bytes());
            Some(RECORD_HEADER_BYTES as u64 + run.bytes())
        }
    }
}

fn encode_summary(kind: u8, seq: WriteSeq, summary: &Summary, out: &mut Vec<u8>) -> Option<u64> {
    let header = Header {
        kind,
        content: SIZES,
        disk: summary.disk,
        seq: seq.0,
        start: summary.last.0,
        extents: 0,
        len: 50,
    };
    header.push(out);
    out.extend_from_slice(&summary.bytes.to_le_bytes());
    out.extend_from_slice(&summary.distinct_bytes.to_le_bytes());
    out.extend_from_slice(&summary.chunks.to_le_bytes());
    out.extend_from_slice(&summary.class.0.to_le_bytes());
    out.extend_from_slice(&summary.first.0.to_le_bytes());
    out.extend_from_slice(&summary.life.0.to_le_bytes());
    out.extend_from_slice(&summary.life.1.0.to_le_bytes());
    Some(summary_size(summary))
}

/// What the records of a range of writes count as.
pub(super) fn summary_size(summary: &Summary) -> u64 {
    summary
        .writes()
        .saturating_mul(RECORD_HEADER_BYTES as u64)
        .saturating_add(summary.bytes)
}

/// Decodes records that stand back to back; real bytes are slices of `bytes`, not copies. Refuses a changed byte.
///
/// # Errors
/// [`JournalError::Foreign`] at the first record that is not whole and unchanged.
pub fn decode(bytes: &Bytes) -> Result<Vec<Record>, JournalError> {
    let mut records = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let (record, len) = decode_one(bytes, at).map_err(|why| JournalError::Foreign {
            file: "records".to_owned(),
            why: format!("byte {at}: {why}"),
        })?;
        records.push(record);
        at += len;
    }
    Ok(records)
}

/// Decodes the record that begins at `at`; returns it and its length.
pub(super) fn decode_one(bytes: &Bytes, at: usize) -> Result<(Record, usize), &'static str> {
    let rest = &bytes[at..];
    if rest.len() < RECORD_HEADER_BYTES {
        return Err("the record's header is cut off");
    }
    let header = Header::parse(rest);
    let len = RECORD_HEADER_BYTES + header.len as usize;
    if rest.len() < len {
        return Err("the record's content is cut off");
    }
    let content = &rest[RECORD_HEADER_BYTES..len];
    let mut crc = crc32fast::Hasher::new();
    crc.update(&rest[..32]);
    crc.update(content);
    if crc.finalize() != u32_at(rest, 32) {
        return Err("the checksum is wrong");
    }
    let record = match (header.kind, header.content) {
        (CHANGE, ZERO | BYTES | VERSION) => Record::Change {
            seq: WriteSeq(header.seq),
            disk: header.disk,
            run: run(&header, bytes.slice(at + RECORD_HEADER_BYTES..at + len))?,
        },
        (COPY, ZERO | BYTES | VERSION) => Record::Copy {
            position: WriteSeq(header.seq),
            disk: header.disk,
            run: run(&header, bytes.slice(at + RECORD_HEADER_BYTES..at + len))?,
        },
        (SUMMARY, SIZES) => Record::Summary(summary(&header, content)?),
        (COPY_SUMMARY, SIZES) => Record::CopySummary {
            position: WriteSeq(header.seq),
            summary: summary(&header, content)?,
        },
        _ => return Err("the kind of record is not known"),
    };
    Ok((record, len))
}

fn run(header: &Header, content: Bytes) -> Result<Run, &'static str> {
    if header.extents == 0 || header.start.checked_add(u64::from(header.extents)).is_none() {
        return Err("the extents are impossible");
    }
    let content = match header.content {
        ZERO if content.is_empty() => Content::Zero,
        BYTES if content.len() as u64 == u64::from(header.extents) * EXTENT_BYTES => Content::Bytes(content),
        VERSION if content.len() == 10 => Content::Version {
            version: WriteSeq(u64_at(&content, 0)),
            class: Class(u16::from_le_bytes(array(&content[8..10]))),
        },
        _ => return Err("the content has the wrong length"),
    };
    Ok(Run {
        start: Extent(header.start),
        extents: header.extents,
        content,
    })
}

fn summary(header: &Header, content: &[u8]) -> Result<Summary, &'static str> {
    if content.len() != 50 {
        return Err("the sizes have the wrong length");
    }
    Ok(Summary {
        disk: header.disk,
        first: WriteSeq(u64_at(content, 26)),
        last: WriteSeq(header.start),
        bytes: u64_at(content, 0),
        distinct_bytes: u64_at(content, 8),
        chunks: u64_at(content, 16),
        class: Class(u16::from_le_bytes(array(&content[24..26]))),
        life: (u64_at(content, 34), WriteSeq(u64_at(content, 42))),
    })
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the slice was cut to this length")
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(&bytes[at..at + 4]))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(&bytes[at..at + 8]))
}
