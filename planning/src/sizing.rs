//! Process and configuration servers by the vendor's tables (facts §3.1, §3.2), as data with the source of each row:
//! `planning/data/servers.csv`.
//!
//! Where sources conflict, the row used is the one of the era "2017 classic"; [`CONFIGURATION_SERVER_MACHINES`] says which, and
//! [`required_servers_with`] takes another.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::tables;

const GIB: u64 = 1 << 30;
const GB: u64 = 1_000_000_000;

/// Processors and memory of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Host {
    /// Virtual processors.
    pub vcpus: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
}

/// One row of a table: what a server of this size carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerSize {
    /// Virtual processors.
    pub vcpus: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Cache disk in bytes.
    pub cache_bytes: u64,
    /// Changed bytes per day that it carries at the most.
    pub daily_change_bytes: u64,
    /// Machines that it carries at the most.
    pub machines: u32,
    /// The configuration server that an additional process server of this size is paired with; none where it is one itself.
    pub paired: Option<Host>,
    /// Where the row comes from.
    pub source: String,
}

#[derive(Deserialize)]
struct Row {
    role: String,
    vcpus: u32,
    memory_gib: u64,
    cache_gb: u64,
    daily_gb: u64,
    machines: u32,
    paired_vcpus: Option<u32>,
    paired_memory_gib: Option<u64>,
    source: String,
}

const fn host(vcpus: u32, memory: u64) -> Host {
    Host {
        vcpus,
        memory_bytes: memory * GIB,
    }
}

fn rows(role: &str) -> Vec<ServerSize> {
    let rows: Vec<Row> = tables::own("servers.csv", include_str!("../data/servers.csv"));
    let rows = rows.into_iter().filter(|row| row.role == role);
    rows.map(|row| ServerSize {
        vcpus: row.vcpus,
        memory_bytes: row.memory_gib * GIB,
        cache_bytes: row.cache_gb * GB,
        daily_change_bytes: row.daily_gb * GB,
        machines: row.machines,
        paired: row
            .paired_vcpus
            .zip(row.paired_memory_gib)
            .map(|(vcpus, memory)| host(vcpus, memory)),
        source: row.source,
    })
    .collect()
}

/// Configuration servers that are process servers too. The first carries fewer than 100 machines, the others up to their bound.
#[must_use]
pub fn configuration_servers() -> &'static [ServerSize] {
    static ROWS: LazyLock<Vec<ServerSize>> = LazyLock::new(|| rows("configuration"));
    &ROWS
}

/// Additional process servers, beside a configuration server that is none.
#[must_use]
pub fn process_servers() -> &'static [ServerSize] {
    static ROWS: LazyLock<Vec<ServerSize>> = LazyLock::new(|| rows("process"));
    &ROWS
}

/// Machines that a configuration server manages: 200 in 2017 (a later page says 550, another 650).
pub const CONFIGURATION_SERVER_MACHINES: u32 = 200;

/// An estate, as far as the tables ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estate {
    /// Machines to protect.
    pub machines: u32,
    /// Bytes that change per day, all machines together.
    pub daily_change_bytes: u64,
}

/// What an estate needs by the tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sizing {
    /// Configuration servers.
    pub configuration_servers: u32,
    /// Process servers beside them, as few as can be; 0 where one configuration server does that too.
    pub process_servers: u32,
    /// The size of each process server (of the configuration server where there is none).
    pub size: ServerSize,
}

impl ServerSize {
    fn carries(&self, machines: u32, daily_change_bytes: u64) -> bool {
        self.machines >= machines && self.daily_change_bytes >= daily_change_bytes
    }
}

/// What an estate needs: the larger of what its machines and what its changes demand. Machines and changes spread evenly, so each
/// process server has the smallest size that carries its share.
#[must_use]
pub fn required_servers(estate: Estate) -> Sizing {
    required_servers_with(estate, CONFIGURATION_SERVER_MACHINES)
}

