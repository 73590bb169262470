//! Applications: a machine is a tier that writes, asks the next tier, writes once more, and answers.
//!
//! The first tier has clients, which send a request now and then (their own traffic is left out). So a write on one machine is *caused* by a
//! write on another: it is issued by somebody who was told that the other is acknowledged. What is said and heard is a fact of its own.
//! A request whose next tier cannot be reached, or falls silent, fails, and the tier before is told so. Nothing is tried twice.
//!
//! A tier finds the next one where it runs itself: on premises, in Azure, or in the isolated network of a test failover.

use std::collections::{BTreeMap, VecDeque};

use datapath::{Blob, EXTENT_BYTES};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::disks::Look;
use super::writing::{Owner, What};
use super::{CLIENT, Guest, NEXT_TIER, Phase};
use crate::facts::Fact;
use crate::messages::Body;
use crate::messages::application::{PORT_APPLICATION, TierMessage};
use crate::messages::local::Local;
use crate::nouns::{Asked, MachineId};
use crate::ports::{ConnId, Frame, Input, Token};
use crate::session::{Session, SessionEvent};
use crate::spec::{TierSpec, VmSpec};
use crate::workload::Op;

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It writes before it asks.
    Before,
    /// It waits for the next tier.
    Asking,
    /// It writes before it answers.
    After,
}

/// Who asked.
#[derive(Debug, Clone, Copy)]
enum From {
    /// The tier before, and under which name.
    Tier(ConnId, Asked),
    /// A client.
    Client,
    /// A recovery plan's check, by its number.
    Check(u64),
}

/// A request under way.
struct Call {
    tier: usize,
    from: From,
    stage: Stage,
    since: u64,
}

/// A tier at work.
struct Tier {
    spec: TierSpec,
    next: Option<Session>,
    /// Requests of clients that are not answered.
    clients: u32,
    /// Clients whose request waits until there is room for it.
    waiting: u32,
    random: ChaCha8Rng,
}

/// The machine's part in applications.
#[derive(Default)]
pub(super) struct Tiers {
    tiers: Vec<Tier>,
    calls: BTreeMap<u64, Call>,
    next_call: u64,
    /// Requests that are to write once applications go on.
    held: VecDeque<u64>,
    /// Checks under way: requests that are not answered, and whether all were so far.
    checks: BTreeMap<u64, (usize, bool)>,
}

/// The machine on which a copy of `of` runs where `own` runs on `here`.
fn beside(own: &VmSpec, here: MachineId, of: &VmSpec) -> MachineId {
    match here {
        _ if here == own.azure => of.azure,
        _ if here == own.test => of.test,
        _ if here == own.source => of.source,
        _ => of.failback,
    }
}

impl Guest {
    pub(super) fn start_tiers(&mut self) {
        if self.spec.tiers.is_empty() {
            return;
        }
        self.env.listen(PORT_APPLICATION);
        let random = self.env.random("application");
        let specs = self.spec.tiers.clone();
        for (number, spec) in specs.into_iter().enumerate() {
            let mut own = random.clone();
            own.set_stream(number as u64 + 1);
            let next = spec.next.as_ref().map(|next| {
                let machine = beside(&self.spec.vm, self.env.machine, next);
                let what = NEXT_TIER;
                let mut session = Session::new(
                    machine,
                    PORT_APPLICATION,
                    Token {
                        what,
                        key: number as u64,
                    },
                );
                session.start(&self.env);
                session
            });
            let has_clients = spec.clients.is_some();
            self.tiers.tiers.push(Tier {
                spec,
                next,
                clients: 0,
                waiting: 0,
                random: own,
            });
            if has_clients {
                self.await_client(number);
            }
        }
    }

    /// Gives an input to the sessions with next tiers; what is none of theirs comes back.
    pub(super) fn tier_input(&mut self, mut input: Input) -> Option<Input> {
        for number in 0..self.tiers.tiers.len() {
            let Some(session) = &mut self.tiers.tiers[number].next else {
                continue;
            };
            match session.input(&self.env, input) {
                SessionEvent::NotMine(back) => input = back,
                SessionEvent::Received(frame) => {
                    session.settled(&self.env);
                    self.next_tier_said(&frame);
                    return None;
                }
                SessionEvent::Lost => {
                    self.next_tier_lost(number);
                    return None;
                }
                SessionEvent::Opened | SessionEvent::Nothing => return None,
            }
        }
        Some(input)
    }

