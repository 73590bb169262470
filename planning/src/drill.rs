//! From an estate to a drill: a scenario that `run` and `chaos` take, with the servers and the link that the plan recommends.
//!
//! A machine writes what its disks write in the mean, with growth, by the hours of their own mean day where there are counters of a day.
//! The drill counts in the aggregate grain. What the scenario language has no word for (processors, memory, hosts) stands in comments.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::demand::Known;
use crate::estate::{Disk, Estate, Vm};
use crate::options::{Network, Options};
use crate::os::is_windows;
use crate::plan::Plan;
use crate::profile::{ABSENT, Profile, Series};
use crate::recommend::{PlanError, Work};

const HOURS: usize = 24;
const SECTOR: u64 = 512;
/// A drill does not wait longer for its initial copy: a quarter of a year.
const COPY_HOURS_MAX: u64 = 24 * 91;
const NAME_CHARS: usize = 63;
/// Words that stand for machines in a scenario, and are no names.
const RESERVED: [&str; 2] = ["all", "each"];

/// The scenario as text.
///
/// # Errors
/// [`PlanError`] where estate, profile and options make no plan.
pub fn drill(
    name: &str,
    estate: &Estate,
    profile: Option<&Profile>,
    options: &Options,
    plan: &Plan,
) -> Result<String, PlanError> {
    let work = Work::new(estate, profile, options)?;
    let mut out = String::new();
    head(&mut out, name, estate, plan, &work);
    servers(&mut out, options, plan);
    machines(&mut out, profile, &work);
    steps(&mut out, plan);
    Ok(out)
}

/// Writing to a string does not fail.
macro_rules! line {
    ($out:expr, $($text:tt)*) => {{
        let _ = writeln!($out, $($text)*);
    }};
}

fn head(out: &mut String, name: &str, estate: &Estate, plan: &Plan, work: &Work<'_>) {
    let counted = work.counted().count();
    line!(
        out,
        "# Made from a plan: {counted} of {} machines of the estate.",
        estate.vms.len()
    );
    line!(out, "# {}", one_line(&plan.answer.text));
    line!(
        out,
        "# Each disk writes its mean with a growth of {}.{} %; sizes and sequences count, not bytes.",
        plan.growth_per_mille / 10,
        plan.growth_per_mille % 10
    );
    for (vm, chosen) in estate.vms.iter().zip(&work.chosen) {
        if !chosen {
            line!(out, "# Left out, for it cannot be protected: {}", one_line(&vm.name));
        }
    }
    // The initial copy, with a tenth more, and a day after it.
    let copied = plan.initial_copy.at_once.map_or(0, |done| done.done_seconds);
    let settles = copied.saturating_add(copied / 10).div_ceil(3_600).min(COPY_HOURS_MAX) + 24;
    line!(
        out,
        r#"
[scenario]
name = "{}"
description = "The estate of a plan: its initial copy, and a day of protection after it."
duration = "{} h"
settle = "{} h"
start_of_day = "00:00"
content = "aggregate"

[policy]
name = "plan"

[[site]]
name = "datacentre"
"#,
        word(name, &BTreeSet::new()),
        settles + 24,
        settles
    );
}

fn servers(out: &mut String, options: &Options, plan: &Plan) {
    let given = plan.given.as_ref().map(|given| given.what_if.bits_per_second.value);
    let needed = plan
        .bandwidths
        .first()
        .and_then(|row| row.always)
        .map(|figure| figure.value);
    let (bits, why) = match (given, needed) {
        (Some(bits), _) => (bits, "the bandwidth that was given; several links are one here"),
        (None, Some(bits)) => (bits, "the bandwidth that the RPO needs, always"),
        (None, None) => (1_000_000, "nothing is known of what is written"),
    };
    let kind = match options.network {
        Network::ExpressRoute => "expressroute",
        Network::Vpn | Network::Internet => "internet",
    };
    line!(out, "# {why}. Its latency is a guess: put yours in.");
    line!(
        out,
        r#"[[link]]
name = "{kind}"
kind = "{kind}"
between = ["datacentre", "azure"]
rate = "{} bit/s"
latency = "10 ms"

# Each machine talks to its own switch: the estate's network is wide.
[[link]]
name = "datacentre-lan"
kind = "lan"
between = ["datacentre"]
rate = "100 Gbit/s"
latency = "0.1 ms"
"#,
        bits.max(1_000)
    );
    let sizing = &plan.servers.sizing;
    let size = &sizing.size;
    let machine = |out: &mut String, table: &str, name: &str, count: u32, cache: bool| {
        line!(out, "[[{table}]]\nname = \"{name}-#\"\ncount = {count}");
        if cache {
            line!(out, "cores = {}\ncache = \"{} B\"", size.vcpus, size.cache_bytes);
        }
        line!(out, "");
    };
    line!(out, "# As the vendor's tables say: {}.", one_line(&size.source));
    if sizing.process_servers == 0 {
        machine(
            out,
            "management_server",
            "management",
            sizing.configuration_servers.max(1),
            true,
        );
    } else {
        machine(
            out,
            "configuration_server",
            "config",
            sizing.configuration_servers.max(1),
            false,
        );
        machine(out, "process_server", "process", sizing.process_servers, true);
    }
    line!(out, "[[vcenter]]\nname = \"vcenter\"\n");
}

