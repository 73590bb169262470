//! What happens in a drawn scenario, and what has to hold.

use actors::nouns::{ItemState, Place, PointChoice};
use scenarios::Scenario;
use scenarios::keys::STEP;
use scenarios::model::Zone;
use scenarios::model::{Aside, Bound, Condition, Do, Ending, Expect, Expected, Server, Step, Which};

use super::draw::Draw;

pub(super) fn plain(name: &str, word: &'static str, what: Do, vms: Vec<usize>, scenario: &Scenario) -> Step {
    let begin = match scenario.steps.len() {
        0 => Vec::new(),
        count => vec![Condition::Step(count - 1, Which::These(Vec::new()))],
    };
    Step {
        name: Some(name.to_owned()),
        word,
        what,
        vms,
        recovery_plan: None,
        begin,
        wait: 0,
        stagger: 0,
        expected: Expected::default(),
        line: Aside(0),
    }
}

/// Out and home, so that every condition has a cause before it.
pub(super) fn journey(scenario: &mut Scenario) {
    let all: Vec<usize> = (0..scenario.vms.len()).collect();
    for server in 0..scenario.servers.len() {
        let known = &scenario.servers[server];
        let (word, what) = match known.roles {
            roles if roles.configuration_server => {
                ("register-configuration-server", Do::RegisterConfigurationServer(server))
            }
            _ if known.zone == Zone::AzureVnet => ("add-process-server", Do::AddProcessServer(server)),
            _ => continue,
        };
        let step = plain(&format!("server {server}"), word, what, Vec::new(), scenario);
        scenario.steps.push(step);
    }
    let azure: Vec<usize> = (0..scenario.servers.len())
        .filter(|server| scenario.servers[*server].zone == Zone::AzureVnet)
        .collect();
    let targets: Vec<usize> = (0..scenario.servers.len())
        .filter(|server| scenario.servers[*server].roles.master_target)
        .collect();
    let point = PointChoice::Latest;
    for (word, what) in [
        ("install-by-hand", Do::InstallByHand),
        (
            "enable-replication",
            Do::EnableReplication {
                process_server: None,
                over: None,
            },
        ),
        ("test-failover", Do::TestFailover(point)),
        ("failover", Do::Failover { point, shutdown: false }),
        ("commit", Do::Commit),
        (
            "reprotect",
            Do::Reprotect {
                process_servers: azure,
                master_targets: targets,
            },
        ),
        (
            "failback",
            Do::Failback {
                point,
                to_physical: false,
            },
        ),
    ] {
        let step = plain(word, word, what, all.clone(), scenario);
        scenario.steps.push(step);
    }
}

pub(super) fn step(draw: &mut Draw, scenario: &Scenario) -> Step {
    let servers = &scenario.servers;
    let with = |is: &dyn Fn(&Server) -> bool| -> Vec<usize> {
        (0..servers.len()).filter(|server| is(&servers[*server])).collect()
    };
    let owners = with(&|server| server.roles.configuration_server);
    let process_servers = with(&|server| server.roles.process_server);
    let azure = with(&|server| server.zone == Zone::AzureVnet);
    let targets = with(&|server| server.roles.master_target);
    let vcenters = with(&|server| server.roles.vcenter);
    let mut vms = draw.some(scenario.vms.len());
    let words: Vec<&'static str> = STEP
        .variants
        .as_ref()
        .expect("actions")
        .of
        .iter()
        .map(|of| of.word)
        .collect();
    let word = draw.of(&words);
    let what = match word {
        "create-vault" => Do::CreateVault,
        "register-configuration-server" => Do::RegisterConfigurationServer(draw.of(&owners)),
        "add-vcenter" => Do::AddVcenter {
            configuration_server: draw.of(&owners),
            vcenter: draw.of(&vcenters),
        },
        "push-install" => Do::PushInstall {
            process_server: draw.flag().then(|| draw.of(&process_servers)),
        },
        "install-by-hand" => Do::InstallByHand,
        "create-policy" => Do::CreatePolicy,
        "enable-replication" => Do::EnableReplication {
            process_server: draw.flag().then(|| draw.of(&process_servers)),
            over: draw.flag().then(|| draw.word::<scenarios::keys::Over>().0),
        },
        "test-failover" => Do::TestFailover(point(draw)),
        "cleanup-test-failover" => Do::CleanupTestFailover,
        "failover" => Do::Failover {
            point: point(draw),
            shutdown: draw.flag(),
        },
        "planned-failover" => Do::PlannedFailover,
        "commit" => Do::Commit,
        "move-to-process-server" => Do::Move(draw.of(&process_servers)),
        "add-process-server" => Do::AddProcessServer(draw.of(&azure)),
        "remove-process-server" => Do::RemoveProcessServer(draw.of(&azure)),
        "reprotect" if draw.flag() => Do::Reprotect {
            process_servers: if draw.flag() {
                Vec::new()
            } else {
                vec![draw.of(&process_servers)]
            },
            master_targets: Vec::new(),
        },
        "reprotect" => Do::Reprotect {
            process_servers: if draw.flag() {
                azure
            } else {
                vec![draw.of(&process_servers)]
            },
            master_targets: if draw.flag() { targets } else { vec![draw.of(&targets)] },
        },
        "failback" => Do::Failback {
            point: point(draw),
            to_physical: draw.flag(),
        },
        "disable-replication" => Do::DisableReplication,
        "power-off" | "power-on" => power(draw, scenario, word == "power-on"),
        "cut-link" | "restore-link" => Do::Link {
            link: draw.index(scenario.links.len()),
            up: word == "restore-link",
        },
        "tamper-segment" => {
            vms = vec![vms[0]];
            Do::TamperSegment {
                disk: draw.index(scenario.vms[vms[0]].disks.len()) as u16,
                segment: draw.number() as u32,
                byte: draw.number(),
            }
        }
        "note" => Do::Note(draw.text()),
        other => panic!("the writer is not tried on `{other}`"),
    };
    let takes_plans = matches!(what, Do::TestFailover(_) | Do::Failover { .. });
    let plans = &scenario.recovery_plans;
    let recovery_plan = (takes_plans && !plans.is_empty() && draw.flag()).then(|| draw.index(plans.len()));
    let per_vm = what.per_vm() && recovery_plan.is_none();
    if let Some(plan) = recovery_plan {
        vms = plans[plan].vms();
    }
    let number = scenario.steps.len();
    let expected = Expected {
        ending: draw.word::<Ending>(),
        reason: None,
    };
    Step {
        name: draw.flag().then(|| format!("step \"{number}\"")),
        word,
        what,
        vms: if per_vm || recovery_plan.is_some() {
            vms
        } else {
            Vec::new()
        },
        recovery_plan,
        begin: begin(draw, scenario, per_vm),
        wait: if draw.flag() { 0 } else { draw.duration() },
        stagger: if recovery_plan.is_some() || draw.flag() {
            0
        } else {
            draw.duration()
        },
        expected: Expected {
            reason: (matches!(expected.ending, Ending::Refused | Ending::Failed) && draw.flag()).then(|| draw.text()),
            ..expected
        },
        line: Aside(0),
    }
}

