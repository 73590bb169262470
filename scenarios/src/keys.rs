//! The catalogue of keys of a scenario file: name, what is accepted, default, meaning.
//!
//! The reader refuses what is not here and takes its suggestions from here; the reference in `scenarios/README.md` is printed from it
//! (`cargo run -p firedrill-scenarios --example reference`) and a test holds the two together.

/// A table of the file.
#[derive(Debug)]
pub struct Section {
    /// As it is written in the file.
    pub title: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

/// A key.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What is accepted.
    pub accepts: &'static str,
    /// What holds where it is left out; empty: it has to be there.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

const fn key(name: &'static str, accepts: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key {
        name,
        accepts,
        default,
        meaning,
    }
}

/// The file itself.
pub static ROOT: Section = Section {
    title: "the scenario file",
    about: "The tables of a file. Those in double brackets can be there several times.",
    keys: &[
        key("scenario", "table", "", "what the run is called and how long it is"),
        key("output", "table", "none", "what is written beside the reports"),
        key("policy", "table", "its defaults", "the replication policy"),
        key("azure", "table", "its defaults", "Azure's own durations"),
        key("model", "table", "its era's", "the constants of the product's model"),
        key("site", "tables", "", "the sites of the estate"),
        key("link", "tables", "", "what joins the sites and Azure"),
        key(
            "management_server",
            "tables",
            "none",
            "configuration server, process server and master target on one machine",
        ),
        key("configuration_server", "tables", "none", "a configuration server alone"),
        key("process_server", "tables", "none", "a process server alone"),
        key("master_target", "tables", "none", "a master target alone"),
        key("vcenter", "tables", "none", "a vCenter with its hosts"),
        key("vm", "tables", "none", "a VMware VM or a physical server"),
        key("profile", "tables", "none", "a named workload for groups"),
        key("group", "tables", "none", "many machines of a kind"),
        key("step", "tables", "none", "what the operator does"),
        key("expect", "tables", "none", "what has to hold"),
    ],
};

/// `[scenario]`.
pub static SCENARIO: Section = Section {
    title: "`[scenario]`",
    about: "The run as a whole.",
    keys: &[
        key("name", "string", "", "what the scenario is called"),
        key("description", "string", "empty", "what it shows, in a sentence"),
        key("duration", "duration", "", "the run ends here at the latest"),
        key(
            "settle",
            "duration",
            "0 s",
            "how long the run goes on after the last step",
        ),
        key(
            "start_of_day",
            "\"HH:MM\"",
            "\"08:00\"",
            "time of day at the start, for workloads that follow the day",
        ),
        key(
            "content",
            "real, extent, aggregate",
            "real",
            "how exactly content is modelled, unless the command line says",
        ),
        key(
            "compression_level",
            "1 to 19",
            "3",
            "zstd's level in the process servers; what it costs in simulated time is the same for all (our model)",
        ),
    ],
};

/// `[output]`.
pub static OUTPUT: Section = Section {
    title: "`[output]`",
    about: "What is written beside the reports.",
    keys: &[
        key(
            "disks",
            "list of test, failover, failback",
            "[]",
            "recovered disks to write to `disks/`: `VM-DISK.vhd` of a failover, `VM-DISK-test.vhd`, `VM-DISK-failback.vhd`; where a \
             machine is recovered twice in the same way, the last one counts",
        ),
        key(
            "format",
            "vhd, raw",
            "vhd",
            "fixed VHD (rounded up with zeros to whole MiB, as Azure takes them) or raw (as large as the disk); both sparse on the disk they are written to",
        ),
    ],
};

/// `[policy]`.
pub static POLICY: Section = Section {
    title: "`[policy]`",
    about: "The replication policy; its failback policy (`NAME-failback`: 15 min, 24 h, 60 min) appears with it and is not editable.",
    keys: &[
        key("name", "string", "\"policy\"", "its name"),
        key(
            "rpo_threshold",
            "duration",
            "60 min",
            "an alert where the RPO passes it; nothing else depends on it",
        ),
        key(
            "retention",
            "duration, up to 72 h",
            "24 h",
            "how long recovery points are kept: all of the newest 2 hours, then one an hour; with more than a day one in 2 hours",
        ),
        key(
            "crash_consistent_every",
            "duration",
            "5 min",
            "between crash-consistent points",
        ),
        key(
            "app_consistent_every",
            "duration, 0 s for none",
            "60 min",
            "between app-consistent points",
        ),
    ],
};

