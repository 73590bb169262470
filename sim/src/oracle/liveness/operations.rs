//! Operations that wait: each is held to its bound from its start until its end is told.

use std::collections::BTreeSet;

use actors::facts::StepOutcome;
use actors::nouns::{FailoverKind, ItemState, MachineId, Operation};
use datapath::{SimTime, VmId};

use crate::invariants::bound::Waited;
use crate::invariants::{operations_end, something_was_judged};
use crate::oracle::Oracle;

impl Oracle {
    pub(super) fn step_told(&mut self, at: SimTime, step: u32, outcome: &StepOutcome) {
        let Some(operation) = self.liveness.operation(step).cloned() else {
            return;
        };
        if *outcome == StepOutcome::Started {
            self.liveness.running.insert(step, at);
            return self.operation_begins(&operation);
        }
        if let Some(since) = self.liveness.running.get(&step).copied() {
            self.check_operation(at, step, since, true);
            self.liveness.running.remove(&step);
            match outcome {
                StepOutcome::Done => self.operation_done(at, step, since, &operation),
                StepOutcome::Failed(_) => self.operation_failed(since, &operation),
                StepOutcome::Refused(_) => {
                    if let Operation::Reprotect { vm, .. } = &operation
                        && let Some(waits) = self.liveness.vms.get_mut(vm)
                    {
                        (waits.process_server, waits.master_target) = waits.before;
                    }
                }
                StepOutcome::Started => {}
            }
        }
    }

    fn operation_begins(&mut self, operation: &Operation) {
        let live = &mut self.liveness;
        match operation {
            Operation::EnableReplication {
                vm,
                policy,
                process_server,
                ..
            } => {
                let every = live.policies.get(policy).map(|policy| {
                    let crash = Some(policy.crash_consistent_every).filter(|every| *every > 0);
                    let app = Some(policy.app_consistent_every).filter(|every| *every > 0);
                    crash.into_iter().chain(app).min().unwrap_or(u64::MAX)
                });
                if let Some(waits) = live.vms.get_mut(vm) {
                    waits.process_server = Some(*process_server);
                    waits.master_target = None;
                    waits.pause = every.unwrap_or(live.bounds.pause);
                }
            }
            Operation::Reprotect {
                vm,
                process_server,
                master_target,
            } => {
                if let Some(waits) = live.vms.get_mut(vm) {
                    waits.before = (waits.process_server, waits.master_target);
                    (waits.process_server, waits.master_target) = (Some(*process_server), *master_target);
                }
            }
            Operation::MoveToProcessServer { vm, process_server } => {
                let mut ends = live.paths.ends(*vm);
                ends.process_servers.insert(*process_server);
                live.paths.set(*vm, ends);
            }
            _ => {}
        }
    }

    fn operation_done(&mut self, at: SimTime, step: u32, since: SimTime, operation: &Operation) {
        if let Operation::MoveToProcessServer { vm, process_server } = operation {
            // What waited is held to the bound of the way so far, and goes another way from here.
            self.check_waits(at, *vm);
            let mut ends = self.liveness.paths.ends(*vm);
            ends.process_servers = [*process_server].into();
            self.liveness.paths.set(*vm, ends);
            if let Some(waits) = self.liveness.vms.get_mut(vm) {
                waits.moved = at;
            }
        }
        for (vm, kind, _) in self.plan.failovers.get(&step).cloned().unwrap_or_default() {
            self.failover_done(at, since, vm, kind);
        }
    }

    fn failover_done(&mut self, at: SimTime, since: SimTime, vm: VmId, kind: FailoverKind) {
        let waits = self.liveness.vms.get_mut(&vm);
        let (compared, tried) = waits.map_or((None, None), |waits| {
            (waits.compared.get(&kind).copied(), waits.tried.take())
        });
        // A failback that failed where its machine was to boot goes on from there: its disks were compared by then.
        let since = tried.filter(|_| kind == FailoverKind::Failback).unwrap_or(since);
        let violations = something_was_judged::check_failover(kind, since, compared);
        self.ledger.check(at, vm, violations);
    }

    /// All disks of a failover were compared with what they have to be.
    pub(in crate::oracle) fn failover_compared(&mut self, at: SimTime, vm: VmId, kind: FailoverKind) {
        if let Some(waits) = self.liveness.vms.get_mut(&vm) {
            waits.compared.insert(kind, at);
        }
    }

    /// Whoever ordered it knows that it failed: the state that it leaves is theirs to end.
    fn operation_failed(&mut self, since: SimTime, operation: &Operation) {
        if let Operation::Failback { vm, .. } = operation
            && let Some(waits) = self.liveness.vms.get_mut(vm)
        {
            waits.tried.get_or_insert(since);
        }
        let (vm, of) = match operation {
            Operation::EnableReplication { vm, .. } => (vm, ItemState::EnableInProgress),
            Operation::Failover { vm, .. } => (vm, ItemState::FailoverInProgress),
            Operation::Reprotect {
                vm,
                master_target: None,
                ..
            } => (vm, ItemState::EnableInProgress),
            Operation::Reprotect { vm, .. } => (vm, ItemState::ReprotectInProgress),
            Operation::Failback { vm, .. } => (vm, ItemState::FailbackInProgress),
            _ => return,
        };
        self.left_by_failure(*vm, of);
    }

    /// Nothing is under way any more that would end a machine's state, if it is this one.
    pub(super) fn left_by_failure(&mut self, vm: VmId, of: ItemState) {
        if let Some(waits) = self.liveness.vms.get_mut(&vm)
            && waits.state.is_some_and(|(state, _)| state == of)
        {
            waits.failed = true;
        }
    }

