//! Collects a run's figures from its facts.

use std::collections::BTreeMap;

use actors::Table;
use actors::facts::{Fact, Severity, StepOutcome};
use actors::nouns::{FailoverKind, MachineId};
use datapath::plants::{Plant, planted};
use datapath::{Grain, SimTime, VmId};
use hdrhistogram::Histogram;

use super::ALERTS_KEPT;
use super::recovery_plans::PlanRuns;
use super::result::{
    AlertResult, BacklogSample, FaultResult, LinkResult, LinkSample, Lost, PointResult, PointTotals,
    ProcessServerResult, RecoveredDisk, RefusalResult, RunResult, Spread, StepResult, VmResult, milliseconds,
};
use super::series::{Series, Thin};
use super::vm::{VmFigures, Waited, backlog_samples, backlog_series, vm_fact};
use crate::spec::WorldSpec;

/// Refusals that a result keeps.
const REFUSALS_KEPT: usize = 10_000;

impl Thin for LinkSample {
    fn join(self, next: LinkSample) -> LinkSample {
        LinkSample {
            from: self.from,
            to: next.to,
            bytes: self.bytes + next.bytes,
        }
    }
}

/// Collects a run's figures.
pub struct Collector {
    facts: u64,
    vms: Table<VmId, VmFigures>,
    /// Which protected machine runs on a machine.
    copy_of: BTreeMap<MachineId, VmId>,
    test_of: BTreeMap<MachineId, VmId>,
    power_lost: BTreeMap<MachineId, SimTime>,
    links: Vec<LinkResult>,
    /// What waits of all machines together.
    waiting: BacklogSample,
    backlog: Series<Waited>,
    link_series: Vec<Series<LinkSample>>,
    steps: BTreeMap<u32, StepResult>,
    faults: Vec<FaultResult>,
    plan_runs: PlanRuns,
    process_servers: BTreeMap<MachineId, ProcessServerResult>,
    alerts: Vec<AlertResult>,
    alerts_raised: u64,
    alerts_critical: u64,
    refusals: Vec<RefusalResult>,
    disks: Vec<RecoveredDisk>,
}

impl Collector {
    /// A collector for a world.
    #[must_use]
    pub fn new(spec: &WorldSpec) -> Collector {
        // A fleet's curves are looked at one by one if at all; a small estate's in full.
        let cap = if spec.vms.len() <= 50 { 2048 } else { 512 };
        let vms = spec
            .vms
            .iter()
            .map(|vm| (vm.vm, VmFigures::new(&vm.name, cap)))
            .collect();
        let copy_of = spec
            .vms
            .iter()
            .flat_map(|vm| [vm.source, vm.failback, vm.azure].map(|machine| (machine, vm.vm)))
            .collect();
        let links: Vec<LinkResult> = spec
            .links
            .iter()
            .zip(0..)
            .flat_map(|(link, number)| {
                [false, true].map(|back| LinkResult {
                    link: number,
                    name: link.name.clone(),
                    back,
                    bits_per_second: link.bits_per_second,
                    bytes: 0,
                    series: Vec::new(),
                })
            })
            .collect();
        Collector {
            facts: 0,
            vms,
            copy_of,
            test_of: spec.vms.iter().map(|vm| (vm.test, vm.vm)).collect(),
            power_lost: BTreeMap::new(),
            waiting: BacklogSample {
                at: SimTime::ZERO,
                source_bytes: 0,
                process_server_bytes: 0,
                target_bytes: 0,
            },
            backlog: backlog_series(2048),
            link_series: links.iter().map(|_| Series::new(2048)).collect(),
            links,
            steps: BTreeMap::new(),
            faults: spec
                .faults
                .iter()
                .map(|fault| FaultResult {
                    name: fault.name.clone(),
                    began: None,
                    struck_first: None,
                    ended: None,
                    struck: 0,
                    missed: None,
                    may_miss: fault.may_miss,
                })
                .collect(),
            plan_runs: PlanRuns::new(&spec.recovery_plans),
            process_servers: BTreeMap::new(),
            alerts: Vec::new(),
            alerts_raised: 0,
            alerts_critical: 0,
            refusals: Vec::new(),
            disks: Vec::new(),
        }
    }

