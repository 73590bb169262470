//! Jobs: what an operation does, as a list of stages, one after the other.
//!
//! A stage is done at once or waits: for time, for a condition, for the answer to a command or from Azure compute, for disks to be put
//! together. Waiting ends with the stage's patience: then the job fails with the reason, or, where the stage is soft (trying to shut
//! down a source that may be dead must not stop a failover, facts §4.1), goes on.

use std::collections::VecDeque;

use datapath::replica::Mark;
use datapath::{VmId, WriteSeq};

use super::{PATIENCE, Service, WAITED};
use crate::facts::{Fact, ItemState, Place};
use crate::messages::{Body, Boot, Command, Component, Operation, Outcome, PointChoice, Reply};
use crate::ports::{ConnId, MachineId, Token};

/// What a stage waits for.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    /// A component is registered.
    Up(MachineId, Component),
    /// A process server of this configuration server is registered.
    AnyProcessServer(MachineId),
    /// A machine was found by discovery.
    Discovered(VmId),
    /// The Mobility service runs in the copy on this machine.
    Agent(VmId, MachineId),
    /// All that was drained is complete at the target.
    Drained(VmId),
    /// Storage has told what it holds.
    Told(VmId),
    /// All members of the machine's replication group are shut down for their failback.
    Together(VmId),
}

/// What a stage does that is done at once.
pub(super) type Action = Box<dyn FnOnce(&mut Service, u64) -> Result<(), String>>;

/// A stage.
pub(super) enum Stage {
    /// Time passes.
    Wait(u64),
    /// Waits for a condition.
    Until {
        condition: Condition,
        patience: Option<u64>,
        soft: bool,
    },
    /// A command, and its answer.
    Order {
        to: MachineId,
        command: Command,
        patience: Option<u64>,
        soft: bool,
    },
    /// A state of the job's machine.
    Enter(ItemState),
    /// A fact.
    Log(Fact),
    /// Disks of a point, put together at a place.
    Materialise { point: PointChoice, place: Place },
    /// A machine in Azure.
    Create {
        machine: MachineId,
        boot: Option<Boot>,
        hydrate: bool,
    },
    /// An Azure machine removed.
    Delete { machine: MachineId, orderly: bool },
    /// Anything that is done at once; it may put stages in front of those that follow.
    Do(Action),
}

#[derive(Debug)]
enum Waiting {
    Nothing,
    Time,
    Until(Condition),
    Command(u64),
    Machine(MachineId),
    Ticket(u64),
}

/// A job that runs.
pub(super) struct Running {
    conn: ConnId,
    pub(super) vm: Option<VmId>,
    stages: VecDeque<Stage>,
    waiting: Waiting,
    soft: bool,
    /// Whether the last command was carried out: a soft stage goes on where it was not.
    pub(super) answered: bool,
    /// The number of the stage that waits, for its timers.
    stage: u64,
    /// What the source sent last before it went down.
    pub(super) drained: Option<(WriteSeq, Option<Mark>)>,
    /// The point that was taken, and where its disks are put.
    pub(super) mark: Option<Mark>,
    place: Option<Place>,
    key: Option<u64>,
}

/// Until a condition holds, or the job fails.
pub(super) fn until(condition: Condition) -> Stage {
    Stage::Until {
        condition,
        patience: None,
        soft: false,
    }
}

/// A command that must be carried out.
pub(super) fn order(to: MachineId, command: Command) -> Stage {
    Stage::Order {
        to,
        command,
        patience: None,
        soft: false,
    }
}

/// Something done at once.
pub(super) fn then(what: impl FnOnce(&mut Service, u64) -> Result<(), String> + 'static) -> Stage {
    Stage::Do(Box::new(what))
}

impl Service {
    /// An operation is asked for, perhaps once more.
    pub(super) fn ask(&mut self, conn: ConnId, job: u64, operation: Operation) {
        if let Some((outcome, key)) = self.answered.get(&job).cloned() {
            return self.env.send(conn, Body::Answer { job, outcome, key });
        }
        if let Some(running) = self.jobs.get_mut(&job) {
            running.conn = conn;
            return;
        }
        let vm = vm_of(&operation);
        let key = matches!(operation, Operation::CreateVault).then_some(self.spec.registration_key);
        let busy = vm.is_some_and(|vm| self.jobs.values().any(|running| running.vm == Some(vm)));
        let name = name_of(&operation);
        let plan = if busy {
            Err("another job runs for this machine".to_owned())
        } else if !self.vault && !matches!(operation, Operation::CreateVault) {
            Err("there is no vault yet".to_owned())
        } else {
            self.plan(operation)
        };
        let stages = match plan {
            Ok(stages) => stages.into(),
            Err(why) => {
                self.env.fact(Fact::Refused {
                    operation: name.to_owned(),
                    vm,
                    why: why.clone(),
                });
                let outcome = Outcome::Refused(why);
                self.answered.insert(job, (outcome.clone(), None));
                return self.env.send(
                    conn,
                    Body::Answer {
                        job,
                        outcome,
                        key: None,
                    },
                );
            }
        };
        let running = Running {
            conn,
            vm,
            stages,
            waiting: Waiting::Nothing,
            soft: false,
            answered: false,
            stage: 0,
            drained: None,
            mark: None,
            place: None,
            key,
        };
        self.jobs.insert(job, running);
        self.advance(job);
    }

