//! The value that keeps a goal, in words and as a table.

use planning::find::{Because, Found, Goal};
use planning::plan::Plan;
use planning::sweep::Input;

use super::tables::sweep::{kind, label};
use super::tables::{Cell, Table, column, text};
use super::units::Kind;

/// A run of a search that is done, for a line on a terminal.
#[must_use]
pub fn tried(input: Input, goal: Goal, number: u64, value: u64, measured_ms: Option<u64>) -> String {
    format!(
        "{number} drills; {} {}: {} RPO {}",
        label(input),
        kind(input).human(value),
        goal.quantity.name(),
        measured(measured_ms)
    )
}

fn measured(ms: Option<u64>) -> String {
    ms.map_or_else(
        || "of a machine that was never protected".to_owned(),
        |ms| Kind::Milliseconds.human(ms),
    )
}

/// The answer in sentences.
#[must_use]
pub(super) fn answer(found: &Found) -> String {
    let what = label(found.input);
    let kind = kind(found.input);
    let of = |value: u64| {
        found
            .at(value)
            .map_or_else(String::new, |tried| measured(tried.measured_ms))
    };
    let which = if found.smallest { "smallest" } else { "largest" };
    let goal = found.goal;
    let runs = found.tried.len();
    let mut said = match (found.value, found.fails_at) {
        (Some(value), Some(fails)) => format!(
            "{} is the {which} {what} with {goal}: {} there, {} at {}",
            kind.human(value),
            of(value),
            of(fails),
            kind.human(fails)
        ),
        _ if found.tried.iter().any(|tried| tried.holds) => format!("every {what} that was run keeps {goal}"),
        _ => format!("no {what} that was run keeps {goal}"),
    };
    said.push_str(&format!(
        " ({runs} drills, each measured over {})",
        Kind::Seconds.human(found.simulated_seconds)
    ));
    if let Some(reckoned) = found.reckoned {
        said.push_str(&format!("; the arithmetic alone says {}", kind.human(reckoned)));
    }
    let broken = found.tried.iter().filter(|tried| tried.broken).count();
    if broken > 0 {
        said.push_str(&format!(
            "; {broken} of these drills, which miss the goal, broke an invariant of the simulation, which is our fault"
        ));
    }
    if !found.not_monotone.is_empty() {
        let others: Vec<String> = found.not_monotone.iter().map(|value| kind.human(*value)).collect();
        said.push_str(&format!("; it is not so throughout: see {}", others.join(", ")));
    }
    said
}

fn because(because: Because) -> &'static str {
    match because {
        Because::Reckoned => "the arithmetic says so",
        Because::Bracket => "to have one that keeps the goal and one that does not",
        Because::Between => "between two such",
        Because::Beyond => "2 % beyond",
        Because::Again => "looked at again, whether more is always better",
    }
}

/// All that was run; no rows where nothing was asked.
#[must_use]
pub(super) fn table(plan: &Plan) -> Table {
    let kind = plan.find.as_ref().map_or(Kind::Count, |found| kind(found.input));
    let what = plan.find.as_ref().map_or("value", |found| label(found.input));
    let rows = plan.find.iter().flat_map(|found| &found.tried).map(|tried| {
        vec![
            Cell::Figure(tried.value, kind),
            Cell::may(tried.measured_ms, Kind::Milliseconds),
            Cell::text(if tried.holds { "yes" } else { "no" }),
            Cell::text(because(tried.because)),
        ]
    });
    Table {
        name: "find",
        sheet: "Value for a goal",
        title: "The value that keeps a goal",
        note: plan.find.as_ref().map_or_else(
            || "Nothing was searched for.".to_owned(),
            |found| format!("{}.", answer(found)),
        ),
        columns: vec![
            column("value", what, kind, "What the drill was run with."),
            column(
                "measured",
                "RPO then",
                Kind::Milliseconds,
                "Measured in the drill, of the machine that was worst. Empty: a machine was never protected.",
            ),
            text("holds", "keeps the goal", "Whether that is less than the goal."),
            text("because", "why it was run", "What the search was at."),
        ],
        rows: rows.collect(),
    }
}
