//! Jobs: what an operation does, as a list of stages, one after the other. Each is written down before its next stage is acted on, and
//! goes on from the stage that it waited at.

use std::collections::VecDeque;

use datapath::replica::Mark;
use datapath::{SimTime, VmId, WriteSeq};
use serde::{Deserialize, Serialize};

use super::recovery_plans::{Member, PlanRun};
use super::stages::{Action, Condition, Stage, Waiting, order, until};
use super::{After, PATIENCE, Service, WAITED};
use crate::codes;
use crate::facts::Fact;
use crate::messages::machines::ToCompute;
use crate::messages::management::{Command, Reply};
use crate::messages::portal::ToOperator;
use crate::messages::vcenter::VcenterAction;
use crate::nouns::{ItemState, MachineId, Operation, Outcome, Place};
use crate::ports::{ConnId, Token};

/// What refusals call a run of a recovery plan.
pub(super) const RUN_RECOVERY_PLAN: &str = "run-recovery-plan";

/// A job that runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Running {
    /// Whoever asked; unknown after a restart, until they ask again.
    #[serde(skip)]
    pub(super) conn: Option<ConnId>,
    pub(super) vm: Option<VmId>,
    /// Those that follow.
    stages: VecDeque<Stage>,
    /// The one that waits.
    pub(super) current: Option<Stage>,
    pub(super) waiting: Waiting,
    soft: bool,
    /// Whether the last command was carried out: a soft stage goes on where it was not.
    pub(super) answered: bool,
    /// The number of the stage that waits, for its timers.
    #[serde(skip)]
    pub(super) stage: u64,
    /// When its wait, or its patience, is over, by the service's own count of time.
    ends: Option<SimTime>,
    /// What the source sent last before it went down.
    drained: Option<(WriteSeq, Option<Mark>)>,
    /// The point that was taken.
    pub(super) mark: Option<Mark>,
    key: Option<u64>,
    /// The machine's state before it was to be protected: where it is again if that comes to nothing.
    before: Option<ItemState>,
    /// What a run of a recovery plan knows.
    pub(super) run: Option<PlanRun>,
    /// Whose run it is part of.
    pub(super) member: Option<Member>,
}

impl Running {
    fn new(conn: Option<ConnId>, vm: Option<VmId>, stages: Vec<Stage>) -> Running {
        Running {
            conn,
            vm,
            stages: stages.into(),
            current: None,
            waiting: Waiting::Nothing,
            soft: false,
            answered: false,
            stage: 0,
            ends: None,
            drained: None,
            mark: None,
            key: None,
            before: None,
            run: None,
            member: None,
        }
    }

    /// The job of a machine in a run of a recovery plan.
    pub(super) fn of_member(vm: VmId, stages: Vec<Stage>, member: Member) -> Running {
        Running {
            member: Some(member),
            ..Running::new(None, Some(vm), stages)
        }
    }
}

impl Service {
    /// An operation is asked for, perhaps once more.
    pub(super) fn ask(&mut self, conn: ConnId, job: u64, operation: Operation) {
        if let Some((outcome, key)) = self.answered.get(&job).cloned() {
            let body = ToOperator::Answer { job, outcome, key };
            if self.unsaved.jobs.contains(&job) {
                return self.after.push(After::Answer(conn, Box::new(body)));
            }
            return self.env.send(conn, body);
        }
        if let Some(running) = self.jobs.get_mut(&job) {
            running.conn = Some(conn);
            return self.ask_for_input(job);
        }
        let vm = vm_of(&operation);
        let key = matches!(operation, Operation::CreateVault).then_some(self.spec.registration_key);
        let busy = vm.is_some_and(|vm| self.waits.of(vm).is_some());
        let name = name_of(&operation);
        let plan = if busy {
            Err("another job runs for this machine".to_owned())
        } else if !self.estate.vault && !matches!(operation, Operation::CreateVault) {
            Err("there is no vault yet".to_owned())
        } else {
            self.plan(job, operation)
        };
        let (run, stages) = match plan {
            Ok(planned) => planned,
            Err(why) => {
                self.env.fact(Fact::Refused {
                    operation: name.to_owned(),
                    vm,
                    why: why.clone(),
                });
                return self.answer(Some(conn), job, Outcome::Refused(why), None);
            }
        };
        let running = Running {
            key,
            run,
            ..Running::new(Some(conn), vm, stages)
        };
        self.begin_job(job, running);
    }

