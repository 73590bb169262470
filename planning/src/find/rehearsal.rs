//! The drill of an estate, run at a value: the scenario that `--scenario` writes, in memory, through the actors in the aggregate grain.
//!
//! The initial copy is not what is looked at, so the drill's disks have next to nothing used. Each machine writes its busiest day, step by
//! step, every day again. A drill without an outage is measured over a day; with one over a week, of which the second day has the outage, at
//! the time of day at which the week of the profile has it.

use std::path::Path;

use actors::facts::Fact;
use actors::nouns::ActorId;
use actors::ports::Evidence;
use actors::spec::default_policy;
use datapath::SimTime;
use rayon::prelude::*;
use scenarios::drill::Verdict;
use scenarios::units::write_bits_per_second;
use scenarios::{Options as Reading, Scenario, ScenarioError, load_text};
use sim::findings::FindingClass;
use sim::run::Observer;
use sim::spec::{NetworkKind, RunOptions};

use super::Measured;
use super::goal::Quantity;
use crate::calibration::model_table;
use crate::check::PlanError;
use crate::demand::{Compression, Window, busiest_part};
use crate::drill;
use crate::estate::Estate;
use crate::options::Options;
use crate::outages::weekly_outages;
use crate::plan::Plan;
use crate::profile::Profile;
use crate::proof::scenario::{put, streams};
use crate::recommend::Work;
use crate::service::Service;
use crate::sweep::Input;

const DAY: u64 = 86_400;
const WEEK: u64 = 7 * DAY;
/// An outage is not longer: what is left of the week shows how the estate catches up.
pub const OUTAGE_MAX_SECONDS: u64 = 5 * DAY;
/// Used bytes of each disk of a drill: the copy is over within minutes.
const USED_BYTES: u64 = 1 << 20;
/// Seconds after which the copy is over, and the machines are protected: installation and enabling take most of them.
const SETTLED: u64 = 6 * 3_600;
/// The seed of all runs: they differ in the value alone.
const SEED: u64 = 1;

/// A search came to no answer.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// Nothing that can be searched for.
    #[error("`{0}` cannot be searched for; accepted: bandwidth, growth, outage, compressed")]
    Input(&'static str),
    /// The plan cannot be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The drill of the estate is no scenario.
    #[error("the drill of the estate cannot be run: {0}")]
    Scenario(#[from] ScenarioError),
    /// The machine failed.
    #[error("a drill of the estate failed: {0}")]
    Machine(String),
    /// An invariant failed.
    #[error("a drill of the estate broke an invariant: {0}")]
    Invariant(String),
    /// It does not end.
    #[error("no answer after {0} runs")]
    Endless(usize),
    /// It was stopped.
    #[error("stopped")]
    Stopped,
}

/// Runs drills of an estate.
pub struct Rehearsals<'a> {
    /// The estate.
    pub estate: &'a Estate,
    /// Its counters.
    pub profile: Option<&'a Profile>,
    /// Asked again and again; true ends the search.
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// Told of each run that is done: the value, and what was measured.
    pub told: &'a (dyn Fn(u64, Option<u64>) + Sync),
}

/// The time between crash-consistent points, in milliseconds.
#[must_use]
pub fn interval_ms() -> u64 {
    default_policy("").crash_consistent_every / 1_000_000
}

/// The options with an input at a value.
pub(super) fn with(options: &mut Options, input: Input, value: u64) -> &Options {
    let per_mille = u32::try_from(value).unwrap_or(u32::MAX);
    match input {
        Input::Bandwidth => {
            let service = options.service.take().unwrap_or_else(|| Service::constant(value));
            options.service = Some(service.with_rate(value));
        }
        Input::Growth => options.growth_per_mille = per_mille,
        Input::Compressed => options.compression = Compression::Fixed { per_mille },
        Input::Outage => options.weekly_outage_seconds = value,
        _ => {}
    }
    options
}

/// Looks at nothing.
struct Eyes<'a> {
    stop: &'a (dyn Fn() -> bool + Sync),
}

impl Observer for Eyes<'_> {
    fn fact(&mut self, _: SimTime, _: u64, _: Option<ActorId>, _: &Fact, _: Option<Evidence>) {}

    fn interrupted(&self) -> bool {
        (self.stop)()
    }
}

