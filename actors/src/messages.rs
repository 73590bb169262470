//! What components say to each other. A [`Body`] is small and typed; bulk travels as the frame's payload.
//!
//! Ports and directions are those of the product (facts §1.2): agents, process servers and master targets call the configuration
//! server on 443; the configuration server calls the Site Recovery service on 443; agents call their process server on 9443; process
//! servers call storage on 443, or a master target on 9444 (that number is our model); process servers call vCenter on 443 and the
//! machines they install on (135 for Windows, 22 for Linux). Commands travel down the connections that were opened upwards.

pub mod application;
pub mod group;

use application::TierMessage;
use datapath::lineage::Lineage;
use datapath::replica::{CutTime, Mark, SharedPoint, Tag};
use datapath::segment::{Headers, SegmentHeader, SegmentKind};
use datapath::{DiskId, VmId, WriteSeq};
use group::GroupMessage;
use serde::{Deserialize, Serialize};

use crate::nouns::{
    Boot, Component, FoundMachine, ItemState, Life, MachineId, Operation, Outcome, PointChoice, Protection,
    SharedRecord,
};

/// Management traffic.
pub const PORT_MANAGEMENT: u16 = 443;
/// Replication data, unless the installation chose another port.
pub const PORT_REPLICATION: u16 = 9443;
/// Replication data into a master target. The documentation gives the number in a picture only; one beside the process server's lets
/// both live on a management server (our model).
pub const PORT_MASTER_TARGET: u16 = 9444;
/// Push installation on Windows (the connectivity test's port).
pub const PORT_PUSH_WINDOWS: u16 = 135;
/// Push installation on Linux.
pub const PORT_PUSH_LINUX: u16 = 22;

/// What a target says of a segment whose epoch is fenced; the sealer asks for a fresh one and seals again.
pub const REFUSED_FENCED: &str = "is fenced";

/// A segment among others in a payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    /// Its header, in clear.
    pub header: SegmentHeader,
    /// Bytes of disk that it describes.
    pub plain_bytes: u64,
    /// Its real bytes.
    pub bytes: u64,
    /// Its size, as the world counts it.
    pub size: u64,
}

