//! What the world has to know of the product that runs in it.
//!
//! The engine (queue, machines, links, disks, clocks, the mechanics of faults) moves what it is given and has no word for what that
//! means. Where something that happens in it means something to the product, it asks here: what a fact sets going, what lies on disks of
//! what a fact says, who is heard before the lights go out. Nothing in this file moves anything.

pub mod watch;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use actors::facts::{Fact, StoredSegment};
use actors::messages::group::PORT_GROUP;
use actors::messages::local::Local;
use actors::messages::replica::ToStorage;
use actors::messages::segments::{Put, ToProcessServer, ToTarget};
use actors::messages::vcenter::{ToAsker, ToVcenter, VcenterAction};
use actors::messages::{Body, machines, replica};
use actors::nouns::{ActorId, ComponentKind, ItemState, MachineId, Trigger};
use actors::ports::{Compute, Evidence, Input, volume_name};
use actors::process_server::cached_files;
use actors::spec::ComponentSpec;
use actors::storage::fence_of;
use datapath::disk::Files;
use datapath::segment::SegmentKind;
use datapath::volume::Volume;
use datapath::{Blob, DiskId, Grain, SimTime, VmId, WriteSeq};

use crate::disks::files::MachineFiles;
use crate::faults::FaultKind;
use crate::machines::ActorSlot;
use crate::oracle::reader::{file_name, of_file};
use crate::oracle::restoring::AtRest;
use crate::spec::{MachineSpec, WorldSpec};
use crate::world::Engine;
use watch::Watch;

/// Files of which the observer hears when they are removed: stored segments.
pub const WATCHED_FILES: &str = "segments/";

/// What a fact sets going.
#[derive(Default)]
pub struct News {
    /// Triggers that hold now and did not before.
    pub held: Vec<u32>,
    /// Who is to be told something: a machine, the component there, and what.
    pub words: Vec<(MachineId, ComponentKind, Input)>,
}

/// What there is of the product.
pub struct Product {
    grain: Grain,
    /// Machines that are Azure storage.
    storages: Vec<MachineId>,
    /// Storage and master targets.
    targets: Vec<MachineId>,
    /// The operator's machine, and its actor.
    operator: Option<(MachineId, ActorId)>,
    watch: RefCell<Watch>,
    /// When each trigger held that has.
    held: RefCell<BTreeMap<u32, SimTime>>,
    /// The copies of machines on which a stream of writes runs that begins after a state.
    awaited: BTreeMap<(VmId, ItemState), BTreeSet<MachineId>>,
    /// States of that kind that machines have been in.
    reached: RefCell<BTreeSet<(VmId, ItemState)>>,
}

/// Triggers of a world that hold at a time.
pub fn timed(spec: &WorldSpec) -> impl Iterator<Item = (u32, SimTime)> {
    let numbered = (0..).zip(&spec.triggers);
    numbered.filter_map(|(number, trigger)| match trigger {
        Trigger::At(at) => Some((number, *at)),
        _ => None,
    })
}

/// What is told of a connection that somebody asks for.
#[must_use]
pub fn of_connecting(from: MachineId, to: MachineId, port: u16) -> Option<Fact> {
    (port == PORT_GROUP).then_some(Fact::Connected { from, to, port })
}

/// What whoever sent a local message hears where the operating system fails at it: its service for snapshots says that it could not
/// quiesce, and the guest hears nothing of it.
#[must_use]
pub fn failed(message: &Local) -> Option<Local> {
    let seq = WriteSeq::START;
    matches!(message, Local::Quiesce).then_some(Local::Quiesced { seq, ok: false })
}

/// What whoever asked hears from a machine that a fault has refuse requests: storage puts and reads nothing of what it is asked, Azure
/// compute makes no machine, and vCenter starts none. None: it is no such request. What it is told beside, signs of life, and what the service merges or drops are taken as ever.
#[must_use]
pub fn refusal(fault: &FaultKind, request: &Body) -> Option<Body> {
    match (fault, request) {
        (FaultKind::RequestsRefused { .. }, Body::SegmentsToTarget(put)) => {
            let put = match put {
                ToTarget::PutSegments {
                    protection, segments, ..
                } => Put::Segments {
                    protection: *protection,
                    disks: segments.iter().map(|packed| packed.header.disk).collect(),
                    kind: segments.first()?.header.kind,
                },
                ToTarget::PutTag { vm, protection, tag } => Put::Tag {
                    vm: *vm,
                    protection: *protection,
                    batch: tag.tag.batch,
                },
                ToTarget::PutCopyEnd {
                    disk, protection, copy, ..
                } => Put::CopyEnd {
                    disk: *disk,
                    protection: *protection,
                    copy: *copy,
                },
                ToTarget::ChecksumAsk(_) | ToTarget::PutShared(_) => return None,
            };
            Some(ToProcessServer::Busy(put).into())
        }
        (FaultKind::RequestsRefused { .. }, Body::ReplicaToStorage(ToStorage::GetSegments { protection, headers })) => {
            let (protection, headers) = (*protection, headers.clone());
            Some(replica::ToService::Busy { protection, headers }.into())
        }
        (
            FaultKind::BootsRefused { code, .. },
            Body::MachinesToCompute(machines::ToCompute::CreateMachine { machine, .. }),
        ) => {
            let (machine, why) = (*machine, code.clone());
            Some(machines::ToService::MachineRefused { machine, why }.into())
        }
        (
            FaultKind::BootsRefused { code, .. },
            Body::ToVcenter(ToVcenter::Act {
                id,
                action: VcenterAction::AttachAndBoot { .. },
            }),
        ) => {
            let (id, refused) = (*id, Some(code.clone()));
            Some(ToAsker::Done { id, refused }.into())
        }
        _ => None,
    }
}

