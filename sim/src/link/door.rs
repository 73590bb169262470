//! What the world sees at a link's two doors: packets that go in, packets that come out, and what is done to the link from outside.
//!
//! It is seen by the world and not told by the link, so that a link can be judged by it. It is evidence: no part of the event log.

use datapath::SimTime;

use super::LinkChange;

/// Something that was seen at a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub at: SimTime,
    /// The link, by its number in the world's specification.
    pub link: u32,
    /// What.
    pub what: AtDoor,
}

/// What is seen at a link. A *flow* is one direction of one connection: its packets keep their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AtDoor {
    /// A packet goes in.
    In {
        /// Direction.
        back: bool,
        /// Its flow.
        flow: u64,
        /// Its bytes: body and payload.
        bytes: u64,
    },
    /// The oldest packet of a flow comes out.
    Out {
        /// Direction.
        back: bool,
        /// Its flow.
        flow: u64,
    },
    /// The senders of these flows lost their power: what they had waiting does not come out any more.
    Gone {
        /// The flows.
        flows: Vec<u64>,
    },
    /// The link is changed from outside.
    Changed(LinkChange),
}
