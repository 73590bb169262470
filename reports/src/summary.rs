//! The summary that a person reads on the terminal: what happened, what it cost, what was verified, what does not hold.
//!
//! Plain text without colours, since it goes into pipes and tickets as often as to a screen.

use std::fmt::Write;

use actors::facts::StepOutcome;
use actors::model::Era;
use actors::nouns::FailoverKind;

use sim::metrics::ProcessServerResult;

use crate::account::{Account, Verdict};
use crate::named::hex;
use crate::recovery::{longest, plan_steps};
use crate::words::{
    bytes, consistency, count, duration, durations, grain, how_compared, image_sizes, list, moment, network,
    not_processed, severity, share,
};

/// With more machines than this, the worst are shown and the rest as a distribution.
const VMS_ALL_MAX: usize = 12;
/// So many of the worst.
const VMS_WORST: usize = 10;
/// Findings shown; all are in the record.
const FINDINGS_SHOWN: usize = 20;
/// Machines of a step that are named.
const VMS_NAMED: usize = 3;
/// Recovered disks whose hash is shown.
const DISKS_SHOWN: usize = 8;
/// Unfinished things shown; all are in the record.
const UNFINISHED_SHOWN: usize = 8;
/// Faults shown; all are in the record.
const FAULTS_SHOWN: usize = 20;
/// Replication groups that are shown.
const GROUPS_SHOWN: usize = 8;
/// Steps shown.
const STEPS_SHOWN: usize = 60;

/// The summary of a run.
#[must_use]
pub fn summary(account: &Account) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = render(account, &mut out);
    out
}

fn render(account: &Account, out: &mut String) -> std::fmt::Result {
    let result = &account.result;
    writeln!(out, "{}: {}", account.scenario, account.verdict().words())?;
    writeln!(
        out,
        "  {} simulated in {}; seed {}, network {},\n  content {}",
        duration(sim::metrics::milliseconds(result.ended.0)),
        duration(account.wall_ms),
        account.seed,
        network(account.network),
        grain(result.content),
    )?;
    if account.era != Era::default() || !account.differs.is_empty() {
        writeln!(out, "  Constants of the era {}", account.era.name())?;
        for line in account.constants() {
            writeln!(out, "    but {line}")?;
        }
    }
    if account.time_up {
        writeln!(out, "  The scenario's duration was over before all steps were done.")?;
    }
    steps(account, out)?;
    faults(account, out)?;
    goals(account, out)?;
    machines(account, out)?;
    recovery_plans(account, out)?;
    groups(account, out)?;
    process_servers(account, out)?;
    databases(account, out)?;
    expectations(account, out)?;
    verified(account, out)?;
    alerts(account, out)?;
    unfinished(account, out)?;
    findings(account, out)?;
    writeln!(out, "\nDigest  {}", hex(&account.digest))?;
    writeln!(out, "Repeat  {}", account.command)?;
    writeln!(out, "Files   {}", account.directory.display())?;
    let mut files = vec!["report.html (open it in a browser)".to_owned()];
    files.extend(account.files());
    for line in wrapped(&files.join(", "), WIDTH - 8) {
        writeln!(out, "        {line}")?;
    }
    if account.events_file.is_none() {
        writeln!(out, "        without the events, which --events always writes")?;
    }
    for file in &account.disk_files {
        writeln!(out, "        {}", file.file.display())?;
        for line in wrapped(&image_sizes(file), WIDTH - 10) {
            writeln!(out, "          {line}")?;
        }
    }
    Ok(())
}

/// Columns of a terminal that nobody has made wider.
pub(crate) const WIDTH: usize = 80;

