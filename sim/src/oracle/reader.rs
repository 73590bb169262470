//! The oracle's own reader of stored segments. It shares no code with the one that the judged actors open them with: header, manifest
//! and chunks are taken apart here by the documented layout (`datapath::segment`), and opened with AES-256-GCM and zstd directly.
//!
//! It is stricter than a reader has to be: each byte of the file is accounted for, the seal must be bound to what stands in clear, and
//! no stretch of the plain text may stand in the file.

mod recent;

use std::cell::RefCell;
use std::collections::BTreeMap;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use bytes::Bytes;
use datapath::seal::VaultKey;
use datapath::segment::{SegmentKind, push_number};
use datapath::{Blob, Class, Content, DiskId, EXTENT_BYTES, Extent, Run, VmId, WriteSeq};
use rayon::prelude::*;
use recent::Recent;

use super::print::Print;

const REAL: &[u8; 8] = b"FDSEG\x00\x01\n";
const MODELLED: &[u8; 8] = b"FDSEG\x00\x01m";
const TAG_BYTES: usize = 16;
const ROW_BYTES: usize = 17;
const HASH_BYTES: usize = 16;
/// A stretch of plain text of so many bytes does not stand in a sealed file by chance.
const CANARY_BYTES: usize = 32;
/// Every so many chunks plain text is looked for: it costs as much as opening does.
const CANARY_EVERY: u32 = 8;
/// Extents (4 MiB) from which on chunks are opened in parallel: below, handing over costs more than it saves.
const PARALLEL_FROM: u64 = 1024;

/// What a segment says of itself, in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The vault.
    pub vault: [u8; 16],
    /// The disk.
    pub disk: DiskId,
    /// What it is part of.
    pub kind: SegmentKind,
    /// Its first write.
    pub first: WriteSeq,
    /// Its last.
    pub last: WriteSeq,
    /// The epoch of its nonces.
    pub epoch: u32,
    /// Their first counter.
    pub first_counter: u64,
}

/// A segment that was opened.
#[derive(Debug, Clone)]
pub struct Opened {
    /// What it says of itself.
    pub header: Header,
    /// What it holds, in order of extents.
    pub runs: Vec<Run>,
    /// Bytes written by its range, in the aggregate grain.
    pub bytes: Option<u64>,
    /// Counters that were used, from the header's first on; none where content is modelled.
    pub counters: Option<u64>,
}

/// Why a segment could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// It has not the layout of a segment, or its content not the length that it says.
    Layout(String),
    /// It is not sealed as it should be: another key, nonce, or associated data, or not at all.
    Seal(String),
}

/// The vault as the oracle knows it.
pub struct Vault {
    id: [u8; 16],
    key: VaultKey,
    keys: BTreeMap<(DiskId, bool), Aes256Gcm>,
    recent: Recent,
}

impl Vault {
    /// A vault with its identity and key.
    #[must_use]
    pub fn new(id: [u8; 16], key: VaultKey) -> Vault {
        Vault {
            id,
            key,
            keys: BTreeMap::new(),
            recent: Recent::default(),
        }
    }

