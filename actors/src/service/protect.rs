//! Protecting a machine: enabling replication, protecting again after a failback, disabling.
//!
//! Protecting again compares checksums with the replica that was kept in Azure (our model: the same protocol as every other copy).

use datapath::{VmId, WriteSeq};

use super::returning::KEPT;
use super::stages::{Action, Condition, Stage, Way, order, until};
use super::{Item, Service};
use crate::facts::Fact;
use crate::messages::management::Command;
use crate::messages::replica::ToStorage;
use crate::messages::replication::PORT_REPLICATION;
use crate::nouns::{Component, CopyMode, ItemState, Life, LinkKind, MachineId, Policy, Protection, Target};
use crate::ports::volume_name;
use crate::replica_keeper::Retained;
use crate::spec::failback_policy;

impl Service {
    pub(super) fn plan_enable(
        &mut self,
        vm: VmId,
        policy: &str,
        process_server: MachineId,
        over: Option<LinkKind>,
    ) -> Result<Vec<Stage>, String> {
        let spec = self.vm(vm)?;
        self.forward_is_possible(over)?;
        let policy = self
            .estate
            .policies
            .get(policy)
            .cloned()
            .ok_or_else(|| format!("there is no policy named {policy}"))?;
        self.must_be(
            vm,
            &[ItemState::Unprotected],
            "replication is enabled for a machine that is not replicated",
        )?;
        if self.estate.critical.contains(&process_server) {
            return Err("a process server in critical condition is not chosen for a new protection (ENR)".to_owned());
        }
        if spec.disks.len() > 64 {
            return Err("a machine has 64 data disks at the most (SM18)".to_owned());
        }
        let item = self.items.entry(vm).or_insert_with(|| Item::new(policy.clone()));
        item.policy = policy;
        self.unsaved.machines.insert(vm);
        let mut stages = Vec::new();
        if !spec.physical {
            stages.push(until(Condition::Discovered(vm)));
        }
        let way = Way {
            source: spec.source,
            process_server,
            master_target: None,
            copy: CopyMode::Used,
        };
        stages.extend(self.stages_forward(vm, way));
        Ok(stages)
    }

    pub(super) fn plan_protect_again(&mut self, vm: VmId, process_server: MachineId) -> Result<Vec<Stage>, String> {
        let spec = self.vm(vm)?;
        self.forward_is_possible(None)?;
        self.must_be(
            vm,
            &[ItemState::OnPremisesUnprotected],
            "without a master target, a machine is protected again that was failed back and committed",
        )?;
        let way = Way {
            source: spec.failback,
            process_server,
            master_target: None,
            copy: CopyMode::Checksums,
        };
        Ok(self.stages_forward(vm, way))
    }

    fn stages_forward(&self, vm: VmId, way: Way) -> Vec<Stage> {
        vec![
            until(Condition::Up(way.process_server, Component::ProcessServer)),
            until(Condition::Agent(vm, way.source)),
            Stage::Enter(ItemState::EnableInProgress),
            Stage::Do(Action::Begin(way)),
        ]
    }

    /// The protection begins, and who has a part in it is told.
    pub(super) fn begin_for(&mut self, job: u64, vm: VmId, way: Way) -> Result<(), String> {
        let protection = self.begin(vm, way)?;
        let serve = order(way.process_server, Command::Serve(protection.clone()));
        let stages = match way.master_target {
            None => vec![
                serve,
                order(way.source, Command::Protect { protection, copy: 1 }),
                Stage::Enter(ItemState::InitialReplication),
            ],
            Some(master_target) => {
                let receive = Command::Receive {
                    epochs: self.grant_merging(&protection, master_target),
                    protection: protection.clone(),
                };
                vec![
                    order(master_target, receive),
                    serve,
                    order(way.source, Command::Protect { protection, copy: 1 }),
                ]
            }
        };
        self.insert_stages(job, stages);
        Ok(())
    }

    fn forward_is_possible(&self, over: Option<LinkKind>) -> Result<(), String> {
        let usable = |kind: LinkKind| matches!(kind, LinkKind::Internet | LinkKind::Expressroute);
        let possible = over.map_or_else(|| self.spec.forward_links.iter().copied().any(usable), usable);
        if possible {
            return Ok(());
        }
        Err("replication to Azure does not run over a site-to-site VPN: it goes to a public endpoint, over the internet or \
            ExpressRoute (SEED, ARCH24)"
            .to_owned())
    }

    pub(super) fn must_be(&self, vm: VmId, states: &[ItemState], rule: &str) -> Result<(), String> {
        let state = self.state(vm);
        if states.contains(&state) {
            return Ok(());
        }
        Err(format!(
            "{rule}; this one is in the state {} (facts §4.1)",
            ItemState::name(state)
        ))
    }

