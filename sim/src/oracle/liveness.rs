//! What waits: recovery points for being processed, copies for their end, batches for their tags, states and operations for theirs.
//!
//! Each wait is held to its bound when it ends, and at the end of the run where it does not. What excuses a wait is only what lies on this
//! machine's own way, and only while it is down ([`super::outages`], [`super::paths`]). What has not ended at the end of the run is told in
//! any case. Links' outages are known from the operator's steps.

mod operations;
mod unfinished;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use actors::Table;
use actors::facts::{Fact, PlanPhase};
use actors::nouns::{FailoverKind, ItemState, MachineId, Operation, Policy};
use actors::spec::{Action, ComponentSpec, PlanActionKind, PlanActionSpec, RecoveryPlanSpec};
use datapath::segment::SegmentKind;
use datapath::{DiskId, SimTime, VmId, WriteSeq};

use super::Oracle;
use super::outages::{Needs, Outages};
use super::paths::{Ends, From, Paths};
use crate::faults::FaultKind;
use crate::invariants::bound::{Bounds, Waited};
use crate::invariants::{
    acknowledged_is_kept, copies_are_applied, cut_is_stored, stored_is_processed, transitions_end,
};
use crate::link::LinkChange;
use crate::spec::WorldSpec;

/// Since when something waits.
#[derive(Debug, Clone, Copy, Default)]
struct Wait {
    since: SimTime,
    /// Bytes of the machine that were at the target then.
    stored: u64,
}

/// A copy that is not applied yet.
#[derive(Debug, Default)]
struct CopyWait {
    began: Wait,
    /// Since when it has ended, and its highest position.
    ended: Option<(Wait, WriteSeq)>,
    sent: u64,
    stored: u64,
    processed: u64,
    bytes: u64,
}

/// What waits of one machine.
#[derive(Debug, Default)]
struct Waits {
    /// Which process server and master target its newest operation named.
    process_server: Option<MachineId>,
    master_target: Option<MachineId>,
    /// What they were before that, until it is accepted.
    before: (Option<MachineId>, Option<MachineId>),
    /// When it was moved to another process server: what it sent before may have died with the one before.
    moved: SimTime,
    /// The longest pause between two marks.
    pause: u64,
    state: Option<(ItemState, Wait)>,
    /// The operation that was to end the state failed.
    failed: bool,
    /// Stored, and neither processed nor overtaken.
    points: VecDeque<(u64, Wait)>,
    copies: BTreeMap<u16, CopyWait>,
    /// When all copies were applied.
    applied: SimTime,
    newest_tag: u64,
    /// A batch below the newest tag that has none.
    gap: Option<u64>,
    refused: Option<String>,
    /// When the disks of a failover were compared last, all of them.
    compared: BTreeMap<FailoverKind, SimTime>,
    /// When a failback was ordered that failed, and none since was done: the first of them.
    tried: Option<SimTime>,
}

/// Everything that waits.
pub(super) struct Liveness {
    bounds: Bounds,
    outages: Outages,
    paths: Paths,
    /// What the operator's steps do.
    actions: Vec<Action>,
    policies: BTreeMap<String, Policy>,
    /// The service processes nothing until a failover asks for it.
    held: bool,
    /// What jobs take by the product's table, all together.
    job_times: u64,
    boots: BTreeMap<VmId, u64>,
    /// The recovery plans, and what all that each does takes by its own words, at most.
    recovery_plans: Vec<(Arc<RecoveryPlanSpec>, u64)>,
    /// What the faults do.
    faults: Vec<FaultKind>,
    vms: Table<VmId, Waits>,
    /// Operations under way.
    running: BTreeMap<u32, SimTime>,
    machine_names: Vec<String>,
    link_names: Vec<String>,
}

