//! A link: it relays packets at its rate, with its latency, fairly between connections.
//!
//! Each direction is a [`Direction`] of its own. A packet weighs what TCP and Ethernet make of its bytes ([`TcpModel::wire_bytes`]). It is
//! through when its last byte has been served, and leaves after the latency. Of a packet that comes to an idle direction, and of those
//! behind it as long as they are of the same connection and it has window left for all of them, the time at which each is through is known
//! when it is offered, and its departure is put into the queue at once; when a second connection joins, or the window is spent, those
//! departures are taken back and the link wakes itself instead: after the latency, because what is through by then has still to leave. Both ways are exact and agree; the first costs one
//! entry a packet.
//!
//! What it carried is logged as [`Fact::LinkUse`] for each interval of [`USE_INTERVAL`] and direction in which it carried something, and
//! once more at the end of the run. Whole bytes are counted; parts of packets count where they passed.
//!
//! It can be cut (what waits or is on its way is lost, what is offered is lost, and the connections concerned are dead), restored, and
//! degraded.

pub mod door;
pub mod fair;
pub mod tcp_model;
pub mod window;

use std::collections::VecDeque;

use actors::facts::Fact;
use datapath::SimTime;
use datapath::plants::{Plant, planted};

use crate::network::Packet;
use crate::network::connections::Side;
use crate::queue::Handle;
use crate::spec::LinkSpec;
use crate::world::{Engine, Entry};
use fair::{Direction, Through};
use tcp_model::TcpModel;
use window::Pace;

/// How often the use of a link is logged.
pub const USE_INTERVAL: u64 = 60_000_000_000;

/// What happens to a link.
#[derive(Debug)]
pub enum LinkEvent {
    /// A packet wants to pass.
    Offer {
        /// Direction.
        back: bool,
        /// Connection.
        connection: u32,
        /// The end it goes to.
        toward: Side,
        /// Its bytes: body and payload.
        bytes: u64,
        /// The packet.
        packet: Packet,
    },
    /// A packet is through.
    Work {
        /// Direction.
        back: bool,
    },
    /// The use of the link is due to be logged.
    Sample,
    /// A sender lost its power: what it had waiting is gone.
    Gone {
        /// Connections, and the end that the packets go to.
        ends: Vec<(u32, Side)>,
    },
    /// It is changed from outside.
    Change(LinkChange),
}

/// Changes to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkChange {
    /// Nothing passes any more, in silence.
    Cut,
    /// It works again as it did before it was cut.
    Restore,
    /// It has another rate, latency and loss from now on.
    Degrade {
        /// Bits per second.
        bits_per_second: u64,
        /// Nanoseconds, one way.
        latency: u64,
        /// Packets lost per million.
        loss_per_million: u32,
    },
}

enum Cargo {
    /// The link wakes itself for it.
    Waiting(Packet),
    /// Its departure is in the queue.
    Leaving(Handle),
}

struct Way {
    direction: Direction<Cargo>,
    /// All that is in it has its departure in the queue.
    express: bool,
    wake: Option<(SimTime, Handle)>,
    /// What is through and on its way to the other end, in order: when it leaves, and its place in the queue.
    leaving: VecDeque<(SimTime, u64, Handle)>,
    /// Nothing departs before this: where the latency has sunk, nothing overtakes what departed before.
    floor: SimTime,
    sampled: SimTime,
    sampled_bytes: u64,
}

/// A link of a world.
pub struct Link {
    number: u32,
    tcp: TcpModel,
    latency: u64,
    cut: bool,
    ways: [Way; 2],
    /// What is through and has still to depart; empty between two events.
    through: Vec<Through<Cargo>>,
    sampling: bool,
}

impl Link {
    /// A link on which nothing is.
    #[must_use]
    pub fn new(number: u32, spec: &LinkSpec, tcp: &TcpModel) -> Link {
        let mut tcp = *tcp;
        if planted(Plant::LinkWithoutSlowStart) {
            tcp.initial_window_segments = tcp.maximum_window_segments;
        }
        let planted_rate = spec.bits_per_second / 20 * u64::from(planted(Plant::LinkTooFast));
        let rate = spec.bits_per_second + planted_rate;
        let way = || Way {
            direction: Direction::new(Pace::new(&tcp, rate, spec.latency, spec.loss_per_million)),
            express: true,
            wake: None,
            leaving: VecDeque::new(),
            floor: SimTime::ZERO,
            sampled: SimTime::ZERO,
            sampled_bytes: 0,
        };
        Link {
            number,
            tcp,
            latency: if planted(Plant::LinkWithoutLatency) {
                0
            } else {
                spec.latency
            },
            cut: false,
            ways: [way(), way()],
            through: Vec::new(),
            sampling: false,
        }
    }

