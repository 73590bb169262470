//! Whether estate, profile and options can make a plan.

use actors::nouns::Throttle;

use crate::estate::{Estate, Vm};
use crate::options::Options;
use crate::profile::Profile;
use crate::tables::configuration_server_limits;
use crate::throttle::{Range, range};
use crate::words::rate;

/// Disks are no larger, so that sums over an estate stay in their range.
const DISK_BYTES: u64 = 256 << 40;
/// Disks change no more in a day.
const DAILY_BYTES: u64 = 1_000_000_000_000_000;

/// A plan cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A disk's size is not known, and without it there is no world to run.
    #[error(
        "machine `{vm}`, disk `{disk}`: its size is not known, so it cannot be simulated; accepted: an estate with the size of each disk"
    )]
    SizeUnknown {
        /// Which machine.
        vm: String,
        /// Which disk.
        disk: String,
    },
    /// An outage that does not fit into what is simulated.
    #[error(
        "an outage of {outage} s does not fit into the {part} s that are simulated; accepted: a shorter one, or the whole profile"
    )]
    OutageTooLong {
        /// Its seconds.
        outage: u64,
        /// Those of the part.
        part: u64,
    },
    /// No world can be made of the plan.
    #[error("the plan cannot be simulated: {0}")]
    World(String),
    /// There is no machine.
    #[error("the estate has no machine")]
    NoMachine,
    /// The profile is not that of the estate.
    #[error("the profile has {profile} machines, the estate {estate}")]
    Machines {
        /// Of the profile.
        profile: usize,
        /// Of the estate.
        estate: usize,
    },
    /// A machine of the profile is not that of the estate.
    #[error("machine `{vm}`: the profile has {profile} disks, the estate {estate}")]
    Disks {
        /// Which machine.
        vm: String,
        /// Of the profile.
        profile: usize,
        /// Of the estate.
        estate: usize,
    },
    /// A counter has more or fewer steps than the profile.
    #[error("machine `{vm}`, disk `{disk}`: a counter has {counter} steps, the profile {profile}")]
    Steps {
        /// Which machine.
        vm: String,
        /// Which disk.
        disk: String,
        /// Of the counter.
        counter: usize,
        /// Of the profile.
        profile: usize,
    },
    /// A share of more than everything.
    #[error("{option} is {value} thousandths: {least} to 1000 are accepted")]
    PerMille {
        /// Which option.
        option: &'static str,
        /// Its value.
        value: u32,
        /// The least that is accepted.
        least: u32,
    },
    /// A disk that compresses to more than everything.
    #[error("machine `{vm}`, disk `{disk}`: {value} thousandths compressed; up to 10000 are accepted")]
    Compressed {
        /// Which machine.
        vm: String,
        /// Which disk.
        disk: String,
        /// What is there.
        value: u32,
    },
    /// A disk that is larger, or changes more, than any disk does: a unit is wrong somewhere.
    #[error("machine `{vm}`, disk `{disk}`: {value} {what}; up to {most} are accepted")]
    Disk {
        /// Which machine.
        vm: String,
        /// Which disk.
        disk: String,
        /// What is there.
        value: u64,
        /// What it is.
        what: &'static str,
        /// What is accepted at the most.
        most: u64,
    },
    /// A profile with steps of no length.
    #[error("the steps of the profile have no seconds")]
    StepSeconds,
    /// A throttle that the product does not take.
    #[error(
        "a throttle of {} ({}): in the era {} the product takes {} to {} for a process server ({})",
        rate(.throttle.bits_per_second), .throttle.when(), .range.era.name(), rate(.range.bits().0), rate(.range.bits().1), .range.source
    )]
    Throttle {
        /// The throttle.
        throttle: Throttle,
        /// What is accepted, and who says so.
        range: &'static Range,
    },
    /// More drills than a year has days.
    #[error("{0} days of drills in a year: up to 366 are accepted")]
    Drills(u64),
    /// A machine that is to be included is not there.
    #[error("`{0}` is to be included, but the estate has no machine of this name")]
    Include(String),
    /// An Azure machine that the table does not have.
    #[error("`{0}` is to run always, but the table of Azure's sizes has no such size")]
    AlwaysOn(String),
    /// A limit that no source gives.
    #[error("a configuration server for {0} machines: sources give 200, 550 and 650")]
    ConfigurationServers(u32),
}

