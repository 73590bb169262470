//! What a plan is to be billed for.
//!
//! Writes to storage are reckoned by our own model: what a machine sends is uploaded in pieces as large as a thread of the process server
//! uploads together (`process_server.upload`), and each crash-consistent point brings a tag; on standard storage the pieces are written once
//! more, to the machine's disks. Premium disks cost no transactions. Reads, lists and what is written again after a failure are not in it.

use crate::check::PlanError;
use crate::cost::{self, Bill, MONTH_HOURS, Prices, Protected, cost};
use crate::demand::scaled;
use crate::gates::{DiskTarget, Storage, Unit, Verdict};
use crate::options::{Network, Options};
use crate::os::is_windows;
use crate::placement::gateway;
use crate::plan::Circuit;
use crate::recommend::{Work, figure};
use crate::tables::VmSize;
use actors::spec::default_policy;

const HOUR_SECONDS: u128 = 3_600;
const NANOSECONDS: u128 = 1_000_000_000;

/// The circuit or gateway of a bandwidth in bits per second.
pub(crate) fn circuit(options: &Options, rate: u64) -> Option<Circuit> {
    let kind = match options.network {
        Network::ExpressRoute => "expressroute",
        Network::Vpn => "vpn",
        Network::Internet => return None,
    };
    let row = gateway(kind, rate, &options.tables.gateways)?;
    Some(Circuit {
        name: row.name.clone(),
        bits_per_second: figure(row.mbit_per_second * 1_000_000, Unit::BitsPerSecond, "circuit"),
        source: row.source.clone(),
    })
}

/// What it costs. The factor is of what is written, in millionths.
///
/// # Errors
/// [`PlanError::AlwaysOn`] where the table has no such size.
pub(crate) fn bill(
    work: &Work<'_>,
    sizes: &[Option<&VmSize>],
    network: Option<&Circuit>,
    prices: &Prices,
    factor: u128,
) -> Result<cost::Cost, PlanError> {
    let options = work.options;
    let machine = |size: &VmSize, windows: bool| cost::Machine {
        size: size.name.clone(),
        vcpus: size.vcpus,
        memory_mib: size.memory_mib,
        windows,
    };
    let between = u128::from(default_policy("").crash_consistent_every).max(1);
    let tags = (MONTH_HOURS * HOUR_SECONDS * NANOSECONDS).div_ceil(between);
    let protected: Vec<Protected> = work
        .counted()
        .map(|(place, vm, demand, verdict)| {
            let used = vm
                .disks
                .iter()
                .map(|disk| disk.used_bytes.unwrap_or(disk.size_bytes))
                .sum();
            // Logs are compressed like the changes that they hold, over the time for which points are kept.
            let logs = demand.disks.iter().fold(0_u128, |sum, disk| {
                sum + u128::from(scaled(disk.mean_written, factor)) * u128::from(disk.compressed_per_mille)
            });
            let sent = logs * HOUR_SECONDS * MONTH_HOURS * u128::from(options.sent_per_mille) / 1_000_000;
            let pieces = sent.div_ceil(u128::from(options.model.process_server.upload).max(1));
            let written = if verdict.storage == Storage::Standard { 2 } else { 1 };
            let logs = logs * HOUR_SECONDS * u128::from(options.retention_hours) / 1_000;
            Protected {
                machine: sizes[place].map(|size| machine(size, is_windows(&vm.os))),
                tiers: tiers(verdict),
                standard_bytes: if verdict.storage == Storage::Standard { used } else { 0 },
                log_bytes: u64::try_from(logs).unwrap_or(u64::MAX),
                transactions: u64::try_from(pieces * written + tags).unwrap_or(u64::MAX),
            }
        })
        .collect();
    let always_on: Result<Vec<cost::Machine>, PlanError> = options
        .always_on
        .iter()
        .map(|name| {
            let size = options.tables.vm_sizes.iter().find(|size| &size.name == name);
            size.map(|size| machine(size, true))
                .ok_or_else(|| PlanError::AlwaysOn(name.clone()))
        })
        .collect();
    let bill = Bill {
        protected: &protected,
        always_on: &always_on?,
        network: network.map(|circuit| (circuit.name.as_str(), circuit.bits_per_second.value / 1_000_000)),
        drills: options.drills,
        hybrid_benefit: options.hybrid_benefit,
    };
    Ok(cost(&bill, prices))
}

/// The premium disks of a machine. One that no row is large enough for has a name without a price, so that the bill says what it lacks.
fn tiers(verdict: &Verdict) -> Vec<String> {
    if verdict.storage == Storage::Standard {
        return Vec::new();
    }
    let named = |disk: &DiskTarget| {
        disk.tier
            .clone()
            .unwrap_or_else(|| "premium disk larger than any of the table".to_owned())
    };
    verdict.disks.iter().map(named).collect()
}
