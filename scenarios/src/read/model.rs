//! `[model]`: the era, and constants that the scenario has otherwise. Which there are, what they are counted in and what each may be set to
//! is said by the model itself ([`actors::model::CONSTANTS`]).

use actors::model::{CONSTANTS, Constant, Era, GROUPS, Model, Unit};

use crate::diagnose::{At, Diagnosis, Problem, did_you_mean, list};
use crate::reader::{Bytes, FromNode, Nanos, Share};
use crate::tree::{Node, Table, Value};
use crate::units::{Rate, WrongUnit};

/// Reads the table where there is one.
pub(super) fn read(diagnosis: &Diagnosis, root: &Table) -> (Era, Model) {
    let Some(node) = root.get("model") else {
        return (Era::default(), Model::default());
    };
    let Some(table) = table_of(diagnosis, "[model]", node) else {
        return (Era::default(), Model::default());
    };
    let era = read_era(diagnosis, table);
    let mut model = era.model();
    for (name, at, node) in &table.entries {
        let known = || GROUPS.iter().map(|(group, _)| *group);
        if name == "era" {
            continue;
        }
        if known().all(|group| group != name) {
            let problem = Problem::new(*at, format!("unknown key `{name}` in [model]"), "unknown")
                .help(did_you_mean(name, known().chain(["era"])))
                .help(format!("[model] takes era and a table for each of {}", list(known())));
            diagnosis.push(problem);
        } else if let Some(group) = table_of(diagnosis, &format!("[model.{name}]"), node) {
            read_group(diagnosis, name, group, &mut model);
        }
    }
    (era, model)
}

fn table_of<'a>(diagnosis: &Diagnosis, title: &str, node: &'a Node) -> Option<&'a Table> {
    match &node.value {
        Value::Table(table) => Some(table),
        other => {
            let problem = Problem::new(
                node.at,
                format!("{title} is a table"),
                format!("this is {}", other.kind()),
            );
            diagnosis.push(problem.help("constants are written like [model.agent] cut_after = \"10 s\""));
            None
        }
    }
}

fn read_era(diagnosis: &Diagnosis, table: &Table) -> Era {
    let Some(node) = table.get("era") else {
        return Era::default();
    };
    let names = || Era::ALL.into_iter().map(Era::name);
    let text = String::from_node(node).unwrap_or_default();
    Era::ALL.into_iter().find(|era| era.name() == text).unwrap_or_else(|| {
        let problem = Problem::new(node.at, "there is no such era of the product", "unknown")
            .help(did_you_mean(&text, names()))
            .help(format!("accepted: {}", list(names())));
        diagnosis.push(problem);
        Era::default()
    })
}

fn read_group(diagnosis: &Diagnosis, group: &str, table: &Table, model: &mut Model) {
    let of_group = || CONSTANTS.iter().filter(|constant| constant.group == group);
    for (name, at, node) in &table.entries {
        let Some(constant) = of_group().find(|constant| constant.name == name) else {
            let names = || of_group().map(|constant| constant.name);
            let problem = Problem::new(*at, format!("unknown constant `{name}` in [model.{group}]"), "unknown")
                .help(did_you_mean(name, names()))
                .help(format!("[model.{group}] takes {}", list(names())));
            diagnosis.push(problem);
            continue;
        };
        match read_value(constant, node) {
            Ok(value) if constant.range.contains(&value) => (constant.set)(model, value),
            Ok(_) => diagnosis.push(out_of_range(constant, node.at)),
            Err(wrong) => diagnosis.push(
                Problem::new(
                    node.at,
                    format!("`{}` is {}", constant.path(), counted_in(constant.unit)),
                    wrong.label,
                )
                .help(wrong.help),
            ),
        }
    }
}

fn out_of_range(constant: &Constant, at: At) -> Problem {
    let (low, high) = (
        show(constant.unit, *constant.range.start()),
        show(constant.unit, *constant.range.end()),
    );
    Problem::new(at, format!("`{}` cannot be that", constant.path()), "out of its range").help(format!(
        "accepted: {low} to {high}; {}",
        constant.meaning.to_lowercase()
    ))
}

fn read_value(constant: &Constant, node: &Node) -> Result<u64, WrongUnit> {
    match constant.unit {
        Unit::Time => Nanos::from_node(node).map(|time| time.0),
        Unit::Size => Bytes::from_node(node).map(|size| size.0),
        Unit::BitRate => Rate::from_node(node).map(Rate::bits_per_second),
        Unit::ByteRate => Rate::from_node(node).map(Rate::bytes_per_second),
        Unit::Count => u64::from_node(node),
        Unit::Share => Share::from_node(node).map(|share| u64::from(share.0)),
    }
}

fn counted_in(unit: Unit) -> &'static str {
    match unit {
        Unit::Time => "a duration",
        Unit::Size => "a size",
        Unit::BitRate | Unit::ByteRate => "a rate",
        Unit::Count => "a whole number",
        Unit::Share => "a share",
    }
}

/// A value of a constant, as a scenario has it: in the largest unit that it is a whole number of.
#[must_use]
pub fn show(unit: Unit, value: u64) -> String {
    match unit {
        Unit::Time => exact(value, &TIMES),
        Unit::Size => exact(value, &SIZES),
        Unit::BitRate => exact(value, &BIT_RATES),
        Unit::ByteRate if value.is_multiple_of(1_000) => exact(value, &BYTE_RATES),
        Unit::ByteRate => format!("{}/s", exact(value, &SIZES)),
        Unit::Count => value.to_string(),
        Unit::Share if value.is_multiple_of(10_000) => format!("{} %", value / 10_000),
        Unit::Share => {
            let digits = format!("{}.{:04}", value / 10_000, value % 10_000);
            format!("{} %", digits.trim_end_matches('0'))
        }
    }
}

