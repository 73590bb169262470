//! One machine's figures while the run goes on.

use std::collections::BTreeMap;

use actors::facts::{BacklogPlace, Fact, FailoverPhase};
use actors::nouns::{FailoverKind, ItemState, MachineId, Place};
use datapath::replica::Mark;
use datapath::rows::make_room;
use datapath::{SimTime, VmId, WriteSeq};

use super::result::{BacklogSample, CopyResult, FailoverResult, Lost, PointResult, VmResult, milliseconds};
use super::rpo::Rpo;
use super::series::{Series, Thin};

/// What a stretch of samples is remembered by: the moment with the most, and the last, to which it fell.
#[derive(Clone, Copy)]
pub(crate) struct Waited {
    most: BacklogSample,
    last: BacklogSample,
}

impl From<BacklogSample> for Waited {
    fn from(sample: BacklogSample) -> Waited {
        Waited {
            most: sample,
            last: sample,
        }
    }
}

impl Thin for Waited {
    fn join(self, next: Waited) -> Waited {
        Waited {
            most: if next.most.total() >= self.most.total() {
                next.most
            } else {
                self.most
            },
            last: next.last,
        }
    }
}

/// A series of backlog, at most `cap` samples long at its end.
pub(crate) fn backlog_series(cap: usize) -> Series<Waited> {
    Series::new(cap / 2)
}

/// The samples of a series, in order.
pub(crate) fn backlog_samples(series: Series<Waited>) -> Vec<BacklogSample> {
    let entries = series.into_entries().into_iter();
    entries
        .flat_map(|waited| {
            [
                Some(waited.most),
                Some(waited.last).filter(|last| last.at > waited.most.at),
            ]
        })
        .flatten()
        .collect()
}

/// One machine's figures while the run goes on.
pub(crate) struct VmFigures {
    name: String,
    rpo: Rpo,
    /// The machine whose life the newest protection protects.
    protected: Option<MachineId>,
    state: Option<ItemState>,
    /// Where lives of this machine run now, tests apart.
    running: Vec<MachineId>,
    states: Vec<(SimTime, ItemState)>,
    failovers: Vec<FailoverResult>,
    /// The last write of the newest batch that was stored, and when.
    newest_batch: Option<(WriteSeq, SimTime)>,
    points: Vec<PointResult>,
    copies: Vec<CopyResult>,
    /// A life of it has run.
    lived: bool,
    /// Since when none of its lives runs, where one had.
    dark_since: Option<SimTime>,
    dark: Vec<(SimTime, SimTime)>,
    tests: Vec<(SimTime, Option<SimTime>)>,
    waiting: BacklogSample,
    backlog: Series<Waited>,
    writes: u64,
    written_bytes: u64,
}

impl VmFigures {
    /// Nothing known yet; series of at most `cap` entries.
    pub(crate) fn new(name: &str, cap: usize) -> VmFigures {
        VmFigures {
            name: name.to_owned(),
            rpo: Rpo::new(cap),
            protected: None,
            state: None,
            running: Vec::new(),
            states: Vec::new(),
            failovers: Vec::new(),
            newest_batch: None,
            points: Vec::new(),
            copies: Vec::new(),
            waiting: BacklogSample {
                at: SimTime::ZERO,
                source_bytes: 0,
                process_server_bytes: 0,
                target_bytes: 0,
            },
            backlog: backlog_series(cap),
            lived: false,
            dark_since: None,
            dark: Vec::new(),
            tests: Vec::new(),
            writes: 0,
            written_bytes: 0,
        }
    }

    /// Its points.
    pub(crate) fn points(&self) -> &[PointResult] {
        &self.points
    }

    /// Whether its newest protection is over, or a failover ends it.
    pub(crate) fn is_over(&self) -> bool {
        matches!(
            self.state,
            Some(
                ItemState::Unprotected
                    | ItemState::FailoverCommitPending
                    | ItemState::FailoverCommitted
                    | ItemState::FailbackCommitPending
                    | ItemState::OnPremisesUnprotected
            )
        )
    }

