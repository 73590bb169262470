//! Situations that a scenario is there to reach.

use super::{Key, Kind, NameRule, Section};
use crate::model::{Moment, Phase};

/// `[[goal]]`.
pub static GOAL: Section = Section::plain(
    "goal",
    "`[[goal]]`",
    "A situation that is to be met: that something happens while something else goes on. A run says how often it was; a sweep over seeds (`firedrill chaos`) in which none of them met it has not tested what it is for, and fails.",
    &[
        Key::needed("name", Kind::Name(NameRule::Line), "what it is called in reports"),
        Key::needed(
            "event",
            Kind::Word(Moment::words),
            "what happens: a failover is begun, a shared recovery point is made or fails, an item comes into a state, a fault of a kind strikes",
        ),
        Key::absent(
            "during",
            Kind::Word(Phase::words),
            "at any time",
            "what goes on then: members of a group hold and no point is decided (`marking`), or it is and they still hold (`releasing`), an item is in a state (of the same machine, where the event is about one), a fault of a kind lasts",
        ),
    ],
);
