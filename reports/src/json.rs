//! A run as one JSON object: what `--format json` prints, and, with the whole result behind it, `record.json`. The long lists of the
//! result are tables of their own ([`crate::tables`]).
//!
//! Durations are seconds with milliseconds; a figure that a machine does not have is null.

use actors::nouns::FailoverKind;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sim::findings::{Figure, Finding};
use sim::metrics::{
    DatabaseRecovery, DatabaseResult, FailoverResult, FailoverStretch, HoldResult, Percentiles, PlanRunResult, VmResult,
};

use crate::account::{Account, Verdict};
use crate::named::hex;
use crate::names::StepName;
use crate::recovery::{PlanStep, longest, plan_steps};

/// The version of the record's format.
pub const FORMAT: u32 = 3;

/// The object that `--format json` prints.
#[must_use]
pub fn summary(account: &Account) -> Value {
    let result = &account.result;
    let per_vm = |figure: fn(&VmResult) -> Value| -> Value {
        let pairs = result.vms.iter().map(|vm| (vm.name.clone(), figure(vm)));
        Value::Object(pairs.collect::<Map<String, Value>>())
    };
    let mut summary = json!({
        "verdict": match account.verdict() {
            Verdict::Pass => "pass",
            Verdict::NothingTested => "not-tested",
            Verdict::ExpectationFailed | Verdict::InvariantFailed => "fail",
        },
        "scenario": account.scenario,
        "seed": account.seed,
        "network": account.network,
        "content": result.content,
        "digest": hex(&account.digest),
        "model": {
            "era": account.era,
            "differs": account.differs,
        },
        "simulated_seconds": seconds(sim::metrics::milliseconds(result.ended.0)),
        "time_up": account.time_up,
        "wall_seconds": seconds(account.wall_ms),
        "events": account.events,
        "entries": account.entries,
        "stored_bytes": account.stored_bytes,
        "recovery_points": {
            "marked": result.recovery_points.marked,
            "stored": result.recovery_points.stored,
            "made": result.recovery_points.made,
            "verified": result.recovery_points.verified,
            "waiting": result.recovery_points.waiting,
            "superseded": result.recovery_points.superseded,
            "pruned": result.recovery_points.pruned,
            "lag_seconds": result.point_lag.map(|lag| {
                json!({"p50": seconds(lag.p50_ms), "p99": seconds(lag.p99_ms), "max": seconds(lag.max_ms)})
            }),
        },
        "disks": result.disks.iter().map(|disk| json!({
            "vm": account.names.vm(disk.vm),
            "disk": account.names.disk_only(disk.disk),
            "failover": disk.kind,
            "t": disk.at.to_string(),
            "protection": disk.protection,
            "point": disk.point,
            "bytes": disk.bytes,
            "blake3": disk.blake3,
            "verified": disk.verified,
            "file": account.file_of(disk).map(|file| &file.file),
            "image_bytes": account.file_of(disk).map(|file| file.image_bytes),
            "file_bytes": account.file_of(disk).map(|file| file.file_bytes),
        })).collect::<Vec<_>>(),
        "rpo_seconds": per_vm(|vm| percentiles(vm.rpo.as_ref())),
        "true_rpo_seconds": per_vm(|vm| percentiles(vm.true_rpo.as_ref())),
        "rto_seconds": per_vm(|vm| json!(vm.rto_ms().map(seconds))),
        "rto_steps": per_vm(rto_steps),
        "recovery_plans": plan_runs(account),
        "failback_seconds": per_vm(|vm| {
            json!(vm.newest(FailoverKind::Failback).and_then(|f| f.rto_ms()).map(seconds))
        }),
        "lost": per_vm(|vm| vm.lost().map_or(Value::Null, |lost| {
            json!({"seconds": seconds(lost.ms), "writes": lost.writes, "bytes": lost.bytes})
        })),
        "expectations": account.expectations.iter().map(|expected| json!({
            "text": expected.text,
            "line": expected.line,
            "held": expected.broken == 0,
            "machines": expected.machines,
            "broken": expected.broken,
            "figure": expected.figure,
        })).collect::<Vec<_>>(),
        "checks": result.checks,
        "alerts": {
            "raised": result.alerts_raised,
            "critical": result.alerts_critical,
            "warning": result.alerts_raised - result.alerts_critical,
            "worst": account.worst_alert().map(|alert| json!({
                "at": alert.at.to_string(),
                "vm": alert.vm.map(|vm| account.names.vm(vm)),
                "severity": alert.severity,
                "code": alert.code,
                "text": alert.text,
            })),
        },
        "faults": result.faults.iter().map(|fault| json!({
            "name": fault.name,
            "began": fault.began.map(|at| at.to_string()),
            "struck_first": fault.struck_first.map(|at| at.to_string()),
            "ended": fault.ended.map(|at| at.to_string()),
            "struck": fault.struck,
            "missed": fault.missed,
        })).collect::<Vec<_>>(),
        "goals": result.goals,
        "databases": databases(account),
        "group_points": {
            "made": result.groups.iter().map(|group| group.made).sum::<u64>(),
            "verified": result.groups.iter().map(|group| group.verified).sum::<u64>(),
            "tried": result.groups.iter().map(|group| group.tried).sum::<u64>(),
            "failed": result.groups.iter().map(|group| group.failed).sum::<u64>(),
        },
        "replication_groups": replication_groups(account),
        "held_seconds": Value::Object(holds(account, |hold| json!(nanoseconds(hold.nanoseconds)))),
        "held": Value::Object(holds(account, |hold| json!({
            "times": hold.times,
            "seconds": nanoseconds(hold.nanoseconds),
            "writes": hold.writes,
            "added_seconds": {
                "p50": nanoseconds(hold.added_us_p50 * 1_000),
                "p99": nanoseconds(hold.added_us_p99 * 1_000),
                "max": nanoseconds(hold.added_us_max * 1_000),
            },
            "requests_that_waited": hold.requests,
            "waited_seconds": nanoseconds(hold.waited),
        }))),
        "unfinished": result.unfinished.iter().map(|unfinished| json!({
            "vm": unfinished.vm.map(|vm| account.names.vm(vm)),
            "since": unfinished.since.to_string(),
            "what": unfinished.what,
        })).collect::<Vec<_>>(),
        "refusals": result.refusals.len(),
        "findings": result.findings.iter().map(|found| finding(account, found)).collect::<Vec<_>>(),
        "findings_dropped": result.findings_dropped,
        "run_directory": account.directory,
        "command": account.command,
        "versions": {"firedrill": account.version, "format": FORMAT},
    });
    // Behind the others: the macro takes no more keys at a time.
    summary["process_servers"] = process_servers(account);
    summary
}

