//! What has to be told: since when a machine's RPO is past the policy's threshold, and whether somebody said so.
//!
//! The age that counts is the service's: its clock less the time that the newest stored mark bears. When that passed is known only up to
//! what the service's clock was off by; the doubt is the service's benefit in both directions.

use std::collections::VecDeque;

use actors::Table;
use actors::facts::{Fact, RPO_PASSED};
use actors::nouns::{ItemState, MachineId, Operation};
use actors::spec::{Action, ComponentSpec};
use datapath::{SimTime, VmId};

use super::Oracle;
use super::outages::Needs;
use crate::invariants::alerts_come;
use crate::spec::WorldSpec;

/// Looks within which an alert has to come, and within which the service hears of what is stored.
const LOOKS: u64 = 5;
/// Looks that each outage on the way may cost beside its own time.
const LOOKS_AFTER_OUTAGE: u64 = 10;
/// Marks that are kept of a machine; the service hears of older ones for certain.
const KEPT: usize = 64;

/// A stored mark: since when it is, and the time it bears.
type Stored = (SimTime, SimTime);

#[derive(Debug, Default)]
struct Track {
    /// Since when the item is protected.
    protected: Option<SimTime>,
    newest: Option<Stored>,
    stored: VecDeque<Stored>,
    told: bool,
}

/// All alerts that are looked for.
pub(super) struct Alerts {
    /// The service's machine, and what of it an alert needs.
    pub(super) service: Option<MachineId>,
    pub(super) threshold: Option<u64>,
    pub(super) look_every: u64,
    vms: Table<VmId, Track>,
}

impl Alerts {
    pub fn new(spec: &WorldSpec) -> Alerts {
        let components = || {
            let machines = (0..).zip(&spec.machines);
            machines.flat_map(|(number, machine)| machine.components.iter().map(move |of| (MachineId(number), of)))
        };
        let service = components().find(|(_, of)| matches!(of, ComponentSpec::Service(_)));
        let threshold = components().find_map(|(_, of)| match of {
            ComponentSpec::Operator(operator) => operator.steps.iter().find_map(|step| match &step.action {
                Action::Ask(Operation::CreatePolicy(policy)) => Some(policy.rpo_threshold),
                _ => None,
            }),
            _ => None,
        });
        Alerts {
            service: service.map(|(machine, _)| machine),
            threshold,
            look_every: spec.model.azure.look_every,
            vms: spec.vms.iter().map(|vm| (vm.vm, Track::default())).collect(),
        }
    }
}

impl Oracle {
    /// Takes in a fact, after all else has.
    pub(super) fn alert_fact(&mut self, at: SimTime, fact: &Fact) {
        match fact {
            Fact::State { vm, state } => {
                self.settle_alerts(at, *vm);
                if let Some(track) = self.alerts.vms.get_mut(vm) {
                    track.protected = (*state == ItemState::Protected).then_some(at);
                    track.told = false;
                }
            }
            Fact::ProtectionStarted { vm, .. } => {
                if let Some(track) = self.alerts.vms.get_mut(vm) {
                    *track = Track::default();
                }
            }
            Fact::TagStored {
                vm, mark: Some(mark), ..
            } => {
                let marked = mark.marked_source;
                self.settle_alerts(at, *vm);
                let due = self.due(at, (at, marked));
                let looks = 2 * self.alerts.look_every;
                let Some(track) = self.alerts.vms.get_mut(vm) else {
                    return;
                };
                if track.newest.is_none_or(|(_, newest)| newest < marked) {
                    track.newest = Some((at, marked));
                    track.stored.push_back((at, marked));
                    if track.stored.len() > KEPT {
                        track.stored.pop_front();
                    }
                    // A look may have come and gone between two that saw it late.
                    track.told &= due.is_some_and(|due| due.since(at) <= looks);
                }
            }
            Fact::Alert { vm: Some(vm), text, .. } if text == RPO_PASSED => self.told_of_rpo(at, *vm),
            _ => {}
        }
    }

    fn needs_of_alerts(&self) -> Option<Needs> {
        Some(Needs {
            machines: [self.alerts.service?].into(),
            ..Needs::default()
        })
    }

    /// When the age of a mark is past the threshold by the service's clock, at the latest.
    fn due(&self, at: SimTime, (stored, marked): Stored) -> Option<SimTime> {
        let off = self.clocks.off(self.alerts.service?, stored, at);
        let late = marked.after(self.alerts.threshold?).0;
        Some(SimTime(late.saturating_add_signed(off.start().saturating_neg())).max(stored))
    }

    /// Looks at a machine whose newest mark, state or run ends now.
    pub(super) fn settle_alerts(&mut self, at: SimTime, vm: VmId) {
        let Some(track) = self.alerts.vms.get(&vm) else { return };
        let (Some(protected), Some(newest)) = (track.protected, track.newest) else {
            return;
        };
        let (Some(due), Some(needs), Some(threshold)) =
            (self.due(at, newest), self.needs_of_alerts(), self.alerts.threshold)
        else {
            return;
        };
        let since = due.max(protected);
        let (lived, outages) = match track.told || since >= at {
            true => (0, 0),
            false => self.liveness.lived(&needs, since, at),
        };
        let patience = self.alerts.look_every * (LOOKS + outages * LOOKS_AFTER_OUTAGE);
        // Where it was not passed there is nothing to look at.
        if since < at {
            let violations = alerts_come::check_told(newest.1, threshold, lived, patience);
            self.ledger.check(at, vm, violations);
        }
    }

    fn told_of_rpo(&mut self, at: SimTime, vm: VmId) {
        let (Some(service), Some(threshold), Some(mut needs)) =
            (self.alerts.service, self.alerts.threshold, self.needs_of_alerts())
        else {
            return;
        };
        needs.machines.extend(self.target_of(vm));
        let Some(track) = self.alerts.vms.get_mut(&vm) else {
            return;
        };
        track.told = true;
        let heard = self.alerts.look_every * LOOKS;
        let known = track.stored.iter().rev().copied().find(|(stored, _)| {
            let (lived, outages) = self.liveness.lived(&needs, *stored, at);
            lived >= heard && outages == 0
        });
        let Some((stored, marked)) = known else { return };
        let off = self.clocks.off(service, stored, at);
        let age = at.0.saturating_add_signed(*off.end()).saturating_sub(marked.0);
        let violations = alerts_come::check_cause(marked, threshold, age);
        self.ledger.check(at, vm, violations);
    }

    /// The run ends.
    pub(super) fn finish_alerts(&mut self) {
        let vms: Vec<VmId> = self.alerts.vms.keys().copied().collect();
        let now = self.now;
        vms.into_iter().for_each(|vm| self.settle_alerts(now, vm));
    }
}
