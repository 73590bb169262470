//! Tables of machines: where they go, what stands in their way, what they cost.

use std::collections::BTreeMap;

use planning::gates::{Finding, Unit};
use planning::plan::{Compatibility, Machine, Plan};

use super::{Cell, Column, Table, column, from, text};
use crate::plan::units::Kind;
use crate::plan::words::{account, compatibility, rule, storage};

fn name_columns() -> Vec<Column> {
    vec![
        text(
            "machine",
            "machine",
            "The name of the VM or physical server, as in your input.",
        ),
        text("host", "ESXi host", "The host that it runs on, where that is known."),
    ]
}

fn names(machine: &Machine) -> Vec<Cell> {
    vec![
        Cell::text(&machine.name),
        Cell::text(machine.host.as_deref().unwrap_or_default()),
    ]
}

/// Machines that count.
fn counted(plan: &Plan) -> impl Iterator<Item = &Machine> {
    let counts = |machine: &&Machine| machine.compatibility != Compatibility::No;
    plan.machines.iter().filter(counts)
}

/// The names of each account's machines.
pub(super) fn account_names(plan: &Plan) -> Vec<Vec<&str>> {
    let name = |vm: &usize| plan.machines.get(*vm).map(|machine| machine.name.as_str());
    let names = |account: &planning::placement::Account| account.vms.iter().filter_map(name).collect();
    plan.accounts.iter().map(names).collect()
}

/// Premium disks of a machine: `P20, P30*`; the star marks those that its load made larger.
fn tiers(machine: &Machine) -> String {
    let tier = |disk: &planning::gates::DiskTarget| {
        let star = if disk.raised { "*" } else { "" };
        disk.tier.as_ref().map(|tier| format!("{tier}{star}"))
    };
    machine.disks.iter().filter_map(tier).collect::<Vec<_>>().join(", ")
}

pub(super) fn placement(plan: &Plan) -> Table {
    let mut columns = name_columns();
    columns.extend([
        text(
            "storage",
            "storage",
            "Standard where it suffices for all disks of the machine, else premium.",
        ),
        text(
            "account",
            "storage account",
            "Its name with the prefix of three characters that keeps accounts apart in Azure's storage.",
        ),
        text(
            "log_account",
            "log account",
            "The standard account for the logs of a premium one.",
        ),
        column("disks", "disks", Kind::Count, "Disks of the machine."),
        text(
            "premium_disks",
            "premium disks",
            "Their sizes; a star marks a disk that its load made larger than its size needs.",
        ),
        column("size", "size of the disks", Kind::Bytes, from(plan, "disk-size")),
    ]);
    let logs: BTreeMap<String, &str> = plan
        .accounts
        .iter()
        .filter_map(|one| Some((format!("{}{}", one.prefix, one.name), one.log_account.as_deref()?)))
        .collect();
    let log = |machine: &Machine| machine.account.as_ref().and_then(|account| logs.get(account).copied());
    let rows = counted(plan).map(|machine| {
        let mut row = names(machine);
        row.extend([
            Cell::text(storage(machine.storage)),
            Cell::text(machine.account.as_deref().unwrap_or_default()),
            Cell::text(log(machine).unwrap_or_default()),
            Cell::count(machine.disks.len()),
            Cell::text(tiers(machine)),
            Cell::Figure(machine.size_bytes, Kind::Bytes),
        ]);
        row
    });
    Table {
        name: "placement",
        sheet: "VM-storage placement",
        title: "Where machines go in Azure",
        note: "Machines by storage account. A machine stays together: it is on premium storage as a whole as soon as a disk needs it."
            .to_owned(),
        columns,
        rows: rows.collect(),
    }
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.collect::<Vec<_>>().join("; ")
}

