//! Recovery points that the members of a replication group share: the member's side, and the coordinator's.
//!
//! Each member keeps a connection to every member before it and listens for those after it (port 20004). The first that is reached
//! coordinates: whoever reaches nobody before it takes itself for that one. Two that do so at a time do no harm, for a shared point needs the
//! word of *all* members, and a member holds for one point at a time.
//!
//! 1. At the policy's intervals the coordinator has all members mark ([`GroupMessage::Mark`]). A member marks (for an app-consistent point
//!    once its applications are quiet), and from that moment holds the acknowledgements of its guest's writes, up to the model's
//!    `group.hold_longest`.
//! 2. Once all have marked, the coordinator asks whether all hold still. Whoever has let go in between says no: it could wait no longer, or its
//!    process ended and knows of nothing. So nothing about a hold has to be durable, and no old word of it can be believed.
//! 3. Where all hold, the point is shared: a write after one member's mark was acknowledged to nobody before the last member had marked, so
//!    none before the marks was caused by it. The coordinator says so to the process server, again and again until the record is stored.
//! 4. The members are told to go on.
//!
//! A mark is a recovery point of its machine whatever becomes of the shared one. A member that is not asked to mark marks on its own a
//! little after its turn. In the aggregate grain nothing is held, since no write has an event; the rest is the same.

use std::collections::{BTreeMap, BTreeSet};

use datapath::plants::{Plant, planted};
use datapath::replica::{Consistency, SharedPoint};
use datapath::{SimTime, VmId};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Agent, GROUP_ATTEMPT, GROUP_DUE, GROUP_HOLD, GROUP_MARK, GROUP_PEER, GROUP_RETRY};
use crate::facts::{Fact, Severity};
use crate::messages::Body;
use crate::messages::group::{GroupMessage, MarkRefusal, PORT_GROUP};
use crate::nouns::{ReplicationGroup, SharedRecord};
use crate::ports::{ConnId, Env, Frame, Input, NetEvent, TimerId, Token};
use crate::session::{Session, SessionEvent};

/// Who asked for a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asker {
    /// The machine itself coordinates.
    Own,
    /// A member before it.
    Before(VmId),
}

/// A mark that is being made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marking {
    point: SharedPoint,
    consistency: Consistency,
    asker: Asker,
}

/// Acknowledgements are held.
struct Hold {
    point: SharedPoint,
    since: SimTime,
    writes: u64,
    timer: TimerId,
}

/// How far a shared point is, at its coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Marking,
    Asking,
}

/// A shared point that is being made.
struct Attempt {
    point: SharedPoint,
    consistency: Consistency,
    stage: Stage,
    /// Members whose word is missing.
    missing: BTreeSet<VmId>,
    timer: TimerId,
}

/// The machine as a member of its group.
pub(super) struct Group {
    of: ReplicationGroup,
    /// Connections to the members before it.
    before: BTreeMap<VmId, Session>,
    /// Connections of the members after it.
    after: BTreeMap<ConnId, VmId>,
    random: ChaCha8Rng,
    marking: Option<Marking>,
    hold: Option<Hold>,
    attempt: Option<Attempt>,
    /// Shared points whose records are not stored.
    unstored: BTreeMap<SharedPoint, SharedRecord>,
    retry: bool,
    /// When it coordinates the next app-consistent point; none where the policy has none.
    next_app: Option<SimTime>,
    /// Shared points that came to nothing since one was made, and whether that was told.
    failed: (u64, bool),
}

impl Group {
    fn name(&self, vm: VmId) -> &str {
        let of = self.of.members.iter().find(|(member, ..)| *member == vm);
        of.map_or("a member", |(_, name, _)| name)
    }
}

