//! How a process server is. It looks at itself every five minutes and says where its cache, its processors or its uploads are past a level
//! (facts §1.6: the table of 2019; none is documented for 2017, so both eras have it).
//!
//! A cache or processors are told of once they have been past a level for a quarter of an hour. Uploads are told of at once: what is whole
//! in the cache, over the rate at which it left it since the look before. That says something only where it never ran dry meanwhile, so what
//! has come since the look before is no backlog yet. The worst of the three is its health, which the service hears of where it changes: a
//! process server in critical condition is not chosen for a new protection. Its memory is not modelled; a heartbeat that stops is the
//! configuration server's to tell.

use datapath::SimTime;
use datapath::plants::{Plant, planted};

use super::{LOOK, ProcessServer};
use crate::facts::{Fact, Severity};
use crate::messages::management::Notice;
use crate::ports::Token;

const MILLION: u128 = 1_000_000;

fn level(critical: bool, warning: bool) -> Option<Severity> {
    match (critical, warning) {
        (true, _) => Some(Severity::Critical),
        (false, true) => Some(Severity::Warning),
        (false, false) => None,
    }
}

/// Since when something has been past its levels.
#[derive(Debug, Default)]
struct Past {
    warning: Option<SimTime>,
    critical: Option<SimTime>,
    told: Option<Severity>,
}

impl Past {
    /// Takes in what a look found. Gives back the level where it is worse than the one before.
    fn look(&mut self, found: Option<Severity>, now: SimTime, told_after: u64) -> Option<Severity> {
        let lasts = |since: &mut Option<SimTime>, is_past: bool| {
            *since = is_past.then(|| since.unwrap_or(now));
            since.is_some_and(|since| now.since(since) >= told_after)
        };
        let warning = lasts(&mut self.warning, found.is_some());
        let critical = lasts(&mut self.critical, found == Some(Severity::Critical));
        let level = level(critical, warning);
        let before = std::mem::replace(&mut self.told, level);
        level.filter(|_| level > before)
    }
}

/// What it knows of its own health.
#[derive(Debug, Default)]
pub(super) struct Health {
    cache: Past,
    processors: Past,
    uploads: Past,
    /// The look before: when, how long the cores had been at work, what was whole in the cache, and what had left it.
    before: Option<(SimTime, u64, u64, u64)>,
    /// Whole batches and pieces that have left the cache since it started, in bytes.
    pub(super) stored_bytes: u64,
    /// What the service was told.
    told: Option<Option<Severity>>,
}

impl ProcessServer {
    pub(super) fn look_later(&self) {
        let every = self.env.model.process_server.look_every;
        self.env.timer(every, Token { what: LOOK, key: 0 });
    }

    /// What is whole in the cache and waits to be stored, in bytes.
    fn whole_bytes(&self) -> u64 {
        let whole = |stream: &super::stream::Stream| {
            let batches: u64 = stream.batches.values().map(|batch| batch.bytes).sum();
            let pieces = stream.copies.values().flat_map(|copy| copy.pieces.values());
            batches + pieces.map(|piece| piece.bytes).sum::<u64>()
        };
        self.streams.values().map(whole).sum()
    }

