//! What a run costs as sweeps over seeds make it: `cargo bench -p firedrill-cli --bench small_group [-- RUNS]`.
//!
//! Three machines of 1 MiB in a replication group, for 30 simulated minutes, with recovery points every 5 min that all of them share; real
//! content, everything judged, no files written, on one thread, one seed after another (20 of them). It is to take 60 ms of a core for each run.
//! What a run costs hangs on how much its machines write, each byte being compressed, sealed, opened and read again by the oracle: 4 KiB on
//! each machine every two seconds and an order through all three every ten, and half and a quarter of that. Printed for each are the share of
//! the bound, what an entry of the queue costs, and how much of a run is the oracle's and its fellows'.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot prepare itself fails")]

use std::path::Path;
use std::time::Instant;

use actors::facts::Fact;
use actors::nouns::ActorId;
use actors::ports::Evidence;
use datapath::{Grain, SimTime};
use scenarios::build::Built;
use sim::run::Observer;
use sim::spec::{NetworkKind, RunOptions};

#[path = "../src/allocator.rs"]
mod allocator;

/// The program's own.
#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

const SCENARIO: &str = include_str!("small_group.toml");
/// Of a core, in milliseconds.
const BOUND: f64 = 60.0;

fn main() {
    allocator::keep();
    let runs = std::env::args()
        .skip(1)
        .find_map(|runs| runs.parse().ok())
        .unwrap_or(20);
    for (rate, every) in [("2 kB/s", "10 s"), ("1 kB/s", "20 s"), ("500 B/s", "40 s")] {
        println!("{rate} on each machine, an order every {every}:");
        measure(&of(rate, every), runs);
    }
}

/// The scenario in which its machines write so much.
fn of(rate: &str, every: &str) -> String {
    SCENARIO
        .replace("rate = \"2 kB/s\"", &format!("rate = \"{rate}\""))
        .replace("every = \"10 s\"", &format!("every = \"{every}\""))
}

fn measure(scenario: &str, runs: u64) {
    let built = || built(scenario);
    // What the first run brings into memory is not what a sweep's runs cost.
    let _ = scenarios::drill::run(built(), &options(0), &mut Silent).unwrap();
    let (mut entries, mut points) = (0, 0);
    let begin = Instant::now();
    for seed in 1..=runs {
        let drill = scenarios::drill::run(built(), &options(seed), &mut Silent).unwrap();
        assert!(drill.result.findings.is_empty(), "{:?}", drill.result.findings);
        entries += drill.ended.entries;
        points += drill.result.recovery_points.verified;
    }
    let judged = begin.elapsed().as_secs_f64() * 1e3 / runs as f64;
    let begin = Instant::now();
    for seed in 1..=runs {
        sim::run::run(built().world, &options(seed), &mut Silent).unwrap();
    }
    let plain = begin.elapsed().as_secs_f64() * 1e3 / runs as f64;
    let begin = Instant::now();
    (0..runs).for_each(|_| drop(built()));
    let read = begin.elapsed().as_secs_f64() * 1e3 / runs as f64;
    println!(
        "  a run takes {judged:.1} ms, {:.0} % of the {BOUND:.0} ms that it is to take; {} entries, {:.0} ns each; {} points judged",
        100.0 * judged / BOUND,
        entries / runs,
        judged * 1e6 * runs as f64 / entries as f64,
        points / runs
    );
    println!(
        "  of it {:.1} ms are the oracle's and its fellows', {read:.1} ms reading the scenario, {:.1} ms the estate itself",
        judged - plain,
        plain - read
    );
}

struct Silent;

impl Observer for Silent {
    fn fact(&mut self, _: SimTime, _: u64, _: Option<ActorId>, _: &Fact, _: Option<Evidence>) {}
}

fn built(text: &str) -> Built {
    let options = scenarios::Options::default();
    let scenario = scenarios::load_text(text, Path::new("small_group.toml"), &options).unwrap();
    scenarios::build::build(&scenario, &options).unwrap()
}

fn options(seed: u64) -> RunOptions {
    RunOptions::in_memory(seed, NetworkKind::Event, Grain::Real, 1)
}
