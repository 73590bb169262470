//! What a user measured, instead of the model's constants: a small CSV.
//!
//! ```text
//! constant,value,source
//! upload-rate,38 Mbit/s,speed test of 2017-11-02
//! compressed,55 %,process server PS1: bytes sent of bytes received
//! model.configuration_server.lost_after,11 min,drill of October
//! ```
//!
//! A name is one of the plan's own constants, or `model.` and one of the actors' model as a scenario has it. A measured figure that an
//! estate's column has (`compressed` of a disk) goes before it, and so does what the command line says.

use actors::model::{Constant, Unit as Counted};
use scenarios::units;

use crate::constants::{Unit, follow, rows, set, value};
use crate::options::Options;
use crate::problem::{Problem, Problems, nearest, quoted};
use crate::service::Service;

/// A measured constant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Its name.
    pub name: String,
    /// Its value, in the constant's unit.
    pub value: u64,
    /// How it was measured, in the user's words.
    pub source: String,
}

const HEADER: [&str; 3] = ["constant", "value", "source"];

/// The cells of a line; a cell with a comma stands in double quotes.
fn cells(line: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .has_headers(false)
        .from_reader(line.as_bytes());
    let row = reader.records().next().and_then(Result::ok);
    row.map_or_else(Vec::new, |row| row.iter().map(str::to_owned).collect())
}

/// Reads a file of measured constants.
///
/// # Errors
/// All that is wrong with it, by line and column.
pub fn read(file: &str, text: &str) -> Result<Vec<Measured>, Problems> {
    let mut problems = Problems::default();
    let mut rows = (1_u64..)
        .zip(text.trim_start_matches('\u{feff}').lines())
        .filter(|(_, line)| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with('#')
        });
    let Some((line, head)) = rows.next() else {
        problems.push(Problem::error(file, "is empty").accepted("constant,value,source"));
        return Err(problems);
    };
    let header: Vec<String> = cells(head).iter().map(|cell| cell.to_lowercase()).collect();
    if header != HEADER && header != HEADER[..2] {
        let found = format!("the columns are {}", quoted(&header.join(",")));
        problems.push(Problem::error(file, found).at(line).accepted("constant,value,source"));
        return Err(problems);
    }
    let mut all: Vec<(Measured, u64)> = Vec::new();
    for (line, row) in rows {
        let row = cells(row);
        if row.len() < 2 || row.len() > header.len() {
            let found = format!("the row has {} cells", row.len());
            problems.push(Problem::error(file, found).at(line).accepted("constant,value,source"));
            continue;
        }
        let (name, text) = (row[0].as_str(), row[1].as_str());
        match parse(name, text) {
            Ok(_) if all.iter().any(|(other, _)| other.name == name) => {
                let first = all
                    .iter()
                    .find(|(other, _)| other.name == name)
                    .map_or(0, |(_, line)| *line);
                let found = format!("{} stands in line {first} already", quoted(name));
                problems.push(Problem::error(file, found).at(line).column(HEADER[0]));
            }
            Ok(value) => {
                let source = row.get(2).filter(|source| !source.is_empty());
                let source = source.map_or("measured", String::as_str);
                let measured = Measured {
                    name: name.to_owned(),
                    value,
                    source: source.to_owned(),
                };
                all.push((measured, line));
            }
            Err((column, found, accepted)) => {
                problems.push(Problem::error(file, found).at(line).column(column).accepted(accepted));
            }
        }
    }
    if all.is_empty() && problems.is_empty() {
        problems.push(Problem::error(file, "has no measured constant").accepted("constant,value,source"));
    }
    if problems.errors() > 0 {
        return Err(problems);
    }
    Ok(all.into_iter().map(|(measured, _)| measured).collect())
}

