//! **The vault's key, and the keys made of it, stand in no frame, no file and no record; what a guest has on its disks stands in clear only on
//! the first part of its way.**
//!
//! Why it holds: whoever seals and opens has the key in its memory and derives the others there; a process server seals before it sends and
//! before anything reaches Azure, and what is stored is opened in memory. So who reads the storage account, the service's disk or a link to
//! Azure reads ciphertext. Reference: design §2, "Seal"; facts §1.3. The sealed files themselves are [`super::storage_holds_ciphertext`]'s.
//!
//! Judged by bytes, wherever they pass: the payload of each frame, each write to a file, each record of the event log (facts, and frames'
//! bodies). Looked for are the keys, a stretch of 32 bytes of what each disk held at the start, and of one in 64 writes; a stretch has many
//! different bytes, so that nothing else has the same by chance. Only real content has such bytes: in the modelled grains there is nothing to
//! look at, and the law does not look.
//!
//! Where plain text may be is [`PLACES`]. Disks are no part of it, and are not looked at, for content is what they are for: the guest's own
//! and its Azure machine's, what a master target writes to, and what the service put together (the replica's base and its layers, volumes that
//! stand for managed disks, encrypted at rest by the platform). A key on a disk would have come there through a file or a frame.

use actors::messages::replication::PORT_REPLICATION;
use actors::nouns::{ComponentKind, MachineId};
use datapath::DiskId;

use crate::secrets::{Leak, Place, Secret};

crate::law! {
    "secrets-stay-in-place", "keys stand in no frame, file or record, and what guests wrote in none past the process server's cache";

    KeyInFrame of from { from: MachineId, to: MachineId, port: u16, key: String } =>
        "{key} stands in a frame that {from} sent to {to} on port {port}";
    KeyInFile of machine { machine: MachineId, file: String, key: String } => "{key} stands in {file} of {machine}";
    KeyInRecord { record: u64, key: String } => "{key} stands in record {record} of the event log";
    PlainTextInFrame of disk { disk: DiskId, from: MachineId, to: MachineId, port: u16 } =>
        "what {disk} holds stands in clear in a frame that {from} sent to {to} on port {port}";
    PlainTextInFile of disk { disk: DiskId, machine: MachineId, file: String } =>
        "what {disk} holds stands in clear in {file} of {machine}";
    PlainTextInRecord of disk { disk: DiskId, record: u64 } => "what {disk} holds stands in clear in record {record} of the event log";
}

/// A place where plain text has business.
#[derive(Debug, Clone, Copy)]
pub enum Allowed {
    /// Frames to whoever listens on a port.
    Frames {
        /// The port.
        port: u16,
    },
    /// Files of a component.
    Files {
        /// The component.
        component: ComponentKind,
        /// How their names begin.
        prefix: &'static str,
    },
}

/// The places where plain text has business, and why.
pub const PLACES: &[(Allowed, &str)] = &[
    (
        Allowed::Files {
            component: ComponentKind::Agent,
            prefix: "journal/",
        },
        "the Mobility service's journal is on the machine whose writes it holds, beside the disk that they went to",
    ),
    (
        Allowed::Frames { port: PORT_REPLICATION },
        "a Mobility service sends what it has to its process server as it is; both are on one site, on premises or in one network of Azure",
    ),
    (
        Allowed::Files {
            component: ComponentKind::ProcessServer,
            prefix: "cache/",
        },
        "a process server keeps what it took in until it is stored: it compresses and seals on the way out",
    ),
];

/// Whether plain text has business in a frame to a port, sent to who listens there or back.
#[must_use]
pub fn frame_may_hold_plain_text(port: u16, to_listener: bool) -> bool {
    let allowed = |(place, _): &(Allowed, &str)| matches!(place, Allowed::Frames { port: to } if *to == port);
    to_listener && PLACES.iter().any(allowed)
}

/// Whether plain text has business in a file of a machine with these components.
#[must_use]
pub fn file_may_hold_plain_text(components: &[ComponentKind], file: &str) -> bool {
    PLACES.iter().any(|(place, _)| match place {
        Allowed::Files { component, prefix } => file.starts_with(prefix) && components.contains(component),
        Allowed::Frames { .. } => false,
    })
}

/// What was seen where it has no business.
#[must_use]
pub fn check(leaks: Vec<Leak>) -> Vec<Broken> {
    let broken = |Leak { secret, place }: Leak| match (secret, place) {
        (Secret::Key(key), place) => {
            let key = name(key);
            match place {
                Place::Frame { from, to, port } => Broken::KeyInFrame { from, to, port, key },
                Place::File { machine, name: file } => Broken::KeyInFile { machine, file, key },
                Place::Record { ordinal: record } => Broken::KeyInRecord { record, key },
            }
        }
        (Secret::Content(disk), place) => match place {
            Place::Frame { from, to, port } => Broken::PlainTextInFrame { disk, from, to, port },
            Place::File { machine, name: file } => Broken::PlainTextInFile { disk, machine, file },
            Place::Record { ordinal: record } => Broken::PlainTextInRecord { disk, record },
        },
    };
    leaks.into_iter().map(broken).collect()
}

fn name(key: Option<(DiskId, bool)>) -> String {
    match key {
        None => "the vault's key".to_owned(),
        Some((disk, false)) => format!("the key of {disk}"),
        Some((disk, true)) => format!("the key of what of {disk} is merged"),
    }
}

#[cfg(test)]
mod tests {
    use datapath::VmId;

    use super::*;
    use crate::findings::Violation;

    const DISK: DiskId = DiskId { vm: VmId(1), index: 0 };

    #[test]
    fn plain_text_has_business_on_the_first_part_of_its_way_alone() {
        use ComponentKind::{Agent, ProcessServer, Service, Storage};
        assert!(frame_may_hold_plain_text(9443, true));
        for (port, to_listener) in [(9443, false), (443, true), (443, false), (9444, true), (8080, true)] {
            assert!(!frame_may_hold_plain_text(port, to_listener), "{port}");
        }
        assert!(file_may_hold_plain_text(
            &[Agent],
            "journal/protection-001-00000001.hrl"
        ));
        assert!(file_may_hold_plain_text(&[Service, ProcessServer], "cache/vm-000000/x"));
        for (components, file) in [
            (&[Storage][..], "segments/0001/vm0/disk0/batch-00000001"),
            (&[Storage], "journal/x"),
            (&[Service], "kept/vm0"),
            (&[ProcessServer], "served/vm-000000"),
            (&[Agent], "cache/vm-000000/x"),
        ] {
            assert!(!file_may_hold_plain_text(components, file), "{file}");
        }
    }

    #[test]
    fn each_leak_is_a_finding_of_its_own_shape() {
        let places = [
            Place::Frame {
                from: MachineId(1),
                to: MachineId(2),
                port: 443,
            },
            Place::File {
                machine: MachineId(3),
                name: "segments/x".to_owned(),
            },
            Place::Record { ordinal: 7 },
        ];
        let secrets = [Secret::Key(None), Secret::Content(DISK)];
        let leaks = secrets.iter().flat_map(|secret| {
            let secret = *secret;
            places.iter().cloned().map(move |place| Leak { secret, place })
        });
        let broken = check(leaks.collect());
        let shapes: Vec<&str> = broken.iter().map(Violation::shape).collect();
        assert_eq!(shapes, LAW.shapes);
        assert_eq!(broken[1].text(), "the vault's key stands in segments/x of machine 3");
        assert!(check(Vec::new()).is_empty());
    }
}