pub(crate) fn check(estate: &Estate, profile: Option<&Profile>, options: &Options) -> Result<(), PlanError> {
    if estate.vms.is_empty() {
        return Err(PlanError::NoMachine);
    }
    for (option, value, least) in [
        ("the percentile", options.percentile_per_mille, 1),
        ("the lower share of the time", options.share_per_mille, 1),
        ("the share of the initial copy", options.initial_copy_share_per_mille, 0),
    ] {
        if !(least..=1_000).contains(&value) {
            return Err(PlanError::PerMille { option, value, least });
        }
    }
    for (vm, disk) in estate.disks() {
        let value = options.compression.of(disk);
        if value > 10_000 {
            return Err(PlanError::Compressed {
                vm: vm.name.clone(),
                disk: disk.name.clone(),
                value,
            });
        }
    }
    for (vm, disk) in estate.disks() {
        for (value, what, most) in [
            (disk.size_bytes, "bytes", DISK_BYTES),
            (disk.used_bytes.unwrap_or(0), "used bytes", DISK_BYTES),
            (disk.daily_change_bytes.unwrap_or(0), "changed bytes a day", DAILY_BYTES),
        ] {
            if value > most {
                let (vm, disk) = (vm.name.clone(), disk.name.clone());
                return Err(PlanError::Disk {
                    vm,
                    disk,
                    value,
                    what,
                    most,
                });
            }
        }
    }
    for throttle in &options.throttles {
        let Some(range) = range(options.era) else { continue };
        let (least, most) = range.bits();
        if !(least..=most).contains(&throttle.bits_per_second) {
            return Err(PlanError::Throttle {
                throttle: *throttle,
                range,
            });
        }
    }
    let drills = u64::from(options.drills.per_year) * u64::from(options.drills.days);
    if drills > 366 {
        return Err(PlanError::Drills(drills));
    }
    if configuration_server_limits()
        .iter()
        .all(|row| row.machines != options.configuration_server_limit)
    {
        return Err(PlanError::ConfigurationServers(options.configuration_server_limit));
    }
    if let Some(name) = options
        .include
        .iter()
        .find(|name| !estate.vms.iter().any(|vm| is_named(vm, name)))
    {
        return Err(PlanError::Include(name.clone()));
    }
    let Some(profile) = profile else {
        return Ok(());
    };
    if profile.steps > 0 && profile.step_seconds == 0 {
        return Err(PlanError::StepSeconds);
    }
    if profile.vms.len() != estate.vms.len() {
        return Err(PlanError::Machines {
            profile: profile.vms.len(),
            estate: estate.vms.len(),
        });
    }
    for (vm, disks) in estate.vms.iter().zip(&profile.vms) {
        if disks.len() != vm.disks.len() {
            return Err(PlanError::Disks {
                vm: vm.name.clone(),
                profile: disks.len(),
                estate: vm.disks.len(),
            });
        }
        for (disk, series) in vm.disks.iter().zip(disks) {
            let counters = [&series.written, &series.write_iops, &series.read_iops];
            if let Some(counter) = counters
                .into_iter()
                .find(|counter| !counter.is_empty() && counter.len() != profile.steps)
            {
                let (vm, disk) = (vm.name.clone(), disk.name.clone());
                return Err(PlanError::Steps {
                    vm,
                    disk,
                    counter: counter.len(),
                    profile: profile.steps,
                });
            }
        }
    }
    Ok(())
}

/// Whether a planner's word means a machine: its name, or its host's and its own.
pub(crate) fn is_named(vm: &Vm, word: &str) -> bool {
    vm.name == word
        || vm
            .host
            .as_ref()
            .is_some_and(|host| word.strip_prefix(host.as_str()) == Some(&format!("/{}", vm.name)))
}
