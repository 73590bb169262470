//! The result of a run: what reports render and expectations are evaluated against.
//!
//! Times are simulated; durations are whole milliseconds (rounded up, so that no limit is met by rounding), sizes are bytes. Nothing
//! in here says how the run was carried out (network, seed, wall time): who ran it knows that.

use actors::facts::{Severity, StepOutcome};
use actors::nouns::{FailoverKind, ItemState, MachineId};
use datapath::replica::Consistency;
use datapath::{DiskId, Grain, SimTime, VmId, WriteSeq};
use serde::{Deserialize, Serialize};

use super::recovery_plans::PlanRunResult;
use crate::findings::Finding;

/// All that a run says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResult {
    /// How exactly content was modelled, and so what could be judged: bytes, versions, or sequences and sizes.
    pub content: Grain,
    /// Simulated time at the end.
    pub ended: SimTime,
    /// Facts seen.
    pub facts: u64,
    /// How often each invariant was looked at, and how often it did not hold.
    pub checks: Vec<CheckCount>,
    /// Recovery points of all machines.
    pub recovery_points: PointTotals,
    /// From a recovery point's mark at the source until its tag was stored at the target, all points of all machines.
    pub point_lag: Option<Spread>,
    /// The protected machines, in the order of the scenario.
    pub vms: Vec<VmResult>,
    /// What waited of all machines together, at the same moments; thinned as each machine's own.
    pub backlog: Vec<BacklogSample>,
    /// Disks that a failover put together, in the order in which that happened.
    pub disks: Vec<RecoveredDisk>,
    /// The links, two directions each, in the order of the scenario.
    pub links: Vec<LinkResult>,
    /// The steps that began, in the order of the scenario.
    pub steps: Vec<StepResult>,
    /// The faults that the scenario declares, in its order.
    #[serde(default)]
    pub faults: Vec<FaultResult>,
    /// The situations that the scenario is to meet, in its order.
    #[serde(default)]
    pub goals: Vec<GoalResult>,
    /// The replication groups, in the order of the scenario.
    #[serde(default)]
    pub groups: Vec<GroupResult>,
    /// Process servers that looked at their own health, in the order of their machines.
    #[serde(default)]
    pub process_servers: Vec<ProcessServerResult>,
    /// Runs of recovery plans, in order of time.
    #[serde(default)]
    pub recovery_plans: Vec<PlanRunResult>,
    /// The databases, in the order of their machines.
    #[serde(default)]
    pub databases: Vec<DatabaseResult>,
    /// Alerts in order of time; past [`crate::metrics::ALERTS_KEPT`] they are only counted.
    pub alerts: Vec<AlertResult>,
    /// Alerts that were raised.
    pub alerts_raised: u64,
    /// Those of them that were critical.
    #[serde(default)]
    pub alerts_critical: u64,
    /// What had begun and not ended when the run ended.
    #[serde(default)]
    pub unfinished: Vec<Unfinished>,
    /// Operations that the product refused, in order of time.
    pub refusals: Vec<RefusalResult>,
    /// What does not hold. The prover finds invariants that failed; who evaluates expectations adds those.
    pub findings: Vec<Finding>,
    /// Findings past the number that is kept, by count only.
    pub findings_dropped: u64,
}

/// How a process server was, by its own looks at its health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessServerResult {
    /// Its machine.
    pub machine: MachineId,
    /// Looks.
    pub looks: u64,
    /// Those of them at which its machines were throttled.
    pub throttled: u64,
    /// The least of its cache that was free, in millionths.
    pub cache_free_least: u32,
    /// The most that its processors were at work between two looks, in millionths.
    pub processors_most: u32,
    /// The longest that what waited would have taken to upload, in milliseconds; it is [`u64::MAX`] where nothing of it was uploaded.
    pub uploads_longest_ms: u64,
    /// The worst level that it told.
    pub level_worst: Option<Severity>,
}

/// A replication group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupResult {
    /// Its name.
    pub name: String,
    /// What holding acknowledgements cost its members, in their order.
    pub holds: Vec<HoldResult>,
    /// Points that were tried to share.
    pub tried: u64,
    /// Those of them that came to nothing.
    pub failed: u64,
    /// Why the newest of those did.
    pub why: Option<String>,
    /// Shared points whose records were stored.
    pub stored: u64,
    /// Those of them that all members processed: made.
    pub made: u64,
    /// Those of them of which each member's was found right, and all causes with their effects.
    pub verified: u64,
}