pub(super) fn point(draw: &mut Draw) -> PointChoice {
    match draw.below(6) {
        0 => PointChoice::Latest,
        1 => PointChoice::LatestProcessed,
        2 => PointChoice::LatestAppConsistent,
        3 => PointChoice::LatestMultiVm,
        4 => PointChoice::LatestMultiVmAppConsistent,
        _ => PointChoice::Custom(draw.number()),
    }
}

pub(super) fn power(draw: &mut Draw, scenario: &Scenario, on: bool) -> Do {
    let site = draw.index(scenario.sites.len()) as u32;
    let own = |server: &usize| scenario.servers[*server].zone == Zone::Site(site);
    match draw.flag() {
        true => Do::Power {
            on,
            servers: (0..scenario.servers.len()).filter(own).collect(),
            vms: (0..scenario.vms.len())
                .filter(|vm| !on && scenario.vms[*vm].site == site)
                .collect(),
        },
        false => Do::Power {
            on,
            servers: draw.some(scenario.servers.len()),
            vms: draw.some(scenario.vms.len()),
        },
    }
}

pub(super) fn begin(draw: &mut Draw, scenario: &Scenario, per_vm: bool) -> Vec<Condition> {
    let before = scenario.steps.len() - 1;
    let usual = vec![Condition::Step(before, Which::These(Vec::new()))];
    match draw.below(4) {
        0 => usual,
        1 => vec![Condition::At(draw.duration())],
        2 if draw.below(8) == 0 => Vec::new(),
        _ => {
            let at = draw.flag().then(|| Condition::At(draw.duration()));
            let count = 1 + draw.below(3);
            let others = (0..count).map(|_| condition(draw, scenario, per_vm));
            at.into_iter().chain(others).collect()
        }
    }
}

pub(super) fn condition(draw: &mut Draw, scenario: &Scenario, per_vm: bool) -> Condition {
    let which = match per_vm && draw.flag() {
        true => Which::Each,
        false => Which::These(draw.some(scenario.vms.len())),
    };
    let named: Vec<usize> = (0..scenario.steps.len())
        .filter(|step| scenario.steps[*step].name.is_some())
        .collect();
    match draw.below(8) {
        0 => Condition::Step(draw.of(&named), Which::These(Vec::new())),
        1 => Condition::Step(draw.of(&named), which),
        2 => Condition::State(which, draw.word::<ItemState>()),
        3 => Condition::PointsStored(which, draw.below(3)),
        4 => Condition::PointsProcessed(which, draw.below(3)),
        5 => Condition::WorkloadUp(which, draw.word::<Place>()),
        6 => Condition::ServerRegistered(draw.index(scenario.servers.len())),
        _ => Condition::AgentRegistered(draw.index(scenario.vms.len())),
    }
}

pub(super) fn expect(draw: &mut Draw, scenario: &Scenario) -> Expect {
    let what = bound(draw);
    let faults: Vec<&str> = scenario.faults.iter().map(|fault| fault.name.as_str()).collect();
    let during = (what.can_be_during() && !faults.is_empty() && draw.flag()).then(|| draw.of(&faults).to_owned());
    let between = (what.can_be_between() && during.is_some() && draw.flag()).then(|| {
        let from = draw.duration();
        (from, from + draw.duration())
    });
    Expect {
        vms: draw.some(scenario.vms.len()),
        what,
        during,
        between,
        under_faults: draw.below(2) == 0,
        line: Aside(0),
    }
}

fn bound(draw: &mut Draw) -> Bound {
    match draw.below(13) {
        0 => Bound::RpoBelow(draw.duration()),
        1 => Bound::RtoBelow(draw.duration()),
        2 => Bound::FailoverWithin(draw.duration()),
        3 => Bound::LostBelow(draw.duration()),
        4 => Bound::LostBytesBelow(draw.bytes()),
        5 => Bound::PointsAtLeast(draw.below(3)),
        6 => Bound::Alert(draw.of(&["806", "the applications \"could\" not"]).to_owned()),
        7 => Bound::RpoAbove(draw.duration()),
        8 => Bound::BacklogAbove(draw.bytes()),
        9 => Bound::NoPoints(draw.word()),
        10 => Bound::State(draw.word()),
        11 => Bound::CaughtUpWithin(draw.duration()),
        _ => Bound::Verified,
    }
}
