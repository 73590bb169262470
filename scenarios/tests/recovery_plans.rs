//! Recovery plans, in the shipped scenario and in what is made of it: order, times, errors that stop nothing, people who are waited for, and
//! cuts in the middle of a run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use actors::facts::{Fact, FailoverPhase, StepOutcome};
use actors::nouns::{ActorId, FailoverKind};
use actors::ports::Evidence;
use datapath::SimTime;
use scenarios::drill::{self, Drill, Verdict};
use scenarios::{Options, build, load_text};
use sim::metrics::{FailoverPart, PlanRunResult, VmResult};
use sim::run::Observer;
use sim::spec::{NetworkKind, RunOptions};

const SHIPPED: &str = include_str!("../recovery-plan.toml");
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;

struct Nobody;

impl Observer for Nobody {
    fn fact(&mut self, _: SimTime, _: u64, _: Option<ActorId>, _: &Fact, _: Option<Evidence>) {}
}

fn run_on(text: &str, seed: u64, network: NetworkKind) -> Drill {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("recovery-plan.toml");
    let scenario = load_text(text, &path, &Options::default()).unwrap_or_else(|error| panic!("{}", error.rendered));
    let built = build(&scenario, &Options::default()).unwrap_or_else(|error| panic!("{}", error.rendered));
    let options = RunOptions::in_memory(seed, network, scenario.content, scenario.compression_level);
    drill::run(built, &options, &mut Nobody).unwrap()
}

fn run(text: &str) -> Drill {
    run_on(text, 1, NetworkKind::Event)
}

/// The shipped scenario with something else in it.
fn with(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(SHIPPED.to_owned(), |text, (was, is)| {
        assert!(text.contains(was), "{was}");
        text.replace(was, is)
    })
}

/// Takes the test failover away, for runs that are about the other.
fn without_test() -> String {
    let text = with(&[(
        "after = \"cleanup\"\nwait = \"3 min\"",
        "after = [\"enable-replication\", { vm = \"all\", points_processed = 3 }]\nwait = \"2 min\"",
    )]);
    let (from, to) = (
        text.find("[[step]]\nname = \"test\"").unwrap(),
        text.find("[[fault]]").unwrap(),
    );
    format!("{}{}", &text[..from], &text[to..])
}

fn runs(drill: &Drill, kind: FailoverKind) -> &PlanRunResult {
    let mut runs = drill.result.recovery_plans.iter().filter(|run| run.kind == kind);
    runs.next().expect("a run")
}

fn vm<'a>(drill: &'a Drill, name: &str) -> &'a VmResult {
    drill.result.vms.iter().find(|vm| vm.name == name).unwrap()
}

fn passes(drill: &Drill) {
    let findings: Vec<&String> = drill.result.findings.iter().map(|finding| &finding.text).collect();
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(drill.verdict, Verdict::Pass);
}

fn law_checked(drill: &Drill) -> u64 {
    let mut checks = drill.result.checks.iter();
    checks
        .find(|check| check.invariant == "plans-keep-their-order")
        .map_or(0, |check| check.checked)
}

#[test]
fn an_office_comes_back_in_order_and_its_parts_make_up_its_recovery_time() {
    for network in [NetworkKind::Event, NetworkKind::Turmoil] {
        let drill = run_on(SHIPPED, 1, network);
        passes(&drill);
        assert!(law_checked(&drill) >= 2 * (5 + 3 + 3 + 1), "{}", law_checked(&drill));
        for kind in [FailoverKind::Test, FailoverKind::Unplanned] {
            let run = runs(&drill, kind);
            assert!(run.failed.is_empty());
            let prepared = run.prepared.expect("prepared");
            let mut before = prepared;
            for group in &run.groups {
                let (began, ended) = (group.began.expect("began"), group.ended.expect("ended"));
                assert!(before <= began && began <= ended, "{run:?}");
                before = ended;
            }
            assert_eq!(
                run.groups[1].actions[0]
                    .ended
                    .unwrap()
                    .since(run.groups[1].actions[0].began),
                2 * MINUTE
            );
            let manual = run.groups[2]
                .actions
                .iter()
                .find(|action| action.what == "manual action");
            match kind {
                FailoverKind::Test => assert!(manual.is_none(), "it is for failovers alone"),
                _ => {
                    let manual = manual.expect("done");
                    let took = manual.ended.unwrap().since(manual.began);
                    // What is said between the portal and the person takes milliseconds.
                    assert!((10 * MINUTE..10 * MINUTE + 2 * SECOND).contains(&took), "{took}");
                }
            }
            for vm in &drill.result.vms {
                let failover = vm.newest(kind).expect("a failover");
                let parts = failover.phases();
                let together: u64 = parts.iter().map(|part| part.to.since(part.from)).sum();
                assert_eq!(
                    together.div_ceil(1_000_000),
                    failover.rto_ms().expect("up"),
                    "{}",
                    vm.name
                );
                let turn = parts
                    .iter()
                    .find(|part| part.what == FailoverPart::Turn)
                    .expect("its turn");
                let place = run.groups.iter().position(|group| group.vms.contains(&vm.vm)).unwrap();
                assert!(turn.to >= run.groups[place].began.unwrap(), "{} started early", vm.name);
            }
        }
        // Hydration of one machine is not waited for by another one's disks, but by all starts: disks come first.
        let hydrated = vm(&drill, "files").newest(FailoverKind::Unplanned).unwrap().phases();
        let hydration = hydrated
            .iter()
            .find(|part| part.what == FailoverPart::Hydration)
            .unwrap();
        assert!(hydration.to.since(hydration.from) >= 8 * MINUTE);
        let first = vm(&drill, "directory").newest(FailoverKind::Unplanned).unwrap();
        assert!(first.group_began.unwrap() >= hydration.to);
    }
}

