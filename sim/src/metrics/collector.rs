//! Collects a run's figures from its facts.

use std::collections::BTreeMap;

use actors::facts::{BacklogPlace, Fact, FailoverKind, FailoverPhase, ItemState, Place, StepOutcome};
use actors::ports::MachineId;
use datapath::replica::Mark;
use datapath::{Grain, SimTime, VmId};

use super::ALERTS_KEPT;
use super::result::{
    AlertResult, BacklogSample, CheckCount, CopyResult, FailoverResult, Finding, LinkResult, LinkSample, Lost,
    PointResult, PointTotals, RecoveredDisk, RefusalResult, RunResult, StepResult, VmResult, milliseconds,
};
use super::rpo::Rpo;
use super::series::{Series, Thin};
use crate::spec::WorldSpec;

const MINUTE: u64 = 60_000_000_000;
/// Refusals that a result keeps.
const REFUSALS_KEPT: usize = 10_000;

impl Thin for BacklogSample {
    fn join(self, next: BacklogSample) -> BacklogSample {
        if next.total() >= self.total() { next } else { self }
    }
}

impl Thin for LinkSample {
    fn join(self, next: LinkSample) -> LinkSample {
        LinkSample {
            from: self.from,
            to: next.to,
            bytes: self.bytes + next.bytes,
        }
    }
}

/// One machine's figures while the run goes on.
struct VmFigures {
    name: String,
    rpo: Rpo,
    /// The machine whose life the newest protection protects.
    protected: Option<MachineId>,
    state: Option<ItemState>,
    /// Where lives of this machine run now, tests apart.
    running: Vec<MachineId>,
    states: Vec<(SimTime, ItemState)>,
    failovers: Vec<FailoverResult>,
    points: Vec<PointResult>,
    copies: Vec<CopyResult>,
    waiting: BacklogSample,
    backlog: Series<BacklogSample>,
    writes: u64,
    written_bytes: u64,
}

impl VmFigures {
    /// Whether RPO runs now.
    fn rpo_runs(&self) -> bool {
        let protected = matches!(
            self.state,
            Some(ItemState::Protected | ItemState::Resynchronizing | ItemState::ProtectedReverse)
        );
        protected && self.protected.is_some_and(|machine| self.running.contains(&machine))
    }

    fn sample(&mut self, at: SimTime) {
        if self.rpo_runs() {
            self.rpo.sample(at);
        }
    }

    fn point(&mut self, protection: u32, point: u64) -> Option<&mut PointResult> {
        let found = self
            .points
            .binary_search_by_key(&(protection, point), |p| (p.protection, p.point));
        Some(&mut self.points[found.ok()?])
    }

    /// A mark was cut. The same number again means that the first was given up before anybody else had it.
    fn marked(&mut self, protection: u32, mark: Mark) {
        let new = PointResult {
            protection,
            point: mark.point,
            seq: mark.seq,
            consistency: mark.consistency,
            marked: mark.marked,
            marked_source: mark.marked_source,
            stored: None,
            processed: None,
            pruned: None,
            verified: false,
        };
        match self
            .points
            .binary_search_by_key(&(protection, mark.point), |p| (p.protection, p.point))
        {
            Ok(at) if self.points[at].stored.is_none() => self.points[at] = new,
            Ok(_) => {}
            Err(at) => self.points.insert(at, new),
        }
    }

    fn newest(&mut self, kind: FailoverKind) -> Option<&mut FailoverResult> {
        self.failovers.iter_mut().rev().find(|failover| failover.kind == kind)
    }
}

