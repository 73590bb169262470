//! Faults: what happens to the world, as values.
//!
//! A fault has a kind with its target and parameters, a beginning (triggers that all must have held, and a wait) and perhaps an end (a
//! time after its beginning, or triggers). It is applied here and nowhere else: the engine asks `Faults` at the places where a fault can
//! change something, and tells it so. It leaves facts: begun, struck (when it first changed something), and ended, with how often it
//! did. One that never struck was no test of anything.
//!
//! What the operator does is a step of the plan; what happens *to* the estate is a fault. Where a step takes a link out of service, the
//! world does it: a fault that begins with the end of that step and ends with the end of the one that puts the link back.

mod spec;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use actors::nouns::MachineId;
use datapath::SimTime;
use datapath::disk::Operation;
use datapath::plants::{Plant, planted};

use crate::link::LinkChange;
use crate::spec::WorldSpec;
use spec::MILLION;
pub use spec::{Dark, FaultKind, FaultSpec, Left, Nth, Off, Rotten, Until};

/// When a fault began, and when it ended if it has.
type Times = (SimTime, Option<SimTime>);

/// The faults of a run, and which of them last.
pub(crate) struct Faults {
    specs: Vec<FaultSpec>,
    /// By fault: triggers that have not held yet.
    awaited: RefCell<Vec<BTreeSet<u32>>>,
    lasting: RefCell<BTreeSet<u32>>,
    /// By fault: what its end still waits for beside its beginning.
    ends: RefCell<Vec<Until>>,
    /// Machines that lost their power through a fault and have not had it back.
    dark: RefCell<BTreeSet<MachineId>>,
    /// Faults by which a link flaps and is cut now.
    down: RefCell<BTreeSet<u32>>,
    struck: Vec<Cell<u64>>,
    /// By fault: when it began and ended.
    times: Vec<Cell<Option<Times>>>,
    /// Those that are about clocks.
    of_clocks: Vec<u32>,
    /// By fault: operations of its kind since it began.
    asked: Vec<Cell<u64>>,
    /// Faults that struck for the first time, and that the log has still to hear of.
    news: RefCell<Vec<u32>>,
}

impl Faults {
    /// Those of a world; none has begun.
    pub(crate) fn new(spec: &WorldSpec) -> Faults {
        let specs = spec.faults.clone();
        Faults {
            awaited: RefCell::new(
                specs
                    .iter()
                    .map(|fault| fault.after.iter().copied().collect())
                    .collect(),
            ),
            lasting: RefCell::default(),
            ends: RefCell::new(specs.iter().map(|fault| fault.until.clone()).collect()),
            dark: RefCell::default(),
            down: RefCell::default(),
            struck: specs.iter().map(|_| Cell::new(0)).collect(),
            of_clocks: (0..)
                .zip(&specs)
                .filter(|(_, fault)| matches!(fault.kind, FaultKind::Clock { .. }))
                .map(|(number, _)| number)
                .collect(),
            times: specs.iter().map(|_| Cell::new(None)).collect(),
            asked: specs.iter().map(|_| Cell::new(0)).collect(),
            news: RefCell::default(),
            specs,
        }
    }

    /// The fault of a number.
    pub(crate) fn spec(&self, fault: u32) -> &FaultSpec {
        &self.specs[fault as usize]
    }

    /// Those that wait for nothing.
    pub(crate) fn at_start(&self) -> Vec<u32> {
        (0..)
            .zip(&self.specs)
            .filter(|(_, fault)| fault.after.is_empty())
            .map(|(number, _)| number)
            .collect()
    }

    /// A trigger holds. Returns the faults that waited for it last to begin, and those that did to end.
    pub(crate) fn held(&self, trigger: u32) -> (Vec<u32>, Vec<u32>) {
        let mut begin = Vec::new();
        for (number, awaited) in (0..).zip(self.awaited.borrow_mut().iter_mut()) {
            if awaited.remove(&trigger) && awaited.is_empty() {
                begin.push(number);
            }
        }
        let (mut end, lasting) = (Vec::new(), self.lasting.borrow());
        for (number, ends) in (0..).zip(self.ends.borrow_mut().iter_mut()) {
            let lasts = lasting.contains(&number);
            match ends {
                Until::All(left) if left.contains(&trigger) => {
                    left.retain(|other| *other != trigger);
                    if left.is_empty() && lasts {
                        end.push(number);
                    }
                }
                Until::FirstOf(any) if lasts && any.contains(&trigger) => {
                    *ends = Until::Begun;
                    end.push(number);
                }
                _ => {}
            }
        }
        (begin, end)
    }

