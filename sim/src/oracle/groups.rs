//! Replication groups: what members knew of each other, the recovery points that they share, and what holding cost their guests.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use actors::facts::{Fact, StepOutcome};
use actors::messages::group::PORT_GROUP;
use actors::nouns::{Asked, FailoverKind, ItemState, Life, MachineId, PointChoice};
use actors::spec::GroupSpec;
use datapath::replica::{Mark, SharedPoint};
use datapath::{SimTime, VmId, WriteSeq};
use hdrhistogram::Histogram;

use super::Oracle;
use super::outages::Needs;
use super::paths::From;
use crate::findings::Component;
use crate::invariants::bound::Waited;
use crate::invariants::shared_points_are_causal::{self, Broken, Held, Known};
use crate::invariants::{groups_talk_alone, shared_points_are_made};
use crate::metrics::{GroupResult, HoldResult};
use crate::spec::WorldSpec;

/// What a machine was told of others.
#[derive(Default)]
struct Knowledge {
    /// Now.
    known: Known,
    /// Its own writes that were acknowledged to it.
    acknowledged: WriteSeq,
    /// What it knew when it wrote what comes after a write, in order.
    since: VecDeque<(WriteSeq, Known)>,
}

impl Knowledge {
    /// What it knew when it wrote the last of what a mark holds; older entries are not asked for again.
    fn at(&mut self, seq: WriteSeq) -> Known {
        while self.since.get(1).is_some_and(|(after, _)| *after < seq) {
            self.since.pop_front();
        }
        let first = self.since.front().filter(|(after, _)| *after < seq);
        first.map_or_else(Known::new, |(_, known)| known.clone())
    }
}

/// A point that members share, or are to.
#[derive(Default)]
struct Shared {
    /// Of each member, the last write that it holds and what was known by then.
    marks: BTreeMap<VmId, (WriteSeq, Known)>,
    /// When its record was stored, counted.
    stored: Option<u64>,
    processed: BTreeSet<VmId>,
    verified: BTreeSet<VmId>,
    causal: bool,
    judged: bool,
}

/// What holding acknowledgements cost one machine.
struct Holds {
    /// Written and not acknowledged.
    waiting: VecDeque<(WriteSeq, SimTime)>,
    /// By how much acknowledgements that were held came later, in microseconds.
    added: Histogram<u64>,
    times: u64,
    nanoseconds: u64,
    /// Requests that waited for others to be acknowledged, and how long together.
    requests: u64,
    waited: u64,
}

impl Default for Holds {
    fn default() -> Holds {
        Holds {
            waiting: VecDeque::new(),
            added: Histogram::new(3).expect("three digits are a precision"),
            times: 0,
            nanoseconds: 0,
            requests: 0,
            waited: 0,
        }
    }
}

/// The last write that a member failed over to, what was known by then, the shared point.
type Taken = (WriteSeq, Known, Option<SharedPoint>);

/// A group.
struct Group {
    spec: GroupSpec,
    /// Since when all members are protected.
    protected: Option<SimTime>,
    /// When the newest shared point was stored.
    newest: SimTime,
    tried: u64,
    failed: u64,
    why: Option<String>,
    points: BTreeMap<SharedPoint, Shared>,
    stored: u64,
    /// What members failed over to, by kind: the last write, what was known by then, the shared point.
    taken: BTreeMap<FailoverKind, BTreeMap<VmId, Taken>>,
}

/// All groups.
#[derive(Default)]
pub(super) struct Groups {
    groups: Vec<Group>,
    group_of: BTreeMap<VmId, usize>,
    /// Machines of each group.
    machines: Vec<BTreeSet<MachineId>>,
    tests: BTreeSet<MachineId>,
    knowledge: BTreeMap<VmId, Knowledge>,
    said: BTreeMap<(Asked, bool), Known>,
    /// What was known at marks of the newest protections.
    marks: BTreeMap<(VmId, u32, u64), (Mark, Known)>,
    holds: BTreeMap<VmId, Holds>,
    /// Choices of the failovers that were asked for, and the newest point that its group shared then.
    asked: BTreeMap<(VmId, FailoverKind), (PointChoice, Option<u64>)>,
    /// What the model's times allow no group to do.
    hopeless: bool,
}

