//! Texts of findings in the scenario's names. Oracle and laws know machines and disks by number, and say `disk 1 of vm0`; who reads a finding
//! knows `web.data`.

use datapath::{DiskId, VmId};

/// A text in which disks and machines are called as the scenario calls them.
pub(crate) fn with_names(
    text: &str,
    disk: impl Fn(DiskId) -> String,
    machine: impl Fn(usize) -> Option<String>,
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        // Inside a longer word it is none of ours.
        let inside = out.ends_with(|c: char| c.is_alphanumeric());
        let found = (!inside).then(|| {
            disk_at(rest)
                .map(|(id, after)| (disk(id), after))
                .or_else(|| machine_at(rest).and_then(|(number, after)| Some((machine(number)?, after))))
        });
        match found.flatten() {
            Some((name, after)) => {
                out.push_str(&name);
                rest = after;
            }
            None => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}

/// `disk 1 of vm0`, `DiskId { vm: VmId(0), index: 1 }`, or the start of a volume's name, `vm0/disk1@source`; and what follows it.
fn disk_at(text: &str) -> Option<(DiskId, &str)> {
    let forms = [
        ("disk ", " of vm", "", true),
        ("DiskId { vm: VmId(", "), index: ", " }", false),
        ("vm", "/disk", "@", false),
    ];
    let (first, second, rest, index_first) = forms.into_iter().find_map(|(before, between, after, index_first)| {
        let (first, rest) = number(text.strip_prefix(before)?)?;
        let (second, rest) = number(rest.strip_prefix(between)?)?;
        let kept = if after == "@" { rest } else { rest.strip_prefix(after)? };
        rest.starts_with(after).then_some((first, second, kept, index_first))
    })?;
    let (vm, index) = if index_first { (second, first) } else { (first, second) };
    let disk = DiskId {
        vm: VmId(u32::try_from(vm).ok()?),
        index: u16::try_from(index).ok()?,
    };
    Some((disk, rest))
}

/// `MachineId(7)`, and what follows it.
fn machine_at(text: &str) -> Option<(usize, &str)> {
    let (machine, rest) = number(text.strip_prefix("MachineId(")?)?;
    Some((usize::try_from(machine).ok()?, rest.strip_prefix(')')?))
}

fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_calls_disks_and_machines_by_their_names() {
        let disks = [["web.os", "web.data"], ["vm0.os", "vm0.x"]];
        let disk = |disk: DiskId| disks[disk.vm.0 as usize][usize::from(disk.index)].to_owned();
        let machine = |machine: usize| ["portal", "web"].get(machine).map(|name| (*name).to_owned());
        for (text, expected) in [
            (
                "point 3, disk 1 of vm0: 2 of 9 extents are wrong; disk 0 of vm1 was not shown",
                "point 3, web.data: 2 of 9 extents are wrong; vm0.os was not shown",
            ),
            (
                "Life { machine: MachineId(1), incarnation: 0 }",
                "Life { machine: web, incarnation: 0 }",
            ),
            (
                "volume vm0/disk1@source: [(DiskId { vm: VmId(0), index: 0 }, 512)], vm0/disk1/batch-1",
                "volume web.data@source: [(web.os, 512)], vm0/disk1/batch-1",
            ),
            (
                "a disk 1 of 2, MachineId(9), subdisk 1 of vm0, disk 5",
                "a disk 1 of 2, MachineId(9), subdisk 1 of vm0, disk 5",
            ),
            (
                "über disk 18446744073709551616 of vm0",
                "über disk 18446744073709551616 of vm0",
            ),
        ] {
            assert_eq!(with_names(text, disk, machine), expected);
        }
    }
}
