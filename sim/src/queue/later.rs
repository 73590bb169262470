//! What is still to come, by time: the places of the next half second in a heap, those of the nine minutes after it each in the row of its half
//! second, as they came, and what is further off in a heap of its own.
//!
//! A fleet asks for most things five minutes ahead, and for few at the same time. In one heap of all of them each would be carried through five
//! levels; so it is put down once, and sorted with some forty others when its half second begins. One that was taken back meanwhile is
//! let go there.

use std::cmp::Reverse;

use dary_heap::QuaternaryHeap;

use super::Place;

/// Half a second, or 2^29 ns.
const ROW_BITS: u32 = 29;
/// Of nine minutes.
const ROWS: u64 = 1024;

/// Places, given back in their order.
#[derive(Default)]
pub(super) struct Later {
    /// All in rows before `next`.
    near: QuaternaryHeap<Reverse<Place>>,
    /// The first row that is not in `near`, counted from the start of the run.
    next: u64,
    /// The rows from `next` on, each at its number modulo [`ROWS`].
    rows: Vec<Vec<Place>>,
    /// A bit for each row that holds something.
    filled: [u64; (ROWS / 64) as usize],
    /// All behind the rows.
    far: QuaternaryHeap<Reverse<Place>>,
}

fn row_of(place: Place) -> u64 {
    place.at().0 >> ROW_BITS
}

impl Later {
    /// Puts one in.
    pub(super) fn push(&mut self, place: Place) {
        let row = row_of(place);
        if row < self.next {
            self.near.push(Reverse(place));
        } else if row - self.next < ROWS {
            if self.rows.is_empty() {
                self.rows.resize_with(ROWS as usize, Vec::new);
            }
            let at = row % ROWS;
            self.rows[at as usize].push(place);
            self.filled[(at / 64) as usize] |= 1 << (at % 64);
        } else {
            self.far.push(Reverse(place));
        }
    }

    /// The first of those that `waits` says wait; those before it, which do not, are let go, and `gone` is told of each.
    pub(super) fn first(&mut self, waits: impl Fn(Place) -> bool, mut gone: impl FnMut(Place)) -> Option<Place> {
        loop {
            while let Some(Reverse(place)) = self.near.peek().copied() {
                if waits(place) {
                    return Some(place);
                }
                self.near.pop();
                gone(place);
            }
            self.open_next(&waits, &mut gone)?;
        }
    }

    /// Takes the one that [`Later::first`] gave.
    pub(super) fn take_first(&mut self) {
        self.near.pop();
    }

    /// Moves the next row that holds something into the empty heap; none where there is nothing.
    fn open_next(&mut self, waits: &impl Fn(Place) -> bool, gone: &mut impl FnMut(Place)) -> Option<()> {
        let row = match self.next_filled() {
            Some(row) => row,
            None => row_of(self.far.peek()?.0),
        };
        self.next = row + 1;
        let at = row % ROWS;
        if let Some(places) = self.rows.get_mut(at as usize) {
            self.filled[(at / 64) as usize] &= !(1 << (at % 64));
            for place in places.drain(..) {
                if waits(place) {
                    self.near.push(Reverse(place));
                } else {
                    gone(place);
                }
            }
        }
        while let Some(Reverse(place)) = self.far.peek().copied()
            && row_of(place) < self.next + ROWS
        {
            self.far.pop();
            self.push(place);
        }
        Some(())
    }

    /// The first row from `next` on that holds something.
    fn next_filled(&self) -> Option<u64> {
        let start = self.next % ROWS;
        let (words, bit) = (self.filled.len(), start % 64);
        // The word of the start comes twice: from its bit on, and at the end up to it.
        (0..=words).find_map(|step| {
            let at = (start as usize / 64 + step) % words;
            let mask = match step {
                0 => u64::MAX << bit,
                _ if step == words => !(u64::MAX << bit),
                _ => u64::MAX,
            };
            let word = self.filled[at] & mask;
            let found = at as u64 * 64 + u64::from(word.trailing_zeros());
            (word != 0).then(|| self.next + (found + ROWS - start) % ROWS)
        })
    }

    /// Keeps those alone that `waits` says wait.
    pub(super) fn retain(&mut self, mut waits: impl FnMut(Place) -> bool) {
        self.near.retain(|Reverse(place)| waits(*place));
        self.far.retain(|Reverse(place)| waits(*place));
        for (at, row) in self.rows.iter_mut().enumerate() {
            row.retain(|place| waits(*place));
            if row.is_empty() {
                self.filled[at / 64] &= !(1 << (at % 64));
            }
        }
    }
}