impl Groups {
    /// Those of a world.
    pub fn new(spec: &WorldSpec) -> Groups {
        let group = |spec: &GroupSpec| Group {
            spec: spec.clone(),
            protected: None,
            newest: SimTime::ZERO,
            tried: 0,
            failed: 0,
            why: None,
            points: BTreeMap::new(),
            stored: 0,
            taken: BTreeMap::new(),
        };
        let mut groups = Groups {
            groups: spec.groups.iter().map(group).collect(),
            // A member that needs longer to mark than others can hold.
            hopeless: spec.model.group.mark_within >= spec.model.group.hold_longest,
            ..Groups::default()
        };
        if spec.groups.is_empty() {
            return groups;
        }
        groups.tests = spec.vms.iter().map(|vm| vm.test).collect();
        for (number, group) in spec.groups.iter().enumerate() {
            let mut machines = BTreeSet::new();
            for vm in spec.vms.iter().filter(|vm| group.members.contains(&vm.vm)) {
                groups.group_of.insert(vm.vm, number);
                groups.holds.insert(vm.vm, Holds::default());
                machines.extend([vm.source, vm.failback, vm.azure]);
            }
            groups.machines.push(machines);
        }
        groups.knowledge = spec.vms.iter().map(|vm| (vm.vm, Knowledge::default())).collect();
        groups
    }

    /// The figures of all groups.
    pub fn finish(self) -> Vec<GroupResult> {
        let mut holds = self.holds;
        let one = |group: Group| {
            let made = |shared: &&Shared| shared.stored.is_some() && shared.processed.len() == group.spec.members.len();
            let members = group.spec.members.iter();
            let of = members.map(|vm| holds.remove(vm).unwrap_or_default().result(*vm));
            GroupResult {
                name: group.spec.name.clone(),
                holds: of.collect(),
                tried: group.tried,
                failed: group.failed,
                why: group.why,
                stored: group.stored,
                made: group.points.values().filter(made).count() as u64,
                verified: group
                    .points
                    .values()
                    .filter(made)
                    .filter(|shared| shared.causal && shared.verified.len() == group.spec.members.len())
                    .count() as u64,
            }
        };
        self.groups.into_iter().map(one).collect()
    }
}

impl Holds {
    fn result(&self, vm: VmId) -> HoldResult {
        HoldResult {
            vm,
            times: self.times,
            nanoseconds: self.nanoseconds,
            writes: self.added.len(),
            added_us_p50: self.added.value_at_quantile(0.5),
            added_us_p99: self.added.value_at_quantile(0.99),
            added_us_max: self.added.max(),
            requests: self.requests,
            waited: self.waited,
        }
    }
}

