//! The account of a run: all that record, summary and page are made from. Plain data; whoever ran the scenario fills it in.

use std::path::PathBuf;

use actors::facts::{Severity, StepOutcome};
use actors::model::{Differs, Era};
use actors::nouns::FailoverKind;
use datapath::{DiskId, SimTime};
use scenarios::expect::Outcome;
use serde::Serialize;
use sim::findings::FindingClass;
use sim::metrics::{AlertResult, RunResult, VmResult, milliseconds};
use sim::spec::NetworkKind;

use crate::names::{Names, StepName};
use crate::run_directory::RECORD;

/// Whether all held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every invariant and every expectation held.
    Pass,
    /// The plan does not hold.
    ExpectationFailed,
    /// All that was looked at held, and something that the scenario is about was not looked at.
    NothingTested,
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
        } else if found(FindingClass::Untested) {
            Verdict::NothingTested
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
            Verdict::NothingTested => "NOT TESTED: what the scenario is about was not looked at",
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
    /// The digest of the disk's content, in hexadecimal, as it was written: BLAKE3 over the BLAKE3 of each MiB. What an image was rounded up with does not count.
    pub blake3: String,
    /// Bytes of the disk.
    pub bytes: u64,
    /// Bytes of the image's disk: more than the disk's where the image was rounded up with zeros (a VHD, to whole MiB).
    pub image_bytes: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
}

/// The policy's RPO threshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpoThreshold {
    /// The policy.
    pub policy: String,
    /// At which RPO it alerts, in milliseconds.
    pub ms: u64,
}

/// A step of the scenario, taken for one machine or for many, all with the same outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepGroup {
    /// What the scenario file calls it.
    pub text: String,
    /// The machines that it is about.
    pub vms: Vec<String>,
    /// When the first began.
    pub started: SimTime,
    /// How long the shortest and the longest took, in milliseconds, where all have ended.
    pub took_ms: Option<(u64, u64)>,
    /// What became of them.
    pub outcome: StepOutcome,
    /// It was to end so.
    pub as_expected: bool,
}

impl StepGroup {
    /// A refusal or failure in words, with its reason; none of a step that was done.
    #[must_use]
    pub fn refused_or_failed(&self) -> Option<(String, &str)> {
        let (word, why) = match &self.outcome {
            StepOutcome::Refused(why) => ("refused", why),
            StepOutcome::Failed(why) => ("failed", why),
            StepOutcome::Done | StepOutcome::Started => return None,
        };
        let expected = if self.as_expected { ", as expected" } else { "" };
        Some((format!("{word}{expected}"), why))
    }
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
    /// What became of the scenario's expectations.
    pub expectations: Vec<Outcome>,
    /// The policy's RPO threshold.
    pub rpo_threshold: RpoThreshold,
    /// The era whose constants the run had.
    pub era: Era,
    /// And which it had otherwise.
    pub differs: Vec<Differs>,
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
    /// Tables ([`crate::tables`]), relative to it.
    pub tables: Vec<PathBuf>,
    /// The file of events, relative to it; none where none was wanted.
    pub events_file: Option<PathBuf>,
    /// The version of firedrill.
    pub version: String,
}

/// Of some values the one that half of them do not exceed, the one that 99 of 100 do not exceed, and the greatest; none of none.
#[must_use]
pub fn ranks(values: impl Iterator<Item = u64>) -> Option<[u64; 3]> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    let greatest = *values.last()?;
    let at = |per_cent: usize| values[(values.len() * per_cent).div_ceil(100) - 1];
    Some([at(50), at(99), greatest])
}

impl Account {
    /// The constants that the run had otherwise than its era, a line each.
    #[must_use]
    pub fn constants(&self) -> Vec<String> {
        let show = scenarios::keys::written;
        self.differs
            .iter()
            .map(|one| {
                format!(
                    "{} {} (else {})",
                    one.name,
                    show(one.unit, one.value),
                    show(one.unit, one.default)
                )
            })
            .collect()
    }

    /// [`ranks`] over all machines of the longest RPO, of RTO and of the time lost, where machines have them.
    #[must_use]
    pub fn estate(&self) -> [Option<[u64; 3]>; 3] {
        let vms = &self.result.vms;
        [
            ranks(vms.iter().filter_map(|vm| Some(vm.rpo?.max_ms))),
            ranks(vms.iter().filter_map(VmResult::rto_ms)),
            ranks(vms.iter().filter_map(|vm| Some(vm.lost()?.ms))),
        ]
    }

