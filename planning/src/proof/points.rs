//! The RPO that recovery points give over time: the age of the mark of the newest that can be used.

/// A recovery point, in milliseconds from the profile's begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    /// When it was marked.
    pub marked: u64,
    /// When it could be used.
    pub usable: u64,
}

/// The age of the newest usable mark, over time.
#[derive(Debug)]
pub(super) struct Sawtooth {
    /// Stretches in which the age rises with time: when each begins, the age then and at its end.
    teeth: Vec<(u64, u64, u64)>,
}

impl Sawtooth {
    /// From the profile's begin until `end`. Before the first point that can be used nothing is known, and nothing counts.
    pub(super) fn new(mut points: Vec<Point>, end: u64) -> Self {
        points.sort_by_key(|point| (point.usable, point.marked));
        let mut teeth = Vec::with_capacity(points.len());
        let mut newest: Option<Point> = None;
        let mut since = 0;
        for point in points.into_iter().filter(|point| point.usable <= end) {
            if let Some(before) = newest {
                if point.marked <= before.marked {
                    continue;
                }
                if point.usable > since {
                    teeth.push((since, since - before.marked, point.usable - before.marked));
                }
            }
            since = point.usable;
            newest = Some(point);
        }
        if let Some(last) = newest.filter(|_| end > since) {
            teeth.push((since, since - last.marked, end - last.marked));
        }
        Self { teeth }
    }

    /// The age that is not passed in so many thousandths of the time; none where no point could be used.
    pub(super) fn percentile(&self, per_mille: u32) -> Option<u64> {
        let most = self.teeth.iter().map(|(_, _, high)| *high).max()?;
        let upto = |age: u64| -> u64 {
            let part = |(_, low, high): &(u64, u64, u64)| age.clamp(*low, *high) - low;
            self.teeth.iter().map(part).sum()
        };
        let wanted = (u128::from(upto(most)) * u128::from(per_mille)).div_ceil(1_000);
        let (mut below, mut enough) = (0, most);
        while below < enough {
            let middle = below + (enough - below) / 2;
            match u128::from(upto(middle)) >= wanted {
                true => enough = middle,
                false => below = middle + 1,
            }
        }
        Some(enough)
    }

    /// How long after a moment the age is no more than `young` for the first time; none where it never is.
    pub(super) fn young_again(&self, moment: u64, young: u64) -> Option<u64> {
        self.teeth.iter().find_map(|(since, low, high)| {
            let ends = since + (high - low);
            let from = (*since).max(moment);
            (ends > moment && low + (from - since) <= young).then(|| from - moment)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(of: &[(u64, u64)]) -> Vec<Point> {
        of.iter()
            .map(|(marked, usable)| Point {
                marked: *marked,
                usable: *usable,
            })
            .collect()
    }

    #[test]
    fn the_age_rises_until_a_newer_point_can_be_used() {
        // One that comes late is usable after one that was marked later, and counts for nothing.
        let sawtooth = Sawtooth::new(
            points(&[(0, 10), (100, 400), (200, 310), (300, 410), (900, 9_000)]),
            510,
        );
        assert_eq!(sawtooth.teeth, [(10, 10, 310), (310, 110, 210), (410, 110, 210)]);
        assert_eq!(sawtooth.percentile(1_000), Some(310));
        // 500 ms: 100 of them up to 110, then three times as fast until 210.
        assert_eq!(sawtooth.percentile(500), Some(160));
        assert_eq!(sawtooth.percentile(800), Some(210));
        assert_eq!(Sawtooth::new(points(&[(0, 600)]), 510).percentile(500), None);
    }

    #[test]
    fn it_is_young_again_after_a_while() {
        let sawtooth = Sawtooth::new(
            points(&[(0, 10), (100, 110), (200, 900), (800, 910), (900, 930)]),
            1_000,
        );
        assert_eq!(sawtooth.young_again(700, 120), Some(210));
        assert_eq!(sawtooth.young_again(700, 800), Some(0));
        assert_eq!(sawtooth.young_again(950, 20), None);
        assert_eq!(sawtooth.young_again(50, 45), Some(60));
    }
}
