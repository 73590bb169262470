//! What can never happen is refused before anything runs: a step or a fault after the run's end, a condition that nothing brings about or that waits
//! for the step's own doing, steps and faults that wait for each other, recovery points that the policy does not make in time, an expectation that has nothing to look at, and a
//! plan that protects no machine, so that nothing would be tested.
//!
//! Only what is certain is refused. Times are lower bounds: what the scenario says about waiting, and nothing for the jobs themselves.
//! What a step brings about follows from the states of a machine (facts §4.1); a step that is to be refused brings nothing about.

mod causes;
mod circles;
mod timeline;

use std::collections::BTreeMap;

use actors::nouns::Policy;

use super::Context;
use super::estate::Estate;
use super::plan::{Placed, PlacedFault};
use crate::diagnose::{At, Located, Problem, list};
use crate::model::{Bound, Condition, Ending, Expect, Vm, Which};
use crate::reader::Reader;
use crate::units::show_duration;

use causes::Cause;
use circles::{Event, Waits};
use timeline::Timeline;

/// A scenario that was read without a problem.
pub(super) struct Whole<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) file: &'a Reader<'a>,
    pub(super) duration: Located<u64>,
    pub(super) policy: &'a Policy,
    pub(super) estate: &'a Estate,
    pub(super) vms: &'a [Vm],
    pub(super) steps: &'a [Placed],
    pub(super) faults: &'a [PlacedFault],
    pub(super) expects: &'a [Located<Expect>],
}

impl<'a> Whole<'a> {
    /// What waits for what in it.
    fn waits(&self) -> Waits<'a> {
        Waits {
            steps: self.steps,
            faults: self.faults,
        }
    }
}

/// Notes what can never happen.
pub(super) fn check(whole: &Whole<'_>) {
    if nothing_is_protected(whole) {
        return;
    }
    if circles::found(whole) {
        return;
    }
    let timeline = Timeline::new(whole.waits());
    let kinds = Kinds::new(whole);
    for (number, placed) in whole.steps.iter().enumerate() {
        begins_in_time(whole, &timeline, number, placed);
        for (condition, at) in placed.step.begin.iter().zip(&placed.conditions) {
            comes_true(whole, &timeline, &kinds, number, condition, *at);
        }
    }
    for (number, placed) in whole.faults.iter().enumerate() {
        fault_begins_in_time(whole, &timeline, number, placed);
    }
    for expect in whole.expects {
        has_something_to_look_at(whole, &timeline, &kinds, expect);
    }
}

/// A plan without a step that is to protect a machine tests nothing.
fn nothing_is_protected(whole: &Whole<'_>) -> bool {
    let enable = || {
        let steps = whole.steps.iter();
        steps.filter(|placed| Cause::Enable.is(&placed.step.what) && !placed.step.vms.is_empty())
    };
    if enable().any(|placed| placed.step.expected.ending == Ending::Done) {
        return false;
    }
    let problem = match enable().next() {
        Some(placed) => Problem::new(placed.at, "no step protects any machine", "this one is not to succeed"),
        None if whole.steps.is_empty() => Problem::new(
            At::default(),
            "no step protects any machine",
            "no `[[step]]` in this file",
        ),
        None => Problem::new(
            whole.file.key_at("step"),
            "no step protects any machine",
            "none of the steps is an `enable-replication`",
        ),
    };
    whole.context.diagnosis.push(
        problem
            .help("without one, nothing would be tested")
            .help("[[step]]\ndo = \"enable-replication\"\nvm = \"all\""),
    );
    true
}

/// Notes something that comes after the run's end.
fn too_late(whole: &Whole<'_>, problem: Problem) {
    whole.context.diagnosis.push(
        problem
            .also(whole.duration.at, "the run ends here at the latest")
            .help(format!(
                "accepted: what is over within the {} of `duration`",
                show_duration(whole.duration.value)
            )),
    );
}