fn machines(out: &mut String, profile: Option<&Profile>, work: &Work<'_>) {
    let mut names = BTreeSet::new();
    for (place, vm, demand, _) in work.counted() {
        let name = word(&vm.name, &names);
        let host = vm
            .host
            .as_deref()
            .map_or(String::new(), |host| format!(" on {}", one_line(host)));
        line!(
            out,
            "# {}{host}: {}, {} processors, {} MiB of memory",
            one_line(&vm.name),
            one_line(&vm.os),
            vm.cores,
            vm.memory_bytes >> 20
        );
        line!(out, "[[vm]]\nname = \"{name}\"\nos = \"{}\"\n", os(vm));
        names.insert(name);
        let mut disks = BTreeSet::new();
        let mut written = Vec::new();
        for (at, disk) in vm.disks.iter().enumerate() {
            let own = disk_word(&disk.name, &disks);
            let factor = work.options.compression.of(disk);
            line!(
                out,
                "[[vm.disk]]\nname = \"{own}\"\nsize = \"{} B\"",
                disk.size_bytes.next_multiple_of(SECTOR)
            );
            line!(out, "used = \"{} B\"", used(disk));
            line!(out, "compressibility = \"{}\"\n", ratio(factor));
            let rate = work.options.grown(demand.disks[at].mean_written);
            let series = profile
                .and_then(|profile| profile.vms.get(place))
                .and_then(|disks| disks.get(at));
            let day = match demand.disks[at].known {
                Known::Counters => profile
                    .zip(series)
                    .and_then(|(profile, series)| mean_day(profile, series)),
                _ => None,
            };
            if rate > 0 {
                written.push((own.clone(), rate, day));
            }
            disks.insert(own);
        }
        for (disk, rate, day) in written {
            line!(out, "[[vm.workload]]\ndisk = \"{disk}\"\nrate = \"{rate} B/s\"");
            if let Some(day) = day {
                let hours: Vec<String> = day.iter().map(|hour| thousandths(*hour)).collect();
                line!(out, "day = [{}]", hours.join(", "));
            }
            line!(out, "");
        }
    }
}

fn steps(out: &mut String, plan: &Plan) {
    let servers = plan.servers.sizing.configuration_servers.max(1);
    let kind = if plan.servers.sizing.process_servers == 0 {
        "management"
    } else {
        "config"
    };
    line!(out, "[[step]]\nname = \"vault\"\ndo = \"create-vault\"\n");
    for number in 1..=servers {
        line!(
            out,
            "[[step]]\nname = \"register-{number}\"\ndo = \"register-configuration-server\"\nconfiguration_server = \"{kind}-{number}\"\n"
        );
    }
    line!(
        out,
        r#"[[step]]
name = "discover"
do = "add-vcenter"
configuration_server = "{kind}-1"

[[step]]
name = "policy"
do = "create-policy"

[[step]]
name = "push"
do = "push-install"
vm = "all"
stagger = "1 s"

[[step]]
name = "enable"
do = "enable-replication"
vm = "all"
after = {{ step = "push", vm = "each" }}

# A failover of all of them, a day later: take the marks away.
#
# [[step]]
# name = "failover"
# do = "failover"
# vm = "all"
# after = {{ step = "enable", vm = "each", state = "protected" }}
# wait = "24 h"

[[expect]]
rpo_below = "{} s""#,
        // A point is made every five minutes, and what the plan counts comes on top of that.
        plan.rpo_seconds.saturating_add(300)
    );
}

fn os(vm: &Vm) -> &'static str {
    if is_windows(&vm.os) { "windows" } else { "linux" }
}

fn used(disk: &Disk) -> u64 {
    let used = disk.used_bytes.unwrap_or(disk.size_bytes);
    used.min(disk.size_bytes)
}

