//! The estate as CSV, a row a disk. `docs/planning.md` has the columns in words, [`super::template`] a file that has them all.

mod columns;
mod write;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::{Boot, Disk, Estate, Vm};
use crate::cell::{self, Locale};
use crate::os::is_known;
use crate::problem::{Problem, Problems, quoted};
use crate::text;
pub use columns::{COLUMNS, Column};
use columns::{Header, read_header};
pub(crate) use columns::{is_column, is_estate_column};
pub use write::{Measured, update, write};

const GIB: u64 = 1 << 30;

/// Reads an estate; what is wrong with it goes to `problems`, all of it. Rows that have an error are not in the estate.
#[must_use]
pub fn read(file: &str, bytes: &[u8], problems: &mut Problems) -> Estate {
    let (mut all, guessed) = text::decode(bytes);
    if guessed {
        let found = "it is not UTF-8; read as Windows-1252";
        problems.push(Problem::warning(file, found).accepted("UTF-8 (\"CSV UTF-8\" in Excel)"));
    }
    all.push('\n');
    let Some(header) = all.lines().find(|line| !text::is_silent(line)) else {
        let accepted = columns::list();
        problems.push(
            Problem::error(file, "the file is empty").accepted(format!("a header with {accepted}, and a row a disk")),
        );
        return Estate::default();
    };
    let separator = text::separator(header);
    let mut rows = Rows::new(&all, separator);
    let Some((line, header)) = rows.next_row(file, problems) else {
        return Estate::default();
    };
    let Some(header) = read_header(file, line, &header, problems) else {
        return Estate::default();
    };
    let mut reading = Reading {
        file,
        locale: text::locale(separator),
        header,
        vms: IndexMap::default(),
        latest: IndexMap::default(),
    };
    let mut read = 0_u64;
    while let Some((line, row)) = rows.next_row(file, problems) {
        read += 1;
        reading.take(line, &row, problems);
    }
    if read == 0 {
        problems.push(Problem::error(file, "there is no row after the header").accepted("a row a disk"));
    }
    reading.finish(problems)
}

/// Groups of a recovery plan (facts §4.2).
const GROUPS: u8 = 7;

/// Rows of a CSV with the lines that they begin at.
struct Rows<'a> {
    reader: ::csv::Reader<&'a [u8]>,
}

impl<'a> Rows<'a> {
    /// Of a text that ends with a line end.
    fn new(text: &'a str, separator: u8) -> Self {
        let mut builder = ::csv::ReaderBuilder::new();
        builder.delimiter(separator).comment(Some(b'#'));
        builder.has_headers(false).flexible(true);
        Self {
            reader: builder.from_reader(text.as_bytes()),
        }
    }

    /// The next row that has a cell with something in it.
    fn next_row(&mut self, file: &str, problems: &mut Problems) -> Option<(u64, ::csv::StringRecord)> {
        let mut row = ::csv::StringRecord::new();
        loop {
            match self.reader.read_record(&mut row) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    problems.push(Problem::error(file, error.to_string()));
                    return None;
                }
            }
            if row.iter().any(|cell| !cell.trim().is_empty()) {
                break;
            }
        }
        // The reader's own position of a record is before the comments that precede it.
        let inner: usize = row.iter().map(|cell| cell.matches('\n').count()).sum();
        let end = self.reader.position().line();
        Some((end.saturating_sub(1 + inner as u64).max(1), row))
    }
}

/// A machine as far as it was read: where it began, and where its disks stand.
struct Found {
    vm: Vm,
    line: u64,
    disk_lines: Vec<u64>,
}

type Table<K, V> = IndexMap<K, V, FxBuildHasher>;

struct Reading<'a> {
    file: &'a str,
    locale: Locale,
    header: Header,
    vms: Table<(String, Option<String>), Found>,
    /// The host that a machine of this name was last seen on: an empty cell repeats it.
    latest: Table<String, Option<String>>,
}

/// A row being read.
struct Row<'a> {
    reading: &'a Reading<'a>,
    line: u64,
    row: &'a ::csv::StringRecord,
    problems: &'a mut Problems,
    wrong: bool,
}

