//! Which machines had no power and which links were cut, and when: what a wait may be excused by.

use std::collections::{BTreeMap, BTreeSet};

use actors::nouns::MachineId;
use datapath::SimTime;

use crate::faults::FaultKind;

/// Machines and links that something cannot go on without.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Needs {
    pub machines: BTreeSet<MachineId>,
    pub links: BTreeSet<u32>,
}

impl Needs {
    /// What cannot be counted on while a fault lasts.
    pub fn of(fault: &FaultKind) -> Needs {
        let (machines, links) = fault.concerns();
        Needs {
            machines: machines.into_iter().collect(),
            links: links.into_iter().collect(),
        }
    }
}

/// Stretches without power or link, in order; the last may last still.
type Down = Vec<(SimTime, Option<SimTime>)>;

/// Outages of a run.
#[derive(Debug, Default)]
pub(super) struct Outages {
    machines: BTreeMap<MachineId, Down>,
    /// By link, then by the fault that cut it.
    links: BTreeMap<u32, BTreeMap<u32, Down>>,
    /// By fault that lasts or lasted: what cannot be counted on meanwhile.
    faults: BTreeMap<u32, (Needs, Down)>,
}

impl Outages {
    /// A machine has power from now on, or has none.
    pub fn power(&mut self, at: SimTime, machine: MachineId, on: bool) {
        change(self.machines.entry(machine).or_default(), at, on);
    }

    /// A fault by which a link is cut begins or ends.
    pub fn cut(&mut self, at: SimTime, fault: u32, link: u32, over: bool) {
        change(self.links.entry(link).or_default().entry(fault).or_default(), at, over);
    }

    /// A fault begins or ends that concerns these; where it concerns none of them, it concerns all.
    pub fn fault(&mut self, at: SimTime, fault: u32, concerns: Needs, over: bool) {
        let (_, down) = self.faults.entry(fault).or_insert_with(|| (concerns, Down::new()));
        change(down, at, over);
    }

    fn of_faults<'a>(&'a self, needs: &'a Needs) -> impl Iterator<Item = &'a Down> + 'a {
        let concerned = |(concerns, _): &&(Needs, Down)| {
            *concerns == Needs::default()
                || !concerns.machines.is_disjoint(&needs.machines)
                || !concerns.links.is_disjoint(&needs.links)
        };
        self.faults.values().filter(concerned).map(|(_, down)| down)
    }

    /// How much of a stretch all that is needed was there, in nanoseconds, and how often something failed.
    pub fn lived(&self, needs: &Needs, since: SimTime, until: SimTime) -> (u64, u64) {
        let machines = needs.machines.iter().filter_map(|machine| self.machines.get(machine));
        let links = needs.links.iter().filter_map(|link| self.links.get(link));
        let links = links.flat_map(BTreeMap::values);
        let mut down: Vec<(SimTime, SimTime)> = machines
            .chain(links)
            .chain(self.of_faults(needs))
            .flatten()
            .map(|(from, to)| ((*from).max(since), to.unwrap_or(until).min(until)))
            .filter(|(from, to)| from < to)
            .collect();
        let outages = down.len() as u64;
        down.sort_unstable();
        let (mut lived, mut at) = (0, since);
        for (from, to) in down {
            lived += from.since(at);
            at = at.max(to);
        }
        (lived + until.since(at), outages)
    }

    /// Those of what is needed that are down now.
    pub fn down_now(&self, needs: &Needs) -> (Vec<MachineId>, Vec<u32>) {
        let lasts = |down: &Down| down.last().is_some_and(|(_, to)| to.is_none());
        let is_dark = |machine: &MachineId| self.machines.get(machine).is_some_and(lasts);
        let is_cut = |link: &u32| self.links.get(link).is_some_and(|cuts| cuts.values().any(lasts));
        let machines = needs.machines.iter().copied();
        let links = needs.links.iter().copied();
        (machines.filter(is_dark).collect(), links.filter(is_cut).collect())
    }
}

fn change(down: &mut Down, at: SimTime, up: bool) {
    match (down.last_mut(), up) {
        (Some((_, to @ None)), true) => *to = Some(at),
        (Some((_, None)), false) => {}
        (_, false) => down.push((at, None)),
        (_, true) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_needed_excuses_and_only_while_it_is_down() {
        let mut outages = Outages::default();
        let (mine, other) = (MachineId(1), MachineId(2));
        outages.power(SimTime(10), mine, false);
        outages.power(SimTime(30), mine, true);
        outages.cut(SimTime(20), 7, 0, false);
        outages.cut(SimTime(40), 7, 0, true);
        outages.power(SimTime(0), other, false);
        let needs = Needs {
            machines: BTreeSet::from([mine]),
            links: BTreeSet::from([0]),
        };
        assert_eq!(outages.lived(&needs, SimTime(0), SimTime(100)), (70, 2));
        assert_eq!(outages.lived(&needs, SimTime(15), SimTime(25)), (0, 2));
        assert_eq!(outages.lived(&needs, SimTime(50), SimTime(60)), (10, 0));
        assert_eq!(outages.down_now(&needs), (Vec::new(), Vec::new()));
        outages.power(SimTime(90), mine, false);
        assert_eq!(outages.lived(&needs, SimTime(0), SimTime(100)), (60, 3));
        outages.fault(
            SimTime(60),
            0,
            Needs {
                machines: BTreeSet::from([other]),
                ..Needs::default()
            },
            false,
        );
        assert_eq!(
            outages.lived(&needs, SimTime(0), SimTime(100)),
            (60, 3),
            "of another machine"
        );
        outages.fault(
            SimTime(60),
            1,
            Needs {
                links: BTreeSet::from([0]),
                ..Needs::default()
            },
            false,
        );
        outages.fault(SimTime(65), 1, Needs::default(), true);
        assert_eq!(outages.lived(&needs, SimTime(0), SimTime(100)), (55, 4));
        assert_eq!(outages.down_now(&needs).0, [mine]);
    }

    #[test]
    fn a_link_is_down_until_the_last_fault_that_cut_it_is_over() {
        let mut outages = Outages::default();
        let needs = Needs {
            links: BTreeSet::from([0]),
            ..Needs::default()
        };
        outages.cut(SimTime(50), 8, 0, false);
        outages.cut(SimTime(60), 9, 0, false);
        outages.cut(SimTime(70), 9, 0, true);
        assert_eq!(outages.down_now(&needs).1, [0]);
        outages.cut(SimTime(90), 8, 0, true);
        assert!(outages.down_now(&needs).1.is_empty());
        assert_eq!(outages.lived(&needs, SimTime(0), SimTime(100)), (60, 2));
    }
}
