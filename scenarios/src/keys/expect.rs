//! What has to hold.

use actors::nouns::ItemState;

use super::{Choice, Key, Kind, Range, Section, words_of};
use crate::model::PointsOf;

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
        "alert",
        "rpo_above",
        "backlog_above",
        "no_points",
        "state",
    ])),
    ..Section::plain(
        "expect",
        "`[[expect]]`",
        "What has to hold, or to be seen: an alert that has to come is expected as well as a bound. Where it doesn't, the verdict is fail and the finding names the margin.",
        &[
            Key::absent(
                "vm",
                Kind::OneOrMore(&Kind::Reference("a machine, with `*` in it of several, `all`")),
                "all",
                "for which machines",
            ),
            Key::absent(
                "during",
                Kind::Reference("a fault"),
                "in all of the run",
                "while this fault lasts alone, from its beginning to its end; it goes with `rpo_below`, `points_at_least`, `caught_up_within` and the keys behind `verified`",
            ),
            Key::absent(
                "between",
                Kind::List(&ANY, Some(2)),
                "from beginning to end",
                "only from the first of these times to the second, both counted from the beginning of the fault that `during` names; they may be after its end",
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
                "from the end of the last fault, or of the one that `during` names, the start of the machine's replication or its power's \
                 return, whichever is latest, until a recovery point is processed that was marked after that; a replication that ends \
                 sooner is not waited for",
            ),
            Key::absent(
                "verified",
                Kind::Yes,
                "none",
                "every recovered disk was compared and is right",
            ),
            Key::absent(
                "alert",
                Kind::Text,
                "none",
                "an alert about the machine, or about a component, that has this code or this text in it",
            ),
            Key::absent(
                "rpo_above",
                ANY,
                "none",
                "the RPO as the product reports it passes this",
            ),
            Key::absent(
                "backlog_above",
                Kind::Size(Range::ANY),
                "none",
                "what waits of the machine at the source, at the process server and at the target passes this together",
            ),
            Key::absent(
                "no_points",
                Kind::Word(words_of::<PointsOf>),
                "none",
                "no recovery point of this kind is both marked and stored in that time",
            ),
            Key::absent(
                "state",
                Kind::Word(words_of::<ItemState>),
                "none",
                "the machine is in this state, at some time",
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
