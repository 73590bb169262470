//! From an estate, its profile and a planner's options to a [`Plan`].

use crate::bill::{bill, circuit};
pub use crate::check::PlanError;
use crate::check::{check, is_named};
use crate::demand::{Known, Totals, VmDemand, demands, totals};
use crate::estate::{Boot, Disk, Estate, Vm};
use crate::gates::{Unit, Verdict, judge, snapshot_bytes};
use crate::options::Options;
use crate::origins::{columns, origins};
use crate::outages::in_window;
use crate::placement::{Load, accounts, vm_size};
use crate::plan::{Compatibility, Figure, Machine, Plan, Servers, Summary, Throttled};
use crate::profile::Profile;
use crate::queue::Arrivals;
use crate::recovery::recovery;
use crate::sizing::{self, Sizing, process_servers, required_servers_with};
use crate::tables::{VmSize, configuration_server_limits};
use crate::tornado::tornado;
use crate::what_if;
use actors::nouns::Throttle;

/// A figure.
pub(crate) const fn figure(value: u64, unit: Unit, origin: &'static str) -> Figure {
    Figure { value, unit, origin }
}

/// What the steps of a plan share.
pub(crate) struct Work<'a> {
    pub estate: &'a Estate,
    pub profile: Option<&'a Profile>,
    pub options: &'a Options,
    pub demands: Vec<VmDemand>,
    pub verdicts: Vec<Verdict>,
    /// Machines that count.
    pub chosen: Vec<bool>,
    pub totals: Totals,
    pub arrivals: Arrivals,
}

impl<'a> Work<'a> {
    /// Judges the machines and sums what those that count write.
    ///
    /// # Errors
    /// [`PlanError`] where the profile is not that of the estate, or an option is out of its range.
    pub fn new(estate: &'a Estate, profile: Option<&'a Profile>, options: &'a Options) -> Result<Self, PlanError> {
        check(estate, profile, options)?;
        let settings = options.settings();
        let demands = demands(estate, profile, &settings);
        let (verdicts, chosen) = judged(estate, &demands, options);
        let totals = totals(estate, profile, &demands, &settings, &chosen);
        Ok(Work::made(
            (estate, profile, options),
            demands,
            (verdicts, chosen),
            totals,
        ))
    }

