//! The event log: two tiers, facts and frames, in one fixed binary encoding under one digest.
//!
//! A record is: tier (1 byte), time (8), ordinal (8), actor (4), for a frame also receiver's machine (4), port (2), connection (8) and
//! payload size (8), then the length (4) and the postcard encoding of the fact or the frame's body. Numbers are little-endian. Records
//! gather in a block; the chain's next value is BLAKE3(value so far, block). Of a payload only the size enters: bytes follow from facts,
//! and ciphertext under a random key differs from run to run while nothing else does.
//!
//! A frame's body is encoded once, here: the same encoding is what the frame weighs on a wire and what a real wire carries.

pub mod records;

use std::collections::VecDeque;
use std::rc::Rc;

use actors::facts::Fact;
use actors::messages::Body;
use actors::nouns::{ActorId, MachineId};
use actors::ports::{ConnId, Evidence};
use datapath::SimTime;
use datapath::encoded::encode_behind;

use self::records::{NO_ACTOR, NO_PAYLOAD, Record, TIER_FACT, TIER_FRAME};
use crate::run::Observer;
use crate::secrets::Secrets;

const BLOCK_BYTES: usize = 64 * 1024;
/// What a finding shows of the time before it.
const LAST_EVENTS: usize = 200;

/// What the observer has still to see.
enum Seen {
    Fact {
        at: SimTime,
        ordinal: u64,
        actor: Option<ActorId>,
        fact: Fact,
        evidence: Option<Evidence>,
    },
    Frame {
        at: SimTime,
        ordinal: u64,
        actor: ActorId,
        body: Body,
        payload: u64,
    },
}

/// Where a frame goes, as the log names it.
#[derive(Debug, Clone, Copy)]
pub struct Address {
    /// The receiver's machine.
    pub machine: MachineId,
    /// The port that was connected to.
    pub port: u16,
    /// The sender's end of the connection.
    pub conn: ConnId,
}

/// The event log.
pub struct EventLog {
    trace: bool,
    /// The observer is handed the encoding too: of the block from here on, and before it of what was there of blocks that are full.
    encoded: Option<usize>,
    unhanded: Vec<u8>,
    chain: [u8; 32],
    block: Vec<u8>,
    previous: Vec<u8>,
    body_at: usize,
    ordinal: u64,
    frames: u64,
    unseen: Vec<Seen>,
    spare: Vec<Seen>,
    last_facts: VecDeque<(SimTime, u64, Option<ActorId>, Fact)>,
    /// Is shown each block.
    secrets: Option<Rc<Secrets>>,
}

impl EventLog {
    /// An empty log; with `trace`, the observer is shown frames too, with `encoded` it is handed all records as they are encoded.
    #[must_use]
    pub fn new(trace: bool, encoded: bool) -> EventLog {
        EventLog {
            trace,
            encoded: encoded.then_some(0),
            unhanded: Vec::new(),
            chain: [0; 32],
            block: Vec::with_capacity(BLOCK_BYTES * 2),
            previous: Vec::with_capacity(BLOCK_BYTES * 2),
            body_at: 0,
            ordinal: 0,
            frames: 0,
            unseen: Vec::new(),
            spare: Vec::new(),
            last_facts: VecDeque::new(),
            secrets: None,
        }
    }

    /// Shows each block to who looks for secrets.
    #[must_use]
    pub fn watched(self, secrets: &Rc<Secrets>) -> EventLog {
        EventLog {
            secrets: Some(Rc::clone(secrets)),
            ..self
        }
    }

    /// Logs a fact.
    pub fn fact(&mut self, at: SimTime, actor: Option<ActorId>, fact: Fact, evidence: Option<Evidence>) {
        let ordinal = self.begin(TIER_FACT, at, actor);
        self.encode(&fact);
        self.unseen.push(Seen::Fact {
            at,
            ordinal,
            actor,
            fact,
            evidence,
        });
    }

    /// Logs a frame and returns the bytes of its body's encoding.
    pub fn frame(&mut self, at: SimTime, actor: ActorId, to: Address, body: &Body, payload: Option<u64>) -> u64 {
        let ordinal = self.begin(TIER_FRAME, at, Some(actor));
        self.block.extend_from_slice(&to.machine.0.to_le_bytes());
        self.block.extend_from_slice(&to.port.to_le_bytes());
        self.block.extend_from_slice(&to.conn.0.to_le_bytes());
        self.block
            .extend_from_slice(&payload.unwrap_or(NO_PAYLOAD).to_le_bytes());
        self.encode(body);
        self.frames += 1;
        if self.trace {
            self.unseen.push(Seen::Frame {
                at,
                ordinal,
                actor,
                body: body.clone(),
                payload: payload.unwrap_or(0),
            });
        }
        self.last_body().len() as u64
    }