/// Thousandths to which something compresses, as a ratio to one with two decimals. What grows is taken as it is.
fn ratio(per_mille: u32) -> String {
    // The language goes from 1:1 to 100:1.
    let hundredths = (100_000 / per_mille.max(1)).clamp(100, 10_000);
    format!("{}.{:02}:1", hundredths / 100, hundredths % 100)
}

fn thousandths(value: u64) -> String {
    format!("{}.{:03}", value / 1_000, value % 1_000)
}

/// What each hour of the day writes, in thousandths of the mean; none where the counters have less than a day, or nothing is written.
fn mean_day(profile: &Profile, series: &Series) -> Option<[u64; HOURS]> {
    let step = u64::from(profile.step_seconds.max(1));
    if (profile.steps as u64).saturating_mul(step) < 86_400 || series.written.len() != profile.steps {
        return None;
    }
    let begins = u64::try_from(profile.start_seconds.rem_euclid(86_400)).unwrap_or(0);
    let (mut sums, mut counts) = ([0_u128; HOURS], [0_u128; HOURS]);
    for (at, value) in series.written.iter().enumerate().filter(|(_, value)| **value != ABSENT) {
        let hour = usize::try_from((begins + at as u64 * step) / 3_600 % 24).unwrap_or(0);
        sums[hour] += u128::from(*value);
        counts[hour] += 1;
    }
    let mut day = [0_u64; HOURS];
    let means: Vec<u128> = sums
        .iter()
        .zip(counts)
        .map(|(sum, count)| sum * 1_000 / count.max(1))
        .collect();
    let all: u128 = means.iter().sum();
    if all == 0 || counts.contains(&0) {
        return None;
    }
    for (hour, mean) in day.iter_mut().zip(means) {
        *hour = u64::try_from(mean * HOURS as u128 * 1_000 / all).unwrap_or(0);
    }
    Some(day)
}

/// In one line, for a comment.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A name that a scenario takes, like this one and unlike those that there are: letters, digits and hyphens.
fn word(name: &str, taken: &BTreeSet<String>) -> String {
    unlike(plain(name, "-"), "-", taken)
}

/// A disk's: also underscores.
fn disk_word(name: &str, taken: &BTreeSet<String>) -> String {
    unlike(plain(name, "-_"), "_", taken)
}

fn plain(name: &str, also: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || also.contains(c) {
                c
            } else {
                '-'
            }
        })
        .take(NAME_CHARS)
        .collect();
    match plain.trim_matches('-') {
        "" => "unnamed".to_owned(),
        plain => plain.to_owned(),
    }
}

fn unlike(name: String, between: &str, taken: &BTreeSet<String>) -> String {
    if !taken.contains(&name) && !RESERVED.contains(&name.as_str()) {
        return name;
    }
    let stem: String = name.chars().take(NAME_CHARS - 8).collect();
    (2_u32..)
        .map(|number| format!("{stem}{between}{number}"))
        .find(|name| !taken.contains(name))
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_words_that_a_scenario_takes_and_stay_apart() {
        let mut taken = BTreeSet::new();
        for (name, expected) in [
            ("web01", "web01"),
            ("web,01", "web-01"),
            ("web 01", "web-01-2"),
            ("WEB.01", "WEB-01"),
            ("all", "all-2"),
            ("\u{e4}\u{f6}", "unnamed"),
            ("", "unnamed-2"),
        ] {
            let word = word(name, &taken);
            assert_eq!(word, expected, "{name}");
            taken.insert(word);
        }
        assert_eq!(word(&"x".repeat(200), &taken).len(), NAME_CHARS);
    }

    #[test]
    fn a_ratio_is_to_one() {
        assert_eq!(ratio(1_000), "1.00:1");
        assert_eq!(ratio(450), "2.22:1");
        assert_eq!(ratio(1_500), "1.00:1");
    }

    #[test]
    fn a_mean_day_has_the_hours_of_the_clock() {
        // Two days from 22:00 on; only the hour from 0 to 1 writes.
        let steps = 48;
        let written = (0..steps)
            .map(|hour| if (22 + hour) % 24 == 0 { 24 } else { 0 })
            .collect();
        let profile = Profile {
            start_seconds: 22 * 3_600,
            step_seconds: 3_600,
            steps,
            vms: Vec::new(),
        };
        let series = Series {
            written,
            ..Series::default()
        };
        let day = mean_day(&profile, &series).unwrap();
        assert_eq!((day[0], day[1..].iter().sum::<u64>()), (24_000, 0));
        let short = Profile { steps: 23, ..profile };
        assert_eq!(mean_day(&short, &series), None);
    }
}
