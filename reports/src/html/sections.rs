//! The page's tables: findings, steps, machines, recovered disks, alerts, checks.

use std::fmt::Write as _;

use actors::facts::StepOutcome;
use actors::nouns::FailoverKind;
use sim::metrics::milliseconds;

use super::{VMS_ALL_MAX, worst};
use crate::account::Account;
use crate::chart::{Table, escape};
use crate::words;

/// Findings and alerts shown; all are in the record.
const SHOWN_MAX: usize = 100;
/// Findings shown before the reader asks for the rest.
const FINDINGS_OPEN: usize = 8;
/// Steps and disks shown: a fleet has thousands.
pub(super) const ROWS_MAX: usize = 400;
/// Machines of a step that are named.
const VMS_NAMED: usize = 8;

pub(super) fn section(out: &mut String, id: &str, title: &str, table: &Table, all: usize) {
    let _ = write!(out, "<section id=\"{id}\"><h2>{title}</h2>{}", table.html());
    if all > table.rows.len() {
        let _ = write!(
            out,
            "<p class=\"note\">{} more are in record.json.</p>",
            all - table.rows.len()
        );
    }
    out.push_str("</section>\n");
}

pub(super) fn head(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

pub(super) fn or_dash(value: Option<String>) -> String {
    value.unwrap_or_else(|| "–".to_owned())
}

pub(super) fn findings(out: &mut String, account: &Account) {
    let findings = &account.result.findings;
    if findings.is_empty() {
        return;
    }
    out.push_str("<section id=\"findings\"><h2>What does not hold</h2>\n");
    for (number, finding) in findings.iter().take(SHOWN_MAX).enumerate() {
        if number == FINDINGS_OPEN {
            out.push_str("<details><summary>All that were kept</summary>\n");
        }
        let component = account.names.component(&finding.component);
        let component = component.map_or_else(String::new, |name| format!(", {name}"));
        let _ = writeln!(
            out,
            "<div class=\"finding\"><strong>{} {}</strong> at {}{}<br>{}<br><small>{}</small></div>",
            finding.class.words(),
            escape(finding.law.as_str()),
            words::moment(finding.at),
            escape(&component),
            escape(&account.names.with_segments_named(&finding.text)),
            escape(&finding.identity().to_string())
        );
    }
    if findings.len() > FINDINGS_OPEN {
        out.push_str("</details>\n");
    }
    let more = findings.len().saturating_sub(SHOWN_MAX) as u64 + account.result.findings_dropped;
    if more > 0 {
        let _ = write!(out, "<p class=\"note\">and {} more</p>", words::count(more));
    }
    out.push_str("</section>\n");
}

pub(super) fn expectations(out: &mut String, account: &Account) {
    let expectations = &account.expectations;
    if expectations.is_empty() {
        return;
    }
    let rows = expectations.iter().take(ROWS_MAX).map(|expected| {
        let verdict = if expected.broken == 0 {
            "✓ held".to_owned()
        } else {
            format!("✗ not for {} of {}", expected.broken, expected.machines)
        };
        vec![
            expected.text.clone(),
            verdict,
            or_dash(expected.figure.clone()),
            words::count(expected.machines),
            expected.line.to_string(),
        ]
    });
    let table = Table {
        head: head(&["expected", "verdict", "reached", "machines", "line of the scenario"]),
        rows: rows.collect(),
    };
    section(out, "expectations", "What was expected", &table, expectations.len());
}

pub(super) fn steps(out: &mut String, account: &Account) {
    let groups = account.step_groups();
    let rows = (1..).zip(&groups).take(ROWS_MAX).map(|(number, group)| {
        let outcome = match (group.refused_or_failed(), &group.outcome) {
            (Some((word, why)), _) => format!("{word}: {}", account.names.with_segments_named(why)),
            (None, StepOutcome::Started) => "not done".to_owned(),
            (None, _) => "done".to_owned(),
        };
        vec![
            number.to_string(),
            words::moment(group.started),
            group.text.clone(),
            words::list(&group.vms, VMS_NAMED),
            or_dash(group.took_ms.map(words::durations)),
            outcome,
        ]
    });
    let table = Table {
        head: head(&["", "began (h:min:s)", "step", "machines", "took", "outcome"]),
        rows: rows.collect(),
    };
    let _ = write!(out, "<div id=\"steps\">{}</div>", table.html());
    if groups.len() > ROWS_MAX {
        let _ = write!(
            out,
            "<p class=\"note\">{} more are in record.json.</p>",
            groups.len() - ROWS_MAX
        );
    }
}

pub(super) fn machines(out: &mut String, account: &Account) {
    let rows = worst(account).into_iter().map(|vm| {
        let rpo =
            |figure: fn(&sim::metrics::Percentiles) -> u64| or_dash(vm.rpo.map(|rpo| words::duration(figure(&rpo))));
        let failback = vm.newest(FailoverKind::Failback).and_then(|failback| failback.rto_ms());
        let decision = vm
            .newest(FailoverKind::Unplanned)
            .and_then(|failover| failover.decision_ms);
        let lost = vm.lost();
        vec![
            vm.name.clone(),
            rpo(|rpo| rpo.p50_ms),
            rpo(|rpo| rpo.p99_ms),
            rpo(|rpo| rpo.max_ms),
            or_dash(decision.map(words::duration)),
            or_dash(vm.rto_ms().map(words::duration)),
            or_dash(lost.map(|lost| words::duration(lost.ms))),
            or_dash(lost.map(|lost| words::count(lost.writes))),
            or_dash(lost.map(|lost| words::bytes(lost.bytes))),
            or_dash(failback.map(words::duration)),
            words::bytes(vm.written_bytes),
        ]
    });
    let table = Table {
        head: head(&[
            "machine",
            "RPO p50",
            "RPO p99",
            "RPO max",
            "disaster to decision",
            "RTO",
            "lost",
            "lost writes",
            "lost bytes",
            "failback RTO",
            "written",
        ]),
        rows: rows.collect(),
    };
    let all = account.result.vms.len();
    let title = if all > VMS_ALL_MAX {
        format!("The {} machines that fared worst, of {all}", table.rows.len())
    } else {
        "Machines".to_owned()
    };
    section(out, "machines", &title, &table, all);
    out.push_str(
        "<p class=\"note\">RPO p50 and p99: in 50 and 99 % of the time the newest recovery point at the target was no older than \
         this. Lost: what the guest had acknowledged and the failover did not bring back; a failover to the latest also takes what \
         was stored after the newest point, so it can lose less than the RPO.",
    );
    if all > VMS_ALL_MAX {
        out.push_str(" Worst first: by what was lost, then by RTO, then by RPO.</p>\n");
        estate(out, account);
    } else {
        out.push_str("</p>\n");
    }
}

/// Figures over all machines, where not all are shown.
fn estate(out: &mut String, account: &Account) {
    let names = ["longest RPO of a machine", "RTO", "lost"];
    let rows = names.iter().zip(account.estate()).map(|(name, ranks)| {
        let mut row = vec![(*name).to_owned()];
        row.extend((0..3).map(|rank| or_dash(ranks.map(|ranks| words::duration(ranks[rank])))));
        row
    });
    let table = Table {
        head: head(&["", "half of them within", "99 % within", "longest"]),
        rows: rows.collect(),
    };
    section(
        out,
        "estate",
        &format!("All {} machines", account.result.vms.len()),
        &table,
        0,
    );
}

/// The copies of disks: initial replication, resynchronizations, the way back.
pub(super) fn copies(out: &mut String, account: &Account) {
    let shown = worst(account);
    let copies: Vec<_> = shown.iter().flat_map(|vm| &vm.copies).collect();
    if copies.is_empty() {
        return;
    }
    let rows = copies.iter().take(ROWS_MAX).map(|copy| {
        let took = copy.ended.map(|ended| milliseconds(ended.since(copy.started)));
        vec![
            account.names.disk(copy.disk).to_string(),
            copy.protection.to_string(),
            if copy.by_checksum { "by checksum" } else { "whole" }.to_owned(),
            words::moment(copy.started),
            took.map_or_else(|| "not ended".to_owned(), words::duration),
            words::bytes(copy.processed_bytes.saturating_sub(copy.skipped_bytes)),
            words::bytes(copy.skipped_bytes),
            words::bytes(copy.matched_bytes),
            words::bytes(copy.sent_bytes),
        ]
    });
    let table = Table {
        head: head(&[
            "disk",
            "protection",
            "copied",
            "began",
            "took",
            "read",
            "skipped (unused)",
            "matched",
            "sent",
        ]),
        rows: rows.collect(),
    };
    section(out, "copies", "Copies of disks", &table, copies.len());
}

pub(super) fn recovered(out: &mut String, account: &Account) {
    let disks = &account.result.disks;
    if disks.is_empty() {
        return;
    }
    let how = words::how_compared(account.result.content);
    let verified = format!("verified {how}");
    let rows = disks.iter().take(ROWS_MAX).map(|disk| {
        vec![
            account.names.disk(disk.disk).to_string(),
            disk.kind.words().to_owned(),
            words::moment(disk.at),
            format!("{}/{}", disk.protection, disk.point),
            words::bytes(disk.bytes),
            if disk.verified {
                verified.trim_end()
            } else {
                "NOT VERIFIED"
            }
            .to_owned(),
            or_dash(account.file_of(disk).map(|file| file.file.display().to_string())),
            or_dash(account.file_of(disk).map(words::image_sizes)),
            or_dash(disk.blake3.clone()),
        ]
    });
    let table = Table {
        head: head(&[
            "disk",
            "by",
            "at",
            "protection/point",
            "size",
            "judged",
            "file",
            "size of the file",
            "BLAKE3 over the BLAKE3 of each MiB",
        ]),
        rows: rows.collect(),
    };
    section(out, "disks", "Recovered disks", &table, disks.len());
}

pub(super) fn unfinished(out: &mut String, account: &Account) {
    let all = &account.result.unfinished;
    if all.is_empty() {
        return;
    }
    let rows = all.iter().take(SHOWN_MAX).map(|one| {
        vec![
            words::moment(one.since),
            or_dash(one.vm.map(|vm| account.names.vm(vm).into_owned())),
            one.what.clone(),
        ]
    });
    let table = Table {
        head: head(&["since", "machine", "what"]),
        rows: rows.collect(),
    };
    section(out, "unfinished", "Unfinished when the run ended", &table, all.len());
}

/// Process servers: how near they came to what they can carry.
pub(super) fn process_servers(out: &mut String, account: &Account) {
    let all = &account.result.process_servers;
    if all.is_empty() {
        return;
    }
    let rows = all.iter().take(SHOWN_MAX).map(|server| {
        vec![
            account.names.machine(server.machine).into_owned(),
            server.level_worst.map_or("well", words::severity).to_owned(),
            words::share(server.cache_free_least),
            words::share(server.processors_most),
            match server.uploads_longest_ms {
                u64::MAX => "nothing got on".to_owned(),
                longest => words::duration(longest),
            },
            server.throttled.to_string(),
            server.looks.to_string(),
        ]
    });
    let table = Table {
        head: head(&[
            "process server",
            "worst health",
            "cache free, least",
            "processors at work, most",
            "what waits, longest upload",
            "looks at which it throttled",
            "looks",
        ]),
        rows: rows.collect(),
    };
    section(out, "process-servers", "Process servers", &table, all.len());
}

/// Replication groups: what they shared, and what holding acknowledgements cost their members.
pub(super) fn groups(out: &mut String, account: &Account) {
    let groups = &account.result.groups;
    if groups.is_empty() {
        return;
    }
    let rows = groups.iter().take(SHOWN_MAX).map(|group| {
        vec![
            group.name.clone(),
            group.tried.to_string(),
            group.made.to_string(),
            group.verified.to_string(),
            group.failed.to_string(),
            or_dash(group.why.clone()),
        ]
    });
    let table = Table {
        head: head(&[
            "group",
            "tried",
            "shared by all",
            "verified",
            "came to nothing",
            "why, the last time",
        ]),
        rows: rows.collect(),
    };
    section(out, "groups", "Recovery points that groups share", &table, groups.len());
    let holds: Vec<_> = groups
        .iter()
        .flat_map(|group| &group.holds)
        .filter(|hold| hold.times > 0)
        .collect();
    let time = |microseconds: u64| format!("{}.{:02} ms", microseconds / 1_000, microseconds % 1_000 / 10);
    let rows = holds.iter().take(SHOWN_MAX).map(|hold| {
        vec![
            account.names.vm(hold.vm).into_owned(),
            hold.times.to_string(),
            time(hold.nanoseconds / 1_000),
            hold.writes.to_string(),
            time(hold.added_us_p50),
            time(hold.added_us_p99),
            time(hold.added_us_max),
            hold.requests.to_string(),
            time(hold.waited / 1_000),
        ]
    });
    let table = Table {
        head: head(&[
            "machine",
            "times held",
            "held",
            "writes that waited",
            "half of them up to",
            "99 of 100",
            "the longest",
            "requests behind them",
            "which waited",
        ]),
        rows: rows.collect(),
    };
    section(out, "holds", "What holding acknowledgements cost", &table, holds.len());
}

/// Databases as they were read from recovered disks.
pub(super) fn databases(out: &mut String, account: &Account) {
    let databases = &account.result.databases;
    if databases.is_empty() {
        return;
    }
    let rows = databases.iter().take(SHOWN_MAX).map(|database| {
        vec![
            database.name.clone(),
            account.names.vm(database.vm).into_owned(),
            database.transactions.to_string(),
            database.committed.to_string(),
        ]
    });
    let table = Table {
        head: head(&["database", "machine", "transactions begun", "committed"]),
        rows: rows.collect(),
    };
    section(out, "databases", "Databases", &table, databases.len());
    let recoveries: Vec<_> = databases
        .iter()
        .flat_map(|database| database.recoveries.iter().map(move |recovery| (database, recovery)))
        .collect();
    let rows = recoveries.iter().take(SHOWN_MAX).map(|(database, recovery)| {
        vec![
            words::moment(recovery.at),
            database.name.clone(),
            recovery.kind.words().to_owned(),
            format!("{} ({})", recovery.point, words::consistency(recovery.consistency)),
            recovery.through.to_string(),
            recovery.redone.to_string(),
            recovery.lost.to_string(),
        ]
    });
    let table = Table {
        head: head(&[
            "when",
            "database",
            "recovery",
            "recovery point",
            "back up to transaction",
            "of them redone from the log",
            "committed and not in it",
        ]),
        rows: rows.collect(),
    };
    section(
        out,
        "database-recoveries",
        "What came back of databases",
        &table,
        recoveries.len(),
    );
}

/// What happened to the estate, and how often it changed something.
pub(super) fn faults(out: &mut String, account: &Account) {
    let faults = &account.result.faults;
    if faults.is_empty() {
        return;
    }
    let moment = |at: Option<datapath::SimTime>| or_dash(at.map(words::moment));
    let rows = faults.iter().take(SHOWN_MAX).map(|fault| {
        vec![
            fault.name.clone(),
            moment(fault.began),
            moment(fault.struck_first),
            moment(fault.ended),
            fault.struck.to_string(),
        ]
    });
    let table = Table {
        head: head(&["fault", "began", "first changed something", "ended", "times it did"]),
        rows: rows.collect(),
    };
    section(out, "faults", "Faults", &table, faults.len());
}

/// The situations that the scenario is there for, and how often each was met.
pub(super) fn goals(out: &mut String, account: &Account) {
    let goals = &account.result.goals;
    if goals.is_empty() {
        return;
    }
    let rows = goals.iter().map(|goal| vec![goal.name.clone(), goal.met.to_string()]);
    let table = Table {
        head: head(&["goal", "times met"]),
        rows: rows.collect(),
    };
    section(out, "goals", "Goals", &table, goals.len());
}

pub(super) fn alerts(out: &mut String, account: &Account) {
    let result = &account.result;
    let who = |vm: Option<datapath::VmId>| or_dash(vm.map(|vm| account.names.vm(vm).into_owned()));
    if result.alerts_raised > 0 {
        let rows = result.alerts.iter().take(SHOWN_MAX).map(|alert| {
            let severity = words::severity(alert.severity);
            vec![
                words::moment(alert.at),
                severity.to_owned(),
                who(alert.vm),
                if alert.code.is_empty() {
                    "–".to_owned()
                } else {
                    alert.code.clone()
                },
                account.names.with_segments_named(&alert.text),
            ]
        });
        let table = Table {
            head: head(&["at", "severity", "machine", "code", "text"]),
            rows: rows.collect(),
        };
        section(
            out,
            "alerts",
            "Alerts",
            &table,
            usize::try_from(result.alerts_raised).unwrap_or(usize::MAX),
        );
    }
    if !result.refusals.is_empty() {
        let rows = result.refusals.iter().take(SHOWN_MAX).map(|refusal| {
            vec![
                words::moment(refusal.at),
                who(refusal.vm),
                refusal.operation.clone(),
                account.names.with_segments_named(&refusal.why),
            ]
        });
        let table = Table {
            head: head(&["at", "machine", "operation", "why"]),
            rows: rows.collect(),
        };
        section(
            out,
            "refusals",
            "What the product refused",
            &table,
            result.refusals.len(),
        );
    }
}

pub(super) fn checks(out: &mut String, account: &Account) {
    let checks = &account.result.checks;
    let rows = checks.iter().map(|check| {
        vec![
            check.invariant.clone(),
            check.statement.clone(),
            words::count(check.checked),
            words::count(check.violated),
        ]
    });
    let table = Table {
        head: head(&["invariant", "what it says", "checked", "violated"]),
        rows: rows.collect(),
    };
    section(out, "checks", "What was checked", &table, checks.len());
}
