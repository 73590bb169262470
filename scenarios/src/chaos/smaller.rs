//! A scenario with something taken away: a step, a machine, a disk, what writes, or the time after the failure.
//!
//! It is done on the text that the scenario can be written as, where names are names: what refers to what is gone goes with it, and what makes no
//! scenario any more is refused by the reader like any other file.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::model::Scenario;
use crate::read::{Options, load_text};
use crate::write;

/// What can be taken away, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// A step.
    Step(usize),
    /// A machine, and all that is said of it.
    Vm(usize),
    /// A disk of a machine, with what writes to it.
    Disk(usize, usize),
    /// Something that writes.
    Workload(usize, usize),
    /// An application.
    Application(usize),
    /// A link.
    Link(usize),
    /// All of the run after this time.
    After(u64),
}

/// The parts that can be taken away, in the order in which that is tried: what came last first.
pub(super) fn parts(scenario: &Scenario, failed_at: u64) -> Vec<Part> {
    const MINUTE: u64 = 60_000_000_000;
    let end = (failed_at / MINUTE + 2) * MINUTE;
    let mut parts = Vec::new();
    if end < scenario.duration {
        parts.push(Part::After(end));
    }
    parts.extend((0..scenario.steps.len()).rev().map(Part::Step));
    parts.extend((0..scenario.vms.len()).rev().map(Part::Vm));
    parts.extend((0..scenario.applications.len()).rev().map(Part::Application));
    for (vm, of) in scenario.vms.iter().enumerate().rev() {
        parts.extend((0..of.disks.len()).rev().map(|disk| Part::Disk(vm, disk)));
        parts.extend(
            (0..of.workload.streams.len())
                .rev()
                .map(|workload| Part::Workload(vm, workload)),
        );
    }
    parts.extend((0..scenario.links.len()).rev().map(Part::Link));
    parts
}

/// The scenario without a part; none where that is none.
pub(super) fn without(scenario: &Scenario, part: Part, options: &Options) -> Option<Scenario> {
    let folder = scenario.path.0.parent().unwrap_or(Path::new(".")).to_owned();
    let text = write(scenario, &folder).ok()?;
    let mut file: Table = text.parse().ok()?;
    take(&mut file, part)?;
    let text = toml::to_string(&file).ok()?;
    let path: PathBuf = folder.join("smaller.toml");
    // What the command line changed is in the scenario already.
    let options = Options {
        set: Vec::new(),
        ..options.clone()
    };
    let mut smaller = load_text(&text, &path, &options).ok()?;
    smaller.path = scenario.path.clone();
    smaller.inputs.0.retain(|input| *input != path);
    Some(smaller)
}

fn tables<'a>(of: &'a mut Table, key: &str) -> Option<&'a mut Vec<Value>> {
    of.get_mut(key)?.as_array_mut()
}

fn remove(of: &mut Table, key: &str, place: usize) -> Option<Value> {
    let tables = tables(of, key)?;
    let gone = (place < tables.len()).then(|| tables.remove(place))?;
    if tables.is_empty() {
        of.remove(key);
    }
    Some(gone)
}

fn vm(file: &mut Table, place: usize) -> Option<&mut Table> {
    tables(file, "vm")?.get_mut(place)?.as_table_mut()
}

fn name_of(value: &Value) -> Option<String> {
    Some(value.get("name")?.as_str()?.to_owned())
}

fn take(file: &mut Table, part: Part) -> Option<()> {
    match part {
        Part::Step(step) => {
            let gone = remove(file, "step", step)?;
            if let Some(name) = name_of(&gone) {
                forget(file, &name, &["after", "until", "step"]);
            }
        }
        Part::Vm(place) => {
            let gone = remove(file, "vm", place)?;
            forget(file, &name_of(&gone)?, &["vm", "machine", "registered", "between"]);
        }
        Part::Disk(place, disk) => {
            let of = vm(file, place)?;
            let name = name_of(&remove(of, "disk", disk)?)?;
            let writes = |workload: &Value| workload.get("disk").and_then(Value::as_str) == Some(name.as_str());
            if let Some(workloads) = tables(of, "workload") {
                workloads.retain(|workload| !writes(workload));
                if workloads.is_empty() {
                    of.remove("workload");
                }
            }
        }
        Part::Workload(place, workload) => {
            remove(vm(file, place)?, "workload", workload)?;
        }
        Part::Application(application) => {
            remove(file, "application", application)?;
        }
        Part::Link(link) => {
            remove(file, "link", link)?;
        }
        Part::After(end) => {
            let seconds = format!("{} s", end / 1_000_000_000);
            let run = file.get_mut("scenario")?.as_table_mut()?;
            run.insert("duration".to_owned(), Value::String(seconds));
        }
    }
    Some(())
}

