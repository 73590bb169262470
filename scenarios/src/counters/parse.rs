//! A block parsed: rows by number of a disk and step. This is where the time goes, so the usual row takes no detour: what its machine and
//! disk are is known from the row before, by which one came after that the last time, and what time it is as often.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::blocks::Block;
use super::header::{Form, Header};
use super::keys::{FRESH, Fresh, Keys, SKIPPED};
use super::line::{Fields, Number, number, split, text};
use super::problem::{Problem, Problems, quoted};
use super::profile::ABSENT;
use super::time;

/// Days that a time may be before or after the first one of a file: a row beyond is a mistake, and would take memory for all between.
pub const MOST_DAYS: i64 = 400;

/// Where steps begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    /// When the step of number 0 begins: seconds since 1970; 0 in the form of windows.
    pub(super) origin: i64,
    /// Seconds of a step.
    pub(super) step_seconds: u32,
}

impl Clock {
    /// The step that a time belongs to, and whether it is a tenth of a step or more from its begin.
    fn index(self, time: i64) -> Option<(i32, bool)> {
        let step = i64::from(self.step_seconds);
        let after = time.checked_sub(self.origin)?;
        if after.abs() > MOST_DAYS * 86_400 {
            return None;
        }
        let index = (after + step / 2).div_euclid(step);
        let off = (after - index * step).abs();
        Some((i32::try_from(index).ok()?, off * 10 >= step))
    }
}

/// The counters of a step: written bytes per second, writes and reads per second in hundredths.
pub(super) type Values = [u32; 3];

/// A row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// The disk's number, or [`FRESH`] and the number among those that the block is the first to name.
    pub(super) lane: u32,
    pub(super) index: i32,
    pub(super) values: Values,
}

/// What a block has.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) rows: Vec<Row>,
    /// Machines and disks that were not known before this block.
    pub(super) fresh: Vec<Fresh>,
    /// Rows that are not taken, by reason.
    pub(super) skipped: IndexMap<u32, u64, FxBuildHasher>,
    /// With lines counted from the block's first.
    pub(super) problems: Problems,
    pub(super) lines: u64,
    /// Rows read, whether taken or not.
    pub(super) read: u64,
    pub(super) uneven: u64,
}

/// Parses a block.
pub(super) fn parse(file: &str, block: &Block, header: &Header, clock: Clock, keys: &Keys) -> Parsed {
    let bytes = block.rest();
    let mut parser = Parser {
        file,
        header,
        clock,
        keys,
        out: Parsed::default(),
        fresh: IndexMap::default(),
        next: vec![u32::MAX; keys.len()],
        last_slot: u32::MAX,
        last_time: (Vec::new(), 0, false),
        key: Vec::new(),
    };
    // Short rows have about 40 bytes.
    parser.out.rows.reserve(bytes.len() / 40);
    let mut fields = Fields::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest);
        let (line, after) = match end {
            Some(end) => (&rest[..end], &rest[end + 1..]),
            None => (rest, &rest[..0]),
        };
        rest = after;
        parser.out.lines += 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.first() == Some(&b'#') || line.trim_ascii().is_empty() {
            continue;
        }
        let closed = split(line, header.separator, &mut fields);
        if let Err(wrong) = parser.row(line, &fields, closed) {
            let line = parser.out.lines;
            parser.out.problems.push(wrong.at(line));
        }
    }
    let Parser { mut out, fresh, .. } = parser;
    out.fresh = fresh.into_values().collect();
    out
}

struct Parser<'a> {
    file: &'a str,
    header: &'a Header,
    clock: Clock,
    keys: &'a Keys,
    out: Parsed,
    fresh: IndexMap<Vec<u8>, Fresh, FxBuildHasher>,
    /// By number of a key: the one that came after it the last time.
    next: Vec<u32>,
    last_slot: u32,
    /// The last time as it was written, its step, and whether it was off.
    last_time: (Vec<u8>, i32, bool),
    /// A buffer for keys whose fields do not stand together.
    key: Vec<u8>,
}

