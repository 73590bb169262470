//! The machines to protect and their disks.

use actors::spec::Os;

use super::{Choice, Key, Kind, NameRule, Range, Section, WORKLOAD, words_of};
use crate::model::Compressibility;

const SITE: Key = Key::absent("site", Kind::Reference("a site"), "the only one", "where it is");
const OS: Key = Key::or("os", Kind::Word(words_of::<Os>), "linux", "operating system");
const BOOT: Key = Key::or(
    "boot",
    Kind::Duration(Range::ANY),
    "1 min",
    "from power to the first request that the workload answers",
);
const CONFIGURATION_SERVER: Key = Key::absent(
    "configuration_server",
    Kind::OneOrMore(&Kind::Reference("a configuration server")),
    "all of the site, in turn",
    "where its Mobility service registers",
);
const PROCESS_SERVER: Key = Key::absent(
    "process_server",
    Kind::OneOrMore(&Kind::Reference("a process server")),
    "of its configuration server's, the one with the least change so far",
    "its process server",
);
const JOURNAL: Key = Key::or(
    "journal",
    // Less than what a few writes take.
    Kind::Size(Range::ANY.from(1 << 20, "a change journal too small to be one", "")),
    "1 GiB",
    "cap of the change journal; when it is full, a resynchronization is needed",
);

/// `[[vm]]`.
pub static VM: Section = Section::plain(
    "vm",
    "`[[vm]]`",
    "A machine to protect.",
    &[
        Key::needed(
            "name",
            Kind::Name(NameRule::Machine),
            "its name; not `all`, and not `each`",
        ),
        SITE,
        OS,
        Key::or(
            "physical",
            Kind::Flag,
            "false",
            "a physical server; it fails back to a VMware VM",
        ),
        CONFIGURATION_SERVER,
        PROCESS_SERVER,
        BOOT,
        JOURNAL,
        Key::or(
            "clock_skew",
            Kind::Duration(Range::ANY),
            "0 s",
            "its clock is ahead by this",
        ),
        Key::needed("disk", Kind::Tables(|| &DISK), "its disks; it boots from the first"),
        Key::absent("workload", Kind::Tables(|| &WORKLOAD), "none", "what it writes"),
    ],
);

/// `[[group]]`.
pub static GROUP: Section = Section::plain(
    "group",
    "`[[group]]`",
    "Many machines of a kind.",
    &[
        Key::needed(
            "name",
            Kind::Name(NameRule::Machines),
            "names of the machines: `app-####` gives app-0001, app-0002, …",
        ),
        Key::needed(
            "count",
            Kind::Whole(Range::COUNT.from(1, "no such count", "")),
            "how many",
        ),
        SITE,
        OS,
        CONFIGURATION_SERVER,
        PROCESS_SERVER,
        BOOT,
        JOURNAL,
        Key::absent(
            "profiles",
            Kind::Weights(&Kind::Reference("a profile")),
            "none",
            "how many machines follow which profile, by weight",
        ),
        Key::needed("disk", Kind::Tables(|| &DISK), "the disks of each"),
    ],
);

/// `[[profile]]`.
pub static PROFILE: Section = Section::plain(
    "profile",
    "`[[profile]]`",
    "A named workload for groups.",
    &[
        Key::needed("name", Kind::Name(NameRule::Line), "its name"),
        Key::absent(
            "workload",
            Kind::Tables(|| &WORKLOAD),
            "none",
            "what a machine of it writes",
        ),
    ],
);

/// `[[vm.disk]]`.
pub static DISK: Section = Section {
    choice: Some(Choice::AtLeast(&["size", "image"])),
    ..Section::plain(
        "disk",
        "`[[vm.disk]]`",
        "A disk. It starts from an image, or from generated content in its first `used` bytes.",
        &[
            Key::needed("name", Kind::Name(NameRule::Disk), "its name"),
            Key::absent(
                "size",
                Kind::Size(Range::ANY),
                "the image's",
                "its size, a multiple of 512 B; the first disk has up to 2048 GiB, another up to 4095 GiB",
            ),
            Key::absent(
                "image",
                Kind::Path,
                "none",
                "raw, qcow2, VMDK or VHD; format told by content, or raw in any case with `raw:` before the path",
            ),
            Key::or("used", Kind::Size(Range::ANY), "0 B", "generated content at its start"),
            Key::or(
                "compressibility",
                Kind::Compressibility(Compressibility::classes),
                "files",
                "what its content compresses like",
            ),
        ],
    )
};