/// Takes a name out of what refers to it by one of the keys; a table of a list whose reference is gone goes whole, unless it only waited for it.
fn forget(file: &mut Table, name: &str, keys: &[&str]) {
    let mut gone = Vec::new();
    for (key, value) in file.iter_mut() {
        let own = keys.contains(&key.as_str());
        match value {
            Value::String(text) if own && text == name => gone.push(key.clone()),
            Value::Array(items) => {
                items.retain_mut(|item| match item {
                    Value::String(text) => !(own && text == name),
                    Value::Table(inner) => !loses(inner, name, keys) && !inner.is_empty(),
                    _ => true,
                });
                if items.is_empty() {
                    gone.push(key.clone());
                }
            }
            Value::Table(inner) => {
                let lost = loses(inner, name, keys);
                if lost && waits(key) {
                    gone.push(key.clone());
                }
            }
            _ => {}
        }
    }
    gone.iter().for_each(|key| {
        file.remove(key);
    });
}

/// Forgets a name within a table, and says whether it lost more than what it waited for.
fn loses(inner: &mut Table, name: &str, keys: &[&str]) -> bool {
    let before: Vec<String> = inner.keys().cloned().collect();
    forget(inner, name, keys);
    before.iter().any(|key| !inner.contains_key(key) && !waits(key))
}

/// Whether what stands under a key is waited for.
fn waits(key: &str) -> bool {
    matches!(key, "after" | "until")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
[scenario]
name = "small"
duration = "2 h"
[[site]]
name = "office"
[[link]]
name = "internet"
kind = "internet"
between = ["office", "azure"]
rate = "100 Mbit/s"
latency = "10 ms"
[[management_server]]
name = "management"
[[vcenter]]
name = "vcenter"
[[vm]]
name = "web"
[[vm.disk]]
name = "os"
size = "1 MiB"
[[vm.workload]]
disk = "os"
rate = "1 kB/s"
[[vm]]
name = "db"
[[vm.disk]]
name = "os"
size = "1 MiB"
[[vm.disk]]
name = "data"
size = "1 MiB"
[[vm.workload]]
disk = "data"
rate = "1 kB/s"
[[replication_group]]
name = "shop"
vm = ["web", "db"]
[[step]]
do = "create-vault"
[[step]]
do = "register-configuration-server"
[[step]]
do = "add-vcenter"
[[step]]
do = "push-install"
vm = "all"
[[step]]
do = "create-policy"
[[step]]
name = "enable"
do = "enable-replication"
vm = ["web", "db"]
[[step]]
name = "failover"
do = "failover"
vm = "web"
after = ["enable", { vm = "web", points_processed = 2 }]
[[step]]
name = "commit"
do = "commit"
vm = "web"
after = "failover"
[[fault]]
name = "dark"
kind = "power-loss"
machine = "db"
at = "10 min"
"#;

    fn scenario() -> Scenario {
        let options = Options::default();
        load_text(FILE, Path::new("small.toml"), &options).unwrap_or_else(|error| panic!("{}", error.rendered))
    }

    fn smaller(part: Part) -> Option<Scenario> {
        without(&scenario(), part, &Options::default())
    }

    #[test]
    fn what_refers_to_what_is_gone_goes_with_it() {
        let names = |scenario: &Scenario| -> Vec<String> {
            let named = scenario.steps.iter().filter_map(|step| step.name.clone());
            named.collect()
        };
        let without_commit = smaller(Part::Step(7)).expect("a scenario");
        assert_eq!(names(&without_commit), ["enable", "failover"]);
        let without_failover = smaller(Part::Step(6)).expect("what waited for it waits for the step before");
        assert_eq!(names(&without_failover), ["enable", "commit"]);
        let alone = smaller(Part::Disk(1, 1)).expect("a machine with one disk");
        assert_eq!((alone.vms[1].disks.len(), alone.vms[1].workload.streams.len()), (1, 0));
        assert!(smaller(Part::Workload(0, 0)).is_some());
        assert_eq!(
            smaller(Part::After(600_000_000_000)).map(|of| of.duration),
            Some(600_000_000_000)
        );
        assert!(smaller(Part::Step(5)).is_none(), "nothing would be protected");
    }

    #[test]
    fn a_machine_goes_with_its_faults_and_its_steps() {
        let mut with_three = scenario();
        assert_eq!(parts(&with_three, 0).len(), 1 + 8 + 2 + 3 + 2 + 1);
        // A group of one is none, so the group goes first here.
        with_three.replication_groups.clear();
        let alone = without(&with_three, Part::Vm(1), &Options::default()).expect("a scenario of one machine");
        assert_eq!(alone.vms.len(), 1);
        assert!(alone.faults.is_empty(), "it was about the machine that is gone");
        let alone = without(&with_three, Part::Vm(0), &Options::default()).expect("a scenario of one machine");
        assert_eq!(alone.faults.len(), 1);
        assert_eq!(
            alone.steps.len(),
            6,
            "failover and commit were about the machine that is gone"
        );
    }
}