/// `[azure]`.
pub static AZURE: Section = Section {
    title: "`[azure]`",
    about: "Azure's own durations.",
    keys: &[
        key(
            "create_policy",
            "duration",
            "45 s",
            "creating a policy (documented: 30 to 60 s)",
        ),
        key(
            "hydration",
            "duration",
            "9 min",
            "making a machine bootable in Azure, where that is needed (documented: 8 to 10 min)",
        ),
        key(
            "create_machine",
            "duration",
            "1 min",
            "creating a machine before it boots (our model)",
        ),
        key(
            "hold_processing",
            "true, false",
            "false",
            "leave what is stored unprocessed until a failover asks for it (to measure the way in)",
        ),
    ],
};

/// `[[site]]`.
pub static SITE: Section = Section {
    title: "`[[site]]`",
    about: "A site of the estate. Machines of a site are joined by its own network of 10 Gbit/s and 0.1 ms, unless a link of kind lan says otherwise. `azure` and `azure-vnet` are sites that are always there.",
    keys: &[key("name", "string", "", "its name")],
};

/// `[[link]]`.
pub static LINK: Section = Section {
    title: "`[[link]]`",
    about: "A link. Internet and ExpressRoute lead to `azure`, the public endpoints; a site-to-site VPN leads to `azure-vnet`, the virtual network; ExpressRoute can lead to both.",
    keys: &[
        key("name", "string", "", "its name"),
        key("kind", "internet, expressroute, vpn, lan", "", "what it is"),
        key(
            "between",
            "list of sites, `azure`, `azure-vnet`",
            "",
            "the first is joined with each of the others; a lan names its one site",
        ),
        key("rate", "rate", "", "each way"),
        key("latency", "duration", "", "one way"),
        key(
            "loss",
            "share",
            "\"0 %\"",
            "packets lost; throughput falls as a TCP connection's would",
        ),
    ],
};

const NAME: Key = key(
    "name",
    "string",
    "",
    "its name; with `count`, `#` in it becomes the number",
);
const COUNT: Key = key("count", "whole number", "1", "how many of them");
const ON_SITE: Key = key("site", "a site", "the only one", "where it is");
const CORES: Key = key("cores", "whole number", "8", "cores; so many jobs run at a time");
const SPEED: Key = key(
    "speed",
    "factor",
    "1",
    "speed of a core against the reference of the cost table",
);
const DISK_RATE: Key = key("disk_rate", "rate", "\"200 MB/s\"", "how fast that disk is written");
const CLOCK: Key = key("clock_skew", "duration", "0 s", "its clock is ahead by this");

/// `[[management_server]]`.
pub static MANAGEMENT_SERVER: Section = Section {
    title: "`[[management_server]]`",
    about: "The default: configuration server, process server and master target on one machine.",
    keys: &[
        NAME,
        COUNT,
        ON_SITE,
        CORES,
        SPEED,
        key("cache", "size", "\"600 GB\"", "the cache disk of its process server"),
        DISK_RATE,
        CLOCK,
    ],
};

/// `[[configuration_server]]`.
pub static CONFIGURATION_SERVER: Section = Section {
    title: "`[[configuration_server]]`",
    about: "A configuration server alone.",
    keys: &[NAME, COUNT, ON_SITE, CORES, SPEED, CLOCK],
};

const ITS_CONFIGURATION_SERVER: Key = key(
    "configuration_server",
    "a name or a list of names",
    "all of the site, in turn",
    "the configuration server it belongs to",
);

/// `[[process_server]]`.
pub static PROCESS_SERVER: Section = Section {
    title: "`[[process_server]]`",
    about: "A process server alone. With `site = \"azure-vnet\"` it is the temporary one for the way back, off until the step add-process-server.",
    keys: &[
        NAME,
        COUNT,
        ON_SITE,
        ITS_CONFIGURATION_SERVER,
        CORES,
        SPEED,
        key("cache", "size", "\"600 GB\"", "its cache disk"),
        DISK_RATE,
        CLOCK,
    ],
};

