//! Azure compute: makes a machine from disks, hydrates it where it could not boot in Azure otherwise, starts and removes it.
//!
//! Modelled: the time that a machine takes to be created, hydration (facts §2.6: 8 to 10 min for physical servers and VMware
//! Linux), and that `MachineUp` is said once the workload answered its first request. Left out: sizes, quotas, network cards,
//! extensions. A created machine is a new one: nothing is on its file disk but what it boots with. The temporary process server is
//! created the same way, without disks.
//!
//! A machine of a recovery plan is prepared first and created at its group's turn. A check has its guest answer a request, as a script does
//! that Azure's agent runs in a machine.
//!
//! An order may be given twice (the service repeats what was not answered); it is carried out once.

use std::collections::BTreeMap;
use std::rc::Rc;

use datapath::Blob;
use datapath::disk::{DiskError, read_if_there};
use serde::{Deserialize, Serialize};

use crate::actor::actor;
use crate::disk_trouble::DiskTrouble;
use crate::facts::{Fact, FailoverPhase};
use crate::messages::local::Local;
use crate::messages::machines::{ToCompute, ToService};
use crate::messages::{Body, PORT_MANAGEMENT};
use crate::nouns::{Boot, ComponentKind, MachineId};
use crate::ports::{ConnId, Env, Fabric, Frame, Input, NetEvent, Token};
use crate::spec::AzureComputeSpec;
use crate::vcenter::write_boot;

/// Tokens; the key is the machine.
const HYDRATED: u32 = 1;
const CREATED: u32 = 2;
const SHUTDOWN: u32 = 3;
/// Time to read, or to write, what it knows once more.
const READ: u32 = 4;
const KEEP: u32 = 5;
const STATE: &str = "compute/machines";

/// How far a machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    Hydrating,
    /// Its disks are ready, and its recovery plan has not had its turn.
    Prepared,
    Creating,
    Booting,
    Up,
    Stopping,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Machine {
    stage: Stage,
    boot: Option<Boot>,
    /// Its disks alone were asked for so far.
    waits: bool,
}

/// The actor.
pub struct AzureCompute {
    spec: AzureComputeSpec,
    env: Env,
    fabric: Rc<dyn Fabric>,
    machines: BTreeMap<MachineId, Machine>,
    /// Who is to hear of a machine.
    askers: BTreeMap<MachineId, ConnId>,
    trouble: DiskTrouble,
}

actor!(AzureCompute);

impl AzureCompute {
    /// Azure compute, with its right to reach its machines.
    #[must_use]
    pub fn new(spec: AzureComputeSpec, env: Env, fabric: Rc<dyn Fabric>) -> AzureCompute {
        AzureCompute {
            spec,
            env,
            fabric,
            machines: BTreeMap::new(),
            askers: BTreeMap::new(),
            trouble: DiskTrouble::of("disk of Azure's fabric"),
        }
    }

    /// Handles one input.
    pub fn input(&mut self, input: Input) {
        match input {
            Input::Started => self.started(),
            Input::Network(NetEvent::Received { conn, frame }) => self.received(conn, *frame),
            Input::Network(NetEvent::Closed { conn }) => self.askers.retain(|_, asker| *asker != conn),
            Input::Done(Token { what: HYDRATED, key }, _) => self.hydrated(MachineId(key as u32)),
            Input::Done(Token { what: CREATED, key }, _) => self.created(MachineId(key as u32)),
            Input::Timer(Token { what: READ, .. }) => self.started(),
            Input::Timer(Token { what: KEEP, .. }) => self.keep(),
            Input::Timer(Token { what: SHUTDOWN, key }) => self.is_down(MachineId(key as u32)),
            Input::Local(Local::WorkloadUp { machine }) => self.is_up(machine),
            Input::Local(Local::ShutDown { machine }) => self.is_down(machine),
            Input::Local(Local::Checked {
                machine,
                check,
                refused,
            }) => self.checked(machine, check, refused),
            _ => {}
        }
    }

