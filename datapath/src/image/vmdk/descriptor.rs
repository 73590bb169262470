//! The descriptor of a VMDK: lines of `key=value`, and one line for each part of the disk.

use super::sectors;
use crate::image::{ImageError, Input};

/// What a descriptor says.
pub(super) struct Descriptor {
    /// The parts of the disk, in order.
    pub extents: Vec<Part>,
}

/// A part of the disk.
pub(super) struct Part {
    pub bytes: u64,
    pub kind: Kind,
}

/// How a part is kept.
pub(super) enum Kind {
    /// Nowhere: it reads as zeros.
    Zero,
    /// As it is, at an offset in bytes of a file.
    Flat { file: String, offset: u64 },
    /// In grains.
    Sparse { file: String },
}

/// Whether a file begins like a descriptor.
pub(crate) fn is_descriptor(head: &[u8]) -> bool {
    let line = head.split(|b| *b == b'\n' || *b == b'\r').next().unwrap_or_default();
    line.trim_ascii().eq_ignore_ascii_case(b"# Disk DescriptorFile")
}

impl Descriptor {
    pub(super) fn parse(input: &Input, text: &[u8]) -> Result<Descriptor, ImageError> {
        // An embedded descriptor is padded with zeros.
        let text = text.split(|b| *b == 0).next().unwrap_or_default();
        let text = String::from_utf8_lossy(text);
        let mut extents = Vec::new();
        for line in text.lines().map(str::trim) {
            let first = line.split_whitespace().next().unwrap_or_default();
            if ["RW", "RDONLY", "NOACCESS"].contains(&first) {
                extents.push(part(input, line)?);
            } else if let Some((key, value)) = line.split_once('=') {
                let value = value.trim().trim_matches('"');
                if key.trim().eq_ignore_ascii_case("parentCID") && !value.eq_ignore_ascii_case("ffffffff") {
                    return Err(input.unusable(
                        "the VMDK has a parent (it is a snapshot), so it is not a whole disk; `qemu-img convert` makes one of the two",
                    ));
                }
            }
        }
        if extents.is_empty() {
            return Err(input.unusable("the VMDK's descriptor names no part of a disk"));
        }
        Ok(Descriptor { extents })
    }
}

/// `RW 4192256 SPARSE "disk-s001.vmdk"`, with an offset in sectors behind the name of a flat part.
fn part(input: &Input, line: &str) -> Result<Part, ImageError> {
    let wrong = || {
        input.unusable(format!(
            "the VMDK's descriptor has a line that is not understood: {line:?}"
        ))
    };
    let mut words = line.split_whitespace().skip(1);
    let count: u64 = words.next().and_then(|n| n.parse().ok()).ok_or_else(wrong)?;
    let bytes = sectors(input, count)?;
    let word = words.next().ok_or_else(wrong)?;
    let mut quoted = line.split('"').skip(1);
    let mut file = || quoted.next().map(str::to_owned).ok_or_else(wrong);
    let kind = match word {
        "ZERO" => Kind::Zero,
        "FLAT" | "VMFS" => {
            let file = file()?;
            let offset = match quoted.next().map(str::trim).unwrap_or_default() {
                "" => 0,
                number => number.parse().map_err(|_| wrong())?,
            };
            Kind::Flat {
                file,
                offset: sectors(input, offset)?,
            }
        }
        "SPARSE" => Kind::Sparse { file: file()? },
        other => {
            return Err(input.unusable(format!(
                "a VMDK with {other} parts; ZERO, FLAT, VMFS and SPARSE are read (`qemu-img convert` makes them)"
            )));
        }
    };
    Ok(Part { bytes, kind })
}
