//! What a planner brings: machines with their disks, as far as sizing asks.

pub mod csv;
pub mod rvtools;
mod template;

pub use template::template;

/// Machines to protect, in the order of their file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Estate {
    /// The machines.
    pub vms: Vec<Vm>,
}

/// A machine to protect: a VMware VM or a physical server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vm {
    /// Its name, as its owner writes it.
    pub name: String,
    /// The ESXi host that it runs on; tells machines of one name apart.
    pub host: Option<String>,
    /// Its operating system, in the words of its owner.
    pub os: String,
    /// Virtual processors; 0 where only counters of it are known.
    pub cores: u32,
    /// Memory in bytes; 0 where only counters of it are known.
    pub memory_bytes: u64,
    /// Network adapters.
    pub nics: u32,
    /// How it boots.
    pub boot: Boot,
    /// Its group in a recovery plan, from 1: groups start one after the other.
    pub group: u8,
    /// Its disks; the first one bears the operating system.
    pub disks: Vec<Disk>,
}

/// How a machine boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Boot {
    /// From a BIOS.
    #[default]
    Bios,
    /// From EFI.
    Efi,
}

/// A disk of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Its name, unique within its machine.
    pub name: String,
    /// Its size in bytes; 0 where only counters of it are known: its initial copy cannot be planned then.
    pub size_bytes: u64,
    /// What of it is used, in bytes, where that is known.
    pub used_bytes: Option<u64>,
    /// What its content compresses to, in thousandths of its size, where that was measured.
    pub compressed_per_mille: Option<u32>,
    /// What it writes, in the mean, where there are no counters: bytes per day.
    pub daily_change_bytes: Option<u64>,
}

impl Estate {
    /// All disks with their machines, in order.
    pub fn disks(&self) -> impl Iterator<Item = (&Vm, &Disk)> {
        self.vms
            .iter()
            .flat_map(|vm| vm.disks.iter().map(move |disk| (vm, disk)))
    }
}

impl Vm {
    /// The size of all its disks in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.disks.iter().map(|disk| disk.size_bytes).sum()
    }
}

/// Machines for tests.
#[cfg(test)]
pub(crate) mod samples {
    use super::{Boot, Disk, Vm};

    /// A small Windows machine with these disks.
    pub fn vm(name: &str, disks: Vec<Disk>) -> Vm {
        Vm {
            name: name.to_owned(),
            host: None,
            os: "Windows Server 2016".to_owned(),
            cores: 2,
            memory_bytes: 4 << 30,
            nics: 1,
            boot: Boot::Bios,
            group: 1,
            disks,
        }
    }

    /// A disk of 100 GiB of which nothing else is known.
    pub fn disk(name: &str) -> Disk {
        Disk {
            name: name.to_owned(),
            size_bytes: 100 << 30,
            used_bytes: None,
            compressed_per_mille: None,
            daily_change_bytes: None,
        }
    }
}