    /// A fault begins. Returns how long it lasts, if nothing else has to happen before its end.
    pub(crate) fn begin(&self, fault: u32, at: SimTime) -> Option<u64> {
        self.times[fault as usize].set(Some((at, None)));
        self.lasting.borrow_mut().insert(fault);
        let lasts = self.spec(fault).lasts;
        match &self.ends.borrow()[fault as usize] {
            Until::Begun => lasts,
            Until::All(left) if left.is_empty() => Some(lasts.unwrap_or(0)),
            Until::All(_) | Until::FirstOf(_) => None,
        }
    }

    /// A machine that has power loses it through a fault.
    pub(crate) fn darken(&self, machine: MachineId) {
        self.dark.borrow_mut().insert(machine);
    }

    /// A fault by which a machine may have lost its power ends: whether the machine has it back. It has not where it did not lose it
    /// through a fault, nor while another one lasts.
    pub(crate) fn lighten(&self, fault: u32, machine: MachineId) -> bool {
        let of = |kind: &FaultKind| match kind {
            FaultKind::Power { machines } => machines.iter().any(|dark| dark.machine == machine),
            _ => false,
        };
        self.find_other(fault, of).is_none() && self.dark.borrow_mut().remove(&machine)
    }

    /// Whether a link stays cut when a fault ends that cut it, because another one lasts.
    pub(crate) fn stays_cut(&self, fault: u32, link: u32) -> bool {
        let down = self.down.borrow();
        let lasting = self.lasting.borrow();
        let mut others = lasting.iter().filter(|other| **other != fault);
        others.any(|other| self.cuts(*other, link, &down))
    }

    /// Whether a link is cut by a fault that lasts.
    fn cuts(&self, fault: u32, link: u32, down: &BTreeSet<u32>) -> bool {
        match &self.spec(fault).kind {
            FaultKind::Link { link: own, change } => *own == link && *change == LinkChange::Cut,
            FaultKind::LinkFlapping { link: own, .. } => *own == link && down.contains(&fault),
            _ => false,
        }
    }

    /// It is the turn of a link that flaps: whether it is cut now. None where the fault does not last any more.
    pub(crate) fn turn(&self, fault: u32) -> Option<bool> {
        if !self.lasting.borrow().contains(&fault) {
            return None;
        }
        let mut down = self.down.borrow_mut();
        let is_cut = !down.remove(&fault);
        if is_cut {
            down.insert(fault);
        }
        Some(is_cut)
    }

    /// A fault ends; how often it struck. None where it did not last.
    pub(crate) fn end(&self, fault: u32, at: SimTime) -> Option<u64> {
        let lasted = self.lasting.borrow_mut().remove(&fault);
        if let (true, Some((began, _))) = (lasted, self.times[fault as usize].get()) {
            self.times[fault as usize].set(Some((began, Some(at))));
        }
        lasted.then(|| self.struck[fault as usize].get())
    }

    /// All that last.
    pub(crate) fn lasting(&self) -> Vec<u32> {
        if self.none_lasts() {
            return Vec::new();
        }
        self.lasting.borrow().iter().copied().collect()
    }

    /// Whether there is none now, as nearly always: a dozen questions are asked for each packet and each write.
    #[inline]
    pub(crate) fn none_lasts(&self) -> bool {
        self.lasting.borrow().is_empty()
    }

    /// It changed something.
    pub(crate) fn strike(&self, fault: u32) {
        let struck = &self.struck[fault as usize];
        if struck.get() == 0 {
            self.news.borrow_mut().push(fault);
        }
        struck.set(struck.get() + 1);
    }

    /// Whether it has changed anything.
    pub(crate) fn has_struck(&self, fault: u32) -> bool {
        self.struck[fault as usize].get() > 0
    }

    /// Those that struck for the first time since this was asked last.
    pub(crate) fn take_news(&self) -> Vec<u32> {
        if self.news.borrow().is_empty() {
            return Vec::new();
        }
        self.news.take()
    }

    fn find_other(&self, than: u32, which: impl Fn(&FaultKind) -> bool) -> Option<u32> {
        let lasting = self.lasting.borrow();
        let mut others = lasting.iter().copied().filter(|fault| *fault != than);
        others.find(|fault| which(&self.spec(*fault).kind))
    }

    #[inline]
    fn find(&self, which: impl Fn(&FaultKind) -> bool) -> Option<u32> {
        if self.none_lasts() {
            return None;
        }
        let lasting = self.lasting.borrow();
        lasting.iter().copied().find(|fault| which(&self.spec(*fault).kind))
    }

    /// Whether what one machine sends another for a port is lost.
    pub(crate) fn stop(&self, from: MachineId, to: MachineId, port: u16) -> bool {
        let fault = self.find(|kind| kind.stops(from, to, port));
        if let Some(fault) = fault {
            self.strike(fault);
        }
        fault.is_some()
    }