    pub(super) fn begin_job(&mut self, job: u64, running: Running) {
        self.waits.runs(job, running.vm);
        self.jobs.insert(job, running);
        self.advance(job);
    }

    /// What an operation does; or why the product does not do it.
    fn plan(&mut self, job: u64, operation: Operation) -> Result<(Option<PlanRun>, Vec<Stage>), String> {
        let stages = match operation {
            Operation::RunRecoveryPlan {
                plan,
                test,
                point,
                shutdown,
            } => {
                let (run, stages) = self.plan_run(job, plan, test, point, shutdown)?;
                return Ok((Some(run), stages));
            }
            Operation::CreateVault => Ok(vec![Stage::Do(Action::KeepVault)]),
            Operation::AddVcenter {
                configuration_server,
                vcenter,
            } => Ok(self.plan_vcenter(configuration_server, vcenter)),
            Operation::PushInstall { vm, process_server } => self.plan_push(vm, process_server),
            Operation::CreatePolicy(policy) => self.plan_policy(policy),
            Operation::EnableReplication {
                vm,
                policy,
                process_server,
                over,
            } => self.plan_enable(vm, &policy, process_server, over),
            Operation::DisableReplication { vm } => self.plan_disable(vm),
            Operation::TestFailover { vm, point } => self.plan_test(vm, point),
            Operation::CleanupTestFailover { vm } => self.plan_cleanup(vm),
            Operation::Failover { vm, point, shutdown } => self.plan_failover(vm, point, shutdown),
            Operation::PlannedFailover { .. } => Err("planned failover is not supported between VMware or physical \
                machines and Azure (SEED); for no loss, stop the application and fail over to the latest point with \
                the option to shut down (FO17)"
                .to_owned()),
            Operation::Commit { vm } => self.plan_commit(vm),
            Operation::MoveToProcessServer { vm, process_server } => self.plan_move(vm, process_server),
            Operation::AddProcessServer { machine } => Ok(self.plan_add_process_server(machine)),
            Operation::RemoveProcessServer { machine } => self.plan_remove_process_server(machine),
            Operation::Reprotect {
                vm,
                process_server,
                master_target,
            } => match master_target {
                Some(master_target) => self.plan_reprotect(vm, process_server, master_target),
                None => self.plan_protect_again(vm, process_server),
            },
            Operation::Failback { vm, point, to_physical } => self.plan_failback(vm, point, to_physical),
        };
        Ok((None, stages?))
    }

