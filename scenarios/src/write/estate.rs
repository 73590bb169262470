//! Sites, links, servers.

use crate::model::Zone;

use super::page::{Entries, Page};
use super::{Unwritable, Writer};
use crate::keys::{self, Kind, Section, word_of};
use crate::model::{Link, Server};
use crate::read::estate::{AZURE, AZURE_VNET, SERVER_TABLES, near, numbered};
use crate::units::{
    write_bits_per_second, write_bytes_per_second, write_duration, write_factor, write_share, write_size,
    write_throttle,
};

impl Writer<'_> {
    pub(super) fn estate(&self, page: &mut Page) -> Result<(), Unwritable> {
        for site in &self.scenario.sites {
            let mut table = Entries::new(&keys::SITE, None);
            table.put("name", site);
            page.one_of("site", &table);
        }
        for link in &self.scenario.links {
            page.one_of("link", &self.link(link)?);
        }
        let mut servers = self.scenario.servers.as_slice();
        for (key, roles, disk_key) in SERVER_TABLES {
            while let Some(first) = servers.first().filter(|server| server.roles == roles) {
                let (pattern, len) = if first.roles.vcenter { (None, 1) } else { run(servers) };
                let (these, rest) = servers.split_at(len);
                servers = rest;
                let name = pattern.as_deref().unwrap_or(&first.name);
                page.one_of(key, &self.servers(section(key), these, name, disk_key)?);
            }
        }
        match servers.first() {
            None => Ok(()),
            Some(server) => Err(Unwritable::new(format!("`{}` is no kind of server", server.name))),
        }
    }

    /// A site, or a part of Azure, as a file calls it.
    fn zone(&self, zone: Zone) -> Result<&str, Unwritable> {
        match zone {
            Zone::AzurePublic => Ok(AZURE),
            Zone::AzureVnet => Ok(AZURE_VNET),
            Zone::Site(site) => {
                let name = self.scenario.sites.get(site as usize).map(String::as_str);
                name.ok_or_else(|| Unwritable::new(format!("there is no site {site}")))
            }
            _ => Err(Unwritable::new("a machine in a network of tests")),
        }
    }

    /// Where a machine is; the only site goes without saying.
    pub(super) fn put_site(&self, table: &mut Entries, zone: Zone) -> Result<(), Unwritable> {
        let name = self.zone(zone)?;
        if self.scenario.sites.len() > 1 || zone != Zone::Site(0) {
            table.put("site", name);
        }
        Ok(())
    }

    fn link(&self, link: &Link) -> Result<Entries, Unwritable> {
        let mut table = Entries::new(&keys::LINK, None);
        table.put("name", &link.name);
        table.put("kind", word_of(link.kind).unwrap_or_default());
        let Some((first, _)) = link.joins.first() else {
            return Err(Unwritable::new(format!("the link `{}` joins nothing", link.name)));
        };
        if link.joins.iter().any(|(from, _)| from != first) {
            return Err(Unwritable::new(format!(
                "the link `{}` begins at several sites",
                link.name
            )));
        }
        let mut ends = vec![self.zone(*first)?];
        for (_, to) in link.joins.iter().filter(|(from, to)| from != to) {
            ends.push(self.zone(*to)?);
        }
        table.list("between", ends);
        table.put("rate", &write_bits_per_second(link.bits_per_second));
        table.put("latency", &write_duration(link.latency));
        table.put("loss", &write_share(link.loss_per_million));
        Ok(table)
    }

    /// A table for one server, or for several that differ in their number alone.
    fn servers(
        &self,
        section: &'static Section,
        these: &[Server],
        name: &str,
        disk_key: Option<&'static str>,
    ) -> Result<Entries, Unwritable> {
        let first = &these[0];
        let mut table = Entries::new(section, None);
        table.put("name", name);
        if these.len() > 1 {
            table.put("count", &these.len().to_string());
        }
        self.put_site(&mut table, first.zone)?;
        if !first.roles.configuration_server && !first.roles.vcenter {
            let near = near(&self.scenario.servers, first.zone);
            let owners: Vec<usize> = these.iter().map(|server| server.configuration_server).collect();
            if !repeats(&owners, &near) {
                let period = (1..=owners.len()).find(|len| repeats(&owners, &owners[..*len]));
                let named = &owners[..period.unwrap_or(owners.len())];
                let names: Vec<&str> = named
                    .iter()
                    .map(|owner| self.server(*owner))
                    .collect::<Result<_, _>>()?;
                table.list("configuration_server", names);
            }
        }
        if first.roles.vcenter {
            return Ok(table);
        }
        table.put("cores", &first.cores.to_string());
        table.put("speed", &write_factor(first.speed));
        if let Some(key) = disk_key {
            table.put(key, &write_size(first.disk_bytes));
            table.put("disk_rate", &write_bytes_per_second(first.disk_bytes_per_second));
            table.list("throttle", first.throttles.iter().map(write_throttle));
        }
        table.put("clock_skew", &write_duration(first.clock_skew));
        Ok(table)
    }
}

fn section(key: &str) -> &'static Section {
    let known = keys::ROOT.key(key, None).map(|key| key.kind);
    match known {
        Some(Kind::Tables(section)) => section(),
        _ => panic!("{key} is a table of servers"),
    }
}

/// Whether a list is another one again and again.
fn repeats(list: &[usize], of: &[usize]) -> bool {
    !of.is_empty() && list.iter().zip(of.iter().cycle()).all(|(left, right)| left == right)
}

/// How many of the first servers can be said by one table with a count, and its name.
fn run(servers: &[Server]) -> (Option<String>, usize) {
    let first = &servers[0];
    let len_of = |pattern: &str| {
        let alike = servers.iter().zip(1_u32..).take_while(|(server, number)| {
            let one = Server {
                name: numbered(pattern, *number),
                configuration_server: server.configuration_server,
                ..first.clone()
            };
            // Who is a configuration server is its own.
            **server == one
        });
        alike.count()
    };
    let best = patterns(&first.name)
        .into_iter()
        .map(|pattern| (len_of(&pattern), pattern))
        .max_by_key(|(len, _)| *len);
    match best {
        Some((len, pattern)) if len > 1 => (Some(pattern), len),
        _ => (None, 1),
    }
}

/// Names with a run of `#` of which this is the first.
fn patterns(name: &str) -> Vec<String> {
    if name.contains('#') {
        return Vec::new();
    }
    let digits = |c: char| c.is_ascii_digit();
    let mut patterns = Vec::new();
    let mut start = 0;
    while let Some(from) = name[start..].find(digits).map(|at| start + at) {
        let to = name[from..].find(|c| !digits(c)).map_or(name.len(), |at| from + at);
        if name[from..to].parse() == Ok(1_u32) {
            patterns.push(format!("{}{}{}", &name[..from], "#".repeat(to - from), &name[to..]));
        }
        start = to;
    }
    patterns
}
