//! What happens to the world.

use datapath::disk::Operation;
use sim::faults::Left;

use super::{CONDITION, Choice, Key, Kind, Range, Section, Variant, Variants, words_of};
use crate::model::{Direction, Process, Rot};

/// Nanoseconds of 31 days.
const MONTH: u64 = 31 * 24 * 3_600 * 1_000_000_000;

const ANY: Kind = Kind::Duration(Range::ANY);
const ANY_MACHINE: Kind = Kind::Reference("a server or a machine");
const MACHINE: Key = Key::needed(
    "machine",
    ANY_MACHINE,
    "which, a protected one where it runs on premises; or `portal` (the operator's console), `site-recovery`, `storage-account`, `azure-compute`",
);
const MACHINES: Key = Key::absent(
    "machine",
    Kind::OneOrMore(&ANY_MACHINE),
    "none",
    "which machines, protected ones where they run on premises; or `portal` (the operator's console), `site-recovery`, `storage-account`, `azure-compute`",
);
const SITES: Key = Key::absent(
    "site",
    Kind::OneOrMore(&Kind::Reference("a site")),
    "none",
    "all machines of these sites",
);
const LINK: Key = Key::needed("link", Kind::Reference("a link"), "which");

const JUMP: Kind = Kind::Duration(Range::ANY.from(1, "a jump of no length", "leave the fault out").upto(
    MONTH,
    "longer than any run",
    "at most 31 days",
));
const DRIFT: Kind = Kind::Share(Range::ANY.from(1, "a clock that is right", "leave the fault out").upto(
    500_000,
    "a clock that is no clock",
    "at most 50 %",
));
/// A turn of a link that flaps.
const TURN: Kind = Kind::Duration(Range::ANY.from(1_000_000, "shorter than what a link is asked", "at least 1 ms"));
const NTH: Range = Range::COUNT.from(1, "there is no such operation", "the first is 1");

const EVERY_WRITE: Key = Key::absent(
    "every",
    Kind::Whole(NTH),
    "none",
    "each one of so many writes, counted from the beginning: with 1 all",
);
const NTH_WRITE: Key = Key::absent(
    "nth",
    Kind::Whole(NTH),
    "none",
    "this write alone, counted from the beginning",
);

const fn fault(word: &'static str, about: &'static str, keys: &'static [Key]) -> Variant {
    Variant {
        word,
        about,
        keys,
        choice: None,
    }
}

const fn times(too_many: &'static str) -> Key {
    let range = Range::ANY.from(2, "not slower", "").upto(1_000_000, too_many, "");
    Key::needed("times", Kind::Whole(range), "how many times as long")
}

