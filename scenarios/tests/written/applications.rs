//! What machines of a drawn scenario have to do with each other.

use scenarios::Scenario;
use scenarios::model::{
    Application, Database, Disk, PlanAction, PlanDoes, PlanGroup, RecoveryPlan, ReplicationGroup, Start, Tier,
};

use super::draw::Draw;

/// Groups of neighbours, so that no machine is in two.
pub(super) fn replication_groups(draw: &mut Draw, vms: usize) -> Vec<ReplicationGroup> {
    let mut groups = Vec::new();
    let mut first = draw.index(3);
    while first + 2 <= vms && groups.len() < 3 {
        let count = (2 + draw.index(4)).min(vms - first).min(16);
        groups.push(ReplicationGroup {
            name: format!("group {}", groups.len()),
            vms: (first..first + count).collect(),
        });
        first += count + draw.index(3);
    }
    groups
}

/// A database on a disk that a machine gets for it.
pub(super) fn database(draw: &mut Draw, number: u64, scenario: &mut Scenario) {
    let place = draw.index(scenario.vms.len());
    let vm = &mut scenario.vms[place];
    let disks = std::sync::Arc::make_mut(&mut vm.disks);
    let mut own = |of: &str| {
        disks.push(Disk {
            name: format!("{of}-{number}"),
            bytes: 64 << 20,
            start: Start::Generated {
                used: 0,
                compressibility: Default::default(),
            },
        });
        (disks.len() - 1) as u16
    };
    let disk = own("pages");
    let log_disk = if draw.below(2) == 0 { disk } else { own("log") };
    scenario.databases.push(Database {
        name: format!("database {number}"),
        vm: place,
        disk,
        log_disk,
        size: (8 << 10) + draw.below(16 << 20),
        log_size: (16 << 10) + draw.below(16 << 20),
        every: 1_000 + draw.duration(),
        checkpoint_every: 1_000_000 + draw.duration(),
    });
}

pub(super) fn application(draw: &mut Draw, number: u64, scenario: &Scenario) -> Application {
    let mut tiers: Vec<Tier> = Vec::new();
    for _ in 0..1 + draw.below(3) {
        let vm = draw.index(scenario.vms.len());
        if tiers.iter().any(|tier| tier.vm == vm) {
            continue;
        }
        let disks = &scenario.vms[vm].disks;
        let disk = draw.index(disks.len());
        let most = disks[disk].bytes.min(4 << 20);
        tiers.push(Tier {
            vm,
            disk: disk as u16,
            writes_before: draw.below(most + 1),
            writes_after: draw.below(most + 1),
            request: draw.below((16 << 20) + 1),
            answer: draw.below(10_000),
        });
    }
    Application {
        name: format!("application {number}"),
        every: 1_000 + draw.duration(),
        outstanding: 1 + draw.below(1_000) as u32,
        tiers,
    }
}

/// Some of the machines in groups, each replication group in one of them.
pub(super) fn recovery_plan(draw: &mut Draw, number: u64, scenario: &Scenario) -> RecoveryPlan {
    let mut group_of: Vec<Option<usize>> = (0..scenario.vms.len())
        .map(|_| draw.flag().then(|| draw.index(3)))
        .collect();
    group_of[0] = Some(0);
    for shared in &scenario.replication_groups {
        let place = group_of[shared.vms[0]];
        shared.vms.iter().for_each(|vm| group_of[*vm] = place);
    }
    let named: Vec<usize> = (0..scenario.vms.len()).filter(|vm| group_of[*vm].is_some()).collect();
    let groups = (0..3).filter_map(|group| {
        let vms: Vec<usize> = named
            .iter()
            .copied()
            .filter(|vm| group_of[*vm] == Some(group))
            .collect();
        (!vms.is_empty()).then_some(vms)
    });
    let groups: Vec<Vec<usize>> = groups.collect();
    RecoveryPlan {
        name: format!("plan \"{number}\""),
        groups: groups
            .into_iter()
            .map(|vms| PlanGroup {
                vms,
                actions: (0..draw.below(4)).map(|_| plan_action(draw, &named)).collect(),
            })
            .collect(),
    }
}

fn plan_action(draw: &mut Draw, named: &[usize]) -> PlanAction {
    let what = match draw.below(3) {
        0 => PlanDoes::Script {
            name: format!("do \"{}\"", draw.below(9)),
            takes: draw.duration(),
            fails: draw.flag(),
        },
        1 => PlanDoes::Manual {
            name: format!("do \"{}\"", draw.below(9)),
            takes: draw.duration(),
        },
        _ => PlanDoes::Check {
            vm: draw.of(named),
            within: 1 + draw.duration(),
        },
    };
    let in_test = draw.flag();
    PlanAction {
        what,
        before: draw.flag(),
        in_test,
        in_failover: !in_test || draw.flag(),
    }
}