    fn await_client(&mut self, number: usize) {
        let tier = &mut self.tiers.tiers[number];
        let Some(clients) = tier.spec.clients else { return };
        let after = clients.every / 2 + tier.random.next_u64() % clients.every.max(1);
        let key = number as u64;
        self.env.timer(after, Token { what: CLIENT, key });
    }

    /// A client asks.
    pub(super) fn client_due(&mut self, number: usize) {
        if self.phase != Phase::Running {
            return;
        }
        let tier = &mut self.tiers.tiers[number];
        let most = tier.spec.clients.map_or(0, |clients| clients.outstanding);
        if tier.clients < most {
            tier.clients += 1;
            self.call(number, From::Client);
            self.await_client(number);
        } else {
            // The others are answered first.
            tier.waiting = 1;
        }
    }

    /// A tier before asks.
    pub(super) fn tier_asked(&mut self, conn: ConnId, application: u32, asked: Asked) {
        let tiers = &self.tiers.tiers;
        let tier = tiers.iter().position(|tier| tier.spec.application == application);
        match tier.filter(|_| self.phase == Phase::Running) {
            Some(tier) => {
                self.heard(asked, false);
                self.call(tier, From::Tier(conn, asked));
            }
            None => self.env.send(conn, TierMessage::Answer { asked, done: false }),
        }
    }

    /// A recovery plan asks whether the machine does its work: each of its tiers answers a request, through those behind it. A machine without
    /// one answers once its workload does.
    pub(super) fn check(&mut self, check: u64) {
        if self.phase != Phase::Running || !self.answered {
            return self.check_ends(check, Some("its workload has not answered yet"));
        }
        let tiers = self.tiers.tiers.len();
        if tiers == 0 {
            return self.check_ends(check, None);
        }
        if self.tiers.checks.contains_key(&check) {
            // Asked again before the first is answered.
            return;
        }
        self.tiers.checks.insert(check, (tiers, true));
        (0..tiers).for_each(|tier| self.call(tier, From::Check(check)));
    }

    fn check_answered(&mut self, check: u64, done: bool) {
        let Some((left, all)) = self.tiers.checks.get_mut(&check) else {
            return;
        };
        *left -= 1;
        *all &= done;
        if *left == 0 {
            let refused = (!*all).then_some("a tier of its application does not answer");
            self.tiers.checks.remove(&check);
            self.check_ends(check, refused);
        }
    }

    fn check_ends(&self, check: u64, refused: Option<&str>) {
        self.tell_hypervisor(Local::Checked {
            machine: self.env.machine,
            check,
            refused: refused.map(str::to_owned),
        });
    }

    fn call(&mut self, tier: usize, from: From) {
        self.tiers.next_call += 1;
        let number = self.tiers.next_call;
        let call = Call {
            tier,
            from,
            stage: Stage::Before,
            since: self.env.now().0,
        };
        self.tiers.calls.insert(number, call);
        self.tier_writes(number);
    }

    /// Issues what a request writes at its stage.
    fn tier_writes(&mut self, number: u64) {
        if self.freeze.is_some() {
            return self.tiers.held.push_back(number);
        }
        let Some(call) = self.tiers.calls.get(&number) else {
            return;
        };
        let (tier, stage) = (call.tier, call.stage);
        let spec = &self.tiers.tiers[tier].spec;
        let bytes = match stage {
            Stage::Before => spec.writes_before,
            Stage::Asking | Stage::After => spec.writes_after,
        };
        let disk_bytes = self.disk(spec.disk).map(|disk| disk.bytes);
        let Some(disk_bytes) = disk_bytes.filter(|all| bytes > 0 && *all >= bytes) else {
            return self.tier_wrote(number);
        };
        let tier = &mut self.tiers.tiers[tier];
        let places = (disk_bytes - bytes) / EXTENT_BYTES + 1;
        let offset = tier.random.next_u64() % places * EXTENT_BYTES;
        let look = Look {
            seed: self.seed,
            random_bytes: tier.spec.random_bytes,
            class: tier.spec.class,
        };
        let disk = tier.spec.disk;
        self.issue(Owner::Tier(number), disk, Op::Write { offset, bytes }, What::New(look));
    }

