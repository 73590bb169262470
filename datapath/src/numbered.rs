//! What bears numbers that grow: recovery points, batches.
//!
//! A fleet keeps a million of them. They come one behind the other and go from the front, which leaves the nodes of a tree half empty; a
//! row of them takes what they are, and the next lies beside the last.

use std::collections::VecDeque;
use std::ops::{Bound, RangeBounds};

/// How many places a row needs for one more, where it has `len` values and room for `capacity`: a quarter of what it is at a time, for
/// of a row that doubles half can be empty.
#[must_use]
pub fn room(len: usize, capacity: usize) -> usize {
    match len == capacity {
        true => (len / 4).max(4),
        false => 0,
    }
}

/// Values by number, in order. Putting one behind all others and taking the first are cheap; putting one between others moves those behind it.
#[derive(Debug, Clone)]
pub struct Numbered<T> {
    row: VecDeque<(u64, T)>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Numbered<T> {
        Numbered { row: VecDeque::new() }
    }
}

impl<T> Numbered<T> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.row.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.row.is_empty()
    }

    /// Where a number is, or would be.
    fn place(&self, number: u64) -> Result<usize, usize> {
        let (Some((first, _)), Some((last, _))) = (self.row.front(), self.row.back()) else {
            return Err(0);
        };
        if *first > number {
            return Err(0);
        }
        if *last < number {
            return Err(self.row.len());
        }
        // Where none is missing from one end up to it, it is where its number says: a search would look at a row's far corners.
        let end = self.row.len() - 1;
        let from_first = usize::try_from(number - first).unwrap_or(usize::MAX).min(end);
        let from_last = end.saturating_sub(usize::try_from(last - number).unwrap_or(usize::MAX));
        for place in [from_last, from_first] {
            if self.row[place].0 == number {
                return Ok(place);
            }
        }
        self.row.binary_search_by_key(&number, |(known, _)| *known)
    }

    /// How many come before a number.
    fn before(&self, number: u64) -> usize {
        self.place(number).unwrap_or_else(|place| place)
    }

    /// How many come up to a number.
    fn through(&self, number: u64) -> usize {
        self.place(number).map_or_else(|place| place, |place| place + 1)
    }

    /// What bears a number.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&T> {
        self.place(number).ok().map(|place| &self.row[place].1)
    }

    /// What bears a number, to be changed.
    #[must_use]
    pub fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let place = self.place(number).ok()?;
        Some(&mut self.row[place].1)
    }

    /// Gives a value a number; returns what bore it before.
    pub fn insert(&mut self, number: u64, value: T) -> Option<T> {
        match self.place(number) {
            Ok(place) => Some(std::mem::replace(&mut self.row[place].1, value)),
            Err(place) => {
                self.row.reserve_exact(room(self.row.len(), self.row.capacity()));
                self.row.insert(place, (number, value));
                None
            }
        }
    }

    /// Takes out what bears a number.
    pub fn remove(&mut self, number: u64) -> Option<T> {
        let place = self.place(number).ok()?;
        self.row.remove(place).map(|(_, value)| value)
    }

    /// Those whose numbers lie in a range, in order; none where it ends before it begins.
    #[must_use]
    pub fn range(&self, range: impl RangeBounds<u64>) -> Range<'_, T> {
        let from = match range.start_bound() {
            Bound::Unbounded => 0,
            Bound::Included(number) => self.before(*number),
            Bound::Excluded(number) => self.through(*number),
        };
        let to = match range.end_bound() {
            Bound::Included(number) => self.through(*number),
            Bound::Excluded(number) => self.before(*number),
            Bound::Unbounded => self.row.len(),
        };
        Range(self.row.range(from..to.max(from)))
    }

    /// All values, in order of their numbers.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.row.iter().map(|(_, value)| value)
    }

    /// Those up to a number go.
    pub fn remove_through(&mut self, number: u64) {
        self.row.drain(..self.through(number));
    }
}

impl<T> FromIterator<(u64, T)> for Numbered<T> {
    fn from_iter<I: IntoIterator<Item = (u64, T)>>(values: I) -> Numbered<T> {
        let mut all = Numbered::default();
        for (number, value) in values {
            all.insert(number, value);
        }
        all
    }
}

/// Values whose numbers lie in a range.
#[derive(Debug, Clone)]
pub struct Range<'a, T>(std::collections::vec_deque::Iter<'a, (u64, T)>);

impl<'a, T> Iterator for Range<'a, T> {
    type Item = (u64, &'a T);

    fn next(&mut self) -> Option<(u64, &'a T)> {
        self.0.next().map(|(number, value)| (*number, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<'a, T> DoubleEndedIterator for Range<'a, T> {
    fn next_back(&mut self) -> Option<(u64, &'a T)> {
        self.0.next_back().map(|(number, value)| (*number, value))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Act {
        Behind(u8),
        Insert(u64, u8),
        Remove(u64),
        Through(u64),
    }

    fn acts() -> impl Strategy<Value = Act> {
        prop_oneof![
            4 => any::<u8>().prop_map(Act::Behind),
            2 => (0u64..60, any::<u8>()).prop_map(|(number, value)| Act::Insert(number, value)),
            1 => (0u64..60).prop_map(Act::Remove),
            1 => (0u64..20).prop_map(Act::Through),
        ]
    }

    proptest! {
        #[test]
        fn it_holds_what_a_tree_holds(acts in prop::collection::vec(acts(), 0..80), from in 0u64..60, to in 0u64..60) {
            let (mut row, mut tree) = (Numbered::default(), BTreeMap::new());
            for act in acts {
                match act {
                    Act::Behind(value) => {
                        let number = tree.last_key_value().map_or(0, |(last, _)| last + 1);
                        prop_assert_eq!(row.insert(number, value), tree.insert(number, value));
                    }
                    Act::Insert(number, value) => prop_assert_eq!(row.insert(number, value), tree.insert(number, value)),
                    Act::Remove(number) => prop_assert_eq!(row.remove(number), tree.remove(&number)),
                    Act::Through(number) => {
                        row.remove_through(number);
                        tree.retain(|known, _| *known > number);
                    }
                }
                prop_assert_eq!(row.len(), tree.len());
                prop_assert_eq!(row.is_empty(), tree.is_empty());
            }
            prop_assert_eq!(row.get(from), tree.get(&from));
            prop_assert_eq!(row.get_mut(from), tree.get_mut(&from));
            prop_assert!(row.values().eq(tree.values()));
            let all = |range: Range<'_, u8>| range.map(|(number, value)| (number, *value)).collect::<Vec<_>>();
            let of_tree = |range: std::collections::btree_map::Range<'_, u64, u8>| {
                range.map(|(number, value)| (*number, *value)).collect::<Vec<_>>()
            };
            prop_assert_eq!(all(row.range(from..)), of_tree(tree.range(from..)));
            prop_assert_eq!(all(row.range(..=to)), of_tree(tree.range(..=to)));
            // A tree panics where a range ends before it begins.
            match from <= to {
                true => prop_assert_eq!(all(row.range(from..=to)), of_tree(tree.range(from..=to))),
                false => prop_assert_eq!(row.range(from..to).next(), None),
            }
            prop_assert!(row.range(from..).rev().map(|(number, _)| number).eq(tree.range(from..).rev().map(|(number, _)| *number)));
            prop_assert!(tree.clone().into_iter().collect::<Numbered<u8>>().values().eq(tree.values()));
        }
    }
}