/// When a step or a fault begins, and where it says so.
struct Beginning<'a> {
    /// A step or a fault.
    what: &'static str,
    conditions: &'a [Condition],
    placed: &'a [At],
    wait: At,
    /// In nanoseconds of the run.
    earliest: u64,
}

impl Beginning<'_> {
    /// Notes that it comes after the run's end: at the time that says so, or else at what it waits for.
    fn too_late(&self, whole: &Whole<'_>) {
        let Beginning { what, earliest, .. } = self;
        let end = whole.duration.value;
        for (condition, at) in self.conditions.iter().zip(self.placed) {
            if let Condition::At(time) = condition
                && *time > end
            {
                let title = format!("a {what} that begins after the run's end");
                let label = format!("{} is too late", show_duration(*time));
                return too_late(whole, Problem::new(*at, title, label));
            }
        }
        let title = format!("a {what} that cannot begin before the run's end");
        let label = format!("it begins after {} at the earliest", show_duration(*earliest));
        too_late(whole, Problem::new(self.wait, title, label));
    }
}

/// A step that cannot begin before the run's end.
fn begins_in_time(whole: &Whole<'_>, timeline: &Timeline<'_>, number: usize, placed: &Placed) {
    let end = whole.duration.value;
    // A step that waits for what comes too late is no second problem.
    if timeline.before(number).any(|before| timeline.earliest(before) > end)
        || timeline.waits_past(Event::Step(number), end)
    {
        return;
    }
    let earliest = timeline.earliest(number);
    if earliest > end {
        return Beginning {
            what: "step",
            conditions: &placed.step.begin,
            placed: &placed.conditions,
            wait: placed.wait,
            earliest,
        }
        .too_late(whole);
    }
    let others = (placed.step.vms.len() as u64).saturating_sub(1);
    let last = earliest.saturating_add(placed.step.stagger.saturating_mul(others));
    if last > end {
        let title = "a step whose last machine cannot begin before the run's end";
        let label = format!("it begins after {} at the earliest", show_duration(last));
        too_late(whole, Problem::new(placed.at, title, label));
    }
}

/// A fault that cannot begin before the run's end, unless it may change nothing.
fn fault_begins_in_time(whole: &Whole<'_>, timeline: &Timeline<'_>, number: usize, placed: &PlacedFault) {
    let (end, earliest) = (whole.duration.value, timeline.fault(number));
    if placed.fault.may_miss || earliest <= end || timeline.waits_past(Event::Begin(number), end) {
        return;
    }
    Beginning {
        what: "fault",
        conditions: &placed.fault.begin,
        placed: &placed.conditions,
        wait: placed.wait,
        earliest,
    }
    .too_late(whole);
}

/// Machines that the same steps are about, and that differ in nothing else that counts here: one of each kind is looked at.
struct Kinds {
    of: Vec<usize>,
}

impl Kinds {
    fn new(whole: &Whole<'_>) -> Kinds {
        let mut steps: Vec<Vec<usize>> = vec![Vec::new(); whole.vms.len()];
        for (number, placed) in whole.steps.iter().enumerate() {
            for vm in &placed.step.vms {
                steps[*vm].push(number);
            }
        }
        let mut known = BTreeMap::new();
        let of = steps.into_iter().zip(whole.vms).map(|(steps, vm)| {
            let next = known.len();
            *known.entry((steps, vm.journal)).or_insert(next)
        });
        Kinds { of: of.collect() }
    }

    /// One machine of each kind.
    fn one_of_each(&self, vms: &[usize]) -> Vec<Option<usize>> {
        let mut seen = BTreeMap::new();
        for vm in vms {
            seen.entry(self.of[*vm]).or_insert(*vm);
        }
        let mut chosen: Vec<Option<usize>> = seen.into_values().map(Some).collect();
        chosen.sort_unstable();
        chosen
    }
}

