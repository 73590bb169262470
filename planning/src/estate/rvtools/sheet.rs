//! Sheets of a workbook: a header somewhere at the top, rows below.

use calamine::{Data, Range};

use super::{HOST, ID, Key, Names, SHEETS, VM};
use crate::cell::{self, Locale};
use crate::problem::{Problem, Problems, nearest, quoted};
use crate::text::column_name;

/// A sheet with its header.
pub(super) struct Sheet<'a> {
    pub(super) name: &'static str,
    range: &'a Range<Data>,
    header: usize,
    pub(super) names: Vec<String>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(file: &str, name: &'static str, range: &'a Range<Data>, problems: &mut Problems) -> Option<Self> {
        let is_header = |row: &&[Data]| row.iter().any(|cell| VM.contains(&text(cell).trim()));
        let Some(header) = range.rows().position(|row| is_header(&row)) else {
            let found = "no row of the sheet is a header: the column \"VM\" is missing";
            problems.push(Problem::error(file, found).in_sheet(name).accepted(SHEETS));
            return None;
        };
        let names = range
            .rows()
            .nth(header)
            .into_iter()
            .flatten()
            .map(|cell| text(cell).trim().to_owned())
            .collect();
        Some(Self {
            name,
            range,
            header,
            names,
        })
    }

    pub(super) fn find(&self, names: Names) -> Option<usize> {
        names.iter().find_map(|name| {
            self.names
                .iter()
                .position(|known| column_name(known) == column_name(name))
        })
    }

    pub(super) fn demand(&self, file: &str, names: Names, problems: &mut Problems) -> Option<usize> {
        let found = self.find(names);
        if found.is_none() {
            let wanted = names.first().copied().unwrap_or_default();
            let found = match nearest(wanted, self.names.iter().map(String::as_str)) {
                Some(near) => format!("the column {wanted:?} is missing; is it {}?", quoted(near)),
                None => format!("the column {wanted:?} is missing"),
            };
            problems.push(
                Problem::error(file, found)
                    .in_sheet(self.name)
                    .accepted(names.join(" or ")),
            );
        }
        found
    }

    /// Rows after the header that name a machine, with their numbers as Excel shows them.
    pub(super) fn rows(&self, vm: usize) -> impl Iterator<Item = (u64, &'a [Data])> {
        let top = self.range.start().map_or(0, |(row, _)| u64::from(row));
        let rows = (top + 1..).zip(self.range.rows()).skip(self.header + 1);
        rows.filter(move |(_, row)| row.get(vm).is_some_and(|cell| !text(cell).trim().is_empty()))
    }

    pub(super) fn key(&self, row: &[Data], vm: usize) -> Key {
        let of = |names: Names| self.find(names).map(|at| cell_text(row, at)).unwrap_or_default();
        (cell_text(row, vm), of(HOST), of(ID))
    }
}

/// A cell as text.
fn text(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        cell => cell.to_string(),
    }
}

pub(super) fn cell_text(row: &[Data], at: usize) -> String {
    row.get(at).map(text).unwrap_or_default().trim().to_owned()
}

/// A number that is not negative: as one, or as text with groups of digits.
pub(super) fn amount(cell: &Data, unit: u64) -> Option<u64> {
    match cell {
        Data::Int(value) => u64::try_from(*value).ok()?.checked_mul(unit),
        Data::Float(value) if (0.0..1e15).contains(value) => {
            let bytes = value * unit as f64;
            (bytes < 1.8e19).then_some(bytes.round() as u64)
        }
        Data::String(text) => {
            // Groups of thousands: RVTools writes whole numbers only.
            let plain: String = text
                .chars()
                .filter(|char| !matches!(char, ',' | '.' | '\'' | ' ' | '\u{a0}'))
                .collect();
            let (number, rest) = cell::number(&plain, Locale::Comma).ok()?;
            rest.is_empty().then(|| number.times(unit)).flatten()
        }
        _ => None,
    }
}
