//! What machines have to do with each other: replication groups, and applications.

use super::super::vms::Vms;
use super::has_room;
use super::select::select;
use crate::diagnose::{Located, Problem};
use crate::model::{Application, ReplicationGroup, Tier};
use crate::read::{Context, unique};
use crate::reader::{Bytes, Nanos, Reader};

/// Reads the replication groups.
pub(crate) fn replication_groups(context: &Context<'_>, file: &Reader<'_>, vms: &Vms) -> Vec<ReplicationGroup> {
    let tables = file.tables("replication_group");
    if !has_room(context, "replication groups", &tables) {
        return Vec::new();
    }
    let names: Vec<Located<String>> = tables.iter().filter_map(|table| table.name("name")).collect();
    unique(context.diagnosis, "replication groups", &names);
    let mut member_of: Vec<Option<usize>> = vec![None; vms.vms.len()];
    let mut groups = Vec::new();
    for (number, table) in tables.iter().enumerate() {
        let members = select(context, vms, &table.one_or_more::<String>("vm"));
        let at = table.key_at("vm");
        let most = context.model.limits.group_members;
        if table.node("vm").is_some() && members.len() < 2 && !context.diagnosis.failed() {
            context.diagnosis.push(
                Problem::new(at, "a replication group of one", "two or more machines")
                    .help("recovery points that nobody shares need no group"),
            );
        }
        if members.len() as u64 > most {
            let count = members.len();
            context.diagnosis.push(
                Problem::new(at, "a replication group that is too large", format!("{count} machines")).help(format!(
                    "at most {most} (`model.limits.group_members`; documented for Azure to Azure)"
                )),
            );
        }
        for vm in &members {
            if let Some(other) = member_of[*vm].replace(number) {
                let name = &vms.vms[*vm].name;
                context.diagnosis.push(
                    Problem::new(at, format!("`{name}` is in two replication groups"), "here")
                        .also(tables[other].key_at("vm"), "and here"),
                );
            }
        }
        groups.extend(table.name("name").map(|name| ReplicationGroup {
            name: name.value,
            vms: members,
        }));
    }
    groups
}

/// Reads the applications.
pub(crate) fn applications(context: &Context<'_>, file: &Reader<'_>, vms: &Vms) -> Vec<Application> {
    let tables = file.tables("application");
    if !has_room(context, "applications", &tables) {
        return Vec::new();
    }
    let names: Vec<Located<String>> = tables.iter().filter_map(|table| table.name("name")).collect();
    unique(context.diagnosis, "applications", &names);
    tables
        .iter()
        .filter_map(|table| application(context, table, vms))
        .collect()
}

fn application(context: &Context<'_>, table: &Reader<'_>, vms: &Vms) -> Option<Application> {
    let mut tiers: Vec<Tier> = Vec::new();
    for of in &table.tables("tier") {
        let Some(tier) = tier(context, of, vms) else { continue };
        if tiers.iter().any(|other| other.vm == tier.vm) {
            let name = &vms.vms[tier.vm].name;
            context.diagnosis.push(
                Problem::new(
                    of.key_at("vm"),
                    format!("`{name}` is two tiers of one application"),
                    "once more",
                )
                .help("a machine is one tier of an application; it can take part in several applications"),
            );
        }
        tiers.push(tier);
    }
    Some(Application {
        name: table.name("name")?.value,
        every: table.value::<Nanos>("every").0,
        outstanding: table.value("outstanding"),
        tiers,
    })
}

fn tier(context: &Context<'_>, table: &Reader<'_>, vms: &Vms) -> Option<Tier> {
    let named = table.required::<String>("vm");
    let disk = table.get::<String>("disk");
    let bytes = |key| table.value::<Bytes>(key).0;
    let (writes_before, writes_after) = (bytes("writes_before"), bytes("writes_after"));
    let (request, answer) = (bytes("request"), bytes("answer"));
    let vm = context.find("machine", &named?, &vms.names())?;
    let disks = &vms.vms[vm].disks;
    let names: Vec<&str> = disks.iter().map(|disk| disk.name.as_str()).collect();
    let place = match disk {
        Some(name) => context.find("disk of this machine", &name, &names)?,
        None => 0,
    };
    let size = disks.get(place).map_or(0, |disk| disk.bytes);
    for (key, written) in [("writes_before", writes_before), ("writes_after", writes_after)] {
        if written > size {
            context.diagnosis.push(Problem::new(
                table.key_at(key),
                "a write that is larger than the disk",
                "of this tier",
            ));
        }
    }
    Some(Tier {
        vm,
        disk: u16::try_from(place).ok()?,
        writes_before,
        writes_after,
        request,
        answer,
    })
}