/// What neighbouring batches came to as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedBatches {
    /// The first of the batches.
    pub from: u64,
    /// The tag that stands for them; its number is the last one's.
    pub tag: Tag,
    /// A segment per disk that changed.
    pub segments: Vec<Packed>,
}

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    // Any component -> configuration server, configuration server -> service (443).
    /// A component announces itself. Configuration server to service: `key` is the vault registration key. Else the passphrase's fingerprint.
    Register {
        /// What it is.
        component: Component,
        /// Its machine.
        machine: MachineId,
        /// The protected machine, for an agent.
        vm: Option<VmId>,
        /// The key or fingerprint that proves that it may.
        key: u64,
    },
    /// The answer to `Register`.
    Registered {
        /// Why not, if not.
        refused: Option<String>,
    },
    /// Still there; every 60 s from agents and process servers.
    Heartbeat {
        /// The sender wants a [`Body::HeartbeatSeen`]: an end that only sends would never learn that the other lost its power.
        /// Set in every fifth.
        answer: bool,
    },
    /// The answer to a heartbeat that asks for one.
    HeartbeatSeen,

    // Operator -> service, and back (443).
    /// An operation is asked for.
    Ask {
        /// The asker's number for it.
        job: u64,
        /// The operation.
        operation: Operation,
    },
    /// It ended.
    Answer {
        /// The asker's number.
        job: u64,
        /// How.
        outcome: Outcome,
        /// With `CreateVault`: the registration key.
        key: Option<u64>,
    },

    // Service -> configuration server -> component, and back (443). A command has a number; its answer bears it.
    /// A command for the component on `to`; the configuration server passes it on.
    Command {
        /// Its number.
        id: u64,
        /// Whose it is.
        to: MachineId,
        /// What.
        command: Command,
    },
    /// What became of it.
    Reply {
        /// The command's number.
        id: u64,
        /// The result.
        result: Result<Reply, String>,
    },
    /// Something that a component tells the service unasked.
    Notice(Notice),

    // Agent <-> process server (9443).
    /// The agent names the protection it sends for. The process server answers once it was told to serve that protection.
    Hello {
        /// All that the process server needs to know.
        protection: Protection,
        /// The number of the copy that the agent is in or has ended (initial copy 1, each resynchronization one more). A higher one
        /// than before voids what the process server has of an unfinished batch and of older, unfinished copies.
        copy: u32,
        /// The last batch that a process server has acknowledged; where that was another one, batches go on after it.
        cached: u64,
    },
    /// The process server is ready, and has everything up to here on its cache disk or beyond.
    Welcome {
        /// The machine.
        vm: VmId,
        /// The last batch that it has whole (0: none).
        batch: u64,
        /// Parts that it has of the batch after that.
        parts: u32,
        /// How large a batch may become: its cache has to hold several.
        batch_bytes: u64,
    },
    /// The process server's cache has no room for what came: nothing more is taken in of the machine until it is welcomed anew, and what
    /// is not acknowledged then has to be sent again.
    CacheFull {
        /// The machine.
        vm: VmId,
        /// The size of the cache's disk.
        capacity: u64,
        /// Bytes that did not fit.
        wanted: u64,
    },
    /// Part of a batch; the payload holds journal records.
    Changes {
        /// The machine.
        vm: VmId,
        /// The batch.
        batch: u64,
        /// The part, from 0.
        part: u32,
    },
    /// The batch is complete. The payload, if there is one, is its last part (so that a small batch is one frame).
    BatchEnd {
        /// The machine.
        vm: VmId,
        /// The batch.
        batch: u64,
        /// How many parts it has, the one in this frame included.
        parts: u32,
        /// Its first write: the one after the last of the batch before.
        first: WriteSeq,
        /// Its last.
        last: WriteSeq,
        /// When it ends.
        cut: CutTime,
        /// The recovery point that ends it.
        mark: Option<Mark>,
    },
    /// That part is durable in the cache.
    ChangesCached {
        /// The machine.
        vm: VmId,
        /// The batch.
        batch: u64,
        /// The part.
        part: u32,
    },
    /// The whole batch is durable in the cache.
    BatchCached {
        /// The machine.
        vm: VmId,
        /// The batch.
        batch: u64,
    },
    /// The agent asks for one of the process server's places for copies (three disks at a time).
    CopyAsk {
        /// The disk.
        disk: DiskId,
        /// The copy's number.
        copy: u32,
    },
    /// It has one.
    CopyGranted {
        /// The disk.
        disk: DiskId,
        /// The copy.
        copy: u32,
    },
    /// A piece of a copy; the payload holds journal records.
    CopyData {
        /// The disk.
        disk: DiskId,
        /// The copy.
        copy: u32,
        /// The piece, from 0.
        part: u32,
        /// The position at which it was read.
        position: WriteSeq,
    },
    /// That piece is durable in the cache.
    CopyCached {
        /// The disk.
        disk: DiskId,
        /// The copy.
        copy: u32,
        /// The piece.
        part: u32,
    },
    /// The copy is complete.
    CopyEnd {
        /// The disk.
        disk: DiskId,
        /// The copy.
        copy: u32,
        /// How many pieces.
        parts: u32,
        /// The highest position.
        highest: WriteSeq,
    },
    /// The copy is complete at the target (the place is free again).
    CopyStored {
        /// The disk.
        disk: DiskId,
        /// The copy.
        copy: u32,
    },

    // Agent -> process server -> target: checksums of what the target holds, and back.
    /// Asks for checksums of `count` chunks from `first_chunk` on (a chunk is 16 extents).
    ChecksumAsk {
        /// The disk.
        disk: DiskId,
        /// The copy that it is for.
        copy: u32,
        /// The first chunk.
        first_chunk: u64,
        /// How many.
        count: u32,
        /// The target answers once it has applied this batch: the last that a process server has acknowledged to the agent. Otherwise
        /// what is still under way would later be written over chunks that were found equal before it.
        after: u64,
    },
    /// The checksums; one per chunk. Empty where the target holds nothing.
    Checksums {
        /// The disk.
        disk: DiskId,
        /// The copy that they were asked for.
        copy: u32,
        /// The first chunk.
        first_chunk: u64,
        /// The checksums.
        sums: Vec<[u8; 16]>,
        /// The replica's position when they were taken.
        position: WriteSeq,
        /// In the aggregate grain, in place of checksums: which writes the disk holds.
        lineage: Option<Lineage>,
    },

    // Process server -> storage (443) or master target (9444).
    /// Stores the segments of a batch, or one piece of a copy; the payload is the segments, one after the other.
    PutSegments {
        /// Their protection.
        protection: u32,
        /// What is in the payload.
        segments: Vec<Packed>,
        /// The batch's tag, where no other batch is before it and no other segment is still to come: it is stored once these are durable,
        /// as if it had been sent then, and its [`Body::TagPut`] answers for them. Where one of them is refused it is not taken in.
        tag: Option<Tag>,
    },
    /// They are durable, or refused (fenced epoch, foreign vault). Each segment is answered once, perhaps not all together.
    SegmentsPut {
        /// Their protection.
        protection: u32,
        /// Their disks, and the epoch that each was sealed in.
        disks: Vec<(DiskId, u32)>,
        /// What they are.
        kind: SegmentKind,
        /// Why not, if not; [`REFUSED_FENCED`] where only the epoch is at fault.
        refused: Option<String>,
    },
    /// Completes a batch whose segments are all stored.
    PutTag {
        /// The machine.
        vm: VmId,
        /// Its protection.
        protection: u32,
        /// The tag.
        tag: Tag,
    },
    /// It is durable.
    TagPut {
        /// The machine.
        vm: VmId,
        /// Its protection.
        protection: u32,
        /// The batch.
        batch: u64,
        /// How many segments came with it, and are answered with it.
        segments: u32,
    },
    /// Completes a copy whose segments are all stored.
    PutCopyEnd {
        /// The disk.
        disk: DiskId,
        /// Its protection.
        protection: u32,
        /// The copy.
        copy: u32,
        /// How many pieces.
        parts: u32,
        /// The highest position.
        highest: WriteSeq,
    },
    /// It is durable.
    CopyEndPut {
        /// The disk.
        disk: DiskId,
        /// Its protection.
        protection: u32,
        /// The copy.
        copy: u32,
    },

    // Process server -> configuration server -> vault: epochs.
    /// Asks the vault for a fresh epoch for a disk.
    EpochAsk {
        /// The disk.
        disk: DiskId,
        /// Who will seal.
        sealer: MachineId,
    },
    /// Granted; lower ones are fenced at the target.
    EpochGrant {
        /// The disk.
        disk: DiskId,
        /// Who may seal.
        sealer: MachineId,
        /// The epoch.
        epoch: u32,
    },

    // Service <-> storage (443, inside Azure).
    /// The service looks after a machine's replica in this account.
    Watch {
        /// The protection.
        protection: Protection,
    },
    /// A disk's epochs below this are refused from now on.
    Fence {
        /// The disk.
        disk: DiskId,
        /// The lowest epoch allowed.
        epoch: u32,
    },
    /// The fence stands.
    Fenced {
        /// The disk.
        disk: DiskId,
        /// The epoch.
        epoch: u32,
    },
    /// A piece of a copy is stored.
    CopySegmentStored {
        /// The protection.
        protection: u32,
        /// Its header.
        header: SegmentHeader,
        /// The bytes it takes.
        stored_bytes: u64,
    },
    /// A copy is complete in storage.
    CopyComplete {
        /// The disk.
        disk: DiskId,
        /// The protection.
        protection: u32,
        /// The copy.
        copy: u32,
        /// How many pieces.
        parts: u32,
        /// The highest position.
        highest: WriteSeq,
    },
    /// A batch is complete in storage.
    TagStored {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
        /// The tag.
        tag: Tag,
        /// Bytes that its segments take.
        stored_bytes: u64,
    },
    /// Asks for all that is complete by now to be told: a failover to the latest point is about to be made of it.
    StoredAsk {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
        /// Nothing more is taken in: what comes later is too late for the failover that the protection ends with.
        last: bool,
    },
    /// All that was complete when [`Body::StoredAsk`] came was told before this.
    StoredTold {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
    },
    /// Reads the stored segments of a batch, or one piece of a copy.
    GetSegments {
        /// The protection.
        protection: u32,
        /// Their headers.
        headers: Headers,
    },
    /// The answer: the payload is the segments that are there, one after the other.
    Segments {
        /// The protection.
        protection: u32,
        /// All headers that were asked for.
        headers: Headers,
        /// Of each, in their order, the real bytes and the size of the segment, if it is there.
        found: Vec<Option<(u64, u64)>>,
    },
    /// Segments are no longer needed.
    DropSegments {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
        /// Their headers.
        headers: Headers,
        /// Batches up to this one are not needed either.
        through: Option<u64>,
    },
    /// Stores what neighbouring batches came to as one; the payload is its segments, one after the other. The batches stay until they
    /// are dropped.
    PutMerged {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
        /// What they came to.
        merged: MergedBatches,
    },
    /// It is stored, or refused.
    MergedPut {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
        /// The first of the batches.
        from: u64,
        /// The last.
        to: u64,
        /// Why not, if not.
        refused: Option<String>,
    },

    /// A protection has ended: all that is stored of it can go, and nothing more is taken in.
    Unwatch {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
    },

    // Service <-> Azure compute (443, inside Azure).
    /// Creates a machine from volumes and starts it.
    CreateMachine {
        /// The machine.
        machine: MachineId,
        /// What it boots as; none for a machine that carries no copy (the temporary process server).
        boot: Option<Boot>,
        /// Whether it must be made to boot in Azure first (facts §2.6).
        hydrate: bool,
    },
    /// The machine runs (its workload has answered).
    MachineUp {
        /// The machine.
        machine: MachineId,
    },
    /// Stops and removes a machine; `orderly` lets the guest shut down first.
    DeleteMachine {
        /// The machine.
        machine: MachineId,
        /// Let the guest shut down.
        orderly: bool,
    },
    /// It is gone.
    MachineGone {
        /// The machine.
        machine: MachineId,
    },

    // Process server -> vCenter, configuration server -> vCenter (443).
    /// Lists machines.
    ListMachines,
    /// The machines.
    Machines {
        /// Machine, VM, disks and their bytes.
        machines: Vec<FoundMachine>,
    },
    /// Switches a VM off or on, or attaches disks; answered by `VcenterDone`.
    Vcenter {
        /// A number for the answer.
        id: u64,
        /// What.
        action: VcenterAction,
    },
    /// Done, or why not.
    VcenterDone {
        /// The number.
        id: u64,
        /// Why not, if not.
        refused: Option<String>,
    },

    // Between members of a replication group (20004).
    /// See [`GroupMessage`].
    Group(GroupMessage),

    // Agent -> process server (9443) -> storage (443) or master target (9444), and back; storage -> service.
    /// A shared recovery point was made; its record is to be stored with what is stored of its coordinator.
    PutShared {
        /// The coordinator's protection.
        protection: u32,
        /// What makes it one.
        record: SharedRecord,
    },
    /// It is stored.
    SharedPut {
        /// The point.
        point: SharedPoint,
    },
    /// The same, to the service.
    SharedStored {
        /// What makes it one.
        record: SharedRecord,
    },

    // Between tiers of an application (8080).
    /// See [`TierMessage`].
    Tier(TierMessage),

    // Process server -> machine (135, 22).
    /// Installs the Mobility service.
    Install {
        /// Its configuration server.
        configuration_server: MachineId,
        /// The passphrase's fingerprint.
        passphrase: u64,
    },
    /// Installed, or the documented error.
    Installed {
        /// The error, if any.
        refused: Option<String>,
    },
}

