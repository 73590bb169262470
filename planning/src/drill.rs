//! From an estate to a drill: a scenario that `run` and `chaos` take, with the servers and the link that the plan recommends.
//!
//! A disk with counters writes those of the estate's busiest day, with growth, again and again: they are a file beside the drill. Any other
//! disk writes its mean, with growth. The drill counts in the aggregate grain. What the scenario language has no word for (processors, memory, hosts) stands in comments.

mod counted;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use actors::nouns::Throttle;
use scenarios::units::{write_duration, write_throttle};

use crate::estate::{Disk, Estate, Vm};
use crate::options::{Network, Options};
use crate::os::is_windows;
use crate::plan::Plan;
use crate::profile::Profile;
use crate::recommend::{PlanError, Work};
use crate::throttle;
use counted::Counted;

const SECTOR: u64 = 512;
/// A drill does not wait longer for its initial copy: a quarter of a year.
const COPY_HOURS_MAX: u64 = 24 * 91;
const NAME_CHARS: usize = 63;
/// Words that stand for machines in a scenario, and are no names.
const RESERVED: [&str; 2] = ["all", "each"];

/// A drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drill {
    /// The scenario as text.
    pub scenario: String,
    /// The counters that it names, where there are any: a CSV file to stand beside it.
    pub counters: Option<String>,
}

/// The drill of a plan; the scenario calls the file of its counters `file`.
///
/// # Errors
/// [`PlanError`] where estate, profile and options make no plan.
pub fn drill(
    name: &str,
    file: &str,
    estate: &Estate,
    profile: Option<&Profile>,
    options: &Options,
    plan: &Plan,
) -> Result<Drill, PlanError> {
    let work = Work::new(estate, profile, options)?;
    let mut counted = Counted::of(&work);
    let by_counters = counted.as_mut().map(|counted| (counted, file));
    let scenario = text(name, plan, &work, by_counters, &throttles(options));
    Ok(Drill {
        scenario,
        counters: counted.and_then(|counted| counted.file()),
    })
}

/// The throttles of a plan as a drill has them, whose clock is that of the counters: in UTC.
fn throttles(options: &Options) -> Vec<Throttle> {
    let in_utc = |throttle: &Throttle| throttle::in_utc(throttle, options.utc_offset_minutes);
    options.throttles.iter().filter_map(in_utc).flatten().collect()
}

/// The drill of a plan as text. Without counters each disk writes its mean, until somebody puts in what it is to write.
pub(crate) fn text<'a>(
    name: &str,
    plan: &Plan,
    work: &Work<'a>,
    counted: ByCounters<'a, '_>,
    throttles: &[Throttle],
) -> String {
    let mut out = String::new();
    let week_second = counted.as_ref().map_or(0, |(counted, _)| counted.week_second());
    head(&mut out, name, plan, work, u64::from(week_second));
    servers(&mut out, work.options, plan, throttles);
    let names = machines(&mut out, counted, Disks::Used, work);
    steps(&mut out, plan);
    recovery_plans(&mut out, &names, work);
    expects(&mut out, plan);
    out
}

/// Writing to a string does not fail.
macro_rules! line {
    ($out:expr, $($text:tt)*) => {{
        let _ = writeln!($out, $($text)*);
    }};
}

fn head(out: &mut String, name: &str, plan: &Plan, work: &Work<'_>, week_second: u64) {
    let estate = work.estate;
    let counted = work.counted().count();
    line!(
        out,
        "# Made from a plan: {counted} of {} machines of the estate.",
        estate.vms.len()
    );
    line!(out, "# {}", one_line(&plan.answer.text));
    line!(
        out,
        "# What is written has a growth of {}.{} %: counters those of the busiest day, else the mean; sizes and sequences count, not bytes.",
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
start_of_day = "{:02}:{:02}"
weekday = "{}"
content = "aggregate"

[policy]
name = "plan"

[[site]]
name = "datacentre"
"#,
        word(name, &BTreeSet::new()),
        settles + 24,
        settles,
        week_second / 3_600 % 24,
        week_second / 60 % 60,
        Throttle::DAYS[(week_second / 86_400 % 7) as usize]
    );
    let (times, usual) = (&work.options.times, scenarios::default_times());
    if *times != usual {
        line!(
            out,
            "[azure]\nhydration = \"{}\"\ncreate_machine = \"{}\"\n",
            write_duration(times.hydration),
            write_duration(times.create_machine)
        );
    }
}

/// The rate of the one link of a scenario, in bits per second, and where it is from.
pub(crate) fn bandwidth(plan: &Plan) -> (u64, &'static str) {
    let given = plan.given.as_ref().map(|given| given.what_if.bits_per_second.value);
    let needed = plan
        .bandwidths
        .first()
        .and_then(|row| row.always)
        .map(|figure| figure.value);
    match (given, needed) {
        (Some(bits), _) => (bits, "the bandwidth that was given; several links are one here"),
        (None, Some(bits)) => (bits, "the bandwidth that the RPO needs, always"),
        (None, None) => (1_000_000, "nothing is known of what is written"),
    }
}

