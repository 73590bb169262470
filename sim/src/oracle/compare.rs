//! Compares what a disk holds with what it should: in blocks of 1 MiB, so that a disk of any size takes a bounded amount of memory.
//!
//! Extents that the guest never wrote to are compared with the start's content byte for byte; those it wrote to by their print. Blocks are
//! compared in parallel, results are joined in order: the answer does not depend on the number of threads. Blocks that are to hold
//! nothing and of which the disk says that nothing was ever put there are right without a look: a disk costs by what is used of it.

use std::fmt;
use std::sync::LazyLock;

use datapath::volume::Volume;
use datapath::{Content, EXTENT_BYTES, Extent, Grain, Run, WriteSeq};
use rayon::prelude::*;

use super::history::{History, Version, Versions};
use super::print::{Print, ZEROS};
use super::root::Used;
use crate::findings::{Evidence, Evident};

/// Extents of a block.
const BLOCK_EXTENTS: u64 = (ZEROS.len() as u64) / EXTENT_BYTES;
/// Blocks whose results are in memory at a time.
const RESULTS_AT_A_TIME: usize = 4096;
/// Extents (4 MiB) from which on they are compared in parallel: below, handing over costs more than it saves.
const PARALLEL_FROM: u64 = 1024;
/// Of a block of zeros. Made once: small disks are compared so often that to make it each time took a twelfth of a sweep.
static BLANK: LazyLock<blake3::Hash> = LazyLock::new(|| blake3::hash(&ZEROS));
/// Mismatches that are described.
const DESCRIBED: usize = 3;

/// A disk that can be read: evidence, or a disk made by a test.
pub trait Held: Sync {
    /// Its size.
    fn bytes(&self) -> u64;
    /// Content of a range, in order, without gaps.
    fn read(&self, start: Extent, extents: u32) -> Result<Vec<Run>, String>;
    /// The first extent at or after one that may hold something other than zeros.
    fn next_used(&self, from: u64) -> Option<u64>;
}

impl Held for Volume {
    fn bytes(&self) -> u64 {
        Volume::bytes(self)
    }
    fn read(&self, start: Extent, extents: u32) -> Result<Vec<Run>, String> {
        Volume::read(self, start, extents).map_err(|error| error.to_string())
    }
    fn next_used(&self, from: u64) -> Option<u64> {
        Volume::next_used(self, Extent(from), 1).map(|(start, _)| start.0)
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
    /// The digest of the whole disk, in the real grain, where it was asked for: BLAKE3 over the BLAKE3 of each MiB (the last may be
    /// shorter).
    pub digest: Option<blake3::Hash>,
}

/// What is wrong with content, as evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differs {
    /// Extents that hold something else.
    pub wrong: u64,
    /// Extents compared.
    pub extents: u64,
    /// The first of them, in words.
    pub described: String,
}

impl fmt::Display for Differs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Differs {
            wrong,
            extents,
            described,
        } = self;
        write!(f, "{wrong} of {extents} extents are wrong: {described}")
    }
}

impl Evident for Differs {
    fn put(&self, name: &str, evidence: &mut Evidence) {
        self.wrong.put(&format!("{name}.wrong"), evidence);
        self.extents.put(&format!("{name}.extents"), evidence);
        self.described.put(&format!("{name}.described"), evidence);
    }
}

