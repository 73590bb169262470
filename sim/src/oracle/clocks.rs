//! By how much the machines' clocks are off: their skew, and what faults add to it while they last.

use std::ops::RangeInclusive;

use actors::nouns::MachineId;
use datapath::SimTime;

use crate::faults::{FaultKind, Off};
use crate::spec::WorldSpec;

/// A fault of a clock.
struct Fault {
    machine: MachineId,
    off: Off,
    /// From when to when, both included.
    times: Option<(SimTime, SimTime)>,
}

/// The clocks of a world.
pub(super) struct Clocks {
    skews: Vec<i64>,
    /// By fault; none where it is about something else.
    faults: Vec<Option<Fault>>,
}

impl Clocks {
    pub fn new(spec: &WorldSpec) -> Clocks {
        let of = |kind: &FaultKind| match kind {
            FaultKind::Clock { machine, off } => Some(Fault {
                machine: *machine,
                off: *off,
                times: None,
            }),
            _ => None,
        };
        Clocks {
            skews: spec.machines.iter().map(|machine| machine.clock_skew).collect(),
            faults: spec.faults.iter().map(|fault| of(&fault.kind)).collect(),
        }
    }

    /// A fault begins, or is over.
    pub fn fault(&mut self, at: SimTime, fault: u32, over: bool) {
        let Some(Some(fault)) = self.faults.get_mut(fault as usize) else {
            return;
        };
        fault.times = match (over, fault.times) {
            (true, Some((began, _))) => Some((began, at)),
            _ => Some((at, SimTime::NEVER)),
        };
    }

    /// The least and the most that a machine's clock was off within a stretch, in nanoseconds.
    pub fn off(&self, machine: MachineId, from: SimTime, to: SimTime) -> RangeInclusive<i64> {
        let skew = self.skews.get(machine.0 as usize).copied().unwrap_or_default();
        let (mut least, mut most) = (skew, skew);
        for fault in self.faults.iter().flatten().filter(|fault| fault.machine == machine) {
            let Some((began, ended)) = fault.times.filter(|(began, ended)| *began <= to && from <= *ended) else {
                continue;
            };
            let first = fault.off.after(from.max(began).since(began));
            let last = fault.off.after(to.min(ended).since(began));
            let all_the_time = began < from && to < ended;
            let (low, high) = (first.min(last), first.max(last));
            least = least.saturating_add(if all_the_time { low } else { low.min(0) });
            most = most.saturating_add(if all_the_time { high } else { high.max(0) });
        }
        least..=most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Zone;
    use crate::testing::{machine, world};

    #[test]
    fn a_clock_is_off_by_its_skew_and_by_its_faults_while_they_last() {
        let mut spec = world();
        spec.machines = vec![machine("a", Zone(10)), machine("b", Zone(10))];
        spec.machines[0].clock_skew = 7;
        let own = MachineId(0);
        let fault = |off| {
            let kind = FaultKind::Clock { machine: own, off };
            crate::faults::FaultSpec::timed("fault", kind, 0, None)
        };
        spec.faults = vec![fault(Off::Jump(-100)), fault(Off::Drift(500_000))];
        let mut clocks = Clocks::new(&spec);
        let at = SimTime;
        assert_eq!(clocks.off(own, at(10), at(20)), 7..=7);
        clocks.fault(at(50), 0, false);
        assert_eq!(clocks.off(own, at(10), at(20)), 7..=7, "before it began");
        assert_eq!(clocks.off(own, at(40), at(60)), -93..=7);
        assert_eq!(clocks.off(own, at(60), at(70)), -93..=-93);
        clocks.fault(at(80), 0, true);
        assert_eq!(clocks.off(own, at(70), at(90)), -93..=7);
        clocks.fault(at(100), 1, false);
        assert_eq!(clocks.off(own, at(120), at(140)), 17..=27);
        clocks.fault(at(200), 1, true);
        assert_eq!(clocks.off(own, at(201), at(300)), 7..=7);
        assert_eq!(clocks.off(MachineId(1), at(0), at(300)), 0..=0);
    }
}
