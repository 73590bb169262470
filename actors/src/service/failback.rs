//! The way back: reprotection to a master target, and failback to VMware (facts §4.3).
//!
//! A machine whose on-premises disks are still there is compared with them by checksums (original location); a physical server fails
//! back to a new virtual machine with empty disks (alternate location), never to a physical one.

use datapath::VmId;

use super::Service;
use super::stages::{Action, Condition, Stage, Way, order, until};
use crate::facts::{Fact, FailoverPhase};
use crate::messages::management::Command;
use crate::messages::vcenter::VcenterAction;
use crate::nouns::{Component, CopyMode, FailoverKind, ItemState, MachineId, Place, PointChoice};
use crate::ports::{Evidence, volume_name};
use crate::spec::VmSpec;
use crate::vcenter::place_on_premises;

impl Service {
    pub(super) fn plan_reprotect(
        &mut self,
        vm: VmId,
        process_server: MachineId,
        master_target: MachineId,
    ) -> Result<Vec<Stage>, String> {
        let spec = self.vm(vm)?;
        // A reprotect that failed before anything was replicated (the on-premises machine was on) can be asked for again.
        let begun = self.items.get(&vm).is_some_and(|item| item.current.is_some());
        let states = [ItemState::FailoverCommitted, ItemState::ReprotectInProgress];
        self.must_be(
            vm,
            &states[..if begun { 1 } else { 2 }],
            "a machine is replicated back once its failover is committed",
        )?;
        let to = self.configuration_server_of(master_target);
        let vcenter = self.spec.vcenters.get(&to).copied();
        let vcenter = vcenter.ok_or("failback needs a vCenter on the master target's site (FBT, REP)")?;
        let copy = if spec.physical {
            CopyMode::Used
        } else {
            CopyMode::Checksums
        };
        let way = Way {
            source: spec.azure,
            process_server,
            master_target: Some(master_target),
            copy,
        };
        let attach = VcenterAction::AttachToMasterTarget {
            machine: spec.failback,
            master_target,
            disks: spec.disks.clone(),
        };
        let mut stages = vec![
            until(Condition::Up(process_server, Component::ProcessServer)),
            until(Condition::Up(master_target, Component::MasterTarget)),
            until(Condition::Agent(vm, spec.azure)),
            Stage::Enter(ItemState::ReprotectInProgress),
        ];
        if !spec.physical {
            // The on-premises machine is off during reprotection and stays off (REP).
            stages.extend(self.switch_off(spec.failback, master_target, false));
        }
        stages.push(order(
            to,
            Command::Vcenter {
                vcenter,
                action: attach,
            },
        ));
        stages.push(Stage::Do(Action::Begin(way)));
        Ok(stages)
    }

    /// vCenter gives the disks that a master target holds back to their machine: without them it cannot be switched on.
    pub(super) fn detach(&self, spec: &VmSpec, master_target: MachineId) -> Option<Stage> {
        let to = self.configuration_server_of(master_target);
        let vcenter = *self.spec.vcenters.get(&to)?;
        let action = VcenterAction::Detach {
            machine: spec.failback,
            disks: spec.disks.clone(),
        };
        Some(Stage::Order {
            to,
            command: Command::Vcenter { vcenter, action },
            patience: None,
            soft: true,
        })
    }

