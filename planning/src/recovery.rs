//! How long a recovery plan over an estate takes, and a failback after it, by arithmetic.
//!
//! A run of it is what the actors do (`actors::service::recovery_plans`): the disks of all machines are put together, and hydrated where that is
//! needed, at the same time; then the groups start one after the other, the machines of a group together. The service starts no more
//! failovers in an hour than it is documented to, of all machines fewer where one of them has to be hydrated (facts §2.6). What is not known here is not in it:
//! scripts, people, checks, and the moment of the decision.
//!
//! A failback brings back what was written since the failover where the machines are still there, or all that is used where they are not
//! (facts §4.3), over what the VPN leaves beside the changes that go on.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::estate::Vm;
use crate::gates::Unit;
use crate::options::Options;
use crate::os::is_windows;
use crate::plan::Figure;
use crate::queue::Arrivals;
use crate::recommend::{Work, figure};

const SECOND: u64 = 1_000_000_000;
const HOUR_SECONDS: u64 = 3_600;
const DAY_SECONDS: u64 = 86_400;

/// What takes a part of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Disks are made bootable in Azure.
    Hydration,
    /// The machines of a group are created, and boot.
    Group,
    /// All else is done, and the service has still to start machines: so many in an hour.
    Limit,
}

/// A step of the recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What it is.
    pub part: Part,
    /// The group, where it is one.
    pub group: Option<u8>,
    /// Its machines.
    pub machines: Figure,
    /// How long it takes.
    pub seconds: Figure,
    /// What of it a machine's creation takes, of a group.
    pub creation: Option<Figure>,
    /// What of it a boot takes.
    pub boot: Option<Figure>,
    /// No other step takes longer.
    pub longest: bool,
}

/// A failback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Failback {
    /// What carries it, in bits per second.
    pub bits_per_second: Figure,
    /// What goes back to machines that are still there, as it goes over the line.
    pub original_bytes: Figure,
    /// How long that takes beside the changes; none where they leave nothing of the line.
    pub original_seconds: Option<Figure>,
    /// What goes back where the machines are gone.
    pub alternate_bytes: Figure,
    /// How long that takes.
    pub alternate_seconds: Option<Figure>,
}

/// The recovery of an estate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recovery {
    /// Recovery plans that it takes: each has so many machines at the most.
    pub plans: Figure,
    /// Machines that are hydrated.
    pub hydrated: Figure,
    /// Failovers that the service starts in an hour.
    pub hourly: Figure,
    /// Its steps, in their order; none without machines.
    pub steps: Vec<Step>,
    /// From the start of the plan to the last machine that answers.
    pub seconds: Figure,
    /// The same with each uncertain constant at its least.
    pub least_seconds: Figure,
    /// The same with each at its most.
    pub most_seconds: Figure,
    /// The way home.
    pub failback: Failback,
}

/// Whether a machine is hydrated: a VMware VM with Linux, as far as an estate says what is needed for it (facts §2.6).
fn is_hydrated(vm: &Vm) -> bool {
    !is_windows(&vm.os)
}

/// Times of a recovery, in nanoseconds.
#[derive(Debug, Clone, Copy)]
struct Times {
    hydration: u64,
    create_machine: u64,
    boot: u64,
}

/// A part of a recovery: its group, its machines, its seconds.
type Takes = (Part, Option<u8>, u64, u64);

/// The parts of a recovery, and its seconds.
fn steps(vms: &[&Vm], times: Times, hourly: u64) -> (Vec<Takes>, u64) {
    let seconds = |nanoseconds: u64| nanoseconds.div_ceil(SECOND);
    let mut all = Vec::new();
    let hydrated = vms.iter().filter(|vm| is_hydrated(vm)).count() as u64;
    if hydrated > 0 {
        all.push((Part::Hydration, None, hydrated, seconds(times.hydration)));
    }
    let groups: BTreeSet<u8> = vms.iter().map(|vm| vm.group).collect();
    for group in groups {
        let machines = vms.iter().filter(|vm| vm.group == group).count() as u64;
        let takes = seconds(times.create_machine.saturating_add(times.boot));
        all.push((Part::Group, Some(group), machines, takes));
    }
    let own: u64 = all.iter().map(|(.., seconds)| *seconds).sum();
    let started = (vms.len() as u64 * HOUR_SECONDS).div_ceil(hourly.max(1));
    if started > own {
        all.push((Part::Limit, None, vms.len() as u64, started - own));
    }
    (all, own.max(started))
}

/// Seconds that bytes take over what changes leave of a line; none where they leave nothing.
fn over(bytes: u64, bits_per_second: u64, changes: u64) -> Option<u64> {
    let left = bits_per_second.checked_sub(changes).filter(|left| *left > 0)?;
    u64::try_from((u128::from(bytes) * 8).div_ceil(u128::from(left))).ok()
}

/// A failback where so much is sent in each step of the window.
pub(crate) fn failback(work: &Work<'_>, arrivals: &Arrivals) -> Failback {
    let options = work.options;
    let rate = options.vpn_bits_per_second;
    let window = arrivals.seconds().max(1);
    let sent: u128 = arrivals.bytes.iter().map(|bytes| u128::from(*bytes)).sum();
    let mean = u64::try_from(sent * 8 / u128::from(window)).unwrap_or(u64::MAX);
    let away = u128::from(options.away_days) * u128::from(DAY_SECONDS);
    let copied: u64 = work.copies().fold(0, |sum, (_, bytes)| sum.saturating_add(bytes));
    // What is written again and again is no more than all of it.
    let changed = u64::try_from(sent * away / u128::from(window)).unwrap_or(u64::MAX);
    let changed = changed.min(copied);
    let time = |bytes| over(bytes, rate, mean).map(|seconds| figure(seconds, Unit::Seconds, "failback-time"));
    Failback {
        bits_per_second: figure(rate, Unit::BitsPerSecond, "failback-rate"),
        original_bytes: figure(changed, Unit::Bytes, "failback-original"),
        original_seconds: time(changed),
        alternate_bytes: figure(copied, Unit::Bytes, "failback-alternate"),
        alternate_seconds: time(copied),
    }
}

