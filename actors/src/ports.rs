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

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use datapath::Grain;
use datapath::disk::DiskError;
use futures_core::Stream;
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

/// What happens to an actor and it has still to handle, in order: the stream that actix gives it. The world holds the other end.
///
/// It is no mailbox of actix's: that one takes messages from any thread, and so costs two allocations and a dozen atomic operations for each.
#[derive(Debug, Clone, Default)]
pub struct Inputs(Rc<RefCell<Waiting>>);

/// Nearly always it is one, which then lies where the one before lay: a queue would go round in its memory.
#[derive(Debug, Default)]
struct Waiting {
    /// There where there is any.
    first: Option<Input>,
    more: VecDeque<Input>,
}

impl Inputs {
    /// One more.
    pub fn put(&self, input: Input) {
        let mut waiting = self.0.borrow_mut();
        match waiting.first {
            None => waiting.first = Some(input),
            Some(_) => waiting.more.push_back(input),
        }
    }

    /// Whether all are handled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.borrow().first.is_none()
    }
}

impl Stream for Inputs {
    type Item = Input;

    /// Nothing is woken once there is something: whoever puts it there polls the actor.
    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Input>> {
        let waiting = &mut *self.0.borrow_mut();
        match waiting.first.take() {
            Some(input) => {
                waiting.first = waiting.more.pop_front();
                Poll::Ready(Some(input))
            }
            None => Poll::Pending,
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
