//! The documented rows. What is written here in words stands beside it in `documented/NAME.toml` as what is run.

use super::{Documented, Shown};

const fn row(
    (row, name, code): (&'static str, &'static str, &'static str),
    (strikes, does): (&'static str, &'static str),
    (symptom, is_documented): (&'static str, bool),
    remedy: &'static str,
    example: &'static str,
) -> Documented {
    Documented {
        name,
        code,
        row,
        does,
        shown: Some(Shown {
            strikes,
            symptom,
            is_documented,
            remedy,
            example,
        }),
    }
}

const fn later(row: &'static str, name: &'static str, code: &'static str, does: &'static str) -> Documented {
    Documented {
        name,
        code,
        row,
        does,
        shown: None,
    }
}

/// The documented rows, in their order.
pub static DOCUMENTED: &[Documented] = &[
    row(
        ("F1", "churn-above-limit", "78188"),
        (
            "a disk of a machine",
            "a disk or machine writes more than Azure takes in",
        ),
        (
            "pending upload grows, and no recovery point is made for longer than the threshold",
            true,
        ),
        "a better tier, or what writes so much left out; a burst catches up by itself",
        include_str!("../documented/churn-above-limit.toml"),
    ),
    row(
        ("F2", "low-bandwidth", ""),
        ("a link", "a link carries less than the estate changes"),
        (
            "what waits takes longer to upload than 30 min (a warning) or 45 min (critical), the RPO passes its threshold, and alerts say so",
            true,
        ),
        "raise the rate or the limit",
        include_str!("../documented/low-bandwidth.toml"),
    ),
    row(
        ("F3", "cache-filling", ""),
        (
            "a process server's disk",
            "the cache disk of a process server has no room",
        ),
        (
            "less than 30 % free for 15 min is a warning, less than 25 % critical; below 20 % all machines of the process server are throttled, and with no room there are no recovery points",
            true,
        ),
        "more room, another process server, or machines moved to one",
        include_str!("../documented/cache-filling.toml"),
    ),
    row(
        ("F4", "process-server-overload", ""),
        (
            "a process server's processors",
            "the processors of a process server are at their end",
        ),
        (
            "a warning above 80 % for 15 min, critical above 95 %; batches wait to be sealed and the RPO grows (memory is not modelled)",
            true,
        ),
        "another process server, and machines moved to it",
        include_str!("../documented/process-server-overload.toml"),
    ),
    row(
        ("F5", "process-server-down", "806"),
        ("a process server", "a process server is silent for 15 min"),
        (
            "a critical alert 806 after 15 to 20 min; no machine moves by itself; the RPO grows",
            true,
        ),
        "start it again, or move its machines",
        include_str!("../documented/process-server-down.toml"),
    ),
    row(
        ("F6", "process-server-unreachable", "78186, 78028"),
        (
            "all machines of a process server",
            "port 9443 is blocked between sources and process server",
        ),
        (
            "no recovery points of either kind; what waits grows at the source",
            true,
        ),
        "open 9443",
        include_str!("../documented/process-server-unreachable.toml"),
    ),
    row(
        ("F7", "azure-unreachable", ""),
        ("a process server", "port 443 to Azure is blocked"),
        ("the process server idles, its cache grows; no recovery points", true),
        "let the addresses through the firewall",
        include_str!("../documented/azure-unreachable.toml"),
    ),
    row(
        ("F8", "agent-heartbeat-lost", "78174"),
        ("a machine", "the Mobility service of a machine is silent"),
        ("the machine is critical (78174) and makes no new points", true),
        "start the service again",
        include_str!("../documented/agent-heartbeat-lost.toml"),
    ),
    row(
        ("F9", "master-target-heartbeat-lost", "78022"),
        (
            "a master target, and who comes home through it",
            "a master target is silent",
        ),
        ("a critical alert 78022, and replication on the way back stops", true),
        "register it again",
        include_str!("../documented/master-target-heartbeat-lost.toml"),
    ),
    row(
        ("F10", "configuration-server-down", ""),
        ("a configuration server", "the configuration server does not run"),
        (
            "what needs management fails after 30 min; replication flows on (our model)",
            false,
        ),
        "start it, or restore it with the same address",
        include_str!("../documented/configuration-server-down.toml"),
    ),
    later(
        "F11",
        "certificate-expired",
        "curl 60",
        "the configuration server's certificate is past its end",
    ),
    row(
        ("F12", "clock-skew", "ACS50008"),
        ("a machine", "a machine's clock is off"),
        (
            "the RPO that is shown is wrong, though recovery points are made; past 15 min registration fails (not modelled)",
            true,
        ),
        "synchronise the time",
        include_str!("../documented/clock-skew.toml"),
    ),
    later(
        "F13",
        "configuration-server-moved",
        "",
        "the configuration server has another address",
    ),
    row(
        ("F14", "tls-refused", "curl 7"),
        (
            "a machine that is set up",
            "a proxy, or a firewall on 443, refuses the machine its configuration server",
        ),
        ("registration fails, and the machine cannot be protected", true),
        "let 443 through",
        include_str!("../documented/tls-refused.toml"),
    ),
    row(
        ("F15", "vss-failure", "78144"),
        ("a machine", "the applications of a machine cannot be quiesced"),
        ("no app-consistent points (78144), crash-consistent ones go on", true),
        "repair the VSS provider",
        include_str!("../documented/vss-failure.toml"),
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
        (
            "a machine that is set up",
            "the machine cannot be reached for a push installation",
        ),
        (
            "the installation fails with 95117, and the machine cannot be protected",
            true,
        ),
        "let the port through",
        include_str!("../documented/push-unreachable.toml"),
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
        (
            "a machine that is set up",
            "an initial replication does not get through",
        ),
        ("it stays where it is, and there are no recovery points", true),
        "connectivity, time",
        include_str!("../documented/initial-replication-stuck.toml"),
    ),
    row(
        ("F22", "forced-shutdown", ""),
        ("a machine", "a protected machine loses its power"),
        ("it needs a resynchronization", true),
        "wait for it, or order it",
        include_str!("../documented/forced-shutdown.toml"),
    ),
    row(
        ("F23", "vcenter-lost", "95126"),
        ("a vCenter, and who comes home by it", "vCenter does not answer"),
        ("a failback cannot detach disks: it fails after 30 min", true),
        "bring it back",
        include_str!("../documented/vcenter-lost.toml"),
    ),
    later("F24", "policy-refused", "78253", "a policy cannot be associated"),
    row(
        ("F25", "quota-exceeded", "28031, 28092, 70038"),
        ("Azure's computers", "Azure refuses to make a machine"),
        (
            "the failover fails as the machine is made, after it was asked for again for 10 min",
            true,
        ),
        "a larger quota, then the failover again",
        include_str!("../documented/quota-exceeded.toml"),
    ),
    row(
        ("F26", "hydration-failed", "170010"),
        ("Azure's computers", "a machine cannot be made bootable in Azure"),
        (
            "the failover fails as the machine is made, after it was asked for again for 10 min",
            true,
        ),
        "the script that enables the drivers, then the failover again",
        include_str!("../documented/hydration-failed.toml"),
    ),
    row(
        ("F27", "test-failover-left", ""),
        ("a machine", "a test failover that was not cleaned up blocks another"),
        ("the failover is refused", true),
        "clean it up",
        include_str!("../documented/test-failover-left.toml"),
    ),
    row(
        ("F28", "alive-on-both-sides", ""),
        (
            "a machine",
            "the source was not shut down and lives beside its failover",
        ),
        (
            "the failover goes on without the shutdown, and the machine writes on both sides",
            true,
        ),
        "switch the source off before it is reached again",
        include_str!("../documented/alive-on-both-sides.toml"),
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
        (
            "a machine in Azure",
            "the machine in Azure does not reach the configuration server",
        ),
        ("protecting again fails after 30 min", true),
        "bring the VPN up",
        include_str!("../documented/vpn-down.toml"),
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
        ("a machine that comes home", "the host has no memory left"),
        (
            "the machine is not switched on; an alert says why, and it is tried again",
            true,
        ),
        "memory for the host",
        include_str!("../documented/host-out-of-memory.toml"),
    ),
    later(
        "F36",
        "master-target-restrictions",
        "",
        "snapshots, storage vMotion, controllers at the master target",
    ),
    row(
        ("F37", "vpn-lost-in-failback", ""),
        ("a machine on its way home", "the VPN goes while a machine comes home"),
        ("it stalls, and goes on when the VPN is back (our model)", false),
        "bring the VPN up",
        include_str!("../documented/vpn-lost-in-failback.toml"),
    ),
    later(
        "F38",
        "group-over-several-targets",
        "",
        "a replication group of several systems or master targets",
    ),
    row(
        ("F39", "group-port-blocked", ""),
        (
            "the members of a group",
            "port 20004 is blocked between members of a replication group",
        ),
        ("no shared recovery points; the members' own go on (our model)", false),
        "open 20004",
        include_str!("../documented/group-port-blocked.toml"),
    ),
    later(
        "F40",
        "agent-expired",
        "",
        "the Mobility service is too old for the vault",
    ),
    row(
        ("F41", "storage-throttled", ""),
        (
            "a storage account",
            "the storage account refuses requests: busy, to be asked again later",
        ),
        (
            "batches wait, and are stored later; an alert where it goes on (our model)",
            false,
        ),
        "another account",
        include_str!("../documented/storage-throttled.toml"),
    ),
    later(
        "F42",
        "stale-entries",
        "",
        "the configuration server's database has entries of another time",
    ),
];
