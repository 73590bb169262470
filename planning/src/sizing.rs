//! Process and configuration servers by the vendor's tables (facts §3.1, §3.2), as data with the source of each row.
//!
//! Where sources conflict, the row used is the one of the era "2017 classic"; [`CONFIGURATION_SERVER_MACHINES`] says which.

const GIB: u64 = 1 << 30;
const GB: u64 = 1_000_000_000;

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
    /// Where the row comes from.
    pub source: &'static str,
}

const fn row(vcpus: u32, memory: u64, cache: u64, daily: u64, machines: u32, source: &'static str) -> ServerSize {
    ServerSize {
        vcpus,
        memory_bytes: memory * GIB,
        cache_bytes: cache * GB,
        daily_change_bytes: daily * GB,
        machines,
        source,
    }
}

/// Configuration servers that are process servers too.
pub const CONFIGURATION_SERVERS: [ServerSize; 3] = [
    row(
        8,
        16,
        300,
        500,
        100,
        "site-recovery-plan-capacity-vmware.md (2017-02), facts §3.1",
    ),
    row(
        12,
        18,
        600,
        1000,
        150,
        "site-recovery-plan-capacity-vmware.md (2017-02), facts §3.1",
    ),
    row(
        16,
        32,
        1000,
        2000,
        200,
        "site-recovery-plan-capacity-vmware.md (2017-02), facts §3.1",
    ),
];

/// Additional process servers.
pub const PROCESS_SERVERS: [ServerSize; 3] = [
    row(
        4,
        8,
        300,
        250,
        85,
        "site-recovery-plan-capacity-vmware.md (2017-02), facts §3.2",
    ),
    row(
        8,
        12,
        600,
        1000,
        150,
        "site-recovery-plan-capacity-vmware.md (2017-02), facts §3.2",
    ),
    row(
        12,
        24,
        1000,
        2000,
        225,
        "site-recovery-plan-capacity-vmware.md (2017-02), facts §3.2",
    ),
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
    /// Process servers of the largest size beside them; 0 where one configuration server does that too.
    pub process_servers: u32,
    /// The size of each process server (of the configuration server where there is none).
    pub size: ServerSize,
}

/// What an estate needs: the larger of what its machines and what its changes demand. Machines spread evenly.
#[must_use]
pub fn required_servers(estate: Estate) -> Sizing {
    let carries =
        |size: &&ServerSize| size.machines >= estate.machines && size.daily_change_bytes >= estate.daily_change_bytes;
    if let Some(size) = CONFIGURATION_SERVERS.iter().find(carries) {
        return Sizing {
            configuration_servers: 1,
            process_servers: 0,
            size: *size,
        };
    }
    let largest = PROCESS_SERVERS[PROCESS_SERVERS.len() - 1];
    let by_change = estate.daily_change_bytes.div_ceil(largest.daily_change_bytes) as u32;
    let by_machines = estate.machines.div_ceil(largest.machines);
    let configuration_servers = estate.machines.div_ceil(CONFIGURATION_SERVER_MACHINES);
    Sizing {
        configuration_servers,
        // A process server belongs to one configuration server.
        process_servers: by_change.max(by_machines).max(configuration_servers),
        size: largest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizing(machines: u32, gigabytes: u64) -> Sizing {
        required_servers(Estate {
            machines,
            daily_change_bytes: gigabytes * GB,
        })
    }

    #[test]
    fn documented_rows_come_out_as_documented() {
        assert_eq!(sizing(90, 500).size.vcpus, 8);
        assert_eq!(sizing(90, 501).size.vcpus, 12);
        assert_eq!(sizing(120, 400).size.vcpus, 12);
        assert_eq!(sizing(200, 2000).size.vcpus, 16);
        for (machines, gigabytes) in [(90, 500), (150, 1000), (200, 2000)] {
            let sizing = sizing(machines, gigabytes);
            assert_eq!((sizing.configuration_servers, sizing.process_servers), (1, 0));
        }
    }

    #[test]
    fn more_than_one_server_carries_needs_more() {
        let more = sizing(201, 500);
        assert_eq!((more.configuration_servers, more.process_servers), (2, 2));
        let busy = sizing(100, 2001);
        assert_eq!((busy.configuration_servers, busy.process_servers), (1, 2));
        let large = sizing(1000, 8000);
        assert_eq!((large.configuration_servers, large.process_servers), (5, 5));
    }
}
