//! The length of a step, found from the data.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::blocks::Block;
use super::header::{Form, Header};
use super::line::{Fields, Number, number, split};
use super::parse::{Clock, time_of};
use super::problem::Problem;
use super::time::TIMES;

/// Blocks that are looked at for two rows of a disk.
pub(super) const MOST_BLOCKS: usize = 32;
/// Steps that programs record at.
const USUAL: [u32; 15] = [
    1, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 86_400,
];
/// Rows that are enough to tell.
const ENOUGH: usize = 50_000;

/// Where steps begin and how long they take; none where the blocks do not tell.
pub(super) fn clock(file: &str, header: &Header, blocks: &[Block]) -> Result<Option<Clock>, Problem> {
    let (origin, step) = match header.form {
        Form::Windows => (Some(0), windows(header, blocks)),
        Form::Times => times(header, blocks),
    };
    match (origin, step) {
        (Some(origin), Some(step)) if step <= 86_400 => Ok(Some(Clock {
            origin,
            step_seconds: snap(step),
        })),
        (Some(_), Some(step)) => {
            let found = format!("its steps take {step} s");
            Err(Problem::error(file, found)
                .accepted("steps of a day at most, such as a minute or a quarter of an hour"))
        }
        _ => Ok(None),
    }
}

/// What is said where the data do not tell the length of a step.
pub(super) fn unknown(file: &str, header: &Header, blocks: &[Block]) -> Problem {
    let (origin, _) = times(header, blocks);
    let rows = blocks.iter().any(|block| rows(header, block).next().is_some());
    match (header.form, origin) {
        _ if !rows => Problem::error(file, "there is no row after the header"),
        (Form::Times, None) => {
            let found = format!("no row has a {} that can be read", header.name(header.time));
            Problem::error(file, found)
                .column(header.name(header.time))
                .accepted(TIMES)
        }
        (Form::Times, Some(_)) => {
            let found = "no disk has rows at two times, so how long a step is cannot be told";
            Problem::error(file, found)
        }
        (Form::Windows, _) => {
            let found = "the ends of windows do not tell how long a window is";
            Problem::error(file, found).accepted("a column t_end_us: microseconds since the machine's start")
        }
    }
}

/// The usual length that is within a tenth of the one found, or that one.
fn snap(step: u32) -> u32 {
    let usual = USUAL.into_iter().find(|usual| step.abs_diff(*usual) * 10 <= *usual);
    usual.unwrap_or(step)
}

/// The rows of a block: line and fields of those that are whole.
fn rows<'a>(header: &'a Header, block: &'a Block) -> impl Iterator<Item = (&'a [u8], Fields)> {
    block.rest().split(|byte| *byte == b'\n').filter_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut fields = Fields::default();
        let silent = line.first() == Some(&b'#') || line.trim_ascii().is_empty();
        let whole = !silent && split(line, header.separator, &mut fields) && fields.count() == header.columns;
        whole.then_some((line, fields))
    })
}

/// The first time, and the median of what is between two rows of a disk.
fn times(header: &Header, blocks: &[Block]) -> (Option<i64>, Option<u32>) {
    let mut last: IndexMap<Vec<u8>, i64, FxBuildHasher> = IndexMap::default();
    let mut between = Vec::new();
    let mut first = None;
    for (line, fields) in blocks.iter().flat_map(|block| rows(header, block)) {
        let Some(time) = time_of(header, fields.get(line, header.time), 1) else {
            continue;
        };
        first = first.or(Some(time));
        let mut key = Vec::new();
        for column in [Some(header.vm), header.host, header.disk].into_iter().flatten() {
            key.extend_from_slice(fields.get(line, column));
            key.push(b'\n');
        }
        if let Some(before) = last.insert(key, time)
            && let Ok(step @ 1..) = u32::try_from(before.abs_diff(time))
        {
            between.push(step);
        }
        if between.len() >= ENOUGH {
            break;
        }
    }
    between.sort_unstable();
    // The lower one of two: a gap makes more of it, nothing makes less.
    (first, between.get(between.len().saturating_sub(1) / 2).copied())
}

/// The usual length at which most windows end where they should.
fn windows(header: &Header, blocks: &[Block]) -> Option<u32> {
    let column = header.window_end?;
    let mut ends = Vec::new();
    for (line, fields) in blocks.iter().flat_map(|block| rows(header, block)).take(ENOUGH) {
        let window = number(fields.get(line, header.time), 0);
        let end = number(fields.get(line, column), 0);
        if let (Number::Is(window), Number::Is(end)) = (window, end) {
            ends.push((window, end));
        }
    }
    let fits = |step: u32| {
        let step = u64::from(step) * 1_000_000;
        let fit = |(window, end): &&(u64, u64)| end.saturating_sub(1) / step == *window;
        ends.iter().filter(fit).count()
    };
    let best = USUAL
        .into_iter()
        .map(|step| (fits(step), step))
        .max_by_key(|(fits, _)| *fits);
    best.filter(|(fits, _)| !ends.is_empty() && fits * 2 > ends.len())
        .map(|(_, step)| step)
}
