//! A seed draws a schedule: which faults, how many, when, how long, on whom; and what of the estate's times is otherwise.
//!
//! All draws are here, from one stream that is the seed's. A swarm is drawn first: of the kinds that the scenario allows, some, so that
//! rare ones meet in some seed; then so many faults of those, each with its target, its time and its length; then some of the links' rates
//! and latencies, and some constants of the model, within a factor that leaves them plausible. What comes out is a scenario like any other.

use actors::messages::PORT_MANAGEMENT;
use actors::messages::group::PORT_GROUP;
use actors::messages::replication::PORT_REPLICATION;
use actors::nouns::{ItemState, PointChoice};
use datapath::disk::Operation;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use sim::faults::{Left, Nth, Off};
use sim::random;

use super::atlas;
use crate::keys::{PointWord, Words};
use crate::model::{Always, Aside, Condition, Direction, Do, Fault, Happens, Host, Process, Rot, Scenario, Which};
use crate::units::write_duration;

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLISECOND;

/// Losses of power that go with a disk that tears.
const TORN_BY: u64 = 3;

/// Constants that a seed may have otherwise, and by what factor at the most, each way. Those whose value a plan or a law's bound hangs on,
/// and limits that only refuse, are left alone.
const DRAWN_CONSTANTS: &[(&str, u64)] = &[
    ("agent.flush_after", 4),
    ("agent.cut_after", 3),
    ("agent.batch", 4),
    ("agent.piece", 4),
    ("agent.look_every", 3),
    ("process_server.window", 4),
    ("process_server.jobs", 4),
    ("session.pause_first", 4),
    ("guest.write_latency", 4),
    ("disk.flush", 8),
    ("disk.read", 8),
];

/// What a seed came to.
#[derive(Clone)]
pub struct Drawn {
    /// The seed.
    pub seed: u64,
    /// The scenario that is run: the one that was given, with what was drawn.
    pub scenario: Scenario,
    /// What was drawn beside the faults, a line each: a key of the scenario and its value.
    pub otherwise: Vec<String>,
}

/// The kinds of fault that fit an estate, by the words of `[[fault]]`: each has something to strike, and can be survived.
#[must_use]
pub fn kinds(scenario: &Scenario) -> Vec<&'static str> {
    if scenario.chaos.most == 0 {
        return Vec::new();
    }
    kinds_of(&targets(scenario), &scenario.chaos.kinds)
}

fn kinds_of(targets: &[(&'static str, Target)], allowed: &[&'static str]) -> Vec<&'static str> {
    let mut words: Vec<&'static str> = targets.iter().map(|(word, _)| *word).collect();
    words.dedup();
    words.retain(|word| allowed.is_empty() || allowed.contains(word));
    words
}

/// Draws what a seed does to a scenario. Its own faults stay; of what it expects, what holds under faults.
#[must_use]
pub fn draw(scenario: &Scenario, seed: u64) -> Drawn {
    let mut random = random::stream(seed, "chaos", 1, "schedule");
    let mut drawn = scenario.clone();
    if scenario.chaos.most == 0 {
        return Drawn {
            seed,
            scenario: drawn,
            otherwise: Vec::new(),
        };
    }
    drawn.expects.retain(|expect| expect.under_faults);
    let targets = targets(scenario);
    let swarm = swarm(&mut random, &kinds_of(&targets, &scenario.chaos.kinds));
    let count = 1 + random.next_u64() % scenario.chaos.most;
    for number in 1..=count {
        let Some(word) = pick(&mut random, &swarm).copied() else {
            break;
        };
        let of_it: Vec<Target> = targets
            .iter()
            .filter(|(kind, _)| *kind == word)
            .map(|(_, target)| *target)
            .collect();
        let Some(target) = pick(&mut random, &of_it).copied() else {
            continue;
        };
        let what = happens(&mut random, scenario, word, target);
        let at = begins(&mut random, scenario);
        let lasts = match target {
            // A failover has to come to its boot within it.
            Target::Boot(..) => log_uniform(&mut random, 10 * SECOND, scenario.chaos.longest.max(10 * SECOND)),
            _ => lasts(&mut random, scenario.chaos.longest),
        };
        let instant = matches!(what, Happens::DiskRot { .. });
        if let Happens::DiskTorn { host, .. } = &what {
            // Nothing is torn but by a loss of power, and then only what was not flushed: it goes several times.
            let each = lasts / (2 * TORN_BY) / MILLISECOND * MILLISECOND;
            for time in 0..if each > 0 { TORN_BY } else { 0 } {
                let what = Happens::PowerLoss {
                    hosts: vec![*host],
                    sites: Vec::new(),
                };
                drawn.faults.push(fault(
                    format!("drawn-{number}-power-{}", time + 1),
                    "power-loss",
                    what,
                    Condition::At(at + each + 2 * each * time),
                    Some(each),
                ));
            }
        }
        let lasts = (!instant).then_some(lasts);
        drawn
            .faults
            .push(fault(format!("drawn-{number}"), word, what, begin(target, at), lasts));
    }
    let mut otherwise = if scenario.chaos.constants {
        otherwise(&mut random, &mut drawn)
    } else {
        Vec::new()
    };
    if scenario.chaos.points {
        otherwise.extend(points(&mut random, &mut drawn));
    }
    Drawn {
        seed,
        scenario: drawn,
        otherwise,
    }
}

