//! How long something may wait: what the laws of liveness have in common.
//!
//! "Eventually" needs a bound, or no law of it can ever fail. Time counts only while all that the thing needs had power and its links
//! were up. Of that time it may take a stated grace, what its own kind takes by the plan (the pause between two marks, a boot),
//! and what there is to do: the bytes that wait, over the slowest way that they have to go. Whatever fails on the way may make it begin
//! anew, so each outage allows the work once more, and some time to find each other again. Both follow from the run's model ([`Bounds`]).

use std::fmt;

use actors::model::Model;
use datapath::SimTime;

use crate::findings::{Evidence, Evident, Nanoseconds};

const SECOND: u64 = 1_000_000_000;

/// What the model allows, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// What may pass though nothing stands in the way: retries, looks at what is due, rounds of a protocol.
    pub grace: u64,
    /// What may pass after an outage until all goes on.
    pub after_outage: u64,
    /// The longest that a job waits for one thing that does not come.
    pub operation: u64,
    /// The pause between two marks where no policy says.
    pub pause: u64,
}

impl Bounds {
    /// The prover's own allowances, and more where the times of the run's components ask for it: a window that nobody acknowledges is
    /// given up, the longest pause passes, and a configuration server misses a sign of life.
    #[must_use]
    pub fn of(model: &Model) -> Bounds {
        let session = &model.session;
        let window = u128::from(model.process_server.window.max(model.agent.window)) * u128::from(SECOND);
        let window = u64::try_from(window / u128::from(session.slowest.max(1))).unwrap_or(u64::MAX);
        let found_again = [session.silence, session.connect_patience, session.pause_longest]
            .into_iter()
            .chain([model.configuration_server.heartbeat.saturating_mul(2)])
            .fold(window, u64::saturating_add);
        let retried = model.agent.cut_after.saturating_add(model.process_server.retry_after);
        Bounds {
            grace: model.oracle.grace.max(retried.saturating_mul(3)),
            after_outage: model.oracle.after_outage.max(found_again),
            operation: model.azure.stage_patience,
            pause: model.oracle.pause,
        }
    }
}

/// Something that waited, and for how long it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waited {
    /// Since when.
    pub since: SimTime,
    /// Until when: the end of the wait, or of the run.
    pub until: SimTime,
    /// How long of it all that it needs was there, in nanoseconds.
    pub lived: u64,
    /// How often something that it needs failed meanwhile.
    pub outages: u64,
    /// What its kind takes by the plan, in nanoseconds.
    pub planned: u64,
    /// What there is to do takes at most so long, in nanoseconds.
    pub work: u64,
    /// What the model allows.
    pub bounds: Bounds,
}

impl Waited {
    /// How long it may take, in nanoseconds.
    #[must_use]
    pub fn allowed(&self) -> u64 {
        let again = self
            .bounds
            .after_outage
            .saturating_add(self.work)
            .saturating_mul(self.outages);
        self.bounds
            .grace
            .saturating_add(self.planned)
            .saturating_add(self.work)
            .saturating_add(again)
    }

    /// Whether it took longer.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        self.lived > self.allowed()
    }
}

impl fmt::Display for Waited {
    /// How long it took, beside how long it may.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outages = match self.outages {
            0 => String::new(),
            1 => ", one outage on its way included".to_owned(),
            many => format!(", {many} outages on its way included"),
        };
        write!(
            f,
            "{} in which all that it needs was there, and {} is the bound{outages}",
            minutes(self.lived),
            minutes(self.allowed())
        )
    }
}

impl Evident for Waited {
    fn put(&self, name: &str, evidence: &mut Evidence) {
        self.since.put(&format!("{name}.since"), evidence);
        self.until.put(&format!("{name}.until"), evidence);
        Nanoseconds(self.lived).put(&format!("{name}.lived"), evidence);
        Nanoseconds(self.allowed()).put(&format!("{name}.allowed"), evidence);
        self.outages.put(&format!("{name}.outages"), evidence);
    }
}

/// A duration in minutes and seconds.
fn minutes(nanoseconds: u64) -> String {
    let seconds = nanoseconds / SECOND;
    format!("{} min {} s", seconds / 60, seconds % 60)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Something that waited for so many minutes, with nothing in its way.
    pub fn waited(minutes: u64) -> Waited {
        Waited {
            since: SimTime(10 * SECOND),
            until: SimTime(10 * SECOND).after(minutes * 60 * SECOND),
            lived: minutes * 60 * SECOND,
            outages: 0,
            planned: 0,
            work: 0,
            bounds: Bounds::of(&Model::default()),
        }
    }

    #[test]
    fn bounds_follow_the_times_of_the_components() {
        let mut model = Model::default();
        let before = Bounds::of(&model);
        assert_eq!(
            (before.grace, before.after_outage),
            (model.oracle.grace, model.oracle.after_outage)
        );
        model.session.silence = 3_600 * SECOND;
        model.process_server.retry_after = 600 * SECOND;
        let after = Bounds::of(&model);
        assert!(after.after_outage > 3_600 * SECOND && after.grace > 1_800 * SECOND);
    }

    #[test]
    fn an_outage_allows_the_work_once_more() {
        let work = 4 * 60 * SECOND;
        let calm = Waited { work, ..waited(9) };
        assert!(!calm.is_overdue());
        assert!(Waited { work, ..waited(10) }.is_overdue());
        let hit = Waited { outages: 1, ..calm };
        let bounds = hit.bounds;
        assert_eq!(hit.allowed(), bounds.grace + bounds.after_outage + 2 * work);
        assert!(hit.to_string().contains("one outage"), "{hit}");
    }

    #[test]
    fn a_bound_past_all_time_is_no_panic() {
        let endless = Waited {
            work: u64::MAX,
            outages: 3,
            ..waited(600)
        };
        assert!(!endless.is_overdue());
    }
}
