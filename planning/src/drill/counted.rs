//! The counters that a drill writes by: those of the estate's busiest day, as a file beside it.

use std::fmt::Write as _;

use scenarios::counters::time;

use crate::demand::{DiskDemand, Window, busiest_part};
use crate::profile::{ABSENT, Profile, Series};
use crate::recommend::Work;
use crate::service::week_second;

/// The part of a profile that a drill has, and the file of it as it comes about.
pub(crate) struct Counted<'a> {
    profile: &'a Profile,
    steps: std::ops::Range<usize>,
    /// The disks that are in it: names of machine and disk in the drill, counters, what stands for a gap.
    disks: Vec<(String, String, &'a Series, DiskDemand)>,
}

impl<'a> Counted<'a> {
    /// The busiest day of a plan's machines; none without counters, or of so few that nobody could tell how long a step is.
    pub(super) fn of(work: &Work<'a>) -> Option<Self> {
        let profile = work.profile.filter(|profile| profile.steps > 1)?;
        let steps = busiest_part(&work.totals.written, &Window::of(Some(profile)));
        (steps.len() > 1).then_some(Counted {
            profile,
            steps,
            disks: Vec::new(),
        })
    }

    /// The second of the week (UTC) at which it begins.
    pub(super) fn week_second(&self) -> u32 {
        match self.profile.start_seconds {
            // Without a date the profile begins on a Monday.
            0 => u32::try_from(self.seconds(self.steps.start).rem_euclid(604_800)).unwrap_or(0),
            start => week_second(start + self.seconds(self.steps.start), 0),
        }
    }

    fn seconds(&self, steps: usize) -> i64 {
        i64::try_from(steps as u64 * u64::from(self.profile.step_seconds)).unwrap_or(0)
    }

    /// Takes a disk's counters; false where it has none.
    pub(super) fn take(
        &mut self,
        (vm, vm_name): (usize, &str),
        (disk, disk_name): (usize, &str),
        of: &DiskDemand,
    ) -> bool {
        let series = self.profile.vms.get(vm).and_then(|disks| disks.get(disk));
        let Some(series) = series.filter(|series| series.written.len() == self.profile.steps) else {
            return false;
        };
        self.disks.push((vm_name.to_owned(), disk_name.to_owned(), series, *of));
        true
    }

    /// The file; none where no disk has counters.
    pub(super) fn file(&self) -> Option<String> {
        if self.disks.is_empty() {
            return None;
        }
        let mut out = String::from(
            "# The busiest day of an estate, written by `firedrill plan`. Where a counter was missing it is the mean of its disk.\n\
             time,vm,disk,write_iops,written_bytes\n",
        );
        for step in self.steps.clone() {
            let time = time::write(self.profile.start_seconds + self.seconds(step));
            for (vm, disk, series, demand) in &self.disks {
                let bytes = match series.written.get(step) {
                    Some(value) if *value != ABSENT => u64::from(*value),
                    _ => demand.mean_written,
                };
                let written = bytes * u64::from(self.profile.step_seconds);
                let writes = series.write_iops.get(step).copied().filter(|writes| *writes != ABSENT);
                // Without a counter of writes, those of the mean size.
                let writes = writes
                    .map(u64::from)
                    .or_else(|| Some(bytes * 100 / demand.write_bytes?.max(1)));
                let writes = writes.map_or_else(String::new, |hundredths| {
                    format!("{}.{:02}", hundredths / 100, hundredths % 100)
                });
                let _ = writeln!(out, "{time},{vm},{disk},{writes},{written}");
            }
        }
        Some(out)
    }
}
