//! What a sweep came to: for a person, for a program, for a CI.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use reports::junit::Case;
use scenarios::Scenario;
use scenarios::chaos::sweep::Swept;
use serde_json::json;

use sim::findings::{FindingClass, Identity};

use super::keeping::Kept;
use super::{BUDGET, FIRST_FINDING};
use crate::arguments::ChaosArguments;
use crate::failure::{EXPECTATION, INPUT, INVARIANT, PASS};

/// A sweep, and what came of it.
pub(super) struct Told<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) arguments: &'a ChaosArguments,
    pub(super) swept: &'a Swept,
    pub(super) kept: &'a [Kept],
    /// What it was to look at, and did not.
    pub(super) idle: &'a [String],
    /// What made it see less than it seems to.
    pub(super) warnings: &'a [String],
    /// Seeds a minute, of those that ran here; none where none did.
    pub(super) rate: Option<f64>,
    /// Seeds that were to be run.
    pub(super) count: u64,
    /// Seeds that ran before the others, for they were kept.
    pub(super) kept_seeds: &'a [u64],
    /// The identities of what is accepted today.
    pub(super) accepted: &'a BTreeSet<String>,
}

impl Told<'_> {
    /// Until when a finding is accepted, if it is.
    fn accepted(&self, identity: &Identity) -> Option<&str> {
        let name = identity.to_string();
        let accepted = self.scenario.accepted.iter().filter(|_| self.accepted.contains(&name));
        let of_it = accepted.filter(|accepted| accepted.finding == name);
        of_it.map(|accepted| accepted.until.as_str()).max()
    }

    /// The file that a finding was made small in.
    fn kept(&self, identity: &Identity) -> Option<&Kept> {
        self.kept.iter().find(|kept| kept.identity == *identity)
    }

    /// What is accepted and was not found.
    fn gone(&self) -> impl Iterator<Item = &str> {
        let found = |name: &str| self.swept.findings.keys().any(|identity| identity.to_string() == name);
        let whole = !self.swept.stopped && self.arguments.shard.1 == 1;
        let accepted = self.scenario.accepted.iter().filter(move |_| whole);
        accepted
            .map(|accepted| accepted.finding.as_str())
            .filter(move |name| !found(name))
    }

    /// What stopped it before its last seed.
    fn stopped_by(&self) -> Option<&'static str> {
        let mut found = self.swept.findings.keys();
        let found = self.arguments.stop_at_first && found.any(|identity| self.accepted(identity).is_none());
        self.swept.stopped.then_some(if found { FIRST_FINDING } else { BUDGET })
    }

    /// The exit code.
    pub(super) fn code(&self) -> u8 {
        let class = |class| {
            let found = self.swept.findings.iter();
            let mut open = found.filter(|(identity, _)| self.accepted(identity).is_none());
            open.any(|(_, (of, ..))| *of == class)
        };
        if class(FindingClass::Invariant) {
            INVARIANT
        } else if class(FindingClass::Expectation) {
            EXPECTATION
        } else if !self.idle.is_empty() || self.swept.seeds == 0 {
            // What was asked was not looked at.
            INPUT
        } else {
            PASS
        }
    }

    pub(super) fn summary(&self) -> serde_json::Value {
        let Told {
            arguments, swept, idle, ..
        } = self;
        let findings: Vec<serde_json::Value> = swept
            .findings
            .iter()
            .map(|(identity, (class, seeds, text))| {
                let file = self.kept(identity);
                json!({
                    "identity": identity.to_string(),
                    "class": class.words(),
                    "seeds": seeds,
                    "first": seeds.first(),
                    "text": text,
                    "accepted_until": self.accepted(identity),
                    "replay": file.map(Kept::replay),
                    "faults": file.map(|kept| kept.faults),
                    "trials": file.and_then(|kept| kept.trials),
                })
            })
            .collect();
        let of_kind = |(declared, struck): &(u64, u64)| json!({ "declared": declared, "struck": struck });
        let kinds = swept.faults.iter().map(|(kind, of)| (kind.as_str(), of_kind(of)));
        let faults: BTreeMap<&str, serde_json::Value> = kinds.collect();
        json!({
            "scenario": arguments.scenario.display().to_string(),
            "network": arguments.network.word(),
            "first": arguments.seeds.0,
            "last": arguments.seeds.1,
            "kept_seeds": self.kept_seeds,
            "shard": format!("{}/{}", arguments.shard.0, arguments.shard.1),
            "seeds": swept.seeds,
            // Of parts that ran elsewhere nobody knows.
            "seeds_per_minute": self.rate.map(f64::round),
            "stopped": swept.stopped,
            "stopped_by": self.stopped_by(),
            "twice": swept.twice,
            "points": swept.points,
            "entries": swept.entries,
            "findings": findings,
            "faults": faults,
            "laws": swept.laws,
            "goals": swept.goals,
            "accepted_not_found": self.gone().collect::<Vec<&str>>(),
            "not_looked_at": idle,
            "warnings": self.warnings,
        })
    }

    /// A case for each law that looked, for each expectation that failed, and for what was not looked at.
    pub(super) fn cases(&self) -> Vec<Case> {
        let Told { swept, idle, .. } = self;
        let mut cases = Vec::new();
        for (law, checked) in &swept.laws {
            if *checked > 0 && swept.findings.keys().all(|identity| identity.law().as_str() != law) {
                cases.push(Case {
                    name: law.clone(),
                    failure: None,
                });
            }
        }
        for (identity, (class, seeds, text)) in &swept.findings {
            let repeat = self.kept(identity).map(|kept| format!("; {}", kept.replay()));
            let repeat = repeat.unwrap_or_default();
            let first = seeds.first().copied().unwrap_or_default();
            let accepted = self.accepted(identity).is_some();
            cases.push(Case {
                name: identity.to_string(),
                failure: (!accepted).then(|| {
                    (
                        format!("{}: seed {first}{repeat}", class.words()),
                        format!("{text}\n{} seeds found it", seeds.len()),
                    )
                }),
            });
        }
        let not_looked = |line: &String| Case {
            name: "everything was looked at".to_owned(),
            failure: Some((line.clone(), line.clone())),
        };
        cases.extend(idle.iter().map(not_looked));
        cases
    }

    /// A summary for the page of a CI's job.
    pub(super) fn markdown(&self) -> String {
        let Told {
            scenario, swept, idle, ..
        } = self;
        let mut text = format!(
            "### {}: {} seeds, {}\n\n{} recovery points judged{}.\n",
            scenario.name,
            swept.seeds,
            match swept.findings.len() {
                0 => "nothing found".to_owned(),
                found => format!("{found} found"),
            },
            swept.points,
            self.rate
                .map_or_else(String::new, |rate| format!(", {rate:.0} seeds a minute")),
        );
        if !swept.findings.is_empty() {
            text.push_str("\n| found | class | seeds | repeat it |\n|---|---|---|---|\n");
        }
        for (identity, (class, seeds, _)) in &swept.findings {
            let repeat = self.kept(identity).map(|kept| format!("`{}`", kept.replay()));
            let repeat = repeat.unwrap_or_default();
            let first = seeds.first().copied().unwrap_or_default();
            let _ = writeln!(
                text,
                "| `{identity}` | {}{} | {} (first {first}) | {repeat} |",
                class.words(),
                self.accepted(identity)
                    .map_or_else(String::new, |until| format!(", accepted until {until}")),
                seeds.len()
            );
        }
        text.push_str("\n| fault | drawn | struck |\n|---|---|---|\n");
        for (kind, (drawn, struck)) in &swept.faults {
            let _ = writeln!(text, "| {kind} | {drawn} | {struck} |");
        }
        if !swept.goals.is_empty() {
            text.push_str("\n| goal | met in seeds |\n|---|---|\n");
        }
        for (goal, met) in &swept.goals {
            let _ = writeln!(text, "| {goal} | {met} |");
        }
        for line in idle.iter() {
            let _ = writeln!(text, "\nNot looked at: {line}");
        }
        for line in self.warnings {
            let _ = writeln!(text, "\nWarning: {line}");
        }
        text
    }

    /// What a person is told.
    pub(super) fn human(&self, folder: &Path) -> String {
        let Told {
            scenario,
            arguments,
            swept,
            idle,
            ..
        } = self;
        let verdict = match (swept.findings.len(), idle.len()) {
            (0, 0) => "nothing found".to_owned(),
            (0, _) => "nothing found, and not all was looked at".to_owned(),
            (1, _) => "1 finding".to_owned(),
            (many, _) => format!("{many} findings"),
        };
        let mut text = format!(
            "{}: {} seeds: {verdict}\n  {}network {}; {} recovery points judged, {} seeds run twice with the same result{}\n",
            scenario.name,
            swept.seeds,
            self.rate
                .map_or_else(String::new, |rate| format!("{rate:.0} seeds a minute, ")),
            arguments.network.word(),
            swept.points,
            swept.twice,
            match self.stopped_by() {
                None => String::new(),
                Some(BUDGET) => format!(
                    "; stopped by its budget after {} of {} seeds: the same command goes on",
                    swept.seeds, self.count
                ),
                Some(_) => "; ended with the first seed that found something".to_owned(),
            },
        );
        text.push_str("\nFaults: drawn, struck\n");
        for (kind, (drawn, struck)) in &swept.faults {
            let _ = writeln!(text, "  {kind:<18}{drawn:>8}{struck:>8}");
        }
        if !swept.goals.is_empty() {
            text.push_str("\nGoals: in so many seeds\n");
            for (goal, met) in &swept.goals {
                let _ = writeln!(text, "  {met:>8}  {goal}");
            }
        }
        let looked = swept.laws.values().filter(|checked| **checked > 0).count();
        let checks: u64 = swept.laws.values().sum();
        let _ = writeln!(text, "\nLaws: {looked} of {} looked, {checks} times", swept.laws.len());
        if !idle.is_empty() {
            text.push_str("\nNot looked at\n");
            for line in idle.iter() {
                let _ = writeln!(text, "  {line}");
            }
        }
        if !self.warnings.is_empty() {
            text.push_str("\nWarnings\n");
            for line in self.warnings {
                let _ = writeln!(text, "  {line}");
            }
        }
        if !swept.findings.is_empty() {
            text.push_str("\nFindings\n");
        }
        for (identity, (class, seeds, what)) in &swept.findings {
            let shown: Vec<String> = seeds.iter().take(8).map(u64::to_string).collect();
            let more = if seeds.len() > shown.len() { ", ..." } else { "" };
            let _ = writeln!(
                text,
                "  {} {identity}, {} seeds: {}{more}",
                class.words(),
                seeds.len(),
                shown.join(", ")
            );
            let _ = writeln!(text, "    {what}");
            if let Some(until) = self.accepted(identity) {
                let _ = writeln!(text, "    accepted until {until}");
            }
            if let Some(kept) = self.kept(identity) {
                let _ = writeln!(text, "    {} faults are left: {}", kept.faults, kept.replay());
            }
        }
        for name in self.gone() {
            let _ = writeln!(text, "\nAccepted, and not found any more: {name}");
        }
        let _ = writeln!(text, "\nFolder  {}", folder.display());
        text
    }
}
