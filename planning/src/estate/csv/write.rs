//! Writing an estate: a new file, or measured values into a file that is there.

use super::columns::{COLUMNS, Column};
use super::{Boot, Disk, Estate, Rows, Vm};
use crate::cell::write_size;
use crate::problem::Problems;
use crate::text;

/// An estate as CSV; [`super::read`] gives the same estate back.
#[must_use]
pub fn write(estate: &Estate) -> String {
    let mut rows = vec![COLUMNS.iter().map(|column| column.name().to_owned()).collect()];
    for (vm, disk) in estate.disks() {
        rows.push(COLUMNS.iter().map(|column| cell(*column, vm, disk)).collect());
    }
    lines(b',', &rows)
}

fn cell(column: Column, vm: &Vm, disk: &Disk) -> String {
    match column {
        Column::Vm => vm.name.clone(),
        Column::Host => vm.host.clone().unwrap_or_default(),
        Column::Os => vm.os.clone(),
        Column::Cores => vm.cores.to_string(),
        Column::Memory => write_size(vm.memory_bytes),
        Column::Nics => vm.nics.to_string(),
        Column::Boot => match vm.boot {
            Boot::Bios => "bios".to_owned(),
            Boot::Efi => "efi".to_owned(),
        },
        Column::Group => vm.group.to_string(),
        Column::Disk => disk.name.clone(),
        Column::Size => write_size(disk.size_bytes),
        Column::Used => disk.used_bytes.map(write_size).unwrap_or_default(),
        Column::Compressed => disk.compressed_per_mille.map(write_share).unwrap_or_default(),
        Column::DailyChange => disk.daily_change_bytes.map(write_size).unwrap_or_default(),
    }
}

fn write_share(per_mille: u32) -> String {
    match (per_mille / 10, per_mille % 10) {
        (whole, 0) => format!("{whole} %"),
        (whole, tenths) => format!("{whole}.{tenths} %"),
    }
}

fn lines(separator: u8, rows: &[Vec<String>]) -> String {
    let mut builder = ::csv::WriterBuilder::new();
    builder.delimiter(separator).comment(Some(b'#')).flexible(true);
    let mut writer = builder.from_writer(Vec::new());
    for row in rows {
        // Writing to memory does not fail.
        if writer.write_record(row).is_err() {
            break;
        }
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// What was measured of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// The machine's name.
    pub vm: String,
    /// Its host; none where the name alone tells it.
    pub host: Option<String>,
    /// The disk's name.
    pub disk: String,
    /// What of it is used, in bytes.
    pub used_bytes: Option<u64>,
    /// What its content compresses to, in thousandths of its size.
    pub compressed_per_mille: Option<u32>,
}

/// An estate's file with measured values in its cells. Comments, columns of the owner's own, separator and the order of rows stay; columns
/// that are missing are added at the end. Gives the text, and those of `measured` that no row is for. A text that is no estate comes
/// back as it is.
#[must_use]
pub fn update<'a>(bytes: &[u8], measured: &'a [Measured]) -> (String, Vec<&'a Measured>) {
    let (mut all, _) = text::decode(bytes);
    if !all.ends_with('\n') {
        all.push('\n');
    }
    let header = all.lines().find(|line| !text::is_silent(line)).unwrap_or_default();
    let separator = text::separator(header);
    let mut ignored = Problems::default();
    let mut rows = Rows::new(&all, separator);
    let Some((header_line, row)) = rows.next_row("", &mut ignored) else {
        return (all, measured.iter().collect());
    };
    let Some(header) = super::read_header("", header_line, &row, &mut ignored) else {
        return (all, measured.iter().collect());
    };
    let mut columns = row.len();
    let mut place = |column: Column| {
        header.index(column).unwrap_or_else(|| {
            columns += 1;
            columns - 1
        })
    };
    let (used_at, compressed_at) = (place(Column::Used), place(Column::Compressed));
    let mut names: Vec<String> = row.iter().map(str::to_owned).collect();
    for (at, column) in [(used_at, Column::Used), (compressed_at, Column::Compressed)] {
        if at >= names.len() {
            names.resize(at + 1, String::new());
            column.name().clone_into(&mut names[at]);
        }
    }
    let mut changed = vec![(
        header_line,
        row.iter().map(|cell| cell.matches('\n').count()).sum(),
        names,
    )];
    let mut taken = vec![false; measured.len()];
    let mut numbers: super::Table<(String, String), usize> = super::Table::default();
    let mut latest: super::Table<String, String> = super::Table::default();
    while let Some((line, row)) = rows.next_row("", &mut ignored) {
        let of = |column: Column| header.index(column).and_then(|at| row.get(at)).map_or("", str::trim);
        // An empty cell repeats the host, as for the reader.
        let last = latest.get(of(Column::Vm)).cloned().unwrap_or_default();
        let host = if of(Column::Host).is_empty() {
            last
        } else {
            of(Column::Host).to_owned()
        };
        latest.insert(of(Column::Vm).to_owned(), host.clone());
        let number = numbers.entry((of(Column::Vm).to_owned(), host.clone())).or_insert(0);
        *number += 1;
        let disk = match of(Column::Disk) {
            "" => format!("disk{number}"),
            disk => disk.to_owned(),
        };
        let mut cells: Vec<String> = row.iter().map(str::to_owned).collect();
        for (value, taken) in measured.iter().zip(&mut taken) {
            let here = value.host.as_deref().is_none_or(|name| name == host);
            if value.vm != of(Column::Vm) || value.disk != disk || !here {
                continue;
            }
            *taken = true;
            let used = value.used_bytes.map(write_size);
            let compressed = value.compressed_per_mille.map(write_share);
            for (at, text) in [(used_at, used), (compressed_at, compressed)] {
                if let Some(text) = text {
                    cells.resize(cells.len().max(at + 1), String::new());
                    cells[at] = text;
                }
            }
        }
        changed.push((line, row.iter().map(|cell| cell.matches('\n').count()).sum(), cells));
    }
    let left = measured.iter().zip(&taken).filter(|(_, taken)| !**taken);
    (merge(&all, separator, &changed), left.map(|(value, _)| value).collect())
}

/// The lines of a text, with those of rows written anew.
fn merge(text: &str, separator: u8, rows: &[(u64, usize, Vec<String>)]) -> String {
    let mut out = String::new();
    let mut rows = rows.iter().peekable();
    let mut skip = 0;
    for (line, original) in (1..).zip(text.split_inclusive('\n')) {
        if skip > 0 {
            skip -= 1;
            continue;
        }
        match rows.next_if(|(at, _, _)| *at == line) {
            Some((_, inner, cells)) => {
                skip = *inner;
                out.push_str(&lines(separator, std::slice::from_ref(cells)));
            }
            None => out.push_str(original),
        }
    }
    out
}
