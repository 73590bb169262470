//! Sets of extents as ranges.

/// Sorted, disjoint ranges from the first extent to the one after the last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// From ranges in any order that may overlap.
    #[must_use]
    pub fn from_unordered(mut ranges: Vec<(u64, u64)>) -> Ranges {
        ranges.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(ranges.len().min(1024));
        for (from, to) in ranges {
            match merged.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ if from < to => merged.push((from, to)),
                _ => {}
            }
        }
        Ranges(merged)
    }

    /// Both together.
    #[must_use]
    pub fn union(self, other: Ranges) -> Ranges {
        if self.0.is_empty() {
            return other;
        }
        if other.0.is_empty() {
            return self;
        }
        let mut all = self.0;
        all.extend(other.0);
        Ranges::from_unordered(all)
    }

    /// What is in this and not in the other.
    #[must_use]
    pub fn minus(&self, other: &Ranges) -> Ranges {
        let mut left = Vec::new();
        let mut at = 0;
        for &(mut from, to) in &self.0 {
            while at < other.0.len() && other.0[at].1 <= from {
                at += 1;
            }
            let mut next = at;
            while next < other.0.len() && other.0[next].0 < to {
                let (cut_from, cut_to) = other.0[next];
                if from < cut_from {
                    left.push((from, cut_from));
                }
                from = from.max(cut_to);
                next += 1;
            }
            if from < to {
                left.push((from, to));
            }
        }
        Ranges(left)
    }

    /// The ranges.
    #[must_use]
    pub fn as_slice(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// Extents in all of them.
    #[must_use]
    pub fn extents(&self) -> u64 {
        self.0.iter().map(|(from, to)| to - from).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn set(ranges: &[(u64, u64)]) -> BTreeSet<u64> {
        ranges.iter().flat_map(|(from, to)| *from..*to).collect()
    }

    #[test]
    fn ranges_are_sets() {
        // All pairs out of a handful of awkward sets.
        let sets: Vec<Vec<(u64, u64)>> = vec![
            vec![],
            vec![(0, 10)],
            vec![(3, 4), (6, 7), (7, 9)],
            vec![(8, 12), (2, 3), (2, 5)],
            vec![(0, 1), (4, 4), (5, 6), (11, 20)],
        ];
        for a in &sets {
            for b in &sets {
                let (left, right) = (Ranges::from_unordered(a.clone()), Ranges::from_unordered(b.clone()));
                assert_eq!(set(left.as_slice()), set(a));
                assert_eq!(left.extents(), set(a).len() as u64);
                let minus: BTreeSet<u64> = set(a).difference(&set(b)).copied().collect();
                assert_eq!(set(left.minus(&right).as_slice()), minus, "{a:?} minus {b:?}");
                let union: BTreeSet<u64> = set(a).union(&set(b)).copied().collect();
                assert_eq!(set(left.union(right).as_slice()), union, "{a:?} and {b:?}");
            }
        }
    }
}
