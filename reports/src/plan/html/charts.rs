//! The charts of a plan.

use planning::cost::{Component, State};
use planning::plan::{Hour, Plan, WhatIf};
use planning::words::rate;

use super::chart::{Chart, Mark, Series};
use crate::chart::Figure;
use crate::plan::figures::{rpo, share};
use crate::plan::tables::estate::amount;
use crate::plan::tables::time::{day, hour_seconds, moment, shown};
use crate::plan::units::Kind;
use crate::plan::words::{component, state};

/// Places of a chart over hours; more hours share one, by their greatest.
const PLACES_MAX: usize = 240;
/// Labels below a chart over time.
const TICKS_MAX: usize = 8;

pub(super) fn all(plan: &Plan) -> Vec<Figure> {
    let mut figures = Vec::new();
    match shown(plan) {
        Some(what_if) => figures.extend(over_time(plan, what_if)),
        None => figures.push(Figure::without_drawing(
            "arriving",
            "Changes over time",
            "No bandwidth is given, and none keeps the RPO.".to_owned(),
        )),
    }
    figures.push(bandwidths(plan).draw());
    figures.extend(initial(plan).iter().map(Chart::draw));
    figures.extend(super::recovery::chart(plan));
    figures.extend(cost(plan).map(|chart| chart.draw()));
    figures
}

/// Hours gathered into places: the greatest of each.
struct Places {
    hours: Vec<Hour>,
    names: Vec<String>,
    ticks: Vec<(usize, String)>,
    axis: String,
}

fn places(plan: &Plan, hours: &[Hour]) -> Places {
    let each = hours.len().div_ceil(PLACES_MAX).max(1);
    let seconds = hour_seconds(plan, hours.len());
    let start = |place: usize| i64::try_from(place * each).unwrap_or(0) * seconds;
    let gathered: Vec<Hour> = hours
        .chunks(each)
        .map(|chunk| {
            let most = |of: fn(&Hour) -> u64| chunk.iter().map(of).max().unwrap_or(0);
            Hour {
                arriving: most(|hour| hour.arriving),
                backlog_bytes: most(|hour| hour.backlog_bytes),
                delay_ms: most(|hour| hour.delay_ms),
            }
        })
        .collect();
    // At the first place of a day, or evenly within one.
    let of_day = |place: usize| start(place).div_euclid(86_400);
    let days: Vec<usize> = (0..gathered.len())
        .filter(|&place| place == 0 || of_day(place) != of_day(place - 1))
        .collect();
    let (marked, short) = if days.len() > 2 {
        let every = days.len().div_ceil(TICKS_MAX);
        (days.into_iter().step_by(every).collect::<Vec<_>>(), true)
    } else {
        let every = gathered.len().div_ceil(TICKS_MAX).max(1);
        ((0..gathered.len()).step_by(every).collect(), false)
    };
    let label = |place: usize| {
        let full = moment(plan, start(place));
        // The date of a day, the time of an hour.
        let (date, time) = full.rsplit_once(' ').unwrap_or(("", &full));
        if short {
            date.trim_end_matches(',').to_owned()
        } else {
            time.to_owned()
        }
    };
    let hours_each = (each as i64) * seconds / 3_600;
    Places {
        names: (0..gathered.len()).map(|place| moment(plan, start(place))).collect(),
        ticks: marked.into_iter().map(|place| (place, label(place))).collect(),
        axis: if hours_each > 1 {
            format!("time (UTC), the greatest of each {hours_each} h")
        } else {
            "time (UTC), hour by hour".to_owned()
        },
        hours: gathered,
    }
}

fn with(plan: &Plan, what_if: &WhatIf) -> String {
    let which = if plan.given.is_some() {
        "the bandwidth given"
    } else {
        "the bandwidth recommended"
    };
    format!("With {which} ({}).", rate(what_if.bits_per_second.value))
}

fn over_time(plan: &Plan, what_if: &WhatIf) -> Vec<Figure> {
    let places = places(plan, &what_if.hours);
    let wanted = ("RPO wanted".to_owned(), u64::from(plan.rpo_seconds) * 1_000);
    let with = with(plan, what_if);
    let chart = |id, title: &str, note: String, kind, name: &str, of: fn(&Hour) -> u64, limits| {
        let values = places.hours.iter().map(|hour| Some(of(hour))).collect();
        let series = vec![Series {
            name: name.to_owned(),
            mark: Mark::Line,
            values,
        }];
        Chart {
            id,
            title: title.to_owned(),
            note,
            axis: places.axis.clone(),
            places: places.names.clone(),
            ticks: places.ticks.clone(),
            kind,
            series,
            limits,
        }
        .draw()
    };
    let mut figures = vec![
        chart(
            "arriving",
            "Changes that arrive, against the bandwidth",
            format!(
                "{with} What arrives above the line, the rate without throttles and outages, has to wait. Means of an hour, with growth, compressed; peaks within an hour are higher."
            ),
            Kind::BitsPerSecond,
            "changes that arrive",
            |hour| hour.arriving,
            vec![("bandwidth".to_owned(), what_if.bits_per_second.value)],
        ),
        chart(
            "backlog",
            "Backlog: changes that wait for the link",
            format!("{with} The largest of each hour."),
            Kind::Bytes,
            "backlog",
            |hour| hour.backlog_bytes,
            Vec::new(),
        ),
        chart(
            "rpo",
            "RPO: how long changes wait",
            format!("{with} The longest of each hour. The time between recovery points comes on top."),
            Kind::Milliseconds,
            "RPO",
            |hour| hour.delay_ms,
            vec![wanted.clone()],
        ),
    ];
    let names: Vec<String> = (0..what_if.days.len()).map(|number| day(plan, number)).collect();
    let every = names.len().div_ceil(TICKS_MAX).max(1);
    figures.push(
        Chart {
            id: "days",
            title: "RPO at its worst, day by day".to_owned(),
            note: with.clone(),
            axis: "day (UTC)".to_owned(),
            ticks: names.iter().cloned().enumerate().step_by(every).collect(),
            places: names,
            kind: Kind::Milliseconds,
            series: vec![Series {
                name: "RPO at its worst".to_owned(),
                mark: Mark::Columns,
                values: what_if.days.iter().map(|day| Some(day.peak_ms)).collect(),
            }],
            limits: vec![wanted],
        }
        .draw(),
    );
    figures
}

