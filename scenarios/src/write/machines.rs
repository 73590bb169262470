//! The machines to protect. A group is written as one where its machines still are what it says; how it spreads them over servers follows
//! from the machines before it, so the spreading is done again as the reader does it.

use std::sync::Arc;

use crate::model::Zone;
use datapath::image::Format;

use super::page::{Entries, Page};
use super::workload::weights;
use super::{Unwritable, Writer};
use crate::keys::{self, word_of};
use crate::model::{Disk, Group, Start, Vm, Workload};
use crate::read::estate::{near, numbered};
use crate::read::vms::{Loads, Shares};
use crate::units::{write_duration, write_size};

/// Servers that a table names; those that it leaves out follow from the estate.
struct Named {
    configuration_server: bool,
    process_server: bool,
}

/// Tables of workloads that groups name.
#[derive(Default)]
struct Profiles(Vec<(String, Vec<String>)>);

impl Writer<'_> {
    pub(super) fn machines(&self, page: &mut Page) -> Result<(), Unwritable> {
        let groups = self.groups();
        let singles = groups.first().map_or(self.scenario.vms.len(), |group| group.first);
        let mut loads = Loads::default();
        for vm in &self.scenario.vms[..singles] {
            let named = self.take(&mut loads, vm);
            page.one_of("vm", &self.single(vm, &named)?);
            self.disks(page, "vm.disk", &vm.disks)?;
            for stream in &vm.workload.streams {
                page.one_of("vm.workload", &self.stream(stream, &vm.disks)?);
            }
        }
        let mut profiles = Profiles::default();
        let mut tables = Vec::new();
        for group in groups {
            tables.push((group, self.group(group, &mut profiles, page)?));
        }
        for (group, table) in tables {
            page.one_of("group", &table);
            self.disks(page, "group.disk", &self.scenario.vms[group.first].disks)?;
        }
        Ok(())
    }

    /// Takes a machine's servers as the reader would, and says which of them have to be named for it.
    fn take(&self, loads: &mut Loads, vm: &Vm) -> Named {
        let servers = &self.scenario.servers;
        let near = near(servers, Zone::Site(vm.site));
        let (own_configuration, own_process) = ([vm.configuration_server], [vm.process_server]);
        let ways = [(false, false), (false, true), (true, false), (true, true)];
        for (configuration_server, process_server) in ways {
            let mut tried = loads.clone();
            let of: &[usize] = if configuration_server {
                &own_configuration
            } else {
                &near
            };
            let named = process_server.then_some(own_process.as_slice());
            let taken = tried.take(servers, of, named, &vm.workload);
            if taken == Some((vm.configuration_server, Some(vm.process_server))) {
                *loads = tried;
                return Named {
                    configuration_server,
                    process_server,
                };
            }
        }
        unreachable!("who names both gets both")
    }

    /// The groups at the end of the machines that are what they say.
    fn groups(&self) -> Vec<&Group> {
        let vms = &self.scenario.vms;
        let mut groups: Vec<&Group> = Vec::new();
        let mut first = vms.len();
        for group in self.scenario.groups.0.iter().rev() {
            if group.first.checked_add(group.count as usize) != Some(first) || !alike(vms, group) {
                break;
            }
            first = group.first;
            groups.insert(0, group);
        }
        // A group that would spread its machines otherwise is no group, and neither are those before it.
        'again: loop {
            let singles = groups.first().map_or(vms.len(), |group| group.first);
            let mut loads = Loads::default();
            for vm in &vms[..singles] {
                let _ = self.take(&mut loads, vm);
            }
            for place in 0..groups.len() {
                if !self.spreads(&mut loads, groups[place]) {
                    groups.drain(..=place);
                    continue 'again;
                }
            }
            return groups;
        }
    }

    /// Whether a group's machines have the servers that it would give them.
    fn spreads(&self, loads: &mut Loads, group: &Group) -> bool {
        let servers = &self.scenario.servers;
        let vms = &self.scenario.vms[group.first..];
        let near = near(servers, Zone::Site(vms[0].site));
        let of = group.configuration_servers.as_deref().unwrap_or(&near);
        let named = group.process_servers.as_deref();
        vms.iter().take(group.count as usize).all(|vm| {
            loads.take(servers, of, named, &vm.workload) == Some((vm.configuration_server, Some(vm.process_server)))
        })
    }

    fn single(&self, vm: &Vm, named: &Named) -> Result<Entries, Unwritable> {
        let mut table = Entries::new(&keys::VM, None);
        table.put("name", &vm.name);
        self.put_site(&mut table, Zone::Site(vm.site))?;
        table.put("os", word_of(vm.os).unwrap_or_default());
        table.flag("physical", vm.physical);
        if named.configuration_server {
            table.put("configuration_server", self.server(vm.configuration_server)?);
        }
        if named.process_server {
            table.put("process_server", self.server(vm.process_server)?);
        }
        table.put("boot", &write_duration(vm.boot));
        table.put("journal", &write_size(vm.journal));
        table.put("clock_skew", &write_duration(vm.clock_skew));
        Ok(table)
    }

    fn group(&self, group: &Group, profiles: &mut Profiles, page: &mut Page) -> Result<Entries, Unwritable> {
        let vm = &self.scenario.vms[group.first];
        let mut table = Entries::new(&keys::GROUP, None);
        table.put("name", &group.name);
        table.put("count", &group.count.to_string());
        self.put_site(&mut table, Zone::Site(vm.site))?;
        table.put("os", word_of(vm.os).unwrap_or_default());
        let names = |servers: &Option<Vec<usize>>| -> Result<Vec<&str>, Unwritable> {
            servers.iter().flatten().map(|server| self.server(*server)).collect()
        };
        table.list("configuration_server", names(&group.configuration_servers)?);
        table.list("process_server", names(&group.process_servers)?);
        table.put("boot", &write_duration(vm.boot));
        table.put("journal", &write_size(vm.journal));
        let mut named = Vec::new();
        for (name, weight, workload) in &group.profiles {
            named.push((self.profile(name, workload, &vm.disks, profiles, page)?, *weight));
        }
        if !named.is_empty() {
            let names = named.iter().map(|(name, weight)| (name.as_str(), *weight));
            table.raw("profiles", weights(names));
        }
        Ok(table)
    }

    /// Writes a profile, unless it is there already; its name. Groups whose disks differ may need one each of what was one.
    fn profile(
        &self,
        name: &str,
        workload: &Workload,
        disks: &[Disk],
        profiles: &mut Profiles,
        page: &mut Page,
    ) -> Result<String, Unwritable> {
        let streams = workload.streams.iter().map(|stream| self.stream(stream, disks));
        let streams: Vec<Entries> = streams.collect::<Result<_, _>>()?;
        let texts: Vec<String> = streams.iter().map(Entries::inline).collect();
        let names = std::iter::once(name.to_owned()).chain((2_u32..).map(|number| format!("{name}-{number}")));
        for name in names {
            match profiles.0.iter().find(|(known, _)| *known == name) {
                Some((_, known)) if *known == texts => return Ok(name),
                Some(_) => {}
                None => {
                    let mut table = Entries::new(&keys::PROFILE, None);
                    table.put("name", &name);
                    page.one_of("profile", &table);
                    for stream in &streams {
                        page.one_of("profile.workload", stream);
                    }
                    profiles.0.push((name.clone(), texts));
                    return Ok(name);
                }
            }
        }
        unreachable!("numbers have no end")
    }

    fn disks(&self, page: &mut Page, name: &str, disks: &[Disk]) -> Result<(), Unwritable> {
        for disk in disks {
            let mut table = Entries::new(&keys::DISK, None);
            table.put("name", &disk.name);
            match &disk.start {
                Start::Image(image) => {
                    let path = self.path(&image.path)?;
                    table.put(
                        "image",
                        &match image.form {
                            Format::Raw => format!("raw:{path}"),
                            Format::ByContent if path.starts_with("raw:") => format!("./{path}"),
                            Format::ByContent => path,
                        },
                    );
                }
                Start::Generated { used, compressibility } => {
                    table.put("size", &write_size(disk.bytes));
                    table.put("used", &write_size(*used));
                    table.put("compressibility", &compressibility.written());
                }
            }
            page.one_of(name, &table);
        }
        Ok(())
    }
}

/// Whether machines are what a group says of them, their servers apart.
fn alike(vms: &[Vm], group: &Group) -> bool {
    let vms = &vms[group.first..group.first + group.count as usize];
    let Some(first) = vms.first() else {
        return false;
    };
    let shares = Shares(group.profiles.clone());
    let idle = Arc::new(Workload::default());
    (1_u32..).zip(vms).all(|(number, vm)| {
        let expected = Vm {
            name: numbered(&group.name, number),
            physical: false,
            clock_skew: 0,
            workload: shares.of(number - 1).unwrap_or_else(|| Arc::clone(&idle)),
            configuration_server: vm.configuration_server,
            process_server: vm.process_server,
            ..first.clone()
        };
        *vm == expected
    })
}
