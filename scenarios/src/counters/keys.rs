//! Which disk of the estate a row is of.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::roster::{Disk, Machine, Roster};

/// From this number on a disk is one that a block is the first to name.
pub(super) const FRESH: u32 = 1 << 31;
/// From this number on a row is not taken: the number says why.
pub(super) const SKIPPED: u32 = 1 << 30;
/// The disk of counters that have no disk.
pub const ALL: &str = "all";

type Table<K, V> = IndexMap<K, V, FxBuildHasher>;

/// A machine and a disk as they are named for the first time.
#[derive(Debug)]
pub(super) struct Fresh {
    /// As they stand in the file.
    pub(super) key: Box<[u8]>,
    pub(super) vm: String,
    pub(super) host: Option<String>,
    pub(super) disk: Option<String>,
    /// Rows of it in the block.
    pub(super) rows: u64,
}

/// What machines and disks of a file stand for, by the bytes that they are named with.
#[derive(Debug, Default)]
pub(super) struct Keys {
    table: Table<Box<[u8]>, u32>,
}

impl Keys {
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// A key by its number, and the disk that it stands for.
    pub(super) fn get(&self, slot: u32) -> Option<(&[u8], u32)> {
        self.table.get_index(slot as usize).map(|(key, lane)| (&**key, *lane))
    }

    /// The number of a key, and the disk that it stands for.
    pub(super) fn find(&self, key: &[u8]) -> Option<(u32, u32)> {
        let (slot, _, lane) = self.table.get_full(key)?;
        Some((u32::try_from(slot).ok()?, *lane))
    }

    /// Takes a key; gives the disk that it stands for.
    pub(super) fn add(&mut self, fresh: Fresh, resolver: &mut Resolver<'_>) -> u32 {
        let known = self.table.get(&fresh.key).copied();
        let lane = known.unwrap_or_else(|| resolver.resolve(&fresh));
        if lane >= SKIPPED {
            resolver.skip(lane, fresh.rows);
        }
        self.table.insert(fresh.key, lane);
        lane
    }
}

/// Why rows are not taken.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Skip {
    /// The estate has no such machine.
    UnknownVm(String),
    /// The machine has no such disk.
    UnknownDisk(String, String),
    /// Several machines have this name, and the row does not say which one it is of.
    Ambiguous(String),
}

