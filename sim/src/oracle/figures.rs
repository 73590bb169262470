//! The oracle's own count of the figures that a run reports: RPO to the newest usable point, RTO, and what was lost.
//!
//! It shares nothing with `metrics` but the facts: RPO is kept as the list of its stretches, and the spread over time is found by halving;
//! losses are the sum over writes that were acknowledged after the point's last one.

use std::collections::{BTreeMap, VecDeque};

use actors::facts::{Fact, FailoverPhase};
use actors::nouns::{FailoverKind, ItemState, Life, MachineId, Place};
use datapath::rows::{Numbered, make_room};
use datapath::{SimTime, VmId, WriteSeq};

use crate::invariants::figures_agree::{self, Figure, Kind};
use crate::metrics::{Lost, Percentiles, VmResult};

/// Writes that are kept of a machine whose batches do not come.
const KEPT: usize = 1 << 20;

/// A mark that can be used: when it was made, in simulated time and by the clock of its machine.
type Marked = (SimTime, SimTime);

/// Writes of one machine.
#[derive(Debug, Clone, Default)]
struct Writes {
    /// The last of each, how many writes it stands for, their bytes.
    waiting: VecDeque<(u64, u64, u64)>,
    /// Writes and bytes up to the newest batch's end, by that end.
    ends: Numbered<(u64, u64)>,
    up_to: (u64, u64),
    all: (u64, u64),
    /// Written one by one and not acknowledged: number and bytes.
    open: BTreeMap<u64, u64>,
    last_at: SimTime,
    /// When the newest life ended.
    ended: Option<SimTime>,
}

/// What a failover took, and from when to when it went.
#[derive(Debug, Clone)]
struct Taken {
    kind: FailoverKind,
    started: SimTime,
    up: Option<SimTime>,
    /// The protection and point, the machine whose writes it holds, the last of them, and when it was marked.
    point: Option<(u32, u64, MachineId, WriteSeq, SimTime)>,
    lost: Option<Lost>,
}

/// The account of one machine.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures {
    protected: Option<MachineId>,
    running: Vec<MachineId>,
    state: Option<ItemState>,
    usable: Option<Marked>,
    /// Since when RPO rises.
    since: Option<SimTime>,
    /// Ages of the newest usable point over stretches of time, from and to, and the time in which it was nothing: by the mark's clock, and
    /// in simulated time.
    ages: [Vec<(u64, u64)>; 2],
    idle: [u64; 2],
    writes: BTreeMap<MachineId, Writes>,
    taken: Vec<Taken>,
}

/// The machine that a fact is about, where it is one that changes its figures.
pub(super) fn vm_of(fact: &Fact) -> Option<VmId> {
    match fact {
        Fact::State { vm, .. }
        | Fact::LifeStarted { vm, .. }
        | Fact::LifeEnded { vm, .. }
        | Fact::ProtectionStarted { vm, .. }
        | Fact::BatchCut { vm, .. }
        | Fact::PointProcessed { vm, .. }
        | Fact::Failover { vm, .. }
        | Fact::Recovered { vm, .. } => Some(*vm),
        _ => None,
    }
}

fn milliseconds(nanoseconds: u64) -> u64 {
    nanoseconds.div_ceil(1_000_000)
}