/// A fault that was drawn by chance, so that it may miss.
fn fault(name: String, word: &'static str, what: Happens, begin: Condition, lasts: Option<u64>) -> Fault {
    Fault {
        name,
        word,
        what,
        begin: vec![begin],
        wait: 0,
        until: Vec::new(),
        lasts,
        may_miss: true,
        line: Aside(0),
    }
}

/// Whom or what a kind of fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Host(Host),
    Process(Host, Process),
    Link(usize),
    Vm(usize),
    Pair(Host, Host),
    /// Who makes or starts a machine, and which.
    Boot(Host, usize),
    Port(u16),
}

/// What there is to strike, by kind, in the order of the catalogue. What cannot be survived is not in it, unless the scenario names its kind.
fn targets(scenario: &Scenario) -> Vec<(&'static str, Target)> {
    let servers = (0..scenario.servers.len()).map(Host::Server);
    let vms = (0..scenario.vms.len()).map(Host::Vm);
    let always = Always::ALL.into_iter().map(Host::Always);
    let hosts: Vec<Host> = servers.clone().chain(vms).chain(always).collect();
    let mut all = Vec::new();
    let mut each = |word: &'static str, targets: &mut dyn Iterator<Item = Target>| {
        all.extend(targets.map(|target| (word, target)));
    };
    each("power-loss", &mut hosts.iter().map(|host| Target::Host(*host)));
    each("process-crash", &mut processes(scenario, &hosts).into_iter());
    for word in ["link-cut", "link-flapping", "link-held", "link-degraded"] {
        each(word, &mut (0..scenario.links.len()).map(Target::Link));
    }
    let pairs = hosts.iter().enumerate();
    let pairs = pairs.flat_map(|(at, one)| hosts[at + 1..].iter().map(|other| Target::Pair(*one, *other)));
    each("apart", &mut pairs.collect::<Vec<_>>().into_iter());
    let mut ports = vec![PORT_MANAGEMENT, PORT_REPLICATION];
    if !scenario.replication_groups.is_empty() {
        ports.push(PORT_GROUP);
    }
    each("port-blocked", &mut ports.into_iter().map(Target::Port));
    for word in ["disk-slow", "disk-full", "disk-error", "flush-lies"] {
        each(word, &mut hosts.iter().map(|host| Target::Host(*host)));
    }
    // The others compute nothing.
    let computes = hosts.iter().filter(|host| match host {
        Host::Vm(_) => true,
        Host::Server(server) => {
            let roles = scenario.servers[*server].roles;
            roles.process_server || roles.master_target
        }
        Host::Always(always) => *always == Always::SiteRecovery,
    });
    each("compute-slow", &mut computes.map(|host| Target::Host(*host)));
    // The others append to no files.
    let writes = hosts.iter().filter(|host| match host {
        Host::Vm(_) => true,
        Host::Server(server) => {
            let roles = scenario.servers[*server].roles;
            roles.process_server || roles.master_target
        }
        Host::Always(always) => *always == Always::StorageAccount,
    });
    let writes: Vec<Target> = writes.map(|host| Target::Host(*host)).collect();
    for word in ["write-lost", "write-misdirected", "disk-torn"] {
        each(word, &mut writes.iter().copied());
    }
    each("disk-rot", &mut (0..scenario.vms.len()).map(Target::Vm));
    for word in ["answers-late", "answers-twice", "clock-jump", "clock-drift"] {
        each(word, &mut hosts.iter().map(|host| Target::Host(*host)));
    }
    let account = Target::Host(Host::Always(Always::StorageAccount));
    each("requests-refused", &mut std::iter::once(account));
    each("boots-refused", &mut boots(scenario).into_iter());
    each("quiesce-fails", &mut (0..scenario.vms.len()).map(Target::Vm));
    let named = |word: &str| scenario.chaos.losses && scenario.chaos.kinds.contains(&word);
    all.retain(|(word, target)| named(word) || survives(scenario, word, *target));
    all
}

