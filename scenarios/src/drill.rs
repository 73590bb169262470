//! Runs a scenario's world under the oracle's eyes and gives the verdict.

use actors::facts::Fact;
use actors::nouns::ActorId;
use actors::ports::Evidence;
use datapath::SimTime;
use sim::findings::{Finding, FindingClass};
use sim::link::door::Seen;
use sim::metrics::RunResult;
use sim::oracle::Oracle;
use sim::oracle::restoring::AtRest;
use sim::run::{Ended, Observer, RunError, Why};
use sim::secrets::Leak;
use sim::spec::RunOptions;

use crate::build::{Built, Plan};
use crate::expect;
use crate::goals::Goals;
use crate::laws::the_world_holds;
use crate::named::with_names;

/// A drill that was run.
#[derive(Debug, Clone)]
pub struct Drill {
    /// What came of it, findings included.
    pub result: RunResult,
    /// How the run ended.
    pub ended: Ended,
    /// What was planned, and the names.
    pub plan: Plan,
    /// The verdict.
    pub verdict: Verdict,
}

/// The verdict on a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything held, and something was looked at.
    Pass,
    /// The plan does not hold.
    ExpectationFailed,
    /// All that was looked at held, and something that the scenario is about was not looked at.
    NothingTested,
    /// Firedrill, or the protocol that it models, is wrong.
    InvariantFailed,
    /// It was stopped before it ended; nothing is said.
    Interrupted,
}

impl Verdict {
    /// `pass` or `fail`, as the reports have it.
    #[must_use]
    pub fn word(self) -> &'static str {
        if self == Verdict::Pass { "pass" } else { "fail" }
    }
}

/// Runs a world. The observer sees every fact; of the evidence it sees whole recovered disks, so that it can write them.
///
/// # Errors
/// [`RunError::Machine`] where the real machine failed.
pub fn run(built: Built, options: &RunOptions, observer: &mut dyn Observer) -> Result<Drill, RunError> {
    let Built { world, plan } = built;
    let mut eyes = Eyes {
        oracle: Oracle::new(&world, options.grain, options.seed),
        goals: Goals::new(&plan, &world.groups),
        observer,
    };
    let named = |text: &str| {
        let machine = |machine: usize| plan.machines.get(machine).cloned();
        with_names(text, |disk| plan.disk_name(disk), machine)
    };
    let ended = sim::run::run(world, options, &mut eyes);
    let ended = ended.map_err(|RunError::Machine(why)| RunError::Machine(named(&why)))?;
    let mut result = eyes.oracle.finish(ended.now);
    result.goals = eyes.goals.finish(ended.now);
    result.findings.extend(own_findings(&plan, &ended, &result));
    for finding in &mut result.findings {
        finding.reword(named);
    }
    let verdict = verdict(&ended, &result);
    Ok(Drill {
        result,
        ended,
        plan,
        verdict,
    })
}

fn own_findings(plan: &Plan, ended: &Ended, result: &RunResult) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(broken) = &ended.broken {
        let broken = the_world_holds::Broken::Stopped { reason: broken.clone() };
        findings.push(Finding::new(FindingClass::Invariant, ended.now, None, &broken));
    }
    // A run that was stopped by hand, or broke, says nothing of what was expected.
    if ended.why == Why::Interrupted || ended.broken.is_some() {
        return findings;
    }
    findings.extend(expect::findings(plan, result));
    findings.extend(expect::unstruck(result));
    findings.extend(expect::untested(plan, result));
    findings
}

fn verdict(ended: &Ended, result: &RunResult) -> Verdict {
    let has = |class| result.findings.iter().any(|finding| finding.class == class);
    // Findings are dropped only where too many invariants failed.
    if has(FindingClass::Invariant) || result.findings_dropped > 0 {
        Verdict::InvariantFailed
    } else if ended.why == Why::Interrupted {
        Verdict::Interrupted
    } else if has(FindingClass::Expectation) {
        Verdict::ExpectationFailed
    } else if has(FindingClass::Untested) {
        Verdict::NothingTested
    } else {
        Verdict::Pass
    }
}

/// The oracle, what looks for goals, and the caller's observer, side by side.
struct Eyes<'a> {
    oracle: Oracle,
    goals: Goals,
    observer: &'a mut dyn Observer,
}

impl Observer for Eyes<'_> {
    fn fact(&mut self, at: SimTime, ordinal: u64, actor: Option<ActorId>, fact: &Fact, evidence: Option<Evidence>) {
        let disks = match &evidence {
            Some(Evidence::Disks { volumes }) => {
                self.observer.judging(volumes);
                Some(Evidence::Disks {
                    volumes: volumes.clone(),
                })
            }
            _ => None,
        };
        self.oracle.fact(at, fact, evidence);
        self.goals.fact(at, fact);
        self.observer.fact(at, ordinal, actor, fact, disks);
    }

    fn frame(&mut self, at: SimTime, ordinal: u64, actor: ActorId, body: &actors::messages::Body, payload: u64) {
        self.observer.frame(at, ordinal, actor, body, payload);
    }

    fn encoded(&mut self, records: &[u8]) {
        self.observer.encoded(records);
    }

    fn links(&mut self, seen: &[Seen]) {
        self.oracle.links(seen);
        self.observer.links(seen);
    }

    fn removed(&mut self, files: &[String]) {
        self.oracle.removed(files);
        self.observer.removed(files);
    }

    fn at_rest(&mut self, at_rest: &dyn AtRest, over: bool) {
        self.oracle.at_rest(at_rest, over);
    }

    fn leaked(&mut self, leaks: Vec<Leak>, looked: u64) {
        self.oracle.leaked(leaks, looked);
    }

    fn progress(&mut self, now: SimTime, entries: u64) {
        self.observer.progress(now, entries);
    }

    fn interrupted(&self) -> bool {
        self.observer.interrupted()
    }
}
