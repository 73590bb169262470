//! The machines to protect: single ones, and groups.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use actors::spec::Os;
use actors::workload::WorkloadSpec;
use datapath::SECTOR_BYTES;
use datapath::image::ImageError;
use sim::spec::Zone;

use super::estate::{COUNT_MAX, Estate, configuration_servers, numbered, site_of};
use super::own_disks::OwnDisks;
use super::workload::{compressibility, random_bytes_of, workloads};
use super::{Context, unique};
use crate::diagnose::{At, Located, Problem};
use crate::keys;
use crate::model::{Disk, Start, Vm};
use crate::reader::{Bytes, Nanos, Reader};
use crate::units::show_size;

/// Largest disk that a machine boots from (facts §3.8).
const OS_DISK_MAX: u64 = 2048 << 30;
/// Largest other disk (facts §3.5, from July 2017).
const DATA_DISK_MAX: u64 = 4095 << 30;
/// Most data disks of a machine (facts §3.8).
const DATA_DISKS_MAX: usize = 64;

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

/// How machines are spread over servers: configuration servers take turns, for each manages so many machines; of process servers
/// that with the least change so far takes the next machine, for change is what they are sized by (facts §3.1).
#[derive(Default)]
struct Loads {
    turns: BTreeMap<Vec<usize>, usize>,
    /// Of each process server: bytes a second that its machines change, and how many machines they are.
    change: BTreeMap<usize, (u64, usize)>,
}

impl Loads {
    fn configuration_server(&mut self, among: &[usize]) -> Option<usize> {
        let turn = self.turns.entry(among.to_vec()).or_default();
        let chosen = among.get(*turn % among.len().max(1)).copied();
        *turn += 1;
        chosen
    }

    fn process_server(&mut self, among: &[usize], change: u64) -> Option<usize> {
        let chosen = among
            .iter()
            .copied()
            .min_by_key(|server| self.change.get(server).copied().unwrap_or_default())?;
        let (bytes, machines) = self.change.entry(chosen).or_default();
        *bytes += change;
        *machines += 1;
        Some(chosen)
    }
}

/// Which servers a table's machines are spread over.
struct Spread {
    configuration_servers: Vec<usize>,
    process_servers: Option<Vec<usize>>,
}

impl Spread {
    fn read(context: &Context<'_>, table: &Reader<'_>, estate: &Estate, zone: Zone) -> Spread {
        let known = estate.with(|roles| roles.process_server);
        let names: Vec<&str> = known.iter().map(|(_, name)| *name).collect();
        let named: Vec<usize> = table
            .one_or_more::<String>("process_server")
            .iter()
            .filter_map(|name| context.find("process server", name, &names))
            .map(|place| known[place].0)
            .collect();
        Spread {
            configuration_servers: configuration_servers(context, table, estate, zone),
            process_servers: table.node("process_server").is_some().then_some(named),
        }
    }