/// What vCenter is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VcenterAction {
    /// Switch off (as holding the power button, or in order where the guest can).
    PowerOff {
        /// The machine.
        machine: MachineId,
    },
    /// Detach the disks from the master target and attach them to the VM, which stays off.
    Detach {
        /// The VM's machine.
        machine: MachineId,
        /// The disks and their bytes.
        disks: Vec<(DiskId, u64)>,
    },
    /// Detach the disks from the master target, attach them to the VM, and boot it.
    AttachAndBoot {
        /// The machine.
        machine: MachineId,
        /// What it boots as.
        boot: Boot,
    },
    /// Create an empty VM with these disks and attach them to the master target (alternate location), or attach the disks of an
    /// existing one that is off (original location).
    AttachToMasterTarget {
        /// The VM's machine.
        machine: MachineId,
        /// The master target.
        master_target: MachineId,
        /// The disks and their bytes.
        disks: Vec<(DiskId, u64)>,
    },
}

/// What the service tells a component, through its configuration server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// To a process server: discover a vCenter's machines, and again every 15 min.
    Discover {
        /// The vCenter.
        vcenter: MachineId,
    },
    /// To a process server: push the Mobility service.
    PushInstall {
        /// The machine.
        machine: MachineId,
        /// Linux (port 22) or Windows (port 135).
        linux: bool,
    },
    /// To a process server: this protection is coming; know its target.
    Serve(Protection),
    /// To a process server: take nothing more of this protection from its agent, and say when all of it that the cache holds is stored.
    HandOver {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
    },
    /// To a process server: this protection has ended.
    Unserve {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
    },
    /// To a master target: this protection has ended; what is stored of it can go.
    Release {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
    },
    /// To an agent: replicate, with the copy of that number or a later one.
    Protect {
        /// The protection.
        protection: Protection,
        /// The copy: the initial one is 1, each resynchronization one more. An agent that has begun it already goes on.
        copy: u32,
    },
    /// To an agent: stop.
    Unprotect {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
    },
    /// To an agent: shut the guest down in order, send all that is left with a last mark, and say when it is durable at the process server.
    ShutdownAndDrain {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
    },
    /// To a master target: take in this protection's data.
    Receive {
        /// The protection.
        protection: Protection,
        /// An epoch per disk for what it merges.
        epochs: Vec<(DiskId, u32)>,
    },
    /// To a master target: refuse epochs of a disk below this one from now on, and say when nothing of them is under way any more.
    Fence {
        /// The disk.
        disk: DiskId,
        /// The lowest epoch allowed.
        epoch: u32,
    },
    /// To a master target: process everything, choose a point, leave the disks ready.
    Finish {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
        /// Which point.
        point: PointChoice,
    },
    /// To the configuration server itself: have vCenter do this.
    Vcenter {
        /// The vCenter.
        vcenter: MachineId,
        /// What.
        action: VcenterAction,
    },
}

