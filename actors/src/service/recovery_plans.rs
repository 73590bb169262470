//! Recovery plans (facts §4.2): machines fail over in parallel up to their disks, then start group by group, with scripts, people and checks
//! before and after each group. An error stops no plan: it runs to its end and says what failed (facts §4.1).
//!
//! A run is a job of its own, and each of its machines has one too, whose number follows from the run's and the machine's. A machine's job is
//! that of its failover, with a wait for its group's turn between its disks and its start. What the members came to is read from their
//! answers, so nothing of it is noted twice.

use std::collections::BTreeSet;
use std::sync::Arc;

use datapath::VmId;
use datapath::plants::{Plant, planted};
use serde::{Deserialize, Serialize};

use super::jobs::Running;
use super::stages::{Action, Condition, Stage, Waiting, until};
use super::{CHECK, Service};
use crate::facts::{Fact, FailoverPhase, PlanPhase};
use crate::messages::machines::ToCompute;
use crate::messages::portal::ToOperator;
use crate::nouns::{FailoverKind, Outcome, PointChoice};
use crate::ports::{ConnId, Token};
use crate::spec::{PlanActionKind, PlanActionSpec, RecoveryPlanSpec};

/// What the job of a run knows beside its stages.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PlanRun {
    pub(super) plan: u32,
    pub(super) kind: FailoverKind,
    /// Groups whose turn has come.
    begun: u32,
    /// Actions that failed, and why.
    failed: Vec<String>,
    /// Why the last request of a check was not answered.
    refused: Option<String>,
}

/// Whose run a machine's job is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) run: u64,
    pub(super) group: u32,
}

/// The number of a machine's job in a run: jobs of operators are numbered from 0, in 32 bits.
fn member_job(run: u64, vm: VmId) -> u64 {
    (run + 1) << 32 | u64::from(vm.0)
}

impl Service {
    /// The stages of a run. What its members come to decides nothing here: each of them is waited for, however it ends.
    pub(super) fn plan_run(
        &self,
        job: u64,
        plan: u32,
        test: bool,
        point: PointChoice,
        shutdown: bool,
    ) -> Result<(PlanRun, Vec<Stage>), String> {
        let spec = self.recovery_plan(plan)?;
        let kind = if test {
            FailoverKind::Test
        } else {
            FailoverKind::Unplanned
        };
        let phase = |phase| Stage::Do(Action::PlanPhase(phase));
        let mut stages = vec![
            phase(PlanPhase::Began),
            Stage::Do(Action::StartMembers { point, shutdown }),
            until(Condition::Prepared(job)),
            phase(PlanPhase::Prepared),
        ];
        for (place, group) in (0..).zip(&spec.groups) {
            let action = |number: usize, action: &PlanActionSpec| {
                let number = number as u32;
                let done = if test { action.in_test } else { action.in_failover };
                let stages = [
                    phase(PlanPhase::ActionBegan(place, number)),
                    Stage::Run {
                        group: place,
                        action: number,
                    },
                    Stage::Do(Action::PlanActionOver {
                        group: place,
                        action: number,
                    }),
                ];
                stages.into_iter().filter(move |_| done)
            };
            let actions = || group.actions().enumerate();
            let before = group.before.len();
            stages.push(phase(PlanPhase::GroupBegan(place)));
            stages.extend(actions().take(before).flat_map(|(number, of)| action(number, of)));
            stages.push(Stage::Do(Action::BeginGroup(place)));
            stages.push(until(Condition::GroupOver(job, place)));
            stages.extend(actions().skip(before).flat_map(|(number, of)| action(number, of)));
            stages.push(phase(PlanPhase::GroupEnded(place)));
        }
        stages.push(phase(PlanPhase::Ended));
        stages.push(Stage::Do(Action::EndRun));
        let run = PlanRun {
            plan,
            kind,
            begun: 0,
            failed: Vec::new(),
            refused: None,
        };
        Ok((run, stages))
    }