    /// A protection begins: its number, its replica, and who is told at once.
    fn begin(&mut self, vm: VmId, way: Way) -> Result<Protection, String> {
        let spec = self.vm(vm)?;
        let agent = self
            .agents
            .get(&(vm, way.source))
            .ok_or("its Mobility service is not registered")?;
        let life = *agent;
        let target = way
            .master_target
            .map_or(Target::Storage(self.spec.storage), Target::MasterTarget);
        let reverse = way.master_target.is_some();
        let group = self.group_on(vm, way.source);
        self.forget_shared(vm);
        let item = self.items.get_mut(&vm).ok_or("the machine is not known to the vault")?;
        item.protections += 1;
        let policy = if reverse {
            failback_policy(&item.policy.name, &self.env.model.failback_policy)
        } else {
            item.policy.clone()
        };
        let protection = Protection {
            vm,
            protection: item.protections,
            disks: spec.disks.clone(),
            source: way.source,
            process_server: way.process_server,
            port: PORT_REPLICATION,
            target,
            policy,
            copy: way.copy,
            group,
        };
        item.current = Some(protection.clone());
        item.resynchronizing = false;
        item.copy = 1;
        item.tries = 0;
        item.put_off = None;
        item.newest_stored = None;
        // Its points are marked by another clock, perhaps, and its policy may be another one.
        self.quiet.clear();
        item.stored = WriteSeq::START;
        item.rpo_alerted = false;
        item.arrived = None;
        self.unsaved.machines.insert(vm);
        let number = protection.protection;
        self.env.fact(Fact::ProtectionStarted {
            vm,
            protection: number,
            life,
            reverse,
        });
        if !reverse {
            let keeper = self.new_keeper(protection.clone())?;
            self.keepers.insert(vm, keeper);
            self.retained.insert(vm, Retained::new(KEPT, Vec::new()));
            self.checkpoint(vm);
            self.storage.send(
                &self.env,
                ToStorage::Watch {
                    protection: protection.clone(),
                },
            );
            self.look_soon();
        }
        Ok(protection)
    }

    /// Replication stops. The source may be dead, so nobody is waited for.
    pub(super) fn stop_replication(&mut self, vm: VmId) {
        let Some(current) = self.items.get(&vm).and_then(|item| item.current.clone()) else {
            return;
        };
        let protection = current.protection;
        self.command(current.source, Command::Unprotect { vm, protection }, None);
        self.command(current.process_server, Command::Unserve { vm, protection }, None);
    }

    /// What is stored of the current protection can go; the replica's base stays.
    pub(super) fn end_protection(&mut self, vm: VmId) {
        let Some(current) = self.items.get_mut(&vm).and_then(|item| item.current.take()) else {
            return;
        };
        self.unsaved.machines.insert(vm);
        if let Some(keeper) = self.keepers.shift_remove(&vm) {
            for (disk, volume) in keeper.into_base() {
                self.env.volume_put(&volume_name(disk, "replica"), volume);
            }
        }
        if let Some(retained) = self.retained.shift_remove(&vm) {
            retained.forget(&self.env, vm);
        }
        self.returning.shift_remove(&vm);
        let protection = current.protection;
        if self.asking.remove(&vm).is_some() {
            self.met(&Condition::Told(vm));
        }
        match current.target {
            Target::Storage(_) => {
                self.storage.send(&self.env, ToStorage::Unwatch { vm, protection });
            }
            Target::MasterTarget(machine) => {
                self.command(machine, Command::Release { vm, protection }, None);
            }
        }
    }

    pub(super) fn plan_disable(&mut self, vm: VmId) -> Result<Vec<Stage>, String> {
        self.vm(vm)?;
        if self.state(vm) == ItemState::Unprotected {
            return Err("the machine is not replicated".to_owned());
        }
        Ok(vec![until(Condition::Told(vm)), Stage::Do(Action::Disable)])
    }

    pub(super) fn disable(&mut self, job: u64, vm: VmId) -> Result<(), String> {
        let spec = self.vm(vm)?;
        let current = self.items.get(&vm).and_then(|item| item.current.as_ref());
        if let Some(Target::MasterTarget(machine)) = current.map(|current| current.target) {
            let detach = self.detach(&spec, machine);
            self.insert_stages(job, detach.into_iter().collect());
        }
        self.take_back(vm, ItemState::Unprotected);
        Ok(())
    }

    /// Replication ends, or what was begun of it, and the machine is in the state that it has then.
    pub(super) fn take_back(&mut self, vm: VmId, state: ItemState) {
        self.stop_replication(vm);
        self.end_protection(vm);
        // A machine that came home keeps its replica: it is compared when the machine is protected again.
        let spec = self.vms.get(&vm).filter(|_| state == ItemState::Unprotected).cloned();
        for (disk, _) in spec.iter().flat_map(|spec| &spec.disks) {
            self.env.volume_remove(&volume_name(*disk, "replica"));
        }
        self.enter(vm, state);
    }

    pub(super) fn agent_up(&mut self, vm: VmId, machine: MachineId, life: Life) {
        if self.agents.insert((vm, machine), life) != Some(life) {
            self.unsaved.machines.insert(vm);
        }
        self.met(&Condition::Agent(vm, machine));
    }
}

impl Item {
    fn new(policy: Policy) -> Item {
        Item {
            state: ItemState::Unprotected,
            protections: 0,
            policy,
            current: None,
            resynchronizing: false,
            copy: 1,
            tries: 0,
            put_off: None,
            stored: WriteSeq::START,
            newest_stored: None,
            rpo_alerted: false,
            test: None,
            arrived: None,
        }
    }
}
