//! Situations that a scenario is there to reach.

use actors::nouns::{FailoverKind, ItemState};

use super::Aside;
use crate::keys::{FAULT, Words, words_of};

/// A situation: something happens, while something else goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    /// What it is called.
    pub name: String,
    /// What happens.
    pub event: Moment,
    /// What goes on meanwhile; none: whatever.
    pub during: Option<Phase>,
    /// Its line in the file, from 1.
    pub line: Aside<u32>,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A failover is begun by the operator.
    Begins(FailoverKind),
    /// A machine's item comes into a state.
    Enters(ItemState),
    /// A fault of a kind strikes for the first time.
    Strikes(&'static str),
    /// A shared recovery point was tried, and is one or came to nothing.
    Shared {
        /// Whether it is one.
        made: bool,
    },
}

/// What can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A machine's item is in a state.
    State(ItemState),
    /// A fault of a kind has begun and not ended.
    Fault(&'static str),
    /// A group's members hold acknowledgements, and its coordinator has not decided yet.
    Marking,
    /// The coordinator has decided for a shared point, and some members still hold.
    Releasing,
}

const FAILOVERS: [(&str, FailoverKind); 3] = [
    ("test-failover", FailoverKind::Test),
    ("failover", FailoverKind::Unplanned),
    ("failback", FailoverKind::Failback),
];
const SHARED: [(&str, bool); 2] = [("shared-point-made", true), ("shared-point-failed", false)];
const PHASES: [(&str, Phase); 2] = [("marking", Phase::Marking), ("releasing", Phase::Releasing)];

fn fault_kind(word: &str) -> Option<&'static str> {
    FAULT.variant(word).map(|variant| variant.word)
}

fn fault_kinds() -> impl Iterator<Item = &'static str> {
    let variants = FAULT.variants.as_ref().map_or(&[] as &[_], |variants| variants.of);
    variants.iter().map(|variant| variant.word)
}

fn value_of<T: Copy>(of: &[(&str, T)], word: &str) -> Option<T> {
    of.iter().find(|(known, _)| *known == word).map(|(_, value)| *value)
}

fn state(word: &str) -> Option<ItemState> {
    value_of(ItemState::WORDS, word)
}

impl Moment {
    /// All words.
    #[must_use]
    pub fn words() -> Vec<&'static str> {
        let own = FAILOVERS.iter().map(|(word, _)| *word);
        let own = own.chain(SHARED.iter().map(|(word, _)| *word));
        own.chain(words_of::<ItemState>()).chain(fault_kinds()).collect()
    }

    /// What a word stands for.
    #[must_use]
    pub fn of(word: &str) -> Option<Moment> {
        let shared = |made| Moment::Shared { made };
        value_of(&FAILOVERS, word)
            .map(Moment::Begins)
            .or_else(|| value_of(&SHARED, word).map(shared))
            .or_else(|| state(word).map(Moment::Enters))
            .or_else(|| fault_kind(word).map(Moment::Strikes))
    }

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Moment::words()
            .into_iter()
            .find(|word| Moment::of(word) == Some(self))
            .unwrap_or_default()
    }
}

impl Phase {
    /// All words.
    #[must_use]
    pub fn words() -> Vec<&'static str> {
        let own = PHASES.iter().map(|(word, _)| *word);
        own.chain(words_of::<ItemState>()).chain(fault_kinds()).collect()
    }

    /// What a word stands for.
    #[must_use]
    pub fn of(word: &str) -> Option<Phase> {
        value_of(&PHASES, word)
            .or_else(|| state(word).map(Phase::State))
            .or_else(|| fault_kind(word).map(Phase::Fault))
    }

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Phase::words()
            .into_iter()
            .find(|word| Phase::of(word) == Some(self))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_stands_for_one_thing() {
        for word in Moment::words() {
            assert_eq!(Moment::of(word).map(Moment::word), Some(word));
        }
        for word in Phase::words() {
            assert_eq!(Phase::of(word).map(Phase::word), Some(word));
        }
    }
}
