//! Tables over time: days and hours of the window, outages, the initial replication.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use planning::plan::{Plan, WhatIf};

use super::{Cell, Table, column, from, text};
use crate::plan::figures::rpo;
use crate::plan::units::Kind;

const DAY_SECONDS: i64 = 86_400;

/// What the charts and tables over time show: what would happen with the bandwidth given, else with that of the lower share.
#[must_use]
pub fn shown(plan: &Plan) -> Option<&WhatIf> {
    plan.given
        .as_ref()
        .map(|given| &given.what_if)
        .or(plan.what_if.as_ref())
}

/// A moment of the window: its date and time where the window has one, else its day and time.
#[must_use]
pub fn moment(plan: &Plan, seconds: i64) -> String {
    let dated = plan.summary.start_seconds.and_then(|start| {
        let at = Timestamp::from_second(start.checked_add(seconds)?).ok()?;
        Some(at.to_zoned(TimeZone::UTC).strftime("%a %Y-%m-%d %H:%M").to_string())
    });
    dated.unwrap_or_else(|| {
        let (day, second) = (seconds / DAY_SECONDS, seconds % DAY_SECONDS);
        format!("day {}, {:02}:{:02}", day + 1, second / 3_600, second / 60 % 60)
    })
}

/// A day of the window, counted from 0.
#[must_use]
pub fn day(plan: &Plan, number: usize) -> String {
    let number = i64::try_from(number).unwrap_or(i64::MAX / DAY_SECONDS);
    let dated = plan.summary.start_seconds.and_then(|start| {
        let midnight = start
            .div_euclid(DAY_SECONDS)
            .checked_add(number)?
            .checked_mul(DAY_SECONDS)?;
        let at = Timestamp::from_second(midnight).ok()?;
        Some(at.to_zoned(TimeZone::UTC).strftime("%a %Y-%m-%d").to_string())
    });
    dated.unwrap_or_else(|| format!("day {}", number.saturating_add(1)))
}

fn with(plan: &Plan) -> String {
    let which = if plan.given.is_some() {
        "the bandwidth given"
    } else {
        "the bandwidth recommended for the lower share of the time"
    };
    shown(plan).map_or_else(
        || "No bandwidth is given and none is enough.".to_owned(),
        |what_if| {
            format!(
                "With {which}, {}.",
                planning::words::rate(what_if.bits_per_second.value)
            )
        },
    )
}

pub(super) fn days(plan: &Plan) -> Table {
    let wanted = rpo(plan.rpo_seconds);
    let days = shown(plan).map_or(&[][..], |what_if| &what_if.days);
    let rows = days.iter().enumerate().map(|(number, one)| {
        vec![
            Cell::text(day(plan, number)),
            Cell::Figure(one.peak_ms, Kind::Milliseconds),
            Cell::count(one.violations),
            Cell::count(one.steps_over),
        ]
    });
    Table {
        name: "what_if_days",
        sheet: "What-if days",
        title: "Day by day",
        note: with(plan),
        columns: vec![
            text("day", "day", "UTC, where the counters have a date."),
            column("rpo", "RPO at its worst", Kind::Milliseconds, from(plan, "rpo-always")),
            column(
                "violations",
                format!("times over {wanted}"),
                Kind::Count,
                from(plan, "violations"),
            ),
            column(
                "steps_over",
                format!("steps over {wanted}"),
                Kind::Count,
                from(plan, "steps-over"),
            ),
        ],
        rows: rows.collect(),
    }
}

pub(super) fn hours(plan: &Plan) -> Table {
    let hours = shown(plan).map_or(&[][..], |what_if| &what_if.hours);
    let seconds = hour_seconds(plan, hours.len());
    let rows = (0_i64..).zip(hours).map(|(number, hour)| {
        vec![
            Cell::text(moment(plan, number * seconds)),
            Cell::Figure(hour.arriving, Kind::BitsPerSecond),
            Cell::Figure(hour.backlog_bytes, Kind::Bytes),
            Cell::Figure(hour.delay_ms, Kind::Milliseconds),
        ]
    });
    Table {
        name: "what_if_hours",
        sheet: "What-if hours",
        title: "Hour by hour",
        note: with(plan),
        columns: vec![
            text("hour", "from", "UTC, where the counters have a date."),
            column(
                "arriving",
                "changes that arrive, mean",
                Kind::BitsPerSecond,
                "Changes with growth, compressed, as they go over the link.",
            ),
            column("backlog", "largest backlog", Kind::Bytes, from(plan, "backlog")),
            column("rpo", "RPO at its worst", Kind::Milliseconds, from(plan, "rpo-always")),
        ],
        rows: rows.collect(),
    }
}

