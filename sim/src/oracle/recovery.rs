//! Failovers: recovered disks are judged, and what they do not hold is counted.

use actors::facts::Fact;
use actors::nouns::{FailoverKind, Life, MachineId};
use actors::ports::Evidence;
use datapath::volume::Volume;
use datapath::{DiskId, Grain, SimTime, VmId, WriteSeq};

use super::Oracle;
use super::databases::Taken;
use super::guest::Guests;
use crate::invariants::recovered_is_point::Broken;
use crate::invariants::{points_in_order, recovered_is_point};
use crate::metrics::{Lost, RecoveredDisk, milliseconds};

/// A failover whose loss is not settled: the life that it was taken of may still write.
pub(super) struct Loss {
    pub kind: FailoverKind,
    pub protection: u32,
    pub point: u64,
    machine: MachineId,
    seq: WriteSeq,
    /// Writes and bytes up to the point.
    held: (u64, u64),
    marked: SimTime,
}

impl Loss {
    /// What was acknowledged after the point.
    pub fn settle(&self, guests: &Guests) -> Lost {
        let total = guests
            .logs
            .get(&self.machine)
            .map_or(self.held, |log| log.acknowledged_after(self.seq));
        let writes = total.0.saturating_sub(self.held.0);
        let end = guests.end_on(self.machine);
        Lost {
            ms: if writes == 0 {
                0
            } else {
                milliseconds(end.since(self.marked))
            },
            writes,
            bytes: total.1.saturating_sub(self.held.1),
        }
    }
}

/// What a `Recovered` fact says.
struct Claim<'a> {
    at: SimTime,
    vm: VmId,
    protection: u32,
    point: u64,
    life: Life,
    seq: WriteSeq,
    disks: &'a [(DiskId, u64)],
}

impl Oracle {
    pub(super) fn recovered(&mut self, at: SimTime, fact: &Fact, evidence: Option<Evidence>) {
        let Fact::Recovered {
            vm,
            protection,
            kind,
            point,
            life,
            seq,
            disks,
            ..
        } = fact
        else {
            return;
        };
        let claim = Claim {
            at,
            vm: *vm,
            protection: *protection,
            point: *point,
            life: *life,
            seq: *seq,
            disks,
        };
        let volumes = match evidence {
            Some(Evidence::Disks { volumes }) => volumes,
            _ => Vec::new(),
        };
        let usable = self.claim_holds(&claim);
        let marked = self
            .protection(*vm, *protection)
            .and_then(|(_, of)| of.points.get(point));
        if let Some(consistency) = marked.map(|point| point.mark.consistency) {
            self.read_databases(&Taken {
                vm: *vm,
                kind: *kind,
                life: *life,
                point: *point,
                seq: *seq,
                consistency,
                volumes: &volumes,
            });
        }
        let judged_before = self.recovered_disks.1;
        self.judge_taken(at, *vm, *kind, *point, *seq);
        for (disk, bytes) in disks {
            let held = volumes.iter().find(|(of, _)| of == disk).map(|(_, volume)| volume);
            let (verified, digest) = self.judge_disk(&claim, *disk, held);
            self.recovered_disks.0 += 1;
            self.collector.disk(RecoveredDisk {
                at,
                vm: *vm,
                disk: *disk,
                kind: *kind,
                protection: *protection,
                point: *point,
                bytes: *bytes,
                blake3: digest.map(|digest| digest.to_hex().to_string()),
                verified: verified && usable,
            });
        }
        let judged = self.recovered_disks.1 - judged_before;
        let Some(track) = self.vms.get_mut(vm) else { return };
        let all_judged = judged == track.spec.disks.len() as u64;
        let Some(of) = track.protections.get_mut(protection) else {
            return;
        };
        of.pinned.push(*seq);
        if *kind == FailoverKind::Test {
            of.tested = Some(*point);
        }
        of.over |= *kind == FailoverKind::Failback;
        if *kind != FailoverKind::Test
            && let Some(known) = of.points.get(point)
        {
            track.losses.push(Loss {
                kind: *kind,
                protection: *protection,
                point: *point,
                machine: of.machine,
                seq: *seq,
                held: known.wrote,
                marked: known.mark.marked,
            });
        }
        if all_judged {
            self.failover_compared(at, *vm, *kind);
        }
        self.restore_taken(*vm, *point);
    }

    /// Whether the point may be recovered, and is the one that it is said to be, with all of the machine's disks.
    fn claim_holds(&mut self, claim: &Claim<'_>) -> bool {
        let Some(track) = self.vms.get(&claim.vm) else {
            return false;
        };
        let known = track
            .protections
            .get(&claim.protection)
            .and_then(|of| of.points.get(&claim.point).map(super::protection::Point::known));
        let mut violations = points_in_order::check_recovered(claim.point, claim.seq, known.as_ref());
        let mut listed: Vec<(DiskId, u64)> = claim.disks.to_vec();
        listed.sort_unstable();
        if listed != track.spec.disks {
            violations.push(points_in_order::Broken::RecoveredOtherDisks {
                point: claim.point,
                disks: format!("{listed:?}"),
                has: format!("{:?}", track.spec.disks),
            });
        }
        let holds = violations.is_empty();
        self.ledger.check(claim.at, claim.vm, violations);
        holds
    }

    fn judge_disk(&mut self, claim: &Claim<'_>, disk: DiskId, held: Option<&Volume>) -> (bool, Option<blake3::Hash>) {
        let Some(track) = self.vms.get(&claim.vm) else {
            return (false, None);
        };
        if self.grain == Grain::Aggregate {
            // There is nothing to read: the disk is right where its point's sizes were.
            let verified = track
                .protections
                .get(&claim.protection)
                .and_then(|of| of.points.get(&claim.point))
                .is_some_and(|point| point.verified);
            let violations = match verified {
                true => Vec::new(),
                false => vec![Broken::PointNotRight {
                    disk,
                    point: claim.point,
                }],
            };
            self.recovered_disks.1 += 1;
            self.ledger.check(claim.at, disk, violations);
            return (verified, None);
        }
        let history = track
            .guests
            .life(claim.life)
            .and_then(|life| life.disks.as_ref())
            .and_then(|disks| disks.get(usize::from(disk.index)));
        let (violations, digest) = match (history, held) {
            (Some(history), Some(held)) => {
                let (violations, comparison) = recovered_is_point::check(disk, history, claim.point, claim.seq, held);
                self.recovered_disks.1 += 1;
                (violations, comparison.digest)
            }
            (None, _) => {
                let life = claim.life;
                (vec![Broken::LifeNotSeen { disk, life }], None)
            }
            (_, None) => (vec![Broken::DiskNotShown { disk }], None),
        };
        let verified = violations.is_empty();
        self.ledger.check(claim.at, disk, violations);
        (verified, digest)
    }

    /// Settles what failovers from a machine lost: its life goes no further.
    pub(super) fn settle_losses(&mut self, vm: VmId, machine: Option<MachineId>) {
        let Some(track) = self.vms.get_mut(&vm) else { return };
        let losses = std::mem::take(&mut track.losses);
        for loss in losses {
            if machine.is_some_and(|machine| machine != loss.machine) {
                track.losses.push(loss);
                continue;
            }
            let lost = loss.settle(&track.guests);
            self.collector.lost(vm, loss.kind, loss.protection, loss.point, lost);
        }
    }
}
