//! Sites, links and the product's servers.

use crate::model::Zone;
use actors::nouns::{LinkKind, Throttle};

use super::{Context, unique, unique_in_any_case};
use crate::diagnose::{At, Located, Problem};
use crate::input::SERVERS_MAX;
use crate::keys;
use crate::model::{Link, Roles, Server};
use crate::reader::{self, Bytes, Factor, FromNode, Nanos, Reader, Share};
use crate::units::{self, Rate};

/// The estate without its protected machines.
pub(crate) struct Estate {
    pub(crate) sites: Vec<Located<String>>,
    pub(crate) links: Vec<Link>,
    pub(crate) servers: Vec<Server>,
    /// Names that no machine may have, and whose they are.
    pub(crate) taken: Vec<(&'static str, Located<String>)>,
    /// There are more servers than are run, and it was said: whatever else is said of them is noise.
    pub(crate) full: bool,
}

/// Azure's public endpoints, as a scenario calls them.
pub(crate) const AZURE: &str = "azure";
/// The virtual network.
pub(crate) const AZURE_VNET: &str = "azure-vnet";
impl Estate {
    pub(crate) fn site_names(&self) -> Vec<&str> {
        self.sites.iter().map(|site| site.value.as_str()).collect()
    }

    /// Servers of a role, by their place and name.
    pub(crate) fn with(&self, role: impl Fn(&Roles) -> bool) -> Vec<(usize, &str)> {
        self.servers
            .iter()
            .enumerate()
            .filter(|(_, server)| role(&server.roles))
            .map(|(index, server)| (index, server.name.as_str()))
            .collect()
    }
}

pub(crate) fn read(context: &Context<'_>, file: &Reader<'_>) -> Estate {
    let sites: Vec<Located<String>> = file
        .tables("site")
        .iter()
        .filter_map(|site| site.name("name"))
        .collect();
    unique(context.diagnosis, "sites", &sites);
    for site in &sites {
        if site.value == AZURE || site.value == AZURE_VNET {
            context.diagnosis.push(Problem::new(
                site.at,
                format!("`{}` is always there", site.value),
                "choose another name",
            ));
        }
    }
    if sites.is_empty() && !file.is_meant("site") {
        context.diagnosis.push(
            Problem::new(At::default(), "the scenario has no site", "no `[[site]]` in this file")
                .help("[[site]]\nname = \"office\""),
        );
    }
    let mut estate = Estate {
        sites,
        links: Vec::new(),
        servers: Vec::new(),
        taken: Vec::new(),
        full: false,
    };
    let sites = estate.sites.iter().cloned();
    estate.taken.extend(sites.map(|name| ("a site", name)));
    estate.links = read_links(context, file, &mut estate);
    read_servers(context, file, &mut estate);
    estate
}

fn read_links(context: &Context<'_>, file: &Reader<'_>, estate: &mut Estate) -> Vec<Link> {
    let mut names = Vec::new();
    let mut links = Vec::new();
    for table in file.tables("link") {
        let name = table.name("name");
        table.need("kind");
        let kind = table.word("kind");
        let rate: Option<Located<Rate>> = table.required("rate");
        let latency: Option<Located<Nanos>> = table.required("latency");
        let loss = table.value::<Share>("loss").0;
        let joins = kind.as_ref().map(|kind| joins(context, &table, kind, estate));
        names.extend(name.clone());
        if let (Some(name), Some(kind), Some(rate), Some(latency), Some(joins)) = (name, kind, rate, latency, joins) {
            links.push(Link {
                name: name.value,
                kind: kind.value,
                joins,
                bits_per_second: rate.value.bits_per_second(),
                latency: latency.value.0,
                loss_per_million: loss,
            });
        }
    }
    unique(context.diagnosis, "links", &names);
    estate.taken.extend(names.into_iter().map(|name| ("a link", name)));
    links
}

fn joins(context: &Context<'_>, table: &Reader<'_>, kind: &Located<LinkKind>, estate: &Estate) -> Vec<(Zone, Zone)> {
    table.need("between");
    if table.node("between").is_none() {
        return Vec::new();
    }
    let ends = table.one_or_more::<String>("between");
    let mut known = estate.site_names();
    known.extend([AZURE, AZURE_VNET]);
    let zones: Vec<(Zone, At)> = ends
        .iter()
        .filter_map(|end| Some((zone(context.find("site", end, &known)?, estate, kind.value), end.at)))
        .collect();
    if zones.len() != ends.len() {
        return Vec::new();
    }
    let at = table.key_at("between");
    let wrong = |at: At, title: &str, label: &str| {
        context
            .diagnosis
            .push(Problem::new(at, title, label).help(keys::LINK.about));
    };
    if kind.value == LinkKind::Lan {
        return match zones.as_slice() {
            [(only, _)] => vec![(*only, *only)],
            [(first, _), (second, _)] if first == second => vec![(*first, *first)],
            _ => {
                wrong(at, "a lan belongs to one site", "one site");
                Vec::new()
            }
        };
    }
    let [(first, _), others @ ..] = zones.as_slice() else {
        wrong(at, "a link has two ends", "empty");
        return Vec::new();
    };
    if others.is_empty() {
        wrong(at, "a link has two ends", "one end");
    }
    for (other, at) in others {
        match (kind.value, other) {
            _ if other == first => wrong(*at, "a link leads from a site to itself", "the same as the first"),
            (LinkKind::Internet, Zone::AzureVnet) => {
                wrong(
                    *at,
                    "the internet doesn't lead into the virtual network",
                    "lead it to `azure`",
                );
            }
            _ => {}
        }
    }
    if !matches!(first, Zone::Site(_)) {
        wrong(at, "a link begins at a site", "name the site first");
    }
    others.iter().map(|(other, _)| (*first, *other)).collect()
}

fn zone(index: usize, estate: &Estate, kind: LinkKind) -> Zone {
    let sites = estate.sites.len();
    match index {
        _ if index < sites => Zone::Site(u32::try_from(index).unwrap_or(u32::MAX)),
        // A VPN ends at the virtual network's gateway, whatever one calls it.
        _ if index == sites && kind != LinkKind::Vpn => Zone::AzurePublic,
        _ => Zone::AzureVnet,
    }
}

/// Where a table says that it is; the only site where it says nothing.
pub(crate) fn site_of(context: &Context<'_>, table: &Reader<'_>, estate: &Estate, azure: bool) -> Option<Zone> {
    let mut known = estate.site_names();
    if azure {
        known.push(AZURE_VNET);
    }
    match table.get::<String>("site") {
        Some(site) => {
            let index = context.find("site", &site, &known)?;
            Some(if index < estate.sites.len() {
                Zone::Site(u32::try_from(index).unwrap_or(u32::MAX))
            } else {
                Zone::AzureVnet
            })
        }
        None if table.node("site").is_some() => None,
        None if estate.sites.len() == 1 => Some(Zone::Site(0)),
        None => {
            if !estate.sites.is_empty() {
                table.need("site");
            }
            None
        }
    }
}

/// Bytes of a server's disk that no key is about.
const DISK_BYTES: u64 = 100_000_000_000;

/// The tables of servers, in the order of the catalogue: what each does, and the key of its disk's size.
pub(crate) const SERVER_TABLES: [(&str, Roles, Option<&str>); 5] = [
    (
        "management_server",
        Roles {
            configuration_server: true,
            process_server: true,
            master_target: true,
            vcenter: false,
        },
        Some("cache"),
    ),
    (
        "configuration_server",
        Roles {
            configuration_server: true,
            ..NO_ROLE
        },
        None,
    ),
    (
        "process_server",
        Roles {
            process_server: true,
            ..NO_ROLE
        },
        Some("cache"),
    ),
    (
        "master_target",
        Roles {
            master_target: true,
            ..NO_ROLE
        },
        Some("retention_disk"),
    ),
    (
        "vcenter",
        Roles {
            vcenter: true,
            ..NO_ROLE
        },
        None,
    ),
];

const NO_ROLE: Roles = Roles {
    configuration_server: false,
    process_server: false,
    master_target: false,
    vcenter: false,
};

fn read_servers(context: &Context<'_>, file: &Reader<'_>, estate: &mut Estate) {
    let mut names = Vec::new();
    for (key, roles, disk_key) in SERVER_TABLES {
        for table in file.tables(key) {
            let read = ServerTable {
                context,
                table: &table,
                roles,
                disk_key,
            };
            read.into(estate, &mut names);
        }
    }
    unique_in_any_case(context.diagnosis, "servers", &names);
    estate.taken.extend(names.into_iter().map(|name| ("a server", name)));
}

struct ServerTable<'a> {
    context: &'a Context<'a>,
    table: &'a Reader<'a>,
    roles: Roles,
    disk_key: Option<&'static str>,
}

