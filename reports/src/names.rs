//! Names for people: what the scenario file calls machines, disks, links and steps, by the numbers that facts carry.

use std::borrow::Cow;
use std::fmt;
use std::fmt::Write as _;

use actors::nouns::{ActorId, ComponentKind, MachineId};
use datapath::{DiskId, VmId};
use scenarios::model::Expected;
use sim::findings::Component;
use sim::spec::WorldSpec;

/// A link's name and the rate that it is measured against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkName {
    /// Its name.
    pub name: String,
    /// Bits per second, each way.
    pub bits_per_second: u64,
}

/// What a step is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepName {
    /// What the scenario file says there.
    pub text: String,
    /// The step of the scenario file, from 0: one that is about many machines is taken for each.
    pub step: usize,
    /// The machine that it is about.
    pub vm: Option<String>,
    /// How it is to end.
    pub expected: Expected,
}

impl StepName {
    /// With its machine.
    #[must_use]
    pub fn full(&self) -> String {
        match &self.vm {
            Some(vm) => format!("{} {vm}", self.text),
            None => self.text.clone(),
        }
    }
}

/// The names of a run. A number without a name gets a plain one (`vm7`), so that no report fails for want of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Protected machines, by [`VmId`].
    pub vms: Vec<String>,
    /// Their disks, by [`DiskId`].
    pub disks: Vec<Vec<String>>,
    /// Machines, by [`MachineId`].
    pub machines: Vec<String>,
    /// Actors, by [`ActorId`]: `machine/component`.
    pub actors: Vec<String>,
    /// Links, by their number.
    pub links: Vec<LinkName>,
    /// Steps, by their number.
    pub steps: Vec<StepName>,
}

impl Names {
    /// The names that a world's specification carries, with the disks' and steps' names, which only the scenario file knows.
    #[must_use]
    pub fn of(world: &WorldSpec, disks: Vec<Vec<String>>, steps: Vec<StepName>) -> Names {
        let actors = world.machines.iter().flat_map(|machine| {
            machine
                .components
                .iter()
                .map(|component| format!("{}/{}", machine.name, component_name(component.kind())))
        });
        let links = world.links.iter().map(|link| LinkName {
            name: link.name.clone(),
            bits_per_second: link.bits_per_second,
        });
        Names {
            vms: world.vms.iter().map(|vm| vm.name.clone()).collect(),
            disks,
            machines: world.machines.iter().map(|machine| machine.name.clone()).collect(),
            actors: actors.collect(),
            links: links.collect(),
            steps,
        }
    }

    /// A protected machine's name.
    #[must_use]
    pub fn vm(&self, vm: VmId) -> Cow<'_, str> {
        known(&self.vms, vm.0 as usize, "vm")
    }

    /// A disk's own name, without its machine's.
    #[must_use]
    pub fn disk_only(&self, disk: DiskId) -> Cow<'_, str> {
        let of_vm = self.disks.get(disk.vm.0 as usize).map_or(&[][..], Vec::as_slice);
        known(of_vm, usize::from(disk.index), "disk")
    }

    /// A disk as the scenario file addresses it: `vm.disk`.
    #[must_use]
    pub fn disk(&self, disk: DiskId) -> DiskName<'_> {
        DiskName(self.vm(disk.vm), self.disk_only(disk))
    }

    /// A machine's name.
    #[must_use]
    pub fn machine(&self, machine: MachineId) -> Cow<'_, str> {
        known(&self.machines, machine.0 as usize, "machine")
    }

    /// An actor's name.
    #[must_use]
    pub fn actor(&self, actor: ActorId) -> Cow<'_, str> {
        known(&self.actors, actor.0 as usize, "actor")
    }

    /// A link's name.
    #[must_use]
    pub fn link(&self, link: u32) -> Cow<'_, str> {
        self.links
            .get(link as usize)
            .map_or_else(|| Cow::Owned(format!("link{link}")), |link| Cow::Borrowed(&*link.name))
    }

    /// What a finding concerns; none where that is the whole run.
    #[must_use]
    pub fn component(&self, component: &Component) -> Option<String> {
        Some(match component {
            Component::Run => return None,
            Component::Vm(vm) => self.vm(*vm).into_owned(),
            Component::Disk(disk) => self.disk(*disk).to_string(),
            Component::Machine(machine) => self.machine(*machine).into_owned(),
            Component::Link(link) => self.link(*link).into_owned(),
            Component::Group(name) | Component::Fault(name) => name.clone(),
            Component::Database(vm, name) => format!("{name} on {}", self.vm(*vm)),
            Component::Step(step, _) => self.step(*step),
        })
    }

    /// What a step says.
    #[must_use]
    pub fn step(&self, step: u32) -> String {
        self.steps
            .get(step as usize)
            .map_or_else(|| format!("step {}", step + 1), StepName::full)
    }
}

