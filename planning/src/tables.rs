//! The vendor's tables, each row with its source: `planning/data/*.csv`. A user may replace those of Azure's sizes, disks and gateways.
//!
//! Sizes of disks are in GiB where the vendor writes GB (a disk of 4095 GB is one GiB less than 4 TiB); rates and daily changes are in
//! powers of 1000.

use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Which version of the product and its planner counts (facts §0.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum Era {
    /// Before July 2017: disks of 1 TB.
    #[serde(rename = "2017-06")]
    June2017,
    /// The planner's pages of August 2017.
    #[serde(rename = "2017-08")]
    August2017,
    /// The planner's pages of December 2017: "2017 classic".
    #[default]
    #[serde(rename = "2017-12")]
    December2017,
    /// "Classic, late": 2019 and after.
    #[serde(rename = "2019")]
    Late2019,
}

impl Era {
    /// All of them, oldest first.
    pub const ALL: [Self; 4] = [Self::June2017, Self::August2017, Self::December2017, Self::Late2019];

    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::June2017 => "2017-06",
            Self::August2017 => "2017-08",
            Self::December2017 => "2017-12",
            Self::Late2019 => "2019",
        }
    }
}

impl Era {
    /// The digits of its name: 201712 of `2017-12`, 2019 of `2019`.
    #[must_use]
    pub fn number(self) -> u64 {
        let digits = self.name().bytes().filter(u8::is_ascii_digit);
        digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    }

    /// The era of such a number.
    #[must_use]
    pub fn numbered(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|era| era.number() == number)
    }
}

/// A bad table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A row does not read.
    #[error("{table}: {error}")]
    Row {
        /// Which table.
        table: String,
        /// What the reader says, with the line.
        error: csv::Error,
    },
    /// There is no row.
    #[error("{table}: no row")]
    Empty {
        /// Which table.
        table: String,
    },
}

/// Reads a table of CSV with a header.
///
/// # Errors
/// [`TableError`] where a row does not read or there is none.
pub fn read<T: DeserializeOwned>(table: &str, text: &str) -> Result<Vec<T>, TableError> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let rows: Result<Vec<T>, csv::Error> = reader.deserialize().collect();
    let rows = rows.map_err(|error| TableError::Row {
        table: table.to_owned(),
        error,
    })?;
    if rows.is_empty() {
        return Err(TableError::Empty {
            table: table.to_owned(),
        });
    }
    Ok(rows)
}

/// A table that ships with the product; a test reads each of them.
pub(crate) fn own<T: DeserializeOwned>(table: &str, text: &str) -> Vec<T> {
    read(table, text).unwrap_or_else(|error| unreachable!("a table of the product: {error}"))
}

fn yes_or_no<'de, D: serde::Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    match String::deserialize(from)?.as_str() {
        "yes" => Ok(true),
        "no" => Ok(false),
        other => Err(serde::de::Error::custom(format!("`{other}`: yes or no is expected"))),
    }
}

/// One limit of facts §3.4 to §3.8 in an era.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Gate {
    /// Its name.
    pub rule: String,
    /// The era, or `any`.
    pub era: String,
    /// The limit: more than this is too much.
    pub limit: u64,
    /// Its unit.
    pub unit: String,
    /// Where it is from.
    pub source: String,
}

static GATES: LazyLock<Vec<Gate>> = LazyLock::new(|| own("gates.csv", include_str!("../data/gates.csv")));

/// The limit of a rule in an era, where it has one then.
#[must_use]
pub fn gate(rule: &str, era: Era) -> Option<&'static Gate> {
    let counts = |gate: &&Gate| gate.rule == rule && (gate.era == "any" || gate.era == era.name());
    GATES.iter().find(counts)
}

/// All limits.
#[must_use]
pub fn gates() -> &'static [Gate] {
    &GATES
}

/// A size of a premium disk.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DiskTier {
    /// Its name.
    pub name: String,
    /// Its size in GiB.
    pub gib: u64,
    /// Its reads and writes per second.
    pub iops: u64,
    /// Its throughput.
    pub mb_per_second: u64,
    /// Whether a plan suggests it.
    #[serde(deserialize_with = "yes_or_no")]
    pub suggested: bool,
    /// Whether it exists for managed disks only.
    #[serde(deserialize_with = "yes_or_no")]
    pub managed_only: bool,
    /// Where the row is from.
    pub source: String,
}

/// A size of an Azure machine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct VmSize {
    /// Its name.
    pub name: String,
    /// Its series.
    pub series: String,
    /// How new the series is: of sizes that fit the newest is taken.
    pub generation: u32,
    /// Virtual processors.
    pub vcpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Data disks at the most.
    pub data_disks: u32,
    /// Network adapters at the most.
    pub nics: u32,
    /// Whether it takes premium disks.
    #[serde(deserialize_with = "yes_or_no")]
    pub premium: bool,
    /// Where the row is from.
    pub source: String,
}