    /// A machine of its lives lost its power.
    pub(crate) fn power_lost(&mut self, at: SimTime, machine: MachineId) {
        self.running.retain(|running| *running != machine);
        self.lives_changed(at);
        if self.protected == Some(machine) && self.waiting.source_bytes > 0 {
            // What it had not sent waits no more: it is lost, or sent again once the machine is back and says so.
            self.waiting.source_bytes = 0;
            self.waits(at);
        }
    }

    /// What waits now, and where.
    pub(crate) fn waiting(&self) -> BacklogSample {
        self.waiting
    }

    /// What waits has changed.
    fn waits(&mut self, at: SimTime) {
        self.waiting.at = at;
        match self.backlog.last_mut() {
            Some(waited) if waited.last.at == at => *waited = self.waiting.into(),
            _ => self.backlog.push(self.waiting.into()),
        }
    }

    /// A point was judged and found right.
    pub(crate) fn verified(&mut self, protection: u32, point: u64) {
        if let Some(point) = self.point(protection, point) {
            point.verified = true;
        }
    }

    /// What the failovers of a kind that took a point lost: all of them, for a point can be taken again.
    pub(crate) fn lost(&mut self, kind: FailoverKind, protection: u32, point: u64, lost: Lost) {
        for failover in &mut self.failovers {
            if failover.kind == kind && failover.point == Some((protection, point)) {
                failover.lost = Some(lost);
            }
        }
    }

    /// Writes were acknowledged to its guest.
    pub(crate) fn wrote(&mut self, writes: u64, bytes: u64) {
        self.writes += writes;
        self.written_bytes += bytes;
    }

    /// Its result at the end of the run.
    pub(crate) fn finish(mut self, vm: VmId, ended: SimTime) -> VmResult {
        self.dark.extend(self.dark_since.map(|since| (since, ended)));
        let (rpo, true_rpo, rpo_series) = self.rpo.finish(ended);
        VmResult {
            vm,
            name: self.name,
            rpo,
            true_rpo,
            rpo_series,
            states: self.states,
            failovers: self.failovers,
            points: self.points,
            copies: self.copies,
            backlog: backlog_samples(self.backlog),
            dark: self.dark,
            tests: self.tests,
            writes: self.writes,
            written_bytes: self.written_bytes,
        }
    }

    /// The machine of a test failover was switched off.
    pub(crate) fn test_ended(&mut self, at: SimTime) {
        if let Some((_, ended)) = self.tests.last_mut() {
            ended.get_or_insert(at);
        }
    }

    /// A life of it has begun or ended.
    fn lives_changed(&mut self, at: SimTime) {
        self.rpo_follows(at);
        if !self.running.is_empty() {
            self.lived = true;
            self.dark.extend(self.dark_since.take().map(|since| (since, at)));
        } else if self.lived {
            self.dark_since.get_or_insert(at);
        }
    }

    /// RPO runs while the machine is protected and the life that is protected goes on.
    fn rpo_follows(&mut self, at: SimTime) {
        let protected = matches!(
            self.state,
            Some(ItemState::Protected | ItemState::Resynchronizing | ItemState::ProtectedReverse)
        );
        let lives = self.protected.is_some_and(|machine| self.running.contains(&machine));
        self.rpo.runs(at, protected && lives);
    }

    fn point(&mut self, protection: u32, point: u64) -> Option<&mut PointResult> {
        let found = self
            .points
            .binary_search_by_key(&(protection, point), |p| (p.protection, p.point));
        Some(&mut self.points[found.ok()?])
    }

    /// A mark was cut. The same number again means that the first was given up before anybody else had it.
    fn marked(&mut self, protection: u32, mark: Mark) {
        let new = PointResult {
            protection,
            point: mark.point,
            seq: mark.seq,
            consistency: mark.consistency,
            marked: mark.marked,
            marked_source: mark.marked_source,
            stored: None,
            processed: None,
            pruned: None,
            verified: false,
        };
        let number = (protection, mark.point);
        // Nearly all come after all others.
        let last = self.points.last().map(|point| (point.protection, point.point));
        let place = match last {
            Some(last) if last >= number => self.points.binary_search_by_key(&number, |p| (p.protection, p.point)),
            _ => Err(self.points.len()),
        };
        match place {
            Ok(at) if self.points[at].stored.is_none() => self.points[at] = new,
            Ok(_) => {}
            Err(at) => {
                make_room(&mut self.points);
                self.points.insert(at, new);
            }
        }
    }

