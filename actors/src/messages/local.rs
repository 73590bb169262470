//! What components on one machine say to each other, and what the operator's hands and the world tell a component.

use datapath::WriteSeq;
use serde::{Deserialize, Serialize};

use crate::nouns::{Boot, ItemState, Life, MachineId};

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
    /// Answer a request as a client would have it answered, and say what came of it with [`Local::Checked`].
    Check {
        /// The asker's number.
        check: u64,
    },

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
    /// The request of [`Local::Check`] was answered, or why it was not.
    Checked {
        /// The guest's machine.
        machine: MachineId,
        /// The asker's number.
        check: u64,
        /// Why not.
        refused: Option<String>,
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