impl Row<'_> {
    /// The cell of a column, trimmed; none where it is empty or its column is absent.
    fn cell(&self, column: Column) -> Option<&str> {
        let cell = self.row.get(self.reading.header.index(column)?)?.trim();
        (!cell.is_empty()).then_some(cell)
    }

    fn wrong(&mut self, column: Column, found: String, accepted: &str) {
        self.wrong = true;
        let problem = Problem::error(self.reading.file, found)
            .at(self.line)
            .column(column.name());
        self.problems.push(problem.accepted(accepted));
    }

    /// A cell read; what is wrong with it is told.
    fn read<T>(&mut self, column: Column, accepted: &str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let cell = self.cell(column)?.to_owned();
        match read(&cell) {
            Ok(value) => Some(value),
            Err(why) => {
                self.wrong(column, format!("{} is {}", quoted(&cell), clause(&why)), accepted);
                None
            }
        }
    }

    fn count(&mut self, column: Column) -> Option<u32> {
        let locale = self.reading.locale;
        self.read(column, "a whole number such as 4", |cell| {
            let count = cell::whole(cell, locale).and_then(|count| u32::try_from(count).ok());
            count.ok_or_else(|| "no whole number".to_owned())
        })
    }

    fn size(&mut self, column: Column) -> Option<u64> {
        let locale = self.reading.locale;
        self.read(column, cell::SIZES, |cell| cell::size(cell, GIB, locale))
    }

    /// What must stand there.
    fn demand<T>(&mut self, column: Column, value: Option<T>) -> Option<T> {
        if value.is_none() && self.cell(column).is_none() {
            self.wrong(column, "the cell is empty".to_owned(), column.accepted());
        }
        value
    }

    fn disk(&mut self, number: usize) -> Option<Disk> {
        let locale = self.reading.locale;
        let name = self
            .cell(Column::Disk)
            .map_or_else(|| format!("disk{number}"), str::to_owned);
        let size = self.size(Column::Size);
        let size_bytes = self.demand(Column::Size, size);
        let used_bytes = self.size(Column::Used);
        if let (Some(size), Some(used)) = (size_bytes, used_bytes)
            && used > size
        {
            self.wrong(
                Column::Used,
                "more is used than the disk holds".to_owned(),
                "at most the size",
            );
        }
        let compressed_per_mille = self.read(Column::Compressed, cell::SHARES, |cell| cell::per_mille(cell, locale));
        let daily_change_bytes = self.read(Column::DailyChange, Column::DailyChange.accepted(), |cell| {
            let cell = cell.trim_end_matches("/day").trim_end_matches("/d");
            if let Some(share) = cell.strip_suffix('%') {
                let (share, _) = cell::number(share, locale)?;
                let parts = share.times(10_000).ok_or("too large a share")?;
                let bytes = u128::from(size_bytes.unwrap_or(0)) * u128::from(parts) / 1_000_000;
                return u64::try_from(bytes).map_err(|_| "too large a share".to_owned());
            }
            cell::size(cell, GIB, locale)
        });
        Some(Disk {
            name,
            size_bytes: size_bytes?,
            used_bytes,
            compressed_per_mille,
            daily_change_bytes,
        })
    }

    fn boot(&mut self) -> Option<Boot> {
        self.read(Column::Boot, Column::Boot.accepted(), |cell| {
            match cell.to_lowercase().as_str() {
                "bios" | "legacy" => Ok(Boot::Bios),
                "efi" | "uefi" => Ok(Boot::Efi),
                _ => Err("no way to boot".to_owned()),
            }
        })
    }

    fn group(&mut self) -> Option<u8> {
        self.read(Column::Group, Column::Group.accepted(), |cell| {
            let group = cell.parse::<u8>().ok().filter(|group| (1..=GROUPS).contains(group));
            group.ok_or_else(|| "no group of a recovery plan".to_owned())
        })
    }

    /// Warns of a value that is 0, which stands for one that is not known.
    fn warn_zero(&mut self, column: Column, is_zero: bool, lost: &str) {
        if is_zero {
            let found = format!("0 is taken as not known: {lost}");
            let problem = Problem::warning(self.reading.file, found).at(self.line);
            self.problems.push(problem.column(column.name()));
        }
    }
}

/// `no size` stands after "is" as it is; `1,024 could be …` is a sentence of its own.
fn clause(why: &str) -> String {
    if why.contains("could be") {
        format!("ambiguous: {why}")
    } else {
        why.to_owned()
    }
}