    fn started(&mut self) {
        match read_if_there(&*self.env.files(), STATE) {
            Ok(blob) => {
                let known = blob.and_then(|blob| postcard::from_bytes(&blob.bytes).ok());
                self.machines = known.unwrap_or_default();
            }
            Err(error) => return self.disk_failed(READ, &error),
        }
        // What was under way goes on: its step begins anew.
        let under_way: Vec<(MachineId, Stage)> = self.machines.iter().map(|(id, m)| (*id, m.stage)).collect();
        for (machine, stage) in under_way {
            match stage {
                Stage::Hydrating => self.hydrate(machine),
                Stage::Creating => self.create(machine),
                Stage::Stopping => self.remove(machine),
                // It may have answered while nobody listened.
                Stage::Booting => {
                    if let Some(guest) = self.fabric.component(machine, ComponentKind::Guest) {
                        self.fabric.tell(self.env.actor, guest, Local::HypervisorStarted);
                    }
                }
                Stage::Prepared | Stage::Up => {}
            }
        }
        self.env.listen(PORT_MANAGEMENT);
    }

    fn received(&mut self, conn: ConnId, frame: Frame) {
        let Body::MachinesToCompute(message) = frame.body else {
            return;
        };
        match message {
            ToCompute::CreateMachine { machine, boot, hydrate } => {
                self.askers.insert(machine, conn);
                match self.machines.get(&machine).map(|m| m.stage) {
                    None => {
                        let stage = if hydrate { Stage::Hydrating } else { Stage::Creating };
                        self.begin(machine, stage, boot, false);
                    }
                    Some(Stage::Prepared) => {
                        self.set_stage(machine, Stage::Creating);
                        self.create(machine);
                    }
                    Some(Stage::Up) => self.tell(machine, ToService::MachineUp { machine }),
                    Some(_) => {}
                }
            }
            ToCompute::PrepareMachine { machine, boot, hydrate } => {
                self.askers.insert(machine, conn);
                match self.machines.get(&machine).map(|m| m.stage) {
                    None => {
                        let stage = if hydrate { Stage::Hydrating } else { Stage::Prepared };
                        self.begin(machine, stage, Some(boot), true);
                    }
                    Some(Stage::Prepared) => self.tell(machine, ToService::MachinePrepared { machine }),
                    Some(_) => {}
                }
            }
            ToCompute::Check { machine, check } => {
                self.askers.insert(machine, conn);
                self.check(machine, check);
            }
            ToCompute::DeleteMachine { machine, orderly } => {
                self.askers.insert(machine, conn);
                self.delete(machine, orderly);
            }
            ToCompute::Heartbeat => self.env.send(conn, ToService::HeartbeatSeen),
        }
    }

    fn begin(&mut self, machine: MachineId, stage: Stage, boot: Option<Boot>, waits: bool) {
        self.machines.insert(machine, Machine { stage, boot, waits });
        self.keep();
        if stage == Stage::Hydrating {
            self.hydrate(machine);
        } else {
            self.disks_ready(machine);
        }
    }

    /// Has a guest answer a request; who does not run answers none.
    fn check(&self, machine: MachineId, check: u64) {
        let fabric = &self.fabric;
        let guest = fabric.component(machine, ComponentKind::Guest);
        match guest.filter(|guest| fabric.powered(machine) && fabric.runs(*guest)) {
            Some(guest) => fabric.tell(self.env.actor, guest, Local::Check { check }),
            None => self.checked(machine, check, Some("the machine does not run".to_owned())),
        }
    }

    fn checked(&self, machine: MachineId, check: u64, refused: Option<String>) {
        let checked = ToService::Checked {
            machine,
            check,
            refused,
        };
        self.tell(machine, checked);
    }

    fn hydrate(&self, machine: MachineId) {
        self.env.wait(self.spec.times.hydration, token(HYDRATED, machine));
    }

    fn hydrated(&mut self, machine: MachineId) {
        if self.stage(machine) == Some(Stage::Hydrating) {
            let waits = self.machines.get(&machine).is_some_and(|m| m.waits);
            self.set_stage(machine, if waits { Stage::Prepared } else { Stage::Creating });
            self.disks_ready(machine);
        }
    }

    fn disks_ready(&self, machine: MachineId) {
        self.log(machine, FailoverPhase::DisksReady);
        if self.stage(machine) == Some(Stage::Prepared) {
            return self.tell(machine, ToService::MachinePrepared { machine });
        }
        self.create(machine);
    }

    fn create(&self, machine: MachineId) {
        self.env.wait(self.spec.times.create_machine, token(CREATED, machine));
    }

