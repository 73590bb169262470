//! What happens to the world of a drawn scenario.

use scenarios::Scenario;
use scenarios::keys::FAULT;
use scenarios::model::{Always, Aside, Condition, Fault, Happens, Host, Process, Rot, Which};
use sim::faults::{Nth, Off};

use super::draw::{DAY, Draw};

pub(super) fn fault(draw: &mut Draw, number: u64, scenario: &Scenario) -> Fault {
    let words = FAULT.variants.as_ref().expect("kinds").of.iter().map(|of| of.word);
    let word = draw.of(&words.collect::<Vec<_>>());
    let link = draw.index(scenario.links.len());
    let what = match word {
        "power-loss" => {
            let all = hosts(scenario);
            let sites = if draw.flag() {
                draw.some(scenario.sites.len())
            } else {
                Vec::new()
            };
            let hosts = if sites.is_empty() || draw.flag() {
                draw.some(all.len())
            } else {
                Vec::new()
            };
            let hosts = hosts.into_iter().map(|host| all[host]).collect();
            Happens::PowerLoss { hosts, sites }
        }
        "segment-tampered" => {
            let vm = draw.index(scenario.vms.len());
            Happens::SegmentTampered {
                vm,
                disk: draw.index(scenario.vms[vm].disks.len()) as u16,
                segment: draw.below(3) as u32,
                byte: draw.bytes(),
            }
        }
        "process-crash" => crash(draw, scenario),
        "link-cut" => Happens::LinkCut {
            link,
            direction: draw.word(),
        },
        "link-flapping" => Happens::LinkFlapping {
            link,
            down: 1_000_000 + draw.duration(),
            up: 1_000_000 + draw.duration(),
        },
        "link-held" => Happens::LinkHeld(link),
        "answers-late" => Happens::AnswersLate {
            host: host(draw, scenario),
            by: 1 + draw.duration(),
        },
        "requests-refused" => Happens::RequestsRefused(1 + draw.below(9) as u32),
        "boots-refused" => {
            let vcenters = (0..scenario.servers.len()).filter(|server| scenario.servers[*server].roles.vcenter);
            let makers = vcenters.map(Host::Server).chain([Host::Always(Always::AzureCompute)]);
            Happens::BootsRefused {
                host: draw.of(&makers.collect::<Vec<_>>()),
                code: draw.of(&["28031 quota", "8038"]).to_owned(),
            }
        }
        "answers-twice" => Happens::AnswersTwice(host(draw, scenario)),
        "clock-jump" => Happens::Clock {
            host: host(draw, scenario),
            off: Off::Jump(draw.of(&[-1, 1]) * (1 + draw.below(31 * DAY) as i64)),
        },
        "clock-drift" => Happens::Clock {
            host: host(draw, scenario),
            off: Off::Drift(draw.of(&[-1, 1]) * (1 + draw.below(500_000) as i32)),
        },
        "link-degraded" => Happens::LinkDegraded {
            link,
            bits_per_second: Some(1 + draw.below(1_000_000_000)),
            latency: draw.flag().then(|| draw.duration()),
            loss_per_million: draw.flag().then(|| draw.below(1_000_000) as u32),
        },
        "apart" => {
            let first = host(draw, scenario);
            let others = hosts(scenario).into_iter().filter(|other| *other != first);
            Happens::Apart(first, draw.of(&others.collect::<Vec<_>>()))
        }
        "port-blocked" => Happens::PortBlocked {
            port: 1 + draw.below(65_535) as u16,
            host: draw.flag().then(|| host(draw, scenario)),
        },
        "disk-slow" => Happens::DiskSlow {
            host: host(draw, scenario),
            times: 2 + draw.below(1_000) as u32,
        },
        "compute-slow" => Happens::ComputeSlow {
            host: host(draw, scenario),
            times: 2 + draw.below(1_000) as u32,
        },
        "disk-full" => Happens::DiskFull(host(draw, scenario)),
        "quiesce-fails" => Happens::QuiesceFails(draw.index(scenario.vms.len())),
        "flush-lies" => Happens::FlushLies(host(draw, scenario)),
        "disk-error" => Happens::DiskError {
            host: host(draw, scenario),
            operation: draw.word(),
            which: nth(draw),
        },
        "write-lost" => Happens::WriteLost {
            host: host(draw, scenario),
            which: nth(draw),
        },
        "write-misdirected" => Happens::WriteMisdirected {
            host: host(draw, scenario),
            which: nth(draw),
        },
        "disk-torn" => Happens::DiskTorn {
            host: host(draw, scenario),
            left: draw.word(),
        },
        "disk-rot" => {
            let (vm, of) = (draw.index(scenario.vms.len()), draw.word());
            let disks = match of {
                Rot::StoredSegment => scenario.vms[vm].disks.len(),
                Rot::CachedBatch | Rot::Journal => 1,
            };
            Happens::DiskRot {
                vm,
                of,
                disk: draw.index(disks) as u16,
                file: draw.below(3) as u32,
                byte: draw.bytes(),
            }
        }
        other => panic!("how is a fault of kind {other} drawn?"),
    };
    let named = (0..scenario.steps.len()).filter(|step| scenario.steps[*step].name.is_some());
    let named: Vec<usize> = named.collect();
    let begin = match draw.below(4) {
        0 => Vec::new(),
        1 => vec![Condition::At(draw.below(900 * DAY))],
        2 => after_fault(draw, number),
        _ => vec![Condition::Step(draw.of(&named), Which::These(Vec::new()))],
    };
    let until = match draw.below(4) {
        0 => after_fault(draw, number),
        1 => vec![Condition::Step(draw.of(&named), Which::These(Vec::new()))],
        _ => Vec::new(),
    };
    Fault {
        name: format!("fault {number}"),
        word,
        what,
        begin,
        wait: draw.duration(),
        until,
        lasts: draw.flag().then(|| 1 + draw.duration()),
        may_miss: draw.flag(),
        line: Aside(0),
    }
}

