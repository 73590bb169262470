//! What if inputs were others: one input as a chart, two as a heat map; the value that keeps a goal.

use std::fmt::Write as _;

use planning::plan::Plan;
use planning::sweep::{Axis, Point, Sweep};

use super::chart::{Chart, Mark, Series};
use super::tornado;
use crate::chart::escape;
use crate::plan::figures::rpo;
use crate::plan::finding::answer;
use crate::plan::tables::sweep::{kind, label};
use crate::plan::units::Kind;

/// Labels below a chart.
const TICKS_MAX: usize = 8;
/// A heat map is no larger, each way; the table has all.
const CELLS_MAX: usize = 40;
/// The RPO wanted is so far along the colours; twice as much, and half as much, a step further.
const MIDDLE: u32 = 40;
const STEP: u32 = 10;

/// What moves the answers, and what was asked; nothing of what was not.
pub(super) fn sections(out: &mut String, plan: &Plan) {
    tornado::sections(out, plan);
    if let Some(found) = &plan.find {
        let _ = writeln!(
            out,
            "<figure id=\"found\"><figcaption><h3>The value that keeps a goal</h3><p>{}. <a href=\"#find\">All that was run</a>.</p></figcaption></figure>",
            escape(&answer(found))
        );
    }
    match plan.sweep.as_ref() {
        Some(sweep) if sweep.axes.len() == 1 => {
            for chart in curves(plan, sweep) {
                out.push_str(&chart.draw().html());
            }
        }
        Some(sweep) if sweep.axes.len() == 2 => heat(out, plan, sweep),
        _ => {}
    }
}

/// An RPO in words.
fn words(rpo_ms: Option<u64>) -> String {
    rpo_ms.map_or_else(|| "without an end".to_owned(), |value| Kind::Milliseconds.human(value))
}

fn value(axis: &Axis, value: u64) -> String {
    kind(axis.input).human(value)
}

/// A curve of each outcome that the input moves: the RPO always, of the others those that are not the same everywhere.
fn curves(plan: &Plan, sweep: &Sweep) -> Vec<Chart> {
    let axis = &sweep.axes[0];
    let every = sweep.points.len().div_ceil(TICKS_MAX).max(1);
    let places: Vec<String> = axis.values.iter().map(|of| value(axis, *of)).collect();
    type Of = fn(&Point) -> Option<u64>;
    type Drawn<'a> = (&'static str, &'a str, Kind, &'a [(&'a str, Of)]);
    let series = |(name, of): &(&str, Of)| Series {
        name: (*name).to_owned(),
        mark: Mark::Line,
        values: sweep.points.iter().map(of).collect(),
    };
    let chart = |id: &'static str, title: &str, kind: Kind, of: &[(&str, Of)], limits: Vec<(String, u64)>| Chart {
        id,
        title: format!("{title} by {}", label(axis.input)),
        note: "All other inputs are as they are.".to_owned(),
        axis: label(axis.input).to_owned(),
        ticks: places.iter().cloned().enumerate().step_by(every).collect(),
        places: places.clone(),
        kind,
        series: of.iter().map(series).collect(),
        limits,
    };
    let rpo: [(&str, Of); 3] = [
        ("at its worst", |point| point.rpo_always_ms),
        ("in 99 % of the time", |point| point.rpo_99_ms),
        ("in half of the time", |point| point.rpo_half_ms),
    ];
    let wanted = vec![("RPO wanted".to_owned(), u64::from(plan.rpo_seconds) * 1_000)];
    let mut charts = vec![chart("what-if", "RPO", Kind::Milliseconds, &rpo, wanted)];
    let others: [Drawn<'_>; 6] = [
        (
            "what-if-violations",
            "Violations a day",
            Kind::Thousandths,
            &[("violations a day", |point| Some(point.violations_per_day_per_mille))],
        ),
        (
            "what-if-backlog",
            "Backlog",
            Kind::Bytes,
            &[
                ("largest backlog", |point| Some(point.backlog_bytes)),
                ("of it at the sources", |point| Some(point.at_sources_bytes)),
                ("copied again", |point| Some(point.copied_again_bytes)),
            ],
        ),
        (
            "what-if-catch-up",
            "Time to catch up",
            Kind::Milliseconds,
            &[("after an outage", |point| point.catch_up_ms)],
        ),
        (
            "what-if-copy",
            "Initial replication",
            Kind::Milliseconds,
            &[("until all machines are copied", |point| {
                point.copy_seconds.map(|seconds| seconds.saturating_mul(1_000))
            })],
        ),
        (
            "what-if-cache",
            "Outage that the cache holds",
            Kind::Milliseconds,
            &[("outage that the cache holds", |point| {
                point.cache_holds_seconds.map(|seconds| seconds.saturating_mul(1_000))
            })],
        ),
        (
            "what-if-cost",
            "Cost a month",
            Kind::Money,
            &[("cost a month", |point| point.cost_micros_per_month)],
        ),
    ];
    for (id, title, kind, of) in others {
        let moves = |of: &Of| sweep.points.windows(2).any(|pair| of(&pair[0]) != of(&pair[1]));
        if of.iter().any(|(_, of)| moves(of)) {
            charts.push(chart(id, title, kind, of, Vec::new()));
        }
    }
    charts
}

/// The worst RPO of each pair, the more coloured the longer; what is over the RPO wanted has the other colour.
fn heat(out: &mut String, plan: &Plan, sweep: &Sweep) {
    let (down, across) = (&sweep.axes[0], &sweep.axes[1]);
    let wanted = (u64::from(plan.rpo_seconds) * 1_000).max(1);
    let _ = writeln!(
        out,
        "<figure id=\"what-if\"><figcaption><h3>RPO at its worst, by {} and {}</h3><p>The RPO wanted is {}; what is over it is marked.</p></figcaption>\
         <div class=\"scroll\"><table class=\"heat\"><thead><tr><th>{}</th>",
        escape(label(down.input)),
        escape(label(across.input)),
        escape(&rpo(plan.rpo_seconds)),
        escape(label(down.input)),
    );
    for of in across.values.iter().take(CELLS_MAX) {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escape(&value(across, *of)));
    }
    out.push_str("</tr></thead><tbody>\n");
    let rows = sweep.points.chunks(across.values.len().max(1));
    for (of, points) in down.values.iter().zip(rows).take(CELLS_MAX) {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", escape(&value(down, *of)));
        for point in points.iter().take(CELLS_MAX) {
            let over = point.rpo_always_ms.is_none_or(|rpo| rpo > wanted);
            let _ = write!(
                out,
                "<td class=\"{}\" style=\"--heat:{}%\" title=\"{} of the time over the RPO; backlog up to {}\">{}</td>",
                if over { "over" } else { "within" },
                warmth(point.rpo_always_ms, wanted),
                escape(&Kind::PerMille.human(point.steps_over_per_mille)),
                escape(&Kind::Bytes.human(point.backlog_bytes)),
                escape(&words(point.rpo_always_ms)),
            );
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div></figure>\n");
}

/// How strongly a cell is coloured, in per cent: by how many times as long as wanted the RPO is, or as short.
fn warmth(rpo_ms: Option<u64>, wanted_ms: u64) -> u32 {
    let Some(rpo) = rpo_ms else { return 90 };
    let (more, less) = (rpo.max(1) / wanted_ms, wanted_ms / rpo.max(1));
    let steps = more.max(less).max(1).ilog2();
    (MIDDLE + STEP * steps).min(90)
}