    fn recovery_plan(&self, plan: u32) -> Result<Arc<RecoveryPlanSpec>, String> {
        let spec = self.spec.recovery_plans.get(plan as usize).cloned();
        spec.ok_or_else(|| format!("the vault knows no recovery plan {plan}"))
    }

    fn run_of(&mut self, job: u64) -> Result<&mut PlanRun, String> {
        let running = self.jobs.get_mut(&job);
        let run = running.and_then(|running| running.run.as_mut());
        run.ok_or_else(|| "the job is no run of a recovery plan".to_owned())
    }

    /// The spec of a run's plan, and what kind of failover it is.
    fn run_and_plan(&mut self, job: u64) -> Result<(Arc<RecoveryPlanSpec>, FailoverKind), String> {
        let (plan, kind) = self.run_of(job).map(|run| (run.plan, run.kind))?;
        Ok((self.recovery_plan(plan)?, kind))
    }

    pub(super) fn told_of_plan(&mut self, job: u64, phase: PlanPhase) -> Result<(), String> {
        let (plan, kind) = self.run_of(job).map(|run| (run.plan, run.kind))?;
        self.env.fact(Fact::RecoveryPlan { plan, kind, phase });
        Ok(())
    }

    /// Each machine of the plan has its job, or its refusal. A run that is taken up again finds those that are there already.
    pub(super) fn start_members(&mut self, run: u64, point: PointChoice, shutdown: bool) -> Result<(), String> {
        let (spec, kind) = self.run_and_plan(run)?;
        for (group, vm) in spec.members() {
            let job = member_job(run, vm);
            if self.jobs.contains_key(&job) || self.answered.contains_key(&job) {
                continue;
            }
            let planned = match (self.waits.of(vm), kind) {
                (Some(_), _) => Err("another job runs for this machine".to_owned()),
                (None, FailoverKind::Test) => self.plan_test(vm, point),
                (None, _) => self.plan_failover(vm, point, shutdown),
            };
            match planned {
                Ok(stages) => {
                    let member = Member { run, group };
                    self.begin_job(job, Running::of_member(vm, stages, member));
                }
                Err(why) => {
                    self.env.fact(Fact::Refused {
                        operation: super::jobs::RUN_RECOVERY_PLAN.to_owned(),
                        vm: Some(vm),
                        why: why.clone(),
                    });
                    self.answer(None, job, Outcome::Refused(why.clone()), None);
                    self.told_of_plan(run, PlanPhase::MemberFailed(vm, why))?;
                }
            }
        }
        Ok(())
    }

    /// The disks of a machine of a plan are put together: they are made ready, and its start waits for its group's turn.
    pub(super) fn start_in_turn(member: Member, create: Stage) -> Vec<Stage> {
        let Stage::Create {
            machine,
            boot: Some(boot),
            hydrate,
        } = create
        else {
            return vec![create];
        };
        let kind = boot.failover.unwrap_or(FailoverKind::Unplanned);
        vec![
            Stage::Prepare {
                machine,
                boot: boot.clone(),
                hydrate,
            },
            until(Condition::Turn(member.run, member.group)),
            Stage::Phase(kind, FailoverPhase::GroupBegan),
            Stage::Create {
                machine,
                boot: Some(boot),
                hydrate: false,
            },
        ]
    }

    pub(super) fn begin_group(&mut self, run: u64, group: u32) -> Result<(), String> {
        self.run_of(run)?.begun = group + 1;
        self.unsaved.jobs.insert(run);
        self.met(&Condition::Turn(run, group));
        Ok(())
    }

    /// Whether it is a group's turn. Where the run is gone, nobody else would say so.
    pub(super) fn has_turn(&self, run: u64, group: u32) -> bool {
        let running = self.jobs.get(&run).and_then(|running| running.run.as_ref());
        planted(Plant::GroupBeforeItsTurn) || running.is_none_or(|run| run.begun > group)
    }

