//! What the event log records: the first tier, *facts*. (The second, *frames*, is the network's own.)
//!
//! Oracle and reports know the run through facts alone, in one pass. Names are those of the scenario file and the reports.

use datapath::replica::{Consistency, CutTime, Mark, SharedPoint};
use datapath::segment::SegmentKind;
use datapath::{DiskId, Extent, SimTime, Summary, VmId, WriteSeq};
use serde::{Deserialize, Serialize};

pub use crate::nouns::Severity;
use crate::nouns::{Asked, FailoverKind, ItemState, Life, MachineId, Place};

/// What a failover (of any kind) has reached, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailoverPhase {
    /// The operator asked for it: RTO begins.
    Started,
    /// What was uploaded is processed and the recovery point is chosen.
    PointChosen,
    /// The disks are there (hydrated where that was needed).
    DisksReady,
    /// In a recovery plan: it is its group's turn, and the machine is started.
    GroupBegan,
    /// The machine has power.
    PoweredOn,
    /// The workload has answered its first request: RTO ends.
    WorkloadUp,
}

/// What the run of a recovery plan has reached. Groups and actions are counted from 0, in the order of the scenario; a group's actions
/// are those before it and then those after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanPhase {
    /// It was asked for.
    Began,
    /// A machine's failover was refused or failed; the plan goes on without it.
    MemberFailed(VmId, String),
    /// The disks of all its machines are ready, as far as they will be.
    Prepared,
    /// A group's turn: its actions before come first.
    GroupBegan(u32),
    /// An action began.
    ActionBegan(u32, u32),
    /// An action ended; why it failed, if it did.
    ActionEnded(u32, u32, Option<String>),
    /// A group is over.
    GroupEnded(u32),
    /// It is over.
    Ended,
}

/// What became of a scenario's step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepOutcome {
    /// It began.
    Started,
    /// It is complete.
    Done,
    /// The product refuses it; the reason is in the text.
    Refused(String),
    /// It was tried and failed; the reason is in the text.
    Failed(String),
}

/// Where bytes of a machine wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BacklogPlace {
    /// In the agent's journal, not yet durable at the process server. Logged by the agent.
    Source,
    /// In the process server's cache, not yet stored at the target. Logged by the process server.
    ProcessServer,
    /// Stored, not yet processed. Logged by the service, or by the master target.
    Target,
}

/// What an alert says of a machine whose RPO passed the policy's threshold (facts §2.1).
pub const RPO_PASSED: &str = "the RPO is above the policy's threshold";

