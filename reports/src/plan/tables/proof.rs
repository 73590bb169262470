//! The proof of a plan: arithmetic beside simulation, machine by machine.

use planning::plan::Plan;

use super::{Cell, Column, Table, text};
use crate::plan::units::Kind;

/// What is compared: key, what it is called, what it is.
const COMPARED: [(&str, &str, Kind); 6] = [
    ("rpo_p50", "RPO in half of the time", Kind::Milliseconds),
    ("rpo_p99", "RPO in 99 % of the time", Kind::Milliseconds),
    ("rpo_max", "RPO at its worst", Kind::Milliseconds),
    ("backlog", "largest backlog", Kind::Bytes),
    ("catch_up", "to catch up", Kind::Milliseconds),
    ("sent", "sent", Kind::Bytes),
];

/// The machines; none where nothing was proven.
pub(super) fn machines(plan: &Plan) -> Table {
    let proof = plan.proof.iter();
    let rows = proof.flat_map(|proof| &proof.machines).flat_map(|row| {
        let pairs = row.pairs();
        COMPARED.iter().filter_map(move |(key, label, kind)| {
            let (_, pair) = pairs.iter().find(|(name, _)| name == key)?;
            Some(vec![
                Cell::text(&row.name),
                Cell::text(*label),
                Cell::may(pair.arithmetic, *kind),
                Cell::may(pair.simulated, *kind),
                Cell::text(kind.unit()),
                Cell::text(if pair.why.is_none() { "yes" } else { "no" }),
                Cell::text(pair.why.map_or("", |why| why.text())),
            ])
        })
    });
    Table {
        name: "proof",
        sheet: "Proof",
        title: "Arithmetic beside simulation",
        note: "What the queue says and what the actors did, in the aggregate grain, with every recovery point judged. Figures within 5 % agree; \
               times also within 30 s, backlogs within what is written between two recovery points."
            .to_owned(),
        columns: columns(),
        rows: rows.collect(),
    }
}

fn columns() -> Vec<Column> {
    vec![
        text("vm", "machine", "Its name."),
        text("figure", "figure", "What is compared."),
        text(
            "arithmetic",
            "by arithmetic",
            "What the queue says; nothing where it has no end.",
        ),
        text(
            "simulated",
            "simulated",
            "What the actors did; nothing where it had no end.",
        ),
        text(
            "unit",
            "unit of the exact value",
            "The unit of the exact value in the file of this table.",
        ),
        text("agree", "agree", "Whether the two agree."),
        text("why", "why not", "What sets them apart."),
    ]
}