impl Reading<'_> {
    fn take(&mut self, line: u64, cells: &::csv::StringRecord, problems: &mut Problems) {
        let columns = self.header.columns;
        if cells.iter().skip(columns).any(|cell| !cell.trim().is_empty()) {
            let found = format!("there are {} cells, the header has {columns} columns", cells.len());
            let accepted = "a cell that contains the separator stands in double quotes";
            problems.push(Problem::error(self.file, found).at(line).accepted(accepted));
            return;
        }
        let mut row = Row {
            reading: self,
            line,
            row: cells,
            problems,
            wrong: false,
        };
        let name = row.cell(Column::Vm).map(str::to_owned);
        let Some(name) = row.demand(Column::Vm, name) else {
            return;
        };
        let host = match row.cell(Column::Host) {
            Some(host) => Some(host.to_owned()),
            None => self.latest.get(&name).cloned().flatten(),
        };
        let key = (name, host);
        let known = self.vms.get(&key);
        let (vm, disk) = match known {
            Some(found) => (found.check(&mut row), row.disk(found.vm.disks.len() + 1)),
            None => (row.vm(&key), row.disk(1)),
        };
        if row.wrong {
            return;
        }
        let Some(disk) = disk else { return };
        row.warn_zero(Column::Size, disk.size_bytes == 0, "no initial copy can be planned");
        if let Some(vm) = &vm {
            row.warn_zero(Column::Cores, vm.cores == 0, "no size of a VM can be found");
            row.warn_zero(Column::Memory, vm.memory_bytes == 0, "no size of a VM can be found");
        }
        if let Some(at) = known.and_then(|found| found.line_of(&disk.name)) {
            let found = format!(
                "disk {} of {} stands in row {at} already",
                quoted(&disk.name),
                quoted(&key.0)
            );
            let accepted =
                "one row a disk; machines of one name on different hosts, told apart by their column \"host\"";
            problems.push(
                Problem::error(self.file, found)
                    .at(line)
                    .column(Column::Disk.name())
                    .accepted(accepted),
            );
            return;
        }
        self.latest.insert(key.0.clone(), key.1.clone());
        let found = match vm {
            Some(vm) => self.vms.entry(key).or_insert(Found {
                vm,
                line,
                disk_lines: Vec::new(),
            }),
            None => match self.vms.get_mut(&key) {
                Some(found) => found,
                None => return,
            },
        };
        found.vm.disks.push(disk);
        found.disk_lines.push(line);
    }

    fn finish(self, problems: &mut Problems) -> Estate {
        for found in self.vms.values().filter(|found| !is_known(&found.vm.os)) {
            let what = match found.vm.os.as_str() {
                "" => format!("{} has no operating system", quoted(&found.vm.name)),
                os => format!("{} is no operating system known here; the machine is taken", quoted(os)),
            };
            let problem = Problem::warning(self.file, what)
                .at(found.line)
                .column(Column::Os.name());
            problems.push(problem.accepted(Column::Os.accepted()));
        }
        Estate {
            vms: self.vms.into_values().map(|found| found.vm).collect(),
        }
    }
}

impl Row<'_> {
    /// A machine of which this is the first row, without disks.
    fn vm(&mut self, key: &(String, Option<String>)) -> Option<Vm> {
        let cores = self.count(Column::Cores);
        let cores = self.demand(Column::Cores, cores);
        let memory = self.size(Column::Memory);
        let memory = self.demand(Column::Memory, memory);
        let nics = self.count(Column::Nics);
        let boot = self.boot();
        let group = self.group();
        Some(Vm {
            name: key.0.clone(),
            host: key.1.clone(),
            os: self.cell(Column::Os).unwrap_or_default().to_owned(),
            cores: cores?,
            memory_bytes: memory?,
            nics: nics.unwrap_or(1),
            boot: boot.unwrap_or_default(),
            group: group.unwrap_or(1),
            disks: Vec::new(),
        })
    }
}

impl Found {
    fn line_of(&self, disk: &str) -> Option<u64> {
        let at = self.vm.disks.iter().position(|known| known.name == disk)?;
        self.disk_lines.get(at).copied()
    }

    /// A further row of a machine says what its first one said, or nothing. Gives no machine: there is one.
    fn check(&self, row: &mut Row<'_>) -> Option<Vm> {
        let os = row.cell(Column::Os).map(str::to_owned);
        let (cores, memory) = (row.count(Column::Cores), row.size(Column::Memory));
        let (nics, boot, group) = (row.count(Column::Nics), row.boot(), row.group());
        for (column, differs) in [
            (Column::Os, os.is_some_and(|os| os != self.vm.os)),
            (Column::Cores, cores.is_some_and(|cores| cores != self.vm.cores)),
            (
                Column::Memory,
                memory.is_some_and(|memory| memory != self.vm.memory_bytes),
            ),
            (Column::Nics, nics.is_some_and(|nics| nics != self.vm.nics)),
            (Column::Boot, boot.is_some_and(|boot| boot != self.vm.boot)),
            (Column::Group, group.is_some_and(|group| group != self.vm.group)),
        ] {
            if differs {
                let cell = quoted(row.cell(column).unwrap_or_default());
                let found = format!(
                    "{} has {cell} here and something else in row {}",
                    quoted(&self.vm.name),
                    self.line
                );
                row.wrong(
                    column,
                    found,
                    "the same in all rows of a machine, or nothing after the first; two machines of one name need their column \"host\"",
                );
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
