//! Tables of the whole estate: its summary, what to buy, what it costs, what is taken for granted.

use planning::cost::{Component, State};
use planning::plan::Plan;

use super::{Cell, Column, Table, column, figure_columns, figure_row, from, text};
use crate::plan::figures::{Named, rpo, share};
use crate::plan::units::Kind;
use crate::plan::words::{component, state};

pub(super) fn summary(plan: &Plan, figures: &[Named]) -> Table {
    let rows = figures.iter().filter(|named| named.path.starts_with("/summary/"));
    Table {
        name: "summary",
        sheet: "On-premises summary",
        title: "The estate on premises",
        note: "What was read of your machines. Churn is what their disks write.".to_owned(),
        columns: figure_columns(),
        rows: rows.map(|named| figure_row(plan, named)).collect(),
    }
}

/// What is in no figure of its own: counts of the sizing tables.
fn derived(plan: &Plan) -> Vec<[Cell; 6]> {
    let servers = &plan.servers;
    let sizing = &servers.sizing;
    let size = &sizing.size;
    let machine = if sizing.process_servers == 0 {
        "configuration server, which is the process server too"
    } else {
        "process server"
    };
    let row = |label: String, value: Cell, unit: &str, formula: &str, source: &str| {
        let input = Cell::text("machines, busiest day with growth");
        [
            Cell::text(label),
            value,
            Cell::text(unit),
            input,
            Cell::text(formula),
            Cell::text(source),
        ]
    };
    let count = |value: u32| Cell::Figure(u64::from(value), Kind::Count);
    let bytes = |value: u64| Cell::Figure(value, Kind::Bytes);
    let smallest = "smallest row of the table that carries its share";
    let mut rows = vec![
        row(
            "Configuration servers on premises".to_owned(),
            count(sizing.configuration_servers),
            "",
            "⌈machines ÷ machines that a configuration server manages⌉",
            &servers.limit_source,
        ),
        row(
            "Process servers beside them (0: the configuration server does it)".to_owned(),
            count(sizing.process_servers),
            "",
            "the largest of: by changes, by machines, one for each configuration server",
            &size.source,
        ),
        row(
            format!("vCPUs of a {machine}"),
            count(size.vcpus),
            "",
            smallest,
            &size.source,
        ),
        row(
            format!("Memory of a {machine}"),
            bytes(size.memory_bytes),
            "bytes",
            smallest,
            &size.source,
        ),
        row(
            format!("Cache disk of a {machine}"),
            bytes(size.cache_bytes),
            "bytes",
            smallest,
            &size.source,
        ),
    ];
    if let Some(paired) = size.paired {
        let label = "vCPUs of the configuration server beside it".to_owned();
        rows.push(row(label, count(paired.vcpus), "", smallest, &size.source));
        let label = "Memory of the configuration server beside it".to_owned();
        rows.push(row(label, bytes(paired.memory_bytes), "bytes", smallest, &size.source));
    }
    let accounts = [
        Cell::text("Storage accounts in Azure, without log accounts"),
        Cell::count(plan.accounts.len()),
        Cell::Empty,
        Cell::text("peaks with growth, sizes of disks"),
        Cell::text("the heaviest machine first, each into the first account that still carries it"),
        Cell::text(crate::plan::words::account_source(plan)),
    ];
    rows.push(accounts);
    rows
}

pub(super) fn recommendations(plan: &Plan, figures: &[Named]) -> Table {
    let begin = [
        "/bandwidth",
        "/throttles",
        "/given",
        "/what_if",
        "/initial_copy/",
        "/servers/",
        "/azure_cores",
        "/network/",
    ];
    let named = |start: &[&str]| -> Vec<Vec<Cell>> {
        let chosen = figures
            .iter()
            .filter(|named| start.iter().any(|start| named.path.starts_with(start)));
        chosen.map(|named| figure_row(plan, named)).collect()
    };
    let mut rows = named(&begin[..4]);
    rows.extend(derived(plan).map_rows());
    rows.extend(named(&begin[4..]));
    Table {
        name: "recommendations",
        sheet: "Recommendations",
        title: "What it needs, and what would happen",
        note: format!(
            "For an RPO of {}, growth of {}, peaks at percentile {}, limits of the era {}.",
            rpo(plan.rpo_seconds),
            share(plan.growth_per_mille),
            Kind::PerMille
                .human(u64::from(plan.percentile_per_mille))
                .trim_end_matches(" %"),
            plan.era.name(),
        ),
        columns: figure_columns(),
        rows,
    }
}

pub(super) fn servers(plan: &Plan, figures: &[Named]) -> Table {
    let mut rows = derived(plan).map_rows();
    // The last one is of storage accounts.
    rows.pop();
    let figures = figures.iter().filter(|named| named.path.starts_with("/servers/"));
    rows.extend(figures.map(|named| figure_row(plan, named)));
    Table {
        name: "servers",
        sheet: "Servers",
        title: "Configuration and process servers on premises",
        note: "The larger of what the changes and what the number of machines need, by the vendor's tables.".to_owned(),
        columns: figure_columns(),
        rows,
    }
}

/// Arrays as rows.
trait MapRows {
    fn map_rows(self) -> Vec<Vec<Cell>>;
}

impl MapRows for Vec<[Cell; 6]> {
    fn map_rows(self) -> Vec<Vec<Cell>> {
        self.into_iter().map(Vec::from).collect()
    }
}