/// Seconds of an entry of a chart's hours: an hour, but where the counters' steps are longer.
#[must_use]
pub fn hour_seconds(plan: &Plan, hours: usize) -> i64 {
    let window = plan.summary.profiled_seconds.value;
    let each = window / (hours as u64).max(1);
    // The last one may be shorter, so that the mean is below an hour.
    i64::try_from(each.max(3_600)).unwrap_or(3_600)
}

pub(super) fn outages(plan: &Plan) -> Table {
    let outages = shown(plan).map_or(&[][..], |what_if| &what_if.catch_up);
    let rows = outages.iter().enumerate().map(|(number, one)| {
        vec![
            Cell::count(number + 1),
            Cell::Figure(one.backlog_bytes, Kind::Bytes),
            Cell::Figure(one.served_after_ms, Kind::Milliseconds),
            Cell::may(one.empty_after_ms, Kind::Milliseconds),
        ]
    });
    Table {
        name: "outages",
        sheet: "Outages",
        title: "After each outage of a link",
        note: "How the backlog comes down again. Empty: not within the time that the counters cover.".to_owned(),
        columns: vec![
            column("outage", "outage", Kind::Count, "In the order in which they are given."),
            column(
                "backlog",
                "backlog at its end",
                Kind::Bytes,
                "Changes that wait when the link is back.",
            ),
            column(
                "served_after",
                "these are sent after",
                Kind::Milliseconds,
                "What waited when the link came back has gone over it.",
            ),
            column(
                "empty_after",
                "no backlog after",
                Kind::Milliseconds,
                "Nothing waits for the first time.",
            ),
        ],
        rows: rows.collect(),
    }
}

pub(super) fn initial(plan: &Plan) -> Table {
    let rows = plan.initial_copy.curve.iter().map(|row| {
        vec![
            Cell::Figure(row.bits_per_second, Kind::BitsPerSecond),
            Cell::Figure(row.machines, Kind::Count),
            Cell::may(row.batches, Kind::Count),
            Cell::may(row.seconds, Kind::Seconds),
        ]
    });
    Table {
        name: "initial_replication",
        sheet: "Initial replication",
        title: "Initial replication by bandwidth",
        note: format!(
            "How many machines of the mean size ({}) are copied at once so that each batch is done within the goal, beside the changes.",
            Kind::Bytes.human(plan.initial_copy.machine_bytes.value)
        ),
        columns: vec![
            column("bandwidth", "bandwidth", Kind::BitsPerSecond, "Of all links together."),
            column("machines", "machines in a batch", Kind::Count, from(plan, "copy-curve")),
            column(
                "batches",
                "batches",
                Kind::Count,
                "⌈machines ÷ machines in a batch⌉. Empty: not one machine is done within the goal.",
            ),
            column("duration", "all of them take", Kind::Seconds, "Batches × goal."),
        ],
        rows: rows.collect(),
    }
}

pub(super) fn batches(plan: &Plan) -> Table {
    let copy = &plan.initial_copy;
    let row = |what: String, finish: &planning::initial::Finish| {
        vec![
            Cell::text(what),
            Cell::Figure(finish.began_seconds, Kind::Seconds),
            Cell::Figure(finish.done_seconds, Kind::Seconds),
            Cell::Figure(finish.backlog_bytes, Kind::Bytes),
        ]
    };
    let mut rows: Vec<Vec<Cell>> = copy
        .at_once
        .iter()
        .map(|finish| row("all machines at once".to_owned(), finish))
        .collect();
    let batches = (1..).zip(&copy.batches);
    rows.extend(batches.map(|(number, finish): (usize, _)| row(format!("batch {number}"), finish)));
    Table {
        name: "initial_replication_batches",
        sheet: "Initial replication batches",
        title: "Initial replication, followed through the queue",
        note: format!(
            "With {}, beside the changes.",
            planning::words::rate(copy.simulated.value)
        ),
        columns: vec![
            text("what", "what is copied", "All machines at once, or batch after batch."),
            column(
                "began",
                "begins after",
                Kind::Seconds,
                "From the start of the first one.",
            ),
            column(
                "done",
                "is done after",
                Kind::Seconds,
                "From the start of the first one. Simulated, not the formula of the batches.",
            ),
            column(
                "backlog",
                "largest backlog meanwhile",
                Kind::Bytes,
                "Changes that wait while it is copied.",
            ),
        ],
        rows,
    }
}

