//! What recovery took, in the words and the order in which reports tell it.

use datapath::SimTime;
use sim::metrics::{FailoverPart, PlanRunResult, milliseconds};

use crate::account::Account;
use crate::words;

/// The phases of a failover, each with the class of its colour.
pub const PHASES: [(FailoverPart, &str); 5] = [
    (FailoverPart::Processing, "s0"),
    (FailoverPart::Hydration, "s5"),
    (FailoverPart::Turn, "s7"),
    (FailoverPart::Creation, "s1"),
    (FailoverPart::Boot, "s2"),
];

/// A step of a recovery plan's run.
#[derive(Debug, Clone)]
pub struct PlanStep {
    /// The place of its group; none for what comes before all groups.
    pub group: Option<u32>,
    /// What was done.
    pub what: String,
    /// When it began.
    pub began: SimTime,
    /// How long it took; none where it was not over.
    pub took_ms: Option<u64>,
    /// Why it failed, if it did.
    pub failed: Option<String>,
}

/// Machines of a group that are named.
const NAMED: usize = 6;

/// The steps of a run, in order of time: the disks of all machines, then of each group its actions before, its machines' start, and its
/// actions after.
#[must_use]
pub fn plan_steps(account: &Account, run: &PlanRunResult) -> Vec<PlanStep> {
    let failed = |vms: &[datapath::VmId]| {
        let own = run.failed.iter().filter(|(vm, _)| vms.contains(vm));
        let told = own.map(|(vm, why)| format!("{}: {why}", account.names.vm(*vm)));
        let told: Vec<String> = told.collect();
        (!told.is_empty()).then(|| told.join("; "))
    };
    let between = |from: SimTime, to: Option<SimTime>| to.map(|to| milliseconds(to.since(from)));
    let mut steps = vec![PlanStep {
        group: None,
        what: "the disks of all machines".to_owned(),
        began: run.began,
        took_ms: between(run.began, run.prepared),
        failed: None,
    }];
    for (place, group) in (0..).zip(&run.groups) {
        let Some(began) = group.began else { break };
        let action = |action: &sim::metrics::PlanActionResult| PlanStep {
            group: Some(place),
            what: match action.what.as_str() {
                // Its name says so.
                "check" => action.name.clone(),
                what => format!("{what}: {}", action.name),
            },
            began: action.began,
            took_ms: between(action.began, action.ended),
            failed: action.failed.clone(),
        };
        let before = group.actions.iter().filter(|action| action.before);
        let after = group.actions.iter().filter(|action| !action.before);
        let starts = before.clone().filter_map(|action| action.ended).max().unwrap_or(began);
        let up = after.clone().map(|action| action.began).next().or(group.ended);
        steps.extend(before.map(action));
        let names: Vec<String> = group.vms.iter().map(|vm| account.names.vm(*vm).into_owned()).collect();
        steps.push(PlanStep {
            group: Some(place),
            what: format!("start of {}", words::list(&names, NAMED)),
            began: starts,
            took_ms: between(starts, up),
            failed: failed(&group.vms),
        });
        steps.extend(after.map(action));
    }
    steps
}

/// The step that took longest.
#[must_use]
pub fn longest(steps: &[PlanStep]) -> Option<&PlanStep> {
    steps
        .iter()
        .filter(|step| step.took_ms.is_some())
        .max_by_key(|step| step.took_ms)
}
