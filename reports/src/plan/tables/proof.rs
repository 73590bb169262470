//! The proof of a plan: arithmetic beside simulation, machine by machine.

use planning::plan::Plan;
use planning::proof::{Pair, Row};

use super::{Cell, Column, Table, column, text};
use crate::plan::units::Kind;

/// What is compared: key, what it is called, what it is, what it means.
pub const COMPARED: [(&str, &str, Kind, &str); 6] = [
    (
        "rpo_p50",
        "RPO in half of the time",
        Kind::Milliseconds,
        "In half of the time the newest recovery point that could be used was no older.",
    ),
    (
        "rpo_p99",
        "RPO in 99 % of the time",
        Kind::Milliseconds,
        "The same for 99 % of the time.",
    ),
    (
        "rpo_max",
        "RPO at its worst",
        Kind::Milliseconds,
        "The same for all of it.",
    ),
    (
        "backlog",
        "largest backlog",
        Kind::Bytes,
        "What waits on premises at the most, as bytes of disk.",
    ),
    (
        "catch_up",
        "to catch up",
        Kind::Milliseconds,
        "From the end of the last outage until the newest point is as young as without one; nothing without an outage.",
    ),
    (
        "sent",
        "sent",
        Kind::Bytes,
        "What goes to Azure, compressed, without the headers of packets.",
    ),
];

/// A machine's pair of what is compared.
#[must_use]
pub fn pair(row: &Row, key: &str) -> Option<Pair> {
    row.pairs()
        .into_iter()
        .find(|(name, _)| *name == key)
        .map(|(_, pair)| pair)
}

/// The machines; none where nothing was proven.
pub(super) fn machines(plan: &Plan) -> Table {
    let proof = plan.proof.iter();
    let rows = proof.flat_map(|proof| &proof.machines).flat_map(|row| {
        COMPARED.iter().filter_map(move |(key, label, kind, _)| {
            let pair = pair(row, key)?;
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
    let mixed = |key, label, about| column(key, label, Kind::Text, about);
    vec![
        text("vm", "machine", "Its name."),
        text("figure", "figure", "What is compared."),
        mixed(
            "arithmetic",
            "by arithmetic",
            "What the queue says; nothing where it has no end.",
        ),
        mixed(
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