    fn newest(&mut self, kind: FailoverKind) -> Option<&mut FailoverResult> {
        self.failovers.iter_mut().rev().find(|failover| failover.kind == kind)
    }
}

/// Takes in a fact about a machine. `power_lost` says which machines have no power, and since when.
pub(crate) fn vm_fact(vm: &mut VmFigures, at: SimTime, fact: &Fact, power_lost: &BTreeMap<MachineId, SimTime>) {
    match fact {
        Fact::State { state, .. } => {
            vm.state = Some(*state);
            vm.states.push((at, *state));
            vm.rpo_follows(at);
            let over = matches!(
                state,
                ItemState::Unprotected | ItemState::FailoverCommitted | ItemState::OnPremisesUnprotected
            );
            if over && vm.waiting.total() > 0 {
                // Nothing waits for a protection that is over.
                (
                    vm.waiting.source_bytes,
                    vm.waiting.process_server_bytes,
                    vm.waiting.target_bytes,
                ) = (0, 0, 0);
                vm.waits(at);
            }
        }
        Fact::LifeStarted { life, place, .. } if *place != Place::Test && !vm.running.contains(&life.machine) => {
            vm.running.push(life.machine);
            vm.lives_changed(at);
        }
        Fact::LifeStarted { place: Place::Test, .. } => vm.tests.push((at, None)),
        Fact::LifeEnded { life, .. } => {
            vm.running.retain(|machine| *machine != life.machine);
            vm.lives_changed(at);
        }
        Fact::ProtectionStarted { life, .. } => {
            vm.protected = Some(life.machine);
            vm.rpo.restart(at);
            vm.rpo_follows(at);
        }
        Fact::BatchCut {
            protection,
            mark: Some(mark),
            ..
        } => vm.marked(*protection, *mark),
        Fact::TagStored {
            protection, mark, last, ..
        } => {
            vm.newest_batch = Some((*last, at));
            let Some(mark) = mark else { return };
            if let Some(point) = vm.point(*protection, mark.point) {
                point.stored.get_or_insert(at);
            }
        }
        Fact::PointProcessed { protection, mark, .. } => {
            if vm
                .point(*protection, mark.point)
                .is_none_or(|known| known.stored.is_none())
            {
                // Made of a batch that was stored whole, by a failover to the latest; its number may have been that of a mark that never
                // arrived.
                vm.marked(*protection, *mark);
                let stored = vm.newest_batch.filter(|(last, _)| *last == mark.seq).map(|(_, at)| at);
                if let Some(point) = vm.point(*protection, mark.point) {
                    point.stored = stored;
                }
            }
            vm.rpo.usable(at, *mark);
            if let Some(point) = vm.point(*protection, mark.point) {
                point.processed.get_or_insert(at);
            }
        }
        Fact::PointPruned { protection, point, .. } => {
            if let Some(point) = vm.point(*protection, *point) {
                point.pruned.get_or_insert(at);
            }
        }
        Fact::Backlog { place, bytes, .. } => {
            match place {
                BacklogPlace::Source => vm.waiting.source_bytes = *bytes,
                BacklogPlace::ProcessServer => vm.waiting.process_server_bytes = *bytes,
                BacklogPlace::Target => vm.waiting.target_bytes = *bytes,
            }
            vm.waits(at);
        }
        Fact::CopyStarted {
            disk,
            protection,
            bytes,
            by_checksum,
            ..
        } => vm.copies.push(CopyResult {
            disk: *disk,
            protection: *protection,
            by_checksum: *by_checksum,
            started: at,
            ended: None,
            bytes: *bytes,
            processed_bytes: 0,
            sent_bytes: 0,
            matched_bytes: 0,
            skipped_bytes: 0,
        }),
        Fact::CopyProgress {
            disk,
            protection,
            processed_bytes,
            sent_bytes,
            matched_bytes,
            skipped_bytes,
        } => {
            let copy = vm
                .copies
                .iter_mut()
                .rev()
                .find(|copy| (copy.disk, copy.protection) == (*disk, *protection));
            if let Some(copy) = copy {
                copy.processed_bytes = *processed_bytes;
                copy.sent_bytes = *sent_bytes;
                copy.matched_bytes = *matched_bytes;
                copy.skipped_bytes = *skipped_bytes;
            }
        }
        Fact::CopyEnded { disk, protection, .. } => {
            let copy = vm
                .copies
                .iter_mut()
                .rev()
                .find(|copy| (copy.disk, copy.protection) == (*disk, *protection));
            if let Some(copy) = copy {
                copy.ended.get_or_insert(at);
            }
        }
        Fact::Failover { kind, phase, .. } => failover(vm, at, *kind, *phase, power_lost),
        Fact::Recovered {
            kind,
            protection,
            point,
            ..
        } => {
            if let Some(failover) = vm.newest(*kind) {
                failover.point = Some((*protection, *point));
            }
        }
        Fact::Committed { kind, .. } => {
            if let Some(failover) = vm.newest(*kind) {
                failover.committed = Some(at);
            }
        }
        _ => {}
    }
}

