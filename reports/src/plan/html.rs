//! `plan.html`: one file that works offline, in light and dark, and without its little script too.
//!
//! The answer first, then key figures with where they are from, charts, and tables that sort and filter. All rows are in the page; those
//! after the first [`table::ROWS_FIRST`] of a table are shown on demand (without a script at once), so that 10,000 machines stay usable.

mod chart;
mod charts;
mod proof;
mod recovery;
mod sweep;
mod table;
mod tiles;
mod tornado;

use std::fmt::Write as _;

use planning::plan::Plan;

pub use self::table::ROWS_FIRST;
use super::figures::{rpo, share};
use super::tables::tables;
use crate::chart::escape;

/// The page of a run, and what a plan's page adds to it.
const STYLE: &str = concat!(include_str!("../html/style.css"), include_str!("html/page.css"));
const SCRIPT: &str = include_str!("html/page.js");
/// A page with this may load nothing at all.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// The page.
#[must_use]
pub fn html(plan: &Plan) -> String {
    let mut out = String::with_capacity(1 << 19);
    let _ = writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Capacity plan: {} machines, RPO {}</title>\n<style>\n{STYLE}</style>\
         <noscript><style>tbody.more {{ display: table-row-group; }}</style></noscript></head>\n<body><main>",
        crate::words::count(plan.summary.machines.value),
        escape(&rpo(plan.rpo_seconds))
    );
    head(&mut out, plan);
    proof::section(&mut out, plan);
    tiles::tiles(&mut out, plan);
    out.push_str("<section id=\"charts\"><h2>Over time, and by bandwidth</h2>\n");
    for figure in charts::all(plan) {
        out.push_str(&figure.html());
    }
    sweep::sections(&mut out, plan);
    out.push_str("</section>\n");
    let tables = tables(plan);
    contents(&mut out, &tables);
    for table in &tables {
        table::section(&mut out, table);
    }
    let _ = writeln!(
        out,
        "<p class=\"note\">Written by firedrill {}. The same figures are in plan.json and, as tables, in the folder tables.</p>\n\
         </main><script>\n{SCRIPT}</script></body></html>",
        env!("CARGO_PKG_VERSION")
    );
    out
}

fn head(out: &mut String, plan: &Plan) {
    let (class, verdict) = match plan.answer.enough {
        Some(true) => ("pass", "Enough"),
        Some(false) => ("fail", "Not enough"),
        None => {
            let said = |verdict: &&str| plan.answer.text.starts_with(*verdict);
            let verdict = ["Not known", "No machine can be protected"].into_iter().find(said);
            ("asked", verdict.unwrap_or("No bandwidth is given"))
        }
    };
    // The line begins with the verdict, which stands above it in large type.
    let text = plan.answer.text.strip_prefix(verdict).unwrap_or(&plan.answer.text);
    let text = text.trim_start_matches([':', '.', ' ']);
    let _ = writeln!(
        out,
        "<header><h1>Capacity plan</h1><p class=\"answer {class}\">{verdict}</p><p class=\"said\">{}</p>\n\
         <p class=\"note\">RPO wanted: {} (how old the newest data in Azure may be). Growth {}, peaks at percentile {}, limits of the era {}.</p></header>",
        escape(&sentence(text)),
        escape(&rpo(plan.rpo_seconds)),
        share(plan.growth_per_mille),
        share(plan.percentile_per_mille).trim_end_matches(" %"),
        plan.era.name()
    );
}

/// With a capital letter.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}

fn contents(out: &mut String, tables: &[super::tables::Table]) {
    out.push_str("<nav aria-label=\"Tables\"><h2>Tables</h2><ul class=\"contents\">");
    for table in tables.iter().filter(|table| !table.rows.is_empty()) {
        let rows = crate::words::count(table.rows.len() as u64);
        let _ = write!(
            out,
            "<li><a href=\"#{}\">{}</a> ({rows})</li>",
            table.name,
            escape(table.title)
        );
    }
    out.push_str("</ul></nav>\n");
}