/// Breaks a text between words, to lines of at most `width` characters (longer words stay whole).
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is a line from the start");
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= width {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

fn steps(account: &Account, out: &mut String) -> std::fmt::Result {
    let groups = account.step_groups();
    if groups.is_empty() {
        return Ok(());
    }
    const INDENT: usize = 34;
    writeln!(out, "\nSteps")?;
    for group in groups.iter().take(STEPS_SHOWN) {
        let (took, why) = match (group.refused_or_failed(), &group.outcome) {
            (Some((word, why)), _) => (word, Some(account.names.with_segments_named(why))),
            (None, StepOutcome::Started) => ("not done".to_owned(), None),
            (None, _) => (group.took_ms.map_or_else(String::new, durations), None),
        };
        let name = match group.vms.len() {
            0 => group.text.clone(),
            _ => format!("{} {}", group.text, list(&group.vms, VMS_NAMED)),
        };
        let mut lines = wrapped(&name, WIDTH - INDENT);
        lines.extend(why.map(|why| wrapped(&why, WIDTH - INDENT)).unwrap_or_default());
        for (number, line) in lines.iter().enumerate() {
            match number {
                0 => writeln!(out, "  {}  {took:>20}  {line}", moment(group.started))?,
                _ => writeln!(out, "{:INDENT$}{line}", "")?,
            }
        }
    }
    if let Some(more) = groups.len().checked_sub(STEPS_SHOWN).filter(|more| *more > 0) {
        writeln!(out, "  and {more} more (in the record)")?;
    }
    let all = account.names.steps.len();
    let missing = all.saturating_sub(account.result.steps.len());
    if missing > 0 {
        writeln!(out, "  {missing} of {all} steps never began")?;
    }
    Ok(())
}

/// Runs of recovery plans: how long each took, and which step longest.
fn recovery_plans(account: &Account, out: &mut String) -> std::fmt::Result {
    let runs = &account.result.recovery_plans;
    if runs.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nRecovery plans")?;
    for run in runs {
        let took = run.took_ms().map_or_else(
            || "not over".to_owned(),
            |took| format!("over after {}", duration(took)),
        );
        let steps = plan_steps(account, run);
        let failed = steps.iter().filter(|step| step.failed.is_some()).count();
        let mut text = format!("{} ({}): {took}", run.plan, run.kind.words());
        if let Some(step) = longest(&steps) {
            let step_took = duration(step.took_ms.unwrap_or_default());
            text.push_str(&format!("; the longest step, {step_took}: {}", step.what));
        }
        if failed > 0 {
            text.push_str(&format!("; {failed} of {} steps failed", steps.len()));
        }
        for (number, line) in wrapped(&text, WIDTH - 4).iter().enumerate() {
            writeln!(out, "{}{line}", if number == 0 { "  " } else { "    " })?;
        }
    }
    Ok(())
}

fn expectations(account: &Account, out: &mut String) -> std::fmt::Result {
    if account.expectations.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nExpected")?;
    for expected in &account.expectations {
        let verdict = if expected.broken == 0 {
            "held".to_owned()
        } else {
            format!("NOT HELD for {} of {}", expected.broken, expected.machines)
        };
        let figure = expected
            .figure
            .as_ref()
            .map_or_else(String::new, |figure| format!(" ({figure})"));
        writeln!(out, "  {}: {verdict}{figure}", expected.text)?;
    }
    Ok(())
}

fn machines(account: &Account, out: &mut String) -> std::fmt::Result {
    let vms = &account.result.vms;
    if vms.is_empty() {
        return Ok(());
    }
    let shown = account.worst(VMS_ALL_MAX, VMS_WORST);
    if vms.len() > shown.len() {
        writeln!(
            out,
            "\nMachines: the worst {} of {} (all are in record.json)",
            shown.len(),
            vms.len()
        )?;
    } else {
        writeln!(out, "\nMachines")?;
    }
    // Names have a column of their own up to this width; a longer one has a line of its own.
    const NAME_WIDTH: usize = 12;
    let width = shown
        .iter()
        .map(|vm| vm.name.chars().count())
        .max()
        .unwrap_or(0)
        .min(NAME_WIDTH);
    writeln!(
        out,
        "  {:width$} {:>12} {:>12} {:>12} {:>12} {:>12}",
        "", "RPO p50", "RPO p99", "RPO max", "RTO", "lost"
    )?;
    for vm in shown {
        let rpo = vm.rpo.map_or_else(
            || [(); 3].map(|()| "-".to_owned()),
            |rpo| [rpo.p50_ms, rpo.p99_ms, rpo.max_ms].map(duration),
        );
        let mut name = vm.name.as_str();
        if name.chars().count() > width {
            writeln!(out, "  {name}")?;
            name = "";
        }
        writeln!(
            out,
            "  {name:width$} {:>12} {:>12} {:>12} {:>12} {:>12}",
            rpo[0],
            rpo[1],
            rpo[2],
            vm.rto_ms().map_or("-".to_owned(), duration),
            vm.lost().map_or("-".to_owned(), |lost| duration(lost.ms)),
        )?;
        if let Some(lost) = vm.lost().filter(|lost| lost.writes > 0) {
            let what = format!("{} in {} writes", bytes(lost.bytes), count(lost.writes));
            writeln!(out, "  {:width$} {what:>64}", "")?;
        }
    }
    if vms.len() > VMS_ALL_MAX {
        writeln!(out, "\n  Of all {}", vms.len())?;
        let estate = account.estate();
        for (rank, name) in ["half within", "99 % within", "longest"].into_iter().enumerate() {
            let [rpo, rto, lost] = estate.map(|ranks| ranks.map_or("-".to_owned(), |ranks| duration(ranks[rank])));
            writeln!(
                out,
                "  {name:width$} {:>12} {:>12} {rpo:>12} {rto:>12} {lost:>12}",
                "", ""
            )?;
        }
    }
    Ok(())
}

fn verified(account: &Account, out: &mut String) -> std::fmt::Result {
    let result = &account.result;
    let points = &result.recovery_points;
    let how = how_compared(result.content);
    writeln!(out, "\nVerified{}{how}", if how.is_empty() { "" } else { " " })?;
    writeln!(
        out,
        "  {} of {} recovery points that were made",
        count(points.verified),
        count(points.made)
    )?;
    for what in not_processed(points) {
        writeln!(out, "  {what}")?;
    }
    for kind in [FailoverKind::Test, FailoverKind::Unplanned, FailoverKind::Failback] {
        let of_kind = result.disks.iter().filter(|disk| disk.kind == kind);
        let (all, good, size) = of_kind.fold((0, 0, 0), |(all, good, size), disk| {
            (all + 1, good + u64::from(disk.verified), size + disk.bytes)
        });
        if all > 0 {
            writeln!(
                out,
                "  {good} of {all} disks recovered by {}, {}",
                kind.words(),
                bytes(size)
            )?;
        }
    }
    let hashed: Vec<_> = result.disks.iter().filter(|disk| disk.blake3.is_some()).collect();
    if !hashed.is_empty() {
        writeln!(
            out,
            "  digest of each recovered disk (BLAKE3 over the BLAKE3 of each MiB):"
        )?;
    }
    for disk in hashed.iter().take(DISKS_SHOWN) {
        let hash = disk.blake3.as_deref().unwrap_or_default();
        let name = account.names.disk(disk.disk);
        writeln!(out, "    {hash}\n      {name}, {}", disk.kind.words())?;
    }
    if let Some(more) = hashed.len().checked_sub(DISKS_SHOWN).filter(|more| *more > 0) {
        writeln!(out, "    and {more} more (in record.json)")?;
    }
    if let Some(lag) = result.point_lag {
        writeln!(
            out,
            "  points stored at the target after {} (half), {} (99 %), {} (all)",
            duration(lag.p50_ms),
            duration(lag.p99_ms),
            duration(lag.max_ms)
        )?;
    }
    let checked: u64 = result.checks.iter().map(|check| check.checked).sum();
    writeln!(
        out,
        "  {} checks of {} invariants; {} events,\n  {} queue entries, {} stored",
        count(checked),
        result.checks.len(),
        count(account.events),
        count(account.entries),
        bytes(account.stored_bytes)
    )
}

fn alerts(account: &Account, out: &mut String) -> std::fmt::Result {
    let result = &account.result;
    let Some(worst) = account.worst_alert() else {
        return Ok(());
    };
    let (all, critical) = (result.alerts_raised, result.alerts_critical);
    writeln!(
        out,
        "\nAlerts  {}, {} of them critical; the worst:",
        count(all),
        count(critical)
    )?;
    let of = worst
        .vm
        .map_or_else(String::new, |vm| format!("{}: ", account.names.vm(vm)));
    let text = format!("{of}{}", account.names.with_segments_named(&worst.text));
    told(out, worst.at, &text)
}

/// Process servers that were not well.
fn process_servers(account: &Account, out: &mut String) -> std::fmt::Result {
    let unwell = |server: &&ProcessServerResult| server.level_worst.is_some() || server.throttled > 0;
    let all: Vec<&ProcessServerResult> = account.result.process_servers.iter().filter(unwell).collect();
    if all.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nProcess servers")?;
    for server in all.iter().take(GROUPS_SHOWN) {
        let health = server.level_worst.map_or("well", severity);
        let (free, busy) = (share(server.cache_free_least), share(server.processors_most));
        writeln!(
            out,
            "  {}: {health} at worst; {free} of its cache free at least, processors at work {busy} at most",
            account.names.machine(server.machine)
        )?;
        if server.throttled > 0 {
            writeln!(
                out,
                "    its machines were throttled at {} of its {} looks",
                count(server.throttled),
                count(server.looks)
            )?;
        }
    }
    more(out, all.len(), GROUPS_SHOWN)
}

/// Replication groups: what they shared, and what that cost.
fn groups(account: &Account, out: &mut String) -> std::fmt::Result {
    let groups = &account.result.groups;
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nReplication groups")?;
    for group in groups.iter().take(GROUPS_SHOWN) {
        let (made, tried) = (count(group.made), count(group.tried));
        let verified = count(group.verified);
        let name = &group.name;
        writeln!(
            out,
            "  {name}: {made} shared recovery points of {tried} tried, {verified} verified"
        )?;
        if let Some(why) = group.why.as_ref().filter(|_| group.failed > 0) {
            let lines = wrapped(
                &format!("{} came to nothing; the last: {why}", count(group.failed)),
                WIDTH - 4,
            );
            for line in lines {
                writeln!(out, "    {line}")?;
            }
        }
        for hold in group.holds.iter().filter(|hold| hold.times > 0) {
            let vm = account.names.vm(hold.vm);
            let held = milliseconds(hold.nanoseconds / 1_000);
            let (writes, longest) = (count(hold.writes), milliseconds(hold.added_us_max));
            let half = milliseconds(hold.added_us_p50);
            writeln!(
                out,
                "    {vm}: held for {held} in {}; {writes} writes waited, half of them up to {half}, the longest {longest}",
                times(hold.times)
            )?;
        }
    }
    more(out, groups.len(), GROUPS_SHOWN)
}

/// Databases: what came back of them.
fn databases(account: &Account, out: &mut String) -> std::fmt::Result {
    let databases = &account.result.databases;
    if databases.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nDatabases")?;
    for database in databases.iter().take(GROUPS_SHOWN) {
        let (name, vm) = (&database.name, account.names.vm(database.vm));
        let (begun, committed) = (count(database.transactions), count(database.committed));
        writeln!(
            out,
            "  {name} on {vm}: {begun} transactions, {committed} of them committed"
        )?;
        for recovery in database.recoveries.iter().take(GROUPS_SHOWN) {
            let text = format!(
                "{} to point {} ({}): back up to transaction {}, {} redone from the log; {} that were committed are not in it",
                recovery.kind.words(),
                recovery.point,
                consistency(recovery.consistency),
                count(recovery.through),
                count(recovery.redone),
                count(recovery.lost)
            );
            for line in wrapped(&text, WIDTH - 4) {
                writeln!(out, "    {line}")?;
            }
        }
        more(out, database.recoveries.len(), GROUPS_SHOWN)?;
    }
    more(out, databases.len(), GROUPS_SHOWN)
}

/// How many of a list are not shown, where some are not.
fn more(out: &mut String, all: usize, shown: usize) -> std::fmt::Result {
    match all.checked_sub(shown).filter(|more| *more > 0) {
        Some(more) => writeln!(out, "  and {more} more (in record.json)"),
        None => Ok(()),
    }
}

fn times(times: u64) -> String {
    match times {
        1 => "one time".to_owned(),
        times => format!("{} times", count(times)),
    }
}

/// Microseconds in milliseconds, two digits behind the point.
fn milliseconds(microseconds: u64) -> String {
    format!("{}.{:02} ms", microseconds / 1_000, microseconds % 1_000 / 10)
}

fn faults(account: &Account, out: &mut String) -> std::fmt::Result {
    let faults = &account.result.faults;
    if faults.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nFaults")?;
    for fault in faults.iter().take(FAULTS_SHOWN) {
        let times = match fault.struck {
            1 => "struck once".to_owned(),
            times => format!("struck {times} times"),
        };
        match fault.began {
            Some(began) => told(out, began, &format!("{}: {times}", fault.name))?,
            None => writeln!(out, "  never     {}", fault.name)?,
        }
    }
    more(out, faults.len(), FAULTS_SHOWN)
}

fn goals(account: &Account, out: &mut String) -> std::fmt::Result {
    let goals = &account.result.goals;
    if goals.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nGoals")?;
    for goal in goals {
        match goal.met {
            0 => writeln!(out, "  not met   {}", goal.name)?,
            1 => writeln!(out, "  met once  {}", goal.name)?,
            times => writeln!(out, "  met {times:>4}x {}", goal.name)?,
        }
    }
    Ok(())
}

fn unfinished(account: &Account, out: &mut String) -> std::fmt::Result {
    let all = &account.result.unfinished;
    if all.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nUnfinished at the end, since")?;
    for one in all.iter().take(UNFINISHED_SHOWN) {
        let of = one
            .vm
            .map_or_else(String::new, |vm| format!("{}: ", account.names.vm(vm)));
        told(out, one.since, &format!("{of}{}", one.what))?;
    }
    more(out, all.len(), UNFINISHED_SHOWN)
}

/// A moment, and what is told of it beside it.
fn told(out: &mut String, at: datapath::SimTime, text: &str) -> std::fmt::Result {
    for (number, line) in wrapped(text, WIDTH - 12).into_iter().enumerate() {
        match number {
            0 => writeln!(out, "  {}  {line}", moment(at))?,
            _ => writeln!(out, "            {line}")?,
        }
    }
    Ok(())
}

fn findings(account: &Account, out: &mut String) -> std::fmt::Result {
    let result = &account.result;
    if result.findings.is_empty() {
        debug_assert!(account.verdict() != Verdict::ExpectationFailed || result.findings_dropped > 0);
        return Ok(());
    }
    writeln!(out, "\nFindings")?;
    for finding in result.findings.iter().take(FINDINGS_SHOWN) {
        let (at, class) = (moment(finding.at), finding.class.words());
        writeln!(out, "  {at}  {class} {}", finding.identity())?;
        let text = account.names.with_segments_named(&finding.text);
        for line in text.lines().flat_map(|line| wrapped(line, WIDTH - 12)) {
            writeln!(out, "            {line}")?;
        }
    }
    let more = result.findings.len().saturating_sub(FINDINGS_SHOWN) as u64 + result.findings_dropped;
    if more > 0 {
        writeln!(out, "  and {more} more")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn a_summary_says_all_that_matters_on_a_page() {
        let text = summary(&synthetic::drill());
        for said in [
            "small-drill: FAIL: the plan does not hold",
            "45 min 00 s simulated in 4.3 s; seed 7, network event,\n",
            "00:41:00                 5.0 s  failover db",
            "43.5 s\n",
            "3.17 MiB in 812 writes",
            "RPO stays below 15 min: held (at most 5 min 42 s)",
            "less than 30 s lost: NOT HELD for 1 of 2 (at most 43 s)",
            "14 of 14 recovery points",
            "1 of 1 disks recovered by failover, 1.00 GiB",
            "abababab\n      db.os, failover\n",
            "20,123 events,\n  1,234,567 queue entries, ",
            "expectation lost_below/vm/over-bound",
            "Alerts  1, 1 of them critical; the worst:\n  00:40:10  web: No heartbeat",
            "00:44:50  db: point 9 is stored and not processed",
            "Repeat  firedrill run scenarios/small-drill.toml --seed 7",
            "disks/db-os.vhd",
        ] {
            assert!(text.contains(said), "no `{said}` in:\n{text}");
        }
        assert!(text.lines().count() < 60, "it fits a page");
    }

    #[test]
    fn of_a_fleet_the_worst_are_shown_and_a_distribution() {
        let names: Vec<String> = (1..=40).map(|n| format!("vm{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let text = summary(&synthetic::fleet(&names));
        assert!(
            text.contains("the worst 10 of 40") && text.contains("Of all 40") && text.contains("99 % within"),
            "{text}"
        );
        assert!(text.contains("  vm40 "), "the longest RPO is shown:\n{text}");
        assert!(!text.contains("  vm12 "), "{text}");
    }
}