    /// What is done at once.
    fn act(&mut self, job: u64, action: Action) -> Result<(), String> {
        let vm = self.jobs.get(&job).and_then(|running| running.vm);
        match (action, vm) {
            (Action::KeepVault, _) => {
                self.estate.vault = true;
                self.unsaved.estate = true;
            }
            (
                Action::Discover {
                    configuration_server,
                    vcenter,
                },
                _,
            ) => return self.discover(job, configuration_server, vcenter),
            (Action::KeepPolicy(policy), _) => self.keep_policy(&policy),
            (Action::ForgetProcessServer(machine), _) => self.forget_process_server(machine),
            (Action::PlanPhase(phase), _) => return self.told_of_plan(job, phase),
            (Action::StartMembers { point, shutdown }, _) => return self.start_members(job, point, shutdown),
            (Action::BeginGroup(group), _) => return self.begin_group(job, group),
            (Action::PlanActionOver { group, action }, _) => return self.end_action(job, group, action),
            (Action::EndRun, _) => return self.end_run(job),
            (Action::Begin(way), Some(vm)) => return self.begin_for(job, vm, way),
            (Action::Disable, Some(vm)) => return self.disable(job, vm),
            (Action::StopReplication, Some(vm)) => self.stop_replication(vm),
            (Action::AskStored { last }, Some(vm)) => return self.begin_asking(vm, last),
            (Action::StartFromPoint(place), Some(vm)) => return self.start_from_point(job, vm, place),
            (Action::EndTest, Some(vm)) => self.end_test(vm),
            (Action::CommitFailover, Some(vm)) => self.commit_failover(vm),
            (Action::CommitFailback, Some(vm)) => return self.commit_failback(vm),
            (
                Action::BootOnPremises {
                    configuration_server,
                    vcenter,
                },
                Some(vm),
            ) => return self.boot_on_premises(job, vm, configuration_server, vcenter),
            (
                Action::Move {
                    before,
                    process_server,
                    protection,
                },
                Some(vm),
            ) => return self.move_on(job, vm, (before, process_server), protection),
            (Action::CopyAgain { before }, Some(vm)) => self.copy_again(vm, before),
            (Action::Arrive, Some(vm)) => self.arrive_for_failback(job, vm),
            (
                Action::Finish {
                    master_target,
                    protection,
                    point,
                },
                Some(vm),
            ) => {
                self.stop_replication(vm);
                let point = self.failback_choice(vm, point)?;
                let finish = order(master_target, Command::Finish { vm, protection, point });
                self.insert_stages(job, vec![finish]);
            }
            (action, None) => return Err(format!("the job is for no machine: {action:?}")),
        }
        Ok(())
    }

    /// The job's stages, one after the other, until one waits.
    pub(super) fn advance(&mut self, job: u64) {
        loop {
            let Some(running) = self.jobs.get_mut(&job) else { return };
            let waited = std::mem::replace(&mut running.waiting, Waiting::Nothing);
            self.waits.end(job, running.stage, &waited);
            self.unsaved.jobs.insert(job);
            (running.ends, running.soft) = (None, false);
            running.current = running.stages.pop_front();
            let Some(stage) = running.current.clone() else {
                return self.end(job, Outcome::Done);
            };
            match self.start_stage(job, stage) {
                Ok(true) => {}
                Ok(false) => return,
                Err(why) => return self.end(job, Outcome::Failed(why)),
            }
        }
    }

    /// Puts stages before those that a job still has.
    pub(super) fn insert_stages(&mut self, job: u64, stages: Vec<Stage>) {
        if let Some(running) = self.jobs.get_mut(&job) {
            for stage in stages.into_iter().rev() {
                running.stages.push_front(stage);
            }
        }
    }

