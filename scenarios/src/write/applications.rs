//! What machines have to do with each other.

use super::page::{Entries, Page};
use super::{Unwritable, Writer};
use crate::keys;
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