impl Agent {
    /// The protection that begins or goes on is a group's. Points are counted on from those before: no two have one number.
    pub(super) fn join_group(&mut self) {
        let Some(replication) = &self.replication else { return };
        let protection = replication.protection().clone();
        if let Some(mut old) = self.group.take() {
            leave(&mut old, &self.env);
        }
        let Some(of) = protection.group.clone() else { return };
        let own = self.spec.vm.vm;
        self.env.listen(PORT_GROUP);
        let mut before = BTreeMap::new();
        for (vm, _, machine) in of.members.iter().filter(|(vm, ..)| *vm < own) {
            let token = Token {
                what: GROUP_PEER,
                key: u64::from(vm.0),
            };
            let mut session = Session::new(*machine, PORT_GROUP, token);
            session.start(&self.env);
            before.insert(*vm, session);
        }
        if planted(Plant::TalksOutsideItsGroup) {
            let _ = self.env.connect(protection.process_server, PORT_GROUP);
        }
        let app = protection.policy.app_consistent_every;
        self.group = Some(Group {
            of,
            before,
            after: BTreeMap::new(),
            random: self.env.random("group"),
            marking: None,
            hold: None,
            attempt: None,
            unstored: BTreeMap::new(),
            retry: false,
            next_app: (app > 0).then(|| self.env.monotonic().after(app)),
            failed: (0, false),
        });
        self.await_turn();
    }

    /// The protection is over, or only a resynchronization helps.
    pub(super) fn leave_group(&mut self) {
        self.release(false);
        if let Some(mut group) = self.group.take() {
            leave(&mut group, &self.env);
        }
    }

    fn await_turn(&self) {
        let Some(replication) = &self.replication else { return };
        let every = replication
            .protection()
            .policy
            .crash_consistent_every
            .max(1_000_000_000);
        let key = self.generation;
        self.env.timer(every, Token { what: GROUP_DUE, key });
    }

    /// Gives an input to the group's connections; what is none of theirs comes back.
    pub(super) fn group_input(&mut self, mut input: Input) -> Option<Input> {
        let Some(group) = &mut self.group else {
            return Some(input);
        };
        let own = self.spec.vm.vm;
        let peers: Vec<VmId> = group.before.keys().copied().collect();
        for peer in peers {
            let Some(session) = group.before.get_mut(&peer) else {
                continue;
            };
            match session.input(&self.env, input) {
                SessionEvent::NotMine(back) => input = back,
                SessionEvent::Opened => {
                    session.send(&self.env, GroupMessage::Member { vm: own });
                    return None;
                }
                SessionEvent::Received(frame) => {
                    if frame.body == Body::Group(GroupMessage::Alive) {
                        session.settled(&self.env);
                    }
                    self.group_frame(peer, frame);
                    return None;
                }
                SessionEvent::Lost | SessionEvent::Nothing => return None,
            }
        }
        match input {
            Input::Network(NetEvent::Accepted { port: PORT_GROUP, .. }) => None,
            Input::Network(NetEvent::Received { conn, frame }) => {
                if let Body::Group(GroupMessage::Member { vm }) = frame.body {
                    // Nobody else is spoken to.
                    if group.of.members.iter().any(|(member, ..)| *member == vm) {
                        group.after.retain(|_, member| *member != vm);
                        group.after.insert(conn, vm);
                    } else {
                        self.env.close(conn);
                    }
                    return None;
                }
                let Some(peer) = group.after.get(&conn).copied() else {
                    return Some(Input::Network(NetEvent::Received { conn, frame }));
                };
                self.group_frame(peer, *frame);
                None
            }
            Input::Network(NetEvent::Closed { conn }) if group.after.remove(&conn).is_some() => None,
            other => Some(other),
        }
    }

    fn tell_member(&self, vm: VmId, message: GroupMessage) -> bool {
        let Some(group) = &self.group else { return false };
        let body = message;
        if let Some(session) = group.before.get(&vm) {
            return session.send(&self.env, body);
        }
        let conn = group.after.iter().find(|(_, peer)| **peer == vm);
        if let Some((conn, _)) = conn {
            self.env.send(*conn, body);
        }
        conn.is_some()
    }

    fn group_frame(&mut self, peer: VmId, frame: Frame) {
        let Body::Group(message) = frame.body else { return };
        match message {
            GroupMessage::Mark { point, consistency } => self.asked_to_mark(Marking {
                point,
                consistency,
                asker: Asker::Before(peer),
            }),
            GroupMessage::Marked { point } => self.has_marked(peer, point),
            GroupMessage::Refused { point, why } => self.has_refused(peer, point, why),
            GroupMessage::HoldAsk { point } => {
                let held = self.holds(point) || planted(Plant::HoldVoteLies);
                self.tell_member(peer, GroupMessage::Hold { point, held });
            }
            GroupMessage::Hold { point, held } => self.has_held(peer, point, held),
            GroupMessage::Release { point } => {
                if self.holds(point) {
                    self.release(true);
                }
            }
            GroupMessage::Ask => {
                self.tell_member(peer, GroupMessage::Alive);
            }
            GroupMessage::Member { .. } | GroupMessage::Alive => {}
        }
    }