    /// The next machine's configuration and process server.
    fn take(
        &self,
        context: &Context<'_>,
        at: At,
        estate: &Estate,
        loads: &mut Loads,
        workload: &WorkloadSpec,
    ) -> Option<(usize, usize)> {
        let configuration_server = loads.configuration_server(&self.configuration_servers)?;
        let own: Vec<usize> = match &self.process_servers {
            Some(named) => named.clone(),
            None => estate
                .with(|roles| roles.process_server)
                .into_iter()
                .map(|(index, _)| index)
                .filter(|index| {
                    let server = &estate.servers[*index];
                    server.configuration_server == configuration_server && server.zone != Zone::AzureVnet
                })
                .collect(),
        };
        match loads.process_server(&own, workload.mean_bytes_per_second()) {
            Some(process_server) => Some((configuration_server, process_server)),
            None => {
                if self.process_servers.is_none() {
                    context.diagnosis.push(
                        Problem::new(
                            at,
                            format!(
                                "configuration server `{}` has no process server on premises",
                                estate.servers[configuration_server].name
                            ),
                            "this machine needs one",
                        )
                        .help("add a [[process_server]], or use a [[management_server]], which carries one"),
                    );
                }
                None
            }
        }
    }
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

fn read_disks(context: &Context<'_>, table: &Reader<'_>, vm: Option<&str>, own: &OwnDisks) -> Vec<Disk> {
    let tables = table.tables("disk", &keys::DISK);
    if table.node("disk").is_none() && !table.misspelt("disk") {
        context.diagnosis.push(
            Problem::new(table.at, "a machine needs at least one disk", "none here")
                .help("[[vm.disk]]\nname = \"os\"\nsize = \"32 MiB\""),
        );
    }
    if tables.len() > DATA_DISKS_MAX + 1 {
        context.diagnosis.push(
            Problem::new(
                tables[DATA_DISKS_MAX + 1].at,
                format!("{} disks on one machine", tables.len()),
                "one too many",
            )
            .help("at most one disk that it boots from and 64 data disks (Site Recovery support matrix, 2018)"),
        );
    }
    let mut names = Vec::new();
    let mut disks = Vec::new();
    for (index, disk) in tables.iter().enumerate() {
        let name: Option<Located<String>> = disk.required("name");
        names.extend(name.clone());
        if let Some(name) = &name
            && (name.value.is_empty()
                || !name
                    .value
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'))
        {
            context.diagnosis.push(Problem::new(
                name.at,
                "a disk's name becomes part of a file's name",
                "letters, digits, - and _",
            ));
        }
        let replaced = vm
            .zip(name.as_ref())
            .and_then(|(vm, name)| own.declared(vm, &name.value));
        let place = DiskTable {
            context,
            table: disk,
            boots: index == 0,
        };
        if let (Some(name), Some((bytes, start, class))) = (name, place.read(replaced)) {
            disks.push(Disk {
                name: name.value,
                bytes,
                start,
                class,
            });
        }
    }
    unique(context.diagnosis, "disks of one machine", &names);
    disks
}

struct DiskTable<'a> {
    context: &'a Context<'a>,
    table: &'a Reader<'a>,
    boots: bool,
}

impl DiskTable<'_> {
    fn read(&self, replaced: Option<&Located<PathBuf>>) -> Option<(u64, Start, datapath::Class)> {
        let (context, table) = (self.context, self.table);
        let size = table.get::<Bytes>("size");
        let used = table.get::<Bytes>("used");
        let class = compressibility(table);
        let image = match replaced {
            Some(path) => Some(path.clone()),
            None => table
                .get::<String>("image")
                .map(|path| Located::new(context.folder.join(&path.value), path.at)),
        };
        if let Some(path) = image {
            if replaced.is_none() {
                table.forbid(&["used"], "an image says itself what is used");
            }
            let source = open_image(context, &path)?;
            let bytes = source.bytes();
            self.check_size(bytes, path.at);
            if let Some(size) = size.filter(|size| replaced.is_none() && size.value.0 != bytes) {
                context.diagnosis.push(
                    Problem::new(
                        size.at,
                        format!("the disk's size is not the image's, {bytes} bytes"),
                        format!("{} bytes", size.value.0),
                    )
                    .help("leave `size` out: it is the image's"),
                );
            }
            let class = context.class_of_image(&source);
            return Some((bytes, Start::Image(source), class));
        }
        if table.node("size").is_none() {
            let _ = table.required::<Bytes>("size");
        }
        let size = size?;
        let bytes = size.value.0;
        if bytes == 0 || bytes % SECTOR_BYTES != 0 {
            context.diagnosis.push(Problem::new(
                size.at,
                "not the size of a disk",
                "a multiple of 512 bytes, more than 0",
            ));
        }
        self.check_size(bytes, size.at);
        let used_bytes = used.as_ref().map_or(0, |used| used.value.0);
        if used_bytes > bytes {
            context.diagnosis.push(Problem::new(
                table.key_at("used"),
                "more used than there is",
                format!("the disk has {}", show_size(bytes)),
            ));
        }
        let random_bytes = class.unwrap_or_else(random_bytes_of);
        Some((
            bytes,
            Start::Generated {
                used: used_bytes,
                random_bytes,
            },
            context.class_of(random_bytes),
        ))
    }

    fn check_size(&self, bytes: u64, at: At) {
        let (max, what, rule) = if self.boots {
            (
                OS_DISK_MAX,
                "a disk to boot from",
                "the disk that a machine boots from: at most 2048 GB (Site Recovery support matrix, 2018)",
            )
        } else {
            (
                DATA_DISK_MAX,
                "a data disk",
                "a data disk: at most 4095 GB (deployment planner, from July 2017)",
            )
        };
        if bytes > max {
            self.context.diagnosis.push(
                Problem::new(at, format!("{} is too large for {what}", show_size(bytes)), "too large").help(rule),
            );
        }
    }
}