    /// Whether what goes over a link in a direction is lost.
    pub(crate) fn loses(&self, link: u32, back: bool) -> bool {
        let fault = self.find(|kind| *kind == FaultKind::LinkOneWay { link, back });
        fault.inspect(|fault| self.strike(*fault)).is_some()
    }

    /// Whether what is sent over a link waits.
    pub(crate) fn holds(&self, link: u32) -> bool {
        let fault = self.find(|kind| *kind == FaultKind::LinkHeld { link });
        fault.inspect(|fault| self.strike(*fault)).is_some()
    }

    /// How much later what a machine answers leaves.
    pub(crate) fn late(&self, machine: MachineId) -> Option<u64> {
        let fault = self.find(|kind| matches!(kind, FaultKind::AnswersLate { machine: own, .. } if *own == machine))?;
        self.strike(fault);
        match self.spec(fault).kind {
            FaultKind::AnswersLate { by, .. } => Some(by),
            _ => None,
        }
    }

    /// What a machine answers to a request that a fault has it refuse; `answer` says what that would be, if it is one of those at all.
    pub(crate) fn refuses<T>(&self, machine: MachineId, answer: impl Fn(&FaultKind) -> Option<T>) -> Option<T> {
        for fault in self.lasting() {
            let every = match &self.spec(fault).kind {
                FaultKind::RequestsRefused { machine: own, every } if *own == machine => *every,
                FaultKind::BootsRefused { machine: own, .. } if *own == machine => 1,
                _ => continue,
            };
            let Some(answer) = answer(&self.spec(fault).kind) else {
                continue;
            };
            let asked = &self.asked[fault as usize];
            asked.set(asked.get() + 1);
            if Nth::Every(every).is(asked.get()) {
                self.strike(fault);
                return Some(answer);
            }
        }
        None
    }

    /// Whether a machine answers twice.
    pub(crate) fn twice(&self, machine: MachineId) -> bool {
        let fault = self.find(|kind| *kind == FaultKind::AnswersTwice { machine });
        fault.inspect(|fault| self.strike(*fault)).is_some()
    }

