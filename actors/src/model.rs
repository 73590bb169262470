//! The model of constants: every time, size, rate and limit that shapes a result, in one value that travels in the specification.
//!
//! [`Model`] has a group for each component, and a field for each constant (`model/constants.rs`, where each stands with its unit, its value,
//! the range that it may be set to, and its source: a paragraph of the facts, or "our model"). [`CONSTANTS`] lists them all, so that a
//! scenario's table `[model]`, the reference page and a run's record follow from it. Two eras of the product ([`Era`]) are two values of
//! it.
//!
//! What is not here: defaults of keys that a scenario has anyway (they stand in its catalogue), forms of encodings, numbers of ports, and
//! bounds of memory on which no result depends.

mod constants;

use std::ops::RangeInclusive;

pub use constants::*;
use serde::{Deserialize, Serialize};

/// What a constant is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A time, in nanoseconds.
    Time,
    /// A size, in bytes.
    Size,
    /// A rate, in bits per second.
    BitRate,
    /// A rate, in bytes per second.
    ByteRate,
    /// A number of things.
    Count,
    /// A share, in parts per million.
    Share,
}

/// A constant: what a person may want to know of it, and its place in a [`Model`].
#[derive(Debug)]
pub struct Constant {
    /// The component that it belongs to.
    pub group: &'static str,
    /// Its name in that group.
    pub name: &'static str,
    /// What it is counted in.
    pub unit: Unit,
    /// What it may be set to.
    pub range: RangeInclusive<u64>,
    /// What it is, in a phrase.
    pub meaning: &'static str,
    /// Where its value comes from: a paragraph of the facts, or "our model".
    pub source: &'static str,
    /// Reads it.
    pub get: fn(&Model) -> u64,
    /// Sets it; the range is the caller's to check.
    pub set: fn(&mut Model, u64),
}

impl Constant {
    /// `agent.cut_after`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}.{}", self.group, self.name)
    }

    /// The constant of this path.
    #[must_use]
    pub fn find(path: &str) -> Option<&'static Constant> {
        let (group, name) = path.split_once('.')?;
        CONSTANTS
            .iter()
            .find(|constant| constant.group == group && constant.name == name)
    }
}

/// A generation of the product, whose figures a model takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Era {
    /// As documented in 2017.
    #[default]
    #[serde(rename = "2017 classic")]
    Classic2017,
    /// The same architecture as documented in 2019, with managed disks.
    #[serde(rename = "2019 classic")]
    Classic2019,
}

/// What is documented otherwise for 2019 (facts §0.2).
const LATER: [(&str, u64, &str); 3] = [
    ("limits.retention", 15 * 24 * 3_600_000_000_000, "facts §0.2: 15 days"),
    ("limits.data_disk", 8192 << 30, "facts §0.2: 8192 GB from 9.26"),
    ("limits.throttle_most", 1_023_000_000, "facts §0.2: 1023 Mbit/s"),
];

impl Era {
    /// All of them.
    pub const ALL: [Era; 2] = [Era::Classic2017, Era::Classic2019];

    /// As a scenario has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Era::Classic2017 => "2017 classic",
            Era::Classic2019 => "2019 classic",
        }
    }

    /// What differs from the era before: path, value and source.
    #[must_use]
    pub fn changes(self) -> &'static [(&'static str, u64, &'static str)] {
        match self {
            Era::Classic2017 => &[],
            Era::Classic2019 => &LATER,
        }
    }

    /// Its model.
    #[must_use]
    pub fn model(self) -> Model {
        let mut model = Model::default();
        for (path, value, _) in self.changes() {
            let constant = Constant::find(path).expect("an era changes constants that there are");
            (constant.set)(&mut model, *value);
        }
        model
    }
}

/// A constant that a run has otherwise than its era.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differs {
    /// Its path, such as `agent.cut_after`.
    pub name: String,
    /// What it is counted in.
    pub unit: Unit,
    /// What the run has.
    pub value: u64,
    /// What its era has.
    pub default: u64,
}

impl Model {
    /// What differs from an era's own values, in the order of [`CONSTANTS`].
    #[must_use]
    pub fn differs(&self, era: Era) -> Vec<Differs> {
        let of_era = era.model();
        let values = CONSTANTS
            .iter()
            .map(|constant| (constant, (constant.get)(self), (constant.get)(&of_era)));
        values
            .filter(|(_, value, default)| value != default)
            .map(|(constant, value, default)| Differs {
                name: constant.path(),
                unit: constant.unit,
                value,
                default,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_constant_is_reached_by_its_path_and_lies_in_its_range() {
        for era in Era::ALL {
            let model = era.model();
            for constant in CONSTANTS {
                let value = (constant.get)(&model);
                assert!(constant.range.contains(&value), "{}: {value}", constant.path());
                let found = Constant::find(&constant.path()).expect("found by its path");
                assert!(std::ptr::eq(found, constant), "{} is there twice", constant.path());
                assert!(!constant.meaning.is_empty() && !constant.source.is_empty());
            }
        }
    }

    #[test]
    fn what_is_set_is_what_differs() {
        let mut model = Model::default();
        assert_eq!(model.differs(Era::Classic2017), []);
        for constant in CONSTANTS {
            let before = (constant.get)(&model);
            let other = if before == *constant.range.end() {
                *constant.range.start()
            } else {
                before + 1
            };
            (constant.set)(&mut model, other);
            let differs = model.differs(Era::Classic2017);
            assert_eq!(differs.len(), 1, "{} moves one value", constant.path());
            assert_eq!(
                (differs[0].name.clone(), differs[0].value, differs[0].default),
                (constant.path(), other, before)
            );
            (constant.set)(&mut model, before);
        }
    }

    #[test]
    fn an_era_differs_from_the_one_before_by_what_it_says() {
        let differs = Era::Classic2019.model().differs(Era::Classic2017);
        let said: Vec<&str> = Era::Classic2019.changes().iter().map(|(path, ..)| *path).collect();
        assert_eq!(
            differs.iter().map(|differs| differs.name.as_str()).collect::<Vec<_>>(),
            said
        );
    }
}
