//! What a scenario expects, as laws: how each can fail to hold, with the evidence and the words ([`sim::law!`]).
//!
//! The laws of `[[expect]]` bear the names of its keys. A shape that says that there was nothing to look at makes a finding of the class
//! `untested`; all others are expectations that do not hold.

use sim::findings::{Law, Nanoseconds};

use crate::units::{measured_beside, show_duration, show_size};

/// A law of `[[expect]]`: its own shapes, and those that all of them have.
macro_rules! bound {
    ($module:ident: $name:literal, $statement:literal; $($shapes:tt)+) => {
        #[doc = concat!("`", $name, "` of `[[expect]]`.")]
        pub mod $module {
            #[allow(unused_imports, reason = "not each has all figures")]
            use datapath::SimTime;
            #[allow(unused_imports, reason = "not each has all figures")]
            use sim::findings::{Bytes, Nanoseconds};

            #[allow(unused_imports, reason = "not each has all figures")]
            use super::{over, show_duration, show_size, size_beside, while_lasting};

            sim::law! {
                $name, $statement;

                $($shapes)+
                NotKnown { machine: String, line: u32 } => "{machine}: nothing is known of it (expected in line {line})";
                FaultNeverBegan { machine: String, fault: String, line: u32 } =>
                    "{machine}: the fault `{fault}` never began (expected in line {line})";
                MoreMachines { more: usize, line: u32 } => "and {more} more machines (expected in line {line})";
            }
        }
    };
}

bound! {
    rpo_below: "rpo_below", "the reported RPO stays below the bound";

    OverBound { machine: String, reached: Nanoseconds, bound: Nanoseconds, fault: Option<String>, line: u32 } =>
        "{machine}: RPO {}{} (expected in line {line})", over(*reached, *bound), while_lasting(fault);
    NeverProtected { machine: String, fault: Option<String>, line: u32 } =>
        "{machine}: was never protected{}, so it has no RPO (expected in line {line})", while_lasting(fault);
}

bound! {
    rto_below: "rto_below", "the RTO of the newest failover is below the bound";

    OverBound { machine: String, reached: Nanoseconds, bound: Nanoseconds, line: u32 } =>
        "{machine}: RTO {} (expected in line {line})", over(*reached, *bound);
    NeverAnswered { machine: String, line: u32 } =>
        "{machine}: no failover of it reached a workload that answers (expected in line {line})";
}

bound! {
    failover_within: "failover_within", "each failover is completed within the bound";

    OverBound { machine: String, reached: Nanoseconds, bound: Nanoseconds, line: u32 } =>
        "{machine}: the failover {} (expected in line {line})", over(*reached, *bound);
    NeverCompleted { machine: String, line: u32 } =>
        "{machine}: no failover of it was completed (expected in line {line})";
}

bound! {
    lost_below: "lost_below", "the newest failover lost less time than the bound";

    OverBound { machine: String, reached: Nanoseconds, bound: Nanoseconds, line: u32 } =>
        "{machine}: loss {} (expected in line {line})", over(*reached, *bound);
    NoLossKnown { machine: String, line: u32 } =>
        "{machine}: no failover of it says what was lost (expected in line {line})";
}

bound! {
    lost_bytes_below: "lost_bytes_below", "the newest failover lost fewer bytes than the bound";

    OverBound { machine: String, lost: Bytes, bound: Bytes, line: u32 } =>
        "{machine}: {} lost, {} more than the bound of {} (expected in line {line})",
        size_beside(lost.0, bound.0), show_size(lost.0 - bound.0), show_size(bound.0);
    NoLossKnown { machine: String, line: u32 } =>
        "{machine}: no failover of it says what was lost (expected in line {line})";
}

bound! {
    points_at_least: "points_at_least", "at least as many recovery points as the bound are made and verified";

    TooFew { machine: String, verified: u64, bound: u64, fault: Option<String>, line: u32 } =>
        "{machine}: {verified} recovery points made and verified{}, {} too few (expected in line {line})",
        while_lasting(fault), bound - verified;
}

bound! {
    caught_up_within: "caught_up_within", "a recovery point that was marked after the last fault, or the one that is named, is processed within the bound";

    OverBound { machine: String, since: SimTime, reached: Nanoseconds, bound: Nanoseconds, line: u32 } =>
        "{machine}: from {since} on, a recovery point marked after that took {} (expected in line {line})", over(*reached, *bound);
    NotCaughtUp { machine: String, since: SimTime, waited: Nanoseconds, bound: Nanoseconds, line: u32 } =>
        "{machine}: from {since} on, no recovery point that was marked after that was processed in {}, and the bound is {} (expected in line \
         {line})", show_duration(waited.0), show_duration(bound.0);
    NotWaitedFor { machine: String, line: u32 } =>
        "{machine}: was not replicated long enough after the fault, or it did not end (expected in line {line})";
}

