//! Steps and expectations.

use crate::model::Zone;
use actors::nouns::PointChoice;

use super::page::{Entries, Page, array, quoted};
use super::{Unwritable, Writer};
use crate::keys::{self, Over, PointWord, Way, Words, word_of};
use crate::model::{Bound, Condition, Do, Expect, Server, Step, Which};
use crate::units::{write_duration, write_size};

impl Writer<'_> {
    pub(super) fn steps(&self, page: &mut Page) -> Result<(), Unwritable> {
        for (index, step) in self.scenario.steps.iter().enumerate() {
            page.one_of("step", &self.step(index, step)?);
        }
        Ok(())
    }

    fn step(&self, index: usize, step: &Step) -> Result<Entries, Unwritable> {
        let mut table = Entries::new(&keys::STEP, keys::STEP.variant(step.word));
        if let Some(name) = &step.name {
            table.put("name", name);
        }
        table.put("do", step.word);
        if let Some(plan) = step.recovery_plan {
            let plan = self.scenario.recovery_plans.get(plan);
            let plan = plan.ok_or_else(|| Unwritable::new("a step runs no recovery plan"))?;
            if plan.vms() != step.vms {
                return Err(Unwritable::new("a step is about other machines than its recovery plan"));
            }
            table.put("recovery_plan", &plan.name);
        } else if step.per_vm() {
            table.list("vm", self.vms(&step.vms)?);
        }
        self.what(&mut table, step)?;
        self.begin(&mut table, index, &step.begin)?;
        table.put("wait", &write_duration(step.wait));
        table.put("stagger", &write_duration(step.stagger));
        table.put("expect", word_of(step.expected.ending).unwrap_or_default());
        if let Some(reason) = &step.expected.reason {
            if !step.expected.ending.gives_reason() {
                return Err(Unwritable::new("a step that may be done has a reason"));
            }
            table.put("reason", reason);
        }
        Ok(table)
    }

    fn what(&self, table: &mut Entries, step: &Step) -> Result<(), Unwritable> {
        match &step.what {
            Do::RegisterConfigurationServer(server) => {
                self.put_server(table, "configuration_server", *server, |server| {
                    server.roles.configuration_server
                })?;
            }
            Do::AddVcenter {
                configuration_server,
                vcenter,
            } => {
                self.put_server(table, "configuration_server", *configuration_server, |server| {
                    server.roles.configuration_server
                })?;
                self.put_server(table, "vcenter", *vcenter, |server| server.roles.vcenter)?;
            }
            Do::PushInstall { process_server } => self.put_process_server(table, *process_server)?,
            Do::EnableReplication { process_server, over } => {
                self.put_process_server(table, *process_server)?;
                if let Some(over) = over {
                    let word = word_of(Over(*over));
                    let word = word.ok_or_else(|| Unwritable::new("replication over a lan"))?;
                    table.put("over", word);
                }
            }
            Do::TestFailover(point) => put_point(table, *point),
            Do::Failover { point, shutdown } => {
                put_point(table, *point);
                table.flag("shutdown", *shutdown);
            }
            Do::Move(server) => self.put_process_server(table, Some(*server))?,
            Do::AddProcessServer(server) | Do::RemoveProcessServer(server) => {
                self.put_server(table, "process_server", *server, in_azure)?;
            }
            Do::Reprotect {
                process_servers,
                master_targets,
            } => self.reprotect(table, process_servers, master_targets)?,
            Do::Failback { point, to_physical } => {
                put_point(table, *point);
                table.flag("to_physical", *to_physical);
            }
            Do::Power { on, servers, vms } => self.power(table, *on, servers, vms)?,
            Do::Link { link, .. } => table.put("link", self.link_name(*link)?),
            Do::TamperSegment { disk, segment, byte } => {
                if *disk > 0 {
                    let vm = step.vms.last().and_then(|vm| self.scenario.vms.get(*vm));
                    let disk = vm.and_then(|vm| vm.disks.get(usize::from(*disk)));
                    let disk = disk.ok_or_else(|| Unwritable::new("a step about no disk"))?;
                    table.put("disk", &disk.name);
                }
                table.put("segment", &segment.to_string());
                table.put("byte", &byte.to_string());
            }
            Do::Note(text) => table.put("text", text),
            Do::CreateVault
            | Do::InstallByHand
            | Do::CreatePolicy
            | Do::CleanupTestFailover
            | Do::PlannedFailover
            | Do::Commit
            | Do::DisableReplication => {}
        }
        Ok(())
    }

    /// A server of a kind, unless it is the only one.
    fn put_server(
        &self,
        table: &mut Entries,
        key: &'static str,
        server: usize,
        is: impl Fn(&Server) -> bool,
    ) -> Result<(), Unwritable> {
        if self.all(is) != [server] {
            table.put(key, self.server(server)?);
        }
        Ok(())
    }

    fn put_process_server(&self, table: &mut Entries, server: Option<usize>) -> Result<(), Unwritable> {
        if let Some(server) = server {
            table.put("process_server", self.server(server)?);
        }
        Ok(())
    }

    fn all(&self, is: impl Fn(&Server) -> bool) -> Vec<usize> {
        let servers = &self.scenario.servers;
        (0..servers.len()).filter(|index| is(&servers[*index])).collect()
    }

    fn reprotect(
        &self,
        table: &mut Entries,
        process_servers: &[usize],
        master_targets: &[usize],
    ) -> Result<(), Unwritable> {
        let one = |servers: &[usize]| match servers {
            [only] => Ok(Some(*only)),
            [] => Ok(None),
            _ => Err(Unwritable::new("a reprotection over some servers of several")),
        };
        if master_targets.is_empty() {
            table.put("to", word_of(Way::Azure).unwrap_or_default());
            return self.put_process_server(table, one(process_servers)?);
        }
        if process_servers != self.all(in_azure) {
            self.put_process_server(table, one(process_servers)?)?;
        }
        if master_targets != self.all(|server| server.roles.master_target)
            && let Some(master_target) = one(master_targets)?
        {
            table.put("master_target", self.server(master_target)?);
        }
        Ok(())
    }

    /// A site where it is all of one, else machines by name.
    fn power(&self, table: &mut Entries, on: bool, servers: &[usize], vms: &[usize]) -> Result<(), Unwritable> {
        let scenario = self.scenario;
        for (number, site) in (0_u32..).zip(&scenario.sites) {
            let zone = Zone::Site(number);
            let own = (0..scenario.vms.len()).filter(|vm| !on && scenario.vms[*vm].site == number);
            if self.all(|server| server.zone == zone) == servers && own.eq(vms.iter().copied()) {
                table.put("site", site);
                return Ok(());
            }
        }
        let mut names = Vec::new();
        for server in servers {
            names.push(self.server(*server)?);
        }
        for vm in vms {
            names.push(self.vm(*vm)?);
        }
        if names.is_empty() {
            return Err(Unwritable::new("a power cut of nothing"));
        }
        table.list("machine", names);
        Ok(())
    }

    pub(super) fn begin(&self, table: &mut Entries, index: usize, begin: &[Condition]) -> Result<(), Unwritable> {
        let after = match begin {
            [Condition::At(at), after @ ..] => {
                table.put("at", &write_duration(*at));
                if after.is_empty() {
                    return Ok(());
                }
                after
            }
            [] if index == 0 => return Ok(()),
            [Condition::Step(step, Which::These(these))] if step + 1 == index && these.is_empty() => return Ok(()),
            after => after,
        };
        if after.is_empty() {
            table.raw("after", array(&[]));
            return Ok(());
        }
        self.conditions(table, "after", after)
    }

    /// What a step or a fault waits for; nothing where it is nothing.
    pub(super) fn conditions(
        &self,
        table: &mut Entries,
        key: &'static str,
        conditions: &[Condition],
    ) -> Result<(), Unwritable> {
        let conditions: Vec<String> = conditions
            .iter()
            .map(|condition| self.condition(condition))
            .collect::<Result<_, _>>()?;
        match conditions.as_slice() {
            [] => {}
            [only] => table.raw(key, only.clone()),
            several => table.raw(key, array(several)),
        }
        Ok(())
    }

    fn fault_name(&self, fault: usize) -> Result<&str, Unwritable> {
        let fault = self.scenario.faults.get(fault);
        let fault = fault.ok_or_else(|| Unwritable::new("a step waits for no fault"))?;
        Ok(&fault.name)
    }

    fn condition(&self, condition: &Condition) -> Result<String, Unwritable> {
        let mut table = Entries::new(&keys::CONDITION, None);
        match condition {
            Condition::At(_) => return Err(Unwritable::new("a step waits for a time after another condition")),
            Condition::Step(step, which) => {
                let name = self.scenario.steps.get(*step).and_then(|step| step.name.as_ref());
                let name = name
                    .ok_or_else(|| Unwritable::new(format!("a step waits for step {}, which has no name", step + 1)))?;
                match which {
                    Which::These(these) if these.is_empty() => return Ok(quoted(name)),
                    Which::These(these) => table.list("vm", self.vms(these)?),
                    Which::Each => table.put("vm", "each"),
                }
                table.put("step", name);
            }
            Condition::State(which, state) => {
                self.put_which(&mut table, which)?;
                table.put("state", word_of(*state).unwrap_or_default());
            }
            Condition::PointsStored(which, count) => {
                self.put_which(&mut table, which)?;
                table.put("points_stored", &count.to_string());
            }
            Condition::PointsProcessed(which, count) => {
                self.put_which(&mut table, which)?;
                table.put("points_processed", &count.to_string());
            }
            Condition::WorkloadUp(which, place) => {
                self.put_which(&mut table, which)?;
                table.put("workload_up", word_of(*place).unwrap_or_default());
            }
            Condition::ServerRegistered(server) => table.put("registered", self.server(*server)?),
            Condition::AgentRegistered(vm) => table.put("registered", self.vm(*vm)?),
            Condition::FaultEnded(fault) => table.put("fault", self.fault_name(*fault)?),
            Condition::FaultBegan(fault) => table.put("began", self.fault_name(*fault)?),
        }
        Ok(table.inline())
    }

    fn put_which(&self, table: &mut Entries, which: &Which) -> Result<(), Unwritable> {
        match which {
            Which::Each => {}
            Which::These(these) if these.is_empty() => {
                return Err(Unwritable::new("a step waits for no machine"));
            }
            Which::These(these) => table.list("vm", self.vms(these)?),
        }
        Ok(())
    }

    pub(super) fn expects(&self, page: &mut Page) -> Result<(), Unwritable> {
        let mut rest = self.scenario.expects.as_slice();
        while let Some(first) = rest.first() {
            // One table says several bounds for the same machines, in the order of its keys.
            let pairs = rest.iter().zip(rest.iter().skip(1));
            let same = pairs.take_while(|(one, next)| {
                one.vms == next.vms
                    && one.during == next.during
                    && one.between == next.between
                    && one.under_faults == next.under_faults
                    && place(&one.what) < place(&next.what)
            });
            let (these, others) = rest.split_at(same.count() + 1);
            rest = others;
            page.one_of("expect", &self.expect(first, these)?);
        }
        Ok(())
    }

    fn expect(&self, first: &Expect, these: &[Expect]) -> Result<Entries, Unwritable> {
        let mut table = Entries::new(&keys::EXPECT, None);
        if !first.vms.iter().copied().eq(0..self.scenario.vms.len()) {
            table.list("vm", self.vms(&first.vms)?);
        }
        if let Some(fault) = &first.during {
            table.put("during", fault);
        }
        if let Some((from, to)) = first.between {
            table.list("between", [write_duration(from), write_duration(to)]);
        }
        for expect in these {
            let key = expect.what.key();
            match &expect.what {
                Bound::RpoBelow(bound)
                | Bound::RtoBelow(bound)
                | Bound::FailoverWithin(bound)
                | Bound::CaughtUpWithin(bound)
                | Bound::LostBelow(bound)
                | Bound::RpoAbove(bound) => table.put(key, &write_duration(*bound)),
                Bound::LostBytesBelow(bound) | Bound::BacklogAbove(bound) => table.put(key, &write_size(*bound)),
                Bound::PointsAtLeast(bound) => table.put(key, &bound.to_string()),
                Bound::Verified => table.flag(key, true),
                Bound::Alert(text) => table.put(key, text),
                Bound::NoPoints(of) => table.put(key, word_of(*of).unwrap_or_default()),
                Bound::State(state) => table.put(key, word_of(*state).unwrap_or_default()),
            }
        }
        table.flag("under_faults", first.under_faults);
        Ok(table)
    }
}

/// Where a bound's key stands in its table.
fn place(bound: &Bound) -> Option<usize> {
    keys::EXPECT.keys.iter().position(|key| key.name == bound.key())
}

fn in_azure(server: &Server) -> bool {
    server.roles.process_server && server.zone == Zone::AzureVnet
}

fn put_point(table: &mut Entries, point: PointChoice) {
    let word = PointWord::WORDS
        .iter()
        .find(|(_, word)| PointChoice::from(*word) == point)
        .map(|(word, _)| *word);
    match (word, point) {
        (Some(word), _) => table.put("point", word),
        (None, PointChoice::Custom(number)) => table.raw("point", number.to_string()),
        (None, _) => {}
    }
}