    pub(super) fn plan_failback(
        &mut self,
        vm: VmId,
        point: PointChoice,
        to_physical: bool,
    ) -> Result<Vec<Stage>, String> {
        self.vm(vm)?;
        if to_physical {
            return Err(
                "failback to a physical machine is not supported: it goes to a VMware virtual machine (SEED, FBT)"
                    .to_owned(),
            );
        }
        if !matches!(point, PointChoice::Latest | PointChoice::LatestAppConsistent) {
            return Err("a failback takes the latest or the latest app-consistent point (FB17)".to_owned());
        }
        self.group_must_be_back(vm)?;
        self.must_be(
            vm,
            // One that failed on the way can be asked for again.
            &[ItemState::ProtectedReverse, ItemState::FailbackInProgress],
            "a machine is failed back once it is replicated back",
        )?;
        if let Some((_, to)) = self.items.get(&vm).and_then(|item| item.arrived) {
            // It failed where its machine was to boot: that alone is left.
            let vcenter = self.spec.vcenters.get(&to).copied();
            let vcenter = vcenter.ok_or("failback needs a vCenter on the master target's site")?;
            return Ok(vec![Stage::Do(Action::BootOnPremises {
                configuration_server: to,
                vcenter,
            })]);
        }
        let current = self
            .items
            .get(&vm)
            .and_then(|item| item.current.clone())
            .ok_or("the machine is not replicated")?;
        let crate::nouns::Target::MasterTarget(master_target) = current.target else {
            return Err("the machine is not replicated to a master target".to_owned());
        };
        let to = self.configuration_server_of(master_target);
        let vcenter = *self
            .spec
            .vcenters
            .get(&to)
            .ok_or("failback needs a vCenter on the master target's site")?;
        let protection = current.protection;
        Ok(vec![
            Stage::Enter(ItemState::FailbackInProgress),
            Stage::Phase(FailoverKind::Failback, FailoverPhase::Started),
            Stage::Order {
                to: current.source,
                command: Command::ShutdownAndDrain { vm, protection },
                patience: None,
                soft: true,
            },
            Stage::Until {
                condition: Condition::Drained(vm),
                patience: None,
                soft: true,
            },
            Stage::Do(Action::Arrive),
            until(Condition::Together(vm)),
            Stage::Do(Action::Finish {
                master_target,
                protection,
                point,
            }),
            Stage::Do(Action::BootOnPremises {
                configuration_server: to,
                vcenter,
            }),
        ])
    }

    /// A reprotect that failed while who has a part in it was told: nothing is replicated, and it can be asked for again.
    pub(super) fn undo_reprotect(&mut self, vm: VmId) {
        let current = self.items.get(&vm).and_then(|item| item.current.as_ref());
        let Some(crate::nouns::Target::MasterTarget(master_target)) = current.map(|current| current.target) else {
            return;
        };
        let detach = self.vm(vm).ok().and_then(|spec| self.detach(&spec, master_target));
        self.take_back(vm, ItemState::FailoverCommitted);
        if let Some(Stage::Order { to, command, .. }) = detach {
            self.command(to, command, None);
        }
    }

    /// The master target left the disks at their point: vCenter boots the machine from them.
    pub(super) fn boot_on_premises(
        &mut self,
        job: u64,
        vm: VmId,
        configuration_server: MachineId,
        vcenter: MachineId,
    ) -> Result<(), String> {
        let (spec, kind) = (self.vm(vm)?, FailoverKind::Failback);
        let place = place_on_premises(spec.physical);
        let arrived = self.items.get(&vm).and_then(|item| item.arrived);
        let running = self.jobs.get_mut(&job).ok_or("no job asks for it")?;
        let mark = running.mark.or(arrived.map(|(mark, _)| mark));
        running.mark = mark;
        let mark = mark.ok_or("no recovery point was taken")?;
        let boot = self.boot_of(vm, job, Place::OnPremises, place, kind)?;
        if arrived.is_none() {
            let phase = FailoverPhase::PointChosen;
            self.env.fact(Fact::Failover { vm, kind, phase });
            let named = spec.disks.iter().map(|(disk, _)| (*disk, volume_name(*disk, place)));
            let volumes = named.collect();
            self.log_recovered(vm, kind, mark, Evidence::InPlace { volumes });
            let phase = FailoverPhase::DisksReady;
            self.env.fact(Fact::Failover { vm, kind, phase });
            self.end_protection(vm);
            if let Some(item) = self.items.get_mut(&vm) {
                item.arrived = Some((mark, configuration_server));
            }
            self.unsaved.machines.insert(vm);
        }
        self.agents.remove(&(vm, spec.failback));
        let machine = spec.failback;
        let action = VcenterAction::AttachAndBoot { machine, boot };
        let stages = vec![
            order(configuration_server, Command::Vcenter { vcenter, action }),
            Stage::Until {
                condition: Condition::Agent(vm, machine),
                patience: Some(self.env.model.azure.registration_patience),
                soft: true,
            },
            Stage::Enter(ItemState::FailbackCommitPending),
        ];
        self.insert_stages(job, stages);
        Ok(())
    }
}
