//! The columns of an estate.

use crate::problem::{Problem, Problems, nearest, quoted};
use crate::text::column_name;

/// A column of an estate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The machine's name.
    Vm,
    /// The ESXi host that it runs on.
    Host,
    /// Its operating system.
    Os,
    /// Virtual processors.
    Cores,
    /// Memory.
    Memory,
    /// Network adapters.
    Nics,
    /// How it boots.
    Boot,
    /// Its group in a recovery plan.
    Group,
    /// The disk's name.
    Disk,
    /// The disk's size.
    Size,
    /// What of the disk is used.
    Used,
    /// What the disk's content compresses to.
    Compressed,
    /// What the disk writes per day.
    DailyChange,
}

/// What is to know of a column.
struct Row {
    column: Column,
    name: &'static str,
    others: &'static [&'static str],
    required: bool,
    accepted: &'static str,
    meaning: &'static str,
}

const fn row(column: Column, name: &'static str, others: &'static [&'static str], required: bool) -> Row {
    Row {
        column,
        name,
        others,
        required,
        accepted: "",
        meaning: "",
    }
}

impl Row {
    const fn is(mut self, accepted: &'static str, meaning: &'static str) -> Self {
        self.accepted = accepted;
        self.meaning = meaning;
        self
    }
}

const TABLE: [Row; 13] = [
    row(Column::Vm, "vm", &["name", "vm_name", "machine", "server"], true)
        .is("a name", "the machine's name; its rows need not stand together"),
    row(Column::Host, "host", &["esxi_host", "hypervisor"], false)
        .is("a name", "the ESXi host; tells machines of one name apart"),
    row(Column::Os, "os", &["operating_system", "guest_os"], true).is(
        "a name such as Windows Server 2016, CentOS 7 or Debian 10",
        "operating system, in your words",
    ),
    row(Column::Cores, "cores", &["cpus", "vcpus", "cpu"], true).is("a whole number", "virtual processors"),
    row(Column::Memory, "memory", &["ram"], true).is(
        "16 GiB, 16384 MiB, or GiB as a plain number",
        "memory; a plain number is GiB",
    ),
    row(Column::Nics, "nics", &["network_adapters"], false).is("a whole number", "network adapters; 1 where empty"),
    row(Column::Boot, "boot", &["firmware"], false).is("bios, efi", "how it boots; bios where empty"),
    row(Column::Group, "group", &["recovery_group"], false).is(
        "a whole number from 1 to 7",
        "its group in a recovery plan, which start in turn; 1 where empty",
    ),
    row(Column::Disk, "disk", &["disk_name"], false).is("a name", "the disk's name; disk1, disk2 … where empty"),
    row(Column::Size, "size", &["capacity", "disk_size"], true).is(
        "100 GiB, 1.5 TB, or GiB as a plain number",
        "the disk's size; a plain number is GiB",
    ),
    row(Column::Used, "used", &["consumed"], false)
        .is("60 GiB, or GiB as a plain number", "what of it is used, where known"),
    row(Column::Compressed, "compressed", &[], false)
        .is("45 %, 0.45 or 2.2:1", "what its content compresses to, where measured"),
    row(Column::DailyChange, "daily_change", &["churn", "daily_churn"], false).is(
        "12 GiB, 5 % (of the size), or GiB as a plain number",
        "what it writes per day, where there are no counters",
    ),
];

/// All columns, in the order in which they are written.
pub const COLUMNS: [Column; 13] = {
    let mut columns = [Column::Vm; 13];
    let mut at = 0;
    while at < columns.len() {
        columns[at] = TABLE[at].column;
        at += 1;
    }
    columns
};

impl Column {
    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Its name in the header.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether a file must have it.
    #[must_use]
    pub fn required(self) -> bool {
        self.row().required
    }

    /// What may stand in it.
    #[must_use]
    pub fn accepted(self) -> &'static str {
        self.row().accepted
    }

    /// What it means.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.row().meaning
    }
}

/// The columns as a message lists them.
pub(super) fn list() -> String {
    let of = |required: bool| {
        let names: Vec<&str> = TABLE
            .iter()
            .filter(|row| row.required == required)
            .map(|row| row.name)
            .collect();
        names.join(", ")
    };
    format!("the columns {}; optional: {}", of(true), of(false))
}

/// Which columns a header has, and where.
#[derive(Debug)]
pub(super) struct Header {
    at: [Option<usize>; 13],
    pub(super) columns: usize,
}

impl Header {
    pub(super) fn index(&self, column: Column) -> Option<usize> {
        self.at[column as usize]
    }
}

/// Whether a name of a column is one of an estate.
pub(crate) fn is_column(name: &str) -> bool {
    column(name).is_some()
}

/// Whether it is one of an estate that counters do not have.
pub(crate) fn is_estate_column(name: &str) -> bool {
    column(name).is_some_and(|column| !matches!(column, Column::Vm | Column::Host | Column::Disk))
}

/// The column that a name in a header means.
fn column(name: &str) -> Option<Column> {
    let name = column_name(name);
    let row = TABLE
        .iter()
        .find(|row| row.name == name || row.others.contains(&name.as_str()));
    row.map(|row| row.column)
}

/// Reads the header; none where a column is missing that must be there.
pub(super) fn read_header(file: &str, line: u64, row: &::csv::StringRecord, problems: &mut Problems) -> Option<Header> {
    let mut header = Header {
        at: [None; 13],
        columns: row.len(),
    };
    let mut unknown = Vec::new();
    for (index, cell) in row.iter().enumerate() {
        match column(cell) {
            Some(column) if header.at[column as usize].is_some() => {
                let found = format!("{} stands in the header twice", quoted(column.name()));
                problems.push(Problem::error(file, found).at(line).column(cell.trim()));
            }
            Some(column) => header.at[column as usize] = Some(index),
            None if cell.trim().is_empty() => {}
            None => unknown.push(cell.trim()),
        }
    }
    let missing: Vec<&Row> = TABLE
        .iter()
        .filter(|row| row.required && header.at[row.column as usize].is_none())
        .collect();
    for row in &missing {
        let found = match nearest(row.name, unknown.iter().copied()) {
            Some(near) => format!("the column {:?} is missing; is it {}?", row.name, quoted(near)),
            None => format!("the column {:?} is missing", row.name),
        };
        problems.push(Problem::error(file, found).at(line).accepted(list()));
    }
    for name in unknown {
        let free = TABLE.iter().filter(|row| header.at[row.column as usize].is_none());
        let found = match nearest(name, free.map(|row| row.name)) {
            Some(near) => format!("this column is not known and not read; is it {near:?}?"),
            None => "this column is not known and not read".to_owned(),
        };
        problems.push(Problem::warning(file, found).at(line).column(name));
    }
    missing.is_empty().then_some(header)
}
