//! What brings a condition about: the operator's steps behind each state of a machine (facts §4.1).

use crate::model::Zone;
use actors::nouns::{ItemState, Place};

use crate::keys::word_of;
use crate::model::{Condition, Do, Happens};
use crate::read::estate::Estate;

/// A step that changes what a condition looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Enable,
    ReprotectHome,
    Failover,
    TestFailover,
    Commit,
    Failback,
    PushInstall,
    InstallByHand,
    Register(usize),
    AddProcessServer(usize),
}

impl Cause {
    /// Whether this is what a step does.
    pub(super) fn is(self, what: &Do) -> bool {
        match self {
            Cause::Enable => matches!(what, Do::EnableReplication { .. }),
            Cause::ReprotectHome => matches!(what, Do::Reprotect { master_targets, .. } if !master_targets.is_empty()),
            Cause::Failover => matches!(what, Do::Failover { .. }),
            Cause::TestFailover => matches!(what, Do::TestFailover(_)),
            Cause::Commit => matches!(what, Do::Commit),
            Cause::Failback => matches!(what, Do::Failback { .. }),
            Cause::PushInstall => matches!(what, Do::PushInstall { .. }),
            Cause::InstallByHand => matches!(what, Do::InstallByHand),
            Cause::Register(server) => *what == Do::RegisterConfigurationServer(server),
            Cause::AddProcessServer(server) => *what == Do::AddProcessServer(server),
        }
    }

    /// The action's word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Cause::Enable => "enable-replication",
            Cause::ReprotectHome => "reprotect",
            Cause::Failover => "failover",
            Cause::TestFailover => "test-failover",
            Cause::Commit => "commit",
            Cause::Failback => "failback",
            Cause::PushInstall => "push-install",
            Cause::InstallByHand => "install-by-hand",
            Cause::Register(_) => "register-configuration-server",
            Cause::AddProcessServer(_) => "add-process-server",
        }
    }
}

/// What has to happen before a condition comes true: one of each group.
pub(super) fn needed(condition: &Condition, estate: &Estate) -> Vec<Vec<Cause>> {
    let causes: &[Cause] = match condition {
        Condition::State(_, state) => of_state(*state),
        Condition::PointsStored(_, 0) | Condition::PointsProcessed(_, 0) => &[],
        Condition::PointsStored(..) | Condition::PointsProcessed(..) => &[Cause::Enable],
        Condition::WorkloadUp(_, Place::Azure) => &[Cause::Enable, Cause::Failover],
        Condition::WorkloadUp(_, Place::Test) => &[Cause::Enable, Cause::TestFailover],
        Condition::AgentRegistered(_) => return vec![vec![Cause::PushInstall, Cause::InstallByHand]],
        Condition::ServerRegistered(server) => {
            let known = &estate.servers[*server];
            return if known.roles.configuration_server {
                vec![vec![Cause::Register(*server)]]
            } else if known.zone == Zone::AzureVnet {
                vec![vec![Cause::AddProcessServer(*server)]]
            } else {
                Vec::new()
            };
        }
        Condition::WorkloadUp(_, Place::OnPremises)
        | Condition::At(_)
        | Condition::Step(..)
        | Condition::FaultEnded(_)
        | Condition::FaultBegan(_) => &[],
    };
    causes.iter().map(|cause| vec![*cause]).collect()
}

fn of_state(state: ItemState) -> &'static [Cause] {
    use Cause::{Commit, Enable, Failback, Failover, ReprotectHome};
    match state {
        ItemState::Unprotected => &[],
        ItemState::EnableInProgress
        | ItemState::InitialReplication
        | ItemState::Protected
        | ItemState::Resynchronizing => &[Enable],
        ItemState::FailoverInProgress | ItemState::FailoverCommitPending => &[Enable, Failover],
        ItemState::FailoverCommitted => &[Enable, Failover, Commit],
        ItemState::ReprotectInProgress | ItemState::ProtectedReverse => &[Enable, Failover, Commit, ReprotectHome],
        ItemState::FailbackInProgress | ItemState::FailbackCommitPending | ItemState::OnPremisesUnprotected => {
            &[Enable, Failover, Commit, ReprotectHome, Failback]
        }
    }
}

/// The condition in the words of the file.
pub(super) fn words(condition: &Condition, estate: &Estate) -> String {
    match condition {
        Condition::State(_, state) => format!("state = \"{}\"", word_of(*state).unwrap_or("?")),
        Condition::PointsStored(_, count) => format!("points_stored = {count}"),
        Condition::PointsProcessed(_, count) => format!("points_processed = {count}"),
        Condition::WorkloadUp(_, place) => format!("workload_up = \"{}\"", word_of(*place).unwrap_or("?")),
        Condition::ServerRegistered(server) => format!("registered = \"{}\"", estate.servers[*server].name),
        Condition::AgentRegistered(_) => "registered".to_owned(),
        Condition::At(_) | Condition::Step(..) | Condition::FaultEnded(_) | Condition::FaultBegan(_) => String::new(),
    }
}

/// How many copies of a machine a fault leads to at the most, one at its beginning and one at its end; none where there is no telling.
pub(super) fn copies_of(fault: &Happens) -> Option<u64> {
    matches!(
        fault,
        Happens::PowerLoss { .. } | Happens::LinkCut { .. } | Happens::SegmentTampered { .. }
    )
    .then_some(2)
}

/// Whether a step may lead to a copy of a machine, or to a last mark: each costs one recovery point more.
pub(super) fn may_copy(what: &Do) -> bool {
    matches!(
        what,
        Do::Power { .. }
            | Do::Link { .. }
            | Do::Move(_)
            | Do::TamperSegment { .. }
            | Do::EnableReplication { .. }
            | Do::TestFailover(_)
            | Do::Failover { .. }
            | Do::Failback { .. }
            | Do::Reprotect { .. }
            | Do::DisableReplication
    )
}