    /// Its identity.
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        self.id
    }

    /// The key of a disk: for what process servers seal, or for what was merged.
    fn key(&mut self, disk: DiskId, kind: SegmentKind) -> &Aes256Gcm {
        let merged = matches!(kind, SegmentKind::Merged { .. });
        let vault = &self.key;
        let key = || Aes256Gcm::new(derived_key(vault, disk, merged).as_bytes().into());
        self.keys.entry((disk, merged)).or_insert_with(key)
    }

    /// Opens a stored segment.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn open(&mut self, blob: &Blob) -> Result<Opened, Broken> {
        let bytes = blob.bytes.as_ref();
        let layout = |why: &str| Broken::Layout(why.to_owned());
        let magic = bytes.get(..8).ok_or_else(|| layout("it is shorter than any segment"))?;
        let header_bytes = u32_at(bytes, 8).ok_or_else(|| layout("it is shorter than any segment"))? as usize;
        let end = header_bytes.saturating_add(12);
        let header = bytes
            .get(12..end)
            .ok_or_else(|| layout("its header is cut off"))
            .and_then(|bytes| Fields(bytes).header())?;
        if magic == MODELLED {
            return open_modelled(header, blob, end);
        }
        if magic != REAL {
            return Err(layout("it does not begin as a segment does"));
        }
        if blob.size != bytes.len() as u64 {
            return Err(layout("it counts as another size than it has"));
        }
        let print = Print::of_bytes(bytes);
        if let Some(opened) = self.recent.get(print) {
            return Ok(opened);
        }
        let opened = open_real(self.key(header.disk, header.kind), header, bytes, end)?;
        self.recent.keep(print, blob, &opened);
        Ok(opened)
    }
}

/// The key of a disk, for what process servers seal or for what was merged.
#[must_use]
pub fn derived_key(vault: &VaultKey, disk: DiskId, merged: bool) -> blake3::Hash {
    let purpose = match merged {
        false => "firedrill 2026 key of one disk",
        true => "firedrill 2026 key of one disk's merged segments",
    };
    let mut hasher = blake3::Hasher::new_derive_key(purpose);
    hasher.update(vault.expose());
    hasher.update(&disk.vm.0.to_be_bytes());
    hasher.update(&disk.index.to_be_bytes());
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

fn nonce(epoch: u32, counter: u64) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut bytes = [0u8; 12];
    bytes[..4].copy_from_slice(&epoch.to_be_bytes());
    bytes[4..].copy_from_slice(&counter.to_be_bytes());
    bytes.into()
}

/// Decrypts what is followed by its tag; none where the tag is not that of key, nonce, associated data and bytes.
fn decrypt(key: &Aes256Gcm, (epoch, counter): (u32, u64), associated: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (body, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG_BYTES)?)?;
    let tag: &[u8; TAG_BYTES] = tag.try_into().ok()?;
    let mut plain = body.to_vec();
    key.decrypt_inout_detached(
        &nonce(epoch, counter),
        associated,
        plain.as_mut_slice().into(),
        tag.into(),
    )
    .ok()?;
    Some(plain)
}

/// A row of the manifest.
#[derive(Debug, Clone, Copy)]
struct Row {
    start: u64,
    extents: u32,
    kind: u8,
    stored: u32,
    /// Where its chunk begins in the file, and which chunk it is.
    at: usize,
    number: u32,
}

impl Row {
    fn plain_bytes(&self) -> usize {
        self.extents as usize * EXTENT_BYTES as usize
    }
}

/// The manifest's rows, if they are such: in order, each of a known kind, and their chunks fill the file to its end.
fn rows(manifest: &[u8], chunks_at: usize, file_bytes: usize) -> Result<Vec<Row>, &'static str> {
    let (mut rows, mut at, mut number, mut next) = (Vec::new(), chunks_at, 0u32, 0u64);
    for bytes in manifest.chunks_exact(ROW_BYTES) {
        let start = u64::from_le_bytes(std::array::from_fn(|n| bytes[n]));
        let extents = u32::from_le_bytes(std::array::from_fn(|n| bytes[8 + n]));
        let stored = u32::from_le_bytes(std::array::from_fn(|n| bytes[13 + n]));
        let row = Row {
            start,
            extents,
            kind: bytes[12],
            stored,
            at,
            number,
        };
        if row.kind > 2 || extents == 0 || start < next || (row.kind == 0 && stored > 0) {
            return Err("a row of its manifest makes no sense");
        }
        if row.kind == 1 && stored as usize != row.plain_bytes() {
            return Err("a chunk is said to be as it was, and has another length");
        }
        next = start.saturating_add(u64::from(extents));
        if row.kind > 0 {
            at = at.saturating_add(stored as usize + TAG_BYTES);
            number += 1;
        }
        rows.push(row);
    }
    if at != file_bytes {
        return Err("its chunks do not fill it to its end");
    }
    Ok(rows)
}

