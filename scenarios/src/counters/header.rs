//! The header of a file of counters.

use super::blocks::Block;
use super::line::{Fields, MOST_COLUMNS, split};
use super::problem::{Problem, Problems, nearest, quoted};
use super::text;

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A row per disk and time.
    Times,
    /// A row per machine and window since its start.
    Windows,
}

/// Which field of a row is what.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) form: Form,
    pub(super) separator: u8,
    pub(super) columns: usize,
    /// The time, or the window.
    pub(super) time: usize,
    pub(super) vm: usize,
    pub(super) host: Option<usize>,
    pub(super) disk: Option<usize>,
    pub(super) read_iops: Option<usize>,
    pub(super) write_iops: Option<usize>,
    pub(super) written: usize,
    /// When the last I/O of a window was, in microseconds since the machine's start.
    pub(super) window_end: Option<usize>,
    /// The names, as they stand there.
    names: Vec<String>,
}

/// A column: its name, other names of it.
const TIME: &[&str] = &["time", "timestamp", "date"];
const WINDOW: &[&str] = &["window"];
const VM: &[&str] = &["vm", "vm_name", "name", "machine", "server"];
const HOST: &[&str] = &["host", "esxi_host"];
const DISK: &[&str] = &["disk", "disk_name", "instance"];
const READ_IOPS: &[&str] = &["read_iops"];
const WRITE_IOPS: &[&str] = &["write_iops"];
const WRITTEN: &[&str] = &["written_bytes", "write_bytes", "bytes_written", "write_bytes_est"];
const WINDOW_END: &[&str] = &["t_end_us"];
/// What the form of windows has besides. Pages are no counters of reads and writes: one write may be of many pages.
const IGNORED: &[&str] = &["read_pages", "write_pages", "write_unique_bytes"];

const ACCEPTED: &str = "the columns time, vm, disk, read_iops, write_iops, written_bytes (a row a disk and step; disk, host and the iops are \
                        optional), or vm, window, t_end_us, write_bytes_est (a row a machine and window)";

/// Whether a name of a column is one that only counters have.
#[must_use]
pub fn is_counter_column(name: &str) -> bool {
    let name = text::column_name(name);
    [TIME, WINDOW, READ_IOPS, WRITE_IOPS, WRITTEN]
        .iter()
        .any(|names| names.contains(&name.as_str()))
}

/// What is said of a file without a line.
pub(super) fn empty(file: &str) -> Problem {
    Problem::error(file, "the file is empty").accepted(ACCEPTED)
}

/// Reads the header of the first block, and sets the block to what follows it.
pub(super) fn read(file: &str, block: &mut Block, problems: &mut Problems) -> Result<Header, Problem> {
    if block.bytes.starts_with(b"\xff\xfe") || block.bytes.starts_with(b"\xfe\xff") {
        return Err(Problem::error(file, "the counters are in UTF-16").accepted("UTF-8"));
    }
    let mut start = 0;
    let mut number = 0;
    let line = loop {
        let rest = &block.bytes[start..];
        if rest.is_empty() {
            return Err(empty(file));
        }
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        number += 1;
        start = (start + end + 1).min(block.bytes.len());
        let line = String::from_utf8_lossy(&rest[..end]);
        if !text::is_silent(&line) {
            break line.into_owned();
        }
    };
    block.from = start;
    block.first_line = number + 1;
    of_line(file, number, &line, problems)
}

fn of_line(file: &str, number: u64, line: &str, problems: &mut Problems) -> Result<Header, Problem> {
    let separator = text::separator(line);
    let mut fields = Fields::default();
    let whole = split(line.trim_end_matches('\r').as_bytes(), separator, &mut fields);
    if !whole || fields.count() > MOST_COLUMNS {
        let found = format!("{} is no header", quoted(line));
        return Err(Problem::error(file, found).at(number).accepted(ACCEPTED));
    }
    let names: Vec<String> = (0..fields.count())
        .map(|at| {
            String::from_utf8_lossy(fields.get(line.as_bytes(), at))
                .trim_matches(['"', ' ', '\u{feff}'])
                .to_owned()
        })
        .collect();
    let plain: Vec<String> = names.iter().map(|name| text::column_name(name)).collect();
    let find = |known: &[&str]| {
        known
            .iter()
            .find_map(|name| plain.iter().position(|plain| plain == name))
    };
    let demand = |known: &[&str]| {
        find(known).ok_or_else(|| {
            let name = known.first().copied().unwrap_or_default();
            let found = match nearest(name, names.iter().map(String::as_str)) {
                Some(near) => format!("the column {name:?} is missing; is it {}?", quoted(near)),
                None => format!("the column {name:?} is missing"),
            };
            Problem::error(file, found).at(number).accepted(ACCEPTED)
        })
    };
    let form = if find(TIME).is_none() && find(WINDOW).is_some() {
        Form::Windows
    } else {
        Form::Times
    };
    let all = [TIME, WINDOW, VM, HOST, DISK, READ_IOPS, WRITE_IOPS, WRITTEN, WINDOW_END];
    for (name, plain) in names.iter().zip(&plain) {
        if plain.is_empty()
            || IGNORED.contains(&plain.as_str())
            || all.iter().any(|known| known.contains(&plain.as_str()))
        {
            continue;
        }
        let found = match nearest(plain, all.iter().map(|known| known[0])) {
            Some(near) => format!("this column is not known and not read; is it {near:?}?"),
            None => "this column is not known and not read".to_owned(),
        };
        problems.push(Problem::warning(file, found).at(number).column(name.as_str()));
    }
    Ok(Header {
        form,
        separator,
        columns: names.len(),
        time: demand(if form == Form::Windows { WINDOW } else { TIME })?,
        vm: demand(VM)?,
        host: find(HOST),
        disk: find(DISK),
        read_iops: find(READ_IOPS),
        write_iops: find(WRITE_IOPS),
        written: demand(WRITTEN)?,
        window_end: find(WINDOW_END),
        names,
    })
}

impl Header {
    /// The name of a column as it stands in the file.
    pub(super) fn name(&self, column: usize) -> &str {
        self.names.get(column).map_or("", String::as_str)
    }

    /// Whether reads and writes are counted.
    pub(super) fn has_iops(&self) -> (bool, bool) {
        (self.read_iops.is_some(), self.write_iops.is_some())
    }
}