impl Rehearsals<'_> {
    /// Simulated seconds over which a run is measured.
    #[must_use]
    pub fn seconds(&self, options: &Options, input: Input) -> u64 {
        if input == Input::Outage || options.weekly_outage_seconds > 0 {
            WEEK
        } else {
            DAY
        }
    }

    /// The drill of the estate with an input at a value, and what is set in it otherwise.
    ///
    /// # Errors
    /// [`FindError`] where the options make no plan, or the plan no scenario.
    pub fn scenario(
        &self,
        options: &Options,
        plan: &Plan,
        input: Input,
        value: u64,
    ) -> Result<(Scenario, Reading), FindError> {
        let seconds = self.seconds(options, input);
        let mut options = options.clone();
        with(&mut options, input, value);
        let mut estate = self.estate.clone();
        let disks = estate.vms.iter_mut().flat_map(|vm| &mut vm.disks);
        disks.for_each(|disk| disk.used_bytes = Some(USED_BYTES));
        let work = Work::new(&estate, self.profile, &options)?;
        let mut text = drill::text("find", plan, &work, None, &[]);
        text.push_str(&model_table(&options));
        let link = drill::link(&options);
        let outage = options.weekly_outage_seconds.min(OUTAGE_MAX_SECONDS);
        if outage > 0 {
            let found = weekly_outages(&work.arrivals, outage);
            // The busiest day begins whole days after the profile.
            let of_day = found.first().map_or(0, |outage| outage.from % DAY);
            text.push_str(&format!(
                "\n[[fault]]\nname = \"outage\"\nkind = \"link-cut\"\nlink = \"{link}\"\nat = \"{} s\"\nlasts = \"{outage} s\"\n",
                DAY + of_day
            ));
        }
        let mut set = vec![
            ("scenario.duration".to_owned(), format!("{} s", SETTLED + seconds)),
            ("scenario.settle".to_owned(), format!("{seconds} s")),
        ];
        if input == Input::Bandwidth {
            set.push((format!("link.{link}.rate"), write_bits_per_second(value)));
        }
        let reading = Reading {
            set,
            ..Reading::default()
        };
        let mut scenario = load_text(&text, Path::new("drill.toml"), &reading)?;
        let window = Window::of(self.profile);
        if self.profile.is_some() {
            let steps = busiest_part(&work.totals.written, &window);
            let streams = streams(&work, &window, &steps);
            put(&mut scenario, &work, streams, (0, u64::from(window.step_seconds)), true);
        }
        Ok((scenario, reading))
    }

    /// Runs the estate's drill at each value, and gives the figure of the machine that is worst, in milliseconds; none where a machine was
    /// never protected.
    pub(super) fn run(
        &self,
        options: &Options,
        plan: &Plan,
        input: Input,
        values: &[u64],
        quantity: Quantity,
    ) -> Result<Vec<Measured>, FindError> {
        values
            .par_iter()
            .map(|value| {
                let measured = self.one(options, plan, input, *value, quantity)?;
                (self.told)(*value, measured.ms);
                Ok(measured)
            })
            .collect()
    }

    fn one(
        &self,
        options: &Options,
        plan: &Plan,
        input: Input,
        value: u64,
        quantity: Quantity,
    ) -> Result<Measured, FindError> {
        if (self.stop)() {
            return Err(FindError::Stopped);
        }
        let (scenario, reading) = self.scenario(options, plan, input, value)?;
        let built = scenarios::build::build(&scenario, &reading)?;
        let run = RunOptions::in_memory(SEED, NetworkKind::Event, built.plan.grain, built.plan.compression_level);
        let drill = scenarios::drill::run(built, &run, &mut Eyes { stop: self.stop });
        let drill = drill.map_err(|error| FindError::Machine(error.to_string()))?;
        let findings = &drill.result.findings;
        let broken = match drill.verdict {
            Verdict::Interrupted => return Err(FindError::Stopped),
            Verdict::InvariantFailed => {
                let first = findings.iter().find(|finding| finding.class == FindingClass::Invariant);
                Some(first.map_or_else(String::new, |finding| finding.text.clone()))
            }
            // What the drill itself expects is not what is asked.
            Verdict::Pass | Verdict::ExpectationFailed | Verdict::NothingTested => None,
        };
        let mut worst = Some(0);
        for vm in &drill.result.vms {
            let figure = vm.rpo.map(|rpo| match quantity {
                Quantity::P50 => rpo.p50_ms,
                Quantity::P99 => rpo.p99_ms,
                Quantity::Max => rpo.max_ms,
            });
            worst = worst.zip(figure).map(|(worst, figure)| worst.max(figure));
        }
        Ok(Measured { ms: worst, broken })
    }
}