fn open_real(key: &Aes256Gcm, header: Header, bytes: &[u8], body: usize) -> Result<Opened, Broken> {
    let layout = |why: &str| Broken::Layout(why.to_owned());
    let count = u32_at(bytes, body).ok_or_else(|| layout("its manifest is cut off"))? as usize;
    let clear = &bytes[..body + 4];
    let manifest_end = count
        .checked_mul(ROW_BYTES)
        .and_then(|rows| rows.checked_add(clear.len() + TAG_BYTES))
        .filter(|end| *end <= bytes.len())
        .ok_or_else(|| layout("its manifest is cut off"))?;
    let sealed = &bytes[clear.len()..manifest_end];
    let first = (header.epoch, header.first_counter);
    let Some(manifest) = decrypt(key, first, clear, sealed) else {
        let open = &sealed[..sealed.len() - TAG_BYTES];
        if count > 0 && rows(open, manifest_end, bytes.len()).is_ok() {
            return Err(Broken::Seal("its manifest stands in clear".to_owned()));
        }
        return Err(Broken::Seal(
            "its manifest does not open with the disk's key, the nonce that its header names, and the header as associated data".to_owned(),
        ));
    };
    let mut other = clear.to_vec();
    if let Some(byte) = other.get_mut(12) {
        *byte ^= 1;
    }
    if decrypt(key, first, &other, sealed).is_some() {
        return Err(Broken::Seal("its manifest opens with another header too".to_owned()));
    }
    let rows = rows(&manifest, manifest_end, bytes.len()).map_err(layout)?;
    let fingerprint = blake3::hash(clear);
    let chunk = |row: &Row| -> Result<Run, Broken> {
        let content = match row.kind {
            0 => Content::Zero,
            _ => {
                let sealed = &bytes[row.at..row.at + row.stored as usize + TAG_BYTES];
                let mut associated = [0u8; 20];
                associated[..16].copy_from_slice(&fingerprint.as_bytes()[..16]);
                associated[16..].copy_from_slice(&row.number.to_le_bytes());
                let counter = header.first_counter + 1 + u64::from(row.number);
                Content::Bytes(open_chunk(key, (header.epoch, counter), &associated, sealed, row)?)
            }
        };
        Ok(Run {
            start: Extent(row.start),
            extents: row.extents,
            content,
        })
    };
    let to_open = rows.iter().filter(|row| row.kind > 0);
    let runs: Result<Vec<Run>, Broken> = match to_open.map(|row| u64::from(row.extents)).sum() {
        ..PARALLEL_FROM => rows.iter().map(chunk).collect(),
        _ => rows.par_iter().map(chunk).collect(),
    };
    let counters = 1 + rows.iter().filter(|row| row.kind > 0).count() as u64;
    Ok(Opened {
        header,
        runs: runs?,
        bytes: None,
        counters: Some(counters),
    })
}

