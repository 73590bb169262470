//! Volumes: virtual disks that the world keeps, whichever machine they are attached to.
//!
//! A write changes what is read at once and is volatile until a flush. What a power cut needs is kept as an undo log: for each unflushed
//! write, what was there before. A cut keeps a random prefix of the unflushed writes, tears the next one between extents, and undoes
//! the rest. A disk's own cache is bounded: what is older than the cache of the model has reached the disk by itself.
//!
//! Contents of the aggregate grain have no extents to undo; there a write is durable at once.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use actors::Table;
use actors::nouns::MachineId;
use datapath::image::Generated;
use datapath::volume::{PageStore, Saved, Volume, VolumeError};
use datapath::{Extent, Grain, Run, WriteSeq};
use rand::{Rng, RngExt};

use crate::spec::{RunOptions, VolumeStart, WorldSpec};

struct Unflushed {
    /// What was there before.
    before: Saved,
    bytes: u64,
}

struct Attached {
    volume: Volume,
    machine: Option<MachineId>,
    /// Changes when the content is put in place anew.
    generation: u64,
    /// Unflushed writes that have become durable since the volume was put in place.
    settled: u64,
    unflushed: VecDeque<Unflushed>,
    unflushed_bytes: u64,
    /// Writes since it was put in place that are durable, or that a flush under way makes so.
    flushing: u64,
    /// Bytes of unflushed writes that no flush under way writes.
    waiting_bytes: u64,
}

/// How far a volume was written when a flush of it was asked for.
#[derive(Debug, Clone)]
pub struct FlushPoint {
    volume: String,
    generation: u64,
    writes: u64,
}

/// All volumes of a run.
pub struct Volumes {
    grain: Grain,
    /// Bytes of unflushed writes that a disk holds at most.
    cache: u64,
    generations: RefCell<u64>,
    /// By name, found by hash: a fleet has ten thousand, and each write looks for one.
    volumes: RefCell<Table<String, Attached>>,
}

/// The volumes that are there at the start of a run.
///
/// # Errors
/// [`VolumeError::Machine`] where an image cannot be read.
pub fn at_start(spec: &WorldSpec, options: &RunOptions, store: &PageStore) -> Result<Volumes, VolumeError> {
    let volumes = Volumes::new(options.grain, spec.model.disk.cache);
    for volume in &spec.volumes {
        let content = match &volume.start {
            VolumeStart::Empty => Volume::new(store, options.grain, volume.bytes),
            VolumeStart::Image(image) => Volume::from_image(store, options.grain, Arc::clone(image), volume.class)?,
            VolumeStart::Generated {
                used_bytes,
                random_bytes,
            } => {
                let image = Generated::new(volume.bytes, *used_bytes, *random_bytes, options.seed, volume.disk);
                Volume::from_image(store, options.grain, Arc::new(image), volume.class)?
            }
        };
        volumes.put(&volume.name, content);
        volumes.attach(&volume.name, MachineId(volume.machine));
    }
    Ok(volumes)
}

impl Volumes {
    /// None yet.
    #[must_use]
    pub fn new(grain: Grain, cache: u64) -> Volumes {
        Volumes {
            grain,
            cache,
            generations: RefCell::new(0),
            volumes: RefCell::default(),
        }
    }

    /// Puts a whole volume in place, durably; where there was one, the new one stays attached where that was.
    pub fn put(&self, name: &str, volume: Volume) {
        let mut volumes = self.volumes.borrow_mut();
        let mut generations = self.generations.borrow_mut();
        *generations += 1;
        let attached = Attached {
            volume,
            machine: None,
            generation: *generations,
            settled: 0,
            unflushed: VecDeque::new(),
            unflushed_bytes: 0,
            flushing: 0,
            waiting_bytes: 0,
        };
        match volumes.get_mut(name) {
            Some(before) => {
                *before = Attached {
                    machine: before.machine,
                    ..attached
                }
            }
            None => {
                volumes.insert(name.to_owned(), attached);
            }
        }
    }

    /// Attaches a volume to the machine whose power it then shares. Nothing happens where there is none of that name.
    pub fn attach(&self, name: &str, machine: MachineId) {
        if let Some(attached) = self.volumes.borrow_mut().get_mut(name) {
            attached.machine = Some(machine);
        }
    }

    /// The machine that a volume is attached to.
    #[must_use]
    pub fn machine(&self, name: &str) -> Option<MachineId> {
        self.volumes.borrow().get(name).and_then(|attached| attached.machine)
    }

    /// Whether a machine reaches a volume: one that is attached to it, or to none.
    #[must_use]
    pub fn is_reached_by(&self, machine: MachineId, name: &str) -> bool {
        let volumes = self.volumes.borrow();
        volumes.get(name).is_none_or(|attached| attached.is_reached_by(machine))
    }

    /// Whether there is such a volume.
    #[must_use]
    pub fn exists(&self, name: &str) -> bool {
        self.volumes.borrow().contains_key(name)
    }

    /// Removes a volume.
    pub fn remove(&self, name: &str) {
        self.volumes.borrow_mut().swap_remove(name);
    }

    /// A snapshot, if there is such a volume.
    #[must_use]
    pub fn snapshot(&self, name: &str) -> Option<Volume> {
        self.volumes.borrow().get(name).map(|attached| attached.volume.clone())
    }

    /// The names that begin like this, in order.
    #[must_use]
    pub fn named(&self, prefix: &str) -> Vec<String> {
        let volumes = self.volumes.borrow();
        let names = volumes.keys().filter(|name| name.starts_with(prefix));
        let mut names: Vec<String> = names.cloned().collect();
        names.sort_unstable();
        names
    }

