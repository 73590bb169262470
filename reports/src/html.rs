//! `report.html`: one file that works offline, in light and dark, without scripts.
//!
//! Verdict and headline figures first, then what happened when, the charts (each with its numbers), what was recovered, lost and
//! found, and how to repeat the run. An estate of more than [`VMS_ALL_MAX`] machines is shown by percentiles and its worst machines.

mod figures;
mod recovery;
mod sections;

use std::fmt::Write as _;

use sim::metrics::VmResult;

use crate::account::{Account, Verdict};
use crate::chart::escape;
use crate::named::hex;
use crate::words;

/// With more machines than this, charts aggregate and tables show the worst.
pub const VMS_ALL_MAX: usize = 8;
/// So many of the worst.
pub const VMS_WORST: usize = 10;

const STYLE: &str = include_str!("html/style.css");

/// The page of a run.
#[must_use]
pub fn html(account: &Account) -> String {
    let scenario = escape(&account.scenario);
    let mut out = String::with_capacity(1 << 18);
    let _ = writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{scenario}: {}</title>\n<style>\n{STYLE}</style></head>\n<body><main>",
        escape(account.verdict().words())
    );
    head(&mut out, account);
    sections::expectations(&mut out, account);
    sections::findings(&mut out, account);
    sections::unfinished(&mut out, account);
    sections::machines(&mut out, account);
    recovery::phases(&mut out, account);
    recovery::plans(&mut out, account);
    sections::groups(&mut out, account);
    sections::process_servers(&mut out, account);
    sections::databases(&mut out, account);
    out.push_str("<section><h2>What happened when</h2>\n");
    out.push_str(&figures::states(account).html());
    sections::steps(&mut out, account);
    out.push_str("</section>\n");
    sections::faults(&mut out, account);
    sections::goals(&mut out, account);
    out.push_str("<section><h2>Over time</h2>\n");
    for figure in figures::all(account) {
        out.push_str(&figure.html());
    }
    out.push_str("</section>\n");
    sections::copies(&mut out, account);
    sections::recovered(&mut out, account);
    sections::alerts(&mut out, account);
    sections::checks(&mut out, account);
    certificate(&mut out, account);
    modelled(&mut out, account);
    out.push_str("</main></body></html>\n");
    out
}

/// The machines that the page shows one by one.
fn worst(account: &Account) -> Vec<&VmResult> {
    account.worst(VMS_ALL_MAX, VMS_WORST)
}

fn head(out: &mut String, account: &Account) {
    let result = &account.result;
    let (class, verdict) = match account.verdict() {
        Verdict::Pass => ("pass", "Pass: every invariant and every expectation held"),
        Verdict::ExpectationFailed => ("fail", "Fail: the plan does not hold"),
        Verdict::NothingTested => ("fail", "Not tested: what the scenario is about was not looked at"),
        Verdict::InvariantFailed => ("broken", "Invariant failed: do not trust this run's figures"),
    };
    let _ = writeln!(
        out,
        "<header><h1>{}</h1><p>{}</p><p class=\"verdict {class}\">{verdict}</p>",
        escape(&account.scenario),
        escape(&account.description)
    );
    if account.time_up {
        out.push_str("<p class=\"note\">The scenario's duration was over before all steps were done.</p>\n");
    }
    let greatest = |figure: fn(&VmResult) -> Option<u64>| result.vms.iter().filter_map(figure).max();
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    let points = &result.recovery_points;
    let recovered = result.disks.len();
    let good = result.disks.iter().filter(|disk| disk.verified).count();
    let alerts = format!(
        "{}, {}",
        words::count(result.alerts_raised),
        words::count(result.alerts_critical)
    );
    let figures = [
        (
            "worst RPO",
            or_dash(greatest(|vm| vm.rpo.map(|rpo| rpo.max_ms)).map(words::duration)),
        ),
        ("worst RTO", or_dash(greatest(VmResult::rto_ms).map(words::duration))),
        (
            "most lost by a machine",
            or_dash(greatest(|vm| vm.lost().map(|lost| lost.ms)).map(words::duration)),
        ),
        (
            "recovery points verified",
            [format!(
                "{} of {}",
                words::count(points.verified),
                words::count(points.made)
            )]
            .into_iter()
            .chain(words::not_processed(points))
            .collect::<Vec<_>>()
            .join("; "),
        ),
        (
            "recovered disks verified",
            format!("{good} of {recovered} {}", words::how_compared(result.content)),
        ),
        ("alerts, critical of them", alerts),
        ("machines", words::count(result.vms.len() as u64)),
    ];
    let held = account
        .expectations
        .iter()
        .filter(|expected| expected.broken == 0)
        .count();
    if !account.expectations.is_empty() {
        let _ = writeln!(
            out,
            "<p>{held} of {} expectations held.</p>",
            account.expectations.len()
        );
    }
    out.push_str("<dl class=\"figures\">");
    for (name, value) in figures {
        let _ = write!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(&value));
    }
    let _ = writeln!(
        out,
        "</dl>\n<p class=\"note\">{} simulated in {}. Content: {}. Network: {}. Seed {}.</p></header>",
        words::duration(sim::metrics::milliseconds(result.ended.0)),
        words::duration(account.wall_ms),
        words::grain(result.content),
        words::network(account.network),
        account.seed
    );
}