/// How process servers were; shares in millionths.
fn process_servers(account: &Account) -> Value {
    let all = account.result.process_servers.iter();
    let of = all.map(|server| {
        let longest = server.uploads_longest_ms;
        let uploads = (longest < u64::MAX).then(|| nanoseconds(longest.saturating_mul(1_000_000)));
        json!({
            "name": account.names.machine(server.machine),
            "looks": server.looks,
            "throttled_looks": server.throttled,
            "cache_free_least_millionths": server.cache_free_least,
            "processors_most_millionths": server.processors_most,
            "uploads_longest_seconds": uploads,
            "worst": server.level_worst,
        })
    });
    Value::Array(of.collect())
}

/// Replication groups and the points that they tried to share.
fn replication_groups(account: &Account) -> Value {
    let of = account.result.groups.iter().map(|group| {
        json!({
            "name": group.name,
            "members": group.holds.iter().map(|hold| account.names.vm(hold.vm)).collect::<Vec<_>>(),
            "tried": group.tried,
            "failed": group.failed,
            "why": group.why,
            "stored": group.stored,
            "made": group.made,
            "verified": group.verified,
        })
    });
    Value::Array(of.collect())
}

/// A figure of each member of a replication group, by name.
fn holds(account: &Account, figure: impl Fn(&HoldResult) -> Value) -> Map<String, Value> {
    let all = account.result.groups.iter().flat_map(|group| &group.holds);
    all.map(|hold| (account.names.vm(hold.vm).into_owned(), figure(hold)))
        .collect()
}