/// The value of a constant, in its unit; else column, what was found there, and what is accepted.
fn parse(name: &str, text: &str) -> Result<u64, (&'static str, String, String)> {
    let wrong = |error: units::WrongUnit| (HEADER[1], format!("{}: {}", quoted(text), error.label), error.help);
    if let Some(path) = name.strip_prefix("model.") {
        let Some(constant) = Constant::find(path) else {
            let known = actors::model::CONSTANTS.iter().map(Constant::path).collect::<Vec<_>>();
            let near = nearest(path, known.iter().map(String::as_str));
            let accepted = near.map_or_else(
                || "a constant of the model as scenarios/README.md lists them".to_owned(),
                |near| format!("model.{near} (perhaps), and all others of scenarios/README.md"),
            );
            return Err((
                HEADER[0],
                format!("{} is no constant of the model", quoted(name)),
                accepted,
            ));
        };
        let value = match constant.unit {
            Counted::Time => units::duration(text).map_err(wrong)?,
            Counted::Size => units::size(text).map_err(wrong)?,
            Counted::BitRate => units::rate(text).map_err(wrong)?.bits_per_second(),
            Counted::ByteRate => units::rate(text).map_err(wrong)?.bytes_per_second(),
            Counted::Count => whole(text)?,
            Counted::Share => u64::from(units::share(text).map_err(wrong)?),
        };
        if !constant.range.contains(&value) {
            let shown = |value: u64| scenarios::keys::written(constant.unit, value);
            let accepted = format!("{} to {}", shown(*constant.range.start()), shown(*constant.range.end()));
            return Err((HEADER[1], format!("{} is out of its range", quoted(text)), accepted));
        }
        return Ok(value);
    }
    let Some(row) = rows().iter().find(|row| row.name == name) else {
        let names: Vec<&str> = rows().iter().map(|row| row.name.as_str()).collect();
        let accepted = format!("{}, or model.GROUP.NAME", names.join(", "));
        return Err((
            HEADER[0],
            format!("{} is no constant of a plan", quoted(name)),
            accepted,
        ));
    };
    let value = match row.unit {
        Unit::PerMille => u64::from(units::share(text).map_err(wrong)?).div_ceil(1_000),
        Unit::PerMillion => u64::from(units::share(text).map_err(wrong)?),
        Unit::BitsPerSecond => units::rate(text).map_err(wrong)?.bits_per_second(),
        Unit::Nanoseconds => units::duration(text).map_err(wrong)?,
        Unit::Hours => match units::duration(text).map_err(wrong)? / HOUR {
            hours if hours > u64::from(u32::MAX) => 0,
            hours => hours,
        },
        _ => whole(text)?,
    };
    let zero = matches!(
        row.name.as_str(),
        "growth" | "write-overlap" | "framing" | "drills" | "drill-days" | "days-in-azure"
    );
    if value == 0 && !zero {
        return Err((
            HEADER[1],
            format!("{} is nothing", quoted(text)),
            "a value above 0".to_owned(),
        ));
    }
    Ok(value)
}

/// Nanoseconds of an hour.
const HOUR: u64 = 3_600_000_000_000;

fn whole(text: &str) -> Result<u64, (&'static str, String, String)> {
    let number = text.parse::<u32>().map(u64::from);
    number.map_err(|_| {
        (
            HEADER[1],
            format!("{} is no whole number", quoted(text)),
            "a whole number".to_owned(),
        )
    })
}

/// Takes measured constants into options. A measured upload rate stands for the bandwidth where none is given.
pub fn apply(options: &mut Options, measured: &[Measured]) {
    for one in measured {
        if let Some(constant) = one.name.strip_prefix("model.").and_then(Constant::find) {
            (constant.set)(&mut options.model, one.value);
        }
    }
    if measured.iter().any(|one| one.name.starts_with("model.tcp.")) {
        follow(options);
    }
    for one in measured {
        set(options, &one.name, one.value);
    }
    if let (None, Some(bits)) = (&options.service, value(options, "upload-rate")) {
        options.service = Some(Service::constant(bits));
    }
    options.measured.extend_from_slice(measured);
}

