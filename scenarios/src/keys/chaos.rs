//! What a sweep over seeds draws, and what a failure that was found is repeated with.

use super::faults::kinds;
use super::{Key, Kind, NameRule, Range, Section, words_of};
use crate::model::NetworkWord;

/// `[chaos]`.
pub static CHAOS: Section = Section::plain(
    "chaos",
    "`[chaos]`",
    "What `firedrill chaos` draws for each seed: faults beside those of the file, which may miss. Of what is expected it judges what holds `under_faults`.",
    &[
        Key::absent(
            "kinds",
            Kind::OneOrMore(&Kind::Word(kinds)),
            "all that have something to strike and that can be survived",
            "kinds of fault, as `[[fault]]` has them; one that is named is drawn also where what it destroys is nowhere else, unless `losses` is false",
        ),
        Key::or(
            "losses",
            Kind::Flag,
            "true",
            "whether kinds that are named are drawn where what they destroy is nowhere else: what is lost then is lost on purpose",
        ),
        Key::or(
            "most",
            Kind::Whole(Range::COUNT.upto(100, "more than anybody can look through", "at most 100")),
            "6",
            "faults that one seed draws, at the most; with 0 nothing is drawn, and each seed runs the scenario as it is, with all that it expects",
        ),
        Key::or(
            "longest",
            Kind::Duration(Range::ANY.from(1_000_000, "too short to strike", "at least 1 ms")),
            "2 min",
            "how long one lasts at the most",
        ),
        Key::or("from", Kind::Duration(Range::ANY), "1 min", "none begins earlier"),
        Key::absent(
            "to",
            Kind::Duration(Range::ANY),
            "two thirds of the run's duration",
            "and none later, so that there is time to catch up",
        ),
        Key::or(
            "constants",
            Kind::Flag,
            "true",
            "whether rates, latencies and some constants of the model are drawn too",
        ),
        Key::or(
            "points",
            Kind::Flag,
            "false",
            "whether it is drawn which recovery point each failover takes: of any kind, or one by its number, which may be there or not",
        ),
    ],
);

/// `[[accepted]]`.
pub static ACCEPTED: Section = Section::plain(
    "accepted",
    "`[[accepted]]`",
    "What a sweep finds and what is known: it is told, and is no failure of the sweep up to a day.",
    &[
        Key::needed(
            "finding",
            Kind::Name(NameRule::Line),
            "the identity of what is found, as the sweep tells it",
        ),
        Key::needed(
            "until",
            Kind::Text,
            "the last day on which it is accepted, as `2026-12-31`",
        ),
        Key::needed("why", Kind::Text, "why, and what is to become of it"),
    ],
);

/// `[replay]`.
pub static REPLAY: Section = Section::plain(
    "replay",
    "`[replay]`",
    "With what `firedrill replay` runs a file that a sweep has left, and what it has to find again.",
    &[
        Key::needed("seed", Kind::Whole(Range::ANY), "the seed"),
        Key::or(
            "network",
            Kind::Word(words_of::<NetworkWord>),
            "event",
            "what carries the messages",
        ),
        Key::needed(
            "finding",
            Kind::Name(NameRule::Line),
            "the identity of what was found: law, kind of component and shape, as `stored-is-processed/vm/never-processed`",
        ),
    ],
);