    /// What all that the recovery plans of a machine do takes: it may wait for its turn in any of them.
    fn plan_time(&self, vm: VmId) -> u64 {
        let plans = self.liveness.recovery_plans.iter();
        let own = plans.filter(|(plan, _)| plan.members().any(|(_, member)| member == vm));
        own.map(|(_, takes)| *takes).max().unwrap_or(0)
    }

    /// What jobs of a machine take by the plan.
    pub(super) fn operation_time(&self, vm: Option<VmId>) -> u64 {
        let boot = vm
            .and_then(|vm| self.liveness.boots.get(&vm))
            .copied()
            .unwrap_or_default();
        let jobs = self.liveness.job_times.saturating_add(boot.saturating_mul(2));
        jobs.saturating_add(vm.map_or(0, |vm| self.plan_time(vm)))
    }

    pub(super) fn check_operation(&mut self, at: SimTime, step: u32, since: SimTime, ended: bool) {
        let Some(operation) = self.liveness.operation(step) else {
            return;
        };
        let (vm, named) = about(operation);
        // A recovery plan is about no machine alone.
        let failovers = self.plan.failovers.get(&step).into_iter().flatten();
        let vms: BTreeSet<VmId> = vm.into_iter().chain(failovers.map(|(vm, ..)| *vm)).collect();
        let stages = match operation {
            Operation::Failover { .. } | Operation::TestFailover { .. } => 1,
            // The disks of all, and then each group.
            Operation::RunRecoveryPlan { plan, .. } => {
                let plan = self.liveness.recovery_plans.get(*plan as usize);
                1 + plan.map_or(0, |(plan, _)| plan.groups.len() as u64)
            }
            // These wait for others to register first, one after the other.
            _ => 2,
        };
        let times = vms.iter().map(|vm| self.operation_time(Some(*vm)));
        let planned = times
            .max()
            .unwrap_or_else(|| self.operation_time(None))
            .saturating_add(self.liveness.bounds.operation.saturating_mul(stages));
        let needs = self.liveness.paths.operation_needs(&vms, named);
        let (_, outages) = self.liveness.outages.lived(&needs, since, at);
        let work = |vm: &VmId| {
            let written = self.written(*vm);
            self.liveness.paths.work(*vm, written.0 - written.1, true, u64::MAX)
        };
        let waited = Waited {
            since,
            until: at,
            lived: at.since(since),
            outages,
            planned,
            work: vms.iter().map(work).fold(0, u64::saturating_add),
            bounds: self.liveness.bounds,
        };
        let reason = match (ended, vm) {
            (false, Some(vm)) => self.unmet(vm),
            _ => self.liveness.down(&needs).unwrap_or_default(),
        };
        let violations = operations_end::check(&operation_name(operation), &waited, ended, &reason);
        self.ledger.check(at, vm, violations);
    }
}

/// The machine that an operation is about, and the servers that it names.
pub(super) fn about(operation: &Operation) -> (Option<VmId>, Vec<MachineId>) {
    match operation {
        Operation::CreateVault | Operation::CreatePolicy(_) | Operation::RunRecoveryPlan { .. } => (None, Vec::new()),
        Operation::AddVcenter {
            configuration_server,
            vcenter,
        } => (None, vec![*configuration_server, *vcenter]),
        Operation::AddProcessServer { machine } | Operation::RemoveProcessServer { machine } => (None, vec![*machine]),
        Operation::PushInstall { vm, process_server }
        | Operation::EnableReplication { vm, process_server, .. }
        | Operation::MoveToProcessServer { vm, process_server } => (Some(*vm), vec![*process_server]),
        Operation::Reprotect {
            vm,
            process_server,
            master_target,
        } => {
            let named = [Some(*process_server), *master_target];
            (Some(*vm), named.into_iter().flatten().collect())
        }
        Operation::TestFailover { vm, .. }
        | Operation::CleanupTestFailover { vm }
        | Operation::Failover { vm, .. }
        | Operation::PlannedFailover { vm }
        | Operation::Commit { vm }
        | Operation::Failback { vm, .. }
        | Operation::DisableReplication { vm } => (Some(*vm), Vec::new()),
    }
}

/// An operation as the scenario file calls it.
pub(super) fn operation_name(operation: &Operation) -> String {
    let name = match operation {
        Operation::CreateVault => "create-vault",
        Operation::AddVcenter { .. } => "add-vcenter",
        Operation::PushInstall { .. } => "push-install",
        Operation::CreatePolicy(_) => "create-policy",
        Operation::EnableReplication { .. } => "enable-replication",
        Operation::TestFailover { .. } => "test-failover",
        Operation::CleanupTestFailover { .. } => "cleanup-test-failover",
        Operation::Failover { .. } => "failover",
        Operation::RunRecoveryPlan { test: true, .. } => "test-failover of a recovery plan",
        Operation::RunRecoveryPlan { test: false, .. } => "failover of a recovery plan",
        Operation::PlannedFailover { .. } => "planned-failover",
        Operation::Commit { .. } => "commit",
        Operation::MoveToProcessServer { .. } => "move",
        Operation::AddProcessServer { .. } => "add-process-server",
        Operation::RemoveProcessServer { .. } => "remove-process-server",
        Operation::Reprotect { .. } => "reprotect",
        Operation::Failback { .. } => "failback",
        Operation::DisableReplication { .. } => "disable-replication",
    };
    name.to_owned()
}