/// A database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseResult {
    /// Its machine.
    pub vm: VmId,
    /// Its name.
    pub name: String,
    /// Transactions that began, in all lives of the machine.
    pub transactions: u64,
    /// Those of them that were committed.
    pub committed: u64,
    /// Recovered disks that it was read from, in order of time.
    pub recoveries: Vec<DatabaseRecovery>,
}

/// A database as it was read from recovered disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseRecovery {
    /// When.
    pub at: SimTime,
    /// The failover.
    pub kind: FailoverKind,
    /// The recovery point.
    pub point: u64,
    /// Its consistency.
    pub consistency: Consistency,
    /// All transactions up to this one came back.
    pub through: u64,
    /// Those of them that only the log had: they had to be done again.
    pub redone: u64,
    /// Transactions that were committed by then and did not come back.
    pub lost: u64,
}

/// What holding acknowledgements cost a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldResult {
    /// The machine.
    pub vm: VmId,
    /// How often acknowledgements were held.
    pub times: u64,
    /// How long, together, in nanoseconds.
    pub nanoseconds: u64,
    /// Writes whose acknowledgement was held.
    pub writes: u64,
    /// How much later those came, in microseconds: half of them.
    pub added_us_p50: u64,
    /// 99 of 100.
    pub added_us_p99: u64,
    /// All.
    pub added_us_max: u64,
    /// Requests that had to wait until others were acknowledged, or while applications were quiesced.
    pub requests: u64,
    /// How long, together, in nanoseconds.
    pub waited: u64,
}

/// What became of a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultResult {
    /// Its name.
    pub name: String,
    /// When it began, if it did.
    pub began: Option<SimTime>,
    /// When it first changed something.
    pub struck_first: Option<SimTime>,
    /// When it ended; the end of the run where it lasted until then.
    pub ended: Option<SimTime>,
    /// How often it changed something.
    pub struck: u64,
    /// What was not there that it could have changed.
    pub missed: Option<String>,
    /// Whether it is no finding that it changed nothing.
    pub may_miss: bool,
}

/// A situation that the scenario is to meet: that something happens while something else goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoalResult {
    /// Its name.
    pub name: String,
    /// How often it was met.
    pub met: u64,
}

/// How often an invariant was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckCount {
    /// The invariant's name.
    pub invariant: String,
    /// What it says.
    pub statement: String,
    /// Times it was checked.
    pub checked: u64,
    /// Times it did not hold.
    pub violated: u64,
}

/// Recovery points in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointTotals {
    /// Marked at the source.
    pub marked: u64,
    /// Whose tag is stored.
    pub stored: u64,
    /// Made: stored whole at the target, or processed there.
    pub made: u64,
    /// Of those made, processed and found to be what they have to be.
    pub verified: u64,
    /// Of those made, not processed when the run ended.
    #[serde(default)]
    pub waiting: u64,
    /// Of those made, never processed because their protection was over first.
    #[serde(default)]
    pub superseded: u64,
    /// Removed.
    pub pruned: u64,
}

/// How RPO was distributed over time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    /// The time over which it ran.
    pub over_ms: u64,
    /// In half of that time it was no longer than this.
    pub p50_ms: u64,
    /// In 99 % of that time it was no longer than this.
    pub p99_ms: u64,
    /// The longest, exact.
    pub max_ms: u64,
}

/// How a duration was distributed over occasions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// How many.
    pub count: u64,
    /// Half of them took no longer than this.
    pub p50_ms: u64,
    /// 99 of 100 took no longer than this.
    pub p99_ms: u64,
    /// The longest, exact.
    pub max_ms: u64,
}

/// A machine's run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VmResult {
    /// The machine.
    pub vm: VmId,
    /// Its name.
    pub name: String,
    /// RPO to the newest point that can be used, as the product reports it: against marks set by the source's clock. None where the machine was never protected.
    pub rpo: Option<Percentiles>,
    /// True RPO, by simulated time. Differs from the reported one by the clock's skew.
    pub true_rpo: Option<Percentiles>,
    /// RPO over time, in order; where stretches do not touch, it did not run. Not serialized: reports write it as a table.
    #[serde(skip)]
    pub rpo_series: Vec<RpoStretch>,
    /// States and when they were reached.
    pub states: Vec<(SimTime, ItemState)>,
    /// Failovers of every kind.
    pub failovers: Vec<FailoverResult>,
    /// Recovery points. Not serialized: reports write them as a table.
    #[serde(skip)]
    pub points: Vec<PointResult>,
    /// Copies of its disks.
    pub copies: Vec<CopyResult>,
    /// Stretches in which no copy of the machine ran, tests apart, after it first had.
    #[serde(default)]
    pub dark: Vec<(SimTime, SimTime)>,
    /// When copies of test failovers ran, and until when; none: to the end of the run.
    #[serde(default)]
    pub tests: Vec<(SimTime, Option<SimTime>)>,
    /// Backlog over time, the three places together. Not serialized: reports write it as a table.
    #[serde(skip)]
    pub backlog: Vec<BacklogSample>,
    /// Writes acknowledged to the guest, all copies of the machine except tests.
    pub writes: u64,
    /// Their bytes.
    pub written_bytes: u64,
}