/// A condition that nothing brings about in time.
fn comes_true(whole: &Whole<'_>, timeline: &Timeline<'_>, kinds: &Kinds, number: usize, condition: &Condition, at: At) {
    let step = &whole.steps[number].step;
    let (which, points) = match condition {
        Condition::State(which, _) | Condition::WorkloadUp(which, _) => (Some(which), None),
        Condition::PointsStored(which, count) | Condition::PointsProcessed(which, count) => (Some(which), Some(*count)),
        Condition::ServerRegistered(_) | Condition::AgentRegistered(_) => (None, None),
        Condition::At(_) | Condition::Step(..) | Condition::FaultEnded(_) | Condition::FaultBegan(_) => return,
    };
    let own_only = which == Some(&Which::Each) && step.per_vm();
    let vms: Vec<Option<usize>> = match (condition, which) {
        (Condition::AgentRegistered(vm), _) => vec![Some(*vm)],
        (_, None) => vec![None],
        (_, Some(Which::These(vms))) => kinds.one_of_each(vms),
        (_, Some(Which::Each)) if own_only => kinds.one_of_each(&step.vms),
        (_, Some(Which::Each)) => kinds.one_of_each(&(0..whole.vms.len()).collect::<Vec<_>>()),
    };
    let words = causes::words(condition, whole.estate);
    for vm in vms {
        let what = match vm {
            Some(vm) => format!("`{words}` of `{}`", whole.vms[vm].name),
            None => format!("`{words}`"),
        };
        for group in causes::needed(condition, whole.estate) {
            let causes = timeline.causes(&group, vm);
            let problem = if causes.is_empty() {
                Problem::new(at, format!("{what} never comes true"), "no step brings it about").help(format!(
                    "it needs {}{}",
                    one_of(&group),
                    if vm.is_some() { " of this machine" } else { "" }
                ))
            } else if causes
                .iter()
                .all(|cause| timeline.comes_after(*cause, number, vm.filter(|_| own_only)))
            {
                circle(whole, number, causes[0], &what, at)
            } else {
                continue;
            };
            whole.context.diagnosis.push(problem);
            return;
        }
        if let (Some(count), Some(vm)) = (points, vm)
            && !points_suffice(whole, timeline, vm, count, at)
        {
            return;
        }
    }
}

/// A step waits for what only a step after it, or it itself, brings about.
fn circle(whole: &Whole<'_>, number: usize, cause: usize, what: &str, at: At) -> Problem {
    let title = "a step that waits for what comes after itself";
    let problem = Problem::new(at, title, format!("waits for {what}"));
    let cause_step = &whole.steps[cause];
    let name = cause_step
        .step
        .name
        .as_ref()
        .map_or(cause_step.step.word, String::as_str);
    if cause == number {
        return problem.help("only this step brings it about: what a step waits for comes before it");
    }
    problem
        .also(cause_step.at, "only this brings it about, after that step")
        .help(format!(
            "`{name}` comes later in the file, and a step without `at` and `after` waits for the one before it: put `{name}` first"
        ))
}

/// A step `a`, or a step `b`.
fn one_of(causes: &[Cause]) -> String {
    let words: Vec<String> = causes
        .iter()
        .map(|cause| format!("a step `{}`", cause.word()))
        .collect();
    words.join(" or ")
}

/// A change journal smaller than this may overflow by itself, and each copy that follows ends in a point.
const JOURNAL: u64 = 1 << 30;