fn awaited(spec: &WorldSpec) -> BTreeMap<(VmId, ItemState), BTreeSet<MachineId>> {
    let mut awaited: BTreeMap<_, BTreeSet<MachineId>> = BTreeMap::new();
    for (machine, number) in spec.machines.iter().zip(0..) {
        for component in &machine.components {
            let ComponentSpec::Guest(guest) = component else {
                continue;
            };
            for state in guest.workload.streams.iter().filter_map(|stream| stream.starts_after) {
                let machines = awaited.entry((guest.vm.vm, state)).or_default();
                machines.insert(MachineId(number));
            }
        }
    }
    awaited
}

impl AtRest for Engine {
    fn files(&self, machine: MachineId, prefix: &str) -> Vec<(String, Blob)> {
        let files = self.files_of(machine);
        let mut names = files.list(prefix);
        names.retain(|name| files.durable(name) == files.len(name));
        let read = |name: String| files.read_all(&name).ok().map(|blob| (name, blob));
        names.into_iter().filter_map(read).collect()
    }

    fn volumes(&self, disk: DiskId, place: &str) -> Vec<(String, Volume)> {
        let volumes = self.all_volumes();
        let names = volumes.named(&volume_name(disk, place)).into_iter();
        names
            .filter_map(|name| volumes.snapshot(&name).map(|volume| (name, volume)))
            .collect()
    }
}

impl Product {
    /// Of a world in which nothing has happened.
    #[must_use]
    pub fn new(spec: &WorldSpec, actors: &[ActorSlot], grain: Grain) -> Product {
        let with = |kinds: &[ComponentKind]| -> Vec<MachineId> {
            let has = |machine: &MachineSpec| {
                let mut components = machine.components.iter();
                components.any(|component| kinds.contains(&component.kind()))
            };
            let machines = (0..).map(MachineId).zip(&spec.machines);
            let those = machines.filter(|(_, machine)| has(machine));
            those.map(|(machine, _)| machine).collect()
        };
        let mut numbered = (0..).map(ActorId).zip(actors);
        let operator = numbered.find(|(_, actor)| actor.kind == ComponentKind::Operator);
        Product {
            grain,
            storages: with(&[ComponentKind::Storage]),
            targets: with(&[ComponentKind::Storage, ComponentKind::MasterTarget]),
            operator: operator.map(|(number, actor)| (actor.machine, number)),
            watch: RefCell::new(Watch::new(spec)),
            held: RefCell::default(),
            awaited: awaited(spec),
            reached: RefCell::default(),
        }
    }

    /// Who is told when triggers hold: the operator, and where.
    #[must_use]
    pub fn told(&self) -> Option<(MachineId, ActorId)> {
        self.operator
    }

    /// A fact is about to be logged.
    pub fn saw(&self, now: SimTime, fact: &Fact) -> News {
        let mut news = News::default();
        self.watch
            .borrow_mut()
            .see(now, fact, |trigger| news.held.push(trigger));
        if let Fact::State { vm, state } = fact
            && let Some(machines) = self.awaited.get(&(*vm, *state))
            && self.reached.borrow_mut().insert((*vm, *state))
        {
            // Writes begin after it, once.
            let words = || Input::Local(Local::Reached { state: *state });
            let all = machines.iter().map(|machine| (*machine, ComponentKind::Guest, words()));
            news.words = all.collect();
        }
        news
    }

    /// A trigger holds; what is said of it.
    pub fn held(&self, trigger: u32, now: SimTime) -> Input {
        self.held.borrow_mut().insert(trigger, now);
        Input::Local(Local::Triggered { trigger })
    }

