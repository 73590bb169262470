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
    /// What a job waits for a person to do is done.
    Complete {
        /// The asker's number for the job.
        job: u64,
        /// Which of the job's manual actions.
        input: u32,
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
    /// A job waits for a person (a manual action of a recovery plan: facts §4.2).
    InputNeeded {
        /// The asker's number.
        job: u64,
        /// Which of the job's manual actions.
        input: u32,
        /// How long it takes a person, in nanoseconds.
        takes: u64,
    },
}