    /// The same estate by other options, made anew only as far as these reach into it.
    ///
    /// # Errors
    /// [`PlanError`] where an option is out of its range.
    pub fn with<'b>(&self, options: &'b Options) -> Result<Work<'b>, PlanError>
    where
        'a: 'b,
    {
        let of_demands = |options: &Options| (options.compression, options.percentile_per_mille, options.shape);
        if of_demands(options) != of_demands(self.options) {
            return Work::new(self.estate, self.profile, options);
        }
        check(self.estate, self.profile, options)?;
        let demands = self.demands.clone();
        let (verdicts, chosen) = judged(self.estate, &demands, options);
        let settings = options.settings();
        let totals = if chosen == self.chosen {
            self.totals.clone().sent_by(&settings)
        } else {
            totals(self.estate, self.profile, &demands, &settings, &chosen)
        };
        let of = (self.estate, self.profile, options);
        Ok(Work::made(of, demands, (verdicts, chosen), totals))
    }

    /// Of its parts.
    fn made(
        (estate, profile, options): (&'a Estate, Option<&'a Profile>, &'a Options),
        demands: Vec<VmDemand>,
        (verdicts, chosen): (Vec<Verdict>, Vec<bool>),
        totals: Totals,
    ) -> Self {
        let arrivals = totals.arrivals(options.growth_per_mille);
        Work {
            estate,
            profile,
            options,
            demands,
            verdicts,
            chosen,
            totals,
            arrivals,
        }
    }

    /// The servers of the machines that count, by the vendor's tables.
    pub fn sizing(&self) -> Sizing {
        let estate = sizing::Estate {
            machines: u32::try_from(self.server_machines()).unwrap_or(u32::MAX),
            daily_change_bytes: self.options.grown(self.totals.busiest_day_bytes()),
        };
        required_servers_with(estate, self.options.configuration_server_limit)
    }

    /// Machines as the tables of servers count them: of three disks each.
    fn server_machines(&self) -> u64 {
        let disks: u64 = self.counted().map(|(_, vm, _, _)| vm.disks.len() as u64).sum();
        (self.counted().count() as u64).max(disks.div_ceil(3))
    }

    /// What is written of what was recorded, with growth, in millionths.
    pub fn factor(&self) -> u128 {
        (1_000 + u128::from(self.options.growth_per_mille)) * 1_000
    }

    /// Process servers, at least one: where the tables ask for none beside it, the configuration server is one.
    pub fn process_servers(&self) -> u64 {
        u64::from(self.sizing().process_servers.max(1))
    }

    pub fn sum(&self, chosen: &[bool]) -> Totals {
        totals(
            self.estate,
            self.profile,
            &self.demands,
            &self.options.settings(),
            chosen,
        )
    }

    /// Machines that count with their demands, by their places.
    pub fn counted(&self) -> impl Iterator<Item = (usize, &'a Vm, &VmDemand, &Verdict)> {
        let all = self
            .estate
            .vms
            .iter()
            .zip(&self.demands)
            .zip(&self.verdicts)
            .enumerate();
        all.filter(|(vm, _)| self.chosen[*vm])
            .map(|(place, ((vm, demand), verdict))| (place, vm, demand, verdict))
    }

    /// What an initial copy of each machine that counts sends, by their places.
    pub fn copies(&self) -> impl Iterator<Item = (usize, u64)> {
        self.counted().map(|(place, vm, _, _)| {
            let disks = vm.disks.iter();
            (
                place,
                disks.fold(0_u64, |sum, disk| sum.saturating_add(self.copied(disk))),
            )
        })
    }

    /// What an initial copy of a disk sends.
    fn copied(&self, disk: &Disk) -> u64 {
        let used = u128::from(disk.used_bytes.unwrap_or(disk.size_bytes));
        let framing = 1_000_000 + u128::from(self.options.framing_per_million);
        let sent = (used * u128::from(self.options.compression.of(disk)) * framing).div_ceil(1_000_000_000);
        u64::try_from(sent).unwrap_or(u64::MAX)
    }
}

/// How each machine fits, and whether it counts.
fn judged(estate: &Estate, demands: &[VmDemand], options: &Options) -> (Vec<Verdict>, Vec<bool>) {
    let included = |vm: &Vm| options.include.iter().any(|word| is_named(vm, word));
    let judged = estate.vms.iter().zip(demands).map(|(vm, demand)| {
        let verdict = judge(vm, demand, options);
        let counts = verdict.findings.is_empty() || included(vm);
        (verdict, counts)
    });
    judged.unzip()
}