/// What disks have a number, and which.
pub(super) struct Resolver<'a> {
    /// The estate that was given.
    given: Option<&'a Roster>,
    /// The estate that is made, where none was.
    made: Roster,
    /// By name: machines of the given estate; then by name in lower case.
    by_name: Table<&'a str, Vec<usize>>,
    by_lower: Table<String, Vec<usize>>,
    /// By machine and host: those of the estate that is made.
    made_by_name: Table<(String, Option<String>), usize>,
    /// By machine of the given estate: the number of its first disk.
    first: Vec<u32>,
    /// By number of a disk of the made estate: machine and disk.
    lanes: Vec<(usize, usize)>,
    /// By machine of the given estate: the number that its counters without a disk have.
    whole: Table<usize, u32>,
    skipped: Table<Skip, u64>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(given: Option<&'a Roster>) -> Self {
        let mut resolver = Self {
            given,
            made: Roster::default(),
            by_name: Table::default(),
            by_lower: Table::default(),
            made_by_name: Table::default(),
            first: Vec::new(),
            lanes: Vec::new(),
            whole: Table::default(),
            skipped: Table::default(),
        };
        for (at, vm) in given.iter().flat_map(|estate| estate.machines.iter()).enumerate() {
            resolver.by_name.entry(&vm.name).or_default().push(at);
            resolver.by_lower.entry(vm.name.to_lowercase()).or_default().push(at);
            resolver
                .first
                .push(u32::try_from(resolver.lanes.len()).unwrap_or(SKIPPED));
            resolver.lanes.extend((0..vm.disks.len()).map(|disk| (at, disk)));
        }
        resolver
    }

    /// How many numbers there are: disks, then machines whose counters are of all their disks.
    pub(super) fn lanes(&self) -> usize {
        self.lanes.len() + self.whole.len()
    }

    /// How many of them are disks.
    pub(super) fn disks(&self) -> usize {
        self.lanes.len()
    }

    /// Machines that have counters of all their disks together, and the number of these.
    pub(super) fn whole(&self) -> impl Iterator<Item = (usize, usize)> {
        self.whole.iter().map(|(vm, lane)| (*vm, *lane as usize))
    }

    /// The estate, given or made.
    pub(super) fn roster(&self) -> &Roster {
        self.given.unwrap_or(&self.made)
    }

    /// Whether the estate is made of counters.
    pub(super) fn is_made(&self) -> bool {
        self.given.is_none()
    }

    /// The numbers of disks in the order of the estate. A made one has them in the order in which they were first named.
    pub(super) fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.lanes.len()).collect();
        order.sort_by_key(|lane| self.lanes[*lane]);
        order
    }

    /// Machine and disk of a number.
    pub(super) fn names(&self, lane: usize) -> Option<(&Machine, &Disk)> {
        let (vm, disk) = *self.lanes.get(lane)?;
        let vm = self.roster().machines.get(vm)?;
        Some((vm, vm.disks.get(disk)?))
    }

    /// Rows that were not taken, by reason.
    pub(super) fn skipped(&self) -> impl Iterator<Item = (&Skip, u64)> {
        self.skipped.iter().map(|(skip, rows)| (skip, *rows))
    }

    /// Counts rows that are not taken.
    pub(super) fn skip(&mut self, reason: u32, rows: u64) {
        let reason = reason.saturating_sub(SKIPPED) as usize;
        if let Some((_, count)) = self.skipped.get_index_mut(reason) {
            *count += rows;
        }
    }

    fn reason(&mut self, skip: Skip) -> u32 {
        let (at, _) = self
            .skipped
            .insert_full(skip.clone(), self.skipped.get(&skip).copied().unwrap_or(0));
        SKIPPED + u32::try_from(at).unwrap_or(0).min(SKIPPED - 1)
    }

    fn resolve(&mut self, fresh: &Fresh) -> u32 {
        let host = fresh.host.as_deref().filter(|host| !host.is_empty());
        let disk = fresh.disk.as_deref().filter(|disk| !disk.is_empty()).unwrap_or(ALL);
        let Some(estate) = self.given else {
            return self.make(&fresh.vm, host, disk);
        };
        let named = self.by_name.get(fresh.vm.as_str());
        let named = named.or_else(|| self.by_lower.get(&fresh.vm.to_lowercase()));
        let named = named.cloned().unwrap_or_default();
        let on_host = |vm: &usize| match (host, estate.machines[*vm].host.as_deref()) {
            (Some(host), Some(own)) => host.eq_ignore_ascii_case(own),
            _ => true,
        };
        let machines: Vec<usize> = named.into_iter().filter(on_host).collect();
        let vm = match machines[..] {
            [] => return self.reason(Skip::UnknownVm(fresh.vm.clone())),
            [vm] => vm,
            _ => return self.reason(Skip::Ambiguous(fresh.vm.clone())),
        };
        let disks = &estate.machines[vm].disks;
        let exact = disks.iter().position(|known| known.name == disk);
        let found = exact.or_else(|| disks.iter().position(|known| known.name.eq_ignore_ascii_case(disk)));
        match found {
            Some(at) => self.first[vm] + u32::try_from(at).unwrap_or(0),
            None if disk != ALL => self.reason(Skip::UnknownDisk(fresh.vm.clone(), disk.to_owned())),
            None if disks.len() == 1 => self.first[vm],
            None => {
                let next = u32::try_from(self.lanes()).unwrap_or(SKIPPED);
                *self.whole.entry(vm).or_insert(next)
            }
        }
    }

    /// The number of a disk of the made estate, which gets it where it is new.
    fn make(&mut self, name: &str, host: Option<&str>, disk: &str) -> u32 {
        let key = (name.to_owned(), host.map(str::to_owned));
        let next = self.made.machines.len();
        let at = *self.made_by_name.entry(key.clone()).or_insert(next);
        if at == next {
            self.made.machines.push(Machine {
                name: key.0,
                host: key.1,
                disks: Vec::new(),
            });
        }
        let disks = &mut self.made.machines[at].disks;
        let place = disks.iter().position(|known| known.name == disk).unwrap_or(disks.len());
        if place == disks.len() {
            disks.push(Disk {
                name: disk.to_owned(),
                size_bytes: 0,
            });
            self.lanes.push((at, place));
            return u32::try_from(self.lanes.len() - 1).unwrap_or(SKIPPED);
        }
        let lane = self.lanes.iter().position(|known| *known == (at, place));
        lane.and_then(|lane| u32::try_from(lane).ok()).unwrap_or(SKIPPED)
    }
}