    // The member.

    fn asked_to_mark(&mut self, marking: Marking) {
        let protected = self
            .replication
            .as_ref()
            .is_some_and(super::replication::Replication::can_mark);
        let Some(group) = &mut self.group else { return };
        let busy = group.marking.is_some() || group.hold.is_some();
        if !protected || busy {
            let why = if busy {
                MarkRefusal::Busy
            } else {
                MarkRefusal::NotProtected
            };
            return self.refuse_to_mark(marking, why);
        }
        group.marking = Some(marking);
        let longest = self.env.model.group.mark_within;
        let after = group.random.next_u64() % longest.max(1);
        let key = self.generation;
        self.env.timer(after, Token { what: GROUP_MARK, key });
    }

    fn refuse_to_mark(&mut self, marking: Marking, why: MarkRefusal) {
        let point = marking.point;
        match marking.asker {
            Asker::Own => self.has_refused(self.spec.vm.vm, point, why),
            Asker::Before(peer) => {
                self.tell_member(peer, GroupMessage::Refused { point, why });
            }
        }
    }

    /// The member has come round to marking.
    pub(super) fn group_mark_due(&mut self) {
        let Some(marking) = self.group.as_ref().and_then(|group| group.marking) else {
            return;
        };
        match marking.consistency {
            Consistency::Crash => {
                // In the aggregate grain it is heard what was written before the mark is made.
                self.with(|replication| replication.mark_shared(marking.point));
            }
            Consistency::App => self.with(|replication| replication.quiesce_shared(marking.point)),
        }
    }

    /// The mark of a shared point is made, or could not be.
    pub(super) fn shared_marked(&mut self, point: SharedPoint, made: bool) {
        let now = self.env.now();
        let Some(group) = &mut self.group else { return };
        let Some(marking) = group.marking.take_if(|marking| marking.point == point) else {
            return;
        };
        if !made {
            return self.refuse_to_mark(marking, MarkRefusal::NotQuiesced);
        }
        let key = (self.generation << 32) | u64::from(point.number);
        let timer = self
            .env
            .timer(self.env.model.group.hold_longest, Token { what: GROUP_HOLD, key });
        group.hold = Some(Hold {
            point,
            since: now,
            writes: 0,
            timer,
        });
        match marking.asker {
            Asker::Own => self.has_marked(self.spec.vm.vm, point),
            Asker::Before(peer) => {
                self.tell_member(peer, GroupMessage::Marked { point });
            }
        }
    }

    fn holds(&self, point: SharedPoint) -> bool {
        let hold = self.group.as_ref().and_then(|group| group.hold.as_ref());
        hold.is_some_and(|hold| hold.point == point)
    }

    /// Whether the guest's acknowledgements wait; counts writes that begin to.
    pub(super) fn is_holding(&mut self, writes: u64) -> bool {
        if planted(Plant::ForgetsToHold) {
            return false;
        }
        let Some(hold) = self.group.as_mut().and_then(|group| group.hold.as_mut()) else {
            return false;
        };
        hold.writes += writes;
        !(planted(Plant::HoldLetsOneThrough) && hold.writes <= writes)
    }

    /// The guest goes on: it was told to, or can wait no longer.
    fn release(&mut self, released: bool) {
        let Some(hold) = self.group.as_mut().and_then(|group| group.hold.take()) else {
            return;
        };
        self.env.cancel(hold.timer);
        let life = self.up.as_ref().map(|up| up.life);
        if let Some(life) = life {
            self.env.fact(Fact::Held {
                vm: self.spec.vm.vm,
                life,
                point: hold.point,
                nanoseconds: self.env.now().since(hold.since),
                writes: hold.writes,
                released,
            });
        }
        self.acknowledge();
    }

    pub(super) fn hold_is_over(&mut self) {
        self.release(false);
    }

    // The coordinator.

    fn coordinates(&self) -> bool {
        let Some(group) = &self.group else { return false };
        !group.before.values().any(Session::is_open)
    }

