//! Setting up: vCenter and discovery, push installation, policies, the temporary process server.

use super::Service;
use super::stages::{Action, Condition, Stage, order, until};
use crate::facts::Fact;
use crate::messages::management::Command;
use crate::nouns::{Component, ItemState, MachineId, Policy};
use crate::spec::{Os, failback_policy};
use datapath::VmId;

impl Service {
    /// A process server of a configuration server that is registered; the built-in one where there is a choice.
    pub(super) fn process_server_of(&self, configuration_server: MachineId) -> Option<MachineId> {
        let of_it = |machine: MachineId| self.configuration_server_of(machine) == configuration_server;
        let registered = |(_, component): &&(MachineId, Component)| *component == Component::ProcessServer;
        let machines = self
            .estate
            .components
            .iter()
            .filter(registered)
            .map(|(machine, _)| *machine);
        let mut machines: Vec<MachineId> = machines.filter(|machine| of_it(*machine)).collect();
        machines.sort_by_key(|machine| (*machine != configuration_server, *machine));
        machines.first().copied()
    }

    pub(super) fn plan_vcenter(&self, configuration_server: MachineId, vcenter: MachineId) -> Vec<Stage> {
        vec![
            until(Condition::Up(configuration_server, Component::ConfigurationServer)),
            until(Condition::AnyProcessServer(configuration_server)),
            Stage::Do(Action::Discover {
                configuration_server,
                vcenter,
            }),
        ]
    }

    pub(super) fn discover(
        &mut self,
        job: u64,
        configuration_server: MachineId,
        vcenter: MachineId,
    ) -> Result<(), String> {
        let by = self.process_server_of(configuration_server);
        let by = by.ok_or("no process server is registered")?;
        self.insert_stages(job, vec![order(by, Command::Discover { vcenter })]);
        Ok(())
    }

    pub(super) fn plan_push(&self, vm: VmId, process_server: MachineId) -> Result<Vec<Stage>, String> {
        let spec = self.vm(vm)?;
        let mut stages = vec![until(Condition::Up(process_server, Component::ProcessServer))];
        if !spec.physical {
            stages.push(until(Condition::Discovered(vm)));
        }
        let command = Command::PushInstall {
            machine: spec.source,
            linux: spec.os == Os::Linux,
        };
        stages.push(order(process_server, command));
        stages.push(until(Condition::Agent(vm, spec.source)));
        Ok(stages)
    }

    pub(super) fn plan_policy(&self, policy: Policy) -> Result<Vec<Stage>, String> {
        if self.estate.policies.contains_key(&policy.name) {
            return Err(format!("there is a policy named {} already", policy.name));
        }
        if policy.retention > self.env.model.limits.retention {
            return Err("recovery points are kept for 72 hours at the most (POL17)".to_owned());
        }
        if policy.crash_consistent_every == 0 {
            return Err("crash-consistent points cannot be switched off (ARCH24)".to_owned());
        }
        Ok(vec![
            Stage::Wait(self.spec.times.policy),
            Stage::Do(Action::KeepPolicy(policy)),
        ])
    }

    pub(super) fn keep_policy(&mut self, policy: &Policy) {
        let back = failback_policy(&policy.name, &self.env.model.failback_policy);
        for policy in [policy.clone(), back] {
            self.env.fact(Fact::PolicyCreated {
                policy: policy.name.clone(),
            });
            self.estate.policies.insert(policy.name.clone(), policy);
        }
        self.unsaved.estate = true;
    }