impl Oracle {
    /// Takes in a fact, after all else has.
    pub(super) fn group_fact(&mut self, at: SimTime, fact: &Fact) {
        if self.groups.groups.is_empty() {
            return;
        }
        match fact {
            Fact::Wrote { vm, life, seq, .. } => self.member_wrote(at, *vm, *life, *seq),
            Fact::Acknowledged { vm, life, through } => self.member_acknowledged(at, *vm, *life, *through),
            Fact::Said {
                vm,
                life,
                asked,
                answer,
                ..
            } if !self.groups.tests.contains(&life.machine) => {
                if let Some(of) = self.groups.knowledge.get(vm) {
                    let mut known = of.known.clone();
                    known.insert(*vm, of.acknowledged);
                    self.groups.said.insert((*asked, *answer), known);
                }
            }
            Fact::Heard {
                vm,
                life,
                asked,
                answer,
                ..
            } if !self.groups.tests.contains(&life.machine) => self.member_heard(*vm, *life, (*asked, *answer)),
            Fact::LifeStarted {
                vm,
                life,
                parent: Some((_, seq)),
                ..
            } if !self.groups.tests.contains(&life.machine) => self.member_recovered(*vm, *seq),
            Fact::ProtectionStarted { vm, .. } => self.groups.marks.retain(|(of, ..), _| of != vm),
            Fact::PointPruned {
                vm, protection, point, ..
            } => {
                self.groups.marks.remove(&(*vm, *protection, *point));
            }
            Fact::BatchCut {
                vm,
                protection,
                mark: Some(mark),
                ..
            } => self.member_marked(at, *vm, *protection, mark),
            Fact::SharedPointTried { group, failed, .. } => {
                if let Some(group) = self.groups.groups.get_mut(*group as usize) {
                    group.tried += 1;
                    group.failed += u64::from(failed.is_some());
                    group.why = failed.clone().or(group.why.take());
                }
            }
            Fact::SharedStored { group, point, .. } => self.shared_stored(at, *group as usize, *point),
            Fact::PointProcessed {
                vm, protection, mark, ..
            } => self.member_processed(*vm, *protection, mark),
            Fact::Held { vm, nanoseconds, .. } => {
                if let Some(holds) = self.groups.holds.get_mut(vm) {
                    holds.times += 1;
                    holds.nanoseconds += nanoseconds;
                }
            }
            Fact::WorkloadWaited {
                vm,
                requests,
                nanoseconds,
                ..
            } => {
                if let Some(holds) = self.groups.holds.get_mut(vm) {
                    holds.requests += requests;
                    holds.waited += nanoseconds;
                }
            }
            Fact::State { vm, .. } => self.member_state(at, *vm),
            Fact::Step {
                step,
                outcome: StepOutcome::Started,
            } => self.failover_asked(*step),
            Fact::Recovered {
                vm,
                protection,
                kind,
                point,
                seq,
                ..
            } => self.member_taken(at, *vm, *kind, (*protection, *point), *seq),
            Fact::Connected { from, to, port } if *port == PORT_GROUP => {
                let violations = groups_talk_alone::check(*from, *to, &self.groups.machines);
                self.ledger.check(at, None, violations);
            }
            _ => {}
        }
    }

    // What machines know.

    fn member_wrote(&mut self, at: SimTime, vm: VmId, life: Life, seq: WriteSeq) {
        if self.groups.tests.contains(&life.machine) {
            return;
        }
        if let Some(holds) = self.groups.holds.get_mut(&vm) {
            holds.waiting.push_back((seq, at));
        }
    }

    fn member_acknowledged(&mut self, at: SimTime, vm: VmId, life: Life, through: WriteSeq) {
        if self.groups.tests.contains(&life.machine) {
            return;
        }
        if let Some(of) = self.groups.knowledge.get_mut(&vm) {
            of.acknowledged = through;
        }
        if let Some(holds) = self.groups.holds.get_mut(&vm) {
            while let Some((_, wrote)) = holds.waiting.front().copied().filter(|(seq, _)| *seq <= through) {
                holds.waiting.pop_front();
                if wrote < at {
                    holds
                        .added
                        .record(at.since(wrote) / 1_000)
                        .expect("the histogram grows as needed");
                }
            }
        }
    }

    fn member_heard(&mut self, vm: VmId, life: Life, message: (Asked, bool)) {
        let last = self.vms.get(&vm).and_then(|track| track.guests.life(life));
        let Some(last) = last.map(|life| life.last) else { return };
        let Some(told) = self.groups.said.remove(&message) else {
            return;
        };
        let Some(of) = self.groups.knowledge.get_mut(&vm) else {
            return;
        };
        let mut news = false;
        for (other, through) in told.into_iter().filter(|(other, _)| *other != vm) {
            let known = of.known.entry(other).or_default();
            news |= *known < through;
            *known = (*known).max(through);
        }
        if news {
            of.since.push_back((last, of.known.clone()));
        }
    }