impl VmResult {
    /// RTO of the newest unplanned failover that completed.
    #[must_use]
    pub fn rto_ms(&self) -> Option<u64> {
        self.newest(FailoverKind::Unplanned)?.rto_ms()
    }

    /// The newest failover of a kind.
    #[must_use]
    pub fn newest(&self, kind: FailoverKind) -> Option<&FailoverResult> {
        self.failovers.iter().rev().find(|failover| failover.kind == kind)
    }

    /// What the newest unplanned failover lost.
    #[must_use]
    pub fn lost(&self) -> Option<Lost> {
        self.newest(FailoverKind::Unplanned)?.lost
    }
}

/// A stretch over which RPO rose with time, from `low_ms` to `high_ms`. In a series that was thinned, several of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RpoStretch {
    /// Start: a newer point could be used, or protection began.
    pub from: SimTime,
    /// End.
    pub to: SimTime,
    /// RPO at the start, as the product reports it (thinned: the lowest).
    pub low_ms: u64,
    /// RPO at the end, as the product reports it (thinned: the highest).
    pub high_ms: u64,
    /// RPO at the end in simulated time (thinned: the highest).
    pub true_high_ms: u64,
}

/// What of a machine waited where. In a series that was thinned, the moment of its stretch with the most, and the stretch's last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacklogSample {
    /// When.
    pub at: SimTime,
    /// In the agent's journal.
    pub source_bytes: u64,
    /// In the process server's cache.
    pub process_server_bytes: u64,
    /// Stored, not yet processed.
    pub target_bytes: u64,
}

impl BacklogSample {
    /// All three places.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.source_bytes + self.process_server_bytes + self.target_bytes
    }
}

/// What was acknowledged to the guest and is not in the recovered point.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// From the point's mark to the end of the life that it was taken of; zero where nothing was written in between.
    pub ms: u64,
    /// Writes (in the aggregate grain: extents written).
    pub writes: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A failover, of any kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailoverResult {
    /// Which.
    pub kind: FailoverKind,
    /// From the loss of the source's power to the operator's start, where it had lost power.
    pub decision_ms: Option<u64>,
    /// When the operator started it: RTO begins.
    pub started: SimTime,
    /// When its point was chosen.
    pub point_chosen: Option<SimTime>,
    /// When its disks were there.
    pub disks_ready: Option<SimTime>,
    /// In a recovery plan: when its group's machines were started.
    #[serde(default)]
    pub group_began: Option<SimTime>,
    /// When the machine had power.
    pub powered_on: Option<SimTime>,
    /// When the workload answered: RTO ends.
    pub workload_up: Option<SimTime>,
    /// When it was committed.
    pub committed: Option<SimTime>,
    /// The protection and the point that it took.
    pub point: Option<(u32, u64)>,
    /// What it lost; none for a test.
    pub lost: Option<Lost>,
}

/// What a failover is at, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailoverPart {
    /// The source is shut down where that was asked for, what was sent is processed, and the point is chosen.
    Processing,
    /// The disks are put together, and made to boot in Azure where they would not.
    Hydration,
    /// Its recovery plan has other groups first.
    Turn,
    /// The machine is made.
    Creation,
    /// It boots, and its workload answers its first request.
    Boot,
}

impl FailoverPart {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            FailoverPart::Processing => "shutdown and processing",
            FailoverPart::Hydration => "disks and hydration",
            FailoverPart::Turn => "waiting for its group",
            FailoverPart::Creation => "making the machine",
            FailoverPart::Boot => "boot to first answer",
        }
    }
}

/// A part of a failover, and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailoverStretch {
    /// What it was at.
    pub what: FailoverPart,
    /// From.
    pub from: SimTime,
    /// To.
    pub to: SimTime,
}

impl FailoverStretch {
    /// How long it took.
    #[must_use]
    pub fn took_ms(&self) -> u64 {
        milliseconds(self.to.since(self.from))
    }
}