/// The end or the beginning of a fault before this one, if there is one: so that none waits for itself.
fn after_fault(draw: &mut Draw, number: u64) -> Vec<Condition> {
    if number == 0 {
        return Vec::new();
    }
    let before = draw.index(number as usize);
    vec![match draw.flag() {
        true => Condition::FaultEnded(before),
        false => Condition::FaultBegan(before),
    }]
}

/// The last step waits for a fault, if there is one that waits for no step.
pub(super) fn step_waits(draw: &mut Draw, scenario: &mut Scenario) {
    let waits = |conditions: &[Condition]| !conditions.iter().all(|condition| matches!(condition, Condition::At(_)));
    let free = (0..scenario.faults.len())
        .filter(|fault| !waits(&scenario.faults[*fault].begin) && !waits(&scenario.faults[*fault].until));
    let free: Vec<usize> = free.collect();
    if let (false, Some(last)) = (free.is_empty(), scenario.steps.last_mut()) {
        last.begin = vec![Condition::FaultEnded(draw.of(&free))];
    }
}

fn nth(draw: &mut Draw) -> Nth {
    match draw.flag() {
        true => Nth::Only(1 + draw.below(1_000) as u32),
        false => Nth::Every(1 + draw.below(3) as u32),
    }
}

fn hosts(scenario: &Scenario) -> Vec<Host> {
    let servers = (0..scenario.servers.len()).map(Host::Server);
    let vms = (0..scenario.vms.len()).map(Host::Vm);
    servers.chain(vms).chain(Always::ALL.map(Host::Always)).collect()
}

fn host(draw: &mut Draw, scenario: &Scenario) -> Host {
    draw.of(&hosts(scenario))
}

fn crash(draw: &mut Draw, scenario: &Scenario) -> Happens {
    let host = host(draw, scenario);
    let process = match host {
        Host::Vm(_) => Process::MobilityService,
        Host::Always(machine) => machine.process(),
        Host::Server(server) => {
            let roles = scenario.servers[server].roles;
            let all = [
                (roles.process_server, Process::ProcessServer),
                (roles.configuration_server, Process::ConfigurationServer),
                (roles.master_target, Process::MasterTarget),
                (roles.vcenter, Process::Vcenter),
            ];
            let own = all.into_iter().filter(|(is, _)| *is).map(|(_, process)| process);
            draw.of(&own.collect::<Vec<_>>())
        }
    };
    Happens::ProcessCrash(host, process)
}
