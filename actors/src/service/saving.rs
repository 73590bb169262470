//! What the service must not forget, on its machine's disk: a file for what is known of the estate, one for each machine, each replication
//! group, each job and each command that is not answered. What an input changed is written at its end, and only then acted on where it could not be taken
//! back: an epoch that was granted is never granted again, and an operation that was answered is answered the same.
//!
//! A file is replaced as a whole. So a machine's day costs what changed of that machine, and not what the vault holds.

use std::collections::BTreeSet;

use datapath::disk::{DiskError, read_if_there};
use datapath::{Blob, DiskId, VmId};
use serde::{Deserialize, Serialize};

use super::groups::Group;
use super::jobs::Running;
use super::returning::KEPT;
use super::{After, Grant, Item, SAVE, Sent, Service};
use crate::facts::{Fact, Severity};
use crate::nouns::{Life, MachineId, Outcome};
use crate::ports::Token;
use crate::replica_keeper::Retained;

const ESTATE: &str = "service/estate";
const MACHINES: &str = "service/machine/";
const JOBS: &str = "service/job/";
const COMMANDS: &str = "service/command/";
const GROUPS: &str = "service/group/";

/// What changed and is not written.
#[derive(Default)]
pub(super) struct Unsaved {
    pub(super) estate: bool,
    pub(super) machines: BTreeSet<VmId>,
    pub(super) jobs: BTreeSet<u64>,
    pub(super) commands: BTreeSet<u64>,
    pub(super) groups: BTreeSet<u32>,
    /// The disk refused, and is tried again later.
    pub(super) waits: bool,
}

/// A machine's file.
#[derive(Serialize, Deserialize)]
struct Machine<I> {
    item: Option<I>,
    agents: Vec<(MachineId, Life)>,
    epochs: Vec<(DiskId, u32)>,
    merging_epochs: Vec<(DiskId, u32)>,
    grants: Vec<(DiskId, Grant)>,
    asking: Option<(u32, bool)>,
}

/// A job's file.
#[derive(Serialize, Deserialize)]
enum Job<R> {
    Runs(R),
    Ended(Outcome, Option<u64>),
}

fn numbered(folder: &str, number: u64) -> String {
    format!("{folder}{number:020}")
}

/// All disks of a machine.
fn disks_of(vm: VmId) -> std::ops::RangeInclusive<DiskId> {
    DiskId { vm, index: 0 }..=DiskId { vm, index: u16::MAX }
}

impl Service {
    /// Writes what changed, and does what waited for it.
    pub(super) fn save(&mut self) {
        while !self.unsaved.waits {
            if !self.save_all() {
                self.unsaved.waits = true;
                self.complain("it does not take what has to be written down".to_owned());
                let every = self.env.model.azure.look_every;
                let _ = self.env.timer(every, Token { what: SAVE, key: 0 });
                return;
            }
            if self.after.is_empty() {
                return;
            }
            for after in std::mem::take(&mut self.after) {
                match after {
                    After::Answer(conn, body) => self.env.send(conn, *body),
                    After::Fence(disk, epoch) => self.raise_fence(disk, epoch),
                }
            }
        }
    }

    pub(super) fn complain(&self, why: String) {
        self.env.fact(Fact::Alert {
            vm: None,
            severity: Severity::Critical,
            code: String::new(),
            text: format!("disk of the Site Recovery service: {why}"),
        });
    }

    /// Whether nothing is left to write.
    fn save_all(&mut self) -> bool {
        if self.unsaved.estate {
            if !self.write(ESTATE, &self.estate) {
                return false;
            }
            self.unsaved.estate = false;
        }
        while let Some(vm) = self.unsaved.machines.first().copied() {
            if !self.save_machine(vm) {
                return false;
            }
            self.unsaved.machines.remove(&vm);
        }
        while let Some(number) = self.unsaved.groups.first().copied() {
            let group = self.groups.groups.get(&number);
            let written = group.is_none_or(|group| self.write(&numbered(GROUPS, u64::from(number)), group));
            if !written {
                return false;
            }
            self.unsaved.groups.remove(&number);
        }
        while let Some(id) = self.unsaved.commands.first().copied() {
            let name = numbered(COMMANDS, id);
            match self.commands.get(&id) {
                Some(sent) if !self.write(&name, sent) => return false,
                Some(_) => {}
                None => self.env.files().remove(&name),
            }
            self.unsaved.commands.remove(&id);
        }
        // The last first: the machines of a recovery plan's run have higher numbers, and are written down before it goes on.
        while let Some(job) = self.unsaved.jobs.last().copied() {
            let name = numbered(JOBS, job);
            let written = match (self.jobs.get(&job), self.answered.get(&job)) {
                (Some(running), _) => self.write(&name, &Job::Runs(running)),
                (None, Some((outcome, key))) => {
                    let ended: Job<Running> = Job::Ended(outcome.clone(), *key);
                    self.write(&name, &ended)
                }
                (None, None) => true,
            };
            if !written {
                return false;
            }
            self.unsaved.jobs.remove(&job);
        }
        true
    }

