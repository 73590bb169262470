//! The account of a run: all that record, summary and page are made from. Plain data; whoever ran the scenario fills it in.

use std::path::PathBuf;

use actors::facts::FailoverKind;
use datapath::{DiskId, SimTime};
use serde::Serialize;
use sim::metrics::{FindingClass, RunResult};
use sim::spec::NetworkKind;

use crate::names::Names;

/// Whether all held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every invariant and every expectation held.
    Pass,
    /// The plan does not hold.
    ExpectationFailed,
    /// Firedrill, or the protocol that it models, is wrong.
    InvariantFailed,
}

impl Verdict {
    /// The verdict of a result: an invariant that failed outweighs expectations, since nothing can be expected of such a run.
    #[must_use]
    pub fn of(result: &RunResult) -> Verdict {
        let found = |class| result.findings.iter().any(|finding| finding.class == class);
        // Findings are dropped only where too many invariants failed.
        let violated = result.checks.iter().any(|check| check.violated > 0);
        if violated || found(FindingClass::Invariant) || result.findings_dropped > 0 {
            Verdict::InvariantFailed
        } else if found(FindingClass::Expectation) {
            Verdict::ExpectationFailed
        } else {
            Verdict::Pass
        }
    }

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Pass => "PASS",
            Verdict::ExpectationFailed => "FAIL: the plan does not hold",
            Verdict::InvariantFailed => "INVARIANT FAILED: do not trust this run's figures",
        }
    }
}

/// A recovered disk that was written as an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskFile {
    /// When it was recovered.
    pub at: SimTime,
    /// The disk.
    pub disk: DiskId,
    /// For which failover.
    pub kind: FailoverKind,
    /// The file, relative to the run directory.
    pub file: PathBuf,
    /// BLAKE3 of the disk's content, in hexadecimal, as it was written.
    pub blake3: String,
}

/// A run that ended.
#[derive(Debug, Clone)]
pub struct Account {
    /// The scenario's name.
    pub scenario: String,
    /// What it shows.
    pub description: String,
    /// The command that repeats it.
    pub command: String,
    /// The seed.
    pub seed: u64,
    /// The network.
    pub network: NetworkKind,
    /// What was found.
    pub result: RunResult,
    /// The digest of the event log.
    pub digest: [u8; 32],
    /// Queue entries delivered.
    pub entries: u64,
    /// Lines in the event log.
    pub events: u64,
    /// How long it took here, in milliseconds.
    pub wall_ms: u64,
    /// The sum of what segments took at the target.
    pub stored_bytes: u64,
    /// The scenario's time was over before its steps.
    pub time_up: bool,
    /// Names.
    pub names: Names,
    /// Images of recovered disks.
    pub disk_files: Vec<DiskFile>,
    /// Where it is written.
    pub directory: PathBuf,
    /// The file of events, relative to it.
    pub events_file: PathBuf,
    /// The version of firedrill.
    pub version: String,
}

impl Account {
    /// The verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        Verdict::of(&self.result)
    }

    /// The image of a recovered disk, where it was written. A later recovery of the same kind replaces it.
    #[must_use]
    pub fn file_of(&self, disk: &sim::metrics::RecoveredDisk) -> Option<&DiskFile> {
        self.disk_files
            .iter()
            .find(|file| file.at == disk.at && file.disk == disk.disk && file.kind == disk.kind)
    }
}