/// Makes a plan.
///
/// # Errors
/// [`PlanError`] where the profile is not that of the estate, or an option is out of its range.
pub fn recommend(estate: &Estate, profile: Option<&Profile>, options: &Options) -> Result<Plan, PlanError> {
    let work = Work::new(estate, profile, options)?;
    let service = options.service.as_ref();
    let service = service.map(|service| {
        in_window(
            &work,
            service.clone(),
            &work.arrivals,
            options.weekly_outage_seconds,
            work.process_servers(),
        )
    });
    let bandwidths = what_if::bandwidths(&work);
    let all = work.chosen.iter().all(|chosen| *chosen);
    let bandwidth_of_all = if all { None } else { what_if::bandwidth_of_all(&work) };
    let given = service.as_ref().map(|service| what_if::given(&work, service));
    let what_if = what_if::lower_share(&work, &bandwidths);
    let needed = bandwidths[0].always.map_or(0, |figure| figure.value);
    let tornado = tornado(&work, needed)?;
    let initial_copy = what_if::initial_copy(&work, service.as_ref(), needed);
    let accounts = accounts(&loads(&work), options);
    let sizes = drill_sizes(&work);
    let cores = sizes.iter().flatten().map(|size| u64::from(size.vcpus)).sum();
    let rate = given
        .as_ref()
        .map_or(needed, |given| given.what_if.bits_per_second.value);
    let network = circuit(options, rate);
    let cost = options
        .prices
        .as_ref()
        .map(|prices| bill(&work, &sizes, network.as_ref(), prices, work.factor()))
        .transpose()?;
    let mut machines = machines(&work, &sizes);
    for account in &accounts {
        for vm in &account.vms {
            machines[*vm].account = Some(format!("{}{}", account.prefix, account.name));
        }
    }
    let summary = summary(&work);
    let band = crate::band::band(&work, needed)?;
    let answer = crate::answer::answer(&work, &summary, &bandwidths, given.as_ref());
    Ok(Plan {
        answer,
        assumptions: crate::answer::assumptions(&work),
        constants: crate::constants::constants(options),
        band,
        era: options.era,
        rpo_seconds: options.rpo_seconds,
        growth_per_mille: options.growth_per_mille,
        percentile_per_mille: options.percentile_per_mille,
        share_per_mille: options.share_per_mille,
        summary,
        bandwidths,
        bandwidth_of_all,
        throttles: throttles(&work),
        given,
        what_if,
        tornado,
        sweep: None,
        proof: None,
        find: None,
        initial_copy,
        recovery: recovery(&work),
        servers: servers(&work),
        azure_cores: figure(cores, Unit::Count, "azure-cores"),
        accounts,
        network,
        machines,
        cost,
        columns: columns(),
        origins: origins(),
    })
}

fn throttles(work: &Work<'_>) -> Vec<Throttled> {
    let rate = |bits: u64, origin| figure(bits, Unit::BitsPerSecond, origin);
    let row = |throttle: &Throttle| Throttled {
        days: throttle.day_names(),
        from_hour: throttle.from_hour,
        to_hour: throttle.to_hour,
        each: rate(throttle.bits_per_second, "throttle"),
        together: rate(
            throttle.bits_per_second.saturating_mul(work.process_servers()),
            "throttle-together",
        ),
    };
    work.options.throttles.iter().map(row).collect()
}

fn summary(work: &Work<'_>) -> Summary {
    let count = |value: usize, origin| figure(value as u64, Unit::Count, origin);
    let compatible = work.chosen.iter().filter(|chosen| **chosen).count();
    let unknown = work.demands.iter().filter(|demand| !demand.known()).count();
    let disks: usize = work.counted().map(|(_, vm, _, _)| vm.disks.len()).sum();
    let bytes: u64 = work.counted().map(|(_, vm, _, _)| vm.size_bytes()).sum();
    let left_out: Vec<bool> = work.chosen.iter().map(|chosen| !chosen).collect();
    let left_out = work.sum(&left_out).mean_day_bytes();
    let seconds = work.profile.map_or(0, |_| work.arrivals.seconds());
    let start = work
        .profile
        .map(|profile| profile.start_seconds)
        .filter(|start| *start != 0);
    let gaps = work.demands.iter().map(VmDemand::gaps).sum();
    Summary {
        start_seconds: start,
        profiled_seconds: figure(seconds, Unit::Seconds, "profiled"),
        machines: count(work.estate.vms.len(), "machines"),
        compatible: count(compatible, "compatible"),
        incompatible: count(work.estate.vms.len() - compatible, "incompatible"),
        data_not_found: count(unknown, "data-not-found"),
        disks: count(disks, "disks"),
        disks_per_machine: figure(
            (disks * 1_000 / compatible.max(1)) as u64,
            Unit::Thousandths,
            "disks-per-machine",
        ),
        disk_bytes: figure(bytes / (disks as u64).max(1), Unit::Bytes, "disk-size"),
        typical_day_bytes: figure(work.totals.mean_day_bytes(), Unit::BytesPerDay, "typical-day"),
        busiest_day_bytes: figure(work.totals.busiest_day_bytes(), Unit::BytesPerDay, "busiest-day"),
        left_out_day_bytes: figure(left_out, Unit::BytesPerDay, "left-out"),
        gaps: count(gaps, "gaps"),
    }
}

