//! Process servers under pressure, in the shipped scenarios and in what is made of them: the figures that their comments reckon by hand, and
//! what changes where the cause is taken away.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use actors::facts::{Fact, Severity, StepOutcome};
use actors::nouns::ActorId;
use actors::ports::Evidence;
use datapath::SimTime;
use scenarios::drill::{self, Drill, Verdict};
use scenarios::{Options, build, load_text};
use sim::metrics::ProcessServerResult;
use sim::run::Observer;
use sim::spec::{NetworkKind, RunOptions};

const PRESSURE: &str = include_str!("../process-server-pressure.toml");
const THROTTLE: &str = include_str!("../throttle.toml");

struct Nobody;

impl Observer for Nobody {
    fn fact(&mut self, _: SimTime, _: u64, _: Option<ActorId>, _: &Fact, _: Option<Evidence>) {}
}

fn run(text: &str, changes: &[(&str, &str)]) -> Drill {
    let text = changes.iter().fold(text.to_owned(), |text, (was, is)| {
        assert!(text.contains(was), "{was}");
        text.replace(was, is)
    });
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("pressure.toml");
    let scenario = load_text(&text, &path, &Options::default()).unwrap_or_else(|error| panic!("{}", error.rendered));
    let built = build(&scenario, &Options::default()).unwrap_or_else(|error| panic!("{}", error.rendered));
    let options = RunOptions::in_memory(1, NetworkKind::Event, scenario.content, scenario.compression_level);
    drill::run(built, &options, &mut Nobody).unwrap()
}

fn passes(drill: &Drill) {
    let findings: Vec<&String> = drill.result.findings.iter().map(|finding| &finding.text).collect();
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(drill.verdict, Verdict::Pass);
}

fn law_checked(drill: &Drill, law: &str) -> u64 {
    let mut checks = drill.result.checks.iter();
    checks
        .find(|check| check.invariant == law)
        .map_or(0, |check| check.checked)
}

fn server(drill: &Drill) -> &ProcessServerResult {
    drill.result.process_servers.first().unwrap()
}

/// The longest RPO of all machines, in minutes; without an end where none was ever protected.
fn rpo_minutes(drill: &Drill) -> u64 {
    let all = drill.result.vms.iter().filter_map(|vm| vm.rpo);
    all.map(|rpo| rpo.max_ms / 60_000).max().unwrap_or(u64::MAX)
}

/// The first moment of an alert, in minutes of the run.
fn told_at(drill: &Drill, text: &str) -> Option<u64> {
    let mut alerts = drill.result.alerts.iter();
    let first = alerts.find(|alert| alert.text.contains(text))?;
    Some(first.at.0 / 60_000_000_000)
}

#[test]
fn a_cache_fills_is_told_of_throttles_and_drains_as_reckoned() {
    let drill = run(PRESSURE, &[]);
    passes(&drill);
    let server = server(&drill);
    assert_eq!(server.level_worst, Some(Severity::Critical));
    // At the looks from 2:25 to 3:10.
    assert_eq!(server.throttled, 10);
    assert!((190_000..200_000).contains(&server.cache_free_least), "{server:?}");
    assert_eq!(server.looks, drill.result.ended.0 / 300_000_000_000);
    assert_eq!(law_checked(&drill, "process-servers-say-how-they-are"), server.looks);
}

#[test]
fn a_cache_twice_as_large_takes_all_of_the_cut() {
    let drill = run(PRESSURE, &[("cache = \"600 MB\"", "cache = \"1200 MB\"")]);
    let server = server(&drill);
    assert_eq!(server.throttled, 0);
    assert!((380_000..420_000).contains(&server.cache_free_least), "{server:?}");
    assert_eq!(told_at(&drill, "of the cache of the process server is free"), None);
    assert_eq!(told_at(&drill, "is throttled"), None);
    // What is not uploaded is told as before: 8 min after the cut.
    assert_eq!(told_at(&drill, "is uploaded"), Some(70));
}

