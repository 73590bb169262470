//! Counters of disks, a row a disk and step, as CSV: plain, gzip or zstd, read as a stream.
//!
//! Two forms are read. `time,vm,disk,read_iops,write_iops,written_bytes` has a row per disk and step; `time` is when the step begins,
//! `written_bytes` what was written within it. `vm,window,…,write_bytes_est,…` has a row per machine and window, which is counted from the
//! machine's start. `docs/planning.md` says what may stand in each column.
//!
//! The length of a step is found from the data: the median of what lies between two rows of a disk. A row belongs to the step whose begin
//! is nearest to its time. Of two rows of a disk for one step the last in the file counts; steps without a row are
//! [`ABSENT`](profile::ABSENT). Both are counted and told.
//!
//! The input is cut into blocks at line ends, which are parsed side by side and then taken in their order: the result does not depend on
//! how many threads there are.

mod blocks;
mod header;
mod keys;
mod lane;
mod line;
mod parse;
mod place;
pub mod problem;
pub mod profile;
mod report;
pub mod roster;
mod step;
pub mod text;
pub mod time;

use std::io::Read;

use rayon::prelude::*;

use blocks::Blocks;
pub use header::is_counter_column;
use header::{Form, Header};
pub use keys::ALL;
use keys::{Keys, Resolver};
use lane::Lane;
pub use parse::MOST_DAYS;
use parse::{Clock, Parsed, parse};
pub use place::Place;
use problem::{Problem, Problems};
use profile::Profile;
use roster::Roster;

/// A file of counters, not compressed any more.
pub struct Source<'a> {
    /// What it is called in messages.
    pub name: String,
    /// Its bytes.
    pub reader: Box<dyn Read + Send + 'a>,
}

/// Reads the counters of an estate, from one file or several that follow each other or have different machines. Without an estate one is
/// made of the machines and disks that have counters: sizes, cores and memory are 0 in it, which stands for "not known". What is wrong
/// goes to `problems`; none is given where nothing could be read.
pub fn read(estate: Option<&Roster>, sources: Vec<Source<'_>>, problems: &mut Problems) -> Option<(Roster, Profile)> {
    let mut reading = Reading {
        resolver: Resolver::new(estate),
        lanes: Vec::new(),
        clock: None,
        has_iops: (false, false),
        rows: 0,
        uneven: 0,
    };
    reading.lanes.resize_with(reading.resolver.lanes(), Lane::default);
    let names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
    for source in sources {
        reading.take(source, problems);
    }
    let file = names.join(", ");
    let (clock, form) = reading.clock?;
    report::report(&file, form, clock, &reading, problems);
    lane::finish(&file, form, clock, reading, problems)
}

/// What was read so far.
struct Reading<'a> {
    resolver: Resolver<'a>,
    /// By number of a disk; those of machines whose counters are of all disks together stand after the estate's.
    lanes: Vec<Lane>,
    clock: Option<(Clock, Form)>,
    /// Whether a file had the reads and the writes.
    has_iops: (bool, bool),
    rows: u64,
    /// Rows whose time is a tenth of a step or more from the begin of one.
    uneven: u64,
}

impl Reading<'_> {
    fn take(&mut self, source: Source<'_>, problems: &mut Problems) {
        let file = source.name;
        let mut blocks = Blocks::new(source.reader);
        if let Err(problem) = self.take_blocks(&file, &mut blocks, problems) {
            problems.push(problem);
        }
    }

    fn take_blocks(&mut self, file: &str, blocks: &mut Blocks<'_>, problems: &mut Problems) -> Result<(), Problem> {
        let unreadable = |error: std::io::Error| Problem::error(file, format!("it cannot be read: {error}"));
        let Some(mut first) = blocks.next().map_err(unreadable)? else {
            return Err(header::empty(file));
        };
        let header = header::read(file, &mut first, problems)?;
        let mut round = vec![first];
        let clock = loop {
            if let Some(clock) = step::clock(file, &header, &round)? {
                break clock;
            }
            match blocks.next().map_err(unreadable)? {
                Some(block) if round.len() < step::MOST_BLOCKS => round.push(block),
                _ => return Err(step::unknown(file, &header, &round)),
            }
        };
        let clock = self.join_clock(file, clock, &header)?;
        let (reads, writes) = header.has_iops();
        self.has_iops = (self.has_iops.0 || reads, self.has_iops.1 || writes);
        let mut keys = Keys::default();
        let mut line = round.first().map_or(1, |block| block.first_line);
        let side_by_side = rayon::current_num_threads().max(1) * 2;
        let before = (self.rows, problems.errors());
        loop {
            let (next, parsed) = rayon::join(
                || blocks.round(side_by_side),
                || -> Vec<Parsed> {
                    round
                        .par_iter()
                        .map(|block| parse(file, block, &header, clock, &keys))
                        .collect()
                },
            );
            blocks.give_back(std::mem::take(&mut round));
            self.merge(parsed, &mut keys, &mut line, problems);
            round = next.map_err(unreadable)?;
            if round.is_empty() {
                break;
            }
        }
        if (self.rows, problems.errors()) == before {
            return Err(Problem::error(file, "there is no row after the header"));
        }
        Ok(())
    }

    /// The clock of all files: that of the first.
    fn join_clock(&mut self, file: &str, clock: Clock, header: &Header) -> Result<Clock, Problem> {
        match self.clock {
            None => {
                self.clock = Some((clock, header.form));
                Ok(clock)
            }
            Some((_, form)) if form != header.form => {
                let found = "it is of the other form than the file of counters before it";
                Err(Problem::error(file, found).accepted("files of one form"))
            }
            Some((first, _)) if first.step_seconds != clock.step_seconds => {
                let (own, other) = (clock.step_seconds, first.step_seconds);
                let found = format!("its steps take {own} s, those of the file before it {other} s");
                Err(Problem::error(file, found).accepted("files with steps of one length"))
            }
            Some((first, _)) => Ok(first),
        }
    }

    /// Takes parsed blocks in their order.
    fn merge(&mut self, parsed: Vec<Parsed>, keys: &mut Keys, line: &mut u64, problems: &mut Problems) {
        let mut rows = Vec::with_capacity(parsed.len());
        for mut block in parsed {
            block.problems.shift(*line - 1);
            problems.append(block.problems);
            *line += block.lines;
            self.rows += block.read;
            self.uneven += block.uneven;
            let fresh: Vec<u32> = block
                .fresh
                .into_iter()
                .map(|key| keys.add(key, &mut self.resolver))
                .collect();
            for (reason, count) in block.skipped {
                self.resolver.skip(reason, count);
            }
            rows.push((block.rows, fresh));
        }
        self.lanes.resize_with(self.resolver.lanes(), Lane::default);
        let threads = rayon::current_num_threads().max(1);
        let share = self.lanes.len().div_ceil(threads).max(1);
        // Each disk belongs to one share, and each share takes all rows in their order: threads do not matter.
        self.lanes
            .par_chunks_mut(share)
            .enumerate()
            .for_each(|(number, lanes)| {
                let start = number * share;
                for (rows, fresh) in &rows {
                    for row in rows {
                        let lane = match row.lane.checked_sub(keys::FRESH) {
                            None => row.lane,
                            // One that is skipped has a number that no disk has.
                            Some(index) => fresh.get(index as usize).copied().unwrap_or(keys::SKIPPED),
                        };
                        let at = (lane as usize).checked_sub(start);
                        if let Some(lane) = at.and_then(|at| lanes.get_mut(at)) {
                            lane.take(row.index, row.values);
                        }
                    }
                }
            });
    }
}
