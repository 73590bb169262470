//! Real content: cut into chunks, compressed, sealed; and back.

use std::io::Cursor;

use crate::batch::{DiskChanges, stretches};
use crate::content::{Blob, Content, Run};
use crate::plants::{Plant, planted};
use crate::seal::{Cipher, NonceRange, SEAL_BYTES, SealNonce};
use crate::segment::{SegmentHeader, Worker, beginning};
use crate::units::{CHUNK_BYTES, CHUNK_EXTENTS, EXTENT_BYTES, Extent};

pub(super) const MAGIC: &[u8; 8] = b"FDSEG\x00\x01\n";
/// Bytes of a manifest row.
pub(super) const ROW_BYTES: usize = 17;
/// Rows, seals and lengths around the chunks of any segment: magic, header's length, rows' number, the manifest's seal.
pub(super) const AROUND_BYTES: usize = 16 + SEAL_BYTES;

const ZERO: u8 = 0;
const RAW: u8 = 1;
const ZSTD: u8 = 2;

struct Row {
    start: u64,
    extents: u32,
    kind: u8,
    stored: u32,
}

pub(super) fn seal(
    worker: &mut Worker,
    key: &Cipher,
    nonces: NonceRange,
    header: &SegmentHeader,
    changes: &DiskChanges,
) -> Blob {
    let stretches = stretches(&changes.runs);
    let rows: u64 = stretches
        .iter()
        .map(|s| {
            if s.zero {
                1
            } else {
                (s.end - s.start).div_ceil(CHUNK_EXTENTS)
            }
        })
        .sum();
    let out = Vec::with_capacity(256 + rows as usize * ROW_BYTES + (changes.plain_bytes() / 2) as usize);
    let mut out = beginning(MAGIC, header, out);
    out.extend_from_slice(&(rows as u32).to_le_bytes());
    let clear = out.len();
    let fingerprint = fingerprint(&out);
    let manifest_bytes = rows as usize * ROW_BYTES;
    out.resize(clear + manifest_bytes + SEAL_BYTES, 0);

    let mut next = nonces.first + 1;
    let mut row_at = clear;
    let mut put_row = |out: &mut Vec<u8>, row: Row| {
        let bytes = &mut out[row_at..row_at + ROW_BYTES];
        bytes[..8].copy_from_slice(&row.start.to_le_bytes());
        bytes[8..12].copy_from_slice(&row.extents.to_le_bytes());
        bytes[12] = row.kind;
        bytes[13..].copy_from_slice(&row.stored.to_le_bytes());
        row_at += ROW_BYTES;
    };
    let mut number = 0u32;
    for stretch in &stretches {
        if stretch.zero {
            let extents = (stretch.end - stretch.start) as u32;
            put_row(
                &mut out,
                Row {
                    start: stretch.start,
                    extents,
                    kind: ZERO,
                    stored: 0,
                },
            );
            continue;
        }
        let (mut from, mut runs) = (stretch.start, stretch.runs.as_slice());
        while from < stretch.end {
            let to = (from + CHUNK_EXTENTS).min(stretch.end);
            runs = &runs[runs.iter().take_while(|run| run.end().0 <= from).count()..];
            let at = out.len();
            let kind = chunk(worker, runs, from, to, &mut out);
            let stored = (out.len() - at) as u32;
            let nonce = SealNonce {
                epoch: nonces.epoch,
                counter: next,
            };
            let seal = key.seal(nonce, &associated(&fingerprint, number), &mut out[at..]);
            out.extend_from_slice(&seal);
            put_row(
                &mut out,
                Row {
                    start: from,
                    extents: (to - from) as u32,
                    kind,
                    stored,
                },
            );
            next += 1;
            number += 1;
            from = to;
        }
    }
    assert!(next - nonces.first <= nonces.count, "as many nonces as were reserved");
    let (head, tail) = out.split_at_mut(clear);
    let nonce = SealNonce {
        epoch: nonces.epoch,
        counter: nonces.first,
    };
    let seal = key.seal(nonce, head, &mut tail[..manifest_bytes]);
    tail[manifest_bytes..manifest_bytes + SEAL_BYTES].copy_from_slice(&seal);
    // What is stored lives long: no room to spare is kept with it.
    out.shrink_to_fit();
    Blob::real(out)
}

/// Appends the stored form of the chunk `[from, to)`, which the first of `runs` begins in or before; returns its kind.
fn chunk(worker: &mut Worker, runs: &[Run], from: u64, to: u64, out: &mut Vec<u8>) -> u8 {
    let plain = match part(&runs[0], from, to) {
        whole if whole.len() as u64 == (to - from) * EXTENT_BYTES => whole,
        _ => {
            worker.plain.clear();
            for run in runs.iter().take_while(|run| run.start.0 < to) {
                worker.plain.extend_from_slice(part(run, from, to));
            }
            &worker.plain
        }
    };
    debug_assert_eq!(plain.len() as u64, (to - from) * EXTENT_BYTES);
    // Compressed to where it will stay; what does not compress is put there instead.
    let at = out.len();
    out.reserve(zstd::zstd_safe::compress_bound(plain.len()));
    let mut end = Cursor::new(&mut *out);
    end.set_position(at as u64);
    let packed = worker
        .compressor
        .compress_to_buffer(plain, &mut end)
        .expect("the buffer holds any chunk");
    if packed + packed / 32 < plain.len() {
        debug_assert_eq!(out.len(), at + packed);
        if planted(Plant::RawFlagWrong) { RAW } else { ZSTD }
    } else {
        out.truncate(at);
        out.extend_from_slice(plain);
        RAW
    }
}

