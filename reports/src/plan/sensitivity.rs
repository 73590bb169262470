//! What moves a plan's answers most, in words and as a table.

use planning::plan::Plan;
use planning::tornado::{Bar, Outcome, What};

use super::certainty;
use super::tables::sweep::{kind, label};
use super::tables::{Cell, Column, Table, column, from, text};
use super::units::Kind;

/// What an outcome is called.
pub(super) fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Rpo => "RPO at its worst",
        Outcome::Needed => "bandwidth needed",
        Outcome::Recovery => "recovery",
        Outcome::InitialCopy => "initial replication",
        Outcome::CacheHolds => "outage that the caches hold",
        Outcome::Failback => "failback to the machines that were left",
        Outcome::Cost => "cost a month",
    }
}

/// What the values of an outcome are.
pub(super) fn unit(outcome: Outcome) -> Kind {
    match outcome {
        Outcome::Rpo => Kind::Milliseconds,
        Outcome::Needed => Kind::BitsPerSecond,
        Outcome::Recovery | Outcome::InitialCopy | Outcome::CacheHolds | Outcome::Failback => Kind::Seconds,
        Outcome::Cost => Kind::Money,
    }
}

/// The keys of an outcome's columns: with the lower value and with the higher one; and the origin of what stands in them.
pub(super) fn keys(outcome: Outcome) -> (&'static str, &'static str, &'static str) {
    match outcome {
        Outcome::Rpo => ("rpo_low", "rpo_high", "rpo-always"),
        Outcome::Needed => ("needed_low", "needed_high", "bandwidth-always"),
        Outcome::Recovery => ("recovery_low", "recovery_high", "recovery"),
        Outcome::InitialCopy => ("initial_replication_low", "initial_replication_high", "copy-time"),
        Outcome::CacheHolds => ("cache_holds_low", "cache_holds_high", "cache-holds"),
        Outcome::Failback => ("failback_low", "failback_high", "failback-time"),
        Outcome::Cost => ("cost_low", "cost_high", "cost"),
    }
}

/// An outcome in words.
pub(super) fn said(outcome: Outcome, value: Option<u64>) -> String {
    let none = if outcome == Outcome::Needed {
        "none"
    } else {
        "without an end"
    };
    value.map_or_else(|| none.to_owned(), |value| unit(outcome).human(value))
}

/// What is moved.
pub(super) fn what(bar: &Bar) -> &str {
    match &bar.input {
        What::Input(input) => label(*input),
        What::Constant(name) => name,
    }
}

/// What a constant means; nothing for an input, whose name says it.
pub(super) fn meaning<'a>(plan: &'a Plan, bar: &Bar) -> &'a str {
    let constant = match &bar.input {
        What::Input(_) => None,
        What::Constant(name) => plan.constants.iter().find(|constant| constant.name == *name),
    };
    constant.map_or("", |constant| &constant.meaning)
}

/// A value of what is moved.
pub(super) fn value(plan: &Plan, bar: &Bar, value: u64) -> String {
    match &bar.input {
        What::Input(input) => kind(*input).human(value),
        What::Constant(name) => {
            let constant = plan.constants.iter().find(|constant| constant.name == *name);
            constant.map_or_else(
                || Kind::Count.human(value),
                |constant| certainty::words(constant.unit, value),
            )
        }
    }
}

/// What an outcome depends on most, in a sentence; none where nothing moves it.
pub(super) fn most(plan: &Plan, outcome: Outcome) -> Option<String> {
    let bar = *plan.tornado.sorted(outcome).first()?;
    Some(format!(
        "the {} depends most on {}: {} at {}, {} at {}",
        name(outcome),
        what(bar),
        said(outcome, bar.at_low.of(outcome)),
        value(plan, bar, bar.low),
        said(outcome, bar.at_high.of(outcome)),
        value(plan, bar, bar.high)
    ))
}

/// All that moves an answer. A cell is empty where that answer is as it is without the move.
pub(super) fn table(plan: &Plan) -> Table {
    let tornado = &plan.tornado;
    let rows = tornado.bars.iter().map(|bar| {
        let mut row = vec![
            Cell::text(what(bar)),
            Cell::text(meaning(plan, bar)),
            Cell::text(value(plan, bar, bar.low)),
            Cell::text(value(plan, bar, bar.high)),
        ];
        for outcome in Outcome::ALL {
            let moves = tornado.spread(bar, outcome) > 0;
            for end in [&bar.at_low, &bar.at_high] {
                row.push(match end.of(outcome) {
                    _ if !moves => Cell::Empty,
                    Some(value) => Cell::Figure(value, unit(outcome)),
                    None => Cell::text(said(outcome, None)),
                });
            }
        }
        row
    });
    let mut columns = vec![
        text(
            "input",
            "what is moved",
            "An input, or a constant by its name in a file of --calibrate.",
        ),
        text("meaning", "what it is", "What a constant is."),
        text(
            "low",
            "lower value",
            "By planning/data/ranges.csv, or the least that an uncertain constant may be.",
        ),
        text("high", "higher value", "By the same, or the most."),
    ];
    let of = |outcome: Outcome| -> [Column; 2] {
        let (low, high, origin) = keys(outcome);
        let column = |key, which: &str| {
            let label = format!("{} at the {which} value", name(outcome));
            let about = format!("Empty: it is not moved. {}", from(plan, origin));
            column(key, label, unit(outcome), about)
        };
        [column(low, "lower"), column(high, "higher")]
    };
    columns.extend(Outcome::ALL.into_iter().flat_map(of));
    Table {
        name: "sensitivity",
        sheet: "Sensitivity",
        title: "What moves the answers most",
        note: "One input or constant at a time, around the bandwidth given or needed; what moves the RPO most comes first, then what moves the \
               bandwidth needed, and so on. What was measured is not moved, and what moves nothing is not here."
            .to_owned(),
        columns,
        rows: rows.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::samples;

    #[test]
    fn every_bar_has_a_row_and_what_it_does_not_move_is_empty() {
        let plan = samples::three();
        let table = table(&plan);
        assert_eq!(table.rows.len(), plan.tornado.bars.len());
        let row = |name: &str| table.rows.iter().find(|row| row[0] == Cell::text(name)).unwrap();
        let boot = row("boot");
        assert_eq!(
            boot[1],
            Cell::text("From power to the first request that a machine answers")
        );
        assert_eq!(boot[2], Cell::text("30.0 s"));
        assert_eq!(
            (&boot[4], &boot[6]),
            (&Cell::Empty, &Cell::Empty),
            "neither RPO nor bandwidth"
        );
        assert!(matches!(boot[8], Cell::Figure(_, Kind::Seconds)));
        assert!(matches!(row("bandwidth")[4], Cell::Figure(_, Kind::Milliseconds)));
        assert!(
            matches!(row("drills")[16], Cell::Figure(_, Kind::Money)),
            "there are prices"
        );
    }

    #[test]
    fn what_matters_most_is_said() {
        let plan = samples::three();
        let said = most(&plan, Outcome::Recovery).unwrap();
        assert!(
            said.starts_with("the recovery depends most on boot: ") && said.contains(" at 30.0 s, "),
            "{said}"
        );
        assert!(most(&samples::bare(), Outcome::Cost).is_none(), "no prices");
    }
}