/// Whether the kind can be survived there, by the atlas.
fn survives(scenario: &Scenario, word: &str, target: Target) -> bool {
    let of = match (word, target) {
        ("flush-lies", Target::Host(host)) => Happens::FlushLies(host),
        ("write-lost" | "write-misdirected", Target::Host(host)) => {
            let which = Nth::Only(1);
            Happens::WriteLost { host, which }
        }
        ("disk-rot", Target::Vm(vm)) => rot(vm, Rot::CachedBatch, 0, 0),
        _ => return true,
    };
    atlas::destroys(scenario, &of).is_none()
}

/// Who refuses to boot what: where the plan has it boot one, for at any other time there is nothing to refuse.
fn boots(scenario: &Scenario) -> Vec<Target> {
    let vcenters = (0..scenario.servers.len()).filter(|server| scenario.servers[*server].roles.vcenter);
    let vcenters: Vec<Host> = vcenters.map(Host::Server).collect();
    let mut all = Vec::new();
    for step in &scenario.steps {
        let makers: &[Host] = match &step.what {
            Do::Failover { .. } => &[Host::Always(Always::AzureCompute)],
            Do::Failback { .. } => &vcenters,
            _ => continue,
        };
        for maker in makers {
            let boots = step.vms.iter().map(|vm| Target::Boot(*maker, *vm));
            all.extend(boots.filter(|boot| !all.contains(boot)).collect::<Vec<_>>());
        }
    }
    all
}

/// When a fault begins: at a time, or as the failover of the machine begins whose boot is refused.
fn begin(target: Target, at: u64) -> Condition {
    match target {
        Target::Boot(host, vm) => {
            let state = match host {
                Host::Always(_) => ItemState::FailoverInProgress,
                Host::Server(_) | Host::Vm(_) => ItemState::FailbackInProgress,
            };
            Condition::State(Which::These(vec![vm]), state)
        }
        _ => Condition::At(at),
    }
}

fn processes(scenario: &Scenario, hosts: &[Host]) -> Vec<Target> {
    let of = |host: &Host| -> Vec<Process> {
        match host {
            Host::Vm(_) => vec![Process::MobilityService],
            Host::Always(machine) => vec![machine.process()],
            Host::Server(server) => {
                let roles = scenario.servers[*server].roles;
                let all = [
                    (roles.process_server, Process::ProcessServer),
                    (roles.configuration_server, Process::ConfigurationServer),
                    (roles.master_target, Process::MasterTarget),
                    (roles.vcenter, Process::Vcenter),
                ];
                all.into_iter()
                    .filter(|(has, _)| *has)
                    .map(|(_, process)| process)
                    .collect()
            }
        }
    };
    let each = |host: &Host| {
        of(host)
            .into_iter()
            .map(|process| Target::Process(*host, process))
            .collect::<Vec<_>>()
    };
    hosts.iter().flat_map(each).collect()
}

/// Some of the kinds: one alone, or each with an even chance.
fn swarm(random: &mut ChaCha8Rng, kinds: &[&'static str]) -> Vec<&'static str> {
    if random.next_u64().is_multiple_of(4) {
        return pick(random, kinds).copied().into_iter().collect();
    }
    let some: Vec<&'static str> = kinds.iter().copied().filter(|_| random.next_u64() & 1 == 0).collect();
    if some.is_empty() { kinds.to_vec() } else { some }
}

fn pick<'a, T>(random: &mut ChaCha8Rng, of: &'a [T]) -> Option<&'a T> {
    let count = of.len() as u64;
    (count > 0).then(|| &of[(random.next_u64() % count) as usize])
}

/// When it begins: between the scenario's bounds, on a whole millisecond.
fn begins(random: &mut ChaCha8Rng, scenario: &Scenario) -> u64 {
    let from = scenario.chaos.from;
    let to = scenario.chaos.to.unwrap_or(scenario.duration / 3 * 2);
    let steps = to.saturating_sub(from) / MILLISECOND;
    from + random.next_u64() % steps.max(1) * MILLISECOND
}

/// How long it lasts: as likely some milliseconds as some minutes.
fn lasts(random: &mut ChaCha8Rng, longest: u64) -> u64 {
    log_uniform(random, MILLISECOND, longest.max(MILLISECOND)) / MILLISECOND * MILLISECOND
}