/// Options with each uncertain time that was not measured at its least, or at its most.
fn moved(options: &Options, most: bool) -> Times {
    let end = |name: &str, now: u64| {
        let measured = options.has_measured(name);
        let row = crate::constants::rows()
            .iter()
            .find(|row| row.name == name && !measured);
        match (row.and_then(|row| row.low), row.and_then(|row| row.high)) {
            (_, Some(high)) if most => now.max(high),
            (Some(low), _) if !most => now.min(low),
            _ => now,
        }
    };
    Times {
        hydration: end("hydration", options.times.hydration),
        create_machine: end("create-machine", options.times.create_machine),
        boot: end("boot", options.boot),
    }
}

/// Failovers that the service starts in an hour, of these machines.
fn hourly(vms: &[&Vm], options: &Options) -> u64 {
    let hydrates = vms.iter().any(|vm| is_hydrated(vm));
    u64::from(match hydrates {
        false => options.failovers_hourly,
        true => options.hydrated_failovers_hourly,
    })
}

/// Times as the options have them.
fn times(options: &Options) -> Times {
    Times {
        hydration: options.times.hydration,
        create_machine: options.times.create_machine,
        boot: options.boot,
    }
}

/// Seconds from the start of the recovery plan to the last machine that answers.
pub(crate) fn takes(work: &Work<'_>) -> u64 {
    let vms: Vec<&Vm> = work.counted().map(|(_, vm, _, _)| vm).collect();
    steps(&vms, times(work.options), hourly(&vms, work.options)).1
}

/// The recovery of the machines that count.
pub(crate) fn recovery(work: &Work<'_>) -> Recovery {
    let options = work.options;
    let vms: Vec<&Vm> = work.counted().map(|(_, vm, _, _)| vm).collect();
    let hydrated = vms.iter().filter(|vm| is_hydrated(vm)).count() as u64;
    let hourly = hourly(&vms, options);
    let times = times(options);
    let (parts, seconds) = steps(&vms, times, hourly);
    let longest = parts.iter().map(|(.., seconds)| *seconds).max().unwrap_or(0);
    let of = |part: Part| match part {
        Part::Hydration => "recovery-hydration",
        Part::Group => "recovery-group",
        Part::Limit => "recovery-limit",
    };
    let steps_of = parts.iter().map(|(part, group, machines, seconds)| {
        let creates = times.create_machine.div_ceil(SECOND).min(*seconds);
        let of_group = |seconds: u64| (*part == Part::Group).then(|| figure(seconds, Unit::Seconds, of(*part)));
        Step {
            part: *part,
            group: *group,
            machines: figure(*machines, Unit::Count, of(*part)),
            seconds: figure(*seconds, Unit::Seconds, of(*part)),
            creation: of_group(creates),
            // Both are rounded up together, so that the parts are the whole.
            boot: of_group(seconds - creates),
            longest: *seconds == longest,
        }
    });
    let total = |times: Times| figure(steps(&vms, times, hourly).1, Unit::Seconds, "recovery");
    let plans = (vms.len() as u64).div_ceil(options.model.limits.plan_machines.max(1));
    Recovery {
        plans: figure(plans, Unit::Count, "recovery-plans"),
        hydrated: figure(hydrated, Unit::Count, "recovery-hydration"),
        hourly: figure(hourly, Unit::Count, "recovery-limit"),
        steps: steps_of.collect(),
        seconds: figure(seconds, Unit::Seconds, "recovery"),
        least_seconds: total(moved(options, false)),
        most_seconds: total(moved(options, true)),
        failback: failback(work, &work.arrivals),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vm(os: &str, group: u8) -> Vm {
        Vm {
            os: os.to_owned(),
            group,
            ..crate::estate::samples::vm(os, Vec::new())
        }
    }

    const TIMES: Times = Times {
        hydration: 540 * SECOND,
        create_machine: 60 * SECOND,
        boot: 60 * SECOND,
    };

    #[test]
    fn groups_come_one_after_the_other_and_hydration_before_them_all() {
        let (windows, linux) = (vm("Windows Server 2016", 1), vm("CentOS 7", 3));
        let (parts, seconds) = steps(&[&windows, &windows], TIMES, 2_000);
        assert_eq!((parts.len(), seconds), (1, 120));
        let (parts, seconds) = steps(&[&windows, &linux], TIMES, 1_000);
        assert_eq!(seconds, 540 + 2 * 120);
        let expected = [
            (Part::Hydration, None, 1, 540),
            (Part::Group, Some(1), 1, 120),
            (Part::Group, Some(3), 1, 120),
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn a_large_estate_waits_for_the_services_limit() {
        let windows = vm("Windows Server 2016", 1);
        let vms = vec![&windows; 1_000];
        let (parts, seconds) = steps(&vms, TIMES, 2_000);
        assert_eq!(seconds, 1_800);
        assert_eq!(parts.last(), Some(&(Part::Limit, None, 1_000, 1_680)));
    }

    #[test]
    fn a_failback_has_what_changes_leave_of_the_line() {
        assert_eq!(over(1_000_000, 8_000_000, 0), Some(1));
        assert_eq!(over(1_000_000, 8_000_000, 4_000_000), Some(2));
        assert_eq!(over(1_000_000, 8_000_000, 8_000_000), None);
    }
}
