//! How recovery times came about: the phases of each failover, and the runs of recovery plans.

use std::fmt::Write as _;

use sim::metrics::milliseconds;

use super::sections::{ROWS_MAX, head, or_dash, section};
use super::worst;
use crate::account::Account;
use crate::chart::bands::{Band, Bands, Row};
use crate::chart::{SIMULATED, Table, escape};
use crate::recovery::{PHASES, PlanStep, longest, plan_steps};
use crate::words;

/// Failovers drawn.
const DRAWN_MAX: usize = 24;

/// Phases of each failover of the machines that are shown.
pub(super) fn phases(out: &mut String, account: &Account) {
    let machines = worst(account);
    let failovers = machines
        .iter()
        .flat_map(|vm| vm.failovers.iter().map(move |failover| (vm, failover)));
    let failovers: Vec<_> = failovers.collect();
    if failovers.is_empty() {
        return;
    }
    let name = |vm: &str, kind: actors::nouns::FailoverKind| format!("{vm}, {}", kind.words());
    let rows = failovers.iter().take(DRAWN_MAX).map(|(vm, failover)| {
        let bands = failover.phases().into_iter().filter(|phase| phase.to > phase.from);
        let since = |at: datapath::SimTime| milliseconds(at.since(failover.started));
        Row {
            name: name(&vm.name, failover.kind),
            bands: bands
                .map(|phase| Band {
                    from: since(phase.from),
                    to: since(phase.to),
                    name: phase.what.words().to_owned(),
                    class: PHASES[phase.what as usize].1.to_owned(),
                })
                .collect(),
            hatched: Vec::new(),
            below: Vec::new(),
        }
    });
    let rows: Vec<Row> = rows.collect();
    let ends = rows.iter().flat_map(|row| &row.bands).map(|band| band.to);
    let figure = Bands {
        id: "phases",
        title: "What recovery took, from the order on".to_owned(),
        note: "A row a failover, from the moment at which the operator asked for it to the first request that the workload answered. The \
               longest band is where time can be won."
            .to_owned(),
        axis: SIMULATED,
        until: ends.max().unwrap_or(1).max(1),
        marks: Vec::new(),
        legend: PHASES
            .iter()
            .filter(|(_, class)| rows.iter().flat_map(|row| &row.bands).any(|band| band.class == *class))
            .map(|(phase, class)| ((*class).to_owned(), phase.words().to_owned()))
            .collect(),
        rows,
        head: "failover".to_owned(),
    };
    out.push_str("<section id=\"recovery\"><h2>How long recovery took, and why</h2>\n");
    out.push_str(&figure.draw().html());
    let rows = failovers.iter().take(ROWS_MAX).map(|(vm, failover)| {
        let phases = failover.phases();
        let mut row = vec![
            vm.name.clone(),
            failover.kind.words().to_owned(),
            words::moment(failover.started),
        ];
        row.extend(PHASES.iter().map(|(what, _)| {
            let phase = phases.iter().find(|phase| phase.what == *what);
            or_dash(phase.map(|phase| words::duration(phase.took_ms())))
        }));
        row.push(failover.rto_ms().map_or_else(|| "not up".to_owned(), words::duration));
        row
    });
    let mut names = vec!["machine", "by", "asked for"];
    names.extend(PHASES.iter().map(|(what, _)| what.words()));
    names.push("all");
    let table = Table {
        head: head(&names),
        rows: rows.collect(),
    };
    let _ = write!(out, "{}", table.html());
    out.push_str("</section>\n");
}

/// Runs of recovery plans, step by step.
pub(super) fn plans(out: &mut String, account: &Account) {
    for (number, run) in account.result.recovery_plans.iter().enumerate() {
        let steps = plan_steps(account, run);
        let pole = longest(&steps).map_or_else(String::new, |step: &PlanStep| {
            format!(
                " Its longest step: {}, {}.",
                step.what,
                words::duration(step.took_ms.unwrap_or_default())
            )
        });
        let rows = steps.iter().take(ROWS_MAX).map(|step| {
            vec![
                words::duration(milliseconds(step.began.since(run.began))),
                step.group.map_or_else(String::new, |group| (group + 1).to_string()),
                step.what.clone(),
                step.took_ms.map_or_else(|| "not over".to_owned(), words::duration),
                step.failed
                    .clone()
                    .map_or_else(|| "✓".to_owned(), |why| format!("✗ {why}")),
            ]
        });
        let table = Table {
            head: head(&["after", "group", "step", "took", "outcome"]),
            rows: rows.collect(),
        };
        let title = format!("Recovery plan {}: {}", escape(&run.plan), run.kind.words());
        section(out, &format!("plan-{number}"), &title, &table, steps.len());
        let over = run.took_ms().map_or_else(
            || "It was not over when the run ended.".to_owned(),
            |took| format!("It was over after {}.", words::duration(took)),
        );
        let _ = writeln!(
            out,
            "<p class=\"note\">{over}{} Scripts and people take the time that the scenario says (our model); a check is a request that \
             the machine answered.</p>",
            escape(&pole)
        );
    }
}