impl ServerTable<'_> {
    /// A value of its machine; a vCenter's, which has no keys for it, is one like all others.
    fn value<T: FromNode>(&self, key: &str) -> T {
        match self.table.takes_key(key) {
            true => self.table.value(key),
            false => reader::default(&keys::CONFIGURATION_SERVER, key),
        }
    }

    fn into(self, estate: &mut Estate, names: &mut Vec<Located<String>>) {
        let table = self.table;
        let diagnosis = self.context.diagnosis;
        let name = table.name("name");
        let azure = self.roles
            == Roles {
                process_server: true,
                ..Roles::default()
            };
        let zone = site_of(self.context, table, estate, azure);
        let count = table.takes_key("count").then(|| table.get::<u32>("count")).flatten();
        let cores = self.value::<u32>("cores");
        let speed = self.value::<Factor>("speed").0;
        let clock_skew = self.value::<Nanos>("clock_skew").0;
        let disk_bytes = self.disk_key.map_or(DISK_BYTES, |key| table.value::<Bytes>(key).0);
        let disk_bytes_per_second = match table.takes_key("disk_rate") {
            true => table.value::<Rate>("disk_rate").bytes_per_second(),
            false => self.context.model.guest.disk_rate,
        };
        let throttles = self.throttles();
        let (Some(name), Some(zone)) = (name, zone) else {
            return;
        };
        let many = count.as_ref().map_or(1, |count| count.value);
        if many > 1 && !name.value.contains('#') {
            diagnosis.push(
                Problem::new(name.at, "several servers of one name", "needs a # for the number")
                    .help("`ps-#` with count = 3 gives ps-1, ps-2, ps-3"),
            );
            return;
        }
        if estate.servers.len() + many as usize > SERVERS_MAX {
            let at = count.as_ref().map_or(table.at, |count| count.at);
            if !std::mem::replace(&mut estate.full, true) {
                let label = format!("at most {SERVERS_MAX}");
                diagnosis.push(Problem::new(at, "more servers than are run", label));
            }
            return;
        }
        let owners = self.owners(estate, zone);
        for number in 1..=many {
            let expanded = if count.is_some() {
                numbered(&name.value, number)
            } else {
                name.value.clone()
            };
            names.push(Located::new(expanded.clone(), name.at));
            let own = estate.servers.len();
            let configuration_server = if self.roles.configuration_server || self.roles.vcenter {
                own
            } else if owners.is_empty() {
                return;
            } else {
                owners[(number as usize - 1) % owners.len()]
            };
            estate.servers.push(Server {
                name: expanded,
                zone,
                roles: self.roles,
                configuration_server,
                cores,
                speed,
                disk_bytes,
                disk_bytes_per_second,
                throttles: throttles.clone(),
                clock_skew,
            });
        }
    }

    /// Its throttles, each in the range that the product takes.
    fn throttles(&self) -> Vec<Throttle> {
        if !self.table.takes_key("throttle") {
            return Vec::new();
        }
        let limits = &self.context.model.limits;
        let taken = limits.throttle_least..=limits.throttle_most;
        let read = self.table.one_or_more::<Throttle>("throttle");
        for throttle in read
            .iter()
            .filter(|throttle| !taken.contains(&throttle.value.bits_per_second))
        {
            let rate = units::write_bits_per_second;
            let label = format!("{} is not", rate(throttle.value.bits_per_second));
            let help = format!(
                "accepted in this era: {} to {} (facts §3.7)",
                rate(limits.throttle_least),
                rate(limits.throttle_most)
            );
            self.context
                .diagnosis
                .push(Problem::new(throttle.at, "a throttle that the product does not take", label).help(help));
        }
        read.into_iter().map(|throttle| throttle.value).collect()
    }

    /// The configuration servers that a server of its own belongs to, in turn.
    fn owners(&self, estate: &Estate, zone: Zone) -> Vec<usize> {
        if self.roles.configuration_server || self.roles.vcenter {
            return Vec::new();
        }
        configuration_servers(self.context, self.table, estate, zone)
    }
}