/// `[[master_target]]`.
pub static MASTER_TARGET: Section = Section {
    title: "`[[master_target]]`",
    about: "A master target alone.",
    keys: &[
        NAME,
        COUNT,
        ON_SITE,
        ITS_CONFIGURATION_SERVER,
        CORES,
        SPEED,
        key("retention_disk", "size", "\"1 TB\"", "its retention disk"),
        DISK_RATE,
        CLOCK,
    ],
};

/// `[[vcenter]]`.
pub static VCENTER: Section = Section {
    title: "`[[vcenter]]`",
    about: "A vCenter; it manages the VMs of its site.",
    keys: &[key("name", "string", "", "its name"), ON_SITE],
};

const OS: Key = key("os", "windows, linux", "linux", "operating system");
const BOOT: Key = key(
    "boot",
    "duration",
    "\"1 min\"",
    "from power to the first request that the workload answers",
);
const VM_CONFIGURATION_SERVER: Key = key(
    "configuration_server",
    "a name or a list of names",
    "all of the site, in turn",
    "where its Mobility service registers",
);
const VM_PROCESS_SERVER: Key = key(
    "process_server",
    "a name or a list of names",
    "of its configuration server's, the one with the least change so far",
    "its process server",
);
const JOURNAL: Key = key(
    "journal",
    "size",
    "\"1 GiB\"",
    "cap of the change journal; when it is full, a resynchronization is needed",
);

/// `[[vm]]`.
pub static VM: Section = Section {
    title: "`[[vm]]`",
    about: "A machine to protect.",
    keys: &[
        key("name", "1 to 63 letters, digits and hyphens", "", "its name"),
        ON_SITE,
        OS,
        key(
            "physical",
            "true, false",
            "false",
            "a physical server; it fails back to a VMware VM",
        ),
        VM_CONFIGURATION_SERVER,
        VM_PROCESS_SERVER,
        BOOT,
        JOURNAL,
        key("clock_skew", "duration", "0 s", "its clock is ahead by this"),
        key("disk", "tables", "", "its disks; it boots from the first"),
        key("workload", "tables", "none", "what it writes"),
    ],
};

/// `[[group]]`.
pub static GROUP: Section = Section {
    title: "`[[group]]`",
    about: "Many machines of a kind.",
    keys: &[
        key(
            "name",
            "string with one run of #",
            "",
            "names of the machines: `app-####` gives app-0001, app-0002, …",
        ),
        key("count", "whole number", "", "how many"),
        ON_SITE,
        OS,
        VM_CONFIGURATION_SERVER,
        VM_PROCESS_SERVER,
        BOOT,
        JOURNAL,
        key("disk", "tables", "", "the disks of each"),
        key(
            "profiles",
            "table of profile = weight",
            "none",
            "how many machines follow which profile, by weight",
        ),
    ],
};

/// `[[profile]]`.
pub static PROFILE: Section = Section {
    title: "`[[profile]]`",
    about: "A named workload for groups.",
    keys: &[
        key("name", "string", "", "its name"),
        key("workload", "tables", "", "what a machine of it writes"),
    ],
};

/// `[[vm.disk]]`.
pub static DISK: Section = Section {
    title: "`[[vm.disk]]`",
    about: "A disk. It starts from an image, or from generated content in its first `used` bytes.",
    keys: &[
        key("name", "string", "", "its name"),
        key("size", "size", "the image's", "its size"),
        key(
            "image",
            "path, relative to the scenario file",
            "none",
            "raw, qcow2, VMDK or VHD; format told by content, or raw in any case with `raw:` before the path",
        ),
        key("used", "size", "0 B", "generated content at its start"),
        key(
            "compressibility",
            "a class or \"2.5:1\"",
            "files",
            "what its content compresses like: files, database, text, log, media",
        ),
    ],
};