    /// What a request wrote is acknowledged.
    pub(super) fn tier_wrote(&mut self, number: u64) {
        let asked = Asked {
            by: self.life(),
            request: number,
        };
        let Some(call) = self.tiers.calls.get_mut(&number) else {
            return;
        };
        if call.stage != Stage::Before {
            return self.tier_answers(number, true);
        }
        let tier = &mut self.tiers.tiers[call.tier];
        let Some(session) = &mut tier.next else {
            call.stage = Stage::After;
            return self.tier_writes(number);
        };
        if !session.is_open() || self.phase != Phase::Running {
            return self.tier_answers(number, false);
        }
        call.stage = Stage::Asking;
        let application = tier.spec.application;
        let payload = Blob::real(vec![0; tier.spec.ask_bytes as usize]);
        session.owe(&self.env);
        session.send_with(&self.env, TierMessage::Ask { application, asked }, payload);
        self.said(asked, false);
    }

    fn next_tier_said(&mut self, frame: &Frame) {
        let Body::Tier(message) = frame.body else { return };
        let (asked, done) = match message {
            TierMessage::Answer { asked, done } => (asked, done),
            // Comes on a connection from the tier before.
            TierMessage::Ask { .. } => return,
        };
        let waits = self.tiers.calls.get_mut(&asked.request);
        let Some(call) = waits.filter(|call| call.stage == Stage::Asking) else {
            return;
        };
        if done {
            call.stage = Stage::After;
            self.heard(asked, true);
            self.tier_writes(asked.request);
        } else {
            self.tier_answers(asked.request, false);
        }
    }

    fn next_tier_lost(&mut self, tier: usize) {
        let calls = self.tiers.calls.iter();
        let waits = calls.filter(|(_, call)| call.tier == tier && call.stage == Stage::Asking);
        let waits: Vec<u64> = waits.map(|(number, _)| *number).collect();
        waits.into_iter().for_each(|number| self.tier_answers(number, false));
    }

    fn tier_answers(&mut self, number: u64, done: bool) {
        let Some(call) = self.tiers.calls.remove(&number) else {
            return;
        };
        let tier = &mut self.tiers.tiers[call.tier];
        match call.from {
            From::Tier(conn, asked) => {
                let payload = Blob::real(vec![0; tier.spec.answer_bytes as usize]);
                let answer = TierMessage::Answer { asked, done };
                if done {
                    self.said(asked, true);
                }
                self.env.send_with(conn, answer, payload);
            }
            From::Client | From::Check(_) => {
                let of_client = matches!(call.from, From::Client);
                tier.clients -= u32::from(of_client);
                let waits = of_client && std::mem::take(&mut tier.waiting) > 0;
                let application = tier.spec.application;
                self.env.fact(Fact::RequestEnded {
                    vm: self.spec.vm.vm,
                    life: self.life(),
                    application,
                    done,
                    nanoseconds: self.env.now().0 - call.since,
                });
                if let From::Check(check) = call.from {
                    self.check_answered(check, done);
                }
                if waits {
                    self.client_due(call.tier);
                }
            }
        }
    }

    /// Applications go on after they were quiesced.
    pub(super) fn tiers_go_on(&mut self) {
        for number in std::mem::take(&mut self.tiers.held) {
            self.tier_writes(number);
        }
    }

    fn said(&self, asked: Asked, answer: bool) {
        let (vm, life) = (self.spec.vm.vm, self.life());
        self.env.fact(Fact::Said {
            vm,
            life,
            asked,
            answer,
        });
    }

    fn heard(&self, asked: Asked, answer: bool) {
        let (vm, life) = (self.spec.vm.vm, self.life());
        self.env.fact(Fact::Heard {
            vm,
            life,
            asked,
            answer,
        });
    }
}