    /// It is time for the group's next point.
    pub(super) fn group_turn(&mut self) {
        self.await_turn();
        // One before it that has lost its power says nothing, and is found out by that.
        for session in self.group.iter_mut().flat_map(|group| group.before.values_mut()) {
            if session.send(&self.env, GroupMessage::Ask) {
                session.owe(&self.env);
            }
        }
        if !self.coordinates() {
            return;
        }
        let ready = self
            .replication
            .as_ref()
            .is_some_and(super::replication::Replication::can_mark);
        let every = self
            .replication
            .as_ref()
            .map_or(0, |replication| replication.protection().policy.app_consistent_every);
        let (now, vm, incarnation) = (self.env.monotonic(), self.spec.vm.vm, self.env.incarnation);
        let protection = self
            .replication
            .as_ref()
            .map_or(0, |replication| replication.protection().protection);
        let Some(group) = &mut self.group else { return };
        if !ready || group.attempt.is_some() || group.marking.is_some() || group.hold.is_some() {
            return;
        }
        let is_app = group.next_app.is_some_and(|at| at <= now);
        if is_app {
            group.next_app = Some(now.after(every));
        }
        let consistency = if is_app { Consistency::App } else { Consistency::Crash };
        self.shared_points += 1;
        let point = SharedPoint {
            coordinator: vm,
            protection,
            incarnation,
            number: self.shared_points,
        };
        let key = (self.generation << 32) | u64::from(point.number);
        let longest = self.env.model.group.attempt_longest;
        let timer = self.env.timer(
            longest,
            Token {
                what: GROUP_ATTEMPT,
                key,
            },
        );
        let members: Vec<VmId> = group.of.members.iter().map(|(member, ..)| *member).collect();
        group.attempt = Some(Attempt {
            point,
            consistency,
            stage: Stage::Marking,
            missing: members.iter().copied().collect(),
            timer,
        });
        let mut others = members.into_iter().filter(|member| *member != vm);
        let unreached = others.find(|member| !self.tell_member(*member, GroupMessage::Mark { point, consistency }));
        if let Some(member) = unreached {
            return self.give_up(&format!(
                "{} does not answer on port {PORT_GROUP}",
                self.member_name(member)
            ));
        }
        self.asked_to_mark(Marking {
            point,
            consistency,
            asker: Asker::Own,
        });
    }

    fn member_name(&self, vm: VmId) -> String {
        let group = self.group.as_ref();
        group.map_or(String::new(), |group| group.name(vm).to_owned())
    }

    fn has_marked(&mut self, member: VmId, point: SharedPoint) {
        if planted(Plant::ReleaseBeforeAllMarked) {
            self.let_go_on(member, point);
        }
        let Some(attempt) = self.attempt_of(point, Stage::Marking) else {
            return;
        };
        attempt.missing.remove(&member);
        if !attempt.missing.is_empty() {
            return;
        }
        if planted(Plant::SharedWithoutAsking) || planted(Plant::ReleaseBeforeAllMarked) {
            return self.decide(point);
        }
        attempt.stage = Stage::Asking;
        let Some(group) = &mut self.group else { return };
        let members: Vec<VmId> = group.of.members.iter().map(|(member, ..)| *member).collect();
        if let Some(attempt) = &mut group.attempt {
            attempt.missing = members.iter().copied().collect();
        }
        let own = self.spec.vm.vm;
        for member in members {
            if member == own {
                let held = self.holds(point);
                self.has_held(own, point, held);
            } else if !self.tell_member(member, GroupMessage::HoldAsk { point }) {
                return self.give_up(&format!(
                    "{} does not answer on port {PORT_GROUP}",
                    self.member_name(member)
                ));
            }
        }
    }

    fn attempt_of(&mut self, point: SharedPoint, stage: Stage) -> Option<&mut Attempt> {
        let attempt = self.group.as_mut()?.attempt.as_mut()?;
        (attempt.point == point && attempt.stage == stage).then_some(attempt)
    }

    fn has_refused(&mut self, member: VmId, point: SharedPoint, why: MarkRefusal) {
        if self.attempt_of(point, Stage::Marking).is_some() {
            let name = self.member_name(member);
            self.give_up(&format!("{name} {}", why.words()));
        }
    }