fn open_image(context: &Context<'_>, path: &Located<PathBuf>) -> Option<Arc<dyn datapath::image::Source>> {
    let shown = path.value.display();
    let problem = |title: String, label: &str| {
        context
            .diagnosis
            .push(Problem::new(path.at, title, label).help("accepted: raw, qcow2, VMDK, VHD"));
    };
    match std::fs::metadata(&path.value) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            problem(format!("there is no image {shown}"), "no such file");
            return None;
        }
        Err(error) => {
            context.diagnosis.machine_failed();
            problem(format!("cannot read the image {shown}: {error}"), "unreadable");
            return None;
        }
        Ok(meta) if !meta.is_file() => {
            problem(format!("{shown} is no file"), "not an image");
            return None;
        }
        Ok(meta) if meta.len() == 0 => {
            problem(format!("the image {shown} has 0 bytes"), "an empty file");
            return None;
        }
        Ok(_) => {}
    }
    match datapath::image::open(&path.value) {
        Ok(source) if source.bytes() == 0 => {
            problem(format!("the image {shown} is a disk of 0 bytes"), "an empty disk");
            None
        }
        Ok(source) => Some(source),
        Err(ImageError::Unusable { why, .. }) => {
            problem(format!("the image {shown} cannot be used: {why}"), "this image");
            None
        }
        Err(ImageError::Machine { why, .. }) => {
            context.diagnosis.machine_failed();
            problem(format!("reading the image {shown} failed: {why}"), "this image");
            None
        }
    }
}

/// Named workloads.
struct Profiles<'a> {
    tables: Vec<(Located<String>, Reader<'a>)>,
}

impl<'a> Profiles<'a> {
    fn read(context: &Context<'_>, file: &Reader<'a>) -> Profiles<'a> {
        let tables: Vec<(Located<String>, Reader<'a>)> = file
            .tables("profile", &keys::PROFILE)
            .into_iter()
            .filter_map(|table| Some((table.required("name")?, table)))
            .collect();
        let names: Vec<Located<String>> = tables.iter().map(|(name, _)| name.clone()).collect();
        unique(context.diagnosis, "profiles", &names);
        Profiles { tables }
    }

    /// The profiles that a group names, with their weights, and their writes on its disks.
    fn chosen(&self, context: &Context<'_>, table: &Reader<'_>, disks: &[Disk]) -> Shares {
        let known: Vec<&str> = self.tables.iter().map(|(name, _)| name.value.as_str()).collect();
        let mut shares = Shares(Vec::new());
        for (name, weight) in table.open_table::<u32>("profiles") {
            let Some(index) = context.find("profile", &name, &known) else {
                continue;
            };
            let streams = workloads(context, &self.tables[index].1, disks, true);
            shares.0.push((weight.value, Arc::new(WorkloadSpec { streams })));
        }
        if table.node("profiles").is_some()
            && shares.0.iter().all(|(weight, _)| *weight == 0)
            && !context.diagnosis.failed()
        {
            context.diagnosis.push(Problem::new(
                table.key_at("profiles"),
                "no profile has any weight",
                "at least one above 0",
            ));
        }
        shares
    }
}

/// Profiles by weight.
struct Shares(Vec<(u32, Arc<WorkloadSpec>)>);

impl Shares {
    /// The profile of the machine with this number: at every number, each profile has had its share, to within one machine.
    fn of(&self, number: u32) -> Option<Arc<WorkloadSpec>> {
        let total: u64 = self.0.iter().map(|(weight, _)| u64::from(*weight)).sum();
        if total == 0 {
            return None;
        }
        // A step through the weights that meets every place once: the golden section spreads neighbours apart.
        let mut stride = (total * 618 / 1000).max(1);
        while gcd(stride, total) != 1 {
            stride += 1;
        }
        let mut place = u64::from(number) % total * stride % total;
        for (weight, workload) in &self.0 {
            if place < u64::from(*weight) {
                return Some(Arc::clone(workload));
            }
            place -= u64::from(*weight);
        }
        None
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
