//! Where machines go: storage accounts, sizes of Azure machines, the network's circuit (facts §3.5 to §3.7).

use serde::Serialize;

use crate::estate::Vm;
use crate::gates::{Storage, limit};
use crate::options::Options;
use crate::tables::{Gateway, VmSize, gate};

const MIB: u64 = 1 << 20;
/// Prefixes of three characters.
const PREFIXES: u64 = 36 * 36 * 36;

/// A machine, as far as its placement asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// Its place in the estate.
    pub vm: usize,
    /// Its storage.
    pub storage: Storage,
    /// The size of its disks in bytes.
    pub size_bytes: u64,
    /// Peak of reads and writes per second with growth, in hundredths.
    pub iops: u64,
    /// Peak of writes per second with growth, in hundredths.
    pub write_iops: u64,
    /// What its snapshots take, in bytes.
    pub snapshot_bytes: u64,
    /// Its disks.
    pub disks: u32,
}

/// Kinds of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountKind {
    /// A standard storage account.
    Standard,
    /// A premium storage account, with a standard log account beside it.
    Premium,
    /// Managed disks: only a standard cache account.
    Cache,
}

/// A storage account with its machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Its kind.
    pub kind: AccountKind,
    /// Three characters to begin its name with. Names that begin alike end up side by side in Azure's storage, so each differs.
    pub prefix: String,
    /// Its name, to be put after the prefix, with the owner's own words if wanted.
    pub name: String,
    /// The name of the standard log account of a premium one, with its prefix.
    pub log_account: Option<String>,
    /// Peak of reads and writes per second, the sum over its machines, in hundredths.
    pub iops: u64,
    /// Peak of writes per second, the sum over its machines, in hundredths.
    pub write_iops: u64,
    /// The size of its disks in bytes.
    pub size_bytes: u64,
    /// Its disks.
    pub disks: u32,
    /// What its snapshots take, in bytes.
    pub snapshot_bytes: u64,
    /// Its machines, by their places in the estate.
    pub vms: Vec<usize>,
    /// Whether a single machine exceeds what the account carries.
    pub exceeded: bool,
}

/// The prefix of the account with a number: far from that of its neighbour.
fn prefix(number: u64) -> String {
    // A prime that shares no factor with their number: each number below it has a prefix of its own.
    let scattered = (number * 29_011 + 7_919) % PREFIXES;
    let digits = [scattered / 1_296, scattered / 36 % 36, scattered % 36];
    let letter = |digit: u64| char::from(b"abcdefghijklmnopqrstuvwxyz0123456789"[digit as usize % 36]);
    digits.into_iter().map(letter).collect()
}

fn figure(rule: &str, options: &Options) -> u64 {
    gate(rule, options.era).map_or(u64::MAX, |gate| limit(gate).0)
}

/// Places machines in accounts: the heaviest first, each in the first account that still carries it. A machine stays together. What a
/// standard account carries are reads and writes; what a premium account carries are twice the size of its disks (a test failover has as
/// many again) and its snapshots.
#[must_use]
pub fn accounts(loads: &[Load], options: &Options) -> Vec<Account> {
    let iops = figure("standard-account-iops", options);
    let (size, snapshots) = (
        figure("premium-account-size", options),
        figure("premium-account-snapshots", options),
    );
    let kind = |load: &Load| match load.storage {
        _ if options.managed_disks => AccountKind::Cache,
        Storage::Standard => AccountKind::Standard,
        Storage::Premium => AccountKind::Premium,
    };
    // Only writes pass through a cache account.
    let weight = |load: &Load| match kind(load) {
        AccountKind::Standard => load.iops,
        AccountKind::Cache => load.write_iops,
        AccountKind::Premium => load.size_bytes,
    };
    let carries = |account: &Account| match account.kind {
        AccountKind::Standard => account.iops <= iops,
        AccountKind::Cache => account.write_iops <= iops,
        AccountKind::Premium => account.size_bytes.saturating_mul(2) <= size && account.snapshot_bytes <= snapshots,
    };
    let mut heaviest: Vec<&Load> = loads.iter().collect();
    heaviest.sort_by_key(|load| (std::cmp::Reverse(weight(load)), load.vm));
    let mut accounts: Vec<Account> = Vec::new();
    for load in heaviest {
        let kind = kind(load);
        let with = |account: &Account| Account {
            iops: account.iops.saturating_add(load.iops),
            write_iops: account.write_iops.saturating_add(load.write_iops),
            size_bytes: account.size_bytes.saturating_add(load.size_bytes),
            snapshot_bytes: account.snapshot_bytes.saturating_add(load.snapshot_bytes),
            disks: account.disks + load.disks,
            vms: account.vms.iter().copied().chain([load.vm]).collect(),
            ..account.clone()
        };
        // The sums alone are tried first: copying an account's list of machines for each try would be slow.
        let fits = |account: &Account| {
            account.kind == kind
                && carries(&with(&Account {
                    vms: Vec::new(),
                    ..blank(account)
                }))
        };
        match accounts.iter().position(fits) {
            Some(place) => accounts[place] = with(&accounts[place]),
            None => {
                let number = accounts.len() as u64;
                let nth = accounts.iter().filter(|account| account.kind == kind).count() + 1;
                let word = match kind {
                    AccountKind::Standard => "standard",
                    AccountKind::Premium => "premium",
                    AccountKind::Cache => "cache",
                };
                let log = prefix(PREFIXES / 2 + number);
                let account = Account {
                    kind,
                    prefix: prefix(number),
                    name: format!("{word}{nth}"),
                    log_account: (kind == AccountKind::Premium).then(|| format!("{log}log{nth}")),
                    iops: 0,
                    write_iops: 0,
                    size_bytes: 0,
                    disks: 0,
                    snapshot_bytes: 0,
                    vms: Vec::new(),
                    exceeded: false,
                };
                let mut account = with(&account);
                account.exceeded = !carries(&account);
                accounts.push(account);
            }
        }
    }
    for account in &mut accounts {
        account.vms.sort_unstable();
    }
    accounts
}

/// An account's figures without its names and machines.
fn blank(account: &Account) -> Account {
    Account {
        prefix: String::new(),
        name: String::new(),
        log_account: None,
        vms: Vec::new(),
        ..*account
    }
}

/// The size of an Azure machine for a machine: of all that have its processors, memory, data disks, adapters and storage those of the
/// newest series, of these the one with the fewest processors, then the least memory, then the first in the table.
#[must_use]
pub fn vm_size<'a>(vm: &Vm, storage: Storage, sizes: &'a [VmSize]) -> Option<&'a VmSize> {
    let data_disks = vm.disks.len().saturating_sub(1);
    let fits = |size: &&VmSize| {
        size.vcpus >= vm.cores
            && size.memory_mib.saturating_mul(MIB) >= vm.memory_bytes
            && size.data_disks as usize >= data_disks
            && size.nics >= vm.nics
            && (size.premium || storage == Storage::Standard)
    };
    sizes
        .iter()
        .filter(fits)
        .min_by_key(|size| (std::cmp::Reverse(size.generation), size.vcpus, size.memory_mib))
}

/// The smallest circuit or gateway of a kind that carries a rate in bits per second; none where none is large enough.
#[must_use]
pub fn gateway<'a>(kind: &str, bits_per_second: u64, gateways: &'a [Gateway]) -> Option<&'a Gateway> {
    let carries = |gateway: &&Gateway| {
        gateway.kind == kind && gateway.mbit_per_second.saturating_mul(1_000_000) >= bits_per_second
    };
    gateways
        .iter()
        .filter(carries)
        .min_by_key(|gateway| gateway.mbit_per_second)
}