    fn has_held(&mut self, member: VmId, point: SharedPoint, held: bool) {
        let Some(attempt) = self.attempt_of(point, Stage::Asking) else {
            return;
        };
        if !held {
            let name = self.member_name(member);
            return self.give_up(&format!("{name} could not hold its applications' writes long enough"));
        }
        attempt.missing.remove(&member);
        if attempt.missing.is_empty() {
            self.decide(point);
        }
    }

    /// All hold: the point is shared.
    fn decide(&mut self, point: SharedPoint) {
        let now = self.env.clock();
        let Some(group) = &mut self.group else { return };
        let Some(attempt) = group.attempt.take() else { return };
        self.env.cancel(attempt.timer);
        let record = SharedRecord {
            point,
            group: group.of.group,
            members: group.of.members.iter().map(|(member, ..)| *member).collect(),
            consistency: attempt.consistency,
            decided: now,
        };
        group.failed = (0, false);
        self.env.fact(Fact::SharedPointTried {
            group: record.group,
            point,
            consistency: record.consistency,
            failed: None,
        });
        let members = record.members.clone();
        group.unstored.insert(point, record);
        members.into_iter().for_each(|member| self.let_go_on(member, point));
        self.put_shared();
    }

    fn let_go_on(&mut self, member: VmId, point: SharedPoint) {
        if member != self.spec.vm.vm {
            self.tell_member(member, GroupMessage::Release { point });
        } else if self.holds(point) {
            self.release(true);
        }
    }

    /// The point that is being made comes to nothing.
    fn give_up(&mut self, why: &str) {
        let alert_after = self.env.model.group.alert_after;
        let Some(group) = &mut self.group else { return };
        let Some(attempt) = group.attempt.take() else { return };
        self.env.cancel(attempt.timer);
        let (of, name) = (group.of.group, group.of.name.clone());
        group.failed.0 += 1;
        let tell = !group.failed.1 && group.failed.0 >= alert_after;
        group.failed.1 |= tell;
        let members: Vec<VmId> = group.of.members.iter().map(|(member, ..)| *member).collect();
        self.env.fact(Fact::SharedPointTried {
            group: of,
            point: attempt.point,
            consistency: attempt.consistency,
            failed: Some(why.to_owned()),
        });
        if tell {
            self.env.fact(Fact::Alert {
                vm: Some(self.spec.vm.vm),
                severity: Severity::Warning,
                code: String::new(),
                text: format!("no recovery point of the replication group {name} was shared: {why}"),
            });
        }
        members
            .into_iter()
            .for_each(|member| self.let_go_on(member, attempt.point));
    }

    /// Somebody did not answer in time.
    pub(super) fn attempt_is_over(&mut self, key: u64) {
        let attempt = self.group.as_ref().and_then(|group| group.attempt.as_ref());
        let own = attempt.filter(|attempt| key == ((self.generation << 32) | u64::from(attempt.point.number)));
        if let Some(missing) = own.and_then(|attempt| attempt.missing.first().copied()) {
            let name = self.member_name(missing);
            self.give_up(&format!("{name} did not answer in time"));
        }
    }

    // The record.

    /// Tells the process server of shared points whose records are not stored, and does so again until they are.
    pub(super) fn put_shared(&mut self) {
        let (Some(group), Some(replication)) = (&mut self.group, &mut self.replication) else {
            return;
        };
        if group.unstored.is_empty() {
            return;
        }
        for record in group.unstored.values() {
            replication.put_shared(record.clone());
        }
        if !group.retry {
            group.retry = true;
            let key = self.generation;
            let after = self.env.model.group.retry_after;
            self.env.timer(after, Token { what: GROUP_RETRY, key });
        }
    }

    pub(super) fn shared_retry(&mut self) {
        if let Some(group) = &mut self.group {
            group.retry = false;
        }
        self.put_shared();
    }

    pub(super) fn shared_put(&mut self, point: SharedPoint) {
        if let Some(group) = &mut self.group {
            group.unstored.remove(&point);
        }
    }
}

fn leave(group: &mut Group, env: &Env) {
    group.before.values_mut().for_each(|session| session.stop(env));
    group.after.keys().for_each(|conn| env.close(*conn));
    for timer in group.attempt.iter().map(|attempt| attempt.timer) {
        env.cancel(timer);
    }
}
