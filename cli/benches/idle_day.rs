//! What a day costs in which nothing happens: `cargo bench -p firedrill-cli --bench idle_day [-- VMS...]`.
//!
//! Protected machines of one disk each that nobody writes to: heartbeats every 60 s, a recovery point every 5 min, each judged by the
//! oracle. By default with 10, 100 and 1,000 of them, one process server to a hundred, in the aggregate grain, on one thread. Printed is how
//! many times faster than the clock the day passes, and what an entry of the queue costs; without the oracle and its fellows beside it,
//! so that the engine's and the actors' share is seen.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot prepare itself fails")]

use std::fmt::Write;
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

const DAY: &str = "24 h";
/// A configuration server looks after at most 200 machines, a process server is given 100 here.
const MACHINES_PER_CONFIGURATION_SERVER: usize = 200;
const MACHINES_PER_PROCESS_SERVER: usize = 100;

fn main() {
    allocator::keep();
    let mut wanted: Vec<usize> = std::env::args().skip(1).filter_map(|vms| vms.parse().ok()).collect();
    if wanted.is_empty() {
        wanted = vec![10, 100, 1000];
    }
    for vms in wanted {
        let scenario = scenario(vms);
        let begin = Instant::now();
        let drill = scenarios::drill::run(built(&scenario), &options(), &mut Seen::default()).unwrap();
        let took = begin.elapsed().as_secs_f64();
        assert!(drill.result.findings.is_empty(), "{:?}", drill.result.findings);
        report(vms, "watched by the oracle", took, &drill.ended);

        let begin = Instant::now();
        let mut seen = Seen::default();
        let ended = sim::run::run(built(&scenario).world, &options(), &mut seen).unwrap();
        let took = begin.elapsed().as_secs_f64();
        // A point every 5 min of a day, of each machine.
        assert!(seen.points >= vms as u64 * 286, "{} points", seen.points);
        assert_eq!(ended.digest, drill.ended.digest);
        report(vms, "not watched", took, &ended);
    }
}

fn report(vms: usize, what: &str, took: f64, ended: &sim::run::Ended) {
    let simulated = ended.now.0 as f64 / 1e9;
    println!(
        "{vms:5} machines, {what:22} {simulated:6.0} s in {took:7.2} s: {:8.0} times faster; {:9} entries, {:5.0} ns each",
        simulated / took,
        ended.entries,
        took * 1e9 / ended.entries as f64
    );
}

#[derive(Default)]
struct Seen {
    points: u64,
}

impl Observer for Seen {
    fn fact(&mut self, _: SimTime, _: u64, _: Option<ActorId>, fact: &Fact, _: Option<Evidence>) {
        self.points += u64::from(matches!(fact, Fact::PointProcessed { .. }));
    }
}

fn built(scenario: &str) -> Built {
    let options = scenarios::Options::default();
    let scenario = scenarios::load_text(scenario, Path::new("idle-day.toml"), &options).unwrap();
    scenarios::build::build(&scenario, &options).unwrap()
}

fn options() -> RunOptions {
    RunOptions::in_memory(1, NetworkKind::Event, Grain::Aggregate, 1)
}

fn scenario(vms: usize) -> String {
    let (configuration_servers, process_servers) = (
        vms.div_ceil(MACHINES_PER_CONFIGURATION_SERVER),
        vms.div_ceil(MACHINES_PER_PROCESS_SERVER),
    );
    let mut text = format!(
        r#"
[scenario]
name = "idle-day"
description = "Protected machines to which nobody writes."
duration = "30 h"
settle = "{DAY}"
content = "aggregate"

[policy]
name = "daily"

[[site]]
name = "office"

[[link]]
name = "expressroute"
kind = "expressroute"
between = ["office", "azure"]
rate = "10 Gbit/s"
latency = "5 ms"

[[configuration_server]]
name = "config-#"
count = {configuration_servers}

[[process_server]]
name = "process-#"
count = {process_servers}

[[vcenter]]
name = "vcenter"

[[group]]
name = "vm-#"
count = {vms}

[[group.disk]]
name = "os"
size = "32 GiB"
used = "1 GiB"

[[step]]
do = "create-vault"
"#
    );
    for server in 1..=configuration_servers {
        let step =
            format!("\n[[step]]\ndo = \"register-configuration-server\"\nconfiguration_server = \"config-{server}\"\n");
        text.push_str(&step);
    }
    write!(
        text,
        r#"
[[step]]
do = "add-vcenter"
configuration_server = "config-1"

[[step]]
do = "create-policy"

[[step]]
name = "push"
do = "push-install"
vm = "all"
stagger = "1 s"

[[step]]
name = "enable"
do = "enable-replication"
vm = "all"
after = {{ step = "push", vm = "each" }}

[[expect]]
points_at_least = 286
"#
    )
    .unwrap();
    text
}