thread_local! {
    /// Making one costs as much as decompressing a chunk.
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// What comes to just so many bytes when it is decompressed; none where it does not. Fails where there is no memory for a decompressor.
fn decompress(bytes: &[u8], length: usize) -> std::io::Result<Option<Vec<u8>>> {
    DECOMPRESSOR.with_borrow_mut(|decompressor| {
        let decompressor = match decompressor {
            Some(decompressor) => decompressor,
            None => decompressor.insert(zstd::bulk::Decompressor::new()?),
        };
        let plain = decompressor.decompress(bytes, length).ok();
        Ok(plain.filter(|plain| plain.len() == length))
    })
}

fn open_chunk(
    key: &Aes256Gcm,
    nonce: (u32, u64),
    associated: &[u8],
    sealed: &[u8],
    row: &Row,
) -> Result<Bytes, Broken> {
    let number = row.number;
    let Some(opened) = decrypt(key, nonce, associated, sealed) else {
        return Err(Broken::Seal(format!(
            "chunk {number} does not open with the disk's key, nonce {} of epoch {}, and its number and the header as associated data",
            nonce.1, nonce.0
        )));
    };
    let length = row.plain_bytes();
    let plain = if row.kind == 1 {
        opened
    } else {
        decompress(&opened, length)
            .map_err(|error| Broken::Layout(format!("zstd: {error}")))?
            .ok_or_else(|| Broken::Layout(format!("chunk {number} does not decompress to {length} bytes")))?
    };
    if number.is_multiple_of(CANARY_EVERY)
        && let Some(canary) = canary(&plain)
        && contains(sealed, canary)
    {
        return Err(Broken::Seal(format!(
            "{CANARY_BYTES} bytes of the plain text of chunk {number} stand in the file"
        )));
    }
    Ok(plain.into())
}

/// A stretch of plain text to look for: the first that is not one byte again and again.
fn canary(plain: &[u8]) -> Option<&[u8]> {
    let mut stretches = plain.chunks_exact(CANARY_BYTES);
    stretches.find(|stretch| stretch.windows(2).filter(|two| two[0] != two[1]).count() > CANARY_BYTES / 4)
}

/// Whether a stretch of bytes stands in others.
fn contains(bytes: &[u8], stretch: &[u8]) -> bool {
    let (Some(first), false) = (stretch.first_chunk::<8>(), stretch.len() > bytes.len()) else {
        return false;
    };
    let first = u64::from_le_bytes(*first);
    let mut window = 0u64;
    bytes.iter().enumerate().any(|(at, byte)| {
        window = (window >> 8) | (u64::from(*byte) << 56);
        window == first && at >= 7 && bytes[at - 7..].starts_with(stretch)
    })
}

fn open_modelled(header: Header, blob: &Blob, body: usize) -> Result<Opened, Broken> {
    let bytes = blob.bytes.as_ref();
    let layout = |why: &str| Broken::Layout(why.to_owned());
    let end = bytes
        .len()
        .checked_sub(HASH_BYTES)
        .filter(|end| *end >= body)
        .ok_or_else(|| layout("its description is cut off"))?;
    if xxhash_rust::xxh3::xxh3_128_with_seed(&bytes[..end], blob.size).to_le_bytes() != bytes[end..] {
        return Err(Broken::Seal(
            "its hash is not that of its description and size".to_owned(),
        ));
    }
    let (runs, bytes) = Fields(&bytes[body..end]).description()?;
    Ok(Opened {
        header,
        runs,
        bytes,
        counters: None,
    })
}

/// Fields in postcard's encoding, one after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn byte(&mut self) -> Result<u8, Broken> {
        let (first, rest) = self
            .0
            .split_first()
            .ok_or_else(|| Broken::Layout("its header or description ends too early".to_owned()))?;
        self.0 = rest;
        Ok(*first)
    }

    /// Seven bits a byte, the lowest first.
    fn number(&mut self) -> Result<u64, Broken> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Broken::Layout("a number in it is too long".to_owned()))
    }

    fn number32(&mut self) -> Result<u32, Broken> {
        let number = self.number()?;
        u32::try_from(number).map_err(|_| Broken::Layout("a number in it is too large".to_owned()))
    }

    fn number16(&mut self) -> Result<u16, Broken> {
        let number = self.number()?;
        u16::try_from(number).map_err(|_| Broken::Layout("a number in it is too large".to_owned()))
    }

    fn disk(&mut self) -> Result<DiskId, Broken> {
        Ok(DiskId {
            vm: VmId(self.number32()?),
            index: self.number16()?,
        })
    }

    fn end(self) -> Result<(), Broken> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Broken::Layout(
                "its header or description has bytes too many".to_owned(),
            )),
        }
    }

    fn header(mut self) -> Result<Header, Broken> {
        let mut vault = [0u8; 16];
        for byte in &mut vault {
            *byte = self.byte()?;
        }
        let disk = self.disk()?;
        let kind = match self.number()? {
            0 => SegmentKind::Changes { batch: self.number()? },
            1 => SegmentKind::Merged {
                from: self.number()?,
                to: self.number()?,
            },
            2 => SegmentKind::Copy {
                copy: self.number32()?,
                part: self.number32()?,
            },
            other => return Err(Broken::Layout(format!("it is of kind {other}"))),
        };
        let header = Header {
            vault,
            disk,
            kind,
            first: WriteSeq(self.number()?),
            last: WriteSeq(self.number()?),
            epoch: self.number32()?,
            first_counter: self.number()?,
        };
        self.end()?;
        Ok(header)
    }

    fn description(mut self) -> Result<(Vec<Run>, Option<u64>), Broken> {
        let mut runs = Vec::new();
        for _ in 0..self.number()? {
            let (start, extents) = (Extent(self.number()?), self.number32()?);
            let content = match self.number()? {
                0 => Content::Zero,
                2 => Content::Version {
                    version: WriteSeq(self.number()?),
                    class: Class(self.number16()?),
                },
                other => return Err(Broken::Layout(format!("it describes content of kind {other}"))),
            };
            runs.push(Run {
                start,
                extents,
                content,
            });
        }
        let bytes = match self.byte()? {
            0 => None,
            _ => {
                let _ = (self.disk()?, self.number()?, self.number()?);
                let bytes = self.number()?;
                // Distinct bytes, chunks, class, and the life: two numbers.
                for _ in 0..5 {
                    let _ = self.number()?;
                }
                Some(bytes)
            }
        };
        self.end()?;
        Ok((runs, bytes))
    }
}

