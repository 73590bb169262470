//! What machines have to do with each other.

use super::page::{Entries, Page, array, quoted};
use super::{Unwritable, Writer};
use crate::keys::{self, RunKind};
use crate::model::{PlanAction, PlanDoes};
use crate::units::{write_duration, write_size};

impl Writer<'_> {
    pub(super) fn replication_groups(&self, page: &mut Page) -> Result<(), Unwritable> {
        for group in &self.scenario.replication_groups {
            let mut table = Entries::new(&keys::REPLICATION_GROUP, None);
            table.put("name", &group.name);
            table.list("vm", self.vms(&group.vms)?);
            page.one_of("replication_group", &table);
        }
        Ok(())
    }

    pub(super) fn databases(&self, page: &mut Page) -> Result<(), Unwritable> {
        for database in &self.scenario.databases {
            let mut table = Entries::new(&keys::DATABASE, None);
            table.put("name", &database.name);
            table.put("vm", self.vm(database.vm)?);
            table.put("disk", self.disk(database.vm, database.disk)?);
            if database.log_disk != database.disk {
                table.put("log_disk", self.disk(database.vm, database.log_disk)?);
            }
            table.put("size", &write_size(database.size));
            table.put("log_size", &write_size(database.log_size));
            table.put("every", &write_duration(database.every));
            table.put("checkpoint_every", &write_duration(database.checkpoint_every));
            page.one_of("database", &table);
        }
        Ok(())
    }

    pub(super) fn recovery_plans(&self, page: &mut Page) -> Result<(), Unwritable> {
        for plan in &self.scenario.recovery_plans {
            let mut table = Entries::new(&keys::RECOVERY_PLAN, None);
            table.put("name", &plan.name);
            page.one_of("recovery_plan", &table);
            for group in &plan.groups {
                let mut table = Entries::new(&keys::PLAN_GROUP, None);
                table.list("vm", self.vms(&group.vms)?);
                page.one_of("recovery_plan.group", &table);
                for action in &group.actions {
                    page.one_of("recovery_plan.group.action", &self.plan_action(action)?);
                }
            }
        }
        Ok(())
    }

    fn plan_action(&self, action: &PlanAction) -> Result<Entries, Unwritable> {
        let mut table = Entries::new(&keys::PLAN_ACTION, None);
        match &action.what {
            PlanDoes::Script { name, takes, fails } => {
                table.put("script", name);
                table.put("takes", &write_duration(*takes));
                table.flag("fails", *fails);
            }
            PlanDoes::Manual { name, takes } => {
                table.put("manual", name);
                table.put("takes", &write_duration(*takes));
            }
            PlanDoes::Check { vm, within } => {
                table.put("check", self.vm(*vm)?);
                table.put("within", &write_duration(*within));
            }
        }
        table.put("when", if action.before { "before" } else { "after" });
        let on = [(action.in_test, RunKind::Test), (action.in_failover, RunKind::Failover)];
        let words: Vec<String> = on
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, kind)| quoted(keys::word_of(*kind).unwrap_or_default()))
            .collect();
        match words.len() {
            0 => return Err(Unwritable::new("an action of a recovery plan that is never done")),
            1 => table.raw("on", array(&words)),
            _ => {}
        }
        Ok(table)
    }

    fn disk(&self, vm: usize, disk: u16) -> Result<&str, Unwritable> {
        let disks = self.scenario.vms.get(vm).map(|vm| &vm.disks);
        let disk_of = disks.and_then(|disks| disks.get(usize::from(disk)));
        let disk = disk_of.ok_or_else(|| Unwritable::new(format!("disk {disk} of machine {vm} is not there")))?;
        Ok(&disk.name)
    }

    pub(super) fn applications(&self, page: &mut Page) -> Result<(), Unwritable> {
        for application in &self.scenario.applications {
            let mut table = Entries::new(&keys::APPLICATION, None);
            table.put("name", &application.name);
            table.put("every", &write_duration(application.every));
            table.put("outstanding", &application.outstanding.to_string());
            page.one_of("application", &table);
            for tier in &application.tiers {
                let mut table = Entries::new(&keys::TIER, None);
                table.put("vm", self.vm(tier.vm)?);
                if tier.disk > 0 {
                    table.put("disk", self.disk(tier.vm, tier.disk)?);
                }
                table.put("writes_before", &write_size(tier.writes_before));
                table.put("writes_after", &write_size(tier.writes_after));
                table.put("request", &write_size(tier.request));
                table.put("answer", &write_size(tier.answer));
                page.one_of("application.tier", &table);
            }
        }
        Ok(())
    }
}
