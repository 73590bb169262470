//! What the operator waits for.

use std::path::Path;

use actors::messages::Trigger;
use actors::spec::{ComponentSpec, StepSpec};
use scenarios::{Options, build, load_text};

/// The triggers and the operator's steps of a scenario for so many machines.
fn plan(machines: usize, steps: &str) -> (Vec<Trigger>, Vec<StepSpec>) {
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
    let world = built.expect("a world").world;
    let operator = world.machines.iter().flat_map(|machine| &machine.components);
    let steps = operator.filter_map(|component| match component {
        ComponentSpec::Operator(operator) => Some(operator.steps.clone()),
        _ => None,
    });
    (world.triggers, steps.flatten().collect())
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
