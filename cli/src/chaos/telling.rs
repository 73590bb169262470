//! What a sweep came to: for a person, for a program, for a CI.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use reports::junit::{Case, Ending};
use scenarios::Scenario;
use scenarios::chaos::sweep::Swept;
use scenarios::laws::step;
use scenarios::model::Accepted;
use serde_json::json;

use sim::findings::{FindingClass, Identity};

use super::keeping::{Kept, add, write_whole};
use super::{BUDGET, FIRST_FINDING};
use crate::arguments::ChaosArguments;
use crate::failure::{EXPECTATION, Failure, INPUT, INVARIANT, PASS};

/// The law of an expectation, and its line in the scenario file.
type Expected = (&'static str, u32);

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
    /// What is known of a finding, where it is accepted today: what holds longest.
    fn known(&self, identity: &Identity) -> Option<&Accepted> {
        let name = identity.to_string();
        let accepted = self.scenario.accepted.iter().filter(|_| self.accepted.contains(&name));
        let of_it = accepted.filter(|accepted| accepted.finding == name);
        of_it.max_by(|one, other| one.until.cmp(&other.until))
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
        let found = self.arguments.stop_at_first && found.any(|identity| self.known(identity).is_none());
        self.swept.stopped.then_some(if found { FIRST_FINDING } else { BUDGET })
    }

    /// The exit code.
    pub(super) fn code(&self) -> u8 {
        let class = |class| {
            let found = self.swept.findings.iter();
            let mut open = found.filter(|(identity, _)| self.known(identity).is_none());
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
                    "accepted_until": self.known(identity).map(|known| known.until.as_str()),
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
            "expectations": self.judged().0.iter().map(|(law, _)| *law).collect::<BTreeSet<&str>>(),
            "goals": swept.goals,
            "accepted_not_found": self.gone().collect::<Vec<&str>>(),
            "not_looked_at": idle,
            "warnings": self.warnings,
        })
    }

    /// What the plan is held to under faults, by the names of its laws, each with its line; and what it expects without faults alone.
    fn judged(&self) -> (BTreeSet<Expected>, BTreeSet<Expected>) {
        let calm = self.scenario.chaos.most == 0;
        let of = |judged: bool| {
            let expects = self.scenario.expects.iter();
            let those = expects.filter(move |expect| (calm || expect.under_faults) == judged);
            those.map(|expect| (expect.what.key(), expect.line.0)).collect()
        };
        (of(true), of(false))
    }

    /// A case for each law, for the steps, for each expectation that was judged, and for what was not looked at.
    pub(super) fn cases(&self) -> Vec<Case> {
        let Told { swept, idle, .. } = self;
        let mut cases: BTreeMap<String, Ending> = BTreeMap::new();
        for (law, checked) in &swept.laws {
            let ending = match checked {
                0 => Ending::Skipped("it looked at nothing".to_owned()),
                _ => Ending::Passed,
            };
            cases.insert(law.clone(), ending);
        }
        let steps = (!self.scenario.steps.is_empty()).then_some(step::LAW.name);
        let judged = self.judged().0.into_iter().map(|(law, _)| law);
        for law in judged.chain(steps) {
            cases.insert(law.to_owned(), Ending::Passed);
        }
        for (identity, (class, seeds, text)) in &swept.findings {
            let first = seeds.first().copied().unwrap_or_default();
            let here = match self.known(identity) {
                Some(known) => Ending::Skipped(format!(
                    "{identity} is accepted until {}: {} ({}, the first is {first})",
                    known.until,
                    known.why,
                    counted(seeds.len() as u64, "seed")
                )),
                None => {
                    let repeat = self.kept(identity).map(|kept| format!("; {}", kept.replay()));
                    Ending::Failed(
                        format!(
                            "{} {identity}: seed {first}{}",
                            class.words(),
                            repeat.unwrap_or_default()
                        ),
                        format!("{text}\n{} found it", counted(seeds.len() as u64, "seed")),
                    )
                }
            };
            let case = cases
                .entry(identity.law().as_str().to_owned())
                .or_insert(Ending::Passed);
            match (&mut *case, here) {
                (Ending::Failed(_, long), Ending::Failed(short, more)) => *long += &format!("\n{short}\n{more}"),
                (Ending::Failed(..), _) => {}
                (Ending::Skipped(known), Ending::Skipped(more)) => *known += &format!("; {more}"),
                (_, here) => *case = here,
            }
        }
        if !idle.is_empty() {
            let ending = Ending::Failed(idle.join("; "), idle.join("\n"));
            cases.insert("everything was looked at".to_owned(), ending);
        }
        cases.into_iter().map(|(name, ending)| Case { name, ending }).collect()
    }

    /// Writes what a CI reads, where it is wanted.
    pub(super) fn write(&self, junit: Option<&Path>, markdown: Option<&Path>, took: Duration) -> Result<(), Failure> {
        if let Some(file) = junit {
            let text = reports::junit::junit(&self.scenario.name, took.as_secs_f64(), &self.cases());
            write_whole(file, &text)?;
        }
        if let Some(file) = markdown {
            add(file, &self.markdown())?;
        }
        Ok(())
    }

    /// What was found and not looked at, in a few words.
    fn verdict(&self) -> String {
        let findings = self.swept.findings.keys();
        let known = findings.filter(|identity| self.known(identity).is_some()).count();
        let mut verdict = match self.swept.findings.len() {
            0 => "nothing found".to_owned(),
            found => counted(found as u64, "finding"),
        };
        if known > 0 {
            let _ = write!(verdict, " ({known} accepted)");
        }
        if !self.idle.is_empty() {
            verdict.push_str(", and not all was looked at");
        }
        verdict
    }

    /// A summary for the page of a CI's job.
    pub(super) fn markdown(&self) -> String {
        let Told {
            scenario, swept, idle, ..
        } = self;
        let mut text = format!(
            "### {}: {}, {}\n\n",
            scenario.name,
            counted(swept.seeds, "seed"),
            self.verdict()
        );
        for line in idle.iter() {
            let _ = writeln!(text, "- Not looked at: {}", cell(line));
        }
        for line in self.warnings {
            let _ = writeln!(text, "- Warning: {}", cell(line));
        }
        if !swept.findings.is_empty() {
            text.push_str("\n| found | class | what | seeds | faults left | repeat it |\n|---|---|---|---|---|---|\n");
        }
        for (identity, (class, seeds, what)) in &swept.findings {
            let kept = self.kept(identity);
            let repeat = kept.map(|kept| format!("`{}`", kept.replay()));
            let left = kept.map(|kept| kept.faults.to_string());
            let first = seeds.first().copied().unwrap_or_default();
            let _ = writeln!(
                text,
                "| `{identity}` | {}{} | {} | {} (first {first}) | {} | {} |",
                class.words(),
                self.known(identity)
                    .map_or_else(String::new, |known| format!(", accepted until {}", known.until)),
                cell(what),
                seeds.len(),
                left.unwrap_or_default(),
                repeat.unwrap_or_default()
            );
        }
        let rate = self.rate;
        let _ = writeln!(
            text,
            "\n{} recovery points judged{}{}.",
            swept.points,
            rate.map_or_else(String::new, |rate| format!(", {rate:.0} seeds a minute")),
            self.ended_early()
        );
        text.push_str("\n<details><summary>What was drawn</summary>\n\n| fault | drawn | struck |\n|---|---|---|\n");
        for (kind, (drawn, struck)) in &swept.faults {
            let _ = writeln!(text, "| {kind} | {drawn} | {struck} |");
        }
        if !swept.goals.is_empty() {
            text.push_str("\n| goal | met in seeds |\n|---|---|\n");
        }
        for (goal, met) in &swept.goals {
            let _ = writeln!(text, "| {} | {met} |", cell(goal));
        }
        text.push_str("\n</details>\n");
        text
    }

    /// What stopped it before its last seed, in words.
    fn ended_early(&self) -> String {
        match self.stopped_by() {
            None => String::new(),
            Some(BUDGET) => format!(
                "; stopped by its budget after {} of {} seeds: the same command goes on",
                self.swept.seeds, self.count
            ),
            Some(_) => "; ended with the first seed that found something".to_owned(),
        }
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
        let mut text = format!(
            "{}: {}: {}\n  {}network {}; {} recovery points judged, {} run twice with the same result{}\n",
            scenario.name,
            counted(swept.seeds, "seed"),
            self.verdict(),
            self.rate
                .map_or_else(String::new, |rate| format!("{rate:.0} seeds a minute, ")),
            arguments.network.word(),
            swept.points,
            counted(swept.twice, "seed"),
            self.ended_early(),
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
        let (judged, not) = self.judged();
        let listed = |expects: &BTreeSet<Expected>| {
            let each = expects.iter().map(|(law, line)| format!("{law} (line {line})"));
            each.collect::<Vec<String>>().join(", ")
        };
        let _ = match judged.is_empty() {
            true => writeln!(text, "Expectations: none is judged, for none says under_faults = true"),
            false => writeln!(text, "Expectations: {}", listed(&judged)),
        };
        if !not.is_empty() {
            let _ = writeln!(text, "  without faults alone: {}", listed(&not));
        }
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
                "  {} {identity}, {}: {}{more}",
                class.words(),
                counted(seeds.len() as u64, "seed"),
                shown.join(", ")
            );
            let _ = writeln!(text, "    {what}");
            if let Some(known) = self.known(identity) {
                let _ = writeln!(text, "    accepted until {}: {}", known.until, known.why);
            }
            if let Some(kept) = self.kept(identity) {
                let left = match kept.faults {
                    0 => "no fault is left, the plan fails by itself".to_owned(),
                    1 => "1 fault is left".to_owned(),
                    many => format!("{many} faults are left"),
                };
                let _ = writeln!(text, "    {left}: {}", kept.replay());
            }
        }
        for name in self.gone() {
            let _ = writeln!(text, "\nAccepted, and not found any more: {name}");
        }
        let _ = writeln!(text, "\nFolder  {}", folder.display());
        text
    }
}

/// So many of something.
pub(super) fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        many => format!("{many} {what}s"),
    }
}

/// A text within a table of Markdown.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
