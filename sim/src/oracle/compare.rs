//! Compares what a disk holds with what it should: in blocks of 1 MiB, so that a disk of any size takes a bounded amount of memory.
//!
//! Extents that the guest never wrote to are compared with the start's content byte for byte; those it wrote to by their print. Blocks are
//! compared in parallel, results are joined in order: the answer does not depend on the number of threads.

use datapath::volume::Volume;
use datapath::{Content, EXTENT_BYTES, Extent, Grain, Run, WriteSeq};
use rayon::prelude::*;

use super::history::{History, Version, Versions};
use super::print::{Print, ZEROS};
use super::root::Used;

/// Extents of a block.
const BLOCK_EXTENTS: u64 = (ZEROS.len() as u64) / EXTENT_BYTES;
/// Blocks that are in memory at a time, twice.
const BLOCKS_AT_A_TIME: u64 = 16;
/// Blocks whose results are in memory at a time, where the blocks themselves are not kept.
const RESULTS_AT_A_TIME: usize = 4096;
/// Mismatches that are described.
const DESCRIBED: usize = 3;

/// A disk that can be read: evidence, or a disk made by a test.
pub trait Held: Sync {
    /// Its size.
    fn bytes(&self) -> u64;
    /// Content of a range, in order, without gaps.
    fn read(&self, start: Extent, extents: u32) -> Result<Vec<Run>, String>;
}

impl Held for Volume {
    fn bytes(&self) -> u64 {
        Volume::bytes(self)
    }
    fn read(&self, start: Extent, extents: u32) -> Result<Vec<Run>, String> {
        Volume::read(self, start, extents).map_err(|error| error.to_string())
    }
}

/// What a disk is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// The content after this write, exactly.
    At(WriteSeq),
    /// After an unclean stop: per extent the content after this write (the last that was flushed), or any later version.
    Since(WriteSeq),
}

/// What a comparison found.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Extents compared.
    pub extents: u64,
    /// Extents that hold something else.
    pub wrong: u64,
    /// The first of them, in words; also what could not be read.
    pub described: Vec<String>,
    /// With [`Expect::Since`]: extents that hold something other than the newest version, and what.
    pub found: Vec<(u64, Print)>,
    /// BLAKE3 of the whole disk, in the real grain, where it was asked for.
    pub digest: Option<blake3::Hash>,
}

impl Comparison {
    /// Whether all is as it is to be.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.wrong == 0 && self.described.is_empty()
    }

    /// One line for all that is wrong, if something is.
    #[must_use]
    pub fn verdict(&self, what: &str) -> Option<String> {
        if self.is_right() {
            return None;
        }
        Some(format!(
            "{what}: {} of {} extents are wrong: {}",
            self.wrong,
            self.extents,
            self.described.join("; ")
        ))
    }

    /// Whether the disk has as many bytes as it should; if not, that is what is wrong.
    fn has_its_size(&mut self, history: &History, disk: &dyn Held) -> bool {
        let (bytes, should) = (disk.bytes(), history.bytes);
        if bytes != should {
            self.wrong = 1;
            self.described
                .push(format!("the disk has {bytes} bytes, it should have {should}"));
        }
        bytes == should
    }

    fn join(&mut self, other: Comparison) {
        self.extents += other.extents;
        self.wrong += other.wrong;
        let room = DESCRIBED.saturating_sub(self.described.len());
        self.described.extend(other.described.into_iter().take(room));
        self.found.extend(other.found);
    }

    fn failed(&mut self, extent: u64, why: String) {
        self.wrong += 1;
        if self.described.len() < DESCRIBED {
            self.described.push(format!("extent {extent} could not be read: {why}"));
        }
    }
}

/// Compares runs of a disk with what they should hold.
#[must_use]
pub fn compare_runs(history: &History, expect: Expect, runs: &[Run]) -> Comparison {
    let mut comparison = Comparison::default();
    for run in runs {
        compare_run(history, expect, run, &mut comparison);
    }
    comparison
}

