//! What machines write.

use actors::nouns::ItemState;

use super::{Choice, Day, Key, Kind, Range, Section, Variant, Variants, Writes, words_of};
use crate::model::Compressibility;
use crate::traces::{Fit, Format};

const ANY_FACTOR: Kind = Kind::Factor(Range::ANY);
const A_SECOND: Range = Range::ANY.from(1_000_000_000, "a burst is measured in seconds", "");

/// `[[vm.workload]]`.
pub static WORKLOAD: Section = Section {
    id: "workload",
    title: "`[[vm.workload]]`",
    about: "A stream of writes to one disk: synthetic, recorded, or as counters of a disk say.",
    keys: &[
        Key::absent("disk", Kind::Reference("a disk"), "the first", "where it writes"),
        Key::or(
            "kind",
            Kind::Word(words_of::<Writes>),
            "synthetic",
            "where the writes come from",
        ),
    ],
    variants: Some(Variants {
        by: "kind",
        of: &[
            Variant {
                word: "synthetic",
                about: "writes are drawn",
                keys: SYNTHETIC,
                choice: Some(Choice::Exactly(&["rate", "think_time"])),
            },
            Variant {
                word: "recorded",
                about: "writes are replayed",
                keys: RECORDED,
                choice: None,
            },
            Variant {
                word: "profile",
                about: "writes are drawn, step by step as many as were counted",
                keys: PROFILE,
                choice: None,
            },
        ],
    }),
    more: &[
        Key::absent(
            "compressibility",
            Kind::Compressibility(Compressibility::classes),
            "the disk's",
            "what the written content compresses like",
        ),
        Key::or(
            "flush_every",
            Kind::Whole(Range::COUNT),
            "32",
            "the guest flushes after this many writes, and every 5 s; 0: only every 5 s",
        ),
        Key::or(
            "outstanding",
            Kind::Whole(Range::ANY.from(1, "nothing would ever be written", "").upto(
                65_536,
                "more than any disk takes",
                "",
            )),
            "32",
            "requests that are not acknowledged at the most: the next one waits. What is drawn then follows later, a recording catches up",
        ),
        Key::or(
            "open_loop",
            Kind::Flag,
            "false",
            "requests wait for none: as many are outstanding as come",
        ),
    ],
    choice: None,
};

const SYNTHETIC: &[Key] = &[
    Key::absent(
        "rate",
        Kind::Rate(Range::ANY),
        "none",
        "mean, before day and bursts; with them up to 10 GB/s",
    ),
    Key::absent(
        "think_time",
        Kind::Duration(Range::ANY),
        "none",
        "in place of a rate: each request follows the acknowledgement of the one before it after so long, in the mean",
    ),
    Key::absent(
        "block_sizes",
        Kind::Weights(&Kind::Size(BLOCKS)),
        "8 KiB alone",
        "sizes of writes, multiples of 512 B",
    ),
    PART_OF_THE_DISK,
    Key::absent("burst", Kind::Table(|| &BURST), "none", "times of more writes"),
    Key::or(
        "day",
        Kind::Either(&[Kind::Word(words_of::<Day>), Kind::List(&ANY_FACTOR, Some(24))]),
        "flat",
        "factor for each hour of the day, the first for the hour after midnight",
    ),
    DISTINCT,
];

const PART_OF_THE_DISK: Key = Key::absent(
    "locality",
    Kind::Table(|| &LOCALITY),
    "none",
    "so many writes go to that part of the disk",
);

const DISTINCT: Key = Key::absent(
    "distinct",
    Kind::Share(Range::ANY),
    "what sizes, places and rate of the writes make of it",
    "aggregate grain: distinct of written bytes within a batch, where it was measured",
);

const BLOCK_WRONG: &str = "no size of a write";
/// Up to what one request of a controller takes.
const BLOCKS: Range = Range::ANY.from(512, BLOCK_WRONG, "").upto(4 << 20, BLOCK_WRONG, "");

const RECORDED: &[Key] = &[
    Key::needed(
        "file",
        Kind::Path,
        "the recording; it begins anew at every boot, with its first request",
    ),
    Key::needed(
        "format",
        Kind::Word(words_of::<Format>),
        "MSR Cambridge CSV, fio iolog (v2, v3), blkparse text",
    ),
    Key::absent(
        "device",
        Kind::Either(&[Kind::Text, Kind::Whole(Range::ANY)]),
        "all",
        "only requests of this device (msr: HOST.DISK, fio: file name, blkparse: MAJOR,MINOR)",
    ),
    Key::or(
        "speed",
        Kind::Factor(Range::ANY.from(1, "a recording that never moves", "")),
        "1",
        "how many times faster than recorded",
    ),
    Key::or("repeat", Kind::Flag, "false", "begin again at the end"),
    Key::absent(
        "starts_after",
        Kind::Word(words_of::<ItemState>),
        "the boot",
        "it begins when the machine first reaches this state; boots after that begin it at once",
    ),
    Key::or(
        "fit",
        Kind::Word(words_of::<Fit>),
        "exact",
        "requests past the end of the disk are refused, wrapped, or what is never written between them shrinks until all fit (lengths, overlaps and so the churn stay)",
    ),
];

const PROFILE: &[Key] = &[
    Key::needed(
        "file",
        Kind::Path,
        "counters as CSV, a row a disk and step, as `firedrill plan` reads them (docs/planning.md); writes have a step's mean size, 8 KiB where \
         they were not counted",
    ),
    Key::absent(
        "vm_in_file",
        Kind::Text,
        "its own name",
        "the machine, as the file calls it; a profile of a group names it",
    ),
    Key::absent(
        "disk_in_file",
        Kind::Text,
        "its own name",
        "the disk, as the file calls it; counters of a machine as a whole are spread over its disks by size",
    ),
    Key::absent(
        "from",
        Kind::Text,
        "the first step",
        "only steps that begin at this time or later, written as in the file",
    ),
    Key::absent(
        "until",
        Kind::Text,
        "the last step",
        "only steps that begin before this time",
    ),
    Key::or(
        "begins",
        Kind::Duration(Range::ANY),
        "0 s",
        "when in the run the first of them begins; they go by the clock, whenever the machine boots",
    ),
    Key::or("repeat", Kind::Flag, "false", "begin again at the end"),
    Key::or(
        "factor",
        ANY_FACTOR,
        "1",
        "what is written, and in how many writes, is multiplied by this: 1.3 for a growth of 30 %",
    ),
    PART_OF_THE_DISK,
    DISTINCT,
];

/// `locality`.
pub static LOCALITY: Section = Section::plain(
    "locality",
    "`locality`",
    "Where writes go.",
    &[
        Key::needed("writes", Kind::Share(Range::ANY), "share of the writes"),
        Key::needed(
            "disk",
            Kind::Share(Range::ANY.from(1_000, "almost no part of the disk", "")),
            "share of the disk they go to",
        ),
    ],
);

/// `burst`.
pub static BURST: Section = Section::plain(
    "burst",
    "`burst`",
    "Times of more writes.",
    &[
        Key::needed("every", Kind::Duration(A_SECOND), "mean time between two"),
        Key::needed("lasts", Kind::Duration(A_SECOND), "length of one"),
        Key::needed("factor", ANY_FACTOR, "what the rate is multiplied by"),
    ],
);