/// Whether a machine can have so many recovery points within the run; a problem where it cannot.
///
/// Points come at the policy's intervals while the machine is protected, and one more at the end of each copy. A step that takes power or
/// a link away, or moves the machine, costs one copy at the most, a fault that does so two; of other faults there is no telling.
fn points_suffice(whole: &Whole<'_>, timeline: &Timeline<'_>, vm: usize, count: u64, at: At) -> bool {
    let from = timeline
        .causes(&[Cause::Enable], Some(vm))
        .into_iter()
        .map(|step| timeline.earliest(step))
        .min();
    let Some(from) = from.filter(|_| whole.vms[vm].journal >= JOURNAL) else {
        return true;
    };
    let of_faults = whole.faults.iter().map(|placed| causes::copies_of(&placed.fault.what));
    let Some(of_faults) = of_faults.sum::<Option<u64>>() else {
        return true;
    };
    let time = whole.duration.value.saturating_sub(from);
    let (crash, app) = (whole.policy.crash_consistent_every, whole.policy.app_consistent_every);
    let has_home = !timeline.causes(&[Cause::ReprotectHome], Some(vm)).is_empty();
    let shortest = |own: u64, home: u64| {
        if has_home && (own == 0 || own > home) {
            home
        } else {
            own
        }
    };
    let every = |interval: u64| time.checked_div(interval).unwrap_or(0);
    let copies = whole
        .steps
        .iter()
        .filter(|placed| causes::may_copy(&placed.step.what))
        .count() as u64;
    let home = &whole.context.model.failback_policy;
    let most = every(shortest(crash, home.crash_consistent_every))
        + every(shortest(app, home.app_consistent_every))
        + 1
        + copies
        + of_faults;
    if count <= most {
        return true;
    }
    let app = match app {
        0 => String::new(),
        app => format!(" and an app-consistent one every {}", show_duration(app)),
    };
    whole.context.diagnosis.push(
        Problem::new(
            at,
            format!(
                "`{}` cannot have {count} recovery points in this run",
                whole.vms[vm].name
            ),
            format!("at most {most} by its end"),
        )
        .also(whole.duration.at, "the run ends here at the latest")
        .help(format!(
            "it is protected for at most {}, with a crash-consistent point every {}{app}",
            show_duration(time),
            show_duration(crash)
        )),
    );
    false
}

/// An expectation about a machine for which there is no figure, or that cannot hold.
fn has_something_to_look_at(whole: &Whole<'_>, timeline: &Timeline<'_>, kinds: &Kinds, expect: &Located<Expect>) {
    let bound = &expect.value.what;
    let group: &[Cause] = match bound {
        // They can be of a machine that was never protected, or of none.
        Bound::Alert(_) | Bound::State(_) => return,
        Bound::RpoBelow(_)
        | Bound::PointsAtLeast(_)
        | Bound::CaughtUpWithin(_)
        | Bound::RpoAbove(_)
        | Bound::BacklogAbove(_)
        | Bound::NoPoints(_) => &[Cause::Enable],
        Bound::RtoBelow(_) | Bound::FailoverWithin(_) | Bound::LostBelow(_) | Bound::LostBytesBelow(_) => {
            &[Cause::Failover]
        }
        Bound::Verified => &[Cause::TestFailover, Cause::Failover, Cause::Failback],
    };
    let done = |vm: usize| {
        let mut causes = timeline.causes(group, Some(vm)).into_iter();
        causes.any(|step| whole.steps[step].step.expected.ending == Ending::Done)
    };
    let without: Vec<&str> = expect
        .value
        .vms
        .iter()
        .filter(|vm| !done(**vm))
        .map(|vm| whole.vms[*vm].name.as_str())
        .collect();
    if !without.is_empty() {
        let with: Vec<&str> = expect
            .value
            .vms
            .iter()
            .filter(|vm| done(**vm))
            .map(|vm| whole.vms[*vm].name.as_str())
            .collect();
        let label = match without.as_slice() {
            [only] => format!("`{only}` has nothing to look at"),
            [first, others @ ..] => format!("`{first}` and {} more have nothing to look at", others.len()),
            [] => String::new(),
        };
        let problem = Problem::new(expect.at, format!("`{}` has no figure to judge", bound.key()), label)
            .help(format!("it needs {} of the machine, to be done", one_of(group)));
        whole.context.diagnosis.push(if with.is_empty() {
            problem
        } else {
            problem.help(format!("with `vm` it is about some machines only: {}", list(with)))
        });
        return;
    }
    if let Bound::PointsAtLeast(count) = bound {
        for vm in kinds.one_of_each(&expect.value.vms).into_iter().flatten() {
            if !points_suffice(whole, timeline, vm, *count, expect.at) {
                return;
            }
        }
    }
}
