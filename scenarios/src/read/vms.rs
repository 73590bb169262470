//! The machines to protect: single ones, and groups.

mod disks;
mod profiles;
mod spread;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::Zone;

use super::estate::{Estate, numbered, site_of};
use super::own_disks::OwnDisks;
use super::workload::workloads;
use super::{Context, unique_in_any_case};
use crate::diagnose::{At, Located, Problem};
use crate::input::{DISKS_MAX, MACHINES_MAX};
use crate::model::{Group, Vm, Workload};
use crate::reader::{Bytes, Nanos, Reader, wrong_name};

use disks::read_disks;
use profiles::Profiles;
pub(crate) use profiles::Shares;
pub(crate) use spread::Loads;
use spread::Spread;

/// All machines.
pub(crate) struct Vms {
    pub(crate) vms: Vec<Vm>,
    /// Where each is named.
    pub(crate) at: Vec<At>,
    /// How the last of them were named together.
    pub(crate) groups: Vec<Group>,
    /// The file has none, and it was said: whatever else is said of them is noise.
    pub(crate) none: bool,
}

impl Vms {
    pub(crate) fn names(&self) -> Vec<&str> {
        self.vms.iter().map(|vm| vm.name.as_str()).collect()
    }
}

pub(crate) fn read(context: &Context<'_>, file: &Reader<'_>, estate: &Estate, own_disks: &[(String, PathBuf)]) -> Vms {
    let own = OwnDisks::new(context, own_disks);
    let mut reading = Reading {
        context,
        estate,
        own: &own,
        loads: Loads::default(),
        names: Vec::new(),
        vms: Vec::new(),
        at: Vec::new(),
        groups: Vec::new(),
        disks: 0,
        full: false,
    };
    let profiles = Profiles::read(context, file);
    let problems = context.diagnosis.count();
    for table in file.tables("vm") {
        let _ = reading.vm(&table);
        if reading.full {
            break;
        }
    }
    for table in file.tables("group") {
        reading.group(&table, &profiles);
    }
    unique_in_any_case(context.diagnosis, "machines", &reading.names);
    names_are_free(context, estate, &reading.names);
    let misspelt = file.misspelt("vm") || file.misspelt("group");
    let none = reading.vms.is_empty() && context.diagnosis.count() == problems && !misspelt;
    if none {
        let (at, label) = match ["vm", "group"].into_iter().find(|key| file.node(key).is_some()) {
            Some(key) => (file.key_at(key), "an empty list"),
            None => (At::default(), "no `[[vm]]` or `[[group]]` in this file"),
        };
        context.diagnosis.push(
            Problem::new(at, "the scenario protects no machine", label).help("without one, nothing would be tested"),
        );
    } else {
        own.all_found(context);
    }
    Vms {
        vms: reading.vms,
        at: reading.at,
        groups: reading.groups,
        none,
    }
}

/// Notes machines whose name is that of something else.
fn names_are_free(context: &Context<'_>, estate: &Estate, names: &[Located<String>]) {
    let taken: BTreeMap<String, &(&str, Located<String>)> = estate
        .taken
        .iter()
        .map(|taken| (taken.1.value.to_lowercase(), taken))
        .collect();
    for name in names {
        if let Some((whose, other)) = taken.get(&name.value.to_lowercase()) {
            context.diagnosis.push(
                Problem::new(
                    name.at,
                    format!("`{}` is the name of {whose}", name.value),
                    "the same name",
                )
                .also(other.at, format!("{whose} of this name"))
                .help("a machine's name is that of nothing else in the scenario, in any case"),
            );
        }
    }
}

fn name_is_allowed(name: &str) -> bool {
    (1..=63).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn check_name(context: &Context<'_>, name: &Located<String>) {
    if wrong_name(&name.value).is_some() {
        return;
    }
    if !name_is_allowed(&name.value) || name.value == "all" || name.value == "each" {
        context.diagnosis.push(
            Problem::new(name.at, format!("`{}` is no name for a machine in Azure", name.value), "not allowed")
                .help("accepted: 1 to 63 letters, digits and hyphens (Site Recovery support matrix, 2018), and not the words `all` and `each`"),
        );
    }
}

/// The machines that were read so far.
struct Reading<'a> {
    context: &'a Context<'a>,
    estate: &'a Estate,
    own: &'a OwnDisks,
    loads: Loads,
    names: Vec<Located<String>>,
    vms: Vec<Vm>,
    at: Vec<At>,
    groups: Vec<Group>,
    /// How many disks they have.
    disks: usize,
    /// There are more than are run, and it was said.
    full: bool,
}