fn bandwidths(plan: &Plan) -> Chart {
    let often = share(plan.share_per_mille);
    let mut rows: Vec<_> = plan.bandwidths.iter().collect();
    rows.sort_by_key(|row| row.rpo_seconds);
    let names: Vec<String> = rows.iter().map(|row| format!("RPO {}", rpo(row.rpo_seconds))).collect();
    let series = |name: String, of: fn(&planning::plan::Bandwidth) -> Option<planning::plan::Figure>| Series {
        name,
        mark: Mark::Columns,
        values: rows.iter().map(|row| of(row).map(|figure| figure.value)).collect(),
    };
    let given = plan
        .given
        .iter()
        .map(|given| ("bandwidth given".to_owned(), given.what_if.bits_per_second.value));
    Chart {
        id: "bandwidth-by-rpo",
        title: "Bandwidth by RPO".to_owned(),
        note: "The smallest bandwidth that keeps each RPO. A longer RPO lets peaks be sent later, so it needs less."
            .to_owned(),
        axis: "RPO".to_owned(),
        ticks: rows.iter().map(|row| rpo(row.rpo_seconds)).enumerate().collect(),
        places: names,
        kind: Kind::BitsPerSecond,
        series: vec![
            series("always".to_owned(), |row| row.always),
            series(format!("in {often} of the time"), |row| row.share),
        ],
        limits: given.collect(),
    }
}

fn initial(plan: &Plan) -> [Chart; 2] {
    let curve = &plan.initial_copy.curve;
    let names: Vec<String> = curve.iter().map(|row| rate(row.bits_per_second)).collect();
    let ticks: Vec<(usize, String)> = names.iter().cloned().enumerate().collect();
    let chart = |id, title: &str, note: &str, kind, series| Chart {
        id,
        title: title.to_owned(),
        note: note.to_owned(),
        axis: "bandwidth".to_owned(),
        places: names.clone(),
        ticks: ticks.clone(),
        kind,
        series,
        limits: Vec::new(),
    };
    let columns = |name: &str, of: fn(&planning::plan::CopyRow) -> Option<u64>| Series {
        name: name.to_owned(),
        mark: Mark::Columns,
        values: curve.iter().map(of).collect(),
    };
    [
        chart(
            "copy-machines",
            "Initial replication: machines in a batch, and batches",
            "How many machines of the mean size can be copied at once so that the batch is done within the goal, beside the changes. \
             Where nothing is shown, not one machine is.",
            Kind::Count,
            vec![
                columns("machines in a batch", |row| Some(row.machines)),
                columns("batches", |row| row.batches),
            ],
        ),
        chart(
            "copy-days",
            "Initial replication: how long all batches take",
            "Batches one after another, each with the time of the goal.",
            Kind::Milliseconds,
            vec![columns("all batches", |row| {
                row.seconds.map(|seconds| seconds.saturating_mul(1_000))
            })],
        ),
    ]
}

fn cost(plan: &Plan) -> Option<Chart> {
    let cost = plan.cost.as_ref()?;
    let components = [
        Component::Compute,
        Component::Storage,
        Component::Network,
        Component::Licence,
    ];
    let names: Vec<String> = components.iter().map(|one| component(*one).to_owned()).collect();
    let series = |of: State| Series {
        name: state(of).to_owned(),
        mark: Mark::Columns,
        values: components.iter().map(|one| amount(plan, of, *one)).collect(),
    };
    Some(Chart {
        id: "cost-by-component",
        title: format!("Cost by component, {} per month", cost.currency),
        note: if cost.example {
            "Example prices, no price list. Replication: always. Drill: test failovers, their year divided by 12."
                .to_owned()
        } else {
            "Replication: always. Drill: test failovers, their year divided by 12.".to_owned()
        },
        axis: "component".to_owned(),
        ticks: names.iter().cloned().enumerate().collect(),
        places: names,
        kind: Kind::Money,
        series: vec![series(State::Replication), series(State::Drill)],
        limits: Vec::new(),
    })
}