bound! {
    verified: "verified", "each recovered disk is what its recovery point has to be";

    NotRight { machine: String, disks: String, line: u32 } =>
        "{machine}: recovered and not right: {disks} (expected in line {line})";
    NothingRecovered { machine: String, line: u32 } =>
        "{machine}: no disk of it was recovered, so none could be verified (expected in line {line})";
}

bound! {
    alert: "alert", "an alert with the code or the text comes";

    NotRaised { machine: String, alert: String, fault: Option<String>, line: u32 } =>
        "{machine}: no alert `{alert}` came{} (expected in line {line})", while_lasting(fault);
}

bound! {
    rpo_above: "rpo_above", "the reported RPO passes the bound";

    NotPassed { machine: String, reached: Nanoseconds, bound: Nanoseconds, fault: Option<String>, line: u32 } =>
        "{machine}: RPO at most {}{}, which does not pass {} (expected in line {line})",
        show_duration(reached.0), while_lasting(fault), show_duration(bound.0);
    NeverProtected { machine: String, fault: Option<String>, line: u32 } =>
        "{machine}: was never protected{}, so it has no RPO (expected in line {line})", while_lasting(fault);
}

bound! {
    backlog_above: "backlog_above", "what waits of the machine passes the bound";

    NotPassed { machine: String, reached: Bytes, bound: Bytes, fault: Option<String>, line: u32 } =>
        "{machine}: at most {} waited{}, which does not pass {} (expected in line {line})",
        size_beside(reached.0, bound.0), while_lasting(fault), show_size(bound.0);
}

bound! {
    no_points: "no_points", "no recovery point of the kind is marked and stored";

    PointMade { machine: String, point: u64, marked: SimTime, fault: Option<String>, line: u32 } =>
        "{machine}: recovery point {point}, marked at {marked}, was stored{} (expected in line {line})",
        while_lasting(fault);
}

bound! {
    state: "state", "the machine is in the state at some time";

    NeverInState { machine: String, state: String, fault: Option<String>, line: u32 } =>
        "{machine}: was never {state}{} (expected in line {line})", while_lasting(fault);
}

/// A step ends as it is to.
pub mod step {
    use std::fmt;

    use sim::findings::{Evidence, Evident};

    use super::because_of;

    sim::law! {
        "step", "each step of the plan begins, and ends as it is to: done, refused or failed, for the reason that it names";

        NeverBegan { step: Planned, why: String } => "{step} never began: {why}";
        NotEnded { step: Planned } => "{step} began and did not end";
        Refused { step: Planned, reason: String } => "{step} was refused: {reason}";
        Failed { step: Planned, reason: String } => "{step} failed: {reason}";
        DoneNotRefused { step: Planned, because: Option<String> } =>
            "{step} was to be refused{}, and was done", because_of(because);
        FailedNotRefused { step: Planned, because: Option<String>, reason: String } =>
            "{step} was to be refused{}, and failed: {reason}", because_of(because);
        RefusedOtherwise { step: Planned, because: Option<String>, reason: String } =>
            "{step} was to be refused{}, and was refused: {reason}", because_of(because);
        DoneNotFailed { step: Planned, because: Option<String> } =>
            "{step} was to fail{}, and was done", because_of(because);
        RefusedNotFailed { step: Planned, because: Option<String>, reason: String } =>
            "{step} was to fail{}, and was refused: {reason}", because_of(because);
        FailedOtherwise { step: Planned, because: Option<String>, reason: String } =>
            "{step} was to fail{}, and failed: {reason}", because_of(because);
    }

    /// A step, as evidence.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Planned {
        /// What the scenario calls it, or what it does.
        pub name: String,
        /// What it does.
        pub action: &'static str,
        /// The machine that it is about.
        pub machine: Option<String>,
        /// Its line in the scenario file.
        pub line: u32,
    }

    impl fmt::Display for Planned {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.name)?;
            if let Some(machine) = &self.machine {
                write!(f, " of {machine}")?;
            }
            write!(f, " (line {})", self.line)
        }
    }

    impl Evident for Planned {
        fn put(&self, name: &str, evidence: &mut Evidence) {
            self.name.put(&format!("{name}.name"), evidence);
            self.action.put(&format!("{name}.action"), evidence);
            self.machine.put(&format!("{name}.machine"), evidence);
            self.line.put(&format!("{name}.line"), evidence);
        }
    }
}

