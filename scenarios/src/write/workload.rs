//! What machines write.

use actors::workload::{Profiled, StreamKind, Synthetic};

use crate::counters::time;

use super::page::{Entries, array, braces, key};
use super::{Unwritable, Writer};
use crate::keys::{self, Day, Writes, word_of};
use crate::model::{Counters, Disk, Stream};
use crate::read::workload::{BLOCKS, NIGHT, OFFICE};
use crate::units::{write_bytes_per_second, write_duration, write_factor, write_share, write_size};

const SECOND: u64 = 1_000_000_000;

impl Writer<'_> {
    /// A stream on one of these disks.
    pub(super) fn stream(&self, stream: &Stream, disks: &[Disk]) -> Result<Entries, Unwritable> {
        let Some(disk) = disks.get(usize::from(stream.disk)) else {
            return Err(Unwritable::new(format!("a workload writes to disk {}", stream.disk)));
        };
        let writes = match stream.kind {
            StreamKind::Synthetic(_) => Writes::Synthetic,
            StreamKind::Recorded(_) => Writes::Recorded,
            StreamKind::Profiled(_) => Writes::Profile,
        };
        let word = word_of(writes).unwrap_or_default();
        let mut table = Entries::new(&keys::WORKLOAD, keys::WORKLOAD.variant(word));
        if stream.disk > 0 {
            table.put("disk", &disk.name);
        }
        table.put("kind", word);
        match (&stream.kind, &stream.recording) {
            (StreamKind::Synthetic(synthetic), None) if stream.starts_after.is_none() => {
                self.synthetic(&mut table, synthetic)?;
            }
            (StreamKind::Recorded(recorded), Some(recording)) => {
                table.put("file", &self.path(&recording.file)?);
                table.put("format", word_of(recording.format).unwrap_or_default());
                if let Some(device) = &recording.device {
                    table.put("device", device);
                }
                table.put("speed", &write_factor(recorded.speed_per_mille));
                table.flag("repeat", recorded.repeat);
                if let Some(state) = stream.starts_after {
                    table.put("starts_after", word_of(state).unwrap_or_default());
                }
                table.put("fit", word_of(recording.fit).unwrap_or_default());
            }
            (StreamKind::Profiled(profiled), None) if stream.starts_after.is_none() => {
                let Some(counters) = &stream.counters else {
                    return Err(Unwritable::new("a profile has no file of counters"));
                };
                self.profiled(&mut table, profiled, counters)?;
            }
            (StreamKind::Recorded(_), None) => return Err(Unwritable::new("a recorded workload has no file")),
            (StreamKind::Synthetic(_) | StreamKind::Profiled(_), _) => {
                return Err(Unwritable::new(
                    "a workload that is not recorded has a recording, or a state that it waits for",
                ));
            }
        }
        if stream.compressibility != disk.compressibility() {
            table.put("compressibility", &stream.compressibility.written());
        }
        table.put("flush_every", &stream.flush_every.to_string());
        match stream.outstanding {
            Some(outstanding) => table.put("outstanding", &outstanding.to_string()),
            None => table.flag("open_loop", true),
        }
        Ok(table)
    }

    fn profiled(&self, table: &mut Entries, profiled: &Profiled, counters: &Counters) -> Result<(), Unwritable> {
        table.put("file", &self.path(&counters.file)?);
        for (key, name) in [("vm_in_file", &counters.vm), ("disk_in_file", &counters.disk)] {
            if let Some(name) = name {
                table.put(key, name);
            }
        }
        for (key, time) in [("from", counters.from), ("until", counters.until)] {
            if let Some(time) = time {
                table.put(key, &time::write(time));
            }
        }
        table.put("begins", &write_duration(profiled.begins));
        table.flag("repeat", profiled.repeat);
        table.put("factor", &write_factor(profiled.factor_per_mille));
        locality(table, (profiled.hot_per_mille, profiled.hot_part_per_mille));
        if let Some(distinct) = profiled.distinct_per_mille {
            table.put("distinct", &write_share(distinct.saturating_mul(1_000)));
        }
        Ok(())
    }

    fn synthetic(&self, table: &mut Entries, synthetic: &Synthetic) -> Result<(), Unwritable> {
        if synthetic.start_of_day != self.scenario.start_of_day {
            return Err(Unwritable::new("a workload has a time of day of its own"));
        }
        match synthetic.think {
            Some(think) => table.put("think_time", &write_duration(think)),
            None => table.put("rate", &write_bytes_per_second(synthetic.bytes_per_second)),
        }
        if synthetic.block_sizes != [BLOCKS] {
            table.raw("block_sizes", block_sizes(&synthetic.block_sizes));
        }
        locality(table, (synthetic.hot_per_mille, synthetic.hot_part_per_mille));
        if let Some((every, lasts, factor)) = synthetic.burst {
            let mut burst = Entries::new(&keys::BURST, None);
            burst.put("every", &write_duration(u64::from(every) * SECOND));
            burst.put("lasts", &write_duration(u64::from(lasts) * SECOND));
            burst.put("factor", &write_factor(factor));
            table.raw("burst", burst.inline());
        }
        let day = match synthetic.hours_per_mille.as_slice() {
            [] => Some(Day::Flat),
            hours if hours == OFFICE => Some(Day::Office),
            hours if hours == NIGHT => Some(Day::Night),
            _ => None,
        };
        match day.and_then(word_of) {
            Some(word) => table.put("day", word),
            None => {
                let factors: Vec<String> = synthetic
                    .hours_per_mille
                    .iter()
                    .map(|hour| write_factor(*hour))
                    .collect();
                table.raw("day", array(&factors));
            }
        }
        if let Some(distinct) = synthetic.distinct_per_mille {
            table.put("distinct", &write_share(distinct.saturating_mul(1_000)));
        }
        Ok(())
    }
}

/// So many thousandths of the writes go to so many of the disk.
fn locality(table: &mut Entries, (writes, part): (u32, u32)) {
    if (writes, part) != (0, 1_000) {
        let mut locality = Entries::new(&keys::LOCALITY, None);
        locality.put("writes", &write_share(writes.saturating_mul(1_000)));
        locality.put("disk", &write_share(part.saturating_mul(1_000)));
        table.raw("locality", locality.inline());
    }
}

/// Sizes with their weights; one that is there twice is written in two ways.
fn block_sizes(sizes: &[(u32, u32)]) -> String {
    let mut names: Vec<String> = Vec::new();
    for (bytes, _) in sizes {
        let plain = [write_size(u64::from(*bytes)), format!("{bytes} B")];
        let padded = (1..=12).map(|zeros| format!("{bytes}.{} B", "0".repeat(zeros)));
        let name = plain.into_iter().chain(padded).find(|name| !names.contains(name));
        names.extend(name);
    }
    let entries: Vec<String> = names
        .iter()
        .zip(sizes)
        .map(|(name, (_, weight))| format!("{} = {weight}", key(name)))
        .collect();
    braces(&entries)
}

/// Names with their weights.
pub(super) fn weights<'a>(names: impl Iterator<Item = (&'a str, u32)>) -> String {
    let entries: Vec<String> = names
        .map(|(name, weight)| format!("{} = {weight}", key(name)))
        .collect();
    braces(&entries)
}
