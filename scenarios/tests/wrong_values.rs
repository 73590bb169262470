//! Every key of the catalogue is read, and refuses a value of another kind with the picture of the place; every end of a range is held.

use std::path::Path;

use scenarios::keys::{ALL, Kind, Range, Section, Variant};
use scenarios::{Options, load_text};

/// A file with one table of each kind, so that every key has a place in it.
const FILE: &str = r#"
[scenario]
name = "all-tables"
duration = "1 h"
[output]
[policy]
[azure]
[model]
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
[[configuration_server]]
name = "configuration"
[[process_server]]
name = "process"
[[master_target]]
name = "target"
[[vcenter]]
name = "vcenter"
[[vm]]
name = "vm1"
process_server = "process"
[[vm.disk]]
name = "os"
size = "32 MiB"
[[vm.workload]]
rate = "1 kB/s"
locality = { writes = "80 %", disk = "20 %" }
burst = { every = "5 min", lasts = "10 s", factor = 10 }
[[profile]]
name = "busy"
[[group]]
name = "app-#"
count = 2
process_server = "process"
profiles = { busy = 1 }
[[group.disk]]
name = "os"
size = "32 MiB"
[[replication_group]]
name = "group"
vm = ["vm1", "app-1"]
[[application]]
name = "shop"
[[application.tier]]
vm = "vm1"
[[vm]]
name = "vm2"
process_server = "process"
[[vm.disk]]
name = "data"
size = "4 MiB"
[[database]]
name = "orders"
vm = "vm2"
disk = "data"
[[recovery_plan]]
name = "plan"
[[recovery_plan.group]]
vm = ["vm1", "app-1"]
[[recovery_plan.group.action]]
script = "a script"
[[step]]
do = "enable-replication"
vm = "all"
[[step]]
do = "note"
text = "there"
after = { vm = "all", state = "protected" }
[[fault]]
name = "cut"
kind = "link-cut"
link = "internet"
[[expect]]
rpo_below = "1 h"
[[goal]]
name = "met"
event = "failover"
during = "resynchronizing"
[chaos]
[[accepted]]
finding = "points-in-order/vm/processed-twice"
until = "2026-12-31"
why = "known"
[replay]
seed = 1
finding = "points-in-order/vm/processed-twice"
"#;

/// Where a section's table is in the file; a new table has a place here too.
fn place(section: &Section) -> String {
    if let Some(group) = section.id.strip_prefix("model-") {
        return format!("model.{group}.");
    }
    let place = match section.id {
        "scenario-file" => "",
        "scenario" => "scenario.",
        "output" => "output.",
        "policy" => "policy.",
        "azure" => "azure.",
        "model" => "model.",
        "site" => "site.0.",
        "link" => "link.0.",
        "management_server" => "management_server.0.",
        "configuration_server" => "configuration_server.0.",
        "process_server" => "process_server.0.",
        "master_target" => "master_target.0.",
        "vcenter" => "vcenter.0.",
        "vm" => "vm.0.",
        "group" => "group.0.",
        "profile" => "profile.0.",
        "disk" => "vm.0.disk.0.",
        "workload" => "vm.0.workload.0.",
        "locality" => "vm.0.workload.0.locality.",
        "burst" => "vm.0.workload.0.burst.",
        "replication_group" => "replication_group.0.",
        "application" => "application.0.",
        "tier" => "application.0.tier.0.",
        "database" => "database.0.",
        "recovery_plan" => "recovery_plan.0.",
        "plan-group" => "recovery_plan.0.group.0.",
        "plan-action" => "recovery_plan.0.group.0.action.0.",
        "step" => "step.0.",
        "condition" => "step.1.after.",
        "fault" => "fault.0.",
        "expect" => "expect.0.",
        "goal" => "goal.0.",
        "chaos" => "chaos.",
        "accepted" => "accepted.0.",
        "replay" => "replay.",
        other => panic!("where is a table of `{other}` in the file of this test?"),
    };
    place.to_owned()
}

/// What the file is answered with when a key of a section has a value.
fn answer(section: &'static Section, variant: Option<&'static Variant>, key: &str, value: &str) -> (String, String) {
    let place = place(section);
    let mut set = Vec::new();
    if let (Some(variant), Some(variants)) = (variant, &section.variants) {
        set.push((format!("{place}{}", variants.by), variant.word.to_owned()));
    }
    set.push((format!("{place}{key}"), value.to_owned()));
    let options = Options {
        set,
        ..Options::default()
    };
    let answer = load_text(FILE, Path::new("all-tables.toml"), &options);
    let text = answer.err().map_or_else(String::new, |error| error.rendered);
    (text, format!("--set {place}{key}={value}"))
}

/// Every key of every table, with every word of the table.
fn every_key(mut call: impl FnMut(&'static Section, Option<&'static Variant>, &'static scenarios::keys::Key)) {
    for section in ALL.iter() {
        let variants = section
            .variants
            .as_ref()
            .map_or(&[] as &[Variant], |variants| variants.of);
        for variant in variants.iter().map(Some).chain(variants.is_empty().then_some(None)) {
            let by = section.variants.as_ref().map(|variants| variants.by);
            for key in section.keys_of(variant).filter(|key| Some(key.name) != by) {
                call(section, variant, key);
            }
        }
    }
}

#[test]
fn the_file_that_all_others_are_made_from_is_right() {
    let answer = load_text(FILE, Path::new("all-tables.toml"), &Options::default());
    assert_eq!(answer.err().map(|error| error.rendered), None);
}

#[test]
fn every_key_is_read_and_refuses_a_date() {
    let mut keys = 0;
    every_key(|section, variant, key| {
        let (text, shown) = answer(section, variant, key.name, "1979-05-27");
        keys += 1;
        assert!(
            text.contains(&shown) && text.contains('^'),
            "{shown} of {:?}\n{text}",
            variant.map(|variant| variant.word)
        );
    });
    assert!(keys > 250, "{keys}");
}

#[test]
fn every_range_is_held() {
    let mut limits = 0;
    every_key(|section, variant, key| {
        let Some(Range { least, most }) = key.kind.range() else {
            return;
        };
        let below = least.and_then(|limit| Some((limit, limit.value.checked_sub(1)?)));
        let above = most.and_then(|limit| Some((limit, limit.value.checked_add(1)?)));
        for (limit, value) in [below, above].into_iter().flatten() {
            let value = match key.kind {
                Kind::Duration(_) => scenarios::units::write_duration(value),
                Kind::Size(_) => scenarios::units::write_size(value),
                Kind::Rate(_) => scenarios::units::write_bits_per_second(value),
                Kind::Share(_) => scenarios::units::write_share(value as u32),
                Kind::Factor(_) => scenarios::units::write_factor(value as u32),
                _ => value.to_string(),
            };
            let (text, shown) = answer(section, variant, key.name, &value);
            limits += 1;
            assert!(
                text.contains(&shown) && text.contains(limit.wrong),
                "{shown}: {}\n{text}",
                limit.wrong
            );
        }
    });
    assert!(limits > 40, "{limits}");
}
