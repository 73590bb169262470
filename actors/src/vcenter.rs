//! vCenter with its ESXi hosts: lists virtual machines, switches them, and moves disks between a machine and a master target.
//!
//! Modelled: the inventory that discovery reads (facts §1.7), the power switch, and what a failback asks for (facts §4.3): the
//! disks of a machine that is off are attached to the master target (original location), or an empty machine with empty disks is
//! made for it (alternate location: the machine's disks are not there); later the disks go back and the machine boots, or stays off where replication is disabled. Left out:
//! hosts, datastores, snapshots, storage vMotion, and the time that a virtual disk takes to be attached.
//!
//! An order may be given twice (a configuration server repeats what was not answered); each is done only where it is not done.

use std::collections::BTreeMap;
use std::rc::Rc;

use datapath::disk::{DiskError, read_if_there};
use datapath::{Blob, DiskId};

use crate::actor::actor;
use crate::disk_trouble::DiskTrouble;
use crate::facts::{Fact, FailoverPhase};
use crate::messages::local::Local;
use crate::messages::vcenter::{ToAsker, ToVcenter, VcenterAction};
use crate::messages::{Body, PORT_MANAGEMENT};
use crate::nouns::{Boot, ComponentKind, FoundMachine, MachineId};
use crate::ports::{ConnId, Env, Fabric, Frame, Input, NetEvent, Token, volume_name};
use crate::spec::VcenterSpec;

/// A guest's time to shut down is over; the key is the machine.
const SHUTDOWN: u32 = 1;
/// Time to read once more what it created.
const READ: u32 = 2;
/// Machines that were made for a failback to an alternate location, and so are in the inventory.
const STATE: &str = "vcenter/created";

/// Who waits for a machine to be off.
#[derive(Debug, Clone, Copy)]
struct Asker {
    conn: ConnId,
    id: u64,
}

/// The actor.
pub struct Vcenter {
    spec: VcenterSpec,
    env: Env,
    fabric: Rc<dyn Fabric>,
    /// Machines that are shutting down, and who is to hear of it.
    stopping: BTreeMap<MachineId, Vec<Asker>>,
    /// Machines made for a failback to an alternate location.
    created: Vec<MachineId>,
    trouble: DiskTrouble,
}

actor!(Vcenter);

impl Vcenter {
    /// A vCenter, with its right to reach its machines.
    #[must_use]
    pub fn new(spec: VcenterSpec, env: Env, fabric: Rc<dyn Fabric>) -> Vcenter {
        Vcenter {
            spec,
            env,
            fabric,
            stopping: BTreeMap::new(),
            created: Vec::new(),
            trouble: DiskTrouble::of("disk of vCenter"),
        }
    }

    /// Handles one input.
    pub fn input(&mut self, input: Input) {
        match input {
            Input::Started | Input::Timer(Token { what: READ, .. }) => self.start(),
            Input::Network(NetEvent::Received { conn, frame }) => self.received(conn, *frame),
            Input::Local(Local::ShutDown { machine }) => self.is_down(machine),
            Input::Timer(Token { what: SHUTDOWN, key }) => self.is_down(MachineId(key as u32)),
            _ => {}
        }
    }

    /// Reads what it created; where its disk fails, again after a pause.
    fn start(&mut self) {
        match read_if_there(&*self.env.files(), STATE) {
            Ok(blob) => {
                let created = blob.and_then(|blob| postcard::from_bytes(&blob.bytes).ok());
                self.created = created.unwrap_or_default();
                self.env.listen(PORT_MANAGEMENT);
            }
            Err(error) => {
                let token = Token { what: READ, key: 0 };
                self.trouble.note_and_retry(&self.env, None, &error, token);
            }
        }
    }

    fn received(&mut self, conn: ConnId, frame: Frame) {
        let Body::ToVcenter(message) = frame.body else { return };
        match message {
            ToVcenter::ListMachines => {
                let machines = self.machines();
                self.env.send(conn, ToAsker::Machines { machines });
            }
            ToVcenter::Act { id, action } => match self.act(Asker { conn, id }, action) {
                Ok(true) => self.done(Asker { conn, id }, None),
                Ok(false) => {}
                Err(why) => self.done(Asker { conn, id }, Some(why)),
            },
        }
    }

    fn done(&self, asker: Asker, refused: Option<String>) {
        self.env.send(asker.conn, ToAsker::Done { id: asker.id, refused });
    }

    /// What discovery sees: the virtual machines of the site; a physical server only once it came back as one.
    fn machines(&self) -> Vec<FoundMachine> {
        let listed = self
            .spec
            .vms
            .iter()
            .filter(|vm| !vm.physical || self.created.contains(&vm.failback));
        listed.map(|vm| (vm.failback, vm.vm, vm.disks.clone())).collect()
    }