/// What a command gave back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// Done.
    Done,
    /// Machines found.
    Machines(Vec<FoundMachine>),
    /// Everything up to this write is durable at the process server; the guest is down.
    Drained {
        /// The last write.
        last: WriteSeq,
        /// The last mark.
        mark: Option<Mark>,
    },
    /// The point that was taken.
    Finished {
        /// Its mark.
        mark: Mark,
    },
}

/// What a component tells the service unasked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notice {
    /// An agent registered, after its installation or a boot.
    AgentUp {
        /// The machine that is protected.
        vm: VmId,
        /// Where the agent runs.
        machine: MachineId,
        /// Its disks.
        disks: Vec<(DiskId, u64)>,
        /// The life that it runs in.
        life: Life,
    },
    /// A process server or master target registered.
    ComponentUp {
        /// What.
        component: Component,
        /// Where.
        machine: MachineId,
    },
    /// Machines that a process server discovered.
    Discovered {
        /// The process server.
        by: MachineId,
        /// Machine, VM, disks.
        machines: Vec<FoundMachine>,
    },
    /// An agent stopped uncleanly, its journal is full, or what it sent was lost on the way: only a resynchronization brings it back.
    ResynchronizationNeeded {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
        /// The copy that it needs another one after: where a later one was ordered already, this is old news.
        copy: u32,
        /// Why.
        why: String,
    },
    /// A master target has all copies of a protection applied: it can make points.
    CopyComplete {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
        /// The number of the copies.
        copy: u32,
    },
    /// A master target has processed a recovery point.
    PointProcessed {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
        /// The point.
        mark: Mark,
    },
    /// A master target has stored the record of a shared recovery point.
    SharedStored {
        /// The record.
        record: SharedRecord,
    },
    /// A master target took a protection up again after a power cut; what it merges needs new epochs.
    EpochsNeeded {
        /// The machine.
        vm: VmId,
        /// The protection.
        protection: u32,
    },
    /// Nothing was heard of a component for 15 minutes.
    HeartbeatLost {
        /// What.
        component: Component,
        /// Where.
        machine: MachineId,
    },
}