impl Liveness {
    /// Nothing waits yet. `used` is what each machine's disks hold at the start, at most.
    pub fn new(spec: &WorldSpec, used: BTreeMap<VmId, u64>) -> Liveness {
        let mut outages = Outages::default();
        for (number, machine) in (0..).zip(&spec.machines) {
            if !machine.on {
                outages.power(SimTime::ZERO, MachineId(number), false);
            }
        }
        let components = || spec.machines.iter().flat_map(|machine| &machine.components);
        let actions: Vec<Action> = components()
            .find_map(|component| match component {
                ComponentSpec::Operator(operator) => Some(&operator.steps),
                _ => None,
            })
            .map(|steps| steps.iter().map(|step| step.action.clone()).collect())
            .unwrap_or_default();
        let service = components().find_map(|component| match component {
            ComponentSpec::Service(service) => Some(service),
            _ => None,
        });
        let times = service.map(|service| &service.times);
        let policies = actions.iter().filter_map(|action| match action {
            Action::Ask(Operation::CreatePolicy(policy)) => Some((policy.name.clone(), policy.clone())),
            _ => None,
        });
        Liveness {
            bounds: Bounds::of(&spec.model),
            outages,
            paths: Paths::new(spec, used),
            policies: policies.collect(),
            actions,
            held: service.is_some_and(|service| service.hold_processing),
            job_times: times.map_or(0, |times| times.policy + times.hydration + times.create_machine),
            boots: spec.vms.iter().map(|vm| (vm.vm, vm.boot)).collect(),
            recovery_plans: recovery_plans(spec, times.map_or(0, |times| times.hydration + times.create_machine)),
            faults: spec.faults.iter().map(|fault| fault.kind.clone()).collect(),
            vms: spec.vms.iter().map(|vm| (vm.vm, Waits::default())).collect(),
            running: BTreeMap::new(),
            machine_names: spec.machines.iter().map(|machine| machine.name.clone()).collect(),
            link_names: spec.links.iter().map(|link| link.name.clone()).collect(),
        }
    }

    /// What a machine's replication cannot go on without.
    pub fn needs(&self, vm: VmId, from: From) -> Needs {
        self.paths.needs_from(vm, from).clone()
    }

    /// The longest pause between two marks of a machine.
    pub fn pause(&self, vm: VmId) -> u64 {
        self.vms.get(&vm).map_or(0, |waits| waits.pause)
    }

    /// See [`Outages::lived`].
    pub fn lived(&self, needs: &Needs, since: SimTime, until: SimTime) -> (u64, u64) {
        self.outages.lived(needs, since, until)
    }

