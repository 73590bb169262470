//! What the operator does, and what steps wait for.

use actors::nouns::{ItemState, Place};

use super::{Choice, Key, Kind, Over, PointWord, Range, Section, Variant, Variants, Way, words_of};
use crate::model::Ending;

const SERVER: Kind = Kind::Reference("a process server");
const MACHINES: Kind = Kind::OneOrMore(&Kind::Reference("a machine, with `*` in it of several, `all`"));
const ANY: Kind = Kind::Duration(Range::ANY);

const VM: Key = Key::needed("vm", MACHINES, "the machines it is about; a step for each of them");
/// Of actions that take a recovery plan in place of machines.
const OWN: Key = Key::absent(
    "vm",
    MACHINES,
    "none",
    "the machines it is about; a step for each of them",
);
const PLAN: Key = Key::absent(
    "recovery_plan",
    Kind::Reference("a recovery plan"),
    "none",
    "the machines of a plan, group by group: one step for all of them",
);
const POINT: Key = Key::or(
    "point",
    Kind::Either(&[Kind::Word(words_of::<PointWord>), Kind::Whole(Range::ANY)]),
    "latest",
    "the recovery point",
);
const CONFIGURATION_SERVER: Key = Key::absent(
    "configuration_server",
    Kind::Reference("a configuration server"),
    "the only one",
    "which",
);
const OWN_PROCESS_SERVER: Key = Key::absent("process_server", SERVER, "the machine's", "over which");
const AZURE_PROCESS_SERVER: Key = Key::absent(
    "process_server",
    Kind::Reference("a process server in Azure"),
    "the only one",
    "which",
);
const MACHINE: Key = Key::absent(
    "machine",
    Kind::OneOrMore(&Kind::Reference("a server or a machine")),
    "none",
    "which machines",
);
const SITE: Key = Key::absent(
    "site",
    Kind::OneOrMore(&Kind::Reference("a site")),
    "none",
    "all machines of these sites",
);
const LINK: Key = Key::needed("link", Kind::Reference("a link"), "which");

const fn action(word: &'static str, about: &'static str, keys: &'static [Key]) -> Variant {
    Variant {
        word,
        about,
        keys,
        choice: None,
    }
}

const fn power(word: &'static str, about: &'static str) -> Variant {
    Variant {
        choice: Some(Choice::AtLeast(&["machine", "site"])),
        ..action(word, about, &[MACHINE, SITE])
    }
}

static ACTIONS: &[Variant] = &[
    action("create-vault", "creates the Recovery Services vault", &[]),
    action(
        "register-configuration-server",
        "registers a configuration server in the vault",
        &[CONFIGURATION_SERVER],
    ),
    action(
        "add-vcenter",
        "has a configuration server discover a vCenter",
        &[
            CONFIGURATION_SERVER,
            Key::absent("vcenter", Kind::Reference("a vCenter"), "the only one", "which"),
        ],
    ),
    action(
        "push-install",
        "has a process server install the Mobility service",
        &[VM, OWN_PROCESS_SERVER],
    ),
    action(
        "install-by-hand",
        "installs the Mobility service on the machine itself",
        &[VM],
    ),
    action(
        "create-policy",
        "creates the replication policy and its failback policy",
        &[],
    ),
    action(
        "enable-replication",
        "protects machines to Azure",
        &[
            VM,
            OWN_PROCESS_SERVER,
            Key::absent("over", Kind::Word(words_of::<Over>), "none", "the link it is to use"),
        ],
    ),
    Variant {
        choice: Some(Choice::Exactly(&["vm", "recovery_plan"])),
        ..action(
            "test-failover",
            "fails over into an isolated network; replication goes on",
            &[OWN, PLAN, POINT],
        )
    },
    action("cleanup-test-failover", "removes what a test failover made", &[VM]),
    Variant {
        choice: Some(Choice::Exactly(&["vm", "recovery_plan"])),
        ..action(
            "failover",
            "fails over to Azure",
            &[
                OWN,
                PLAN,
                POINT,
                Key::or("shutdown", Kind::Flag, "false", "try to shut the source down first"),
            ],
        )
    },
    action(
        "planned-failover",
        "is refused: there is none from VMware or physical servers",
        &[VM],
    ),
    action("commit", "commits a failover, or a failback", &[VM]),
    action(
        "move-to-process-server",
        "has machines replicate over another process server",
        &[VM, Key::needed("process_server", SERVER, "the other one")],
    ),
    action(
        "add-process-server",
        "starts the temporary process server in Azure",
        &[AZURE_PROCESS_SERVER],
    ),
    action("remove-process-server", "takes it away again", &[AZURE_PROCESS_SERVER]),
    action(
        "reprotect",
        "protects machines again, the other way",
        &[
            VM,
            Key::or("to", Kind::Word(words_of::<Way>), "on-premises", "which way"),
            Key::absent(
                "process_server",
                SERVER,
                "home: those in Azure, machines spread over them; to Azure: the machine's",
                "over which",
            ),
            Key::absent(
                "master_target",
                Kind::Reference("a master target"),
                "of its configuration server's, the one that got the fewest disks so far",
                "home: where to",
            ),
        ],
    ),
    action(
        "failback",
        "fails over from Azure to on-premises",
        &[
            VM,
            POINT,
            Key::or(
                "to_physical",
                Kind::Flag,
                "false",
                "to the physical machine, which is refused",
            ),
        ],
    ),
    action("disable-replication", "ends the protection of machines", &[VM]),
    power(
        "power-off",
        "switches machines off, as at their switch (a power cut is a fault: `power-loss`)",
    ),
    power(
        "power-on",
        "switches machines on; of a site its servers, protected machines stay off unless `machine` names them",
    ),
    action(
        "cut-link",
        "takes a link out of service: nothing passes it any more, in silence (a cut that nobody wants is a fault: `link-cut`)",
        &[LINK],
    ),
    action("restore-link", "puts it back into service", &[LINK]),
    action(
        "tamper-segment",
        "has the world change a byte of a stored segment, as a fault of kind `segment-tampered` does",
        &[
            VM,
            Key::absent("disk", Kind::Reference("a disk"), "the first", "whose"),
            Key::or(
                "segment",
                Kind::Whole(Range::COUNT),
                "0",
                "which stored segment of the disk",
            ),
            Key::or(
                "byte",
                Kind::Whole(Range::ANY),
                "0",
                "which byte of it, modulo its length",
            ),
        ],
    ),
    action(
        "note",
        "does nothing; it stands in the report",
        &[Key::needed("text", Kind::Text, "what is noted")],
    ),
];