impl Names {
    /// A text in which stored segments are called as the scenario calls their disks, their names in storage behind that:
    /// `app.data batch 2 (vm0/disk1/batch-00000002)`.
    #[must_use]
    pub fn with_segments_named(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("vm") {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            // Inside a longer word it is no segment.
            let inside = before.ends_with(|c: char| c.is_alphanumeric() || c == '-');
            match segment(from).filter(|_| !inside) {
                Some(found) => {
                    let disk = self.disk(found.disk);
                    let (what, number, name) = (found.what, found.number, &from[..found.len]);
                    let _ = write!(out, "{disk} {what} {number} ({name})");
                    rest = &from[found.len..];
                }
                None => {
                    out.push_str("vm");
                    rest = &from[2..];
                }
            }
        }
        out.push_str(rest);
        out
    }
}

/// A segment's name found at the start of a text.
struct Segment<'a> {
    disk: DiskId,
    what: &'a str,
    number: u64,
    len: usize,
}

/// Reads `vm0/disk1/batch-00000002` or `vm0/disk1/copy-0001-000003`; of a copy the last number is the piece's.
fn segment(text: &str) -> Option<Segment<'_>> {
    let (vm, rest) = digits(text.strip_prefix("vm")?)?;
    let (index, rest) = digits(rest.strip_prefix("/disk")?)?;
    let rest = rest.strip_prefix('/')?;
    let (what, numbers) = match rest.strip_prefix("batch-") {
        Some(numbers) => ("batch", numbers),
        None => (
            "copied piece",
            digits(rest.strip_prefix("copy-")?)?.1.strip_prefix('-')?,
        ),
    };
    let (number, rest) = digits(numbers)?;
    Some(Segment {
        disk: DiskId {
            vm: VmId(u32::try_from(vm).ok()?),
            index: u16::try_from(index).ok()?,
        },
        what,
        number,
        len: text.len() - rest.len(),
    })
}

/// The number that a text begins with, and what follows it.
fn digits(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

fn known<'a>(names: &'a [String], index: usize, kind: &str) -> Cow<'a, str> {
    names
        .get(index)
        .map_or_else(|| Cow::Owned(format!("{kind}{index}")), |name| Cow::Borrowed(&**name))
}

/// A disk's name, `vm.disk`, put together only where it is written.
pub struct DiskName<'a>(Cow<'a, str>, Cow<'a, str>);

impl fmt::Display for DiskName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)?;
        f.write_str(".")?;
        f.write_str(&self.1)
    }
}

/// A kind of component, in the words of the reports.
#[must_use]
pub fn component_name(kind: ComponentKind) -> &'static str {
    match kind {
        ComponentKind::Guest => "guest",
        ComponentKind::Agent => "mobility-service",
        ComponentKind::ProcessServer => "process-server",
        ComponentKind::ConfigurationServer => "configuration-server",
        ComponentKind::MasterTarget => "master-target",
        ComponentKind::Vcenter => "vcenter",
        ComponentKind::Storage => "storage",
        ComponentKind::Service => "site-recovery",
        ComponentKind::AzureCompute => "azure-compute",
        ComponentKind::Operator => "operator",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_called_by_its_disk() {
        let names = Names {
            vms: vec!["app".into()],
            disks: vec![vec!["os".into(), "data".into()]],
            ..Names::default()
        };
        for (text, expected) in [
            (
                "segment vm0/disk1/batch-00000002 was changed",
                "segment app.data batch 2 (vm0/disk1/batch-00000002) was changed",
            ),
            (
                "vm0/disk0/copy-0001-000003",
                "app.os copied piece 3 (vm0/disk0/copy-0001-000003)",
            ),
            ("svm0/disk0/batch-1, vm0, vm", "svm0/disk0/batch-1, vm0, vm"),
            (
                "vm99999999999999999999/disk0/batch-1 über",
                "vm99999999999999999999/disk0/batch-1 über",
            ),
        ] {
            assert_eq!(names.with_segments_named(text), expected);
        }
    }
}