type Units = [(u64, &'static str)];
const TIMES: [(u64, &str); 7] = [
    (86_400_000_000_000, "d"),
    (3_600_000_000_000, "h"),
    (60_000_000_000, "min"),
    (1_000_000_000, "s"),
    (1_000_000, "ms"),
    (1_000, "us"),
    (1, "ns"),
];
const SIZES: [(u64, &str); 5] = [
    (1 << 40, "TiB"),
    (1 << 30, "GiB"),
    (1 << 20, "MiB"),
    (1 << 10, "KiB"),
    (1, "B"),
];
const BIT_RATES: [(u64, &str); 4] = [
    (1_000_000_000, "Gbit/s"),
    (1_000_000, "Mbit/s"),
    (1_000, "kbit/s"),
    (1, "bit/s"),
];
const BYTE_RATES: [(u64, &str); 4] = [
    (1_000_000_000, "GB/s"),
    (1_000_000, "MB/s"),
    (1_000, "kB/s"),
    (1, "B/s"),
];

fn exact(value: u64, units: &Units) -> String {
    let fits = |(unit, _): &&(u64, &str)| value >= *unit && value.is_multiple_of(*unit);
    let (unit, name) = units.iter().find(fits).or(units.last()).copied().unwrap_or((1, ""));
    format!("{} {name}", value / unit)
}

/// The reference of all constants: a table for each group.
#[must_use]
pub fn reference() -> String {
    let mut text = String::from(
        "### `[model]`\n\nEvery time, size, rate and limit that shapes a result. `[model]` takes `era` (\"2017 classic\", the default, or \
         \"2019 classic\") and a table for each group: `[model.agent]` with `cut_after = \"10 s\"`, or `--set model.agent.cut_after=\"10 s\"` \
         on the command line. A run's record names what differs from its era.\n",
    );
    for era in Era::ALL {
        for (path, value, source) in era.changes() {
            let unit = Constant::find(path).map_or(Unit::Count, |constant| constant.unit);
            text.push_str(&format!(
                "\n\"{}\" has `{path}` = {} ({source}).\n",
                era.name(),
                show(unit, *value)
            ));
        }
    }
    for (group, about) in GROUPS {
        text.push_str(&format!("\n#### `[model.{group}]`\n\n{about}\n\n"));
        text.push_str("| constant | value | range | meaning | source |\n|---|---|---|---|---|\n");
        for constant in CONSTANTS.iter().filter(|constant| constant.group == *group) {
            let value = |value: u64| show(constant.unit, value);
            text.push_str(&format!(
                "| `{}` | {} | {} to {} | {} | {} |\n",
                constant.name,
                value((constant.get)(&Model::default())),
                value(*constant.range.start()),
                value(*constant.range.end()),
                constant.meaning,
                constant.source,
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree;

    fn read_text(text: &str) -> (Era, Model, Diagnosis) {
        let diagnosis = Diagnosis::default();
        let source = diagnosis.add("scenario.toml".to_owned(), text);
        let root = tree::parse(&diagnosis, source, text);
        let (era, model) = read(&diagnosis, &root);
        (era, model, diagnosis)
    }

    #[test]
    fn every_constant_is_read_as_it_is_shown() {
        for constant in CONSTANTS {
            for value in [
                *constant.range.start(),
                *constant.range.end(),
                (constant.get)(&Model::default()),
            ] {
                let shown = show(constant.unit, value);
                let shown = if constant.unit == Unit::Count {
                    shown
                } else {
                    format!("\"{shown}\"")
                };
                let text = format!("[model.{}]\n{} = {shown}\n", constant.group, constant.name);
                let (_, model, diagnosis) = read_text(&text);
                assert!(
                    !diagnosis.failed(),
                    "{text}{:?}",
                    diagnosis.verdict().map_err(|error| error.to_string())
                );
                assert_eq!((constant.get)(&model), value, "{text}");
            }
        }
    }

    #[test]
    fn an_era_sets_what_is_documented_for_it_and_a_key_overrides_it() {
        let (era, model, diagnosis) =
            read_text("[model]\nera = \"2019 classic\"\n[model.limits]\ndata_disk = \"1 TiB\"\n");
        assert!(!diagnosis.failed());
        assert_eq!(era, Era::Classic2019);
        assert_eq!(model.limits.retention, Era::Classic2019.model().limits.retention);
        assert_eq!(model.limits.data_disk, 1 << 40);
    }

    #[test]
    fn what_is_wrong_is_told_with_what_is_accepted() {
        for (text, told) in [
            ("model = 3\n", "[model] is a table"),
            ("[model]\nera = \"2018\"\n", "accepted: 2017 classic"),
            ("[model.agents]\n", "did you mean `agent`"),
            ("[model]\nagent = 3\n", "[model.agent] is a table"),
            ("[model.agent]\ncut_afetr = \"10 s\"\n", "did you mean `cut_after`"),
            ("[model.agent]\ncut_after = 10\n", "`agent.cut_after` is a duration"),
            ("[model.agent]\ncut_after = \"0 s\"\n", "accepted: 1 s to 1 h"),
            (
                "[model.process_server]\nkept_free = \"95 %\"\n",
                "accepted: 0.1 % to 90 %",
            ),
        ] {
            let (.., diagnosis) = read_text(text);
            let error = diagnosis.verdict().expect_err(text).to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