/// The name and kind of that link.
pub(crate) fn link(options: &Options) -> &'static str {
    match options.network {
        Network::ExpressRoute => "expressroute",
        Network::Vpn | Network::Internet => "internet",
    }
}

/// Its link, and the servers.
pub(crate) fn servers(out: &mut String, options: &Options, plan: &Plan, throttles: &[Throttle]) {
    let ((bits, why), kind) = (bandwidth(plan), link(options));
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
            let throttles: Vec<String> = throttles
                .iter()
                .map(|throttle| format!("\"{}\"", write_throttle(throttle)))
                .collect();
            if !throttles.is_empty() {
                line!(out, "throttle = [{}]", throttles.join(", "));
            }
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

/// What the disks of a scenario begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disks {
    /// As much as is used of them.
    Used,
    /// Nothing.
    Empty,
}

/// The counters that a scenario writes by, and what it calls their file.
pub(crate) type ByCounters<'a, 'b> = Option<(&'b mut Counted<'a>, &'b str)>;

/// The machines; gives their names in the scenario, in their order.
pub(crate) fn machines<'a>(
    out: &mut String,
    mut counted: ByCounters<'a, '_>,
    begin: Disks,
    work: &Work<'a>,
) -> Vec<String> {
    let (mut names, mut taken) = (Vec::new(), BTreeSet::new());
    for (place, vm, demand, _) in work.counted() {
        let name = word(&vm.name, &taken);
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
        line!(out, "[[vm]]\nname = \"{name}\"\nos = \"{}\"", os(vm));
        if work.options.boot != scenarios::default_boot() {
            line!(out, "boot = \"{}\"", write_duration(work.options.boot));
        }
        line!(out, "");
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
            let used = if begin == Disks::Used { used(disk) } else { 0 };
            line!(out, "used = \"{used} B\"");
            line!(out, "compressibility = \"{}\"\n", ratio(factor));
            let rate = work.options.grown(demand.disks[at].mean_written);
            if rate > 0 {
                let file = counted.as_mut().and_then(|(counted, file)| {
                    let taken = counted.take((place, &name), (at, &own), &demand.disks[at]);
                    taken.then_some(*file)
                });
                written.push((own.clone(), rate, file));
            }
            disks.insert(own);
        }
        for (disk, rate, file) in written {
            line!(out, "[[vm.workload]]\ndisk = \"{disk}\"");
            if let Some(file) = file {
                let factor = thousandths(1_000 + u64::from(work.options.growth_per_mille));
                line!(
                    out,
                    "kind = \"profile\"\nfile = \"{file}\"\nrepeat = true\nfactor = {factor}\n"
                );
            } else {
                line!(out, "rate = \"{rate} B/s\"\n");
            }
        }
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

/// From a vault to replication of all machines.
pub(crate) fn steps(out: &mut String, plan: &Plan) {
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
"#
    );
}

/// Recovery plans of as many machines as the product takes, to be split into groups by whoever knows which machine needs which.
fn recovery_plans(out: &mut String, names: &[String], work: &Work<'_>) {
    let most = usize::try_from(work.options.model.limits.plan_machines).unwrap_or(usize::MAX);
    let plans = names.len().div_ceil(most);
    line!(
        out,
        "# Groups start one after the other, those first that others need: the estate's column `group`. Put checks between them."
    );
    let machines: Vec<(u8, &str)> = work
        .counted()
        .zip(names)
        .map(|((_, vm, _, _), name)| (vm.group, name.as_str()))
        .collect();
    for (number, machines) in (1..).zip(machines.chunks(most)) {
        let plan = if plans == 1 {
            "estate".to_owned()
        } else {
            format!("estate-{number}")
        };
        line!(out, "[[recovery_plan]]\nname = \"{plan}\"\n");
        let groups: BTreeSet<u8> = machines.iter().map(|(group, _)| *group).collect();
        for group in &groups {
            let of_it = machines.iter().filter(|(of, _)| of == group);
            let quoted: Vec<String> = of_it.map(|(_, name)| format!("\"{name}\"")).collect();
            let vm = match (plans, groups.len()) {
                (1, 1) => "\"all\"".to_owned(),
                _ => format!("[{}]", quoted.join(", ")),
            };
            line!(out, "[[recovery_plan.group]]\nvm = {vm}\n");
        }
        line!(
            out,
            "# It runs a day after protection: take the marks away.\n#\n# [[step]]\n# do = \"failover\"\n# recovery_plan = \"{plan}\"\n\
             # after = {{ vm = \"all\", state = \"protected\" }}\n# wait = \"24 h\"\n"
        );
    }
}

fn expects(out: &mut String, plan: &Plan) {
    line!(
        out,
        r#"[[expect]]
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

/// In one line, for a comment.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A name that a scenario takes, like this one and unlike those that there are: letters, digits and hyphens.
pub(crate) fn word(name: &str, taken: &BTreeSet<String>) -> String {
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
}
