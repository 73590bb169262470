//! When a machine's replication had caught up with what the last fault cost it.

use actors::nouns::ItemState;
use datapath::SimTime;
use sim::metrics::{FaultResult, RunResult, VmResult};

/// How long a machine took, or takes still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CaughtUp {
    /// From when on it is counted.
    pub since: SimTime,
    /// Until a recovery point was processed that was marked after that; none where there is none.
    pub at: Option<SimTime>,
    /// Until when nothing was in its way: the end of the run, or of its replication, or its machine lost its power once more.
    pub until: SimTime,
}

impl CaughtUp {
    /// How long it took, in nanoseconds; where it did not, how long it had.
    pub fn took(&self) -> u64 {
        self.at.unwrap_or(self.until).since(self.since)
    }
}

/// The end of the last fault, or of the one of this name; the start of the run where there is none.
fn last_fault(faults: &[FaultResult], name: Option<&str>, ended: SimTime) -> SimTime {
    let begun = faults.iter().filter(|fault| fault.began.is_some());
    let begun = begun.filter(|fault| name.is_none_or(|name| fault.name == name));
    let ends = begun.map(|fault| fault.ended.unwrap_or(ended));
    ends.max().unwrap_or(SimTime::ZERO)
}

/// The stretches in which a machine is replicated that go past the end of the last fault, or of the one of this name, each from there on, and what came of them. A stretch is
/// cut where none of the machine's lives runs: who has no power marks nothing. One that ended before a point came says nothing, unless it is
/// longer than whatever is asked for.
pub(super) fn caught_up(vm: &VmResult, result: &RunResult, fault: Option<&str>) -> Vec<CaughtUp> {
    let from = last_fault(&result.faults, fault, result.ended);
    stretches(&vm.states, &vm.dark, from, result.ended)
        .into_iter()
        .map(|(since, until)| {
            let points = vm.points.iter().filter(|point| point.marked >= since);
            let at = points
                .filter_map(|point| point.processed)
                .filter(|at| *at <= until)
                .min();
            CaughtUp { since, at, until }
        })
        .collect()
}

/// Those stretches: from and to, in order.
fn stretches(
    states: &[(SimTime, ItemState)],
    dark: &[(SimTime, SimTime)],
    from: SimTime,
    ended: SimTime,
) -> Vec<(SimTime, SimTime)> {
    let mut replicated: Vec<(SimTime, SimTime)> = Vec::new();
    let mut began: Option<SimTime> = None;
    for (at, state) in states {
        match (began, state.replicates()) {
            (None, true) => began = Some(*at),
            (Some(since), false) => {
                replicated.push((since, *at));
                began = None;
            }
            _ => {}
        }
    }
    replicated.extend(began.map(|since| (since, ended)));
    let mut lit = Vec::new();
    for (mut since, until) in replicated {
        for (dark, back) in dark {
            if *back > since && *dark < until {
                lit.push((since, *dark));
                since = *back;
            }
        }
        lit.push((since, until));
    }
    let lit = lit.into_iter().map(|(since, until)| (since.max(from), until));
    lit.filter(|(since, until)| since < until).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn at(seconds: u64) -> SimTime {
        SimTime(seconds * SECOND)
    }

    fn fault(began: Option<u64>, ended: Option<u64>) -> FaultResult {
        FaultResult {
            name: "fault".to_owned(),
            began: began.map(at),
            struck_first: None,
            ended: ended.map(at),
            struck: 1,
            missed: None,
            may_miss: true,
        }
    }

    #[test]
    fn it_is_counted_from_the_last_end_of_a_fault_that_began() {
        let last = |faults: &[FaultResult]| last_fault(faults, None, at(1_000));
        assert_eq!(last(&[]), SimTime::ZERO);
        assert_eq!(last(&[fault(None, None)]), SimTime::ZERO);
        let ended = [
            fault(Some(300), Some(400)),
            fault(Some(310), Some(320)),
            fault(None, None),
        ];
        assert_eq!(last(&ended), at(400));
        let mut named = ended;
        named[1].name = "named".to_owned();
        assert_eq!(
            last_fault(&named, Some("named"), at(1_000)),
            at(320),
            "the others do not count"
        );
        assert_eq!(last(&[fault(Some(300), None)]), at(1_000), "it lasts to the end");
    }

    #[test]
    fn a_machine_without_power_or_replication_is_not_waited_for() {
        let states = [
            (at(100), ItemState::InitialReplication),
            (at(200), ItemState::Protected),
            (at(600), ItemState::FailoverInProgress),
            (at(700), ItemState::FailoverCommitPending),
            (at(800), ItemState::ReprotectInProgress),
        ];
        let seconds = |from: u64, dark: &[(u64, u64)]| -> Vec<(u64, u64)> {
            let dark: Vec<_> = dark.iter().map(|(from, to)| (at(*from), at(*to))).collect();
            let all = stretches(&states, &dark, at(from), at(1_000)).into_iter();
            all.map(|(from, to)| (from.0 / SECOND, to.0 / SECOND)).collect()
        };
        assert_eq!(seconds(0, &[]), [(100, 600), (800, 1_000)]);
        assert_eq!(seconds(400, &[]), [(400, 600), (800, 1_000)]);
        assert_eq!(seconds(650, &[]), [(800, 1_000)]);
        assert!(seconds(1_000, &[]).is_empty());
        // Before its replication began, while it went on, and to its end.
        let dark = [(50, 150), (300, 350), (500, 900)];
        assert_eq!(seconds(0, &dark), [(150, 300), (350, 500), (900, 1_000)]);
        assert_eq!(seconds(320, &dark), [(350, 500), (900, 1_000)]);
    }

    #[test]
    fn what_did_not_come_took_as_long_as_there_was() {
        let waits = CaughtUp {
            since: at(100),
            at: None,
            until: at(900),
        };
        assert_eq!(waits.took(), 800 * SECOND);
        let came = CaughtUp {
            at: Some(at(150)),
            ..waits
        };
        assert_eq!(came.took(), 50 * SECOND);
    }
}