/// The file that a segment is stored in.
#[must_use]
pub fn file_name(protection: u32, disk: DiskId, kind: SegmentKind) -> String {
    let (word, first, second) = match kind {
        SegmentKind::Changes { batch } => ("/batch-", (batch, 8), None),
        SegmentKind::Merged { from, to } => ("/merged-", (from, 8), Some((to, 8))),
        SegmentKind::Copy { copy, part } => ("/copy-", (u64::from(copy), 4), Some((u64::from(part), 6))),
    };
    let mut name = String::with_capacity(64);
    let words = ["segments/", "/vm", "/disk", word];
    let numbers = [
        (u64::from(protection), 4),
        (u64::from(disk.vm.0), 1),
        (u64::from(disk.index), 1),
        first,
    ];
    for (word, (number, digits)) in words.into_iter().zip(numbers) {
        name.push_str(word);
        push_number(&mut name, number, digits);
    }
    if let Some((number, digits)) = second {
        name.push('-');
        push_number(&mut name, number, digits);
    }
    name
}

/// The protection, disk and kind that a file's name says; none where it is none of a segment.
#[must_use]
pub fn of_file(name: &str) -> Option<(u32, DiskId, SegmentKind)> {
    let mut parts = name.strip_prefix("segments/")?.split('/');
    let protection = parts.next()?.parse().ok()?;
    let vm = VmId(parts.next()?.strip_prefix("vm")?.parse().ok()?);
    let index = parts.next()?.strip_prefix("disk")?.parse().ok()?;
    let part = parts.next()?;
    let kind = if let Some(batch) = part.strip_prefix("batch-") {
        SegmentKind::Changes {
            batch: batch.parse().ok()?,
        }
    } else if let Some(range) = part.strip_prefix("merged-") {
        let (from, to) = range.split_once('-')?;
        SegmentKind::Merged {
            from: from.parse().ok()?,
            to: to.parse().ok()?,
        }
    } else {
        let (copy, part) = part.strip_prefix("copy-")?.split_once('-')?;
        SegmentKind::Copy {
            copy: copy.parse().ok()?,
            part: part.parse().ok()?,
        }
    };
    Some((protection, DiskId { vm, index }, kind))
}