    fn member_jobs(&self, run: u64) -> Vec<(u32, VmId, u64)> {
        let plan = self.jobs.get(&run).and_then(|running| running.run.as_ref());
        let spec = plan.and_then(|plan| self.spec.recovery_plans.get(plan.plan as usize));
        let members = spec.into_iter().flat_map(|spec| spec.members());
        members.map(|(group, vm)| (group, vm, member_job(run, vm))).collect()
    }

    /// Whether each machine waits for its group's turn, or is over.
    pub(super) fn all_prepared(&self, run: u64) -> bool {
        let is = |job: &u64| {
            let running = self.jobs.get(job);
            running.is_none_or(|running| matches!(running.waiting, Waiting::Until(Condition::Turn(..))))
        };
        self.member_jobs(run).iter().all(|(_, _, job)| is(job))
    }

    pub(super) fn group_is_over(&self, run: u64, group: u32) -> bool {
        let of_group = |member: &&(u32, VmId, u64)| member.0 == group;
        let members = self.member_jobs(run);
        let mut own = members.iter().filter(of_group);
        own.all(|(_, _, job)| !self.jobs.contains_key(job))
    }

    /// A machine's job failed.
    pub(super) fn member_failed(&mut self, member: Member, vm: Option<VmId>, outcome: &Outcome) {
        if let (Some(vm), Outcome::Failed(why)) = (vm, outcome) {
            // A run that is gone has nobody to tell.
            let _ = self.told_of_plan(member.run, PlanPhase::MemberFailed(vm, why.clone()));
        }
    }

    /// A machine's job waits for its turn, or is over: its run may go on.
    pub(super) fn member_moved(&mut self, member: Member) {
        self.met(&Condition::Prepared(member.run));
        self.met(&Condition::GroupOver(member.run, member.group));
    }

    /// After a restart: what jobs of runs wait for may have been written down without them.
    pub(super) fn look_at_runs(&mut self) {
        let conditions = self.jobs.values().filter_map(|running| match &running.waiting {
            Waiting::Until(condition) if condition.is_about_jobs() => Some(condition.clone()),
            _ => None,
        });
        let conditions: BTreeSet<Condition> = conditions.collect();
        conditions.iter().for_each(|condition| self.met(condition));
    }

    fn plan_action(&mut self, job: u64, group: u32, action: u32) -> Result<PlanActionSpec, String> {
        let (spec, _) = self.run_and_plan(job)?;
        let group = spec.groups.get(group as usize);
        let action = group.and_then(|group| group.actions().nth(action as usize));
        action.cloned().ok_or_else(|| "the plan has no such action".to_owned())
    }

    /// The action that a job is at.
    fn current_action(&mut self, job: u64) -> Option<PlanActionSpec> {
        let Some(Stage::Run { group, action }) = self.jobs.get(&job)?.current else {
            return None;
        };
        self.plan_action(job, group, action).ok()
    }

    /// Begins an action; its end is waited for.
    pub(super) fn run_action(&mut self, job: u64, group: u32, action: u32) -> Result<(), String> {
        match self.plan_action(job, group, action)?.what {
            PlanActionKind::Script { takes, .. } => self.wait_for(job, Waiting::Time, Some((takes, false))),
            PlanActionKind::Manual { .. } => {
                self.wait_for(job, Waiting::Input(group << 16 | action), None);
                self.ask_for_input(job);
            }
            PlanActionKind::Check { within, .. } => {
                self.run_of(job)?.refused = None;
                self.wait_for(job, Waiting::Check, Some((within, true)));
                self.check_again(job);
            }
        }
        Ok(())
    }

