//! Values in the order of their numbers, in rows of a few each: recovery points and batches by number, nonces by the first of a range.
//!
//! A fleet keeps a million of them. Nearly all come behind all others and go from the front, which leaves the nodes of a tree half empty,
//! and one row that grows is copied again and again. What is behind all others opens a row of its own where the last one has its
//! kilobyte, so that hardly anything is moved, and what is asked for is nearly always in the last row or the first.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::{Bound, RangeBounds};

/// Makes room for one more in a long row, where there is none: for a quarter of what it has, for of a row that doubles half can be empty.
/// Half of it was measured to cost 2.4 % of a fleet's memory and to save hardly any time.
pub fn make_room<T>(row: &mut Vec<T>) {
    if row.len() == row.capacity() {
        row.reserve_exact((row.len() / 4).max(4));
    }
}

/// Values by number, in order. Putting one behind all others and taking the first are cheap.
#[derive(Debug, Clone)]
pub struct Numbered<T> {
    /// None of them is empty.
    rows: VecDeque<Vec<(u64, T)>>,
    len: usize,
}

impl<T> Default for Numbered<T> {
    fn default() -> Numbered<T> {
        Numbered {
            rows: VecDeque::new(),
            len: 0,
        }
    }
}

impl<T> Numbered<T> {
    /// Values of a full row.
    const FULL: usize = {
        let full = 1024 / (size_of::<(u64, T)>() + 1);
        if full < 4 { 4 } else { full }
    };

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&u64, &T)> {
        self.rows.iter().flatten().map(|(number, value)| (number, value))
    }

    /// All values, in the order of their numbers.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.rows.iter().flatten().map(|(_, value)| value)
    }

    /// In which row a number is, and where there: or would be.
    fn place(&self, number: u64) -> (usize, Result<usize, usize>) {
        let order = |(known, _): &(u64, T)| known.cmp(&number);
        let Some(last) = self.rows.back() else {
            return (0, Err(0));
        };
        // Nearly all are the last, or come behind it.
        match last.last().map(order) {
            Some(Ordering::Equal) => return (self.rows.len() - 1, Ok(last.len() - 1)),
            Some(Ordering::Greater) => {}
            Some(Ordering::Less) | None => return (self.rows.len() - 1, Err(last.len())),
        }
        let ends_before = |row: &Vec<(u64, T)>| row.last().is_none_or(|last| order(last) == Ordering::Less);
        let at = match () {
            () if last.first().is_some_and(|first| order(first) != Ordering::Greater) => self.rows.len() - 1,
            () if !ends_before(&self.rows[0]) => 0,
            () => self.rows.partition_point(ends_before),
        };
        (at, self.rows[at].binary_search_by(order))
    }

    /// What bears a number.
    #[must_use]
    pub fn get(&self, number: &u64) -> Option<&T> {
        let (row, place) = self.place(*number);
        place.ok().map(|place| &self.rows[row][place].1)
    }

    /// What bears a number, to be changed.
    #[must_use]
    pub fn get_mut(&mut self, number: &u64) -> Option<&mut T> {
        let (row, place) = self.place(*number);
        place.ok().map(|place| &mut self.rows[row][place].1)
    }

    /// Gives a value a number; returns what bore it before.
    pub fn insert(&mut self, number: u64, value: T) -> Option<T> {
        let (mut at, mut place) = match self.place(number) {
            (row, Ok(place)) => return Some(std::mem::replace(&mut self.rows[row][place].1, value)),
            (row, Err(place)) => (row, place),
        };
        self.len += 1;
        if self.rows.is_empty() {
            self.rows.push_back(Vec::new());
        } else if self.rows[at].len() >= Self::FULL {
            // Behind all others a new row begins; between others a row becomes two.
            let mut next = Vec::with_capacity(Self::FULL);
            if place < Self::FULL {
                next.extend(self.rows[at].drain(Self::FULL / 2..));
            }
            let kept = self.rows[at].len();
            self.rows.insert(at + 1, next);
            if place >= kept {
                (at, place) = (at + 1, place - kept);
            }
        }
        let row = &mut self.rows[at];
        if row.len() == row.capacity() {
            // The first one grows: of most machines it is the only one.
            row.reserve_exact(row.len().max(4).min(Self::FULL - row.len()));
        }
        row.insert(place, (number, value));
        None
    }

    /// Takes out what bears a number.
    pub fn remove(&mut self, number: &u64) -> Option<T> {
        let (row, place) = self.place(*number);
        let (_, value) = self.rows.get_mut(row)?.remove(place.ok()?);
        self.taken(row);
        Some(value)
    }

    /// Takes out the first.
    pub fn pop_first(&mut self) -> Option<(u64, T)> {
        let first = self.rows.front_mut()?.remove(0);
        self.taken(0);
        Some(first)
    }

    fn taken(&mut self, row: usize) {
        self.len -= 1;
        if self.rows[row].is_empty() {
            self.rows.remove(row);
        }
    }

    /// Those up to a number go.
    pub fn remove_through(&mut self, number: &u64) {
        let (row, place) = self.place(*number);
        let through = place.map_or_else(|place| place, |place| place + 1);
        let before: usize = self.rows.drain(..row).map(|row| row.len()).sum();
        self.len -= before;
        if let Some(first) = self.rows.front_mut() {
            first.drain(..through);
            self.len -= through;
        }
        if self.rows.front().is_some_and(Vec::is_empty) {
            self.rows.pop_front();
        }
    }

    /// Those whose numbers lie in a range, in order; none where it ends before it begins.
    #[must_use]
    pub fn range(&self, range: impl RangeBounds<u64>) -> Range<'_, T> {
        let begin = match range.start_bound() {
            Bound::Unbounded => (0, 0),
            Bound::Included(number) => self.position(*number, false),
            Bound::Excluded(number) => self.position(*number, true),
        };
        let end = match range.end_bound() {
            Bound::Included(number) => self.position(*number, true),
            Bound::Excluded(number) => self.position(*number, false),
            Bound::Unbounded => (self.rows.len(), 0),
        };
        Range {
            rows: &self.rows,
            begin,
            end: end.max(begin),
        }
    }

    /// Row and place of the first that does not come before a number, or of the first behind it.
    fn position(&self, number: u64, behind: bool) -> (usize, usize) {
        let (row, place) = self.place(number);
        let place = match place {
            Ok(place) if behind => place + 1,
            Ok(place) | Err(place) => place,
        };
        match self.rows.get(row).is_some_and(|row| place < row.len()) {
            true => (row, place),
            false => ((row + 1).min(self.rows.len()), 0),
        }
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
#[derive(Debug)]
pub struct Range<'a, T> {
    rows: &'a VecDeque<Vec<(u64, T)>>,
    /// Row and place of the first, and of the first that is no longer part of it.
    begin: (usize, usize),
    end: (usize, usize),
}