    /// It looks at itself.
    pub(super) fn on_look(&mut self) {
        self.look_later();
        let now = self.env.monotonic();
        let (worked, cores) = self.env.worked();
        let (whole, stored) = (self.whole_bytes(), self.health.stored_bytes);
        let before = self.health.before.replace((now, worked, whole, stored));
        let (used, capacity) = self.env.files().usage();
        let cache_free = millionths(capacity.saturating_sub(used), capacity);
        let (processors, uploads_in) = match before {
            None => (0, Some(0)),
            Some((then, worked_then, whole_then, stored_then)) => {
                let (passed, stored) = (now.since(then), stored - stored_then);
                let at_work = millionths(
                    worked.saturating_sub(worked_then),
                    passed.saturating_mul(u64::from(cores)),
                );
                let never_dry = whole_then > stored && whole > 0;
                let uploads_in = match (never_dry, stored) {
                    (false, _) => Some(0),
                    (true, 0) => None,
                    (true, stored) => u64::try_from(u128::from(whole) * u128::from(passed) / u128::from(stored)).ok(),
                };
                (at_work, uploads_in)
            }
        };

        let model = &self.env.model.process_server;
        let of_cache = level(
            u64::from(cache_free) < model.cache_critical,
            u64::from(cache_free) < model.cache_warning,
        );
        let of_processors = level(
            u64::from(processors) > model.processor_critical,
            u64::from(processors) > model.processor_warning,
        );
        let longer = |than: u64| uploads_in.is_none_or(|time| time > than);
        let of_uploads = level(longer(model.upload_critical), longer(model.upload_warning));

        let after = model.told_after;
        let percent = |share: u32| share / 10_000;
        let minutes = after / 60_000_000_000;
        let worse = [
            self.health
                .cache
                .look(of_cache.filter(|_| !planted(Plant::CacheLevelUntold)), now, after)
                .map(|level| {
                    let free = percent(cache_free);
                    (level, format!("{free} % of the cache of the process server is free, and it has been short for {minutes} min"))
                }),
            self.health.processors.look(of_processors, now, after).map(|level| {
                let busy = percent(processors);
                (level, format!("{busy} % of the process server's processors are at work, and they have been busy for {minutes} min"))
            }),
            self.health.uploads.look(of_uploads, now, 0).map(|level| {
                let text = match uploads_in {
                    Some(time) => format!("what waits in the process server's cache takes {} min to upload", time / 60_000_000_000),
                    None => "nothing of what waits in the process server's cache is uploaded".to_owned(),
                };
                (level, text)
            }),
        ];
        for (severity, text) in worse.into_iter().flatten() {
            // It is about all its machines.
            self.env.fact(Fact::Alert {
                vm: None,
                severity,
                code: String::new(),
                text,
            });
        }
        let level = self
            .health
            .cache
            .told
            .max(self.health.processors.told)
            .max(self.health.uploads.told);
        self.env.fact(Fact::ProcessServerHealth {
            machine: self.env.machine,
            cache_free,
            processors,
            uploads_in,
            level,
            throttled: self.is_throttled(),
        });
        if self.health.told != Some(level) {
            self.health.told = Some(level);
            let machine = self.env.machine;
            self.cs
                .notify(&self.env, Notice::ProcessServerHealth { machine, level });
        }
    }
}

/// A part of a whole, in millionths, rounded down; all of it where the whole is nothing.
fn millionths(part: u64, of: u64) -> u32 {
    let share = (u128::from(part) * MILLION).checked_div(u128::from(of));
    u32::try_from(share.unwrap_or(MILLION).min(MILLION)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000_000_000;

    #[test]
    fn a_level_is_told_once_it_has_lasted_and_again_only_where_it_is_worse() {
        let mut past = Past::default();
        let mut look = |minute: u64, found| past.look(found, SimTime(minute * MINUTE), 15 * MINUTE);
        let (warning, critical) = (Some(Severity::Warning), Some(Severity::Critical));
        assert_eq!(look(0, warning), None);
        assert_eq!(look(5, warning), None);
        assert_eq!(look(10, critical), None);
        assert_eq!(look(15, critical), warning);
        assert_eq!(look(20, critical), None);
        assert_eq!(look(25, critical), critical);
        assert_eq!(look(30, critical), None);
        assert_eq!(look(35, warning), None, "it got better");
        assert_eq!(look(40, None), None);
        assert_eq!(look(45, warning), None);
        assert_eq!(look(60, warning), warning);
    }

    #[test]
    fn shares_are_whole_millionths() {
        assert_eq!(millionths(1, 3), 333_333);
        assert_eq!(millionths(5, 0), 1_000_000);
        assert_eq!(millionths(7, 5), 1_000_000);
    }
}