    /// Takes in a fact.
    pub fn fact(&mut self, at: SimTime, fact: &Fact) {
        self.facts += 1;
        match fact {
            Fact::Step { step, outcome } => self.step(at, *step, outcome),
            Fact::Power { machine, on } => self.power(at, *machine, *on),
            Fact::FaultBegan { fault } => self.fault(*fault, |result| result.began = Some(at)),
            Fact::FaultMissed { fault, why } => self.fault(*fault, |result| result.missed = Some(why.clone())),
            Fact::FaultStruck { fault } => self.fault(*fault, |result| result.struck_first = Some(at)),
            Fact::FaultEnded { fault, struck } => self.fault(*fault, |result| {
                (result.ended, result.struck) = (Some(at), *struck);
            }),
            Fact::RecoveryPlan { plan, kind, phase } => self.plan_runs.fact(at, *plan, *kind, phase),
            Fact::ProcessServerHealth {
                machine,
                cache_free,
                processors,
                uploads_in,
                level,
                throttled,
            } => {
                let of = self.process_servers.entry(*machine).or_insert(ProcessServerResult {
                    machine: *machine,
                    looks: 0,
                    throttled: 0,
                    cache_free_least: u32::MAX,
                    processors_most: 0,
                    uploads_longest_ms: 0,
                    level_worst: None,
                });
                of.looks += 1;
                of.throttled += u64::from(*throttled);
                of.cache_free_least = of.cache_free_least.min(*cache_free);
                of.processors_most = of.processors_most.max(*processors);
                of.uploads_longest_ms = of.uploads_longest_ms.max(uploads_in.map_or(u64::MAX, milliseconds));
                of.level_worst = of.level_worst.max(*level);
            }
            Fact::Alert {
                vm,
                severity,
                code,
                text,
            } => {
                self.alerts_raised += 1;
                self.alerts_critical += u64::from(*severity == Severity::Critical);
                if self.alerts.len() < ALERTS_KEPT {
                    self.alerts.push(AlertResult {
                        at,
                        vm: *vm,
                        severity: *severity,
                        code: code.clone(),
                        text: text.clone(),
                    });
                }
            }
            Fact::Refused { operation, vm, why } => {
                if self.refusals.len() < REFUSALS_KEPT {
                    self.refusals.push(RefusalResult {
                        at,
                        vm: *vm,
                        operation: operation.clone(),
                        why: why.clone(),
                    });
                }
            }
            Fact::LinkUse {
                link,
                back,
                from,
                to,
                bytes,
            } => {
                let slot = *link as usize * 2 + usize::from(*back);
                if let (Some(link), Some(series)) = (self.links.get_mut(slot), self.link_series.get_mut(slot)) {
                    link.bytes += bytes;
                    series.push(LinkSample {
                        from: *from,
                        to: *to,
                        bytes: *bytes,
                    });
                }
            }
            fact => {
                if let Some(vm) = vm_of(fact).and_then(|vm| self.vms.get_mut(&vm)) {
                    let before = vm.waiting();
                    vm_fact(vm, at, fact, &self.power_lost);
                    let after = vm.waiting();
                    self.waits(at, before, after);
                }
            }
        }
    }

    fn fault(&mut self, fault: u32, change: impl FnOnce(&mut FaultResult)) {
        if let Some(result) = self.faults.get_mut(fault as usize) {
            change(result);
        }
    }

    fn step(&mut self, at: SimTime, step: u32, outcome: &StepOutcome) {
        let entry = self.steps.entry(step).or_insert_with(|| StepResult {
            step,
            started: at,
            ended: None,
            outcome: StepOutcome::Started,
        });
        if *outcome != StepOutcome::Started {
            entry.ended = Some(at);
        }
        entry.outcome = outcome.clone();
    }

    fn power(&mut self, at: SimTime, machine: MachineId, on: bool) {
        if on {
            self.power_lost.remove(&machine);
            return;
        }
        self.power_lost.insert(machine, at);
        if let Some(vm) = self.copy_of.get(&machine).and_then(|vm| self.vms.get_mut(vm)) {
            let before = vm.waiting();
            vm.power_lost(at, machine);
            let after = vm.waiting();
            self.waits(at, before, after);
        }
        if let Some(vm) = self.test_of.get(&machine).and_then(|vm| self.vms.get_mut(vm)) {
            vm.test_ended(at);
        }
    }

    /// What waits of one machine has changed, and with it what waits of all.
    fn waits(&mut self, at: SimTime, before: BacklogSample, after: BacklogSample) {
        let all = &mut self.waiting;
        let was = all.total();
        all.source_bytes = all.source_bytes - before.source_bytes + after.source_bytes;
        all.process_server_bytes = all.process_server_bytes - before.process_server_bytes + after.process_server_bytes;
        all.target_bytes = all.target_bytes - before.target_bytes + after.target_bytes;
        if all.total() != was {
            all.at = at;
            self.backlog.push(self.waiting.into());
        }
    }

    /// A point was judged and found right.
    pub fn verified(&mut self, vm: VmId, protection: u32, point: u64) {
        if let Some(vm) = self.vms.get_mut(&vm) {
            vm.verified(protection, point);
        }
    }

    /// A recovered disk was judged.
    pub fn disk(&mut self, disk: RecoveredDisk) {
        self.disks.push(disk);
    }

