//! Modelled content: a description that counts as what the described content would take.

use serde::{Deserialize, Serialize};

use super::{Calibration, SegmentHeader, beginning, sealed};
use crate::batch::{DiskChanges, stretches};
use crate::content::{Blob, Class, Content, Run, Summary};
use crate::units::{CHUNK_BYTES, CHUNK_EXTENTS};

pub(super) const MAGIC: &[u8; 8] = b"FDSEG\x00\x01m";
const HASH_BYTES: usize = 16;

#[derive(Serialize, Deserialize)]
struct Description {
    runs: Vec<Run>,
    summary: Option<Summary>,
}

pub(super) fn describe(header: &SegmentHeader, changes: &DiskChanges, calibration: &Calibration) -> Blob {
    let mut out = Vec::new();
    beginning(MAGIC, header, &mut out);
    let around = (out.len() + sealed::AROUND_BYTES - 12) as u64;
    let description = Description {
        runs: changes.runs.clone(),
        summary: changes.summary,
    };
    out.extend_from_slice(&postcard::to_stdvec(&description).expect("a description always encodes"));
    let hash = blake3::hash(&out);
    out.extend_from_slice(&hash.as_bytes()[..HASH_BYTES]);
    let size = around + runs_bytes(&changes.runs, calibration) + changes.summary.map_or(0, |s| sizes(&s, calibration));
    Blob::modelled(out, size)
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

/// What the distinct bytes of a summary would take in full chunks.
fn sizes(summary: &Summary, calibration: &Calibration) -> u64 {
    let per_chunk = sealed::ROW_BYTES as u64 + calibration.sealed_bytes(summary.class, CHUNK_EXTENTS);
    let bytes = u128::from(summary.distinct_bytes) * u128::from(per_chunk) / u128::from(CHUNK_BYTES);
    bytes as u64
}

pub(super) fn read(header: &SegmentHeader, bytes: &[u8], body: usize) -> Result<DiskChanges, &'static str> {
    let end = bytes
        .len()
        .checked_sub(HASH_BYTES)
        .filter(|end| *end >= body)
        .ok_or("it is cut off")?;
    if blake3::hash(&bytes[..end]).as_bytes()[..HASH_BYTES] != bytes[end..] {
        return Err("it was changed");
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