    /// The verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        Verdict::of(&self.result)
    }

    /// The alert to show of all: the first of the most severe.
    #[must_use]
    pub fn worst_alert(&self) -> Option<&AlertResult> {
        let alerts = &self.result.alerts;
        let critical = alerts.iter().find(|alert| alert.severity == Severity::Critical);
        critical.or(alerts.first())
    }

    /// The machines that fared worst first (by what was lost, then by RTO, then by RPO; equal ones in the scenario's order), at
    /// most `shown`. Where there are no more than `all`, all of them, in the scenario's order.
    #[must_use]
    pub fn worst(&self, all: usize, shown: usize) -> Vec<&VmResult> {
        let mut vms: Vec<&VmResult> = self.result.vms.iter().collect();
        if vms.len() > all {
            vms.sort_by_key(|vm| {
                let lost = vm.lost().map(|lost| lost.ms);
                std::cmp::Reverse((lost, vm.rto_ms(), vm.rpo.map(|rpo| rpo.max_ms)))
            });
            vms.truncate(shown);
        }
        vms
    }

    /// The steps that began, machines with the same outcome together, in order of time.
    #[must_use]
    pub fn step_groups(&self) -> Vec<StepGroup> {
        let mut groups: Vec<(usize, StepGroup)> = Vec::new();
        for step in &self.result.steps {
            let unnamed = StepName {
                text: self.names.step(step.step),
                step: step.step as usize,
                ..StepName::default()
            };
            let name = self.names.steps.get(step.step as usize).unwrap_or(&unnamed);
            let took = step.ended.map(|ended| milliseconds(ended.since(step.started)));
            // Those of one scenario step come one after the other, so a group to join is among the last.
            let of_step = groups.iter_mut().rev().take_while(|(of, _)| *of == name.step);
            let joined = of_step
                .map(|(_, group)| group)
                .find(|group| group.outcome == step.outcome);
            match joined {
                Some(group) => {
                    group.vms.extend(name.vm.clone());
                    group.started = group.started.min(step.started);
                    group.took_ms = group
                        .took_ms
                        .zip(took)
                        .map(|((least, most), took)| (least.min(took), most.max(took)));
                }
                None => groups.push((
                    name.step,
                    StepGroup {
                        text: name.text.clone(),
                        vms: name.vm.iter().cloned().collect(),
                        started: step.started,
                        took_ms: took.map(|took| (took, took)),
                        outcome: step.outcome.clone(),
                        as_expected: scenarios::expect::as_expected(&name.expected, &step.outcome),
                    },
                )),
            }
        }
        let mut groups: Vec<StepGroup> = groups.into_iter().map(|(_, group)| group).collect();
        groups.sort_by_key(|group| group.started);
        groups
    }

    /// What the run directory holds beside the page and the disks, the record first.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        let named = self.tables.iter().chain(&self.events_file);
        let mut files = vec![RECORD.to_owned()];
        files.extend(named.map(|file| file.display().to_string()));
        files
    }

    /// The image of a recovered disk, where it was written. A later recovery of the same kind replaces it.
    #[must_use]
    pub fn file_of(&self, disk: &sim::metrics::RecoveredDisk) -> Option<&DiskFile> {
        self.disk_files
            .iter()
            .find(|file| file.at == disk.at && file.disk == disk.disk && file.kind == disk.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn ranks_are_values_that_occur() {
        assert_eq!(ranks([7].into_iter()), Some([7, 7, 7]));
        assert_eq!(ranks((1..=200).rev()), Some([100, 198, 200]));
        assert_eq!(ranks(std::iter::empty()), None);
    }

    #[test]
    fn machines_with_the_same_outcome_of_a_step_are_one_group() {
        let mut account = synthetic::drill();
        for (number, vm) in [(1, "web"), (2, "db"), (3, "erp")] {
            account.names.steps[number].step = 1;
            account.names.steps[number].text = "enable".into();
            account.names.steps[number].vm = Some(vm.into());
        }
        account.result.steps[2].outcome = StepOutcome::Failed("no power".into());
        account.result.steps[3].ended = Some(SimTime(2_500_000_000_000));
        let groups = account.step_groups();
        let told: Vec<_> = groups
            .iter()
            .map(|group| (group.vms.join(" "), group.took_ms))
            .collect();
        assert_eq!(
            told,
            [
                (String::new(), Some((5_000, 5_000))),
                ("web erp".to_owned(), Some((5_000, 40_000))),
                ("db".to_owned(), Some((5_000, 5_000)))
            ]
        );
    }
}