impl FailoverResult {
    /// Its parts as far as it came: they follow each other, and together they are its RTO.
    #[must_use]
    pub fn phases(&self) -> Vec<FailoverStretch> {
        let reached = [
            (FailoverPart::Processing, self.point_chosen),
            (FailoverPart::Hydration, self.disks_ready),
            (FailoverPart::Turn, self.group_began),
            (FailoverPart::Creation, self.powered_on),
            (FailoverPart::Boot, self.workload_up),
        ];
        let mut from = self.started;
        let mut phases = Vec::new();
        for (what, at) in reached {
            let Some(to) = at else { continue };
            phases.push(FailoverStretch { what, from, to });
            from = to;
        }
        phases
    }

    /// From the operator's start to the first request that the workload answered.
    #[must_use]
    pub fn rto_ms(&self) -> Option<u64> {
        Some(milliseconds(self.workload_up?.since(self.started)))
    }
}

/// A recovery point and its four times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointResult {
    /// Its protection.
    pub protection: u32,
    /// Its number.
    pub point: u64,
    /// The last write that it contains.
    pub seq: WriteSeq,
    /// Its consistency.
    pub consistency: Consistency,
    /// When it was marked.
    pub marked: SimTime,
    /// The same by the source's clock.
    pub marked_source: SimTime,
    /// When its tag was stored.
    pub stored: Option<SimTime>,
    /// When it was processed: it can be used, and counts for RPO.
    pub processed: Option<SimTime>,
    /// When it was removed.
    pub pruned: Option<SimTime>,
    /// Whether it was judged and found right.
    pub verified: bool,
}

/// A copy of one disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyResult {
    /// The disk.
    pub disk: DiskId,
    /// Its protection.
    pub protection: u32,
    /// Checksums decided what was sent.
    pub by_checksum: bool,
    /// When it began.
    pub started: SimTime,
    /// When it ended at the source.
    pub ended: Option<SimTime>,
    /// The disk's bytes.
    pub bytes: u64,
    /// Bytes done.
    pub processed_bytes: u64,
    /// Of them, sent.
    pub sent_bytes: u64,
    /// Of them, there already.
    pub matched_bytes: u64,
    /// Of them, unused.
    pub skipped_bytes: u64,
}

/// A disk that a failover put together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveredDisk {
    /// When.
    pub at: SimTime,
    /// The machine.
    pub vm: VmId,
    /// The disk.
    pub disk: DiskId,
    /// For which failover.
    pub kind: FailoverKind,
    /// Its protection.
    pub protection: u32,
    /// The point.
    pub point: u64,
    /// Its size.
    pub bytes: u64,
    /// The digest of its whole content, in hexadecimal: BLAKE3 over the BLAKE3 of each MiB; none in modelled grains.
    pub blake3: Option<String>,
    /// Whether every extent is what the guest had written at that point.
    pub verified: bool,
}

/// What a link carried, in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkResult {
    /// The link, by its number in the scenario.
    pub link: u32,
    /// Its name.
    pub name: String,
    /// From its second end to its first.
    pub back: bool,
    /// Its rate.
    pub bits_per_second: u64,
    /// All bytes it carried.
    pub bytes: u64,
    /// Bytes by interval; what is missing carried none.
    pub series: Vec<LinkSample>,
}

/// What a link carried in an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkSample {
    /// Start.
    pub from: SimTime,
    /// End.
    pub to: SimTime,
    /// Bytes.
    pub bytes: u64,
}

/// A step of the scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepResult {
    /// Its number.
    pub step: u32,
    /// When it began.
    pub started: SimTime,
    /// When it ended.
    pub ended: Option<SimTime>,
    /// What became of it last.
    pub outcome: StepOutcome,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertResult {
    /// When.
    pub at: SimTime,
    /// The machine.
    pub vm: Option<VmId>,
    /// How bad.
    pub severity: Severity,
    /// The documented code, or empty.
    pub code: String,
    /// What it says.
    pub text: String,
}

/// Something that had begun and not ended when the run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// The machine, where it concerns one.
    pub vm: Option<VmId>,
    /// Since when.
    pub since: SimTime,
    /// What.
    pub what: String,
}

/// An operation that the product refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalResult {
    /// When.
    pub at: SimTime,
    /// The machine.
    pub vm: Option<VmId>,
    /// The operation.
    pub operation: String,
    /// Why.
    pub why: String,
}

/// Nanoseconds as milliseconds, rounded up.
#[must_use]
pub fn milliseconds(nanoseconds: u64) -> u64 {
    nanoseconds.div_ceil(1_000_000)
}
