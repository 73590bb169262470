//! The file, and the tables about the run as a whole.

use actors::nouns::FailoverKind;
use datapath::Grain;

use super::{
    ACCEPTED, APPLICATION, CHAOS, CONFIGURATION_SERVER, Choice, CompressionLevel, DATABASE, EXPECT, FAULT, GOAL, GROUP,
    Key, Kind, LINK, MANAGEMENT_SERVER, MASTER_TARGET, MODEL, NameRule, PROCESS_SERVER, PROFILE, RECOVERY_PLAN, REPLAY,
    REPLICATION_GROUP, Range, SITE, STEP, Section, VCENTER, VM, words_of,
};
use crate::model::{ImageFormat, Weekday};

const SECOND: u64 = 1_000_000_000;
const ANY: Kind = Kind::Duration(Range::ANY);

/// The file itself.
pub static ROOT: Section = Section {
    choice: Some(Choice::AtLeast(&["vm", "group"])),
    ..Section::plain(
        "scenario-file",
        "the scenario file",
        "The tables of a file. Those in double brackets can be there several times.",
        &[
            Key::needed(
                "scenario",
                Kind::Table(|| &SCENARIO),
                "what the run is called and how long it is",
            ),
            Key::absent(
                "output",
                Kind::Table(|| &OUTPUT),
                "none",
                "what is written beside the reports",
            ),
            Key::absent(
                "policy",
                Kind::Table(|| &POLICY),
                "its defaults",
                "the replication policy",
            ),
            Key::absent("azure", Kind::Table(|| &AZURE), "its defaults", "Azure's own durations"),
            Key::absent(
                "model",
                Kind::Table(|| &MODEL),
                "its era\'s",
                "the constants of the product\'s model",
            ),
            Key::needed("site", Kind::Tables(|| &SITE), "the sites of the estate"),
            Key::absent("link", Kind::Tables(|| &LINK), "none", "what joins the sites and Azure"),
            Key::absent(
                "management_server",
                Kind::Tables(|| &MANAGEMENT_SERVER),
                "none",
                "configuration server, process server and master target on one machine",
            ),
            Key::absent(
                "configuration_server",
                Kind::Tables(|| &CONFIGURATION_SERVER),
                "none",
                "a configuration server alone",
            ),
            Key::absent(
                "process_server",
                Kind::Tables(|| &PROCESS_SERVER),
                "none",
                "a process server alone",
            ),
            Key::absent(
                "master_target",
                Kind::Tables(|| &MASTER_TARGET),
                "none",
                "a master target alone",
            ),
            Key::absent("vcenter", Kind::Tables(|| &VCENTER), "none", "a vCenter with its hosts"),
            Key::absent("vm", Kind::Tables(|| &VM), "none", "a VMware VM or a physical server"),
            Key::absent(
                "profile",
                Kind::Tables(|| &PROFILE),
                "none",
                "a named workload for groups",
            ),
            Key::absent("group", Kind::Tables(|| &GROUP), "none", "many machines of a kind"),
            Key::absent(
                "replication_group",
                Kind::Tables(|| &REPLICATION_GROUP),
                "none",
                "machines that share recovery points",
            ),
            Key::absent(
                "application",
                Kind::Tables(|| &APPLICATION),
                "none",
                "what machines do together",
            ),
            Key::absent("database", Kind::Tables(|| &DATABASE), "none", "databases on machines"),
            Key::absent(
                "recovery_plan",
                Kind::Tables(|| &RECOVERY_PLAN),
                "none",
                "machines that fail over together, in groups",
            ),
            Key::absent("step", Kind::Tables(|| &STEP), "none", "what the operator does"),
            Key::absent("fault", Kind::Tables(|| &FAULT), "none", "what happens to the estate"),
            Key::absent("expect", Kind::Tables(|| &EXPECT), "none", "what has to hold"),
            Key::absent("goal", Kind::Tables(|| &GOAL), "none", "situations that are to be met"),
            Key::absent(
                "chaos",
                Kind::Table(|| &CHAOS),
                "its defaults",
                "what a sweep over seeds draws",
            ),
            Key::absent(
                "accepted",
                Kind::Tables(|| &ACCEPTED),
                "none",
                "what a sweep may find up to a day",
            ),
            Key::absent(
                "replay",
                Kind::Table(|| &REPLAY),
                "none",
                "with what a failure that a sweep found is repeated",
            ),
        ],
    )
};