/// A fault that the scenario declares changes something: whoever declared it wanted to see what it does.
pub mod faults_strike {
    use datapath::SimTime;

    sim::law! {
        "faults-strike", "each fault that the scenario declares begins, and changes something";

        NeverBegan { fault: String } => "fault `{fault}` never began";
        NeverStruck { fault: String, began: SimTime } => "fault `{fault}` began at {began} and never changed anything";
        CouldNotStrike { fault: String, began: SimTime, reason: String } =>
            "fault `{fault}` began at {began} and never changed anything: {reason}";
    }
}

/// What the scenario is about was looked at.
pub mod something_checked {
    sim::law! {
        "something-checked", "each machine whose replication was enabled has a point that was judged, each failover that was done disks that were";

        NoPointVerified { machine: String } => "{machine}: no recovery point of it was made and verified";
        NoDiskCompared { machine: String, action: &'static str } => "{machine}: no disk of its {action} was compared";
        NothingProtected {} => "no machine was protected";
    }
}

/// The world does what it is to.
pub mod the_world_holds {
    sim::law! {
        "the-world-holds", "the simulated world itself goes on until the run is over";

        Stopped { reason: String } => "{reason}";
    }
}

/// The reason that a step names for its ending.
fn because_of(because: &Option<String>) -> String {
    let words = |why: &String| format!(" because of \"{why}\"");
    because.as_ref().map_or_else(String::new, words)
}

/// The fault that an expectation is about, where it is about one.
fn while_lasting(fault: &Option<String>) -> String {
    let words = |fault: &String| format!(" while `{fault}` lasted");
    fault.as_ref().map_or_else(String::new, words)
}

/// What was reached, and by how much that is over the bound.
fn over(reached: Nanoseconds, bound: Nanoseconds) -> String {
    format!(
        "{}, {} over the bound of {}",
        measured_beside(reached.0 / 1_000_000, bound.0),
        show_duration(reached.0 - bound.0),
        show_duration(bound.0)
    )
}

/// A size; with its bytes, where it would read like the bound.
pub(crate) fn size_beside(bytes: u64, bound: u64) -> String {
    let shown = show_size(bytes);
    if bytes != bound && shown == show_size(bound) {
        return format!("{bytes} bytes");
    }
    shown
}

/// The laws of what a scenario expects.
pub const EXPECTED: &[Law] = &[
    rpo_below::LAW,
    rto_below::LAW,
    failover_within::LAW,
    lost_below::LAW,
    lost_bytes_below::LAW,
    points_at_least::LAW,
    caught_up_within::LAW,
    verified::LAW,
    alert::LAW,
    rpo_above::LAW,
    backlog_above::LAW,
    no_points::LAW,
    state::LAW,
    step::LAW,
    faults_strike::LAW,
    something_checked::LAW,
    the_world_holds::LAW,
];

/// All laws that a finding can be about: the invariants, then what is expected.
pub fn all() -> impl Iterator<Item = &'static Law> {
    sim::invariants::LAWS.iter().chain(EXPECTED)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use actors::nouns::ItemState;

    use super::*;
    use crate::model::{Bound, PointsOf};

    #[test]
    fn laws_have_names_of_their_own_and_shapes_that_say_nothing_of_one_run() {
        let names: BTreeSet<&str> = all().map(|law| law.name).collect();
        assert_eq!(names.len(), all().count());
        for law in all() {
            let shapes: BTreeSet<&str> = law.shapes.iter().copied().collect();
            assert!(
                !shapes.is_empty() && shapes.len() == law.shapes.len(),
                "{}: none, or one twice",
                law.name
            );
            for word in law.shapes.iter().chain([&law.name]) {
                let plain = |c: char| c.is_ascii_lowercase() || "-_".contains(c);
                assert!(word.chars().all(plain), "{}: {word}", law.name);
            }
            assert!(law.statement.len() > 20, "{}", law.name);
        }
    }

    #[test]
    fn each_key_of_an_expectation_is_a_law() {
        for bound in [
            Bound::RpoBelow(0),
            Bound::RtoBelow(0),
            Bound::FailoverWithin(0),
            Bound::LostBelow(0),
            Bound::LostBytesBelow(0),
            Bound::PointsAtLeast(0),
            Bound::CaughtUpWithin(0),
            Bound::Verified,
            Bound::Alert(String::new()),
            Bound::RpoAbove(0),
            Bound::BacklogAbove(0),
            Bound::NoPoints(PointsOf::Any),
            Bound::State(ItemState::Protected),
        ] {
            assert!(EXPECTED.iter().any(|law| law.name == bound.key()), "{bound:?}");
        }
    }
}
