//! What a disk and a machine may change by the vendor's table (facts §3.4): `planning/data/churn.csv`, by era.
//!
//! The table counts on a mean of 30 % of writes that hit the same place again, and on 5 minutes between upload and recovery point. Bytes
//! per second are its primary numbers; the gigabytes per day that it names beside them are rounded. From 2019 on a disk of premium
//! storage of 512 GB and more may change twice as much (20 MB/s).

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::tables::{self, Era};

const KB: u32 = 1 << 10;
const MB: u64 = 1_000_000;

/// Changed bytes per second of a machine, over all its disks, at the most.
pub const MACHINE_PEAK_MAX: u64 = 54 * MB;
/// The same in the mean (planner, December 2017 to January 2018 only).
pub const MACHINE_MEAN_MAX: u64 = 25 * MB;
/// Changed bytes per day of a process server, and so of a machine, which has one.
pub const PROCESS_SERVER_DAILY_MAX: u64 = 2_000_000 * MB;

/// Where a disk is replicated to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Standard storage.
    Standard,
    /// Premium storage, a disk of up to 256 GB (P10, P15).
    SmallPremium,
    /// Premium storage, a larger disk (P20 and up).
    LargePremium,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Churn {
    /// Where to.
    pub target: Target,
    /// Writes of this mean size in bytes, or larger.
    pub write_bytes: u32,
    /// Changed bytes per second of a disk, in the mean, at the most.
    pub disk_bytes_per_second: u64,
    /// The era in which it counts; none for all.
    pub era: Option<Era>,
    /// Where the row is from.
    pub source: String,
}

#[derive(Deserialize)]
struct Row {
    target: Target,
    write_kib: u32,
    mb_per_second: u64,
    era: String,
    source: String,
}

static CHURN: LazyLock<Vec<Churn>> = LazyLock::new(|| {
    let rows: Vec<Row> = tables::own("churn.csv", include_str!("../data/churn.csv"));
    let rows = rows.into_iter().map(|row| Churn {
        target: row.target,
        write_bytes: row.write_kib * KB,
        disk_bytes_per_second: row.mb_per_second * MB,
        era: Era::ALL.into_iter().find(|era| era.name() == row.era),
        source: row.source,
    });
    rows.collect()
});

/// The table: within a target, by size of writes.
pub fn table(era: Era) -> impl Iterator<Item = &'static Churn> {
    CHURN.iter().filter(move |row| row.era.is_none_or(|of| of == era))
}

/// The row that counts for a disk with writes of this mean size. Smaller writes than the table has are taken for its smallest (our
/// reading).
#[must_use]
pub fn disk_row(era: Era, target: Target, write_bytes: u64) -> Option<&'static Churn> {
    let of_target = || table(era).filter(move |row| row.target == target);
    let reached = of_target()
        .filter(|row| u64::from(row.write_bytes) <= write_bytes)
        .last();
    reached.or_else(|| of_target().next())
}

/// What a disk may change in a second, in the mean, with writes of this mean size, in the era "2017 classic".
#[must_use]
pub fn disk_max(target: Target, write_bytes: u32) -> u64 {
    disk_row(Era::December2017, target, u64::from(write_bytes)).map_or(0, |row| row.disk_bytes_per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Facts §3.4, its rows of 2017 as they stand there: target, write size, MB/s, GB/day.
    const FACTS_3_4: &str = "
        Standard          | 8 KB   | 2  | 168
        P10 (P15)         | 8 KB   | 2  | 168
        P10 (P15)         | 16 KB  | 4  | 336
        P10 (P15)         | ≥32 KB | 8  | 672
        P20/P30 (P40/P50) | 8 KB   | 5  | 421
        P20+              | ≥16 KB | 10 | 842";

    #[test]
    fn every_row_is_that_of_the_facts() {
        let lines = FACTS_3_4.lines().map(str::trim).filter(|line| !line.is_empty());
        let rows: Vec<Vec<&str>> = lines.map(|line| line.split('|').map(str::trim).collect()).collect();
        assert_eq!(rows.len(), table(Era::December2017).count());
        for (fact, row) in rows.iter().zip(table(Era::December2017)) {
            let target = match fact[0] {
                "Standard" => Target::Standard,
                small if small.starts_with("P10") => Target::SmallPremium,
                _ => Target::LargePremium,
            };
            let kilobytes = fact[1].trim_start_matches('≥').trim_end_matches(" KB");
            assert_eq!(row.target, target, "{fact:?}");
            assert_eq!(row.write_bytes, kilobytes.parse::<u32>().unwrap() * KB, "{fact:?}");
            assert_eq!(
                row.disk_bytes_per_second,
                fact[2].parse::<u64>().unwrap() * MB,
                "{fact:?}"
            );
            // The column of days is the base row's, rounded down and multiplied up.
            let (rate, daily): (u64, u64) = (fact[2].parse().unwrap(), fact[3].parse().unwrap());
            let base = if rate.is_multiple_of(5) { 5 } else { 2 };
            assert_eq!(base * 86_400 / 1024 * (rate / base), daily, "{fact:?}");
        }
    }

    #[test]
    fn a_size_between_two_rows_has_the_smaller_ones_limit() {
        for (target, write, rate) in [
            (Target::Standard, 4 * KB, 2),
            (Target::Standard, 64 * KB, 2),
            (Target::SmallPremium, 12 * KB, 2),
            (Target::SmallPremium, 16 * KB, 4),
            (Target::SmallPremium, 1024 * KB, 8),
            (Target::LargePremium, 15 * KB, 5),
            (Target::LargePremium, 64 * KB, 10),
        ] {
            assert_eq!(disk_max(target, write), rate * MB, "{target:?} {write}");
        }
    }

    /// Facts §3.4, its row of "later": P20+, 16 KB and more, 20 MB/s; all other rows stand.
    #[test]
    fn a_large_disk_may_change_twice_as_much_from_2019_on() {
        let of = |era| -> Vec<u64> { table(era).map(|row| row.disk_bytes_per_second / MB).collect() };
        assert_eq!(of(Era::Late2019), [2, 2, 4, 8, 5, 20]);
        for era in [Era::June2017, Era::August2017, Era::December2017] {
            assert_eq!(of(era), [2, 2, 4, 8, 5, 10]);
        }
    }

    #[test]
    fn a_machine_has_the_limits_of_the_facts() {
        assert_eq!(MACHINE_PEAK_MAX, 54_000_000);
        assert_eq!(MACHINE_MEAN_MAX, 25_000_000);
        assert_eq!(PROCESS_SERVER_DAILY_MAX, 2_000_000_000_000);
        // One process server carries as much as its largest row says.
        let largest = crate::sizing::process_servers()[2].daily_change_bytes;
        assert_eq!(PROCESS_SERVER_DAILY_MAX, largest);
    }
}