    /// Whether the stage is done already.
    fn start_stage(&mut self, job: u64, stage: Stage) -> Result<bool, String> {
        let vm = self.jobs.get(&job).and_then(|running| running.vm);
        let usual = self.env.model.azure.stage_patience;
        match stage {
            Stage::Wait(nanoseconds) => {
                self.wait_for(job, Waiting::Time, Some((nanoseconds, false)));
                return Ok(false);
            }
            Stage::Until {
                condition,
                patience,
                soft,
            } => {
                if self.holds(job, &condition) {
                    return Ok(true);
                }
                // Other jobs have patience of their own.
                let for_jobs = condition.is_about_jobs();
                let patience = (!for_jobs).then_some((patience.unwrap_or(usual), soft));
                self.wait_for(job, Waiting::Until(condition), patience);
                if let Some(member) = self.jobs.get(&job).and_then(|running| running.member) {
                    self.member_moved(member);
                }
                return Ok(false);
            }
            Stage::Order {
                to,
                command,
                patience,
                soft,
            } => {
                let id = self.command(to, command, Some(job));
                if let Some(running) = self.jobs.get_mut(&job) {
                    running.answered = false;
                }
                self.wait_for(job, Waiting::Command(id), Some((patience.unwrap_or(usual), soft)));
                return Ok(false);
            }
            Stage::Enter(state) => {
                if let Some(vm) = vm {
                    if state == ItemState::EnableInProgress {
                        let before = self.state(vm);
                        let running = self.jobs.get_mut(&job);
                        running.into_iter().for_each(|running| running.before = Some(before));
                    }
                    self.enter(vm, state);
                }
            }
            Stage::Phase(kind, phase) => {
                if let Some(vm) = vm {
                    self.env.fact(Fact::Failover { vm, kind, phase });
                }
            }
            Stage::Materialise { point, place } => {
                let kind = super::points::failover_to(place).1;
                let point = match vm {
                    Some(vm) => self.shared_choice(vm, kind, point)?,
                    None => point,
                };
                if let Some(running) = self.jobs.get_mut(&job) {
                    // Chosen once: after a restart it is the same.
                    running.current = Some(Stage::Materialise { point, place });
                }
                let keeper = vm.and_then(|vm| self.keepers.get_mut(&vm));
                let ticket = keeper
                    .ok_or("nothing is kept of this machine")?
                    .materialise(point, place != Place::Test);
                self.wait_for(job, Waiting::Ticket(ticket), None);
                if let Some(vm) = vm {
                    self.attend(vm);
                }
                return Ok(false);
            }
            Stage::Prepare { machine, boot, hydrate } => {
                self.wait_for(job, Waiting::Machine(machine), Some((2 * usual, false)));
                self.order(machine, ToCompute::PrepareMachine { machine, boot, hydrate });
                return Ok(false);
            }
            Stage::Run { group, action } => {
                self.run_action(job, group, action)?;
                return Ok(false);
            }
            Stage::Create { machine, boot, hydrate } => {
                self.wait_for(job, Waiting::Machine(machine), Some((2 * usual, false)));
                self.order(machine, ToCompute::CreateMachine { machine, boot, hydrate });
                return Ok(false);
            }
            Stage::Delete { machine, orderly } => {
                self.wait_for(job, Waiting::Machine(machine), Some((usual, false)));
                self.order(machine, ToCompute::DeleteMachine { machine, orderly });
                return Ok(false);
            }
            Stage::Do(action) => self.act(job, action)?,
        }
        Ok(true)
    }

    pub(super) fn wait_for(&mut self, job: u64, waiting: Waiting, patience: Option<(u64, bool)>) {
        let now = self.env.monotonic();
        let Some(running) = self.jobs.get_mut(&job) else { return };
        running.waiting = waiting;
        if let Some((patience, soft)) = patience {
            running.soft = soft;
            running.ends = Some(now.after(patience));
        }
        self.arm(job);
    }

    /// A waiting stage is found by what it waits for, and has its timer.
    fn arm(&mut self, job: u64) {
        let Some(running) = self.jobs.get_mut(&job) else { return };
        self.next_stage += 1;
        running.stage = self.next_stage;
        self.waits.begin(job, running.stage, &running.waiting);
        let Some(ends) = running.ends else { return };
        let (left, key) = (ends.since(self.env.monotonic()), running.stage);
        if running.waiting == Waiting::Time {
            return self.env.wait(left, Token { what: WAITED, key });
        }
        let _ = self.env.timer(left, Token { what: PATIENCE, key });
    }