/// Compares a whole disk with what it should hold.
#[must_use]
pub fn compare_disk(history: &History, expect: Expect, disk: &dyn Held) -> Comparison {
    let mut all = Comparison::default();
    if !all.has_its_size(history, disk) {
        return all;
    }
    let blocks = history.extents().div_ceil(BLOCK_EXTENTS);
    for from in (0..blocks).step_by(RESULTS_AT_A_TIME) {
        let to = (from + RESULTS_AT_A_TIME as u64).min(blocks);
        let results: Vec<Comparison> = (from..to)
            .into_par_iter()
            .map(|block| compare_block(history, expect, disk, block * BLOCK_EXTENTS).1)
            .collect();
        results.into_iter().for_each(|result| all.join(result));
    }
    all
}

/// The same, with the disk's digest in the real grain: one group of blocks is hashed, in order, while the next is read and compared.
#[must_use]
pub fn compare_and_hash_disk(history: &History, expect: Expect, disk: &dyn Held) -> Comparison {
    if history.grain != Grain::Real {
        return compare_disk(history, expect, disk);
    }
    let mut all = Comparison::default();
    if !all.has_its_size(history, disk) {
        return all;
    }
    let mut hasher = blake3::Hasher::new();
    let mut left = history.bytes;
    let blocks = history.extents().div_ceil(BLOCK_EXTENTS);
    let group = |from: u64| -> Vec<(Vec<Run>, Comparison)> {
        let to = (from + BLOCKS_AT_A_TIME).min(blocks);
        (from..to)
            .into_par_iter()
            .map(|block| compare_block(history, expect, disk, block * BLOCK_EXTENTS))
            .collect()
    };
    let mut pending = group(0);
    let mut next = BLOCKS_AT_A_TIME;
    while !pending.is_empty() {
        let (rest, following) = rayon::join(
            || {
                for (runs, _) in &pending {
                    left = hash_runs(&mut hasher, runs, left);
                }
                left
            },
            || if next < blocks { group(next) } else { Vec::new() },
        );
        left = rest;
        for (_, comparison) in std::mem::replace(&mut pending, following) {
            all.join(comparison);
        }
        next += BLOCKS_AT_A_TIME;
    }
    all.digest = Some(hasher.finalize());
    all
}

/// Feeds runs into a hash, not past the disk's last byte; returns how many bytes are left of the disk.
fn hash_runs(hasher: &mut blake3::Hasher, runs: &[Run], mut left: u64) -> u64 {
    for run in runs {
        let mut of_run = run.bytes().min(left);
        left -= of_run;
        match &run.content {
            Content::Bytes(bytes) => {
                hasher.update(&bytes[..(of_run as usize).min(bytes.len())]);
            }
            _ => {
                while of_run > 0 {
                    let part = of_run.min(ZEROS.len() as u64);
                    hasher.update(&ZEROS[..part as usize]);
                    of_run -= part;
                }
            }
        }
    }
    left
}

fn compare_block(history: &History, expect: Expect, disk: &dyn Held, start: u64) -> (Vec<Run>, Comparison) {
    let mut comparison = Comparison::default();
    let extents = BLOCK_EXTENTS.min(history.extents() - start);
    let runs = match disk.read(Extent(start), extents as u32) {
        Ok(runs) => runs,
        Err(why) => {
            comparison.extents += extents;
            comparison.failed(start, why);
            return (Vec::new(), comparison);
        }
    };
    let mut at = start;
    for run in &runs {
        if run.start.0 != at {
            comparison.failed(at, format!("the read went on at extent {}", run.start.0));
        }
        compare_run(history, expect, run, &mut comparison);
        at = run.end().0;
    }
    if at != start + extents {
        comparison.failed(at, format!("the read of {extents} extents at {start} ended here"));
    }
    (runs, comparison)
}

fn compare_run(history: &History, expect: Expect, run: &Run, comparison: &mut Comparison) {
    let (mut at, end) = (run.start.0, run.end().0);
    comparison.extents += end - at;
    if let Content::Bytes(bytes) = &run.content
        && bytes.len() as u64 != run.bytes()
    {
        comparison.failed(
            at,
            format!("{} bytes were read for {} extents", bytes.len(), run.extents),
        );
        return;
    }
    for (extent, versions) in history.written(at, end) {
        compare_start(history, run, at, extent, comparison);
        compare_written(history, expect, run, extent, versions, comparison);
        at = extent + 1;
    }
    compare_start(history, run, at, end, comparison);
}