    /// A machine goes on from a recovered point: what it wrote after it never was.
    fn member_recovered(&mut self, vm: VmId, seq: WriteSeq) {
        for (of, knowledge) in &mut self.groups.knowledge {
            if *of == vm {
                let known = knowledge.at(seq);
                *knowledge = Knowledge {
                    known: known.clone(),
                    acknowledged: seq,
                    since: VecDeque::from([(WriteSeq::START, known)]),
                };
            } else if let Some(known) = knowledge.known.get_mut(&vm) {
                *known = (*known).min(seq);
                for (_, known) in &mut knowledge.since {
                    known.entry(vm).and_modify(|known| *known = (*known).min(seq));
                }
            }
        }
        for known in self.groups.said.values_mut() {
            known.entry(vm).and_modify(|known| *known = (*known).min(seq));
        }
        if let Some(holds) = self.groups.holds.get_mut(&vm) {
            holds.waiting.clear();
        }
    }

    // Shared points.

    fn member_marked(&mut self, at: SimTime, vm: VmId, protection: u32, mark: &Mark) {
        let Some(group) = self.groups.group_of.get(&vm).copied() else {
            return;
        };
        let Some(of) = self.groups.knowledge.get_mut(&vm) else {
            return;
        };
        let known = of.at(mark.seq);
        let key = (vm, protection, mark.point);
        self.groups.marks.insert(key, (*mark, known.clone()));
        if let Some(shared) = mark.shared {
            let points = &mut self.groups.groups[group].points;
            points.entry(shared).or_default().marks.insert(vm, (mark.seq, known));
            self.judge_shared(at, group, shared);
        }
    }

    fn shared_stored(&mut self, at: SimTime, group: usize, point: SharedPoint) {
        let Some(of) = self.groups.groups.get_mut(group) else {
            return;
        };
        let shared = of.points.entry(point).or_default();
        if shared.stored.is_some() {
            return;
        }
        of.stored += 1;
        shared.stored = Some(of.stored);
        self.group_waited(at, group);
        self.groups.groups[group].newest = at;
        self.judge_shared(at, group, point);
    }

    /// A shared point is judged once its record is stored and all members' marks are cut.
    fn judge_shared(&mut self, at: SimTime, group: usize, point: SharedPoint) {
        let of = &mut self.groups.groups[group];
        let Some(shared) = of.points.get_mut(&point) else {
            return;
        };
        if shared.stored.is_none() || shared.judged || shared.marks.len() < of.spec.members.len() {
            return;
        }
        let name = of.spec.name.to_string();
        let holds = Held::Point(point.number, name.clone());
        let violations = shared_points_are_causal::check(&holds, &shared.marks);
        (shared.judged, shared.causal) = (true, violations.is_empty());
        shared.marks.clear();
        self.ledger.check(at, Component::Group(name), violations);
    }

    fn member_processed(&mut self, vm: VmId, protection: u32, mark: &Mark) {
        let (Some(group), Some(shared)) = (self.groups.group_of.get(&vm).copied(), mark.shared) else {
            return;
        };
        let track = self.vms.get(&vm);
        let point = track.and_then(|track| track.protections.get(&protection)?.points.get(&mark.point));
        let verified = point.is_some_and(|point| point.verified);
        let shared = self.groups.groups[group].points.entry(shared).or_default();
        shared.processed.insert(vm);
        if verified {
            shared.verified.insert(vm);
        }
    }

    // Failovers.

    fn failover_asked(&mut self, step: u32) {
        for (vm, kind, choice) in self.plan.failovers.get(&step).cloned().unwrap_or_default() {
            self.member_asked(vm, kind, choice);
        }
    }

    fn member_asked(&mut self, vm: VmId, kind: FailoverKind, choice: PointChoice) {
        let Some(group) = self.groups.group_of.get(&vm).map(|group| &self.groups.groups[*group]) else {
            return;
        };
        let whole = |shared: &&Shared| shared.processed.len() == group.spec.members.len();
        let newest = group
            .points
            .values()
            .filter(whole)
            .filter_map(|shared| shared.stored)
            .max();
        self.groups.asked.insert((vm, kind), (choice, newest));
    }

