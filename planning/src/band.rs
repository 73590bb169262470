//! How far a plan's answers move where the constants of our model are otherwise.
//!
//! Each uncertain constant that was not measured is set to the least and the most that it may be, one at a time, and then all of them
//! together: what is sent grows with each of them, so that these two are the ends of the band.

use serde::Serialize;

use crate::constants::{rows, set, value};
use crate::demand::Compression;
use crate::gates::Unit;
use crate::options::Options;
use crate::outages::in_window;
use crate::plan::Figure;
use crate::queue::run;
use crate::recommend::{PlanError, Work, figure};
use crate::search::{Goal, lasting_bandwidth_for};
use crate::service::Service;
use crate::sweep::kept;

/// What comes out where a constant is at one end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct End {
    /// The constant's value, in its unit; none where all are moved.
    pub value: Option<u64>,
    /// The RPO of all steps, in milliseconds; none where the queue never ends.
    pub rpo_ms: Option<u64>,
    /// The bandwidth that keeps the RPO wanted always; none where none does.
    pub needed_bits_per_second: Option<u64>,
}

/// An uncertain constant that is moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Uncertain {
    /// Its name.
    pub name: String,
    /// At its least.
    pub low: End,
    /// At its most.
    pub high: End,
}

/// The band.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Band {
    /// The RPO at its worst with all of them at their least, around the bandwidth given or needed; none where the queue never ends.
    pub rpo_least: Option<Figure>,
    /// The same with all at their most.
    pub rpo_most: Option<Figure>,
    /// The bandwidth for the RPO wanted with all of them at their least; none where none does.
    pub needed_least: Option<Figure>,
    /// The same with all at their most.
    pub needed_most: Option<Figure>,
    /// Each by itself.
    pub constants: Vec<Uncertain>,
}

/// The band of a plan; `needed` is the bandwidth that is served where none is given. None where nothing that matters is uncertain.
///
/// # Errors
/// [`PlanError`] where the options make no plan with a constant moved.
pub(crate) fn band(work: &Work<'_>, needed: u64) -> Result<Option<Band>, PlanError> {
    let options = work.options;
    let unmeasured = || {
        let mut disks = work.counted().flat_map(|(_, vm, _, _)| &vm.disks);
        disks.any(|disk| disk.compressed_per_mille.is_none())
    };
    let matters = |name: &str| match name {
        "compressed" => matches!(options.compression, Compression::Measured { .. }) && unmeasured(),
        // Of a recovery's time, which has a band of its own.
        "hydration" | "create-machine" | "boot" => false,
        _ => true,
    };
    let uncertain: Vec<(&str, u64, u64)> = rows()
        .iter()
        .filter(|row| !options.has_measured(&row.name) && matters(&row.name))
        .filter_map(|row| Some((row.name.as_str(), row.low?, row.high?)))
        .collect();
    // Where nothing is sent nothing moves.
    if uncertain.is_empty() || work.arrivals.bytes.iter().all(|bytes| *bytes == 0) {
        return Ok(None);
    }
    let service = options.service.clone().unwrap_or_else(|| Service::constant(needed));
    let end = |moved: &[(&str, u64)]| -> Result<End, PlanError> {
        let mut options: Options = options.clone();
        moved.iter().for_each(|(name, to)| set(&mut options, name, *to));
        let arrivals = &work.with(&options)?.arrivals;
        let servers = work.process_servers();
        let links = in_window(work, service.clone(), arrivals, options.weekly_outage_seconds, servers);
        let goal = Goal {
            rpo_ms: u64::from(options.rpo_seconds) * 1_000,
            steps_per_mille: 1_000,
        };
        Ok(End {
            value: match moved {
                [(_, to)] => Some(*to),
                _ => None,
            },
            rpo_ms: kept(&run(arrivals, &links), 1_000),
            needed_bits_per_second: lasting_bandwidth_for(arrivals, &Service::constant(0), goal),
        })
    };
    let mut constants = Vec::new();
    for (name, low, high) in &uncertain {
        // What is beyond the value in use already is not moved back over it.
        let used = value(options, name).unwrap_or(*low);
        constants.push(Uncertain {
            name: (*name).to_owned(),
            low: end(&[(name, used.min(*low))])?,
            high: end(&[(name, used.max(*high))])?,
        });
    }
    let all = |of: fn(&(&str, u64, u64)) -> u64| -> Vec<(&str, u64)> {
        uncertain.iter().map(|one| (one.0, of(one))).collect()
    };
    let (least, most) = (end(&all(|one| one.1))?, end(&all(|one| one.2))?);
    let rpo = |end: End| end.rpo_ms.map(|ms| figure(ms, Unit::Milliseconds, "band-rpo"));
    let bits = |end: End| {
        end.needed_bits_per_second
            .map(|bits| figure(bits, Unit::BitsPerSecond, "band-needed"))
    };
    Ok(Some(Band {
        rpo_least: rpo(least),
        rpo_most: rpo(most),
        needed_least: bits(least),
        needed_most: bits(most),
        constants,
    }))
}
