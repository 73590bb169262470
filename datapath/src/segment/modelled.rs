//! Modelled content: a description that counts as what the described content would take.

use bytes::Bytes;
use serde::Deserialize;

use super::{Calibration, SegmentHeader, beginning, sealed};
use crate::batch::{DiskChanges, stretches};
use crate::content::{Blob, Class, Content, Run, Summary};
use crate::encoded::encode_behind;
use crate::units::{CHUNK_EXTENTS, EXTENT_BYTES};

pub(super) const MAGIC: &[u8; 8] = b"FDSEG\x00\x01m";
const HASH_BYTES: usize = 16;

#[derive(Deserialize)]
struct Description {
    runs: Vec<Run>,
    summary: Option<Summary>,
}

pub(super) fn describe(header: &SegmentHeader, changes: &DiskChanges, calibration: &Calibration) -> Blob {
    let out = beginning(MAGIC, header, Vec::with_capacity(512));
    let around = (out.len() + sealed::AROUND_BYTES - 12) as u64;
    // As a `Description` of its own is encoded.
    let mut out = encode_behind(&(&changes.runs, &changes.summary), out);
    let size = around + runs_bytes(&changes.runs, calibration) + changes.summary.map_or(0, |s| sizes(&s, calibration));
    let hash = hash(&out, size);
    out.extend_from_slice(&hash);
    // Kept for days: no byte more than it has.
    Blob::modelled(Bytes::copy_from_slice(&out), size)
}

/// What stands for the seals of real content: over the description, and the size that it counts as. It has to show what a disk or a fault
/// changed, and nothing else: there is nobody in a simulation who would forge it.
fn hash(description: &[u8], size: u64) -> [u8; HASH_BYTES] {
    xxhash_rust::xxh3::xxh3_128_with_seed(description, size).to_le_bytes()
}

/// Rows and chunks that the runs would take, cut as real content is cut.
fn runs_bytes(runs: &[Run], calibration: &Calibration) -> u64 {
    let mut size = 0;
    for stretch in stretches(runs) {
        if stretch.zero {
            size += sealed::ROW_BYTES as u64;
            continue;
        }
        let mut from = stretch.start;
        let mut run = stretch.runs.iter().peekable();
        while from < stretch.end {
            let to = (from + CHUNK_EXTENTS).min(stretch.end);
            // A chunk of several runs takes what the class of its first extent takes.
            while run.peek().is_some_and(|r| r.end().0 <= from) {
                run.next();
            }
            let class = match run.peek().map(|r| &r.content) {
                Some(Content::Version { class, .. }) => *class,
                _ => Class(u16::MAX),
            };
            size += sealed::ROW_BYTES as u64 + calibration.sealed_bytes(class, to - from);
            from = to;
        }
    }
    size
}

/// What the distinct bytes of a summary would take in its chunks: all of the mean length, so some an extent longer than the others.
fn sizes(summary: &Summary, calibration: &Calibration) -> u64 {
    let extents = summary.distinct_bytes.div_ceil(EXTENT_BYTES);
    let chunks = summary.chunks.clamp(extents.div_ceil(CHUNK_EXTENTS), extents);
    if chunks == 0 {
        return 0;
    }
    let (length, longer) = (extents / chunks, extents % chunks);
    let of_length = |extents| sealed::ROW_BYTES as u64 + calibration.sealed_bytes(summary.class, extents);
    (chunks - longer) * of_length(length) + if longer > 0 { longer * of_length(length + 1) } else { 0 }
}

pub(super) fn read(header: &SegmentHeader, blob: &Blob, body: usize) -> Result<DiskChanges, &'static str> {
    let bytes = blob.bytes.as_ref();
    let end = bytes
        .len()
        .checked_sub(HASH_BYTES)
        .filter(|end| *end >= body)
        .ok_or("it is cut off")?;
    if hash(&bytes[..end], blob.size) != bytes[end..] {
        return Err("it or its size was changed");
    }
    let (description, unread): (Description, _) =
        postcard::take_from_bytes(&bytes[body..end]).map_err(|_| "its description cannot be read")?;
    if !unread.is_empty() {
        return Err("it has bytes too many");
    }
    Ok(DiskChanges {
        disk: header.disk,
        first: header.first,
        last: header.last,
        runs: description.runs,
        summary: description.summary,
    })
}
