//! Outages where they cost most, and links as they are in a window.

use crate::queue::Arrivals;
use crate::recommend::Work;
use crate::service::{HourLimit, Outage, Service, WEEK_HOURS, week_second};
use crate::throttle::week;

const WEEK_SECONDS: u64 = 604_800;

/// The stretch of so many seconds in which most of these bytes, a value a step, arrives: from which step on. None where there is no room for
/// it, or it has no length.
fn busiest_step(bytes: &[u64], step_seconds: u64, seconds: u64) -> Option<usize> {
    let long = usize::try_from(seconds.div_ceil(step_seconds)).unwrap_or(usize::MAX);
    let first = bytes.get(..long).filter(|_| long > 0)?;
    let mut sum: u128 = first.iter().map(|bytes| u128::from(*bytes)).sum();
    let (mut most, mut at) = (sum, 0);
    for (from, (gone, come)) in bytes.iter().zip(&bytes[long..]).enumerate() {
        sum = sum + u128::from(*come) - u128::from(*gone);
        if sum > most {
            (most, at) = (sum, from + 1);
        }
    }
    Some(at)
}

/// An outage of so many seconds where it costs most in the whole window; none where that has no room for it.
pub(crate) fn busiest(arrivals: &Arrivals, seconds: u64) -> Option<Outage> {
    let step = u64::from(arrivals.step_seconds.max(1));
    let from = busiest_step(&arrivals.bytes, step, seconds)? as u64 * step;
    Some(Outage {
        link: None,
        from,
        to: from + seconds,
    })
}

/// An outage of so many seconds in each week, where it costs most: where most arrives while it lasts. A week without room for it has none.
/// Weeks are counted from the begin of the window.
#[must_use]
pub fn weekly_outages(arrivals: &Arrivals, seconds: u64) -> Vec<Outage> {
    let step = u64::from(arrivals.step_seconds.max(1));
    let week = usize::try_from(WEEK_SECONDS.div_ceil(step))
        .unwrap_or(usize::MAX)
        .max(1);
    let weeks = arrivals.bytes.chunks(week).enumerate();
    let outage = |(number, bytes): (usize, &[u64])| {
        let from = (number * week + busiest_step(bytes, step, seconds)?) as u64 * step;
        Some(Outage {
            link: None,
            from,
            to: from + seconds,
        })
    };
    weeks.filter_map(outage).collect()
}

/// Links as they are in a window: it begins at its second of the week, they are throttled by its hours with so many process servers and by what they
/// were measured to carry, and all
/// of them are cut for so many seconds in each week.
#[must_use]
pub(crate) fn in_window(
    work: &Work<'_>,
    mut service: Service,
    arrivals: &Arrivals,
    outage_seconds: u64,
    process_servers: u64,
) -> Service {
    let options = work.options;
    service.week_second = week_second(arrivals.start_seconds, options.utc_offset_minutes);
    service.hours = week(&options.throttles, process_servers);
    if let Some(bits) = options.upload_bits_per_second {
        service.hours.resize(WEEK_HOURS, HourLimit::OPEN);
        for hour in &mut service.hours {
            hour.bits_per_second = Some(hour.bits_per_second.map_or(bits, |most| most.min(bits)));
        }
    }
    service.outages.extend(weekly_outages(arrivals, outage_seconds));
    service
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_where_most_arrives_while_it_lasts() {
        let window = Arrivals {
            start_seconds: 0,
            step_seconds: 60,
            bytes: vec![3, 1, 4, 1, 5, 9, 2, 6],
        };
        let found = busiest(&window, 120).unwrap();
        assert_eq!((found.from, found.to), (4 * 60, 6 * 60));
        assert_eq!(busiest(&window, 9 * 60), None);
        assert_eq!(busiest(&window, 0), None);
    }
}