    /// The encoding of the body that was logged last.
    #[must_use]
    pub fn last_body(&self) -> &[u8] {
        &self.block[self.body_at..]
    }

    /// Frames logged.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// How much the observer has to see.
    #[must_use]
    pub fn unseen(&self) -> usize {
        self.unseen.len()
    }

    /// Takes out what the observer has to see, for [`EventLog::show`]: the log is not held while the observer looks.
    fn take_unseen(&mut self) -> Vec<Seen> {
        std::mem::replace(&mut self.unseen, std::mem::take(&mut self.spare))
    }

    /// Takes out what of the encoding was not handed over yet.
    fn take_encoded(&mut self) -> Vec<u8> {
        let Some(from) = self.encoded else { return Vec::new() };
        let mut encoded = std::mem::take(&mut self.unhanded);
        encoded.extend_from_slice(&self.block[from..]);
        self.encoded = Some(self.block.len());
        encoded
    }

    fn keep(&mut self, mut seen: Vec<Seen>) {
        for one in seen.drain(..) {
            if let Seen::Fact {
                at,
                ordinal,
                actor,
                fact,
                ..
            } = one
            {
                if self.last_facts.len() == LAST_EVENTS {
                    self.last_facts.pop_front();
                }
                self.last_facts.push_back((at, ordinal, actor, fact));
            }
        }
        self.spare = seen;
    }

    /// Shows the observer what was logged since it last looked.
    pub fn show(log: &std::cell::RefCell<EventLog>, observer: &mut dyn Observer) {
        let encoded = log.borrow_mut().take_encoded();
        if !encoded.is_empty() {
            observer.encoded(&encoded);
        }
        if log.borrow().unseen() == 0 {
            return;
        }
        let mut seen = log.borrow_mut().take_unseen();
        for one in &mut seen {
            match one {
                Seen::Fact {
                    at,
                    ordinal,
                    actor,
                    fact,
                    evidence,
                } => observer.fact(*at, *ordinal, *actor, fact, evidence.take()),
                Seen::Frame {
                    at,
                    ordinal,
                    actor,
                    body,
                    payload,
                } => observer.frame(*at, *ordinal, *actor, body, *payload),
            }
        }
        log.borrow_mut().keep(seen);
    }

    /// The block is looked at for secrets: once it is full, and at the end of the run.
    pub fn look(&self) {
        if let Some(secrets) = &self.secrets {
            secrets.logged(&self.block);
        }
    }

    /// The digest of all that was logged.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        chained(&self.chain, &self.block)
    }

    /// The last events, one line each, oldest first, for a finding.
    #[must_use]
    pub fn last_events(&self) -> Vec<String> {
        let mut events: Vec<(u64, String)> = Vec::new();
        for (at, ordinal, actor, fact) in &self.last_facts {
            events.push((*ordinal, format!("{at} #{ordinal} {}: {fact:?}", records::name(*actor))));
        }
        for one in &self.unseen {
            if let Seen::Fact {
                at,
                ordinal,
                actor,
                fact,
                ..
            } = one
            {
                events.push((*ordinal, format!("{at} #{ordinal} {}: {fact:?}", records::name(*actor))));
            }
        }
        for block in [&self.previous, &self.block] {
            events.extend(
                records::of(block)
                    .filter(Record::is_frame)
                    .map(|frame| (frame.ordinal, frame.to_string())),
            );
        }
        events.sort();
        let skip = events.len().saturating_sub(LAST_EVENTS);
        events.into_iter().skip(skip).map(|(_, text)| text).collect()
    }

    fn begin(&mut self, tier: u8, at: SimTime, actor: Option<ActorId>) -> u64 {
        if self.block.len() >= BLOCK_BYTES {
            self.chain = chained(&self.chain, &self.block);
            self.look();
            if let Some(from) = &mut self.encoded {
                self.unhanded.extend_from_slice(&self.block[std::mem::take(from)..]);
            }
            std::mem::swap(&mut self.block, &mut self.previous);
            self.block.clear();
        }
        let ordinal = self.ordinal;
        self.ordinal += 1;
        let mut head = [0u8; 21];
        head[0] = tier;
        head[1..9].copy_from_slice(&at.0.to_le_bytes());
        head[9..17].copy_from_slice(&ordinal.to_le_bytes());
        head[17..].copy_from_slice(&actor.map_or(NO_ACTOR, |actor| actor.0).to_le_bytes());
        self.block.extend_from_slice(&head);
        ordinal
    }

    fn encode<T: serde::Serialize>(&mut self, value: &T) {
        let length_at = self.block.len();
        self.block.extend_from_slice(&[0; 4]);
        self.body_at = self.block.len();
        let block = std::mem::take(&mut self.block);
        self.block = encode_behind(value, block);
        let length = (self.block.len() - self.body_at) as u32;
        self.block[length_at..self.body_at].copy_from_slice(&length.to_le_bytes());
    }
}