    /// What an operation does; or why the product does not do it.
    fn plan(&mut self, operation: Operation) -> Result<Vec<Stage>, String> {
        match operation {
            Operation::CreateVault => Ok(vec![then(|service, _| {
                service.vault = true;
                Ok(())
            })]),
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
        }
    }

    /// The job's stages, one after the other, until one waits.
    pub(super) fn advance(&mut self, job: u64) {
        loop {
            let Some(running) = self.jobs.get_mut(&job) else { return };
            running.waiting = Waiting::Nothing;
            let Some(stage) = running.stages.pop_front() else {
                return self.end(job, Outcome::Done);
            };
            self.next_stage += 1;
            running.stage = self.next_stage;
            running.soft = false;
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
        match stage {
            Stage::Wait(nanoseconds) => {
                self.wait_for(job, Waiting::Time, None);
                self.env.wait(
                    nanoseconds,
                    Token {
                        what: WAITED,
                        key: self.next_stage,
                    },
                );
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
                self.wait_for(
                    job,
                    Waiting::Until(condition),
                    Some((patience.unwrap_or(self.env.model.azure.stage_patience), soft)),
                );
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
                self.wait_for(
                    job,
                    Waiting::Command(id),
                    Some((patience.unwrap_or(self.env.model.azure.stage_patience), soft)),
                );
                return Ok(false);
            }
            Stage::Enter(state) => {
                if let Some(vm) = vm {
                    self.enter(vm, state);
                }
            }
            Stage::Log(fact) => self.env.fact(fact),
            Stage::Materialise { point, place } => {
                let kind = super::points::failover_to(place).1;
                let point = match vm {
                    Some(vm) => self.shared_choice(vm, kind, point)?,
                    None => point,
                };
                let keeper = vm.and_then(|vm| self.keepers.get_mut(&vm));
                let ticket = keeper
                    .ok_or("nothing is kept of this machine")?
                    .materialise(point, place != Place::Test);
                if let Some(running) = self.jobs.get_mut(&job) {
                    running.place = Some(place);
                }
                self.wait_for(job, Waiting::Ticket(ticket), None);
                if let Some(vm) = vm {
                    self.attend(vm);
                }
                return Ok(false);
            }
            Stage::Create { machine, boot, hydrate } => {
                self.wait_for(
                    job,
                    Waiting::Machine(machine),
                    Some((2 * self.env.model.azure.stage_patience, false)),
                );
                self.order(machine, Body::CreateMachine { machine, boot, hydrate });
                return Ok(false);
            }
            Stage::Delete { machine, orderly } => {
                self.wait_for(
                    job,
                    Waiting::Machine(machine),
                    Some((self.env.model.azure.stage_patience, false)),
                );
                self.order(machine, Body::DeleteMachine { machine, orderly });
                return Ok(false);
            }
            Stage::Do(what) => what(self, job)?,
        }
        Ok(true)
    }

    fn wait_for(&mut self, job: u64, waiting: Waiting, patience: Option<(u64, bool)>) {
        let Some(running) = self.jobs.get_mut(&job) else { return };
        running.waiting = waiting;
        if let Some((patience, soft)) = patience {
            running.soft = soft;
            let _ = self.env.timer(
                patience,
                Token {
                    what: PATIENCE,
                    key: running.stage,
                },
            );
        }
    }

    fn job_at(&self, stage: u64) -> Option<u64> {
        self.jobs
            .iter()
            .find(|(_, running)| running.stage == stage)
            .map(|(job, _)| *job)
    }

    pub(super) fn waited(&mut self, stage: u64) {
        if let Some(job) = self.job_at(stage) {
            self.advance(job);
        }
    }

    pub(super) fn out_of_patience(&mut self, stage: u64) {
        let Some(job) = self.job_at(stage) else { return };
        let running = &self.jobs[&job];
        if running.soft {
            return self.advance(job);
        }
        let why = match &running.waiting {
            Waiting::Until(condition) => describe(condition),
            Waiting::Command(id) => self.commands.get(id).map_or_else(String::new, |sent| {
                format!(
                    "machine {} did not answer the command {}",
                    sent.to.0,
                    command_name(&sent.command)
                )
            }),
            Waiting::Machine(machine) => format!("machine {} did not come up in Azure", machine.0),
            Waiting::Nothing | Waiting::Time | Waiting::Ticket(_) => return,
        };
        if let Waiting::Command(id) = running.waiting {
            self.commands.remove(&id);
        }
        self.end(job, Outcome::Failed(why));
    }

    /// A process server that is not heard of any more hands nothing over: who waits for that goes on.
    pub(super) fn process_server_lost(&mut self, machine: MachineId) {
        let waits = |running: &&Running| match running.waiting {
            Waiting::Command(id) => self
                .commands
                .get(&id)
                .is_some_and(|sent| sent.to == machine && matches!(sent.command, Command::HandOver { .. })),
            _ => false,
        };
        let stages: Vec<u64> = self.jobs.values().filter(waits).map(|running| running.stage).collect();
        stages.into_iter().for_each(|stage| self.out_of_patience(stage));
    }

    pub(super) fn look_at_conditions(&mut self) {
        let met: Vec<u64> = self
            .jobs
            .iter()
            .filter(|(job, running)| matches!(&running.waiting, Waiting::Until(c) if self.holds(**job, c)))
            .map(|(job, _)| *job)
            .collect();
        met.into_iter().for_each(|job| self.advance(job));
    }

    fn holds(&self, job: u64, condition: &Condition) -> bool {
        match condition {
            Condition::Up(machine, component) => self.components.contains(&(*machine, *component)),
            Condition::AnyProcessServer(of) => self.process_server_of(*of).is_some(),
            Condition::Discovered(vm) => self.discovered.contains(vm),
            Condition::Agent(vm, machine) => self.agents.contains_key(&(*vm, *machine)),
            Condition::Told(vm) => !self.asking.contains_key(vm),
            Condition::Together(vm) => self.group_has_arrived(*vm),
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
        if !matches!(running.waiting, Waiting::Command(waiting) if waiting == id) {
            return;
        }
        running.answered = result.is_ok();
        match result {
            Ok(Reply::Drained { last, mark }) => running.drained = Some((last, mark)),
            Ok(Reply::Finished { mark }) => running.mark = Some(mark),
            Ok(Reply::Machines(machines)) => self.discovered.extend(machines.iter().map(|(_, vm, _)| *vm)),
            Ok(Reply::Done) => {}
            Err(_) if running.soft => {}
            Err(why) => return self.end(job, Outcome::Failed(why)),
        }
        self.advance(job);
        self.look_at_conditions();
    }

    pub(super) fn machine_order_ended(&mut self, machine: MachineId) {
        let waits = |running: &Running| matches!(running.waiting, Waiting::Machine(of) if of == machine);
        let job = self
            .jobs
            .iter()
            .find(|(_, running)| waits(running))
            .map(|(job, _)| *job);
        if let Some(job) = job {
            self.advance(job);
        }
    }

    /// The job that waits for a machine's disks, and where they are to be put.
    pub(super) fn job_with_ticket(&self, vm: VmId, ticket: u64) -> Option<(u64, Place)> {
        let waits = |running: &Running| {
            running.vm == Some(vm) && matches!(running.waiting, Waiting::Ticket(waiting) if waiting == ticket)
        };
        let (job, running) = self.jobs.iter().find(|(_, running)| waits(running))?;
        Some((*job, running.place?))
    }

    pub(super) fn end(&mut self, job: u64, outcome: Outcome) {
        let Some(running) = self.jobs.remove(&job) else { return };
        let key = running.key.filter(|_| outcome == Outcome::Done);
        self.answered.insert(job, (outcome.clone(), key));
        self.env.send(running.conn, Body::Answer { job, outcome, key });
    }
}

fn describe(condition: &Condition) -> String {
    match condition {
        Condition::Up(machine, component) => format!("{component:?} on machine {} did not register", machine.0),
        Condition::AnyProcessServer(of) => format!("no process server of machine {} registered", of.0),
        Condition::Discovered(_) => "the machine was not found by discovery".to_owned(),
        Condition::Agent(_, machine) => {
            format!(
                "the Mobility service on machine {} did not register with its configuration server",
                machine.0
            )
        }
        Condition::Together(_) => {
            "the machines of a replication group fail back only together, and not all of them were asked to".to_owned()
        }
        Condition::Told(_) => "storage did not say what it holds".to_owned(),
        Condition::Drained(_) => "what the source sent last did not reach the target".to_owned(),
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
