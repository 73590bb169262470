//! Compute: jobs that cost a machine's processors time, and the other processes on the same machine.

use std::any::Any;

use datapath::segment::Worker;
use serde::{Deserialize, Serialize};

use super::{Env, Token};
use crate::messages::local::Local;
use crate::nouns::{ActorId, ComponentKind, MachineId};

/// What a job gave back; the actor that asked knows its type ([`Output::take`]).
pub struct Output(pub Box<dyn Any + Send>);

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Output")
    }
}

impl Output {
    /// The job's result.
    ///
    /// # Panics
    /// If the job gave another type: the actor confused two of its own tokens.
    #[must_use]
    pub fn take<T: 'static>(self) -> T {
        *self
            .0
            .downcast::<T>()
            .expect("a job's token names the type of its output")
    }
}

/// What a job is, for its cost: the table of costs (bytes per second by class of machine) is the world's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Work {
    /// Fold, compress and seal so many input bytes.
    CompressAndSeal,
    /// Open and decompress what came from so many bytes.
    OpenAndDecompress,
    /// Checksum so many bytes.
    Checksum,
    /// So many nanoseconds, whatever the machine (a boot, a script, a portal's job); `input_bytes` is the time.
    Wait,
}

/// What a job really does.
pub type Task = Box<dyn FnOnce(&mut Worker) -> Box<dyn Any + Send> + Send>;

/// A job for the compute port.
pub struct Job {
    /// What it costs.
    pub work: Work,
    /// Bytes in (for [`Work::Wait`]: nanoseconds). The cost depends on nothing else.
    pub input_bytes: u64,
    /// Bytes that the machine's disk has to read before it can begin; what was written a moment ago is in memory, and counts for nothing.
    pub reads: u64,
    /// What is really done, perhaps on another thread; it sees a worker's own buffers and what it captured.
    pub run: Task,
}

/// A machine's processors and processes.
pub trait Compute {
    /// Takes a job; [`Input::Done`](super::Input::Done) arrives when it is complete, or [`Input::Failed`](super::Input::Failed) where the
    /// disk did not give what it reads.
    fn compute(&self, actor: ActorId, job: Job, token: Token);
    /// How long the cores of the actor's machine have been at work since it has power, all together, in nanoseconds; and how many there are.
    fn worked(&self, actor: ActorId) -> (u64, u32);
    /// The component of a kind on the actor's own machine, if there is one.
    fn beside(&self, actor: ActorId, kind: ComponentKind) -> Option<ActorId>;
    /// A message to a component on the same machine, which arrives at once, in order. One to another machine is a fault of the program.
    fn local(&self, from: ActorId, to: ActorId, message: Local);
    /// What the hypervisor on a machine sees of the actor's own: that its workload answers, or that it is shut down.
    fn show_hypervisor(&self, actor: ActorId, hypervisor: MachineId, message: Local);
}

impl Env {
    /// See [`Compute::compute`].
    pub fn compute(&self, job: Job, token: Token) {
        self.world.compute(self.actor, job, token);
    }

    /// See [`Compute::worked`].
    #[must_use]
    pub fn worked(&self) -> (u64, u32) {
        self.world.worked(self.actor)
    }

    /// Time passes for a reason ([`Work::Wait`]); [`Input::Done`](super::Input::Done) arrives with `()`.
    pub fn wait(&self, nanoseconds: u64, token: Token) {
        let job = Job {
            work: Work::Wait,
            input_bytes: nanoseconds,
            reads: 0,
            run: Box::new(|_| Box::new(())),
        };
        self.compute(job, token);
    }

    /// The machine's disk reads so many bytes: [`Input::Done`](super::Input::Done) arrives with `()` when it has, and they are read then; or
    /// [`Input::Failed`](super::Input::Failed).
    pub fn read(&self, bytes: u64, token: Token) {
        let job = Job {
            work: Work::Wait,
            input_bytes: 0,
            reads: bytes,
            run: Box::new(|_| Box::new(())),
        };
        self.compute(job, token);
    }

    /// See [`Compute::beside`].
    #[must_use]
    pub fn beside(&self, kind: ComponentKind) -> Option<ActorId> {
        self.world.beside(self.actor, kind)
    }

    /// The component of a kind on the actor's own machine.
    ///
    /// # Panics
    /// If there is none: the specification put this actor where it cannot work.
    #[must_use]
    pub fn sibling(&self, kind: ComponentKind) -> ActorId {
        self.beside(kind)
            .expect("the specification puts components together that need each other")
    }

    /// See [`Compute::local`].
    pub fn local(&self, to: ActorId, message: Local) {
        self.world.local(self.actor, to, message);
    }

    /// See [`Compute::show_hypervisor`].
    pub fn show_hypervisor(&self, hypervisor: MachineId, message: Local) {
        self.world.show_hypervisor(self.actor, hypervisor, message);
    }
}