impl Comparison {
    /// Whether all is as it is to be.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.wrong == 0 && self.described.is_empty()
    }

    /// All that is wrong, if something is.
    #[must_use]
    pub fn differs(&self) -> Option<Differs> {
        (!self.is_right()).then(|| Differs {
            wrong: self.wrong,
            extents: self.extents,
            described: self.described.join("; "),
        })
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

/// The same, run by run in parallel; the answer does not depend on the number of threads.
#[must_use]
pub fn compare_runs_in_parallel(history: &History, expect: Expect, runs: &[Run]) -> Comparison {
    let extents: u64 = runs.iter().map(|run| u64::from(run.extents)).sum();
    if extents < PARALLEL_FROM {
        return compare_runs(history, expect, runs);
    }
    let results: Vec<Comparison> = runs
        .par_iter()
        .map(|run| compare_runs(history, expect, std::slice::from_ref(run)))
        .collect();
    let mut all = Comparison::default();
    results.into_iter().for_each(|result| all.join(result));
    all
}

/// Compares a whole disk with what it should hold.
#[must_use]
pub fn compare_disk(history: &History, expect: Expect, disk: &dyn Held) -> Comparison {
    compare_blocks(history, expect, disk, None)
}

/// The same, with the disk's digest in the real grain.
#[must_use]
pub fn compare_and_hash_disk(history: &History, expect: Expect, disk: &dyn Held) -> Comparison {
    let digest = (history.grain == Grain::Real).then(blake3::Hasher::new);
    compare_blocks(history, expect, disk, digest)
}

fn compare_blocks(
    history: &History,
    expect: Expect,
    disk: &dyn Held,
    mut digest: Option<blake3::Hasher>,
) -> Comparison {
    let mut all = Comparison::default();
    if !all.has_its_size(history, disk) {
        return all;
    }
    let hashed = digest.is_some();
    let mut next = 0;
    while let Some(from) = next_block(history, disk, next) {
        let mut blocks = vec![from];
        while blocks.len() < RESULTS_AT_A_TIME
            && let Some(block) = next_block(history, disk, blocks[blocks.len() - 1] + 1)
        {
            blocks.push(block);
        }
        let compare = |block: &u64| compare_block(history, expect, disk, block * BLOCK_EXTENTS, hashed);
        let results: Vec<(Comparison, Option<blake3::Hash>)> = match blocks.len() as u64 * BLOCK_EXTENTS {
            ..PARALLEL_FROM => blocks.iter().map(compare).collect(),
            _ => blocks.par_iter().map(compare).collect(),
        };
        for (block, (comparison, hash)) in blocks.into_iter().zip(results) {
            skip(&mut all, &mut digest, block - next);
            if let (Some(digest), Some(hash)) = (&mut digest, hash) {
                digest.update(hash.as_bytes());
            }
            all.join(comparison);
            next = block + 1;
        }
    }
    debug_assert_eq!(
        next,
        history.extents().div_ceil(BLOCK_EXTENTS),
        "the last block is always looked at"
    );
    all.digest = digest.map(|digest| digest.finalize());
    all
}

/// The next block in which there is something to compare. The last one always is: it may be shorter than the others.
fn next_block(history: &History, disk: &dyn Held, from: u64) -> Option<u64> {
    let last = history.extents().div_ceil(BLOCK_EXTENTS).checked_sub(1)?;
    if from > last {
        return None;
    }
    let extent = from * BLOCK_EXTENTS;
    let used = [history.next_used(extent), disk.next_used(extent)];
    let next = used.into_iter().flatten().min();
    Some(next.map_or(last, |extent| last.min(extent / BLOCK_EXTENTS)))
}

/// Blocks of zeros, as it should be.
fn skip(all: &mut Comparison, digest: &mut Option<blake3::Hasher>, blocks: u64) {
    all.extents += blocks * BLOCK_EXTENTS;
    if let Some(digest) = digest {
        for _ in 0..blocks {
            digest.update(BLANK.as_bytes());
        }
    }
}

/// The BLAKE3 of a block's content, not past the disk's last byte.
fn hash_runs(runs: &[Run], mut left: u64) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for run in runs {
        let of_run = run.bytes().min(left) as usize;
        left -= of_run as u64;
        match &run.content {
            Content::Bytes(bytes) => hasher.update(&bytes[..of_run.min(bytes.len())]),
            _ => hasher.update(&ZEROS[..of_run]),
        };
    }
    hasher.finalize()
}

fn compare_block(
    history: &History,
    expect: Expect,
    disk: &dyn Held,
    start: u64,
    hashed: bool,
) -> (Comparison, Option<blake3::Hash>) {
    let mut comparison = Comparison::default();
    let extents = BLOCK_EXTENTS.min(history.extents() - start);
    let runs = match disk.read(Extent(start), extents as u32) {
        Ok(runs) => runs,
        Err(why) => {
            comparison.extents += extents;
            comparison.failed(start, why);
            return (comparison, None);
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
    let left = history.bytes - start * EXTENT_BYTES;
    (comparison, hashed.then(|| hash_runs(&runs, left)))
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
