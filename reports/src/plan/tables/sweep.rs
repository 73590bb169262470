//! What if: the points of a sweep.

use planning::plan::Plan;
use planning::sweep::{Input, Point};

use super::{Cell, Table, column};
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
        Input::ProcessServers => "process servers",
        Input::Cache => "cache disk of a process server",
        Input::ProcessServerLost => "process server lost, until its machines are moved",
        Input::InitialBatches => "batches of the initial replication",
        Input::Era => "era",
    }
}

/// What the values of an input are.
#[must_use]
pub fn kind(input: Input) -> Kind {
    match input {
        Input::Bandwidth => Kind::BitsPerSecond,
        Input::Outage | Input::Rpo | Input::ProcessServerLost => Kind::Seconds,
        Input::ProcessServers | Input::InitialBatches => Kind::Count,
        Input::Cache => Kind::Bytes,
        Input::Era => Kind::Era,
        Input::Growth | Input::Churn | Input::Compressed => Kind::PerMille,
    }
}

/// The points: none where nothing was asked.
pub(in crate::plan) fn what_if(plan: &Plan) -> Table {
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
        ("machines", "machines", Kind::Count, "Machines that can be protected."),
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
            "What waits at the most, wherever.",
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
            "All machines at once or in the batches asked, beside the changes.",
        ),
        (
            "initial_backlog",
            "backlog meanwhile",
            Kind::Bytes,
            "The most changes that wait during the initial replication.",
        ),
        (
            "needed",
            "bandwidth that would do",
            Kind::BitsPerSecond,
            "What keeps the RPO wanted always, with these outages, process servers aside; nothing where no bandwidth does.",
        ),
        (
            "process_servers",
            "process servers there",
            Kind::Count,
            "Those asked, else those of the vendor's tables.",
        ),
        (
            "process_servers_over",
            "of them over the table",
            Kind::Count,
            "They carry more machines or changes than the largest row of the vendor's table.",
        ),
        (
            "cache_holds",
            "outage that the cache holds",
            Kind::Seconds,
            "The shortest outage that fills a cache until the product throttles: our arithmetic, with 20 % of the disk kept free.",
        ),
        (
            "at_sources",
            "waits at the sources",
            Kind::Bytes,
            "The most that no cache has room for.",
        ),
        (
            "copied_again",
            "copied again",
            Kind::Bytes,
            "What lay in the cache of a process server that was lost.",
        ),
        (
            "cost",
            "cost a month",
            Kind::Money,
            "By your prices; nothing without them.",
        ),
    ];
    columns.extend(outcomes.map(|(key, label, kind, about)| column(key, label, kind, about)));
    let points = plan.sweep.iter().flat_map(|sweep| &sweep.points);
    Table {
        name: "what_if",
        sheet: "What if",
        title: "What if inputs were others",
        note: "Each row is the same arithmetic with these inputs moved and all others as they are; process servers and their cache are our own model.".to_owned(),
        columns,
        rows: points.map(|point| row(point, &kinds)).collect(),
    }
}

fn row(point: &Point, kinds: &[Kind]) -> Vec<Cell> {
    let moved = point.at.iter().zip(kinds).map(|(value, kind)| match kind {
        Kind::Era => Cell::text(kind.human(*value)),
        kind => Cell::Figure(*value, *kind),
    });
    let outcomes = [
        Cell::Figure(point.machines, Kind::Count),
        Cell::Figure(point.bits_per_second, Kind::BitsPerSecond),
        Cell::may(point.rpo_half_ms, Kind::Milliseconds),
        Cell::may(point.rpo_99_ms, Kind::Milliseconds),
        Cell::may(point.rpo_always_ms, Kind::Milliseconds),
        Cell::Figure(point.violations_per_day_per_mille, Kind::Thousandths),
        Cell::Figure(point.steps_over_per_mille, Kind::PerMille),
        Cell::Figure(point.backlog_bytes, Kind::Bytes),
        Cell::may(point.catch_up_ms, Kind::Milliseconds),
        Cell::may(point.copy_seconds, Kind::Seconds),
        Cell::may(point.copy_backlog_bytes, Kind::Bytes),
        Cell::may(point.needed_bits_per_second, Kind::BitsPerSecond),
        Cell::Figure(point.process_servers, Kind::Count),
        Cell::Figure(point.process_servers_over, Kind::Count),
        Cell::may(point.cache_holds_seconds, Kind::Seconds),
        Cell::Figure(point.at_sources_bytes, Kind::Bytes),
        Cell::Figure(point.copied_again_bytes, Kind::Bytes),
        Cell::may(point.cost_micros_per_month, Kind::Money),
    ];
    moved.chain(outcomes).collect()
}