fn certificate(out: &mut String, account: &Account) {
    let rows = [
        ("repeat with", account.command.clone()),
        ("seed", account.seed.to_string()),
        ("network", words::network(account.network).to_owned()),
        ("content", words::grain(account.result.content).to_owned()),
        ("digest of the event log", hex(&account.digest)),
        ("run directory", account.directory.display().to_string()),
        ("files in it", files(account)),
        ("events (lines of the event log)", words::count(account.events)),
        ("entries of the simulation's queue", words::count(account.entries)),
        ("firedrill", account.version.clone()),
    ];
    out.push_str(
        "<section id=\"repeat\"><h2>The same again, and its files</h2><p>The same source, scenario, seed and network give the same event log, \
         byte for byte, and so the same digest.</p><div class=\"scroll\"><table><tbody>",
    );
    for (name, value) in rows {
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{name}</th><td><code>{}</code></td></tr>",
            escape(&value)
        );
    }
    out.push_str("</tbody></table></div></section>\n");
}

fn files(account: &Account) -> String {
    let mut files = account.files();
    files.extend(account.disk_files.iter().map(|file| file.file.display().to_string()));
    words::list(&files, 20)
}

fn modelled(out: &mut String, account: &Account) {
    let content = match account.result.content {
        datapath::Grain::Real => {
            "Bytes are done: every write was journalled, compressed, encrypted, stored, decrypted and compared byte for byte."
        }
        datapath::Grain::Extent => {
            "Bytes are modelled: every write and its version is exact, sizes come from classes of compressibility, and recovered \
             disks were compared by version. No byte was encrypted or compared."
        }
        datapath::Grain::Aggregate => {
            "Content is modelled by sequence and size only: a recovery point was judged by the range of writes that it holds, \
             not by extents or bytes."
        }
    };
    let constants = account.constants();
    let otherwise = if constants.is_empty() {
        "all as they are".to_owned()
    } else {
        format!("but for {}", escape(&constants.join(", ")))
    };
    let era = escape(account.era.name());
    let _ = writeln!(
        out,
        "<section id=\"modelled\"><h2>What is done, and what is modelled</h2><ul><li>{content}</li>\
         <li>Constants of the model: the era &ldquo;{era}&rdquo;, {otherwise}.</li>\
         <li>Time is simulated: links, disks and processors take it from tables with stated sources, never from this \
         computer's clock.</li>\
         <li>The product is modelled from its public documentation; how it stores, compresses or encrypts is not public, so \
         those are Firedrill's own.</li>\
         <li>Boots, hydration of disks and portal jobs take the documented times, or labelled ones of our own model; nothing boots.</li>\
         <li>The network is modelled by rate, latency, fair sharing and what TCP keeps at a link's loss, not by packets. TLS is not \
         modelled: what the product sends in it over port 9443 is in clear inside the simulation.</li>\
         <li>RPO is the time since the mark of the newest recovery point that a failover could use (processed), by the source's clock; it runs while \
         the machine runs and is protected, and its percentiles are over that time. RTO runs from the operator's start of a \
         failover to the workload's first answered request. What was lost is what the guest had acknowledged after the mark of \
         the point that was recovered; its seconds run from that mark to the end of the source's life. A failover to `latest` also \
         takes what was stored after the newest point, so it can lose less than the RPO.</li></ul></section>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn a_page_needs_nothing_but_itself_and_shows_every_part() {
        let page = html(&synthetic::drill());
        for foreign in ["http:", "https:", "src=", "<script", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        for id in [
            "findings",
            "expectations",
            "machines",
            "states",
            "steps",
            "rpo",
            "backlog",
            "links",
            "copies",
            "disks",
            "alerts",
            "unfinished",
            "checks",
            "repeat",
            "modelled",
        ] {
            assert!(page.contains(&format!("id=\"{id}\"")), "no {id}");
        }
        assert!(page.contains("Two machines &lt;and&gt; a disaster."));
        assert!(page.contains("threshold of policy daily: 15 min"));
        assert!(page.contains("RPO stays below 15 min") && page.contains("less than 30 s lost"));
        assert!(!page.contains("NaN"));
    }

    #[test]
    fn a_page_says_what_was_stored_and_never_processed() {
        let mut drill = synthetic::drill();
        let said = "of them were stored, and not processed";
        assert!(!html(&drill).contains(said));
        drill.result.recovery_points.waiting = 3;
        assert!(html(&drill).contains(&format!("3 {said} when the run ended")));
        drill.result.recovery_points.superseded = 2;
        assert!(html(&drill).contains(&format!("2 {said} before their protection was over")));
    }

    #[test]
    fn a_fleet_is_aggregated_and_stays_small() {
        let names: Vec<String> = (0..1000).map(|n| format!("vm{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let page = html(&synthetic::fleet(&names));
        assert!(page.len() < 2 << 20, "{} bytes", page.len());
        assert!(page.contains("99th percentile") && page.contains("990 more are in record.json"));
    }
}
