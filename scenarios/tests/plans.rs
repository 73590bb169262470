//! What the operator waits for.

use std::path::Path;

use actors::nouns::Trigger;
use actors::spec::{ComponentSpec, StepSpec};
use scenarios::{Options, build, load_text};
use sim::faults::{FaultKind, Until};
use sim::link::LinkChange;
use sim::spec::WorldSpec;

/// The triggers and the operator's steps of a scenario for so many machines.
fn plan(machines: usize, steps: &str) -> (Vec<Trigger>, Vec<StepSpec>) {
    let world = world(machines, steps);
    let steps = plan_of(&world);
    (world.triggers, steps)
}

/// The operator's steps.
fn plan_of(world: &WorldSpec) -> Vec<StepSpec> {
    let operator = world.machines.iter().flat_map(|machine| &machine.components);
    let steps = operator.filter_map(|component| match component {
        ComponentSpec::Operator(operator) => Some(operator.steps.clone()),
        _ => None,
    });
    steps.flatten().collect()
}

/// The world of a scenario for so many machines.
fn world(machines: usize, steps: &str) -> WorldSpec {
    let text = format!(
        r#"
        [scenario]
        name = "plan"
        duration = "1 h"
        content = "aggregate"
        [[site]]
        name = "office"
        [[link]]
        name = "internet"
        kind = "internet"
        between = ["office", "azure"]
        rate = "1 Gbit/s"
        latency = "5 ms"
        [[management_server]]
        name = "management"
        [[vcenter]]
        name = "vcenter"
        [[group]]
        name = "app-####"
        count = {machines}
        [[group.disk]]
        name = "os"
        size = "1 GiB"
        {steps}"#
    );
    let scenario =
        load_text(&text, Path::new("plan.toml"), &Options::default()).unwrap_or_else(|error| panic!("{error}"));
    let built = build(&scenario, &Options::default());
    built.expect("a world").world
}

const TOGETHER: &str = r#"
    [[step]]
    name = "enable"
    do = "enable-replication"
    vm = "all"
    [[step]]
    name = "failover"
    do = "failover"
    vm = "all"
    after = { vm = "all", state = "protected" }
    [[step]]
    name = "commit"
    do = "commit"
    vm = "all"
    after = ["failover", { vm = "all", workload_up = "azure" }]
    [[step]]
    name = "last"
    do = "note"
    text = "all done"
"#;

#[test]
fn what_all_machines_wait_for_of_all_machines_costs_as_much_as_there_are_machines() {
    let cost = |machines| {
        let (triggers, steps) = plan(machines, TOGETHER);
        let in_groups = triggers.iter().map(|trigger| match trigger {
            Trigger::All(all) => all.len(),
            _ => 1,
        });
        in_groups.sum::<usize>() + steps.iter().map(|step| step.after.len()).sum::<usize>()
    };
    let (few, many) = (cost(10), cost(1000));
    assert!(many <= 100 * few, "{few} of ten, {many} of a thousand");
}

#[test]
fn a_condition_counts_from_the_end_of_its_own_machines_part_of_the_step_before() {
    let (triggers, steps) = plan(3, TOGETHER);
    let of = |step: usize| steps[step].after.iter().map(|number| &triggers[*number as usize]);
    // Steps 0 to 2 enable, 3 to 5 fail over: each once its own part has ended and all are protected.
    for step in 3..6 {
        let own = Trigger::Step(step as u32 - 3);
        assert!(of(step).any(|trigger| *trigger == own));
        let group = of(step).find_map(|trigger| match trigger {
            Trigger::All(all) => Some(all),
            _ => None,
        });
        let group: Vec<&Trigger> = group
            .unwrap()
            .iter()
            .map(|number| &triggers[*number as usize])
            .collect();
        assert_eq!(group.len(), 3);
        for (vm, trigger) in (0_u32..).zip(group) {
            let Trigger::Since(since, _) = trigger else {
                panic!("{trigger:?}")
            };
            assert_eq!(triggers[*since as usize], Trigger::Step(vm));
        }
    }
}

#[test]
fn conditions_count_from_the_faults_that_stand_beside_them_and_an_end_from_its_own_beginning() {
    let world = world(
        1,
        r#"
        [[step]]
        name = "enable"
        do = "enable-replication"
        vm = "all"
        [[fault]]
        name = "cut"
        kind = "power-loss"
        site = "office"
        after = { step = "enable", vm = "each" }
        until = { vm = "all", state = "resynchronizing" }
        lasts = "1 s"
        [[fault]]
        name = "for good"
        kind = "power-loss"
        machine = "management"
        after = { fault = "cut" }
        [[step]]
        do = "note"
        text = "protected again"
        after = [{ fault = "cut" }, { fault = "for good" }, { vm = "all", state = "protected" }]
    "#,
    );
    let trigger = |number: u32| &world.triggers[number as usize];
    let since_of = |waits: &[u32]| {
        waits.iter().find_map(|of| match trigger(*of) {
            Trigger::Since(since, _) => Some(trigger(*since)),
            _ => None,
        })
    };
    let cut = &world.faults[0];
    assert_eq!(
        cut.after.iter().map(|of| trigger(*of)).collect::<Vec<_>>(),
        [&Trigger::Step(0)]
    );
    let Until::All(until) = &cut.until else {
        panic!("{:?}", cut.until)
    };
    let since = since_of(until);
    assert_eq!(since, Some(&Trigger::FaultBegan(0)), "{until:?}");
    let FaultKind::Power { machines } = &cut.kind else {
        panic!("{:?}", cut.kind)
    };
    let starts: Vec<bool> = machines.iter().map(|dark| dark.starts).collect();
    assert_eq!(
        starts,
        [true, true, false],
        "servers start, the protected machine waits for a hand"
    );
    let after = &plan_of(&world)[1].after;
    let since = since_of(after);
    let Some(Trigger::All(ends)) = since else {
        panic!("{since:?}")
    };
    let ends: Vec<&Trigger> = ends.iter().map(|of| trigger(*of)).collect();
    assert_eq!(ends, [&Trigger::FaultEnded(0), &Trigger::FaultBegan(1)]);
}

#[test]
fn what_a_step_does_to_a_link_or_a_segment_is_a_fault_of_the_world() {
    let world = world(
        1,
        r#"
        [[step]]
        name = "enable"
        do = "enable-replication"
        vm = "all"
        [[step]]
        name = "line out"
        do = "cut-link"
        link = "internet"
        [[step]]
        do = "restore-link"
        link = "internet"
        [[step]]
        name = "attack"
        do = "tamper-segment"
        vm = "all"
        segment = 3
    "#,
    );
    let trigger = |number: &u32| &world.triggers[*number as usize];
    let [line, attack] = &world.faults[..] else {
        panic!("{:?}", world.faults)
    };
    let (link, change) = (0, LinkChange::Cut);
    assert_eq!(line.kind, FaultKind::Link { link, change });
    assert_eq!(line.after.iter().map(trigger).collect::<Vec<_>>(), [&Trigger::Step(1)]);
    let Until::FirstOf(ends) = &line.until else {
        panic!("{:?}", line.until)
    };
    assert_eq!(ends.iter().map(trigger).collect::<Vec<_>>(), [&Trigger::Step(2)]);
    assert!(line.may_miss, "nobody has to notice");
    assert!(matches!(&attack.kind, FaultKind::DiskRot { file, .. } if file.exact && file.index == 3));
    assert_eq!((attack.name.as_str(), attack.may_miss), ("attack", false));
}