/// `[[vm.workload]]`.
pub static WORKLOAD: Section = Section {
    title: "`[[vm.workload]]`",
    about: "A stream of writes to one disk, synthetic or recorded.",
    keys: &[
        key("disk", "name of a disk", "the first", "where it writes"),
        key("kind", "synthetic, recorded", "synthetic", "where the writes come from"),
        key(
            "compressibility",
            "a class or \"2.5:1\"",
            "the disk's",
            "what the written content compresses like",
        ),
        key(
            "flush_every",
            "whole number",
            "32",
            "the guest flushes after this many writes, and every 5 s; 0: only every 5 s",
        ),
        key("rate", "rate", "", "synthetic: mean, before day and bursts"),
        key(
            "block_sizes",
            "table of size = weight",
            "{ \"8 KiB\" = 1 }",
            "synthetic: sizes of writes",
        ),
        key(
            "locality",
            "{ writes = share, disk = share }",
            "none",
            "synthetic: so many writes go to that part of the disk",
        ),
        key(
            "burst",
            "{ every, lasts, factor }",
            "none",
            "synthetic: mean time between bursts, their length, what they multiply the rate by",
        ),
        key(
            "day",
            "flat, office, night, or 24 factors",
            "flat",
            "synthetic: factor for each hour of the day",
        ),
        key(
            "distinct",
            "share",
            "what block sizes, locality and rate make of it",
            "synthetic, aggregate grain: distinct of written bytes within a batch, where it was measured",
        ),
        key(
            "file",
            "path, relative to the scenario file",
            "",
            "recorded: the recording; it begins anew at every boot, with its first request",
        ),
        key(
            "format",
            "msr, fio, blkparse",
            "",
            "recorded: MSR Cambridge CSV, fio iolog (v2, v3), blkparse text",
        ),
        key(
            "device",
            "string",
            "all",
            "recorded: only requests of this device (msr: HOST.DISK, fio: file name, blkparse: MAJOR,MINOR)",
        ),
        key("speed", "factor", "1", "recorded: how many times faster than recorded"),
        key("repeat", "true, false", "false", "recorded: begin again at the end"),
        key(
            "starts_after",
            "a state (protected, ...)",
            "the boot",
            "recorded: begins when the machine first reaches this state; boots after that begin it at once",
        ),
        key(
            "fit",
            "exact, wrap, scale",
            "exact",
            "recorded: requests past the end of the disk are refused, wrapped, or what is never written between them shrinks until all fit (lengths, overlaps and so the churn stay)",
        ),
    ],
};

/// `locality`.
pub static LOCALITY: Section = Section {
    title: "`locality`",
    about: "Where writes go.",
    keys: &[
        key("writes", "share", "", "share of the writes"),
        key("disk", "share", "", "share of the disk they go to"),
    ],
};

/// `burst`.
pub static BURST: Section = Section {
    title: "`burst`",
    about: "Times of more writes.",
    keys: &[
        key("every", "duration", "", "mean time between two"),
        key("lasts", "duration", "", "length of one"),
        key("factor", "factor", "", "what the rate is multiplied by"),
    ],
};

/// `[[step]]`.
pub static STEP: Section = Section {
    title: "`[[step]]`",
    about: "What the operator does. A step begins when the step before it in the file has ended, unless it has `at` or `after`.",
    keys: &[
        key("do", "an action, see below", "", "what is done"),
        key("name", "string", "none", "to refer to it"),
        key("at", "duration", "none", "begins at this time of the run"),
        key(
            "after",
            "a step's name, a condition, or a list of them",
            "the step before",
            "begins when all of them have happened",
        ),
        key("wait", "duration", "0 s", "how long to wait then"),
        key(
            "stagger",
            "duration",
            "0 s",
            "with several machines: each begins so much later than the one before",
        ),
        key("expect", "done, refused, failed", "done", "how it is to end"),
        key(
            "reason",
            "string",
            "none",
            "with expect refused or failed: text that the reason must hold",
        ),
        key(
            "vm",
            "names, `*` in them, or all",
            "",
            "the machines it is about; a step for each of them",
        ),
        key(
            "point",
            "latest, latest-processed, latest-app-consistent, or a number",
            "latest",
            "test-failover, failover, failback: the recovery point",
        ),
        key(
            "shutdown",
            "true, false",
            "false",
            "failover: try to shut the source down first",
        ),
        key(
            "over",
            "internet, expressroute, vpn",
            "none",
            "enable-replication: the link it is to use",
        ),
        key(
            "to_physical",
            "true, false",
            "false",
            "failback: to the physical machine",
        ),
        key(
            "configuration_server",
            "name",
            "the only one",
            "register-configuration-server, add-vcenter",
        ),
        key(
            "process_server",
            "name",
            "the machine's; reprotect from Azure: those there, machines spread over them",
            "push-install, enable-replication, reprotect, move-to-, add- and remove-process-server",
        ),
        key(
            "master_target",
            "name",
            "of its configuration server's, the one that got the fewest disks so far",
            "reprotect from Azure: where to",
        ),
        key("to", "azure, on-premises", "on-premises", "reprotect: which way"),
        key("vcenter", "name", "the only one", "add-vcenter"),
        key("machine", "names of machines or VMs", "none", "power-off, power-on"),
        key(
            "site",
            "names of sites",
            "none",
            "power-off, power-on: all machines of these sites",
        ),
        key(
            "link",
            "name",
            "",
            "cut-link, restore-link: nothing passes it any more, in silence",
        ),
        key("disk", "name of a disk", "the first", "tamper-segment"),
        key(
            "segment",
            "whole number",
            "0",
            "tamper-segment: which stored segment of the disk",
        ),
        key(
            "byte",
            "whole number",
            "0",
            "tamper-segment: which byte of it, modulo its length",
        ),
        key("text", "string", "", "note: what is noted"),
    ],
};

