//! The network port: what both adapters share.
//!
//! A connection has two ends. What travels between them are [`Packet`]s; what happens when one lands is decided in
//! `network/connections.rs` and is the same on every network. The adapters differ in how a packet gets there: `event` hands it to the
//! link as it is; `turmoil` writes it to a stream, byte by byte.
//!
//! A packet's bytes are the encoding of its body and the size of its payload: the same figure on both networks. What they weigh on the
//! wire is the link's to say.
//!
//! Left out on purpose: retransmission (a packet lost on a cut link kills its connection, silently, as a TCP connection dies whose peer
//! does not come back before its deadline), and delay inside a machine.

pub mod connections;
pub(crate) mod event;
pub mod topology;
pub(crate) mod turmoil;
pub mod wire;

use actors::ports::Frame;
use bytes::Bytes;
use datapath::Blob;

/// What travels between two ends of a connection.
#[derive(Debug)]
pub enum Packet {
    /// Asks for a connection.
    Syn,
    /// Grants it.
    SynAck,
    /// A frame.
    Data(Box<Frame>),
    /// A frame as bytes and payload, between the ends of a real wire.
    Encoded(Bytes, Option<Blob>),
    /// The sender has closed its end.
    Fin,
    /// There is no such connection, or nobody listens: why.
    Reset(String),
}
