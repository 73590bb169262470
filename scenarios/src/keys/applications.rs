//! What machines have to do with each other.

use super::{Key, Kind, NameRule, Range, Section};

const ONE: Range = Range::ANY
    .from(1, "none at all", "")
    .upto(65_536, "more than any machine takes", "");
const MESSAGE: Kind = Kind::Size(Range::ANY.upto(16 << 20, "larger than any request", ""));
/// Up to what one request of a controller takes.
const WRITE: Kind = Kind::Size(Range::ANY.upto(4 << 20, "larger than one write", ""));

/// `[[replication_group]]`.
pub static REPLICATION_GROUP: Section = Section::plain(
    "replication_group",
    "`[[replication_group]]`",
    "Machines that share recovery points, at the policy's intervals (multi-VM consistency). They talk to each other on port 20004.",
    &[
        Key::needed(
            "name",
            Kind::Name(NameRule::Line),
            "what it is called in reports and findings",
        ),
        Key::needed(
            "vm",
            Kind::OneOrMore(&Kind::Reference("a machine")),
            "its members, two or more; a machine is in one group at the most",
        ),
    ],
);

/// `[[application]]`.
pub static APPLICATION: Section = Section::plain(
    "application",
    "`[[application]]`",
    "What several machines do together, so that a write on one is caused by a write on another. Not in the aggregate grain.",
    &[
        Key::needed("name", Kind::Name(NameRule::Line), "what it is called in reports"),
        Key::or(
            "every",
            Kind::Duration(Range::ANY.from(1_000, "requests without end", "")),
            "1 s",
            "between two requests of its clients, in the mean",
        ),
        Key::or(
            "outstanding",
            Kind::Whole(ONE),
            "8",
            "requests that are not answered at the most; a client that finds so many waits",
        ),
        Key::needed(
            "tier",
            Kind::Tables(|| &TIER),
            "its tiers, the first of which clients ask",
        ),
    ],
);

/// `[[application.tier]]`.
pub static TIER: Section = Section::plain(
    "tier",
    "`[[application.tier]]`",
    "A machine's part in an application.",
    &[
        Key::needed("vm", Kind::Reference("a machine"), "which"),
        Key::absent("disk", Kind::Reference("a disk"), "the first", "where it writes"),
        Key::or("writes_before", WRITE, "4 KiB", "written before it asks the next tier"),
        Key::or("writes_after", WRITE, "4 KiB", "written before it answers"),
        Key::or("request", MESSAGE, "2 KiB", "what it asks the next tier"),
        Key::or("answer", MESSAGE, "2 KiB", "what it answers"),
    ],
);