/// `[scenario]`.
pub static SCENARIO: Section = Section::plain(
    "scenario",
    "`[scenario]`",
    "The run as a whole.",
    &[
        Key::needed(
            "name",
            Kind::Name(NameRule::Folder),
            "what the scenario is called; it names the run's folder",
        ),
        Key::absent("description", Kind::Text, "empty", "what it shows, in a sentence"),
        Key::needed(
            "duration",
            Kind::Duration(Range::ANY.from(1, "a run of no length", "")),
            "the run ends here at the latest",
        ),
        Key::or("settle", ANY, "0 s", "how long the run goes on after the last step"),
        Key::or(
            "start_of_day",
            Kind::TimeOfDay,
            "08:00",
            "time of day at the start, for workloads that follow the day and throttles",
        ),
        Key::or(
            "weekday",
            Kind::Word(words_of::<Weekday>),
            "mon",
            "day of the week at the start, for throttles",
        ),
        Key::or(
            "content",
            Kind::Word(words_of::<Grain>),
            "real",
            "how exactly content is modelled, unless the command line says",
        ),
        Key::or(
            "compression_level",
            // What lies above needs more memory than a process server has for a chunk.
            Kind::Either(&[Kind::Word(words_of::<CompressionLevel>), Kind::Whole(LEVELS)]),
            "3",
            "zstd's level in the process servers, or `fast` for its `--fast`, which leaves literals as they are; what it costs in simulated \
             time is the same for all (our model)",
        ),
    ],
);

const LEVEL_WRONG: &str = "zstd has no such level";
const LEVEL_HELP: &str = "accepted: 1 to 19 (smallest), or \"fast\"; left out, it is 3, zstd's own default";
const LEVELS: Range = Range::ANY
    .from(1, LEVEL_WRONG, LEVEL_HELP)
    .upto(19, LEVEL_WRONG, LEVEL_HELP);

/// `[output]`.
pub static OUTPUT: Section = Section::plain(
    "output",
    "`[output]`",
    "What is written beside the reports.",
    &[
        Key::absent(
            "disks",
            Kind::OneOrMore(&Kind::Word(words_of::<FailoverKind>)),
            "none",
            "recovered disks to write to `disks/`: `VM-DISK.vhd` of a failover, `VM-DISK-test.vhd`, `VM-DISK-failback.vhd`; where a \
             machine is recovered twice in the same way, the last one counts",
        ),
        Key::or(
            "format",
            Kind::Word(words_of::<ImageFormat>),
            "vhd",
            "fixed VHD (rounded up with zeros to whole MiB, as Azure takes them) or raw (as large as the disk); both sparse on the disk they are written to",
        ),
    ],
);

/// `[policy]`.
pub static POLICY: Section = Section::plain(
    "policy",
    "`[policy]`",
    "The replication policy; its failback policy (`NAME-failback`: 15 min, 24 h, 60 min) appears with it and is not editable.",
    &[
        Key::or("name", Kind::Name(NameRule::Line), "policy", "its name"),
        Key::or(
            "rpo_threshold",
            ANY,
            "60 min",
            "an alert where the RPO passes it; nothing else depends on it",
        ),
        Key::or(
            "retention",
            ANY,
            "24 h",
            "how long recovery points are kept, up to `model.limits.retention`: all of the newest 2 hours, then one an hour; with more than a day one in 2 hours",
        ),
        Key::or(
            "crash_consistent_every",
            Kind::Duration(Range::ANY.from(SECOND, "crash-consistent points too close together", "")),
            "5 min",
            "between crash-consistent points",
        ),
        Key::or(
            "app_consistent_every",
            ANY,
            "60 min",
            "between app-consistent points; 0 s for none",
        ),
    ],
);

/// `[azure]`.
pub static AZURE: Section = Section::plain(
    "azure",
    "`[azure]`",
    "Azure's own durations.",
    &[
        Key::or(
            "create_policy",
            ANY,
            "45 s",
            "creating a policy (documented: 30 to 60 s)",
        ),
        Key::or(
            "hydration",
            ANY,
            "9 min",
            "making a machine bootable in Azure, where that is needed (documented: 8 to 10 min)",
        ),
        Key::or(
            "create_machine",
            ANY,
            "1 min",
            "creating a machine before it boots (our model)",
        ),
    ],
);
