//! Connections: who holds their ends, and what a packet does where it lands.
//!
//! A machine without power lets packets vanish, and so does a connection that lost one on a cut link: peers learn of both by their own
//! deadlines. A machine that has come back knows nothing of the connections it had: whoever still sends on one is told so with a reset,
//! as by a real TCP stack, and hears that the connection is closed.

use actors::nouns::MachineId;
use actors::ports::{ConnId, Input, NetEvent};

use super::Packet;
use super::topology::Route;

/// An actor in one of its lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The actor's number.
    pub actor: u32,
    /// How many times it had been started then.
    pub incarnation: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Opening,
    Open,
    Closed,
}

#[derive(Debug, Clone, Copy)]
struct End {
    holder: Holder,
    state: State,
}

/// One of the two ends: 0 has connected, 1 was listening.
pub type Side = u8;

/// A connection.
pub struct Connection {
    machines: [MachineId; 2],
    port: u16,
    route: Route,
    ends: [Option<End>; 2],
    /// It lost a packet.
    dead: bool,
}

/// What a packet has caused where it landed.
#[derive(Debug, Default)]
pub struct Landed {
    /// An input for the holder of the end.
    pub input: Option<(Holder, Input)>,
    /// A packet back.
    pub answer: Option<Packet>,
}

/// All connections of a run, by number.
#[derive(Default)]
pub struct Connections(Vec<Connection>);

/// The identifier of one end.
#[must_use]
pub fn end_id(connection: u32, side: Side) -> ConnId {
    ConnId(u64::from(connection) * 2 + u64::from(side))
}

/// Connection and side of an end's identifier.
#[must_use]
pub fn of_end(conn: ConnId) -> (u32, Side) {
    ((conn.0 / 2) as u32, (conn.0 % 2) as Side)
}

impl Connections {
    /// A connection that is being opened.
    pub fn open(&mut self, holder: Holder, machines: [MachineId; 2], port: u16, route: Route) -> u32 {
        let number = self.0.len() as u32;
        self.0.push(Connection {
            machines,
            port,
            route,
            ends: [
                Some(End {
                    holder,
                    state: State::Opening,
                }),
                None,
            ],
            dead: false,
        });
        number
    }

    /// A connection that cannot be: its end is closed already.
    pub fn refuse(&mut self, holder: Holder, machine: MachineId, to: MachineId, port: u16) -> u32 {
        let number = self.open(holder, [machine, to], port, Route::Local);
        self.0[number as usize].ends[0] = Some(End {
            holder,
            state: State::Closed,
        });
        number
    }

    /// Machines, port and route of a connection, where an end's holder may send on it.
    #[must_use]
    pub fn sendable(&self, conn: ConnId, holder: Holder) -> Option<(MachineId, u16)> {
        let (number, side) = of_end(conn);
        let connection = self.0.get(number as usize)?;
        let end = connection.ends[usize::from(side)]?;
        let other = connection.machines[usize::from(1 - side)];
        (end.holder == holder && end.state != State::Closed).then_some((other, connection.port))
    }

    /// Closes an end, if it is the holder's and open.
    pub fn close(&mut self, conn: ConnId, holder: Holder) -> bool {
        let (number, side) = of_end(conn);
        let Some(connection) = self.0.get_mut(number as usize) else {
            return false;
        };
        match &mut connection.ends[usize::from(side)] {
            Some(end) if end.holder == holder && end.state != State::Closed => {
                end.state = State::Closed;
                true
            }
            _ => false,
        }
    }

    /// The way of packets towards a side, and the machine there; `None` where the connection lost a packet.
    #[must_use]
    pub fn way(&self, number: u32, toward: Side) -> Option<(Route, MachineId)> {
        let connection = &self.0[number as usize];
        if connection.dead {
            return None;
        }
        let route = match connection.route {
            Route::Link { link, back } => Route::Link {
                link,
                back: back != (toward == 0),
            },
            Route::Local => Route::Local,
        };
        Some((route, connection.machines[usize::from(toward)]))
    }

    /// The port that was connected to, for the log and for messages.
    #[must_use]
    pub fn port(&self, number: u32) -> u16 {
        self.0[number as usize].port
    }

    /// The machine at a side.
    #[must_use]
    pub fn machine(&self, number: u32, side: Side) -> MachineId {
        self.0[number as usize].machines[usize::from(side)]
    }

    /// The ends that an actor holds and has not closed.
    pub fn held_by(&self, holder: Holder) -> impl Iterator<Item = (u32, Side)> + '_ {
        self.open_ends(move |end, _| end.holder == holder)
    }

    /// A packet was lost on the way: from now on the connection is silent.
    pub fn lose(&mut self, number: u32) {
        self.0[number as usize].dead = true;
    }

    /// Connections with an end on a machine, with that end, that are not closed there.
    pub fn of_machine(&self, machine: MachineId) -> impl Iterator<Item = (u32, Side)> + '_ {
        self.open_ends(move |_, at| at == machine)
    }

    /// Ends that are not closed, of connections that lost nothing, by who holds them and on which machine.
    fn open_ends(&self, which: impl Fn(&End, MachineId) -> bool + Copy) -> impl Iterator<Item = (u32, Side)> {
        (0..).zip(&self.0).flat_map(move |(number, connection)| {
            [0u8, 1].into_iter().filter_map(move |side| {
                let end = connection.ends[usize::from(side)]?;
                let open = end.state != State::Closed && !connection.dead;
                (open && which(&end, connection.machines[usize::from(side)])).then_some((number, side))
            })
        })
    }

    /// A packet lands on a machine that has power. `lives` says whether an actor is still as often started as it was, `listener` who
    /// listens on the connection's port there.
    pub fn land(
        &mut self,
        number: u32,
        toward: Side,
        packet: Packet,
        lives: impl Fn(Holder) -> bool,
        listener: Option<Holder>,
    ) -> Landed {
        let connection = &mut self.0[number as usize];
        if connection.dead {
            return Landed::default();
        }
        let conn = end_id(number, toward);
        let mut landed = Landed::default();
        if let Packet::Syn = packet {
            match listener {
                Some(holder) => {
                    connection.ends[1] = Some(End {
                        holder,
                        state: State::Open,
                    });
                    let accepted = NetEvent::Accepted {
                        conn,
                        port: connection.port,
                        peer: connection.machines[0],
                    };
                    landed.input = Some((holder, Input::Network(accepted)));
                    landed.answer = Some(Packet::SynAck);
                }
                None => {
                    let why = format!("connection refused: nobody listens on port {}", connection.port);
                    landed.answer = Some(Packet::Reset(why));
                }
            }
            return landed;
        }
        let end = match &mut connection.ends[usize::from(toward)] {
            Some(end) if lives(end.holder) => end,
            _ => {
                // Of a life that is over. Resets are not answered.
                if !matches!(packet, Packet::Reset(_)) {
                    landed.answer = Some(Packet::Reset("connection reset by peer".to_owned()));
                }
                return landed;
            }
        };
        if end.state == State::Closed {
            return landed;
        }
        let event = match packet {
            Packet::SynAck => {
                end.state = State::Open;
                NetEvent::Opened { conn }
            }
            Packet::Data(frame) => NetEvent::Received { conn, frame },
            Packet::Reset(why) if end.state == State::Opening => {
                end.state = State::Closed;
                NetEvent::Refused { conn, why }
            }
            Packet::Fin | Packet::Reset(_) | Packet::Syn | Packet::Encoded(..) => {
                end.state = State::Closed;
                NetEvent::Closed { conn }
            }
        };
        landed.input = Some((end.holder, Input::Network(event)));
        landed
    }
}