    /// After a restart: the job goes on with the stage that it waited at.
    pub(super) fn resume(&mut self, job: u64) {
        let Some(running) = self.jobs.get_mut(&job) else { return };
        self.waits.runs(job, running.vm);
        match (&running.waiting, &running.current) {
            (Waiting::Machine(machine), Some(Stage::Create { boot, hydrate, .. })) => {
                let (machine, boot, hydrate) = (*machine, boot.clone(), *hydrate);
                self.orders
                    .insert(machine, ToCompute::CreateMachine { machine, boot, hydrate });
            }
            (Waiting::Machine(machine), Some(Stage::Prepare { boot, hydrate, .. })) => {
                let (machine, boot, hydrate) = (*machine, boot.clone(), *hydrate);
                self.orders
                    .insert(machine, ToCompute::PrepareMachine { machine, boot, hydrate });
            }
            (Waiting::Machine(machine), Some(Stage::Delete { orderly, .. })) => {
                let (machine, orderly) = (*machine, *orderly);
                self.orders
                    .insert(machine, ToCompute::DeleteMachine { machine, orderly });
            }
            (Waiting::Ticket(_), _) => {
                // The keeper forgot who waited for its disks; it is taken up once storage has told what it holds.
                if let (Some(vm), Some(stage)) = (running.vm, running.current.take()) {
                    self.insert_stages(job, vec![until(Condition::Told(vm)), stage]);
                }
                return self.advance(job);
            }
            _ => {}
        }
        self.arm(job);
        self.check_again(job);
    }

    /// A stage's time has passed.
    pub(super) fn waited(&mut self, stage: u64) {
        if let Some(job) = self.waits.at(stage) {
            self.advance(job);
        }
    }

    pub(super) fn out_of_patience(&mut self, stage: u64) {
        let Some(job) = self.waits.at(stage) else { return };
        let running = &self.jobs[&job];
        if running.soft {
            return self.advance(job);
        }
        let why = match &running.waiting {
            Waiting::Until(condition) => self.describe(condition),
            Waiting::Command(id) => self.commands.get(id).map_or_else(String::new, |sent| {
                format!(
                    "{}machine {} did not answer the command {}",
                    self.in_azure(running.vm, sent.to, codes::AZURE_MACHINE_SILENT),
                    sent.to.0,
                    command_name(&sent.command)
                )
            }),
            Waiting::Machine(machine) => format!("machine {} did not come up in Azure", machine.0),
            Waiting::Nothing | Waiting::Time | Waiting::Ticket(_) | Waiting::Input(_) | Waiting::Check => return,
        };
        if let Waiting::Command(id) = running.waiting {
            self.forget_command(id);
        }
        self.end(job, Outcome::Failed(why));
    }

    /// A process server that is not heard of any more hands nothing over: who waits for that goes on.
    pub(super) fn process_server_lost(&mut self, machine: MachineId) {
        let waits = |sent: &super::Sent| match sent.command {
            Command::HandOver { vm, .. } if sent.to == machine => self.waits.of(vm),
            _ => None,
        };
        let jobs: Vec<u64> = self.commands.values().filter_map(waits).collect();
        let stages: Vec<u64> = jobs.iter().filter_map(|job| Some(self.jobs.get(job)?.stage)).collect();
        stages.into_iter().for_each(|stage| self.out_of_patience(stage));
    }

    /// Something happened that jobs may wait for.
    pub(super) fn met(&mut self, condition: &Condition) {
        for job in self.waits.until(condition) {
            if self.holds(job, condition) {
                self.advance(job);
            }
        }
    }

    fn holds(&self, job: u64, condition: &Condition) -> bool {
        match condition {
            Condition::Up(machine, component) => self.estate.components.contains(&(*machine, *component)),
            Condition::AnyProcessServer(of) => self.process_server_of(*of).is_some(),
            Condition::Discovered(vm) => self.estate.discovered.contains(vm),
            Condition::Agent(vm, machine) => self.agents.contains_key(&(*vm, *machine)),
            Condition::Told(vm) => !self.asking.contains_key(vm),
            Condition::Together(vm) => self.group_has_arrived(*vm),
            Condition::Turn(run, group) => self.has_turn(*run, *group),
            Condition::Prepared(run) => self.all_prepared(*run),
            Condition::GroupOver(run, group) => self.group_is_over(*run, *group),
            Condition::Drained(vm) => {
                let drained = self.jobs.get(&job).and_then(|running| running.drained);
                let item = self.items.get(vm);
                drained.is_none_or(|(last, _)| item.is_some_and(|item| item.stored >= last))
            }
        }
    }

