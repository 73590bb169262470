//! The fleet of the library is one that the vendor's tables allow, with as many servers as they demand and no more.

use std::path::Path;

use actors::workload::StreamKind;
use planning::churn::{MACHINE_PEAK_MAX, Target, disk_max};
use planning::sizing::{Estate, required_servers};
use scenarios::model::Stream;
use scenarios::{Options, Scenario, load};

const DAY_SECONDS: u64 = 86_400;

fn fleet() -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/fleet.toml");
    load(&path, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// Mean bytes per second of a stream with its bursts, and the most that it writes.
fn churn(stream: &Stream) -> (u64, u64) {
    let StreamKind::Synthetic(synthetic) = &stream.kind else {
        panic!("the fleet's writes are synthetic");
    };
    let base = synthetic.bytes_per_second;
    let hour = u64::from(synthetic.hours_per_mille.iter().copied().max().unwrap_or(1_000));
    let (mean, peak) = match synthetic.burst {
        // A burst lasts part of the time between two.
        Some((every, lasts, factor)) => (
            base + base * u64::from(lasts) * (u64::from(factor) - 1_000) / (u64::from(every) * 1_000),
            base * u64::from(factor) / 1_000,
        ),
        None => (base, base),
    };
    (mean, peak * hour / 1_000)
}

#[test]
fn the_fleet_has_the_servers_that_the_tables_demand() {
    let fleet = fleet();
    let daily: u64 = fleet
        .vms
        .iter()
        .flat_map(|vm| &vm.workload.streams)
        .map(|stream| churn(stream).0 * DAY_SECONDS)
        .sum();
    let needed = required_servers(Estate {
        machines: u32::try_from(fleet.vms.len()).unwrap(),
        daily_change_bytes: daily,
    });
    let count =
        |role: fn(&scenarios::model::Roles) -> bool| fleet.servers.iter().filter(|server| role(&server.roles)).count();
    assert_eq!(
        count(|roles| roles.configuration_server),
        needed.configuration_servers as usize
    );
    assert_eq!(
        count(|roles| roles.process_server),
        needed.process_servers as usize,
        "{daily} bytes a day"
    );
    for (number, server) in fleet.servers.iter().enumerate() {
        let machines = || fleet.vms.iter().filter(move |vm| vm.process_server == number);
        if server.roles.process_server {
            let change: u64 = machines()
                .flat_map(|vm| &vm.workload.streams)
                .map(|stream| churn(stream).0 * DAY_SECONDS)
                .sum();
            assert!(
                change <= needed.size.daily_change_bytes,
                "{}: {change} bytes a day",
                server.name
            );
            assert!(machines().count() <= needed.size.machines as usize, "{}", server.name);
            assert_eq!(server.disk_bytes, needed.size.cache_bytes);
            assert_eq!(server.cores, needed.size.vcpus);
        }
        if server.roles.configuration_server {
            let managed = fleet.vms.iter().filter(|vm| vm.configuration_server == number).count();
            assert!(
                managed <= planning::sizing::CONFIGURATION_SERVER_MACHINES as usize,
                "{}",
                server.name
            );
        }
    }
}

#[test]
fn no_disk_and_no_machine_of_the_fleet_writes_more_than_is_allowed() {
    for vm in &fleet().vms {
        let streams = &vm.workload.streams;
        assert!(
            streams
                .iter()
                .all(|stream| churn(stream).0 <= disk_max(Target::Standard, 8 << 10)),
            "{}",
            vm.name
        );
        let peak: u64 = streams.iter().map(|stream| churn(stream).1).sum();
        assert!(peak <= MACHINE_PEAK_MAX, "{}: {peak}", vm.name);
    }
}