    fn member_taken(
        &mut self,
        at: SimTime,
        vm: VmId,
        kind: FailoverKind,
        (protection, point): (u32, u64),
        seq: WriteSeq,
    ) {
        let Some(number) = self.groups.group_of.get(&vm).copied() else {
            return;
        };
        let known = self.groups.marks.get(&(vm, protection, point));
        let (shared, known) = known.map_or((None, Known::new()), |(mark, known)| (mark.shared, known.clone()));
        let asked = self.groups.asked.remove(&(vm, kind));
        let of = &mut self.groups.groups[number];
        let group = of.spec.name.to_string();
        let name = || group.clone();
        let mut violations = Vec::new();
        if let Some((PointChoice::LatestMultiVm, newest)) = asked {
            let taken = shared.and_then(|shared| of.points.get(&shared)?.stored);
            match taken {
                None => violations.push(Broken::PointNotShared {
                    group: name(),
                    vm,
                    point,
                }),
                Some(taken) if newest.is_some_and(|newest| taken < newest) => {
                    violations.push(Broken::OlderPointTaken { group: name(), vm })
                }
                Some(_) => {}
            }
        }
        let taken = of.taken.entry(kind).or_default();
        taken.insert(vm, (seq, known, shared));
        if taken.len() == of.spec.members.len() {
            let taken = std::mem::take(taken);
            let same = taken.values().all(|(_, _, of)| of.is_some() && *of == shared);
            if same || kind == FailoverKind::Failback {
                let points = taken.into_iter().map(|(vm, (seq, known, _))| (vm, (seq, known)));
                let holds = Held::FailedOver(name());
                violations.extend(shared_points_are_causal::check(&holds, &points.collect()));
            }
        }
        self.ledger.check(at, Component::Group(group), violations);
    }

    // Liveness.

    fn member_state(&mut self, at: SimTime, vm: VmId) {
        let Some(number) = self.groups.group_of.get(&vm).copied() else {
            return;
        };
        let protected =
            |state: Option<ItemState>| matches!(state, Some(ItemState::Protected | ItemState::ProtectedReverse));
        let members = &self.groups.groups[number].spec.members;
        let all = members
            .iter()
            .all(|member| protected(self.vms.get(member).and_then(|track| track.state)));
        if !all {
            self.group_waited(at, number);
        }
        let group = &mut self.groups.groups[number];
        match all {
            true => {
                group.protected.get_or_insert(at);
            }
            false => group.protected = None,
        }
    }

    /// How long a group has shared nothing is held to its bound.
    fn group_waited(&mut self, at: SimTime, number: usize) {
        let group = &self.groups.groups[number];
        let Some(protected) = group.protected.filter(|_| !self.groups.hopeless) else {
            return;
        };
        let since = protected.max(group.newest);
        let mut needs = Needs::default();
        for member in &group.spec.members {
            let own = self.liveness.needs(*member, From::Source);
            needs.machines.extend(own.machines);
            needs.links.extend(own.links);
        }
        let pause = group.spec.members.iter().map(|member| self.liveness.pause(*member));
        let (lived, outages) = self.liveness.lived(&needs, since, at);
        let waited = Waited {
            since,
            until: at,
            lived,
            outages,
            planned: 2 * pause.max().unwrap_or(0) + self.model.group.attempt_longest,
            work: 0,
            bounds: self.liveness.bounds(),
        };
        let violations = shared_points_are_made::check(&group.spec.name, &waited);
        let component = Component::Group(group.spec.name.to_string());
        self.ledger.check(at, component, violations);
    }

    /// The end of the run.
    pub(super) fn finish_groups(&mut self) {
        for number in 0..self.groups.groups.len() {
            self.group_waited(self.now, number);
        }
    }
}