    /// Tells whoever asked for a run that it waits for them.
    pub(super) fn ask_for_input(&mut self, job: u64) {
        let Some(running) = self.jobs.get(&job) else { return };
        let (Waiting::Input(input), Some(conn)) = (&running.waiting, running.conn) else {
            return;
        };
        let input = *input;
        if let Some(PlanActionKind::Manual { takes }) = self.current_action(job).map(|action| action.what) {
            self.env.send(conn, ToOperator::InputNeeded { job, input, takes });
        }
    }

    /// A person did what a run waits for.
    pub(super) fn completed(&mut self, conn: ConnId, job: u64, input: u32) {
        let Some(running) = self.jobs.get_mut(&job) else { return };
        running.conn = Some(conn);
        if running.waiting == Waiting::Input(input) {
            self.advance(job);
        }
    }

    /// Time for a check's next request: the job of this stage, if it still waits at it.
    pub(super) fn check_due(&mut self, stage: u64) {
        if let Some(job) = self.waits.at(stage) {
            self.check_again(job);
        }
    }

    /// Has the machine of a check answer a request.
    pub(super) fn check_again(&mut self, job: u64) {
        let Some(running) = self.jobs.get(&job) else { return };
        let stage = running.stage;
        if running.waiting != Waiting::Check {
            return;
        }
        let Ok((_, kind)) = self.run_and_plan(job) else { return };
        let Some(PlanActionKind::Check { vm, .. }) = self.current_action(job).map(|action| action.what) else {
            return;
        };
        let Ok(spec) = self.vm(vm) else { return };
        let machine = if kind == FailoverKind::Test {
            spec.test
        } else {
            spec.azure
        };
        self.compute.send(&self.env, ToCompute::Check { machine, check: job });
        let token = Token {
            what: CHECK,
            key: stage,
        };
        self.env.timer(self.env.model.azure.check_again, token);
    }

    /// What a request came to.
    pub(super) fn checked(&mut self, job: u64, refused: Option<String>) {
        let Some(running) = self.jobs.get_mut(&job) else { return };
        if running.waiting != Waiting::Check {
            return;
        }
        running.answered = refused.is_none();
        let answered = running.answered;
        if let Some(run) = &mut running.run {
            run.refused = refused;
            self.unsaved.jobs.insert(job);
        }
        if answered {
            self.advance(job);
        }
    }

    /// An action is over: what it came to is told, and remembered where it failed.
    pub(super) fn end_action(&mut self, job: u64, group: u32, action: u32) -> Result<(), String> {
        let spec = self.plan_action(job, group, action)?;
        let answered = std::mem::take(&mut self.jobs.get_mut(&job).ok_or("the job is gone")?.answered);
        let refused = self.run_of(job)?.refused.take();
        let why = match spec.what {
            PlanActionKind::Script { fails: true, .. } => Some("the script failed".to_owned()),
            PlanActionKind::Check { .. } if !answered && !planted(Plant::CheckPassesUnasked) => {
                Some(refused.unwrap_or_else(|| "no request was answered in time".to_owned()))
            }
            _ => None,
        };
        if let Some(why) = &why {
            let failed = format!("{}: {why}", spec.name);
            self.run_of(job)?.failed.push(failed);
        }
        self.told_of_plan(job, PlanPhase::ActionEnded(group, action, why))
    }

    /// A run ends well where all that it did went well.
    ///
    /// # Errors
    /// What did not.
    pub(super) fn end_run(&mut self, job: u64) -> Result<(), String> {
        let mut failed = Vec::new();
        for (_, vm, member) in self.member_jobs(job) {
            if let Some((Outcome::Refused(why) | Outcome::Failed(why), _)) = self.answered.get(&member) {
                let name = self
                    .vm(vm)
                    .map_or_else(|_| format!("machine {}", vm.0), |spec| spec.name.clone());
                failed.push(format!("{name}: {why}"));
            }
        }
        failed.extend(self.run_of(job)?.failed.iter().cloned());
        if failed.is_empty() {
            return Ok(());
        }
        Err(failed.join("; "))
    }
}
