//! What a plan rests on: its constants, and the band that the uncertain ones make.

use planning::band::End;
use planning::constants::Unit;
use planning::plan::{Figure, Plan};

use super::tables::{Cell, Table, column, text};
use super::units::{Kind, point};
use crate::words::count;

/// A constant's value in words.
pub(super) fn words(unit: Unit, value: u64) -> String {
    match unit {
        Unit::PerMille => format!("{} %", point(value, 1)),
        Unit::PerMillion => format!("{} %", point(value, 4)),
        Unit::BitsPerSecond => Kind::BitsPerSecond.human(value),
        Unit::BytesPerSecond => Kind::BytesPerSecond.human(value),
        Unit::Bytes => Kind::Bytes.exact(value),
        Unit::Hours => format!("{} h", count(value)),
        Unit::Count => count(value),
        Unit::Nanoseconds => Kind::Milliseconds.human(value / 1_000_000),
    }
}

/// All constants that shape the plan.
pub(super) fn constants(plan: &Plan) -> Table {
    let rows = plan.constants.iter().map(|constant| {
        let shown = |value: Option<u64>| value.map_or(Cell::Empty, |value| Cell::text(words(constant.unit, value)));
        vec![
            Cell::text(&constant.name),
            Cell::text(&constant.meaning),
            shown(constant.value),
            shown(constant.default),
            Cell::text(constant.measured.as_deref().unwrap_or_default()),
            Cell::text(&constant.source),
            shown(constant.low),
            shown(constant.high),
        ]
    });
    Table {
        name: "constants",
        sheet: "What was assumed",
        title: "What was assumed: every constant that shapes this plan",
        note: "A constant whose source is \u{201c}our model\u{201d} is uncertain; between which values is our judgement. --calibrate takes what you measured instead."
            .to_owned(),
        columns: vec![
            text("constant", "constant", "Its name in a file of --calibrate."),
            text("meaning", "what it is", "What it is."),
            text("value", "value here", "What this plan has. Empty: nothing."),
            text("default", "default", "Where nobody says otherwise."),
            text("measured", "measured", "How it was measured, in your words. Empty: it was not."),
            text("source", "source of the default", "Whose figure that is."),
            text("low", "at its least", "The least that it may be, where it is uncertain."),
            text("high", "at its most", "The most that it may be."),
        ],
        rows: rows.collect(),
    }
}

/// What uncertain constants move; no rows where none that matters is uncertain.
pub(super) fn band(plan: &Plan) -> Table {
    let unit = |name: &str| {
        plan.constants
            .iter()
            .find(|constant| constant.name == name)
            .map(|constant| constant.unit)
    };
    let end = |name: &str, end: &End| -> [Cell; 3] {
        let value = unit(name).zip(end.value).map(|(unit, value)| words(unit, value));
        [
            Cell::text(value.unwrap_or_default()),
            Cell::may(end.rpo_ms, Kind::Milliseconds),
            Cell::may(end.needed_bits_per_second, Kind::BitsPerSecond),
        ]
    };
    let figure = |figure: Option<Figure>, kind: Kind| Cell::may(figure.map(|figure| figure.value), kind);
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    if let Some(band) = &plan.band {
        for one in &band.constants {
            let mut row = vec![Cell::text(&one.name)];
            row.extend(end(&one.name, &one.low));
            row.extend(end(&one.name, &one.high));
            rows.push(row);
        }
        rows.push(vec![
            Cell::text("all of them together"),
            Cell::Empty,
            figure(band.rpo_least, Kind::Milliseconds),
            figure(band.needed_least, Kind::BitsPerSecond),
            Cell::Empty,
            figure(band.rpo_most, Kind::Milliseconds),
            figure(band.needed_most, Kind::BitsPerSecond),
        ]);
    }
    Table {
        name: "band",
        sheet: "Band",
        title: "How far the answers are certain",
        note: "What comes out with constants of our model that nobody measured at their least and at their most. Nothing stands where the queue never ends."
            .to_owned(),
        columns: vec![
            text("constant", "constant", "Which one is moved."),
            text("low", "at its least", "Its value then."),
            column("rpo_low", "RPO at its worst then", Kind::Milliseconds, "For all steps."),
            column("needed_low", "bandwidth needed then", Kind::BitsPerSecond, "It keeps the RPO wanted always."),
            text("high", "at its most", "Its value then."),
            column("rpo_high", "RPO at its worst then", Kind::Milliseconds, "For all steps."),
            column("needed_high", "bandwidth needed then", Kind::BitsPerSecond, "It keeps the RPO wanted always."),
        ],
        rows,
    }
}

/// The band in a line; none where there is none.
pub(super) fn line(plan: &Plan) -> Option<String> {
    let band = plan.band.as_ref()?;
    let rpo = |figure: Option<Figure>| {
        figure.map_or_else(
            || "without an end".to_owned(),
            |figure| Kind::Milliseconds.human(figure.value),
        )
    };
    let bits = |figure: Option<Figure>| {
        figure.map_or_else(|| "none".to_owned(), |figure| Kind::BitsPerSecond.human(figure.value))
    };
    let names: Vec<&str> = band.constants.iter().map(|one| one.name.as_str()).collect();
    Some(format!(
        "RPO {} to {} at its worst, {} to {} needed, by what nobody measured ({})",
        rpo(band.rpo_least),
        rpo(band.rpo_most),
        bits(band.needed_least),
        bits(band.needed_most),
        names.join(", ")
    ))
}