/// The constants of the model that differ from their defaults, as a table of a scenario; empty where none does.
#[must_use]
pub fn model_table(options: &Options) -> String {
    let mut text = String::new();
    let mut group = "";
    for constant in actors::model::CONSTANTS {
        let value = (constant.get)(&options.model);
        if value == (constant.get)(&actors::model::Model::default()) {
            continue;
        }
        if group != constant.group {
            group = constant.group;
            text.push_str(&format!("\n[model.{group}]\n"));
        }
        let written = scenarios::keys::written(constant.unit, value);
        match constant.unit {
            Counted::Count => text.push_str(&format!("{} = {written}\n", constant.name)),
            _ => text.push_str(&format!("{} = \"{written}\"\n", constant.name)),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demand::Compression;

    #[test]
    fn what_was_measured_goes_before_the_defaults() {
        let text = "# of November\nconstant,value,source\nupload-rate,38 Mbit/s,speed test\ncompressed,55.5 %,\nretention,48 h,policy\n\
                    model.configuration_server.lost_after,11 min,drill of October\nsent-of-written,80 %,counters\n";
        let measured = read("measured.csv", text).unwrap_or_else(|problems| panic!("{problems}"));
        let mut options = Options::default();
        apply(&mut options, &measured);
        assert_eq!(
            options.compression,
            Compression::Measured {
                otherwise_per_mille: 555
            }
        );
        assert_eq!((options.sent_per_mille, options.retention_hours), (800, 48));
        assert_eq!(options.model.configuration_server.lost_after, 11 * 60_000_000_000);
        assert_eq!(options.service.as_ref().map(Service::rate), Some(38_000_000));
        assert_eq!(options.upload_bits_per_second, Some(38_000_000));
        assert_eq!(measured[1].source, "measured");
        assert_eq!(
            model_table(&options),
            "\n[model.configuration_server]\nlost_after = \"11 min\"\n"
        );
        // A bandwidth that is given stays; what the links carry is the smaller of both.
        let mut given = Options {
            service: Some(Service::constant(100_000_000)),
            ..Options::default()
        };
        apply(&mut given, &measured);
        assert_eq!(given.service.as_ref().map(Service::rate), Some(100_000_000));
    }

    #[test]
    fn what_headers_add_follows_from_the_model() {
        let mut options = Options::default();
        let measured =
            read("m", "constant,value\nmodel.tcp.framing,132 B\n").unwrap_or_else(|problems| panic!("{problems}"));
        apply(&mut options, &measured);
        assert_eq!(options.framing_per_million, 91_161);
    }

    #[test]
    fn what_is_wrong_is_told_by_line_and_column() {
        for (text, words) in [
            ("", "is empty"),
            ("# nothing\n\n", "is empty"),
            ("constant,value,source\n", "has no measured constant"),
            (
                "name,value\ncompressed,1 %\n",
                "m.csv:1: the columns are \"name,value\"; accepted: constant,value,source",
            ),
            (
                "constant,value\n\ncompression,50 %\n",
                "m.csv:3: column \"constant\": \"compression\" is no constant of a plan; accepted: compressed, ",
            ),
            ("constant,value\ncompressed,0.5\n", "m.csv:2: column \"value\": \"0.5\""),
            ("constant,value\ncompressed,0 %\n", "\"0 %\" is nothing"),
            ("constant,value\ncompressed,120 %\n", "more than 100 %"),
            ("constant,value\nupload-rate,38\n", "unit"),
            (
                "constant,value\nupload-rate,1 Mbit/s\nupload-rate,2 Mbit/s\n",
                "m.csv:3: column \"constant\": \"upload-rate\" stands in line 2 already",
            ),
            ("constant,value\ndrills,four\n", "no whole number"),
            ("constant,value\ndrills\n", "m.csv:2: the row has 1 cells"),
            ("constant,value\nmodel.agent.hartbeat,1 min\n", "model.agent.heartbeat"),
            ("constant,value\nmodel.agent.heartbeat,0 s\n", "out of its range"),
        ] {
            let problems = read("m.csv", text).unwrap_err().to_string();
            assert!(problems.contains(words), "{text:?}: {problems}");
        }
        // All of it at once.
        let two = read("m.csv", "constant,value\na,1\nb,2\n").unwrap_err();
        assert_eq!(two.errors(), 2);
    }
}
