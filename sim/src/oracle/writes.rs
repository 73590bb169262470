//! Facts of the guests: lives and writes.

use std::collections::VecDeque;

use actors::facts::Fact;
use actors::nouns::{Life, Place};
use actors::ports::Evidence;
use datapath::{Class, Content, DiskId, Extent, Grain, Run, SimTime, Summary, VmId, WriteSeq};

use super::compare::Expect;
use super::guest::{LifeTrack, Logged};
use super::history::History;
use super::print::{Print, run_hash};
use super::{Oracle, VmTrack};
use crate::findings::Bytes;
use crate::invariants::writes_in_order::Broken;
use crate::invariants::{life_begins_right, writes_in_order};

/// Flushes that are remembered of a life: a mark that one was for is cut soon after it.
const FLUSHES_KEPT: usize = 256;

impl Oracle {
    pub(super) fn guest_fact(&mut self, at: SimTime, fact: &Fact, evidence: Option<Evidence>) {
        match fact {
            Fact::Wrote {
                vm,
                life,
                disk,
                seq,
                start,
                extents,
                hash,
            } => {
                let shown = match evidence {
                    Some(Evidence::Wrote { run }) => Some(run),
                    _ => None,
                };
                let write = Write {
                    life: *life,
                    disk: *disk,
                    seq: *seq,
                    start: *start,
                    extents: *extents,
                    hash: *hash,
                };
                self.wrote(at, *vm, &write, shown);
            }
            Fact::Acknowledged { vm, life, through } => {
                if let Some(track) = self.vms.get_mut(vm) {
                    track.figures.acknowledged(*life, *through);
                    if let Some(log) = track.guests.logs.get_mut(&life.machine) {
                        log.acknowledged(*through);
                    }
                }
            }
            Fact::WroteSummaries { vm, life, summaries } => {
                for summary in summaries {
                    self.wrote_summary(at, *vm, *life, summary);
                }
            }
            Fact::GuestFlushed { vm, life, seq } => {
                if let Some(track) = self.vms.get_mut(vm).and_then(|track| track.guests.life_mut(*life)) {
                    track.flushed = track.flushed.max(*seq);
                    track.flushes.push_back((at, *seq));
                    if track.flushes.len() > FLUSHES_KEPT {
                        track.flushes.pop_front();
                    }
                }
            }
            Fact::LifeStarted {
                vm,
                life,
                place,
                parent,
                seq,
            } => self.life_started(at, *vm, (*life, *place), *parent, *seq, evidence),
            Fact::LifeEnded { vm, life, last } => {
                if let Some(track) = self.vms.get_mut(vm) {
                    track.guests.ended(*life, at, *last);
                }
            }
            _ => {}
        }
    }

    fn wrote(&mut self, at: SimTime, vm: VmId, write: &Write, shown: Option<Run>) {
        let Some(track) = self.vms.get_mut(&vm) else { return };
        let bytes = track.spec.disks.iter().find(|(disk, _)| *disk == write.disk);
        let disk_extents = bytes.map(|(_, bytes)| datapath::units::extents_of(*bytes));
        let protected = track.is_protected(write.life);
        let Some(life) = track.guests.life_mut(write.life) else {
            let broken = Broken::LifeNotStarted {
                write: write.seq,
                life: write.life,
            };
            self.ledger.check(at, vm, vec![broken]);
            return;
        };
        let hash_is_right = match (&shown, self.grain) {
            (Some(run), Grain::Real) => run_hash(&run.content) == write.hash,
            _ => true,
        };
        let violations = writes_in_order::check(&writes_in_order::Seen {
            before: life.last,
            seq: write.seq,
            place: (write.start.0, write.extents),
            disk_extents,
            shown: shown.as_ref().map(|run| (run, hash_is_right)),
            must_show: self.grain == Grain::Real,
        });
        let sound = violations.is_empty();
        self.ledger.check(at, vm, violations);
        life.last = life.last.max(write.seq);
        if life.place == Place::Test || disk_extents.is_none() {
            return;
        }
        let run = shown.unwrap_or(Run {
            start: write.start,
            extents: write.extents,
            content: Content::Version {
                version: write.seq,
                class: Class(0),
            },
        });
        let mut due = false;
        if let Some(history) = life
            .disks
            .as_mut()
            .and_then(|disks| disks.get_mut(usize::from(write.disk.index)))
            && sound
        {
            match Print::of_whole(&run, write.hash) {
                // Its hash was made a moment ago, of the same bytes.
                Some(print) => history.write_print(write.seq, run.start.0, print),
                None => history.write(write.seq, &run),
            }
            due = history.is_due();
        }
        let logged = Logged {
            first: write.seq,
            last: write.seq,
            at,
            disk: write.disk.index,
            start: write.start.0,
            extents: write.extents,
            bytes: run.bytes(),
        };
        self.collector.wrote(vm, 1, logged.bytes);
        track.figures.wrote(at, write.life, write.seq, 1, logged.bytes);
        let log = track.guests.logs.entry(write.life.machine).or_default();
        log.push(logged, protected);
        log.issued(write.seq, logged.bytes);
        if due {
            track.compact(write.life);
        }
    }