/// The configuration servers that a table names; those of its site, or (for one in Azure) all, where it names none.
pub(crate) fn configuration_servers(
    context: &Context<'_>,
    table: &Reader<'_>,
    estate: &Estate,
    zone: Zone,
) -> Vec<usize> {
    let all = estate.with(|roles| roles.configuration_server);
    let names: Vec<&str> = all.iter().map(|(_, name)| *name).collect();
    let named = table.one_or_more::<String>("configuration_server");
    if table.node("configuration_server").is_some() {
        return named
            .iter()
            .filter_map(|name| context.find("configuration server", name, &names))
            .map(|place| all[place].0)
            .collect();
    }
    let chosen = near(&estate.servers, zone);
    if chosen.is_empty() {
        context.diagnosis.push(
            Problem::new(table.at, "there is no configuration server", "needs one")
                .help("add a [[management_server]], or a [[configuration_server]]"),
        );
    }
    chosen
}

/// The configuration servers of a machine that names none: those of its site, or else all.
pub(crate) fn near(servers: &[Server], zone: Zone) -> Vec<usize> {
    let all = || (0..servers.len()).filter(|index| servers[*index].roles.configuration_server);
    let near: Vec<usize> = all().filter(|index| servers[*index].zone == zone).collect();
    if near.is_empty() { all().collect() } else { near }
}

/// A name with its run of `#` replaced by a number, padded to the run's length.
pub(crate) fn numbered(pattern: &str, number: u32) -> String {
    let Some(start) = pattern.find('#') else {
        return format!("{pattern}{number}");
    };
    let len = pattern[start..].bytes().take_while(|byte| *byte == b'#').count();
    format!("{}{number:0len$}{}", &pattern[..start], &pattern[start + len..])
}