/// A condition of a step.
pub static CONDITION: Section = Section {
    title: "a condition of `after`",
    about: "Something that a step waits for: a step by name, or one thing that happens to machines.",
    keys: &[
        key("step", "a step's name", "none", "that step has ended"),
        key(
            "vm",
            "names, `all`, or `each`",
            "each",
            "of which machines; `each` is the step's own",
        ),
        key("state", "a state, see below", "none", "the machine reached it"),
        key(
            "points_stored",
            "whole number",
            "none",
            "so many recovery points of its current protection are stored",
        ),
        key("points_processed", "whole number", "none", "so many are processed"),
        key(
            "workload_up",
            "on-premises, azure, test",
            "none",
            "its workload answered there",
        ),
        key(
            "registered",
            "name of a server or VM",
            "none",
            "that component has registered",
        ),
    ],
};

/// `[[expect]]`.
pub static EXPECT: Section = Section {
    title: "`[[expect]]`",
    about: "What has to hold; where it doesn't, the verdict is fail and the finding names the margin.",
    keys: &[
        key("vm", "names, `*` in them, or all", "all", "for which machines"),
        key(
            "rpo_below",
            "duration",
            "none",
            "the RPO as the product reports it never passes this while protected",
        ),
        key(
            "rto_below",
            "duration",
            "none",
            "from the operator's start of failover to the workload's first completed request",
        ),
        key(
            "failover_within",
            "duration",
            "none",
            "from the operator's start of failover to its end",
        ),
        key(
            "lost_below",
            "duration",
            "none",
            "from the recovered point's mark to the end of the source's life; 0 s where nothing was written in between",
        ),
        key(
            "lost_bytes_below",
            "size",
            "none",
            "bytes acknowledged to the guest after the recovered point",
        ),
        key(
            "points_at_least",
            "whole number",
            "none",
            "recovery points made and judged",
        ),
        key(
            "verified",
            "true",
            "none",
            "every recovered disk was compared and is right",
        ),
    ],
};

/// All sections, in the order of the reference.
pub static ALL: &[&Section] = &[
    &ROOT,
    &SCENARIO,
    &OUTPUT,
    &POLICY,
    &AZURE,
    &SITE,
    &LINK,
    &MANAGEMENT_SERVER,
    &CONFIGURATION_SERVER,
    &PROCESS_SERVER,
    &MASTER_TARGET,
    &VCENTER,
    &VM,
    &GROUP,
    &PROFILE,
    &DISK,
    &WORKLOAD,
    &LOCALITY,
    &BURST,
    &STEP,
    &CONDITION,
    &EXPECT,
];

/// The reference as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = String::new();
    for section in ALL {
        text.push_str(&format!("### {}\n\n{}\n\n", section.title, section.about));
        text.push_str("| key | accepts | default | meaning |\n|---|---|---|---|\n");
        for key in section.keys {
            let default = if key.default.is_empty() {
                "(needed)"
            } else {
                key.default
            };
            text.push_str(&format!(
                "| `{}` | {} | {} | {} |\n",
                key.name, key.accepts, default, key.meaning
            ));
        }
        text.push('\n');
    }
    text.push_str(&crate::read::model::reference());
    text
}