    fn wrote_summary(&mut self, at: SimTime, vm: VmId, life: Life, summary: &Summary) {
        let Some(track) = self.vms.get_mut(&vm) else { return };
        let known = track.spec.disks.iter().any(|(disk, _)| *disk == summary.disk);
        let protected = track.is_protected(life);
        let Some(of) = track.guests.life_mut(life) else {
            let broken = Broken::LifeNotStarted {
                write: summary.last,
                life,
            };
            self.ledger.check(at, vm, vec![broken]);
            return;
        };
        let mut violations = Vec::new();
        if summary.first <= of.last || summary.last < summary.first {
            violations.push(Broken::RangeWentBack {
                first: summary.first,
                last: summary.last,
                before: of.last,
            });
        }
        if !known || summary.distinct_bytes > summary.bytes {
            violations.push(Broken::RangeMakesNoSense {
                first: summary.first,
                last: summary.last,
                bytes: Bytes(summary.bytes),
                distinct: Bytes(summary.distinct_bytes),
                range: format!("{summary:?}"),
            });
        }
        self.ledger.check(at, vm, violations);
        of.last = of.last.max(summary.last);
        if of.place == Place::Test {
            return;
        }
        let logged = Logged {
            first: summary.first,
            last: summary.last,
            at,
            disk: summary.disk.index,
            start: 0,
            extents: 0,
            bytes: summary.bytes,
        };
        self.collector.wrote(vm, logged.writes(), logged.bytes);
        track
            .figures
            .wrote(at, life, summary.last, logged.writes(), logged.bytes);
        track.figures.acknowledged(life, summary.last);
        track
            .guests
            .logs
            .entry(life.machine)
            .or_default()
            .push(logged, protected);
    }

    fn life_started(
        &mut self,
        at: SimTime,
        vm: VmId,
        (life, place): (Life, Place),
        parent: Option<(Life, WriteSeq)>,
        seq: WriteSeq,
        evidence: Option<Evidence>,
    ) {
        let grain = self.grain;
        let origin = parent;
        // A machine that boots again still says which point it was made from; its disks are those of its last stop. (A test machine is made
        // anew each time.)
        let again = |track: &LifeTrack| place != Place::Test && track.parent.is_some() && track.parent == origin;
        let newest = self.vms.get(&vm).and_then(|track| track.guests.newest_on(life.machine));
        let parent = if newest.is_some_and(again) { None } else { parent };
        if parent.is_some() {
            self.settle_losses(vm, Some(life.machine));
        }
        let Some(track) = self.vms.get_mut(&vm) else { return };
        // What its disks begin with: whose, and which content of theirs.
        let before = match parent {
            Some((parent, at)) => {
                track.guests.logs.entry(life.machine).or_default().clear();
                track.guests.life(parent).map(|track| (track, Expect::At(at), at))
            }
            None => track.guests.newest_on(life.machine).map(|track| {
                let in_order = track.ended.is_some_and(|(_, in_order)| in_order);
                let expect = if in_order {
                    Expect::At(track.last)
                } else {
                    Expect::Since(track.flushed)
                };
                (track, expect, track.last)
            }),
        };
        let mut violations = Vec::new();
        if before.is_none() && parent.is_some() {
            violations.push(life_begins_right::Broken::ParentNotSeen {
                life,
                parent: parent.map(|(parent, _)| parent),
            });
        }
        if let Some((_, _, held)) = before {
            violations.extend(life_begins_right::check_sequence(seq, held));
        }
        let volumes = match evidence {
            Some(Evidence::Disks { volumes }) => volumes,
            _ => Vec::new(),
        };
        let mut disks = Vec::new();
        for ((disk, bytes), root) in track.spec.disks.iter().zip(&track.roots) {
            if grain == Grain::Aggregate {
                break;
            }
            let index = usize::from(disk.index);
            let inherited = before.and_then(|(track, expect, _)| Some((track.disks.as_ref()?.get(index)?, expect)));
            let Some((history, expect)) = inherited else {
                disks.push(History::new(root.clone(), grain, *bytes));
                continue;
            };
            let held = volumes.iter().find(|(of, _)| of == disk).map(|(_, volume)| volume);
            let mut found = Vec::new();
            match held {
                Some(held) => {
                    let (wrong, comparison) = life_begins_right::check_disk(*disk, history, expect, held);
                    violations.extend(wrong);
                    found = comparison.found;
                }
                None => violations.push(life_begins_right::Broken::DiskNotShown { life, disk: *disk }),
            }
            disks.push(match expect {
                Expect::At(at) => history.child(at),
                Expect::Since(_) => history.adopt(seq, &found),
            });
        }
        self.ledger.check(at, vm, violations);
        track.guests.started(LifeTrack {
            life,
            place,
            parent: origin,
            started: at,
            began: seq,
            last: seq,
            flushed: seq,
            flushes: VecDeque::new(),
            ended: None,
            disks: (place != Place::Test && grain != Grain::Aggregate).then_some(disks),
        });
    }
}

/// What a `Wrote` fact says.
struct Write {
    life: Life,
    disk: DiskId,
    seq: WriteSeq,
    start: Extent,
    extents: u32,
    hash: [u8; 16],
}

impl VmTrack {
    /// Whether the newest protection protects this life's machine.
    fn is_protected(&self, life: Life) -> bool {
        let newest = self.protections.values().next_back();
        newest.is_some_and(|of| of.machine == life.machine)
    }

    /// Forgets versions of a life's disks that nobody will ask for.
    fn compact(&mut self, life: Life) {
        let of = self.protections.values().next_back();
        let asked = of.map(|of| of.asked()).unwrap_or_default();
        let floor = of.filter(|of| of.machine == life.machine).map(|of| of.floor());
        let Some(track) = self.guests.life_mut(life) else {
            return;
        };
        let floor = floor.map_or(track.flushed, |floor| floor.min(track.flushed));
        for history in track.disks.iter_mut().flatten() {
            history.compact(&asked, floor);
        }
    }
}
