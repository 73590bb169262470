//! The constants that shape a plan, each with its value, its default and its source: what a report lists as assumed, and what a user may
//! measure instead ([`crate::calibration`]).
//!
//! Those of the plan's own arithmetic are in `planning/data/constants.csv`; those that the actors have too are in their model. A constant
//! whose source is "our model" is uncertain; the table says between which values, by our judgement.

use std::sync::LazyLock;

use actors::model::{CONSTANTS, Model, Unit as Counted};
use serde::{Deserialize, Serialize};

use crate::demand::Compression;
use crate::options::{Options, framing};
use crate::tables::own;

/// Constants of the actors' model that the arithmetic of a plan uses too.
const OF_MODEL: [&str; 5] = [
    "tcp.framing",
    "tcp.segment",
    "configuration_server.lost_after",
    "process_server.throttled_below",
    "process_server.upload",
];

/// What a constant is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Thousandths.
    PerMille,
    /// Millionths.
    PerMillion,
    /// Bits per second.
    BitsPerSecond,
    /// Hours.
    Hours,
    /// A number.
    Count,
    /// Nanoseconds.
    Nanoseconds,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What it is counted in.
    pub unit: Unit,
    /// The least that it may be, where it is uncertain.
    pub low: Option<u64>,
    /// The most.
    pub high: Option<u64>,
    /// Where its default is from.
    pub source: String,
    /// What it is.
    pub meaning: String,
}

/// The constants of the plan's own arithmetic.
#[must_use]
pub fn rows() -> &'static [Row] {
    static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| own("constants.csv", include_str!("../data/constants.csv")));
    &ROWS
}

/// The value of a constant of the table in these options; none where it has none (no upload rate was measured).
#[must_use]
pub fn value(options: &Options, name: &str) -> Option<u64> {
    let value = match name {
        "compressed" => match options.compression {
            Compression::Measured { otherwise_per_mille } => otherwise_per_mille,
            Compression::Fixed { per_mille } => per_mille,
        },
        "sent-of-written" => options.sent_per_mille,
        "framing" => options.framing_per_million,
        "upload-rate" => return options.upload_bits_per_second,
        "hydration" => return Some(options.times.hydration),
        "create-machine" => return Some(options.times.create_machine),
        "boot" => return Some(options.boot),
        "vpn-rate" => return Some(options.vpn_bits_per_second),
        "failovers-per-hour" => options.failovers_hourly,
        "hydrated-failovers-per-hour" => options.hydrated_failovers_hourly,
        "days-in-azure" => options.away_days,
        "write-overlap" => options.overlap_per_mille,
        "growth" => options.growth_per_mille,
        "percentile" => options.percentile_per_mille,
        "retention" => options.retention_hours,
        "drills" => options.drills.per_year,
        "drill-days" => options.drills.days,
        _ => return None,
    };
    Some(u64::from(value))
}

/// Sets a constant of the table. What is given for everything compressed on the command line stays.
pub fn set(options: &mut Options, name: &str, value: u64) {
    let small = u32::try_from(value).unwrap_or(u32::MAX);
    match name {
        "compressed" => {
            if let Compression::Measured { otherwise_per_mille } = &mut options.compression {
                *otherwise_per_mille = small;
            }
        }
        "sent-of-written" => options.sent_per_mille = small,
        "framing" => options.framing_per_million = small,
        "upload-rate" => options.upload_bits_per_second = Some(value),
        "hydration" => options.times.hydration = value,
        "create-machine" => options.times.create_machine = value,
        "boot" => options.boot = value,
        "vpn-rate" => options.vpn_bits_per_second = value,
        "failovers-per-hour" => options.failovers_hourly = small,
        "hydrated-failovers-per-hour" => options.hydrated_failovers_hourly = small,
        "days-in-azure" => options.away_days = small,
        "write-overlap" => options.overlap_per_mille = small,
        "growth" => options.growth_per_mille = small,
        "percentile" => options.percentile_per_mille = small,
        "retention" => options.retention_hours = small,
        "drills" => options.drills.per_year = small,
        "drill-days" => options.drills.days = small,
        _ => {}
    }
}

/// A constant of a plan, as its report lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Constant {
    /// Its name; those of the actors' model begin with `model.`.
    pub name: String,
    /// What it is.
    pub meaning: String,
    /// What it is counted in.
    pub unit: Unit,
    /// Its value in this plan; none where there is none.
    pub value: Option<u64>,
    /// Its value where nobody says otherwise.
    pub default: Option<u64>,
    /// The least that it may be, by our judgement; none where it is not uncertain.
    pub low: Option<u64>,
    /// The most.
    pub high: Option<u64>,
    /// Where the default is from.
    pub source: String,
    /// How it was measured, in the user's words; none where it was not.
    pub measured: Option<String>,
}

fn counted(unit: Counted) -> Unit {
    match unit {
        Counted::Time => Unit::Nanoseconds,
        Counted::Size => Unit::Bytes,
        Counted::BitRate => Unit::BitsPerSecond,
        Counted::ByteRate => Unit::BytesPerSecond,
        Counted::Count => Unit::Count,
        Counted::Share => Unit::PerMillion,
    }
}

/// All that shape a plan of these options: the table's, those of the model that the arithmetic uses, and those that were measured.
#[must_use]
pub fn constants(options: &Options) -> Vec<Constant> {
    let defaults = Options::default();
    let measured = |name: &str| {
        let found = options.measured.iter().rev().find(|measured| measured.name == name);
        found.map(|measured| measured.source.clone())
    };
    let mut all: Vec<Constant> = rows()
        .iter()
        .map(|row| Constant {
            name: row.name.clone(),
            meaning: row.meaning.clone(),
            unit: row.unit,
            value: value(options, &row.name),
            default: value(&defaults, &row.name),
            low: row.low,
            high: row.high,
            source: row.source.clone(),
            measured: measured(&row.name),
        })
        .collect();
    let default = Model::default();
    let of_model = CONSTANTS.iter().filter(|constant| {
        let path = constant.path();
        OF_MODEL.contains(&path.as_str()) || measured(&format!("model.{path}")).is_some()
    });
    all.extend(of_model.map(|constant| {
        let name = format!("model.{}", constant.path());
        Constant {
            meaning: constant.meaning.to_owned(),
            unit: counted(constant.unit),
            value: Some((constant.get)(&options.model)),
            default: Some((constant.get)(&default)),
            low: None,
            high: None,
            source: constant.source.to_owned(),
            measured: measured(&name),
            name,
        }
    }));
    all
}

/// What follows from constants of the model that were measured.
pub(crate) fn follow(options: &mut Options) {
    options.framing_per_million = framing(&options.model);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_a_value_and_is_set_and_uncertain_ones_are_ours() {
        for row in rows() {
            let mut options = Options::default();
            let before = value(&options, &row.name);
            assert!(before.is_some() || row.name == "upload-rate", "{}", row.name);
            set(&mut options, &row.name, 7);
            assert_eq!(value(&options, &row.name), Some(7), "{}", row.name);
            assert!(!row.source.is_empty() && !row.meaning.is_empty());
            assert_eq!(row.low.is_some(), row.source.starts_with("our model"), "{}", row.name);
            if let (Some(low), Some(high), Some(default)) = (row.low, row.high, before) {
                assert!((low..=high).contains(&default) && low < high, "{}", row.name);
            }
        }
        for name in OF_MODEL {
            assert!(actors::model::Constant::find(name).is_some(), "{name}");
        }
    }
}