#[test]
fn an_error_stops_no_plan() {
    let text = without_test().replace("takes = \"2 min\"", "takes = \"2 min\"\nfails = true");
    let drill = run(&text);
    let run = runs(&drill, FailoverKind::Unplanned);
    assert!(run.ended.is_some() && run.groups.iter().all(|group| group.ended.is_some()));
    assert_eq!(run.groups[1].actions[0].failed.as_deref(), Some("the script failed"));
    assert!(vm(&drill, "web").rto_ms().is_some(), "later groups start all the same");
    let outcome = drill.result.steps.iter().find_map(|step| match &step.outcome {
        StepOutcome::Failed(why) => Some(why.clone()),
        _ => None,
    });
    assert_eq!(outcome.as_deref(), Some("create the listener: the script failed"));
    assert_eq!(drill.verdict, Verdict::ExpectationFailed, "the step was to be done");
}

#[test]
fn a_machine_that_cannot_be_failed_over_is_left_out_and_said() {
    let text = without_test().replace(
        "do = \"enable-replication\"\nvm = \"all\"",
        "do = \"enable-replication\"\nvm = [\"directory\", \"app\", \"web\", \"files\"]",
    );
    let text = text
        .replace(
            "{ vm = \"all\", points_processed = 3 }",
            "{ vm = \"web\", points_processed = 3 }",
        )
        .replace(
            "do = \"failover\"\nrecovery_plan",
            "do = \"failover\"\nexpect = \"failed\"\nreason = \"db: \"\nrecovery_plan",
        )
        .replace(
            "do = \"commit\"\nvm = \"all\"",
            "do = \"commit\"\nvm = [\"directory\", \"app\", \"web\", \"files\"]",
        );
    let text = &text[..text.find("[[expect]]").unwrap()];
    let drill = run(text);
    let run = runs(&drill, FailoverKind::Unplanned);
    assert_eq!(run.failed.len(), 1, "{:?}", run.failed);
    let checks = run
        .groups
        .iter()
        .flat_map(|group| &group.actions)
        .filter(|action| action.what == "check");
    let failed: Vec<&str> = checks
        .filter(|check| check.failed.is_some())
        .map(|check| check.name.as_str())
        .collect();
    assert_eq!(failed, ["check of db", "check of web"], "the shop needs its database");
    assert!(vm(&drill, "web").rto_ms().is_some(), "though its own workload answers");
    assert!(drill.result.findings.is_empty(), "{:?}", drill.result.findings);
}

#[test]
fn a_run_survives_cuts_of_the_service_and_of_the_console() {
    // From the disks to the last manual action: each cut lasts a minute, and the run goes on where it was.
    let plain = run(&without_test());
    let run_of = |drill: &Drill| runs(drill, FailoverKind::Unplanned).clone();
    let whole = run_of(&plain).ended.unwrap().since(run_of(&plain).began);
    for (machine, moments) in [("site-recovery", 12), ("portal", 6), ("azure-compute", 6)] {
        for moment in 0..moments {
            let at = whole / moments * moment / SECOND + 1;
            let fault = format!(
                "[[fault]]\nname = \"cut\"\nkind = \"power-loss\"\nmachine = \"{machine}\"\nafter = {{ began = \"fire\" }}\n\
                 wait = \"{} s\"\nlasts = \"1 min\"\n\n[[step]]\nname = \"failover\"",
                5 * 60 + at
            );
            // What was under way at compute begins anew, hydration too: this is not about times.
            let text = without_test()
                .replace("rto_below = \"18 min\"", "rto_below = \"30 min\"")
                .replace("[[step]]\nname = \"failover\"", &fault);
            let drill = run(&text);
            let findings: Vec<&String> = drill.result.findings.iter().map(|finding| &finding.text).collect();
            let run = run_of(&drill);
            assert!(run.failed.is_empty(), "{machine} at {at}: {:?}", run.failed);
            assert!(findings.is_empty(), "{machine} at {at}: {findings:?}");
            assert!(run.ended.is_some(), "{machine} at {at}: {run:?}");
            let actions: usize = run.groups.iter().map(|group| group.actions.len()).sum();
            assert_eq!(actions, 5, "{machine} at {at}: each action is done once: {run:?}");
        }
    }
}

#[test]
fn a_machine_of_a_plan_has_power_only_in_its_turn() {
    struct Powered(Vec<u32>);
    impl Observer for Powered {
        fn fact(&mut self, _: SimTime, _: u64, _: Option<ActorId>, fact: &Fact, _: Option<Evidence>) {
            if let Fact::Failover {
                vm,
                kind: FailoverKind::Unplanned,
                phase: FailoverPhase::PoweredOn,
            } = fact
            {
                self.0.push(vm.0);
            }
        }
    }
    let scenario = load_text(&without_test(), Path::new("plan.toml"), &Options::default()).unwrap();
    let built = build(&scenario, &Options::default()).unwrap();
    let options = RunOptions::in_memory(2, NetworkKind::Event, scenario.content, 1);
    let mut powered = Powered(Vec::new());
    drill::run(built, &options, &mut powered).unwrap();
    assert_eq!(powered.0[..2], [0, 1], "the directory, then the database");
    assert_eq!(powered.0.len(), 5);
}
