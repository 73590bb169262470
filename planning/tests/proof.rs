//! A plan through the actors: what they do agrees with the arithmetic, and what was not judged holds nothing.

use crate::support;

use actors::facts::Fact;
use actors::nouns::ActorId;
use actors::ports::Evidence;
use datapath::{Grain, SimTime};
use planning::estate::Estate;
use planning::options::Options;
use planning::profile::{ABSENT, Profile, Series};
use planning::proof::{Part, Prepared, Proof, Seen, Why, prepare};
use planning::recommend::{PlanError, recommend};
use planning::service::Service;
use scenarios::model::Step;
use sim::run::Observer;
use sim::spec::{NetworkKind, RunOptions};
use support::{MB, disk, vm};

/// Hears a run for its proof.
struct Ears(Seen);

impl Observer for Ears {
    fn fact(&mut self, at: SimTime, _: u64, _: Option<ActorId>, fact: &Fact, _: Option<Evidence>) {
        self.0.fact(at, fact);
    }
}

fn run(prepared: &Prepared) -> Proof {
    let built = scenarios::build(&prepared.scenario, &scenarios::Options::default()).expect("a world");
    let options = RunOptions::in_memory(1, NetworkKind::Event, Grain::Aggregate, built.plan.compression_level);
    let mut ears = Ears(Seen::of(prepared));
    let drill = scenarios::drill::run(built, &options, &mut ears).expect("it runs");
    prepared.judge(&drill, &ears.0)
}

fn prepared(estate: &Estate, profile: Option<&Profile>, options: &Options, part: Part) -> Prepared {
    let plan = recommend(estate, profile, options).expect("a plan");
    prepare("proof", estate, profile, options, &plan, part).unwrap_or_else(|error| panic!("{error}"))
}

/// Quarters of an hour of two days: an office day, and one that writes half as much again. One quarter is missing.
fn office(mean: u64, write_bytes: u64) -> Series {
    let rate = |quarter: u64| {
        let day = if quarter < 96 { 2 } else { 3 };
        let hour = match quarter % 96 / 4 {
            8..18 => 3,
            2 => 4,
            _ => 1,
        };
        mean * day * hour / 4
    };
    let whole = |values: &dyn Fn(u64) -> u64| {
        (0..192)
            .map(|quarter| u32::try_from(values(quarter)).expect("a counter"))
            .collect()
    };
    let mut series = Series {
        written: whole(&rate),
        write_iops: whole(&|quarter| rate(quarter) * 100 / write_bytes),
        read_iops: Vec::new(),
    };
    (series.written[140], series.write_iops[140]) = (ABSENT, ABSENT);
    series
}

/// A database server with its disks of an operating system, data and log, and machines of less.
fn estate(machines: usize) -> (Estate, Profile) {
    let mut sql = vm("sql,01", &[]);
    sql.disks = vec![disk("C:", 127), disk("D:", 1_000), disk("E:", 500)];
    sql.disks[1].compressed_per_mille = Some(400);
    sql.disks[2].compressed_per_mille = Some(1_000);
    let mut vms = vec![sql];
    let mut counters = vec![vec![
        office(20_000, 8_192),
        office(400_000, 16_384),
        office(200_000, 6_000),
    ]];
    for number in 1..machines {
        vms.push(vm(&format!("web{number}"), &[]));
        counters.push(vec![office(60_000, 8_192)]);
    }
    let profile = Profile {
        start_seconds: 1_709_596_800,
        step_seconds: 900,
        steps: 192,
        vms: counters,
    };
    (Estate { vms }, profile)
}

fn with(bits: u64, outage_seconds: u64) -> Options {
    Options {
        service: Some(Service::constant(bits)),
        weekly_outage_seconds: outage_seconds,
        ..Options::default()
    }
}

/// All that is compared is within 5 %, or 30 s, or what is written between two points.
fn agrees(proof: &Proof) {
    assert!(proof.held, "{:?}", proof.findings);
    assert!(
        proof.points_verified > 288 && proof.points_verified == proof.points,
        "{proof:?}"
    );
    for row in &proof.machines {
        for (figure, pair) in row.pairs() {
            let (one, other) = (pair.arithmetic.expect("an end"), pair.simulated.expect("an end"));
            assert_eq!(pair.why, None, "{figure} of {}: {pair:?}", row.name);
            let floor = match figure {
                "backlog" => 300 * 6 * MB,
                "sent" => 0,
                _ => 30_000,
            };
            assert!(
                one.abs_diff(other) <= floor.max(one.max(other) / 20),
                "{figure}: {pair:?}"
            );
        }
    }
}