/// Collects a run's figures.
pub struct Collector {
    facts: u64,
    now: SimTime,
    next_minute: SimTime,
    vms: BTreeMap<VmId, VmFigures>,
    /// Which protected machine runs on a machine.
    copy_of: BTreeMap<MachineId, VmId>,
    power_lost: BTreeMap<MachineId, SimTime>,
    links: Vec<LinkResult>,
    link_series: Vec<Series<LinkSample>>,
    steps: BTreeMap<u32, StepResult>,
    alerts: Vec<AlertResult>,
    alerts_raised: u64,
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
            .map(|vm| {
                let figures = VmFigures {
                    name: vm.name.clone(),
                    rpo: Rpo::new(cap),
                    protected: None,
                    state: None,
                    running: Vec::new(),
                    states: Vec::new(),
                    failovers: Vec::new(),
                    points: Vec::new(),
                    copies: Vec::new(),
                    waiting: BacklogSample {
                        at: SimTime::ZERO,
                        source_bytes: 0,
                        process_server_bytes: 0,
                        target_bytes: 0,
                    },
                    backlog: Series::new(cap),
                    writes: 0,
                    written_bytes: 0,
                };
                (vm.vm, figures)
            })
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
            now: SimTime::ZERO,
            next_minute: SimTime(MINUTE),
            vms,
            copy_of,
            power_lost: BTreeMap::new(),
            link_series: links.iter().map(|_| Series::new(2048)).collect(),
            links,
            steps: BTreeMap::new(),
            alerts: Vec::new(),
            alerts_raised: 0,
            refusals: Vec::new(),
            disks: Vec::new(),
        }
    }

    /// Takes the samples of all minutes up to `at`: nothing happened in between, so the state before is the state then.
    fn minutes(&mut self, at: SimTime) {
        self.now = at;
        while self.next_minute <= at {
            let minute = self.next_minute;
            for vm in self.vms.values_mut() {
                vm.sample(minute);
            }
            self.next_minute = minute.after(MINUTE);
        }
    }

    /// Takes in a fact.
    pub fn fact(&mut self, at: SimTime, fact: &Fact) {
        self.facts += 1;
        self.minutes(at);
        match fact {
            Fact::Step { step, outcome } => self.step(at, *step, outcome),
            Fact::Power { machine, on } => self.power(at, *machine, *on),
            Fact::Alert {
                vm,
                severity,
                code,
                text,
            } => {
                self.alerts_raised += 1;
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
                    vm_fact(vm, at, fact, &self.power_lost);
                }
            }
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
            vm.sample(at);
            vm.running.retain(|running| *running != machine);
        }
    }

    /// A point was judged and found right.
    pub fn verified(&mut self, vm: VmId, protection: u32, point: u64) {
        if let Some(point) = self.vms.get_mut(&vm).and_then(|vm| vm.point(protection, point)) {
            point.verified = true;
        }
    }

    /// A recovered disk was judged.
    pub fn disk(&mut self, disk: RecoveredDisk) {
        self.disks.push(disk);
    }

    /// What the failover of a kind that took a point lost: all of them that took it, for a point can be taken again.
    pub fn lost(&mut self, vm: VmId, kind: FailoverKind, protection: u32, point: u64, lost: Lost) {
        if let Some(vm) = self.vms.get_mut(&vm) {
            for failover in &mut vm.failovers {
                if failover.kind == kind && failover.point == Some((protection, point)) {
                    failover.lost = Some(lost);
                }
            }
        }
    }

    /// Writes that were acknowledged to a machine's guest.
    pub fn wrote(&mut self, vm: VmId, writes: u64, bytes: u64) {
        if let Some(vm) = self.vms.get_mut(&vm) {
            vm.writes += writes;
            vm.written_bytes += bytes;
        }
    }

    /// Points of a machine that are known.
    #[must_use]
    pub fn points(&self, vm: VmId) -> &[PointResult] {
        self.vms.get(&vm).map_or(&[], |vm| &vm.points)
    }

    /// The result, with what the prover found.
    #[must_use]
    pub fn finish(
        mut self,
        content: Grain,
        ended: SimTime,
        checks: Vec<CheckCount>,
        findings: Vec<Finding>,
        findings_dropped: u64,
    ) -> RunResult {
        self.minutes(ended);
        let mut totals = PointTotals::default();
        let vms: Vec<VmResult> = self
            .vms
            .into_iter()
            .map(|(vm, figures)| {
                for point in &figures.points {
                    totals.marked += 1;
                    totals.stored += u64::from(point.stored.is_some());
                    totals.made += u64::from(point.processed.is_some());
                    totals.verified += u64::from(point.processed.is_some() && point.verified);
                    totals.pruned += u64::from(point.pruned.is_some());
                }
                let (rpo, true_rpo, rpo_series) = figures.rpo.finish();
                VmResult {
                    vm,
                    name: figures.name,
                    rpo,
                    true_rpo,
                    rpo_series,
                    states: figures.states,
                    failovers: figures.failovers,
                    points: figures.points,
                    copies: figures.copies,
                    backlog: figures.backlog.into_entries(),
                    writes: figures.writes,
                    written_bytes: figures.written_bytes,
                }
            })
            .collect();
        let mut links = self.links;
        for (link, series) in links.iter_mut().zip(self.link_series) {
            link.series = series.into_entries();
        }
        RunResult {
            content,
            ended,
            facts: self.facts,
            checks,
            recovery_points: totals,
            vms,
            disks: self.disks,
            links,
            steps: self.steps.into_values().collect(),
            alerts: self.alerts,
            alerts_raised: self.alerts_raised,
            refusals: self.refusals,
            findings,
            findings_dropped,
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

fn vm_fact(vm: &mut VmFigures, at: SimTime, fact: &Fact, power_lost: &BTreeMap<MachineId, SimTime>) {
    match fact {
        Fact::State { state, .. } => {
            vm.sample(at);
            vm.state = Some(*state);
            vm.states.push((at, *state));
        }
        Fact::LifeStarted { life, place, .. } if *place != Place::Test && !vm.running.contains(&life.machine) => {
            vm.running.push(life.machine);
        }
        Fact::LifeEnded { life, .. } => {
            vm.sample(at);
            vm.running.retain(|machine| *machine != life.machine);
        }
        Fact::ProtectionStarted { life, .. } => {
            vm.protected = Some(life.machine);
            vm.rpo.restart();
        }
        Fact::BatchCut {
            protection,
            mark: Some(mark),
            ..
        } => vm.marked(*protection, *mark),
        Fact::TagStored {
            protection,
            mark: Some(mark),
            ..
        } => {
            vm.sample(at);
            vm.rpo.stored(*mark);
            if let Some(point) = vm.point(*protection, mark.point) {
                point.stored.get_or_insert(at);
            }
        }
        Fact::PointProcessed { protection, mark, .. } => {
            if vm.point(*protection, mark.point).is_none() {
                vm.marked(*protection, *mark);
            }
            if let Some(point) = vm.point(*protection, mark.point) {
                point.processed.get_or_insert(at);
            }
        }
        Fact::PointPruned { protection, point, .. } => {
            if let Some(point) = vm.point(*protection, *point) {
                point.pruned.get_or_insert(at);
            }
        }
        Fact::Backlog { place, bytes, .. } => {
            vm.waiting.at = at;
            match place {
                BacklogPlace::Source => vm.waiting.source_bytes = *bytes,
                BacklogPlace::ProcessServer => vm.waiting.process_server_bytes = *bytes,
                BacklogPlace::Target => vm.waiting.target_bytes = *bytes,
            }
            match vm.backlog.last_mut() {
                Some(last) if last.at == at => *last = vm.waiting,
                _ => vm.backlog.push(vm.waiting),
            }
        }
        Fact::CopyStarted {
            disk,
            protection,
            bytes,
            by_checksum,
        } => vm.copies.push(CopyResult {
            disk: *disk,
            protection: *protection,
            by_checksum: *by_checksum,
            started: at,
            ended: None,
            bytes: *bytes,
            processed_bytes: 0,
            sent_bytes: 0,
            matched_bytes: 0,
            skipped_bytes: 0,
        }),
        Fact::CopyProgress {
            disk,
            protection,
            processed_bytes,
            sent_bytes,
            matched_bytes,
            skipped_bytes,
        } => {
            let copy = vm
                .copies
                .iter_mut()
                .rev()
                .find(|copy| (copy.disk, copy.protection) == (*disk, *protection));
            if let Some(copy) = copy {
                copy.processed_bytes = *processed_bytes;
                copy.sent_bytes = *sent_bytes;
                copy.matched_bytes = *matched_bytes;
                copy.skipped_bytes = *skipped_bytes;
            }
        }
        Fact::CopyEnded { disk, protection, .. } => {
            let copy = vm
                .copies
                .iter_mut()
                .rev()
                .find(|copy| (copy.disk, copy.protection) == (*disk, *protection));
            if let Some(copy) = copy {
                copy.ended.get_or_insert(at);
            }
        }
        Fact::Failover { kind, phase, .. } => failover(vm, at, *kind, *phase, power_lost),
        Fact::Recovered {
            kind,
            protection,
            point,
            ..
        } => {
            if let Some(failover) = vm.newest(*kind) {
                failover.point = Some((*protection, *point));
            }
        }
        Fact::Committed { kind, .. } => {
            if let Some(failover) = vm.newest(*kind) {
                failover.committed = Some(at);
            }
        }
        _ => {}
    }
}

fn failover(
    vm: &mut VmFigures,
    at: SimTime,
    kind: FailoverKind,
    phase: FailoverPhase,
    power_lost: &BTreeMap<MachineId, SimTime>,
) {
    if phase == FailoverPhase::Started {
        let dark = vm.protected.and_then(|machine| power_lost.get(&machine));
        vm.failovers.push(FailoverResult {
            kind,
            decision_ms: dark
                .filter(|_| kind != FailoverKind::Test)
                .map(|lost| milliseconds(at.since(*lost))),
            started: at,
            point_chosen: None,
            disks_ready: None,
            powered_on: None,
            workload_up: None,
            committed: None,
            point: None,
            lost: None,
        });
        return;
    }
    let Some(failover) = vm.newest(kind) else { return };
    let slot = match phase {
        FailoverPhase::Started => return,
        FailoverPhase::PointChosen => &mut failover.point_chosen,
        FailoverPhase::DisksReady => &mut failover.disks_ready,
        FailoverPhase::PoweredOn => &mut failover.powered_on,
        FailoverPhase::WorkloadUp => &mut failover.workload_up,
    };
    slot.get_or_insert(at);
}