/// A segment that is durable at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSegment {
    /// The disk.
    pub disk: DiskId,
    /// Epoch of its nonces.
    pub epoch: u32,
    /// First counter of its nonces.
    pub first_counter: u64,
    /// Bytes of disk that it describes.
    pub plain_bytes: u64,
    /// Bytes it takes.
    pub stored_bytes: u64,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum Fact {
    // The plan.
    /// A step of the scenario.
    Step {
        /// Its number in the file, from 0.
        step: u32,
        /// What became of it.
        outcome: StepOutcome,
    },
    /// A machine was switched on or lost its power.
    Power {
        /// The machine.
        machine: MachineId,
        /// On or off.
        on: bool,
    },
    /// A machine connects to another on a port whose use is looked at: the world shows it, no actor does.
    Connected {
        /// Who connects.
        from: MachineId,
        /// To whom.
        to: MachineId,
        /// The port.
        port: u16,
    },
    /// A fault begins.
    FaultBegan {
        /// Its number in the world's specification.
        fault: u32,
    },
    /// It found nothing that it could have changed.
    FaultMissed {
        /// The fault.
        fault: u32,
        /// What was not there.
        why: String,
    },
    /// It changed something for the first time.
    FaultStruck {
        /// The fault.
        fault: u32,
    },
    /// A fault ends, or the run does.
    FaultEnded {
        /// The fault.
        fault: u32,
        /// How often it changed something.
        struck: u64,
    },
    /// A component registered with its configuration server, or a configuration server with its vault.
    Registered {
        /// The component's machine.
        machine: MachineId,
        /// What it is, e.g. `mobility-service`, `process-server`.
        component: String,
    },
    /// vCenter's machines were listed by a process server.
    Discovered {
        /// The process server's machine.
        by: MachineId,
        /// The machines found.
        vms: Vec<VmId>,
    },
    /// A policy was created (its failback policy with it).
    PolicyCreated {
        /// Its name.
        policy: String,
    },
    /// A protected item changed its state.
    State {
        /// The machine.
        vm: VmId,
        /// Its new state.
        state: ItemState,
    },
    /// An alert, with the product's error code where one is documented.
    Alert {
        /// The machine it is about, if it is about one.
        vm: Option<VmId>,
        /// How bad.
        severity: Severity,
        /// The documented code, or empty.
        code: String,
        /// What it says.
        text: String,
    },
    /// An operation that the product does not have, or not in this state.
    Refused {
        /// The operation.
        operation: String,
        /// The machine, if it concerns one.
        vm: Option<VmId>,
        /// Why, with its source.
        why: String,
    },

    // The guest.
    /// A copy of a machine booted.
    LifeStarted {
        /// The machine it is a copy of.
        vm: VmId,
        /// This life.
        life: Life,
        /// Where.
        place: Place,
        /// The life and the write whose state its disks began with, where that is a recovered point.
        parent: Option<(Life, WriteSeq)>,
        /// The sequence number before its first write.
        seq: WriteSeq,
    },
    /// It stopped in order (a power cut shows as [`Fact::Power`]).
    LifeEnded {
        /// The machine.
        vm: VmId,
        /// The life.
        life: Life,
        /// Its last write.
        last: WriteSeq,
    },
    /// A write is on the guest's disk. It is acknowledged with [`Fact::Acknowledged`].
    Wrote {
        /// The machine.
        vm: VmId,
        /// The life.
        life: Life,
        /// The disk.
        disk: DiskId,
        /// Its place in the sequence.
        seq: WriteSeq,
        /// The first extent.
        start: Extent,
        /// How many.
        extents: u32,
        /// XXH3 (128 bits, little-endian) of the bytes; zero in modelled grains, and where the run was discarded (it reads as zeros).
        hash: [u8; 16],
    },
    /// Whoever issued writes was told that they are done: all of this life up to one.
    Acknowledged {
        /// The machine.
        vm: VmId,
        /// The life.
        life: Life,
        /// The write.
        through: WriteSeq,
    },
    /// Requests of the workload had to wait until others were acknowledged, or while applications were quiesced.
    WorkloadWaited {
        /// The machine.
        vm: VmId,
        /// The life.
        life: Life,
        /// How many.
        requests: u64,
        /// How long, together.
        nanoseconds: u64,
        /// The longest.
        longest: u64,
    },
    /// A tier of an application sent a request to the next, or its answer back.
    Said {
        /// The machine that speaks.
        vm: VmId,
        /// Its life.
        life: Life,
        /// The request.
        asked: Asked,
        /// Its answer.
        answer: bool,
    },
    /// It arrived.
    Heard {
        /// The machine that hears it.
        vm: VmId,
        /// Its life.
        life: Life,
        /// The request.
        asked: Asked,
        /// Its answer.
        answer: bool,
    },
    /// A database was opened: its machine has booted.
    DatabaseOpened {
        /// The machine.
        vm: VmId,
        /// Its life.
        life: Life,
        /// Which of its databases.
        database: u32,
        /// The last transaction that it found.
        through: u64,
        /// How many of them its log alone had, and were done again.
        redone: u64,
    },
    /// A transaction began: an amount goes from one account to another. They are numbered from 1, also over lives.
    Transaction {
        /// The machine.
        vm: VmId,
        /// Its life.
        life: Life,
        /// Which of its databases.
        database: u32,
        /// Its number.
        transaction: u64,
        /// From here.
        from: u32,
        /// To there.
        to: u32,
        /// So much.
        amount: i64,
    },
    /// Transactions are committed: the log that holds them is flushed.
    TransactionsCommitted {
        /// The machine.
        vm: VmId,
        /// Its life.
        life: Life,
        /// Which of its databases.
        database: u32,
        /// The last of them.
        through: u64,
        /// The last write of the machine that the flush made durable.
        seq: WriteSeq,
    },
    /// A member of a replication group held its guest's acknowledgements, and does so no more.
    Held {
        /// The machine.
        vm: VmId,
        /// The life.
        life: Life,
        /// For which point.
        point: SharedPoint,
        /// How long.
        nanoseconds: u64,
        /// Writes that waited.
        writes: u64,
        /// It was told to go on; else it could wait no longer.
        released: bool,
    },
    /// The coordinator of a replication group has tried to make a recovery point that all members share.
    SharedPointTried {
        /// The group.
        group: u32,
        /// The point.
        point: SharedPoint,
        /// Its consistency.
        consistency: Consistency,
        /// Why it came to nothing, if it did.
        failed: Option<String>,
    },
    /// The record of a shared recovery point is stored: it is one once all members' points are processed.
    SharedStored {
        /// The group.
        group: u32,
        /// The point.
        point: SharedPoint,
        /// The members.
        members: Vec<VmId>,
    },
    /// A client's request ended.
    RequestEnded {
        /// The machine of the application's first tier.
        vm: VmId,
        /// The life.
        life: Life,
        /// The application.
        application: u32,
        /// All its tiers did their part.
        done: bool,
        /// How long it took.
        nanoseconds: u64,
    },
    /// Ranges of writes that were acknowledged to the guest, in the aggregate grain: one for each of its streams that wrote.
    WroteSummaries {
        /// The machine.
        vm: VmId,
        /// The life.
        life: Life,
        /// The ranges, in order.
        summaries: Vec<Summary>,
    },
    /// The guest flushed its disks: everything up to `seq` is durable on them.
    GuestFlushed {
        /// The machine.
        vm: VmId,
        /// The life.
        life: Life,
        /// The last write before the flush.
        seq: WriteSeq,
    },
    /// The workload answered its first request after a boot.
    WorkloadUp {
        /// The machine.
        vm: VmId,
        /// The life.
        life: Life,
    },

    // Replication. `protection` counts how often replication of the machine was set up, in either direction, from 1.
    /// A protection began (enable, reprotect, protect again): points and batches count from 1 again.
    ProtectionStarted {
        /// The machine.
        vm: VmId,
        /// Its protection.
        protection: u32,
        /// The life it protects.
        life: Life,
        /// True from Azure to premises.
        reverse: bool,
    },
    /// A copy of a disk began.
    CopyStarted {
        /// The disk.
        disk: DiskId,
        /// Its protection.
        protection: u32,
        /// The number of the copy, as the service orders it: some that were ordered may never have begun.
        copy: u32,
        /// The disk's bytes.
        bytes: u64,
        /// True where checksums decide what is sent.
        by_checksum: bool,
    },
    /// How far a copy is; processed = sent + matched + skipped (facts §1.5).
    CopyProgress {
        /// The disk.
        disk: DiskId,
        /// Its protection.
        protection: u32,
        /// Bytes of the disk done.
        processed_bytes: u64,
        /// Of them, bytes sent.
        sent_bytes: u64,
        /// Of them, bytes that the target had already.
        matched_bytes: u64,
        /// Of them, bytes unused.
        skipped_bytes: u64,
    },
    /// A copy ended at the source: its highest position is the first that a point may have.
    CopyEnded {
        /// The disk.
        disk: DiskId,
        /// Its protection.
        protection: u32,
        /// The highest position.
        highest: WriteSeq,
    },
    /// The agent cut a batch, with a mark if a recovery point ends it.
    BatchCut {
        /// The machine.
        vm: VmId,
        /// Its protection.
        protection: u32,
        /// The batch.
        batch: u64,
        /// Its first write.
        first: WriteSeq,
        /// Its last.
        last: WriteSeq,
        /// When it ends: a failover to the latest point can make a point of it.
        cut: CutTime,
        /// The point.
        mark: Option<Mark>,
    },
    /// The process server has the whole batch on its cache disk.
    BatchCached {
        /// The machine.
        vm: VmId,
        /// Its protection.
        protection: u32,
        /// The batch.
        batch: u64,
    },
    /// A sealer was granted an epoch for a disk; lower ones are fenced.
    EpochGranted {
        /// The disk.
        disk: DiskId,
        /// The epoch.
        epoch: u32,
        /// The sealer's machine.
        sealer: MachineId,
    },
    /// Who keeps a replica was granted an epoch of the key for what it merges; lower ones are fenced.
    MergingEpochGranted {
        /// The disk.
        disk: DiskId,
        /// The epoch.
        epoch: u32,
        /// The keeper's machine.
        sealer: MachineId,
    },
    /// Batches between two kept recovery points became one in storage.
    BatchesMerged {
        /// The machine.
        vm: VmId,
        /// Its protection.
        protection: u32,
        /// The first of them.
        from: u64,
        /// The last.
        to: u64,
        /// The first write of their range.
        first: WriteSeq,
        /// The last.
        last: WriteSeq,
        /// Bytes that they took.
        bytes_before: u64,
        /// Bytes that it takes.
        stored_bytes: u64,
    },
    /// Segments are durable at the target: those that came together of a batch, those of a merge, or a piece of a copy.
    SegmentsStored {
        /// Their protection.
        protection: u32,
        /// What they are.
        kind: SegmentKind,
        /// One for each disk.
        segments: Vec<StoredSegment>,
    },
    /// A piece of a copy is there when its store comes back from a power cut: durable, though perhaps it was never told.
    SegmentFound {
        /// The disk.
        disk: DiskId,
        /// Its protection.
        protection: u32,
        /// What it is.
        kind: SegmentKind,
        /// Epoch of its nonces.
        epoch: u32,
        /// First counter of its nonces.
        first_counter: u64,
        /// Bytes it takes.
        stored_bytes: u64,
    },
    /// A segment was refused, and why.
    SegmentRefused {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
    /// A batch's tag is durable at the target after all its segments.
    TagStored {
        /// The machine.
        vm: VmId,
        /// Its protection.
        protection: u32,
        /// The batch.
        batch: u64,
        /// Its last write.
        last: WriteSeq,
        /// The point.
        mark: Option<Mark>,
    },
    /// A batch's tag is there when its store comes back from a power cut: durable, though perhaps it was never told.
    TagFound {
        /// The machine.
        vm: VmId,
        /// Its protection.
        protection: u32,
        /// The batch.
        batch: u64,
        /// Its last write.
        last: WriteSeq,
        /// The point.
        mark: Option<Mark>,
    },
    /// The service has processed a recovery point: it can be used, and counts for RPO from here.
    PointProcessed {
        /// The machine.
        vm: VmId,
        /// Its protection.
        protection: u32,
        /// The point.
        mark: Mark,
        /// Bytes that the target has taken in since the protection began (aggregate grain: written; else distinct).
        applied_bytes: u64,
    },
    /// A recovery point was removed.
    PointPruned {
        /// The machine.
        vm: VmId,
        /// Its protection.
        protection: u32,
        /// The point.
        point: u64,
        /// Why: `retention`, `grid`, `commit`.
        why: String,
    },
    /// What of a machine waits at one of the three places where the product's API shows a backlog (facts §1.3). Each place
    /// logs its own, at most once a minute and only where it changed.
    Backlog {
        /// The machine.
        vm: VmId,
        /// Where it waits.
        place: BacklogPlace,
        /// How many bytes.
        bytes: u64,
    },
    /// A process server has looked at its own health.
    ProcessServerHealth {
        /// Its machine.
        machine: MachineId,
        /// What of its cache is free, in millionths.
        cache_free: u32,
        /// How much its processors were at work since the look before, in millionths.
        processors: u32,
        /// How long what waits in its cache takes to upload at the rate since the look before, in nanoseconds; none: nothing of it is uploaded.
        uploads_in: Option<u64>,
        /// The worst level that it has told of and that still holds.
        level: Option<Severity>,
        /// So little of its cache is free that all its machines are throttled.
        throttled: bool,
    },

    // Failover.
    /// A failover reached a phase.
    Failover {
        /// The machine.
        vm: VmId,
        /// Which.
        kind: FailoverKind,
        /// What it reached.
        phase: FailoverPhase,
    },
    /// The run of a recovery plan reached a phase.
    RecoveryPlan {
        /// The plan, by its number in the scenario.
        plan: u32,
        /// A test failover, or an unplanned one.
        kind: FailoverKind,
        /// What it reached.
        phase: PlanPhase,
    },
    /// The disks of a recovery point were put together for a machine to boot from.
    Recovered {
        /// The machine.
        vm: VmId,
        /// The protection whose point it is.
        protection: u32,
        /// Which failover.
        kind: FailoverKind,
        /// The point's number.
        point: u64,
        /// The life whose writes it holds.
        life: Life,
        /// The last write it holds.
        seq: WriteSeq,
        /// Its consistency.
        consistency: Consistency,
        /// When it was marked, in simulated time.
        marked: SimTime,
        /// The disks and their bytes.
        disks: Vec<(DiskId, u64)>,
    },
    /// A test failover was cleaned up.
    TestCleaned {
        /// The machine.
        vm: VmId,
    },
    /// A failover was committed; older points are gone.
    Committed {
        /// The machine.
        vm: VmId,
        /// Which.
        kind: FailoverKind,
    },

    // Links.
    /// What a link carried in an interval, in one direction.
    LinkUse {
        /// The link, by its number in the world's specification.
        link: u32,
        /// True from the second to the first of its two ends.
        back: bool,
        /// Start of the interval.
        from: SimTime,
        /// Its end.
        to: SimTime,
        /// Bytes it carried.
        bytes: u64,
    },
}
