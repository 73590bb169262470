//! What the oracle keeps of a machine's guests: lives, their disks, and writes that are in no batch yet.

use std::collections::{BTreeMap, VecDeque};

use actors::nouns::{Life, MachineId, Place};
use datapath::{SimTime, WriteSeq};

use super::history::History;

/// Writes that are kept of a machine that nobody replicates: a protection may begin a little before its fact.
const KEPT_UNPROTECTED: usize = 4_096;
/// Writes that are kept of one whose batches do not come.
const KEPT_PROTECTED: usize = 1 << 20;

/// A life.
pub(super) struct LifeTrack {
    pub life: Life,
    pub place: Place,
    /// The recovered point that its disks come from, perhaps over reboots.
    pub parent: Option<(Life, WriteSeq)>,
    pub started: SimTime,
    /// The number before its first write.
    pub began: WriteSeq,
    /// Its last write, or the number before its first.
    pub last: WriteSeq,
    /// Everything up to here is durable on its disks.
    pub flushed: WriteSeq,
    /// The newest flushes: when they were complete, and up to which write.
    pub flushes: VecDeque<(SimTime, WriteSeq)>,
    /// When it ended, and whether in order.
    pub ended: Option<(SimTime, bool)>,
    /// Its disks; none where they are not followed (a test), or no longer needed.
    pub disks: Option<Vec<History>>,
}

/// A write (a range of writes in the aggregate grain) that is in no batch yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Logged {
    pub first: WriteSeq,
    pub last: WriteSeq,
    pub at: SimTime,
    pub disk: u16,
    pub start: u64,
    pub extents: u32,
    pub bytes: u64,
}

impl Logged {
    /// Writes that it stands for.
    pub fn writes(&self) -> u64 {
        self.last.0.saturating_sub(self.first.0) + 1
    }
}

/// Writes of one machine.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Logged>,
    /// Writes and bytes in `entries`.
    held: (u64, u64),
    /// All writes and bytes ever.
    total: (u64, u64),
    /// Written one by one and not acknowledged: the write and its bytes.
    unacknowledged: VecDeque<(WriteSeq, u64)>,
    /// When the last write was.
    pub last_at: SimTime,
    /// Entries were dropped: sums over them cannot be made.
    pub incomplete: bool,
}

impl Log {
    pub fn push(&mut self, entry: Logged, protected: bool) {
        self.held.0 += entry.writes();
        self.held.1 += entry.bytes;
        self.total.0 += entry.writes();
        self.total.1 += entry.bytes;
        self.last_at = entry.at;
        self.entries.push_back(entry);
        let kept = if protected { KEPT_PROTECTED } else { KEPT_UNPROTECTED };
        while self.entries.len() > kept {
            self.pop();
            self.incomplete |= protected;
        }
    }

    /// A write waits for its acknowledgement.
    pub fn issued(&mut self, seq: WriteSeq, bytes: u64) {
        self.unacknowledged.push_back((seq, bytes));
    }

    /// All up to a write are acknowledged.
    pub fn acknowledged(&mut self, through: WriteSeq) {
        while self.unacknowledged.front().is_some_and(|(seq, _)| *seq <= through) {
            self.unacknowledged.pop_front();
        }
    }

    /// Writes and bytes in all that were acknowledged; of those up to a write it does not matter.
    pub fn acknowledged_after(&self, point: WriteSeq) -> (u64, u64) {
        let missing = self.unacknowledged.iter().filter(|(seq, _)| *seq > point);
        missing.fold(self.total, |(writes, all), (_, bytes)| (writes - 1, all - bytes))
    }

    fn pop(&mut self) -> Option<Logged> {
        let entry = self.entries.pop_front()?;
        self.held.0 -= entry.writes();
        self.held.1 -= entry.bytes;
        Some(entry)
    }

    /// Takes the next entry that ends at or before `through`.
    pub fn take(&mut self, through: WriteSeq) -> Option<Logged> {
        match self.entries.front() {
            Some(entry) if entry.last <= through => self.pop(),
            _ => None,
        }
    }

    pub fn front(&self) -> Option<&Logged> {
        self.entries.front()
    }

    /// Writes and bytes up to what was taken last.
    pub fn taken(&self) -> (u64, u64) {
        (self.total.0 - self.held.0, self.total.1 - self.held.1)
    }

    /// Writes and bytes in all.
    pub fn total(&self) -> (u64, u64) {
        self.total
    }

    /// Forgets what is in no batch: the machine goes on from another's disks.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.unacknowledged.clear();
        self.held = (0, 0);
    }
}

/// Lives and writes of one protected machine.
#[derive(Default)]
pub(super) struct Guests {
    pub lives: Vec<LifeTrack>,
    pub logs: BTreeMap<MachineId, Log>,
    /// When the newest life of a machine ended.
    ends: BTreeMap<MachineId, SimTime>,
}

impl Guests {
    /// A life by its name.
    pub fn life(&self, life: Life) -> Option<&LifeTrack> {
        self.lives.iter().rev().find(|track| track.life == life)
    }

    pub fn life_mut(&mut self, life: Life) -> Option<&mut LifeTrack> {
        self.lives.iter_mut().rev().find(|track| track.life == life)
    }

    /// The newest life of a machine.
    pub fn newest_on(&self, machine: MachineId) -> Option<&LifeTrack> {
        self.lives.iter().rev().find(|track| track.life.machine == machine)
    }

    /// The life that ran on a machine at a time.
    pub fn at(&self, machine: MachineId, at: SimTime) -> Option<&LifeTrack> {
        self.lives
            .iter()
            .rev()
            .find(|track| track.life.machine == machine && track.started <= at)
    }

    /// A life began.
    pub fn started(&mut self, track: LifeTrack) {
        self.ends.remove(&track.life.machine);
        self.lives.push(track);
    }

    /// A life ended in order.
    pub fn ended(&mut self, life: Life, at: SimTime, last: WriteSeq) {
        if let Some(track) = self.life_mut(life) {
            track.ended.get_or_insert((at, true));
            track.flushed = track.flushed.max(last);
            self.ends.entry(life.machine).or_insert(at);
        }
    }

    /// A machine lost its power.
    pub fn power_lost(&mut self, machine: MachineId, at: SimTime) {
        for track in self.lives.iter_mut().filter(|track| track.life.machine == machine) {
            track.ended.get_or_insert((at, false));
            self.ends.entry(machine).or_insert(at);
        }
    }

    /// When the newest life of a machine ended, or when it wrote last if it has not.
    pub fn end_on(&self, machine: MachineId) -> SimTime {
        let wrote = || self.logs.get(&machine).map_or(SimTime::ZERO, |log| log.last_at);
        self.ends.get(&machine).copied().unwrap_or_else(wrote)
    }

    /// Only lives on this machine, and those that run, are still of interest: drops the disks of all others.
    pub fn forget_others(&mut self, machine: MachineId) {
        self.lives
            .retain(|track| track.life.machine == machine || track.ended.is_none());
    }
}