pub(super) fn compatible(plan: &Plan) -> Table {
    let mut columns = name_columns();
    let peak = from(plan, "peak");
    columns.extend([
        text(
            "compatible",
            "can be protected",
            "Yes*: with a larger premium disk than its size needs. Included by you: it breaks rules and counts all the same.",
        ),
        column("size", "size of the disks", Kind::Bytes, from(plan, "disk-size")),
        column("disks", "disks", Kind::Count, "Disks of the machine."),
        column("peak_churn", "peak churn", Kind::BytesPerSecond, format!("What its disks write at their peak. {peak}")),
        column("mean_churn", "mean churn", Kind::BytesPerSecond, from(plan, "mean")),
        column("peak_iops", "peak IOPS", Kind::Iops, format!("Reads and writes a second. {peak}")),
        column("peak_write_iops", "peak write IOPS", Kind::Iops, format!("Writes a second. {peak}")),
        text("storage", "storage", "Standard where it suffices for all disks of the machine, else premium."),
        text("azure_size", "size in Azure", "The smallest size of the newest series that has its vCPUs, memory, disks and adapters."),
        column("vcpus", "vCPUs", Kind::Count, "As in your input."),
        column("memory", "memory", Kind::Bytes, "As in your input."),
        column("nics", "network adapters", Kind::Count, "As in your input."),
        text("boot", "boot", "BIOS or EFI."),
        text("os", "operating system", "As in your input."),
        text("notes", "to mind", "What to mind about it, and rules that it breaks where you included it."),
    ]);
    let rows = counted(plan).map(|machine| {
        let mut row = names(machine);
        let said = machine.findings.iter().map(|finding| finding.text.as_str());
        let notes = said.chain(machine.notes.iter().map(|note| note.text.as_str()));
        row.extend([
            Cell::text(compatibility(machine.compatibility)),
            Cell::Figure(machine.size_bytes, Kind::Bytes),
            Cell::count(machine.disks.len()),
            Cell::may(machine.peak_churn, Kind::BytesPerSecond),
            Cell::may(machine.mean_churn, Kind::BytesPerSecond),
            Cell::may(machine.peak_iops, Kind::Iops),
            Cell::may(machine.peak_write_iops, Kind::Iops),
            Cell::text(storage(machine.storage)),
            Cell::text(machine.azure_size.as_deref().unwrap_or("none is large enough")),
            Cell::Figure(u64::from(machine.cores), Kind::Count),
            Cell::Figure(machine.memory_bytes, Kind::Bytes),
            Cell::Figure(u64::from(machine.nics), Kind::Count),
            Cell::text(machine.boot),
            Cell::text(&machine.os),
            Cell::text(list(notes)),
        ]);
        row
    });
    Table {
        name: "compatible_machines",
        sheet: "Compatible VMs",
        title: "Machines that can be protected",
        note: "Peaks and means have growth in them. Empty: not known.".to_owned(),
        columns,
        rows: rows.collect(),
    }
}

/// What was found and what is allowed; words where a rule has no figure.
pub(crate) fn found(finding: &Finding) -> (Cell, Cell) {
    match (finding.unit, finding.found, finding.limit) {
        // 32 bits of an operating system are not too many.
        (Unit::Count, 32, 64) => (Cell::text("32 bits"), Cell::text("64 bits")),
        (Unit::Count, _, 0) => (Cell::Empty, Cell::Empty),
        (unit, found, limit) => (Cell::Figure(found, unit.into()), Cell::Figure(limit, unit.into())),
    }
}

pub(super) fn incompatible(plan: &Plan) -> Table {
    let mut columns = name_columns();
    columns.extend([
        text("rule", "rule", "The rule that it breaks, by its name."),
        text("text", "why", "The rule in words."),
        text(
            "disk",
            "disk",
            "The disk that breaks it; empty where it is the machine.",
        ),
        text("found", "found", "What was found; peaks are percentiles with growth."),
        text("limit", "allowed at the most", "The rule's figure."),
        text("unit", "unit of both", "The unit of both in the file of this table."),
        column("size", "size of the disks", Kind::Bytes, "All disks of the machine."),
        text(
            "era",
            "era",
            "Whose limits count: the state of the product at that time.",
        ),
        text("source", "source", "The document that says so."),
    ]);
    let machines = plan
        .machines
        .iter()
        .filter(|machine| machine.compatibility == Compatibility::No);
    let rows = machines.flat_map(|machine| {
        machine.findings.iter().map(move |finding| {
            let (found, limit) = found(finding);
            let unit = match found {
                Cell::Figure(_, kind) => kind.unit(),
                _ => "",
            };
            let mut row = names(machine);
            row.extend([
                Cell::text(rule(finding.rule)),
                Cell::text(&finding.text),
                Cell::text(finding.disk.as_deref().unwrap_or_default()),
                found,
                limit,
                Cell::text(unit),
                Cell::Figure(machine.size_bytes, Kind::Bytes),
                Cell::text(finding.era.name()),
                Cell::text(&finding.source),
            ]);
            row
        })
    });
    Table {
        name: "incompatible_machines",
        sheet: "Incompatible VMs",
        title: "Machines that cannot be protected",
        note: "A row for each rule that a machine breaks. They are left out of all other figures.".to_owned(),
        columns,
        rows: rows.collect(),
    }
}

