//! What a step acts upon, in the names of the scenario: a link, a server, a disk. Its machine is named apart.

use crate::model::{Do, Scenario, Step};

/// Machines of a power cut that are named; the rest are counted.
const NAMED_MAX: usize = 3;

/// The step's object; empty where it has none beside its machine.
pub(super) fn object(scenario: &Scenario, step: &Step, vm: Option<usize>) -> String {
    if let Some(plan) = step.recovery_plan {
        return name(scenario.recovery_plans.get(plan).map(|plan| &plan.name));
    }
    let what = &step.what;
    let server = |index: &usize| name(scenario.servers.get(*index).map(|server| &server.name));
    match what {
        Do::RegisterConfigurationServer(index) | Do::AddProcessServer(index) | Do::RemoveProcessServer(index) => {
            server(index)
        }
        Do::AddVcenter { vcenter, .. } => server(vcenter),
        Do::Move(index) => format!("to {}", server(index)),
        Do::Reprotect { master_targets, .. } => match master_targets.as_slice() {
            [] => String::new(),
            [only] => format!("to {}", server(only)),
            several => format!("to {} master targets", several.len()),
        },
        Do::Power { servers, vms, .. } => {
            let machines = vms.iter().map(|vm| name(scenario.vms.get(*vm).map(|vm| &vm.name)));
            some(&servers.iter().map(server).chain(machines).collect::<Vec<_>>())
        }
        Do::Link { link, .. } => name(scenario.links.get(*link).map(|link| &link.name)),
        Do::TamperSegment { disk, .. } => {
            let disks = vm.and_then(|vm| scenario.vms.get(vm)).map(|vm| &vm.disks);
            let disk = disks.and_then(|disks| disks.get(usize::from(*disk)));
            format!("of disk {}", name(disk.map(|disk| &disk.name)))
        }
        Do::CreatePolicy => scenario.policy.name.clone(),
        Do::Note(text) => text.clone(),
        _ => String::new(),
    }
}

fn name(name: Option<&String>) -> String {
    name.map_or("?", String::as_str).to_owned()
}

fn some(names: &[String]) -> String {
    let text = names.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED_MAX) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::some;

    #[test]
    fn of_many_machines_a_few_are_named() {
        let names: Vec<String> = ["a", "b", "c", "d", "e"].iter().map(|&name| name.to_owned()).collect();
        assert_eq!(some(&names[..2]), "a, b");
        assert_eq!(some(&names), "a, b, c and 2 more");
    }
}
