//! The queue that owns time: entries ordered by (time, sequence number), each taken exactly once.
//!
//! The sequence number is the order of asking, so that ties in time are broken the same way in every run. Entries for the present
//! moment are not sorted at all: whatever is asked for *now* comes after all that was asked for earlier, so they wait in a plain
//! first-in, first-out line behind the entries for later that have come up to it. An entry can be taken back; its place stays behind as a
//! husk, which is skipped when it comes up and swept when there are too many.

mod later;

use std::collections::VecDeque;

use datapath::SimTime;

use self::later::Later;

/// Where an entry is, to take it back by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handle {
    slot: u32,
    sequence: u64,
}

impl Handle {
    /// The handle as one number: 24 bits of slot, 40 bits of sequence number. Enough to tell entries apart that could be confused:
    /// a slot is used again only by a later sequence number.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        (u64::from(self.slot) << 40) | (self.sequence & ((1 << 40) - 1))
    }

    /// The inverse of [`Handle::to_bits`].
    #[must_use]
    pub fn from_bits(bits: u64) -> Handle {
        Handle {
            slot: (bits >> 40) as u32,
            sequence: bits & ((1 << 40) - 1),
        }
    }
}

/// The place of an entry for later as one number, which two instructions compare: its time, 40 bits of its sequence number, 24 bits of
/// its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place(u128);

impl Place {
    fn new(at: SimTime, sequence: u64, slot: u32) -> Place {
        let order = sequence << 24 | u64::from(slot);
        Place(u128::from(at.0) << 64 | u128::from(order))
    }

    fn at(self) -> SimTime {
        SimTime((self.0 >> 64) as u64)
    }

    fn slot(self) -> u32 {
        (self.0 & 0xff_ffff) as u32
    }
}

struct Slot<T> {
    sequence: u64,
    entry: Option<T>,
}

/// The queue.
pub struct Queue<T> {
    now: SimTime,
    sequence: u64,
    later: Later,
    present: VecDeque<(u64, u32)>,
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    husks: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Queue<T> {
        Queue {
            now: SimTime::ZERO,
            sequence: 0,
            later: Later::default(),
            present: VecDeque::new(),
            slots: Vec::new(),
            free: Vec::new(),
            husks: 0,
        }
    }
}

impl<T> Queue<T> {
    /// The time of the entry that was taken last.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// Moves the present forward where time is owned by somebody else; entries that were due in between stay due.
    pub fn advance(&mut self, to: SimTime) {
        if to > self.now {
            // What waits for the old present is older than anything still to be asked for.
            for (sequence, slot) in self.present.drain(..) {
                self.later.push(Place::new(self.now, sequence, slot));
            }
            self.now = to;
        }
    }

