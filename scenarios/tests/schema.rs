//! The JSON Schema takes every scenario that is shipped, and refuses what is wrong with one.

use crate::shipped;

use jsonschema::Validator;
use serde_json::Value;

const GOOD: &str = include_str!("bad/good.toml");

fn validator() -> Validator {
    jsonschema::draft202012::new(&scenarios::keys::schema()).expect("a schema")
}

fn instance(text: &str) -> Value {
    let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    serde_json::to_value(table).expect("tables are objects")
}

#[test]
fn the_schema_is_one_of_its_draft() {
    jsonschema::draft202012::meta::validate(&scenarios::keys::schema()).unwrap();
}

#[test]
fn every_shipped_scenario_is_valid() {
    let validator = validator();
    let files = shipped::library();
    assert!(files.len() > 60, "{}", files.len());
    for path in files {
        let instance = instance(&std::fs::read_to_string(&path).unwrap());
        let errors: Vec<String> = validator
            .iter_errors(&instance)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn what_is_wrong_is_refused() {
    let validator = validator();
    assert!(validator.is_valid(&instance(GOOD)));
    let link = "rate = \"100 Mbit/s\"";
    let enable = "do = \"enable-replication\"\nvm = \"all\"";
    for (what, from, to) in [
        ("a key that there is not", "latency", "latncy"),
        ("a table that there is not", "[[vcenter]]", "[[vcentre]]"),
        ("a key that has to be there", "kind = \"internet\"\n", ""),
        ("a table that has to be there", "[[site]]\nname = \"office\"\n", ""),
        (
            "a scenario without machines",
            "[[vm]]\nname = \"vm1\"\n\n[[vm.disk]]\nname = \"os\"\nsize = \"32 MiB\"\n",
            "",
        ),
        ("a word that there is not", "kind = \"internet\"", "kind = \"intranet\""),
        ("a unit of another kind", "duration = \"1 h\"", "duration = \"1 MB\""),
        ("bits or bytes", link, "rate = \"100 Mbps\""),
        ("a number without a unit", link, "rate = 100"),
        (
            "a text for a number",
            "name = \"management\"",
            "name = \"management\"\ncores = \"8\"",
        ),
        (
            "a number that is too small",
            "name = \"management\"",
            "name = \"management\"\ncores = 0",
        ),
        (
            "a number that is too large",
            "duration = \"1 h\"",
            "duration = \"1 h\"\ncompression_level = 20",
        ),
        (
            "a word that is no level",
            "duration = \"1 h\"",
            "duration = \"1 h\"\ncompression_level = \"faster\"",
        ),
        ("a name that no machine has", "name = \"vm1\"", "name = \"vm 1\""),
        ("a name that no folder has", "name = \"small\"", "name = \"../small\""),
        ("an action that there is not", "do = \"push-install\"", "do = \"push\""),
        ("a step without its machines", enable, "do = \"enable-replication\""),
        (
            "a key of another action",
            enable,
            "do = \"enable-replication\"\nvm = \"all\"\npoint = \"latest\"",
        ),
        (
            "a condition of two things",
            enable,
            "do = \"enable-replication\"\nvm = \"all\"\nafter = { state = \"protected\", points_stored = 1 }",
        ),
        (
            "a condition of nothing",
            enable,
            "do = \"enable-replication\"\nvm = \"all\"\nafter = { vm = \"all\" }",
        ),
        ("a power cut of nothing", enable, "do = \"power-off\""),
        (
            "a power loss of nothing",
            "size = \"32 MiB\"\n",
            "size = \"32 MiB\"\n[[fault]]\nname = \"f\"\nkind = \"power-loss\"\n",
        ),
        (
            "a condition of a fault's beginning and end",
            enable,
            "do = \"enable-replication\"\nvm = \"all\"\nafter = { fault = \"f\", began = \"f\" }",
        ),
        ("a disk of no size", "size = \"32 MiB\"\n", ""),
        (
            "a synthetic workload with a recording",
            "size = \"32 MiB\"\n",
            "size = \"32 MiB\"\n[[vm.workload]]\nrate = \"1 kB/s\"\nfile = \"a\"\n",
        ),
        (
            "a recorded workload without one",
            "size = \"32 MiB\"\n",
            "size = \"32 MiB\"\n[[vm.workload]]\nkind = \"recorded\"\nformat = \"fio\"\n",
        ),
        (
            "a profile without counters",
            "size = \"32 MiB\"\n",
            "size = \"32 MiB\"\n[[vm.workload]]\nkind = \"profile\"\nfactor = 1.3\n",
        ),
        (
            "a day of 23 hours",
            "size = \"32 MiB\"\n",
            "size = \"32 MiB\"\n[[vm.workload]]\nrate = \"1 kB/s\"\nday = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n",
        ),
        (
            "an expectation of nothing",
            "[[step]]\nname = \"vault\"",
            "[[expect]]\nvm = \"all\"\n[[step]]\nname = \"vault\"",
        ),
        (
            "one that a disk is wrong",
            "[[step]]\nname = \"vault\"",
            "[[expect]]\nverified = false\n[[step]]\nname = \"vault\"",
        ),
    ] {
        let wrong = GOOD.replacen(from, to, 1);
        assert_ne!(wrong, GOOD, "{what}");
        assert!(!validator.is_valid(&instance(&wrong)), "{what}:\n{wrong}");
    }
}

#[test]
fn what_a_file_can_say_in_several_ways_is_valid() {
    let validator = validator();
    for (from, to) in [
        ("latency = \"10 ms\"", "latency = \"1s 500 ms\"\nloss = \"0.1 %\""),
        ("rate = \"100 Mbit/s\"", "rate = \"12.5 MB/s\""),
        (
            "size = \"32 MiB\"\n",
            "size = \"32 MiB\"\ncompressibility = \"2.5:1\"\n[[vm.workload]]\nkind = \"recorded\"\nfile = \"a\"\nformat = \"msr\"\ndevice = 3\nspeed = 0.5\n",
        ),
        (
            "size = \"32 MiB\"\n",
            "size = \"32 MiB\"\n[[vm.workload]]\nrate = \"1 GB/day\"\nblock_sizes = { \"4 KiB\" = 2 }\nlocality = { writes = \"80 %\", disk = \"20 %\" }\n",
        ),
        (
            "size = \"32 MiB\"\n",
            "size = \"32 MiB\"\n[[vm.workload]]\nkind = \"profile\"\nfile = \"a\"\nfrom = \"2024-03-05 00:00\"\nbegins = \"1 h\"\nfactor = 1.3\n",
        ),
        (
            "do = \"enable-replication\"\nvm = \"all\"",
            "do = \"failover\"\nvm = [\"vm1\"]\npoint = 3\nafter = [\"install\", { registered = \"vm1\" }]",
        ),
    ] {
        let good = GOOD.replacen(from, to, 1);
        assert_ne!(good, GOOD);
        let instance = instance(&good);
        let errors: Vec<String> = validator
            .iter_errors(&instance)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(errors, Vec::<String>::new(), "{good}");
    }
}