/// A VPN gateway or an ExpressRoute circuit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Gateway {
    /// `vpn` or `expressroute`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its rate.
    pub mbit_per_second: u64,
    /// Where the row is from.
    pub source: String,
}

/// How many machines a configuration server manages, by the source that says so.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ConfigurationServerLimit {
    /// Machines.
    pub machines: u32,
    /// Whether it is a process server too.
    #[serde(deserialize_with = "yes_or_no")]
    pub built_in_process_server: bool,
    /// Where the row is from.
    pub source: String,
}

/// The limits of configuration servers that sources give.
#[must_use]
pub fn configuration_server_limits() -> &'static [ConfigurationServerLimit] {
    static ROWS: LazyLock<Vec<ConfigurationServerLimit>> = LazyLock::new(|| {
        own(
            "configuration_servers.csv",
            include_str!("../data/configuration_servers.csv"),
        )
    });
    &ROWS
}

/// A family of operating systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Windows, server or client.
    Windows,
    /// A distribution of Linux.
    Linux,
    /// What the product never took.
    Other,
}

/// An operating system of the support matrices, or one whose name alone is known.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OperatingSystem {
    /// Words that its name contains.
    pub words: String,
    /// Its family.
    pub family: Family,
    /// Major versions, with `|` between them; none for all.
    pub versions: String,
    /// The first era in which the row counts.
    pub since: Era,
    /// `supported` or `unsupported`; `unknown` where the row knows its name and nothing else.
    pub verdict: String,
    /// What to mind.
    pub note: String,
    /// Where the row is from.
    pub source: String,
}

/// The operating systems, first match first.
#[must_use]
pub fn operating_systems() -> &'static [OperatingSystem] {
    static ROWS: LazyLock<Vec<OperatingSystem>> =
        LazyLock::new(|| own("operating_systems.csv", include_str!("../data/operating_systems.csv")));
    &ROWS
}

/// Tables that a user may replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// Premium disks, smallest first.
    pub disks: Vec<DiskTier>,
    /// Azure machines.
    pub vm_sizes: Vec<VmSize>,
    /// VPN gateways and ExpressRoute circuits.
    pub gateways: Vec<Gateway>,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            disks: own("disks.csv", include_str!("../data/disks.csv")),
            vm_sizes: own("vm_sizes.csv", include_str!("../data/vm_sizes.csv")),
            gateways: own("gateways.csv", include_str!("../data/gateways.csv")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_reads_and_each_row_has_its_source() {
        let tables = Tables::default();
        let sources = tables.disks.iter().map(|row| &row.source);
        let sources = sources.chain(tables.vm_sizes.iter().map(|row| &row.source));
        let sources = sources.chain(tables.gateways.iter().map(|row| &row.source));
        let sources = sources.chain(gates().iter().map(|row| &row.source));
        let sources = sources.chain(operating_systems().iter().map(|row| &row.source));
        let sources = sources.chain(configuration_server_limits().iter().map(|row| &row.source));
        for source in sources {
            assert!(source.len() > 3, "{source}");
        }
        assert!(tables.disks.is_sorted_by_key(|row| row.gib));
    }

    #[test]
    fn a_rule_has_one_row_an_era() {
        for row in gates() {
            let eras = Era::ALL.iter().filter(|era| row.era == "any" || row.era == era.name());
            for era in eras {
                let same = gates()
                    .iter()
                    .filter(|gate| gate.rule == row.rule && (gate.era == "any" || gate.era == era.name()));
                assert_eq!(same.count(), 1, "{} in {}", row.rule, era.name());
            }
            assert!(
                row.era == "any" || Era::ALL.iter().any(|era| era.name() == row.era),
                "{row:?}"
            );
        }
    }

    /// Facts §3.6, the disk types as they stand there.
    #[test]
    fn every_disk_type_is_that_of_the_facts() {
        let disks = Tables::default().disks;
        let facts = [
            ("P4", 32, 120, 25),
            ("P6", 64, 240, 50),
            ("P10", 128, 500, 100),
            ("P15", 256, 1100, 125),
            ("P20", 512, 2300, 150),
            ("P30", 1024, 5000, 200),
            ("P40", 2048, 7500, 250),
            ("P50", 4095, 7500, 250),
        ];
        for (row, fact) in disks.iter().zip(facts) {
            assert_eq!((row.name.as_str(), row.gib, row.iops, row.mb_per_second), fact);
        }
    }

    #[test]
    fn a_bad_row_is_named_with_its_line() {
        let text = "kind,name,mbit_per_second,source\nvpn,a,1,x\nvpn,b,\"1,5\",x\n";
        let error = read::<Gateway>("gateways.csv", text).unwrap_err().to_string();
        assert!(error.contains("gateways.csv") && error.contains("line: 3"), "{error}");
        assert!(read::<Gateway>("gateways.csv", "kind,name,mbit_per_second,source\n").is_err());
    }
}