    /// How a machine's clock is or was off, since when, and until when.
    fn clocks(&self, machine: MachineId) -> impl Iterator<Item = (u32, Off, SimTime, Option<SimTime>)> + '_ {
        let of_clocks = self.of_clocks.iter().copied();
        of_clocks.filter_map(move |fault| match self.spec(fault).kind {
            FaultKind::Clock { machine: own, off } if own == machine => {
                let (began, ended) = self.times[fault as usize].get()?;
                Some((fault, off, began, ended))
            }
            _ => None,
        })
    }

    /// By how much a machine's time of day is off at a time, in nanoseconds.
    pub(crate) fn off(&self, machine: MachineId, now: SimTime) -> i64 {
        if self.of_clocks.is_empty() {
            return 0;
        }
        let lasting = self.clocks(machine).filter(|(.., ended)| ended.is_none());
        lasting
            .map(|(fault, off, began, _)| {
                self.strike(fault);
                off.after(now.since(began))
            })
            .sum()
    }

    /// By how much what a machine counts as time passed is off, in nanoseconds: a jump does not change it, and what a drift gained stays.
    pub(crate) fn gained(&self, machine: MachineId, now: SimTime) -> i64 {
        if self.of_clocks.is_empty() {
            return 0;
        }
        let drifts = self.clocks(machine).filter(|(_, off, ..)| matches!(off, Off::Drift(_)));
        drifts
            .map(|(_, off, began, ended)| off.after(ended.unwrap_or(now).since(began)))
            .sum()
    }

    /// How long it really takes until so much time has passed on a machine's clock, as that goes now.
    pub(crate) fn really(&self, machine: MachineId, nanoseconds: u64) -> u64 {
        if self.of_clocks.is_empty() {
            return nanoseconds;
        }
        let mut speed = MILLION;
        for (fault, off, _, ended) in self.clocks(machine) {
            if let (Off::Drift(per_million), None) = (off, ended) {
                self.strike(fault);
                speed += i128::from(per_million);
            }
        }
        let speed = speed.max(1);
        // Not before that time has passed: who looks at the clock then finds it there.
        let really = (i128::from(nanoseconds) * MILLION + speed - 1) / speed;
        u64::try_from(really).unwrap_or(u64::MAX)
    }

    /// A packet is offered to a link, or is lost on it: faults of that link strike.
    pub(crate) fn at_link(&self, link: u32, lost: bool) {
        if self.none_lasts() {
            return;
        }
        let down = self.down.borrow();
        let strikes = |fault: &u32| match &self.spec(*fault).kind {
            FaultKind::Link { link: own, change } if *change != LinkChange::Cut => *own == link && !lost,
            _ => lost && self.cuts(*fault, link, &down),
        };
        let fault = self.lasting.borrow().iter().copied().find(strikes);
        if let Some(fault) = fault {
            self.strike(fault);
        }
    }

    /// How many times as long as else a flush of a machine's disk takes.
    pub(crate) fn slower(&self, machine: MachineId) -> u64 {
        let slow = |kind: &FaultKind| matches!(kind, FaultKind::DiskSlow { machine: own, .. } if *own == machine);
        let Some(fault) = self.find(slow) else { return 1 };
        self.strike(fault);
        match self.spec(fault).kind {
            FaultKind::DiskSlow { times, .. } => u64::from(times.max(1)),
            _ => 1,
        }
    }

    /// How many times as long as else a job on a machine's processors takes, which costs something.
    pub(crate) fn computes_slower(&self, machine: MachineId) -> u64 {
        let slow = |kind: &FaultKind| matches!(kind, FaultKind::ComputeSlow { machine: own, .. } if *own == machine);
        let Some(fault) = self.find(slow) else { return 1 };
        self.strike(fault);
        match self.spec(fault).kind {
            FaultKind::ComputeSlow { times, .. } => u64::from(times.max(1)),
            _ => 1,
        }
    }

    /// Whether a machine's disk has no room.
    pub(crate) fn disk_is_full(&self, machine: MachineId) -> Option<u32> {
        self.find(|kind| matches!(kind, FaultKind::DiskFull { machine: own } if *own == machine))
    }

    /// Whether an operation of a machine's disk fails; it counts as one of its kind.
    pub(crate) fn disk_fails(&self, machine: MachineId, operation: Operation) -> bool {
        if self.none_lasts() {
            return false;
        }
        let mut fails = false;
        for fault in self.lasting.borrow().iter().copied() {
            if let FaultKind::DiskError {
                machine: own,
                operation: of,
                which,
            } = &self.spec(fault).kind
                && (*own, *of) == (machine, operation)
            {
                let asked = &self.asked[fault as usize];
                asked.set(asked.get() + 1);
                if which.is(asked.get()) {
                    self.strike(fault);
                    fails = true;
                }
            }
        }
        fails
    }

    /// The faults by which a write of a machine's disk is not where it should be; it counts as one. Of each: whether the write lands
    /// elsewhere, and which write it was.
    pub(crate) fn write_misses(&self, machine: MachineId) -> Vec<(u32, bool, u64)> {
        let mut misses = Vec::new();
        for fault in self.lasting() {
            let (which, elsewhere) = match &self.spec(fault).kind {
                FaultKind::WriteLost { machine: own, which } if *own == machine => (which, false),
                FaultKind::WriteMisdirected { machine: own, which } if *own == machine => (which, true),
                _ => continue,
            };
            let asked = &self.asked[fault as usize];
            asked.set(asked.get() + 1);
            if which.is(asked.get()) {
                misses.push((fault, elsewhere, asked.get()));
            }
        }
        misses
    }

    /// Whether a machine's disk has said falsely in this run that something is durable: it lied, or a write is not where it should be.
    /// Nobody on the machine can know that before it reads.
    pub(crate) fn has_lied(&self, machine: MachineId) -> bool {
        let mut faults = (0..).zip(&self.specs);
        faults.any(|(number, fault)| {
            let (FaultKind::FlushLies { machine: own }
            | FaultKind::WriteLost { machine: own, .. }
            | FaultKind::WriteMisdirected { machine: own, .. }) = &fault.kind
            else {
                return false;
            };
            *own == machine && self.has_struck(number)
        })
    }

    /// The fault by which a machine's applications cannot be quiesced.
    pub(crate) fn quiesce_fails(&self, machine: MachineId) -> Option<u32> {
        self.find(|kind| matches!(kind, FaultKind::QuiesceFails { machines } if machines.contains(&machine)))
    }

    /// The fault by which a machine's disk only says that it made something durable.
    pub(crate) fn lies(&self, machine: MachineId) -> Option<u32> {
        if planted(Plant::FlushNeverLies) {
            return None;
        }
        self.find(|kind| matches!(kind, FaultKind::FlushLies { machine: own } if *own == machine))
    }

    /// What a machine's disk leaves of what was not flushed, where a fault has a say in it.
    pub(crate) fn torn(&self, machine: MachineId) -> Option<(u32, Left)> {
        let fault = self.find(|kind| matches!(kind, FaultKind::DiskTorn { machine: own, .. } if *own == machine))?;
        match self.spec(fault).kind {
            FaultKind::DiskTorn { left, .. } => Some((fault, left)),
            _ => None,
        }
    }
}
