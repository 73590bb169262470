//! What has to hold.

use super::{Choice, Key, Kind, Range, Section};

const ANY: Kind = Kind::Duration(Range::ANY);

/// `[[expect]]`.
pub static EXPECT: Section = Section {
    choice: Some(Choice::AtLeast(&[
        "rpo_below",
        "rto_below",
        "failover_within",
        "lost_below",
        "lost_bytes_below",
        "points_at_least",
        "caught_up_within",
        "verified",
    ])),
    ..Section::plain(
        "expect",
        "`[[expect]]`",
        "What has to hold; where it doesn't, the verdict is fail and the finding names the margin.",
        &[
            Key::absent(
                "vm",
                Kind::OneOrMore(&Kind::Reference("a machine, with `*` in it of several, `all`")),
                "all",
                "for which machines",
            ),
            Key::absent(
                "rpo_below",
                ANY,
                "none",
                "the RPO as the product reports it never passes this while protected",
            ),
            Key::absent(
                "rto_below",
                ANY,
                "none",
                "from the operator's start of failover to the workload's first completed request",
            ),
            Key::absent(
                "failover_within",
                ANY,
                "none",
                "from the operator's start of failover to its end",
            ),
            Key::absent(
                "lost_below",
                ANY,
                "none",
                "from the recovered point's mark to the end of the source's life; 0 s where nothing was written in between",
            ),
            Key::absent(
                "lost_bytes_below",
                Kind::Size(Range::ANY),
                "none",
                "bytes acknowledged to the guest after the recovered point",
            ),
            Key::absent(
                "points_at_least",
                Kind::Whole(Range::ANY),
                "none",
                "recovery points made and judged",
            ),
            Key::absent(
                "caught_up_within",
                ANY,
                "none",
                "from the last fault's end, the start of the machine's replication or its power's return, whichever is latest, until a \
                 recovery point is processed that was marked after that; a replication that ends sooner is not waited for",
            ),
            Key::absent(
                "verified",
                Kind::Yes,
                "none",
                "every recovered disk was compared and is right",
            ),
            Key::or(
                "under_faults",
                Kind::Flag,
                "false",
                "it holds under the faults of a sweep too (`firedrill chaos`); else only without them",
            ),
        ],
    )
};
