//! Test failover, unplanned failover to Azure, and their ends (facts §2.5, §2.6, §4.1).

use datapath::VmId;

use super::points::failover_to;
use super::stages::{Action, Condition, Stage, until};
use super::{Service, Test};
use crate::facts::{Fact, FailoverPhase};
use crate::messages::management::Command;
use crate::messages::vcenter::VcenterAction;
use crate::nouns::{Boot, FailoverKind, ItemState, Life, MachineId, Place, PointChoice};
use crate::ports::volume_name;
use crate::spec::{Os, VmSpec};

/// What could not boot in Azure as it is (facts §2.6): physical servers and VMware Linux.
fn must_be_hydrated(vm: &VmSpec) -> bool {
    vm.physical || vm.os == Os::Linux
}

impl Service {
    pub(super) fn plan_test(&mut self, vm: VmId, point: PointChoice) -> Result<Vec<Stage>, String> {
        self.vm(vm)?;
        self.must_be(
            vm,
            &[ItemState::Protected, ItemState::Resynchronizing],
            "a machine is failed over, also for a test, once its initial replication is complete",
        )?;
        if self.has_test(vm) {
            return Err("a test failover of this machine is not cleaned up yet".to_owned());
        }
        let kind = FailoverKind::Test;
        let mut stages = vec![Stage::Phase(kind, FailoverPhase::Started)];
        stages.extend(self.take_point(vm, point, Place::Test));
        stages.push(Stage::Do(Action::StartFromPoint(Place::Test)));
        Ok(stages)
    }

    /// Takes a point. The latest is made of all that is complete in storage, of which news may still be on the way.
    fn take_point(&self, vm: VmId, point: PointChoice, place: Place) -> Vec<Stage> {
        let last = place != Place::Test;
        let asked = (point == PointChoice::Latest).then_some(Stage::Do(Action::AskStored { last }));
        // A keeper that is taken up again is there once storage has told.
        let told = self.until_told(vm);
        let take = Stage::Materialise { point, place };
        asked.into_iter().chain(told).chain([take]).collect()
    }

    /// Storage is to say what it holds of a machine, for the last time or not.
    pub(super) fn begin_asking(&mut self, vm: VmId, last: bool) -> Result<(), String> {
        let current = self.items.get(&vm).and_then(|item| item.current.as_ref());
        let protection = current.ok_or("the machine is not replicated")?.protection;
        self.asking.insert(vm, (protection, last));
        self.unsaved.machines.insert(vm);
        self.ask_stored(vm);
        Ok(())
    }

    /// The job goes on by creating the machine of its point in Azure.
    pub(super) fn start_from_point(&mut self, job: u64, vm: VmId, place: Place) -> Result<(), String> {
        let spec = self.vm(vm)?;
        let (name, kind) = failover_to(place);
        let machine = match place {
            Place::Test => spec.test,
            Place::Azure | Place::OnPremises => spec.azure,
        };
        let create = Stage::Create {
            machine,
            boot: Some(self.boot_of(spec.vm, job, place, name, kind)?),
            hydrate: must_be_hydrated(&spec),
        };
        let member = self.jobs.get(&job).and_then(|running| running.member);
        let stages = match member {
            Some(member) => Self::start_in_turn(member, create),
            None => vec![create],
        };
        self.insert_stages(job, stages);
        self.unsaved.machines.insert(vm);
        match place {
            Place::Test => {
                let mark = self.jobs.get(&job).and_then(|running| running.mark);
                if let (Some(item), Some(mark)) = (self.items.get_mut(&vm), mark) {
                    item.test = Some(Test { point: mark.point });
                }
            }
            Place::Azure | Place::OnPremises => {
                self.agents.remove(&(vm, spec.azure));
            }
        }
        Ok(())
    }

    pub(super) fn has_test(&self, vm: VmId) -> bool {
        self.items.get(&vm).is_some_and(|item| item.test.is_some())
    }

    pub(super) fn plan_cleanup(&mut self, vm: VmId) -> Result<Vec<Stage>, String> {
        let spec = self.vm(vm)?;
        if !self.has_test(vm) {
            return Err("there is no test failover of this machine to clean up".to_owned());
        }
        Ok(vec![
            Stage::Delete {
                machine: spec.test,
                orderly: false,
            },
            Stage::Do(Action::EndTest),
        ])
    }

    pub(super) fn end_test(&mut self, vm: VmId) {
        let test = self.items.get_mut(&vm).and_then(|item| item.test.take());
        if let (Some(test), Some(keeper)) = (test, self.keepers.get_mut(&vm)) {
            keeper.unpin(test.point);
        }
        self.unsaved.machines.insert(vm);
        self.env.fact(Fact::TestCleaned { vm });
    }

