//! A value that tells whether it can have changed: whoever has looked at it need not look again where it was not lent since.

use std::ops::Deref;

/// A value, and how often it was lent to be changed.
#[derive(Debug, Clone, Default)]
pub struct Counted<T> {
    value: T,
    changes: u64,
}

impl<T> Counted<T> {
    /// A value that nobody has changed.
    pub fn new(value: T) -> Counted<T> {
        Counted { value, changes: 0 }
    }

    /// Lends it to be changed, which counts whatever comes of it.
    pub fn change(&mut self) -> &mut T {
        self.changes += 1;
        &mut self.value
    }

    /// How often it was lent.
    pub fn changes(&self) -> u64 {
        self.changes
    }
}

impl<T> Deref for Counted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