#[test]
fn levels_are_constants_of_the_model() {
    let drill = run(
        PRESSURE,
        &[(
            "[policy]",
            "[model.process_server]\ncache_warning = \"60 %\"\ntold_after = \"5 min\"\n\n[policy]",
        )],
    );
    // 240 MB, 40 min after the cut: found at 1:45 and told at 1:50.
    assert_eq!(told_at(&drill, "of the cache of the process server is free"), Some(110));
}

#[test]
fn a_process_server_in_critical_condition_is_not_chosen_for_a_new_protection() {
    let late = "\
[[vm]]
name = \"late\"
os = \"windows\"

[[vm.disk]]
name = \"data\"
size = \"1 GiB\"
used = \"1 MiB\"

[[step]]
name = \"vault\"
do";
    let enable = "\
[[step]]
name = \"too-late\"
do = \"enable-replication\"
vm = \"late\"
at = \"186 min\"
expect = \"refused\"
reason = \"critical condition\"

[[step]]
name = \"again\"
do = \"enable-replication\"
vm = \"late\"
at = \"215 min\"

[[fault]]
name = \"cut\"";
    let changes = [
        ("[[step]]\nname = \"vault\"\ndo", late),
        ("vm = \"all\"", "vm = [\"app-1\", \"app-2\"]"),
        (
            "[[step]]\nname = \"policy\"",
            "[[step]]\nname = \"push-late\"\ndo = \"push-install\"\nvm = \"late\"\n\n[[step]]\nname = \"policy\"",
        ),
        ("[[fault]]\nname = \"cut\"", enable),
        ("settle = \"235 min\"", "settle = \"20 min\""),
        ("[[expect]]\n", "[[expect]]\nvm = [\"app-1\", \"app-2\"]\n"),
    ];
    let drill = run(PRESSURE, &changes);
    passes(&drill);
    let refused = drill
        .result
        .steps
        .iter()
        .filter(|step| matches!(step.outcome, StepOutcome::Refused(_)));
    assert_eq!(refused.count(), 1);
}

#[test]
fn a_throttle_holds_in_its_hours_and_on_its_days() {
    let drill = run(THROTTLE, &[]);
    passes(&drill);
    assert!(law_checked(&drill, "throttles-hold") > 1_000);
    let saturday = run(
        THROTTLE,
        &[(
            "start_of_day = \"07:00\"",
            "start_of_day = \"07:00\"\nweekday = \"sat\"",
        )],
    );
    assert!(rpo_minutes(&saturday) <= 5, "{}", rpo_minutes(&saturday));
    // From nine to ten only: 30 min.
    let later = run(THROTTLE, &[("mon-fri 8-10", "mon-fri 9-10")]);
    assert!((28..=42).contains(&rpo_minutes(&later)), "{}", rpo_minutes(&later));
}

#[test]
fn uploads_of_a_machine_are_bounded_by_its_threads() {
    // A hundred times the line, a second there and back, small batches and small uploads: 64 KiB a second for each thread of a machine.
    let with = |threads: u32| {
        let model = format!(
            "[model.agent]\nbatch = \"64 KiB\"\n\n[model.process_server]\nupload = \"64 KiB\"\nupload_threads = {threads}\n\n[policy]"
        );
        run(
            THROTTLE,
            &[
                ("rate = \"10 Mbit/s\"", "rate = \"1 Gbit/s\""),
                ("latency = \"10 ms\"", "latency = \"500 ms\""),
                ("throttle = \"mon-fri 8-10=512 kbit/s\"", ""),
                ("rate = \"64 kB/s\"", "rate = \"150 kB/s\""),
                (
                    "duration = \"5 h\"\nsettle = \"4 h\"",
                    "duration = \"1 h\"\nsettle = \"30 min\"",
                ),
                ("[policy]", &model),
            ],
        )
    };
    // Two machines write 150 kB/s each: four threads carry that. One carries less than half of it, and nothing of the copy beside it.
    let (four, one) = (rpo_minutes(&with(4)), rpo_minutes(&with(1)));
    assert!(
        four <= 6 && one >= 14,
        "{four} min with four threads, {one} min with one"
    );
}