    /// Reads a range; `None` where there is no such volume.
    ///
    /// # Errors
    /// As [`Volume::read`].
    pub fn read(&self, name: &str, start: Extent, extents: u32) -> Option<Result<Vec<Run>, VolumeError>> {
        let volumes = self.volumes.borrow();
        volumes.get(name).map(|attached| attached.volume.read(start, extents))
    }

    /// Puts the real bytes of a range behind what `out` holds; `None` where there is no such volume.
    ///
    /// # Errors
    /// As [`Volume::read_to`].
    pub fn read_to(
        &self,
        name: &str,
        start: Extent,
        extents: u32,
        out: &mut Vec<u8>,
    ) -> Option<Result<(), VolumeError>> {
        let volumes = self.volumes.borrow();
        volumes
            .get(name)
            .map(|attached| attached.volume.read_to(start, extents, out))
    }

    /// Writes a run; `None` where there is no such volume.
    ///
    /// # Errors
    /// As [`Volume::write`].
    pub fn write(&self, name: &str, run: &Run) -> Option<Result<(), VolumeError>> {
        let mut volumes = self.volumes.borrow_mut();
        volumes
            .get_mut(name)
            .map(|attached| attached.write(self.grain, self.cache, run))
    }

    /// Aggregate grain: a life of a machine wrote to the volume up to a write. False, and nothing is written, where it is attached to
    /// another machine.
    #[must_use]
    pub fn wrote(&self, name: &str, machine: MachineId, life: u64, began: WriteSeq, through: WriteSeq) -> bool {
        let mut volumes = self.volumes.borrow_mut();
        let Some(attached) = volumes.get_mut(name) else {
            return true;
        };
        let reached = attached.is_reached_by(machine);
        if reached {
            attached.volume.lineage_mut().wrote(life, began, through);
        }
        reached
    }

    /// Begins a flush of the volume: what it will make durable, and how many bytes the disk has to write for it; what flushes under way
    /// write already is not written again.
    #[must_use]
    pub fn begin_flush(&self, name: &str) -> Option<(FlushPoint, u64)> {
        let mut volumes = self.volumes.borrow_mut();
        let attached = volumes.get_mut(name)?;
        attached.flushing = attached.settled + attached.unflushed.len() as u64;
        let point = FlushPoint {
            volume: name.to_owned(),
            generation: attached.generation,
            writes: attached.flushing,
        };
        Some((point, std::mem::take(&mut attached.waiting_bytes)))
    }

    /// A flush is complete.
    pub fn flushed(&self, point: &FlushPoint) {
        if let Some(attached) = self.volumes.borrow_mut().get_mut(&point.volume)
            && attached.generation == point.generation
        {
            while attached.settled < point.writes && attached.settle_one() {}
        }
    }

    /// A machine's power is cut: of each volume attached to it, unflushed writes are undone, all but a random prefix.
    pub fn power_cut(&self, machine: MachineId, random: &mut impl Rng) {
        let mut volumes = self.volumes.borrow_mut();
        let of_it = volumes
            .iter_mut()
            .filter(|(_, attached)| attached.machine == Some(machine));
        let mut of_it: Vec<_> = of_it.collect();
        of_it.sort_unstable_by_key(|(name, _)| *name);
        of_it.into_iter().for_each(|(_, attached)| attached.power_cut(random));
    }
}

impl Attached {
    fn is_reached_by(&self, machine: MachineId) -> bool {
        self.machine.is_none_or(|there| there == machine)
    }

    fn write(&mut self, grain: Grain, cache: u64, run: &Run) -> Result<(), VolumeError> {
        if grain == Grain::Aggregate {
            return self.volume.write(run);
        }
        let before = self.volume.save(run.start, run.extents)?;
        // What a guest writes was made for this write alone.
        self.volume.write_whole(run)?;
        let bytes = run.bytes();
        self.unflushed.push_back(Unflushed { before, bytes });
        self.unflushed_bytes += bytes;
        self.waiting_bytes += bytes;
        while self.unflushed_bytes > cache && self.settle_one() {}
        Ok(())
    }

    fn settle_one(&mut self) -> bool {
        let Some(oldest) = self.unflushed.pop_front() else {
            return false;
        };
        self.settled += 1;
        self.unflushed_bytes -= oldest.bytes;
        if self.settled > self.flushing {
            self.flushing = self.settled;
            self.waiting_bytes -= oldest.bytes;
        }
        true
    }

    fn power_cut(&mut self, random: &mut impl Rng) {
        if self.unflushed.is_empty() {
            return;
        }
        let kept = random.random_range(0..=self.unflushed.len());
        while self.unflushed.len() > kept + 1 {
            let lost = self.unflushed.pop_back().expect("more than the kept ones are left");
            self.undo(&lost, 0);
        }
        if self.unflushed.len() > kept {
            let torn = self.unflushed.pop_back().expect("one more than the kept ones is left");
            let extents = torn.before.extents();
            let stands = if random.random_bool(0.5) {
                random.random_range(0..extents)
            } else {
                0
            };
            self.undo(&torn, stands);
        }
        self.settled += self.unflushed.len() as u64;
        self.unflushed.clear();
        self.unflushed_bytes = 0;
        self.flushing = self.settled;
        self.waiting_bytes = 0;
    }

    /// Puts back what was before a write, but for its first `stands` extents.
    fn undo(&mut self, lost: &Unflushed, stands: u64) {
        let from = Extent(lost.before.start().0 + stands);
        self.volume.restore(&lost.before, from);
    }
}