    /// Whether all that the job's source wrote before it was shut down is at the target.
    pub(super) fn has_drained(&self, job: u64) -> bool {
        let Some(running) = self.jobs.get(&job) else {
            return false;
        };
        let item = running.vm.and_then(|vm| self.items.get(&vm));
        let stored = item.map(|item| item.stored);
        running.drained.is_some_and(|(last, _)| stored >= Some(last))
    }

    pub(super) fn order_ended(&mut self, job: u64, id: u64, result: Result<Reply, String>) {
        let Some(running) = self.jobs.get_mut(&job) else { return };
        if running.waiting != Waiting::Command(id) {
            return;
        }
        running.answered = result.is_ok();
        match result {
            Ok(Reply::Drained { last, mark }) => running.drained = Some((last, mark)),
            Ok(Reply::Finished { mark }) => running.mark = Some(mark),
            Ok(Reply::Machines(machines)) => self.found(machines.iter().map(|(_, vm, _)| *vm).collect()),
            Ok(Reply::Done) => {}
            Err(_) if running.soft => {}
            Err(why) if !self.boots_again(job, &why) => return self.end(job, Outcome::Failed(why)),
            Err(_) => {}
        }
        self.advance(job);
    }

    /// Whether what was refused is the boot of a machine that came home. Nothing but that boot is left of its failback, so it is ordered
    /// again after a while, for as long as it takes.
    fn boots_again(&mut self, job: u64, why: &str) -> bool {
        let Some(running) = self.jobs.get(&job) else {
            return false;
        };
        let Some(boot @ Stage::Order { command, .. }) = &running.current else {
            return false;
        };
        let Command::Vcenter {
            action: VcenterAction::AttachAndBoot { .. },
            ..
        } = command
        else {
            return false;
        };
        let (vm, boot) = (running.vm, boot.clone());
        self.boot_refused(vm, &format!("vCenter does not start the machine: {why}"));
        let again = Stage::Wait(self.env.model.azure.boot_again);
        self.insert_stages(job, vec![again, boot]);
        true
    }

    pub(super) fn machine_order_ended(&mut self, machine: MachineId) {
        if let Some(job) = self.waits.for_machine(machine) {
            self.advance(job);
        }
    }

    /// The job that waits for a machine's disks, and where they are to be put.
    pub(super) fn job_with_ticket(&self, vm: VmId, ticket: u64) -> Option<(u64, Place)> {
        let job = self.waits.of(vm)?;
        let running = self.jobs.get(&job)?;
        match running.current {
            Some(Stage::Materialise { place, .. }) if running.waiting == Waiting::Ticket(ticket) => Some((job, place)),
            _ => None,
        }
    }

    pub(super) fn end(&mut self, job: u64, outcome: Outcome) {
        let Some(running) = self.jobs.remove(&job) else { return };
        self.waits.end(job, running.stage, &running.waiting);
        self.waits.is_over(running.vm);
        if let (Outcome::Failed(_), Some(vm), Some(before)) = (&outcome, running.vm, running.before)
            && self.state(vm) == ItemState::EnableInProgress
        {
            self.take_back(vm, before);
        }
        if let (Outcome::Failed(_), Some(vm), Some(Stage::Order { command, .. })) =
            (&outcome, running.vm, &running.current)
            && matches!(
                command,
                Command::Receive { .. } | Command::Serve(_) | Command::Protect { .. }
            )
        {
            self.undo_reprotect(vm);
        }
        let key = running.key.filter(|_| outcome == Outcome::Done);
        if let Some(member) = running.member {
            self.member_failed(member, running.vm, &outcome);
        }
        self.answer(running.conn, job, outcome, key);
        running.member.into_iter().for_each(|member| self.member_moved(member));
    }

