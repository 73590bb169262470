//! What process servers say of themselves, and how fast they store.

use std::collections::BTreeMap;
use std::sync::Arc;

use actors::facts::Fact;
use actors::nouns::{MachineId, Schedule, Severity};
use actors::ports::Evidence;
use actors::spec::ComponentSpec;
use datapath::{DiskId, SimTime};

use super::Oracle;
use crate::findings::Component;
use crate::invariants::process_servers_say_how_they_are::{self, Look};
use crate::invariants::throttles_hold;
use crate::spec::WorldSpec;

/// One of them.
#[derive(Debug, Default)]
struct Track {
    throttles: Arc<Schedule>,
    /// The look before, and how long its cores had been at work.
    looked: Option<(SimTime, u64)>,
    /// Since which look its cache has been past the level of a warning, and of what is critical.
    past: [Option<SimTime>; 2],
    /// Bytes that were stored ahead of what its throttle allowed, and when that was.
    ahead: (SimTime, u64),
    /// The largest segment that it stored.
    largest: u64,
}

/// All of them.
pub(super) struct ProcessServers {
    /// Whether any of them has a throttle: else nobody asks who stored what.
    throttled: bool,
    of: BTreeMap<MachineId, Track>,
}

impl ProcessServers {
    pub fn new(spec: &WorldSpec) -> ProcessServers {
        let machines = (0..).map(MachineId).zip(&spec.machines);
        let all = machines.filter_map(|(id, machine)| {
            machine.components.iter().find_map(|component| match component {
                ComponentSpec::ProcessServer(server) => {
                    let throttles = Arc::clone(&server.throttles);
                    Some((
                        id,
                        Track {
                            throttles,
                            ..Track::default()
                        },
                    ))
                }
                _ => None,
            })
        });
        let of: BTreeMap<MachineId, Track> = all.collect();
        let throttled = of.values().any(|track| track.throttles.least().is_some());
        ProcessServers { throttled, of }
    }
}

fn millionths(part: u64, of: u64) -> u32 {
    let share = (u128::from(part) * 1_000_000).checked_div(u128::from(of));
    u32::try_from(share.unwrap_or(1_000_000).min(1_000_000)).unwrap_or(u32::MAX)
}

impl Oracle {
    /// Takes in a fact, with what the world shows of the machine.
    pub(super) fn process_server_fact(&mut self, at: SimTime, fact: &Fact, evidence: Option<&Evidence>) {
        match fact {
            // It began anew, and knows of no look before.
            Fact::Registered { machine, .. } | Fact::Power { machine, .. } => {
                if let Some(track) = self.process_servers.of.get_mut(machine) {
                    track.looked = None;
                    track.past = [None; 2];
                }
            }
            Fact::ProcessServerHealth { .. } => self.health_said(at, fact, evidence),
            _ => {}
        }
    }

    fn health_said(&mut self, at: SimTime, fact: &Fact, evidence: Option<&Evidence>) {
        let (
            Fact::ProcessServerHealth {
                machine,
                cache_free,
                processors,
                uploads_in,
                level,
                throttled,
            },
            Some(Evidence::Machine {
                used,
                capacity,
                worked,
                cores,
            }),
        ) = (fact, evidence)
        else {
            return;
        };
        let model = &self.model.process_server;
        let Some(track) = self.process_servers.of.get_mut(machine) else {
            return;
        };
        let free = millionths(capacity.saturating_sub(*used), *capacity);
        let before = track.looked.replace((at, *worked));
        let at_work = before.map(|(then, worked_then)| {
            let time = at.since(then).saturating_mul(u64::from(*cores));
            (*processors, millionths(worked.saturating_sub(worked_then), time))
        });
        let longer = |than: u64| uploads_in.is_none_or(|time| time > than);
        let look = Look {
            free: (*cache_free, free),
            processors: at_work,
            throttles: *throttled,
            throttled_below: model.throttled_below,
            level: *level,
            other_cause: longer(model.upload_warning) || u64::from(*processors) > model.processor_warning,
            warned_below: model.cache_warning,
        };
        let mut broken = process_servers_say_how_they_are::check(&look);
        // It may have begun anew without a word since its last look, and by its own clock.
        let patience = model.told_after + 2 * model.look_every;
        let levels = [
            (Severity::Warning, model.cache_warning),
            (Severity::Critical, model.cache_critical),
        ];
        for (since, (needed, below)) in track.past.iter_mut().zip(levels) {
            *since = (u64::from(free) < below).then(|| since.unwrap_or(at));
            if let Some(since) = since.filter(|_| *level < Some(needed)) {
                broken.extend(process_servers_say_how_they_are::check_told(since, at, patience));
            }
        }
        self.ledger.check(at, Component::Machine(*machine), broken);
    }

    /// A segment was stored that was sealed in this epoch: its process server may have been that fast.
    pub(super) fn uploaded(&mut self, at: SimTime, disk: DiskId, epoch: u32, bytes: u64) {
        if !self.process_servers.throttled {
            return;
        }
        let Some(machine) = self.nonces.sealer(disk, epoch) else {
            return;
        };
        let Some(track) = self.process_servers.of.get_mut(&machine) else {
            return;
        };
        if track.throttles.least().is_none() {
            return;
        }
        let (then, ahead) = track.ahead;
        let off = self.clocks.off(machine, then, at);
        let allowed = [*off.start(), *off.end()].map(|off| {
            let clock = SimTime(then.0.saturating_add_signed(off));
            track.throttles.allows(clock, at.since(then))
        });
        let ahead = ahead.saturating_sub(allowed[0].max(allowed[1])) + bytes;
        track.ahead = (at, ahead);
        track.largest = track.largest.max(bytes);
        // All that was on its way to storage can arrive at once.
        let together = self.model.process_server.window + 2 * track.largest;
        let broken = throttles_hold::check(ahead, together);
        self.ledger.check(at, Component::Machine(machine), broken);
    }
}
