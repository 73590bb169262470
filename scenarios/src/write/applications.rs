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
                    let disks = &self.scenario.vms[tier.vm].disks;
                    let disk = disks.get(usize::from(tier.disk));
                    let disk = disk.ok_or_else(|| Unwritable::new(format!("a tier writes to disk {}", tier.disk)))?;
                    table.put("disk", &disk.name);
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