/// The databases, and what was read of them from recovered disks.
fn databases(account: &Account) -> Value {
    let recovery = |recovery: &DatabaseRecovery| {
        json!({
            "at": recovery.at.to_string(),
            "kind": recovery.kind,
            "point": recovery.point,
            "consistency": recovery.consistency,
            "through": recovery.through,
            "redone": recovery.redone,
            "lost": recovery.lost,
        })
    };
    let database = |database: &DatabaseResult| {
        json!({
            "name": database.name,
            "vm": account.names.vm(database.vm),
            "transactions": database.transactions,
            "committed": database.committed,
            "recoveries": database.recoveries.iter().map(recovery).collect::<Vec<_>>(),
        })
    };
    account.result.databases.iter().map(database).collect()
}

/// The failovers of a machine, part by part.
fn rto_steps(vm: &VmResult) -> Value {
    let failover = |failover: &FailoverResult| {
        json!({
            "kind": failover.kind,
            "started": failover.started.to_string(),
            "seconds": seconds_of(failover),
            "all": failover.rto_ms().map(seconds),
        })
    };
    vm.failovers.iter().map(failover).collect()
}

/// The runs of recovery plans, step by step.
fn plan_runs(account: &Account) -> Value {
    let step = |step: &PlanStep| {
        json!({
            "group": step.group.map(|group| group + 1),
            "what": step.what,
            "began": step.began.to_string(),
            "seconds": step.took_ms.map(seconds),
            "failed": step.failed,
        })
    };
    let run = |run: &PlanRunResult| {
        let steps = plan_steps(account, run);
        json!({
            "name": run.plan,
            "kind": run.kind,
            "began": run.began.to_string(),
            "seconds": run.took_ms().map(seconds),
            "longest": longest(&steps).map(|step| step.what.clone()),
            "steps": steps.iter().map(step).collect::<Vec<_>>(),
        })
    };
    account.result.recovery_plans.iter().map(run).collect()
}

/// The parts of a failover, in seconds, by name.
fn seconds_of(failover: &FailoverResult) -> Map<String, Value> {
    let part = |phase: FailoverStretch| {
        let name = json!(phase.what).as_str().unwrap_or_default().to_owned();
        (name, json!(seconds(phase.took_ms())))
    };
    failover.phases().into_iter().map(part).collect()
}

/// Nanoseconds as seconds.
fn nanoseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// A record of more machines than this is read by programs only: it is written without line breaks.
const READ_BY_PEOPLE: usize = 50;

/// The record: the same object, with the whole result and the names behind its numbers.
///
/// # Errors
/// None is known: the result is plain data.
pub fn record(account: &Account) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Record<'a> {
        #[serde(flatten)]
        summary: Value,
        steps: Vec<String>,
        result: &'a sim::metrics::RunResult,
    }
    let record = Record {
        summary: summary(account),
        steps: account.names.steps.iter().map(StepName::full).collect(),
        result: &account.result,
    };
    let mut text = if account.names.vms.len() > READ_BY_PEOPLE {
        serde_json::to_vec(&record)?
    } else {
        serde_json::to_vec_pretty(&record)?
    };
    text.push(b'\n');
    Ok(text)
}