    /// Writes a machine's file; false where the disk refuses.
    pub(super) fn save_machine(&self, vm: VmId) -> bool {
        let agents = self.agents.range((vm, MachineId(0))..=(vm, MachineId(u32::MAX)));
        let machine = Machine {
            item: self.items.get(&vm),
            agents: agents.map(|((_, machine), life)| (*machine, *life)).collect(),
            epochs: self.epochs.range(disks_of(vm)).map(|(d, e)| (*d, *e)).collect(),
            merging_epochs: self.merging_epochs.range(disks_of(vm)).map(|(d, e)| (*d, *e)).collect(),
            grants: self.grants.range(disks_of(vm)).map(|(d, g)| (*d, *g)).collect(),
            asking: self.asking.get(&vm).copied(),
        };
        self.write(&numbered(MACHINES, u64::from(vm.0)), &machine)
    }

    fn write(&self, name: &str, what: &impl Serialize) -> bool {
        let bytes = datapath::encoded::encode(what);
        self.env.files().replace(name, Blob::real(bytes)).is_ok()
    }

    /// Files of a folder, by the number in their names. What makes no sense is left out, and said.
    fn read<T: for<'a> Deserialize<'a>>(&self, folder: &str) -> Result<Vec<(u64, T)>, DiskError> {
        let files = self.env.files();
        let mut read = Vec::new();
        for name in files.list(folder) {
            let Some(number) = name.strip_prefix(folder).and_then(|number| number.parse().ok()) else {
                continue;
            };
            match postcard::from_bytes(&files.read_all(&name)?.bytes) {
                Ok(content) => read.push((number, content)),
                Err(error) => self.complain(format!("{name}: {error}")),
            }
        }
        Ok(read)
    }

    /// Goes on with what an earlier life wrote down, if there was one.
    ///
    /// # Errors
    /// Where the disk fails: then nothing is taken up.
    pub(super) fn take_up(&mut self) -> Result<(), DiskError> {
        let estate = read_if_there(&*self.env.files(), ESTATE)?;
        let machines = self.read::<Machine<Item>>(MACHINES)?;
        let (commands, groups) = (self.read::<Sent>(COMMANDS)?, self.read::<Group>(GROUPS)?);
        let jobs = self.read::<Job<Running>>(JOBS)?;
        let found = Retained::found(&self.env, KEPT)?;
        if let Some(blob) = estate {
            self.estate = postcard::from_bytes(&blob.bytes).unwrap_or_default();
        }
        for (number, machine) in machines {
            let vm = VmId(number as u32);
            self.items.extend(machine.item.map(|item| (vm, item)));
            let agents = machine.agents.into_iter();
            self.agents.extend(agents.map(|(machine, life)| ((vm, machine), life)));
            self.epochs.extend(machine.epochs);
            self.merging_epochs.extend(machine.merging_epochs);
            self.grants.extend(machine.grants);
            self.asking.extend(machine.asking.map(|asking| (vm, asking)));
        }
        self.commands.extend(commands);
        let groups = groups.into_iter().map(|(number, group)| (number as u32, group));
        self.groups.groups.extend(groups);
        let mut running = Vec::new();
        for (number, job) in jobs {
            match job {
                Job::Runs(job) => {
                    self.jobs.insert(number, job);
                    running.push(number);
                }
                Job::Ended(outcome, key) => {
                    self.answered.insert(number, (outcome, key));
                }
            }
        }
        self.await_keepers(found);
        running.into_iter().for_each(|job| self.resume(job));
        self.look_at_runs();
        self.put_off_again();
        if !self.keepers.is_empty() || !self.returning.is_empty() || !self.orders.is_empty() {
            self.look_soon();
        }
        Ok(())
    }
}
