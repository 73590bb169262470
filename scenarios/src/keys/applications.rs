//! What machines have to do with each other.

use super::{Choice, Key, Kind, NameRule, PlanActionWhen, Range, RunKind, Section, words_of};

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

/// `[[database]]`.
pub static DATABASE: Section = Section::plain(
    "database",
    "`[[database]]`",
    "A database with a write-ahead log: accounts in pages of 4 KiB, and transactions between them. Its disks are its own and hold nothing at the start. What came back of it is read from recovered disks (real content). Not in the aggregate grain.",
    &[
        Key::needed(
            "name",
            Kind::Name(NameRule::Line),
            "what it is called in reports and findings",
        ),
        Key::needed("vm", Kind::Reference("a machine"), "where it runs"),
        Key::needed("disk", Kind::Reference("a disk"), "the disk with its pages"),
        Key::absent(
            "log_disk",
            Kind::Reference("a disk"),
            "the same",
            "the disk with its log",
        ),
        Key::or(
            "size",
            Kind::Size(Range::ANY.from(8 << 10, "a database of less than two pages", "").upto(
                1 << 30,
                "larger than what is read back",
                "",
            )),
            "1 MiB",
            "its pages",
        ),
        Key::or(
            "log_size",
            Kind::Size(Range::ANY.from(16 << 10, "a log of less than four blocks", "").upto(
                1 << 30,
                "larger than what is read back",
                "",
            )),
            "256 KiB",
            "its log",
        ),
        Key::or(
            "every",
            Kind::Duration(Range::ANY.from(1_000, "transactions without end", "")),
            "1 s",
            "between two transactions, in the mean",
        ),
        Key::or(
            "checkpoint_every",
            Kind::Duration(Range::ANY.from(1_000_000, "checkpoints without end", "")),
            "1 min",
            "between two checkpoints, where the log does not ask for one before",
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

const ANY: Kind = Kind::Duration(Range::ANY);

/// `[[recovery_plan]]`.
pub static RECOVERY_PLAN: Section = Section::plain(
    "recovery_plan",
    "`[[recovery_plan]]`",
    "Machines that are failed over together and start in groups, one group after the other, with what is done before and after each. The disks of all are put together first, in parallel. An error stops no plan: it goes on to its end, and the step fails with what went wrong. A step `failover` or `test-failover` runs it.",
    &[
        Key::needed("name", Kind::Name(NameRule::Line), "to refer to it"),
        Key::needed(
            "group",
            Kind::Tables(|| &PLAN_GROUP),
            "its groups, in the order in which they start",
        ),
    ],
);

/// `[[recovery_plan.group]]`.
pub static PLAN_GROUP: Section = Section::plain(
    "plan-group",
    "`[[recovery_plan.group]]`",
    "Machines of a recovery plan that start together.",
    &[
        Key::needed(
            "vm",
            Kind::OneOrMore(&Kind::Reference("a machine, with `*` in it of several, `all`")),
            "its machines; a machine is in one group of a plan, and so is a replication group",
        ),
        Key::absent(
            "action",
            Kind::Tables(|| &PLAN_ACTION),
            "none",
            "what is done before its machines start, and after",
        ),
    ],
);

/// `[[recovery_plan.group.action]]`.
pub static PLAN_ACTION: Section = Section {
    choice: Some(Choice::Exactly(&["script", "manual", "check"])),
    ..Section::plain(
        "plan-action",
        "`[[recovery_plan.group.action]]`",
        "What a recovery plan does beside starting machines, one action after the other.",
        &[
            Key::absent(
                "script",
                Kind::Name(NameRule::Line),
                "none",
                "a script: its name. What it would do is not modelled, but that it takes its time",
            ),
            Key::absent(
                "manual",
                Kind::Name(NameRule::Line),
                "none",
                "what a person does; the plan waits until the operator has done it",
            ),
            Key::absent(
                "check",
                Kind::Reference("a machine"),
                "none",
                "a machine that must answer a request through all tiers behind it: recovered is what answers",
            ),
            Key::or(
                "when",
                Kind::Word(words_of::<PlanActionWhen>),
                "after",
                "before or after the group's machines start",
            ),
            Key::or(
                "takes",
                ANY,
                "1 min",
                "a script's run time, or how long the person takes",
            ),
            Key::or("fails", Kind::Flag, "false", "a script that fails"),
            Key::or(
                "within",
                Kind::Duration(Range::ANY.from(1, "no time to answer", "")),
                "10 min",
                "a check is repeated for so long, then it fails",
            ),
            Key::absent(
                "on",
                Kind::List(&Kind::Word(words_of::<RunKind>), None),
                "both",
                "in which runs it is done",
            ),
        ],
    )
};