    pub(super) fn plan_failover(&mut self, vm: VmId, point: PointChoice, shutdown: bool) -> Result<Vec<Stage>, String> {
        self.vm(vm)?;
        // A failover that failed (a point that could not be put together) can be asked for again, with another point.
        self.must_be(
            vm,
            &[
                ItemState::Protected,
                ItemState::Resynchronizing,
                ItemState::FailoverInProgress,
            ],
            "a machine is failed over once its initial replication is complete",
        )?;
        if self.has_test(vm) {
            return Err("a test failover that is not cleaned up blocks the failover (FOERR)".to_owned());
        }
        let again = self.state(vm) == ItemState::FailoverInProgress;
        let current = self
            .items
            .get(&vm)
            .and_then(|item| item.current.clone())
            .ok_or("the machine is not replicated")?;
        let kind = FailoverKind::Unplanned;
        let mut stages = vec![
            Stage::Enter(ItemState::FailoverInProgress),
            Stage::Phase(kind, FailoverPhase::Started),
        ];
        if shutdown && !again {
            let protection = current.protection;
            stages.push(Stage::Order {
                to: current.source,
                command: Command::ShutdownAndDrain { vm, protection },
                patience: Some(self.env.model.azure.shutdown_patience),
                soft: true,
            });
            stages.push(Stage::Until {
                condition: Condition::Drained(vm),
                patience: Some(self.env.model.azure.shutdown_patience),
                soft: true,
            });
            stages.extend(self.switch_off(current.source, current.source, true));
        }
        stages.push(Stage::Do(Action::StopReplication));
        stages.extend(self.take_point(vm, point, Place::Azure));
        stages.push(Stage::Do(Action::StartFromPoint(Place::Azure)));
        stages.push(Stage::Enter(ItemState::FailoverCommitPending));
        Ok(stages)
    }

    /// vCenter switches a machine off, where there is a vCenter.
    pub(super) fn switch_off(&self, machine: MachineId, near: MachineId, soft: bool) -> Option<Stage> {
        let to = self.configuration_server_of(near);
        let vcenter = *self.spec.vcenters.get(&to)?;
        if self.vms.values().any(|vm| vm.physical && vm.source == machine) {
            return None;
        }
        let command = Command::Vcenter {
            vcenter,
            action: VcenterAction::PowerOff { machine },
        };
        Some(Stage::Order {
            to,
            command,
            patience: Some(self.env.model.azure.shutdown_patience),
            soft,
        })
    }

    /// What the machine boots as, from the disks that the job put together.
    pub(super) fn boot_of(
        &self,
        vm: VmId,
        job: u64,
        place: Place,
        volumes: &str,
        kind: FailoverKind,
    ) -> Result<Boot, String> {
        let mark = self
            .jobs
            .get(&job)
            .and_then(|running| running.mark)
            .ok_or("no recovery point was taken")?;
        let disks = &self.vm(vm)?.disks;
        Ok(Boot {
            vm,
            place,
            parent: Some((Life::of(mark.life), mark.seq)),
            volumes: disks
                .iter()
                .map(|(disk, _)| (*disk, volume_name(*disk, volumes)))
                .collect(),
            failover: Some(kind),
        })
    }

    pub(super) fn plan_commit(&mut self, vm: VmId) -> Result<Vec<Stage>, String> {
        let spec = self.vm(vm)?;
        match self.state(vm) {
            ItemState::FailoverCommitPending => {
                let told = until(Condition::Told(vm));
                Ok(vec![told, Stage::Do(Action::CommitFailover)])
            }
            ItemState::FailbackCommitPending => Ok(vec![
                Stage::Delete {
                    machine: spec.azure,
                    orderly: false,
                },
                Stage::Do(Action::CommitFailback),
            ]),
            _ => {
                self.must_be(vm, &[], "only a failover or failback that is complete can be committed")?;
                Ok(Vec::new())
            }
        }
    }

    pub(super) fn commit_failover(&mut self, vm: VmId) {
        if let Some(keeper) = self.keepers.get(&vm) {
            keeper.commit();
        }
        self.end_protection(vm);
        self.env.fact(Fact::Committed {
            vm,
            kind: FailoverKind::Unplanned,
        });
        self.enter(vm, ItemState::FailoverCommitted);
    }

    pub(super) fn commit_failback(&mut self, vm: VmId) -> Result<(), String> {
        let spec = self.vm(vm)?;
        self.agents.remove(&(vm, spec.azure));
        if let Some(item) = self.items.get_mut(&vm) {
            item.arrived = None;
        }
        self.unsaved.machines.insert(vm);
        self.env.fact(Fact::Committed {
            vm,
            kind: FailoverKind::Failback,
        });
        self.enter(vm, ItemState::OnPremisesUnprotected);
        Ok(())
    }
}
