//! Which seeds a sweep runs, and in which order: those that are kept, then the others of a range; of a part, every so many of them. None is
//! written down before it is run, so a range may be as long as it likes.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// The seeds of a part of a sweep, each by its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedList {
    /// Those that come first, each once.
    kept: Vec<u64>,
    /// Those of them that the range holds, in their order.
    within: Vec<u64>,
    first: u64,
    last: u64,
    part: u64,
    of: u64,
}

impl SeedList {
    /// Of the seeds that are kept and then the others of a range, both ends included, of every `of` the one at `part`, counted from 0.
    #[must_use]
    pub fn new(kept: &[u64], range: &RangeInclusive<u64>, (part, of): (u64, u64)) -> SeedList {
        let mut known = BTreeSet::new();
        let kept: Vec<u64> = kept.iter().copied().filter(|seed| known.insert(*seed)).collect();
        SeedList {
            kept,
            within: known.into_iter().filter(|seed| range.contains(seed)).collect(),
            first: *range.start(),
            last: *range.end(),
            part,
            of: of.max(1),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        let range = if self.first <= self.last {
            u128::from(self.last - self.first) + 1
        } else {
            0
        };
        let all = self.kept.len() as u128 + range - self.within.len() as u128;
        let own = all.saturating_sub(u128::from(self.part)).div_ceil(u128::from(self.of));
        u64::try_from(own).unwrap_or(u64::MAX)
    }

    /// The seed at a place, counted from 0.
    #[must_use]
    pub fn get(&self, place: u64) -> Option<u64> {
        let all = place.checked_mul(self.of)?.checked_add(self.part)?;
        let kept = self.kept.len() as u64;
        if all < kept {
            return self.kept.get(usize::try_from(all).ok()?).copied();
        }
        let mut seed = self.first.checked_add(all - kept)?;
        for before in &self.within {
            if *before <= seed {
                seed = seed.checked_add(1)?;
            }
        }
        (seed <= self.last).then_some(seed)
    }

    /// The place of a seed, where it is one of them.
    #[must_use]
    pub fn place(&self, seed: u64) -> Option<u64> {
        let all = match self.kept.iter().position(|kept| *kept == seed) {
            Some(place) => place as u64,
            None if (self.first..=self.last).contains(&seed) => {
                let before = self.within.partition_point(|kept| *kept < seed) as u64;
                (self.kept.len() as u64).checked_add(seed - self.first - before)?
            }
            None => return None,
        };
        (all % self.of == self.part).then_some(all / self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(list: &SeedList) -> Vec<u64> {
        (0..).map_while(|place| list.get(place)).collect()
    }

    #[test]
    fn kept_seeds_come_first_and_parts_share_all_of_them() {
        let whole = SeedList::new(&[9, 12, 4, 9, 3], &(3..=10), (0, 1));
        assert_eq!(all(&whole), [9, 12, 4, 3, 5, 6, 7, 8, 10]);
        let mut shared = Vec::new();
        for part in 0..4 {
            let own = SeedList::new(&[9, 12, 4, 3], &(3..=10), (part, 4));
            assert_eq!(all(&own).len() as u64, own.count());
            shared.extend(all(&own));
        }
        shared.sort_unstable();
        assert_eq!(shared, [3, 4, 5, 6, 7, 8, 9, 10, 12]);
        for list in [&whole, &SeedList::new(&[9, 12, 4], &(3..=10), (2, 3))] {
            for (place, seed) in (0..).zip(all(list)) {
                assert_eq!(list.place(seed), Some(place), "{seed}");
            }
        }
        assert_eq!((whole.place(11), whole.place(2)), (None, None));
    }

    #[test]
    fn the_longest_range_takes_no_room() {
        let longest = SeedList::new(&[7], &(0..=u64::MAX), (0, 1));
        assert_eq!(longest.count(), u64::MAX);
        assert_eq!(
            (longest.get(0), longest.get(1), longest.get(8)),
            (Some(7), Some(0), Some(8))
        );
        assert_eq!(longest.get(u64::MAX), Some(u64::MAX));
        let part = SeedList::new(&[], &(1..=u64::MAX), (63, 64));
        assert_eq!(part.get(part.count()), None);
        assert_eq!(part.get(part.count() - 1), Some(u64::MAX - 63));
    }
}
