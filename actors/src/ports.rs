//! The ports, one trait a concern: clock, network, storage, compute, randomness, the event log, and the plan.
//!
//! The world (crate `sim`) implements them; an actor holds an [`Env`], which is the world seen from its own place: its clock, its machine's
//! files and volumes, its connections. What reaches across machines is no part of it but a right of its own, the [`Fabric`], which three
//! kinds of component are given. Nothing here blocks: what takes time is asked for and arrives later as an [`Input`].

pub mod clock;
pub mod compute;
pub mod fabric;
pub mod log;
pub mod network;
pub mod plan;
pub mod randomness;
pub mod storage;

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix::Message;
use datapath::Grain;
use datapath::disk::DiskError;
use serde::{Deserialize, Serialize};

use crate::messages::local::Local;
use crate::model::Model;
use crate::nouns::{ActorId, MachineId};

pub use clock::{Clock, TimerId};
pub use compute::{Compute, Job, Output, Task, Work};
pub use fabric::Fabric;
pub use log::{Evidence, Log};
pub use network::{ConnId, Frame, NetEvent, Network};
pub use plan::Plan;
pub use randomness::{Purpose, Randomness};
pub use storage::{Storage, vm_prefix, volume_name};

/// What an actor gave along with a request, to know the answer by. `what` is a constant of the actor's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Token {
    /// The kind of request.
    pub what: u32,
    /// Which one of that kind.
    pub key: u64,
}

/// What happens to an actor.
#[derive(Debug)]
pub enum Input {
    /// The machine has power and the component starts; its durable state, if any, is on its disk.
    Started,
    /// A timer that it asked for.
    Timer(Token),
    /// Something happened on the network.
    Network(NetEvent),
    /// A flush that it asked for is complete, or failed: then nothing of what it covered is durable for certain, and it may be asked for again.
    Flushed(Token, Result<(), DiskError>),
    /// A job that it asked for is complete.
    Done(Token, Output),
    /// A job that it asked for came to nothing: the disk did not give what it was to read. It may be asked for again.
    Failed(Token, DiskError),
    /// The process of another component on the same machine ended, alone.
    Ended(ActorId),
    /// A message from a component on the same machine, from the operator's own hands, or from the world.
    Local(Local),
}

/// The message that actix carries: an input, and the receipt by which the world counts that it was handled.
#[derive(Debug)]
pub struct Deliver {
    /// What happened.
    pub input: Input,
    /// Counts when dropped.
    pub receipt: Receipt,
}

impl Message for Deliver {
    type Result = ();
}

/// Counts deliveries that were handled: mailboxes are known to be empty because they were counted, not because one waited.
///
/// actix wants messages that could cross threads, so the counter is atomic; it never does cross one.
#[derive(Debug)]
pub struct Receipt(Arc<AtomicU64>);

impl Receipt {
    /// Added to the count by a receipt that was dropped while its actor panicked.
    pub const PANICKED: u64 = 1 << 63;

    /// A receipt that adds one to `handled` when it is dropped.
    #[must_use]
    pub fn new(handled: &Arc<AtomicU64>) -> Receipt {
        Receipt(Arc::clone(handled))
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        if std::thread::panicking() {
            self.0.fetch_or(Receipt::PANICKED, Ordering::Relaxed);
        }
    }
}

/// The world as an adapter implements it: all ports together, and what holds for the whole run. Every call names who makes it.
pub trait World: Clock + Network + Storage + Compute + Randomness + Log + Plan {
    /// How exactly content is modelled.
    fn grain(&self) -> Grain;
    /// The constants of the run.
    fn model(&self) -> Arc<Model>;
}

/// The world from one actor's place. What it can be asked for is with each port.
#[derive(Clone)]
pub struct Env {
    world: Rc<dyn World>,
    /// The actor.
    pub actor: ActorId,
    /// Its machine.
    pub machine: MachineId,
    /// How many times this component has been started, from 1: with its machine, or alone.
    pub incarnation: u32,
    /// The constants of the run.
    pub model: Arc<Model>,
}

impl Env {
    /// The world from this place.
    #[must_use]
    pub fn new(world: Rc<dyn World>, actor: ActorId, machine: MachineId, incarnation: u32) -> Env {
        Env {
            model: world.model(),
            world,
            actor,
            machine,
            incarnation,
        }
    }

    /// See [`World::grain`].
    #[must_use]
    pub fn grain(&self) -> Grain {
        self.world.grain()
    }
}
