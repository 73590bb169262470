//! The fault catalogue: what can happen to an estate, by name, with where it is documented, what is to be seen then, and what puts it right.
//!
//! Two kinds of entry. What physics does to any component is a kind of `[[fault]]`; nobody documents it for one product. What the product's
//! documentation names (facts §6) has its name, code, symptom and remedy from there, and is made of one of those kinds. Rows of the
//! documentation whose component or step is not there yet are listed too, and say so.

use crate::keys;

/// A row of the product's documentation.
#[derive(Debug, Clone, Copy)]
pub struct Documented {
    /// Its name here.
    pub name: &'static str,
    /// The product's codes, where there are any.
    pub code: &'static str,
    /// Its row in the facts, §6.
    pub row: &'static str,
    /// What happens.
    pub does: &'static str,
    /// What is to be seen; of our own model where the documentation says nothing.
    pub symptom: &'static str,
    /// Whether the symptom is documented.
    pub is_documented: bool,
    /// What puts it right.
    pub remedy: &'static str,
    /// How it is written, for the estate of `scenarios/journey.toml`; none where the product does not have it yet.
    pub example: Option<&'static str>,
}

impl Documented {
    /// The kind of `[[fault]]` that it is made of.
    #[must_use]
    pub fn kind(&self) -> Option<&'static str> {
        let (_, after) = self.example?.split_once("kind = \"")?;
        let (word, _) = after.split_once('"')?;
        Some(word)
    }
}