/// `[[step]]`.
pub static STEP: Section = Section {
    id: "step",
    title: "`[[step]]`",
    about: "What the operator does. A step begins when the step before it in the file has ended, unless it has `at` or `after`.",
    keys: &[
        Key::absent("name", Kind::Name(super::NameRule::Line), "none", "to refer to it"),
        Key::needed("do", Kind::Word(actions), "what is done"),
    ],
    variants: Some(Variants { by: "do", of: ACTIONS }),
    more: &[
        Key::absent("at", ANY, "none", "begins at this time of the run"),
        Key::absent(
            "after",
            Kind::OneOrMore(&Kind::Either(&[Kind::Reference("a step"), Kind::Table(|| &CONDITION)])),
            "the step before",
            "begins when all of them have happened",
        ),
        Key::or("wait", ANY, "0 s", "how long to wait then"),
        Key::or(
            "stagger",
            ANY,
            "0 s",
            "with several machines: each begins so much later than the one before",
        ),
        Key::or(
            "expect",
            Kind::Word(words_of::<Ending>),
            "done",
            "how it is to end; `any` where what comes before it is drawn by chance",
        ),
        Key::absent(
            "reason",
            Kind::Text,
            "none",
            "with expect refused or failed: text that the reason must hold",
        ),
    ],
    choice: None,
};

fn actions() -> Vec<&'static str> {
    ACTIONS.iter().map(|action| action.word).collect()
}

/// A condition of a step.
pub static CONDITION: Section = Section {
    choice: Some(Choice::Exactly(&[
        "step",
        "state",
        "points_stored",
        "points_processed",
        "workload_up",
        "registered",
        "fault",
        "began",
    ])),
    ..Section::plain(
        "condition",
        "a condition of `after`",
        "Something that a step or a fault waits for: a step or a fault by name, or one thing that happens to machines.",
        &[
            Key::absent(
                "vm",
                Kind::OneOrMore(&Kind::Reference(
                    "a machine, with `*` in it of several, `all`, or `each`",
                )),
                "each",
                "of which machines; `each` is the step's own",
            ),
            Key::absent("step", Kind::Reference("a step"), "none", "that step has ended"),
            Key::absent(
                "state",
                Kind::Word(words_of::<ItemState>),
                "none",
                "the machine reached it",
            ),
            Key::absent(
                "points_stored",
                Kind::Whole(Range::ANY),
                "none",
                "so many recovery points of its current protection are stored",
            ),
            Key::absent(
                "points_processed",
                Kind::Whole(Range::ANY),
                "none",
                "so many are processed",
            ),
            Key::absent(
                "workload_up",
                Kind::Word(words_of::<Place>),
                "none",
                "its workload answered there",
            ),
            Key::absent(
                "registered",
                Kind::Reference("a server or a machine"),
                "none",
                "that component has registered",
            ),
            Key::absent(
                "fault",
                Kind::Reference("a fault"),
                "none",
                "that fault has ended; one that lasts to the end of the run: has begun",
            ),
            Key::absent("began", Kind::Reference("a fault"), "none", "that fault has begun"),
        ],
    )
};