fn chained(chain: &[u8; 32], block: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(chain);
    hasher.update(block);
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actors::messages::management;
    use std::cell::RefCell;

    struct Count(Vec<u64>);
    impl Observer for Count {
        fn fact(&mut self, _: SimTime, ordinal: u64, _: Option<ActorId>, _: &Fact, evidence: Option<Evidence>) {
            assert!(evidence.is_none());
            self.0.push(ordinal);
        }
        fn frame(&mut self, _: SimTime, ordinal: u64, _: ActorId, _: &Body, _: u64) {
            self.0.push(ordinal);
        }
    }

    fn address() -> Address {
        Address {
            machine: MachineId(3),
            port: 443,
            conn: ConnId(9),
        }
    }

    fn fill(log: &RefCell<EventLog>, count: u64, changed: Option<u64>) {
        let mut observer = Count(Vec::new());
        for n in 0..count {
            let to = MachineId(if changed == Some(n) { 7 } else { 1 });
            let body = Body::from(management::Up::EpochAsk {
                disk: datapath::DiskId {
                    vm: datapath::VmId(1),
                    index: 0,
                },
                sealer: to,
            });
            let bytes = log
                .borrow_mut()
                .frame(SimTime(n), ActorId(2), address(), &body, Some(5));
            assert_eq!(bytes, log.borrow().last_body().len() as u64);
            assert_eq!(postcard::from_bytes::<Body>(log.borrow().last_body()).unwrap(), body);
            let fact = Fact::TestCleaned { vm: datapath::VmId(4) };
            log.borrow_mut().fact(SimTime(n), None, fact, None);
            EventLog::show(log, &mut observer);
        }
        assert_eq!(observer.0.len() as u64, count * if log.borrow().trace { 2 } else { 1 });
        assert!(observer.0.is_sorted());
    }

    #[test]
    fn the_digest_is_that_of_the_content_and_one_changed_field_shows() {
        let digest = |count, changed, trace| {
            let log = RefCell::new(EventLog::new(trace, false));
            fill(&log, count, changed);
            log.borrow().digest()
        };
        let plain = digest(3000, None, false);
        assert_eq!(plain, digest(3000, None, true));
        assert_ne!(plain, digest(3000, Some(0), false));
        assert_ne!(plain, digest(3000, Some(2999), false));
        assert_ne!(plain, digest(2999, None, false));
    }

    #[test]
    fn what_is_handed_over_is_what_the_digest_is_of() {
        struct Handed(Vec<u8>);
        impl Observer for Handed {
            fn fact(&mut self, _: SimTime, _: u64, _: Option<ActorId>, _: &Fact, _: Option<Evidence>) {}
            fn encoded(&mut self, records: &[u8]) {
                self.0.extend_from_slice(records);
            }
        }
        let log = RefCell::new(EventLog::new(false, true));
        let mut handed = Handed(Vec::new());
        for n in 0..5_000 {
            let fact = Fact::TestCleaned { vm: datapath::VmId(n) };
            log.borrow_mut()
                .fact(SimTime(u64::from(n)), Some(ActorId(3)), fact, None);
            if n % 700 == 0 {
                EventLog::show(&log, &mut handed);
            }
        }
        EventLog::show(&log, &mut handed);
        let all: Vec<Record<'_>> = records::of(&handed.0).collect();
        assert_eq!(all.len(), 5_000);
        assert!(all.iter().zip(0..).all(|(record, n)| record.ordinal == n));
        assert!(
            all[4_999].to_string().contains("#4999 actor 3: test-cleaned ("),
            "{}",
            all[4_999]
        );
        // In blocks, as the log has them.
        let (mut chain, mut block) = ([0; 32], Vec::new());
        for record in &all {
            if block.len() >= BLOCK_BYTES {
                chain = chained(&chain, &block);
                block.clear();
            }
            block.extend_from_slice(record.bytes);
        }
        assert_eq!(chained(&chain, &block), log.borrow().digest());
    }

    #[test]
    fn the_last_events_are_told_in_order_with_their_content() {
        let log = RefCell::new(EventLog::new(false, false));
        fill(&log, 3000, None);
        let events = log.borrow().last_events();
        assert_eq!(events.len(), LAST_EVENTS);
        assert!(
            events[198].contains("#5998 actor 2 -> machine 3 port 443 connection 9: ManagementUp(EpochAsk"),
            "{}",
            events[198]
        );
        assert!(events[199].contains("#5999 world: TestCleaned"), "{}", events[199]);
    }
}