impl<'a, T> Iterator for Range<'a, T> {
    type Item = (&'a u64, &'a T);

    fn next(&mut self) -> Option<(&'a u64, &'a T)> {
        if self.begin == self.end {
            return None;
        }
        let (row, place) = self.begin;
        let values = &self.rows[row];
        self.begin = match place + 1 < values.len() {
            true => (row, place + 1),
            false => (row + 1, 0),
        };
        let (number, value) = &values[place];
        Some((number, value))
    }
}

impl<'a, T> DoubleEndedIterator for Range<'a, T> {
    fn next_back(&mut self) -> Option<(&'a u64, &'a T)> {
        if self.begin == self.end {
            return None;
        }
        let (row, place) = match self.end {
            (row, 0) => (row - 1, self.rows[row - 1].len() - 1),
            (row, place) => (row, place - 1),
        };
        self.end = (row, place);
        let (number, value) = &self.rows[row][place];
        Some((number, value))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Four of them fill a row, so that some tens of values are several rows.
    type Value = [u64; 40];

    #[derive(Debug, Clone)]
    enum Act {
        Behind(u64),
        Insert(u64, u64),
        Remove(u64),
        Through(u64),
        First,
    }

    fn acts() -> impl Strategy<Value = Act> {
        prop_oneof![
            4 => any::<u64>().prop_map(Act::Behind),
            3 => (0u64..60, any::<u64>()).prop_map(|(number, value)| Act::Insert(number, value)),
            2 => (0u64..60).prop_map(Act::Remove),
            1 => (0u64..20).prop_map(Act::Through),
            1 => Just(Act::First),
        ]
    }

    fn all<'a>(values: impl Iterator<Item = (&'a u64, &'a Value)>) -> Vec<(u64, u64)> {
        values.map(|(number, value)| (*number, value[0])).collect()
    }

    proptest! {
        #[test]
        fn it_holds_what_a_tree_holds(acts in prop::collection::vec(acts(), 0..120), from in 0u64..60, to in 0u64..60) {
            let (mut rows, mut tree) = (Numbered::<Value>::default(), BTreeMap::<u64, Value>::new());
            for act in acts {
                match act {
                    Act::Behind(value) => {
                        let number = tree.last_key_value().map_or(0, |(last, _)| last + 1);
                        prop_assert_eq!(rows.insert(number, [value; 40]), tree.insert(number, [value; 40]));
                    }
                    Act::Insert(number, value) => {
                        prop_assert_eq!(rows.insert(number, [value; 40]), tree.insert(number, [value; 40]));
                    }
                    Act::Remove(number) => prop_assert_eq!(rows.remove(&number), tree.remove(&number)),
                    Act::Through(number) => {
                        rows.remove_through(&number);
                        tree.retain(|known, _| *known > number);
                    }
                    Act::First => prop_assert_eq!(rows.pop_first(), tree.pop_first()),
                }
                prop_assert_eq!(rows.len(), tree.len());
                prop_assert_eq!(rows.is_empty(), tree.is_empty());
                prop_assert_eq!(all(rows.iter()), all(tree.iter()));
                // No row is empty, and none is larger than it may be.
                prop_assert!(rows.rows.iter().all(|row| !row.is_empty() && row.capacity() <= 4));
            }
            prop_assert_eq!(rows.get(&from), tree.get(&from));
            prop_assert_eq!(rows.get_mut(&from), tree.get_mut(&from));
            prop_assert!(rows.values().eq(tree.values()));
            prop_assert_eq!(all(rows.range(from..)), all(tree.range(from..)));
            prop_assert_eq!(all(rows.range(..=to)), all(tree.range(..=to)));
            prop_assert_eq!(all(rows.range(..to).rev()), all(tree.range(..to).rev()));
            let after = (Bound::Excluded(from), Bound::Unbounded);
            prop_assert_eq!(all(rows.range(after).rev()), all(tree.range(after).rev()));
            // A tree panics where a range ends before it begins.
            match from <= to {
                true => prop_assert_eq!(all(rows.range(from..=to)), all(tree.range(from..=to))),
                false => prop_assert_eq!(rows.range(from..to).next(), None),
            }
            prop_assert_eq!(all(tree.clone().into_iter().collect::<Numbered<Value>>().iter()), all(tree.iter()));
        }
    }
}
