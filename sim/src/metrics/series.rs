//! A series of bounded length: when it is full, neighbours are joined and from then on each entry stands for twice as many samples.

use datapath::rows::make_room;

/// What can stand for two neighbours.
pub(crate) trait Thin: Copy {
    /// The entry that stands for `self` and the one after it.
    fn join(self, next: Self) -> Self;
}

/// A series of at most `cap` entries.
#[derive(Debug, Clone)]
pub(crate) struct Series<T> {
    entries: Vec<T>,
    cap: usize,
    /// Samples per entry.
    stride: u32,
    /// Samples in the last entry.
    filled: u32,
}

impl<T: Thin> Series<T> {
    /// An empty series of at most `cap` entries, at least 2.
    pub(crate) fn new(cap: usize) -> Series<T> {
        Series {
            entries: Vec::new(),
            cap: cap.max(2),
            stride: 1,
            filled: 0,
        }
    }

    /// Adds a sample.
    pub(crate) fn push(&mut self, sample: T) {
        match self.entries.last_mut() {
            Some(last) if self.filled < self.stride => {
                *last = last.join(sample);
                self.filled += 1;
                return;
            }
            _ => {}
        }
        if self.entries.len() == self.cap {
            self.halve();
            if self.filled < self.stride {
                return self.push(sample);
            }
        }
        make_room(&mut self.entries);
        self.entries.push(sample);
        self.filled = 1;
    }

    fn halve(&mut self) {
        let full = self.entries.len().is_multiple_of(2);
        self.entries = self
            .entries
            .chunks(2)
            .map(|pair| match pair {
                [first, second] => first.join(*second),
                _ => pair[0],
            })
            .collect();
        self.filled = if full { self.stride * 2 } else { self.stride };
        self.stride *= 2;
    }

    /// The last entry, while it stands for one sample only.
    pub(crate) fn last_mut(&mut self) -> Option<&mut T> {
        if self.stride == 1 {
            self.entries.last_mut()
        } else {
            None
        }
    }

    /// The entries.
    pub(crate) fn into_entries(self) -> Vec<T> {
        self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Sum(u64, u64);

    impl Thin for Sum {
        fn join(self, next: Sum) -> Sum {
            Sum(self.0 + next.0, self.1.max(next.1))
        }
    }

    #[test]
    fn a_series_stays_within_its_bound_and_forgets_no_sample() {
        for cap in [2, 3, 7, 64] {
            let mut series = Series::new(cap);
            for value in 1..=1000u64 {
                series.push(Sum(value, value));
                assert!(series.entries.len() <= cap);
            }
            let entries = series.into_entries();
            assert_eq!(entries.iter().map(|entry| entry.0).sum::<u64>(), 500_500);
            assert!(
                entries.is_sorted_by_key(|entry| entry.1),
                "order is kept at a bound of {cap}"
            );
        }
    }
}
