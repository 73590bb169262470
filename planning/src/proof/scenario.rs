//! The actors' side: the world of a plan, and what its machines write in it.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use actors::model::Model;
use actors::workload::{Counted, Profiled, StreamKind};
use scenarios::{Options, Scenario, load_text};

use crate::demand::{DiskDemand, Window, rates};
use crate::drill;
use crate::estate::Disk;
use crate::plan::Plan;
use crate::profile::ABSENT;
use crate::recommend::{PlanError, Work};
use crate::service::Outage;

const SECOND: u64 = 1_000_000_000;
const MILLISECOND: u64 = 1_000_000;
/// The longest grace that the model takes.
const DAY: u64 = 86_400 * SECOND;
/// The smallest batch that it takes.
const BATCH_MIN: u64 = 64 << 10;
/// Seconds until the profile begins: an estate is set up and protected meanwhile, so many machines a second.
const SET_UP: u64 = 4 * 3_600;
const SET_UP_OF_A_MACHINE: u64 = 4;
/// The mean size of writes where it is not known, as the scenario language has it.
const WRITE_BYTES: u64 = 8_192;

/// What all machines still have to send when their points are marked takes the link at most so many seconds, where a batch may be as
/// small as that.
pub(super) const BATCHES_SECONDS: u64 = 15;

/// The bandwidth that runs: the one given, or needed.
pub(super) fn rate(plan: &Plan) -> u64 {
    drill::bandwidth(plan).0
}

/// When the profile begins in the run, in seconds.
pub(super) fn begins(work: &Work<'_>) -> u64 {
    let machines = work.counted().count() as u64;
    (SET_UP + machines * SET_UP_OF_A_MACHINE).next_multiple_of(3_600)
}

/// What the disks of the machines that count write in a part of the window, step by step, without growth.
pub(crate) fn streams(work: &Work<'_>, window: &Window, steps: &Range<usize>) -> Vec<Vec<Vec<Counted>>> {
    let of_disk = |vm: usize, at: usize, disk: &Disk, demand: &DiskDemand| {
        let series = work.profile.and_then(|profile| profile.vms.get(vm)?.get(at));
        let rates = rates(window, &work.options.settings(), disk, demand, series);
        let size = demand.write_bytes.unwrap_or(WRITE_BYTES).max(1);
        let step = |step: usize| {
            let bytes = rates.get(step).copied().unwrap_or(0);
            let writes = series.and_then(|series| series.write_iops.get(step).copied());
            let writes = writes.filter(|writes| *writes != ABSENT);
            let by_size = bytes.saturating_mul(100) / size;
            Counted {
                bytes_per_second: u32::try_from(bytes).unwrap_or(u32::MAX),
                writes_per_second: writes.unwrap_or(u32::try_from(by_size).unwrap_or(u32::MAX)),
            }
        };
        steps.clone().map(step).collect::<Vec<Counted>>()
    };
    let machine = |(place, vm, demand, _): (usize, &crate::estate::Vm, &crate::demand::VmDemand, _)| {
        let disks = vm.disks.iter().zip(&demand.disks).enumerate();
        disks
            .map(|(at, (disk, demand))| of_disk(place, at, disk, demand))
            .collect()
    };
    work.counted().map(machine).collect()
}

/// Has the machines of a scenario write these streams, disk by disk, with growth: from so many seconds on, so many seconds a step.
pub(crate) fn put(
    scenario: &mut Scenario,
    work: &Work<'_>,
    streams: Vec<Vec<Vec<Counted>>>,
    (begins, step): (u64, u64),
    repeat: bool,
) {
    for (vm, disks) in scenario.vms.iter_mut().zip(streams) {
        let mut disks: Vec<Option<Vec<Counted>>> = disks.into_iter().map(Some).collect();
        for stream in &mut Arc::make_mut(&mut vm.workload).streams {
            let steps = disks.get_mut(usize::from(stream.disk)).and_then(Option::take);
            stream.kind = StreamKind::Profiled(Profiled {
                steps: Arc::new(steps.unwrap_or_default()),
                step: step * SECOND,
                begins: begins * SECOND,
                repeat,
                factor_per_mille: 1_000 + work.options.growth_per_mille,
                hot_per_mille: 0,
                hot_part_per_mille: 1_000,
                distinct_per_mille: None,
            });
        }
    }
}

/// What a world is made of.
pub(super) struct World<'a> {
    pub name: &'a str,
    pub work: &'a Work<'a>,
    pub bits_per_second: u64,
    /// The longest time in which the queue is never empty, in milliseconds.
    pub busy_ms: u64,
    pub plan: &'a Plan,
    /// Seconds until the profile begins.
    pub begins: u64,
    /// Seconds of the profile, and of what runs after it.
    pub seconds: u64,
    pub outages: &'a [Outage],
    /// Seconds of a step.
    pub step: u64,
}

impl World<'_> {
    /// The scenario, with the streams put in.
    pub(super) fn scenario(&self, streams: Vec<Vec<Vec<Counted>>>) -> Result<Scenario, PlanError> {
        for (_, vm, _, _) in self.work.counted() {
            if let Some(disk) = vm.disks.iter().find(|disk| disk.size_bytes == 0) {
                return Err(PlanError::SizeUnknown {
                    vm: vm.name.clone(),
                    disk: disk.name.clone(),
                });
            }
        }
        let text = self.text();
        let read = load_text(&text, Path::new("proof.toml"), &Options::default());
        let mut scenario = read.map_err(|error| PlanError::World(error.to_string()))?;
        put(&mut scenario, self.work, streams, (self.begins, self.step), false);
        Ok(scenario)
    }

    fn text(&self) -> String {
        let all = self.begins + self.seconds;
        let mut out = String::new();
        let _ = writeln!(
            out,
            "[scenario]\nname = \"{}\"\nduration = \"{} s\"\nsettle = \"{all} s\"\ncontent = \"aggregate\"\n\n\
             [policy]\nname = \"plan\"\n\n[[site]]\nname = \"datacentre\"\n",
            drill::word(self.name, &std::collections::BTreeSet::new()),
            all + 86_400
        );
        let machines = (self.work.counted().count() as u64).max(1);
        let default = Model::default();
        let batch = self.bits_per_second / 8 * BATCHES_SECONDS / machines;
        let batch = batch.clamp(BATCH_MIN, default.agent.aggregate_batch);
        let grace = default.oracle.grace + self.busy_ms * MILLISECOND;
        let grace = grace.min(DAY);
        let _ = writeln!(
            out,
            "[model.agent]\naggregate_batch = \"{batch} B\"\n\n[model.oracle]\ngrace = \"{} s\"\n",
            grace.div_ceil(SECOND)
        );
        drill::servers(&mut out, self.work.options, self.plan, &[]);
        drill::machines(&mut out, None, drill::Disks::Empty, self.work);
        drill::steps(&mut out, self.plan);
        for (number, outage) in (1..).zip(self.outages) {
            let _ = writeln!(
                out,
                "[[fault]]\nname = \"cut-{number}\"\nkind = \"link-cut\"\nlink = \"{}\"\nat = \"{} s\"\nlasts = \"{} s\"\n",
                drill::link(self.work.options),
                self.begins + outage.from,
                outage.to - outage.from
            );
        }
        out
    }
}
