//! What must stay in its place: the vault's key and the keys made of it, and what guests have on their disks. The world shows here each
//! frame's payload, each write to a file and each block of the event log, as bytes; what stands where it must not is handed to the observer.
//!
//! It is evidence: no part of the event log, and nothing that runs in the world hears of it. The law and its table of places are
//! [`crate::invariants::secrets_stay_in_place`].

pub mod finder;

use std::cell::RefCell;

use actors::facts::Fact;
use actors::nouns::{ComponentKind, MachineId};
use actors::ports::Evidence;
use datapath::{Content, DiskId, EXTENT_BYTES, Grain};

use crate::event_log::records;
use crate::invariants::secrets_stay_in_place::{file_may_hold_plain_text, frame_may_hold_plain_text};
use crate::oracle::reader::derived_key;
use crate::oracle::root::Root;
use crate::oracle::vault_and_key;
use crate::spec::WorldSpec;
use crate::start::start_source;
use finder::{Finder, Stretch, stretch_of};

/// Of the writes of guests so many are passed over for each of which a stretch is looked for.
const WRITES_FOR_ONE: u64 = 64;
/// Stretches of what guests wrote that are looked for at a time: what was written last.
const WRITTEN_AT_A_TIME: usize = 32;
/// So many new ones are gathered before they are looked for: to begin costs as much as half a megabyte.
const GATHERED: usize = 8;

/// What must not be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    /// The vault's key, or one that is made of it: of a disk, or of what of it is merged.
    Key(Option<(DiskId, bool)>),
    /// What a disk holds.
    Content(DiskId),
}

/// Where it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a frame's payload.
    Frame {
        /// The sender's machine.
        from: MachineId,
        /// The receiver's.
        to: MachineId,
        /// The port that was connected to.
        port: u16,
    },
    /// In what was written to a file.
    File {
        /// The machine.
        machine: MachineId,
        /// The file.
        name: String,
    },
    /// In the event log: in a fact, or a frame's body.
    Record {
        /// Facts and frames counted from 0.
        ordinal: u64,
    },
}

/// Something that was seen where it has no business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// What.
    pub secret: Secret,
    /// Where.
    pub place: Place,
}

struct State {
    finder: Finder<Secret>,
    /// Keys, and stretches of what disks held at the start.
    lasting: Vec<(Stretch, Secret)>,
    /// Stretches of what was written, the oldest first.
    written: Vec<(Stretch, Secret)>,
    /// Those of them that are not looked for yet.
    gathered: usize,
    writes: u64,
    looked: u64,
    leaks: Vec<Leak>,
}

/// Looks for secrets. Only real content has bytes to look at: in the modelled grains nothing is looked for.
pub struct Secrets {
    /// The components of each machine.
    machines: Vec<Vec<ComponentKind>>,
    state: Option<RefCell<State>>,
}

impl Secrets {
    /// Of a world at its start.
    #[must_use]
    pub fn new(spec: &WorldSpec, grain: Grain, seed: u64) -> Secrets {
        let kinds = |machine: &crate::spec::MachineSpec| machine.components.iter().map(|c| c.kind()).collect();
        let machines = spec.machines.iter().map(kinds).collect();
        let state = (grain == Grain::Real).then(|| RefCell::new(State::new(secrets_at_start(spec, seed))));
        Secrets { machines, state }
    }

    /// A fact is logged: it may be about a guest's write.
    pub fn fact(&self, fact: &Fact, evidence: Option<&Evidence>) {
        let (Some(state), Fact::Wrote { disk, .. }, Some(Evidence::Wrote { run })) = (&self.state, fact, evidence)
        else {
            return;
        };
        let state = &mut *state.borrow_mut();
        state.writes += 1;
        let Content::Bytes(bytes) = &run.content else { return };
        if state.writes.is_multiple_of(WRITES_FOR_ONE)
            && let Some(stretch) = stretch_of(bytes)
        {
            state.wrote(stretch, *disk);
        }
    }