static KINDS: &[Variant] = &[
    Variant {
        choice: Some(Choice::AtLeast(&["machine", "site"])),
        ..fault(
            "power-loss",
            "machines lose their power, and have it back at the end unless their disks are attached elsewhere by then; of a site its servers start then, and protected machines stay off until a step switches them on",
            &[MACHINES, SITES],
        )
    },
    fault(
        "process-crash",
        "a component's process ends, and starts again at the end; its machine goes on (a guest is its machine's operating system: for it there is power-loss)",
        &[
            MACHINE,
            Key::needed("component", Kind::Word(words_of::<Process>), "whose process"),
        ],
    ),
    fault(
        "link-cut",
        "nothing passes a link, in silence, or nothing in one direction",
        &[
            LINK,
            Key::or(
                "direction",
                Kind::Word(words_of::<Direction>),
                "both",
                "what is lost: all, what goes from the first end of its `between` to the second (`there`), or what goes `back`",
            ),
        ],
    ),
    fault(
        "link-flapping",
        "a link is cut and whole by turns, both ways, cut first; whole at the end",
        &[
            LINK,
            Key::needed("down", TURN, "how long it is cut each time"),
            Key::needed("up", TURN, "how long it is whole between"),
        ],
    ),
    fault(
        "link-held",
        "what is sent over a link waits at its door, and goes on in its order at the end",
        &[LINK],
    ),
    Variant {
        choice: Some(Choice::AtLeast(&["rate", "latency", "loss"])),
        ..fault(
            "link-degraded",
            "a link has another rate, latency or loss",
            &[
                LINK,
                Key::absent(
                    "rate",
                    Kind::Rate(Range::ANY.from(1, "a link that carries nothing", "a fault of kind link-cut does that")),
                    "the link's own",
                    "each way",
                ),
                Key::absent("latency", ANY, "the link's own", "one way"),
                Key::absent("loss", Kind::Share(Range::ANY), "the link's own", "packets lost"),
            ],
        )
    },
    fault(
        "apart",
        "two machines do not reach each other, in silence",
        &[Key::needed("between", Kind::List(&ANY_MACHINE, Some(2)), "which two")],
    ),
    fault(
        "port-blocked",
        "nothing that is meant for a port passes, in silence, as behind a firewall",
        &[
            Key::needed(
                "port",
                Kind::Whole(
                    Range::ANY
                        .from(1, "there is no such port", "")
                        .upto(65_535, "there is no such port", ""),
                ),
                "which",
            ),
            Key::absent("machine", ANY_MACHINE, "everywhere", "only what it sends or is sent"),
        ],
    ),
    fault(
        "disk-slow",
        "a machine's disk takes longer to flush and to read",
        &[MACHINE, times("a disk that never ends")],
    ),
    fault(
        "compute-slow",
        "a machine's processors take longer for jobs: to compress and seal, to open and decompress, for checksums",
        &[MACHINE, times("a processor that never ends")],
    ),
    fault(
        "disk-full",
        "a machine's disk has no room for anything more",
        &[MACHINE],
    ),
    Variant {
        choice: Some(Choice::Exactly(&["every", "nth"])),
        ..fault(
            "disk-error",
            "operations of a machine's disk fail, its virtual disks with it: of those it is flushes, writes, and reads of what is not in memory",
            &[
                MACHINE,
                Key::needed(
                    "operation",
                    Kind::Word(words_of::<Operation>),
                    "which: `append` to a file, `read` one, `write` (replace) a whole one, `flush`",
                ),
                Key::absent(
                    "every",
                    Kind::Whole(NTH),
                    "none",
                    "each one of so many fails, counted from the beginning: with 1 all",
                ),
                Key::absent(
                    "nth",
                    Kind::Whole(NTH),
                    "none",
                    "this one alone fails, counted from the beginning",
                ),
            ],
        )
    },
    Variant {
        choice: Some(Choice::Exactly(&["every", "nth"])),
        ..fault(
            "write-lost",
            "a write of a machine's journal, cache or segments is acknowledged and is not there: an append reads as zeros, a whole file stays what it was",
            &[MACHINE, EVERY_WRITE, NTH_WRITE],
        )
    },
    Variant {
        choice: Some(Choice::Exactly(&["every", "nth"])),
        ..fault(
            "write-misdirected",
            "a write of a machine's journal, cache or segments lands on another of its files, and is missing where it should be, as one that is lost",
            &[MACHINE, EVERY_WRITE, NTH_WRITE],
        )
    },
    fault(
        "disk-torn",
        "at each power loss and process crash meanwhile, what was not flushed of a machine's files is torn within an append, or has holes",
        &[
            MACHINE,
            Key::or(
                "left",
                Kind::Word(words_of::<Left>),
                "prefix",
                "what is left: the first appends and a part of the next, or some of them",
            ),
        ],
    ),
    fault(
        "disk-rot",
        "a bit of a file flips at the beginning; it ends at once unless it says how long it `lasts`",
        &[
            Key::needed("vm", Kind::Reference("a machine"), "whose data"),
            Key::needed("of", Kind::Word(words_of::<Rot>), "which of them"),
            Key::absent(
                "disk",
                Kind::Reference("a disk"),
                "the first",
                "whose segments; only of `stored-segment`",
            ),
            Key::or(
                "file",
                Kind::Whole(Range::COUNT),
                "0",
                "which file of them, in order of name; past the last the last",
            ),
            Key::or(
                "byte",
                Kind::Whole(Range::ANY),
                "0",
                "which byte of it, modulo its length",
            ),
        ],
    ),
    fault(
        "segment-tampered",
        "somebody changes a byte of a segment in the storage account; it ends at once, and never strikes where there are not so many segments",
        &[
            Key::needed("vm", Kind::Reference("a machine"), "whose"),
            Key::absent("disk", Kind::Reference("a disk"), "the first", "of which disk"),
            Key::or(
                "segment",
                Kind::Whole(Range::COUNT),
                "0",
                "which stored segment of the disk, in order of name",
            ),
            Key::or(
                "byte",
                Kind::Whole(Range::ANY),
                "0",
                "which byte of it, modulo its length",
            ),
        ],
    ),
    fault(
        "flush-lies",
        "a machine's disk says that its files are flushed, and has made nothing durable; its virtual disks are others",
        &[MACHINE],
    ),
    fault(
        "answers-late",
        "what a machine sends to those that connected to it leaves later, in its order",
        &[
            MACHINE,
            Key::needed(
                "by",
                Kind::Duration(Range::ANY.from(1, "not later", "leave the fault out")),
                "how much later",
            ),
        ],
    ),
    fault(
        "requests-refused",
        "the storage account is busy: it refuses what process servers put and what the service reads, and says that it is to be asked again later",
        &[Key::or(
            "every",
            Kind::Whole(NTH),
            "1",
            "each one of so many is refused, counted from the beginning: with 1 all",
        )],
    ),
    fault(
        "boots-refused",
        "Azure or a vCenter refuses to make and to start machines, and says why",
        &[
            Key::needed("machine", ANY_MACHINE, "who refuses: `azure-compute`, or a vCenter"),
            Key::needed(
                "code",
                Kind::Name(super::NameRule::Line),
                "what the reason says: the code of the documentation, and words",
            ),
        ],
    ),
    fault(
        "answers-twice",
        "each frame that a machine sends to those that connected to it is sent twice",
        &[MACHINE],
    ),
    Variant {
        choice: Some(Choice::Exactly(&["forward", "backward"])),
        ..fault(
            "clock-jump",
            "the time of day that a machine tells jumps at the beginning, and is set right at the end; what it waits for goes by another count",
            &[
                MACHINE,
                Key::absent("forward", JUMP, "none", "by how much it is ahead"),
                Key::absent(
                    "backward",
                    JUMP,
                    "none",
                    "by how much it is behind; it never shows a time before the run's start",
                ),
            ],
        )
    },
    Variant {
        choice: Some(Choice::Exactly(&["fast", "slow"])),
        ..fault(
            "clock-drift",
            "a machine's clock goes faster or slower, its timers too; its time of day is set right at the end",
            &[
                MACHINE,
                Key::absent("fast", DRIFT, "none", "how much of the time it gains"),
                Key::absent("slow", DRIFT, "none", "how much of the time it loses"),
            ],
        )
    },
    fault(
        "quiesce-fails",
        "the applications of a machine cannot be quiesced, wherever it runs: there are crash-consistent recovery points and alerts",
        &[Key::needed("vm", Kind::Reference("a machine"), "whose applications")],
    ),
];