    /// Whether it is done already; if not, the answer comes later.
    fn act(&mut self, asker: Asker, action: VcenterAction) -> Result<bool, String> {
        match action {
            VcenterAction::PowerOff { machine } => Ok(self.power_off(asker, machine)),
            VcenterAction::AttachToMasterTarget {
                machine,
                master_target,
                disks,
            } => {
                self.attach_to_master_target(machine, master_target, &disks)?;
                Ok(true)
            }
            VcenterAction::Detach { machine, disks } => {
                let vm = self.spec.vms.iter().find(|vm| vm.failback == machine);
                let place = place_on_premises(vm.is_some_and(|vm| vm.physical));
                let fabric = &self.fabric;
                disks
                    .iter()
                    .for_each(|(disk, _)| fabric.volume_attach(&volume_name(*disk, place), machine));
                Ok(true)
            }
            VcenterAction::AttachAndBoot { machine, boot } => {
                self.attach_and_boot(machine, &boot)?;
                Ok(true)
            }
        }
    }

    /// In order where the guest can, else as holding the power button.
    fn power_off(&mut self, asker: Asker, machine: MachineId) -> bool {
        let fabric = &self.fabric;
        if !fabric.powered(machine) {
            return true;
        }
        let Some(guest) = fabric.component(machine, ComponentKind::Guest) else {
            fabric.power(machine, false);
            return true;
        };
        let askers = self.stopping.entry(machine).or_default();
        askers.push(asker);
        if askers.len() == 1 {
            fabric.tell(self.env.actor, guest, Local::Shutdown);
            let token = Token {
                what: SHUTDOWN,
                key: u64::from(machine.0),
            };
            let _ = self.env.timer(self.env.model.hypervisor.shutdown_patience, token);
        }
        false
    }

    /// A guest has shut down, of its own accord or because it was asked to, or has had its time.
    fn is_down(&mut self, machine: MachineId) {
        let Some(askers) = self.stopping.remove(&machine) else {
            return;
        };
        let fabric = &self.fabric;
        if fabric.powered(machine) {
            fabric.power(machine, false);
        }
        for asker in askers {
            self.done(asker, None);
        }
    }

    fn attach_to_master_target(
        &mut self,
        machine: MachineId,
        master_target: MachineId,
        disks: &[(DiskId, u64)],
    ) -> Result<(), String> {
        let fabric = &self.fabric;
        let vm = self.spec.vms.iter().find(|vm| vm.failback == machine);
        let vm = vm
            .ok_or_else(|| format!("vCenter knows no place for machine {}", machine.0))?
            .clone();
        if !vm.physical && fabric.powered(machine) {
            return Err(
                "the on-premises machine is on: it must be off, and stay off, during reprotection (facts §4.3, REP)"
                    .into(),
            );
        }
        for (disk, bytes) in disks {
            let name = volume_name(*disk, place_on_premises(vm.physical));
            fabric.disk_create(&name, *bytes);
            fabric.volume_attach(&name, master_target);
        }
        if vm.physical && !self.created.contains(&machine) {
            let created: Vec<MachineId> = self.created.iter().copied().chain([machine]).collect();
            let bytes = datapath::encoded::encode(&created);
            if let Err(error) = self.env.files().replace(STATE, Blob::real(bytes)) {
                self.trouble.note(&self.env, None, &error);
                return Err(error.to_string());
            }
            self.created = created;
        }
        Ok(())
    }

    fn attach_and_boot(&self, machine: MachineId, boot: &Boot) -> Result<(), String> {
        let fabric = &self.fabric;
        if fabric.powered(machine) {
            return Ok(());
        }
        for (_, volume) in &boot.volumes {
            if !fabric.volume_exists(volume) {
                return Err(format!("there is no disk {volume} to attach"));
            }
            fabric.volume_attach(volume, machine);
        }
        if let Err(error) = write_boot(&**fabric, machine, boot) {
            self.trouble.note(&self.env, Some(boot.vm), &error);
            return Err(error.to_string());
        }
        if let Some(kind) = boot.failover {
            let phase = FailoverPhase::PoweredOn;
            self.env.fact(Fact::Failover {
                vm: boot.vm,
                kind,
                phase,
            });
        }
        fabric.power(machine, true);
        Ok(())
    }
}

/// Leaves a machine what it needs to know when it starts.
///
/// # Errors
/// Why the machine's disk did not take it.
pub fn write_boot(fabric: &dyn Fabric, machine: MachineId, boot: &Boot) -> Result<(), DiskError> {
    let bytes = datapath::encoded::encode(boot);
    fabric.machine_files(machine).replace("boot", Blob::real(bytes))
}

/// Where the on-premises disks of a failback are: the source's own, or those of the virtual machine that stands in for a server.
#[must_use]
pub fn place_on_premises(physical: bool) -> &'static str {
    if physical { "failback" } else { "source" }
}

#[cfg(test)]
mod tests;