    /// A new machine gets its disks and what it boots with; where its disk does not take that, again after a pause.
    fn created(&mut self, machine: MachineId) {
        if self.stage(machine) != Some(Stage::Creating) {
            return;
        }
        let fabric = &self.fabric;
        let files = fabric.machine_files(machine);
        for file in files.list("") {
            files.remove(&file);
        }
        let boot = self.machines.get(&machine).and_then(|m| m.boot.clone());
        if let Some(boot) = &boot {
            for (_, volume) in &boot.volumes {
                fabric.volume_attach(volume, machine);
            }
            if let Err(error) = write_boot(&**fabric, machine, boot) {
                self.trouble.note(&self.env, Some(boot.vm), &error);
                let after = self.env.model.disk.retry_after;
                return self.env.wait(after, token(CREATED, machine));
            }
        }
        self.log(machine, FailoverPhase::PoweredOn);
        fabric.power(machine, true);
        self.set_stage(machine, Stage::Booting);
        if boot.is_none() {
            // Nothing but its components runs on it; they register by themselves.
            self.is_up(machine);
        }
    }

    fn is_up(&mut self, machine: MachineId) {
        if self.stage(machine) == Some(Stage::Booting) {
            self.set_stage(machine, Stage::Up);
            self.tell(machine, ToService::MachineUp { machine });
        }
    }

    fn delete(&mut self, machine: MachineId, orderly: bool) {
        let Some(stage) = self.stage(machine) else {
            self.tell(machine, ToService::MachineGone { machine });
            return;
        };
        if stage == Stage::Stopping {
            return;
        }
        self.set_stage(machine, Stage::Stopping);
        let fabric = &self.fabric;
        match fabric.component(machine, ComponentKind::Guest) {
            Some(guest) if orderly && fabric.powered(machine) => {
                fabric.tell(self.env.actor, guest, Local::Shutdown);
                let _ = self
                    .env
                    .timer(self.env.model.hypervisor.shutdown_patience, token(SHUTDOWN, machine));
            }
            _ => self.remove(machine),
        }
    }

    /// A guest has shut down, or has had its time; only where it was to be removed that is the end of its machine.
    fn is_down(&mut self, machine: MachineId) {
        if self.stage(machine) == Some(Stage::Stopping) {
            self.remove(machine);
        }
    }

    fn remove(&mut self, machine: MachineId) {
        let fabric = &self.fabric;
        if fabric.powered(machine) {
            fabric.power(machine, false);
        }
        let gone = self.machines.remove(&machine);
        for (_, volume) in gone.and_then(|m| m.boot).into_iter().flat_map(|boot| boot.volumes) {
            self.fabric.disk_remove(&volume);
        }
        self.keep();
        self.tell(machine, ToService::MachineGone { machine });
    }

    fn stage(&self, machine: MachineId) -> Option<Stage> {
        self.machines.get(&machine).map(|m| m.stage)
    }

    fn set_stage(&mut self, machine: MachineId, stage: Stage) {
        if let Some(m) = self.machines.get_mut(&machine) {
            m.stage = stage;
        }
        self.keep();
    }

    fn log(&self, machine: MachineId, phase: FailoverPhase) {
        let boot = self.machines.get(&machine).and_then(|m| m.boot.as_ref());
        if let Some((vm, kind)) = boot.and_then(|boot| boot.failover.map(|kind| (boot.vm, kind))) {
            self.env.fact(Fact::Failover { vm, kind, phase });
        }
    }

    fn tell(&self, machine: MachineId, message: ToService) {
        if let Some(conn) = self.askers.get(&machine) {
            self.env.send(*conn, message);
        }
    }

    fn keep(&self) {
        let bytes = datapath::encoded::encode(&self.machines);
        if let Err(error) = self.env.files().replace(STATE, Blob::real(bytes)) {
            self.disk_failed(KEEP, &error);
        }
    }

    /// The fabric's own small disk failed: it is told of, and asked again after a pause.
    fn disk_failed(&self, what: u32, error: &DiskError) {
        self.trouble
            .note_and_retry(&self.env, None, error, Token { what, key: 0 });
    }
}

fn token(what: u32, machine: MachineId) -> Token {
    Token {
        what,
        key: u64::from(machine.0),
    }
}
