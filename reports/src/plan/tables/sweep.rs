//! What if: the points of a sweep, and what moves the RPO most.

use planning::plan::Plan;
use planning::sweep::{Bar, Input, Point};

use super::{Cell, Table, column, text};
use crate::plan::units::Kind;

/// What an input is called.
#[must_use]
pub fn label(input: Input) -> &'static str {
    match input {
        Input::Bandwidth => "bandwidth",
        Input::Outage => "outage in each week",
        Input::Growth => "growth",
        Input::Churn => "written of what was recorded",
        Input::Compressed => "compressed to",
        Input::Rpo => "RPO wanted",
    }
}

/// What the values of an input are.
#[must_use]
pub fn kind(input: Input) -> Kind {
    match input {
        Input::Bandwidth => Kind::BitsPerSecond,
        Input::Outage | Input::Rpo => Kind::Seconds,
        Input::Growth | Input::Churn | Input::Compressed => Kind::PerMille,
    }
}

/// The points: none where nothing was asked.
pub(super) fn what_if(plan: &Plan) -> Table {
    let axes = plan.sweep.iter().flat_map(|sweep| &sweep.axes);
    let kinds: Vec<Kind> = axes.clone().map(|axis| kind(axis.input)).collect();
    let mut columns: Vec<_> = axes
        .map(|axis| {
            column(
                axis.input.name(),
                label(axis.input),
                kind(axis.input),
                "What was moved.",
            )
        })
        .collect();
    let outcomes = [
        (
            "links",
            "links together",
            Kind::BitsPerSecond,
            "The rate of all links; where none is given, what the RPO needs without an outage.",
        ),
        (
            "rpo_half",
            "RPO in half of the time",
            Kind::Milliseconds,
            "No step of that half has an older newest byte in Azure.",
        ),
        (
            "rpo_99",
            "RPO in 99 % of the time",
            Kind::Milliseconds,
            "The same for 99 % of the steps.",
        ),
        (
            "rpo_always",
            "RPO at its worst",
            Kind::Milliseconds,
            "The same for all steps.",
        ),
        (
            "violations_per_day",
            "violations a day",
            Kind::Thousandths,
            "Stretches of steps over the RPO wanted, per day.",
        ),
        (
            "steps_over",
            "of the time over the RPO",
            Kind::PerMille,
            "Steps over the RPO wanted.",
        ),
        (
            "backlog",
            "largest backlog",
            Kind::Bytes,
            "What waits for the links at the most.",
        ),
        (
            "catch_up",
            "to catch up after an outage",
            Kind::Milliseconds,
            "From the end of an outage until all that waited then is served.",
        ),
        (
            "initial_replication",
            "initial replication",
            Kind::Seconds,
            "All machines at once, beside the changes.",
        ),
        (
            "needed",
            "bandwidth that would do",
            Kind::BitsPerSecond,
            "What keeps the RPO wanted always, with these outages; nothing where no bandwidth does.",
        ),
    ];
    columns.extend(outcomes.map(|(key, label, kind, about)| column(key, label, kind, about)));
    let points = plan.sweep.iter().flat_map(|sweep| &sweep.points);
    Table {
        name: "what_if",
        sheet: "What if",
        title: "What if inputs were others",
        note: "Each row is the same queue with these inputs moved and all others as they are.".to_owned(),
        columns,
        rows: points.map(|point| row(point, &kinds)).collect(),
    }
}

fn row(point: &Point, kinds: &[Kind]) -> Vec<Cell> {
    let moved = point
        .at
        .iter()
        .zip(kinds)
        .map(|(value, kind)| Cell::Figure(*value, *kind));
    let outcomes = [
        Cell::Figure(point.bits_per_second, Kind::BitsPerSecond),
        Cell::may(point.rpo_half_ms, Kind::Milliseconds),
        Cell::may(point.rpo_99_ms, Kind::Milliseconds),
        Cell::may(point.rpo_always_ms, Kind::Milliseconds),
        Cell::Figure(point.violations_per_day_per_mille, Kind::Thousandths),
        Cell::Figure(point.steps_over_per_mille, Kind::PerMille),
        Cell::Figure(point.backlog_bytes, Kind::Bytes),
        Cell::may(point.catch_up_ms, Kind::Milliseconds),
        Cell::may(point.copy_seconds, Kind::Seconds),
        Cell::may(point.needed_bits_per_second, Kind::BitsPerSecond),
    ];
    moved.chain(outcomes).collect()
}

/// What moves the RPO most.
pub(super) fn tornado(plan: &Plan) -> Table {
    let words = |bar: &Bar, value: u64| kind(bar.input).human(value);
    let row = |bar: &Bar| {
        vec![
            Cell::text(label(bar.input)),
            Cell::text(words(bar, bar.low)),
            Cell::may(bar.rpo_low_ms, Kind::Milliseconds),
            Cell::text(words(bar, bar.high)),
            Cell::may(bar.rpo_high_ms, Kind::Milliseconds),
        ]
    };
    Table {
        name: "sensitivity",
        sheet: "Sensitivity",
        title: "What moves the RPO most",
        note: "One input at a time, around the bandwidth given or needed; what matters most comes first. Nothing stands where the queue never ends."
            .to_owned(),
        columns: vec![
            text("input", "input", "What is moved."),
            text("low", "lower value", "A fifth less, no growth, no outage."),
            column("rpo_low", "RPO at its worst then", Kind::Milliseconds, "For all steps."),
            text("high", "higher value", "A fifth more, twice the growth, an hour's outage in each week."),
            column("rpo_high", "RPO at its worst then", Kind::Milliseconds, "For all steps."),
        ],
        rows: plan.tornado.iter().map(row).collect(),
    }
}
