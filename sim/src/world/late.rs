//! Packets that a fault keeps back before they go on their way: at the door of a link that is held, or at a machine that answers late.
//!
//! What follows on the same way of a connection waits behind them, for a connection keeps its order. A machine's power cut takes along
//! what is kept back of it.

use std::collections::BTreeMap;

use actors::nouns::MachineId;
use bytes::Bytes;
use datapath::SimTime;

use super::{Carrier, Core, Engine, Entry};
use crate::network::Packet;
use crate::network::connections::Side;
use crate::network::topology::Route;

/// A packet that is kept back.
pub(crate) struct Kept {
    connection: u32,
    toward: Side,
    bytes: u64,
    packet: Packet,
    /// Who sent it, and how often it had been switched on then.
    from: (MachineId, u32),
}

/// What is kept back of a world.
#[derive(Default)]
pub(crate) struct KeptBack {
    /// By link that is held: in the order in which it came.
    held: BTreeMap<u32, Vec<Kept>>,
    /// By way of a connection: packets that have a time to go on, and the latest of these times.
    waiting: BTreeMap<(u32, Side), (u32, SimTime)>,
}

impl Engine {
    /// Keeps a packet back, if a fault says so or something waits before it; otherwise returns it.
    pub(super) fn keep_back(
        &self,
        core: &mut Core,
        (route, from): (Route, MachineId),
        (connection, toward): (u32, Side),
        bytes: u64,
        packet: Packet,
    ) -> Option<Packet> {
        let is_answer = toward == 0 && matches!(packet, Packet::Data(_));
        let late = if is_answer { self.faults.late(from) } else { None };
        let before = core.kept.waiting.get(&(connection, toward)).map(|(_, at)| *at);
        let held = match route {
            Route::Link { link, .. } => Some(link).filter(|link| self.faults.holds(*link)),
            Route::Local => None,
        };
        let twice = is_answer && self.faults.twice(from);
        if !twice && late.is_none() && before.is_none() && held.is_none() {
            return Some(packet);
        }
        let packets = match (twice, &packet) {
            (true, Packet::Data(frame)) => vec![Packet::Data(frame.clone()), packet],
            _ => vec![packet],
        };
        let since = core.machines[from.0 as usize].incarnation;
        for packet in packets {
            let kept = Kept {
                connection,
                toward,
                bytes,
                packet: self.own(packet),
                from: (from, since),
            };
            match held {
                // What waits for its time comes to the door later.
                Some(link) if before.is_none() && late.is_none() => core.kept.held.entry(link).or_default().push(kept),
                _ => {
                    let at = self
                        .now
                        .get()
                        .after(late.unwrap_or(0))
                        .max(before.unwrap_or(SimTime::ZERO));
                    self.pass_at(core, at, kept);
                }
            }
        }
        None
    }

    /// A frame's body was encoded a moment ago, for the log; on real streams that encoding is what is sent.
    fn own(&self, packet: Packet) -> Packet {
        match (packet, &self.carrier) {
            (Packet::Data(frame), Carrier::Turmoil(_)) => {
                let body = Bytes::copy_from_slice(self.log.borrow().last_body());
                Packet::Encoded(body, frame.payload)
            }
            (packet, _) => packet,
        }
    }

    fn pass_at(&self, core: &mut Core, at: SimTime, kept: Kept) {
        let waiting = core
            .kept
            .waiting
            .entry((kept.connection, kept.toward))
            .or_insert((0, at));
        *waiting = (waiting.0 + 1, waiting.1.max(at));
        let host = self.host(kept.from.0);
        self.schedule(core, host, at, Entry::Pass(Box::new(kept)));
    }

    /// A packet has waited long enough.
    pub(super) fn pass_on(&self, kept: Kept) {
        let lives = self.has_lived(kept.from.0, kept.from.1);
        let core = &mut *self.core.borrow_mut();
        let end = (kept.connection, kept.toward);
        if let Some((number, _)) = core.kept.waiting.get_mut(&end) {
            *number -= 1;
            if *number == 0 {
                core.kept.waiting.remove(&end);
            }
        }
        if !lives {
            return;
        }
        let Some((Route::Link { link, back }, _)) = core.connections.way(kept.connection, kept.toward) else {
            return;
        };
        if self.faults.holds(link) {
            core.kept.held.entry(link).or_default().push(kept);
            return;
        }
        if self.faults.loses(link, back) {
            return core.connections.lose(kept.connection);
        }
        self.pass(core, end, kept.bytes, kept.packet);
    }

    /// A link is not held any more.
    pub(super) fn release_held(&self, link: u32) {
        let core = &mut *self.core.borrow_mut();
        for kept in core.kept.held.remove(&link).unwrap_or_default() {
            self.pass_at(core, self.now.get(), kept);
        }
    }
}