    /// When a trigger held, if it has.
    #[must_use]
    pub fn held_at(&self, trigger: u32) -> Option<SimTime> {
        self.held.borrow().get(&trigger).copied()
    }

    /// Whether a machine has been in a state that a stream of writes begins after.
    #[must_use]
    pub fn has_reached(&self, vm: VmId, state: ItemState) -> bool {
        self.reached.borrow().contains(&(vm, state))
    }

    /// When the run ends because the plan is done; [`SimTime::NEVER`] while it is not.
    #[must_use]
    pub fn end(&self) -> SimTime {
        self.watch.borrow().end()
    }

    /// Who is heard once more before a machine loses its power, and what is said to it. In the aggregate grain a guest tells what it
    /// wrote every few minutes only. What it wrote since is no less written; whatever it then says reaches nobody on its machine.
    #[must_use]
    pub fn before_dark(&self) -> Option<(ComponentKind, Input)> {
        (self.grain == Grain::Aggregate).then_some((ComponentKind::Guest, Input::Local(Local::PowerGoes)))
    }

    /// What lies on disks of what a fact says.
    #[must_use]
    pub fn evidence(&self, world: &Engine, actor: Option<ActorId>, fact: &Fact) -> Option<Evidence> {
        match fact {
            Fact::SegmentsStored {
                protection,
                kind,
                segments,
            } => {
                let named = |segment: &StoredSegment| file_name(*protection, segment.disk, *kind);
                Some(self.stored(world, actor, segments.iter().map(named)))
            }
            Fact::SegmentFound {
                disk, protection, kind, ..
            } => Some(self.stored(world, actor, std::iter::once(file_name(*protection, *disk, *kind)))),
            Fact::BatchesMerged {
                vm,
                protection,
                from,
                to,
                ..
            } => {
                let prefix = format!("{WATCHED_FILES}{protection:04}/vm{}/", vm.0);
                let concerned = |name: &String| match of_file(name) {
                    Some((.., SegmentKind::Changes { batch })) => (*from..=*to).contains(&batch),
                    Some((.., SegmentKind::Merged { from: first, to: last })) => *from <= first && last <= *to,
                    _ => false,
                };
                let all = self.keepers(world, actor);
                let mut all = all.map(|keeper| (keeper.list(&prefix), keeper));
                let (names, keeper) = all.find(|(names, _)| !names.is_empty())?;
                let names = names.into_iter().filter(concerned);
                let files = names.filter_map(|name| keeper.read_all(&name).ok().map(|blob| (name, blob)));
                let files = files.collect();
                Some(Evidence::Stored { files })
            }
            Fact::BatchCached { vm, protection, batch } => {
                let machine = world.machine_of(actor?);
                let files = world.files_of(machine);
                // A disk that lies says the same to everybody.
                let lied = world.has_lied(machine);
                // What is not there at all is as good as a byte that is not durable.
                let seen = |name: String| {
                    let bytes = files.len(&name).unwrap_or(1);
                    let durable = if lied { bytes } else { files.durable(&name).unwrap_or(0) };
                    (name, bytes, durable)
                };
                let names = cached_files(&*files, *vm, *protection, *batch);
                let files = names.into_iter().map(seen).collect();
                Some(Evidence::Cached { files })
            }
            Fact::ProcessServerHealth { .. } => {
                let actor = actor?;
                let (used, capacity) = world.usage_of(world.machine_of(actor));
                let (worked, cores) = Compute::worked(world, actor);
                Some(Evidence::Machine {
                    used,
                    capacity,
                    worked,
                    cores,
                })
            }
            Fact::EpochGranted { disk, .. } => {
                let fence = |machine: &MachineId| (*machine, fence_of(&*world.files_of(*machine), *disk));
                let at = self.targets.iter().map(fence).collect();
                Some(Evidence::Fences { at })
            }
            _ => None,
        }
    }

    /// The files of those names, as far as they are there.
    fn stored(&self, world: &Engine, actor: Option<ActorId>, names: impl Iterator<Item = String>) -> Evidence {
        let files = names.filter_map(|name| {
            let blob = self
                .keepers(world, actor)
                .find_map(|files| files.read_all(&name).ok())?;
            Some((name, blob))
        });
        let files = files.collect();
        Evidence::Stored { files }
    }

    /// Disks on which an actor's segments can lie: its own machine's, then those of storage.
    fn keepers(&self, world: &Engine, actor: Option<ActorId>) -> impl Iterator<Item = Rc<MachineFiles>> {
        let own = actor.map(|actor| world.machine_of(actor));
        let machines = own.into_iter().chain(self.storages.iter().copied());
        machines.map(|machine| world.files_of(machine))
    }
}