/// What a step of a recovery is.
pub(in crate::plan) fn step_name(step: &planning::recovery::Step) -> String {
    use planning::recovery::Part;
    match (step.part, step.group) {
        (Part::Hydration, _) => "hydration".to_owned(),
        (Part::Group, Some(group)) => format!("group {group} is created and boots"),
        (Part::Group, None) => "machines are created and boot".to_owned(),
        (Part::Limit, _) => "the service's limit of failovers in an hour".to_owned(),
    }
}

/// When each step of a recovery begins, in seconds from the start of the recovery plan: one follows the other.
pub(in crate::plan) fn begins(plan: &Plan) -> Vec<u64> {
    let begins = plan.recovery.steps.iter().scan(0_u64, |ends, step| {
        let from = *ends;
        *ends = ends.saturating_add(step.seconds.value);
        Some(from)
    });
    begins.collect()
}

pub(super) fn recovery(plan: &Plan) -> Table {
    use planning::recovery::Part;
    let recovery = &plan.recovery;
    let rows = recovery.steps.iter().zip(begins(plan)).map(|(step, begins)| {
        let of = |part: Part| Cell::may((step.part == part).then_some(step.seconds.value), Kind::Seconds);
        let part = |figure: Option<planning::plan::Figure>| Cell::may(figure.map(|figure| figure.value), Kind::Seconds);
        vec![
            Cell::text(step_name(step)),
            Cell::Figure(step.machines.value, Kind::Count),
            Cell::Figure(step.seconds.value, Kind::Seconds),
            Cell::text(if step.longest { "the longest" } else { "" }),
            Cell::Figure(begins, Kind::Seconds),
            of(Part::Hydration),
            part(step.creation),
            part(step.boot),
            of(Part::Limit),
        ]
    });
    let seconds = |figure: planning::plan::Figure| Kind::Seconds.human(figure.value);
    Table {
        name: "recovery",
        sheet: "Recovery",
        title: "Recovery, step by step",
        note: format!(
            "From the start of the recovery plan to the last machine that answers: {}; {} to {} where uncertain constants are otherwise. \
             Without scripts, people and checks: a drill has them.",
            seconds(recovery.seconds),
            seconds(recovery.least_seconds),
            seconds(recovery.most_seconds)
        ),
        columns: vec![
            text("step", "step", "Steps follow each other."),
            column("machines", "machines", Kind::Count, "Machines that it is about."),
            column("takes", "takes", Kind::Seconds, "By the constants of this plan."),
            text("longest", "which is the longest", "Where to look first."),
            column(
                "begins",
                "begins after",
                Kind::Seconds,
                "When the steps before it are done.",
            ),
            column(
                "hydration",
                "of it hydration",
                Kind::Seconds,
                from(plan, "recovery-hydration"),
            ),
            column(
                "creation",
                "of it creation",
                Kind::Seconds,
                from(plan, "recovery-group"),
            ),
            column("boot", "of it boot", Kind::Seconds, from(plan, "recovery-group")),
            column(
                "limit",
                "of it the service's limit",
                Kind::Seconds,
                from(plan, "recovery-limit"),
            ),
        ],
        rows: rows.collect(),
    }
}

pub(super) fn failback(plan: &Plan) -> Table {
    let failback = &plan.recovery.failback;
    let row = |what: &str, bytes: planning::plan::Figure, seconds: Option<planning::plan::Figure>| {
        vec![
            Cell::text(what),
            Cell::Figure(bytes.value, Kind::Bytes),
            seconds.map_or(Cell::Empty, |seconds| Cell::Figure(seconds.value, Kind::Seconds)),
        ]
    };
    Table {
        name: "failback",
        sheet: "Failback",
        title: "Failback",
        note: format!(
            "Over {}, beside the changes that go on. The machines are down only from their shutdown in Azure to their boot at home.",
            planning::words::rate(failback.bits_per_second.value)
        ),
        columns: vec![
            text("way", "to where", "Facts §4.3."),
            column(
                "bytes",
                "goes over the line",
                Kind::Bytes,
                "Compressed, with headers of packets.",
            ),
            column(
                "takes",
                "takes",
                Kind::Seconds,
                "Bytes ÷ (rate − mean change). Empty: the changes leave nothing of the line.",
            ),
        ],
        rows: vec![
            row(
                "the machines that were left: what was written since",
                failback.original_bytes,
                failback.original_seconds,
            ),
            row(
                "new machines: all that is used",
                failback.alternate_bytes,
                failback.alternate_seconds,
            ),
        ],
    }
}
