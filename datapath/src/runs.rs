//! A map from ranges of extents to values: what was put last wins, and splits what it covers in part.

use std::collections::BTreeMap;

/// A value that can stand for part of the range it was put for.
pub trait Part: Clone {
    /// The value for `extents` extents from the `offset`-th on.
    #[must_use]
    fn part(&self, offset: u64, extents: u64) -> Self;
}

impl Part for u64 {
    fn part(&self, _offset: u64, _extents: u64) -> u64 {
        *self
    }
}

impl Part for crate::content::Content {
    fn part(&self, offset: u64, extents: u64) -> Self {
        match self {
            crate::content::Content::Bytes(bytes) => {
                let at = (offset * crate::EXTENT_BYTES) as usize;
                let len = (extents * crate::EXTENT_BYTES) as usize;
                crate::content::Content::Bytes(bytes.slice(at..at + len))
            }
            other => other.clone(),
        }
    }
}

/// The map. Ranges do not overlap; neighbours are not merged.
#[derive(Debug, Clone)]
pub struct RunMap<V> {
    runs: BTreeMap<u64, (u64, V)>,
}

impl<V> Default for RunMap<V> {
    fn default() -> Self {
        RunMap { runs: BTreeMap::new() }
    }
}

impl<V: Part> RunMap<V> {
    /// Puts a value over `[start, end)`.
    pub fn insert(&mut self, start: u64, end: u64, value: V) {
        debug_assert!(start < end);
        self.cut(start, end);
        self.runs.insert(start, (end, value));
    }

    /// Takes `[start, end)` out.
    pub fn cut(&mut self, start: u64, end: u64) {
        if let Some((&from, (to, _))) = self.runs.range(..start).next_back()
            && *to > start
        {
            let (to, value) = self.runs.remove(&from).expect("just found");
            if to > end {
                self.runs.insert(end, (to, value.part(end - from, to - end)));
            }
            self.runs.insert(from, (start, value.part(0, start - from)));
        }
        while let Some((&from, (to, _))) = self.runs.range(start..end).next() {
            let to = *to;
            let (_, value) = self.runs.remove(&from).expect("just found");
            if to > end {
                self.runs.insert(end, (to, value.part(end - from, to - end)));
            }
        }
    }

    /// What meets `[start, end)`, cut to it, in order: `(start, end, value)`.
    pub fn within(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, u64, V)> + '_ {
        let first = self.runs.range(..start).next_back().filter(|(_, (to, _))| *to > start);
        first
            .into_iter()
            .chain(self.runs.range(start..end))
            .map(move |(&from, (to, value))| {
                let (a, b) = (from.max(start), (*to).min(end));
                (
                    a,
                    b,
                    if a == from && b == *to {
                        value.clone()
                    } else {
                        value.part(a - from, b - a)
                    },
                )
            })
    }

    /// The first range that ends after `from`: `(start, end)`, not cut.
    #[must_use]
    pub fn next_after(&self, from: u64) -> Option<(u64, u64)> {
        let before = self.runs.range(..from).next_back().filter(|(_, (to, _))| *to > from);
        before
            .or_else(|| self.runs.range(from..).next())
            .map(|(&start, (end, _))| (start, *end))
    }

    /// All ranges in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64, &V)> {
        self.runs.iter().map(|(&start, (end, value))| (start, *end, value))
    }

    /// All ranges in order, taken out.
    pub fn into_runs(self) -> impl Iterator<Item = (u64, u64, V)> {
        self.runs.into_iter().map(|(start, (end, value))| (start, end, value))
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_put_last_wins(steps in prop::collection::vec((0u64..60, 1u64..20, any::<bool>()), 0..60)) {
            let mut map = RunMap::<u64>::default();
            let mut model = [None; 80];
            for (n, (start, len, put)) in steps.into_iter().enumerate() {
                let end = start + len;
                let value = put.then_some(n as u64);
                model[start as usize..end as usize].fill(value);
                match value {
                    Some(value) => map.insert(start, end, value),
                    None => map.cut(start, end),
                }
            }
            let mut found = [None; 80];
            for (start, end, value) in map.within(0, 80) {
                found[start as usize..end as usize].fill(Some(value));
            }
            prop_assert_eq!(found, model);
            for at in 0..80u64 {
                let expected = (at..80).find(|i| model[*i as usize].is_some());
                prop_assert_eq!(map.next_after(at).map(|(s, _)| s.max(at)), expected);
            }
        }
    }
}