#[test]
fn a_busiest_day_through_the_actors_agrees_with_the_arithmetic() {
    let (estate, profile) = estate(3);
    let prepared = prepared(&estate, Some(&profile), &with(50_000_000, 0), Part::BusiestDay);
    let proof = run(&prepared);
    agrees(&proof);
    assert_eq!((proof.seconds, proof.start_seconds), (86_400, Some(1_709_683_200)));
    assert_eq!(proof.machines.len(), 3);
    // By hand: growth of 30 %, one disk compressed to 40 %, the gap filled by the mean.
    let day = |series: &Series| -> u64 {
        let there = series.written.iter().filter(|value| **value != ABSENT);
        let mean = there
            .clone()
            .map(|value| u64::from(*value))
            .sum::<u64>()
            .div_ceil(there.count() as u64);
        let value = |value: &u32| if *value == ABSENT { mean } else { u64::from(*value) };
        series.written[96..].iter().map(value).sum::<u64>() * 900
    };
    let [os, data, log] = &profile.vms[0][..] else {
        panic!("three disks")
    };
    let sent = (day(os) * 1_000 + day(data) * 400 + day(log) * 1_000) * 13 / 10_000;
    let reckoned = proof.machines[0].sent_bytes.arithmetic.unwrap();
    assert!(reckoned.abs_diff(sent) < sent / 10_000, "{reckoned} for {sent}");
    // Nothing waits but for the next point.
    assert!(
        proof
            .machines
            .iter()
            .all(|row| row.rpo_max_ms.simulated.unwrap() < 360_000),
        "{proof:?}"
    );
    assert_eq!(proof, run(&prepared), "the same again");
}

#[test]
fn a_cut_in_the_busiest_day_agrees_with_the_arithmetic() {
    let (estate, profile) = estate(1);
    let proof = run(&prepared(
        &estate,
        Some(&profile),
        &with(24_000_000, 2 * 3_600),
        Part::BusiestDay,
    ));
    agrees(&proof);
    assert_eq!(proof.cuts.len(), 1);
    let row = &proof.machines[0];
    assert!(row.rpo_max_ms.simulated.unwrap() > 7_200_000, "{row:?}");
    // Two hours' worth has to go over what is left of the link.
    assert!(row.catch_up_ms.unwrap().simulated.unwrap() > 1_800_000, "{row:?}");
    assert!(row.backlog_bytes.simulated.unwrap() > 3_000 * MB, "{row:?}");
}

#[test]
fn a_whole_profile_runs_too() {
    let (estate, profile) = estate(1);
    let proof = run(&prepared(&estate, Some(&profile), &with(50_000_000, 0), Part::Profile));
    assert_eq!((proof.seconds, proof.part), (2 * 86_400, Part::Profile));
    agrees(&proof);
}

#[test]
fn blocks_that_are_written_again_and_again_are_named_as_the_reason() {
    let (mut estate, mut profile) = estate(1);
    estate.vms[0].disks = vec![disk("C:", 1)];
    estate.vms[0].disks[0].size_bytes = 128 << 20;
    profile.vms[0] = vec![office(1_000_000, 8_192)];
    let proof = run(&prepared(
        &estate,
        Some(&profile),
        &with(50_000_000, 0),
        Part::BusiestDay,
    ));
    assert!(proof.held, "{:?}", proof.findings);
    let sent = proof.machines[0].sent_bytes;
    assert_eq!(sent.why, Some(Why::Folding), "{sent:?}");
    assert!(sent.simulated < sent.arithmetic);
}

#[test]
fn what_nobody_judged_does_not_hold() {
    let (estate, profile) = estate(1);
    let mut prepared = prepared(&estate, Some(&profile), &with(50_000_000, 0), Part::BusiestDay);
    // Without replication there is no point to look at.
    let enabled = |step: &Step| step.name.as_deref() == Some("enable");
    prepared.scenario.steps.retain(|step| !enabled(step));
    let proof = run(&prepared);
    assert!(!proof.held);
    assert_eq!(proof.points_verified, 0);
    assert!(!proof.findings.is_empty());
    assert_eq!(proof.machines[0].sent_bytes.why, Some(Why::Unsent));
}

#[test]
fn an_outage_that_is_longer_than_the_day_is_no_proof_without_one() {
    let (estate, profile) = estate(1);
    let options = with(50_000_000, 25 * 3_600);
    let plan = recommend(&estate, Some(&profile), &options).expect("a plan");
    let prepare = |part| prepare("proof", &estate, Some(&profile), &options, &plan, part);
    let error = prepare(Part::BusiestDay).err();
    assert!(matches!(
        error,
        Some(PlanError::OutageTooLong {
            outage: 90_000,
            part: 86_400
        })
    ));
    assert!(prepare(Part::Profile).is_ok());
}

#[test]
fn without_sizes_there_is_no_world() {
    let (mut estate, profile) = estate(1);
    estate.vms[0].disks[1].size_bytes = 0;
    let options = with(50_000_000, 0);
    let plan = recommend(&estate, Some(&profile), &options).expect("a plan");
    let error = prepare("proof", &estate, Some(&profile), &options, &plan, Part::BusiestDay).err();
    assert!(matches!(error, Some(PlanError::SizeUnknown { disk, .. }) if disk == "D:"));
}