    /// Puts an entry in at a time, or at the present where that time is over.
    pub fn push(&mut self, at: SimTime, entry: T) -> Handle {
        self.sequence += 1;
        let sequence = self.sequence;
        assert!(sequence < 1 << 40, "fewer than 2^40 entries in a run");
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Slot {
                    sequence,
                    entry: Some(entry),
                };
                slot
            }
            None => {
                let slot = self.slots.len() as u32;
                assert!(slot < 1 << 24, "fewer than 2^24 entries wait at a time");
                self.slots.push(Slot {
                    sequence,
                    entry: Some(entry),
                });
                slot
            }
        };
        if at <= self.now {
            self.present.push_back((sequence, slot));
        } else {
            self.later.push(Place::new(at, sequence, slot));
        }
        Handle { slot, sequence }
    }

    /// Takes an entry back, if it was not taken yet.
    pub fn take_back(&mut self, handle: Handle) -> Option<T> {
        let slot = self.slots.get_mut(handle.slot as usize)?;
        if slot.sequence != handle.sequence {
            return None;
        }
        // The slot is freed when its husk comes up, so that no two husks ever share one.
        let entry = slot.entry.take();
        if entry.is_some() {
            self.husks += 1;
            self.sweep();
        }
        entry
    }

    /// Keeps husks from outnumbering what waits: a deadline that is put off again and again leaves one each time.
    fn sweep(&mut self) {
        if self.husks < 1024 || self.husks < (self.slots.len() - self.free.len()) / 2 {
            return;
        }
        let (slots, free) = (&self.slots, &mut self.free);
        self.later.retain(|place| {
            let waits = slots[place.slot() as usize].entry.is_some();
            if !waits {
                free.push(place.slot());
            }
            waits
        });
        self.husks = 0;
    }

    /// The first entry for later, behind husks that go.
    fn first_later(&mut self) -> Option<Place> {
        let (slots, free, husks) = (&self.slots, &mut self.free, &mut self.husks);
        self.later.first(
            |place| slots[place.slot() as usize].entry.is_some(),
            |husk| {
                free.push(husk.slot());
                *husks = husks.saturating_sub(1);
            },
        )
    }

    /// The first entry of the present's own line, behind husks that go.
    fn first_present(&mut self) -> Option<u32> {
        while let Some((_, slot)) = self.present.front().copied() {
            if self.slots[slot as usize].entry.is_some() {
                return Some(slot);
            }
            self.present.pop_front();
            self.free.push(slot);
            self.husks = self.husks.saturating_sub(1);
        }
        None
    }

    /// The time of the next entry.
    pub fn next_time(&mut self) -> Option<SimTime> {
        if self.first_present().is_some() {
            return Some(self.now);
        }
        Some(self.first_later()?.at().max(self.now))
    }

    /// Takes the next entry and moves the present to its time.
    pub fn pop(&mut self) -> Option<(SimTime, T)> {
        self.pop_due(SimTime(u64::MAX))
    }

    /// The same, where the next entry is due by `limit`.
    pub fn pop_due(&mut self, limit: SimTime) -> Option<(SimTime, T)> {
        let present = self.first_present();
        if present.is_some() && self.now > limit {
            return None;
        }
        let slot = match (self.first_later(), present) {
            (Some(place), present) if place.at() <= self.now || present.is_none() => {
                let at = place.at().max(self.now);
                if at > limit {
                    return None;
                }
                self.later.take_first();
                self.now = at;
                place.slot()
            }
            (_, present) => {
                let slot = present?;
                self.present.pop_front();
                slot
            }
        };
        self.free.push(slot);
        let entry = self.slots[slot as usize].entry.take()?;
        Some((self.now, entry))
    }

    /// Whether nothing waits that is due by the present.
    pub fn nothing_is_due(&mut self) -> bool {
        self.first_present().is_none() && self.first_later().is_none_or(|place| place.at() > self.now)
    }

    /// Whether nothing waits.
    pub fn is_empty(&mut self) -> bool {
        self.next_time().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn entries_of_one_time_come_in_the_order_of_asking() {
        let mut queue = Queue::default();
        queue.push(SimTime(5), 'a');
        queue.push(SimTime(5), 'b');
        queue.push(SimTime(0), 'c');
        assert_eq!(queue.pop(), Some((SimTime(0), 'c')));
        assert_eq!(queue.pop(), Some((SimTime(5), 'a')));
        // Asked for at the present: after what was asked for earlier, whatever time that named.
        queue.push(SimTime(5), 'd');
        queue.push(SimTime(3), 'e');
        assert_eq!(queue.pop(), Some((SimTime(5), 'b')));
        assert_eq!(queue.pop(), Some((SimTime(5), 'd')));
        assert_eq!(queue.pop(), Some((SimTime(5), 'e')));
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn an_entry_taken_back_never_comes_and_its_handle_means_nothing_else() {
        let mut queue = Queue::default();
        let first = queue.push(SimTime(5), 1);
        assert_eq!(Handle::from_bits(first.to_bits()), first);
        assert_eq!(queue.take_back(first), Some(1));
        assert_eq!(queue.take_back(first), None);
        assert_eq!(queue.pop(), None);
        assert_eq!(queue.now(), SimTime(0));
        let second = queue.push(SimTime(7), 2);
        assert_eq!(queue.take_back(first), None);
        assert_eq!(queue.pop(), Some((SimTime(7), 2)));
        assert_eq!(queue.take_back(second), None);
    }

    #[test]
    fn advancing_keeps_the_order() {
        let mut queue = Queue::default();
        queue.push(SimTime(0), 'a');
        queue.push(SimTime(8), 'b');
        queue.advance(SimTime(10));
        queue.push(SimTime(9), 'c');
        let order: Vec<char> = std::iter::from_fn(|| queue.pop().map(|(_, c)| c)).collect();
        assert_eq!(order, ['a', 'b', 'c']);
        assert_eq!(queue.now(), SimTime(10));
    }

    #[test]
    fn deadlines_put_off_a_million_times_leave_no_heap_of_husks() {
        let mut queue = Queue::default();
        let mut deadline = queue.push(SimTime(1000), 0);
        for n in 1..1_000_000u64 {
            queue.take_back(deadline).unwrap();
            deadline = queue.push(SimTime(1000 + n), n);
        }
        assert!(queue.slots.len() < 3000, "{}", queue.slots.len());
        assert_eq!(queue.pop(), Some((SimTime(1000 + 999_999), 999_999)));
        assert_eq!(queue.pop(), None);
    }

    /// At the same moment, in the same row and the next, and beyond all rows.
    fn ahead() -> impl Strategy<Value = u64> {
        prop_oneof![4 => 0u64..20, 2 => 0u64..1 << 31, 2 => 0u64..1 << 39, 1 => 0u64..1 << 42]
    }

    proptest! {
        /// Against the plain model: a list sorted by (time asked for or present, order of asking).
        #[test]
        fn it_is_a_stable_sort_by_time(steps in prop::collection::vec((ahead(), 0u8..4), 1..200)) {
            let mut queue = Queue::default();
            let mut model: Vec<(u64, usize)> = Vec::new();
            let mut now = 0;
            let mut handles = Vec::new();
            for (number, (delay, what)) in steps.into_iter().enumerate() {
                match what {
                    0 => {
                        model.sort();
                        let expected = if model.is_empty() { None } else { Some(model.remove(0)) };
                        let got = queue.pop();
                        prop_assert_eq!(got.map(|(at, n)| (at.0, n)), expected);
                        if let Some((at, _)) = expected { now = at; }
                    }
                    1 if !handles.is_empty() => {
                        let (handle, n) = handles[number % handles.len()];
                        let there = model.iter().position(|(_, m)| *m == n);
                        prop_assert_eq!(queue.take_back(handle), there.map(|_| n));
                        if let Some(there) = there { model.remove(there); }
                    }
                    _ => {
                        handles.push((queue.push(SimTime(now + delay), number), number));
                        model.push((now + delay, number));
                    }
                }
            }
        }
    }
}