pub(super) fn accounts(plan: &Plan, names: &[Vec<&str>]) -> Table {
    let peak = from(plan, "peak");
    let columns = vec![
        text(
            "account",
            "storage account",
            "Its prefix and its name; put your own words after it.",
        ),
        text(
            "kind",
            "kind",
            "Standard, premium, or the cache account of managed disks.",
        ),
        text(
            "log_account",
            "log account",
            "The standard account for the logs of a premium one.",
        ),
        column("machines", "machines", Kind::Count, "Machines in it."),
        column("disks", "disks", Kind::Count, "Their disks."),
        column("size", "size of the disks", Kind::Bytes, "Their sum."),
        column(
            "peak_iops",
            "peak IOPS",
            Kind::Iops,
            format!("The sum of its machines' peaks. {peak}"),
        ),
        column(
            "peak_write_iops",
            "peak write IOPS",
            Kind::Iops,
            format!("The sum of its machines' peaks. {peak}"),
        ),
        column(
            "snapshots",
            "snapshots",
            Kind::Bytes,
            "What recovery points take while they are kept.",
        ),
        text(
            "exceeded",
            "too much for an account",
            "Yes: a single machine is more than an account carries.",
        ),
        text("names", "which machines", "Their names."),
    ];
    let rows = plan.accounts.iter().zip(names).map(|(one, names)| {
        vec![
            Cell::text(format!("{}{}", one.prefix, one.name)),
            Cell::text(account(one.kind)),
            Cell::text(one.log_account.as_deref().unwrap_or_default()),
            Cell::count(one.vms.len()),
            Cell::Figure(u64::from(one.disks), Kind::Count),
            Cell::Figure(one.size_bytes, Kind::Bytes),
            Cell::Figure(one.iops, Kind::Iops),
            Cell::Figure(one.write_iops, Kind::Iops),
            Cell::Figure(one.snapshot_bytes, Kind::Bytes),
            Cell::text(if one.exceeded { "yes" } else { "" }),
            Cell::text(names.join(", ")),
        ]
    });
    Table {
        name: "storage_accounts",
        sheet: "Storage accounts",
        title: "Storage accounts",
        note: format!("What an account carries: {}.", crate::plan::words::account_source(plan)),
        columns,
        rows: rows.collect(),
    }
}

pub(super) fn notes(plan: &Plan) -> Table {
    let mut columns = name_columns();
    columns.extend([
        text("about", "about", "What it is about."),
        text("text", "what to mind", "What to mind."),
    ]);
    let rows = plan.machines.iter().flat_map(|machine| {
        machine.notes.iter().map(move |note| {
            let mut row = names(machine);
            row.extend([Cell::text(rule(note.name)), Cell::text(&note.text)]);
            row
        })
    });
    Table {
        name: "notes",
        sheet: "Notes",
        title: "What to mind about machines",
        note: "None of these keeps a machine from being protected.".to_owned(),
        columns,
        rows: rows.collect(),
    }
}

pub(super) fn costs(plan: &Plan) -> Table {
    let currency = plan
        .cost
        .as_ref()
        .map_or_else(String::new, |cost| format!(" ({})", cost.currency));
    let mut columns = name_columns();
    columns.extend([
        column(
            "replication",
            format!("replication, per month{currency}"),
            Kind::Money,
            format!("Storage and protection. {}", super::estate::MONTH),
        ),
        column(
            "drill",
            format!("drills, per month{currency}"),
            Kind::Money,
            format!("Compute, storage and licence. {}", super::estate::MONTH),
        ),
    ]);
    let costs = plan.cost.iter().flat_map(|cost| &cost.machines);
    let rows = counted(plan).zip(costs).map(|(machine, cost)| {
        let mut row = names(machine);
        row.extend([
            Cell::Figure(cost.replication_micros, Kind::Money),
            Cell::Figure(cost.drill_micros, Kind::Money),
        ]);
        row
    });
    Table {
        name: "cost_of_machines",
        sheet: "Cost of VMs",
        title: "Cost by machine",
        note: "Each rounded up for itself; what machines share (network, machines that always run) is not in it."
            .to_owned(),
        columns,
        rows: rows.collect(),
    }
}
