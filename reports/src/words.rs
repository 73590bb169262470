//! Figures in words: durations, sizes, rates.

use actors::nouns::{ItemState, Severity};
use datapath::replica::Consistency;
use datapath::{Grain, SimTime};
use sim::metrics::PointTotals;
use sim::spec::NetworkKind;

use crate::account::DiskFile;

/// Milliseconds as a person says them: `43.5 s`, `12 min 03 s`, `2 h 05 min`.
pub use scenarios::units::measured as duration;

/// What comes before the longest of several durations.
pub const UP_TO: &str = "up to ";

/// From the shortest to the longest: `up to` the longest where they do not read the same.
#[must_use]
pub fn durations((least, most): (u64, u64)) -> String {
    let (least, most) = (duration(least), duration(most));
    if least == most { most } else { format!("{UP_TO}{most}") }
}

/// Names in a row, no more than `shown` of them.
#[must_use]
pub fn list(names: &[String], shown: usize) -> String {
    let text = names.iter().take(shown).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(shown) {
        0 => text,
        more => format!("{text} and {} more", count(more as u64)),
    }
}

/// Bytes in binary units, three figures.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut unit = 0;
    let mut value = bytes as f64;
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ if value < 9.995 => format!("{value:.2} {}", UNITS[unit]),
        _ if value < 99.95 => format!("{value:.1} {}", UNITS[unit]),
        _ => format!("{value:.0} {}", UNITS[unit]),
    }
}

/// The sizes of a recovered disk's image: the file's, and what it is made of.
#[must_use]
pub fn image_sizes(file: &DiskFile) -> String {
    let mut parts = vec![format!("{} of disk", count(file.bytes))];
    if file.image_bytes > file.bytes {
        let zeros = count(file.image_bytes - file.bytes);
        parts.push(format!("{zeros} of zeros up to a whole MiB, which Azure asks for"));
    }
    if file.file_bytes > file.image_bytes {
        parts.push(format!("{} of footer", count(file.file_bytes - file.image_bytes)));
    }
    format!("{} bytes: {}", count(file.file_bytes), parts.join("; "))
}

/// A rate of a link, in the units of its contract.
#[must_use]
pub fn rate(bits_per_second: u64) -> String {
    let (value, unit) = match bits_per_second {
        0..1_000_000 => (bits_per_second as f64 / 1e3, "kbit/s"),
        1_000_000..1_000_000_000 => (bits_per_second as f64 / 1e6, "Mbit/s"),
        _ => (bits_per_second as f64 / 1e9, "Gbit/s"),
    };
    let text = format!("{value:.1}");
    format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
}

/// A share in millionths, to a tenth of a percent: `12.5 %`.
#[must_use]
pub fn share(millionths: u32) -> String {
    match (millionths / 10_000, millionths / 1_000 % 10) {
        (whole, 0) => format!("{whole} %"),
        (whole, tenth) => format!("{whole}.{tenth} %"),
    }
}

/// How bad an alert is.
#[must_use]
pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

/// A count with its thousands apart.
#[must_use]
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Recovery points that were made and not processed, each kind in a line; nothing where there are none.
pub fn not_processed(points: &PointTotals) -> Vec<String> {
    let kinds = [
        (points.waiting, "were stored, and not processed when the run ended"),
        (
            points.superseded,
            "were stored, and not processed before their protection was over",
        ),
    ];
    let some = kinds.into_iter().filter(|(number, _)| *number > 0);
    some.map(|(number, what)| format!("{} of them {what}", count(number)))
        .collect()
}

/// A moment of the run: `00:12:03`.
#[must_use]
pub fn moment(at: SimTime) -> String {
    let text = at.to_string();
    text.split('.').next().unwrap_or(&text).to_owned()
}

/// How consistent a recovery point is.
#[must_use]
pub fn consistency(consistency: Consistency) -> &'static str {
    match consistency {
        Consistency::Crash => "crash-consistent",
        Consistency::App => "app-consistent",
    }
}

/// A state of a protected item.
#[must_use]
pub fn state(state: ItemState) -> &'static str {
    match state {
        ItemState::Unprotected => "unprotected",
        ItemState::EnableInProgress => "enable in progress",
        ItemState::InitialReplication => "initial replication",
        ItemState::Protected => "protected",
        ItemState::Resynchronizing => "resynchronizing",
        ItemState::FailoverInProgress => "failover in progress",
        ItemState::FailoverCommitPending => "failover, commit pending",
        ItemState::FailoverCommitted => "failover committed",
        ItemState::ReprotectInProgress => "reprotect in progress",
        ItemState::ProtectedReverse => "protected, reverse",
        ItemState::FailbackInProgress => "failback in progress",
        ItemState::FailbackCommitPending => "failback, commit pending",
        ItemState::OnPremisesUnprotected => "on premises, unprotected",
    }
}

/// A grain of content, and what could be judged in it.
#[must_use]
pub fn grain(grain: Grain) -> &'static str {
    match grain {
        Grain::Real => "real (every byte moved and compared)",
        Grain::Extent => "extent (versions of extents, no bytes)",
        Grain::Aggregate => "aggregate (sequences and sizes, no extents)",
    }
}

/// How what was recovered was compared, where it was not byte for byte.
#[must_use]
pub fn how_compared(grain: Grain) -> &'static str {
    match grain {
        Grain::Real => "",
        Grain::Extent => "by version",
        Grain::Aggregate => "by sequence and size",
    }
}

/// A network.
#[must_use]
pub fn network(network: NetworkKind) -> &'static str {
    match network {
        NetworkKind::Event => "event",
        NetworkKind::Turmoil => "turmoil",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_images_size_is_told_with_what_it_was_rounded_up_with() {
        let mut file = crate::synthetic::drill().disk_files.remove(0);
        assert_eq!(
            image_sizes(&file),
            "67,109,376 bytes: 67,108,352 of disk; 512 of zeros up to a whole MiB, which Azure asks for; 512 of footer"
        );
        (file.image_bytes, file.file_bytes) = (file.bytes, file.bytes);
        assert_eq!(image_sizes(&file), "67,108,352 bytes: 67,108,352 of disk");
    }

    #[test]
    fn figures_read_as_people_say_them() {
        assert_eq!(duration(43_500), "43.5 s");
        assert_eq!(duration(723_000), "12 min 03 s");
        assert_eq!(duration(7_500_000), "2 h 05 min");
        assert_eq!(duration(999), "999 ms");
        assert_eq!(durations((120_000, 660_000)), "up to 11 min 00 s");
        assert_eq!(durations((3, 3)), "3 ms");
        assert_eq!(list(&["a".into(), "b".into(), "c".into()], 2), "a, b and 1 more");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(3_325_952), "3.17 MiB");
        assert_eq!(bytes(1024 * 1024 - 1), "1.00 MiB");
        assert_eq!(bytes(300 << 20), "300 MiB");
        assert_eq!(rate(100_000_000), "100 Mbit/s");
        assert_eq!(rate(1_500_000_000), "1.5 Gbit/s");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(123), "123");
    }
}