/// Extents that nobody wrote to.
fn compare_start(history: &History, run: &Run, from: u64, to: u64, comparison: &mut Comparison) {
    let mut at = from;
    let mut buffer = Vec::new();
    while at < to {
        let end = to.min(at + BLOCK_EXTENTS);
        let used = history.root.used(at, end);
        let same = match &run.content {
            Content::Zero if used == Used::None => true,
            Content::Version { version, .. } => {
                history.grain != Grain::Real && *version == WriteSeq::START && used == Used::All
            }
            Content::Zero if history.grain != Grain::Real => false,
            content => {
                let len = ((end - at) * EXTENT_BYTES) as usize;
                let held = match content {
                    Content::Bytes(bytes) => {
                        let offset = ((at - run.start.0) * EXTENT_BYTES) as usize;
                        &bytes[offset..offset + len]
                    }
                    _ => &ZEROS[..len],
                };
                if used == Used::None {
                    held == &ZEROS[..len]
                } else {
                    buffer.clear();
                    match history.root.read_to(at, end - at, &mut buffer) {
                        Ok(()) => held == buffer,
                        Err(why) => {
                            comparison.failed(at, format!("the disk's start: {why}"));
                            return;
                        }
                    }
                }
            }
        };
        if !same {
            for extent in at..end {
                let held = history.print_in(&run.content, extent - run.start.0);
                match history.root.print(extent) {
                    Ok(start) if start != held => wrong(history, None, None, extent, held, comparison),
                    Ok(_) => {}
                    Err(why) => comparison.failed(extent, why),
                }
            }
        }
        at = end;
    }
}

/// An extent that the guest wrote to.
fn compare_written(
    history: &History,
    expect: Expect,
    run: &Run,
    extent: u64,
    versions: &Versions,
    comparison: &mut Comparison,
) {
    let held = history.print_in(&run.content, extent - run.start.0);
    match expect {
        Expect::At(seq) => {
            let version = versions.at(seq);
            let expected = match version {
                Some(version) => Ok(version.print),
                None => history.root.print(extent),
            };
            match expected {
                Ok(print) if print == held => {}
                Ok(_) => wrong(history, version, Some(versions), extent, held, comparison),
                Err(why) => comparison.failed(extent, why),
            }
        }
        Expect::Since(flushed) => {
            if versions.newest().print == held {
                return;
            }
            comparison.found.push((extent, held));
            let durable = versions.at(flushed);
            let later = versions
                .all()
                .any(|version| version.seq > flushed && version.print == held);
            let right = later
                || match durable {
                    Some(version) => version.print == held,
                    None => history.root.print(extent).is_ok_and(|start| start == held),
                };
            if !right {
                wrong(history, durable, Some(versions), extent, held, comparison);
            }
        }
    }
}

fn wrong(
    history: &History,
    expected: Option<Version>,
    versions: Option<&Versions>,
    extent: u64,
    held: Print,
    comparison: &mut Comparison,
) {
    comparison.wrong += 1;
    if comparison.described.len() >= DESCRIBED {
        return;
    }
    let should = match expected {
        Some(version) => format!("what write {} put there ({})", version.seq.0, version.print),
        None => "what the disk started with".to_owned(),
    };
    let other = versions.and_then(|versions| versions.all().find(|version| version.print == held));
    let holds = if let Some(version) = other {
        format!("what write {} put there ({held})", version.seq.0)
    } else if held == history.zero() {
        "zeros".to_owned()
    } else if history.root.print(extent).is_ok_and(|start| start == held) {
        "what the disk started with".to_owned()
    } else {
        format!("something else ({held})")
    };
    comparison.described.push(format!(
        "extent {extent} (byte {}) should hold {should}, it holds {holds}",
        extent * EXTENT_BYTES
    ));
}