const fn row(
    (row, name, code): (&'static str, &'static str, &'static str),
    does: &'static str,
    (symptom, is_documented): (&'static str, bool),
    remedy: &'static str,
    example: &'static str,
) -> Documented {
    Documented {
        name,
        code,
        row,
        does,
        symptom,
        is_documented,
        remedy,
        example: Some(example),
    }
}

const fn later(row: &'static str, name: &'static str, code: &'static str, does: &'static str) -> Documented {
    Documented {
        name,
        code,
        row,
        does,
        symptom: "",
        is_documented: false,
        remedy: "",
        example: None,
    }
}

/// The documented rows, in their order.
pub static DOCUMENTED: &[Documented] = &[
    later(
        "F1",
        "churn-above-limit",
        "78188",
        "a disk or machine writes more than Azure takes in",
    ),
    row(
        ("F2", "low-bandwidth", ""),
        "a link carries less than the estate changes",
        (
            "uploads are forecast to take over 30 min, the RPO passes its threshold",
            true,
        ),
        "raise the rate or the limit",
        "[[fault]]\nname = \"slow line\"\nkind = \"link-degraded\"\nlink = \"internet\"\nrate = \"1 Mbit/s\"\nat = \"10 min\"\nlasts = \"5 min\"\n",
    ),
    row(
        ("F3", "cache-filling", ""),
        "the cache disk of a process server has no room",
        ("alerts, and all machines of the process server are throttled", true),
        "more room, another process server, or machines moved to one",
        "[[fault]]\nname = \"cache full\"\nkind = \"disk-full\"\nmachine = \"management\"\nat = \"10 min\"\nlasts = \"5 min\"\n",
    ),
    row(
        ("F4", "process-server-overload", ""),
        "the processors of a process server are at their end",
        (
            "batches wait to be sealed and the RPO grows (our model; warnings above 80 % and 95 % are not modelled, nor is memory)",
            false,
        ),
        "another process server",
        "[[fault]]\nname = \"overload\"\nkind = \"compute-slow\"\nmachine = \"management\"\ntimes = 10000\nat = \"10 min\"\nlasts = \"5 min\"\n",
    ),
    row(
        ("F5", "process-server-down", "806"),
        "a process server is silent for 15 min",
        ("a critical alert 806; no machine moves by itself; the RPO grows", true),
        "start it again, or move its machines",
        "[[fault]]\nname = \"process server down\"\nkind = \"process-crash\"\nmachine = \"management\"\ncomponent = \"process-server\"\nat = \"6 min\"\nlasts = \"16 min\"\n",
    ),
    row(
        ("F6", "process-server-unreachable", "78186, 78028"),
        "port 9443 is blocked between sources and process server",
        (
            "no recovery points of either kind; an initial replication stays at 0 %",
            true,
        ),
        "open 9443",
        "[[fault]]\nname = \"firewall\"\nkind = \"port-blocked\"\nport = 9443\nat = \"10 min\"\nlasts = \"5 min\"\n",
    ),
    row(
        ("F7", "azure-unreachable", ""),
        "port 443 to Azure is blocked",
        ("the process server idles, its cache grows", true),
        "let the addresses through the firewall",
        "[[fault]]\nname = \"firewall\"\nkind = \"port-blocked\"\nport = 443\nmachine = \"management\"\nat = \"10 min\"\nlasts = \"5 min\"\n",
    ),
    row(
        ("F8", "agent-heartbeat-lost", "78174"),
        "the Mobility service of a machine is silent",
        ("the machine is critical and makes no new points", true),
        "start the service again",
        "[[fault]]\nname = \"service stopped\"\nkind = \"process-crash\"\nmachine = \"web\"\ncomponent = \"mobility-service\"\nat = \"6 min\"\nlasts = \"16 min\"\n",
    ),
    row(
        ("F9", "master-target-heartbeat-lost", "78022"),
        "a master target is silent",
        ("replication on the way back stops", true),
        "register it again",
        "[[fault]]\nname = \"master target stopped\"\nkind = \"process-crash\"\nmachine = \"management\"\ncomponent = \"master-target\"\nat = \"6 min\"\nlasts = \"16 min\"\n",
    ),
    row(
        ("F10", "configuration-server-down", ""),
        "the configuration server does not run",
        ("no management, no failback; replication flows on (our model)", false),
        "start it, or restore it with the same address",
        "[[fault]]\nname = \"configuration server down\"\nkind = \"process-crash\"\nmachine = \"management\"\ncomponent = \"configuration-server\"\nat = \"10 min\"\nlasts = \"5 min\"\n",
    ),
    later(
        "F11",
        "certificate-expired",
        "curl 60",
        "the configuration server's certificate is past its end",
    ),
    row(
        ("F12", "clock-skew", "ACS50008"),
        "a machine's clock is off",
        (
            "the RPO that is shown is wrong; past 15 min registration fails (not modelled)",
            true,
        ),
        "synchronise the time",
        "[[fault]]\nname = \"wrong time\"\nkind = \"clock-jump\"\nmachine = \"web\"\nforward = \"20 min\"\nat = \"10 min\"\nlasts = \"5 min\"\n",
    ),
    later(
        "F13",
        "configuration-server-moved",
        "",
        "the configuration server has another address",
    ),
    later(
        "F14",
        "tls-refused",
        "curl 7, 35, 60",
        "TLS or a proxy refuses the connection",
    ),
    row(
        ("F15", "vss-failure", "78144"),
        "the applications of a machine cannot be quiesced",
        ("no app-consistent points, crash-consistent ones go on", true),
        "repair the VSS provider",
        "[[fault]]\nname = \"broken writer\"\nkind = \"quiesce-fails\"\nvm = \"web\"\nlasts = \"2 h\"\nmay_miss = true\n",
    ),
    later(
        "F16",
        "push-refused",
        "95107, 95108, 95517, 95518",
        "credentials do not allow the push installation",
    ),
    later(
        "F17",
        "push-logon-refused",
        "95519 to 95522",
        "the logon of the push installation is refused",
    ),
    row(
        ("F18", "push-unreachable", "95117, 95523"),
        "the machine cannot be reached for a push installation",
        ("the installation fails, and the machine cannot be protected", true),
        "let the port through",
        "[[fault]]\nname = \"firewall\"\nkind = \"port-blocked\"\nport = 22\nlasts = \"1 min\"\nmay_miss = true\n",
    ),
    later(
        "F19",
        "push-sharing-off",
        "95103, 95105, 95106",
        "file sharing or WMI is off",
    ),
    later(
        "F20",
        "boot-layout-unsupported",
        "95309 to 95313, 95320",
        "the machine boots in a way that is not supported",
    ),
    row(
        ("F21", "initial-replication-stuck", "78169"),
        "an initial replication does not get through",
        ("it stays at 0 %", true),
        "connectivity, time",
        "[[fault]]\nname = \"apart\"\nkind = \"apart\"\nbetween = [\"web\", \"management\"]\nat = \"45 s\"\nlasts = \"2 min\"\n",
    ),
    row(
        ("F22", "forced-shutdown", ""),
        "a protected machine loses its power",
        ("it needs a resynchronization", true),
        "wait for it, or order it",
        "[[fault]]\nname = \"plug pulled\"\nkind = \"power-loss\"\nmachine = \"web\"\nat = \"10 min\"\nlasts = \"1 min\"\n",
    ),
    row(
        ("F23", "vcenter-lost", "95126"),
        "vCenter does not answer",
        ("machines are not discovered, a failback cannot detach disks", true),
        "bring it back",
        "[[fault]]\nname = \"vcenter down\"\nkind = \"process-crash\"\nmachine = \"vcenter\"\ncomponent = \"vcenter\"\nat = \"10 min\"\nlasts = \"5 min\"\n",
    ),
    later("F24", "policy-refused", "78253", "a policy cannot be associated"),
    row(
        ("F25", "quota-exceeded", "28031, 28092, 70038"),
        "Azure refuses to make a machine",
        (
            "the failover fails as the machine is made, after 10 min of asking again (our model)",
            true,
        ),
        "a larger quota, then the failover again",
        "[[fault]]\nname = \"quota\"\nkind = \"boots-refused\"\nmachine = \"azure-compute\"\ncode = \"28031 the quota of cores is used up\"\nlasts = \"2 h\"\nmay_miss = true\n",
    ),
    row(
        ("F26", "hydration-failed", "170010"),
        "a machine cannot be made bootable in Azure",
        (
            "the failover fails as the machine is made, after 10 min of asking again (our model)",
            true,
        ),
        "the script that enables the drivers, then the failover again",
        "[[fault]]\nname = \"hydration\"\nkind = \"boots-refused\"\nmachine = \"azure-compute\"\ncode = \"170010 hydration failed\"\nlasts = \"2 h\"\nmay_miss = true\n",
    ),
    later(
        "F27",
        "test-failover-left",
        "",
        "a test failover that was not cleaned up blocks another",
    ),
    later(
        "F28",
        "alive-on-both-sides",
        "",
        "the source was not shut down and lives beside its failover",
    ),
    later("F29", "failover-cancelled", "", "the operator cancels a failover"),
    later(
        "F30",
        "disk-type-changed",
        "",
        "another type of target disk makes old points unusable",
    ),
    row(
        ("F31", "vpn-down", "95226"),
        "the machine in Azure does not reach the configuration server",
        ("protecting again fails, or waits", true),
        "bring the VPN up",
        "[[fault]]\nname = \"vpn down\"\nkind = \"link-cut\"\nlink = \"vpn\"\nafter = \"commit\"\nlasts = \"1 min\"\nmay_miss = true\n",
    ),
    later(
        "F32",
        "name-clash-on-host",
        "78052",
        "another machine of the same name is on the host",
    ),
    later(
        "F33",
        "azure-machine-hung",
        "78093",
        "the machine in Azure does not answer",
    ),
    later(
        "F34",
        "datastore-unreachable",
        "8061",
        "the datastore cannot be reached",
    ),
    row(
        ("F35", "host-out-of-memory", "8038"),
        "the host has no memory left",
        (
            "the machine that comes home is not switched on; that is tried again (our model)",
            true,
        ),
        "memory for the host",
        "[[fault]]\nname = \"no memory\"\nkind = \"boots-refused\"\nmachine = \"vcenter\"\ncode = \"8038 the host has no memory left\"\nlasts = \"2 h\"\nmay_miss = true\n",
    ),
    later(
        "F36",
        "master-target-restrictions",
        "",
        "snapshots, storage vMotion, controllers at the master target",
    ),
    row(
        ("F37", "vpn-lost-in-failback", ""),
        "the VPN goes while a machine comes home",
        ("it stalls, and goes on when the VPN is back (our model)", false),
        "bring the VPN up",
        "[[fault]]\nname = \"vpn lost\"\nkind = \"link-cut\"\nlink = \"vpn\"\nafter = \"reprotect\"\nlasts = \"30 s\"\nmay_miss = true\n",
    ),
    later(
        "F38",
        "group-over-several-targets",
        "",
        "a replication group of several systems or master targets",
    ),
    row(
        ("F39", "group-port-blocked", ""),
        "port 20004 is blocked between members of a replication group",
        ("no shared recovery points; the members' own go on (our model)", false),
        "open 20004",
        "[[fault]]\nname = \"firewall\"\nkind = \"port-blocked\"\nport = 20004\nat = \"10 min\"\nlasts = \"5 min\"\nmay_miss = true\n",
    ),
    later(
        "F40",
        "agent-expired",
        "",
        "the Mobility service is too old for the vault",
    ),
    row(
        ("F41", "storage-throttled", ""),
        "the storage account refuses requests: busy, to be asked again later",
        (
            "batches wait and are stored later; an alert where it goes on (our model)",
            false,
        ),
        "another account",
        "[[fault]]\nname = \"throttled\"\nkind = \"requests-refused\"\nat = \"10 min\"\nlasts = \"5 min\"\n",
    ),
    later(
        "F42",
        "stale-entries",
        "",
        "the configuration server's database has entries of another time",
    ),
];

/// The kinds of `[[fault]]`: word, what it does, its keys.
pub fn kinds() -> impl Iterator<Item = &'static keys::Variant> {
    let variants = keys::FAULT
        .variants
        .as_ref()
        .map_or(&[] as &[keys::Variant], |variants| variants.of);
    variants.iter()
}

/// The documented row of a name.
#[must_use]
pub fn documented(name: &str) -> Option<&'static Documented> {
    DOCUMENTED
        .iter()
        .find(|row| row.name == name || row.row.eq_ignore_ascii_case(name))
}