/// A message on one machine, from the operator's hands, or from the world; it crosses no network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Local {
    // Guest -> agent.
    /// Writes are on the guest's disks; the agent takes its copy, and acknowledges them with [`Local::Acknowledge`] (not in the aggregate
    /// grain, where they have been).
    Wrote {
        /// A record of each, whole extents.
        records: Records,
    },
    /// The guest flushed: what it wrote before is durable on its disks.
    Flushed {
        /// The last write before the flush.
        seq: WriteSeq,
    },
    /// The guest is up; the agent learns where it is.
    GuestUp {
        /// As at boot.
        boot: Boot,
        /// The life.
        life: Life,
        /// The sequence number before its first write.
        seq: WriteSeq,
    },
    /// The guest has stopped writing and flushed, as it was asked to.
    GuestDown {
        /// Its last write.
        last: WriteSeq,
    },
    /// An app-consistent moment: buffers are flushed, up to this write.
    Quiesced {
        /// The last write before it.
        seq: WriteSeq,
        /// Whether it worked.
        ok: bool,
    },

    /// Aggregate grain: the answer to [`Local::Tell`], what the guest wrote since it last told.
    Told {
        /// As for [`Local::Wrote`]; none where it wrote nothing.
        records: Records,
    },

    // Agent -> guest, hypervisor -> guest.
    /// The Mobility service has started: a guest that is up already tells where it is.
    AgentStarted,
    /// The hypervisor was started again: a guest whose workload is up says so once more.
    HypervisorStarted,
    /// Shut down in order: stop the workload, flush, tell the agent, then the hypervisor.
    Shutdown,
    /// Stop the workload, flush, and tell the agent; the machine keeps its power, so that the agent can send what is left.
    StopWorkload,
    /// Flush the applications' buffers for an app-consistent point, and be quiet until [`Local::Thaw`].
    Quiesce,
    /// The applications go on.
    Thaw,
    /// Every write up to this one is acknowledged to whoever issued it.
    Acknowledge {
        /// The write.
        through: WriteSeq,
    },
    /// Aggregate grain: say what was written up to now, with [`Local::Told`].
    Tell,

    // Operator's hands, at a console.
    /// Installs the Mobility service by hand (agent), from this configuration server.
    InstallByHand {
        /// Where it registers.
        configuration_server: MachineId,
        /// The passphrase's fingerprint.
        passphrase: u64,
    },
    /// Registers a configuration server with the vault key (configuration server).
    RegisterWithVault {
        /// The key.
        key: u64,
    },

    // Guest -> hypervisor: world-level notices that need no network in the product either (VMware tools, Azure fabric).
    /// The workload of a machine answered its first request.
    WorkloadUp {
        /// Its machine.
        machine: MachineId,
    },
    /// The guest of a machine has shut down in order.
    ShutDown {
        /// Its machine.
        machine: MachineId,
    },

    // World -> guest.
    /// Aggregate grain: the power goes now, and the guest says what it wrote since its last summary. In the other grains each write
    /// is told when it happens.
    PowerGoes,

    /// The machine reached a state that one of its streams of writes begins after, for the first time.
    Reached {
        /// The state.
        state: ItemState,
    },

    // World -> operator.
    /// Something that a step waits for happened.
    Triggered {
        /// The trigger's number in the operator's list.
        trigger: u32,
    },
}

/// Journal records inside a local message; they cross no wire, so they are not serialised with the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records(#[serde(skip)] pub Vec<datapath::journal::Record>);
