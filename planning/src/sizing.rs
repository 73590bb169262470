//! Process and configuration servers by the vendor's tables (facts §3.1, §3.2), as data with the source of each row.
//!
//! Where sources conflict, the row used is the one of the era "2017 classic"; [`CONFIGURATION_SERVER_MACHINES`] says which.

const GIB: u64 = 1 << 30;
const GB: u64 = 1_000_000_000;

/// Processors and memory of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host {
    /// Virtual processors.
    pub vcpus: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
}

/// One row of a table: what a server of this size carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    pub source: &'static str,
}

const fn host(vcpus: u32, memory: u64) -> Host {
    Host {
        vcpus,
        memory_bytes: memory * GIB,
    }
}

const fn row(own: Host, cache: u64, daily: u64, machines: u32, paired: Option<Host>) -> ServerSize {
    ServerSize {
        vcpus: own.vcpus,
        memory_bytes: own.memory_bytes,
        cache_bytes: cache * GB,
        daily_change_bytes: daily * GB,
        machines,
        paired,
        source: match paired {
            None => "site-recovery-plan-capacity-vmware.md (2017-02), facts §3.1",
            Some(_) => "site-recovery-plan-capacity-vmware.md (2017-02), facts §3.2",
        },
    }
}

/// Configuration servers that are process servers too. The first carries fewer than 100 machines, the others up to their bound.
pub const CONFIGURATION_SERVERS: [ServerSize; 3] = [
    row(host(8, 16), 300, 500, 99, None),
    row(host(12, 18), 600, 1000, 150, None),
    row(host(16, 32), 1000, 2000, 200, None),
];

/// Additional process servers, beside a configuration server that is none.
pub const PROCESS_SERVERS: [ServerSize; 3] = [
    row(host(4, 8), 300, 250, 85, Some(host(8, 16))),
    row(host(8, 12), 600, 1000, 150, Some(host(8, 16))),
    row(host(12, 24), 1000, 2000, 225, Some(host(12, 18))),
];

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    let alone = |size: &&ServerSize| size.carries(estate.machines, estate.daily_change_bytes);
    if let Some(size) = CONFIGURATION_SERVERS.iter().find(alone) {
        return Sizing {
            configuration_servers: 1,
            process_servers: 0,
            size: *size,
        };
    }
    let largest = PROCESS_SERVERS[PROCESS_SERVERS.len() - 1];
    let by_change = estate.daily_change_bytes.div_ceil(largest.daily_change_bytes);
    let by_change = u32::try_from(by_change).unwrap_or(u32::MAX);
    let by_machines = estate.machines.div_ceil(largest.machines);
    let configuration_servers = estate.machines.div_ceil(CONFIGURATION_SERVER_MACHINES);
    // A process server belongs to one configuration server.
    let process_servers = by_change.max(by_machines).max(configuration_servers);
    let machines = estate.machines.div_ceil(process_servers);
    let daily = estate.daily_change_bytes.div_ceil(u64::from(process_servers));
    let size = PROCESS_SERVERS.iter().find(|size| size.carries(machines, daily));
    Sizing {
        configuration_servers,
        process_servers,
        size: *size.unwrap_or(&largest),
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

    fn rows(table: &str) -> Vec<Vec<&str>> {
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
        let rows = rows(FACTS_3_1);
        assert_eq!(rows.len(), CONFIGURATION_SERVERS.len());
        for (fact, size) in rows.iter().zip(CONFIGURATION_SERVERS) {
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
        let rows = rows(FACTS_3_2);
        assert_eq!(rows.len(), PROCESS_SERVERS.len());
        for (fact, size) in rows.iter().zip(PROCESS_SERVERS) {
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
}