fn loads(work: &Work<'_>) -> Vec<Load> {
    let load = |(place, vm, demand, verdict): (usize, &Vm, &VmDemand, &Verdict)| Load {
        vm: place,
        storage: verdict.storage,
        size_bytes: vm.size_bytes(),
        iops: work.options.grown(demand.peak_iops.unwrap_or(0)),
        write_iops: work.options.grown(demand.peak_write_iops.unwrap_or(0)),
        snapshot_bytes: snapshot_bytes(demand, work.options),
        disks: u32::try_from(vm.disks.len()).unwrap_or(u32::MAX),
    };
    work.counted().map(load).collect()
}

/// The sizes of the Azure machines of those that count; none for the others.
pub(crate) fn drill_sizes<'a>(work: &Work<'a>) -> Vec<Option<&'a VmSize>> {
    let mut sizes = vec![None; work.estate.vms.len()];
    for (place, vm, _, verdict) in work.counted() {
        sizes[place] = vm_size(vm, verdict.storage, &work.options.tables.vm_sizes);
    }
    sizes
}

fn servers(work: &Work<'_>) -> Servers {
    let machines = work.server_machines();
    let daily = work.options.grown(work.totals.busiest_day_bytes());
    let limit = work.options.configuration_server_limit;
    let largest = &process_servers()[process_servers().len() - 1];
    let source = configuration_server_limits().iter().find(|row| row.machines == limit);
    Servers {
        sizing: work.sizing(),
        machines: figure(machines, Unit::Count, "server-machines"),
        daily_bytes: figure(daily, Unit::BytesPerDay, "server-daily"),
        by_churn: figure(
            daily.div_ceil(largest.daily_change_bytes),
            Unit::Count,
            "servers-by-churn",
        ),
        by_machines: figure(
            machines.div_ceil(u64::from(largest.machines)),
            Unit::Count,
            "servers-by-machines",
        ),
        limit: figure(u64::from(limit), Unit::Count, "server-limit"),
        limit_source: source.map(|row| row.source.clone()).unwrap_or_default(),
    }
}

fn machines(work: &Work<'_>, sizes: &[Option<&VmSize>]) -> Vec<Machine> {
    let options = work.options;
    let all = work
        .estate
        .vms
        .iter()
        .zip(&work.demands)
        .zip(&work.verdicts)
        .enumerate();
    all.map(|(place, ((vm, demand), verdict))| {
        let compatibility = match (verdict.findings.is_empty(), work.chosen[place], verdict.starred()) {
            (true, _, false) => Compatibility::Yes,
            (true, _, true) => Compatibility::YesWithLargerDisk,
            (false, true, _) => Compatibility::Included,
            (false, false, _) => Compatibility::No,
        };
        let known = demand.known();
        // A daily change tells a mean and no peak.
        let counters = demand.disks.iter().any(|disk| disk.known == Known::Counters);
        Machine {
            name: vm.name.clone(),
            host: vm.host.clone(),
            compatibility,
            findings: verdict.findings.clone(),
            notes: verdict.notes.clone(),
            storage: verdict.storage,
            account: None,
            disks: verdict.disks.clone(),
            size_bytes: vm.size_bytes(),
            peak_iops: demand.peak_iops.map(|peak| options.grown(peak)),
            peak_write_iops: demand.peak_write_iops.map(|peak| options.grown(peak)),
            peak_churn: counters.then(|| options.grown(demand.peak_written)),
            mean_churn: known.then(|| options.grown(demand.mean_written)),
            azure_size: sizes[place].map(|size| size.name.clone()),
            cores: vm.cores,
            memory_bytes: vm.memory_bytes,
            nics: vm.nics,
            boot: if vm.boot == Boot::Efi { "EFI" } else { "BIOS" },
            os: vm.os.clone(),
        }
    })
    .collect()
}
