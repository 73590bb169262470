//! Sites, links and the product's servers.

use actors::nouns::LinkKind;

use super::{Key, Kind, NameRule, Range, Section, words_of};

/// `[[site]]`.
pub static SITE: Section = Section::plain(
    "site",
    "`[[site]]`",
    "A site of the estate. Machines of a site are joined by its own network of 10 Gbit/s and 0.1 ms, unless a link of kind lan says otherwise. `azure` and `azure-vnet` are sites that are always there.",
    &[Key::needed("name", Kind::Name(NameRule::Line), "its name")],
);

/// `[[link]]`.
pub static LINK: Section = Section::plain(
    "link",
    "`[[link]]`",
    "A link. Internet and ExpressRoute lead to `azure`, the public endpoints; a site-to-site VPN leads to `azure-vnet`, the virtual network; ExpressRoute can lead to both.",
    &[
        Key::needed("name", Kind::Name(NameRule::Line), "its name"),
        Key::needed("kind", Kind::Word(words_of::<LinkKind>), "what it is"),
        Key::needed(
            "between",
            Kind::OneOrMore(&Kind::Reference("a site, `azure`, `azure-vnet`")),
            "the first is joined with each of the others; a lan names its one site",
        ),
        Key::needed(
            "rate",
            Kind::Rate(Range::ANY.from(1_000, "a link of almost no rate", "to cut a link, cut it by a step")),
            "each way",
        ),
        Key::needed("latency", Kind::Duration(Range::ANY), "one way"),
        Key::or(
            "loss",
            Kind::Share(Range::ANY.upto(999_999, "a link that loses everything", "less than 100 %")),
            "0 %",
            "packets lost; throughput falls as a TCP connection's would",
        ),
    ],
);

const NAME: Key = Key::needed("name", Kind::Name(NameRule::Numbered), "its name");
const COUNT: Key = Key::absent(
    "count",
    Kind::Whole(Range::COUNT.from(1, "no such count", "")),
    "one",
    "how many of them",
);
const ON_SITE: Key = Key::absent("site", Kind::Reference("a site"), "the only one", "where it is");
const CORES: Key = Key::or(
    "cores",
    Kind::Whole(Range::COUNT.from(1, "a machine that cannot work", "")),
    "8",
    "cores; so many jobs run at a time",
);
const SPEED: Key = Key::or(
    "speed",
    Kind::Factor(Range::ANY.from(1, "a machine that cannot work", "")),
    "1",
    "speed of a core against the reference of the cost table",
);
const CACHE: Kind = Kind::Size(Range::ANY);
const DISK_RATE: Key = Key::or(
    "disk_rate",
    Kind::Rate(Range::ANY.from(8, "a disk that takes nothing in", "")),
    "200 MB/s",
    "how fast that disk is written",
);
const THROTTLE: Key = Key::absent(
    "throttle",
    Kind::OneOrMore(&Kind::Throttle),
    "none",
    "what its process server sends to Azure at the most in hours of the week, by its own clock; where several hold, the smallest",
);
const CLOCK: Key = Key::or(
    "clock_skew",
    Kind::Duration(Range::ANY),
    "0 s",
    "its clock is ahead by this",
);
const ITS_CONFIGURATION_SERVER: Key = Key::absent(
    "configuration_server",
    Kind::OneOrMore(&Kind::Reference("a configuration server")),
    "all of the site, in turn",
    "the configuration server it belongs to",
);

/// `[[management_server]]`.
pub static MANAGEMENT_SERVER: Section = Section::plain(
    "management_server",
    "`[[management_server]]`",
    "The default: configuration server, process server and master target on one machine.",
    &[
        NAME,
        COUNT,
        ON_SITE,
        CORES,
        SPEED,
        Key::or("cache", CACHE, "600 GB", "the cache disk of its process server"),
        DISK_RATE,
        THROTTLE,
        CLOCK,
    ],
);

/// `[[configuration_server]]`.
pub static CONFIGURATION_SERVER: Section = Section::plain(
    "configuration_server",
    "`[[configuration_server]]`",
    "A configuration server alone.",
    &[NAME, COUNT, ON_SITE, CORES, SPEED, CLOCK],
);

/// `[[process_server]]`.
pub static PROCESS_SERVER: Section = Section::plain(
    "process_server",
    "`[[process_server]]`",
    "A process server alone. With `site = \"azure-vnet\"` it is the temporary one for the way back, off until the step add-process-server.",
    &[
        NAME,
        COUNT,
        ON_SITE,
        ITS_CONFIGURATION_SERVER,
        CORES,
        SPEED,
        Key::or("cache", CACHE, "600 GB", "its cache disk"),
        DISK_RATE,
        THROTTLE,
        CLOCK,
    ],
);

/// `[[master_target]]`.
pub static MASTER_TARGET: Section = Section::plain(
    "master_target",
    "`[[master_target]]`",
    "A master target alone.",
    &[
        NAME,
        COUNT,
        ON_SITE,
        ITS_CONFIGURATION_SERVER,
        CORES,
        SPEED,
        Key::or("retention_disk", CACHE, "1 TB", "its retention disk"),
        DISK_RATE,
        CLOCK,
    ],
);

/// `[[vcenter]]`.
pub static VCENTER: Section = Section::plain(
    "vcenter",
    "`[[vcenter]]`",
    "A vCenter; it manages the VMs of its site.",
    &[Key::needed("name", Kind::Name(NameRule::Line), "its name"), ON_SITE],
);