    /// Moves a machine to another process server: the one before stores what it has acknowledged, then the agent goes on with the
    /// other, and the vault grants that one epochs above the first one's.
    ///
    /// Where the one before is not heard of any more (15 min, facts §1.6), the machine moves without it. Nobody else has what it acknowledged
    /// and did not store, so that is copied again: a resynchronization. One that is alive and does not get it stored keeps the machine.
    pub(super) fn plan_move(&mut self, vm: VmId, process_server: MachineId) -> Result<Vec<Stage>, String> {
        self.vm(vm)?;
        let current = self.items.get(&vm).and_then(|item| item.current.as_ref());
        let current = current.ok_or("the machine is not replicated")?;
        let (before, protection) = (current.process_server, current.protection);
        let lost = !self.process_server_is_up(before);
        let (states, rule): (&[ItemState], _) = match lost {
            false => (
                &[ItemState::Protected],
                "a machine moves to another process server while it is replicated to Azure and needs no copy",
            ),
            true => (
                &[
                    ItemState::Protected,
                    ItemState::InitialReplication,
                    ItemState::Resynchronizing,
                ],
                "a machine moves away from a process server that is gone while it is replicated to Azure",
            ),
        };
        self.must_be(vm, states, rule)?;
        if before == process_server {
            return Err("the machine replicates through this process server already".to_owned());
        }
        let model = &self.env.model.azure;
        let patience = lost.then_some(model.lost_patience);
        Ok(vec![
            until(Condition::Up(process_server, Component::ProcessServer)),
            Stage::Order {
                to: before,
                command: Command::HandOver { vm, protection },
                patience,
                soft: true,
            },
            Stage::Do(Action::Move {
                before,
                process_server,
                protection,
            }),
        ])
    }

    /// The process server before has handed over; or it did not, and is gone; or it keeps the machine.
    pub(super) fn move_on(
        &mut self,
        job: u64,
        vm: VmId,
        (before, process_server): (MachineId, MachineId),
        protection: u32,
    ) -> Result<(), String> {
        let handed_over = self.jobs.get(&job).is_some_and(|running| running.answered);
        if !handed_over && self.process_server_is_up(before) {
            // It goes on as before.
            let current = self.items.get(&vm).and_then(|item| item.current.clone());
            if let Some(current) = current {
                self.command(before, Command::Serve(current), None);
            }
            return Err("the process server did not store what it had acknowledged in time".to_owned());
        }
        let item = self.items.get_mut(&vm);
        let copy = item.as_ref().map_or(1, |item| item.copy);
        let current = item.and_then(|item| item.current.as_mut());
        let current = current.ok_or("the machine is not replicated any more")?;
        current.process_server = process_server;
        let protection_now = current.clone();
        self.unsaved.machines.insert(vm);
        self.command(before, Command::Unserve { vm, protection }, None);
        let go_on = match handed_over {
            true => order(
                protection_now.source,
                Command::Protect {
                    protection: protection_now.clone(),
                    copy,
                },
            ),
            false => Stage::Do(Action::CopyAgain { before }),
        };
        self.insert_stages(job, vec![order(process_server, Command::Serve(protection_now)), go_on]);
        Ok(())
    }

    pub(super) fn copy_again(&mut self, vm: VmId, before: MachineId) {
        let why = format!(
            "the process server on machine {} is gone, with what it had acknowledged and not stored",
            before.0
        );
        self.resynchronize_at_once(vm, &why);
    }

    fn process_server_is_up(&self, machine: MachineId) -> bool {
        self.estate.components.contains(&(machine, Component::ProcessServer))
    }

    pub(super) fn plan_add_process_server(&self, machine: MachineId) -> Vec<Stage> {
        vec![
            Stage::Create {
                machine,
                boot: None,
                hydrate: false,
            },
            until(Condition::Up(machine, Component::ProcessServer)),
        ]
    }

    pub(super) fn plan_remove_process_server(&self, machine: MachineId) -> Result<Vec<Stage>, String> {
        let uses = |item: &super::Item| item.current.as_ref().is_some_and(|p| p.process_server == machine);
        if let Some((vm, _)) = self.items.iter().find(|(_, item)| uses(item)) {
            return Err(format!("machine {} replicates through this process server", vm.0));
        }
        Ok(vec![
            Stage::Delete {
                machine,
                orderly: false,
            },
            Stage::Do(Action::ForgetProcessServer(machine)),
        ])
    }

    pub(super) fn forget_process_server(&mut self, machine: MachineId) {
        self.unsaved.estate |= self.estate.components.remove(&(machine, Component::ProcessServer));
    }
}