    /// Whoever asked hears of it once it is written down: asked again, the answer is the same.
    pub(super) fn answer(&mut self, conn: Option<ConnId>, job: u64, outcome: Outcome, key: Option<u64>) {
        self.answered.insert(job, (outcome.clone(), key));
        self.unsaved.jobs.insert(job);
        let body = ToOperator::Answer { job, outcome, key };
        self.after.extend(conn.map(|conn| After::Answer(conn, Box::new(body))));
    }
}

impl Service {
    /// What a reason begins with where it is about a machine's copy in Azure.
    fn in_azure(&self, vm: Option<VmId>, machine: MachineId, code: &str) -> String {
        let spec = vm.and_then(|vm| self.vms.get(&vm));
        match spec.is_some_and(|spec| spec.azure == machine) {
            true => format!("{code}: "),
            false => String::new(),
        }
    }

    fn describe(&self, condition: &Condition) -> String {
        match condition {
            Condition::Up(machine, component) => format!("{component:?} on machine {} did not register", machine.0),
            Condition::AnyProcessServer(of) => format!("no process server of machine {} registered", of.0),
            Condition::Discovered(_) => "the machine was not found by discovery".to_owned(),
            Condition::Agent(vm, machine) => {
                format!(
                    "{}the Mobility service on machine {} did not register with its configuration server",
                    self.in_azure(Some(*vm), *machine, codes::NO_WAY_FROM_AZURE),
                    machine.0
                )
            }
            Condition::Together(_) => {
                "the machines of a replication group fail back only together, and not all of them were asked to"
                    .to_owned()
            }
            Condition::Told(_) => "storage did not say what it holds".to_owned(),
            Condition::Turn(..) | Condition::Prepared(_) | Condition::GroupOver(..) => {
                "the recovery plan did not go on".to_owned()
            }
            Condition::Drained(_) => "what the source sent last did not reach the target".to_owned(),
        }
    }
}

fn command_name(command: &Command) -> String {
    let text = format!("{command:?}");
    text.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

fn vm_of(operation: &Operation) -> Option<VmId> {
    match operation {
        Operation::PushInstall { vm, .. }
        | Operation::EnableReplication { vm, .. }
        | Operation::TestFailover { vm, .. }
        | Operation::CleanupTestFailover { vm }
        | Operation::Failover { vm, .. }
        | Operation::PlannedFailover { vm }
        | Operation::Commit { vm }
        | Operation::MoveToProcessServer { vm, .. }
        | Operation::Reprotect { vm, .. }
        | Operation::Failback { vm, .. }
        | Operation::DisableReplication { vm } => Some(*vm),
        Operation::CreateVault
        | Operation::AddVcenter { .. }
        | Operation::CreatePolicy(_)
        | Operation::RunRecoveryPlan { .. }
        | Operation::AddProcessServer { .. }
        | Operation::RemoveProcessServer { .. } => None,
    }
}

fn name_of(operation: &Operation) -> &'static str {
    match operation {
        Operation::CreateVault => "create-vault",
        Operation::AddVcenter { .. } => "add-vcenter",
        Operation::PushInstall { .. } => "push-install",
        Operation::CreatePolicy(_) => "create-policy",
        Operation::EnableReplication { .. } => "enable-replication",
        Operation::TestFailover { .. } => "test-failover",
        Operation::CleanupTestFailover { .. } => "cleanup-test-failover",
        Operation::Failover { .. } => "failover",
        Operation::RunRecoveryPlan { .. } => RUN_RECOVERY_PLAN,
        Operation::PlannedFailover { .. } => "planned-failover",
        Operation::Commit { .. } => "commit",
        Operation::MoveToProcessServer { .. } => "move-to-process-server",
        Operation::AddProcessServer { .. } => "add-process-server",
        Operation::RemoveProcessServer { .. } => "remove-process-server",
        Operation::Reprotect { .. } => "reprotect",
        Operation::Failback { .. } => "failback",
        Operation::DisableReplication { .. } => "disable-replication",
    }
}