/// The same where a configuration server manages so many machines.
#[must_use]
pub fn required_servers_with(estate: Estate, configuration_server_machines: u32) -> Sizing {
    let alone = |size: &&ServerSize| size.carries(estate.machines, estate.daily_change_bytes);
    if let Some(size) = configuration_servers().iter().find(alone) {
        return Sizing {
            configuration_servers: 1,
            process_servers: 0,
            size: size.clone(),
        };
    }
    let sizes = process_servers();
    let largest = &sizes[sizes.len() - 1];
    let by_change = estate.daily_change_bytes.div_ceil(largest.daily_change_bytes);
    let by_change = u32::try_from(by_change).unwrap_or(u32::MAX);
    let by_machines = estate.machines.div_ceil(largest.machines);
    let configuration_servers = estate.machines.div_ceil(configuration_server_machines.max(1));
    // A process server belongs to one configuration server.
    let process_servers = by_change.max(by_machines).max(configuration_servers);
    let machines = estate.machines.div_ceil(process_servers);
    let daily = estate.daily_change_bytes.div_ceil(u64::from(process_servers));
    let size = sizes.iter().find(|size| size.carries(machines, daily));
    Sizing {
        configuration_servers,
        process_servers,
        size: size.unwrap_or(largest).clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Facts §3.1, its rows as they stand there: vCPU, RAM, cache disk, daily change, machines.
    const FACTS_3_1: &str = "
        8 (2×4 @2.5 GHz) | 16 GB | 300 GB | ≤500 GB     | <100
        12 (2×6)         | 18 GB | 600 GB | 500 GB–1 TB | 100–150
        16 (2×8)         | 32 GB | 1 TB   | 1–2 TB      | 150–200";
    /// Facts §3.2: extra process server, cache, daily change, machines, paired configuration server.
    const FACTS_3_2: &str = "
        4 vCPU (2×2), 8 GB   | 300 GB | ≤250 GB     | ≤85     | 8 vCPU/16 GB
        8 vCPU (2×4), 12 GB  | 600 GB | 250 GB–1 TB | 85–150  | 8 vCPU/16 GB
        12 vCPU (2×6), 24 GB | 1 TB   | 1–2 TB      | 150–225 | 12 vCPU/18 GB";

    fn cells(table: &str) -> Vec<Vec<&str>> {
        let lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(|line| line.split('|').map(str::trim).collect()).collect()
    }

    fn number(text: &str) -> u64 {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_else(|_| panic!("a number in {text}"))
    }

    /// The upper end of a range of sizes, in bytes of powers of 1000.
    fn bytes(text: &str) -> u64 {
        let upper = text.rsplit('–').next().unwrap_or(text).trim_start_matches('≤');
        let unit = if upper.ends_with("TB") { 1_000 * GB } else { GB };
        number(upper) * unit
    }

    /// The upper end of a range of machines; what is said to be below a number is one less.
    fn machines(text: &str) -> u32 {
        let upper = text.rsplit('–').next().unwrap_or(text);
        let upper = match upper.strip_prefix('<') {
            Some(below) => number(below) - 1,
            None => number(upper.trim_start_matches('≤')),
        };
        u32::try_from(upper).unwrap()
    }

    /// `8 vCPU (2×4), 12 GB` or `8 vCPU/16 GB`.
    fn machine(text: &str) -> Host {
        let memory = text.rsplit([',', '/']).next().unwrap_or(text).trim();
        host(u32::try_from(number(text)).unwrap(), number(memory))
    }

    #[test]
    fn every_row_of_configuration_servers_is_that_of_the_facts() {
        let rows = cells(FACTS_3_1);
        assert_eq!(rows.len(), configuration_servers().len());
        for (fact, size) in rows.iter().zip(configuration_servers()) {
            assert_eq!(u64::from(size.vcpus), number(fact[0]), "{fact:?}");
            assert_eq!(size.memory_bytes, number(fact[1]) * GIB, "{fact:?}");
            assert_eq!(size.cache_bytes, bytes(fact[2]), "{fact:?}");
            assert_eq!(size.daily_change_bytes, bytes(fact[3]), "{fact:?}");
            assert_eq!(size.machines, machines(fact[4]), "{fact:?}");
            assert_eq!(size.paired, None, "{fact:?}");
        }
        assert_eq!(CONFIGURATION_SERVER_MACHINES, 200);
    }

    #[test]
    fn every_row_of_additional_process_servers_is_that_of_the_facts() {
        let rows = cells(FACTS_3_2);
        assert_eq!(rows.len(), process_servers().len());
        for (fact, size) in rows.iter().zip(process_servers()) {
            assert_eq!(host(size.vcpus, size.memory_bytes / GIB), machine(fact[0]), "{fact:?}");
            assert_eq!(size.cache_bytes, bytes(fact[1]), "{fact:?}");
            assert_eq!(size.daily_change_bytes, bytes(fact[2]), "{fact:?}");
            assert_eq!(size.machines, machines(fact[3]), "{fact:?}");
            assert_eq!(size.paired, Some(machine(fact[4])), "{fact:?}");
        }
    }

    fn sizing(machines: u32, gigabytes: u64) -> Sizing {
        required_servers(Estate {
            machines,
            daily_change_bytes: gigabytes * GB,
        })
    }

    #[test]
    fn each_row_is_what_an_estate_within_it_gets() {
        for (machines, gigabytes, vcpus) in [
            (99, 500, 8),
            (100, 500, 12),
            (90, 501, 12),
            (150, 1000, 12),
            (151, 400, 16),
            (90, 1001, 16),
            (200, 2000, 16),
        ] {
            let sizing = sizing(machines, gigabytes);
            assert_eq!((sizing.configuration_servers, sizing.process_servers), (1, 0));
            assert_eq!(sizing.size.vcpus, vcpus, "{machines} machines, {gigabytes} GB a day");
        }
    }

    #[test]
    fn more_than_one_server_carries_needs_more() {
        for (machines, gigabytes, configuration_servers, process_servers, vcpus) in [
            // By machines: two configuration servers, each with a process server for half of them.
            (201, 500, 2, 2, 8),
            (201, 2001, 2, 2, 12),
            (1000, 8000, 5, 5, 12),
            // By changes: one configuration server, whose process servers share them.
            (100, 2001, 1, 2, 12),
            (80, 2001, 1, 2, 12),
            (160, 4001, 1, 3, 12),
        ] {
            let sizing = sizing(machines, gigabytes);
            let counted = (sizing.configuration_servers, sizing.process_servers);
            assert_eq!(
                counted,
                (configuration_servers, process_servers),
                "{machines} machines, {gigabytes} GB a day"
            );
            assert_eq!(sizing.size.vcpus, vcpus, "{machines} machines, {gigabytes} GB a day");
        }
    }

    #[test]
    fn a_configuration_server_that_manages_more_needs_fewer_beside_it() {
        let estate = Estate {
            machines: 1000,
            daily_change_bytes: 8_000 * GB,
        };
        let counted = |limit| {
            let sizing = required_servers_with(estate, limit);
            (sizing.configuration_servers, sizing.process_servers)
        };
        assert_eq!((counted(200), counted(550), counted(650)), ((5, 5), (2, 5), (2, 5)));
    }
}
