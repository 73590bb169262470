//! The operator and the Site Recovery service (443): operations are asked for, and answered when they end.

use serde::{Deserialize, Serialize};

use crate::nouns::{Operation, Outcome};

/// What the operator says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToService {
    /// An operation is asked for.
    Ask {
        /// The asker's number for it.
        job: u64,
        /// The operation.
        operation: Operation,
    },
    /// Are you there? An end that only listens would never learn that the other lost its power.
    Heartbeat,
}

/// What the service answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToOperator {
    /// It ended.
    Answer {
        /// The asker's number.
        job: u64,
        /// How.
        outcome: Outcome,
        /// With `CreateVault`: the registration key.
        key: Option<u64>,
    },
    /// The answer to a heartbeat.
    HeartbeatSeen,
}
