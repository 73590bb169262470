//! The way back: reprotection to a master target, and failback to VMware (facts §4.3).
//!
//! A machine whose on-premises disks are still there is compared with them by checksums (original location); a physical server fails
//! back to a new virtual machine with empty disks (alternate location), never to a physical one.

use datapath::VmId;

use super::Service;
use super::jobs::{Condition, Stage, order, then, until};
use super::protect::Way;
use crate::facts::{Fact, FailoverKind, FailoverPhase, ItemState, Place};
use crate::messages::{Command, Component, CopyMode, PointChoice, VcenterAction};
use crate::ports::{MachineId, volume_name};
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
        stages.push(then(move |service, job| {
            let protection = service.begin(vm, way)?;
            let epochs = service.grant_merging(&protection, master_target);
            let receive = Command::Receive {
                protection: protection.clone(),
                epochs,
            };
            let stages = vec![
                order(master_target, receive),
                order(process_server, Command::Serve(protection.clone())),
                order(spec.azure, Command::Protect { protection, copy: 1 }),
            ];
            service.insert_stages(job, stages);
            Ok(())
        }));
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
        let spec = self.vm(vm)?;
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
        let current = self
            .items
            .get(&vm)
            .and_then(|item| item.current.clone())
            .ok_or("the machine is not replicated")?;
        let crate::messages::Target::MasterTarget(master_target) = current.target else {
            return Err("the machine is not replicated to a master target".to_owned());
        };
        let to = self.configuration_server_of(master_target);
        let vcenter = *self
            .spec
            .vcenters
            .get(&to)
            .ok_or("failback needs a vCenter on the master target's site")?;
        let (protection, kind) = (current.protection, FailoverKind::Failback);
        Ok(vec![
            Stage::Enter(ItemState::FailbackInProgress),
            Stage::Log(Fact::Failover {
                vm,
                kind,
                phase: FailoverPhase::Started,
            }),
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
            then(move |service, job| {
                let drained = service.has_drained(job);
                service.arrived_for_failback(vm, drained);
                service.look_at_conditions();
                Ok(())
            }),
            until(Condition::Together(vm)),
            then(move |service, job| {
                service.stop_replication(vm);
                let point = service.failback_choice(vm, point)?;
                let finish = order(master_target, Command::Finish { vm, protection, point });
                service.insert_stages(job, vec![finish]);
                Ok(())
            }),
            then(move |service, job| {
                let place = place_on_premises(spec.physical);
                let boot = service.boot_of(vm, job, Place::OnPremises, place, kind)?;
                let mark = service
                    .jobs
                    .get(&job)
                    .and_then(|running| running.mark)
                    .ok_or("no recovery point was taken")?;
                service.env.fact(Fact::Failover {
                    vm,
                    kind,
                    phase: FailoverPhase::PointChosen,
                });
                let world = service.env.world();
                let named = spec
                    .disks
                    .iter()
                    .map(|(disk, _)| (*disk, world.volume(&volume_name(*disk, place))));
                let volumes = named.filter_map(|(disk, volume)| Some((disk, volume?))).collect();
                service.log_recovered(vm, kind, mark, volumes);
                service.env.fact(Fact::Failover {
                    vm,
                    kind,
                    phase: FailoverPhase::DisksReady,
                });
                service.end_protection(vm);
                service.agents.remove(&(vm, spec.failback));
                let action = VcenterAction::AttachAndBoot {
                    machine: spec.failback,
                    boot,
                };
                let agent = Condition::Agent(vm, spec.failback);
                let stages = vec![
                    order(to, Command::Vcenter { vcenter, action }),
                    Stage::Until {
                        condition: agent,
                        patience: Some(service.env.model.azure.registration_patience),
                        soft: true,
                    },
                    Stage::Enter(ItemState::FailbackCommitPending),
                ];
                service.insert_stages(job, stages);
                Ok(())
            }),
        ])
    }
}