/// A number between two, each order of magnitude as likely as the others.
fn log_uniform(random: &mut ChaCha8Rng, low: u64, high: u64) -> u64 {
    let (low, high) = (low.max(1), high.max(1));
    // Powers of two and a place between them: in integers, so that it is the same everywhere.
    let span = u64::from(high.ilog2().saturating_sub(low.ilog2()));
    let power = low.ilog2() + (random.next_u64() % (span + 1)) as u32;
    let base = 1_u64 << power.min(62);
    (base + random.next_u64() % base).clamp(low, high)
}

fn rot(vm: usize, of: Rot, file: u32, byte: u64) -> Happens {
    Happens::DiskRot {
        vm,
        of,
        disk: 0,
        file,
        byte,
    }
}

fn nth(random: &mut ChaCha8Rng) -> Nth {
    let small = |random: &mut ChaCha8Rng, most: u64| 1 + (random.next_u64() % most) as u32;
    match random.next_u64() & 1 {
        0 => Nth::Only(small(random, 20)),
        _ => Nth::Every(small(random, 5)),
    }
}

fn happens(random: &mut ChaCha8Rng, scenario: &Scenario, word: &str, target: Target) -> Happens {
    let small = |random: &mut ChaCha8Rng, most: u64| 1 + (random.next_u64() % most) as u32;
    match (word, target) {
        ("process-crash", Target::Process(host, process)) => Happens::ProcessCrash(host, process),
        ("link-cut", Target::Link(link)) => Happens::LinkCut {
            link,
            direction: [Direction::Both, Direction::There, Direction::Back][random.random_range(0..3)],
        },
        ("link-flapping", Target::Link(link)) => Happens::LinkFlapping {
            link,
            down: log_uniform(random, MILLISECOND, 20 * SECOND),
            up: log_uniform(random, MILLISECOND, 60 * SECOND),
        },
        ("link-held", Target::Link(link)) => Happens::LinkHeld(link),
        ("link-degraded", Target::Link(link)) => {
            let own = &scenario.links[link];
            let which = random.next_u64() % 3;
            Happens::LinkDegraded {
                link,
                bits_per_second: (which == 0)
                    .then(|| (own.bits_per_second / u64::from(small(random, 10))).max(1_000_000)),
                latency: (which == 1).then(|| {
                    own.latency
                        .saturating_mul(u64::from(small(random, 20)))
                        .max(MILLISECOND)
                }),
                loss_per_million: (which == 2).then(|| small(random, 20_000)),
            }
        }
        ("apart", Target::Pair(first, second)) => Happens::Apart(first, second),
        ("port-blocked", Target::Port(port)) => Happens::PortBlocked { port, host: None },
        ("disk-slow", Target::Host(host)) => Happens::DiskSlow {
            host,
            times: 1 + small(random, 50),
        },
        ("compute-slow", Target::Host(host)) => Happens::ComputeSlow {
            host,
            times: 1 + small(random, 1_000),
        },
        ("disk-full", Target::Host(host)) => Happens::DiskFull(host),
        ("disk-error", Target::Host(host)) => {
            let operations = [Operation::Append, Operation::Read, Operation::Write, Operation::Flush];
            Happens::DiskError {
                host,
                operation: operations[random.random_range(0..4)],
                which: nth(random),
            }
        }
        ("write-lost", Target::Host(host)) => Happens::WriteLost {
            host,
            which: nth(random),
        },
        ("write-misdirected", Target::Host(host)) => Happens::WriteMisdirected {
            host,
            which: nth(random),
        },
        ("disk-torn", Target::Host(host)) => Happens::DiskTorn {
            host,
            left: [Left::Prefix, Left::Subset][random.random_range(0..2)],
        },
        ("flush-lies", Target::Host(host)) => Happens::FlushLies(host),
        ("disk-rot", Target::Vm(vm)) => {
            let of = [Rot::CachedBatch, Rot::Journal][random.random_range(0..2)];
            rot(vm, of, small(random, 4) - 1, random.next_u64() % 65_536)
        }
        ("answers-late", Target::Host(host)) => Happens::AnswersLate {
            host,
            by: log_uniform(random, MILLISECOND, 20 * SECOND),
        },
        ("requests-refused", Target::Host(_)) => Happens::RequestsRefused(small(random, 3)),
        ("boots-refused", Target::Boot(host, _)) => Happens::BootsRefused {
            host,
            code: match host {
                Host::Always(_) => ["28031 the quota of cores is used up", "170010 hydration failed"],
                _ => ["8038 the host has no memory left", "8061 the datastore is not reached"],
            }[random.random_range(0..2)]
            .to_owned(),
        },
        ("answers-twice", Target::Host(host)) => Happens::AnswersTwice(host),
        ("clock-jump", Target::Host(host)) => {
            let by = log_uniform(random, MILLISECOND, 3_600 * SECOND).cast_signed();
            let off = Off::Jump(if random.next_u64() & 1 == 0 { by } else { -by });
            Happens::Clock { host, off }
        }
        ("clock-drift", Target::Host(host)) => {
            let by = small(random, 10_000).cast_signed();
            let off = Off::Drift(if random.next_u64() & 1 == 0 { by } else { -by });
            Happens::Clock { host, off }
        }
        ("quiesce-fails", Target::Vm(vm)) => Happens::QuiesceFails(vm),
        (_, Target::Host(host)) => Happens::PowerLoss {
            hosts: vec![host],
            sites: Vec::new(),
        },
        (word, target) => unreachable!("{word} does not strike {target:?}"),
    }
}