    /// What the failover of a kind that took a point lost: all of them that took it, for a point can be taken again.
    pub fn lost(&mut self, vm: VmId, kind: FailoverKind, protection: u32, point: u64, lost: Lost) {
        let lost = if planted(Plant::LossTooSmall) {
            nine_tenths(lost)
        } else {
            lost
        };
        if let Some(vm) = self.vms.get_mut(&vm) {
            vm.lost(kind, protection, point, lost);
        }
    }

    /// Writes that were acknowledged to a machine's guest.
    pub fn wrote(&mut self, vm: VmId, writes: u64, bytes: u64) {
        if let Some(vm) = self.vms.get_mut(&vm) {
            vm.wrote(writes, bytes);
        }
    }

    /// Points of a machine that are known.
    #[must_use]
    pub fn points(&self, vm: VmId) -> &[PointResult] {
        self.vms.get(&vm).map_or(&[], VmFigures::points)
    }

    /// The result; what the prover found is to be added.
    #[must_use]
    pub fn finish(self, content: Grain, ended: SimTime) -> RunResult {
        let mut totals = PointTotals::default();
        let mut lags = Histogram::<u64>::new(3).expect("three significant digits are within the histogram's range");
        let mut lag_max = 0;
        let vms: Vec<VmResult> = self
            .vms
            .into_iter()
            .map(|(vm, figures)| {
                let newest = figures.points().last().map(|point| point.protection);
                for point in figures.points() {
                    totals.marked += 1;
                    totals.stored += u64::from(point.stored.is_some());
                    if let Some(stored) = point.stored {
                        let lag = milliseconds(stored.since(point.marked));
                        lag_max = lag.max(lag_max);
                        // Resizes itself; only a time of more than the histogram's range (500 million years) is refused.
                        let _ = lags.record(lag);
                    }
                    let processed = point.processed.is_some();
                    let waits = !processed && point.stored.is_some();
                    totals.made += u64::from(processed || waits);
                    let over = figures.is_over() || newest != Some(point.protection);
                    totals.waiting += u64::from(waits && !over);
                    totals.superseded += u64::from(waits && over);
                    totals.verified += u64::from(point.processed.is_some() && point.verified);
                    totals.pruned += u64::from(point.pruned.is_some());
                }
                figures.finish(vm, ended)
            })
            .collect();
        let mut links = self.links;
        for (link, series) in links.iter_mut().zip(self.link_series) {
            link.series = series.into_entries();
        }
        RunResult {
            backlog: backlog_samples(self.backlog),
            content,
            ended,
            facts: self.facts,
            checks: Vec::new(),
            recovery_points: totals,
            point_lag: (!lags.is_empty()).then(|| Spread {
                count: lags.len(),
                p50_ms: lags.value_at_quantile(0.5).min(lag_max),
                p99_ms: lags.value_at_quantile(0.99).min(lag_max),
                max_ms: lag_max,
            }),
            vms,
            disks: self.disks,
            links,
            steps: self.steps.into_values().collect(),
            groups: Vec::new(),
            process_servers: self.process_servers.into_values().collect(),
            recovery_plans: self.plan_runs.finish(),
            databases: Vec::new(),
            faults: self.faults,
            goals: Vec::new(),
            alerts: self.alerts,
            alerts_raised: self.alerts_raised,
            alerts_critical: self.alerts_critical,
            unfinished: Vec::new(),
            refusals: self.refusals,
            findings: Vec::new(),
            findings_dropped: 0,
        }
    }
}

/// The machine that a fact is about, where it is one that changes a machine's figures.
fn vm_of(fact: &Fact) -> Option<VmId> {
    match fact {
        Fact::State { vm, .. }
        | Fact::LifeStarted { vm, .. }
        | Fact::LifeEnded { vm, .. }
        | Fact::ProtectionStarted { vm, .. }
        | Fact::BatchCut { vm, .. }
        | Fact::TagStored { vm, .. }
        | Fact::PointProcessed { vm, .. }
        | Fact::PointPruned { vm, .. }
        | Fact::Backlog { vm, .. }
        | Fact::Failover { vm, .. }
        | Fact::Recovered { vm, .. }
        | Fact::Committed { vm, .. } => Some(*vm),
        Fact::CopyStarted { disk, .. } | Fact::CopyProgress { disk, .. } | Fact::CopyEnded { disk, .. } => {
            Some(disk.vm)
        }
        _ => None,
    }
}

/// A loss that is counted too small.
fn nine_tenths(lost: Lost) -> Lost {
    let less = |of: u64| of - of.div_ceil(10);
    Lost {
        ms: less(lost.ms),
        writes: less(lost.writes),
        bytes: less(lost.bytes),
    }
}
