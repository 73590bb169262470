//! Storage: a machine's files, and the volumes (virtual disks) that it can reach.
//!
//! A machine reaches volumes that are attached to it, and those that are attached to none: an account's, a keeper's own. What reads
//! many bytes asks for the time first ([`Env::read`], [`Job::reads`](super::Job::reads)); what is written costs its time when it is flushed.

use std::rc::Rc;

use datapath::disk::{DiskError, Files};
use datapath::volume::Volume;
use datapath::{DiskId, Extent, Run, VmId, WriteSeq};

use super::{Env, Token};
use crate::nouns::{ActorId, MachineId};

/// Files and volumes of the machine that asks. A volume that is attached to another machine is not there for it.
pub trait Storage {
    /// The machine's files.
    fn files(&self, machine: MachineId) -> Rc<dyn Files>;
    /// Asks for [`Input::Flushed`](super::Input::Flushed) once all that these files (or, for names that begin with `volume:`, volumes) hold
    /// now is durable.
    fn flush(&self, actor: ActorId, names: &[String], token: Token);
    /// Reads a range of a volume.
    fn volume_read(&self, machine: MachineId, volume: &str, start: Extent, extents: u32) -> Vec<Run>;
    /// The same for real bytes, which are put behind what `out` holds.
    fn volume_read_to(&self, machine: MachineId, volume: &str, start: Extent, extents: u32, out: &mut Vec<u8>);
    /// Writes to a volume; volatile until flushed.
    ///
    /// # Errors
    /// Where the disk fails; nothing is written then.
    fn volume_write(&self, machine: MachineId, volume: &str, run: &Run) -> Result<(), DiskError>;
    /// Aggregate grain, where a write has no content: the life of this number, which began after the write `began`, wrote to a volume up to
    /// the write `through`.
    fn volume_wrote(&self, machine: MachineId, volume: &str, life: (u64, WriteSeq), through: WriteSeq);
    /// A snapshot of a volume, as it reads now; `None` where there is none of that name.
    fn volume(&self, machine: MachineId, volume: &str) -> Option<Volume>;
    /// An empty volume of so many bytes, durably; does nothing where there is one of that name.
    fn volume_create(&self, volume: &str, bytes: u64);
    /// Puts a whole volume in place, durably (a blob becomes a disk).
    fn volume_put(&self, machine: MachineId, volume: &str, content: Volume);
    /// Removes a volume.
    fn volume_remove(&self, machine: MachineId, volume: &str);
}

impl Env {
    /// The machine's files.
    #[must_use]
    pub fn files(&self) -> Rc<dyn Files> {
        self.world.files(self.machine)
    }

    /// See [`Storage::flush`].
    pub fn flush(&self, names: &[String], token: Token) {
        self.world.flush(self.actor, names, token);
    }

    /// See [`Storage::volume_read`].
    #[must_use]
    pub fn volume_read(&self, volume: &str, start: Extent, extents: u32) -> Vec<Run> {
        self.world.volume_read(self.machine, volume, start, extents)
    }

    /// See [`Storage::volume_read_to`].
    pub fn volume_read_to(&self, volume: &str, start: Extent, extents: u32, out: &mut Vec<u8>) {
        self.world.volume_read_to(self.machine, volume, start, extents, out);
    }

    /// See [`Storage::volume_write`].
    ///
    /// # Errors
    /// As there.
    pub fn volume_write(&self, volume: &str, run: &Run) -> Result<(), DiskError> {
        self.world.volume_write(self.machine, volume, run)
    }

    /// See [`Storage::volume_wrote`].
    pub fn volume_wrote(&self, volume: &str, life: (u64, WriteSeq), through: WriteSeq) {
        self.world.volume_wrote(self.machine, volume, life, through);
    }

    /// See [`Storage::volume`].
    #[must_use]
    pub fn volume(&self, volume: &str) -> Option<Volume> {
        self.world.volume(self.machine, volume)
    }

    /// See [`Storage::volume_create`].
    pub fn volume_create(&self, volume: &str, bytes: u64) {
        self.world.volume_create(volume, bytes);
    }

    /// See [`Storage::volume_put`].
    pub fn volume_put(&self, volume: &str, content: Volume) {
        self.world.volume_put(self.machine, volume, content);
    }

    /// See [`Storage::volume_remove`].
    pub fn volume_remove(&self, volume: &str) {
        self.world.volume_remove(self.machine, volume);
    }
}

/// The name of the volume behind a machine's disk at a place, e.g. `vm0/disk1@source`.
#[must_use]
pub fn volume_name(disk: DiskId, place: &str) -> String {
    format!("vm{}/disk{}@{place}", disk.vm.0, disk.index)
}

/// The machine's number, for names of files and volumes.
#[must_use]
pub fn vm_prefix(vm: VmId) -> String {
    format!("vm{}", vm.0)
}