/// `[[fault]]`.
pub static FAULT: Section = Section {
    id: "fault",
    title: "`[[fault]]`",
    about: "What happens to the estate, beside what the operator does. A fault that never changes anything makes the run fail, unless it says that it may.",
    keys: &[
        Key::needed(
            "name",
            Kind::Name(super::NameRule::Line),
            "what it is called in reports and findings",
        ),
        Key::needed("kind", Kind::Word(kinds), "what happens"),
    ],
    variants: Some(Variants { by: "kind", of: KINDS }),
    more: &[
        Key::absent("at", ANY, "none", "begins at this time of the run"),
        Key::absent(
            "after",
            Kind::OneOrMore(&Kind::Either(&[Kind::Reference("a step"), Kind::Table(|| &CONDITION)])),
            "none: at the start of the run",
            "begins when all of them have happened",
        ),
        Key::or("wait", ANY, "0 s", "how long to wait then"),
        Key::absent(
            "until",
            Kind::OneOrMore(&Kind::Either(&[Kind::Reference("a step"), Kind::Table(|| &CONDITION)])),
            "none",
            "ends when all of them have happened too, as a step that puts right what is wrong; a condition about machines counts from the fault's beginning, unless a step or a fault is named with it",
        ),
        Key::absent(
            "lasts",
            Kind::Duration(Range::ANY.from(
                1,
                "a fault of no length",
                "leave it out for one that lasts to the end of the run",
            )),
            "to the end of the run; with `until`: no longer",
            "how long it lasts; with `until` from then on",
        ),
        Key::or(
            "may_miss",
            Kind::Flag,
            "false",
            "that it changes nothing does not make the run fail, as where it was drawn by chance",
        ),
    ],
    choice: None,
};

pub(super) fn kinds() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.word).collect()
}
