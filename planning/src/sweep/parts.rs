//! Parts of a sweep: its points shared out among machines, and put together again.
//!
//! Part K of N has every Nth point, so that parts take about as long as each other. Which sweep a part is of is told by a digest of all that goes
//! into it: whoever puts parts together wants each of them once, all of his own sweep, and makes one point in a hundred once more.

use serde::{Deserialize, Serialize};

use super::{Axis, Point, Sweep, points};
use crate::estate::{Estate, csv};
use crate::options::Options;
use crate::profile::Profile;
use crate::recommend::PlanError;

/// One point in so many is made once more.
const AGAIN: usize = 100;

/// A part of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The version of firedrill that made it.
    pub version: String,
    /// Of what it is a part.
    pub digest: String,
    /// Which part, from 1.
    pub part: u64,
    /// Of how many.
    pub of: u64,
    /// Its points by their places in the whole.
    pub points: Vec<(usize, Point)>,
}

/// Why parts make no whole.
#[derive(Debug, thiserror::Error)]
pub enum PartsError {
    /// The sweep itself cannot be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A part is of something else.
    #[error(
        "{name} is a part of another sweep: its estate, counters, options, --what-if or version are not those given here"
    )]
    Foreign {
        /// The part.
        name: String,
    },
    /// Parts do not share one sweep out.
    #[error("{name} is part {part} of {of}, and other parts are of {others}")]
    Count {
        /// The part.
        name: String,
        /// Which it is.
        part: u64,
        /// Of how many.
        of: u64,
        /// Of how many the first is.
        others: u64,
    },
    /// A part is there twice.
    #[error("{name} is part {part} once more")]
    Twice {
        /// The part.
        name: String,
        /// Which it is.
        part: u64,
    },
    /// Parts are not there.
    #[error("parts are missing: {missing} of {of}")]
    Missing {
        /// Which.
        missing: String,
        /// Of how many.
        of: u64,
    },
    /// A part has not the points that it should have.
    #[error("{name} has not the points of part {part} of {of}")]
    Points {
        /// The part.
        name: String,
        /// Which it is.
        part: u64,
        /// Of how many.
        of: u64,
    },
    /// A point comes to something else here.
    #[error("point {place} comes to something else here than in its part")]
    Differs {
        /// Its place in the whole, from 1.
        place: usize,
    },
}

/// What a sweep is of.
fn digest(estate: &Estate, profile: Option<&Profile>, options: &Options, axes: &[Axis]) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut put = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    put(csv::write(estate).as_bytes());
    put(format!("{options:?} {axes:?}").as_bytes());
    if let Some(profile) = profile {
        put(format!("{} {} {}", profile.start_seconds, profile.step_seconds, profile.steps).as_bytes());
        for series in profile.vms.iter().flatten() {
            for values in [&series.written, &series.write_iops, &series.read_iops] {
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                put(&bytes);
            }
        }
    }
    hasher.finalize().to_hex().to_string()
}

fn of_part(place: usize, part: u64, of: u64) -> bool {
    place as u64 % of.max(1) + 1 == part
}

/// Makes a part of a sweep.
///
/// # Errors
/// As [`super::sweep`].
pub fn part(
    estate: &Estate,
    profile: Option<&Profile>,
    options: &Options,
    axes: &[Axis],
    (part, of): (u64, u64),
) -> Result<Part, PlanError> {
    Ok(Part {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        digest: digest(estate, profile, options, axes),
        part,
        of,
        points: points(estate, profile, options, axes, &|place| of_part(place, part, of))?,
    })
}

/// Puts parts together, each with its name for what is wrong with it.
///
/// # Errors
/// [`PartsError`] where they are not all parts of this sweep, each once, or come to something else.
pub fn whole(
    estate: &Estate,
    profile: Option<&Profile>,
    options: &Options,
    axes: &[Axis],
    parts: Vec<(String, Part)>,
) -> Result<Sweep, PartsError> {
    let own = digest(estate, profile, options, axes);
    let of = parts.first().map_or(1, |(_, first)| first.of);
    let count = axes.iter().map(|axis| axis.values.len()).product::<usize>();
    let mut missing: std::collections::BTreeSet<u64> = (1..=of).collect();
    let mut all: Vec<Option<Point>> = vec![None; count];
    for (name, part) in parts {
        if part.digest != own || part.version != env!("CARGO_PKG_VERSION") {
            return Err(PartsError::Foreign { name });
        }
        if part.of != of {
            return Err(PartsError::Count {
                name,
                part: part.part,
                of: part.of,
                others: of,
            });
        }
        if !missing.remove(&part.part) {
            return Err(PartsError::Twice { name, part: part.part });
        }
        let wanted = (0..count).filter(|place| of_part(*place, part.part, of));
        if !part.points.iter().map(|(place, _)| *place).eq(wanted) {
            return Err(PartsError::Points {
                name,
                part: part.part,
                of,
            });
        }
        for (place, point) in part.points {
            all[place] = Some(point);
        }
    }
    if !missing.is_empty() {
        let missing: Vec<String> = missing.iter().map(u64::to_string).collect();
        let missing = missing.join(", ");
        return Err(PartsError::Missing { missing, of });
    }
    for (place, again) in points(estate, profile, options, axes, &|place| place % AGAIN == 0)? {
        if all[place].as_ref() != Some(&again) {
            return Err(PartsError::Differs { place: place + 1 });
        }
    }
    Ok(Sweep {
        axes: axes.to_vec(),
        points: all.into_iter().flatten().collect(),
    })
}