/// The run's bytes within `[from, to)`.
fn part(run: &Run, from: u64, to: u64) -> &[u8] {
    let Content::Bytes(bytes) = &run.content else {
        unreachable!("a stretch without zeros has bytes in the real grain")
    };
    let at = |extent: u64| ((extent.clamp(run.start.0, run.end().0) - run.start.0) * EXTENT_BYTES) as usize;
    &bytes[at(from)..at(to)]
}

fn fingerprint(clear: &[u8]) -> [u8; 16] {
    blake3::hash(clear).as_bytes()[..16].try_into().expect("half of a hash")
}

fn associated(fingerprint: &[u8; 16], number: u32) -> [u8; 20] {
    let mut bytes = [0; 20];
    bytes[..16].copy_from_slice(fingerprint);
    bytes[16..].copy_from_slice(&number.to_le_bytes());
    bytes
}

pub(super) fn open(
    worker: &mut Worker,
    key: &Cipher,
    header: &SegmentHeader,
    bytes: &[u8],
    body: usize,
) -> Result<DiskChanges, &'static str> {
    const CUT: &str = "it is cut off";
    let clear = body + 4;
    let rows = bytes.get(body..clear).ok_or(CUT)?;
    let rows = u32::from_le_bytes(rows.try_into().expect("four bytes")) as usize;
    let manifest_bytes = rows.checked_mul(ROW_BYTES).ok_or(CUT)?;
    let mut manifest = bytes.get(clear..clear + manifest_bytes).ok_or(CUT)?.to_vec();
    let mut at = clear + manifest_bytes;
    let nonce = |counter| SealNonce {
        epoch: header.epoch,
        counter,
    };
    key.open(
        nonce(header.first_counter),
        &bytes[..clear],
        &mut manifest,
        seal_at(bytes, at).ok_or(CUT)?,
    )
    .map_err(|_| "its manifest or header was changed")?;
    at += SEAL_BYTES;

    let fingerprint = fingerprint(&bytes[..clear]);
    let rows: Vec<Row> = manifest.chunks_exact(ROW_BYTES).map(row).collect();
    let mut runs: Vec<Run> = Vec::new();
    let mut number = 0u32;
    let mut index = 0;
    while index < rows.len() {
        let first = &rows[index];
        if first.kind == ZERO {
            runs.push(Run {
                start: Extent(first.start),
                extents: first.extents,
                content: Content::Zero,
            });
            index += 1;
            continue;
        }
        // All chunks that follow each other in address become one run with one buffer.
        let mut end = index;
        let mut next = first.start;
        while end < rows.len() && rows[end].kind != ZERO && rows[end].start == next {
            next += u64::from(rows[end].extents);
            end += 1;
        }
        let mut plain = Vec::with_capacity(((next - first.start) * EXTENT_BYTES) as usize);
        for row in &rows[index..end] {
            let stored = bytes.get(at..at + row.stored as usize).ok_or(CUT)?;
            at += row.stored as usize;
            let seal = seal_at(bytes, at).ok_or(CUT)?;
            at += SEAL_BYTES;
            let len = row.extents as usize * EXTENT_BYTES as usize;
            let filled = plain.len();
            let nonce = nonce(header.first_counter + 1 + u64::from(number));
            let associated = associated(&fingerprint, number);
            number += 1;
            if row.kind == RAW && stored.len() == len {
                plain.extend_from_slice(stored);
                key.open(nonce, &associated, &mut plain[filled..], seal)
                    .map_err(|_| "a chunk was changed")?;
                continue;
            }
            worker.plain.clear();
            worker.plain.extend_from_slice(stored);
            key.open(nonce, &associated, &mut worker.plain, seal)
                .map_err(|_| "a chunk was changed")?;
            // Decompressed to where it will stay.
            let mut end = Cursor::new(&mut plain);
            end.set_position(filled as u64);
            let got = worker.decompressor.decompress_to_buffer(&worker.plain, &mut end);
            if row.kind != ZSTD || got.ok() != Some(len) || plain.len() != filled + len {
                return Err("a chunk does not decompress to its length");
            }
        }
        let extents = (next - first.start) as u32;
        runs.push(Run {
            start: Extent(first.start),
            extents,
            content: Content::Bytes(plain.into()),
        });
        index = end;
    }
    if at != bytes.len() {
        return Err("it has bytes too many");
    }
    Ok(DiskChanges {
        disk: header.disk,
        first: header.first,
        last: header.last,
        runs,
        summary: None,
    })
}

fn seal_at(bytes: &[u8], at: usize) -> Option<&[u8; SEAL_BYTES]> {
    bytes.get(at..)?.first_chunk::<SEAL_BYTES>()
}

fn row(bytes: &[u8]) -> Row {
    let extents = u32::from_le_bytes(bytes[8..12].try_into().expect("four bytes"));
    debug_assert!(bytes[12] == ZERO || u64::from(extents) * EXTENT_BYTES <= CHUNK_BYTES);
    Row {
        start: u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")),
        extents,
        kind: bytes[12],
        stored: u32::from_le_bytes(bytes[13..17].try_into().expect("four bytes")),
    }
}