    /// Something happens to it.
    pub(crate) fn handle(&mut self, engine: &Engine, event: LinkEvent) {
        let now = engine.time();
        match event {
            LinkEvent::Offer {
                back,
                connection,
                toward,
                bytes,
                packet,
            } => {
                if self.cut {
                    engine.lose(self.number, connection);
                    return;
                }
                self.advance(engine, back, now);
                self.offer(engine, back, now, (connection, toward), bytes, packet);
                self.watch_use(engine, now);
                self.wake(engine, back);
            }
            LinkEvent::Work { back } => {
                self.ways[usize::from(back)].wake = None;
                self.advance_and(engine, back, now, true);
                self.wake(engine, back);
            }
            LinkEvent::Sample => {
                assert!(!planted(Plant::LinkPanics), "it cannot say what it carried");
                self.sample(engine, now);
            }
            LinkEvent::Gone { ends } => {
                for back in [false, true] {
                    self.advance(engine, back, now);
                    for (connection, toward) in &ends {
                        let gone = self.ways[usize::from(back)]
                            .direction
                            .remove(now, flow(*connection, *toward));
                        for cargo in gone {
                            self.take_out(engine, cargo);
                        }
                    }
                    self.wake(engine, back);
                }
            }
            LinkEvent::Change(change) => self.change(engine, change, now),
        }
    }

    /// Lets depart what is through.
    fn advance(&mut self, engine: &Engine, back: bool, now: SimTime) {
        self.advance_and(engine, back, now, false);
    }

    /// Lets depart what is through; where the link woke for it, a single packet that leaves now does so without an entry of its own.
    fn advance_and(&mut self, engine: &Engine, back: bool, now: SimTime, woken: bool) {
        let way = &mut self.ways[usize::from(back)];
        way.direction.advance(now, &mut self.through);
        while way.leaving.front().is_some_and(|(departure, ..)| *departure < now) {
            way.leaving.pop_front();
        }
        let at_once = woken && self.through.len() == 1 && way.leaving.is_empty() && engine.keeps_time();
        for Through { at, flow, cargo } in self.through.drain(..) {
            let departure = at.after(self.latency).max(way.floor);
            assert!(
                departure >= now || !engine.keeps_time() || matches!(cargo, Cargo::Leaving(_)),
                "a link wakes before what is through leaves"
            );
            let handle = match cargo {
                Cargo::Waiting(packet) if at_once && departure == now => {
                    engine.leave(of_flow(flow), packet);
                    continue;
                }
                Cargo::Waiting(packet) => engine.depart(self.number, departure, of_flow(flow), packet),
                Cargo::Leaving(handle) => handle,
            };
            way.leaving.push_back((departure, flow, handle));
        }
        if way.direction.is_idle() {
            way.express = true;
        }
    }

    fn offer(&mut self, engine: &Engine, back: bool, now: SimTime, end: (u32, Side), bytes: u64, packet: Packet) {
        let way = &mut self.ways[usize::from(back)];
        let key = flow(end.0, end.1);
        let weight = self.tcp.wire_bytes(bytes);
        if !way.express || !way.direction.is_only(key) {
            way.wait(engine, self.number);
            way.direction.offer(now, key, weight, |_| Cargo::Waiting(packet));
            return;
        }
        let (number, latency, floor) = (self.number, self.latency, way.floor);
        let mut known = true;
        way.direction.offer(now, key, weight, |through| match through {
            Some(through) => {
                let departure = through.after(latency).max(floor);
                Cargo::Leaving(engine.depart(number, departure, end, packet))
            }
            None => {
                known = false;
                Cargo::Waiting(packet)
            }
        });
        if !known {
            way.wait(engine, self.number);
        }
    }

