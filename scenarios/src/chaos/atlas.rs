//! What can be survived, known before it is tried: which copies there are of what a guest was told is written, and which of them a fault
//! takes away.
//!
//! | where | from | until |
//! |---|---|---|
//! | the source's own disk | the write | its site is lost, or a failover replaces it |
//! | the change journal on the same machine | a second after the write at the latest | the process server has acknowledged it |
//! | the cache of the process server | its acknowledgement | the target has stored the batch |
//! | segments in storage, or at a master target | the tag | the retention's end |
//!
//! While the source lives, all that lies behind it can be made anew: whatever a journal, a cache or storage loses is followed by a
//! resynchronization. Once a plan takes the source away, storage holds the last copy, and nobody but its own redundancy (which is not
//! modelled) gives back what rots there. So a fault that changes or falsely keeps data is survivable on machines that a living source
//! stands behind, and only as long as it does.

use crate::model::{Do, Happens, Host, Rot, Scenario};

/// Why a fault is not drawn by chance: what it would destroy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Points of the past are in storage alone.
    StoredPoints,
    /// The plan takes the source away, and what it had acknowledged may then be here alone.
    OnTheWay,
}

impl Loss {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Loss::StoredPoints => "recovery points that were made are nowhere else",
            Loss::OnTheWay => "the plan takes the source away, and what it sent last may be nowhere else",
        }
    }
}

/// What a fault would destroy for good, if it may.
#[must_use]
pub fn destroys(scenario: &Scenario, what: &Happens) -> Option<Loss> {
    match what {
        Happens::SegmentTampered { .. }
        | Happens::DiskRot {
            of: Rot::StoredSegment, ..
        } => Some(Loss::StoredPoints),
        // What storage, the service or a master target took for durable is not told of again.
        Happens::FlushLies(host) | Happens::WriteLost { host, .. } | Happens::WriteMisdirected { host, .. }
            if keeps_points(scenario, *host) =>
        {
            Some(Loss::StoredPoints)
        }
        Happens::FlushLies(_)
        | Happens::WriteLost { .. }
        | Happens::WriteMisdirected { .. }
        | Happens::DiskRot {
            of: Rot::CachedBatch | Rot::Journal,
            ..
        } => takes_the_source_away(scenario).then_some(Loss::OnTheWay),
        _ => None,
    }
}

fn keeps_points(scenario: &Scenario, host: Host) -> bool {
    match host {
        Host::Always(_) => true,
        Host::Server(server) => scenario
            .servers
            .get(server)
            .is_some_and(|server| server.roles.master_target),
        Host::Vm(_) => false,
    }
}

fn takes_the_source_away(scenario: &Scenario) -> bool {
    let away = |what: &Do| matches!(what, Do::Failover { .. } | Do::Failback { .. });
    scenario.steps.iter().any(|step| away(&step.what))
}