fn finding(account: &Account, finding: &Finding) -> Value {
    json!({
        "identity": finding.identity(),
        "class": finding.class,
        "law": finding.law,
        "shape": finding.shape,
        "component": {
            "kind": finding.component.kind(),
            "name": account.names.component(&finding.component),
        },
        "text": finding.text,
        "at": finding.at.to_string(),
        "vm": finding.vm().map(|vm| account.names.vm(vm)),
        "evidence": finding
            .evidence
            .iter()
            .map(|(name, figure)| (name.to_owned(), of_figure(account, figure)))
            .collect::<Map<String, Value>>(),
    })
}

/// A figure of a finding as a number, or by name.
fn of_figure(account: &Account, figure: &Figure) -> Value {
    let names = &account.names;
    match figure {
        Figure::Number(number) | Figure::Bytes(number) => json!(number),
        Figure::Signed(number) => json!(number),
        Figure::Nanoseconds(duration) => json!(nanoseconds(*duration)),
        Figure::Time(at) => json!(at.to_string()),
        Figure::Write(write) => json!(write.0),
        Figure::Vm(vm) => json!(names.vm(*vm)),
        Figure::Disk(disk) => json!(names.disk(*disk).to_string()),
        Figure::Machine(machine) => json!(names.machine(*machine)),
        Figure::Truth(truth) => json!(truth),
        Figure::Word(word) | Figure::Text(word) => json!(word),
    }
}

fn percentiles(percentiles: Option<&Percentiles>) -> Value {
    percentiles.map_or(
        Value::Null,
        |p| json!({"p50": seconds(p.p50_ms), "p99": seconds(p.p99_ms), "max": seconds(p.max_ms)}),
    )
}

/// Milliseconds as seconds.
#[must_use]
pub fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn a_run_is_one_object_by_name() {
        let run = summary(&synthetic::drill());
        assert_eq!(run["verdict"], "fail");
        assert_eq!(run["network"], "event");
        assert_eq!(run["content"], "real");
        assert_eq!(run["digest"], "5a".repeat(32));
        assert_eq!(run["simulated_seconds"], 2700.0);
        assert_eq!(run["recovery_points"]["made"], 14);
        assert_eq!(
            run["rpo_seconds"]["db"],
            json!({"p50": 152.0, "p99": 331.5, "max": 342.5})
        );
        assert_eq!(run["rto_seconds"], json!({"web": 230.0, "db": 230.0}));
        assert_eq!(
            run["lost"]["web"],
            json!({"seconds": 43.5, "writes": 812, "bytes": 3_325_952})
        );
        let disk = &run["disks"][0];
        assert_eq!(disk["vm"], "db");
        assert_eq!(disk["disk"], "os");
        assert_eq!(disk["file"], "disks/db-os.vhd");
        assert_eq!(run["alerts"]["raised"], 1);
        assert_eq!(run["alerts"]["critical"], 1);
        assert_eq!(run["alerts"]["worst"]["vm"], "web");
        assert_eq!(run["unfinished"][0]["what"], "point 9 is stored and not processed");
        assert_eq!(run["findings"][0]["class"], "expectation");
        assert_eq!(run["findings"][0]["vm"], "db");
        assert_eq!(run["findings"][0]["identity"], "lost_below/vm/over-bound");
        assert_eq!(run["findings"][0]["component"], json!({"kind": "vm", "name": "db"}));
        assert_eq!(run["findings"][0]["evidence"]["bound"], 30.0);
    }

    #[test]
    fn a_record_holds_the_summary_and_the_result() {
        let account = synthetic::drill();
        let record: Value = serde_json::from_slice(&record(&account).unwrap()).unwrap();
        assert_eq!(record["verdict"], "fail");
        let result: sim::metrics::RunResult = serde_json::from_value(record["result"].clone()).unwrap();
        let mut whole = account.result.clone();
        for vm in &mut whole.vms {
            (vm.points, vm.rpo_series, vm.backlog) = (Vec::new(), Vec::new(), Vec::new());
        }
        assert_eq!(result, whole, "all but what is in the tables");
    }
}
