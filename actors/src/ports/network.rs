//! The network: connections between machines, and the frames on them.

use datapath::Blob;
use serde::{Deserialize, Serialize};

use super::Env;
use crate::messages::Body;
use crate::nouns::{ActorId, MachineId};

/// One end of a connection; unique in a run, known to its owner only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConnId(pub u64);

/// A frame: a small typed body, and a payload that never passes through serde.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it says.
    pub body: Body,
    /// What it carries.
    pub payload: Option<Blob>,
}

/// What a connection's owner hears of it.
#[derive(Debug, Clone)]
pub enum NetEvent {
    /// `connect` succeeded.
    Opened {
        /// The owner's end.
        conn: ConnId,
    },
    /// `connect` failed: nobody listens there, or no link leads there. Silence is the other way to fail.
    Refused {
        /// The owner's end.
        conn: ConnId,
        /// Why.
        why: String,
    },
    /// Somebody connected to a port that this actor listens on.
    Accepted {
        /// The owner's end.
        conn: ConnId,
        /// The port.
        port: u16,
        /// The machine at the other end.
        peer: MachineId,
    },
    /// A frame arrived.
    Received {
        /// The owner's end.
        conn: ConnId,
        /// The frame; boxed, for an event is moved a dozen times on its way to the actor.
        frame: Box<Frame>,
    },
    /// The other end closed, or its process ended. A power cut and a cut link are silent.
    Closed {
        /// The owner's end.
        conn: ConnId,
    },
}

/// Connections. Nothing here blocks, and silence is a way to fail.
pub trait Network {
    /// Listens on a port of the actor's machine.
    fn listen(&self, actor: ActorId, port: u16);
    /// Connects; what becomes of it arrives as a [`NetEvent`].
    fn connect(&self, actor: ActorId, to: MachineId, port: u16) -> ConnId;
    /// Sends a frame; after the connection broke it is dropped.
    fn send(&self, actor: ActorId, conn: ConnId, frame: Frame);
    /// Closes a connection: the peer hears [`NetEvent::Closed`], the caller hears nothing more.
    fn close(&self, actor: ActorId, conn: ConnId);
}

impl Env {
    /// See [`Network::listen`].
    pub fn listen(&self, port: u16) {
        self.world.listen(self.actor, port);
    }

    /// See [`Network::connect`].
    #[must_use]
    pub fn connect(&self, to: MachineId, port: u16) -> ConnId {
        self.world.connect(self.actor, to, port)
    }

    /// Sends a frame without payload.
    pub fn send(&self, conn: ConnId, message: impl Into<Body>) {
        let (body, payload) = (message.into(), None);
        self.world.send(self.actor, conn, Frame { body, payload });
    }

    /// Sends a frame with payload.
    pub fn send_with(&self, conn: ConnId, message: impl Into<Body>, payload: Blob) {
        let (body, payload) = (message.into(), Some(payload));
        self.world.send(self.actor, conn, Frame { body, payload });
    }

    /// See [`Network::close`].
    pub fn close(&self, conn: ConnId) {
        self.world.close(self.actor, conn);
    }
}
