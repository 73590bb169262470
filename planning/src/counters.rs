//! Counters of an estate's disks: read by `scenarios`, which has workloads of them as well.

use scenarios::counters::roster::{self, Machine, Roster};
pub use scenarios::counters::{Source, is_counter_column};

use crate::estate::{Boot, Disk, Estate, Vm};
use crate::problem::Problems;
use crate::profile::Profile;

/// Reads the counters of an estate, from one file or several that follow each other or have different machines. Without an estate one is
/// made of the machines and disks that have counters: sizes, cores and memory are 0 in it, which stands for "not known". What is wrong
/// goes to `problems`; none is given where nothing could be read.
pub fn read(estate: Option<&Estate>, sources: Vec<Source<'_>>, problems: &mut Problems) -> Option<(Estate, Profile)> {
    let known = estate.map(roster);
    let (read, profile) = scenarios::counters::read(known.as_ref(), sources, problems)?;
    Some((estate.cloned().unwrap_or_else(|| made(read)), profile))
}

fn roster(estate: &Estate) -> Roster {
    let disk = |disk: &Disk| roster::Disk {
        name: disk.name.clone(),
        size_bytes: disk.size_bytes,
    };
    let machine = |vm: &Vm| Machine {
        name: vm.name.clone(),
        host: vm.host.clone(),
        disks: vm.disks.iter().map(disk).collect(),
    };
    Roster {
        machines: estate.vms.iter().map(machine).collect(),
    }
}

fn made(roster: Roster) -> Estate {
    let disk = |disk: roster::Disk| Disk {
        name: disk.name,
        size_bytes: disk.size_bytes,
        used_bytes: None,
        compressed_per_mille: None,
        daily_change_bytes: None,
    };
    let vm = |machine: Machine| Vm {
        name: machine.name,
        host: machine.host,
        os: String::new(),
        cores: 0,
        memory_bytes: 0,
        nics: 1,
        boot: Boot::default(),
        group: 1,
        disks: machine.disks.into_iter().map(disk).collect(),
    };
    Estate {
        vms: roster.machines.into_iter().map(vm).collect(),
    }
}
