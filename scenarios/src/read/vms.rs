//! The machines to protect: single ones, and groups.

mod disks;
mod profiles;
mod spread;

use std::path::PathBuf;
use std::sync::Arc;

use actors::spec::Os;
use actors::workload::WorkloadSpec;
use sim::spec::Zone;

use super::estate::{COUNT_MAX, Estate, numbered, site_of};
use super::own_disks::OwnDisks;
use super::workload::workloads;
use super::{Context, unique};
use crate::diagnose::{At, Located, Problem};
use crate::keys;
use crate::model::Vm;
use crate::reader::{Bytes, Nanos, Reader};

use disks::read_disks;
use profiles::Profiles;
use spread::{Loads, Spread};

/// All machines, and the groups they came from.
pub(crate) struct Vms {
    pub(crate) vms: Vec<Vm>,
}

impl Vms {
    pub(crate) fn names(&self) -> Vec<&str> {
        self.vms.iter().map(|vm| vm.name.as_str()).collect()
    }
}

pub(crate) fn read(context: &Context<'_>, file: &Reader<'_>, estate: &Estate, own_disks: &[(String, PathBuf)]) -> Vms {
    let own = OwnDisks::new(context, own_disks);
    let mut names = Vec::new();
    let mut vms = Vec::new();
    let mut loads = Loads::default();
    for table in file.tables("vm", &keys::VM) {
        vms.extend(read_vm(context, &table, estate, &own, &mut loads, &mut names));
    }
    let profiles = Profiles::read(context, file);
    for table in file.tables("group", &keys::GROUP) {
        read_group(context, &table, estate, &profiles, &mut loads, &mut names, &mut vms);
    }
    unique(context.diagnosis, "machines", &names);
    let absent = |key| file.node(key).is_none() && !file.misspelt(key);
    if vms.is_empty() && absent("vm") && absent("group") {
        context.diagnosis.push(Problem::new(
            At::default(),
            "the scenario protects no machine",
            "no `[[vm]]` or `[[group]]` in this file",
        ));
    }
    own.all_found(context);
    Vms { vms }
}

fn name_is_allowed(name: &str) -> bool {
    (1..=63).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn check_name(context: &Context<'_>, name: &Located<String>) {
    if !name_is_allowed(&name.value) || name.value == "all" || name.value == "each" {
        context.diagnosis.push(
            Problem::new(name.at, format!("`{}` is no name for a machine in Azure", name.value), "not allowed")
                .help("accepted: 1 to 63 letters, digits and hyphens (Site Recovery support matrix, 2018), and not the words `all` and `each`"),
        );
    }
}

fn read_os(table: &Reader<'_>) -> Os {
    table
        .word("os", &[("windows", Os::Windows), ("linux", Os::Linux)])
        .map_or(Os::Linux, |os| os.value)
}

/// A change journal cannot be smaller than what a few writes take.
const JOURNAL_MIN: u64 = 1 << 20;

fn read_journal(context: &Context<'_>, table: &Reader<'_>) -> u64 {
    let journal = table.get::<Bytes>("journal");
    if let Some(journal) = &journal
        && journal.value.0 < JOURNAL_MIN
    {
        context.diagnosis.push(Problem::new(
            journal.at,
            "a change journal too small to be one",
            "at least 1 MiB",
        ));
    }
    journal.map_or(1 << 30, |journal| journal.value.0)
}

const MINUTE: u64 = 60_000_000_000;

fn read_vm(
    context: &Context<'_>,
    table: &Reader<'_>,
    estate: &Estate,
    own: &OwnDisks,
    loads: &mut Loads,
    names: &mut Vec<Located<String>>,
) -> Option<Vm> {
    let name: Option<Located<String>> = table.required("name");
    if let Some(name) = &name {
        check_name(context, name);
    }
    let zone = site_of(context, table, estate, false);
    let os = read_os(table);
    let physical = table.get_or("physical", false);
    let boot = table.get_or("boot", Nanos(MINUTE)).0;
    let journal = read_journal(context, table);
    let clock_skew = table.get_or("clock_skew", Nanos(0)).0;
    let problems = context.diagnosis.count();
    let disks = read_disks(context, table, name.as_ref().map(|name| name.value.as_str()), own);
    let disks_are_known = context.diagnosis.count() == problems;
    let streams = workloads(context, table, &disks, disks_are_known);
    names.extend(name.clone());
    let (name, zone) = (name?, zone?);
    let spread = Spread::read(context, table, estate, zone);
    let workload = Arc::new(WorkloadSpec { streams });
    let (configuration_server, process_server) = spread.take(context, table.at, estate, loads, &workload)?;
    Some(Vm {
        name: name.value,
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
    })
}

fn site_number(zone: Zone) -> u32 {
    match zone {
        Zone::Site(site) => site,
        _ => 0,
    }
}

fn read_group(
    context: &Context<'_>,
    table: &Reader<'_>,
    estate: &Estate,
    profiles: &Profiles<'_>,
    loads: &mut Loads,
    names: &mut Vec<Located<String>>,
    vms: &mut Vec<Vm>,
) {
    let name: Option<Located<String>> = table.required("name");
    let count: Option<Located<u32>> = table.required("count");
    let zone = site_of(context, table, estate, false);
    let os = read_os(table);
    let boot = table.get_or("boot", Nanos(MINUTE)).0;
    let journal = read_journal(context, table);
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
    if count.value == 0 || count.value > COUNT_MAX {
        context
            .diagnosis
            .push(Problem::new(count.at, "no such count", format!("1 to {COUNT_MAX}")));
        return;
    }
    check_name(context, &Located::new(numbered(&name.value, count.value), name.at));
    let spread = Spread::read(context, table, estate, zone);
    let idle = Arc::new(WorkloadSpec::default());
    for number in 1..=count.value {
        let workload = shares.of(number - 1).unwrap_or_else(|| Arc::clone(&idle));
        let Some((configuration_server, process_server)) = spread.take(context, table.at, estate, loads, &workload)
        else {
            return;
        };
        let full = numbered(&name.value, number);
        names.push(Located::new(full.clone(), name.at));
        vms.push(Vm {
            name: full,
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
        });
    }
}