/// Some rates, latencies and constants are not what the scenario says.
fn otherwise(random: &mut ChaCha8Rng, drawn: &mut Scenario) -> Vec<String> {
    let mut lines = Vec::new();
    for link in &mut drawn.links {
        match random.next_u64() % 4 {
            0 => {
                link.bits_per_second = scaled(random, link.bits_per_second, 2).max(1_000_000) / 100_000 * 100_000;
                lines.push(format!("link.{}.rate = {} bit/s", link.name, link.bits_per_second));
            }
            1 => {
                link.latency = (scaled(random, link.latency, 4) / 100_000 * 100_000).max(100_000);
                lines.push(format!("link.{}.latency = {}", link.name, write_duration(link.latency)));
            }
            _ => {}
        }
    }
    for (name, factor) in DRAWN_CONSTANTS {
        if !random.next_u64().is_multiple_of(8) {
            continue;
        }
        let Some(constant) = actors::model::Constant::find(name) else {
            continue;
        };
        let value = scaled(random, (constant.get)(&drawn.model), *factor);
        let value = value.clamp(*constant.range.start(), *constant.range.end());
        (constant.set)(&mut drawn.model, value);
        lines.push(format!("model.{name} = {}", crate::keys::written(constant.unit, value)));
    }
    lines
}

/// Each failover takes a recovery point of some kind, or of some number.
fn points(random: &mut ChaCha8Rng, drawn: &mut Scenario) -> Vec<String> {
    let shared = !drawn.replication_groups.is_empty();
    // As many as there can be by then, if none was missed: app-consistent ones come beside those.
    let most = drawn.duration / drawn.policy.crash_consistent_every.max(1) + 1;
    let mut lines = Vec::new();
    for (number, step) in (1..).zip(&mut drawn.steps) {
        let (Do::TestFailover(point) | Do::Failover { point, .. } | Do::Failback { point, .. }) = &mut step.what else {
            continue;
        };
        let words = PointWord::WORDS;
        let of = if shared { words.len() } else { words.len() - 2 };
        let drawn = random.next_u64() as usize % (of + 2);
        let word = match words.get(drawn).filter(|_| drawn < of) {
            Some((word, kind)) => {
                *point = (*kind).into();
                (*word).to_owned()
            }
            None => {
                let number = 1 + random.next_u64() % most;
                *point = PointChoice::Custom(number);
                number.to_string()
            }
        };
        let name = step.name.clone().unwrap_or_else(|| number.to_string());
        lines.push(format!("step.{name}.point = {word}"));
    }
    lines
}

/// A value up to so many times as large, or as small.
fn scaled(random: &mut ChaCha8Rng, value: u64, factor: u64) -> u64 {
    log_uniform(random, value / factor.max(1), value.saturating_mul(factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_as_likely_short_as_long() {
        let mut random = random::stream(1, "test", 1, "lengths");
        let lengths: Vec<u64> = (0..2_000).map(|_| lasts(&mut random, 120 * SECOND)).collect();
        let within = |low, high| lengths.iter().filter(|length| (low..high).contains(*length)).count();
        assert!(within(MILLISECOND, 10 * MILLISECOND) > 200);
        assert!(within(10 * SECOND, 121 * SECOND) > 200);
        assert!(
            lengths
                .iter()
                .all(|length| (MILLISECOND..=120 * SECOND).contains(length))
        );
    }
}