    /// Sees to it that the link wakes before the next packet that is through leaves.
    fn wake(&mut self, engine: &Engine, back: bool) {
        let way = &mut self.ways[usize::from(back)];
        let through = if way.express {
            None
        } else {
            way.direction.nothing_through_before()
        };
        // On turmoil an entry comes with a tick, later than it is due: there the latency makes up for that.
        let later = if engine.keeps_time() { self.latency } else { 0 };
        let due = through.map(|at| at.after(later));
        if due == way.wake.map(|(at, _)| at) {
            return;
        }
        if let Some((_, handle)) = way.wake.take() {
            engine.cancel_link(self.number, handle);
        }
        if let Some(at) = due {
            let entry = Entry::Link(self.number, LinkEvent::Work { back });
            way.wake = Some((at, engine.schedule_link(self.number, at, entry)));
        }
    }

    /// Drops a packet that has not departed.
    fn take_out(&self, engine: &Engine, cargo: Cargo) {
        if let Cargo::Leaving(handle) = cargo {
            engine.stay(self.number, handle);
        }
    }

    fn change(&mut self, engine: &Engine, change: LinkChange, now: SimTime) {
        for back in [false, true] {
            self.advance(engine, back, now);
        }
        match change {
            LinkChange::Cut if planted(Plant::LinkOpenWhileCut) => {}
            LinkChange::Cut => {
                self.cut = true;
                for back in [0, 1] {
                    for (flow, cargo) in self.ways[back].direction.clear(now) {
                        self.take_out(engine, cargo);
                        engine.lose(self.number, of_flow(flow).0);
                    }
                    for (_, flow, handle) in std::mem::take(&mut self.ways[back].leaving) {
                        if engine.stay(self.number, handle).is_some() {
                            engine.lose(self.number, of_flow(flow).0);
                        }
                    }
                }
            }
            LinkChange::Restore => self.cut = false,
            LinkChange::Degrade {
                bits_per_second,
                latency,
                loss_per_million,
            } => {
                let floor = now.after(self.latency);
                self.latency = latency;
                let pace = Pace::new(&self.tcp, bits_per_second, latency, loss_per_million);
                for way in &mut self.ways {
                    // What is under way goes on at the new rate: no departure is known any more.
                    way.wait(engine, self.number);
                    way.floor = way.floor.max(floor);
                    way.direction.set_pace(now, pace.clone());
                }
            }
        }
        self.wake(engine, false);
        self.wake(engine, true);
    }

    /// Logs the use of the link at the end of this interval.
    fn watch_use(&mut self, engine: &Engine, now: SimTime) {
        if !self.sampling {
            self.sampling = true;
            let begin = SimTime(now.0 - now.0 % USE_INTERVAL);
            for way in &mut self.ways {
                way.sampled = way.sampled.max(begin);
            }
            let entry = Entry::Link(self.number, LinkEvent::Sample);
            engine.schedule_link(self.number, begin.after(USE_INTERVAL), entry);
        }
    }

    fn sample(&mut self, engine: &Engine, now: SimTime) {
        for back in [false, true] {
            self.advance(engine, back, now);
            let way = &mut self.ways[usize::from(back)];
            let served = way.direction.served(now);
            let bytes = served - way.sampled_bytes;
            let from = std::mem::replace(&mut way.sampled, now);
            way.sampled_bytes = served;
            if bytes > 0 {
                engine.log_use(Fact::LinkUse {
                    link: self.number,
                    back,
                    from,
                    to: now,
                    bytes,
                });
            }
        }
        self.sampling = false;
        if self.ways.iter().any(|way| !way.direction.is_idle()) {
            self.watch_use(engine, now);
        }
    }
}

impl Way {
    /// Takes back the departures of all that is not through yet.
    fn wait(&mut self, engine: &Engine, link: u32) {
        if !self.express || self.direction.is_idle() {
            return;
        }
        self.express = false;
        self.direction.each_waiting(|cargo| {
            if let Cargo::Leaving(handle) = cargo {
                let packet = engine.stay(link, *handle);
                *cargo = Cargo::Waiting(packet.expect("what is not through has not departed"));
            }
        });
    }
}

/// The number of one direction of a connection.
pub(crate) fn flow(connection: u32, toward: Side) -> u64 {
    u64::from(connection) * 2 + u64::from(toward)
}

fn of_flow(flow: u64) -> (u32, Side) {
    ((flow / 2) as u32, (flow % 2) as Side)
}