    /// What the model allows.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    fn operation(&self, step: u32) -> Option<&Operation> {
        match self.actions.get(step as usize)? {
            Action::Ask(operation) => Some(operation),
            _ => None,
        }
    }

    /// What is down of what is needed, in words.
    fn down(&self, needs: &Needs) -> Option<String> {
        let (machines, links) = self.outages.down_now(needs);
        let name = |names: &[String], index: u32| names.get(index as usize).cloned().unwrap_or_default();
        let machines = machines
            .iter()
            .map(|machine| format!("{} has no power", name(&self.machine_names, machine.0)));
        let links = links
            .iter()
            .map(|link| format!("link {} is cut", name(&self.link_names, *link)));
        let all: Vec<String> = machines.chain(links).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

/// The recovery plans, each with what its machines' starts, scripts, people and checks take together.
fn recovery_plans(spec: &WorldSpec, machine: u64) -> Vec<(Arc<RecoveryPlanSpec>, u64)> {
    let boot = |vm: &VmId| spec.vms.iter().find(|of| of.vm == *vm).map_or(0, |of| of.boot);
    let takes = |action: &PlanActionSpec| match action.what {
        PlanActionKind::Script { takes, .. } | PlanActionKind::Manual { takes } => takes,
        PlanActionKind::Check { within, .. } => within,
    };
    let of = |plan: &Arc<RecoveryPlanSpec>| {
        let groups = plan.groups.iter().map(|group| {
            let boots = group.members.iter().map(boot).max().unwrap_or(0);
            let actions: u64 = group.actions().map(takes).fold(0, u64::saturating_add);
            actions.saturating_add(machine).saturating_add(boots.saturating_mul(2))
        });
        (Arc::clone(plan), groups.fold(0, u64::saturating_add))
    };
    spec.recovery_plans.iter().map(of).collect()
}

/// A batch that waited for its tag.
pub(super) struct BatchWait {
    pub batch: u64,
    pub cut: SimTime,
    pub cached: Option<SimTime>,
    /// Bytes of the machine that were before its end and had no tag when it was cut.
    pub ahead: u64,
}

/// Whether a state waits for copies.
fn copies_in(state: ItemState) -> bool {
    state.replicates() && transitions_end::is_transition(state)
}

impl Oracle {
    /// Takes in a fact, after all else has.
    pub(super) fn liveness_fact(&mut self, at: SimTime, fact: &Fact) {
        match fact {
            Fact::Power { machine, on } => self.liveness.outages.power(at, *machine, *on),
            Fact::FaultBegan { fault } | Fact::FaultEnded { fault, .. } => {
                let over = matches!(fact, Fact::FaultEnded { .. });
                self.clocks.fault(at, *fault, over);
                let live = &mut self.liveness;
                match live.faults.get(*fault as usize) {
                    // The power of its machines is told by itself.
                    None | Some(FaultKind::Power { .. }) => {}
                    Some(FaultKind::Link {
                        link,
                        change: LinkChange::Cut,
                    }) => live.outages.cut(at, *fault, *link, over),
                    Some(other) => live.outages.fault(at, *fault, Needs::of(other), over),
                }
            }
            Fact::Step { step, outcome } => self.step_told(at, *step, outcome),
            Fact::RecoveryPlan {
                phase: PlanPhase::MemberFailed(vm, _),
                kind: FailoverKind::Unplanned,
                ..
            } => self.left_by_failure(*vm, ItemState::FailoverInProgress),
            Fact::State { vm, state } => self.state_entered(at, *vm, *state),
            Fact::ProtectionStarted { vm, life, reverse, .. } => {
                let Some(waits) = self.liveness.vms.get_mut(vm) else {
                    return;
                };
                waits.points.clear();
                waits.copies.clear();
                (waits.newest_tag, waits.gap, waits.refused) = (0, None, None);
                let ends = Ends {
                    source: Some(life.machine),
                    process_servers: waits.process_server.into_iter().collect(),
                    master_target: waits.master_target.filter(|_| *reverse),
                };
                self.liveness.paths.set(*vm, ends);
            }
            Fact::EpochGranted { disk, sealer, .. } => {
                let mut ends = self.liveness.paths.ends(disk.vm);
                if ends.process_servers.insert(*sealer) {
                    self.liveness.paths.set(disk.vm, ends);
                }
            }
            Fact::CopyStarted { disk, bytes, .. } => {
                let began = self.wait_now(at, disk.vm);
                if let Some(waits) = self.liveness.vms.get_mut(&disk.vm) {
                    let copy = CopyWait {
                        began,
                        bytes: *bytes,
                        ..CopyWait::default()
                    };
                    waits.copies.insert(disk.index, copy);
                }
            }
            Fact::CopyProgress {
                disk,
                processed_bytes,
                sent_bytes,
                ..
            } => {
                if let Some(copy) = self.copy_wait(*disk) {
                    (copy.processed, copy.sent) = (*processed_bytes, *sent_bytes);
                }
            }
            Fact::SegmentsStored {
                kind: SegmentKind::Copy { .. },
                segments,
                ..
            } => {
                for segment in segments {
                    if let Some(copy) = self.copy_wait(segment.disk) {
                        copy.stored += segment.plain_bytes;
                    }
                }
            }
            Fact::CopyEnded { disk, highest, .. } => self.copy_ended(at, *disk, *highest),
            Fact::TagStored { vm, batch, mark, .. } => {
                let wait = self.wait_now(at, *vm);
                let Some(waits) = self.liveness.vms.get_mut(vm) else {
                    return;
                };
                if waits.newest_tag > 0 && *batch > waits.newest_tag + 1 {
                    waits.gap.get_or_insert(waits.newest_tag + 1);
                }
                waits.newest_tag = waits.newest_tag.max(*batch);
                if let Some(mark) = mark
                    && waits.state.is_some_and(|(state, _)| state.replicates())
                {
                    waits.points.push_back((mark.point, wait));
                }
            }
            Fact::PointProcessed { vm, mark, .. } => self.point_was_processed(at, *vm, mark.point, mark.seq),
            Fact::SegmentRefused { name, why } => {
                let vm = name
                    .strip_prefix("vm")
                    .and_then(|rest| rest.split('/').next()?.parse().ok());
                if let Some(waits) = vm.and_then(|vm| self.liveness.vms.get_mut(&VmId(vm))) {
                    waits
                        .refused
                        .get_or_insert(format!("segment {name} was refused: {why}"));
                }
            }
            _ => {}
        }
    }

    /// Where a machine's segments are stored, by its newest operation.
    pub(super) fn target_of(&self, vm: VmId) -> Option<MachineId> {
        let home = self.liveness.vms.get(&vm).and_then(|waits| waits.master_target);
        home.or(self.liveness.paths.storage())
    }

    fn copy_wait(&mut self, disk: DiskId) -> Option<&mut CopyWait> {
        self.liveness.vms.get_mut(&disk.vm)?.copies.get_mut(&disk.index)
    }

    /// Bytes that a machine wrote in all, and those of them that are at the target.
    fn written(&self, vm: VmId) -> (u64, u64) {
        let Some(track) = self.vms.get(&vm) else { return (0, 0) };
        let Some(of) = track.protections.values().next_back() else {
            return (0, 0);
        };
        let total = track.guests.logs.get(&of.machine).map_or(0, |log| log.total().1);
        (total, of.at_target.min(total))
    }

    fn wait_now(&self, at: SimTime, vm: VmId) -> Wait {
        Wait {
            since: at,
            stored: self.written(vm).1,
        }
    }

    /// How long something of a machine waited, and how long it may. `bytes` is what was ahead of it, where that is known.
    fn waited(&self, vm: VmId, from: From, wait: Wait, until: SimTime, planned: u64, bytes: Option<u64>) -> Waited {
        let moved = self.liveness.vms.get(&vm).map_or(SimTime::ZERO, |waits| waits.moved);
        let since = match from {
            From::Source | From::ProcessServer => wait.since.max(moved),
            From::Target => wait.since,
        };
        let mut waited = Waited {
            since,
            until,
            lived: until.since(since),
            outages: 0,
            planned,
            work: 0,
            bounds: self.liveness.bounds,
        };
        if !waited.is_overdue() {
            return waited;
        }
        let live = &self.liveness;
        (waited.lived, waited.outages) = live.outages.lived(live.paths.needs_from(vm, from), since, until);
        waited.work = self.work(
            vm,
            bytes.unwrap_or_else(|| self.written(vm).0.saturating_sub(wait.stored)),
            0,
        );
        if waited.is_overdue() {
            let waits = |vm| {
                let (total, stored) = self.written(vm);
                total - stored
            };
            let all = live.vms.keys().map(|vm| waits(*vm)).sum();
            waited.work = self.work(
                vm,
                bytes.unwrap_or_else(|| self.written(vm).0.saturating_sub(wait.stored)),
                all,
            );
        }
        waited
    }

    fn work(&self, vm: VmId, bytes: u64, waiting: u64) -> u64 {
        let waits = self.liveness.vms.get(&vm);
        let copies = waits.is_some_and(|waits| {
            !waits.copies.is_empty()
                || waits
                    .state
                    .is_some_and(|(state, _)| transitions_end::is_transition(state))
        });
        self.liveness.paths.work(vm, bytes, copies, waiting)
    }

    fn state_entered(&mut self, at: SimTime, vm: VmId, state: ItemState) {
        self.check_state(at, vm, true);
        let wait = self.wait_now(at, vm);
        let Some(waits) = self.liveness.vms.get_mut(&vm) else {
            return;
        };
        waits.state = Some((state, wait));
        waits.failed = false;
        if !state.replicates() {
            waits.points.clear();
            waits.copies.clear();
        }
    }

    fn check_state(&mut self, at: SimTime, vm: VmId, left: bool) {
        let Some(waits) = self.liveness.vms.get(&vm) else {
            return;
        };
        let Some((state, wait)) = waits.state.filter(|(state, _)| transitions_end::is_transition(*state)) else {
            return;
        };
        if waits.failed || (self.liveness.held && copies_in(state)) {
            return;
        }
        // A failover is an operation, and takes what an operation may take.
        let planned = match state {
            ItemState::FailoverInProgress | ItemState::FailbackInProgress | ItemState::EnableInProgress => self
                .operation_time(Some(vm))
                .saturating_add(self.liveness.bounds.operation),
            _ => waits.pause.max(self.liveness.bounds.pause),
        };
        let waited = self.waited(vm, From::Source, wait, at, planned, None);
        let reason = self.unmet_where(&waited, vm);
        let violations = transitions_end::check(state, &waited, left, &reason);
        self.ledger.check(at, vm, violations);
    }

    fn copy_ended(&mut self, at: SimTime, disk: DiskId, highest: WriteSeq) {
        self.check_copy(at, disk, true);
        let wait = self.wait_now(at, disk.vm);
        if let Some(copy) = self.copy_wait(disk) {
            copy.ended = Some((wait, highest));
        }
    }

    /// Checks a copy that ends now or is applied now (`over`), or that waits still.
    fn check_copy(&mut self, at: SimTime, disk: DiskId, over: bool) {
        let Some(waits) = self.liveness.vms.get(&disk.vm) else {
            return;
        };
        let Some(copy) = waits.copies.get(&disk.index) else {
            return;
        };
        let (wait, planned) = match copy.ended {
            Some((wait, _)) => (wait, waits.pause.max(self.liveness.bounds.pause)),
            None => (copy.began, 0),
        };
        let ended = copy.ended.is_some();
        if ended && self.liveness.held {
            return;
        }
        let waited = self.waited(disk.vm, From::Source, wait, at, planned, None);
        let reason = match over {
            true => "then it was".to_owned(),
            false => self.unmet_where(&waited, disk.vm),
        };
        let violations = copies_are_applied::check(disk, &waited, ended, &reason);
        self.ledger.check(at, disk, violations);
    }

    fn point_was_processed(&mut self, at: SimTime, vm: VmId, point: u64, seq: WriteSeq) {
        let Some(waits) = self.liveness.vms.get(&vm) else {
            return;
        };
        let applied: Vec<u16> = waits
            .copies
            .iter()
            .filter(|(_, copy)| copy.ended.is_some_and(|(_, highest)| highest <= seq))
            .map(|(disk, _)| *disk)
            .collect();
        self.check_point(at, vm, Some(point));
        for index in &applied {
            self.check_copy(at, DiskId { vm, index: *index }, true);
        }
        let Some(waits) = self.liveness.vms.get_mut(&vm) else {
            return;
        };
        waits.points.retain(|(waiting, _)| *waiting > point);
        waits.copies.retain(|disk, _| !applied.contains(disk));
        if !applied.is_empty() && waits.copies.is_empty() {
            waits.applied = at;
        }
        waits.gap = None;
    }

    /// Checks the wait of the oldest point that waits: up to now, where it is processed now.
    fn check_point(&mut self, at: SimTime, vm: VmId, processed: Option<u64>) {
        let Some(waits) = self.liveness.vms.get(&vm) else {
            return;
        };
        let Some((point, mut wait)) = waits.points.front().copied() else {
            return;
        };
        if self.liveness.held || processed.is_some_and(|processed| processed < point) {
            return;
        }
        let incomplete =
            !waits.copies.is_empty() || waits.gap.is_some() || waits.state.is_some_and(|(state, _)| copies_in(state));
        // What is complete needs its target alone.
        let (from, planned) = if incomplete {
            (From::Source, waits.pause.max(self.liveness.bounds.pause))
        } else {
            wait.since = wait.since.max(waits.applied);
            (From::Target, 0)
        };
        let behind = waits.points.len() as u64 - 1;
        let waited = self.waited(vm, from, wait, at, planned, None);
        let reason = self.unmet_where(&waited, vm);
        let violations = stored_is_processed::check(point, &waited, processed.is_some(), behind, &reason);
        self.ledger.check(at, vm, violations);
    }

    /// A batch has its tag now, or (`over` false) waits for it.
    pub(super) fn check_batch(&mut self, at: SimTime, vm: VmId, wait: &BatchWait, behind: Option<u64>) {
        let since = |since| Wait { since, stored: 0 };
        let reason = behind.map(|_| self.unmet(vm));
        let cut = self.waited(vm, From::Source, since(wait.cut), at, 0, Some(wait.ahead));
        let violations = cut_is_stored::check(wait.batch, &cut, reason.as_deref());
        self.ledger.check(at, vm, violations);
        if let Some(cached) = wait.cached {
            let kept = self.waited(vm, From::ProcessServer, since(cached), at, 0, Some(wait.ahead));
            let behind = behind.zip(reason.as_deref());
            let violations = acknowledged_is_kept::check_tag(wait.batch, &kept, behind);
            self.ledger.check(at, vm, violations);
        }
    }

    /// Batches that still wait at the end: the oldest is held to its bound.
    fn check_batches(&mut self, at: SimTime, vm: VmId) {
        let replicating = self
            .liveness
            .vms
            .get(&vm)
            .is_some_and(|waits| waits.state.is_some_and(|(state, _)| state.replicates()));
        let of = self
            .vms
            .get(&vm)
            .and_then(|track| track.protections.values().next_back());
        let Some(of) = of.filter(|_| replicating) else { return };
        let Some(oldest) = of.batches.front() else { return };
        let wait = BatchWait {
            batch: oldest.batch,
            cut: oldest.cut.at,
            cached: oldest.cached,
            ahead: oldest.ahead,
        };
        let acknowledged = of.batches.iter().filter(|batch| batch.cached.is_some()).count() as u64;
        self.check_batch(at, vm, &wait, Some(acknowledged.saturating_sub(1)));
    }

    /// Holds all that waits of a machine to its bound.
    fn check_waits(&mut self, at: SimTime, vm: VmId) {
        self.check_state(at, vm, false);
        self.check_point(at, vm, None);
        self.check_batches(at, vm);
        let copies = self.liveness.vms.get(&vm).map_or_else(Vec::new, |waits| {
            let indices = waits.copies.keys();
            indices.map(|index| DiskId { vm, index: *index }).collect()
        });
        for disk in copies {
            self.check_copy(at, disk, false);
        }
    }
}
