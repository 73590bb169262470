//! Components and their configuration server, a configuration server and the Site Recovery service (443, facts §1.2).
//!
//! Components connect to their configuration server and that to the service: what goes up and what comes down is the same on both
//! stretches. A command has a number, and its answer bears it; the configuration server passes both on.

use datapath::replica::Mark;
use datapath::{DiskId, VmId, WriteSeq};
use serde::{Deserialize, Serialize};

use super::vcenter::VcenterAction;
use crate::nouns::{Component, FoundMachine, Life, MachineId, PointChoice, Protection, Severity, SharedRecord};

/// What a configuration server hears of its components, and the service of its configuration servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Up {
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
    /// Still there, now and then (see [`crate::registration`]).
    Heartbeat {
        /// The sender wants a [`Down::HeartbeatSeen`]: an end that only sends would never learn that the other lost its power.
        answer: bool,
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
    /// Asks the vault for a fresh epoch for a disk.
    EpochAsk {
        /// The disk.
        disk: DiskId,
        /// Who will seal.
        sealer: MachineId,
    },
}

/// What a component hears of its configuration server, and that of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Down {
    /// The answer to [`Up::Register`].
    Registered {
        /// Why not, if not.
        refused: Option<String>,
    },
    /// The answer to a heartbeat that asks for one.
    HeartbeatSeen,
    /// A command for the component on `to`; the configuration server passes it on.
    Command {
        /// Its number.
        id: u64,
        /// Whose it is.
        to: MachineId,
        /// What.
        command: Command,
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
    /// A process server's health has changed.
    ProcessServerHealth {
        /// The process server.
        machine: MachineId,
        /// Its worst level.
        level: Option<Severity>,
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
