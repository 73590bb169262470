//! Running a world: what goes in ([`WorldSpec`], [`RunOptions`]) and what comes out (facts to an [`Observer`], [`Ended`]).

use std::rc::Rc;

use actors::facts::Fact;
use actors::nouns::ActorId;
use actors::ports::Evidence;
use datapath::volume::Volume;
use datapath::{DiskId, SimTime};

use crate::link::door::Seen;
use crate::network;
use crate::oracle::restoring::AtRest;
use crate::secrets::Leak;
use crate::spec::{NetworkKind, RunOptions, WorldSpec};
pub use crate::world::ActorFactory;

/// Sees the run in one pass: every fact in order, with the evidence behind it where there is some.
pub trait Observer {
    /// A fact was logged. `ordinal` counts facts and frames from 0; `text` forms of both belong to the reports.
    fn fact(&mut self, at: SimTime, ordinal: u64, actor: Option<ActorId>, fact: &Fact, evidence: Option<Evidence>);
    /// A frame was sent (only with [`RunOptions::trace`]): sender, receiver's machine, the body's encoding, payload bytes on the wire.
    fn frame(&mut self, _at: SimTime, _ordinal: u64, _actor: ActorId, _body: &actors::messages::Body, _payload: u64) {}
    /// The log's own encoding of what was logged since it was last called (only with [`RunOptions::encoded`]), before the facts are shown.
    fn encoded(&mut self, _records: &[u8]) {}
    /// What was seen at the links' doors, in order: evidence by which links are judged. A fact that was logged meanwhile comes after.
    fn links(&mut self, _seen: &[Seen]) {}
    /// What whole disks hold is about to be judged, which takes a while where much of them is used.
    fn judging(&mut self, _volumes: &[(DiskId, Volume)]) {}
    /// Files of stored segments that were removed, after the facts of that time: evidence by which storage is judged.
    fn removed(&mut self, _files: &[String]) {}
    /// After the facts of that time: what lies on disks can be looked at, as evidence; `over` at the end of the run.
    fn at_rest(&mut self, _at_rest: &dyn AtRest, _over: bool) {}
    /// What was looked at for keys and plain text, so many times since this was last called, and what of them stood where it has no business:
    /// evidence by which the law of secrets is judged.
    fn leaked(&mut self, _leaks: Vec<Leak>, _looked: u64) {}
    /// Called every few thousand queue entries.
    fn progress(&mut self, _now: SimTime, _entries: u64) {}
    /// Asked more often than [`Observer::progress`]; true ends the run as [`Why::Interrupted`].
    fn interrupted(&self) -> bool {
        false
    }
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// All steps are done and the settling time is over.
    Finished,
    /// The scenario's time is over with steps left.
    TimeUp,
    /// The observer asked for it.
    Interrupted,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Why.
    pub why: Why,
    /// Simulated time at the end.
    pub now: SimTime,
    /// Queue entries delivered.
    pub entries: u64,
    /// Frames sent.
    pub frames: u64,
    /// The digest of the event log, both tiers.
    pub digest: [u8; 32],
    /// An actor panicked, or the world broke its own rules: the message. The run is a finding of class `invariant`.
    pub broken: Option<String>,
}

/// Why a run could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The machine below failed (disk full, unreadable image).
    #[error("{0}")]
    Machine(String),
}

/// Runs a world to its end.
///
/// # Errors
/// [`RunError::Machine`] where the real machine failed.
pub fn run(spec: WorldSpec, options: &RunOptions, observer: &mut dyn Observer) -> Result<Ended, RunError> {
    run_with(spec, options, observer, Rc::new(actors::start::start))
}

/// Runs a world with other actors than the product's.
///
/// # Errors
/// As [`run`].
pub fn run_with(
    spec: WorldSpec,
    options: &RunOptions,
    observer: &mut dyn Observer,
    factory: ActorFactory,
) -> Result<Ended, RunError> {
    match options.network {
        NetworkKind::Event => network::event::run(spec, options, observer, factory),
        NetworkKind::Turmoil => network::turmoil::run(spec, options, observer, factory),
    }
}