/// One of the figures of a spread: its name, the figure, and whether it is rounded.
type Part = (&'static str, fn(&Percentiles) -> u64, bool);
/// One of the figures of a loss, by name.
type LostPart = (&'static str, fn(Lost) -> u64);

impl Figures {
    /// A fact about the machine.
    pub fn fact(&mut self, at: SimTime, fact: &Fact) {
        match fact {
            Fact::State { state, .. } => {
                self.close(at);
                self.state = Some(*state);
                self.reopen(at);
            }
            Fact::LifeStarted {
                life, place, parent, ..
            } => self.life_started(at, *life, *place, parent.is_some()),
            Fact::LifeEnded { life, .. } => {
                self.close(at);
                self.running.retain(|machine| *machine != life.machine);
                self.reopen(at);
                if let Some(writes) = self.writes.get_mut(&life.machine) {
                    writes.ended.get_or_insert(at);
                }
            }
            Fact::ProtectionStarted { life, .. } => {
                self.close(at);
                self.protected = Some(life.machine);
                self.usable = None;
                self.reopen(at);
            }
            Fact::PointProcessed { mark, .. } if self.usable.is_none_or(|(newest, _)| newest <= mark.marked) => {
                self.close(at);
                self.usable = Some((mark.marked, mark.marked_source));
                self.reopen(at);
            }
            Fact::Failover {
                kind,
                phase: FailoverPhase::Started,
                ..
            } => self.taken.push(Taken {
                kind: *kind,
                started: at,
                up: None,
                point: None,
                lost: None,
            }),
            Fact::Failover {
                kind,
                phase: FailoverPhase::WorkloadUp,
                ..
            } => {
                if let Some(taken) = self.taken.iter_mut().rev().find(|taken| taken.kind == *kind) {
                    taken.up.get_or_insert(at);
                }
            }
            Fact::Recovered {
                kind,
                protection,
                point,
                life,
                seq,
                marked,
                ..
            } => {
                if let Some(taken) = self.taken.iter_mut().rev().find(|taken| taken.kind == *kind) {
                    taken.point = Some((*protection, *point, life.machine, *seq, *marked));
                }
            }
            Fact::BatchCut { last, .. } => {
                if let Some(writes) = self.protected.and_then(|machine| self.writes.get_mut(&machine)) {
                    writes.batch(last.0);
                }
            }
            _ => {}
        }
    }

    /// Writes that were acknowledged to a life, the last with this number.
    pub fn wrote(&mut self, at: SimTime, life: Life, last: WriteSeq, count: u64, bytes: u64) {
        let writes = self.writes.entry(life.machine).or_default();
        writes.all = (writes.all.0 + count, writes.all.1 + bytes);
        writes.last_at = at;
        writes.waiting.push_back((last.0, count, bytes));
        if count == 1 {
            writes.open.insert(last.0, bytes);
        }
        if writes.waiting.len() > KEPT {
            writes.pop();
        }
    }

    /// All writes of a life up to this one are acknowledged.
    pub fn acknowledged(&mut self, life: Life, through: WriteSeq) {
        if let Some(writes) = self.writes.get_mut(&life.machine) {
            writes.open = writes.open.split_off(&(through.0 + 1));
        }
    }

    /// A machine lost its power.
    pub fn power_lost(&mut self, at: SimTime, machine: MachineId) {
        self.close(at);
        self.running.retain(|running| *running != machine);
        self.reopen(at);
        if let Some(writes) = self.writes.get_mut(&machine) {
            writes.ended.get_or_insert(at);
        }
    }

    fn life_started(&mut self, at: SimTime, life: Life, place: Place, recovered: bool) {
        if place == Place::Test {
            return;
        }
        if recovered {
            self.settle(Some(life.machine));
        }
        self.close(at);
        if !self.running.contains(&life.machine) {
            self.running.push(life.machine);
        }
        self.reopen(at);
        self.writes.entry(life.machine).or_default().ended = None;
    }

    /// Losses of failovers from a machine, or from all, are what they are from now on.
    fn settle(&mut self, machine: Option<MachineId>) {
        for taken in self.taken.iter_mut().filter(|taken| taken.lost.is_none()) {
            let Some((_, _, of, seq, marked)) = taken.point.filter(|_| taken.kind != FailoverKind::Test) else {
                continue;
            };
            if machine.is_some_and(|machine| machine != of) {
                continue;
            }
            let Some(writes) = self.writes.get(&of) else { continue };
            let held = writes.ends.get(&seq.0).copied().unwrap_or(writes.up_to);
            let open = writes.open.range(seq.0 + 1..);
            let (open, open_bytes) = open.fold((0, 0), |(count, all), (_, bytes)| (count + 1, all + bytes));
            let count = writes.all.0.saturating_sub(held.0 + open);
            let end = writes.ended.unwrap_or(writes.last_at);
            taken.lost = Some(Lost {
                ms: match count {
                    0 => 0,
                    _ => milliseconds(end.since(marked)),
                },
                writes: count,
                bytes: writes.all.1.saturating_sub(held.1 + open_bytes),
            });
        }
    }

    /// RPO rises while the machine is protected, its protected life runs, and there is a point.
    fn reopen(&mut self, at: SimTime) {
        let protected = matches!(
            self.state,
            Some(ItemState::Protected | ItemState::Resynchronizing | ItemState::ProtectedReverse)
        );
        let runs = self.protected.is_some_and(|machine| self.running.contains(&machine));
        self.since = (protected && runs).then_some(at);
    }

    fn close(&mut self, at: SimTime) {
        if let (Some(since), Some((marked, by_source))) = (self.since, self.usable)
            && at > since
        {
            for (clock, marked) in [by_source, marked].into_iter().enumerate() {
                let (from, to) = (since.since(marked), at.since(marked));
                let ages = &mut self.ages[clock];
                make_room(ages);
                ages.push((from, to));
                // Where the mark's clock is ahead, the age is nothing until the other has caught up.
                self.idle[clock] += at.since(since) - (to - from);
            }
        }
    }

    /// The figures at the end, held against those that are reported.
    pub fn end(mut self, at: SimTime, reported: &VmResult) -> Vec<figures_agree::Broken> {
        self.close(at);
        self.settle(None);
        let mut figures = Vec::new();
        for (clock, what, spread) in [(0, "RPO", reported.rpo), (1, "true RPO", reported.true_rpo)] {
            let counted = spread_of(&self.ages[clock], self.idle[clock]);
            let parts: [Part; 4] = [
                ("time", |spread| spread.over_ms, false),
                ("p50", |spread| spread.p50_ms, true),
                ("p99", |spread| spread.p99_ms, true),
                ("longest", |spread| spread.max_ms, false),
            ];
            for (part, of, rounded) in parts {
                let (reported, counted) = (spread.as_ref().map(of), counted.as_ref().map(of));
                figures.push((Kind::Rpo, format!("{what} {part} in ms"), reported, counted, rounded));
            }
        }
        for (number, taken) in self.taken.iter().enumerate() {
            let of = reported.failovers.get(number).filter(|of| of.kind == taken.kind);
            let rto = taken.up.map(|up| milliseconds(up.since(taken.started)));
            let what = |figure: &str| format!("failover {} ({:?}), {figure}", number + 1, taken.kind);
            figures.push((Kind::Rto, what("RTO in ms"), of.and_then(|of| of.rto_ms()), rto, false));
            let lost = of.and_then(|of| of.lost);
            let parts: [LostPart; 3] = [
                ("lost ms", |lost| lost.ms),
                ("lost writes", |lost| lost.writes),
                ("lost bytes", |lost| lost.bytes),
            ];
            for (part, of) in parts {
                figures.push((Kind::Loss, what(part), lost.map(of), taken.lost.map(of), false));
            }
        }
        let checked = figures.iter().filter_map(|(kind, what, reported, counted, rounded)| {
            figures_agree::check(&Figure {
                kind: *kind,
                what,
                reported: *reported,
                counted: *counted,
                rounded: *rounded,
            })
        });
        checked.collect()
    }
}

impl Writes {
    fn pop(&mut self) {
        if let Some((_, count, bytes)) = self.waiting.pop_front() {
            self.up_to = (self.up_to.0 + count, self.up_to.1 + bytes);
        }
    }

    /// A batch ends at a write.
    fn batch(&mut self, last: u64) {
        while self.waiting.front().is_some_and(|(of, ..)| *of <= last) {
            self.pop();
        }
        self.ends.insert(last, self.up_to);
    }
}

/// The spread over time of ages that rise from the first to the second number of each stretch, and are nothing for a time.
fn spread_of(rising: &[(u64, u64)], idle: u64) -> Option<Percentiles> {
    if rising.is_empty() {
        return None;
    }
    let total: u64 = idle + rising.iter().map(|(from, to)| to - from).sum::<u64>();
    let longest = rising.iter().map(|(_, to)| *to).max().unwrap_or(0);
    let below = |age: u64| -> u64 {
        let parts = rising.iter().map(|(from, to)| age.clamp(*from, *to) - from);
        idle + parts.sum::<u64>()
    };
    let quantile = |per_cent: u64| -> u64 {
        let wanted = u128::from(total) * u128::from(per_cent) / 100;
        let (mut low, mut high) = (0, longest);
        while low < high {
            let middle = low + (high - low) / 2;
            if u128::from(below(middle)) >= wanted {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    };
    Some(Percentiles {
        over_ms: milliseconds(total),
        p50_ms: milliseconds(quantile(50)),
        p99_ms: milliseconds(quantile(99)),
        max_ms: milliseconds(longest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_that_of_the_time_spent_at_each_age() {
        let second = 1_000_000_000;
        let spread = spread_of(&[(0, 100 * second), (0, 100 * second)], 0).unwrap();
        assert_eq!((spread.over_ms, spread.max_ms), (200_000, 100_000));
        assert_eq!((spread.p50_ms, spread.p99_ms), (50_000, 99_000));
        // Two seconds at nothing, then eight from nothing to 8 s.
        let spread = spread_of(&[(0, 8 * second)], 2 * second).unwrap();
        assert_eq!((spread.over_ms, spread.p50_ms, spread.max_ms), (10_000, 3_000, 8_000));
        assert_eq!(spread_of(&[], 0), None);
    }
}