impl Parser<'_> {
    fn row(&mut self, line: &[u8], fields: &Fields, closed: bool) -> Result<(), Problem> {
        let header = self.header;
        if fields.count() != header.columns || !closed {
            return Err(self.wrong_count(line, fields, closed));
        }
        let (index, off) = self.step(fields.get(line, header.time))?;
        let written = self.counter(line, fields, Some(header.written), 0)?;
        let write_iops = self.counter(line, fields, header.write_iops, 2)?;
        let read_iops = self.counter(line, fields, header.read_iops, 2)?;
        let lane = self.lane(line, fields)?;
        self.out.read += 1;
        self.out.uneven += u64::from(off);
        if (SKIPPED..FRESH).contains(&lane) {
            *self.out.skipped.entry(lane).or_insert(0) += 1;
            return Ok(());
        }
        let values = [written, write_iops, read_iops];
        // A row that counts nothing is as none.
        if values != [ABSENT; 3] {
            self.out.rows.push(Row { lane, index, values });
        }
        Ok(())
    }

    #[inline]
    fn step(&mut self, field: &[u8]) -> Result<(i32, bool), Problem> {
        if self.last_time.0 == field && !field.is_empty() {
            return Ok((self.last_time.1, self.last_time.2));
        }
        let (index, off) = self.new_step(field)?;
        self.last_time.0.clear();
        self.last_time.0.extend_from_slice(field);
        (self.last_time.1, self.last_time.2) = (index, off);
        Ok((index, off))
    }

    fn new_step(&self, field: &[u8]) -> Result<(i32, bool), Problem> {
        let header = self.header;
        let Some(time) = time_of(header, field, self.clock.step_seconds) else {
            let accepted = match header.form {
                Form::Times => time::TIMES,
                Form::Windows => "the window's number since the machine's start, from 0 on",
            };
            let found = format!("{} is no {}", quoted(&text(field)), header.name(header.time));
            return Err(Problem::error(self.file, found)
                .column(header.name(header.time))
                .accepted(accepted));
        };
        self.clock.index(time).ok_or_else(|| {
            let found = format!(
                "{} is more than {MOST_DAYS} days from the first row",
                quoted(&text(field))
            );
            let accepted = "a profile of at most that time";
            Problem::error(self.file, found)
                .column(header.name(header.time))
                .accepted(accepted)
        })
    }

    /// A counter per second, with decimals as asked for; [`ABSENT`] where there is none.
    #[inline]
    fn counter(&self, line: &[u8], fields: &Fields, column: Option<usize>, scale: u32) -> Result<u32, Problem> {
        let Some(column) = column else {
            return Ok(ABSENT);
        };
        let field = fields.get(line, column);
        let value = match number(field, scale) {
            Number::Absent => return Ok(ABSENT),
            Number::Wrong => None,
            Number::Is(value) if scale > 0 => Some(value),
            Number::Is(bytes) => {
                let step = u64::from(self.clock.step_seconds);
                Some(bytes.saturating_add(step / 2) / step)
            }
        };
        match value.and_then(|value| u32::try_from(value).ok()) {
            Some(value) if value != ABSENT => Ok(value),
            _ => Err(self.wrong_counter(field, column, value.is_some())),
        }
    }

    #[cold]
    fn wrong_counter(&self, field: &[u8], column: usize, is_number: bool) -> Problem {
        let what = if is_number {
            "more than any disk does"
        } else {
            "no counter"
        };
        let found = format!("{} is {what}", quoted(&text(field)));
        let accepted = "a number from 0 on, such as 1234 or 12.5; nothing where there is none";
        Problem::error(self.file, found)
            .column(self.header.name(column))
            .accepted(accepted)
    }

    #[cold]
    fn wrong_count(&self, line: &[u8], fields: &Fields, closed: bool) -> Problem {
        if !closed {
            let found = format!("a quote is not closed in {}", quoted(&String::from_utf8_lossy(line)));
            return Problem::error(self.file, found)
                .accepted("names without line ends; a quote within quotes is doubled");
        }
        let found = format!(
            "there are {} cells, the header has {} columns",
            fields.count(),
            self.header.columns
        );
        Problem::error(self.file, found).accepted("a cell that contains the separator stands in double quotes")
    }

    /// The number of the row's disk.
    #[inline]
    fn lane(&mut self, line: &[u8], fields: &Fields) -> Result<u32, Problem> {
        let header = self.header;
        let together = match (header.host, header.disk) {
            (None, None) => Some(fields.get(line, header.vm)),
            (None, Some(disk)) if disk == header.vm + 1 => Some(fields.span(line, header.vm, disk)),
            _ => None,
        };
        let mut buffer = std::mem::take(&mut self.key);
        let key = together.unwrap_or_else(|| {
            buffer.clear();
            for column in [Some(header.vm), header.host, header.disk].into_iter().flatten() {
                buffer.extend_from_slice(fields.get(line, column));
                buffer.push(b'\n');
            }
            &buffer
        });
        let found = self.find(key, line, fields);
        self.key = buffer;
        found
    }

    #[inline]
    fn find(&mut self, key: &[u8], line: &[u8], fields: &Fields) -> Result<u32, Problem> {
        if let Some(guess) = self.next.get(self.last_slot as usize).copied()
            && let Some((known, lane)) = self.keys.get(guess)
            && known == key
        {
            self.last_slot = guess;
            return Ok(lane);
        }
        if let Some((slot, lane)) = self.keys.find(key) {
            if let Some(next) = self.next.get_mut(self.last_slot as usize) {
                *next = slot;
            }
            self.last_slot = slot;
            return Ok(lane);
        }
        self.find_fresh(key, line, fields)
    }

    fn find_fresh(&mut self, key: &[u8], line: &[u8], fields: &Fields) -> Result<u32, Problem> {
        let header = self.header;
        if let Some((index, _, fresh)) = self.fresh.get_full_mut(key) {
            fresh.rows += 1;
            return Ok(FRESH + u32::try_from(index).unwrap_or(0));
        }
        let vm = text(fields.get(line, header.vm)).into_owned();
        if vm.is_empty() {
            let found = "the cell is empty";
            return Err(Problem::error(self.file, found)
                .column(header.name(header.vm))
                .accepted("the machine's name"));
        }
        let named = |column: Option<usize>| column.map(|at| text(fields.get(line, at)).into_owned());
        let fresh = Fresh {
            key: key.into(),
            vm,
            host: named(header.host),
            disk: named(header.disk),
            rows: 1,
        };
        let index = self.fresh.len();
        self.fresh.insert(key.to_vec(), fresh);
        Ok(FRESH + u32::try_from(index).unwrap_or(0))
    }
}

/// The time of a row: seconds since 1970, or since the machine's start.
pub(super) fn time_of(header: &Header, field: &[u8], step_seconds: u32) -> Option<i64> {
    let parsed = match header.form {
        Form::Windows => match number(field, 0) {
            Number::Is(window) => i64::try_from(window).ok()?.checked_mul(i64::from(step_seconds)),
            _ => None,
        },
        Form::Times => time::parse(field),
    };
    match parsed {
        None if header.form == Form::Times => time::parse(text(field).trim().as_bytes()),
        parsed => parsed,
    }
}
