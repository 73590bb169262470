//! `firedrill plan --prove`: runs the recommended estate through the actors, and shows how far it is.

use actors::facts::Fact;
use actors::nouns::ActorId;
use actors::ports::Evidence;
use datapath::{Grain, SimTime};
use planning::proof::{Prepared, Proof, Seen};
use sim::run::{Observer, Why};
use sim::spec::{NetworkKind, RunOptions};

use super::Shown;
use crate::failure::Failure;
use crate::interrupt::Interrupts;

/// The seed of a proof: the same plan gives the same proof.
const SEED: u64 = 1;

/// Runs a proof that is prepared.
pub(super) fn prove(prepared: &Prepared, shown: &Shown, interrupts: &Interrupts) -> Result<Proof, Failure> {
    let built = scenarios::build(&prepared.scenario, &scenarios::Options::default())?;
    let spill = tempfile::tempdir().map_err(|error| Failure::Machine(format!("no temporary folder: {error}")))?;
    let options = RunOptions {
        spill: Some(spill.path().to_owned()),
        ..RunOptions::in_memory(SEED, NetworkKind::Event, Grain::Aggregate, built.plan.compression_level)
    };
    shown.simulates(prepared.scenario.settle);
    let mut proving = Proving {
        seen: Seen::of(prepared),
        shown,
        interrupts,
    };
    let drill = scenarios::drill::run(built, &options, &mut proving);
    interrupts.check()?;
    let drill = drill.map_err(|error| Failure::Machine(error.to_string()))?;
    if drill.ended.why == Why::Interrupted && drill.ended.broken.is_none() {
        return Err(interrupts.failure());
    }
    Ok(prepared.judge(&drill, &proving.seen))
}

struct Proving<'a> {
    seen: Seen,
    shown: &'a Shown,
    interrupts: &'a Interrupts,
}

impl Observer for Proving<'_> {
    fn fact(&mut self, at: SimTime, _: u64, _: Option<ActorId>, fact: &Fact, _: Option<Evidence>) {
        self.seen.fact(at, fact);
    }

    fn progress(&mut self, now: SimTime, _: u64) {
        self.shown.simulated(now.0);
    }

    fn interrupted(&self) -> bool {
        self.interrupts.came()
    }
}