fn failover(
    vm: &mut VmFigures,
    at: SimTime,
    kind: FailoverKind,
    phase: FailoverPhase,
    power_lost: &BTreeMap<MachineId, SimTime>,
) {
    if phase == FailoverPhase::Started {
        let dark = vm.protected.and_then(|machine| power_lost.get(&machine));
        vm.failovers.push(FailoverResult {
            kind,
            decision_ms: dark
                .filter(|_| kind != FailoverKind::Test)
                .map(|lost| milliseconds(at.since(*lost))),
            started: at,
            point_chosen: None,
            disks_ready: None,
            group_began: None,
            powered_on: None,
            workload_up: None,
            committed: None,
            point: None,
            lost: None,
        });
        return;
    }
    let Some(failover) = vm.newest(kind) else { return };
    let slot = match phase {
        FailoverPhase::Started => return,
        FailoverPhase::PointChosen => &mut failover.point_chosen,
        FailoverPhase::DisksReady => &mut failover.disks_ready,
        FailoverPhase::GroupBegan => &mut failover.group_began,
        FailoverPhase::PoweredOn => &mut failover.powered_on,
        FailoverPhase::WorkloadUp => &mut failover.workload_up,
    };
    slot.get_or_insert(at);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(second: u64, bytes: u64) -> BacklogSample {
        BacklogSample {
            at: SimTime(second * 1_000_000_000),
            source_bytes: bytes,
            process_server_bytes: 0,
            target_bytes: 0,
        }
    }

    #[test]
    fn a_thinned_backlog_keeps_its_peaks_and_what_they_fell_to() {
        let mut series = backlog_series(16);
        for second in 0..1000 {
            series.push(sample(second, if second == 333 { 99 } else { 1 }).into());
        }
        series.push(sample(1000, 0).into());
        let samples = backlog_samples(series);
        assert!(samples.len() <= 16, "{}", samples.len());
        assert!(samples.contains(&sample(333, 99)));
        assert_eq!(samples.last(), Some(&sample(1000, 0)));
        assert!(samples.is_sorted_by_key(|sample| sample.at));
    }

    #[test]
    fn a_machine_is_dark_from_its_last_life_to_its_next() {
        let (source, azure) = (MachineId(1), MachineId(2));
        let mut vm = VmFigures::new("app", 16);
        vm.lives_changed(SimTime(1));
        vm.running.push(source);
        vm.lives_changed(SimTime(5));
        vm.power_lost(SimTime(10), source);
        vm.power_lost(SimTime(12), source);
        vm.running.push(azure);
        vm.lives_changed(SimTime(30));
        vm.power_lost(SimTime(40), azure);
        let result = vm.finish(VmId(0), SimTime(50));
        assert_eq!(result.dark, [(SimTime(10), SimTime(30)), (SimTime(40), SimTime(50))]);
    }
}