    /// A frame is sent, `toward` the side that listens or the one that connected.
    pub fn sent(&self, (from, to): (MachineId, MachineId), port: u16, to_listener: bool, payload: &[u8]) {
        let Some(state) = &self.state else { return };
        let plain = frame_may_hold_plain_text(port, to_listener);
        let place = || Place::Frame { from, to, port };
        state.borrow_mut().look(payload, plain, place);
    }

    /// Bytes are written to a file.
    pub fn stored(&self, machine: MachineId, file: &str, bytes: &[u8]) {
        let Some(state) = &self.state else { return };
        let components = self.machines.get(machine.0 as usize).map_or(&[][..], Vec::as_slice);
        let plain = file_may_hold_plain_text(components, file);
        let place = || Place::File {
            machine,
            name: file.to_owned(),
        };
        state.borrow_mut().look(bytes, plain, place);
    }

    /// Records of the event log, whole ones.
    pub fn logged(&self, block: &[u8]) {
        let Some(state) = &self.state else { return };
        let mut state = state.borrow_mut();
        let before = state.leaks.len();
        state.look(block, false, || Place::Record { ordinal: 0 });
        if state.leaks.len() > before {
            // Which ones: record by record.
            state.leaks.truncate(before);
            for record in records::of(block) {
                let ordinal = record.ordinal;
                state.look(record.bytes, false, || Place::Record { ordinal });
            }
        }
    }

    /// What was seen since this was last called, and how often it was looked.
    #[must_use]
    pub fn take(&self) -> (Vec<Leak>, u64) {
        let Some(state) = &self.state else {
            return (Vec::new(), 0);
        };
        let mut state = state.borrow_mut();
        (std::mem::take(&mut state.leaks), std::mem::take(&mut state.looked))
    }
}

/// Keys, and a stretch of what each disk holds.
fn secrets_at_start(spec: &WorldSpec, seed: u64) -> Vec<(Stretch, Secret)> {
    let mut all = Vec::new();
    if let Some((_, key)) = vault_and_key(spec) {
        all.push((*key.expose(), Secret::Key(None)));
        for (disk, _) in spec.vms.iter().flat_map(|vm| &vm.disks) {
            for merged in [false, true] {
                let derived = derived_key(&key, *disk, merged);
                all.push((*derived.as_bytes(), Secret::Key(Some((*disk, merged)))));
            }
        }
    }
    for volume in &spec.volumes {
        let root = Root::new(start_source(volume, seed), Grain::Real);
        let first = root.ranges(0).next().map(|(extent, _)| extent);
        let mut bytes = Vec::with_capacity(EXTENT_BYTES as usize);
        // Whoever builds the volume says so where its image cannot be read.
        if let Some(extent) = first
            && root.read_to(extent, 1, &mut bytes).is_ok()
            && let Some(stretch) = stretch_of(&bytes)
        {
            all.push((stretch, Secret::Content(volume.disk)));
        }
    }
    all
}

impl State {
    fn new(lasting: Vec<(Stretch, Secret)>) -> State {
        State {
            finder: Finder::new(lasting.clone()),
            lasting,
            written: Vec::new(),
            gathered: 0,
            writes: 0,
            looked: 0,
            leaks: Vec::new(),
        }
    }

    fn wrote(&mut self, stretch: Stretch, disk: DiskId) {
        self.written.push((stretch, Secret::Content(disk)));
        self.gathered += 1;
        if self.gathered < GATHERED {
            return;
        }
        self.gathered = 0;
        let old = self.written.len().saturating_sub(WRITTEN_AT_A_TIME);
        self.written.drain(..old);
        self.finder = Finder::new(self.lasting.iter().chain(&self.written).copied().collect());
    }

    fn look(&mut self, bytes: &[u8], plain_text: bool, place: impl Fn() -> Place) {
        self.looked += 1;
        for (_, secret) in self.finder.find(bytes) {
            if !(plain_text && matches!(secret, Secret::Content(_))) {
                let place = place();
                self.leaks.push(Leak { secret, place });
            }
        }
    }
}