pub(super) fn figures(plan: &Plan, figures: &[Named]) -> Table {
    let mut columns = figure_columns();
    columns.push(text(
        "path",
        "place in plan.json",
        "Where it is in plan.json, below `plan`.",
    ));
    let row = |named: &Named| {
        let mut row = figure_row(plan, named);
        row.push(Cell::text(&named.path));
        row
    };
    Table {
        name: "figures",
        sheet: "Figures and origins",
        title: "All figures, and where they are from",
        note: "Each figure of this plan that is not in a column of another table: from which input, by which formula, after which source."
            .to_owned(),
        columns,
        rows: figures.iter().map(row).collect(),
    }
}

pub(super) fn bandwidths(plan: &Plan) -> Table {
    let often = share(plan.share_per_mille);
    let rows = plan.bandwidths.iter().map(|row| {
        let bits =
            |figure: Option<planning::plan::Figure>| Cell::may(figure.map(|figure| figure.value), Kind::BitsPerSecond);
        vec![
            Cell::Figure(u64::from(row.rpo_seconds), Kind::Seconds),
            bits(row.always),
            bits(row.share),
        ]
    });
    Table {
        name: "bandwidths",
        sheet: "Bandwidth by RPO",
        title: "Bandwidth by RPO",
        note: format!(
            "The smallest bandwidth with which changes never wait longer than the RPO, and with which they do not in {often} of the time. \
             The time between recovery points comes on top of an RPO."
        ),
        columns: vec![
            column("rpo", "RPO", Kind::Seconds, "How old the newest data in Azure may be."),
            column("always", "always", Kind::BitsPerSecond, from(plan, "bandwidth-always")),
            column(
                "share",
                format!("in {often} of the time"),
                Kind::BitsPerSecond,
                from(plan, "bandwidth-share"),
            ),
        ],
        rows: rows.collect(),
    }
}

pub(super) fn cost(plan: &Plan) -> Table {
    let (rows, note) = match &plan.cost {
        None => (
            Vec::new(),
            "No price file was given, so nothing is said of costs.".to_owned(),
        ),
        Some(cost) => {
            let row = |when: &str, what: &str, month: u64| {
                vec![
                    Cell::text(when),
                    Cell::text(what),
                    Cell::Figure(month, Kind::Money),
                    Cell::Figure(month.saturating_mul(12), Kind::Money),
                    Cell::text(&cost.currency),
                ]
            };
            let mut rows: Vec<Vec<Cell>> = cost
                .lines
                .iter()
                .map(|line| row(state(line.state), component(line.component), line.micros_per_month))
                .collect();
            rows.push(row("both", "all", cost.micros_per_month));
            let mut note = format!("Prices of \u{201c}{}\u{201d}", cost.label);
            if cost.example {
                note.push_str(", which is an example and no price list");
            }
            note.push_str(&format!(
                "; discount of {} taken off. The first {} days of a machine's protection cost nothing; they are not taken off.",
                share(cost.discount_per_mille),
                cost.free_days_per_machine
            ));
            note.push_str(&format!(
                " Storage has {} writes a month, by our own model.",
                Kind::Count.human(cost.transactions.value)
            ));
            if !cost.missing.is_empty() {
                let missing = crate::words::list(&cost.missing, 10);
                note.push_str(&format!(" Without a price, counted as nothing: {missing}."));
            }
            (rows, note)
        }
    };
    let currency = plan
        .cost
        .as_ref()
        .map_or_else(String::new, |cost| format!(" ({})", cost.currency));
    Table {
        name: "cost",
        sheet: "Cost estimation",
        title: "Cost by component",
        note,
        columns: money_columns(&currency),
        rows,
    }
}

fn money_columns(currency: &str) -> Vec<Column> {
    vec![
        text(
            "state",
            "when",
            "Replication: always, while machines are protected. Drill: for test failovers.",
        ),
        text("component", "component", "What is paid for."),
        column("per_month", format!("per month{currency}"), Kind::Money, MONTH),
        column("per_year", format!("per year{currency}"), Kind::Money, "Twelve months."),
        text("currency_name", "currency", "The price file's currency."),
    ]
}

/// Where costs are from.
pub const MONTH: &str = "From: price file, sizes in Azure, drills. Formula: price × quantity, a month has 730 hours, writes to standard storage by 10,000, what a drill costs is its \
                         year ÷ 12; discount taken off. Source: your price file (facts §5.3).";

pub(super) fn assumptions(plan: &Plan) -> Table {
    let rows = plan.assumptions.iter();
    Table {
        name: "assumptions",
        sheet: "Assumptions",
        title: "What is taken for granted",
        note: "Where your input says nothing, this is what the plan goes by.".to_owned(),
        columns: vec![
            text("name", "about", "What it is about."),
            text("text", "what is assumed", "What the plan goes by."),
        ],
        rows: rows
            .map(|row| vec![Cell::text(row.name), Cell::text(&row.text)])
            .collect(),
    }
}

/// What a component costs in a state per month.
#[must_use]
pub fn amount(plan: &Plan, of: State, component: Component) -> Option<u64> {
    let lines = &plan.cost.as_ref()?.lines;
    let line = lines
        .iter()
        .find(|line| line.state == of && line.component == component)?;
    Some(line.micros_per_month)
}
