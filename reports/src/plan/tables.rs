//! The tables of a plan, made once: the page, the spreadsheet and the CSV files show the same rows.

pub(super) mod estate;
pub(super) mod machines;
pub(super) mod proof;
pub(super) mod sweep;
pub(super) mod time;

use planning::plan::Plan;

use super::figures::{Named, figures};
use super::units::Kind;

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing is known, or nothing applies.
    Empty,
    /// Text.
    Text(String),
    /// A figure.
    Figure(u64, Kind),
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }

    fn count(value: usize) -> Self {
        Self::Figure(value as u64, Kind::Count)
    }

    pub(super) fn may(value: Option<u64>, kind: Kind) -> Self {
        value.map_or(Self::Empty, |value| Self::Figure(value, kind))
    }
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name in CSV files, without its unit.
    pub key: &'static str,
    /// What it is called elsewhere.
    pub label: String,
    /// What its cells are; text where they differ or are text.
    pub kind: Kind,
    /// What it means, or where its figures are from.
    pub about: String,
}

impl Column {
    /// Its name in CSV files with its unit.
    #[must_use]
    pub fn header(&self) -> String {
        match self.kind.unit() {
            "" => self.key.to_owned(),
            unit => format!("{}_{unit}", self.key),
        }
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name: `tables/NAME.csv`, and its place on the page.
    pub name: &'static str,
    /// The name of its sheet.
    pub sheet: &'static str,
    /// Its title.
    pub title: &'static str,
    /// How to read it.
    pub note: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, each with a cell a column.
    pub rows: Vec<Vec<Cell>>,
}

/// The names of all tables, in their order.
pub const NAMES: [&str; 26] = [
    "summary",
    "recommendations",
    "placement",
    "compatible_machines",
    "incompatible_machines",
    "cost",
    "what_if_days",
    "bandwidths",
    "what_if",
    "sensitivity",
    "proof",
    "find",
    "initial_replication",
    "initial_replication_batches",
    "recovery",
    "failback",
    "servers",
    "storage_accounts",
    "notes",
    "cost_of_machines",
    "what_if_hours",
    "outages",
    "assumptions",
    "constants",
    "band",
    "figures",
];

/// All tables, as in [`NAMES`]. Those that a plan has nothing for have no rows.
#[must_use]
pub fn tables(plan: &Plan) -> Vec<Table> {
    let figures = figures(plan);
    let names = machines::account_names(plan);
    vec![
        estate::summary(plan, &figures),
        estate::recommendations(plan, &figures),
        machines::placement(plan),
        machines::compatible(plan),
        machines::incompatible(plan),
        estate::cost(plan),
        time::days(plan),
        estate::bandwidths(plan),
        sweep::what_if(plan),
        super::sensitivity::table(plan),
        proof::machines(plan),
        super::finding::table(plan),
        time::initial(plan),
        time::batches(plan),
        time::recovery(plan),
        time::failback(plan),
        estate::servers(plan, &figures),
        machines::accounts(plan, &names),
        machines::notes(plan),
        machines::costs(plan),
        time::hours(plan),
        time::outages(plan),
        estate::assumptions(plan),
        super::certainty::constants(plan),
        super::certainty::band(plan),
        estate::figures(plan, &figures),
    ]
}

pub(super) fn column(key: &'static str, label: impl Into<String>, kind: Kind, about: impl Into<String>) -> Column {
    Column {
        key,
        label: label.into(),
        kind,
        about: about.into(),
    }
}

pub(super) fn text(key: &'static str, label: impl Into<String>, about: impl Into<String>) -> Column {
    column(key, label, Kind::Text, about)
}

/// Where an origin says that figures are from, in a line.
#[must_use]
pub fn from(plan: &Plan, key: &str) -> String {
    plan.origins.get(key).map_or_else(String::new, |origin| {
        format!(
            "From: {}. Formula: {}. Source: {}.",
            origin.input, origin.formula, origin.source
        )
    })
}

/// Columns of a list of figures, and a row of it.
fn figure_columns() -> Vec<Column> {
    vec![
        text("figure", "figure", "What it is."),
        text(
            "value",
            "value",
            "Its value as a person says it; the exact one on hover.",
        ),
        text(
            "unit",
            "unit of the exact value",
            "The unit of the exact value in the file of this table.",
        ),
        text("input", "from which input", "What of your input went in."),
        text("formula", "by which formula", "What was done with it."),
        text("source", "after which source", "Whose rule or figure that is."),
    ]
}

fn figure_row(plan: &Plan, named: &Named) -> Vec<Cell> {
    let origin = named.origin(plan);
    let words = |of: fn(&planning::plan::Origin) -> &'static str| Cell::text(origin.map_or("", of));
    vec![
        Cell::text(&named.label),
        Cell::Figure(named.figure.value, named.kind),
        Cell::text(named.kind.unit()),
        words(|origin| origin.input),
        words(|origin| origin.formula),
        words(|origin| origin.source),
    ]
}
