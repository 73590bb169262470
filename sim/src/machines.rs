//! Machines: what one power cut takes down.

use std::rc::Rc;

use actors::nouns::{ComponentKind, MachineId};
use actors::start::Started;
use datapath::SimTime;

use crate::compute::Cores;
use crate::disks::faulty::Faulty;
use crate::disks::files::{MachineFiles, Removed};
use crate::disks::spill::Spill;
use crate::faults::Faults;
use crate::product::WATCHED_FILES;
use crate::secrets::Secrets;
use crate::spec::WorldSpec;

/// A machine's state.
pub struct Machine {
    /// Whether it has power.
    pub on: bool,
    /// How many times it has been switched on.
    pub incarnation: u32,
    /// Its files, as they lie on its disk.
    pub files: Rc<MachineFiles>,
    /// The same, as its components get them.
    pub disk: Rc<Faulty>,
    /// When its disk has done what was asked of it.
    pub disk_free: SimTime,
    /// Its cores.
    pub cores: Cores,
    /// Who listens where.
    pub listening: Vec<(u16, u32)>,
    /// Its actors: the first, and the one after the last.
    pub actors: (u32, u32),
}

impl Machine {
    /// The actor that listens on a port.
    #[must_use]
    pub fn listener(&self, port: u16) -> Option<u32> {
        let (_, actor) = self.listening.iter().find(|(listening, _)| *listening == port)?;
        Some(*actor)
    }
}

/// An actor's place in the world; there is an actor in it while its machine has power and its process runs.
pub struct ActorSlot {
    /// Its machine.
    pub machine: MachineId,
    /// Its kind.
    pub kind: ComponentKind,
    /// Its name: `machine/component-N`.
    pub name: String,
    /// How many times it has been started.
    pub incarnation: u32,
    /// The actor, and where its messages go.
    pub started: Option<Started>,
}

/// The machines of a world, all without power, and the places of their actors. Files that are removed
/// and that somebody watches go into `removed`, by name.
#[must_use]
pub(crate) fn build(
    spec: &WorldSpec,
    spill: &Rc<Spill>,
    removed: &Removed,
    faults: &Rc<Faults>,
    secrets: &Rc<Secrets>,
) -> (Vec<Machine>, Vec<ActorSlot>) {
    let mut actors = Vec::new();
    let mut machines = Vec::new();
    for (number, machine) in spec.machines.iter().enumerate() {
        let first = actors.len() as u32;
        for (place, component) in machine.components.iter().enumerate() {
            let kind = component.kind();
            actors.push(ActorSlot {
                machine: MachineId(number as u32),
                kind,
                name: format!("{}/{}-{place}", machine.name, kind.name()),
                incarnation: 0,
                started: None,
            });
        }
        let files = Rc::new(MachineFiles::new(machine.disk_bytes, Rc::clone(spill)).watched(WATCHED_FILES, removed));
        let id = MachineId(number as u32);
        machines.push(Machine {
            on: false,
            incarnation: 0,
            disk: Rc::new(Faulty::new(
                id,
                Rc::clone(&files),
                Rc::clone(faults),
                Rc::clone(secrets),
            )),
            files,
            disk_free: SimTime::ZERO,
            cores: Cores::default(),
            listening: Vec::new(),
            actors: (first, actors.len() as u32),
        });
    }
    (machines, actors)
}