impl Reading<'_> {
    /// Whether there is room for so many machines, with so many disks each; a problem where there is none.
    fn has_room(&mut self, at: At, machines: usize, disks: usize) -> bool {
        let machines_after = self.vms.len().saturating_add(machines);
        let disks_after = self.disks.saturating_add(machines.saturating_mul(disks));
        let told = if machines_after > MACHINES_MAX {
            Some(("machines", MACHINES_MAX))
        } else if disks_after > DISKS_MAX {
            Some(("disks", DISKS_MAX))
        } else {
            None
        };
        if let Some((what, max)) = told
            && !std::mem::replace(&mut self.full, true)
        {
            self.context.diagnosis.push(
                Problem::new(
                    at,
                    format!("more {what} than are run"),
                    format!("past the {max} of a scenario"),
                )
                .help(format!(
                    "accepted: up to {MACHINES_MAX} machines with up to {DISKS_MAX} disks, all together"
                )),
            );
        }
        told.is_none()
    }

    fn push(&mut self, vm: Vm, name: Located<String>) {
        self.disks += vm.disks.len();
        self.at.push(name.at);
        self.vms.push(vm);
    }

    /// Reads a single machine; none where something is wrong with it.
    fn vm(&mut self, table: &Reader<'_>) -> Option<()> {
        let context = self.context;
        let name = table.name("name");
        if let Some(name) = &name {
            check_name(context, name);
        }
        let zone = site_of(context, table, self.estate, false);
        let os = table.word_or_default("os");
        let physical = table.value("physical");
        let boot = table.value::<Nanos>("boot").0;
        let journal = table.value::<Bytes>("journal").0;
        let clock_skew = table.value::<Nanos>("clock_skew").0;
        let problems = context.diagnosis.count();
        let vm = name.as_ref().map(|name| name.value.as_str());
        let disks = read_disks(context, table, vm, self.own);
        let disks_are_known = context.diagnosis.count() == problems;
        let streams = workloads(context, table, vm, &disks, disks_are_known);
        self.names.extend(name.clone());
        let (name, zone) = (name?, zone?);
        if !self.has_room(table.at, 1, disks.len()) {
            return None;
        }
        let spread = Spread::read(context, table, self.estate, zone);
        let workload = Arc::new(Workload { streams });
        let (configuration_server, process_server) =
            spread.take(context, table.at, self.estate, &mut self.loads, &workload)?;
        let vm = Vm {
            name: name.value.clone(),
            site: site_number(zone),
            os,
            physical,
            configuration_server,
            process_server,
            boot,
            journal,
            clock_skew,
            disks: Arc::new(disks),
            workload,
        };
        self.push(vm, name);
        Some(())
    }

    fn group(&mut self, table: &Reader<'_>, profiles: &Profiles<'_>) {
        let context = self.context;
        let name = table.name("name");
        let count: Option<Located<u32>> = table.required("count");
        let zone = site_of(context, table, self.estate, false);
        let os = table.word_or_default("os");
        let boot = table.value::<Nanos>("boot").0;
        let journal = table.value::<Bytes>("journal").0;
        let disks = Arc::new(read_disks(context, table, None, &OwnDisks::none()));
        let shares = profiles.chosen(context, table, &disks);
        let (Some(name), Some(count), Some(zone)) = (name, count, zone) else {
            return;
        };
        if !name.value.contains('#') {
            context.diagnosis.push(
                Problem::new(name.at, "a group's name needs a # for the number", "no # in it")
                    .help("`app-####` gives app-0001, app-0002, …"),
            );
            return;
        }
        if count.value == 0 {
            return;
        }
        if !self.has_room(count.at, count.value as usize, disks.len()) {
            return;
        }
        check_name(context, &Located::new(numbered(&name.value, count.value), name.at));
        let spread = Spread::read(context, table, self.estate, zone);
        self.groups.push(Group {
            name: name.value.clone(),
            first: self.vms.len(),
            count: count.value,
            configuration_servers: spread.named_configuration_servers.clone(),
            process_servers: spread.process_servers.clone(),
            profiles: shares.0.clone(),
        });
        let idle = Arc::new(Workload::default());
        for number in 1..=count.value {
            let workload = shares.of(number - 1).unwrap_or_else(|| Arc::clone(&idle));
            let Some((configuration_server, process_server)) =
                spread.take(context, table.at, self.estate, &mut self.loads, &workload)
            else {
                return;
            };
            let full = Located::new(numbered(&name.value, number), name.at);
            self.names.push(full.clone());
            let vm = Vm {
                name: full.value.clone(),
                site: site_number(zone),
                os,
                physical: false,
                configuration_server,
                process_server,
                boot,
                journal,
                clock_skew: 0,
                disks: Arc::clone(&disks),
                workload,
            };
            self.push(vm, full);
        }
    }
}

fn site_number(zone: Zone) -> u32 {
    match zone {
        Zone::Site(site) => site,
        _ => 0,
    }
}
